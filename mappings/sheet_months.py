"""Price sheets by month: which month's sheet speaks for which days, and what a sheet changes among list prices.

The sheet of a month speaks for the days from its first day until the next month whose sheet is known; the earliest
known sheet also for all days before. So a later sheet never rewrites what held on an earlier day, in whatever
order sheets arrive (docs/decisions/0015-price-sheets.md).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """A price on the days `first` to `last`, both inclusive (date.min and date.max: open), by a month's sheet."""

    first: date
    last: date
    price: Decimal
    month: str

    @property
    def said(self) -> tuple[date, date, Decimal]:
        """What the span says, whoever said it."""
        return (self.first, self.last, self.price)


@dataclass(frozen=True, slots=True)
class Window:
    """The days a sheet speaks for, both inclusive."""

    first: date
    last: date


def window_of(month: str, known: Collection[str]) -> Window:
    """The days that the sheet of `month` (YYYY-MM) speaks for, beside the months that are known.

    >>> window_of("2026-10", ["2026-08", "2026-12"])
    Window(first=datetime.date(2026, 10, 1), last=datetime.date(2026, 11, 30))
    >>> window_of("2026-10", ["2026-10"]) == Window(date.min, date.max)
    True
    """
    later = min((other for other in known if other > month), default="")
    first = first_day(month) if any(other < month for other in known) else date.min
    return Window(first, first_day(later) - _DAY if later else date.max)


def first_day(month: str) -> date:
    return date(int(month[:4]), int(month[5:]), 1)


def rewritten(held: Iterable[Span], stated: Iterable[Span], window: Window) -> list[Span]:
    """The prices of one product, plan and currency after a sheet has said what holds in its window.

    >>> ten, eleven = Decimal(10), Decimal(11)
    >>> held = [Span(date.min, date.max, ten, "2026-10")]
    >>> november = Window(date(2026, 11, 1), date.max)
    >>> after = rewritten(held, [Span(date(2026, 11, 1), date.max, eleven, "2026-11")], november)
    >>> [(str(span.first), str(span.last), str(span.price)) for span in after]
    [('0001-01-01', '2026-10-31', '10'), ('2026-11-01', '9999-12-31', '11')]
    """
    before: list[Span] = []
    after: list[Span] = []
    for span in held:
        if span.first < window.first:
            before.append(replace(span, last=min(span.last, window.first - _DAY)))
        if span.last > window.last:
            after.append(replace(span, first=max(span.first, window.last + _DAY)))
    inside = [
        replace(span, first=max(span.first, window.first), last=min(span.last, window.last))
        for span in stated
        if span.first <= window.last and span.last >= window.first
    ]
    return _one_a_day(_joined(_joined(before, inside), after))


def _one_a_day(spans: list[Span]) -> list[Span]:
    """Of spans that begin on one day the one that ends last: one day has one price. Cut at the border of a window
    a price that ended during that day would begin there beside the next one."""
    longest: dict[date, Span] = {}
    for span in spans:
        other = longest.setdefault(span.first, span)
        if span.last > other.last:
            longest[span.first] = span
    return list(longest.values())


def _joined(left: list[Span], right: list[Span]) -> list[Span]:
    """Both lists; a price that simply goes on across the border stays one span."""
    joined = list(left)
    for span in right:
        for index, one in enumerate(left):
            # compared from behind: the day after date.max does not exist
            if joined[index] is one and one.price == span.price and one.last == _before(span.first):
                joined[index] = replace(one, last=span.last)
                break
        else:
            joined.append(span)
    return joined


def _before(day: date) -> date | None:
    return None if day == date.min else day - _DAY
