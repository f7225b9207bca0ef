"""Price lists as the price owner keeps them: the rules that hold, every version with its reason, export, checks."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from connector.domain.money import plain_text
from connector.errors import Misconfigured
from connector.flows import price_warnings
from connector.store import decisions
from connector.store.database import reading
from connector.store.tables import imports, price_rules
from mappings.cells import Kind
from mappings.decided import tiers_text
from mappings.pricelist import PriceRule, valid_on
from mappings.write_table import CannotWrite, Form, Kept, write_table

GLOBAL = "*"
# What a list price says of Microsoft's own sheets stays theirs: exported it would become the partner's.
_EXPORTED: tuple[Kind, ...] = (
    "organisations", "links", "prices", "list-prices", "services", "rates", "credits", "cost-centres",
    "purchase-orders",
)  # fmt: skip


def rules(
    engine: Engine, *, organisation: str = "", product: str = "", on: date | None = None, offers: bool = False
) -> list[dict[str, Any]]:
    """The rules that hold. `organisation`: of one, or `*` for the global list; `product`: that name it; `on`: valid
    on that day; `offers`: only special offers."""
    with reading(engine) as connection:
        known = _known(connection, organisation)
        found = [
            rule
            for rule in decisions.price_rules(connection)
            if known in (None, rule.organisation)
            and product.casefold() in ("", rule.product_id.casefold())
            and (rule.offer or not offers)
            and (on is None or valid_on(rule.valid_from, rule.valid_to, on))
        ]
        since = {
            (row.rule_id, row.version): row.import_no
            for row in connection.execute(select(price_rules).where(decisions.holding(price_rules)))
        }
    found.sort(key=lambda rule: (rule.organisation, rule.product_id.casefold(), _in_order(rule)))
    return [_rule_view(rule) | {"version": rule.version, "change_set": since[rule.id, rule.version]} for rule in found]


def _in_order(rule: PriceRule) -> tuple[Any, ...]:
    scope = (rule.sku_id, rule.term, rule.billing, rule.subscription_id)
    return (*scope, rule.offer, rule.valid_from or date.min, rule.import_no, rule.row_no)


def _rule_view(rule: PriceRule) -> dict[str, Any]:
    return {
        "rule": rule.id,
        "organisation": rule.organisation or GLOBAL,
        "product_id": rule.product_id,
        "sku_id": rule.sku_id,
        "term": rule.term,
        "billing": rule.billing,
        "subscription_id": rule.subscription_id,
        "kind": rule.kind,
        "value": _value(rule),
        "currency": rule.currency,
        "valid_from": rule.valid_from.isoformat() if rule.valid_from else None,
        "valid_to": rule.valid_to.isoformat() if rule.valid_to else None,
        "offer": rule.offer,
        "note": rule.note,
        "level": rule.level,
    }


def _value(rule: PriceRule) -> str:
    return tiers_text(rule.tiers) if rule.tiers else "" if rule.value is None else plain_text(rule.value)


def history(engine: Engine, *, organisation: str = "", product: str = "", rule_id: str = "") -> list[dict[str, Any]]:
    """Every rule there ever was with all its versions: what was valid when, since which change set, by whom and why,
    the value before and after, and what ended it."""
    with reading(engine) as connection:
        known = _known(connection, organisation)
        sets = {row.no: row for row in connection.execute(select(imports))}
        query = select(price_rules).order_by(price_rules.c.rule_id, price_rules.c.version)
        if known is not None:
            query = query.where(price_rules.c.organisation == known)
        if rule_id:
            query = query.where(price_rules.c.rule_id == rule_id)
        by_rule: dict[str, list[Row[Any]]] = {}
        for row in connection.execute(query):
            if product.casefold() in ("", row.product_id.casefold()):
                by_rule.setdefault(row.rule_id, []).append(row)
    if rule_id and not by_rule:
        raise Misconfigured(
            f"No rule has ever had the id {rule_id}.", code="rule", action="See `connector prices history`."
        )
    found = [_rule_history(versions, sets) for versions in by_rule.values()]
    return sorted(
        found, key=lambda rule: (rule["organisation"], rule["product_id"], rule["versions"][0]["since"]["at"])
    )


def _first_set(rule: dict[str, Any]) -> int:
    number: int = rule["versions"][0]["since"]["change_set"]
    return number


def _rule_history(versions: list[Row[Any]], sets: dict[int, Row[Any]]) -> dict[str, Any]:
    values = [decisions.PRICES.value(row) for row in versions]
    view = _rule_view(values[-1])
    shown = []
    for number, (row, rule) in enumerate(zip(versions, values, strict=True)):
        ended = None
        if row.until_import is not None:
            follows = number + 1 < len(versions) and versions[number + 1].import_no == row.until_import
            undoing = sets[row.until_import].undoes is not None if row.until_import in sets else False
            how = "taken back" if undoing else "replaced" if follows else "removed"
            ended = {"how": how, **_set_view(row.until_import, sets)}
        shown.append(
            {
                "version": row.version,
                "before": _value(values[number - 1]) if number else "",
                "after": _value(rule),
                "valid_from": view["valid_from"],
                "valid_to": rule.valid_to.isoformat() if rule.valid_to else None,
                "note": rule.note,
                "since": _set_view(row.import_no, sets),
                "ended": ended,
            }
        )
    same = ("value", "valid_to", "note")
    return {name: part for name, part in view.items() if name not in same} | {
        "holds": shown[-1]["ended"] is None,
        "versions": shown,
    }


def _set_view(number: int, sets: dict[int, Row[Any]]) -> dict[str, Any]:
    row = sets.get(number)
    if row is None:
        return {"change_set": number, "at": "", "who": "", "why": "", "file": "", "undoes": None}
    return {
        "change_set": number,
        "at": row.at.isoformat(),
        "who": row.who,
        "why": row.why,
        "file": row.file_name,
        "undoes": row.undoes,
    }


def _known(connection: Connection, organisation: str) -> str | None:
    """The organisation as rules have it: "" for the global list, None where nobody asked for one."""
    if organisation in ("", GLOBAL):
        return "" if organisation else None
    if organisation not in decisions.organisations(connection):
        raise Misconfigured(
            f"No organisation has the code {organisation}.",
            code="organisation",
            action="Mind upper and lower case; * is the global list.",
        )
    return organisation


def export(engine: Engine, kind: str, path: Path, *, organisation: str = "") -> int:
    """Write what holds of a kind into a file of the form that `import` takes; the number of rows.

    Prices stand in the order in which they were decided, so that the same rule wins where the file is imported.
    """
    named: Kind | None = next((each for each in _EXPORTED if each == kind), None)
    if named is None:
        raise Misconfigured(f"{kind!r} is nothing that can be exported.", action=f"Use one of {', '.join(_EXPORTED)}.")
    with reading(engine) as connection:
        known = _known(connection, organisation)
        rows = [
            row
            for row in decisions.HOMES[named].stored(connection)
            if known is None or getattr(row.value, "organisation", getattr(row.value, "code", None)) == known
            if not getattr(row.value, "view", "")
        ]
    if named == "prices":
        rows.sort(key=lambda row: (row.value.import_no, row.value.row_no, row.value.id))
    try:
        content = write_table(named, [Kept(row.value, row.notes) for row in rows], _form(path))
    except CannotWrite as why:
        raise Misconfigured(f"{path.name} was not written: {why}.", code="export_file") from None
    try:
        path.write_bytes(content)
    except OSError as error:
        raise Misconfigured(
            f"{path.name} cannot be written: {(error.strerror or 'no reason given').lower()}.",
            code="export_file",
            action="Check the path and that its folder may be written.",
        ) from None
    return len(rows)


def _form(path: Path) -> Form:
    match path.suffix.casefold():
        case ".csv":
            return "csv"
        case ".xlsx":
            return "xlsx"
    raise Misconfigured(f"{path.name} is neither a .csv nor an .xlsx file.", action="End its name in one of them.")


def check(engine: Engine, today: date, period: str = "") -> dict[str, Any]:
    """Warnings about the prices that hold; below cost in a period, by default the newest that was priced."""
    with reading(engine) as connection:
        period = period or price_warnings.newest_priced(connection)
        found = price_warnings.rule_warnings(connection, today)
        if period:
            found += price_warnings.below_cost(connection, period)
    views = [price_warnings.warning_view(warning) for warning in found]
    return {"on": today.isoformat(), "period": period or None, "warnings": views}
