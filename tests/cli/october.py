"""A small month at Microsoft: two customers, three lines, all by hand. 120.00 + 35.00 + 16.90 = 171.90 EUR."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.standins.microsoft.billing import Customer, Product, Seats

PERIOD = "2025-10"
INVOICE = "G202510777"
FIRST = Customer("a0000000-0000-4000-8000-000000000001", "Müller & Söhne GmbH", "first.example", "DE", "C-1")
SECOND = Customer("a0000000-0000-4000-8000-000000000002", "Second <b>AG</b>", "second.example", "DE", "C-2")
STANDARD = Product("CFQ7TTC0LDPB", "0001", "Business Standard", Decimal("12.00"))
BASIC = Product("CFQ7TTC0LH18", "0001", "Business Basic", Decimal("7.00"))
PHONE = Product("CFQ7TTC0LH0R", "0002", "Phone System", Decimal("16.90"))
CUSTOMERS = {"C-1": [FIRST.tenant_id], "C-2": [SECOND.tenant_id]}
TOTAL = "171.90"
# at cost + 25 %: 150.00 + 21.125, rounded per line half away from zero; 43.75
NET = {"C-1": "171.13", "C-2": "43.75"}


def days_ago(days: int) -> str:
    """An invoice date as a header shows it, so many whole days back by the calendar of UTC."""
    return f"{(datetime.now(UTC) - timedelta(days=days)).date().isoformat()}T08:00:00Z"


def october(*, invoiced: str = "2025-11-07T08:00:00Z") -> dict[str, Any]:
    """The month as the stand-in takes it."""
    lines = [
        _seats(FIRST, STANDARD, 1).charge("cycleCharge", 10),
        _seats(SECOND, BASIC, 2).charge("cycleCharge", 5),
        _seats(FIRST, PHONE, 3).charge("cycleCharge", 1),
    ]
    for line in lines:
        line["InvoiceNumber"] = INVOICE
    invoice = {"id": INVOICE, "period": PERIOD, "currencyCode": "EUR", "invoiceDate": invoiced, "reconciliation": lines}
    return {"period": PERIOD, "customers": [FIRST.listed(), SECOND.listed()], "invoices": [invoice]}


def _seats(customer: Customer, product: Product, number: int) -> Seats:
    return Seats(
        customer,
        product,
        f"b0000000-0000-4000-8000-{number:012d}",
        date(2025, 10, 1),
        date(2025, 10, 31),
        date(2025, 10, 1),
        date(2026, 9, 30),
    )
