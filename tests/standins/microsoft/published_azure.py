"""The published Azure plan lines: price 0.868, partner earned credit 15 % (invoices.md 3.2 and 3.7).

29 units give 21.39, 210.950039 units 155.63, 555.950039 units 410.17. The daily rows are ours: quantities
add up to the published units, each day is FLOOR(EUP x Quantity x rate, 2), so their sum lies a little below
the line.
"""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.standins.microsoft.attributes import USAGE
from tests.standins.microsoft.billing import Customer, Product, cut, guid, line
from tests.standins.microsoft.month import PARTNER_TENANT

MODERN = Customer("196e2273-9651-43a3-ba7e-7cbcd918fc40", "Modern Customer", "testcustomerdomain.onmicrosoft.com")
PLAN = "307628f1-d9d2-f09c-ea1f-4183f0cae308"
NUMBER = "G031809528"
_MACHINE = Product("DZH318Z0BNZ5", "006G", "D2 v3 - EU West", Decimal("0.868"), "Microsoft", "DZH318Z08B80")
_PUBLISHED = (
    ("D2 v3 - EU West", "29", "21.39", "0.737586206896552"),
    ("D4 v3 - EU West", "210.950039", "155.63", "0.737757626107858"),
    ("D8 v3 - EU West", "555.950039", "410.17", "0.737782122900436"),
)
_PAID = Fraction(Decimal("0.868")) * Fraction(85, 100)


def azure_plan() -> dict[str, Any]:
    """Period 2024-10, so that the lines come from the Graph exports."""
    lines: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for meter, units, cost, effective in _PUBLISHED:
        product = Product(_MACHINE.product_id, _MACHINE.sku_id, meter, _MACHINE.price, _MACHINE.publisher)
        lines.append(
            line(
                MODERN,
                product,
                InvoiceNumber=NUMBER,
                SubscriptionId=PLAN,
                OrderDate="2024-11-05T03:00:00.0000000Z",
                ChargeType="new",
                UnitPrice=product.price,
                EffectiveUnitPrice=Decimal(effective),
                Quantity=Decimal(units),
                BillableQuantity=Decimal(units),
                Subtotal=Decimal(cost),
                SubscriptionDescription="Azure plan",
                Currency="EUR",
                ChargeStartDate="2024-10-01T00:00:00Z",
                ChargeEndDate="2024-10-31T00:00:00Z",
                UnitType="1 Hour",
                MeterDescription=f"Virtual Machines Dv3 Series - {meter}",
                TermAndBillingCycle="Azure plan",
                PriceAdjustmentDescription='["15.0% Partner earned credit for services managed"]',
            )
        )
        rows.extend(_days(product, Decimal(units)))
    return {
        "period": "2024-10",
        "customers": [MODERN.listed()],
        "invoices": [
            {"id": NUMBER, "period": "2024-10", "currencyCode": "EUR", "reconciliation": lines, "usage": rows}
        ],
    }


def _days(product: Product, units: Decimal) -> list[dict[str, Any]]:
    share = (units / 31).quantize(Decimal("0.000001"))
    rows = []
    for number in range(31):
        quantity = share if number < 30 else units - share * 30
        day = date(2024, 10, 1) + timedelta(days=number)
        rows.append(
            usage_row(
                MODERN,
                product,
                PLAN,
                NUMBER,
                UsageDate=f"{day.isoformat()}T00:00:00Z",
                UnitPrice=product.price,
                EffectiveUnitPrice=Decimal("0.7378"),
                Quantity=quantity,
                BillingPreTaxTotal=cut(_PAID * Fraction(quantity)),
                PricingPreTaxTotal=product.price * quantity * Decimal("0.85"),
                PartnerEarnedCreditPercentage=15,
                CreditType="Partner Earned Credit Applied",
                ChargeStartDate="2024-10-01T00:00:00Z",
                ChargeEndDate="2024-10-31T00:00:00Z",
            )
        )
    return rows


def usage_row(customer: Customer, product: Product, plan: str, number: str, **fields: Any) -> dict[str, Any]:
    """A daily rated usage row with all 54 attributes."""
    entitlement = guid("entitlement", plan)
    resource = f"/subscriptions/{entitlement}/resourceGroups/PROD/providers/Microsoft.Compute/virtualMachines/vm1"
    row: dict[str, Any] = dict.fromkeys(USAGE, "")
    row |= {
        "PartnerId": PARTNER_TENANT,
        "PartnerName": "Contoso Partner",
        "CustomerId": customer.tenant_id,
        "CustomerName": customer.name,
        "CustomerDomainName": customer.domain,
        "CustomerCountry": customer.country,
        "MpnId": "1234567",
        "Tier2MpnId": "0",
        "InvoiceNumber": number,
        "ProductId": product.product_id,
        "SkuId": product.sku_id,
        "AvailabilityId": product.availability,
        "SkuName": product.name,
        "ProductName": "Virtual Machines Dv3 Series",
        "PublisherName": "Microsoft",
        "SubscriptionId": plan,
        "SubscriptionDescription": "Azure plan",
        "MeterType": "1 Compute Hour",
        "MeterCategory": "Virtual Machines",
        "MeterId": guid("meter", product.name),
        "MeterSubCategory": "Dv3 Series",
        "MeterName": product.name.split(" -")[0],
        "MeterRegion": "EU West",
        "Unit": "1 Hour",
        "UnitType": "1 Hour",
        "ResourceLocation": "EUWEST",
        "ConsumedService": "Microsoft.Compute",
        "ResourceGroup": "PROD",
        "ResourceURI": resource,
        "ChargeType": "new",
        "BillingCurrency": "EUR",
        "PricingCurrency": "EUR",
        "PCToBCExchangeRate": Decimal(1),
        "EntitlementId": entitlement,
        "EntitlementDescription": "Production",
        "PartnerEarnedCreditPercentage": 0,
        "CreditPercentage": 0,
        "CreditType": "Credit Not Applied",
        "AdditionalInfo": '{"ServiceType":"Standard_D2_v3"}',
    }
    return row | fields
