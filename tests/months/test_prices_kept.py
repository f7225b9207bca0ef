"""A price list beside a month: what sells below cost, and what can no longer be taken back because it was used."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.invoice import LedgerInvoice
from tests.months.billed import ALPHA, BETA, MAIL, SUITE, consumed, month_of, seats, ten_to_fourteen
from tests.months.partner import Partner


@pytest.fixture
def october(partner: Partner) -> Partner:
    """Two customers: ten seats of one product (120.00) and five of another (17.00) each, everything at cost + 20 %."""
    both = [
        seats(customer, product).charge("cycleCharge", count)
        for customer in (ALPHA, BETA)
        for product, count in ((SUITE, 10), (MAIL, 5))
    ]
    partner.is_billed(month_of(both))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.has_customer("C-2", BETA.tenant_id)
    partner.price("markup", "20")
    return partner


def warnings(partner: Partner, code: str, *options: str) -> list[dict[str, Any]]:
    answer = partner.run("prices", "check", "--json", *options)
    assert answer.status == 0, answer.prose
    return [warning for warning in answer.json["warnings"] if warning["code"] == code]


def newest_set(partner: Partner) -> int:
    return int(partner.run("changes", "list", "--json").json[0]["no"])


# ---- below cost


def test_a_price_below_the_cost_of_the_newest_month(october: Partner) -> None:
    october.month("2025-10")
    assert warnings(october, "price_below_cost") == []
    # 10 seats x 11.50 = 115.00 for what costs 120.00
    october.price("fixed", "11.50", "C-1", product_id=SUITE.product_id)
    (warning,) = warnings(october, "price_below_cost")
    assert (warning["organisation"], warning["amount"], warning["currency"]) == ("C-1", "120.00", "EUR")
    assert "115.00 for what costs 120.00 EUR in 2025-10" in warning["text"]
    (rule,) = october.run("prices", "list", "--organisation", "C-1", "--json").json
    assert warning["rules"] == [rule["rule"]]


def test_a_dry_run_warns_before_anything_is_saved(october: Partner) -> None:
    october.month("2025-10")
    path = october.folder / "cheap.csv"
    path.write_text("organisation,kind,value\n*,markup,-10\n", encoding="utf-8")
    report = october.run("import", "prices", str(path), "--dry-run", "--json").json
    below = [warning for warning in report["warnings"] if warning["code"] == "price_below_cost"]
    # each customer and product: 120.00 and 17.00 at cost
    assert [(warning["organisation"], warning["amount"]) for warning in below] == [
        ("C-1", "120.00"), ("C-1", "17.00"), ("C-2", "120.00"), ("C-2", "17.00"),
    ]  # fmt: skip
    assert warnings(october, "price_below_cost") == []


def test_only_rules_of_the_file_are_looked_at(october: Partner) -> None:
    october.price("fixed", "11.50", "C-1", product_id=SUITE.product_id)
    october.month("2025-10")
    path = october.folder / "other.csv"
    path.write_text(f"organisation,product_id,kind,value\nC-2,{SUITE.product_id},markup,1\n", encoding="utf-8")
    assert october.run("import", "prices", str(path), "--json").json["warnings"] == []
    assert len(warnings(october, "price_below_cost")) == 1


def test_credits_and_other_currencies_tell_nothing_about_a_price(partner: Partner) -> None:
    """A credit of 77.41 at 69.67 is no loss, and dollars are not compared with euros."""
    _, credit, _ = ten_to_fourteen()
    partner.is_billed(month_of([credit, consumed(ALPHA, "10.00", "5", currency="USD")]))
    partner.has_customer("C-1", ALPHA.tenant_id, currency="EUR")
    partner.rate("2025-01-01", "USD", "EUR", "0.5")
    partner.price("markup", "-10")
    assert partner.sync("2025-10").net("C-1") == "-65.17"  # -69.67 + 10.00 x 0.9 x 0.5
    assert warnings(partner, "price_below_cost") == []


def test_a_month_of_ones_choice(october: Partner) -> None:
    october.month("2025-10")
    october.price("markup", "-10")
    assert len(warnings(october, "price_below_cost", "--period", "2025-10")) == 4
    assert warnings(october, "price_below_cost", "--period", "2025-09") == []


# ---- used


def undone(partner: Partner, number: int, status: int) -> str:
    answer = partner.run("changes", "undo", str(number), "--why", "typed wrongly")
    assert answer.status == status, answer.prose
    return " ".join(answer.prose.split())


def test_a_price_can_be_taken_back_until_a_document_was_issued_with_it(
    october: Partner, with_books: list[LedgerInvoice]
) -> None:
    october.price("fixed", "15.00", "C-1", product_id=SUITE.product_id)
    used = newest_set(october)
    october.price("fixed", "16.00", "C-1", product_id="CFQ7TTC0NONE")
    unused = newest_set(october)
    assert october.sync("2025-10").net("C-1") == "170.40"  # 150.00 and 17.00 x 1.2
    # priced, but not issued: an open document is made anew
    assert "taken back" in undone(october, used, 0)
    assert october.sync("2025-10").net("C-1") == "164.40"  # 144.00 and 20.40
    assert "taken back" in undone(october, newest_set(october), 0)
    used = newest_set(october)
    assert october.sync("2025-10").net("C-1") == "170.40"
    assert october.run("push", "2025-10").status == 0
    assert len(with_books) == 2
    said = undone(october, used, 2)
    assert f"Change set {used} was used: 1 issued documents" in said
    assert "/2025-10/C-1/EUR/1" in said
    assert "connector rerate PERIOD" in said
    # of the same day, but no part was priced with it
    assert "taken back" in undone(october, unused, 0)


def test_a_reason_not_to_charge_counts_as_used(october: Partner, with_books: list[LedgerInvoice]) -> None:
    october.price("none", "", "C-1", product_id=MAIL.product_id, note="our gift")
    gift = newest_set(october)
    october.sync("2025-10")
    assert october.run("push", "2025-10").status == 0
    assert len(with_books) == 2
    assert "was used: 1 issued documents" in undone(october, gift, 2)


def test_other_decisions_count_as_used_once_a_document_was_issued_after_them(
    october: Partner, with_books: list[LedgerInvoice]
) -> None:
    october.rate("2025-01-01", "USD", "EUR", "0.9")
    before = newest_set(october)
    october.sync("2025-10")
    assert october.run("push", "2025-10").status == 0
    assert len(with_books) == 2
    october.rate("2025-02-01", "USD", "EUR", "0.8")
    after = newest_set(october)
    assert "was used: 2 issued documents" in undone(october, before, 2)
    assert "taken back" in undone(october, after, 0)
