"""Attribute names of the Graph exports and their v1 counterparts.

Names and the full/basic flags: samples/schema/export-*.csv. Differences between the interfaces: exports.md
section 5, "Known differences". Shapes of v1 lines: samples/schema/rest-onetime-lineitem.csv and
rest-daily-rated-lineitem.csv.
"""

import json
from decimal import Decimal
from typing import Any

from tests.standins.microsoft.exact import decimal

RECONCILIATION = (
    "PartnerId",
    "CustomerId",
    "CustomerName",
    "CustomerDomainName",
    "CustomerCountry",
    "InvoiceNumber",
    "MpnId",
    "Tier2MpnId",
    "OrderId",
    "OrderDate",
    "ProductId",
    "SkuId",
    "AvailabilityId",
    "SkuName",
    "ProductName",
    "ChargeType",
    "UnitPrice",
    "Quantity",
    "Subtotal",
    "TaxTotal",
    "Total",
    "Currency",
    "PriceAdjustmentDescription",
    "PublisherName",
    "PublisherId",
    "SubscriptionDescription",
    "SubscriptionId",
    "ChargeStartDate",
    "ChargeEndDate",
    "TermAndBillingCycle",
    "EffectiveUnitPrice",
    "UnitType",
    "AlternateId",
    "BillableQuantity",
    "BillingFrequency",
    "PricingCurrency",
    "PCToBCExchangeRate",
    "PCToBCExchangeRateDate",
    "MeterDescription",
    "ReservationOrderId",
    "CreditReasonCode",
    "SubscriptionStartDate",
    "SubscriptionEndDate",
    "ReferenceId",
    "ProductQualifiers",
    "PromotionId",
    "ProductCategory",
)
USAGE = (
    "PartnerId",
    "PartnerName",
    "CustomerId",
    "CustomerName",
    "CustomerDomainName",
    "CustomerCountry",
    "MpnId",
    "Tier2MpnId",
    "InvoiceNumber",
    "ProductId",
    "SkuId",
    "AvailabilityId",
    "SkuName",
    "ProductName",
    "PublisherName",
    "PublisherId",
    "SubscriptionDescription",
    "SubscriptionId",
    "ChargeStartDate",
    "ChargeEndDate",
    "UsageDate",
    "MeterType",
    "MeterCategory",
    "MeterId",
    "MeterSubCategory",
    "MeterName",
    "MeterRegion",
    "Unit",
    "ResourceLocation",
    "ConsumedService",
    "ResourceGroup",
    "ResourceURI",
    "ChargeType",
    "UnitPrice",
    "Quantity",
    "UnitType",
    "BillingPreTaxTotal",
    "BillingCurrency",
    "PricingPreTaxTotal",
    "PricingCurrency",
    "ServiceInfo1",
    "ServiceInfo2",
    "Tags",
    "AdditionalInfo",
    "EffectiveUnitPrice",
    "PCToBCExchangeRate",
    "EntitlementId",
    "EntitlementDescription",
    "PartnerEarnedCreditPercentage",
    "CreditPercentage",
    "CreditType",
    "BenefitOrderID",
    "BenefitID",
    "BenefitType",
)
NOT_BASIC = {
    "reconciliation": frozenset(
        [
            "CustomerDomainName",
            "CustomerCountry",
            "MpnId",
            "Quantity",
            "PublisherId",
            "SubscriptionDescription",
            "UnitType",
            "AlternateId",
            "BillingFrequency",
            "PCToBCExchangeRateDate",
            "MeterDescription",
            "ProductQualifiers",
        ]
    ),
    "usage": frozenset(
        [
            "AvailabilityId",
            "BenefitID",
            "ConsumedService",
            "CustomerCountry",
            "CustomerDomainName",
            "EntitlementDescription",
            "MeterCategory",
            "MeterId",
            "MeterName",
            "MeterRegion",
            "MeterSubCategory",
            "MeterType",
            "MpnId",
            "PartnerEarnedCreditPercentage",
            "ProductName",
            "PublisherId",
            "ResourceGroup",
            "ResourceLocation",
            "ServiceInfo1",
            "ServiceInfo2",
            "SubscriptionDescription",
            "Tags",
            "Tier2MpnId",
            "Unit",
        ]
    ),
}
NUMERIC = frozenset(
    [
        "UnitPrice",
        "Quantity",
        "Subtotal",
        "TaxTotal",
        "Total",
        "EffectiveUnitPrice",
        "BillableQuantity",
        "PCToBCExchangeRate",
        "BillingPreTaxTotal",
        "PricingPreTaxTotal",
        "PartnerEarnedCreditPercentage",
        "CreditPercentage",
    ]
)

