"""A month for the pages: seats that change, a long name, and a meter with more daily rows than a page shows."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from tests.cli.desk import Desk

PERIOD = "2025-10"
INVOICE = "G078000001"
TENANT = "d0000000-0000-4000-8000-000000000001"
SEATS = "e0000000-0000-4000-8000-000000000001"
PLAN = "e0000000-0000-4000-8000-000000000002"
NAME = 'Zoë & Söhne <script>document.title="taken over"</script> "北京" ' + "Donaudampfschifffahrtsgesellschaft" * 2
MARKUP = Decimal("1.25")
USAGE = Decimal("84.00")
ROWS = 240  # eight a day
# 10 seats at 12.00; from the 12th 14 of them: 20 of 31 days
CHARGES = (("cycleCharge", 10, "12", 1, "120.00"), ("addQuantity", 10, "-7.741935483870968", 12, "-77.41"),
           ("addQuantity", 14, "7.741935483870968", 12, "108.38"))  # fmt: skip


def import_month(desk: Desk) -> str:
    """Priced, balanced, with links; the month."""
    desk.taken("organisations", "code,name,country,currency", '"C-1","' + NAME.replace('"', '""') + '",DE,EUR')
    desk.taken("links", "tenant_id,organisation", f"{TENANT},C-1")
    desk.taken(
        "prices",
        "organisation,product_id,sku_id,kind,value,currency,valid_from",
        "*,,,markup,25,,2020-01-01",
        "C-1,CFQ7TTC0LDPB,0001,fixed,20.90,EUR,2020-01-01",
    )
    lines = [_seats(*charge) for charge in CHARGES] + [_meter()]
    files = [desk.portal_file("lines.csv", lines), desk.portal_file("usage.csv", list(_days()))]
    total = sum((Decimal(line["Subtotal"]) for line in lines), Decimal(0))
    desk.done("import", "invoice", *files, "--header", f"{INVOICE}={total}")
    desk.holds()
    return PERIOD


def _line(**fields: str) -> dict[str, str]:
    return {
        "CustomerId": TENANT,
        "CustomerName": NAME,
        "InvoiceNumber": INVOICE,
        "OrderDate": "10/13/2025",
        "ProductId": "",
        "SkuId": "",
        "SkuName": "",
        "ProductName": "",
        "ChargeType": "",
        "UnitPrice": "",
        "EffectiveUnitPrice": "",
        "Quantity": "",
        "BillableQuantity": "",
        "Subtotal": "",
        "TaxTotal": "0",
        "Total": fields["Subtotal"],
        "Currency": "EUR",
        "SubscriptionId": "",
        "ChargeStartDate": "10/1/2025",
        "ChargeEndDate": "10/31/2025",
        "TermAndBillingCycle": "",
        "BillingFrequency": "",
        "MeterDescription": "",
        "SubscriptionStartDate": "",
        "SubscriptionEndDate": "",
        **fields,
    }


def _seats(kind: str, quantity: int, unit: str, day: int, subtotal: str) -> dict[str, str]:
    return _line(
        ProductId="CFQ7TTC0LDPB",
        SkuId="0001",
        SkuName="Microsoft 365 Business Standard",
        ProductName="Microsoft 365 Business Standard",
        ChargeType=kind,
        UnitPrice="12",
        EffectiveUnitPrice=unit,
        Quantity=str(quantity),
        BillableQuantity=str(quantity),
        Subtotal=subtotal,
        SubscriptionId=SEATS,
        OrderDate=f"10/{day}/2025",
        ChargeStartDate=f"10/{day}/2025",
        TermAndBillingCycle="One-Year commitment for monthly/yearly billing",
        BillingFrequency="Monthly",
        SubscriptionStartDate="10/1/2025",
        SubscriptionEndDate="9/30/2026",
    )


def _meter() -> dict[str, str]:
    return _line(
        ProductId="DZH318Z0BNZ5",
        SkuId="006G",
        SkuName="D2 v3 - EU West",
        ProductName="D2 v3 - EU West",
        ChargeType="new",
        UnitPrice="0.35",
        EffectiveUnitPrice="0.35",
        Quantity="240",
        BillableQuantity="240",
        Subtotal=str(USAGE),
        SubscriptionId=PLAN,
        MeterDescription="Virtual Machines Dv3 Series - D2 v3 - EU West",
        TermAndBillingCycle="Azure plan",
    )


def _days() -> list[dict[str, str]]:
    rows = []
    for number in range(ROWS):
        day = date(2025, 10, 1) + timedelta(days=number // 8)
        machine = f"a-virtual-machine-with-quite-a-long-name-{number:03d}"
        rows.append(
            {
                "CustomerId": TENANT,
                "InvoiceNumber": INVOICE,
                "ProductId": "DZH318Z0BNZ5",
                "SkuId": "006G",
                "SubscriptionId": PLAN,
                "UsageDate": f"{day.month}/{day.day}/{day.year}",
                "MeterName": "D2 v3",
                "MeterCategory": "Virtual Machines",
                "ResourceLocation": "EU West",
                "ResourceGroup": "PROD",
                "ResourceURI": f"/subscriptions/x/resourceGroups/PROD/providers/Microsoft.Compute/{machine}",
                "Unit": "1 Hour",
                "Quantity": "1.0",
                "UnitPrice": "0.35",
                "BillingPreTaxTotal": "0.35",
                "BillingCurrency": "EUR",
                "PricingPreTaxTotal": "0.35",
                "PricingCurrency": "EUR",
                "ChargeType": "new",
            }
        )
    return rows
