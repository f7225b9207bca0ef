"""The kinds of price rules: amounts before rounding (interfaces.md 5.5), calculated by hand."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.pricelist import ListPrice, PriceRule, Tier
from mappings.rules import Priced, Situation, discover
from mappings.rules.tiered import tier_for


def rule(kind: str, value: str | None = None, tiers: tuple[Tier, ...] = (), note: str = "") -> PriceRule:
    number = None if value is None else Decimal(value)
    return PriceRule(
        "r_1", 1, "C-1", "CFQ1", "0001", "", "", "", kind, number, tiers, "EUR", None, None, False, note, 1, 2  # type: ignore[arg-type]
    )  # fmt: skip


def situation(**changes: Any) -> Situation:
    """20 of 31 days of ten seats that cost 77.42 EUR are credited."""
    values: dict[str, Any] = {
        "subtotal": Decimal("-77.42"),
        "sign": -1,
        "quantity": Decimal(10),
        "share": Fraction(20, 31),
        "conversion": Fraction(1),
        "list_price": ListPrice("CFQ1", "0001", "", "", "EUR", Decimal("22.00"), None, None),
    }
    return Situation(**{**values, **changes})


def priced(asked: PriceRule, **changes: Any) -> Priced:
    result = discover()[asked.kind].apply(asked, situation(**changes))
    assert result is not None
    return result


TIERS = (Tier(Decimal(1), Decimal("12.00")), Tier(Decimal(50), Decimal("11.00")), Tier(Decimal(100), Decimal("9.90")))


@pytest.mark.parametrize(
    ("asked", "changes", "exact", "unit_price", "text"),
    [
        # product.md, "10 to 14 seats": -20.90 x 10 x 20/31 = -134.838..., 20.90 x 14 x 20/31 = 188.774...
        (rule("fixed", "20.90"), {}, "-4180/31", "20.90", "price x quantity x share of the cycle"),
        (
            rule("fixed", "20.90"),
            {"sign": 1, "quantity": Decimal(14)},
            "5852/31",
            "20.90",
            "price x quantity x share of the cycle",
        ),
        # a trial: neither Subtotal nor EffectiveUnitPrice
        (rule("fixed", "20.90"), {"sign": 0}, "0", "20.90", "price x quantity x share of the cycle"),
        # the price is in the document's currency already
        (
            rule("fixed", "20.90"),
            {"share": Fraction(1), "conversion": Fraction(2)},
            "-209",
            "20.90",
            "price x quantity x share of the cycle",
        ),
        # 22.00 less 5 % is 20.90
        (
            rule("discount", "5"),
            {},
            "-4180/31",
            "20.90",
            "list price less 5 % x quantity x share of the cycle",
        ),
        (
            rule("discount", "-10"),
            {"sign": 1, "share": Fraction(1)},
            "242",
            "24.20",
            "list price less -10 % x quantity x share of the cycle",
        ),
        # product.md section 4: 20 % mark-up on 100 is 120, 20 % margin is 125
        (rule("markup", "20"), {"subtotal": Decimal(100)}, "120", None, "cost with 20 % mark-up"),
        (rule("margin", "20"), {"subtotal": Decimal(100)}, "125", None, "cost with 20 % margin"),
        (rule("markup", "-50"), {"subtotal": Decimal("-77.42")}, "-38.71", None, "cost with -50 % mark-up"),
        (rule("passthrough"), {}, "-77.42", None, "as charged by Microsoft"),
        # a vendor amount in another currency is converted before rounding
        (
            rule("markup", "20"),
            {"subtotal": Decimal(100), "conversion": Fraction("0.92")},
            "110.4",
            None,
            "cost with 20 % mark-up",
        ),
        (
            rule("margin", "20"),
            {"subtotal": Decimal(100), "conversion": Fraction("0.92")},
            "115",
            None,
            "cost with 20 % margin",
        ),
        (
            rule("passthrough"),
            {"subtotal": Decimal(100), "conversion": Fraction("0.92")},
            "92",
            None,
            "as charged by Microsoft",
        ),
        (
            rule("tiered", tiers=TIERS),
            {"sign": 1, "quantity": Decimal(49), "share": Fraction(1)},
            "588",
            "12",
            "price from 1 on x quantity x share of the cycle",
        ),
        # the tier's price is for the whole quantity
        (
            rule("tiered", tiers=TIERS),
            {"sign": 1, "quantity": Decimal(50), "share": Fraction(1, 2)},
            "275",
            "11",
            "price from 50 on x quantity x share of the cycle",
        ),
        (rule("none", note="a gift"), {}, "0", None, "not charged: a gift"),
    ],
)
def test_the_amount_before_rounding(
    asked: PriceRule, changes: dict[str, Any], exact: str, unit_price: str | None, text: str
) -> None:
    result = priced(asked, **changes)
    assert result.exact == Fraction(exact)
    assert result.unit_price == (None if unit_price is None else Fraction(unit_price))
    assert result.text == text


@pytest.mark.parametrize(
    ("asked", "op", "operands"),
    [
        (rule("fixed", "20.90"), "multiply", ["-1", "20.9", "10", "20/31"]),
        (rule("discount", "5"), "multiply", ["-1", "20.9", "10", "20/31"]),
        (rule("tiered", tiers=TIERS), "multiply", ["-1", "12", "10", "20/31"]),
        (rule("markup", "20"), "multiply", ["-77.42", "1.2", "0.92"]),
        (rule("passthrough"), "multiply", ["-77.42", "1", "0.92"]),
        # -77.42 x 0.92 = -71.2264
        (rule("margin", "20"), "divide", ["-71.2264", "0.8"]),
        (rule("none"), "multiply", ["0"]),
    ],
)
def test_the_step_says_what_was_calculated(asked: PriceRule, op: str, operands: list[str]) -> None:
    """Of the same numbers the second calculator makes the same amount."""
    result = priced(asked, conversion=Fraction("0.92"))
    assert (result.op, list(result.operands)) == (op, [Fraction(operand) for operand in operands])
    exact = result.operands[0] / result.operands[1] if op == "divide" else math.prod(result.operands)
    assert result.exact == exact


def test_without_another_currency_the_step_names_no_rate() -> None:
    assert list(priced(rule("markup", "20")).operands) == [Fraction("-77.42"), Fraction("1.2")]


def test_no_list_price_no_amount() -> None:
    assert discover()["discount"].apply(rule("discount", "5"), situation(list_price=None)) is None


@pytest.mark.parametrize(
    ("quantity", "start"), [("0.5", None), ("1", 1), ("49.999", 1), ("50", 50), ("99", 50), ("100", 100), ("9000", 100)]
)
def test_the_tier_that_holds_the_quantity(quantity: str, start: int | None) -> None:
    for tiers in (TIERS, TIERS[::-1]):
        tier = tier_for(tiers, Decimal(quantity))
        assert (None if tier is None else tier.quantity) == start
    assert (discover()["tiered"].apply(rule("tiered", tiers=TIERS), situation(quantity=Decimal(quantity))) is None) == (
        start is None
    )


@pytest.mark.parametrize(
    ("kind", "title", "needs_value", "by_quantity", "from_list_price", "charges"),
    [
        ("fixed", "Fixed price", True, True, False, True),
        ("markup", "Mark-up on cost", True, False, False, True),
        ("margin", "Margin of sales", True, False, False, True),
        ("discount", "Discount off list price", True, True, True, True),
        ("passthrough", "As charged by Microsoft", False, False, False, True),
        ("tiered", "Price by quantity", False, True, False, True),
        ("none", "Not charged", False, False, False, False),
    ],
)
def test_what_each_kind_needs(
    kind: str, title: str, needs_value: bool, by_quantity: bool, from_list_price: bool, charges: bool
) -> None:
    info = discover()[kind]
    assert (info.kind, info.title) == (kind, title)
    assert (info.needs_value, info.by_quantity) == (needs_value, by_quantity)
    assert (info.from_list_price, info.charges) == (from_list_price, charges)


def test_there_are_no_other_kinds() -> None:
    """interfaces.md section 4, `kind`."""
    assert set(discover()) == {"fixed", "markup", "margin", "discount", "passthrough", "tiered", "none"}


percent = st.decimals(Decimal(-90), Decimal(90), places=2)
costs = st.decimals(Decimal(-(10**6)), Decimal(10**6), places=2)


@given(costs, percent)
def test_a_margin_is_the_stated_part_of_the_sales_price_and_a_markup_of_the_cost(cost: Decimal, value: Decimal) -> None:
    margin = priced(rule("margin", str(value)), subtotal=cost).exact
    assert margin - Fraction(cost) == margin * Fraction(value) / 100
    markup = priced(rule("markup", str(value)), subtotal=cost).exact
    assert markup - Fraction(cost) == Fraction(cost) * Fraction(value) / 100
