"""How prices, their versions and warnings about them look in a terminal."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rich.markup import escape

from connector.cli.output import prose, styled, table
from connector.domain.money import amount_text

_SHOWN = 20


def show_warnings(warnings: list[dict[str, Any]], every: bool = False) -> None:
    """Warnings about prices with what to do, so many of each code."""
    count: dict[str, int] = {}
    for warning in warnings:
        code = warning["code"]
        count[code] = count.get(code, 0) + 1
        if not every and count[code] > _SHOWN:
            continue
        cost = f" {warning['amount']} {warning['currency']}" if warning["amount"] else ""
        prose.print(f"{styled('warning')} {code}{cost}: {escape(warning['text'])}")
        prose.print(f"    [dim]{escape(warning['action'])}[/dim]")
    for code, number in count.items():
        if not every and number > _SHOWN:
            prose.print(f"… and {number - _SHOWN} more {code}; --all shows them.")


def show_rules(rules: list[dict[str, Any]]) -> None:
    rows = table("organisation", "product", "kind", "value", "", "from", "to", "note", "rule", "set")
    for rule in rules:
        rows.add_row(
            escape(rule["organisation"]),
            escape(_scope(rule)),
            rule["kind"],
            escape(_value(rule["value"], rule)),
            rule["currency"] + (" offer" if rule["offer"] else ""),
            rule["valid_from"] or "",
            rule["valid_to"] or "",
            escape(rule["note"][:40]),
            rule["rule"],
            str(rule["change_set"]),
        )
    prose.print(rows)
    prose.print(f"{len(rules)} rules.")


def show_history(rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        offer = ", offer" if rule["offer"] else ""
        prose.print(
            f"[bold]{rule['rule']}[/bold] {escape(rule['organisation'])} {escape(_scope(rule))} {rule['kind']} "
            f"{rule['currency']} from {rule['valid_from'] or 'the beginning'}{offer}"
        )
        for version in rule["versions"]:
            since, ended = version["since"], version["ended"]
            prose.print(f"  version {version['version']}: {_moved(version, rule)}; {_by(since)}")
            if ended and ended["how"] != "replaced":
                prose.print(f"    {ended['how']}: {_by(ended)}")
    prose.print(f"{len(rules)} rules.")


def _moved(version: dict[str, Any], rule: dict[str, Any]) -> str:
    """The value before and after, and the last day, which is often all that changed."""
    before, after = _value(version["before"], rule), _value(version["after"], rule)
    value = f"{before} -> {after}" if before not in ("", after) else after or "no value"
    return escape(f"{value}, until {version['valid_to']}" if version["valid_to"] else value)


def _value(value: str, rule: dict[str, Any]) -> str:
    """A price as money is written, 6.50 and not 6.5; percentages and tiers as they are."""
    return amount_text(Decimal(value), rule["currency"]) if value and rule["kind"] == "fixed" else value


def _by(set_: dict[str, Any]) -> str:
    why = f": {set_['why']}" if set_["why"] else ""
    return escape(f"change set {set_['change_set']}, {set_['at'][:16]}, {set_['who']}{why}")


def _scope(rule: dict[str, Any]) -> str:
    ids = (rule["product_id"], rule["sku_id"], rule["term"], rule["billing"])
    what = " ".join(part for part in ids if part) or "everything"
    return f"{what}, subscription {rule['subscription_id']}" if rule["subscription_id"] else what
