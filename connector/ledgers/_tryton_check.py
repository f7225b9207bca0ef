"""What `doctor` looks at in a Tryton: server, log-in, company, accounts, period, rights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from connector.ledgers import CheckItem, LedgerError
from connector.ledgers._tryton_books import Books
from connector.ledgers._tryton_settings import TrytonSettings
from connector.ledgers._tryton_wire import Until, Wire

_SERIES = "8.2"
_AREA = {"auth_revoked": "login", "auth_expired": "login", "permission": "rights", "misconfigured": "company"}
_ADVICE = {
    "auth_revoked": "Correct user and password of this connection.",
    "misconfigured": "Correct url, database and company of this connection.",
    "transient": "Start Tryton, or wait until it can be reached.",
    "rate_limited": "Wait some minutes: Tryton has seen too many log-ins.",
}
_RIGHTS_ADVICE = "Give the user the groups Accounting and, to create customers, Party Administration."


def check(settings: TrytonSettings, wire: Wire, books: Books, until: Until) -> list[CheckItem]:
    """One item after the other; the first that needs a broken one before it ends the list."""
    items: list[CheckItem] = []
    try:
        items.extend(_look(settings, wire, books, until))
    except LedgerError as error:
        advice = _ADVICE.get(error.code, _RIGHTS_ADVICE)
        items.append(
            CheckItem(_AREA.get(error.code, "connection"), False, error.text, advice, silent=error.code == "transient")
        )
    return items


def _look(settings: TrytonSettings, wire: Wire, books: Books, until: Until) -> Iterator[CheckItem]:
    version = wire.server_version(until)
    yield _item("server", version == _SERIES, f"Tryton {version}.", f"This adapter is made for {_SERIES}.")
    wire.log_in(until)
    yield _item("login", True, f"User {settings.user} may log in.")
    yield _item("company", True, f"Company {books.company(until).name}.")
    codes = books.currency_codes(until)
    words = f"Currencies: {', '.join(codes)}." if codes else "Tryton has no currency."
    yield _item("currencies", bool(codes), words, "Create the currencies you invoice in, with a rate each.")
    _, missing = books.accounts(until)
    words = " ".join(missing) or "Accounts, journal, payment term and tax are there."
    yield _item("accounts", not missing, words, "Correct the settings or create what is missing in Tryton.")
    closed = books.missing_period(date.today(), until)
    words = " ".join(closed) or "The accounting period of today is open."
    yield _item("period", not closed, words, "Open a fiscal year and its periods in Tryton.")
    lacking = lacking_rights(settings, wire, books, until)
    words = f"The user lacks: {', '.join(lacking)}." if lacking else "The user has the rights it needs."
    yield _item("rights", not lacking, words, _RIGHTS_ADVICE)


def lacking_rights(settings: TrytonSettings, wire: Wire, books: Books, until: Until) -> list[str]:
    """The rights that the adapter needs and this user does not have, as Tryton's access table says."""
    needed = [("account.invoice", right) for right in ("read", "create", "write", "delete")]
    if settings.create_customers:
        needed.append(("party.party", "create"))
    models = sorted({model for model, _ in needed})
    given = wire.call("model.ir.model.access.get_access", models, until=until, context=books.context(until))
    if not isinstance(given, Mapping) or not all(isinstance(given.get(model), Mapping) for model in models):
        raise LedgerError("transient", "Tryton's answer about the user's rights is not readable.")
    return [f"{right} {model}" for model, right in needed if not given[model].get(right)]


def _item(name: str, ok: bool, text: str, action: str = "") -> CheckItem:
    return CheckItem(name, ok, text, "" if ok else action)
