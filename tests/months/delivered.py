"""Lines as Microsoft delivers them, read by the reference: kinds by interfaces.md 5.2, no code of the product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

_PRORATIONS = {
    "addquantity",
    "removequantity",
    "movequantity",
    "convert",
    "cancel",
    "cancelimmediate",
    "extendterm",
}
_CHARGES = {"new", "renew", "cyclecharge", "changebillingplan"}
_LEGACY_FEES = ("purchase", "cycle", "activation", "renew")
# older names of new commerce (invoices.md, "Value quirks"; decision 9)
_OLDER = {"purchase": "new", "refund": "cancel"}


@dataclass(frozen=True)
class Charge:
    """One line of Microsoft's, whatever it was called there."""

    platform: str
    charge_type: str
    tenant: str
    subscription: str
    product: str
    sku: str
    currency: str
    subtotal: Fraction
    tax: Fraction
    effective: Fraction
    quantity: Fraction
    start: date | None
    end: date | None
    term_start: date | None
    term_end: date | None
    billing: str
    term_text: str
    metered: bool
    ordered: date | None = None
    invoice: str = ""

    @property
    def folded(self) -> str:
        name = "".join(self.charge_type.split()).replace("_", "").lower()
        return _OLDER.get(name, name) if self.platform == "new_commerce" else name

    @property
    def kind(self) -> str:
        """5.2, the first row that fits."""
        name, legacy = self.folded, self.platform != "new_commerce"
        if name == "customercredit" or (legacy and name == "offsetalineitem"):
            return "credit"
        if self.metered:
            return "usage"
        if name in _PRORATIONS or (legacy and ("prorate" in name or "cancel" in name)):
            return "proration"
        fee = name.endswith(("fee", "fees")) and any(word in name for word in _LEGACY_FEES)
        if name in _CHARGES or (legacy and fee):
            return "advance" if legacy or self.billing else "one_time"
        return "other"

    @property
    def has_cycle(self) -> bool:
        dated = self.start is not None and self.end is not None and self.start <= self.end
        return dated and self.kind in ("advance", "proration") and bool(self.billing)

    @property
    def first_day(self) -> date | None:
        """ChargeStartDate; the day of the order where Microsoft leaves it out (decision 18)."""
        return self.start or self.ordered

    @property
    def sign(self) -> int:
        """5.5: of Subtotal, else of EffectiveUnitPrice."""
        value = self.subtotal or self.effective
        return (value > 0) - (value < 0)


def from_reconciliation(raw: Mapping[str, Any]) -> Charge:
    """A line of the Graph export, or a new commerce line of v1 with the same names."""
    return Charge(
        "new_commerce",
        str(raw["ChargeType"]),
        str(raw["CustomerId"]).lower(),
        str(raw["SubscriptionId"]).lower(),
        str(raw["ProductId"]),
        str(raw["SkuId"]),
        str(raw["Currency"]),
        exact(raw["Subtotal"]),
        exact(raw["TaxTotal"]),
        exact(raw["EffectiveUnitPrice"]),
        abs(exact(raw["BillableQuantity"])),
        day(raw["ChargeStartDate"]),
        day(raw["ChargeEndDate"]),
        day(raw["SubscriptionStartDate"]),
        day(raw["SubscriptionEndDate"]),
        str(raw["BillingFrequency"]),
        str(raw["TermAndBillingCycle"]),
        bool(raw["MeterDescription"]),
        day(raw["OrderDate"]),
        str(raw.get("InvoiceNumber", "")),
    )


def from_licence(raw: Mapping[str, Any]) -> Charge:
    """A legacy licence line (section 8, "Legacy ids")."""
    return Charge(
        "legacy_license",
        str(raw["chargeType"]),
        str(raw["customerId"]).lower(),
        str(raw["syndicationPartnerSubscriptionNumber"]).lower(),
        str(raw["durableOfferId"]),
        "",
        str(raw["currency"]),
        exact(raw["subtotal"]),
        exact(raw["tax"]),
        exact(raw["unitPrice"]),
        abs(exact(raw["quantity"])),
        day(raw["chargeStartDate"]),
        day(raw["chargeEndDate"]),
        day(raw["subscriptionStartDate"]),
        day(raw["subscriptionEndDate"]),
        str(raw["billingCycleType"]),
        "",
        False,
        day(raw.get("orderDate")),
        str(raw.get("invoiceNumber", "")),
    )


def from_metered(raw: Mapping[str, Any]) -> Charge:
    """A monthly line of 145P usage."""
    return Charge(
        "legacy_usage",
        str(raw["chargeType"]),
        str(raw["customerId"]).lower(),
        str(raw["subscriptionId"]).lower(),
        str(raw["resourceGuid"]),
        "",
        str(raw["currency"]),
        exact(raw["pretaxCharges"]),
        exact(raw["taxAmount"]),
        exact(raw["pretaxEffectiveRate"]),
        abs(exact(raw["overageQuantity"])),
        day(raw["chargeStartDate"]),
        day(raw["chargeEndDate"]),
        None,
        None,
        str(raw["billingCycleType"]),
        "",
        True,
        None,
        str(raw.get("invoiceNumber", "")),
    )


def exact(value: Any) -> Fraction:
    return Fraction(str(value)) if value not in ("", None) else Fraction(0)


def day(value: Any) -> date | None:
    """Year 1 is how Microsoft writes no date (invoices.md, "Value quirks")."""
    return date.fromisoformat(str(value)[:10]) if value and not str(value).startswith("0001-") else None
