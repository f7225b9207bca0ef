"""Unbilled lines: what their blank BillingFrequency is taken for (decision 0016)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connector.domain.lines import ReconciliationLine
from connector.domain.period import BillingPeriod
from connector.domain.unbilled import BilledBefore, completed, known_until, unbilled_period

SUITE, SKU = "CFQ7TTC0LDPB", "0001"


def line(**changes: Any) -> ReconciliationLine:
    """Ten seats for all of October, unbilled; the term began with the month."""
    names = ("id", "customer_name", "customer_domain", "product_name", "sku_name", "meter", "term_text", "reference_id")
    nothing: dict[str, Any] = {
        **dict.fromkeys((*names, "billing"), ""),
        **dict.fromkeys(("unit_price", "effective_unit_price", "order_date"), None),
    }
    made = ReconciliationLine(
        **nothing,
        invoice_id="unbilled",
        platform="new_commerce",
        kind="one_time",
        charge_type="new",
        tenant_id="tenant-1",
        subscription_id="sub-1",
        product_id=SUITE,
        sku_id=SKU,
        currency="EUR",
        subtotal=Decimal("120.00"),
        tax=Decimal(0),
        billable_quantity=Decimal(10),
        charge_start=date(2025, 10, 1),
        charge_end=date(2025, 10, 31),
        subscription_start=date(2025, 10, 1),
        subscription_end=date(2026, 9, 30),
    )
    return replace(made, **changes)


def before(billing: str, product: str = SUITE) -> dict[str, list[BilledBefore]]:
    term = (date(2025, 1, 15), date(2026, 1, 14))
    return {"sub-1": [BilledBefore(product, SKU, billing, "One-Year commitment", *term)]}


YEAR: dict[str, Any] = {"charge_end": date(2026, 9, 30)}
REST: dict[str, Any] = {"charge_type": "addQuantity", "kind": "proration", "charge_start": date(2025, 10, 12)}


@pytest.mark.parametrize(
    ("changes", "billed", "expected"),
    [
        # nothing is known but the line
        ({}, {}, ("Monthly", "advance")),
        (YEAR, {}, ("Annual", "advance")),
        ({"charge_end": date(2028, 9, 30)}, {}, ("Triennial", "advance")),
        ({"charge_end": date(2025, 10, 1)}, {}, ("", "one_time")),
        ({"subscription_start": None}, {}, ("", "one_time")),
        ({**YEAR, "reservation_order_id": "r-1"}, {}, ("", "one_time")),
        ({"qualifiers": "Trial"}, before("Monthly"), ("", "one_time")),
        (REST, {}, ("Monthly", "proration")),
        ({**REST, **YEAR}, {}, ("Annual", "proration")),
        # the subscription was billed before
        (REST, before("Annual"), ("Annual", "proration")),
        (REST, before("Annual", "ANOTHER"), ("Annual", "proration")),
        # a trial and its conversion are billed without a frequency, and go on by month
        (REST, before(""), ("Monthly", "proration")),
        ({"charge_type": "renew"}, before(""), ("Monthly", "advance")),
        ({"term_text": "One-Month commitment for trial"}, {}, ("", "one_time")),
        ({"charge_type": "renew"}, before("Monthly"), ("Monthly", "advance")),
        # and goes on under another plan
        ({"charge_type": "renew", **YEAR}, before("Monthly"), ("Annual", "advance")),
        ({"charge_type": "cycleCharge"}, before("Annual"), ("Monthly", "advance")),
        ({"charge_type": "changeBillingPlan"}, before("Annual"), ("Monthly", "advance")),
        # of no interest
        ({"kind": "usage", "meter": "D2 v3"}, before("Monthly"), ("", "usage")),
        ({"kind": "credit", "charge_type": "customerCredit"}, before("Monthly"), ("", "credit")),
        ({**REST, "billing": "Annual"}, before("Monthly"), ("Annual", "proration")),
        ({"billing": "Annual", "kind": "advance"}, before("Monthly"), ("Annual", "advance")),
    ],
)
def test_what_the_invoice_will_say(
    changes: dict[str, Any], billed: dict[str, list[BilledBefore]], expected: tuple[str, str]
) -> None:
    (made,) = completed([line(**changes)], billed)
    assert (made.billing, made.kind) == expected


def test_a_change_is_as_its_purchase_on_the_same_export() -> None:
    """Bought for a year and changed on the first day's morrow: the rest of 20 days is a year's rest."""
    rest = line(**REST)
    _, change = completed([line(**YEAR), rest], {})
    assert change.billing == "Annual"
    other = completed([line(**YEAR, subscription_id="sub-2"), rest], {})[1]
    assert other.billing == "Monthly", "of another subscription it says nothing"


def test_a_change_goes_with_the_whole_cycle_beside_it() -> None:
    """Billed by the year until now, renewed by the month, and changed at once."""
    rest = line(**REST)
    for charge_type in ("renew", "cycleCharge", "changeBillingPlan"):
        whole = line(charge_type=charge_type)
        assert completed([rest, whole], before("Annual"))[0].billing == "Monthly"
    assert completed([rest, line(charge_type="new")], before("Annual"))[0].billing == "Annual", (
        "it may be a part of one"
    )
    other = replace(whole, charge_end=date(2025, 10, 20))
    assert completed([rest, other], before("Annual"))[0].billing == "Annual", "of another cycle it says nothing"
    assert completed([rest, replace(whole, product_id="ANOTHER")], before("Annual"))[0].billing == "Annual"


def test_of_two_products_of_a_subscription_each_is_as_it_was_billed() -> None:
    billed = {"sub-1": [*before("Monthly", "ANOTHER")["sub-1"], *before("Annual", SUITE.lower())["sub-1"]]}
    assert completed([line(**REST)], billed)[0].billing == "Annual"


def test_missing_dates_of_the_term_come_from_the_last_invoice() -> None:
    (made,) = completed([line(**REST, subscription_start=None, subscription_end=None)], before("Monthly"))
    assert (made.subscription_start, made.subscription_end) == (date(2025, 1, 15), date(2026, 1, 14))
    assert made.term_text == "One-Year commitment"
    (kept,) = completed([line(**REST, term_text="One-Month")], before("Monthly"))
    assert (kept.subscription_start, kept.term_text) == (date(2025, 10, 1), "One-Month")


def test_which_month_microsoft_calls_current() -> None:
    october = date(2025, 10, 3)
    names = {
        str(period): unbilled_period(period, october) for period in (BillingPeriod(2025, m) for m in (8, 9, 10, 11))
    }
    assert names == {"2025-08": None, "2025-09": "last", "2025-10": "current", "2025-11": None}
    assert known_until(BillingPeriod(2025, 10), date(2025, 10, 20)) == date(2025, 10, 18), (
        "lines may be a day or more late"
    )
    assert known_until(BillingPeriod(2025, 10), date(2025, 11, 5)) == date(2025, 10, 31)
