"""Microsoft's credits, kept or passed on (decisions/0012-credits.md).

The published Azure plan of October 2024: 21.39, 155.63 and 410.17 with a partner earned credit of 15 %.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.months import checks
from tests.months.billed import ALPHA, MACHINE, Line, consumed, month_of, seats, ten_to_fourteen
from tests.months.partner import Month, Partner
from tests.standins.microsoft.published_azure import MODERN, azure_plan

AZURE = "2024-10"
KEEP = {"organisation": "*", "credit": "partner_earned_credit", "policy": "keep"}


def _azure(partner: Partner, *policies: dict[str, str], currency: str = "EUR", **changes: Any) -> None:
    plan = azure_plan()
    for line in plan["invoices"][0]["reconciliation"]:
        line.update(changes)
    partner.is_billed(plan)
    partner.has_customer("C-1", MODERN.tenant_id, currency=currency)
    if policies:
        partner.imports("credits", *policies)


def _month(partner: Partner, period: str = AZURE) -> Month:
    month = partner.sync(period)
    checks.assert_adds_up(month, partner)
    return month


def test_without_a_row_the_credit_is_passed_on(partner: Partner) -> None:
    """20 % on 21.39, 155.63 and 410.17: 25.67, 186.76 and 492.20."""
    _azure(partner)
    partner.price("markup", "20")
    assert _month(partner).net("C-1") == "704.63"


def test_a_kept_credit_is_added_to_the_cost_before_the_price_is_made(partner: Partner) -> None:
    """21.39 / 0.85 x 1.2 = 30.1976..., 155.63 -> 219.7129..., 410.17 -> 579.0635...; the cost itself stays."""
    _azure(partner, KEEP)
    partner.price("markup", "20")
    month = _month(partner)
    line = month.line("C-1")
    assert sorted(month.amounts(line)) == ["219.71", "30.20", "579.06"] and line["cost"] == "587.19"
    assert month.balance()["invoiced_cost"] == "587.19"
    first = next(step for step in month.explain(line)["steps"] if step["rounded"] == "30.20")
    assert first["before"] == [
        {
            "op": "divide",
            "operands": ["21.39", "0.85"],
            "exact": "2139/85",
            "rounded": "",
            "text": "cost without Microsoft's partner earned credit of 15 %",
        }
    ]
    assert first["operands"] == ["2139/85", "1.2"]
    assert "credit_unclear" not in month.codes


def test_a_margin_in_another_currency_shows_every_step(partner: Partner) -> None:
    """21.39 / 0.85 x 0.9 / 0.8 = 28.3102...; 410.17 and 155.63 likewise 542.8720... and 205.9808..."""
    _azure(partner, KEEP, currency="CHF")
    partner.price("margin", "20")
    partner.rate("2024-01-01", "EUR", "CHF", "0.9")
    month = _month(partner)
    line = month.line("C-1", "CHF")
    assert sorted(month.amounts(line)) == ["205.98", "28.31", "542.87"]
    steps = next(step for step in month.explain(line)["steps"] if step["rounded"] == "28.31")["before"]
    assert [step["op"] for step in steps] == ["divide", "multiply"] and steps[1]["operands"] == ["2139/85", "0.9"]


def test_a_price_per_unit_knows_no_credit(partner: Partner) -> None:
    """1.00 an hour for 29, 210.950039 and 555.950039 hours, kept or not."""
    _azure(partner, KEEP)
    partner.price("fixed", "1.00", product_id=MACHINE.product_id, sku_id=MACHINE.sku_id)
    month = _month(partner)
    assert month.net("C-1") == "795.90"
    assert all("before" not in step for step in month.explain(month.line("C-1"))["steps"])


@pytest.mark.parametrize(
    ("policies", "net"),
    [
        # the organisation's own row comes before the one for all
        ([KEEP, {**KEEP, "organisation": "C-1", "policy": "pass_on"}], "704.63"),
        # the charge begins on 1 October
        ([{**KEEP, "valid_from": "2024-10-02"}], "704.63"),
        ([{**KEEP, "valid_to": "2024-10-01"}], "828.97"),
        # of several the one that began last
        ([KEEP, {**KEEP, "policy": "pass_on", "valid_from": "2024-06-01"}], "704.63"),
        ([{**KEEP, "credit": "customer_credit"}, {**KEEP, "credit": "azure_credit"}], "704.63"),
    ],
)
def test_which_row_counts(partner: Partner, policies: list[dict[str, str]], net: str) -> None:
    _azure(partner, *policies)
    partner.price("markup", "20")
    assert _month(partner).net("C-1") == net


@pytest.mark.parametrize(
    ("said", "net"),
    [
        # other words, the same figures
        ('["Remise partenaire 15 %"]', "828.97"),
        # no price adjustment at all: no credit, whatever the figures
        ("", "704.63"),
        ("[]", "704.63"),
    ],
)
def test_a_credit_is_told_by_its_figures_not_by_its_words(partner: Partner, said: str, net: str) -> None:
    _azure(partner, KEEP, PriceAdjustmentDescription=said)
    partner.price("markup", "20")
    month = _month(partner)
    assert month.net("C-1") == net and "credit_unclear" not in month.codes


def test_words_that_contradict_the_figures_are_a_finding_and_no_guess(partner: Partner) -> None:
    _azure(partner, KEEP, UnitPrice="0.900")
    partner.price("markup", "20")
    month = _month(partner)
    assert month.net("C-1") == "704.63"
    finding = month.finding("credit_unclear")
    assert (finding["amount"], finding["severity"]) == ("587.19", "warning")


def test_the_customers_page_holds_no_cost(partner: Partner) -> None:
    _azure(partner, KEEP)
    partner.price("markup", "20")
    line = _month(partner).line("C-1")
    assert "21.39" not in str([line["text"], line["sentence"]]) and "15" not in line["sentence"]


# ---- credits of 100 %


def _free(quantity: str = "100") -> Line:
    return {
        **consumed(ALPHA, "0.00", quantity),
        "EffectiveUnitPrice": "0",
        "CreditReasonCode": "Azure Credit Offer",
        "PriceAdjustmentDescription": '["100% Azure credit"]',
    }


def _given(amount: str) -> Line:
    """A credit that Microsoft granted."""
    credit = {"ChargeType": "customerCredit", "CreditReasonCode": "Service credit", "BillingFrequency": ""}
    return {**seats().charge("cycleCharge", 1), **credit, "Subtotal": amount, "Total": amount, "TaxTotal": "0"}


def _october(partner: Partner, *lines: Line, policy: str = "keep", credit: str = "azure_credit") -> None:
    partner.is_billed(month_of([*ten_to_fourteen(), *lines]))
    partner.has_customer("C-1", ALPHA.tenant_id)
    row = {"organisation": "C-1", "credit": credit, "policy": policy, "note": "our subsidy"}
    partner.imports("credits", row)
    partner.price("passthrough")


def test_usage_under_an_azure_credit_is_free_when_passed_on(partner: Partner) -> None:
    _october(partner, _free(), policy="pass_on")
    month = _month(partner, "2025-10")
    assert month.line("C-1", kind="usage")["amount"] == "0.00" and month.net("C-1") == "150.97"


def test_a_kept_azure_credit_needs_a_price_per_unit(partner: Partner) -> None:
    _october(partner, _free())
    month = partner.sync("2025-10", status=1)
    finding = month.finding("credit_base_missing")
    assert finding["severity"] == "error" and "fixed" in finding["action"]
    assert month.document("C-1")["posting"]["state"] == "held"
    partner.price("fixed", "0.90", product_id=MACHINE.product_id, sku_id=MACHINE.sku_id)
    month = _month(partner, "2025-10")
    # 100 hours at 0.90
    line = month.line("C-1", kind="usage")
    assert (line["amount"], line["cost"]) == ("90.00", "0.00")


def test_a_kept_customer_credit_is_not_charged_and_says_why(partner: Partner) -> None:
    _october(partner, _given("-30.00"), credit="customer_credit")
    month = _month(partner, "2025-10")
    assert not month.lines("C-1", kind="credit") and month.net("C-1") == "150.97"
    assert month.balance()["not_charged"] == "-30.00" and month.state == "balanced"
    finding = month.finding("credit_kept")
    assert finding["amount"] == "-30.00" and "our subsidy" in finding["text"]


def test_a_customer_credit_is_passed_on_without_a_row(partner: Partner) -> None:
    _october(partner, _given("-30.00"), policy="pass_on", credit="customer_credit")
    assert _month(partner, "2025-10").net("C-1") == "120.97"


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"credit": "discount"}, "credit"),
        ({"policy": "maybe"}, "policy"),
        ({"organisation": ""}, "organisation"),
        ({"organisation": "C-9"}, "organisation"),
        ({"valid_from": "2025-02-01", "valid_to": "2025-01-01"}, "valid_to"),
    ],
)
def test_what_cannot_be_a_policy_is_refused(partner: Partner, row: dict[str, str], column: str) -> None:
    values = {**KEEP, **row}
    path = partner.folder / "bad.csv"
    path.write_text(",".join(values) + "\n" + ",".join(values.values()) + "\n", encoding="utf-8")
    answer = partner.run("import", "credits", str(path), "--json")
    assert answer.status == 2 and column in {error["column"] for error in answer.json["errors"]}
