"""What changed between two months of one customer in one currency, as steps that add up exactly to the difference.

The steps are exact by construction: the charges of both sides are put into groups, each group is taken apart by
itself, and inside a group the last effect is the remainder (product.md, behaviour 20).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from connector.domain import changes_wording as wording
from connector.domain.compared import Charge, Compared, Profile, profile, same_price, standing, sum_of
from connector.domain.documents import Document
from connector.domain.money import to_currency, total

StepKind = Literal[
    "added",
    "ended",
    "paid_ahead",
    "not_yet",
    "quantity",
    "rate",
    "price",
    "days",
    "billing",
    "change",
    "past_change",
    "usage",
    "one_time",
    "credit",
    "manual",
    "withdrawn",
    "rounding",
    "other",
]


@dataclass(frozen=True, slots=True)
class Step:
    """One reason of the difference. `text` is for the customer: no cost and no rule stands in it. `before` and
    `after` are the summary lines it comes from."""

    kind: StepKind
    amount: Decimal
    text: str
    subscription_id: str
    product_id: str
    sku_id: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def compare(before: Iterable[Charge], after: Iterable[Charge], months: Compared) -> list[Step]:
    """The steps from one month's total to the other's, the largest first. Their sum is the difference, always."""
    groups: dict[tuple[str, ...], tuple[list[Charge], list[Charge]]] = {}
    for side, charges in enumerate((standing(before), standing(after))):
        for charge in charges:
            groups.setdefault(_group(charge), ([], []))[side].append(charge)
    steps = [
        step
        for key in sorted(groups)
        for step in _HANDLERS[key[0]](sorted(groups[key][0], key=_order), sorted(groups[key][1], key=_order), months)
        if step.amount != 0
    ]
    return sorted(steps, key=lambda s: (-abs(s.amount), s.text, s.kind, s.subscription_id, s.product_id, s.sku_id))


def charges_of(document: Document) -> list[Charge]:
    """The charges of a document that was just made."""
    return [
        Charge(
            line_ids=(line.id,),
            source=part.line_id,
            kind=part.kind,
            charge_type=part.charge_type,
            subscription_id=part.subscription_id,
            product_id=part.product_id,
            sku_id=part.sku_id,
            name=part.product_name,
            start=part.start,
            end=part.end,
            days=part.days,
            cycle_begin=part.cycle_begin,
            cycle_days=part.cycle_days,
            quantity=part.quantity,
            exact=part.calculation.exact,
            amount=part.amount,
            exact_price=part.unit_price is not None,
            rate=part.rate,
            reversal=part.reversal,
            unit=part.unit,
            split=part.split,
        )
        for line in document.lines
        for part in line.parts
    ]


def _group(charge: Charge) -> tuple[str, ...]:
    kind: str = charge.kind
    if charge.reversal:
        kind = "withdrawn"
    elif kind == "service" and charge.charge_type in _BY_HAND:
        kind = "manual"
    return (kind, *(text.casefold() for text in (charge.subscription_id, charge.product_id, charge.sku_id)))


# what a person added to one month (decision of that month alone, unlike a recurring service)
_BY_HAND = ("manual", "discount")


def _order(charge: Charge) -> tuple[str, bool, str]:
    return (charge.start.isoformat() if charge.start else "", charge.amount >= 0, charge.source)


def _step(kind: StepKind, amount: Decimal, text: str, before: Sequence[Charge], after: Sequence[Charge]) -> Step:
    one = (*after, *before)[0]
    return Step(
        kind,
        amount,
        text,
        one.subscription_id,
        one.product_id,
        one.sku_id,
        _lines_of(before),
        _lines_of(after),
    )


def _lines_of(charges: Sequence[Charge]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line_id for charge in charges for line_id in charge.line_ids))


def _difference(before: Sequence[Charge], after: Sequence[Charge]) -> Decimal:
    return total([sum_of(after), -sum_of(before)])


def _recurring(before: Sequence[Charge], after: Sequence[Charge], months: Compared) -> Iterator[Step]:
    """Seats and services: there before and after, quantity, exchange rate, price and days are told apart."""
    amount = _difference(before, after)
    if not before:
        yield _step("added", amount, wording.added(after, months), before, after)
    elif not after:
        yield _no_more(before, amount, months)
    elif wording.cycle_words(before) != wording.cycle_words(after):
        yield _step("billing", amount, wording.other_cycle(before, after), before, after)
    else:
        old, new = profile(before, months.currency), profile(after, months.currency)
        if old is None or new is None:
            yield _step("other", amount, wording.several(before, after, months.currency), before, after)
        else:
            yield from _effects(before, after, old, new, months)


def _no_more(before: Sequence[Charge], amount: Decimal, months: Compared) -> Step:
    """What was charged before and is not now: ended, paid ahead, or (in a forecast) not due yet."""
    last_day = max((charge.end for charge in before if charge.end), default=None)
    ahead = before[0].kind == "advance" and last_day is not None
    if ahead and last_day is not None and last_day >= months.after.last_day():
        return _step("paid_ahead", amount, wording.paid_ahead(before, last_day, months), before, ())
    if ahead and last_day is not None and months.until is not None and last_day >= months.until:
        return _step("not_yet", amount, wording.not_yet(before, last_day), before, ())
    return _step("ended", amount, wording.ended(before, months), before, ())


def _effects(
    before: Sequence[Charge], after: Sequence[Charge], old: Profile, new: Profile, months: Compared
) -> Iterator[Step]:
    """Quantity at the old price, then the exchange rate, then the price at the new quantity, then the days.

    Each effect takes the amount one factor further; the last one that differs goes to the real amount, so the
    cents of rounding are in it.
    """
    found = list(_walk(old, new, months.currency))
    value, target = sum_of(before), sum_of(after)
    if not found:
        text = wording.rounding(after)
        yield _step("rounding", total([target, -value]), text, before, after)
    for place, (kind, reached, at) in enumerate(found, start=1):
        upto = target if place == len(found) else to_currency(reached, months.currency)
        text = wording.effect(kind, before, after, at, new, months.currency)
        yield _step(kind, total([upto, -value]), text, before, after)
        value = upto


def _walk(old: Profile, new: Profile, currency: str) -> Iterator[tuple[StepKind, Fraction, Profile]]:
    """The factors that differ, in their order: (kind, exact amount with it, the profile just before it)."""
    at = old
    if new.exact_price and same_price(old, new, currency):
        # the price list tells it better than a rounded amount
        at = replace(old, price=new.price, exact_price=True)
    if at.quantity != new.quantity:
        further = replace(at, quantity=new.quantity)
        yield "quantity", _amount(further), at
        at = further
    if at.rate is not None and new.rate is not None and at.rate != new.rate:
        further = replace(at, rate=new.rate, price=at.price * Fraction(new.rate) / Fraction(at.rate))
        yield "rate", _amount(further), at
        at = further
    if not same_price(at, new, currency):
        further = replace(at, price=new.price)
        yield "price", _amount(further), at
        at = further
    if at.share * at.cycles != new.share * new.cycles:
        yield "days", _amount(new), at


def _amount(at: Profile) -> Fraction:
    return Fraction(at.quantity) * at.price * at.share * at.cycles


def _usage(before: Sequence[Charge], after: Sequence[Charge], months: Compared) -> Iterator[Step]:
    """Use at the old exchange rate, then the rate."""
    amount = _difference(before, after)
    old = {charge.rate for charge in before}
    new = {charge.rate for charge in after}
    if len(old) == 1 and len(new) == 1 and old != new and None not in old | new:
        old_rate, new_rate = old.pop(), new.pop()
        assert old_rate is not None and new_rate is not None
        exact = sum((charge.exact for charge in after), Fraction(0)) * Fraction(old_rate) / Fraction(new_rate)
        used = total([to_currency(exact, months.currency), -sum_of(before)])
        yield _step("usage", used, wording.usage(before, after, months), before, after)
        yield _step("rate", total([amount, -used]), wording.usage_rate(after, old_rate, new_rate), before, after)
        return
    yield _step("usage", amount, wording.usage(before, after, months), before, after)


def _changes(before: Sequence[Charge], after: Sequence[Charge], months: Compared) -> Iterator[Step]:
    """Changes inside a cycle are told once, and once more when they do not come again."""
    if before:
        yield _step("past_change", -sum_of(before), wording.past_change(before, months), before, ())
    if after:
        yield _step("change", sum_of(after), wording.change(after, months), (), after)


def _single(kind: StepKind) -> Callable[[Sequence[Charge], Sequence[Charge], Compared], Iterator[Step]]:
    """Charges that belong to one month: new, gone, or another amount than last month."""

    def handle(before: Sequence[Charge], after: Sequence[Charge], months: Compared) -> Iterator[Step]:
        text = wording.single(kind, before, after, months)
        yield _step(kind, _difference(before, after), text, before, after)

    return handle


_HANDLERS: dict[str, Callable[[Sequence[Charge], Sequence[Charge], Compared], Iterator[Step]]] = {
    "advance": _recurring,
    "service": _recurring,
    "proration": _changes,
    "usage": _usage,
    "one_time": _single("one_time"),
    "credit": _single("credit"),
    "other": _single("other"),
    "manual": _single("manual"),
    "withdrawn": _single("withdrawn"),
}
