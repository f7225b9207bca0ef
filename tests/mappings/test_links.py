"""Which organisation a tenant belongs to on a day, and which decision holds on a day."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.links import TenantLink, by_tenant, resolve
from mappings.pricelist import Rate, rate_on, valid_on

SEPTEMBER_30, OCTOBER_1 = date(2026, 9, 30), date(2026, 10, 1)

# tenant "moved" went from one customer to another; "left" ended; "always" has no dates
LINKS = by_tenant(
    [
        TenantLink("moved", "C-1", None, SEPTEMBER_30),
        TenantLink("left", "C-1", date(2026, 1, 1), SEPTEMBER_30),
        TenantLink("moved", "C-2", OCTOBER_1, None),
        TenantLink("always", "C-3", None, None),
    ]
)


@pytest.mark.parametrize(
    ("tenant", "day", "organisation"),
    [
        ("moved", SEPTEMBER_30, "C-1"),
        ("moved", OCTOBER_1, "C-2"),
        ("left", date(2025, 12, 31), None),
        ("left", date(2026, 1, 1), "C-1"),
        ("left", SEPTEMBER_30, "C-1"),
        ("left", OCTOBER_1, None),
        ("always", OCTOBER_1, "C-3"),
        ("unheard of", OCTOBER_1, None),
        # a line without any day: only a tenant that never moved can be told
        ("always", None, "C-3"),
        ("left", None, "C-1"),
        ("moved", None, None),
        ("unheard of", None, None),
    ],
)
def test_a_tenant_belongs_to_whom_the_link_of_the_day_says(
    tenant: str, day: date | None, organisation: str | None
) -> None:
    assert resolve(tenant, day, LINKS) == organisation


@pytest.mark.parametrize(
    ("first", "last", "day", "holds"),
    [
        # both ends inclusive (interfaces.md 5.4)
        (OCTOBER_1, date(2026, 10, 31), OCTOBER_1, True),
        (OCTOBER_1, date(2026, 10, 31), date(2026, 10, 31), True),
        (OCTOBER_1, date(2026, 10, 31), SEPTEMBER_30, False),
        (OCTOBER_1, date(2026, 10, 31), date(2026, 11, 1), False),
        (OCTOBER_1, None, date(2099, 1, 1), True),
        (OCTOBER_1, None, SEPTEMBER_30, False),
        (None, SEPTEMBER_30, date(2000, 1, 1), True),
        (None, SEPTEMBER_30, OCTOBER_1, False),
        (None, None, OCTOBER_1, True),
        # a line without a day meets only what has no dates
        (None, None, None, True),
        (OCTOBER_1, None, None, False),
        (None, OCTOBER_1, None, False),
    ],
)
def test_both_ends_of_a_validity_are_inclusive(
    first: date | None, last: date | None, day: date | None, holds: bool
) -> None:
    assert valid_on(first, last, day) is holds


# -- exchange rates (interfaces.md 5.6) ------------------------------------------------------------------------

RATES = {
    ("USD", "EUR"): [
        Rate(date(2026, 10, 20), "USD", "EUR", Decimal("0.93")),
        Rate(date(2026, 9, 1), "USD", "EUR", Decimal("0.90")),
        Rate(date(2026, 10, 8), "USD", "EUR", Decimal("0.92")),
    ]
}


@pytest.mark.parametrize(
    ("day", "rate"),
    [
        (date(2026, 8, 31), None),
        (date(2026, 9, 1), "0.90"),
        (date(2026, 10, 7), "0.90"),
        (date(2026, 10, 8), "0.92"),
        (date(2026, 12, 31), "0.93"),
    ],
)
def test_the_latest_rate_dated_on_or_before_the_day(day: date, rate: str | None) -> None:
    found = rate_on(RATES, "USD", "EUR", day)
    assert (None if found is None else str(found.rate)) == rate


def test_a_rate_is_never_turned_round() -> None:
    assert rate_on(RATES, "EUR", "USD", date(2026, 12, 31)) is None
    assert rate_on({}, "USD", "EUR", date(2026, 12, 31)) is None


@given(st.lists(st.dates(OCTOBER_1, date(2026, 12, 31)), unique=True), st.dates(SEPTEMBER_30, date(2027, 1, 5)))
def test_no_rate_between_the_one_taken_and_the_day(days: list[date], day: date) -> None:
    found = rate_on({("USD", "EUR"): [Rate(each, "USD", "EUR", Decimal(1)) for each in days]}, "USD", "EUR", day)
    taken = found.day if found else SEPTEMBER_30 - timedelta(days=1)
    assert not [each for each in days if taken < each <= day]
    assert taken <= day
