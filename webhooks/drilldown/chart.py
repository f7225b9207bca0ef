"""Two small drawings without a script: seats over a cycle, amounts over days. Geometry only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from connector.store.customer_view import CustomerPart
from webhooks.drilldown.usage import Day

WIDTH, HEIGHT = 440, 190
_LEFT, _RIGHT, _TOP, _BASE = 4, 436, 30, 150
_TICK_SPACE = 62
_LABEL_SPACE = 28
_LABEL_REACH = 60
_MOST_DAYS = 1100


@dataclass(frozen=True, slots=True)
class Step:
    """So many seats from a day to a day, both included."""

    start: date
    end: date
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Block:
    """A rectangle that stands on the base line; `value` is written above it where there is room."""

    x: int
    y: int
    width: int
    height: int
    value: Decimal
    labelled: bool

    @property
    def middle(self) -> int:
        return self.x + self.width // 2

    @property
    def anchor(self) -> str:
        """Where a wide label hangs so that it stays inside the drawing."""
        if self.middle < _LABEL_REACH:
            return "start"
        return "end" if self.middle > WIDTH - _LABEL_REACH else "middle"


@dataclass(frozen=True, slots=True)
class Tick:
    """A date on the axis."""

    x: int
    day: date
    anchor: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What a template draws."""

    blocks: tuple[Block, ...]
    ticks: tuple[Tick, ...]
    steps: tuple[Step, ...] = ()
    width: int = WIDTH
    height: int = HEIGHT
    base: int = _BASE


def seat_steps(parts: Sequence[CustomerPart]) -> tuple[Step, ...]:
    """Seats over the cycle as credits and charges tell them, or nothing where they do not tell one story.

    Microsoft credits the whole remainder at the old number and charges it again at the new one. The first
    credit therefore names the seats already paid for; every later one must find exactly what it takes away.
    """
    cycles = {(part.cycle_begin, part.cycle_end) for part in parts}
    if len(cycles) != 1 or any(part.reversal or part.exact == 0 for part in parts):
        return ()
    begin, end = cycles.pop()
    if begin is None or end is None or not 0 < (end - begin).days < _MOST_DAYS:
        return ()
    prepaid = parts[0].quantity if parts[0].exact < 0 else Decimal(0)
    level = [prepaid] * ((end - begin).days + 1)
    for part in parts:
        if part.charge_start is None or part.charge_end is None:
            return ()
        first, last = (part.charge_start - begin).days, (part.charge_end - begin).days
        if first < 0 or last >= len(level) or last < first:
            return ()
        before, after = (part.quantity, Decimal(0)) if part.exact < 0 else (Decimal(0), part.quantity)
        if any(seats != before for seats in level[first : last + 1]):
            return ()
        level[first : last + 1] = [after] * (last + 1 - first)
    return _runs(begin, level)


def seat_chart(parts: Sequence[CustomerPart]) -> Chart | None:
    """Seats over the cycle, one block for each number."""
    steps = seat_steps(parts)
    highest = max((step.quantity for step in steps), default=Decimal(0))
    if not highest:
        return None
    begin, days = steps[0].start, (steps[-1].end - steps[0].start).days + 1
    blocks = []
    for step in steps:
        x = _across((step.start - begin).days, days)
        width = _across((step.end - begin).days + 1, days) - x
        blocks.append(_block(x, width, step.quantity, highest, labelled=width >= _LABEL_SPACE))
    starts = [(block.x, step.start) for block, step in zip(blocks, steps, strict=True)]
    return Chart(tuple(blocks), _ticks([*starts, (_RIGHT, steps[-1].end)]), steps)


def day_chart(days: Sequence[Day]) -> Chart | None:
    """Amounts over the days, the highest one written out; none for credits, which have no length."""
    highest = max((day.amount for day in days), default=Decimal(0))
    if len(days) < 2 or highest <= 0 or any(day.amount < 0 for day in days):
        return None
    begin, count = days[0].day, (days[-1].day - days[0].day).days + 1
    if not 1 < count < _MOST_DAYS:
        return None
    blocks: list[Block] = []
    for day in days:
        x = _across((day.day - begin).days, count)
        width = max(1, _across((day.day - begin).days + 1, count) - x - 2)
        first_highest = day.amount == highest and not any(block.labelled for block in blocks)
        blocks.append(_block(x, width, day.amount, highest, labelled=first_highest))
    return Chart(tuple(blocks), _ticks([(_LEFT, begin), (_RIGHT, days[-1].day)]))


def _runs(begin: date, level: Sequence[Decimal]) -> tuple[Step, ...]:
    steps: list[Step] = []
    for number, seats in enumerate(level):
        day = begin + timedelta(days=number)
        if steps and steps[-1].quantity == seats:
            steps[-1] = Step(steps[-1].start, day, seats)
        else:
            steps.append(Step(day, day, seats))
    return tuple(steps)


def _across(day: int, days: int) -> int:
    return _LEFT + (_RIGHT - _LEFT) * day // days


def _block(x: int, width: int, value: Decimal, highest: Decimal, *, labelled: bool) -> Block:
    height = int((_BASE - _TOP) * Fraction(value) / Fraction(highest))
    return Block(x, _BASE - height, width, height, value, labelled)


def _ticks(places: Sequence[tuple[int, date]]) -> tuple[Tick, ...]:
    """The first and the last date always, those between where there is room."""
    (first_x, first), *between, (last_x, last) = places
    ticks = [Tick(first_x, first, "start")]
    for x, day in between:
        if x - ticks[-1].x >= _TICK_SPACE and last_x - x >= _TICK_SPACE:
            ticks.append(Tick(x, day, "middle"))
    return (*ticks, Tick(last_x, last, "end"))
