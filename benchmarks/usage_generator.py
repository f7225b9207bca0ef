"""A seeded month of daily rated usage with its own reference: every sum kept in whole numbers of 10**-20.

The attributes are those of Microsoft's full set, their values invented; shapes follow the published samples.
"""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import dataclass, field
from pathlib import Path

SCALE = 20
INVOICE = "G000000001"
_ZONES = ("EU West", "EU North", "US East", "AP Southeast", "UK South")
_SERVICES = (
    ("Virtual Machines", "D2 v3", "1 Hour"),
    ("Storage", "LRS Data Stored", "1 GB/Month"),
    ("Bandwidth", "Data Transfer Out", "1 GB"),
    ("SQL Database", "vCore", "1 Hour"),
    ("Azure Monitor", "Alerts Metric Monitored", "1/Month"),
)


@dataclass(slots=True)
class Reference:
    """Rows, amount and quantity of one group, in whole 10**-20."""

    rows: int = 0
    amount: int = 0
    quantity: int = 0


@dataclass(slots=True)
class Month:
    """The written blobs and what their rows add up to, by (tenant, subscription, product, sku)."""

    blobs: list[Path] = field(default_factory=list)
    groups: dict[tuple[str, str, str, str], Reference] = field(default_factory=dict)
    rows: int = 0


def write_month(folder: Path, *, rows: int, blobs: int = 4, seed: int = 7, customers: int = 0) -> Month:
    """Write `rows` lines of about 2 KB over `blobs` gzip files, in no useful order."""
    source = random.Random(seed)
    month = Month()
    customers = customers or max(rows // 4000, 3)
    plans = [_plan(source) for _ in range(customers)]
    for number in range(blobs):
        path = folder / f"part-{number:05d}.json.gz"
        share = rows // blobs + (1 if number < rows % blobs else 0)
        with gzip.open(path, "wb", compresslevel=5) as file:
            for _ in range(share):
                file.write(_line(source, source.choice(plans), month))
        month.blobs.append(path)
    month.rows = rows
    return month


def _guid(source: random.Random) -> str:
    text = f"{source.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@dataclass(frozen=True, slots=True)
class _Plan:
    tenant: str
    subscription: str
    entitlement: str
    products: tuple[tuple[str, str], ...]


def _plan(source: random.Random) -> _Plan:
    products = tuple((f"DZH318Z0{source.getrandbits(20):05X}", f"{source.getrandbits(16):04X}") for _ in range(12))
    return _Plan(_guid(source), _guid(source), _guid(source), products)


def _line(source: random.Random, plan: _Plan, month: Month) -> bytes:
    product, sku = source.choice(plan.products)
    service, meter, unit = source.choice(_SERVICES)
    zone = source.choice(_ZONES)
    quantity, quantity_units = _number(source, 24, 6)
    amount, amount_units = _number(source, 40, source.choice((2, 15, 18)))
    machine = f"vm{source.randrange(400)}"
    group_name = f"RG-{source.randrange(40)}"
    uri = (
        f"/subscriptions/{plan.entitlement}/resourceGroups/{group_name}"
        f"/providers/Microsoft.Compute/virtualMachines/{machine}"
    )
    day = f"2026-10-{source.randrange(1, 32):02d}T00:00:00Z"
    info = json.dumps({"ServiceType": "Standard_D2_v3", "VMName": _guid(source), "ImageType": "Canonical" * 8})
    tags = json.dumps({"costcenter": f"CC-{source.randrange(30)}", "run": _guid(source), "owner": "team-" * 9})
    fields: dict[str, object] = {
        "PartnerId": "0e195b37-4574-4539-bc42-0e539b9684c0",
        "PartnerName": "Contoso Partner",
        "CustomerId": plan.tenant,
        "CustomerName": f"Customer {plan.tenant[:6]}",
        "CustomerDomainName": f"c{plan.tenant[:6]}.onmicrosoft.com",
        "CustomerCountry": "DE",
        "MpnId": "6034453",
        "Tier2MpnId": "0",
        "InvoiceNumber": INVOICE,
        "ProductId": product,
        "SkuId": sku,
        "AvailabilityId": "DZH318Z08B80",
        "SkuName": f"{meter} - {zone}",
        "ProductName": f"{service} {meter}",
        "PublisherName": "Microsoft",
        "PublisherId": "",
        "SubscriptionDescription": "Azure plan",
        "SubscriptionId": plan.subscription,
        "ChargeStartDate": "2026-10-01T00:00:00Z",
        "ChargeEndDate": "2026-10-31T00:00:00Z",
        "UsageDate": day,
        "MeterType": f"1 {meter}",
        "MeterCategory": service,
        "MeterId": "cb0969aa-aaaa-4d6c-ab4b-7e182fa06aff",
        "MeterSubCategory": f"{service} series",
        "MeterName": meter,
        "MeterRegion": zone,
        "Unit": unit,
        "ResourceLocation": zone.upper().replace(" ", ""),
        "ConsumedService": "Microsoft.Compute",
        "ResourceGroup": group_name,
        "ResourceURI": uri,
        "ChargeType": "new",
        "UnitPrice": "\x00unit",
        "Quantity": "\x00quantity",
        "UnitType": unit,
        "BillingPreTaxTotal": "\x00amount",
        "BillingCurrency": "EUR",
        "PricingPreTaxTotal": "\x00amount",
        "PricingCurrency": "USD",
        "ServiceInfo1": "",
        "ServiceInfo2": "",
        "Tags": tags,
        "AdditionalInfo": info,
        "EffectiveUnitPrice": "\x00unit",
        "PCToBCExchangeRate": 1,
        "EntitlementId": plan.entitlement,
        "EntitlementDescription": "Partner Subscription",
        "PartnerEarnedCreditPercentage": 15,
        "CreditPercentage": 0,
        "CreditType": "Partner Earned Credit Applied",
        "BenefitOrderID": "",
        "BenefitID": "",
        "BenefitType": "",
    }
    text = json.dumps(fields)
    for name, number in (("unit", "0.7377862068965520"), ("quantity", quantity), ("amount", amount)):
        # digits are written as text, so that no binary float stands between them and the reference
        text = text.replace(f'"\\u0000{name}"', number)
    reference = month.groups.setdefault((plan.tenant, plan.subscription, product, sku), Reference())
    reference.rows += 1
    reference.amount += amount_units
    reference.quantity += quantity_units
    return text.encode() + b"\n"


def _number(source: random.Random, below: int, places: int) -> tuple[str, int]:
    """Digits as JSON shows them, and the same value in whole 10**-20."""
    units = source.randrange(below * 10**places)
    whole, rest = divmod(units, 10**places)
    return f"{whole}.{rest:0{places}d}", units * 10 ** (SCALE - places)
