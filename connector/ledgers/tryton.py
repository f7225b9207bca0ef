"""Tryton 8.2 over JSON-RPC: customer invoices as drafts, issued on demand (ledgers/tryton.md).

Tryton's `reference` carries our reference; it can be searched but is not unique, so the core looks before it
sends. Our page's address stands in the invoice's comment and in each line's note: both are stored unchanged
and are written with the invoice in one transaction, which a link attachment would not be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from connector.domain.invoice import LedgerInvoice, LedgerLine, RemoteInvoice, RemoteLine
from connector.domain.money import round_half_away
from connector.ledgers import Capabilities, CheckItem, LedgerError, LedgerInfo, SettingField, check_settings
from connector.ledgers._tryton_books import Books, Found, clean, one_line
from connector.ledgers._tryton_check import check, lacking_rights
from connector.ledgers._tryton_settings import TrytonSettings
from connector.ledgers._tryton_wire import (
    Question,
    Row,
    Until,
    UserRefusal,
    Wire,
    as_id,
    wire_date,
    wire_decimal,
)
from connector.outside.http import HttpClient

_UNIT_PRICE_DIGITS = 4
# Tryton asks back when a date lies before or after today. The issue date is ours to choose, so the answer is
# yes; any other question is for a person.
_ANSWERED = frozenset({"invoice_payment_term", "invoice_date_future"})
_STATES: dict[str, Literal["draft", "final", "cancelled"]] = {
    "draft": "draft",
    "validated": "draft",
    "posted": "final",
    "paid": "final",
    "cancelled": "cancelled",
}
_HEAD = ["reference", "state", "number", "untaxed_amount", "party.code", "currency.code"]
_LINE = ["invoice", "description", "note", "amount"]


class TrytonLedger:
    """One user's connection to one company in one Tryton database."""

    def __init__(self, settings: TrytonSettings, http: HttpClient) -> None:
        self._settings = settings
        self._wire = Wire(
            http,
            url=settings.url,
            database=settings.database,
            user=settings.user,
            password=settings.password,
        )
        self._books = Books(settings, self._wire)
        self.deadline = settings.timeout

    def capabilities(self) -> Capabilities:
        return Capabilities(
            unique_key="findable",
            max_server_time=self._settings.max_server_time,
            unit_price_digits=_UNIT_PRICE_DIGITS,
        )

    def check(self) -> list[CheckItem]:
        return check(self._settings, self._wire, self._books, self._until())

    def missing_for(self, document: LedgerInvoice) -> list[str]:
        until = self._until()
        _, missing = self._books.look_up(document, until)
        missing += self._books.missing_rate(document, until)
        missing += self._books.missing_period(document.issue_date, until)
        return missing

    def find(self, ref: str) -> list[RemoteInvoice]:
        until, domain = self._until(), list[object]([["reference", "=", ref]])
        with self._rights_told(until):
            # Compared again: a ledger's idea of "equal" may ignore case or blanks.
            return [found for found in self._invoices(domain, until) if found.ref == ref]

    def read(self, remote_id: str) -> RemoteInvoice | None:
        until, domain = self._until(), list[object]([["id", "=", _number(remote_id)]])
        with self._rights_told(until):
            found = self._invoices(domain, until)
        return found[0] if found else None

    def create_draft(self, document: LedgerInvoice) -> str:
        until = self._until()
        lines = [_line_values(line, document.currency) for line in document.lines]
        with self._rights_told(until):
            found, missing = self._books.look_up(document, until)
            if found is None or missing:
                raise LedgerError("reference_missing", " ".join(missing))
            values = self._head_values(document, found, until)
            values["lines"] = [["create", [_with_accounts(line, found) for line in lines]]]
            context = self._books.context(until)
            ids = self._wire.call(
                "model.account.invoice.create", [values], until=until, context=context, effect="write"
            )
        if not isinstance(ids, list) or len(ids) != 1:
            raise LedgerError("outcome_unknown", "Tryton did not say what it created.", effect="unknown")
        return str(as_id(ids[0]))

    def finalise(self, remote_id: str) -> None:
        number, until = _number(remote_id), self._until()
        answered: set[str] = set()
        while True:
            try:
                self._write("post", number, until)
            except Question as question:
                if question.kind in answered or question.kind not in self._answers():
                    raise
                answered.add(question.kind)
                self._skip(question, until)
            except UserRefusal as refusal:
                with self._rights_told(until):
                    self._explain_refused_post(number, refusal, until)
                return
            else:
                return

    def withdraw(self, remote_id: str) -> None:
        number, until = _number(remote_id), self._until()
        try:
            self._write("delete", number, until)
        except UserRefusal as refusal:
            found = self._state(number, until)
            if found is None or found.state == "cancelled":
                return
            if found.state == "draft":
                raise
            words = f"The invoice is {found.state} in Tryton and can no longer be withdrawn. {refusal.text}"
            raise LedgerError("immutable_state", words) from refusal

    # -- inside ------------------------------------------------------------------------------------

    def _until(self) -> Until:
        return Until(self.deadline)

    @contextmanager
    def _rights_told(self, until: Until) -> Iterator[None]:
        """A refusal for want of rights concerns every document, not this one.

        Its words are translated, so the access table is asked.
        """
        try:
            yield
        except UserRefusal as refusal:
            if lacking := lacking_rights(self._settings, self._wire, self._books, until):
                words = f"The user lacks: {', '.join(lacking)}. {refusal.text}"
                raise LedgerError("permission", words) from refusal
            raise

    def _write(self, button: str, number: int, until: Until) -> None:
        context = self._books.context(until)
        self._wire.call(f"model.account.invoice.{button}", [number], until=until, context=context, effect="write")

    def _answers(self) -> frozenset[str]:
        # A tax that the partner chose for every line differs from Tryton's default on purpose.
        return _ANSWERED | {"invoice_taxes"} if self._settings.tax else _ANSWERED

    def _skip(self, question: Question, until: Until) -> None:
        """Answer one question once. Losing this answer changes no invoice."""
        context = self._books.context(until)
        self._wire.call("model.res.user.warning.skip", question.name, False, until=until, context=context)

    def _explain_refused_post(self, number: int, refusal: UserRefusal, until: Until) -> None:
        """Return if it was posted already; else raise what the books, not the translated words, tell."""
        found = self._state(number, until)
        if found is None:
            raise LedgerError("immutable_state", "The draft is no longer in Tryton.") from refusal
        if found.state in ("posted", "paid"):
            return
        if found.state == "cancelled":
            raise LedgerError("immutable_state", f"The draft was cancelled in Tryton. {refusal.text}") from refusal
        if found.day is not None and self._books.missing_period(found.day, until):
            raise LedgerError("period_closed", refusal.text) from refusal
        raise refusal

    def _state(self, number: int, until: Until) -> _State | None:
        rows = self._wire.rows(
            "account.invoice",
            [["id", "=", number]],
            ["state", "invoice_date", "accounting_date"],
            until=until,
            context=self._books.context(until),
        )
        if not rows:
            return None
        return _State(rows[0].text("state"), rows[0].day("accounting_date") or rows[0].day("invoice_date"))

    def _invoices(self, domain: list[object], until: Until) -> list[RemoteInvoice]:
        context = self._books.context(until)
        mine = [["type", "=", "out"], ["company", "=", self._books.company(until).id]]
        heads = self._wire.rows(
            "account.invoice",
            [*domain, *mine],
            ["id", *_HEAD],
            until=until,
            context=context,
            order=[["id", "ASC"]],
        )
        if not heads:
            return []
        ids = [head.id("id") for head in heads]
        lines = self._wire.rows(
            "account.invoice.line",
            [["invoice", "in", ids], ["type", "=", "line"]],
            _LINE,
            until=until,
            context=context,
            order=[["sequence", "ASC"], ["id", "ASC"]],
        )
        return [self._remote(head, lines) for head in heads]

    def _remote(self, head: Row, lines: list[Row]) -> RemoteInvoice:
        number = head.id("id")
        state = _STATES.get(head.text("state"))
        if state is None:
            raise LedgerError("validation", f"Tryton shows a state we do not know: {head.text('state')}.")
        return RemoteInvoice(
            id=str(number),
            ref=head.text("reference"),
            state=state,
            number=head.text("number"),
            customer_code=head.inner("party").text("code"),
            currency=head.inner("currency").text("code"),
            net_total=head.amount("untaxed_amount"),
            lines=tuple(
                RemoteLine(line.text("description"), line.amount("amount"), line.text("note"))
                for line in lines
                if line.id("invoice") == number
            ),
            deep_link=f"{self._settings.url}/#{self._settings.database}/model/account.invoice/{number}",
        )

    def _head_values(self, document: LedgerInvoice, found: Found, until: Until) -> dict[str, object]:
        if not document.ref or document.ref != document.ref.strip():
            # Tryton trims it, and what it trims we would not find again.
            raise LedgerError("validation", f"{document.ref!r} is not a reference.")
        order = f"PO {document.purchase_order}" if document.purchase_order else ""
        customer = found.customer or self._books.create_customer(document, found.accounts, until)
        values: dict[str, object] = {
            "type": "out",
            "company": found.company,
            "party": customer.party,
            "invoice_address": customer.address,
            "account": customer.receivable,
            "journal": found.accounts.journal,
            "currency": found.currency,
            "invoice_date": wire_date(document.issue_date),
            "reference": document.ref,
            "description": one_line(" · ".join(part for part in (document.text or document.period, order) if part)),
            "comment": document.url,
        }
        if found.accounts.payment_term:
            values["payment_term"] = found.accounts.payment_term
        return values


