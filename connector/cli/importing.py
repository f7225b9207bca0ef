"""`connector import …`: what the partner decides, and invoices downloaded by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from connector.cli.month import Period
from connector.cli.output import emit, json_option, prose, styled, table, world
from connector.domain.money import amount_text
from connector.domain.period import needs_attention, worst
from connector.errors import Misconfigured, Refused
from connector.flows.configure import ImportReport, import_file
from connector.flows.import_invoice import (
    DateOrder,
    DecimalSign,
    ImportedInvoice,
    import_invoices,
    parse_headers,
)

_SHOWN = 20
_KINDS = {
    "organisations": "Customers of yours: code, name, currency, ledger, ledger_customer, …",
    "links": "Which Microsoft tenant belongs to which organisation, from when to when.",
    "prices": "Price rules: fixed, markup, margin, discount, passthrough, tiered, none; global or per organisation.",
    "list-prices": "Microsoft's list prices (own columns, or a price sheet as downloaded).",
    "services": "Your own recurring and one-off services.",
    "rates": "Exchange rates by date.",
    "ledgers": 'Ledger connections (TOML); secrets as {env="NAME"} or {file="…"}.',
}


@click.group("import")
def import_() -> None:
    """Import files: all rows or none, with errors by row and column. See docs/imports.md."""


def _register(kind: str, help_text: str) -> None:
    @import_.command(kind, help=help_text)
    @click.argument("file", type=click.Path(path_type=Path))
    @click.option("--dry-run", is_flag=True, help="Show every change and every bad row; change nothing.")
    @click.option("--replace", is_flag=True, help="Also remove what the file does not hold.")
    @json_option
    def command(file: Path, dry_run: bool, replace: bool, as_json: bool) -> None:
        with world() as here:
            report = import_file(here.engine, kind, file, dry_run=dry_run, replace=replace)  # type: ignore[arg-type]
        if as_json:
            emit(report.to_json())
        else:
            _show(report)
        # bad rows are wrong input: nothing was imported
        sys.exit(2 if report.errors else 0)


for _kind, _help in _KINDS.items():
    _register(_kind, _help)


def _show(report: ImportReport) -> None:
    view: dict[str, Any] = report.to_json()
    if view["errors"]:
        rows = table("row", "column", "value", "what is wrong")
        for error in view["errors"][:_SHOWN]:
            rows.add_row(str(error["row"]), escape(error["column"]), escape(error["value"]), escape(error["text"]))
        prose.print(rows)
        prose.print(f"[red]Nothing was imported: {view['error_count']} mistakes in {escape(view['file'])}.[/red]")
        return
    for change in view["changes"][:_SHOWN]:
        prose.print(escape(" ".join(str(value) for value in change.values() if value)))
    would = "would be " if report.dry_run else ""
    prose.print(
        f"{view['rows']} rows: {view['added']} {would}added, {view['changed']} {would}changed, {view['unchanged']} "
        f"unchanged, {view['removed']} {would}removed."
    )


@import_.command("invoice")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="ID=TOTAL",
    help="Total of a vendor invoice with tax, as its PDF prints it. Without it the lines cannot be checked.",
)
@click.option(
    "--period",
    type=Period(),
    default=None,
    help="Which month the files cover (YYYY-MM), where it is not the usual one.",
)
@click.option("--decimal", type=click.Choice(["point", "comma"]), help="Decimal sign, where the file leaves it open.")
@click.option("--dates", type=click.Choice(["mdy", "dmy"]), help="Order of dates, where the file leaves it open.")
@click.option("--dry-run", is_flag=True, help="Say how the files are understood; keep nothing.")
@json_option
def import_invoice(
    files: tuple[Path, ...],
    headers: tuple[str, ...],
    period: str | None,
    decimal: DecimalSign | None,
    dates: DateOrder | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Reconciliation and daily usage files downloaded by hand from Microsoft's portal."""
    with world() as here:
        try:
            made = import_invoices(
                here,
                files,
                parse_headers(headers),
                period=period or "",
                decimal=decimal,
                dates=dates,
                dry_run=dry_run,
            )
        except Refused as error:
            # the file or the options are wrong, not the month: nothing was taken
            raise Misconfigured(error.sentence, code=error.code, action=error.action) from error
    if as_json:
        emit({"invoices": [_view(one) for one in made], "dry_run": dry_run})
    else:
        for one in made:
            total = "unknown" if one.header_total is None else amount_text(one.header_total, one.currency)
            prose.print(
                f"{escape(one.invoice_id)} for {one.period}: {one.lines} lines, {one.quarantined} put aside, "
                f"{one.usage_rows} daily rows, header {total} {one.currency}, {styled(str(one.state))}"
            )
            for remark in one.remarks:
                prose.print(f"  {escape(remark)}")
    look = needs_attention(worst([one.state for one in made])) or any(one.errors for one in made)
    sys.exit(1 if not dry_run and look else 0)


def _view(one: ImportedInvoice) -> dict[str, Any]:
    return {
        "id": one.invoice_id,
        "period": one.period,
        "lines": one.lines,
        "quarantined": one.quarantined,
        "usage_rows": one.usage_rows,
        "currency": one.currency,
        "header_total": None if one.header_total is None else amount_text(one.header_total, one.currency),
        "state": str(one.state),
        "remarks": list(one.remarks),
    }
