"""`connector prices change` and `connector what-if`: many prices at once, looked at before they are saved."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from connector.cli.month import Period
from connector.cli.output import emit, json_option, person, prose, styled, table, world
from connector.cli.prices import prices
from connector.domain.money import NotANumber, known_currency, money
from connector.errors import Misconfigured
from connector.flows import trial_views
from connector.flows.bulk_change import Wish, change_prices, preview
from connector.flows.trials import Tried, try_change, try_file
from connector.flows.what_if import compare, priced_periods
from connector.flows.world import World
from connector.store import decisions
from connector.store.database import reading
from mappings.bulk import PriceChange

_SHOWN = 30
_MONTHS = 12


class Exact(click.ParamType[Decimal]):
    """A number without a detour through binary."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            return money(value.removesuffix("%") if isinstance(value, str) else value)
        except NotANumber as error:
            self.fail(f"{error}; write for example 5 or 2.50", param, ctx)


class Day(click.ParamType[date]):
    """A day written YYYY-MM-DD."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return value if isinstance(value, date) else datetime.strptime(value, "%Y-%m-%d").date()
        except ValueError:
            self.fail(f"{value!r} is not a day: write YYYY-MM-DD, for example 2026-11-01", param, ctx)


_SELECTION = (
    click.option("--percent", type=Exact(), help="Change every sales price by so many percent; -5 lowers it."),
    click.option("--amount", type=Exact(), help="Add an amount to every price per unit (fixed and tiered)."),
    click.option("--product", "products", multiple=True, metavar="ID[:SKU]", help="Only this product; repeatable."),
    click.option("--publisher", "publishers", multiple=True, help="Only products that invoice lines name with it."),
    click.option("--organisation", "organisations", multiple=True, metavar="CODE|*", help="Only its list; * = global."),
    click.option("--group", "groups", multiple=True, help="Only the lists of the organisations of this group."),
    click.option("--kind", "kinds", multiple=True, help="Only rules of this kind: fixed, markup, …"),
    click.option("--currency", default="", help="Only rules in this currency."),
    click.option(
        "--round-to",
        "step",
        type=Exact(),
        help="Round new prices per unit to multiples of this, e.g. 0.05; else to the digits of currency and old price.",
    ),
    click.option("--sure", is_flag=True, help="The percentage is meant although it looks like a slip."),
    click.option("--customers", default=10, show_default=True, help="How many customers that move most to show."),
)


def _with_selection(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_SELECTION):
        command = option(command)
    return command


@prices.command("change")
@_with_selection
@click.option("--from", "day", type=Day(), required=True, metavar="DATE", help="First day of the new prices.")
@click.option("--why", default="", help="The reason; it stands in the list of changes and in the audit trail.")
@click.option("--apply", "save", is_flag=True, help="Save it. Without this the change is only shown.")
@click.option("--again", is_flag=True, help="Make it although exactly this change was made before.")
@json_option
def change(day: date, why: str, save: bool, again: bool, customers: int, as_json: bool, **asked: Any) -> None:
    """Change many prices from a day on; shows old, new and last month's effect, saves only with --apply.

    Fixed and tiered prices are multiplied and rounded half away from zero; mark-ups, margins and discounts change so
    that the sales price moves by the percentage. The old price ends the day before.
    """
    wish = _wish(**asked)
    with world() as here:
        made = preview(here.engine, wish, day, here.progress)
        if save:
            done = change_prices(here.engine, wish, day, why=why, who=person(), again=again)
            made = replace(done, effect=made.effect)
        view = trial_views.plan(made, _names(here), customers)
    if as_json:
        emit(view)
    else:
        _show_plan(view)
    sys.exit(1 if view["counts"]["refused"] else 0)


@click.command("what-if")
@_with_selection
@click.option(
    "--prices",
    "file",
    type=click.Path(path_type=Path),
    help="Try the prices of this file (as for `connector import prices`) instead of a change of many.",
)
@click.option("--from", "first", type=Period(), default=None, help="First month; by default the last twelve priced.")
@click.option("--to", "last", type=Period(), default=None, help="Last month.")
@json_option
def what_if(
    file: Path | None, first: str | None, last: str | None, customers: int, as_json: bool, **asked: Any
) -> None:
    """What past months would have brought at other prices. Nothing is saved.

    Today's decisions with and without the other prices; only Microsoft's lines, your own services do not change.
    """
    changed = asked["percent"] is not None or asked["amount"] is not None
    if (file is not None) == changed:
        raise click.UsageError("Say what to try: --percent, --amount or --prices FILE, one of them.")
    if file is not None and any(value for name, value in asked.items() if name not in ("percent", "amount")):
        raise click.UsageError("With --prices the file says which rules; leave the selection out.")
    with world() as here:
        with reading(here.engine) as connection:
            tried: Tried = try_file(connection, file) if file is not None else try_change(connection, _wish(**asked))
            as_of = decisions.latest_import(connection)
            wanted = priced_periods(connection, first or "", last or "", _MONTHS)
        if not wanted:
            raise Misconfigured(
                "No month in this span was priced yet.",
                action="`connector month list` shows the months that are known.",
            )
        found = compare(here.engine, as_of, wanted, tried.trial, here.progress)
        view: dict[str, Any] = {
            "tried": tried.words,
            "rules_changed": tried.rules_changed,
            "from": wanted[0],
            "to": wanted[-1],
        }
        view["rules_left"] = [{"rule": rule, "why": why} for rule, why in tried.left]
        view |= trial_views.comparison(found, _names(here), customers)
    if as_json:
        emit(view)
        return
    prose.print(f"[bold]{wanted[0]} to {wanted[-1]}[/bold] {escape(tried.words)}; {tried.rules_changed} rules.")
    for rule, why in tried.left[:_SHOWN]:
        prose.print(f"left as it is: {escape(rule)}: {escape(why)}")
    _show_comparison(view)


def _wish(
    percent: Decimal | None,
    amount: Decimal | None,
    step: Decimal | None,
    products: tuple[str, ...],
    publishers: tuple[str, ...],
    organisations: tuple[str, ...],
    groups: tuple[str, ...],
    kinds: tuple[str, ...],
    currency: str,
    sure: bool,
) -> Wish:
    if currency and known_currency(currency) is None:
        raise click.UsageError(f"{currency!r} is no ISO 4217 currency.")
    change_ = PriceChange(percent, amount, step)
    return Wish(change_, products, publishers, organisations, groups, kinds, currency.upper(), sure)


def _names(here: World) -> dict[str, str]:
    with reading(here.engine) as connection:
        return {code: each.name for code, each in decisions.organisations(connection).items()}


def _show_plan(view: dict[str, Any]) -> None:
    prose.print(f"[bold]{escape(view['change'])}[/bold] on {escape(view['selection'])} from {view['from']}")
    shown = table("", "rule", "old", "", "new", "from", "to", "")
    for rule in view["rules"][:_SHOWN]:
        latest = rule["new"][-1] if rule["new"] else {}
        shown.add_row(
            rule["action"],
            escape(rule["rule"]),
            escape(rule["old"]["value"]),
            "->" if latest else "",
            escape(f"{latest.get('kind', '')} {latest.get('value', '')}".strip()),
            latest.get("valid_from") or "",
            latest.get("valid_to") or "",
            escape(rule["why"]),
        )
    prose.print(shown)
    if len(view["rules"]) > _SHOWN:
        prose.print(f"… and {len(view['rules']) - _SHOWN} more; --json shows them all.")
    prose.print(", ".join(f"{number} {action}" for action, number in view["counts"].items() if number))
    if view["effect"]:
        prose.print(
            f"Last priced month, {view['effect']['periods'][0]['period']}, as if the new prices had held in it:"
        )
        _show_comparison(view["effect"])
    if view["applied"]:
        prose.print(f"[green]Saved as change set {view['change_set']}.[/green]")
    elif view["made_before"] is not None:
        prose.print(f"[yellow]Exactly this change was made already, as change set {view['made_before']}.[/yellow]")
    else:
        prose.print("Nothing is saved yet: add --apply.")


def _show_comparison(view: dict[str, Any]) -> None:
    shown = table(
        "", "currency", "revenue", "-> revenue", "change", "margin", "-> margin", "below cost", "-> below cost"
    )
    for period in (*view["periods"], {"period": "all", "totals": view["totals"]} if len(view["periods"]) > 1 else {}):
        for sums in period.get("totals", ()):
            shown.add_row(
                period["period"], sums["currency"], sums["revenue_before"], sums["revenue_after"],
                sums["revenue_change"], sums.get("margin_before", ""), sums.get("margin_after", ""),
                str(sums["below_cost_lines_before"]), str(sums["below_cost_lines_after"]),
            )  # fmt: skip
    prose.print(shown)
    for period in view["periods"]:
        for amount in period["on_documents"]:
            prose.print(
                f"On the documents of {period['period']} stand {amount['amount']} {amount['currency']}: they were made "
                "with other decisions than today's."
            )
    if view["customers"]:
        movers = table("customers that move most", "currency", "revenue", "-> revenue", "change")
        for each in view["customers"]:
            movers.add_row(
                f"{escape(each['organisation'])} {escape(each['name'])[:40]}", each["currency"],
                each["revenue_before"], each["revenue_after"], each["revenue_change"],
            )  # fmt: skip
        prose.print(movers)
    for name, words in (("newly_matched", "would get a price"), ("newly_unmatched", "would have no price any more")):
        if view[f"{name}_lines"]:
            style = styled("info" if name == "newly_matched" else "error")
            first = ", ".join(f"{line['product']} of {line['organisation']}" for line in view[name][:3])
            prose.print(f"{style} {view[f'{name}_lines']} lines {words}, first {escape(first)}")
