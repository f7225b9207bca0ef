"""The partner's own services on a period's documents (interfaces.md 5.11): recurring or one-off, cost 0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from connector.domain.cycles import add_months
from connector.domain.documents import Calculation, Part, short_id
from connector.domain.money import to_currency
from connector.domain.period import BillingPeriod
from mappings.links import Organisation
from mappings.pricelist import Service


def service_parts(
    services: Iterable[Service],
    organisations: Mapping[str, Organisation],
    period: str,
    invoiced: Iterable[tuple[str, str]],
) -> Iterator[tuple[str, Part, str]]:
    """(organisation, part, currency) for each service that is charged in a period.

    A service for all is charged to each organisation that has a line of Microsoft's on a document of its currency
    (`invoiced`: organisation and currency), unless a service of its own with the same code is charged there.
    """
    month = BillingPeriod.parse(period)
    charged = [(service, share) for service in services if (share := charged_share(service, month)) is not None]
    own = {(service.organisation, service.code) for service, _ in charged if service.organisation}
    present = sorted(set(invoiced))
    for service, share in charged:
        if service.organisation:
            whose = [service.organisation] if service.organisation in organisations else []
        else:
            whose = [code for code, currency in present if currency == service.currency]
        for code in whose:
            if service.organisation or (code, service.code) not in own:
                yield code, _part(service, code, month, share), service.currency


def charged_share(service: Service, month: BillingPeriod) -> Fraction | None:
    """Which share of the price a period is charged, or None when it is not charged at all."""
    first, last = month.first_day(), month.last_day()
    if service.kind == "one_off":
        return Fraction(1) if first <= service.valid_from <= last else None
    begin, end = max(first, service.valid_from), min(last, service.valid_to or last)
    if begin > end:
        return None
    if service.billing == "annual":
        day = _anniversary(service.valid_from, month)
        return Fraction(1) if begin <= day <= end else None
    if service.proration == "days":
        return Fraction((end - begin).days + 1, (last - first).days + 1)
    return Fraction(1)


def _anniversary(anchor: date, month: BillingPeriod) -> date:
    """The anniversary in the month's year; a year begins on it, so it must be a day on which the service holds."""
    return add_months(anchor, 12 * (month.first_day().year - anchor.year))


def _span(service: Service, month: BillingPeriod) -> tuple[date, date]:
    """Which days a part stands for, both inclusive."""
    first, last = month.first_day(), month.last_day()
    if service.kind == "one_off":
        return service.valid_from, service.valid_from
    if service.billing == "annual":
        begin = _anniversary(service.valid_from, month)
        return begin, add_months(begin, 12) - timedelta(days=1)
    return max(first, service.valid_from), min(last, service.valid_to or last)


def _part(service: Service, organisation: str, month: BillingPeriod, share: Fraction) -> Part:
    first, last = month.first_day(), month.last_day()
    begin, end = _span(service, month)
    by_day = share != 1
    exact = Fraction(service.price) * Fraction(service.quantity) * share
    return Part(
        line_id=short_id("v", organisation, service.code, service.valid_from.isoformat(), str(month)),
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
