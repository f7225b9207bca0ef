"""The second calculator: it puts an invoice line together again from the explanation alone, and refuses what is off."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.explain import ExplainStep, recalculate, steps_from
from connector.domain.money import scaled, split_largest_remainder

# product.md, "10 to 14 seats": -20.90 x 10 x 20/31 and 20.90 x 14 x 20/31
CREDIT = ExplainStep("multiply", ("-1", "20.9", "10", "20/31"), "-4180/31", "-134.84", "price x quantity x share")
CHARGE = ExplainStep("multiply", ("1", "20.9", "14", "20/31"), "5852/31", "188.77", "price x quantity x share")
TREE = steps_from([CREDIT, CHARGE], Decimal("53.93"), "EUR")


def step(op: str, operands: str, exact: str, rounded: str, *before: ExplainStep) -> ExplainStep:
    return ExplainStep(op, tuple(operands.split()), exact, rounded, "", before)


def tree(*parts: ExplainStep, amount: str = "0", currency: str = "EUR") -> list[ExplainStep]:
    return steps_from(parts, Decimal(amount), currency)


def test_the_tree_ends_with_the_sum_of_its_rounded_parts() -> None:
    assert steps_from([CREDIT, CHARGE], Decimal("53.93"), "EUR") == [
        CREDIT,
        CHARGE,
        ExplainStep("add", ("-134.84", "188.77"), "53.93", "53.93", "the rounded parts add up to the line"),
    ]
    assert tree(amount="5.00")[0].exact == "5", "exact values carry no idle zeros, amounts the currency's digits"


@pytest.mark.parametrize(
    ("parts", "currency", "amount"),
    [
        ([CREDIT, CHARGE], "EUR", "53.93"),
        ([], "EUR", "0.00"),
        ([step("divide", "100 0.8", "125", "125.00")], "EUR", "125.00"),
        ([step("divide", "100 3", "100/3", "33.33")], "EUR", "33.33"),
        ([step("add", "1.2 -0.7 0.005", "0.505", "0.51")], "EUR", "0.51"),
        # a half goes away from zero, both ways
        ([step("multiply", "1 1.005", "1.005", "1.01")], "EUR", "1.01"),
        ([step("multiply", "-1 1.005", "-1.005", "-1.01")], "EUR", "-1.01"),
        ([step("multiply", "1 1.00499999999999999999999999999999999999", "1.00499999999999999999999999999999999999",
               "1.00")], "EUR", "1.00"),
        ([step("multiply", "1.5", "1.5", "2")], "JPY", "2"),
        ([step("multiply", "1.0005", "1.0005", "1.001")], "KWD", "1.001"),
        ([step("multiply", "0", "0", "0.00")], "EUR", "0.00"),
        # more digits than Python's decimals have unless told
        ([step("multiply", f"{'9' * 36}.01", f"{'9' * 36}.01", f"{'9' * 36}.01"),
          step("multiply", "0.01", "0.01", "0.01")], "EUR", f"{'9' * 36}.02"),
        # a step that uses what an earlier one gave, exact or rounded
        ([step("multiply", "125 2", "250", "250.00", step("divide", "100 0.8", "125", ""))], "EUR", "250.00"),
        ([step("multiply", "33.33 3", "99.99", "99.99", step("divide", "100 3", "100/3", "33.33"))], "EUR", "99.99"),
        ([step("multiply", "100/3 3", "100", "100.00", step("divide", "100 3", "100/3", ""))], "EUR", "100.00"),
        ([step("add", "4 1", "5", "5.00", step("add", "1 1", "2", ""), step("multiply", "2 2", "4", ""))],
         "EUR", "5.00"),
    ],
)  # fmt: skip
def test_a_tree_that_holds(parts: list[ExplainStep], currency: str, amount: str) -> None:
    assert recalculate(tree(*parts, amount=amount, currency=currency), currency) == amount


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (tree(replace(CREDIT, exact="-4180/32")), "multiply of -1, 20.9, 10, 20/31 is not -4180/32"),
        (tree(CHARGE, replace(CREDIT, rounded="-134.83")), "-4180/31 does not round to -134.83"),
        (tree(replace(CREDIT, rounded="-134.838")), "-4180/31 does not round to -134.838"),
        ([CREDIT, CHARGE, replace(TREE[-1], operands=("-134.84",))], "the sum does not add the parts"),
        ([CREDIT, CHARGE, replace(TREE[-1], operands=("188.77", "-134.84"))], "the sum does not add the parts"),
        ([CREDIT, TREE[-1]], "the sum does not add the parts"),
        (tree(step("power", "2 3", "8", "8.00")), "power is not an operation of the explanation"),
        (tree(step("divide", "100 0.8", "80", "80.00")), "divide of 100, 0.8 is not 80"),
        (tree(step("add", "1 2", "2", "2.00")), "add of 1, 2 is not 2"),
        # earlier steps are checked like any other, and must be used
        (
            tree(step("multiply", "126 2", "252", "252.00", step("divide", "100 0.8", "126", ""))),
            "divide of 100, 0.8 is not 126",
        ),
        (
            tree(step("multiply", "126 2", "252", "252.00", step("divide", "100 0.8", "125", ""))),
            "multiply does not use 125",
        ),
        (
            tree(step("multiply", "100/3 3", "100", "100.00", step("divide", "100 3", "100/3", "33.33"))),
            "multiply does not use 33.33",
        ),
        (
            tree(step("multiply", "33.34 3", "100.02", "100.02", step("divide", "100 3", "100/3", "33.34"))),
            "100/3 does not round to 33.34",
        ),
        (
            tree(step("add", "4 1", "5", "5.00", step("add", "1 1", "2", ""), step("multiply", "4", "4", ""))),
            "multiply does not use 2",
        ),
    ],
)
def test_a_tree_that_does_not_hold(steps: list[ExplainStep], words: str) -> None:
    with pytest.raises(ValueError) as refused:
        recalculate(steps, "EUR")
    assert str(refused.value) == words


# -- shares of cost centres ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operands", "share"),
    [
        # 10.00 over three equals: the cent goes to the first
        ("10 1 1 1 1", "3.34"),
        ("10 2 1 1 1", "3.33"),
        ("10 3 1 1 1", "3.33"),
        ("-10 1 1 1 1", "-3.34"),
        ("-10 3 1 1 1", "-3.33"),
        # 0.05 over three: 1.666... coins each, two are left over
        ("0.05 1 1 1 1", "0.02"),
        ("0.05 2 1 1 1", "0.02"),
        ("0.05 3 1 1 1", "0.01"),
        # 3.333... and 6.666...: the larger rest gets the coin, wherever it stands
        ("10 1 1 2", "3.33"),
        ("10 2 1 2", "6.67"),
        ("10 1 2 1", "6.67"),
        ("10 2 2 1", "3.33"),
        ("10 1 1/2 1/2", "5"),
        # nobody weighs anything: equal shares
        ("0.03 1 0 0", "0.02"),
        ("0.03 2 0 0", "0.01"),
        ("0 1 1 2", "0"),
    ],
)
def test_a_share_by_largest_remainder(operands: str, share: str) -> None:
    rounded = str(scaled(int(Fraction(share) * 100), 2))
    assert recalculate(tree(step("split", operands, share, rounded), amount=rounded), "EUR") == rounded
    with pytest.raises(ValueError, match="is not"):
        recalculate(tree(step("split", operands, f"{Fraction(share) + Fraction(1, 100)}", "")), "EUR")


def test_yen_are_split_without_hundredths() -> None:
    assert recalculate(tree(step("split", "10 1 1 1 1", "4", "4"), amount="4", currency="JPY"), "JPY") == "4"


@given(st.integers(-(10**9), 10**9), st.lists(st.fractions(0, 100), min_size=1, max_size=6))
def test_both_calculators_split_alike(cents: int, weights: list[Fraction]) -> None:
    amount = scaled(cents, 2)
    for position, share in enumerate(split_largest_remainder(amount, weights, 2), start=1):
        operands = (str(amount), str(position), *map(str, weights))
        one = ExplainStep("split", operands, str(Fraction(share)), str(share), "")
        assert Decimal(recalculate(steps_from([one], share, "EUR"), "EUR")) == share
