"""Price rules: kinds, levels, dates, and the day that counts."""

from __future__ import annotations

import pytest

from tests.months.billed import (
    ALPHA,
    BETA,
    MACHINE,
    MAIL,
    SUITE,
    SUPER,
    consumed,
    day,
    month_of,
    months_of,
    seats,
    ten_to_fourteen,
)
from tests.months.partner import Partner

CHANGED = "2025-10-12"


@pytest.fixture
def alpha(partner: Partner) -> Partner:
    """One customer, 10 seats for October, 14 from the 12th: 120.00, -77.41 and 108.38 at cost."""
    partner.is_billed(month_of(ten_to_fourteen()))
    partner.has_customer("C-1", ALPHA.tenant_id)
    return partner


# ---- kinds


@pytest.mark.parametrize(
    ("kind", "value", "advance", "change"),
    [
        ("passthrough", "", "120.00", ["-77.41", "108.38"]),
        # 120.00 x 1.2; 77.41 x 1.2 = 92.892; 108.38 x 1.2 = 130.056
        ("markup", "20", "144.00", ["-92.89", "130.06"]),
        # 120.00 / 0.8; 77.41 / 0.8 = 96.7625; 108.38 / 0.8 = 135.475
        ("margin", "20", "150.00", ["-96.76", "135.48"]),
        ("markup", "-10", "108.00", ["-69.67", "97.54"]),
        # 20 of 31 days
        ("fixed", "20.90", "209.00", ["-134.84", "188.77"]),
        ("fixed", "0", "0.00", ["0.00", "0.00"]),
        # 10 seats at 12.00, 14 seats at 11.00 for the whole quantity
        ("tiered", "1:12.00;12:11.00", "120.00", ["-77.42", "99.35"]),
        ("tiered", "1:12.00;10:11.00;14:10.00", "110.00", ["-70.97", "90.32"]),
        # list price 15.00, so 13.50
        ("discount", "10", "135.00", ["-87.10", "121.94"]),
    ],
)
def test_every_kind_of_rule(alpha: Partner, kind: str, value: str, advance: str, change: list[str]) -> None:
    alpha.list_price(SUITE.product_id, SUITE.sku_id, "15.00")
    alpha.price(kind, value)
    month = alpha.month("2025-10")
    assert month.line("C-1", kind="advance")["amount"] == advance
    assert month.amounts(month.line("C-1", kind="proration")) == change
    assert month.state == "balanced"


def test_a_mark_up_and_a_margin_are_different(alpha: Partner) -> None:
    """product.md section 4: 20 % mark-up on 100 is 120; 20 % margin is 125."""
    hundred = {**seats().charge("cycleCharge", 10), "Subtotal": "100.00", "Total": "100.00"}
    alpha.is_billed(month_of([hundred]))
    alpha.price("markup", "20")
    assert alpha.month("2025-10").net("C-1") == "120.00"
    alpha.price("margin", "20", "C-1")
    assert alpha.month("2025-10").net("C-1") == "125.00"


@pytest.mark.parametrize(("cost", "amount"), [("0.05", "0.06"), ("-0.05", "-0.06"), ("0.04", "0.04")])
def test_half_a_cent_goes_away_from_zero(alpha: Partner, cost: str, amount: str) -> None:
    small = {**seats().charge("new", 1), "Subtotal": cost, "Total": cost}
    alpha.is_billed(month_of([small]))
    alpha.price("markup", "10")
    assert alpha.month("2025-10").net("C-1") == amount


def test_none_is_not_charged_and_says_why(alpha: Partner) -> None:
    alpha.is_billed(month_of([*ten_to_fourteen(), consumed(ALPHA, "21.39", "29")]))
    alpha.price("none", note="our own company, by decision of March")
    month = alpha.month("2025-10")
    assert month.documents == [] and month.state == "balanced"
    balance = month.balance()
    assert (balance["not_charged"], balance["invoiced_cost"]) == ("172.36", "0.00")
    assert "our own company, by decision of March" in month.text, "the reason is the rule's note (5.5)"


