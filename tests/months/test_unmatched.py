"""Money nobody can place yet: loud, in the balance, and never in the way of the other customers."""

from __future__ import annotations

import pytest

from connector.domain.invoice import LedgerInvoice
from tests.months.billed import ALPHA, BETA, MAIL, SUITE, day, month_of, seats, ten_to_fourteen
from tests.months.partner import Partner


@pytest.fixture
def two(partner: Partner) -> Partner:
    """Alpha with 10 to 14 seats (150.97), Beta with ten mailboxes (34.00) and five seats (60.00)."""
    beta = [seats(BETA, MAIL).charge("cycleCharge", 10), seats(BETA, SUITE).charge("cycleCharge", 5)]
    partner.is_billed(month_of([*ten_to_fourteen(), *beta]))
    partner.has_customer("C-1", ALPHA.tenant_id)
    return partner


def test_a_tenant_nobody_linked_is_unmatched_and_the_others_go_on(
    two: Partner, with_books: list[LedgerInvoice]
) -> None:
    two.price("markup", "20")
    month = two.month("2025-10", status=1)
    assert month.state == "unmatched"
    balance = month.balance()
    assert (balance["vendor_total"], balance["invoiced_cost"], balance["unmatched"]) == ("244.97", "150.97", "94.00")
    finding = month.finding("tenant_unlinked")
    assert (finding["amount"], finding["currency"], finding["severity"]) == ("94.00", "EUR", "error")
    assert BETA.tenant_id in finding["where"] + finding["text"] and finding["action"]
    assert [document["organisation"] for document in month.documents] == ["C-1"]
    assert month.document("C-1")["posting"]["state"] != "held"
    assert two.run("push", "2025-10", "--json").status == 1, "pushed, but a person must look"
    assert [page.customer_code for page in with_books] == ["C-1"]
    # linked at last: his document comes, nothing else happens twice
    two.has_customer("C-2", BETA.tenant_id)
    linked = two.sync("2025-10")
    assert linked.net("C-2") == "112.80" and linked.balance()["unmatched"] == "0.00"
    assert two.run("push", "2025-10", "--json").json["state"] == "pushed"
    assert [page.customer_code for page in with_books] == ["C-1", "C-2"]


def test_a_product_without_a_price_is_never_zero_and_never_at_cost(
    two: Partner, with_books: list[LedgerInvoice]
) -> None:
    two.has_customer("C-2", BETA.tenant_id)
    two.price("fixed", "20.90", product_id=SUITE.product_id)
    month = two.month("2025-10", status=1)
    assert month.state == "unmatched" and month.balance()["unmatched"] == "34.00"
    finding = month.finding("price_missing")
    assert (finding["amount"], finding["organisation"], finding["severity"]) == ("34.00", "C-2", "error")
    assert [line["product_id"] for line in month.document("C-2")["lines"]] == [SUITE.product_id]
    assert month.document("C-2")["posting"]["state"] == "held"
    assert month.document("C-1")["posting"]["state"] != "held"
    assert month.finding("document_held")["organisation"] == "C-2"
    assert two.run("push", "2025-10", "--json").status == 1
    assert [page.customer_code for page in with_books] == ["C-1"]


def test_one_finding_per_cause_with_the_sum_of_its_money(two: Partner) -> None:
    two.has_customer("C-2", BETA.tenant_id)
    two.price("fixed", "3.90", product_id=MAIL.product_id)
    month = two.month("2025-10", status=1)
    found = {finding["organisation"]: finding["amount"] for finding in month.findings("price_missing")}
    assert found == {"C-1": "150.97", "C-2": "60.00"}


def test_nothing_priced_at_all_is_all_unmatched(two: Partner) -> None:
    month = two.month("2025-10", status=1)
    assert month.state == "unmatched" and month.documents == []
    assert month.balance()["unmatched"] == month.balance()["vendor_total"] == "244.97"


def test_a_line_without_a_price_for_a_customer_nobody_linked_is_counted_once(partner: Partner) -> None:
    partner.is_billed(month_of(ten_to_fourteen()))
    month = partner.month("2025-10", status=1)
    assert month.codes == {"tenant_unlinked"} and month.balance()["unmatched"] == "150.97"


def test_a_month_of_which_nothing_arrived_is_not_checked(two: Partner) -> None:
    """Behaviour 10: no data is not success."""
    month = two.sync("2025-08", status=1)
    assert month.state == "not_checked" and month.documents == []


def test_unlinked_money_that_cancels_out_still_asks_for_a_person(partner: Partner) -> None:
    """Bought and cancelled on the same day, nobody linked: exit status 1 stands for findings of severity error."""
    held = seats()
    both = [held.charge("new", 10), held.charge("cancelImmediate", 10, day("2025-10-01"), sign=-1)]
    partner.is_billed(month_of([*both, *ten_to_fourteen(seats(BETA))]))
    partner.has_customer("C-2", BETA.tenant_id)
    partner.price("passthrough")
    month = partner.month("2025-10", status=1)
    assert month.finding("tenant_unlinked")["severity"] == "error"
