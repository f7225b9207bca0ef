"""The tree of reasons of an invoice line, and the second calculator that puts it together again.

The second calculator shares no arithmetic with the pricing: it reads the tree as data (text in, text out), so a
mistake in either shows (product.md, behaviour 21).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

from connector.domain.money import amount_text, minor_units, plain_text


@dataclass(frozen=True, slots=True)
class ExplainStep:
    """One operation as text: operands and result exact (finite decimal or n/d), and the rounded amount.

    `before`: earlier steps whose results the operands of this one use. Their `rounded` is "" where nothing was
    rounded on the way.
    """

    op: str
    operands: tuple[str, ...]
    exact: str
    rounded: str
    text: str
    before: tuple[ExplainStep, ...] = ()


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
    digits = minor_units(currency)
    rounded: list[Decimal] = []
    for step in steps[:-1]:
        chain = (*step.before, step)
        for earlier, later in pairwise(chain):
            _check(earlier, digits)
            # what is split stands first, the other operands are place and weights
            used = later.operands[:1] if later.op == "split" else later.operands
            if Fraction(earlier.rounded or earlier.exact) not in map(Fraction, used):
                raise ValueError(f"{later.op} does not use {earlier.rounded or earlier.exact}")
        rounded.append(_check(step, digits))
    final = steps[-1]
    if [Decimal(operand) for operand in final.operands] != rounded:
        raise ValueError("the sum does not add the parts")
    with localcontext() as context:
        context.prec = 100
        amount = sum(rounded, Decimal(0))
    return amount_text(amount, currency)


def _check(step: ExplainStep, digits: int) -> Decimal:
    """The rounded result of a step that holds."""
    if _exact(step, digits) != Fraction(step.exact):
        raise ValueError(f"{step.op} of {', '.join(step.operands)} is not {step.exact}")
    rounded = _half_up(Fraction(step.exact), digits)
    if step.rounded and rounded != Decimal(step.rounded):
        raise ValueError(f"{step.exact} does not round to {step.rounded}")
    return rounded


def _exact(step: ExplainStep, digits: int) -> Fraction:
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
        case "split":
            return _share(values[0], int(values[1]), values[2:], digits)
    raise ValueError(f"{step.op} is not an operation of the explanation")


def _share(amount: Fraction, position: int, weights: Sequence[Fraction], digits: int) -> Fraction:
    """The share at a position (from 1) of an amount: in the smallest coins, each share cut, and the coins left over
    one by one to the largest cut-off rests, the earlier share first."""
    scale: int = 10**digits
    coins = abs(amount) * scale
    whole = sum(weights, Fraction(0))
    due = [coins * weight / whole if whole else coins / len(weights) for weight in weights]
    missing = coins - sum(value // 1 for value in due)
    ahead = sum(
        1
        for other, value in enumerate(due, start=1)
        if value % 1 > due[position - 1] % 1 or (value % 1 == due[position - 1] % 1 and other < position)
    )
    share = Fraction(due[position - 1] // 1 + (1 if ahead < missing else 0), scale)
    return -share if amount < 0 else share


def _half_up(value: Fraction, digits: int) -> Decimal:
    # enough digits that the quotient's rounding cannot reach the place we round at, unless it is an exact tie
    with localcontext() as context:
        context.prec = 120
        quotient = Decimal(value.numerator) / Decimal(value.denominator)
        return quotient.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
