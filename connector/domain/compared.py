"""Charges of a month as they are compared with another month's: sales values, quantity x price x share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from connector.domain.charges import Kind
from connector.domain.money import minor_units, round_half_away, total
from connector.domain.period import BillingPeriod


@dataclass(frozen=True, slots=True)
class Charge:
    """One charge on a document, sales values only. `line_ids` are the summary lines it stands on, `source` the
    reconciliation line behind it, `split` whose share of that line it is; `quantity` is without sign, `exact` the
    amount before its rounding."""

    line_ids: tuple[str, ...]
    source: str
    kind: Kind
    charge_type: str
    subscription_id: str
    product_id: str
    sku_id: str
    name: str
    start: date | None
    end: date | None
    days: int | None
    cycle_begin: date | None
    cycle_days: int | None
    quantity: Decimal
    exact: Fraction
    amount: Decimal
    exact_price: bool = False
    """Whether the price per unit is one of a price list, not one that came out of a percentage on an amount."""
    rate: Decimal | None = None
    reversal: bool = False
    unit: str = ""
    split: str = ""

    @property
    def share(self) -> Fraction:
        """The part of a whole cycle that is charged."""
        return Fraction(self.days, self.cycle_days) if self.days and self.cycle_days else Fraction(1)


@dataclass(frozen=True, slots=True)
class Compared:
    """Which months are compared. `until`: the last day a forecast knows of; None for a month that is billed."""

    before: BillingPeriod
    after: BillingPeriod
    currency: str
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """Charges of one kind as quantity x price x share; `cycles` of them in the month. Price per unit and cycle."""

    quantity: Decimal
    price: Fraction
    share: Fraction
    cycles: int
    rate: Decimal | None
    exact_price: bool


def sum_of(charges: Iterable[Charge]) -> Decimal:
    return total([charge.amount for charge in charges])


def standing(charges: Iterable[Charge]) -> list[Charge]:
    """Whole charges, without what a later revision of the same month took back: charge and reversal are nothing."""
    left: list[Charge] = []
    charged: dict[tuple[str, str, Decimal], list[Charge]] = {}
    for charge in sorted(charges, key=lambda c: c.reversal):
        key = (charge.source, charge.split, -charge.amount if charge.reversal else charge.amount)
        if charge.reversal and charged.get(key):
            left.remove(charged[key].pop())
            continue
        left.append(charge)
        if not charge.reversal:
            charged.setdefault(key, []).append(charge)
    return _whole(left)


def _whole(charges: Sequence[Charge]) -> list[Charge]:
    """The shares of one line, split over cost centres, as the one charge they are."""
    found: dict[tuple[str, bool], Charge] = {}
    others = []
    for charge in charges:
        key = (charge.source, charge.reversal)
        if not charge.split:
            others.append(charge)
        elif key not in found:
            found[key] = replace(charge, exact_price=False)
        else:
            found[key] = _joined(found[key], charge)
    return [*others, *found.values()]


def _joined(one: Charge, other: Charge) -> Charge:
    # shares of a quantity are shown with six digits: their sum is the quantity up to those
    return replace(
        one,
        line_ids=(*one.line_ids, *other.line_ids),
        quantity=round_half_away(total([one.quantity, other.quantity]), _QUANTITY_DIGITS),
        exact=one.exact + other.exact,
        amount=total([one.amount, other.amount]),
    )


_QUANTITY_DIGITS = 4


def profile(charges: Sequence[Charge], currency: str) -> Profile | None:
    """Charges as one quantity at one price for one share, or None where they are not that simple.

    Prices that come out of a percentage on cut amounts differ behind the cent: their mean stands for them.
    """
    cycles: dict[date | None, list[Charge]] = {}
    for charge in charges:
        cycles.setdefault(charge.cycle_begin, []).append(charge)
    quantities = {total([charge.quantity for charge in mine]) for mine in cycles.values()}
    shares = {charge.share for charge in charges}
    rates = {charge.rate for charge in charges}
    if len(quantities) != 1 or len(shares) != 1 or len(rates) != 1 or any(charge.quantity == 0 for charge in charges):
        return None
    share, quantity = shares.pop(), quantities.pop()
    prices = {charge.exact / (Fraction(charge.quantity) * charge.share) for charge in charges}
    exact_price = all(charge.exact_price for charge in charges)
    smallest = min(Fraction(charge.quantity) * charge.share for charge in charges)
    if len(prices) != 1 and (exact_price or not _may_be_one(max(prices) - min(prices), smallest, smallest, currency)):
        return None
    price = sum((charge.exact for charge in charges), Fraction(0)) / (Fraction(quantity) * share * len(cycles))
    return Profile(quantity, price, share, len(cycles), rates.pop(), exact_price)


def same_price(old: Profile, new: Profile, currency: str) -> bool:
    """Whether the price did not change; where it came out of rounded amounts, whether that is all there is to see."""
    if old.exact_price and new.exact_price:
        return old.price == new.price
    sizes = [Fraction(one.quantity) * one.share * one.cycles for one in (old, new)]
    return _may_be_one(abs(old.price - new.price), sizes[0], sizes[1], currency)


def _may_be_one(difference: Fraction, size: Fraction, other_size: Fraction, currency: str) -> bool:
    """Whether cutting and rounding explain that two prices differ: Microsoft cuts a price to the cent, or an amount
    (invoices.md 3.5), which is the more for each unit the fewer there are. This labels cents and moves none."""
    unit = Fraction(1, 10 ** minor_units(currency))
    return difference < unit * max(Fraction(1), 1 / size + 1 / other_size)
