"""Why a price: the rule with its version and who brought it, the list price, the exchange rate, and who lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection

from connector.domain.cycles import charged, subscription_facts, term_of
from connector.domain.lines import ReconciliationLine
from connector.domain.money import amount_text, exact_text, plain_text
from connector.domain.wording import day_text
from connector.store import reasons
from connector.store.document_parts import StoredPart
from mappings.pricelist import ListPrice
from mappings.resolve import PriceSheet, Wanted

Json = dict[str, Any]
_LEVELS = {
    "subscription": "the price agreed for this subscription",
    "organisation_offer": "a special offer for this customer",
    "organisation": "this customer's own prices",
    "global_offer": "a special offer for everybody",
    "global": "the global price list",
}


def price_reasons(connection: Connection, parts: Sequence[StoredPart], currency: str) -> list[Json]:
    """Each rule that priced a part, with the change set that brought it."""
    told: dict[tuple[str, int, str], Json] = {}
    for part in parts:
        rule = part.rule
        if rule is None or part.reversal:
            continue
        unit = "" if part.unit_price is None else exact_text(part.unit_price)
        key = (rule.id, rule.version, unit)
        if key not in told:
            version = reasons.rule_version(connection, rule.id, rule.version)
            brought = version[1] if version else None
            price = f"{unit} {currency} for each unit and full cycle" if unit else "A price on cost"
            text = f"{price}, by the rule {rule.name} ({_LEVELS.get(rule.level, rule.level)}), version {rule.version}"
            text += f"{_validity(rule.valid_from, rule.valid_to)}{_brought(connection, brought)}."
            told[key] = {
                "kind": "price",
                "text": text,
                "rule": rule.name,
                "rule_id": rule.id,
                "version": rule.version,
                "level": rule.level,
                "valid_from": rule.valid_from.isoformat() if rule.valid_from else None,
                "valid_to": rule.valid_to.isoformat() if rule.valid_to else None,
                "rule_kind": version[0].kind if version else None,
                "unit_price": unit or None,
                "note": (version[0].note or None) if version else None,
                "change_set": _change_set(connection, brought),
                "lines": [],
            }
        told[key]["lines"].append(part.line_id)
    return list(told.values())


def list_price_reasons(
    connection: Connection,
    as_of: int,
    lines: Mapping[str, ReconciliationLine],
    around: Sequence[ReconciliationLine],
    parts: Sequence[StoredPart],
    currency: str,
) -> list[Json]:
    """For discounts: the list price, its sheet, and the change set that brought it."""
    facts = subscription_facts(around)
    told: dict[tuple[ListPrice, int], Json] = {}
    for part in parts:
        line = lines.get(part.line_id)
        if line is None or part.rule is None or part.reversal:
            continue
        version = reasons.rule_version(connection, part.rule.id, part.rule.version)
        if version is None or version[0].kind != "discount":
            continue
        wanted = _wanted(line, charged(line, facts).day, currency)
        known = reasons.list_prices_of(connection, line.product_id, as_of)
        price = PriceSheet.of(listed for listed, _ in known).price(wanted)
        if price is None:
            continue
        brought = next(number for listed, number in known if listed == price)
        if (price, brought) not in told:
            amount = amount_text(price.price, price.currency)
            source = f"Microsoft's list price ({price.view} of {price.month})" if price.view else "The list price"
            text = f"{source} is {amount} {price.currency}{_validity(price.valid_from, price.valid_to)}"
            told[price, brought] = {
                "kind": "list_price",
                "text": f"{text}{_brought(connection, brought)}.",
                "list_price": amount,
                "currency": price.currency,
                "valid_from": price.valid_from.isoformat() if price.valid_from else None,
                "valid_to": price.valid_to.isoformat() if price.valid_to else None,
                "sheet": {"view": price.view, "month": price.month} if price.view else None,
                "change_set": _change_set(connection, brought),
                "lines": [],
            }
        told[price, brought]["lines"].append(part.line_id)
    return list(told.values())


def rate_reasons(connection: Connection, as_of: int, parts: Sequence[StoredPart], currency: str) -> list[Json]:
    told: dict[tuple[str, date], Json] = {}
    for part in parts:
        if part.rate is None or part.rate_date is None:
            continue
        key = (part.cost_currency, part.rate_date)
        if key not in told:
            brought = reasons.rate_brought_by(connection, part.cost_currency, currency, part.rate_date, as_of)
            rate = plain_text(part.rate)
            text = (
                f"1 {part.cost_currency} = {rate} {currency}, the rate of {day_text(part.rate_date)}: the latest dated "
                f"on or before the day of Microsoft's invoice{_brought(connection, brought)}."
            )
            told[key] = {
                "kind": "rate",
                "text": text,
                "rate": rate,
                "date": part.rate_date.isoformat(),
                "from": part.cost_currency,
                "to": currency,
                "change_set": _change_set(connection, brought),
                "lines": [],
            }
        told[key]["lines"].append(part.line_id)
    return list(told.values())


def lost_reasons(parts: Sequence[StoredPart]) -> list[Json]:
    """Rules that were looked at and did not price a part, each with why."""
    told: dict[tuple[str, str, str], Json] = {}
    for part in parts:
        for lost in part.lost:
            view = {
                "kind": "lost",
                "text": f"Not {lost.name} ({_LEVELS.get(lost.level, lost.level)}): {lost.reason}.",
                "rule": lost.name,
                "level": lost.level,
                "reason": lost.reason,
                "lines": [],
            }
            told.setdefault((lost.name, lost.level, lost.reason), view)["lines"].append(part.line_id)
    return list(told.values())


def _wanted(line: ReconciliationLine, day: date | None, currency: str) -> Wanted:
    """The question to the price sheet; whose organisation asks does not matter there."""
    return Wanted(
        organisation="",
        subscription_id=line.subscription_id,
        product_id=line.product_id,
        sku_id=line.sku_id,
        term=term_of(line),
        billing=line.billing,
        kind=line.kind,
        quantity=abs(line.billable_quantity),
        day=day,
        currency=currency,
    )


def _validity(valid_from: date | None, valid_to: date | None) -> str:
    begin = f", valid from {day_text(valid_from)}" if valid_from else ""
    end = f"{' to ' if begin else ', valid to '}{day_text(valid_to)}" if valid_to else ""
    return begin + end


def _brought(connection: Connection, number: int | None) -> str:
    found = None if number is None else reasons.change_set(connection, number)
    if found is None:
        return ""
    by = f" by {found.who}" if found.who else ""
    why = f": {found.why}" if found.why else ""
    return (
        f"; brought by change set {found.no} ({found.file_name or found.kind}){by} on {day_text(found.at.date())}{why}"
    )


def _change_set(connection: Connection, number: int | None) -> Json | None:
    found = None if number is None else reasons.change_set(connection, number)
    if found is None:
        return None
    return {
        "no": found.no,
        "kind": found.kind,
        "file": found.file_name or None,
        "at": found.at.isoformat(),
        "who": found.who or None,
        "why": found.why or None,
    }
