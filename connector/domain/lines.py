"""Reconciliation lines and daily usage as plain values, whichever interface and spelling they came in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from connector.domain.charges import Kind

LinePlatform = Literal["new_commerce", "legacy_license", "legacy_usage"]


@dataclass(frozen=True, slots=True)
class ReconciliationLine:
    """One charge of Microsoft's, amounts as delivered in `currency` (the billing currency).

    `id` is stable over re-exports: it comes from the business fields and an ordinal among equal lines, never
    from the place in a file. Ids of tenants, subscriptions and legacy offers are lower case. Empty text means
    "not given". `charge_end` is inclusive. `tenant_id` is Microsoft's customer id.
    """

    id: str
    invoice_id: str
    platform: LinePlatform
    kind: Kind
    charge_type: str
    tenant_id: str
    customer_name: str
    customer_domain: str
    subscription_id: str
    product_id: str
    sku_id: str
    product_name: str
    sku_name: str
    currency: str
    subtotal: Decimal
    tax: Decimal
    unit_price: Decimal | None
    effective_unit_price: Decimal | None
    billable_quantity: Decimal
    charge_start: date | None
    charge_end: date | None
    subscription_start: date | None
    subscription_end: date | None
    billing: str
    """BillingFrequency (Monthly, Annual, ...) as delivered; legacy: billingCycleType; blank = one-time."""
    term_text: str
    order_date: datetime | None
    reference_id: str
    meter: str
    availability_id: str = ""
    order_id: str = ""
    credit_reason: str = ""
    promotion_id: str = ""
    qualifiers: str = ""
    reservation_order_id: str = ""
    adjustment: str = ""
    subscription_name: str = ""
    pricing_currency: str = ""
    exchange_rate: Decimal | None = None
    exchange_date: date | None = None
    unit: str = ""
    publisher: str = field(default="", compare=False)
    """PublisherName: whose product it is. It says nothing about the charge, and some interfaces leave it out: no part
    of the id, and two lines that differ in it alone are the same."""


@dataclass(frozen=True, slots=True)
class QuarantinedLine:
    """A line nobody could read: where it stands, why it was put aside, and its money as far as readable."""

    invoice_id: str
    file_id: str
    line_no: int
    reason: str
    raw: bytes
    subtotal: Decimal | None
    tax: Decimal | None
    tenant_id: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True)
class UsageKey:
    """What a daily usage row belongs to: the reconciliation lines of one metered product of one plan."""

    invoice_id: str
    tenant_id: str
    subscription_id: str
    product_id: str
    sku_id: str


def bought(product_name: str, sku_name: str) -> str:
    """What the customer bought: the sku's name, with the product's in front where they are two things.

    >>> bought("Microsoft 365", "Microsoft 365 E3"), bought("Azure plan", "Storage")
    ('Microsoft 365 E3', 'Azure plan, Storage')
    """
    if not sku_name or sku_name in product_name:
        return product_name or sku_name
    return sku_name if product_name in sku_name else f"{product_name}, {sku_name}"