def test_a_discount_needs_the_list_price_of_its_day(alpha: Partner) -> None:
    alpha.price("discount", "10")
    alpha.list_price(SUITE.product_id, SUITE.sku_id, "15.00", valid_from="2025-10-02")
    month = alpha.month("2025-10", status=1)
    assert month.state == "unmatched" and month.balance()["unmatched"] == "150.97"
    assert sum(float(f["amount"]) for f in month.findings("list_price_missing")) == pytest.approx(150.97)
    assert all(f["severity"] == "error" for f in month.findings("list_price_missing"))
    alpha.list_price(SUITE.product_id, SUITE.sku_id, "14.00", valid_to="2025-10-01")
    month = alpha.month("2025-10")
    assert month.line("C-1", kind="advance")["amount"] == "126.00", "12.60 x 10 from the sheet of 1 October"


def test_a_list_price_in_another_currency_is_none(alpha: Partner) -> None:
    alpha.price("discount", "10")
    alpha.list_price(SUITE.product_id, SUITE.sku_id, "15.00", currency="USD")
    assert alpha.month("2025-10", status=1).state == "unmatched"


# ---- levels


def test_subscription_before_offer_before_price_before_global_offer_before_global(alpha: Partner) -> None:
    steps = (
        ("global", {}, "11.00", "110.00"),
        ("global_offer", {"offer": "yes"}, "10.50", "105.00"),
        ("organisation", {"organisation": "C-1"}, "14.00", "140.00"),
        ("organisation_offer", {"organisation": "C-1", "offer": "yes"}, "13.00", "130.00"),
        (
            "subscription",
            {"organisation": "C-1", "subscription_id": seats().subscription_id},
            "15.00",
            "150.00",
        ),
    )
    losers: list[str] = []
    for level, columns, price, amount in steps:
        alpha.price("fixed", price, **columns)
        month = alpha.month("2025-10")
        line = month.line("C-1", kind="advance")
        assert line["amount"] == amount, level
        told = month.explain(line)["price"]
        assert told["level"] == level
        assert [lost["level"] for lost in told["lost_to"]] == losers[::-1]
        losers.append(level)


def test_the_more_specific_rule_wins_inside_a_level(alpha: Partner) -> None:
    for columns, price in (
        ({}, "11.00"),
        ({"term": "P1Y"}, "12.00"),
        ({"product_id": SUITE.product_id, "sku_id": SUITE.sku_id}, "13.00"),
        ({"product_id": SUITE.product_id, "sku_id": SUITE.sku_id, "billing": "monthly"}, "14.00"),
        ({"product_id": SUITE.product_id, "sku_id": SUITE.sku_id, "billing": "MONTHLY", "term": "P1Y"}, "15.00"),
    ):
        alpha.price("fixed", price, **columns)
        assert alpha.month("2025-10").line("C-1", kind="advance")["unit_price"] == price
    # more general or not fitting: nothing changes
    alpha.price("fixed", "99.00", product_id=SUITE.product_id, term="P1M")
    alpha.price("fixed", "98.00", product_id=SUITE.product_id)
    assert alpha.month("2025-10").line("C-1", kind="advance")["unit_price"] == "15.00"


def test_a_specific_rule_of_a_lower_level_loses(alpha: Partner) -> None:
    alpha.price("fixed", "11.00", product_id=SUITE.product_id, sku_id=SUITE.sku_id, term="P1Y", billing="Monthly")
    alpha.price("markup", "20", "C-1")
    assert alpha.month("2025-10").line("C-1", kind="advance")["amount"] == "144.00"


def test_the_later_valid_from_then_the_later_import_wins(alpha: Partner) -> None:
    alpha.price("fixed", "11.00", valid_from="2025-06-01")
    alpha.price("fixed", "12.00", valid_from="2025-01-01")
    assert alpha.month("2025-10").line("C-1", kind="advance")["unit_price"] == "11.00"
    alpha.price("markup", "10", valid_from="2025-06-01")
    assert alpha.month("2025-10").line("C-1", kind="advance")["amount"] == "132.00"
    alpha.price("fixed", "10.00", valid_from="2025-06-01")
    month = alpha.month("2025-10")
    assert month.line("C-1", kind="advance")["amount"] == "100.00", "a new version of a row is imported later"
    assert month.explain(month.line("C-1", kind="advance"))["price"]["valid_from"] == "2025-06-01"