_V1_NAMES = {
    "Tier2MpnId": "resellerMpnId",
    "Total": "totalForCustomer",
    "Unit": "unitOfMeasure",
    "ResourceURI": "resourceUri",
    "BenefitID": "benefitId",
    "BenefitOrderID": "benefitOrderId",
    "PCToBCExchangeRate": "pcToBCExchangeRate",
    "PCToBCExchangeRateDate": "pcToBCExchangeRateDate",
}
_GRAPH_ONLY = frozenset({"ProductCategory", "PartnerEarnedCreditPercentage", "CreditPercentage"})


def export_line(line: dict[str, Any], kind: str, attribute_set: str, as_strings: bool) -> dict[str, Any]:
    """One line as the export writes it: numbers as JSON numbers, or as text in that mode."""
    dropped = NOT_BASIC[kind] if attribute_set == "basic" else frozenset()
    shaped: dict[str, Any] = {}
    for name, value in line.items():
        if name in dropped:
            continue
        if name in NUMERIC and value not in (None, ""):
            value = format(decimal(value), "f") if as_strings else decimal(value)
        shaped[name] = value
    return shaped


def v1_name(name: str) -> str:
    """The attribute's name in the v1 JSON."""
    return _V1_NAMES.get(name) or name[0].lower() + name[1:]


def v1_number(value: Any, as_strings: bool) -> Any:
    """Newer v1 samples write "25", older ones 25 (invoices.md, "Value quirks")."""
    number = decimal(value)
    return format(number, "f") if as_strings else number


def v1_reconciliation(line: dict[str, Any], as_strings: bool) -> dict[str, Any]:
    """A OneTimeInvoiceLineItem made of the same line the export delivers."""
    shaped: dict[str, Any] = {}
    for name, value in line.items():
        if name in _GRAPH_ONLY:
            continue
        if name in NUMERIC:
            value = v1_number(value, as_strings)
        elif name == "ProductQualifiers":
            value = json.loads(value) if value else []
        elif name == "PCToBCExchangeRateDate":
            value = (value or "").rstrip("Z")  # the newer samples carry no zone here
        shaped[v1_name(name)] = value
    return shaped | {
        "discountDetails": "",
        "invoiceLineItemType": "billing_line_items",
        "billingProvider": "one_time",
        "attributes": {"objectType": "OneTimeInvoiceLineItem"},
    }


def v1_usage(line: dict[str, Any], as_strings: bool) -> dict[str, Any]:
    """A DailyRatedUsageLineItem: rates as fractions, provider "marketplace" whatever was asked (sample)."""
    shaped: dict[str, Any] = {}
    for name, value in line.items():
        if name in _GRAPH_ONLY:
            continue
        shaped[v1_name(name)] = v1_number(value, as_strings) if name in NUMERIC else value
    earned = decimal(line.get("PartnerEarnedCreditPercentage")) / Decimal(100)
    return shaped | {
        "rateOfPartnerEarnedCredit": earned,
        "hasPartnerEarnedCredit": earned > 0,
        "rateOfCredit": decimal(line.get("CreditPercentage")) / Decimal(100),
        "invoiceLineItemType": "usage_line_items",
        "billingProvider": "marketplace",
        "attributes": {"objectType": "DailyRatedUsageLineItem"},
    }
