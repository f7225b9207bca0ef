"""What the partner has decided about prices: rules, list prices and exchange rates, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

RuleKind = Literal["fixed", "markup", "margin", "discount", "passthrough", "tiered", "none"]
Level = Literal["subscription", "organisation_offer", "organisation", "global_offer", "global"]
LEVELS: tuple[Level, ...] = ("subscription", "organisation_offer", "organisation", "global_offer", "global")


@dataclass(frozen=True, slots=True)
class Tier:
    """From `quantity` on the price of the whole quantity is `price`."""

    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class PriceRule:
    """One row of a price list (interfaces.md section 4). Empty text and None mean "any".

    `organisation` is "" for the global list. `value` is a price, a percentage, or None (passthrough, tiered, none).
    `version`, `import_no` and `row_no` say where it comes from; the later one wins inside a level.
    """

    id: str
    version: int
    organisation: str
    product_id: str
    sku_id: str
    term: str
    billing: str
    subscription_id: str
    kind: RuleKind
    value: Decimal | None
    tiers: tuple[Tier, ...]
    currency: str
    valid_from: date | None
    valid_to: date | None
    offer: bool
    note: str
    import_no: int
    row_no: int

    @property
    def level(self) -> Level:
        if self.subscription_id:
            return "subscription"
        if self.organisation:
            return "organisation_offer" if self.offer else "organisation"
        return "global_offer" if self.offer else "global"

    @property
    def specificity(self) -> int:
        return sum(map(bool, (self.product_id, self.sku_id, self.term, self.billing)))


@dataclass(frozen=True, slots=True)
class ListPrice:
    """Microsoft's list price of a product in a span, both days inclusive.

    `view` and `month` name the price sheet that said so, for example updatedlicensebased of 2026-10; both are
    empty for a list price of the partner's own.
    """

    product_id: str
    sku_id: str
    term: str
    billing: str
    currency: str
    price: Decimal
    valid_from: date | None
    valid_to: date | None
    view: str = ""
    month: str = ""


@dataclass(frozen=True, slots=True)
class Rate:
    """`rate` units of `to` for one unit of `from_`, from this day on until a later one."""

    day: date
    from_: str
    to: str
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Service:
    """Something of the partner's own, billed beside Microsoft's lines (interfaces.md 5.11)."""

    organisation: str
    code: str
    name: str
    kind: Literal["recurring", "one_off"]
    price: Decimal
    currency: str
    quantity: Decimal
    billing: Literal["monthly", "annual"]
    proration: Literal["none", "days"]
    valid_from: date
    valid_to: date | None


def valid_on(valid_from: date | None, valid_to: date | None, day: date | None) -> bool:
    """Both ends inclusive. Without a day only rules without dates fit."""
    if day is None:
        return valid_from is None and valid_to is None
    return (valid_from is None or valid_from <= day) and (valid_to is None or day <= valid_to)


def rate_on(rates: Mapping[tuple[str, str], list[Rate]], from_: str, to: str, day: date) -> Rate | None:
    """The latest rate dated on or before the day; only the stated direction, never an inverse (a guess)."""
    fitting = [rate for rate in rates.get((from_, to), []) if rate.day <= day]
    return max(fitting, key=lambda rate: rate.day, default=None)
