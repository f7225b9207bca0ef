"""The customer pays what Microsoft charges."""

from __future__ import annotations

from fractions import Fraction

from mappings.pricelist import PriceRule
from mappings.rules import Priced, RuleKindInfo, Situation, from_cost


def apply(rule: PriceRule, situation: Situation) -> Priced:
    """Subtotal (interfaces.md 5.5)."""
    return from_cost(Fraction(1), situation, "as charged by Microsoft")


RULE = RuleKindInfo("passthrough", "As charged by Microsoft", needs_value=False, by_quantity=False, apply=apply)
