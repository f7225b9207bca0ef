"""The second calculation of a whole month: documents, services, findings and balance (interfaces.md 5.8 to 5.12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.months.delivered import Charge, day, exact, from_licence, from_metered, from_reconciliation
from tests.months.reference import Decisions, GroupKey, Place, Row, place, rounded
from tests.months.reference_cycles import days, months_later
from tests.standins.microsoft.month import Book


@dataclass(frozen=True)
class ServiceCharge:
    """A service of the partner's own in one period (5.11)."""

    organisation: str
    currency: str
    code: str
    amount: Decimal
    exact: Fraction


def service_charge(row: Row, period: str) -> ServiceCharge | None:
    """What a service costs in a period, None where it is not charged in it."""
    first = date.fromisoformat(f"{period}-01")
    last = months_later(first, 1) - timedelta(days=1)
    begin, end = day(row["valid_from"]), day(row.get("valid_to"))
    assert begin is not None
    share: Fraction | None = Fraction(1)
    if row["kind"] == "one_off":
        share = Fraction(1) if first <= begin <= last else None
    else:
        from_, to = max(first, begin), min(last, end or last)
        if from_ > to:
            share = None
        elif row.get("billing") == "annual":
            anniversary = months_later(begin, 12 * (first.year - begin.year))
            # one after the end of the validity is none (decision 18)
            share = Fraction(1) if from_ <= anniversary <= to else None
        elif row.get("proration") == "days":
            share = Fraction(days(from_, to), days(first, last))
    if share is None:
        return None
    value = exact(row["price"]) * exact(row.get("quantity") or "1") * share
    currency = row["currency"]
    return ServiceCharge(row["organisation"], currency, row["code"], rounded(value, currency), value)


@dataclass(frozen=True)
class VendorSums:
    """One currency of Microsoft's: 5.12."""

    vendor_total: Fraction
    invoiced: Fraction
    unmatched: Fraction
    not_charged: Fraction


@dataclass(frozen=True)
class Expected:
    """A month as it must come out."""

    places: list[Place]
    balance: dict[str, VendorSums]
    services: list[ServiceCharge]

    def documents(self) -> dict[tuple[str, str], dict[GroupKey, list[Place]]]:
        """By organisation and currency; one summary line per subscription, product, sku and kind."""
        made: dict[tuple[str, str], dict[GroupKey, list[Place]]] = {}
        for one in self.places:
            if one.outcome == "invoiced":
                lines = made.setdefault((one.organisation, one.currency), {})
                lines.setdefault(one.group, []).append(one)
        for service in self.services:
            made.setdefault((service.organisation, service.currency), {})
        return made

    def services_of(self, document: tuple[str, str]) -> dict[str, Decimal]:
        """Amounts of a document's services by their code."""
        sums: dict[str, Decimal] = {}
        for service in self.services:
            if (service.organisation, service.currency) == document:
                sums[service.code] = sums.get(service.code, Decimal(0)) + service.amount
        return sums

    def net_totals(self) -> dict[tuple[str, str], Decimal]:
        """5.8: a document is the sum of its summary lines, these of their lines."""
        return {
            key: sum((one.amount for group in lines.values() for one in group), Decimal(0))
            + sum(self.services_of(key).values(), Decimal(0))
            for key, lines in self.documents().items()
        }

    def findings(self) -> dict[tuple[str, str], Fraction]:
        """Money at cost by finding code and currency."""
        sums: dict[tuple[str, str], Fraction] = {}
        for one in self.places:
            # a line that belongs to nobody is not taken at all, by amount or otherwise
            unknown = one.charge.kind == "other" and one.finding != "tenant_unlinked"
            for code in filter(None, (one.finding, "charge_type_unknown" if unknown else "")):
                key = (code, one.charge.currency)
                sums[key] = sums.get(key, Fraction(0)) + one.charge.subtotal
        return sums


@dataclass(frozen=True)
class Delivery:
    """One vendor invoice that counts: header total with tax, its date, and its lines."""

    currency: str
    header_total: Fraction
    invoiced: date
    charges: Sequence[Charge]


def expected_of(deliveries: Sequence[Delivery], period: str, decided: Decisions) -> Expected:
    """The whole month."""
    charges = [charge for delivery in deliveries for charge in delivery.charges]
    places = [
        place(charge, charges, decided, delivery.invoiced) for delivery in deliveries for charge in delivery.charges
    ]
    balance = {}
    for currency in sorted({delivery.currency for delivery in deliveries}):
        headers = sum((each.header_total for each in deliveries if each.currency == currency), Fraction())
        tax = sum((charge.tax for charge in charges if charge.currency == currency), Fraction())
        sums = {
            outcome: sum(
                (p.charge.subtotal for p in places if p.outcome == outcome and p.charge.currency == currency),
                Fraction(),
            )
            for outcome in ("invoiced", "unmatched", "not_charged")
        }
        balance[currency] = VendorSums(headers - tax, **sums)
    services = [charge for row in decided.services if (charge := service_charge(row, period)) is not None]
    return Expected(places, balance, services)


_READERS = {"reconciliation": from_reconciliation, "office": from_licence, "azure": from_metered}


def expected(month: dict[str, Any], period: str, decided: Decisions) -> Expected:
    """The whole month, from the raw lines the stand-in serves."""
    book = Book()
    book.load(month)
    live = [document for document in book.every() if document.period == period and not _voided(document)]
    deliveries = [
        Delivery(
            str(document.header["currencyCode"]),
            exact(document.header["totalCharges"]),
            date.fromisoformat(str(document.header["invoiceDate"])[:10]),
            [reader(raw) for name, reader in _READERS.items() for raw in document.iter_lines(name)],
        )
        for document in live
    ]
    return expected_of(deliveries, period, decided)


def _voided(document: Any) -> bool:
    notes = (str(each.header["documentType"]) for each in document.amendments)
    return document.header["documentType"] == "void_note" or "void_note" in notes
