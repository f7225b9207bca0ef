"""Replay: the documents that were sent, made again from raw files and decisions of then (product.md, behaviour 7)."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.domain.invoice import LedgerInvoice
from tests.cli import portal
from tests.months import sent
from tests.months.billed import BETA, SUITE, consumed, day, month_of, months_of, seats, ten_to_fourteen
from tests.months.partner import Partner
from tests.months.sent import OCTOBER, Json
from tests.standins.microsoft import published
from tests.standins.microsoft.published_legacy import CUSTOMER_ID


def replayed(partner: Partner, period: str = OCTOBER, *, status: int = 0) -> Json:
    answer = partner.run("replay", period, "--json")
    assert answer.status == status, answer.text + answer.prose
    view: Json = answer.json
    return view


def results(view: Json) -> dict[str, str]:
    return {document["key"].split("/", 2)[2]: document["result"] for document in view["documents"]}


@pytest.fixture
def closed(partner: Partner, with_books: list[LedgerInvoice]) -> Partner:
    sent.is_closed(partner)
    return partner


def test_a_closed_month_is_made_again_byte_for_byte(closed: Partner) -> None:
    before = sent.rows(closed, "documents", "document_lines", "parts", "calculations", "lines")
    view = replayed(closed)
    assert view["ok"] and results(view) == {"C-1/EUR/1": "equal", "C-2/EUR/1": "equal"}
    assert sent.rows(closed, "documents", "document_lines", "parts", "calculations", "lines") == before


def test_what_was_decided_since_does_not_matter(closed: Partner) -> None:
    closed.price("fixed", "30.00", product_id=SUITE.product_id)
    sent.moves_beta(closed)
    closed.imports("organisations", {"code": "C-1", "name": "Renamed", "grouping": "kind"})
    assert replayed(closed)["ok"]


def test_after_a_void_and_with_corrections(closed: Partner, with_books: list[LedgerInvoice]) -> None:
    closed.price("fixed", "21.90", product_id=SUITE.product_id)
    sent.rerated(closed, "--draft", status=1)
    assert closed.run("corrections", "release", "--all", OCTOBER).status == 0
    sent.amends(closed, BillableQuantity=9, Quantity=9)
    assert closed.run("sync", OCTOBER).status == 1
    sent.moves_beta(closed)
    sent.rerated(closed, "--draft", status=1)
    assert closed.run("corrections", "release", "--all", OCTOBER).status == 0
    closed.price("fixed", "25.00", product_id=SUITE.product_id)
    view = replayed(closed)
    assert results(view) == {
        "C-1/EUR/1": "equal", "C-1/EUR/2": "equal", "C-1/EUR/3": "equal",
        "C-2/EUR/1": "equal", "C-2/EUR/2": "equal", "C-2/EUR/3": "equal",
    }  # fmt: skip
    sent.holds(closed)


def test_revisions_of_a_month_that_was_amended_before_it_was_closed(
    partner: Partner, with_books: list[LedgerInvoice]
) -> None:
    sent.is_sent(partner)
    partner.price("fixed", "21.90", product_id=SUITE.product_id)
    sent.amends(partner, Subtotal="119.00")
    sent.pushes(partner)
    partner.price("fixed", "22.90", product_id=SUITE.product_id)
    view = replayed(partner)
    assert view["ok"] and len(view["documents"]) == 4


def test_a_revision_that_a_draft_had_taken_stays_empty(partner: Partner, with_books: list[LedgerInvoice]) -> None:
    sent.is_sent(partner)
    partner.price("fixed", "21.90", product_id=SUITE.product_id)
    sent.rerated(partner, "--draft", status=1)
    sent.amends(partner, Subtotal="119.00")
    sent.pushes(partner)
    sent.rerated(partner, "--draft", status=0)
    view = replayed(partner)
    assert results(view)["C-1/EUR/3"] == "equal" and "C-1/EUR/2" not in results(view) and view["ok"]


def test_a_credit_finds_the_charge_of_an_earlier_month_again(partner: Partner, with_books: list[LedgerInvoice]) -> None:
    """The name of what it takes back is content, too; meanwhile Microsoft has voided the earlier invoice."""
    sent.decides(partner)
    held = seats(months=12, begin="2025-09-01")
    september = month_of([held.charge("new", 10)], "2025-09")
    october = month_of(held.change("removeQuantity", 10, 8, day("2025-10-12")), OCTOBER)
    partner.is_billed(months_of(september, october))
    assert partner.run("sync", "2025-09").status == 0
    month = sent.pushes(partner)
    credit = month.explain(month.lines("C-1")[0])["parts"][0]
    assert credit["reverses"], "the credit of October takes back the charge of September"
    partner.microsoft.amend("G202509001", id="G202509009", changes=[{"index": 0, "Subtotal": "119.00"}])
    assert partner.run("sync", "2025-09", "--no-push").status == 0
    assert replayed(partner)["ok"]


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("UPDATE price_rules SET value = '20.91'", "would be"),
        ("UPDATE parts SET quantity = '11' WHERE quantity = '10'", "quantity"),
        ("UPDATE calculations SET text = 'guessed' WHERE no = 1", "text of calculation"),
        ("UPDATE documents SET organisation_name = 'Somebody' WHERE organisation = 'C-1'", "organisation_name"),
        ("UPDATE document_lines SET sentence = 'Trust us.'", "sentence of line"),
    ],
)
def test_it_says_what_differs_first(closed: Partner, statement: str, text: str) -> None:
    sent.changes_row(closed, statement)
    view = replayed(closed, status=1)
    assert not view["ok"] and text in next(d["text"] for d in view["documents"] if d["result"] == "different")


def test_a_raw_file_that_was_touched_or_is_gone_proves_nothing(closed: Partner) -> None:
    file = next(path for path in Path(closed.settings["DATA_DIR"]).rglob("*") if path.suffix == ".gz")
    kept = file.read_bytes()
    file.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    answer = closed.run("replay", OCTOBER, "--json")
    assert answer.status == 1 and answer.json["error"]["code"] == "raw_file_changed"
    file.unlink()
    answer = closed.run("replay", OCTOBER, "--json")
    assert answer.status == 1 and answer.json["error"]["code"] == "raw_file_gone"
    file.write_bytes(kept)
    assert replayed(closed)["ok"]


def test_documents_of_an_older_version_are_never_green(closed: Partner) -> None:
    sent.changes_row(closed, "UPDATE documents SET decided_import = 0, inputs = '{}' WHERE organisation = 'C-1'")
    view = replayed(closed, status=1)
    assert results(view) == {"C-1/EUR/1": "cannot be replayed", "C-2/EUR/1": "equal"} and not view["ok"]


def test_there_is_nothing_to_replay_before_anything_was_sent(partner: Partner) -> None:
    answer = partner.run("replay", OCTOBER, "--json")
    assert answer.status == 1 and answer.json["error"]["code"] == "nothing_to_replay"


def test_usage_services_and_rates(partner: Partner, with_books: list[LedgerInvoice]) -> None:
    sent.decides(partner)
    partner.price("markup", "12.5")
    partner.has_customer("C-3", guid_of_nobody := "00000000-0000-4000-8000-0000000000c3", currency="USD")
    partner.rate("2025-10-01", "EUR", "USD", "1.17")
    service = {
        "organisation": "C-3", "code": "SUPPORT", "name": "Support", "kind": "recurring", "price": "99.00",
        "currency": "USD", "valid_from": "2025-01-01", "billing": "monthly",
    }  # fmt: skip
    partner.imports("services", service)
    assert guid_of_nobody
    partner.is_billed(month_of([*ten_to_fourteen(), consumed(BETA, "21.39", "29")]))
    sent.pushes(partner)
    assert partner.run("close", OCTOBER).status == 0
    partner.imports("services", {**service, "price": "1.00"})
    partner.rate("2025-10-02", "EUR", "USD", "2.00")
    view = replayed(partner)
    assert view["ok"] and set(results(view)) == {"C-1/EUR/1", "C-2/EUR/1", "C-3/USD/1"}


@pytest.mark.parametrize("comma", [False, True])
def test_files_downloaded_by_hand(
    partner: Partner, with_books: list[LedgerInvoice], tmp_path: Path, *, comma: bool
) -> None:
    """A file that had to be explained (is 1/10 in January or in October?) is read again as it was explained."""
    rows = portal.rows(comma=comma, day_first=True, ambiguous=True)
    partner.has_customer("C-1", rows[0]["CustomerId"])
    partner.has_customer("C-2", rows[1]["CustomerId"])
    partner.price("markup", "25")
    path = tmp_path / "october.csv"
    lines = [";".join(rows[0]), *(";".join(row.values()) for row in rows)]
    path.write_text("\n".join(line.replace(".10.2025", "/10/2025") for line in lines), encoding="utf-8")
    header = f"{portal.INVOICE}={portal.TOTAL}"
    made = partner.run("import", "invoice", str(path), "--header", header, "--dates", "dmy", "--json")
    assert made.status == 0, made.text
    assert partner.run("push", OCTOBER).status == 0 and partner.run("close", OCTOBER).status == 0
    path.unlink()
    assert replayed(partner)["ok"]
    path.write_text("\n".join(lines), encoding="utf-8")
    refused = partner.run("import", "invoice", str(path), "--header", header, "--dates", "dmy", "--json")
    assert refused.status == 2 and refused.json["error"]["code"] == "period_closed"
    # another invoice for the closed month is taken in, and nobody thinks that all is well
    other = path.with_name("other.csv")
    other.write_text("\n".join(lines).replace(portal.INVOICE, "G000000099"), encoding="utf-8")
    header = f"G000000099={portal.TOTAL}"
    late = partner.run("import", "invoice", str(other), "--header", header, "--dates", "dmy", "--json")
    assert late.status == 1
    assert any("connector rerate 2025-10" in remark for remark in late.json["invoices"][0]["remarks"])


def test_pages_that_arrived_before_are_still_there(partner: Partner, with_books: list[LedgerInvoice]) -> None:
    """Old-style lines come in pages that have the same names every time (legacy.md section 6)."""
    partner.has_customer("C-1", CUSTOMER_ID)
    partner.price("passthrough")
    partner.is_billed(published.month("legacy-annual-211"))
    assert partner.run("sync", "2017-03").status == 0 and partner.run("close", "2017-03").status == 0
    assert replayed(partner, "2017-03")["ok"]
    (invoice,) = partner.run("month", "show", "2017-03", "--json").json["vendor_invoices"]
    partner.microsoft.lines(invoice["id"], kind="office", changes=[{"index": 0, "offerName": "Another name"}])
    assert partner.run("sync", "2017-03", "--again").status == 1
    assert replayed(partner, "2017-03")["ok"]
