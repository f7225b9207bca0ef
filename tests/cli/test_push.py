"""What goes into a real ledger and what waits: one customer's trouble never holds another's invoice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.desk import Desk, told
from tests.cli.october import CUSTOMERS, INVOICE, NET, days_ago, october
from tests.standins.microsoft import MicrosoftStandIn
from tests.standins.tryton import TrytonServer

pytestmark = pytest.mark.tryton


@pytest.fixture(scope="module")
def tryton() -> Iterator[TrytonServer]:
    with TrytonServer() as server:
        for code in CUSTOMERS:
            server.create_customer(code)
        yield server


@pytest.fixture
def books(desk: Desk, tryton: TrytonServer) -> Desk:
    """A partner with a ledger. All tests share one: each has a period of its own there."""
    settings = {**tryton.settings, "finalise": "yes"}
    desk.settings["LEDGER_PASSWORD"] = settings.pop("password")
    lines = [f'{name} = "{value}"' for name, value in settings.items()]
    head = '[[ledger]]\nname = "books"\nkind = "tryton"\n[ledger.settings]\n'
    text = head + "\n".join([*lines, 'password = {env = "LEDGER_PASSWORD"}', ""])
    assert desk.run("import", "ledgers", desk.write("ledgers.toml", text), "--json").status == 0
    return desk


def billed_in(microsoft: MicrosoftStandIn, period: str) -> None:
    """The same month under another name: every test has invoices of its own in the one ledger."""
    month = october()
    (invoice,) = month["invoices"]
    invoice |= {
        "period": period,
        "billingPeriodStartDate": f"{period}-01T00:00:00Z",
        "billingPeriodEndDate": f"{period}-28T00:00:00Z",
    }
    microsoft.load_month({**month, "period": period}, replace=True)
    microsoft.control("POST", f"/invoices/{INVOICE}/etag")


def in_the_books(tryton: TrytonServer, desk: Desk, period: str) -> dict[str, str]:
    """By customer, looked up by the references of the period's documents."""
    found = {}
    for code, document in desk.month(period).documents.items():
        for invoice in tryton.invoices(document["posting"]["ref"]):
            assert code not in found, "twice in the ledger"
            found[code] = str(invoice.untaxed_amount)
    return found


def test_a_month_is_pushed_once(books: Desk, microsoft: MicrosoftStandIn, tryton: TrytonServer) -> None:
    billed_in(microsoft, "2025-01")
    books.decides(CUSTOMERS)
    nothing = books.run("push", "2025-01", "--dry-run", "--json")
    assert (nothing.status, nothing.json["state"], nothing.json["planned"]) == (1, "not_checked", [])
    books.sync("2025-01", status=0)
    dry = books.done("push", "2025-01", "--dry-run", "--json").json
    assert [(item["organisation"], item["action"]) for item in dry["planned"]] == [("C-1", "create"), ("C-2", "create")]
    assert in_the_books(tryton, books, "2025-01") == {}
    month = books.sync("2025-01", status=0, push=True)
    assert (month.state, month.postings) == ("pushed", {"C-1": "verified", "C-2": "verified"})
    again = books.sync("2025-01", status=0, push=True)
    assert {name: document["posting"] for name, document in again.documents.items()} == {
        name: document["posting"] for name, document in month.documents.items()
    }
    assert {item["action"] for item in again.view["planned"]} == {"skip"}
    assert in_the_books(tryton, books, "2025-01") == NET


def test_an_unlinked_tenant_waits_alone(books: Desk, microsoft: MicrosoftStandIn, tryton: TrytonServer) -> None:
    billed_in(microsoft, "2025-02")
    books.decides({"C-1": CUSTOMERS["C-1"], "C-2": []})
    month = books.sync("2025-02", status=1, push=True)
    assert (month.state, month.postings) == ("unmatched", {"C-1": "verified"})
    assert in_the_books(tryton, books, "2025-02") == {"C-1": NET["C-1"]}
    books.decides(CUSTOMERS, markup="")
    assert books.sync("2025-02", status=0, push=True).state == "pushed"
    assert in_the_books(tryton, books, "2025-02") == NET


