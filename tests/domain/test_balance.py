"""The equality of a month, and findings merged by cause."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import pytest

from connector.domain.balance import Balance, Finding, Reason, merge
from connector.domain.period import PeriodState

# -- the equality (interfaces.md 5.12) -------------------------------------------------------------------------


def balance(vendor: str | None, invoiced: str, unmatched: str = "0", not_charged: str = "0", *reasons: str) -> Balance:
    items = tuple(Reason("adjustment", Decimal(amount), "on the invoice only") for amount in reasons)
    total = None if vendor is None else Decimal(vendor)
    return Balance("EUR", total, Decimal(invoiced), Decimal(unmatched), Decimal(not_charged), items)


@pytest.mark.parametrize(
    ("sums", "difference", "state"),
    [
        (balance("100.00", "100.00"), "0", PeriodState.BALANCED),
        (balance("100.00", "80.00", "0", "20.00"), "0", PeriodState.BALANCED),
        (balance("0.00", "0.00"), "0", PeriodState.BALANCED),
        (balance("-5.00", "-5.00"), "0", PeriodState.BALANCED),
        # only unmatched is not 0.00, whatever its sign
        (balance("100.00", "70.00", "10.00", "20.00"), "0", PeriodState.UNMATCHED),
        (balance("100.00", "110.00", "-10.00"), "0", PeriodState.UNMATCHED),
        # a cent too much or too little is never tolerated
        (balance("100.00", "99.99"), "0.01", PeriodState.UNBALANCED),
        (balance("100.00", "100.01"), "-0.01", PeriodState.UNBALANCED),
        (balance("100.00", "70.00", "10.00"), "20.00", PeriodState.UNBALANCED),
        # a difference that is fully itemised balances, a part of it does not
        (balance("100.00", "97.00", "0", "0", "2.00", "1.00"), "3.00", PeriodState.BALANCED),
        (balance("100.00", "97.00", "0", "0", "2.00"), "3.00", PeriodState.UNBALANCED),
        (balance("100.00", "95.00", "2.00", "0", "3.00"), "3.00", PeriodState.UNMATCHED),
        (balance("100.00", "100.00", "0", "0", "3.00"), "0", PeriodState.UNBALANCED),
        # nothing to check against is never green
        (balance(None, "0"), "0", PeriodState.NOT_CHECKED),
        (balance(None, "100.00", "5.00"), "0", PeriodState.NOT_CHECKED),
    ],
)
def test_the_state_follows_from_the_sums(sums: Balance, difference: str, state: PeriodState) -> None:
    assert (sums.difference, sums.state) == (Decimal(difference), state)


# -- findings --------------------------------------------------------------------------------------------------


def finding(amount: str = "0", where: str = "", **changes: str) -> Finding:
    told = {
        "code": "price_missing",
        "severity": "error",
        "text": "No price",
        "action": "Add one",
        "currency": "EUR",
        "organisation": "C-1",
        "cause": "CFQ1",
        **changes,
    }
    return Finding(amount=Decimal(amount), where=where, **told)  # type: ignore[arg-type]


def test_one_finding_per_cause_with_the_sum_of_its_money() -> None:
    merged = merge([finding("10.00", "l_1"), finding("2.50", "l_2", text="another wording"), finding("-0.50", "l_1")])
    assert merged == [finding("12.00", "l_1, l_2")]


@pytest.mark.parametrize(
    "other", [{"code": "rate_missing"}, {"cause": "CFQ2"}, {"currency": "USD"}, {"organisation": "C-2"}]
)
def test_other_causes_currencies_and_customers_stay_apart(other: dict[str, str]) -> None:
    two = [finding("1"), finding("2", **other)]
    assert sorted(merge(two), key=lambda each: each.amount) == two


def test_three_places_are_named_and_the_others_counted() -> None:
    places = [finding("1", f"l_{number}") for number in range(1, 6)]
    assert merge(places[:3])[0].where == "l_1, l_2, l_3"
    assert merge(places[:4])[0].where == "l_1, l_2, l_3 and 1 more"
    assert merge(places)[0].where == "l_1, l_2, l_3 and 2 more"
    assert merge([finding("1"), finding("1", "l_9")])[0].where == "l_9"


def test_errors_come_first_then_the_larger_money_whatever_the_order_they_came_in() -> None:
    wanted = [
        finding("1.00", severity="error", cause="a"),
        finding("-500.00", severity="warning", cause="b"),
        finding("20.00", severity="warning", cause="c"),
        finding("20.00", severity="warning", cause="c", currency="USD"),
        finding("20.00", severity="warning", cause="d"),
        finding("20.00", severity="warning", cause="a", code="rate_missing"),
        finding("900.00", severity="info", cause="e"),
    ]
    for shuffled in list(permutations(wanted))[::97]:
        assert merge(shuffled) == wanted


def test_no_findings() -> None:
    assert merge([]) == []
