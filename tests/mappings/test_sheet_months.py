"""Which month's price sheet speaks for which day: a law over sheets that arrive in any order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from mappings.sheet_months import Span, rewritten, window_of

MONTHS = ("2025-09", "2025-10", "2025-11", "2025-12")
FIRST = date(2025, 8, 20)
#: the days that are looked at: all of the months and some around them
DAYS = [FIRST + timedelta(days=n) for n in range(150)]
Stated = Sequence[tuple[date, date, int]]


@st.composite
def stated(draw: st.DrawFn) -> Stated:
    """What a sheet says of one product: spans one after the other, with gaps, perhaps open at both ends."""
    cuts = sorted(draw(st.sets(st.sampled_from(DAYS), max_size=5)))
    ends = [date.min, *cuts, date.max]
    spans = []
    for index in range(len(ends) - 1):
        last = ends[index + 1] if ends[index + 1] == date.max else ends[index + 1] - timedelta(days=1)
        if draw(st.booleans()):
            spans.append((ends[index], last, draw(st.integers(1, 3))))
    return spans


def price_on(day: date, spans: Stated) -> int | None:
    return next((price for first, last, price in spans if first <= day <= last), None)


def expected(day: date, sheets: Mapping[str, Stated]) -> int | None:
    """The sheet of the day's month, else of the month before it that is known, else the earliest one that is."""
    month = f"{day:%Y-%m}"
    earlier = [known for known in sheets if known <= month]
    return price_on(day, sheets[max(earlier) if earlier else min(sheets)])


@given(
    st.lists(st.tuples(st.sampled_from(MONTHS), stated()), min_size=1, max_size=6),
)
def test_every_day_has_the_price_of_the_sheet_that_speaks_for_it(arrivals: list[tuple[str, Stated]]) -> None:
    """In whatever order months come, also again with other prices; nothing else of the past ever changes."""
    held: list[Span] = []
    sheets: dict[str, Stated] = {}
    for month, spans in arrivals:
        window = window_of(month, sheets)
        new = [Span(first, last, Decimal(price), month) for first, last, price in spans]
        held = rewritten(held, new, window)
        sheets[month] = spans
        for day in DAYS:
            found = [span for span in held if span.first <= day <= span.last]
            assert [int(span.price) for span in found] == [p for p in [expected(day, sheets)] if p is not None]
        assert rewritten(held, new, window_of(month, sheets)) == held, "the same sheet again changes nothing"


def test_a_price_that_ends_during_the_first_day_of_a_window_yields_to_the_next() -> None:
    november = date(2025, 11, 1)
    sheet = [
        Span(date.min, november, Decimal(1), "2025-11"),
        Span(november, date.max, Decimal(2), "2025-11"),
    ]
    held = [Span(date.min, date.max, Decimal(3), "2025-10")]
    after = rewritten(held, sheet, window_of("2025-11", ["2025-10"]))
    assert [(span.first, int(span.price)) for span in after] == [(date.min, 3), (november, 2)]
