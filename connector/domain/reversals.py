"""What a negative line takes back (product.md, behaviour 6): the charges it credits, also of earlier periods, or why
none can be named. Microsoft names none itself, so they are found by subscription, product, days and seats.

On a change Microsoft credits the whole remainder at the old quantity (invoices.md 3.3) or, on old-style invoices, the
whole period (legacy.md section 3): in both the credited days lie inside the days of the charge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from connector.domain.charges import folded
from connector.domain.lines import ReconciliationLine

Why = Literal["", "not_negative", "microsoft_credit", "before_first_month", "type_unknown", "no_charge_fits"]
Charges = Mapping[str, Sequence[ReconciliationLine]]


@dataclass(frozen=True, slots=True)
class Reversal:
    """`charges`: ids of the lines taken back, the one that holds the first credited day in front; empty: see `why`."""

    charges: tuple[str, ...] = ()
    why: Why = ""


def is_credit(line: ReconciliationLine) -> bool:
    """Whether the customer gets money back: the sign rule of interfaces.md 5.5."""
    return _signed(line) < 0


def is_charge(line: ReconciliationLine) -> bool:
    return _signed(line) > 0


def charges_by_subscription(lines: Iterable[ReconciliationLine]) -> dict[str, list[ReconciliationLine]]:
    """The charges that credits may take back, by subscription."""
    charges: dict[str, list[ReconciliationLine]] = {}
    for line in lines:
        if is_charge(line):
            charges.setdefault(line.subscription_id or line.tenant_id, []).append(line)
    return charges


def find_reversed(line: ReconciliationLine, charges: Charges) -> Reversal:
    """The charges that a line takes back, of those known (of its own period and earlier ones)."""
    if not is_credit(line):
        return Reversal(why="not_negative")
    if line.kind == "credit":
        return Reversal(why="microsoft_credit")
    mine = charges.get(line.subscription_id or line.tenant_id, ())
    same_thing = [charge for charge in mine if _same_thing(line, charge) and _comes_before(charge, line)]
    for find in (_one_of_its_size, _part_of_a_larger_one, _several_in_a_row, _several_side_by_side):
        found = find(line, same_thing)
        if found:
            return Reversal(tuple(charge.id for charge in found))
    if line.kind == "other":
        return Reversal(why="type_unknown")
    known = any(_comes_before(charge, line) for charge in mine)
    return Reversal(why="no_charge_fits" if known else "before_first_month")


def _one_of_its_size(line: ReconciliationLine, charges: Sequence[ReconciliationLine]) -> list[ReconciliationLine]:
    """The latest charge of as many seats whose days hold the credited ones."""
    return _latest(line, charges, lambda charge: _size(charge) == _size(line) and _holds(charge, line))


def _part_of_a_larger_one(line: ReconciliationLine, charges: Sequence[ReconciliationLine]) -> list[ReconciliationLine]:
    """A part of the seats was moved (a partial upgrade); usage is corrected by any quantity."""
    return _latest(
        line,
        charges,
        lambda charge: _holds(charge, line) and (line.kind == "usage" or _size(charge) > _size(line)),
    )


def _several_in_a_row(line: ReconciliationLine, charges: Sequence[ReconciliationLine]) -> list[ReconciliationLine]:
    """Charges of as many seats that follow each other and together hold the credited days."""
    span = _span(line)
    if span is None:
        return []
    found: list[ReconciliationLine] = []
    day = span[0]
    while day <= span[1]:
        of_its_size = [charge for charge in charges if _size(charge) == _size(line) and _holds_day(charge, day)]
        if not of_its_size:
            return []
        next_one = max(of_its_size, key=_order(line))
        assert next_one.charge_end is not None
        found.append(next_one)
        day = next_one.charge_end + timedelta(days=1)
    return found


def _several_side_by_side(line: ReconciliationLine, charges: Sequence[ReconciliationLine]) -> list[ReconciliationLine]:
    """Charges for the same days, the latest first, whose seats add up to the credited ones."""
    found: list[ReconciliationLine] = []
    left = _size(line)
    for charge in sorted((charge for charge in charges if _holds(charge, line)), key=_order(line), reverse=True):
        if left <= 0:
            break
        found.append(charge)
        left -= _size(charge)
    return found if left == 0 else []


def _latest(
    line: ReconciliationLine, charges: Iterable[ReconciliationLine], fits: Callable[[ReconciliationLine], bool]
) -> list[ReconciliationLine]:
    return sorted(filter(fits, charges), key=_order(line))[-1:]


def _order(line: ReconciliationLine) -> Callable[[ReconciliationLine], tuple[bool, str, date, str]]:
    """By time; on the credit's own day those ordered before it are nearer to it than those after."""

    def key(charge: ReconciliationLine) -> tuple[bool, str, date, str]:
        after = bool(charge.order_date and line.order_date and charge.order_date > line.order_date)
        ordered = charge.order_date.isoformat() if charge.order_date else ""
        return (not after, ordered, charge.charge_start or date.min, charge.id)

    return key


def _comes_before(charge: ReconciliationLine, line: ReconciliationLine) -> bool:
    """Whether a charge can be what a credit takes back: not of the same event, nor of a later day. Times of day are
    not looked at: within one order they are in no order."""
    if charge.order_date and line.order_date and charge.order_date.date() > line.order_date.date():
        return False
    return charge.id != line.id and not _same_event(line, charge)


def _same_event(line: ReconciliationLine, charge: ReconciliationLine) -> bool:
    """The other half of the same change: what is charged anew, not what is taken back."""
    if folded(line.charge_type) != folded(charge.charge_type):
        return False
    if line.platform != "new_commerce":
        return charge.invoice_id == line.invoice_id
    if line.reference_id and charge.reference_id:
        return line.reference_id == charge.reference_id
    return line.order_date is not None and line.order_date == charge.order_date


def _same_thing(line: ReconciliationLine, charge: ReconciliationLine) -> bool:
    return (
        line.product_id.casefold() == charge.product_id.casefold()
        and line.sku_id.casefold() == charge.sku_id.casefold()
        and (line.kind == "usage") == (charge.kind == "usage")
    )


def _holds(charge: ReconciliationLine, line: ReconciliationLine) -> bool:
    """Whether the charge's days hold all of the credit's; without days nothing speaks against it."""
    inner, outer = _span(line), _span(charge)
    return inner is None or outer is None or (outer[0] <= inner[0] and inner[1] <= outer[1])


def _holds_day(charge: ReconciliationLine, day: date) -> bool:
    span = _span(charge)
    return span is not None and span[0] <= day <= span[1]


def _span(line: ReconciliationLine) -> tuple[date, date] | None:
    if line.charge_start is None or line.charge_end is None or line.charge_end < line.charge_start:
        return None
    return line.charge_start, line.charge_end


def _size(line: ReconciliationLine) -> Decimal:
    return abs(line.billable_quantity)


def _signed(line: ReconciliationLine) -> Decimal:
    return line.subtotal or line.effective_unit_price or Decimal(0)
