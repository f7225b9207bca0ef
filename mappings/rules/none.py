"""Not charged, on purpose; the rule's note says why."""

from __future__ import annotations

from fractions import Fraction

from mappings.pricelist import PriceRule
from mappings.rules import Priced, RuleKindInfo, Situation


def apply(rule: PriceRule, situation: Situation) -> Priced:
    """Nothing is charged, whatever the kind of line (interfaces.md 5.5)."""
    return Priced(Fraction(0), "multiply", (Fraction(0),), f"not charged: {rule.note}", None)


RULE = RuleKindInfo("none", "Not charged", needs_value=False, by_quantity=False, apply=apply, charges=False)
