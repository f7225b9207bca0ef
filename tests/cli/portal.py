"""A reconciliation file as the portal gives it, in any sign of decimals and order of dates."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tests.cli.october import FIRST, SECOND

INVOICE = "G077000001"
PERIOD = "2025-10"
TOTAL = "1354.46"  # 1234.56 + 119.90
NET = {"C-1": "1543.20", "C-2": "149.88"}  # cost + 25 %, half away from zero


def rows(*, comma: bool = False, day_first: bool = False, ambiguous: bool = False) -> list[dict[str, str]]:
    """Two lines. `ambiguous`: no amount and no date shows which sign and which order it is written in."""

    def money(value: str) -> str:
        return value.replace(".", ",") if comma else value

    def day(when: date) -> str:
        return f"{when.day}.{when.month}.{when.year}" if day_first else f"{when.month}/{when.day}/{when.year}"

    begin, end = date(2025, 10, 1), date(2025, 10, 31)
    made = []
    for customer, product, quantity, price in (
        (FIRST, "CFQ7TTC0LDPB", 8, Decimal("154.32")),
        (SECOND, "CFQ7TTC0LH18", 10, Decimal("11.99")),
    ):
        cost = quantity * price
        made.append(
            {
                "CustomerId": customer.tenant_id,
                "CustomerName": customer.name,
                "InvoiceNumber": INVOICE,
                "OrderDate": day(date(2025, 10, 1)),
                "ProductId": product,
                "SkuId": "0001",
                "ProductName": f"Product {product[-4:]}",
                "ChargeType": "cycleCharge",
                "UnitPrice": money(str(price)),
                "EffectiveUnitPrice": money(str(price)),
                "Quantity": str(quantity),
                "BillableQuantity": str(quantity),
                "Subtotal": money(str(cost)),
                "TaxTotal": "0",
                "Total": money(str(cost)),
                "Currency": "EUR",
                "SubscriptionId": f"c0000000-0000-4000-8000-{quantity:012d}",
                "ChargeStartDate": day(begin),
                "ChargeEndDate": day(begin if ambiguous else end),
                "TermAndBillingCycle": "One-Month commitment for monthly billing",
                "BillingFrequency": "Monthly",
                "SubscriptionStartDate": day(begin),
                "SubscriptionEndDate": day(begin if ambiguous else end),
            }
        )
    return made
