"""One part over several cost centres: shares of its rounded amount by largest remainder, so that they add up to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from connector.domain.documents import Calculation, Part
from connector.domain.money import amount_text, exact_text, minor_units, round_half_away, split_largest_remainder

# digits of a quantity's share as it is shown; no amount is computed from it
_SHOWN_PLACES = 6


@dataclass(frozen=True, slots=True)
class Share:
    """What belongs to one cost centre: `weight` of the sum of all weights."""

    label: str
    weight: Fraction


def split_part(part: Part, shares: Sequence[Share], currency: str) -> list[Part]:
    """The part in as many parts as there are shares, in their order; one share takes it as it is.

    Amount and cost are split apart, each to the digits of its currency, so each adds up to what it was.
    """
    if len(shares) == 1:
        return [replace(part, label=shares[0].label)]
    weights = [share.weight for share in shares]
    amounts = split_largest_remainder(part.amount, weights, minor_units(currency))
    costs = split_largest_remainder(part.cost, weights, _cost_digits(part))
    pricing = (*part.before, replace(part.calculation, rounded=part.amount))
    whole = sum(weights, Fraction(0))
    made = []
    for position, (share, amount, cost) in enumerate(zip(shares, amounts, costs, strict=True), start=1):
        exact = Fraction(part.quantity) * share.weight / whole if whole else Fraction(part.quantity) / len(shares)
        quantity = round_half_away(exact, _SHOWN_PLACES)
        made.append(
            replace(
                part,
                label=share.label,
                split=share.label,
                amount=amount,
                cost=cost,
                before=pricing,
                calculation=Calculation(
                    "split",
                    (Fraction(part.amount), Fraction(position), *weights),
                    Fraction(amount),
                    f"the share of {share.label}: {exact_text(share.weight)} of {exact_text(whole)}, "
                    "by largest remainder",
                ),
                quantity=quantity,
                unit_price=part.unit_price if quantity == exact else None,
                sentence=f"The share of {share.label} in {amount_text(part.amount, currency)} {currency}",
            )
        )
    return made


def _cost_digits(part: Part) -> int:
    """The digits of the cost's currency, or more where Microsoft delivered more."""
    given = part.cost.as_tuple().exponent
    assert isinstance(given, int)
    return max(minor_units(part.cost_currency) if part.cost_currency else 0, -given)
