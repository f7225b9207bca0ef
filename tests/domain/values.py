"""Whole values for tests of the pure packages; a test names only what it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from connector.domain.cycles import Charged, SubscriptionFacts, charged
from connector.domain.documents import Calculation, Part, RuleUsed
from connector.domain.lines import ReconciliationLine

_LINE = ReconciliationLine(
    id="l_1",
    invoice_id="G0001",
    platform="new_commerce",
    kind="advance",
    charge_type="new",
    tenant_id="tenant-1",
    customer_name="Contoso GmbH",
    customer_domain="contoso.example",
    subscription_id="sub-1",
    product_id="CFQ1",
    sku_id="0001",
    product_name="Microsoft 365 E3",
    sku_name="",
    currency="EUR",
    subtotal=Decimal("100.00"),
    tax=Decimal(0),
    unit_price=Decimal("10.00"),
    effective_unit_price=Decimal("10.00"),
    billable_quantity=Decimal(10),
    charge_start=date(2026, 10, 1),
    charge_end=date(2026, 10, 31),
    subscription_start=date(2026, 10, 1),
    subscription_end=date(2027, 9, 30),
    billing="Monthly",
    term_text="1 Year",
    order_date=datetime(2026, 10, 1, 8, 30, tzinfo=UTC),
    reference_id="",
    meter="",
)

_PART = Part(
    line_id="l_1",
    invoice_id="G0001",
    platform="new_commerce",
    kind="advance",
    charge_type="new",
    tenant_id="tenant-1",
    subscription_id="sub-1",
    product_id="CFQ1",
    sku_id="0001",
    product_name="Microsoft 365 E3",
    happened=datetime(2026, 10, 1, 8, 30, tzinfo=UTC),
    start=date(2026, 10, 1),
    end=date(2026, 10, 31),
    days=31,
    cycle_begin=date(2026, 10, 1),
    cycle_end=date(2026, 10, 31),
    cycle_days=31,
    quantity=Decimal(10),
    unit_price=Fraction("20.90"),
    amount=Decimal("209.00"),
    calculation=Calculation("multiply", (Fraction(1), Fraction("20.90"), Fraction(10), Fraction(1)), Fraction(209), ""),
    cost=Decimal("100.00"),
    cost_currency="EUR",
    rule=RuleUsed("r_1", 1, "fixed 20.90 for CFQ1:0001", "organisation", date(2026, 1, 1), None),
    billing="Monthly",
)


def day(text: str) -> date | None:
    """A date, or None for no text."""
    return date.fromisoformat(text) if text else None


def line(**changes: Any) -> ReconciliationLine:
    """Ten seats of a yearly subscription for October, 100.00 EUR; dates may be given as text."""
    return replace(_LINE, **_dated(changes))


def legacy_line(**changes: Any) -> ReconciliationLine:
    """A cycle fee of an old-style licence for October."""
    usual = {"platform": "legacy_license", "charge_type": "Cycle fee", "sku_id": "", "billing": "Monthly"}
    return line(**{**usual, **changes})


def part(**changes: Any) -> Part:
    """Ten seats for October at 20.90, of the customer's price list."""
    return replace(_PART, **_dated(changes))


def span_of(one: ReconciliationLine, facts: SubscriptionFacts | None = None) -> Charged:
    """What a line charges; alone in its period unless facts are given."""
    return charged(one, facts or SubscriptionFacts({}, {}))


_DATES = ("charge_start", "charge_end", "subscription_start", "subscription_end", "start", "end", "cycle_end")


def _dated(changes: dict[str, Any]) -> dict[str, Any]:
    return {name: day(value) if name in _DATES and isinstance(value, str) else value for name, value in changes.items()}
