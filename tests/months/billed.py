"""Months of our own: two customers, a few products, lines by Microsoft's arithmetic (the stand-in's billing.py)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.standins.microsoft.billing import Customer, Product, Seats, guid, line, months_after, stamp

ALPHA = Customer("a1fa0000-0000-4000-8000-00000000a1fa", "Alpha GmbH", "alpha.onmicrosoft.com")
BETA = Customer("be7a0000-0000-4000-8000-00000000be7a", "Beta AG", "beta.onmicrosoft.com")
SUITE = Product("CFQ7TTC0LDPB", "0001", "Microsoft 365 Business Standard", Decimal("12.00"))
MAIL = Product("CFQ7TTC0LHSL", "0001", "Exchange Online (Plan 1)", Decimal("3.40"))
SUPER = Product("CFQ7TTC0LCHC", "0002", "Microsoft 365 Business Premium", Decimal("20.60"))
MACHINE = Product("DZH318Z0BNZ5", "006G", "D2 v3 - EU West", Decimal("0.868"))

Line = dict[str, Any]


def day(text: str) -> date:
    return date.fromisoformat(text)


def seats(
    customer: Customer = ALPHA,
    product: Product = SUITE,
    begin: str = "2025-10-01",
    *,
    months: int = 1,
    bought: str = "",
    currency: str = "EUR",
) -> Seats:
    """A subscription with a one-year term, in the charge cycle that begins on a day."""
    start = day(begin)
    term_start = day(bought) if bought else start
    return Seats(
        customer,
        product,
        guid("subscription", customer.tenant_id, product.product_id, currency),
        start,
        months_after(start, months) - timedelta(days=1),
        term_start,
        months_after(term_start, 12) - timedelta(days=1),
        frequency="Annual" if months == 12 else "Monthly",
        currency=currency,
    )


def ten_to_fourteen(held: Seats | None = None, on: str = "2025-10-12") -> list[Line]:
    """Ten seats for the cycle, fourteen from a day on: at 12.00 they cost 120.00, -77.41 and 108.38."""
    held = held or seats()
    return [held.charge("cycleCharge", 10), *held.change("addQuantity", 10, 14, day(on))]


def consumed(customer: Customer, cost: str, quantity: str, first: str = "2025-10-01", currency: str = "EUR") -> Line:
    """A metered line of an Azure plan."""
    return line(
        customer,
        MACHINE,
        SubscriptionId=guid("plan", customer.tenant_id),
        ChargeType="new",
        OrderDate=f"{first}T03:00:00Z",
        UnitPrice=MACHINE.price,
        EffectiveUnitPrice=Decimal("0.7378"),
        Quantity=Decimal(quantity),
        BillableQuantity=Decimal(quantity),
        Subtotal=Decimal(cost),
        ChargeStartDate=stamp(day(first)),
        ChargeEndDate=stamp(months_after(day(first).replace(day=1), 1) - timedelta(days=1)),
        MeterDescription="Virtual Machines Dv3 Series - D2 v3 - EU West",
        UnitType="1 Hour",
        TermAndBillingCycle="Azure plan",
        Currency=currency,
    )


def month_of(lines: Iterable[Line], period: str = "2025-10", **header: Any) -> dict[str, Any]:
    """One invoice per currency, numbered in the order of the currencies."""
    by_currency: dict[str, list[Line]] = {}
    for each in lines:
        by_currency.setdefault(str(each["Currency"]), []).append(each)
    invoices = []
    for no, (currency, mine) in enumerate(sorted(by_currency.items()), start=1):
        number = f"G{period.replace('-', '')}{no:03d}"
        numbered = [{**each, "InvoiceNumber": number} for each in mine]
        invoices.append(
            {"id": number, "period": period, "currencyCode": currency, "reconciliation": numbered, **header}
        )
    return {"period": period, "customers": [ALPHA.listed(), BETA.listed()], "invoices": invoices}


def months_of(*months: dict[str, Any]) -> dict[str, Any]:
    """Several months in one book."""
    return {**months[-1], "invoices": [invoice for month in months for invoice in month["invoices"]]}
