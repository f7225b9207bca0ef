"""A line's parts as rows a customer can follow with a pocket calculator. Pure; numbers in, rows out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from connector.domain.money import round_half_away, scaled
from connector.store.customer_view import CustomerPart

What = Literal["charge", "credit", "taken_back", "free"]

# digits shown of a price that a rule states, and of one that only follows from the amount
_STATED_PLACES = 10
_IMPLIED_PLACES = 4
_MOST_PLACES = 12


@dataclass(frozen=True, slots=True)
class Price:
    """A price for one unit and a full cycle, with the digits to show; `about`: it has more of them."""

    value: Fraction
    places: int
    about: bool


@dataclass(frozen=True, slots=True)
class Row:
    """quantity x price x days / cycle_days = exact, rounded to amount. A credit's quantity is negative."""

    what: What
    sentence: str
    charge_type: str
    start: date | None
    end: date | None
    quantity: Decimal
    price: Price | None
    days: int | None
    cycle_days: int | None
    exact: Fraction
    amount: Decimal
    reversed_period: str | None
    reversed_start: date | None
    reversed_end: date | None


def rows_of(parts: Sequence[CustomerPart]) -> list[Row]:
    """One row for each part, in the order given."""
    return [_row(part) for part in parts]


def rates_of(parts: Sequence[CustomerPart]) -> list[tuple[Decimal, date | None]]:
    """The exchange rates that were used, each once."""
    return list(dict.fromkeys((part.rate, part.rate_date) for part in parts if part.rate is not None))


def _row(part: CustomerPart) -> Row:
    sign = -1 if part.exact < 0 else 1
    quantity = abs(part.quantity)
    return Row(
        what=_what(part),
        sentence=part.sentence,
        charge_type=part.charge_type,
        start=part.charge_start,
        end=part.charge_end,
        quantity=-quantity if sign < 0 else quantity,
        price=price_of(part),
        days=part.days if part.cycle_days else None,
        cycle_days=part.cycle_days or None,
        exact=part.exact,
        amount=part.amount,
        reversed_period=part.reversed_period,
        reversed_start=part.reversed_start,
        reversed_end=part.reversed_end,
    )


def _what(part: CustomerPart) -> What:
    if part.reversal:
        return "taken_back"
    if part.exact == 0:
        return "free"
    return "credit" if part.exact < 0 else "charge"


def price_of(part: CustomerPart) -> Price | None:
    """The price of one unit and full cycle: the stated one where it makes the amount, else one that does."""
    whole = Fraction(abs(part.quantity)) * _share(part)
    stated = part.unit_price
    if stated is not None and abs(stated) * whole == abs(part.exact):
        return _shown(abs(stated), _STATED_PLACES)
    return _shown(abs(part.exact) / whole, _IMPLIED_PLACES) if whole else None


def _share(part: CustomerPart) -> Fraction:
    return Fraction(part.days, part.cycle_days) if part.days is not None and part.cycle_days else Fraction(1)


def _shown(value: Fraction, places: int) -> Price:
    """With more digits where fewer would show nothing of a small price."""
    while value and places < _MOST_PLACES and value < scaled(100, places):
        places += 1
    return Price(value, places, about=round_half_away(value, places) != value)
