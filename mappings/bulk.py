"""Changing many prices at once by a percentage or an amount: which rules, and what each becomes.

Everything here is about one rule and its value; mappings/bulk_spans.py puts the new rules into time. A percentage is
always one of the *sales price*: 5 % more on a mark-up of 20 is a mark-up of 26, because 1.20 x 1.05 is 1.26.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from connector.domain.money import minor_units, plain_text, round_half_away
from mappings.pricelist import PriceRule, Tier

# Digits of a percentage that has no end (a margin after most changes): a price of a million is right to the cent.
PERCENT_DIGITS = 10
# Above this a percentage is taken for a slip of the comma until somebody says that it is meant.
UNLIKELY_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rules. None means all; ids are folded; "" among the organisations is the global list.

    `products`: (product, sku), where "" as sku means all its skus. A rule for all products is in no such selection.
    """

    products: Set[tuple[str, str]] | None = None
    organisations: Set[str] | None = None
    kinds: Set[str] | None = None
    currency: str = ""

    def holds(self, rule: PriceRule) -> bool:
        product, sku = rule.product_id.casefold(), rule.sku_id.casefold()
        return (
            (self.products is None or bool({(product, ""), (product, sku)} & self.products))
            and (self.organisations is None or rule.organisation in self.organisations)
            and (self.kinds is None or rule.kind in self.kinds)
            and self.currency in ("", rule.currency)
        )


@dataclass(frozen=True, slots=True)
class PriceChange:
    """By how much: `percent` of the sales price, or `amount` per unit and full cycle in the rule's currency.

    `step`: new prices per unit are rounded to its multiples (0.05: 12.31 becomes 12.30); None: to the currency's
    digits, or to those of the old price where it has more (a price of 0.0123 per hour keeps four).
    """

    percent: Decimal | None = None
    amount: Decimal | None = None
    step: Decimal | None = None

    @property
    def factor(self) -> Fraction:
        """What a sales price is multiplied by."""
        return 1 + Fraction(self.percent or 0) / 100


@dataclass(frozen=True, slots=True)
class NewValue:
    """What a rule becomes: `rule` with its new value (the old dates), or None with the reason.

    `refused`: it cannot be done at all, against "there is nothing to change". `remark`: the reason, or what was
    rounded.
    """

    rule: PriceRule | None
    remark: str = ""
    refused: bool = False


def impossible(change: PriceChange) -> str:
    """Why no price could be changed so, in a sentence; empty where it can."""
    if (change.percent is None) == (change.amount is None):
        return "say either a percentage or an amount"
    if change.percent is not None and change.factor <= 0:
        return f"{plain_text(change.percent)} % would leave no price above 0"
    if (change.percent if change.percent is not None else change.amount) == 0:
        return "a change by 0 changes nothing"
    if change.step is not None and change.step <= 0:
        return "the step of rounding must be more than 0"
    return ""


def did_you_mean(percent: Decimal) -> str:
    """The likelier percentage where this one looks like a slip; empty where it does not.

    >>> did_you_mean(Decimal(1900)), did_you_mean(Decimal(19))
    ('19', '')
    """
    if abs(percent) <= UNLIKELY_PERCENT:
        return ""
    while abs(percent) > UNLIKELY_PERCENT:
        percent = percent / 100
    return plain_text(percent)


def new_value(rule: PriceRule, change: PriceChange) -> NewValue:
    """The rule at its new price.

    >>> from connector.domain.money import money
    >>> rule = PriceRule("", 1, "", "", "", "", "", "", "markup", money("20"), (), "", None, None, False, "", 1, 2)
    >>> new_value(rule, PriceChange(percent=money("5"))).rule.value
    Decimal('26')
    """
    if rule.kind == "none":
        return NewValue(None, "nothing is charged by this rule")
    if rule.kind in ("fixed", "tiered"):
        return _per_unit(rule, change)
    if change.percent is None:
        return NewValue(None, f"an amount cannot be added to {rule.kind} rules: they follow the cost or the list price")
    if rule.kind == "passthrough":
        return NewValue(replace(rule, kind="markup", value=change.percent), "the cost becomes a mark-up on it")
    assert rule.value is not None
    return _percentage(rule, _ALGEBRA[rule.kind](Fraction(rule.value), change.factor))


