"""Parts in, documents out: grouping, quantities a ledger reproduces, amounts that add up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from connector.domain import wording
from connector.domain.documents import Document, Part, SummaryLine, document_key, short_id
from connector.domain.money import minor_units, to_currency, total

GroupKey = tuple[str, ...]
Grouping = Callable[[Part], GroupKey]


def by_subscription(part: Part) -> GroupKey:
    """The default: one summary line per subscription, product, sku and kind (interfaces.md 5.9), ids without case.

    The cost's currency is part of it so that a line's cost is one amount.
    """
    ids = (part.subscription_id, part.product_id, part.sku_id)
    return (*(text.casefold() for text in ids), part.kind, part.cost_currency)


def by_product(part: Part) -> GroupKey:
    """One line per product, sku and kind, over all subscriptions."""
    return (part.product_id.casefold(), part.sku_id.casefold(), part.kind, part.cost_currency)


def by_kind(part: Part) -> GroupKey:
    """One line per kind of charge."""
    return (part.kind, part.cost_currency)


def by_label(part: Part) -> GroupKey:
    """The default lines, each within its cost centre or purchase order."""
    return (part.label, *by_subscription(part))


GROUPINGS: dict[str, Grouping] = {
    "": by_subscription,
    "subscription": by_subscription,
    "product": by_product,
    "kind": by_kind,
    "cost_centre": by_label,
    "purchase_order": by_label,
}
_LABELS = {"cost_centre": "Cost centre", "purchase_order": "Purchase order"}


@dataclass(frozen=True, slots=True)
class DocumentHead:
    """Whose document it is, and how its lines are grouped ("" = by subscription)."""

    partner: str
    organisation: str
    period: str
    currency: str
    revision: int
    grouping: str = ""


def summarise(head: DocumentHead, parts: Iterable[Part]) -> Document:
    """One document from its parts. The order of lines and parts does not depend on the order they came in."""
    grouping = GROUPINGS[head.grouping]
    groups: dict[GroupKey, list[Part]] = {}
    for part in parts:
        groups.setdefault(grouping(part), []).append(part)
    key = document_key(head.partner, head.organisation, head.period, head.currency, head.revision)
    ordered = sorted(groups.items(), key=lambda item: (*_label_order(item[1]), _product_of(item[1]), item[0]))
    lines = tuple(
        _line(head, key, no, group_key, sorted(group, key=_order))
        for no, (group_key, group) in enumerate(ordered, start=1)
    )
    costs: dict[str, list[Decimal]] = {}
    for line in lines:
        costs.setdefault(line.cost_currency, []).append(line.cost)
    return Document(
        key=key,
        period=head.period,
        organisation=head.organisation,
        currency=head.currency,
        revision=head.revision,
        net_total=to_currency(total([line.amount for line in lines]), head.currency),
        costs=tuple((currency, total(amounts)) for currency, amounts in sorted(costs.items()) if currency),
        lines=lines,
    )


def _line(head: DocumentHead, key: str, no: int, group_key: GroupKey, parts: Sequence[Part]) -> SummaryLine:
    first, currency = parts[0], head.currency
    amount = to_currency(total([part.amount for part in parts]), currency)
    quantity, unit_price = natural_quantity(parts, amount, currency)
    name = wording.product_names(parts)
    label = wording.label_text(_LABELS.get(head.grouping, ""), first.label)
    start = min((part.start for part in parts if part.start), default=None)
    end = max((part.end for part in parts if part.end), default=None)
    rules = [part.rule for part in parts if part.rule is not None]
    return SummaryLine(
        id=short_id("s", key, *group_key),
        no=no,
        text=label + wording.line_text(first.kind, name, parts, start, end, _shown_price(parts, quantity, currency)),
        kind=first.kind,
        quantity=quantity,
        unit_price=unit_price,
        amount=amount,
        cost=total([part.cost for part in parts]),
        cost_currency=first.cost_currency,
        tenant_id=_shared([part.tenant_id for part in parts]),
        subscription_id=_shared([part.subscription_id for part in parts]),
        product_id=_shared([part.product_id for part in parts]),
        sku_id=_shared([part.sku_id for part in parts]) if wording.one_product(parts) else "",
        product_name=name,
        sentence=label + wording.sentence(first.kind, name, parts, currency, amount),
        price_text=_price_text(parts, currency),
        price_from=max((rule.valid_from for rule in rules if rule.valid_from), default=None),
        outlook=wording.outlook(parts, currency) if first.kind in ("advance", "proration") else "",
        parts=tuple(parts),
        label=first.label if head.grouping in _LABELS else "",
    )


def _shown_price(parts: Sequence[Part], quantity: Decimal, currency: str) -> str:
    """The unit price for the text of a line that goes out as 1 x amount; empty where there is no one price. On a
    correction the price now and the one before, where that is what was wrong."""
    if any(part.reversal for part in parts):
        was = {part.unit_price for part in parts if part.reversal}
        now = {part.unit_price for part in parts if not part.reversal}
        if len(was) != 1 or len(now) != 1 or was == now:
            return ""
        texts = [wording.price_digits(price, currency) for price in (*now, *was) if price is not None]
        return " instead of ".join(texts) if len(texts) == 2 else ""
    prices = {part.unit_price for part in parts}
    price = prices.pop() if len(prices) == 1 else None
    if price is None or (quantity != 1 and len(parts) == 1):
        return ""
    return wording.price_digits(price, currency)


def natural_quantity(parts: Sequence[Part], amount: Decimal, currency: str) -> tuple[Decimal, Decimal]:
    """Quantity and unit price that reproduce the amount exactly, else 1 x amount (README, decision 4).

    The price may have only the currency's digits: every ledger keeps those.
    """
    one = (Decimal(1), amount)
    prices = {part.unit_price for part in parts}
    if len(prices) != 1 or any(part.days != part.cycle_days or part.amount < 0 for part in parts):
        return one
    if not wording.one_product(parts):
        return one
    price = prices.pop()
    if price is None or (price * 10 ** minor_units(currency)).denominator != 1:
        return one
    quantity = total([part.quantity for part in parts])
    unit_price = to_currency(price, currency)
    return (quantity, unit_price) if quantity * unit_price == amount and quantity != 0 else one


def _price_text(parts: Sequence[Part], currency: str) -> str:
    """Which price the customer paid, in his words; never a percentage on cost."""
    priced = [part for part in parts if part.rule is not None]
    if not priced:
        return ""
    levels = {
        "subscription": "the price agreed for this subscription",
        "organisation_offer": "your special offer",
        "organisation": "your price list",
        "global_offer": "our special offer",
        "global": "our price list",
    }
    latest = priced if len({part.subscription_id for part in priced}) > 1 else priced[-1:]
    found = [levels.get(part.rule.level, "our price list") for part in latest if part.rule is not None]
    source = " and ".join(dict.fromkeys(found))
    prices = {part.unit_price for part in priced}
    if len(prices) == 1 and wording.one_product(priced) and (price := prices.pop()) is not None:
        return f"{wording.price_digits(price, currency)} {currency} for each unit and full cycle, from {source}"
    return f"From {source}"


def _shared(ids: Sequence[str]) -> str:
    """The id that all parts have, in any case, or "" where they differ."""
    return ids[0] if len({text.casefold() for text in ids}) == 1 else ""


def _label_order(parts: Sequence[Part]) -> tuple[bool, str]:
    """By cost centre or purchase order; what belongs to none comes last."""
    label = parts[0].label
    return label.startswith("(no "), label


def _product_of(parts: Sequence[Part]) -> str:
    return next((part.product_name for part in parts if part.product_name), "")


def _order(part: Part) -> tuple[Any, ...]:
    """In time order, the credit of a change before its charge; Microsoft's files are in no order at all."""
    return (
        part.happened.isoformat() if part.happened else (part.start or date.min).isoformat(),
        part.start or date.min,
        part.amount >= 0,
        part.end or date.max,
        part.line_id,
    )
