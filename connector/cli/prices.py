"""`connector prices …`: what the partner charges, since when and why; export in the form of the import."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from connector.cli.month import Period
from connector.cli.output import emit, json_option, prose, world
from connector.cli.price_table import show_history, show_rules, show_warnings
from connector.flows import price_lists


class Day(click.ParamType[date]):
    """A day written YYYY-MM-DD."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return value if isinstance(value, date) else date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a day; write it as 2026-10-31", param, ctx)


_organisation = click.option(
    "--organisation", default="", metavar="CODE", help="Only this organisation's; * is the global list."
)
_product = click.option("--product", default="", metavar="ID", help="Only rules that name this product.")


@click.group()
def prices() -> None:
    """Price lists: what holds, what held, what looks wrong; export in the form of the import."""


@prices.command("list")
@_organisation
@_product
@click.option("--on", type=Day(), default=None, metavar="DATE", help="Only rules that are valid on this day.")
@click.option("--offers", is_flag=True, help="Only special offers.")
@json_option
def list_(organisation: str, product: str, on: date | None, offers: bool, as_json: bool) -> None:
    """The price rules that hold, of all organisations and of the global list."""
    with world() as here:
        found = price_lists.rules(here.engine, organisation=organisation, product=product, on=on, offers=offers)
    if as_json:
        emit(found)
    else:
        show_rules(found)


@prices.command()
@_organisation
@_product
@click.option("--rule", "rule_id", default="", metavar="ID", help="Only this rule; its id stands in `prices list`.")
@json_option
def history(organisation: str, product: str, rule_id: str, as_json: bool) -> None:
    """Every version of the price rules: valid when, decided when, by whom and why, and what ended it."""
    with world() as here:
        found = price_lists.history(here.engine, organisation=organisation, product=product, rule_id=rule_id)
    if as_json:
        emit(found)
    else:
        show_history(found)


@prices.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file to write: .csv or .xlsx.")
@_organisation
@json_option
def export(out: Path, organisation: str, as_json: bool) -> None:
    """Write the price rules that hold into a file that `connector import prices` takes unchanged."""
    write("prices", out, organisation, as_json)


@prices.command()
@click.option("--period", type=Period(), default=None, help="Look for prices below cost in this month, not the newest.")
@click.option("--all", "every", is_flag=True, help="Show every warning, not only the first of each kind.")
@json_option
def check(period: str | None, every: bool, as_json: bool) -> None:
    """What looks wrong: offers that overlap, end or leave a gap, prices below cost or not touched for a year."""
    with world() as here:
        found = price_lists.check(here.engine, here.today(), period or "")
    if as_json:
        emit(found)
        return
    show_warnings(found["warnings"], every)
    prose.print(
        f"{len(found['warnings'])} warnings on {found['on']}; "
        + (f"costs are those of {found['period']}." if found["period"] else "no month is priced yet, so no costs.")
    )


def write(kind: str, out: Path, organisation: str, as_json: bool) -> None:
    """Export one kind and say how many rows it has."""
    with world() as here:
        rows = price_lists.export(here.engine, kind, out, organisation=organisation)
    if as_json:
        emit({"kind": kind, "file": str(out), "rows": rows})
    else:
        prose.print(f"{rows} rows written to {escape(str(out))}; `connector import {kind}` takes them unchanged.")


@click.group()
def decisions() -> None:
    """What the partner has decided, as files."""


@decisions.command("export")
@click.argument("kind")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file to write: .csv or .xlsx.")
@_organisation
@json_option
def export_decisions(kind: str, out: Path, organisation: str, as_json: bool) -> None:
    """Write any kind of decision (organisations, links, prices, rates …) into a file that `import` takes unchanged."""
    write(kind, out, organisation, as_json)
