"""A closed month changes no more, and a hash proves it (product.md, behaviours 7 and 8; reliability.md I8)."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from connector.domain.fingerprint import digest_of
from connector.domain.invoice import LedgerInvoice
from connector.store.certificates import extent_now, make_certificate
from connector.store.database import open_engine, writing
from connector.store.tables import closings
from tests.months import sent
from tests.months.billed import ALPHA, BETA, SUITE, consumed, month_of, seats, ten_to_fourteen
from tests.months.partner import Partner
from tests.months.sent import INVOICE, OCTOBER

# everything a closed period consists of
_CLOSED_ROWS = (
    "documents", "document_lines", "parts", "calculations", "lines", "placements", "findings", "periods", "raw_files",
    "vendor_invoices", "postings", "closings",
)  # fmt: skip


@pytest.fixture
def closed(partner: Partner, with_books: list[LedgerInvoice]) -> Partner:
    sent.is_closed(partner)
    return partner


def test_what_is_balanced_and_in_the_ledger_can_be_closed(partner: Partner, with_books: list[LedgerInvoice]) -> None:
    sent.is_sent(partner)
    tried = partner.run("close", OCTOBER, "--dry-run", "--json")
    assert tried.status == 0 and tried.json["missing"] == [] and tried.json["closed"] is False
    assert sent.shown(partner).view["closing"] is None, "a dry run closes nothing"
    month = sent.is_closed(partner)
    assert month.state == "closed"
    closing = month.view["closing"]
    assert len(closing["hash"]) == 64 and closing["why"] == "all paid" and closing["closed_at"]
    sent.holds(partner)
    again = partner.run("close", OCTOBER, "--json")
    assert again.status == 0 and again.json["before"] and again.json["closing"] == closing
    assert closing["hash"] in partner.run("month", "show", OCTOBER).prose


def test_closing_says_what_is_missing(partner: Partner, with_books: list[LedgerInvoice]) -> None:
    never = partner.run("close", OCTOBER, "--json")
    assert never.status == 1 and "never worked on" in never.json["missing"][0]
    sent.decides(partner)
    partner.is_billed(month_of([*ten_to_fourteen(), consumed(BETA, "21.39", "29")]))
    partner.sync(OCTOBER, status=1)
    refused = partner.run("close", OCTOBER, "--json")
    assert refused.status == 1
    assert [text for text in refused.json["missing"] if "is unmatched" in text]
    assert [text for text in refused.json["missing"] if "C-1 over 262.93 EUR is not sent" in text]
    assert sent.shown(partner).state == "unmatched"


def test_what_was_not_pushed_yet_cannot_be_closed(partner: Partner, with_books: list[LedgerInvoice]) -> None:
    sent.decides(partner)
    partner.is_billed(month_of(ten_to_fourteen()))
    partner.sync(OCTOBER)
    refused = partner.run("close", OCTOBER, "--json")
    assert refused.status == 1 and "C-1 over 262.93 EUR" in refused.json["missing"][0]
    assert partner.run("push", OCTOBER).status == 0
    assert partner.run("close", OCTOBER).status == 0


def test_a_month_that_costs_nobody_anything_is_closed_without_a_ledger(partner: Partner) -> None:
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.price("none", note="a test subscription")
    partner.is_billed(month_of(ten_to_fourteen()))
    partner.sync(OCTOBER)
    assert partner.run("close", OCTOBER).status == 0
    sent.holds(partner)


def test_documents_of_nothing_but_zero_are_frozen_with_the_month(
    partner: Partner, with_books: list[LedgerInvoice]
) -> None:
    sent.decides(partner)
    partner.price("fixed", "0.00", "C-2", product_id=SUITE.product_id)
    partner.is_billed(month_of([*ten_to_fourteen(), seats(BETA).charge("cycleCharge", 5)]))
    sent.pushes(partner)
    assert partner.run("close", OCTOBER).status == 0
    before = sent.rows(partner, *_CLOSED_ROWS)
    partner.price("fixed", "5.00", "C-2", product_id=SUITE.product_id)
    partner.sync(OCTOBER)
    assert sent.rows(partner, *_CLOSED_ROWS) == before
    (difference,) = sent.rerated(partner, status=1)["differences"]
    assert difference["document"].endswith("/C-2/EUR/1") and "unit price: 0 -> 5" in difference["why"]
    assert partner.run("replay", OCTOBER, "--json").json["ok"]
    sent.holds(partner)


def test_nothing_that_is_decided_later_changes_a_closed_month(closed: Partner) -> None:
    before = sent.rows(closed, *_CLOSED_ROWS)
    view = sent.shown(closed).view
    closed.price("fixed", "30.00", product_id=SUITE.product_id)
    sent.moves_beta(closed)
    closed.imports("organisations", {"code": "C-1", "name": "Renamed"})
    month = closed.sync(OCTOBER)
    assert month.state == "closed" and "closed" in closed.run("sync", OCTOBER, "--no-push").prose.lower()
    assert closed.run("sync", OCTOBER, "--again", "--json").status == 0
    assert closed.run("push", OCTOBER, "--json").status == 0
    refused = closed.run("month", "accept", OCTOBER, "--invoice", INVOICE, "--reason", "no")
    assert refused.status == 1 and "is closed" in refused.prose
    assert sent.rows(closed, *_CLOSED_ROWS) == before
    assert sent.shown(closed).view == view
    sent.holds(closed)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE documents SET organisation_name = 'Somebody' WHERE organisation = 'C-1'",
        "UPDATE document_lines SET price_text = 'cheap'",
        "UPDATE parts SET quantity = '11' WHERE quantity = '10'",
        "UPDATE parts SET cycle_days = 30 WHERE cycle_days = 31",
        "UPDATE calculations SET cost = '1.00'",
        "DELETE FROM calculations WHERE no = 2",
        "UPDATE placements SET organisation = 'C-2' WHERE organisation = 'C-1'",
        "DELETE FROM findings WHERE id IN (SELECT MIN(id) FROM findings)",
        "UPDATE periods SET balance = '[]'",
        "UPDATE periods SET state = 'pushed'",
        "UPDATE vendor_invoices SET header_total = '1.00'",
        "UPDATE vendor_invoices SET header_total = '1.00', revision = revision + 1",
        "UPDATE lines SET subtotal = '1.00' WHERE subtotal <> '1.00'",
        "UPDATE raw_files SET sha256 = 'x'",
        "UPDATE price_rules SET value = '20.91'",
        "UPDATE tenant_links SET organisation = 'C-2'",
        "UPDATE postings SET number = 'INV-1'",
        "UPDATE closings SET hash = 'x'",
        "DELETE FROM closings",
    ],
)
def test_every_changed_row_is_found(closed: Partner, statement: str) -> None:
    assert sent.broken(closed) == []
    if "findings" in statement:
        sent.changes_row(
            closed, "INSERT INTO findings (period, code, severity, amount, currency, organisation, \"where\", text, "
            "action) VALUES ('2025-10', 'made_up', 'info', '0', '', '', '', '', '')",
        )  # fmt: skip
        assert sent.broken(closed), "a row more is found, too"
        return
    sent.changes_row(closed, statement)
    problems = sent.broken(closed)
    assert problems and all(OCTOBER in problem for problem in problems), problems


def test_a_certificate_made_anew_does_not_fit_the_audit_trail(closed: Partner) -> None:
    """Somebody who can write everything but the chain: rows, certificate and hash agree, the trail does not."""
    sent.changes_row(closed, "UPDATE documents SET organisation_name = 'Somebody' WHERE organisation = 'C-1'")
    engine = open_engine(f"sqlite:///{closed.database}")
    with writing(engine) as connection:
        signed = connection.scalars(select(closings.c.certificate)).one()["closed"]
        certificate = make_certificate(connection, OCTOBER, extent_now(connection, OCTOBER)) | {"closed": signed}
        forged = update(closings).values(certificate=certificate, hash=digest_of(certificate))
        assert connection.execute(forged).rowcount == 1
    engine.dispose()
    assert sent.broken(closed) == [f"{OCTOBER}: the certificate is not the one that the audit trail names"]


@pytest.mark.parametrize("column", ["who = 'Somebody'", "why = 'because'", "closed_at = '2020-01-01 00:00:00'"])
def test_who_closed_a_month_when_and_why_is_part_of_the_proof(closed: Partner, column: str) -> None:
    sent.changes_row(closed, f"UPDATE closings SET {column}")
    assert sent.broken(closed) == [f"{OCTOBER}: who closed it, when or why was changed after it was closed"]


def test_microsoft_voids_a_closed_invoice(closed: Partner, with_books: list[LedgerInvoice]) -> None:
    certificate = sent.rows(closed, "closings", "documents", "document_lines", "parts", "placements", "findings")
    number = sent.amends(closed, Subtotal="100.00")
    loud = closed.run("sync", OCTOBER, "--json")
    assert loud.status == 1, "something new from Microsoft: a person must look"
    found = {f["where"]: f for f in loud.json["findings"] if f["code"] == "changed_after_close"}
    assert set(found) == {INVOICE, number}
    assert "voided" in found[INVOICE]["text"] and found[INVOICE]["severity"] == "error"
    assert loud.json["state"] == "closed"
    invoices = {invoice["id"]: invoice for invoice in loud.json["vendor_invoices"]}
    assert invoices[INVOICE]["voided"] and invoices[number]["lines"] == 4, "it is taken in"
    assert (
        sent.rows(closed, "closings", "documents", "document_lines", "parts", "placements", "findings") == certificate
    )
    assert len(with_books) == 2
    sent.holds(closed)


def test_other_lines_under_a_closed_invoice_are_kept_beside_it(closed: Partner) -> None:
    lines = sent.rows(closed, "lines")
    closed.microsoft.lines(INVOICE, changes=[{"index": 0, "BillableQuantity": 9, "Quantity": 9}])
    assert closed.run("sync", OCTOBER, "--again", "--no-push", "--json").status == 1
    month = sent.shown(closed)
    assert "other lines" in month.finding("changed_after_close")["text"]
    assert sent.rows(closed, "lines") == lines
    sent.holds(closed)


def test_a_late_invoice_of_a_closed_month_is_taken_in(closed: Partner) -> None:
    number = sent.bills_late(closed, consumed(ALPHA, "21.39", "29"))
    loud = closed.run("sync", OCTOBER, "--json")
    assert loud.status == 1
    finding = next(f for f in loud.json["findings"] if f["code"] == "changed_after_close")
    assert finding["where"] == number and finding["amount"] == "21.39"
    sent.holds(closed)


def test_what_was_voided_is_not_taken_back_before_its_replacement_is_there(
    partner: Partner, with_books: list[LedgerInvoice]
) -> None:
    """Or the customer would get all his money back for a day."""
    sent.is_sent(partner)
    number = sent.amends(partner, Subtotal="119.00")
    partner.microsoft.fault("graph.blob", "empty", -1)
    try:
        waits = partner.run("sync", OCTOBER, "--json")
    finally:
        partner.microsoft.clear_faults()
    assert waits.json["state"] == "incomplete" and len(with_books) == 2
    held = {d["posting"]["error"] for d in waits.json["documents"] if d["revision"] == 2}
    assert held == {f"{number} has not arrived whole, and may replace what is taken back"}
    sent.pushes(partner)
    assert len(with_books) == 2, "the same amounts under other ids: nothing goes out"
    sent.holds(partner)