@dataclass(frozen=True, slots=True)
class _State:
    """Tryton's own state and the day whose period counts."""

    state: str
    day: date | None


def _line_values(line: LedgerLine, currency: str) -> dict[str, object]:
    quantity, unit_price = _as_sent(line, currency)
    return {
        "type": "line",
        "sequence": line.line_no,
        "description": clean(line.text),
        "note": line.url,
        "quantity": quantity,
        "unit_price": wire_decimal(unit_price),
    }


def _with_accounts(values: Mapping[str, object], found: Found) -> dict[str, object]:
    more: dict[str, object] = {
        "account": found.accounts.revenue,
        "currency": found.currency,
        "company": found.company,
    }
    if found.accounts.tax:
        more["taxes"] = [["add", [found.accounts.tax]]]
    return {**values, **more}


def _as_sent(line: LedgerLine, currency: str) -> tuple[Decimal, Decimal]:
    """The quantity and price to send: as given if Tryton's arithmetic gives the amount, else 1 x amount.

    A quantity travels as a binary float, which Tryton turns back by its shortest text; a price has at most
    four decimals, and more are an error there, not a rounding (ledgers/tryton.md, section 5).
    """
    through_float = Decimal(str(float(line.quantity)))
    given = through_float == line.quantity and _decimals(line.unit_price) <= _UNIT_PRICE_DIGITS
    if given and round_half_away(line.quantity * line.unit_price, _decimals(line.net_amount)) == line.net_amount:
        return through_float, line.unit_price
    if _decimals(line.net_amount) > _UNIT_PRICE_DIGITS:
        words = f"Line {line.line_no}: {line.net_amount} {currency} has more than {_UNIT_PRICE_DIGITS} decimals."
        raise LedgerError("validation", words)
    return Decimal("1.0"), line.net_amount


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def _number(remote_id: str) -> int:
    if not (remote_id.isascii() and remote_id.isdigit()):
        raise LedgerError("validation", f"{remote_id!r} is not the id of a Tryton invoice.")
    return int(remote_id)


