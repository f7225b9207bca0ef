"""A percentage off Microsoft's list price as imported from the price sheet, never off the line's own UnitPrice."""

from __future__ import annotations

from fractions import Fraction

from mappings.pricelist import PriceRule
from mappings.rules import Priced, RuleKindInfo, Situation, per_unit


def apply(rule: PriceRule, situation: Situation) -> Priced | None:
    """As fixed with p = list price x (1 - v/100); None where no list price is known for the day."""
    if situation.list_price is None:
        return None
    assert rule.value is not None
    price = Fraction(situation.list_price.price) * (1 - Fraction(rule.value) / 100)
    return per_unit(price, situation, f"list price less {rule.value} % x quantity x share of the cycle")


RULE = RuleKindInfo(
    "discount",
    "Discount off list price",
    needs_value=True,
    by_quantity=True,
    apply=apply,
    from_list_price=True,
)
