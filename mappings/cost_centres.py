"""Cost centres and purchase orders: which of them a charge belongs to, and in which shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from connector.domain.splitting import Share
from mappings.pricelist import valid_on

NO_COST_CENTRE = "(no cost centre)"
NO_PURCHASE_ORDER = "(no purchase order)"


@dataclass(frozen=True, slots=True)
class CostCentreShare:
    """A cost centre's share of a subscription, or of what one Azure resource group or tag used.

    `subscription_id` "" is any of the organisation's. `tag` is `name=value`. `share` is a weight beside those of the
    other rows of the same subscription, resource group or tag: seats, percent, anything; both days inclusive.
    """

    organisation: str
    subscription_id: str
    resource_group: str
    tag: str
    cost_centre: str
    share: Decimal
    valid_from: date | None
    valid_to: date | None

    @property
    def of_usage(self) -> bool:
        return bool(self.resource_group or self.tag)


@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """The purchase order under which a subscription or product is bought; "" is any."""

    organisation: str
    subscription_id: str
    product_id: str
    purchase_order: str
    valid_from: date | None
    valid_to: date | None


class UsageWeight(Protocol):
    """What the daily rows of one resource group with one set of tags add up to, at cost."""

    @property
    def resource_group(self) -> str: ...
    @property
    def tags(self) -> Mapping[str, str]: ...
    @property
    def weight(self) -> Decimal: ...


def rows_for(rows: Iterable[CostCentreShare], subscription_id: str, day: date | None) -> list[CostCentreShare]:
    """Of an organisation's rows those that hold on a day. Rows that name the subscription put those for any
    subscription aside, for seats and for usage apart."""
    found = []
    wanted = subscription_id.casefold()
    holding = [row for row in rows if valid_on(row.valid_from, row.valid_to, day)]
    for of_usage in (False, True):
        kind = [row for row in holding if row.of_usage == of_usage]
        own = [row for row in kind if row.subscription_id and row.subscription_id.casefold() == wanted]
        found += own or [row for row in kind if not row.subscription_id]
    return found


def shares_of(rows: Sequence[CostCentreShare], usage: Iterable[UsageWeight] = ()) -> list[Share]:
    """Who bears a charge, in which weights: by name, what belongs to nobody last. Never empty.

    Usage goes to the rows that name its tag, else its resource group; what is left, and every other charge, to the
    rows without either, in their shares. A group that cost less than nothing weighs nothing.
    """
    plain = [row for row in rows if not row.of_usage]
    by_usage = [row for row in rows if row.of_usage]
    weights: dict[str, Fraction] = {}
    rest = Fraction(0)
    weighed = False
    for found in usage if by_usage else ():
        weight = max(Fraction(found.weight), Fraction(0))
        if not weight:
            continue
        weighed = True
        fitting = _fitting(by_usage, found)
        rest += 0 if fitting else weight
        _add(weights, fitting, weight)
    if not weighed:
        # nothing but the rows' own shares: as they were written, for people to read
        rest = sum((Fraction(row.share) for row in plain), Fraction(0)) or Fraction(1)
    if rest and plain:
        _add(weights, plain, rest)
    elif rest:
        weights[NO_COST_CENTRE] = weights.get(NO_COST_CENTRE, Fraction(0)) + rest
    return [Share(label, weights[label]) for label in sorted(weights, key=lambda name: (name == NO_COST_CENTRE, name))]


def _fitting(rows: Sequence[CostCentreShare], found: UsageWeight) -> list[CostCentreShare]:
    tagged = [row for row in rows if row.tag and _has_tag(found.tags, row.tag)]
    if tagged:
        return tagged
    group = found.resource_group.casefold()
    return [row for row in rows if row.resource_group and row.resource_group.casefold() == group]


def _has_tag(tags: Mapping[str, str], wanted: str) -> bool:
    """Tag names have no case at Azure, values do."""
    name, _, value = wanted.partition("=")
    return any(key.casefold() == name.strip().casefold() and text == value.strip() for key, text in tags.items())


def _add(weights: dict[str, Fraction], rows: Sequence[CostCentreShare], weight: Fraction) -> None:
    whole = sum((Fraction(row.share) for row in rows), Fraction(0))
    for row in rows:
        weights[row.cost_centre] = weights.get(row.cost_centre, Fraction(0)) + weight * Fraction(row.share) / whole


def purchase_order_of(
    orders: Iterable[PurchaseOrder], subscription_id: str, product_id: str, day: date | None, default: str
) -> str:
    """Of an organisation's orders the one that names the subscription, else the product, else any; of equals the later
    valid_from; else the organisation's own (`default`)."""
    fitting = [
        order
        for order in orders
        if order.subscription_id.casefold() in ("", subscription_id.casefold())
        and order.product_id.casefold() in ("", product_id.casefold())
        and valid_on(order.valid_from, order.valid_to, day)
    ]
    best = max(
        fitting,
        key=lambda order: (bool(order.subscription_id), bool(order.product_id), order.valid_from or date.min),
        default=None,
    )
    return best.purchase_order if best else default or NO_PURCHASE_ORDER
