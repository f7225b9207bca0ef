"""Which credit a line carries, and what it would have cost without (docs/decisions/0012-credits.md)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from connector.domain.lines import ReconciliationLine
from mappings.credits import Credit, CreditPolicies, CreditPolicy, credit_of, without_earned_credit

# published: 29 units at 0.868 with 15 % off are 21.39
LINE = ReconciliationLine(
    id="l_1",
    invoice_id="G1",
    platform="new_commerce",
    kind="usage",
    charge_type="new",
    tenant_id="t",
    customer_name="",
    customer_domain="",
    subscription_id="plan",
    product_id="DZH318Z0BNZ5",
    sku_id="006G",
    product_name="D2 v3",
    sku_name="",
    currency="EUR",
    subtotal=Decimal("21.39"),
    tax=Decimal(0),
    unit_price=Decimal("0.868"),
    effective_unit_price=Decimal("0.737586206896552"),
    billable_quantity=Decimal(29),
    charge_start=date(2024, 10, 1),
    charge_end=date(2024, 10, 31),
    subscription_start=None,
    subscription_end=None,
    billing="",
    term_text="Azure plan",
    order_date=None,
    reference_id="",
    meter="D2 v3",
    adjustment='["15.0% Partner earned credit for services managed"]',
)
PEC: Credit = "partner_earned_credit"


def test_the_published_line_carries_the_credit_and_costs_more_without() -> None:
    assert credit_of(LINE) == PEC and without_earned_credit(LINE) == Fraction(2139, 85)


@pytest.mark.parametrize(
    "said",
    ['["Partner  Earned\\nCredit"]', "PARTNER EARNED CREDIT, 15 %", '["Crédit partenaire"]'],
)
def test_the_words_vary(said: str) -> None:
    assert credit_of(replace(LINE, adjustment=said.replace("\\n", " "))) == PEC


@pytest.mark.parametrize(
    "changes",
    [
        {"adjustment": ""},
        {"adjustment": "[]"},
        {"kind": "advance"},
        {"platform": "legacy_usage"},
        # another adjustment: the figures are those of 10 % off, cut: 29 x 0.868 x 0.9 = 22.6548
        {"adjustment": '["10% off"]', "effective_unit_price": Decimal("22.65") / 29},
        # 0.018 and 0.0153 are both cut to 0.01: the figures say nothing, and the words neither
        {
            "adjustment": '["special"]',
            "billable_quantity": Decimal(1),
            "unit_price": Decimal("0.018"),
            "effective_unit_price": Decimal("0.01"),
        },
    ],
)
def test_what_carries_no_credit(changes: dict[str, object]) -> None:
    assert credit_of(replace(LINE, **changes)) is None  # type: ignore[arg-type]


def test_words_alone_decide_where_no_price_is_given() -> None:
    line = replace(LINE, unit_price=None)
    assert credit_of(line) == PEC and without_earned_credit(line) == Fraction(2139, 85)
    assert without_earned_credit(replace(LINE, unit_price=Decimal("0.9"))) is None


def test_a_credit_that_is_taken_back_is_negative_throughout() -> None:
    line = replace(LINE, subtotal=Decimal("-21.39"), billable_quantity=Decimal(-29))
    assert credit_of(line) == PEC and without_earned_credit(line) == Fraction(-2139, 85)


def test_credits_of_the_whole_line() -> None:
    free = replace(LINE, subtotal=Decimal("0.00"), effective_unit_price=Decimal(0), credit_reason="Azure Credit Offer")
    assert credit_of(free) == "azure_credit"
    assert credit_of(replace(free, credit_reason="")) is None, "free for another reason"
    assert credit_of(replace(free, billable_quantity=Decimal(0))) is None
    assert credit_of(replace(free, kind="credit")) == "customer_credit"


def _policy(policy: str, *, whose: str = "", since: str = "", until: str = "") -> CreditPolicy:
    first, last = (date.fromisoformat(day) if day else None for day in (since, until))
    return CreditPolicy(whose, PEC, policy, first, last, "")  # type: ignore[arg-type]


def test_own_rows_then_later_ones_and_both_days_count() -> None:
    ours = _policy("keep", since="2024-10-01", until="2024-10-31")
    policies = CreditPolicies.of([_policy("pass_on"), ours, _policy("pass_on", whose="C-1", since="2024-10-31")])
    assert (
        policies.kept("C-2", PEC, date(2024, 10, 1)) is ours and policies.kept("C-2", PEC, date(2024, 10, 31)) is ours
    )
    assert policies.kept("C-2", PEC, date(2024, 9, 30)) is None and policies.kept("C-2", PEC, date(2024, 11, 1)) is None
    assert policies.kept("C-1", PEC, date(2024, 10, 30)) is ours
    assert policies.kept("C-1", PEC, date(2024, 10, 31)) is None
    assert policies.kept("C-2", "azure_credit", date(2024, 10, 1)) is None
