"""Charge cycles by interfaces.md 5.3, for the reference: no code of the product."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from fractions import Fraction

from tests.months.delivered import Charge


def months_later(anchor: date, months: int) -> date:
    """By day of the month, clipped to its last day."""
    year, month = _month(anchor, months)
    return date(year, month, min(anchor.day, calendar.monthrange(year, month)[1]))


def months_later_from_end(anchor: date, months: int) -> date:
    """By distance from the month's end."""
    distance = calendar.monthrange(anchor.year, anchor.month)[1] - anchor.day
    year, month = _month(anchor, months)
    return date(year, month, calendar.monthrange(year, month)[1] - distance)


def _month(anchor: date, months: int) -> tuple[int, int]:
    number = anchor.year * 12 + (anchor.month - 1) + months
    return number // 12, number % 12 + 1


def cycle_begin(anchor: date | None, start: date, end: date, annual: bool) -> date:
    """Where the cycle that ends on `end` began, without a whole-cycle line that says so."""
    following, step = end + timedelta(days=1), 12 if annual else 1
    counts = [months_later]
    if anchor and anchor.day >= 29:
        counts.append(months_later_from_end)
    for count in counts if anchor else ():
        for turn in range(1, 1 + (following.year - anchor.year + 1) * 12):
            if count(anchor, turn * step) == following:
                return min(start, count(anchor, (turn - 1) * step))
    return min(start, months_later(following, -step))


def whole_cycles(charges: Iterable[Charge]) -> dict[tuple[str, date], date]:
    """cycleCharge and renew lines are whole cycles and say where the others of their subscription began."""
    found: dict[tuple[str, date], date] = {}
    for charge in charges:
        if charge.platform == "new_commerce" and charge.folded in ("cyclecharge", "renew") and charge.has_cycle:
            assert charge.start is not None and charge.end is not None
            key = (charge.subscription, charge.end)
            # two that contradict each other: the longer one, so that no share exceeds 1 (decision 18)
            found[key] = min(found.get(key, charge.start), charge.start)
    return {key: begin for key, begin in found.items() if key[0]}


def cycle_of(charge: Charge, charges: Sequence[Charge]) -> tuple[date, date] | None:
    """First and last day of a line's charge cycle; None where it has none."""
    if not charge.has_cycle or charge.start is None or charge.end is None:
        return None
    annual = "annual" in charge.billing.lower()
    if charge.platform != "new_commerce":
        return _legacy_cycle(charge, charge.start, annual, charges)
    fixed = whole_cycles(charges).get((charge.subscription, charge.end))
    return (fixed or cycle_begin(charge.term_start, charge.start, charge.end, annual), charge.end)


def _legacy_cycle(charge: Charge, start: date, annual: bool, charges: Sequence[Charge]) -> tuple[date, date]:
    """Between two anniversaries of subscriptionStartDate; without it, the longest of the subscription's periods."""
    step = 12 if annual else 1
    if charge.term_start:
        turn = 0
        while months_later(charge.term_start, (turn + 1) * step) <= start:
            turn += 1
        return (
            months_later(charge.term_start, turn * step),
            months_later(charge.term_start, (turn + 1) * step) - timedelta(days=1),
        )
    spans = [
        (other.start, other.end)
        for other in charges
        if other.platform == charge.platform
        and other.subscription == charge.subscription
        and other.start
        and other.end
        and (other.subscription or other is charge)
    ]
    holding = [span for span in spans if span[0] <= start <= span[1]]
    # of two equally long ones the earlier (decision 18)
    return max(holding, key=lambda span: (span[1] - span[0], date.max - span[0]))


def share_of(charge: Charge, cycle: tuple[date, date] | None) -> Fraction:
    if cycle is None:
        return Fraction(1)
    assert charge.start is not None and charge.end is not None
    return Fraction(days(charge.start, charge.end), days(*cycle))


def days(first: date, last: date) -> int:
    """Both inclusive."""
    return (last - first).days + 1
