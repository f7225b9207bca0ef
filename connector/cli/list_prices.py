"""`connector list-prices …` and `connector rates …`: Microsoft's price sheets and exchange rates, by month."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.markup import escape

from connector.cli.importing import show_report
from connector.cli.month import Period
from connector.cli.output import emit, json_option, person, prose, table, world
from connector.flows.list_prices import Pulled, known_sheets, pull_exchange_rates, pull_price_sheet
from mappings.price_sheet import VIEWS

_month = click.option("--month", type=Period(), default=None, help="YYYY-MM; the running month if not given.")
_dry_run = click.option("--dry-run", is_flag=True, help="Show every change; keep and change nothing.")


@click.group("list-prices")
def list_prices() -> None:
    """Microsoft's price sheets, kept by month: what `discount` prices are taken off."""


@list_prices.command("pull")
@click.option("--market", default="", help="Two letters, for example DE; the one of the known sheets if not given.")
@click.option("--view", type=click.Choice(VIEWS), default=VIEWS[0], show_default=True, help="Which price sheet.")
@_month
@_dry_run
@json_option
def pull(market: str, view: str, month: str | None, dry_run: bool, as_json: bool) -> None:
    """Fetch a month's price sheet from Microsoft and import it. Needs MICROSOFT_REFRESH_TOKEN."""
    with world() as here:
        pulled = pull_price_sheet(here, market=market, view=view, month=month or "", dry_run=dry_run, who=person())
    _end(pulled, as_json)


@list_prices.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Which price sheets are known."""
    with world() as here:
        sheets = known_sheets(here)
    if as_json:
        emit(
            {
                "price_sheets": [
                    {
                        "month": sheet.month,
                        "market": sheet.market,
                        "view": sheet.view,
                        "currency": sheet.currency,
                        "rows": sheet.rows,
                        "sha256": sheet.sha256,
                        "raw_file": sheet.file,
                        "change_set": sheet.import_no,
                        "at": sheet.at.isoformat(timespec="seconds"),
                    }
                    for sheet in sheets
                ]
            }
        )
        return
    if not sheets:
        prose.print("No price sheet is known. Fetch one: connector list-prices pull --market DE")
        return
    rows = table("month", "market", "view", "currency", "list prices", "change set", "since")
    for sheet in sheets:
        rows.add_row(
            sheet.month,
            escape(sheet.market),
            escape(sheet.view),
            sheet.currency,
            str(sheet.rows),
            str(sheet.import_no),
            f"{sheet.at:%Y-%m-%d %H:%M} UTC",
        )
    prose.print(rows)


@click.group("rates")
def rates() -> None:
    """Microsoft's exchange rates, by month."""


@rates.command("pull")
@_month
@_dry_run
@json_option
def pull_rates(month: str | None, dry_run: bool, as_json: bool) -> None:
    """Fetch a month's exchange rates to USD from Microsoft and import them. Needs MICROSOFT_REFRESH_TOKEN."""
    with world() as here:
        pulled = pull_exchange_rates(here, month=month or "", dry_run=dry_run, who=person())
    _end(pulled, as_json)


def _end(pulled: Pulled, as_json: bool) -> None:
    """Bad rows of Microsoft's own file are nothing a changed command would mend: a person must look (status 1)."""
    if as_json:
        view: dict[str, Any] = pulled.report.to_json()
        raw = {"file": pulled.raw_file, "size": pulled.raw.size, "sha256": pulled.raw.sha256}
        emit(view | {"month": pulled.month, "raw": raw, "change_set": pulled.report.import_no})
    else:
        show_report(pulled.report, every=False)
        if pulled.raw_file:
            prose.print(f"Kept as {escape(pulled.raw_file)}, {pulled.raw.size:,} bytes.")
    sys.exit(1 if pulled.report.errors else 0)
