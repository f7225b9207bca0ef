"""A price per unit and full charge cycle."""

from __future__ import annotations

from fractions import Fraction

from mappings.pricelist import PriceRule
from mappings.rules import Priced, RuleKindInfo, Situation, per_unit


def apply(rule: PriceRule, situation: Situation) -> Priced:
    """sign x p x |BillableQuantity| x share (interfaces.md 5.5)."""
    assert rule.value is not None
    return per_unit(Fraction(rule.value), situation, "price x quantity x share of the cycle")


RULE = RuleKindInfo("fixed", "Fixed price", needs_value=True, by_quantity=True, apply=apply)
