"""Credits of Microsoft's: which line carries one, whether it is kept, and what the line would have cost without."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from mappings.credits import (
    CREDITS,
    POLICIES,
    CreditPolicies,
    CreditPolicy,
    credit_of,
    earned_credit_operands,
    without_earned_credit,
)
from tests.domain.values import line

# product.md section 6: list 0.868 with a credit of 15 %
CASES = [("29", "21.39"), ("210.950039", "155.63"), ("555.950039", "410.17")]


def used(units: str = "29", cost: str = "21.39", **changes: Any) -> Any:
    quantity, subtotal = Decimal(units), Decimal(cost)
    usual: dict[str, Any] = {
        "kind": "usage",
        "billing": "",
        "adjustment": '["15.0 % Something by another name"]',
        "unit_price": Decimal("0.868"),
        "effective_unit_price": subtotal / quantity,
        "billable_quantity": quantity,
        "subtotal": subtotal,
    }
    return line(**{**usual, **changes})


@pytest.mark.parametrize(("units", "cost"), CASES)
def test_the_published_cases_carry_the_credit_whatever_its_words(units: str, cost: str) -> None:
    one = used(units, cost)
    assert credit_of(one) == "partner_earned_credit"
    assert without_earned_credit(one) == Fraction(cost) / Fraction("0.85")
    assert earned_credit_operands(one) == (Fraction(cost), Fraction("0.85"))


@pytest.mark.parametrize(
    ("changes", "credit"),
    [
        # a cent more or less is another percentage
        ({"cost": "21.40"}, None),
        ({"cost": "21.38"}, None),
        ({"cost": "25.17"}, None),
        # lines without any price adjustment carry no credit
        ({"adjustment": ""}, None),
        ({"adjustment": "[]"}, None),
        ({"adjustment": " [ ] "}, None),
        ({"unit_price": None}, None),
        ({"effective_unit_price": None}, None),
        # the words alone do, in any case and spacing
        ({"adjustment": '["Partner  Earned\tCREDIT for services managed"]', "cost": "25.17"}, "partner_earned_credit"),
        ({"adjustment": "partner earned credit", "unit_price": None}, "partner_earned_credit"),
        ({"adjustment": "earned", "cost": "25.17"}, None),
        # where 15 % of it is less than a cent the figures do not tell
        ({"units": "0.01", "cost": "0", "effective_unit_price": Decimal(0)}, None),
        # an Azure credit leaves a line of nothing with a reason
        ({"cost": "0", "credit_reason": "Azure credit"}, "azure_credit"),
        ({"cost": "0", "credit_reason": "Azure credit", "billable_quantity": Decimal(0)}, None),
        ({"cost": "0"}, None),
        # a credit by its kind; seats and old-style usage carry none
        ({"kind": "credit"}, "customer_credit"),
        ({"kind": "advance"}, None),
        ({"platform": "legacy_usage"}, None),
    ],
)
def test_which_credit_a_line_carries(changes: dict[str, Any], credit: str | None) -> None:
    assert credit_of(used(**changes)) == credit


def test_figures_that_contradict_the_words_are_no_ground_for_a_guess() -> None:
    words = {"adjustment": "partner earned credit"}
    assert without_earned_credit(used(cost="25.17", **words)) is None
    assert without_earned_credit(used(**words)) == Fraction("21.39") / Fraction("0.85")
    # without prices nothing contradicts
    assert without_earned_credit(used(cost="25.17", unit_price=None, **words)) == Fraction("25.17") / Fraction("0.85")
    assert without_earned_credit(used(cost="25.17", effective_unit_price=None, **words)) is not None


# -- whether it is kept ----------------------------------------------------------------------------------------


def policy(organisation: str, says: str, first: str = "", last: str = "", credit: str = "azure_credit") -> CreditPolicy:
    days = [date.fromisoformat(day) if day else None for day in (first, last)]
    return CreditPolicy(organisation, credit, says, *days, f"{organisation} {says}")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("policies", "kept_by"),
    [
        ([], None),
        ([policy("C-1", "keep")], "C-1 keep"),
        ([policy("C-1", "pass_on")], None),
        ([policy("", "keep")], " keep"),
        # the organisation's own come before those for all
        ([policy("", "keep"), policy("C-1", "pass_on")], None),
        ([policy("", "pass_on"), policy("C-1", "keep")], "C-1 keep"),
        ([policy("C-2", "keep")], None),
        ([policy("C-1", "keep", credit="customer_credit")], None),
        # its own are over: those for all hold again
        ([policy("", "keep"), policy("C-1", "pass_on", last="2026-09-30")], " keep"),
        ([policy("C-1", "keep", "2026-10-02")], None),
        ([policy("C-1", "keep", "2026-10-01", "2026-10-01")], "C-1 keep"),
        # of several the one with the later valid_from
        ([policy("C-1", "keep", "2026-09-01"), policy("C-1", "pass_on", "2026-10-01")], None),
        ([policy("C-1", "pass_on"), policy("C-1", "keep", "2026-09-01")], "C-1 keep"),
    ],
)
def test_a_credit_is_kept_where_the_policy_of_the_day_says_so(
    policies: list[CreditPolicy], kept_by: str | None
) -> None:
    for order in (policies, policies[::-1]):
        found = CreditPolicies.of(order).kept("C-1", "azure_credit", date(2026, 10, 1))
        assert (found.note if found else None) == kept_by


def test_a_line_without_a_day_meets_only_policies_without_dates() -> None:
    dated, undated = policy("C-1", "keep", "2026-01-01"), policy("C-1", "keep")
    assert CreditPolicies.of([dated]).kept("C-1", "azure_credit", None) is None
    assert CreditPolicies.of([dated, undated]).kept("C-1", "azure_credit", None) == undated


def test_the_words_of_the_import_file() -> None:
    assert CREDITS == ("partner_earned_credit", "azure_credit", "customer_credit")
    assert POLICIES == ("keep", "pass_on")
