"""The kinds of price rules. One module of this folder per kind; each offers `RULE`.

`apply` gets a Situation and gives the exact amount with the one step that made it. Nothing is rounded here:
rounding is the last step and happens once per line (interfaces.md 5.5, 5.8).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Literal

from mappings.pricelist import ListPrice, PriceRule

Op = Literal["multiply", "divide", "add"]


@dataclass(frozen=True, slots=True)
class Situation:
    """What a rule may look at: a line's cost, size and share, and the price sheet's price for its day.

    `sign` is -1, 0 or 1; `quantity` is without sign; `conversion` turns the vendor's currency into the
    document's and is 1 where they are the same.
    """

    subtotal: Decimal | Fraction
    sign: int
    quantity: Decimal
    share: Fraction
    conversion: Fraction
    list_price: ListPrice | None


@dataclass(frozen=True, slots=True)
class Priced:
    """An exact amount, the step that gives it, and the sales price per unit and full cycle where there is one."""

    exact: Fraction
    op: Op
    operands: tuple[Fraction, ...]
    text: str
    unit_price: Fraction | None


@dataclass(frozen=True, slots=True)
class RuleKindInfo:
    """One kind of rule.

    `needs_value`: a number must stand in `value`. `by_quantity`: the price is per unit, so the rule carries a
    currency and does not fit usage, credits and other lines unless it names their product and sku.
    `from_list_price`: needs the price sheet. `charges` is False for `none`.
    """

    kind: str
    title: str
    needs_value: bool
    by_quantity: bool
    apply: Callable[[PriceRule, Situation], Priced | None]
    from_list_price: bool = False
    charges: bool = True


@cache
def discover() -> dict[str, RuleKindInfo]:
    """All kinds by name: the modules of this folder."""
    found: dict[str, RuleKindInfo] = {}
    for module in pkgutil.iter_modules(__path__):
        info = importlib.import_module(f"{__name__}.{module.name}").RULE
        found[info.kind] = info
    return found


def per_unit(price: Fraction, situation: Situation, text: str) -> Priced:
    """sign x price x quantity x share: the amount of every rule that names a price per unit and full cycle."""
    operands = (Fraction(situation.sign), price, Fraction(situation.quantity), situation.share)
    numerator = denominator = 1
    for operand in operands:
        numerator *= operand.numerator
        denominator *= operand.denominator
    # brought to lowest terms once, not after each factor
    exact = Fraction(numerator, denominator)
    return Priced(exact, "multiply", operands, text, price)


def from_cost(factor: Fraction, situation: Situation, text: str, *, divide: bool = False) -> Priced:
    """Cost times (or divided by) a factor, converted into the document's currency."""
    cost = Fraction(situation.subtotal)
    if divide:
        converted = cost * situation.conversion
        return Priced(converted / factor, "divide", (converted, factor), text, None)
    exact = cost * factor * situation.conversion
    rate = () if situation.conversion == 1 else (situation.conversion,)
    return Priced(exact, "multiply", (cost, factor, *rate), text, None)
