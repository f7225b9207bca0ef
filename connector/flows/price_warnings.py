"""Warnings about price lists, of the rules themselves and of what they make of the newest priced month."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, func, select

from connector.domain.cycles import subscription_facts
from connector.domain.money import amount_text, total
from connector.flows.prepare import load_book
from connector.store import decisions, periods, tables
from connector.store import lines as stored_lines
from connector.store.decisions import holding
from mappings.price import PricedLine, price_line
from mappings.price_checks import PriceWarning, check_rules
from mappings.pricelist import PriceRule

# Kinds of lines that are sold; a credit or an unknown charge says nothing about a price.
_SOLD = ("advance", "proration", "usage", "one_time")


def rule_warnings(connection: Connection, today: date) -> list[PriceWarning]:
    """What the rules that hold tell by themselves."""
    rules = decisions.price_rules(connection)
    return check_rules(rules, today, _decided_on(connection), decisions.organisations(connection))


def _decided_on(connection: Connection) -> dict[str, date]:
    """Rule id -> the day of the change set that brought the version that holds."""
    rules = tables.price_rules
    query = (
        select(rules.c.rule_id, tables.imports.c.at)
        .join(tables.imports, tables.imports.c.no == rules.c.import_no)
        .where(holding(rules))
    )
    return {row.rule_id: row.at.date() for row in connection.execute(query)}


def newest_priced(connection: Connection) -> str:
    """The newest period that was priced, "" if none was."""
    query = select(func.max(tables.periods.c.period)).where(tables.periods.c.priced_at.is_not(None))
    return connection.execute(query).scalar_one() or ""


def below_cost(connection: Connection, period: str, only: Collection[PriceRule] | None = None) -> list[PriceWarning]:
    """What the prices that hold now would sell below cost in a period: one warning per organisation, product and rule.

    Amounts are compared where they are in the currency of the cost: without a rate of that day anything else would
    be a guess. `only`: of lines that one of these rules prices.
    """
    ids = None if only is None else {rule.id for rule in only}
    named = None if only is None else {rule.product_id.casefold() for rule in only}
    lines = [
        (line, item.header.invoice_date)
        for item in periods.invoices_of(connection, period)
        if not item.header.voided
        for line in stored_lines.lines_of_invoice(connection, item.header.id)
    ]
    facts = subscription_facts(line for line, _ in lines)
    sold = [
        (line, invoice_date)
        for line, invoice_date in lines
        if line.kind in _SOLD and line.subtotal > 0
        if named is None or "" in named or line.product_id.casefold() in named
    ]
    book = load_book(connection, products={line.product_id for line, _ in sold})
    below: dict[tuple[str, str, str, str], list[PricedLine]] = {}
    for line, invoice_date in sold:
        priced = price_line(line, facts, book, invoice_date)
        rule = priced.decision.winner if priced.decision else None
        if rule is None or priced.outcome != "invoiced" or (ids is not None and rule.id not in ids):
            continue
        if priced.currency == line.currency and priced.amount < line.subtotal:
            key = (priced.organisation, line.product_id.casefold(), rule.id, line.currency)
            below.setdefault(key, []).append(priced)
    return [_below(period, key, found) for key, found in sorted(below.items())]


def _below(period: str, key: tuple[str, str, str, str], lines: Sequence[PricedLine]) -> PriceWarning:
    organisation, _, rule_id, currency = key
    cost = total([priced.line.subtotal for priced in lines])
    sales = total([priced.amount for priced in lines])
    line = lines[0].line
    text = (
        f"{line.product_name or line.product_id} would be sold to {organisation} below cost: "
        f"{amount_text(sales, currency)} for what costs {amount_text(cost, currency)} {currency} in {period}"
    )
    action = "Look at the rule; nothing is held because of it."
    return PriceWarning("price_below_cost", text, action, organisation, (rule_id,), cost, currency)


def of_import(
    connection: Connection, today: date, touched: Collection[PriceRule], before: Collection[PriceWarning]
) -> tuple[PriceWarning, ...]:
    """After an import, also one that will be taken back: what is new to look at, and all about the rules it touched."""
    ids = {rule.id for rule in touched}
    known = set(before)
    found = [
        warning
        for warning in rule_warnings(connection, today)
        if warning not in known or not ids.isdisjoint(warning.rules)
    ]
    period = newest_priced(connection)
    return (*found, *(below_cost(connection, period, touched) if period and touched else ()))


def warning_view(warning: PriceWarning) -> dict[str, Any]:
    """A warning as JSON; `amount` is the cost it concerns, null where there is none."""
    return {
        "code": warning.code,
        "severity": "warning",
        "organisation": warning.organisation or "*",
        "text": warning.text,
        "action": warning.action,
        "rules": list(warning.rules),
        "amount": None if warning.amount is None else amount_text(warning.amount, warning.currency),
        "currency": warning.currency or None,
    }
