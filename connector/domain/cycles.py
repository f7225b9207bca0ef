"""Charge cycles: when the cycle of a seat line began, how long it is, and which share of it a line charges.

The rule is interfaces.md section 5.3. Everything here is dates and exact fractions; no amounts.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Literal

from connector.domain.charges import fixes_cycle
from connector.domain.lines import ReconciliationLine

ONE = Fraction(1)
# From this day of the month on Microsoft also counts from the month's end (samples/nce-month-end-cycles.csv).
_LATE_DAY = 29


@dataclass(frozen=True, slots=True)
class Cycle:
    """A charge cycle, both days inclusive."""

    begin: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.begin).days + 1


# whole_cycle: a cycleCharge or renew line of the period says it; anniversary, month_end: counted from the
# subscription's start; period_before: one month or year before the end; earlier_start: the line begins before that;
# longest_period: of an old-style subscription without a start date.
How = Literal["whole_cycle", "anniversary", "month_end", "period_before", "earlier_start", "longest_period"]


@dataclass(frozen=True, slots=True)
class Charged:
    """What a line charges: `days` of `cycle`. Without a cycle the share is 1 and `day` is the charge's first day.

    `day` is the day that counts for rules, list prices and tenant links (interfaces.md 5.4). `how` says how the
    beginning of the cycle was found.
    """

    cycle: Cycle | None
    days: int | None
    day: date | None
    how: How | None = None

    @property
    def share(self) -> Fraction:
        if self.cycle is None or self.days is None:
            return ONE
        return Fraction(self.days, self.cycle.days)


@dataclass(frozen=True, slots=True)
class SubscriptionFacts:
    """What the other lines of a period tell about a subscription's cycles.

    `fixed`: (subscription, charge end) -> first day of the whole cycle that ends there.
    `spans`: subscription -> its charge periods, for legacy lines without a start date.
    """

    fixed: Mapping[tuple[str, date], date]
    spans: Mapping[str, tuple[tuple[date, date], ...]]


def subscription_facts(lines: Iterable[ReconciliationLine]) -> SubscriptionFacts:
    """Collect the facts from all lines of one period."""
    fixed: dict[tuple[str, date], date] = {}
    spans: dict[str, set[tuple[date, date]]] = {}
    for line in lines:
        if line.charge_start is None or line.charge_end is None or not line.subscription_id:
            continue
        if line.platform == "legacy_license":
            spans.setdefault(line.subscription_id, set()).add((line.charge_start, line.charge_end))
        elif _is_seat_line(line) and fixes_cycle(line.charge_type, platform=line.platform):
            key = (line.subscription_id, line.charge_end)
            # Two whole cycles that end on one day but began on different ones contradict each other; the longer
            # one is taken so that no share exceeds 1.
            fixed[key] = min(fixed.get(key, line.charge_start), line.charge_start)
    return SubscriptionFacts(fixed, {key: tuple(sorted(value)) for key, value in spans.items()})


def charged(line: ReconciliationLine, facts: SubscriptionFacts) -> Charged:
    """The cycle and the charged days of a line."""
    first_day = line.charge_start or (line.order_date.date() if line.order_date else None)
    if not _is_seat_line(line) or line.charge_start is None or line.charge_end is None:
        return Charged(None, None, first_day)
    if line.charge_end < line.charge_start:
        return Charged(None, None, first_day)
    how: How
    if line.platform == "legacy_license":
        cycle = _legacy_cycle(line, line.charge_start, line.charge_end, facts)
        how = "longest_period" if line.subscription_start is None else "anniversary"
    else:
        begin, how = _cycle_begin(line, line.charge_start, line.charge_end, facts)
        cycle = Cycle(begin, line.charge_end)
    return Charged(cycle, (line.charge_end - line.charge_start).days + 1, cycle.begin, how)


def months_of(billing: str) -> int:
    """Length of a cycle in months by BillingFrequency or billingCycleType.

    >>> months_of("Annual"), months_of("MONTHLY")
    (12, 1)
    """
    text = billing.casefold()
    if "trien" in text or "three" in text:
        return 36
    if "annual" in text or "year" in text:
        # the published portal sample prints "Monthly, Annual"; the shorter cycle is the one that recurs
        return 1 if "month" in text else 12
    return 1


def add_months(day: date, months: int) -> date:
    """The same day of the month, clipped to the month's last day.

    >>> add_months(date(2021, 1, 31), 1)
    datetime.date(2021, 2, 28)
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def add_months_from_end(day: date, months: int) -> date:
    """The day as far from its month's end as `day` is from its own.

    >>> add_months_from_end(date(2021, 1, 30), 1)
    datetime.date(2021, 2, 27)
    """
    distance = calendar.monthrange(day.year, day.month)[1] - day.day
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, calendar.monthrange(year, month + 1)[1] - distance)


