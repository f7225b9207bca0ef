"""Microsoft's arithmetic and the lines it gives (invoices.md section 3).

ROUNDDOWN is towards zero. Seats: one twelfth or one cycle's price by days, both ends inclusive, over the
days of the cycle; the Subtotal is the exact figure times the quantity, cut to two places. Usage: cut once
per monthly line, floored per day in the daily rows.
"""

import calendar
import hashlib
import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import Any

from tests.standins.microsoft.attributes import RECONCILIATION
from tests.standins.microsoft.month import PARTNER_TENANT

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Customer:
    """An end customer."""

    tenant_id: str
    name: str
    domain: str
    country: str = "DE"
    code: str = ""

    def listed(self) -> dict[str, Any]:
        """As the month file lists it."""
        return {
            "id": self.tenant_id,
            "companyName": self.name,
            "domain": self.domain,
            "country": self.country,
            "relationshipToPartner": "reseller",
        }


@dataclass(frozen=True)
class Product:
    """Something sold."""

    product_id: str
    sku_id: str
    name: str
    price: Decimal = Decimal(0)
    publisher: str = "Microsoft Corporation"
    availability: str = ""


def guid(*parts: object) -> str:
    """A stable GUID out of words."""
    digest = hashlib.sha256("/".join(str(part) for part in parts).encode()).hexdigest()
    return str(uuid.UUID(f"{digest[:12]}4{digest[13:16]}8{digest[17:32]}"))


def cut(value: Fraction) -> Decimal:
    """ROUNDDOWN to two places, towards zero."""
    cents = abs(value.numerator) * 100 // value.denominator
    return Decimal(cents if value >= 0 else -cents).scaleb(-2)


def digits(value: Fraction, places: int = 15) -> Decimal:
    """A fraction with many digits, as EffectiveUnitPrice shows them; no trailing zeros."""
    with localcontext() as context:
        context.prec = 40
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        rounded = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        return rounded.quantize(Decimal(1)) if rounded == rounded.to_integral_value() else rounded.normalize()


def months_after(day: date, months: int) -> date:
    """The same day of a later (or earlier) month, clipped to its last day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def stamp(day: date | None) -> str:
    """A date as the exports show it."""
    return f"{day.isoformat()}T00:00:00Z" if day else ""


def line(customer: Customer, product: Product, **fields: Any) -> dict[str, Any]:
    """A reconciliation line with every one of the 47 attributes; `fields` by Graph name."""
    order = guid(customer.tenant_id, product.product_id, fields.get("SubscriptionId", ""), fields.get("OrderDate", ""))
    start: dict[str, Any] = dict.fromkeys(RECONCILIATION, "")
    start |= {
        "PartnerId": PARTNER_TENANT,
        "CustomerId": customer.tenant_id,
        "CustomerName": customer.name,
        "CustomerDomainName": customer.domain,
        "CustomerCountry": customer.country,
        "MpnId": "1234567",
        "Tier2MpnId": "0",
        "OrderId": order.replace("-", "")[:12],
        "AlternateId": order.replace("-", "")[:12],
        "ProductId": product.product_id,
        "SkuId": product.sku_id,
        "AvailabilityId": product.availability or "CFQ7TTC0" + order[:4].upper(),
        "SkuName": product.name,
        "ProductName": product.name,
        "PublisherName": product.publisher,
        "ProductQualifiers": "[]",
        "ReferenceId": guid("reference", order),
        "TaxTotal": Decimal(0),
        "PCToBCExchangeRate": Decimal(1),
    }
    made = start | fields
    made["Currency"] = made["Currency"] or "EUR"
    made["PricingCurrency"] = made["PricingCurrency"] or made["Currency"]
    if not made["PCToBCExchangeRateDate"] and made["ChargeStartDate"]:
        made["PCToBCExchangeRateDate"] = str(made["ChargeStartDate"])[:8] + "01T00:00:00Z"
    made["Total"] = Decimal(made["Subtotal"]) + Decimal(made["TaxTotal"])
    return made


@dataclass(frozen=True)
class Seats:
    """A seat subscription in one charge cycle."""

    customer: Customer
    product: Product
    subscription_id: str
    cycle_start: date
    cycle_end: date
    term_start: date
    term_end: date
    frequency: str = "Monthly"
    term: str = "One-Year commitment for monthly/yearly billing"
    currency: str = "EUR"

    @property
    def cycle_days(self) -> int:
        """Days of the cycle."""
        return (self.cycle_end - self.cycle_start).days + 1

    def charge(
        self,
        charge_type: str,
        quantity: int,
        day: date | None = None,
        *,
        sign: int = 1,
        reference: str = "",
        unit_first: bool = False,
        price: Decimal | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """One line from `day` to the end of the cycle, both inclusive.

        `unit_first` cuts the unit price before multiplying, as the published cancellations do (invoices.md
        3.5).
        """
        begin = day or self.cycle_start
        price = self.product.price if price is None else price
        unit = Fraction(price) * ((self.cycle_end - begin).days + 1) / self.cycle_days
        if unit_first:
            unit = Fraction(cut(unit))
        moment = f"{begin.isoformat()}T09:{sum(map(ord, charge_type)) % 60:02d}:30.1234567Z"
        return line(
            self.customer,
            self.product,
            SubscriptionId=self.subscription_id,
            OrderDate=moment,
            ChargeType=charge_type,
            UnitPrice=price,
            EffectiveUnitPrice=digits(unit * sign),
            Quantity=quantity,
            BillableQuantity=quantity,
            Subtotal=cut(unit * quantity * sign),
            ChargeStartDate=stamp(begin),
            ChargeEndDate=stamp(self.cycle_end),
            SubscriptionStartDate=stamp(self.term_start),
            SubscriptionEndDate=stamp(self.term_end),
            BillingFrequency=self.frequency,
            TermAndBillingCycle=self.term,
            Currency=self.currency,
            **({"ReferenceId": reference} if reference else {}),
            **fields,
        )

    def change(self, charge_type: str, old: int, new: int, day: date) -> list[dict[str, Any]]:
        """Wipe and recreate: the old quantity credited, the new one charged, one ReferenceId (invoices.md
        3.3).
        """
        reference = guid("change", self.subscription_id, day, old, new)
        return [
            self.charge(charge_type, old, day, sign=-1, reference=reference),
            self.charge(charge_type, new, day, reference=reference),
        ]


def monthly_cycle(term_start: date, month: date) -> tuple[date, date]:
    """The monthly cycle that begins in this month, anchored on the day of the term's start."""
    months = (month.year - term_start.year) * 12 + month.month - term_start.month
    return months_after(term_start, months), months_after(term_start, months + 1) - timedelta(days=1)