def test_a_line_that_cannot_be_read_holds_only_its_customer(
    books: Desk, microsoft: MicrosoftStandIn, tryton: TrytonServer
) -> None:
    billed_in(microsoft, "2025-03")
    books.decides(CUSTOMERS)
    microsoft.fault("graph.blob", "nan", -1, line=2)
    month = books.sync("2025-03", status=1, push=True)
    assert month.postings == {"C-1": "held", "C-2": "verified"}
    assert in_the_books(tryton, books, "2025-03") == {"C-2": NET["C-2"]}
    microsoft.clear_faults()
    microsoft.control("POST", f"/invoices/{INVOICE}/etag")
    assert books.sync("2025-03", status=0, push=True).state == "pushed"
    assert in_the_books(tryton, books, "2025-03") == NET


def test_a_header_that_differs_holds_everything_until_it_is_accepted(
    books: Desk, microsoft: MicrosoftStandIn, tryton: TrytonServer
) -> None:
    billed_in(microsoft, "2025-04")
    microsoft.header(INVOICE, add="0.01", invoiceDate=days_ago(7))
    books.decides(CUSTOMERS)
    assert books.sync("2025-04", status=1, push=True).postings == {"C-1": "held", "C-2": "held"}
    assert in_the_books(tryton, books, "2025-04") == {}
    books.done("month", "accept", "2025-04", "--invoice", INVOICE, "--reason", "page 2")
    assert books.sync("2025-04", status=0, push=True).state == "pushed"
    assert in_the_books(tryton, books, "2025-04") == NET


def test_a_wrong_password_of_the_ledger_is_a_mistake_in_the_settings(
    books: Desk, microsoft: MicrosoftStandIn, tryton: TrytonServer
) -> None:
    """interfaces.md section 8: refused credentials and wrong settings end with 2."""
    billed_in(microsoft, "2025-05")
    books.decides(CUSTOMERS)
    books.sync("2025-05", status=0)
    said = books.run("push", "2025-05", LEDGER_PASSWORD="canary-that-is-not-the-password")
    tryton.forget_failed_log_ins()
    assert in_the_books(tryton, books, "2025-05") == {}
    told(said, 2, "books", "connector doctor|settings")


def test_with_the_right_password_again_nothing_is_lost(
    books: Desk, microsoft: MicrosoftStandIn, tryton: TrytonServer
) -> None:
    billed_in(microsoft, "2025-07")
    books.decides(CUSTOMERS)
    books.sync("2025-07", status=0)
    books.run("push", "2025-07", LEDGER_PASSWORD="canary-that-is-not-the-password")
    tryton.forget_failed_log_ins()
    assert books.sync("2025-07", status=0, push=True).state == "pushed"
    assert in_the_books(tryton, books, "2025-07") == NET


def test_a_secret_of_the_ledger_that_is_not_there(books: Desk, microsoft: MicrosoftStandIn) -> None:
    billed_in(microsoft, "2025-08")
    books.decides(CUSTOMERS)
    books.sync("2025-08", status=0)
    told(books.run("push", "2025-08", LEDGER_PASSWORD=None), 2, "LEDGER_PASSWORD", "Set the variable")


def test_a_ledger_that_does_not_answer_loses_nothing(
    books: Desk, microsoft: MicrosoftStandIn, tryton: TrytonServer
) -> None:
    billed_in(microsoft, "2025-06")
    books.decides(CUSTOMERS)
    books.sync("2025-06", status=0)
    tryton.stop()
    said = books.run("push", "2025-06", "--dry-run")
    told(said, 3, "ledger could not be reached", "Nothing was lost; run again")
    tryton.start()
    assert books.sync("2025-06", status=0, push=True).state == "pushed"
    assert in_the_books(tryton, books, "2025-06") == NET
