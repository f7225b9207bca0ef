"""What changed since the last month, per customer and currency, as data (product.md, behaviour 20)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from connector.domain.changes import compare
from connector.domain.compared import Charge, Compared, sum_of
from connector.domain.money import amount_text, to_currency, total
from connector.domain.period import BillingPeriod
from connector.flows.world import World
from connector.store import charges
from connector.store.database import reading

Json = dict[str, Any]
Charges = Mapping[tuple[str, str], Sequence[Charge]]


def changes(world: World, period: str, organisation: str = "") -> Json:
    """A month's documents against the documents of the month before; without one it is compared with nothing."""
    with reading(world.engine) as connection:
        before_label = charges.month_before(connection, period)
        before = charges.by_customer(connection, before_label) if before_label else {}
        after = charges.by_customer(connection, period)
        names = charges.organisation_names(connection, before_label) if before_label else {}
        names |= charges.organisation_names(connection, period)
    customers = compared_customers(period, before_label, before, after if after else {}, names)
    if not after:
        # a month that was not priced yet is no month in which everything ended
        customers = []
    return {
        "period": period,
        "compared_with": before_label,
        "customers": [one for one in customers if organisation in ("", one["organisation"])],
    }


def compared_customers(
    period: str,
    before_label: str | None,
    before: Charges,
    after: Charges,
    names: Mapping[str, str],
    until: date | None = None,
) -> list[Json]:
    """Every customer of either month, the largest jump first. `until`: the last day a forecast knows of.

    A partner's first month is compared with nothing: `before` and `difference` are null, and there are no steps.
    """
    found = []
    for organisation, currency in sorted(before.keys() | after.keys()):
        mine = (before.get((organisation, currency), ()), after.get((organisation, currency), ()))
        sums = [to_currency(sum_of(side), currency) for side in mine]
        difference = total([sums[1], -sums[0]])
        view: Json = {
            "organisation": organisation,
            "organisation_name": names.get(organisation, organisation),
            "currency": currency,
            "before": None,
            "after": amount_text(sums[1], currency),
            "difference": None,
            "steps": [],
        }
        if before_label is not None:
            months = Compared(BillingPeriod.parse(before_label), BillingPeriod.parse(period), currency, until)
            view["before"] = amount_text(sums[0], currency)
            view["difference"] = amount_text(difference, currency)
            view["steps"] = _steps(mine, months)
        found.append((abs(difference), view))
    return [view for _, view in sorted(found, key=lambda item: _largest_first(*item))]


def _largest_first(jump: Decimal, view: Json) -> tuple[Decimal, str, str]:
    return (-jump, view["organisation"], view["currency"])


def _steps(sides: tuple[Sequence[Charge], Sequence[Charge]], months: Compared) -> list[Json]:
    return [
        {
            "amount": amount_text(step.amount, months.currency),
            "kind": step.kind,
            "text": step.text,
            "subscription_id": step.subscription_id,
            "product_id": step.product_id,
            "sku_id": step.sku_id,
            "before_lines": list(step.before),
            "after_lines": list(step.after),
        }
        for step in compare(*sides, months)
    ]
