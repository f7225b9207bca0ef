"""Kinds of lines by their charge type (interfaces.md 5.2), in the spellings Microsoft uses."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.lines import LinePlatform, ReconciliationLine
from connector.sources.fields import decode_reconciliation
from connector.sources.raw_lines import parse_record
from tests.months import reference
from tests.months.billed import day
from tests.months.test_cycles import raw_line
from tests.standins.microsoft import exact, published

_NEW = raw_line("new", day("2025-10-01"), day("2025-10-31"), day("2025-10-01"))
_LICENCE = published.month("legacy-several-seat-changes")["invoices"][0]["office"][0]
_METERED = published.month("legacy-usage")["invoices"][0]["azure"][0]

NEW_COMMERCE = [
    *[(name, "Monthly", "advance") for name in ("new", "New", "renew", "Renew", "cycleCharge", "cyclecharge")],
    *[(name, "Annual", "advance") for name in ("new", "changeBillingPlan")],
    *[(name, "", "one_time") for name in ("new", "renew", "cycleCharge", "changeBillingPlan")],
    *[(name, "Monthly", "proration") for name in ("addQuantity", "AddQuantity", "add_quantity", "removeQuantity")],
    *[(name, "", "proration") for name in ("moveQuantity", "convert", "cancel", "CancelImmediate", "extendTerm")],
    *[("customerCredit", billing, "credit") for billing in ("", "Monthly")],
    *[(name, "Monthly", "other") for name in ("Offset a line item", "activation fee", "discount")],
]
LEGACY = [
    *[(name, "advance") for name in ("Purchase fee", "PURCHASE FEE", "PURCHASE_FEE", "New purchase cycle fee")],
    *[(name, "advance") for name in ("Cycle fee", "CYCLE FEE", "Activation fee", "Renew fee", "New")],
    *[(name, "proration") for name in ("Cycle instance prorate", "Cancel fee", "Cancel instance prorate")],
    *[(f"Prorate fees when {what}", "proration") for what in ("purchase", "cancel", "activate", "renew")],
    ("Prorate fees when convert away from current offering", "proration"),
    *[("Offset a line item", "credit"), ("OFFSET_A_LINE_ITEM", "credit"), ("Something else", "other")],
]


def kind_of(raw: dict[str, Any], platform: LinePlatform = "new_commerce") -> str:
    line = decode_reconciliation(
        parse_record(exact.dumps(raw).encode(), 1), invoice_id="D020190009", file_id="f", platform=platform
    )
    assert isinstance(line, ReconciliationLine), line
    return line.kind


@pytest.mark.parametrize(("charge_type", "billing", "kind"), NEW_COMMERCE)
def test_new_commerce(charge_type: str, billing: str, kind: str) -> None:
    raw = {**_NEW, "ChargeType": charge_type, "BillingFrequency": billing}
    assert kind_of(raw) == reference.from_reconciliation(raw).kind == kind
    metered = {**raw, "MeterDescription": "Virtual Machines"}
    assert kind_of(metered) == ("credit" if kind == "credit" else "usage")


@pytest.mark.parametrize(("charge_type", "kind"), LEGACY)
def test_legacy_licences(charge_type: str, kind: str) -> None:
    raw = {**_LICENCE, "chargeType": charge_type}
    assert kind_of(raw, "legacy_license") == reference.from_licence(raw).kind == kind


@pytest.mark.parametrize("charge_type", ["Assess usage fee for current cycle", "Assess usage fee when cancel"])
def test_legacy_usage(charge_type: str) -> None:
    raw = {**_METERED, "chargeType": charge_type}
    assert kind_of(raw, "legacy_usage") == reference.from_metered(raw).kind == "usage"
