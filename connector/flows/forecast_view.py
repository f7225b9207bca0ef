"""A forecast as data: per customer and currency what the next invoice will be, and why it differs from the last."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection

from connector.domain.balance import Balance, merge
from connector.domain.changes import charges_of
from connector.domain.documents import Document, SummaryLine
from connector.domain.money import amount_text, plain_text, round_half_away, total
from connector.domain.period import BillingPeriod
from connector.domain.summarise import DocumentHead, summarise
from connector.domain.unbilled import known_until
from connector.flows.changes import compared_customers
from connector.flows.estimate import Estimate
from connector.flows.review import balance_view, finding_view
from connector.flows.world import World
from connector.store import charges

Json = dict[str, Any]

NOTE = "Not final: Microsoft's unbilled lines still move, and there is no invoice to check them against."


def forecast_view(connection: Connection, world: World, estimate: Estimate) -> Json:
    """The whole forecast. `state` is always `not_checked`: there is no header, so it never is green."""
    period = estimate.period
    before_label = charges.month_before(connection, period)
    before = charges.by_customer(connection, before_label) if before_label else {}
    names = (charges.organisation_names(connection, before_label) if before_label else {}) | estimate.names
    made = {
        (organisation, currency): summarise(DocumentHead(world.partner, organisation, period, currency, 1), parts)
        for (organisation, currency), parts in estimate.parts.items()
    }
    until = known_until(BillingPeriod.parse(period), world.today())
    after = {key: charges_of(document) for key, document in made.items()}
    customers = compared_customers(period, before_label, before, after, names, until)
    for customer in customers:
        customer.update(_document_view(made.get((customer["organisation"], customer["currency"]))))
    return {
        "period": period,
        "state": "not_checked",
        "final": False,
        "note": NOTE,
        "charges_until": until.isoformat(),
        "compared_with": before_label,
        "balance": [_balance(estimate, currency) for currency in sorted(estimate.delivered)],
        "totals": _totals(customers),
        "customers": customers,
        "findings": [finding_view(finding) for finding in merge(estimate.findings)],
    }


def of_organisation(view: Json, organisation: str) -> Json:
    """One customer's part of a forecast: without the balance and the totals, which are everybody's."""
    return {
        **view,
        "balance": [],
        "totals": [],
        "customers": [one for one in view["customers"] if one["organisation"] == organisation],
        "findings": [one for one in view["findings"] if one["organisation"] == organisation],
    }


def _balance(estimate: Estimate, currency: str) -> Json:
    """As far as it goes: the sum of the lines instead of a header, and every cent of it in one place."""
    balance = Balance(
        currency,
        None,
        estimate.sum(currency, "invoiced"),
        estimate.sum(currency, "unmatched"),
        estimate.sum(currency, "not_charged"),
    )
    return {
        **balance_view(balance),
        "lines": len(estimate.delivered[currency]),
        "lines_total": amount_text(total(estimate.delivered[currency]), currency),
    }


def _document_view(document: Document | None) -> Json:
    """Amount, cost and margin; a customer of the last month without any charge now has no document."""
    if document is None:
        return {"amount": None, "costs": [], "cost": None, "margin": None, "margin_percent": None, "lines": []}
    currency = document.currency
    own_currency = all(code == currency for code, _ in document.costs)
    cost = total([amount for _, amount in document.costs]) if own_currency else None
    margin = None if cost is None else total([document.net_total, -cost])
    return {
        "amount": amount_text(document.net_total, currency),
        "costs": [{"currency": code, "amount": amount_text(amount, code)} for code, amount in document.costs],
        "cost": None if cost is None else amount_text(cost, currency),
        "margin": None if margin is None else amount_text(margin, currency),
        "margin_percent": _percent(margin, document.net_total),
        "lines": [_line(line, currency) for line in document.lines],
    }


def _line(line: SummaryLine, currency: str) -> Json:
    return {
        "id": line.id,
        "text": line.text,
        "kind": line.kind,
        "quantity": plain_text(line.quantity),
        "unit_price": amount_text(line.unit_price, currency),
        "amount": amount_text(line.amount, currency),
        "cost": amount_text(line.cost, line.cost_currency or currency),
        "cost_currency": line.cost_currency or None,
        "subscription_id": line.subscription_id,
        "product_id": line.product_id,
        "sku_id": line.sku_id,
        "sentence": line.sentence,
    }


def _totals(customers: Sequence[Json]) -> list[Json]:
    """Sums per currency of the customers; a margin only where every cost is in the same currency."""
    found = []
    for currency in sorted({one["currency"] for one in customers}):
        mine = [one for one in customers if one["currency"] == currency]
        amount = total([Decimal(one["after"]) for one in mine])
        before = [Decimal(one["before"]) for one in mine if one["before"] is not None]
        costs = [one["cost"] for one in mine if one["amount"] is not None]
        cost = None if None in costs else total([Decimal(text) for text in costs])
        margin = None if cost is None else total([amount, -cost])
        found.append(
            {
                "currency": currency,
                "amount": amount_text(amount, currency),
                "before": amount_text(total(before), currency) if before else None,
                "cost": None if cost is None else amount_text(cost, currency),
                "margin": None if margin is None else amount_text(margin, currency),
                "margin_percent": _percent(margin, amount),
            }
        )
    return found


def _percent(margin: Decimal | None, amount: Decimal) -> str | None:
    """Margin in percent of sales, for a person: two digits."""
    if margin is None or amount == 0:
        return None
    return plain_text(round_half_away(Fraction(margin) * 100 / Fraction(amount), 2))
