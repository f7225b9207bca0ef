"""The tree of reasons of an invoice line, and the second calculator that puts it together again.

The second calculator shares no arithmetic with the pricing: it reads the tree as data (text in, text out), so a
mistake in either shows (product.md, behaviour 21).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

from connector.domain.money import amount_text, minor_units, plain_text


@dataclass(frozen=True, slots=True)
class ExplainStep:
    """One operation as text: operands and result exact (finite decimal or n/d), and the rounded amount."""

    op: str
    operands: tuple[str, ...]
    exact: str
    rounded: str
    text: str


def steps_from(parts: Sequence[ExplainStep], amount: Decimal, currency: str) -> list[ExplainStep]:
    """One step per part as it was calculated, and the sum at the end."""
    text = amount_text(amount, currency)
    sum_up = ExplainStep(
        "add",
        tuple(part.rounded for part in parts),
        plain_text(amount),
        text,
        "the rounded parts add up to the line",
    )
    return [*parts, sum_up]


def recalculate(steps: Sequence[ExplainStep], currency: str) -> str:
    """The line's amount, computed again from the steps alone; ValueError where a step does not hold."""
    rounded: list[Decimal] = []
    for step in steps[:-1]:
        if _exact(step) != Fraction(step.exact):
            raise ValueError(f"{step.op} of {', '.join(step.operands)} is not {step.exact}")
        rounded.append(_half_up(Fraction(step.exact), minor_units(currency)))
        if rounded[-1] != Decimal(step.rounded):
            raise ValueError(f"{step.exact} does not round to {step.rounded}")
    final = steps[-1]
    if [Decimal(operand) for operand in final.operands] != rounded:
        raise ValueError("the sum does not add the parts")
    with localcontext() as context:
        context.prec = 100
        amount = sum(rounded, Decimal(0))
    return amount_text(amount, currency)


def _exact(step: ExplainStep) -> Fraction:
    values = [Fraction(operand) for operand in step.operands]
    match step.op:
        case "multiply":
            product = Fraction(1)
            for value in values:
                product *= value
            return product
        case "divide":
            return values[0] / values[1]
        case "add":
            return sum(values, Fraction(0))
    raise ValueError(f"{step.op} is not an operation of the explanation")


def _half_up(value: Fraction, digits: int) -> Decimal:
    # enough digits that the quotient's rounding cannot reach the place we round at, unless it is an exact tie
    with localcontext() as context:
        context.prec = 120
        quotient = Decimal(value.numerator) / Decimal(value.denominator)
        return quotient.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
