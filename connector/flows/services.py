"""The partner's own services on a period's documents (interfaces.md 5.11): recurring or one-off, cost 0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction

from connector.domain.cycles import add_months
from connector.domain.documents import Calculation, Part, short_id
from connector.domain.money import to_currency
from connector.domain.period import BillingPeriod
from mappings.links import Organisation
from mappings.pricelist import Service


def service_parts(
    services: Iterable[Service], organisations: Mapping[str, Organisation], period: str
) -> Iterator[tuple[str, Part, str]]:
    """(organisation, part, currency) for each service that is charged in a period."""
    month = BillingPeriod.parse(period)
    for service in services:
        if service.organisation not in organisations:
            continue
        share = charged_share(service, month)
        if share is not None:
            yield service.organisation, _part(service, month, share), service.currency


def charged_share(service: Service, month: BillingPeriod) -> Fraction | None:
    """Which share of the price a period is charged, or None when it is not charged at all."""
    first, last = month.first_day(), month.last_day()
    if service.kind == "one_off":
        return Fraction(1) if first <= service.valid_from <= last else None
    begin, end = max(first, service.valid_from), min(last, service.valid_to or last)
    if begin > end:
        return None
    if service.billing == "annual":
        return Fraction(1) if _anniversary_in(service.valid_from, first, last) else None
    if service.proration == "days":
        return Fraction((end - begin).days + 1, (last - first).days + 1)
    return Fraction(1)


def _anniversary_in(anchor: date, first: date, last: date) -> bool:
    years = last.year - anchor.year
    return years >= 0 and first <= add_months(anchor, 12 * years) <= last


def _part(service: Service, month: BillingPeriod, share: Fraction) -> Part:
    first, last = month.first_day(), month.last_day()
    begin = max(first, service.valid_from)
    end = begin if service.kind == "one_off" else min(last, service.valid_to or last)
    by_day = share != 1
    exact = Fraction(service.price) * Fraction(service.quantity) * share
    return Part(
        line_id=short_id("v", service.organisation, service.code, service.valid_from.isoformat(), str(month)),
        invoice_id="",
        platform="",
        kind="service",
        charge_type="service",
        tenant_id="",
        subscription_id=service.code,
        product_id=service.code,
        sku_id="",
        product_name=service.name,
        happened=None,
        start=begin,
        end=end,
        days=(end - begin).days + 1 if by_day else None,
        cycle_begin=first if by_day else None,
        cycle_end=last if by_day else None,
        cycle_days=(last - first).days + 1 if by_day else None,
        quantity=abs(service.quantity),
        unit_price=Fraction(service.price),
        amount=to_currency(exact, service.currency),
        calculation=Calculation(
            "multiply",
            (Fraction(service.price), Fraction(service.quantity), share),
            exact,
            "price x quantity x share of the month",
        ),
        cost=Decimal(0),
        cost_currency="",
        rule=None,
    )
