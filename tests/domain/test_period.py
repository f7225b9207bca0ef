"""Billing periods, the states they can be in, and the period a vendor invoice belongs to."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.period import BillingPeriod, PeriodState, needs_attention, period_of_invoice, worst

# interfaces.md section 8, "State of a period"
FROM_THE_WORST = ["incomplete", "not_checked", "unbalanced", "unmatched", "balanced", "pushed", "closed"]


def test_states_stand_in_the_published_order() -> None:
    assert [state.value for state in PeriodState] == FROM_THE_WORST


@given(st.lists(st.sampled_from(list(PeriodState)), min_size=1))
def test_a_period_is_in_the_worst_state_of_its_parts(states: list[PeriodState]) -> None:
    found = worst(states)
    assert found in states
    assert all(FROM_THE_WORST.index(found) <= FROM_THE_WORST.index(state) for state in states)


def test_nothing_to_look_at_is_not_checked() -> None:
    assert worst([]) == PeriodState.NOT_CHECKED


def test_everything_worse_than_balanced_needs_a_person() -> None:
    assert [state.value for state in PeriodState if needs_attention(state)] == FROM_THE_WORST[:4]


@pytest.mark.parametrize(
    ("period", "before", "after", "first", "last"),
    [
        ("2026-10", "2026-09", "2026-11", "2026-10-01", "2026-10-31"),
        ("2026-01", "2025-12", "2026-02", "2026-01-01", "2026-01-31"),
        ("2026-12", "2026-11", "2027-01", "2026-12-01", "2026-12-31"),
        ("2026-11", "2026-10", "2026-12", "2026-11-01", "2026-11-30"),
        ("2026-02", "2026-01", "2026-03", "2026-02-01", "2026-02-28"),
        ("2028-02", "2028-01", "2028-03", "2028-02-01", "2028-02-29"),
    ],
)
def test_a_period_and_its_neighbours(period: str, before: str, after: str, first: str, last: str) -> None:
    month = BillingPeriod.parse(f" {period}\n")
    assert (str(month), str(month.before()), str(month.after())) == (period, before, after)
    assert (month.first_day().isoformat(), month.last_day().isoformat()) == (first, last)
    assert BillingPeriod.of(month.last_day()) == month


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-00", "2026-1", "26-10", "2026/10", "2026-10-01", "oct"])
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        BillingPeriod.parse(text)
    assert str(refused.value) == f"{text!r} is not a period: write a month as YYYY-MM, for example 2026-10"


@given(st.dates(date(2000, 2, 1), date(2100, 1, 1)))
def test_the_month_before_ends_the_day_before_a_month_begins(day: date) -> None:
    month = BillingPeriod.of(day)
    assert month.first_day() <= day <= month.last_day()
    assert month.before().last_day().toordinal() + 1 == month.first_day().toordinal()
    assert month.before().after() == month
    assert month.before() < month < month.after()


@pytest.mark.parametrize(
    ("platform", "made", "covers_from", "period"),
    [
        # interfaces.md, opening: the month the new commerce invoice covers
        ("new_commerce", "2026-11-08", "2026-10-01", "2026-10"),
        ("new_commerce", "2026-11-08", "2026-09-01", "2026-09"),
        # it appears between the 6th and the 8th of the following month
        ("new_commerce", "2026-11-08", "", "2026-10"),
        ("new_commerce", "2026-01-06", "", "2025-12"),
        # ... or of the legacy invoice's date, whatever it covers
        ("legacy", "2026-11-08", "", "2026-11"),
        ("legacy", "2026-11-08", "2026-10-01", "2026-11"),
    ],
)
def test_the_period_of_an_invoice(platform: str, made: str, covers_from: str, period: str) -> None:
    covered = date.fromisoformat(covers_from) if covers_from else None
    assert str(period_of_invoice(platform, date.fromisoformat(made), covered)) == period  # type: ignore[arg-type]
