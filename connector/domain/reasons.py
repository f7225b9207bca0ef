"""What happened to a subscription, told from Microsoft's lines: data and a sentence. For people of the partner: how
the customer reads it stands in wording.py.

Lines belong to one event when they share ReferenceId, or OrderDate and charge type: on a change Microsoft credits the
old quantity and charges the new one (invoices.md 3.3); old-style invoices tell a whole period again (legacy.md 3).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from connector.domain.charges import folded
from connector.domain.cycles import Charged
from connector.domain.lines import ReconciliationLine
from connector.domain.money import plain_text
from connector.domain.reversals import Why, is_charge, is_credit
from connector.domain.wording import day_text, seats, span_text

Happened = Literal[
    "seats_changed", "converted", "cancelled", "reduced", "bought", "renewed", "next_cycle", "charged", "used",
    "bought_once", "microsoft_credit", "free", "type_unknown",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `before` and `after`: seats; None where seats are no question."""

    kind: Happened
    text: str
    on: date | None
    before: Decimal | None
    after: Decimal | None
    lines: tuple[ReconciliationLine, ...]


def event_key(line: ReconciliationLine) -> tuple[str, ...]:
    """What lines of one event have in common."""
    if line.platform != "new_commerce":
        # the parts that tell a period again, without the next period's advance charge, carry no event's id
        return (line.platform, line.invoice_id, line.subscription_id, folded(line.charge_type))
    if line.kind == "usage":
        return (line.tenant_id, line.subscription_id, line.product_id.casefold(), line.sku_id.casefold())
    # a conversion has its halves in two subscriptions
    if line.reference_id:
        return (line.tenant_id, line.reference_id, folded(line.charge_type))
    ordered = line.order_date.isoformat() if line.order_date else line.id
    return (line.tenant_id, line.subscription_id, ordered, folded(line.charge_type))


def events_of(lines: Iterable[ReconciliationLine]) -> list[Event]:
    """The events that lines belong to, in the order of their days."""
    groups: dict[tuple[str, ...], list[ReconciliationLine]] = {}
    for line in lines:
        groups.setdefault(event_key(line), []).append(line)
    events = [_event(sorted(group, key=_in_time)) for group in groups.values()]
    return sorted(events, key=lambda event: (event.on or date.min, event.lines[0].id))


def _in_time(line: ReconciliationLine) -> tuple[date, bool, str]:
    return (line.charge_start or date.min, not is_credit(line), line.id)


def _event(lines: Sequence[ReconciliationLine]) -> Event:
    credits = [line for line in lines if is_credit(line)]
    charges = [line for line in lines if is_charge(line)]
    if not credits and not charges:
        return _simple("free", lines, f"{_what(lines[0])} was free of charge at Microsoft{_when(lines)}.")
    if lines[0].kind == "credit":
        why = next((line.credit_reason for line in lines if line.credit_reason), "")
        reason = f", reason: {why}" if why else "; Microsoft names no reason"
        return _simple("microsoft_credit", lines, f"Microsoft granted a credit{_when(lines)}{reason}.")
    if lines[0].kind == "usage":
        return _simple("used", lines, f"{_what(lines[0])} was used{_when(lines)}.")
    if lines[0].kind == "other":
        text = (
            f"Microsoft charged {_what(lines[0])} with a type we do not know, {lines[0].charge_type!r}{_when(lines)}."
        )
        return _simple("type_unknown", lines, text)
    if credits and charges:
        return _change(lines, credits, charges)
    return _taken_back(lines) if credits else _charged(lines)


def _change(
    lines: Sequence[ReconciliationLine], credits: list[ReconciliationLine], charges: list[ReconciliationLine]
) -> Event:
    first, last = credits[0], charges[-1]
    before, after = _quantity(credits), _quantity([c for c in charges if c.charge_start == last.charge_start])
    on = charges[0].charge_start or first.charge_start
    if first.platform != "new_commerce":
        told = ", ".join(
            f"{seats(abs(line.billable_quantity))} for {span_text(line.charge_start, line.charge_end)}"
            for line in charges
        )
        text = (
            f"The seats of {_what(first)} changed: the charge for {span_text(first.charge_start, first.charge_end)} "
            f"({seats(before)}) is credited in full and charged again by days: {told}."
        )
        return Event("seats_changed", text, on, before, after, tuple(lines))
    day = f"On {day_text(on)} " if on else ""
    if {line.product_id.casefold() for line in credits} != {line.product_id.casefold() for line in charges}:
        text = (
            f"{day}{seats(before)} of {_what(first)} were changed to {seats(after)} of {_what(last)}: the rest of the "
            f"cycle of the old product is credited, that of the new one charged{_until(charges)}."
        )
        return Event("converted", text, on, before, after, tuple(lines))
    text = (
        f"{day}the seats of {_what(first)} went from {plain_text(before)} to {plain_text(after)}: Microsoft credits "
        f"{seats(before)} for the rest of the cycle and charges {seats(after)} for the same days{_until(charges)}."
    )
    return Event("seats_changed", text, on, before, after, tuple(lines))


