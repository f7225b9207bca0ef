"""A percentage on top of cost: 20 % mark-up on 100 is 120."""

from __future__ import annotations

from fractions import Fraction

from mappings.pricelist import PriceRule
from mappings.rules import Priced, RuleKindInfo, Situation, from_cost


def apply(rule: PriceRule, situation: Situation) -> Priced:
    """Subtotal x (1 + v/100) (interfaces.md 5.5)."""
    assert rule.value is not None
    return from_cost(1 + Fraction(rule.value) / 100, situation, f"cost with {rule.value} % mark-up")


RULE = RuleKindInfo("markup", "Mark-up on cost", needs_value=True, by_quantity=False, apply=apply)