def _is_seat_line(line: ReconciliationLine) -> bool:
    return line.kind in ("advance", "proration") and bool(line.billing.strip() or line.platform == "legacy_license")


def _cycle_begin(line: ReconciliationLine, start: date, end: date, facts: SubscriptionFacts) -> tuple[date, How]:
    fixed = facts.fixed.get((line.subscription_id, end))
    if fixed is not None:
        return fixed, "whole_cycle"
    step = months_of(line.billing)
    after = end + timedelta(days=1)
    begin, how = _anniversary_before(line.subscription_start, after, step) or (add_months(after, -step), _BEFORE)
    return (start, "earlier_start") if start < begin else (begin, how)


_BEFORE: How = "period_before"


def _anniversary_before(anchor: date | None, after: date, step: int) -> tuple[date, How] | None:
    """If `after` is an anniversary of `anchor`, the anniversary before it, counted the same way; else None."""
    if anchor is None:
        return None
    distance = (after.year - anchor.year) * 12 + after.month - anchor.month
    if distance % step or distance <= 0:
        return None
    if add_months(anchor, distance) == after:
        return add_months(anchor, distance - step), "anniversary"
    if anchor.day >= _LATE_DAY and add_months_from_end(anchor, distance) == after:
        return add_months_from_end(anchor, distance - step), "month_end"
    return None


def _legacy_cycle(line: ReconciliationLine, start: date, end: date, facts: SubscriptionFacts) -> Cycle:
    if line.subscription_start is not None:
        step = months_of(line.billing)
        anchor = line.subscription_start
        turns = ((start.year - anchor.year) * 12 + start.month - anchor.month) // step
        if add_months(anchor, turns * step) > start:
            turns -= 1
        following = add_months(anchor, (turns + 1) * step)
        return Cycle(add_months(anchor, turns * step), following - timedelta(days=1))
    holding = [span for span in facts.spans.get(line.subscription_id, ()) if span[0] <= start <= span[1]]
    # the longest period that holds the first charged day; of two equally long ones the earlier
    begin, finish = max(holding or [(start, end)], key=lambda span: ((span[1] - span[0]).days, -span[0].toordinal()))
    return Cycle(begin, finish)


_NUMBER_WORDS = {"one": 1, "1": 1, "three": 3, "3": 3}
_TERM = re.compile(r"\b(one|three|1|3)[\s-]+(month|year)s?\b", re.IGNORECASE)


def term_of(line: ReconciliationLine) -> str:
    """`P1M`, `P1Y`, `P3Y` or "" when unknown (interfaces.md 5.4)."""
    if line.subscription_start is not None and line.subscription_end is not None:
        days = (line.subscription_end - line.subscription_start).days + 1
        for limit, term in ((31, "P1M"), (366, "P1Y"), (1096, "P3Y")):
            if 0 < days <= limit:
                return term
        return ""
    match = _TERM.search(line.term_text)
    if not match:
        return ""
    term = f"P{_NUMBER_WORDS[match[1].lower()]}{match[2][0].upper()}"
    return term if term in ("P1M", "P1Y", "P3Y") else ""