def _open(settings: Mapping[str, str], http: HttpClient) -> TrytonLedger:
    check_settings(LEDGER, settings)
    return TrytonLedger(TrytonSettings.parse({**_DEFAULTS, **settings}), http)


LEDGER = LedgerInfo(
    kind="tryton",
    title="Tryton",
    settings=(
        SettingField("url", "Address of the Tryton server, without a path", required=True),
        SettingField("database", "Name of the database", required=True),
        SettingField("user", "Login of the service user", required=True),
        SettingField("password", "Password of the service user", required=True, secret=True),
        SettingField("company", "Name of the company; default: the user's own"),
        SettingField("customer_policy", "must_exist, or create missing customers", default="must_exist"),
        SettingField("revenue_account", "Code of the revenue account; default: the first of type revenue"),
        SettingField("receivable_account", "Code of the receivable account; default: the customer's own"),
        SettingField("journal", "Name or code of the journal; default: the first of type revenue"),
        SettingField("payment_term", "Name of the payment term; default: none, due at once"),
        SettingField("tax", "Name of the tax put on every line; default: none"),
        SettingField("finalise", "yes: issue what is verified; no: leave drafts", default="no"),
        SettingField("timeout", "Seconds one operation may take in all", default="30"),
        SettingField("max_server_time", "Seconds after which Tryton has surely ended a request", default="30"),
    ),
    open=_open,
)
_DEFAULTS = {item.name: item.default for item in LEDGER.settings}
