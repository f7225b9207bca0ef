"""The parts of one organisation under its cost centres or purchase orders, where its lines are grouped so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from sqlalchemy import Connection

from connector.domain.documents import Part
from connector.domain.splitting import split_part
from connector.store import decisions
from mappings.cost_centres import (
    CostCentreShare,
    PurchaseOrder,
    UsageWeight,
    purchase_order_of,
    rows_for,
    shares_of,
)
from mappings.links import Organisation

WeightsOf = Callable[[Part], Sequence[UsageWeight]]
T = TypeVar("T", CostCentreShare, PurchaseOrder)


@dataclass(frozen=True, slots=True)
class Allotment:
    """What was decided about cost centres and purchase orders, by organisation."""

    cost_centres: Mapping[str, list[CostCentreShare]]
    purchase_orders: Mapping[str, list[PurchaseOrder]]

    @classmethod
    def of(cls, connection: Connection, as_of: int | None) -> Allotment:
        return cls(
            _by_organisation(decisions.cost_centres(connection, as_of)),
            _by_organisation(decisions.purchase_orders(connection, as_of)),
        )


def allotted(
    parts: Iterable[Part], organisation: Organisation, currency: str, allotment: Allotment, weights_of: WeightsOf
) -> list[Part]:
    """The parts as the organisation's grouping wants them: split over cost centres, or with their purchase order."""
    match organisation.grouping:
        case "cost_centre":
            shares = allotment.cost_centres.get(organisation.code, [])
            return [made for part in parts for made in _split(part, currency, shares, weights_of)]
        case "purchase_order":
            orders = allotment.purchase_orders.get(organisation.code, [])
            return [replace(part, label=_order(part, orders, organisation)) for part in parts]
    return list(parts)


def _split(part: Part, currency: str, shares: Sequence[CostCentreShare], weights_of: WeightsOf) -> list[Part]:
    rows = rows_for(shares, part.subscription_id, _day(part))
    usage = weights_of(part) if part.kind == "usage" and any(row.of_usage for row in rows) else ()
    return split_part(part, shares_of(rows, usage), currency)


def _order(part: Part, orders: Sequence[PurchaseOrder], organisation: Organisation) -> str:
    return purchase_order_of(orders, part.subscription_id, part.product_id, _day(part), organisation.purchase_order)


def _day(part: Part) -> date | None:
    """The day that counts (interfaces.md 5.4): the first of the charge cycle, else of the charge."""
    return part.cycle_begin or part.start or (part.happened.date() if part.happened else None)


def _by_organisation(rows: Iterable[T]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for row in rows:
        found.setdefault(row.organisation, []).append(row)
    return found
