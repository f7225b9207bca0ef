"""Credits of Microsoft's that the partner keeps: which line carries one, and what it would have cost without.

How a credit is told on a reconciliation line is *inferred*: Microsoft names the credit in words that vary and gives
the percentage with the daily usage only (partner-center/invoices.md 3.7). All of that inference is in this file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from connector.domain.lines import ReconciliationLine
from connector.domain.money import cut, round_half_away
from mappings.pricelist import valid_on

Credit = Literal["partner_earned_credit", "azure_credit", "customer_credit"]
Policy = Literal["keep", "pass_on"]
CREDITS: tuple[Credit, ...] = ("partner_earned_credit", "azure_credit", "customer_credit")
POLICIES: tuple[Policy, ...] = ("keep", "pass_on")

# "The value of a line is 0 or 15" (invoices.md 3.7): the one place to change should Microsoft ever give another.
EARNED_PERCENT = Decimal(15)
_PAID = 1 - Fraction(EARNED_PERCENT) / 100
_WORDS = "partner earned credit"
# the reason of a line that is not charged where the policy has no note
KEPT = "the partner keeps this credit"


@dataclass(frozen=True, slots=True)
class CreditPolicy:
    """Whether a kind of credit is kept or passed on, both days inclusive. `organisation` is "" for all."""

    organisation: str
    credit: Credit
    policy: Policy
    valid_from: date | None
    valid_to: date | None
    note: str


@dataclass(slots=True)
class CreditPolicies:
    """All policies, ready to be asked."""

    _by_credit: dict[tuple[str, str], list[CreditPolicy]] = field(default_factory=dict)

    @classmethod
    def of(cls, policies: Iterable[CreditPolicy]) -> CreditPolicies:
        made = cls()
        for policy in policies:
            made._by_credit.setdefault((policy.organisation, policy.credit), []).append(policy)
        return made

    def kept(self, organisation: str, credit: Credit, day: date | None) -> CreditPolicy | None:
        """The row that says "keep" for a day, or None: the credit is passed on, as it is without any row.

        The organisation's own rows come before those for all; of several the one with the later valid_from.
        """
        for whose in (organisation, ""):
            fitting = [row for row in self._by_credit.get((whose, credit), ()) if _holds(row, day)]
            if fitting:
                latest = max(fitting, key=lambda row: row.valid_from or date.min)
                return latest if latest.policy == "keep" else None
        return None


def _holds(row: CreditPolicy, day: date | None) -> bool:
    return valid_on(row.valid_from, row.valid_to, day)


def credit_of(line: ReconciliationLine) -> Credit | None:
    """Which credit of Microsoft's a line is, or seems to carry."""
    if line.kind == "credit":
        return "customer_credit"
    if line.kind != "usage" or line.platform != "new_commerce":
        return None
    if line.subtotal == 0:
        return "azure_credit" if line.credit_reason and line.billable_quantity else None
    return "partner_earned_credit" if _names_earned_credit(line) or _fits_earned_credit(line) else None


def without_earned_credit(line: ReconciliationLine) -> Fraction | None:
    """What a line would have cost without the partner earned credit: Subtotal / (1 - 15/100), exactly.

    None where the line's words and its figures contradict each other: nobody is charged by a guess.
    """
    if line.unit_price and line.effective_unit_price and not _fits_earned_credit(line):
        return None
    return Fraction(line.subtotal) / _PAID


def earned_credit_operands(line: ReconciliationLine) -> tuple[Fraction, Fraction]:
    """The operands of that division."""
    return Fraction(line.subtotal), _PAID


def _names_earned_credit(line: ReconciliationLine) -> bool:
    return _WORDS in " ".join(line.adjustment.casefold().split())


def _fits_earned_credit(line: ReconciliationLine) -> bool:
    """The figures say so, whatever the words: cost = ROUNDDOWN(units x price x 0.85, 2), and without it more.

    EffectiveUnitPrice is that cost / units, so times the units it gives it back to the cent (invoices.md 3.2). Lines
    without any price adjustment carry no credit.
    """
    if not line.adjustment.strip("[] ") or not line.unit_price or not line.effective_unit_price:
        return False
    units = Fraction(line.billable_quantity)
    billed = round_half_away(units * Fraction(line.effective_unit_price), 2)
    whole = units * Fraction(line.unit_price)
    return billed == cut(whole * _PAID, 2) != cut(whole, 2)