def _taken_back(lines: Sequence[ReconciliationLine]) -> Event:
    first, quantity = lines[0], _quantity(lines)
    cancelled = any("cancel" in folded(line.charge_type) or folded(line.charge_type) == "refund" for line in lines)
    on = f" on {day_text(first.charge_start)}" if first.charge_start else ""
    what = "was cancelled" if cancelled else f"was reduced or changed ({first.charge_type})"
    text = f"{_what(first)} {what}{on}: {seats(quantity)} {'is' if quantity == 1 else 'are'} credited{_until(lines)}."
    after = Decimal(0) if cancelled else None
    return Event("cancelled" if cancelled else "reduced", text, first.charge_start, quantity, after, tuple(lines))


_VERBS: dict[str, tuple[Happened, str]] = {
    "new": ("bought", "bought"),
    "purchase": ("bought", "bought"),
    "renew": ("renewed", "renewed"),
    "cyclecharge": ("next_cycle", "charged for a further cycle"),
    "cyclefee": ("next_cycle", "charged for a further cycle"),
    "purchasefee": ("bought", "bought"),
    "renewfee": ("renewed", "renewed"),
}


def _charged(lines: Sequence[ReconciliationLine]) -> Event:
    first = lines[0]
    if first.kind == "one_time":
        return _simple("bought_once", lines, f"{_what(first)} was bought{_when(lines)}; it is charged once.")
    kind, verb = _VERBS.get(folded(first.charge_type), ("charged", f"charged ({first.charge_type})"))
    quantities = " and ".join(seats(abs(line.billable_quantity)) for line in lines)
    were = "was" if quantities == "1 seat" else "were"
    text = f"{quantities} of {_what(first)} {were} {verb}{_when(lines)}."
    return Event(kind, text, first.charge_start, None, _quantity(lines), tuple(lines))


def _simple(kind: Happened, lines: Sequence[ReconciliationLine], text: str) -> Event:
    return Event(kind, text, lines[0].charge_start, None, None, tuple(lines))


def _quantity(lines: Sequence[ReconciliationLine]) -> Decimal:
    """Seats of one half of an event. One sku may come as two lines of as many seats each (invoices.md 3.8)."""
    sizes = {abs(line.billable_quantity) for line in lines}
    return sizes.pop() if len(sizes) == 1 else sum((abs(line.billable_quantity) for line in lines), Decimal(0))


def _what(line: ReconciliationLine) -> str:
    return line.sku_name or line.product_name or line.product_id or "a Microsoft service"


def _when(lines: Sequence[ReconciliationLine]) -> str:
    starts = [line.charge_start for line in lines if line.charge_start]
    ends = [line.charge_end for line in lines if line.charge_end]
    text = span_text(min(starts, default=None), max(ends, default=None))
    return f" for {text}" if text else ""


def _until(lines: Sequence[ReconciliationLine]) -> str:
    ends = [line.charge_end for line in lines if line.charge_end]
    return f", until {day_text(max(ends))}" if ends else ""


def cycle_text(line: ReconciliationLine, span: Charged) -> str:
    """Which days of which cycle a line charges, and how the cycle's beginning was found (interfaces.md 5.3)."""
    if span.cycle is None or span.days is None or span.how is None:
        return "This line has no charge cycle: it is charged in full."
    anchor = f" ({day_text(line.subscription_start)})" if line.subscription_start else ""
    how = {
        "whole_cycle": "a cycle charge or renewal of the subscription that ends on the same day says when it began",
        "anniversary": f"it lies between two anniversaries of the subscription's start{anchor}, by day of the month",
        "month_end": f"it lies between two anniversaries of the subscription's start{anchor}, by distance from the "
        "month's end",
        "period_before": "its end is no anniversary of the subscription's start: it is the one period before its end",
        "earlier_start": "the line itself begins before the period that ends then, so the cycle begins with it",
        "longest_period": "no start of the subscription is given: it is the longest of its periods that holds the day",
    }[span.how]
    return (
        f"{span.days} of the {span.cycle.days} days of the cycle {span_text(span.cycle.begin, span.cycle.end)}; {how}."
    )


def why_nothing_reversed(why: Why, line: ReconciliationLine) -> str:
    """Why a negative line names no charge that it takes back."""
    match why:
        case "microsoft_credit":
            return f"A credit by Microsoft, reason: {line.credit_reason or 'none given'}; it takes back no charge."
        case "before_first_month":
            return "No earlier charge of this subscription is known: it is from before our first month."
        case "type_unknown":
            return f"Microsoft's type {line.charge_type!r} is not known, and no charge fits what it credits."
        case _:
            return "Charges of this subscription are known, but none fits the credited days and seats."
