"""What a Tryton company's books hold: the ids a document needs, looked up and checked over the wire.

Tryton on SQLite stores ids that do not exist (ledgers/tryton.md, section 8), so nothing is sent that was not
found just before. Nothing here writes, except for creating a customer where the partner asked for that.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from connector.domain.invoice import LedgerInvoice
from connector.ledgers import LedgerError
from connector.ledgers._tryton_settings import TrytonSettings
from connector.ledgers._tryton_wire import Row, Until, UserRefusal, Wire, as_id, wire_date

_REMEMBERED_SECONDS = 60.0
# Control characters break the printed invoice (XML) and a lone half of a character cannot be sent at all.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """Text as Tryton can store and print it; line breaks and tabs stay.

    >>> clean("a\\x00b")
    'a\ufffdb'
    """
    return _UNPRINTABLE.sub("\ufffd", text)


def one_line(text: str) -> str:
    """Text for a field that Tryton refuses with tabs or line breaks in it.

    >>> one_line(" Contoso\\tLtd\\n")
    'Contoso Ltd'
    """
    return " ".join(clean(text).split())


@dataclass(frozen=True, slots=True)
class Customer:
    """A party that can be invoiced."""

    party: int
    address: int
    receivable: int


@dataclass(frozen=True, slots=True)
class Accounts:
    """What is the same for every document of a connection. 0: not set, so not sent; for `receivable`: the
    customer's own."""

    revenue: int
    receivable: int
    default_receivable: int
    journal: int
    payment_term: int
    tax: int


@dataclass(frozen=True, slots=True)
class Found:
    """Every id a document needs. `customer` is None where he is to be created."""

    company: int
    customer: Customer | None
    currency: int
    accounts: Accounts


@dataclass(frozen=True, slots=True)
class Company:
    id: int
    name: str
    currency: str


