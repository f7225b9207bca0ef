"""Special offers and subscription prices, also in the middle of a charge cycle (interfaces.md 5.4)."""

from __future__ import annotations

import pytest

from tests.months.billed import ALPHA, SUITE, month_of, months_of, seats, ten_to_fourteen
from tests.months.partner import Partner


@pytest.fixture
def alpha(partner: Partner) -> Partner:
    """One customer at cost plus 20 %."""
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.price("markup", "20")
    return partner


def offered(partner: Partner, first: str, last: str, price: str = "10.00") -> None:
    partner.price("fixed", price, "C-1", product_id=SUITE.product_id, valid_from=first, valid_to=last, offer="yes")


def two_months() -> dict[str, object]:
    """Ten seats from the 10th of each month, in October and in November."""
    cycles = [seats(begin=f"2025-{month}-10", bought="2025-10-10") for month in (10, 11)]
    months = [("2025-10", cycles[0]), ("2025-11", cycles[1])]
    return months_of(*(month_of([cycle.charge("cycleCharge", 10)], period) for period, cycle in months))


def test_an_offer_that_begins_inside_a_cycle_applies_from_the_next_one(alpha: Partner) -> None:
    """The offer begins on the 25th: the cycle of 10 October began before it, the one of 10 November after."""
    alpha.is_billed(two_months())
    offered(alpha, "2025-10-25", "2026-03-31")
    assert alpha.month("2025-10").net("C-1") == "144.00"
    assert alpha.month("2025-11").net("C-1") == "100.00"


@pytest.mark.parametrize(
    ("first", "last", "net"),
    [
        ("2025-10-10", "2025-10-10", "100.00"),  # one day, and it is the one that counts
        ("2025-10-01", "2025-10-10", "100.00"),  # the last day is still a day of the offer
        ("2025-10-01", "2025-10-09", "144.00"),
        ("2025-10-11", "2025-12-31", "144.00"),
    ],
)
def test_both_ends_of_an_offer_count(alpha: Partner, first: str, last: str, net: str) -> None:
    alpha.is_billed(two_months())
    offered(alpha, first, last)
    assert alpha.month("2025-10").net("C-1") == net


@pytest.mark.parametrize(("first", "advance", "change"), [
    # 10 x 12.00 x 1.2; 77.41 x 1.2 = 92.892 and 108.38 x 1.2 = 130.056 for 20 of 31 days
    ("2025-10-05", "144.00", ["-92.89", "130.06"]),
    # 10 seats at 10.00; 20/31 of 100.00 = 64.516 back and of 140.00 = 90.322 charged
    ("2025-10-01", "100.00", ["-64.52", "90.32"]),
])  # fmt: skip
def test_a_credit_and_its_charge_meet_the_same_price(
    alpha: Partner, first: str, advance: str, change: list[str]
) -> None:
    """On the 12th seats go from 10 to 14. An offer from the 5th on does not touch a cycle that began on the 1st:
    neither what was paid nor what is given back."""
    alpha.is_billed(month_of(ten_to_fourteen()))
    offered(alpha, first, "2025-12-31")
    month = alpha.month("2025-10")
    assert month.line("C-1", kind="advance")["amount"] == advance
    assert month.amounts(month.line("C-1", kind="proration")) == change


def test_seats_added_after_the_end_of_an_offer_still_belong_to_its_cycle(alpha: Partner) -> None:
    """The offer ends on the 11th, the change comes on the 12th: the cycle began on the 1st, inside the offer."""
    alpha.is_billed(month_of(ten_to_fourteen()))
    offered(alpha, "2025-10-01", "2025-10-11")
    month = alpha.month("2025-10")
    assert month.amounts(month.line("C-1", kind="proration")) == ["-64.52", "90.32"]


@pytest.mark.parametrize(("last", "october", "november"), [
    ("2025-11-09", "90.00", "144.00"),
    ("2025-11-10", "90.00", "90.00"),
])  # fmt: skip
def test_a_subscription_price_ends_on_its_date(alpha: Partner, last: str, october: str, november: str) -> None:
    alpha.is_billed(two_months())
    held = seats(begin="2025-10-10").subscription_id
    alpha.price("fixed", "9.00", "C-1", subscription_id=held, valid_to=last)
    # dearer than the offer would be cheaper: the subscription's price comes first all the same
    offered(alpha, "2025-10-01", "2025-10-31", price="8.00")
    assert alpha.month("2025-10").net("C-1") == october
    assert alpha.month("2025-11").net("C-1") == november


def test_the_explanation_names_the_offer_and_what_it_beat(alpha: Partner) -> None:
    alpha.is_billed(two_months())
    offered(alpha, "2025-10-10", "2025-10-31")
    month = alpha.month("2025-10")
    price = month.explain(month.line("C-1"))["price"]
    assert (price["level"], price["valid_from"], price["valid_to"]) == (
        "organisation_offer", "2025-10-10", "2025-10-31",
    )  # fmt: skip
    assert [lost["reason"] for lost in price["lost_to"]] == ["organisation offer comes before global"]
