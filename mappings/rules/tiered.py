"""A price by quantity: the tier that holds the quantity gives the price of the whole quantity."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from mappings.pricelist import PriceRule, Tier
from mappings.rules import Priced, RuleKindInfo, Situation, per_unit


def tier_for(tiers: tuple[Tier, ...], quantity: Decimal) -> Tier | None:
    """The tier that holds a quantity, or None below the first tier."""
    holding = [tier for tier in tiers if tier.quantity <= quantity]
    return max(holding, key=lambda tier: tier.quantity, default=None)


def apply(rule: PriceRule, situation: Situation) -> Priced | None:
    """As fixed with the tier's price (interfaces.md 5.5)."""
    tier = tier_for(rule.tiers, situation.quantity)
    if tier is None:
        return None
    return per_unit(Fraction(tier.price), situation, f"price from {tier.quantity} on x quantity x share of the cycle")


RULE = RuleKindInfo("tiered", "Price by quantity", needs_value=False, by_quantity=True, apply=apply)