class Books:
    """Looks things up in one company.

    Remembers the company, which a connection never changes, and for a minute the accounts, which a run's
    documents share: that halves the calls of a run. Nothing missing is ever remembered.
    """

    def __init__(self, settings: TrytonSettings, wire: Wire) -> None:
        self._settings = settings
        self._wire = wire
        self._company: Company | None = None
        self._accounts: Accounts | None = None
        self._accounts_until = 0.0

    def company(self, until: Until) -> Company:
        """LedgerError misconfigured if the user has no company or does not see the one of the settings."""
        if self._company is None:
            self._company = self._find_company(until)
        return self._company

    def context(self, until: Until) -> dict[str, object]:
        """English, so that the words of refusals do not change with the user's preferences."""
        return {"company": self.company(until).id, "language": "en"}

    def look_up(self, document: LedgerInvoice, until: Until) -> tuple[Found | None, list[str]]:
        """The ids, and everything that is missing, in plain words, all at once."""
        missing: list[str] = []
        currency = self._currency(document, missing, until)
        accounts, lacking = self.accounts(until)
        missing += lacking
        customer = self._customer(document, accounts, missing, until)
        if missing:
            return None, missing
        return Found(self.company(until).id, customer, currency, accounts), []

    def accounts(self, until: Until) -> tuple[Accounts, list[str]]:
        if self._accounts is not None and time.monotonic() < self._accounts_until:
            return self._accounts, []
        settings, missing = self._settings, list[str]()
        default_receivable = receivable = 0
        if settings.receivable_account:
            receivable = self._account("receivable", settings.receivable_account, missing, until)
        else:
            rows = self._rows("account.configuration", [], ["default_account_receivable"], until, limit=1)
            default_receivable = rows[0].id_or_zero("default_account_receivable") if rows else 0
        accounts = Accounts(
            revenue=self._account("revenue", settings.revenue_account, missing, until),
            receivable=receivable,
            default_receivable=default_receivable,
            journal=self._journal(missing, until),
            payment_term=self._named(
                "account.invoice.payment_term", "payment term", settings.payment_term, missing, until
            ),
            tax=self._named("account.tax", "tax", settings.tax, missing, until),
        )
        if not missing:
            self._accounts, self._accounts_until = accounts, time.monotonic() + _REMEMBERED_SECONDS
        return accounts, missing

    def currency_codes(self, until: Until) -> list[str]:
        return sorted(row.text("code") for row in self._rows("currency.currency", [], ["code"], until))

    def missing_period(self, day: date, until: Until) -> list[str]:
        """Told by the periods themselves: Tryton's own words for it are translated."""
        domain: list[object] = [
            ["start_date", "<=", wire_date(day)],
            ["end_date", ">=", wire_date(day)],
            ["fiscalyear.company", "=", self.company(until).id],
            ["type", "=", "standard"],
        ]
        periods = self._rows("account.period", domain, ["name", "state"], until)
        if not periods:
            return [f"Tryton has no accounting period for {day.isoformat()}."]
        if all(period.text("state") != "open" for period in periods):
            return [f"The accounting period {periods[0].text('name')} is closed in Tryton."]
        return []

    def missing_rate(self, document: LedgerInvoice, until: Until) -> list[str]:
        """An invoice in another currency than the company's is posted at a rate on or before its date."""
        if document.currency == self.company(until).currency:
            return []
        domain: list[object] = [
            ["currency.code", "=", document.currency],
            ["date", "<=", wire_date(document.issue_date)],
        ]
        if self._rows("currency.currency.rate", domain, ["date"], until, limit=1):
            return []
        return [f"Tryton has no exchange rate for {document.currency} on {document.issue_date.isoformat()}."]

    def create_customer(self, document: LedgerInvoice, accounts: Accounts, until: Until) -> Customer:
        """A party with this code and one address. Its code is unique in Tryton: nobody is created twice."""
        address: dict[str, object] = {}
        if document.country:
            # The countries are an optional import in Tryton; without them the address stays without one.
            countries = self._rows("country.country", [["code", "=", document.country.upper()]], ["id"], until, limit=1)
            address = {"country": countries[0].id("id")} if countries else {}
        values = {
            "name": one_line(document.customer_name) or document.customer_code,
            "code": document.customer_code,
            "addresses": [["create", [address]]],
        }
        try:
            self._wire.call(
                "model.party.party.create", [values], until=until, context=self.context(until), effect="write"
            )
        except UserRefusal as refusal:
            # Another worker may have been quicker; then the code is taken, and the customer is there.
            customer = self._customer(document, accounts, [], until)
            if customer is None:
                raise refusal
            return customer
        except LedgerError as error:
            if error.effect == "unknown":
                # The customer may be there now, the invoice surely is not: the next try finds him.
                raise LedgerError("transient", f"The customer may not have been created. {error.text}") from error
            raise
        customer = self._customer(document, accounts, [], until)
        if customer is None:
            raise LedgerError("reference_missing", f"The customer {document.customer_code} was created, but is gone.")
        return customer

    # -- inside ----------------------------------------------------------------------------------------------

    def _rows(
        self, model: str, domain: list[object], fields: list[str], until: Until, limit: int | None = None
    ) -> list[Row]:
        return self._wire.rows(
            model,
            domain,
            fields,
            until=until,
            context=self.context(until),
            limit=limit,
            order=[["id", "ASC"]],
        )

    def _find_company(self, until: Until) -> Company:
        name, context = self._settings.company, {"language": "en"}
        user = f"User {self._settings.user}"
        domain: list[object] = [["party.name", "=", name]]
        if not name:
            preferences = self._wire.call("model.res.user.get_preferences", True, until=until, context=context)
            own = preferences.get("company") if isinstance(preferences, Mapping) else None
            if own is None:
                raise LedgerError("misconfigured", f"{user} has no company in Tryton.")
            domain = [["id", "=", as_id(own)]]
        # Tryton shows a user his own companies only, whatever the domain says.
        fields = ["id", "party.name", "currency.code"]
        found = self._wire.rows("company.company", domain, fields, until=until, context=context)
        if len(found) != 1:
            number = "several companies" if found else "no company"
            raise LedgerError("misconfigured", f"{user} sees {number} named {name!r} in Tryton.")
        party, currency = found[0].inner("party"), found[0].inner("currency")
        return Company(found[0].id_or_zero("id"), party.text("name"), currency.text("code"))

    def _currency(self, document: LedgerInvoice, missing: list[str], until: Until) -> int:
        rows = self._rows("currency.currency", [["code", "=", document.currency]], ["id", "digits"], until)
        if not rows:
            missing.append(f"Tryton has no currency {document.currency}.")
            return 0
        digits = rows[0].id_or_zero("digits")
        if any(-_exponent(line.net_amount) > digits for line in document.lines):
            missing.append(f"Tryton keeps only {digits} decimals of {document.currency}; correct the currency there.")
        return rows[0].id_or_zero("id")

    def _account(self, kind: str, code: str, missing: list[str], until: Until) -> int:
        domain: list[object] = [
            [f"type.{kind}", "=", True],
            ["closed", "!=", True],
            ["company", "=", self.company(until).id],
        ]
        if code:
            domain.append(["code", "=", code])
        else:
            # An account with others below it only adds them up.
            domain.append(["childs", "=", None])
        rows = self._wire.rows(
            "account.account",
            domain,
            ["id", "code"],
            until=until,
            context=self.context(until),
            order=[["code", "ASC"], ["id", "ASC"]],
        )
        if rows and (not code or rows[0].text("code") == code):
            return rows[0].id_or_zero("id")
        missing.append(f"Tryton has no open {kind} account{f' with the code {code}' if code else ''}.")
        return 0

    def _journal(self, missing: list[str], until: Until) -> int:
        name = self._settings.journal
        domain: list[object] = [["type", "=", "revenue"]]
        if name:
            domain = ["OR", ["name", "=", name], ["code", "=", name]]
        rows = self._rows("account.journal", domain, ["id"], until, limit=1)
        if not rows:
            missing.append(f"Tryton has no journal {name or 'of type revenue'}.")
            return 0
        return rows[0].id_or_zero("id")

    def _named(self, model: str, noun: str, name: str, missing: list[str], until: Until) -> int:
        """The record with this name, 0 if the setting is empty."""
        if not name:
            return 0
        domain: list[object] = [["name", "=", name]]
        if model == "account.tax":
            domain.append(["company", "=", self.company(until).id])
        rows = self._rows(model, domain, ["id"], until)
        if len(rows) != 1:
            missing.append(f"Tryton has {'no' if not rows else 'more than one'} {noun} named {name}.")
            return 0
        return rows[0].id_or_zero("id")

    def _customer(
        self, document: LedgerInvoice, accounts: Accounts, missing: list[str], until: Until
    ) -> Customer | None:
        code = document.customer_code
        domain: list[object] = [["code", "=", code], ["active", "in", [True, False]]]
        fields = ["id", "code", "active", "account_receivable"]
        parties = [row for row in self._rows("party.party", domain, fields, until) if row.text("code") == code]
        if not parties or not code:
            if not self._settings.create_customers or not code:
                missing.append(f"Tryton has no customer with the code {code or '(empty)'}.")
            return None
        party = parties[0]
        if not party.flag("active"):
            missing.append(f"The customer {code} is deactivated in Tryton.")
            return None
        address = self._address_of(party.id_or_zero("id"), until)
        if not address:
            missing.append(f"The customer {code} has no address in Tryton.")
        # As Tryton's own screens do: the customer's own account, else the company's default.
        receivable = accounts.receivable or party.id_or_zero("account_receivable") or accounts.default_receivable
        if not receivable:
            missing.append(f"Tryton has no receivable account for the customer {code}.")
        return Customer(party.id_or_zero("id"), address, receivable)

    def _address_of(self, party: int, until: Until) -> int:
        """The address for invoices, else the first; 0 if there is none."""
        addresses = self._wire.rows(
            "party.address",
            [["party", "=", party]],
            ["id"],
            until=until,
            context=self.context(until),
            limit=1,
            order=[["invoice", "DESC"], ["sequence", "ASC"], ["id", "ASC"]],
        )
        return addresses[0].id_or_zero("id") if addresses else 0


def _exponent(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent
