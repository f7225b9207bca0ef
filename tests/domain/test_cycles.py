"""Charge cycles of interfaces.md 5.3: old-style licences, lengths, terms. Microsoft's table is in tests/months."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.cycles import (
    add_months,
    add_months_from_end,
    months_of,
    subscription_facts,
    term_of,
)
from tests.domain.values import day, legacy_line, line, span_of

# -- steps of months -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "months", "clipped", "from_end"),
    [
        ("2021-01-30", 1, "2021-02-28", "2021-02-27"),
        ("2021-01-31", 1, "2021-02-28", "2021-02-28"),
        ("2024-01-31", 1, "2024-02-29", "2024-02-29"),
        ("2024-02-29", 12, "2025-02-28", "2025-02-28"),
        ("2025-02-28", 1, "2025-03-28", "2025-03-31"),
        ("2021-11-30", 1, "2021-12-30", "2021-12-31"),
        ("2021-12-15", 1, "2022-01-15", "2022-01-15"),
        ("2022-01-15", -1, "2021-12-15", "2021-12-15"),
        ("2021-12-15", 12, "2022-12-15", "2022-12-15"),
        ("2022-12-15", -12, "2021-12-15", "2021-12-15"),
        ("2021-05-31", 36, "2024-05-31", "2024-05-31"),
        ("2021-05-07", 0, "2021-05-07", "2021-05-07"),
        ("2021-05-07", 1, "2021-06-07", "2021-06-06"),
    ],
)
def test_months_later_by_day_and_by_distance_from_the_end(start: str, months: int, clipped: str, from_end: str) -> None:
    assert add_months(date.fromisoformat(start), months) == day(clipped)
    assert add_months_from_end(date.fromisoformat(start), months) == day(from_end)


@pytest.mark.parametrize(
    ("billing", "months"),
    [
        ("Monthly", 1),
        ("MONTHLY", 1),
        ("", 1),
        ("Annual", 12),
        ("ANNUAL", 12),
        ("Yearly", 12),
        ("1 Year", 12),
        ("Monthly, Annual", 1),
        ("Triennial", 36),
        ("TRIENNIAL", 36),
        ("Three Years", 36),
        ("Unknown", 1),
    ],
)
def test_the_length_of_a_cycle_in_months(billing: str, months: int) -> None:
    assert months_of(billing) == months


# -- old-style licences: the month between two anniversaries that holds the first charged day -------------------


@pytest.mark.parametrize(
    ("bought", "billing", "start", "end", "begin", "finish", "share"),
    [
        # a whole month, and a part of one
        ("2019-01-15", "Monthly", "2019-03-15", "2019-04-14", "2019-03-15", "2019-04-14", "1"),
        ("2019-01-15", "Monthly", "2019-03-20", "2019-04-14", "2019-03-15", "2019-04-14", "26/31"),
        ("2019-01-15", "Monthly", "2019-04-01", "2019-04-14", "2019-03-15", "2019-04-14", "14/31"),
        ("2019-01-15", "Monthly", "2019-01-15", "2019-02-14", "2019-01-15", "2019-02-14", "1"),
        # the day before an anniversary is still the old cycle's
        ("2019-01-15", "Monthly", "2019-04-14", "2019-04-14", "2019-03-15", "2019-04-14", "1/31"),
        ("2019-01-15", "Monthly", "2019-12-20", "2020-01-14", "2019-12-15", "2020-01-14", "26/31"),
        # a year
        ("2019-01-15", "Annual", "2019-07-02", "2020-01-14", "2019-01-15", "2020-01-14", "197/365"),
        ("2019-01-15", "Annual", "2021-01-14", "2021-01-14", "2020-01-15", "2021-01-14", "1/366"),
        ("2019-01-15", "Annual", "2021-01-15", "2022-01-14", "2021-01-15", "2022-01-14", "1"),
        # anniversaries clipped to the month's last day
        ("2019-01-31", "Monthly", "2019-02-28", "2019-03-30", "2019-02-28", "2019-03-30", "1"),
        ("2019-01-31", "Monthly", "2019-02-27", "2019-02-27", "2019-01-31", "2019-02-27", "1/28"),
        ("2020-02-29", "Annual", "2021-02-28", "2022-02-27", "2021-02-28", "2022-02-27", "1"),
        # a charge before the subscription began
        ("2019-01-15", "Monthly", "2019-01-10", "2019-01-14", "2018-12-15", "2019-01-14", "5/31"),
    ],
)
def test_an_old_style_licence(
    bought: str, billing: str, start: str, end: str, begin: str, finish: str, share: str
) -> None:
    span = span_of(legacy_line(subscription_start=bought, billing=billing, charge_start=start, charge_end=end))
    assert span.cycle is not None
    assert (span.cycle.begin, span.cycle.end) == (day(begin), day(finish))
    assert span.share == Fraction(share)
    assert span.day == day(begin)


def test_without_a_start_date_the_longest_period_of_the_subscription_that_holds_the_first_day_counts() -> None:
    def of(start: str, end: str, subscription: str = "sub-1") -> object:
        return legacy_line(subscription_start=None, charge_start=start, charge_end=end, subscription_id=subscription)

    whole, change = of("2019-03-01", "2019-03-31"), of("2019-03-20", "2019-03-31")
    others = [
        of("2019-03-20", "2019-03-25"),
        of("2019-04-01", "2019-05-31"),
        of("2019-03-01", "2019-04-30", "sub-2"),
        of("2019-01-01", "2019-03-19"),
    ]
    span = span_of(change, subscription_facts([whole, change, *others]))  # type: ignore[arg-type, list-item]
    assert span.cycle is not None and (span.cycle.begin, span.cycle.end) == (day("2019-03-01"), day("2019-03-31"))
    assert (span.days, span.share) == (12, Fraction(12, 31))
    alone = span_of(change)  # type: ignore[arg-type]
    assert alone.cycle is not None and alone.cycle.begin == day("2019-03-20") and alone.share == 1


@pytest.mark.parametrize(
    ("start", "end", "begin", "finish"),
    [
        # the first day, the last day, and the day after
        ("2019-03-01", "2019-03-02", "2019-03-01", "2019-03-31"),
        ("2019-03-31", "2019-03-31", "2019-03-01", "2019-03-31"),
        ("2019-04-01", "2019-04-02", "2019-04-01", "2019-04-02"),
        # two of 31 days hold it: the earlier
        ("2019-03-15", "2019-03-16", "2019-03-01", "2019-03-31"),
    ],
)
def test_a_period_holds_its_first_and_its_last_day(start: str, end: str, begin: str, finish: str) -> None:
    asked = legacy_line(subscription_start=None, charge_start=start, charge_end=end)
    spans = [("2019-03-01", "2019-03-31"), ("2019-03-10", "2019-04-09") if start == "2019-03-15" else (start, end)]
    lines = [legacy_line(subscription_start=None, charge_start=first, charge_end=last) for first, last in spans]
    for order in (lines, lines[::-1]):
        span = span_of(asked, subscription_facts(order))
        assert span.cycle is not None and (span.cycle.begin, span.cycle.end) == (day(begin), day(finish))


# -- what the other lines of a period tell ----------------------------------------------------------------------


def test_only_whole_cycles_of_seats_fix_the_beginning() -> None:
    whole = line(charge_type="cycleCharge", charge_start="2026-09-15", charge_end="2026-10-31")
    key = ("sub-1", day("2026-10-31"))
    assert subscription_facts([whole]).fixed == {key: day("2026-09-15")}
    nothing = [
        line(charge_type="new"),
        line(charge_type="cycleCharge", billing=""),
        line(charge_type="cycleCharge", kind="usage"),
        line(charge_type="cycleCharge", charge_start=None),
        line(charge_type="cycleCharge", charge_end=None),
        line(charge_type="cycleCharge", subscription_id=""),
    ]
    assert subscription_facts(nothing).fixed == {}
    # what tells nothing does not stop the reading of what follows
    assert subscription_facts([*nothing, whole]).fixed == {key: day("2026-09-15")}


def test_of_two_whole_cycles_that_contradict_each_other_the_longer_counts() -> None:
    """No share ever exceeds 1."""
    long = line(charge_type="renew", charge_start="2026-09-15", charge_end="2026-10-31")
    short = line(charge_type="cycleCharge", charge_start="2026-10-01", charge_end="2026-10-31")
    for order in ([long, short], [short, long]):
        facts = subscription_facts(order)
        assert span_of(short, facts).share == Fraction(31, 47)
        assert span_of(long, facts).share == 1


def test_charge_periods_of_licences_are_collected_by_subscription() -> None:
    one = legacy_line(charge_start="2019-03-01", charge_end="2019-03-31")
    two = legacy_line(charge_start="2019-02-01", charge_end="2019-02-28")
    other = legacy_line(subscription_id="sub-2")
    assert subscription_facts([one, two, one, other, line()]).spans == {
        "sub-1": ((day("2019-02-01"), day("2019-02-28")), (day("2019-03-01"), day("2019-03-31"))),
        "sub-2": ((day("2026-10-01"), day("2026-10-31")),),
    }


# -- lines without a cycle -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "usage"},
        {"kind": "one_time"},
        {"kind": "credit"},
        {"kind": "other"},
        {"billing": ""},
        {"billing": " "},
        {"charge_end": None},
        # ends before it begins: nobody can say what it covers
        {"charge_end": "2026-09-30"},
        {"platform": "legacy_usage", "kind": "usage"},
    ],
)
def test_a_line_without_a_cycle_has_share_one_on_its_own_first_day(changes: dict[str, object]) -> None:
    span = span_of(line(**changes))
    assert (span.cycle, span.days, span.share, span.day) == (None, None, 1, day("2026-10-01"))


def test_a_line_without_a_first_day_counts_from_its_order() -> None:
    ordered = datetime(2026, 10, 7, 23, 59, tzinfo=UTC)
    span = span_of(line(charge_start=None, order_date=ordered))
    assert (span.cycle, span.share, span.day) == (None, 1, day("2026-10-07"))
    assert span_of(line(charge_start=None, order_date=None)).day is None


def test_an_old_style_licence_needs_no_billing_frequency() -> None:
    span = span_of(legacy_line(billing="", subscription_start="2026-10-01", charge_start="2026-10-22"))
    assert span.share == Fraction(10, 31)


def test_a_single_day_is_a_day() -> None:
    span = span_of(line(kind="proration", charge_start="2026-10-31"))
    assert (span.days, span.share) == (1, Fraction(1, 31))
    assert span_of(line(charge_start="2026-10-31", charge_end="2026-10-31", subscription_start=None)).days == 1


@pytest.mark.parametrize(
    ("bought", "end", "begin"),
    [
        # by day of the month first: 29 March is the 29th, so the cycle began on the clipped 29 February
        ("2026-01-29", "2026-03-28", "2026-02-28"),
        ("2026-01-30", "2026-03-29", "2026-02-28"),
        # 29 April is one day from its month's end as 30 March and 30 January are
        ("2026-01-30", "2026-04-28", "2026-03-30"),
        ("2026-03-30", "2026-04-28", "2026-03-30"),
        ("2026-03-29", "2026-04-27", "2026-03-29"),
        # the 28th is counted by day of the month only: 27 April is coterminous, so one month before it
        ("2026-03-28", "2026-04-26", "2026-03-27"),
        # bought on the day after the end: no anniversary lies before it
        ("2026-11-01", "2026-10-31", "2026-10-01"),
        # bought later than that
        ("2026-12-01", "2026-10-31", "2026-10-01"),
    ],
)
def test_starts_late_in_the_month(bought: str, end: str, begin: str) -> None:
    span = span_of(line(kind="proration", subscription_start=bought, charge_start=end, charge_end=end))
    assert span.cycle is not None and span.cycle.begin == day(begin)


_DAYS = st.dates(date(2019, 1, 1), date(2027, 12, 31))


@given(bought=_DAYS, start=_DAYS, billing=st.sampled_from(["Monthly", "Annual"]))
def test_a_licence_is_always_charged_inside_the_cycle_that_holds_its_first_day(
    bought: date, start: date, billing: str
) -> None:
    span = span_of(legacy_line(subscription_start=bought, billing=billing, charge_start=start, charge_end=start))
    assert span.cycle is not None and span.cycle.begin <= start <= span.cycle.end
    assert span.cycle.days in ((28, 29, 30, 31) if billing == "Monthly" else (365, 366))


# -- terms -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "term"),
    [
        ("2026-10-01", "2026-10-01", "P1M"),
        ("2026-10-01", "2026-10-31", "P1M"),
        ("2026-10-01", "2026-11-01", "P1Y"),
        ("2026-10-01", "2027-09-30", "P1Y"),
        ("2027-10-01", "2028-09-30", "P1Y"),
        ("2027-10-01", "2028-10-01", "P3Y"),
        ("2026-10-01", "2029-09-30", "P3Y"),
        # 1096 days, and one more
        ("2026-10-01", "2029-10-01", ""),
        ("2025-10-01", "2028-09-30", "P3Y"),
        ("2025-10-01", "2028-10-01", ""),
        ("2026-10-01", "2026-09-30", ""),
    ],
)
def test_the_term_by_the_dates_of_the_subscription(start: str, end: str, term: str) -> None:
    assert term_of(line(subscription_start=start, subscription_end=end, term_text="One-Month")) == term


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("One-Month", "P1M"),
        ("1 Year", "P1Y"),
        ("Three-Year", "P3Y"),
        ("THREE YEARS, monthly", "P3Y"),
        ("one month commitment", "P1M"),
        ("3 Years", "P3Y"),
        ("1-month", "P1M"),
        ("Azure plan", ""),
        ("", ""),
        # no such term
        ("Three-Month", ""),
        ("13 years", ""),
        ("Two-Year", ""),
    ],
)
def test_the_term_by_its_words(text: str, term: str) -> None:
    assert term_of(line(subscription_start=None, term_text=text)) == term
    assert term_of(line(subscription_end=None, term_text=text)) == term


@pytest.mark.parametrize(
    ("changes", "how"),
    [
        ({}, "anniversary"),
        # a year's cycle that ends on an anniversary by month only, or on the day it was bought, or before
        ({"billing": "Annual"}, "period_before"),
        ({"subscription_start": "2026-11-01"}, "period_before"),
        ({"subscription_start": "2026-12-01"}, "period_before"),
        ({"subscription_start": None}, "period_before"),
        ({"subscription_start": "2026-10-05"}, "period_before"),
        ({"subscription_start": "2025-11-01", "billing": "Annual"}, "anniversary"),
        ({"subscription_start": "2026-01-30", "charge_start": "2026-04-20", "charge_end": "2026-04-28"}, "month_end"),
        ({"subscription_start": "2026-10-05", "charge_start": "2026-09-30"}, "earlier_start"),
        # to begin with the cycle is not to begin before it
        ({"charge_start": "2026-10-01"}, "anniversary"),
        ({"kind": "usage"}, None),
    ],
)
def test_how_the_beginning_of_a_cycle_was_found(changes: dict[str, object], how: str | None) -> None:
    usual = {"kind": "proration", "subscription_start": "2025-10-01", "charge_start": "2026-10-20"}
    assert span_of(line(**{**usual, **changes})).how == how


def test_how_is_told_for_whole_cycles_and_old_style_licences_too() -> None:
    whole = line(charge_type="renew")
    assert span_of(whole, subscription_facts([whole])).how == "whole_cycle"
    assert span_of(legacy_line()).how == "anniversary"
    assert span_of(legacy_line(subscription_start=None)).how == "longest_period"
