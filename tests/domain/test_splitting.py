"""A part over cost centres: shares add up, and a reader of the explanation finds each of them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.documents import Calculation, Part
from connector.domain.explain import ExplainStep, recalculate, steps_from
from connector.domain.money import amount_text, exact_text, minor_units, scaled
from connector.domain.splitting import Share, split_part

WHOLE = Part(
    line_id="l_1",
    invoice_id="G1",
    platform="new_commerce",
    kind="advance",
    charge_type="cycleCharge",
    tenant_id="t",
    subscription_id="s",
    product_id="p",
    sku_id="0001",
    product_name="Seats",
    happened=None,
    start=None,
    end=None,
    days=None,
    cycle_begin=None,
    cycle_end=None,
    cycle_days=None,
    quantity=Decimal(10),
    unit_price=Fraction("20.9"),
    amount=Decimal("209.00"),
    calculation=Calculation("multiply", (Fraction("20.9"), Fraction(10)), Fraction(209), "price x quantity"),
    cost=Decimal("120.00"),
    cost_currency="USD",
    rule=None,
)


def _explained(part: Part, currency: str) -> str:
    before = tuple(
        ExplainStep(
            step.op,
            tuple(map(exact_text, step.operands)),
            exact_text(step.exact),
            "" if step.rounded is None else format(step.rounded, "f"),
            step.text,
        )
        for step in part.before
    )
    last = part.calculation
    rounded = amount_text(part.amount, currency)
    step = ExplainStep(last.op, tuple(map(exact_text, last.operands)), exact_text(last.exact), rounded, "", before)
    return recalculate(steps_from([step], part.amount, currency), currency)


def test_one_share_is_the_whole_part_with_its_label() -> None:
    assert split_part(WHOLE, [Share("Sales", Fraction(7))], "EUR") == [replace(WHOLE, label="Sales")]


def test_seats_stay_whole_where_they_are() -> None:
    sales, support = split_part(WHOLE, [Share("Sales", Fraction(6)), Share("Support", Fraction(4))], "EUR")
    assert (sales.quantity, sales.amount, sales.cost) == (Decimal(6), Decimal("125.40"), Decimal("72.00"))
    assert (support.quantity, support.unit_price, support.split) == (Decimal(4), Fraction("20.9"), "Support")
    assert sales.sentence == "The share of Sales in 209.00 EUR"


def test_a_cost_with_more_digits_than_its_currency_loses_none() -> None:
    parts = split_part(replace(WHOLE, cost=Decimal("0.001")), [Share(name, Fraction(1)) for name in "ab"], "EUR")
    assert [part.cost for part in parts] == [Decimal("0.001"), Decimal("0.000")]


@given(
    units=st.integers(-(10**7), 10**7),
    cost=st.integers(-(10**7), 10**7),
    weights=st.lists(st.fractions(min_value=Fraction(1, 1000), max_value=1000), min_size=2, max_size=7),
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_shares_add_up_and_recalculate(units: int, cost: int, weights: list[Fraction], currency: str) -> None:
    amount = scaled(units, minor_units(currency))
    calculation = Calculation("add", (Fraction(amount),), Fraction(amount), "")
    whole = replace(WHOLE, amount=amount, calculation=calculation, cost=scaled(cost, 2))
    parts = split_part(whole, [Share(f"c{place}", weight) for place, weight in enumerate(weights)], currency)
    assert sum(part.amount for part in parts) == amount and sum(part.cost for part in parts) == whole.cost
    coin = Fraction(1, 10 ** minor_units(currency))
    for part, weight in zip(parts, weights, strict=True):
        assert abs(Fraction(part.amount) - Fraction(amount) * weight / sum(weights)) < coin
        assert _explained(part, currency) == amount_text(part.amount, currency)


def _altered(part: Part) -> list[Part]:
    step, priced = part.calculation, part.before[-1]
    return [
        replace(part, amount=part.amount + 1, calculation=replace(step, exact=step.exact + 1)),
        replace(part, calculation=replace(step, operands=(step.operands[0] + 1, *step.operands[1:]))),
        replace(part, calculation=replace(step, operands=(step.operands[0], Fraction(2), *step.operands[2:]))),
        replace(part, before=(replace(priced, exact=priced.exact + 1),)),
        replace(part, before=(replace(priced, rounded=Decimal("208.99")),)),
        replace(part, before=(Calculation("add", (Fraction(1),), Fraction(1), "", Decimal("1.00")),)),
    ]


@pytest.mark.parametrize("place", range(6))
def test_a_share_that_does_not_hold_is_found(place: int) -> None:
    part = split_part(WHOLE, [Share("a", Fraction(2)), Share("b", Fraction(1))], "EUR")[0]
    assert _explained(part, "EUR") == "139.33"
    with pytest.raises(ValueError, match=r"is not|round|use"):
        _explained(_altered(part)[place], "EUR")