def test_of_two_rows_of_one_file_the_later_wins(alpha: Partner) -> None:
    alpha.prices(
        {"organisation": "*", "kind": "markup", "value": "20"},
        {"organisation": "*", "kind": "fixed", "value": "11.00", "currency": "EUR"},
    )
    assert alpha.month("2025-10").line("C-1", kind="advance")["amount"] == "110.00"


# ---- dates


def test_an_offer_that_begins_inside_a_cycle_applies_from_the_next_one(alpha: Partner) -> None:
    later = seats(begin="2025-11-01", bought="2025-10-01").charge("cycleCharge", 14)
    alpha.is_billed(months_of(month_of(ten_to_fourteen()), month_of([later], "2025-11")))
    alpha.price("fixed", "20.90", "C-1")
    alpha.price("fixed", "15.00", "C-1", offer="yes", valid_from="2025-10-10", valid_to="2025-12-31")
    october, november = alpha.month("2025-10"), alpha.month("2025-11")
    assert october.amounts(october.line("C-1", kind="proration")) == ["-134.84", "188.77"]
    assert november.net("C-1") == "210.00"


def test_an_offer_that_ends_inside_a_cycle_holds_to_its_end(alpha: Partner) -> None:
    alpha.price("fixed", "20.90", "C-1")
    alpha.price("fixed", "15.00", "C-1", offer="yes", valid_from="2025-09-01", valid_to="2025-10-01")
    month = alpha.month("2025-10")
    # both days of an offer are inclusive: the cycle begins on its last day
    assert month.amounts(month.line("C-1", kind="proration")) == ["-96.77", "135.48"]
    assert month.line("C-1", kind="advance")["amount"] == "150.00"


def test_a_price_that_ended_the_day_before_the_cycle_is_over(alpha: Partner) -> None:
    alpha.price("fixed", "20.90", "C-1")
    alpha.price("fixed", "15.00", "C-1", offer="yes", valid_to="2025-09-30")
    assert alpha.month("2025-10").line("C-1", kind="advance")["amount"] == "209.00"


def test_a_change_before_the_cycle_day_belongs_to_the_price_of_the_old_cycle(alpha: Partner) -> None:
    """The credit and the charge it reverses always meet the same price (5.4)."""
    held = seats(begin="2025-09-20", bought="2025-06-20")
    following = seats(begin="2025-10-20", bought="2025-06-20").charge("cycleCharge", 12)
    alpha.is_billed(month_of([*held.change("addQuantity", 10, 12, day("2025-10-05")), following]))
    alpha.price("fixed", "20.00", "C-1", valid_to="2025-09-30")
    alpha.price("fixed", "30.00", "C-1", valid_from="2025-10-01")
    month = alpha.month("2025-10")
    # 15 of 30 days at the old price, the next cycle at the new one
    assert month.amounts(month.line("C-1", kind="proration")) == ["-100.00", "120.00"]
    assert month.line("C-1", kind="advance")["amount"] == "360.00"


def test_a_tenant_that_changes_hands_inside_the_month(partner: Partner) -> None:
    """A line belongs to whom the tenant was linked on the first day of its cycle."""
    older = ten_to_fourteen(on="2025-10-25")
    younger = seats(ALPHA, MAIL, "2025-10-20").charge("cycleCharge", 10)
    partner.is_billed(month_of([*older, younger, consumed(ALPHA, "21.39", "29")]))
    partner.has_customer("C-1")
    partner.has_customer("C-2")
    partner.links(
        {"tenant_id": ALPHA.tenant_id, "organisation": "C-1", "valid_to": "2025-10-15"},
        {"tenant_id": ALPHA.tenant_id, "organisation": "C-2", "valid_from": "2025-10-16"},
    )
    partner.price("passthrough")
    month = partner.month("2025-10")
    assert {line["product_id"] for line in month.document("C-1")["lines"]} == {SUITE.product_id, MACHINE.product_id}
    assert month.net("C-2") == "34.00"