def markup_after(markup: Fraction, factor: Fraction) -> Fraction:
    """(1 + v'/100) = (1 + v/100) x factor."""
    return (100 + markup) * factor - 100


def margin_after(margin: Fraction, factor: Fraction) -> Fraction:
    """1 / (1 - v'/100) = factor / (1 - v/100)."""
    return 100 - (100 - margin) / factor


def discount_after(discount: Fraction, factor: Fraction) -> Fraction:
    """(1 - v'/100) = (1 - v/100) x factor."""
    return 100 - (100 - discount) * factor


_ALGEBRA = {"markup": markup_after, "margin": margin_after, "discount": discount_after}


def _percentage(rule: PriceRule, exact: Fraction) -> NewValue:
    value = _shortest(round_half_away(exact, PERCENT_DIGITS))
    if value == rule.value:
        return NewValue(None, "the price stays what it is")
    if (rule.kind == "margin" and value >= 100) or (rule.kind == "markup" and value <= -100):
        return NewValue(None, f"no price above 0 would be left with a {rule.kind} of {plain_text(value)}", refused=True)
    if Fraction(value) == exact:
        return NewValue(replace(rule, value=value))
    return NewValue(replace(rule, value=value), f"the {rule.kind} has no end and is rounded to {PERCENT_DIGITS} digits")


def _per_unit(rule: PriceRule, change: PriceChange) -> NewValue:
    """Price by price; one that would fall below 0, or be rounded away, refuses the rule."""
    assert rule.kind == "tiered" or rule.value is not None
    before = [tier.price for tier in rule.tiers] if rule.kind == "tiered" else [rule.value or Decimal(0)]
    exact = [
        Fraction(price) * change.factor if change.amount is None else Fraction(price) + Fraction(change.amount)
        for price in before
    ]
    after = [_rounded(price, old, rule.currency, change.step) for price, old in zip(exact, before, strict=True)]
    if any(price < 0 for price in after):
        return NewValue(None, "the price would fall below 0", refused=True)
    if any(new == 0 and old != 0 for new, old in zip(exact, before, strict=True)):
        return NewValue(None, "the price would become 0; say so with a rule of the kind none", refused=True)
    if any(new == 0 and price != 0 for new, price in zip(after, exact, strict=True)):
        return NewValue(None, "rounding would make the price 0; choose a smaller step", refused=True)
    if after == before:
        nothing = "the price is 0 and stays 0" if not any(before) else "rounding leaves the price as it is"
        return NewValue(None, nothing)
    rounded = any(Fraction(new) != price for new, price in zip(after, exact, strict=True))
    remark = f"rounded from {', '.join(_shown(price) for price in exact)}" if rounded else ""
    if rule.kind == "tiered":
        tiers = tuple(Tier(tier.quantity, price) for tier, price in zip(rule.tiers, after, strict=True))
        return NewValue(replace(rule, tiers=tiers), remark)
    return NewValue(replace(rule, value=after[0]), remark)


def _rounded(exact: Fraction, old: Decimal, currency: str, step: Decimal | None) -> Decimal:
    if step is not None:
        multiple = Fraction(round_half_away(exact / Fraction(step), 0)) * Fraction(step)
        return round_half_away(multiple, max(_places(step), minor_units(currency)))
    return round_half_away(exact, max(minor_units(currency), _places(old)))


def _places(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def _shown(exact: Fraction) -> str:
    return plain_text(round_half_away(exact, PERCENT_DIGITS))


def _shortest(value: Decimal) -> Decimal:
    return Decimal(plain_text(value))
