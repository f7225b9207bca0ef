"""Invoices that Microsoft voids and replaces (interfaces.md 5.13)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connector.domain.invoice import LedgerInvoice
from tests.months import checks
from tests.months.partner import Partner
from tests.standins.microsoft import published
from tests.standins.microsoft.published import CONTOSO


@pytest.fixture
def in_march(partner: Partner) -> Partner:
    partner.has_customer("C-1", CONTOSO.tenant_id)
    partner.price("passthrough")
    return partner


def test_only_the_replacement_counts_and_the_voided_one_stays_in_sight(in_march: Partner) -> None:
    in_march.is_billed(published.month("voided-and-replaced"))
    month = in_march.month("2022-03")
    voided, replacement = sorted(month.view["vendor_invoices"], key=lambda invoice: invoice["id"])
    assert (voided["id"], voided["voided"]) == ("G000000001", True)
    # ten of the eleven lines of March: all but the last charge of 127.74
    assert (voided["lines"], voided["lines_subtotal"], voided["header_total"]) == (10, "147.49", "147.49")
    assert (replacement["id"], replacement["voided"]) == ("G000000002", False)
    assert replacement["replaces"] == "G000000001"
    assert (replacement["lines"], replacement["lines_subtotal"]) == (11, "275.23")
    assert month.balance()["vendor_total"] == month.net("C-1") == "275.23"
    assert month.state == "balanced"


@pytest.mark.parametrize("separate_void", [False, True])
def test_lines_of_a_voided_invoice_that_was_never_pushed_are_dropped(in_march: Partner, separate_void: bool) -> None:
    in_march.is_billed(published.month("six-changes-in-march"))
    assert in_march.sync("2022-03").net("C-1") == "275.23"
    in_march.microsoft.amend("G000000001", id="G000000009", drop=[0], separate_void=separate_void)
    month = in_march.sync("2022-03")
    checks.assert_adds_up(month, in_march)
    assert month.net("C-1") == "155.23" and len(month.documents) == 1
    assert month.balance()["vendor_total"] == "155.23" and month.state == "balanced"
    shown = {invoice["id"]: invoice for invoice in month.view["vendor_invoices"]}
    assert shown["G000000001"]["voided"] is True and shown["G000000001"]["lines"] == 11
    assert shown["G000000001"]["lines_subtotal"] == "275.23"
    assert shown["G000000009"]["replaces"] == "G000000001" and shown["G000000009"]["lines"] == 10


def test_lines_of_a_voided_invoice_that_was_pushed_are_reversed_in_a_new_revision(
    in_march: Partner, with_books: list[LedgerInvoice]
) -> None:
    in_march.is_billed(published.month("six-changes-in-march"))
    in_march.sync("2022-03")
    first = in_march.run("push", "2022-03", "--json")
    assert first.status == 0 and first.json["state"] == "pushed"
    # the line of the first purchase, 120.00, is billed at 100.00 after all
    change = {"index": 0, "Subtotal": "100.00"}
    in_march.microsoft.amend("G000000001", id="G000000009", changes=[change])
    month = in_march.sync("2022-03")
    checks.assert_adds_up(month, in_march)
    assert month.document("C-1", revision=1)["net_total"] == "275.23", "what was issued never changes"
    again = month.document("C-1", revision=2)
    assert again["net_total"] == "-20.00" and again["kind"] == "credit_note"
    assert month.balance()["vendor_total"] == "255.23" and month.state == "balanced"
    pushed = in_march.run("push", "2022-03", "--json")
    assert pushed.status == 0 and pushed.json["state"] == "pushed"
    assert [page.net_total for page in with_books] == [Decimal("275.23"), Decimal("-20.00")]
    assert len({page.ref for page in with_books}) == 2


def test_a_second_push_writes_nothing(in_march: Partner, with_books: list[LedgerInvoice]) -> None:
    in_march.is_billed(published.month("six-changes-in-march"))
    in_march.sync("2022-03")
    planned = in_march.run("push", "2022-03", "--dry-run", "--json")
    assert planned.status == 0 and planned.json["totals"] == {"create": {"EUR": "275.23"}}
    assert with_books == [], "a dry run writes nothing"
    assert in_march.run("push", "2022-03", "--json").status == 0
    again = in_march.run("push", "2022-03", "--json")
    assert again.status == 0 and [item["action"] for item in again.json["planned"]] == ["skip"]
    assert [page.net_total for page in with_books] == [Decimal("275.23")]
    assert in_march.run("verify", "--json").json["ok"]