def test_a_gap_between_two_links_is_loud(partner: Partner) -> None:
    partner.is_billed(month_of(ten_to_fourteen()))
    partner.has_customer("C-1")
    partner.links(
        {"tenant_id": ALPHA.tenant_id, "organisation": "C-1", "valid_to": "2025-09-30"},
        {"tenant_id": ALPHA.tenant_id, "organisation": "C-1", "valid_from": "2025-10-02"},
    )
    partner.price("passthrough")
    assert partner.month("2025-10", status=1).finding("tenant_unlinked")["amount"] == "150.97"


# ---- kinds of lines


def test_a_fixed_price_for_everything_does_not_touch_usage(alpha: Partner) -> None:
    alpha.is_billed(month_of([*ten_to_fourteen(), consumed(ALPHA, "21.39", "29")]))
    alpha.price("markup", "10")
    alpha.price("fixed", "20.90", "C-1")
    month = alpha.month("2025-10")
    assert month.line("C-1", kind="usage")["amount"] == "23.53"
    assert month.line("C-1", kind="advance")["amount"] == "209.00"


def test_a_fixed_price_for_a_product_alone_does_not_touch_usage_either(alpha: Partner) -> None:
    alpha.is_billed(month_of([consumed(ALPHA, "21.39", "29")]))
    alpha.price("passthrough")
    alpha.price("fixed", "0.90", "C-1", product_id=MACHINE.product_id)
    assert alpha.month("2025-10").net("C-1") == "21.39"
    # naming the sku as well makes it a price per unit of BillableQuantity
    alpha.price("fixed", "0.90", "C-1", product_id=MACHINE.product_id, sku_id=MACHINE.sku_id)
    assert alpha.month("2025-10").net("C-1") == "26.10"


def test_an_unknown_charge_type_is_taken_by_amount_and_flagged(alpha: Partner) -> None:
    odd = {**seats().charge("new", 10), "ChargeType": "seatSurchargeAdjustment"}
    alpha.is_billed(month_of([odd]))
    alpha.price("markup", "10")
    alpha.price("fixed", "20.90", "C-1")
    month = alpha.month("2025-10")
    assert (month.line("C-1")["kind"], month.net("C-1")) == ("other", "132.00")
    assert month.finding("charge_type_unknown")["amount"] == "120.00"


def test_a_one_time_purchase_is_a_price_per_piece_whatever_its_days(alpha: Partner) -> None:
    piece = seats(ALPHA, SUPER, "2025-10-07").charge("new", 3, day("2025-10-20"))
    alpha.is_billed(month_of([{**piece, "BillingFrequency": "", "Subtotal": "61.80", "Total": "61.80"}]))
    alpha.price("fixed", "25.00", "C-1")
    line = alpha.month("2025-10").line("C-1")
    assert (line["kind"], line["quantity"], line["unit_price"], line["amount"]) == ("one_time", "3", "25.00", "75.00")


def test_the_sign_of_a_line_without_a_subtotal_is_its_effective_price(alpha: Partner) -> None:
    """5.5: sign of Subtotal, of EffectiveUnitPrice if that is 0."""
    taken_back = seats().charge("cancelImmediate", 10, day(CHANGED), sign=-1)
    alpha.is_billed(month_of([{**taken_back, "Subtotal": "0", "Total": "0"}]))
    alpha.price("fixed", "20.90", "C-1")
    month = alpha.month("2025-10")
    assert month.net("C-1") == "-134.84" and "free_line" not in month.codes


def test_a_price_below_cost_is_a_warning_and_nothing_is_held(alpha: Partner) -> None:
    alpha.price("fixed", "11.00", "C-1")
    month = alpha.month("2025-10")
    assert {f["severity"] for f in month.findings("price_below_cost")} == {"warning"}
    assert month.document("C-1")["posting"]["state"] != "held"


def test_two_customers_have_two_prices_for_one_product(partner: Partner) -> None:
    partner.is_billed(month_of([*ten_to_fourteen(), *ten_to_fourteen(seats(BETA))]))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.has_customer("C-2", BETA.tenant_id)
    partner.price("fixed", "18.00")
    partner.price("fixed", "20.90", "C-1")
    month = partner.month("2025-10")
    assert month.net("C-1") == "262.93"
    # 180.00 - 116.13 + 162.58
    assert month.net("C-2") == "226.45"
