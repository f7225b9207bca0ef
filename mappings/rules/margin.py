"""A percentage of the sales price: 20 % margin on a cost of 100 is 125."""

from __future__ import annotations

from fractions import Fraction

from mappings.pricelist import PriceRule
from mappings.rules import Priced, RuleKindInfo, Situation, from_cost


def apply(rule: PriceRule, situation: Situation) -> Priced:
    """Subtotal / (1 - v/100) (interfaces.md 5.5). The import refuses a margin of 100 % or more."""
    assert rule.value is not None
    return from_cost(1 - Fraction(rule.value) / 100, situation, f"cost with {rule.value} % margin", divide=True)


RULE = RuleKindInfo("margin", "Margin of sales", needs_value=True, by_quantity=False, apply=apply)
