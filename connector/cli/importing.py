"""`connector import …`: what the partner decides, and invoices downloaded by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from connector.cli.changes import change_line
from connector.cli.month import Period
from connector.cli.output import emit, json_option, person, prose, styled, table, world
from connector.cli.price_table import show_warnings
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
    "credits": "Which of Microsoft's credits you keep and which you pass on, from when to when.",
    "cost-centres": "Which cost centre bears which share of a subscription, resource group or tag.",
    "purchase-orders": "Under which purchase order a subscription or product is bought.",
    "ledgers": 'Ledger connections (TOML); secrets as {env="NAME"} or {file="…"}.',
}


@click.group("import")
def import_() -> None:
    """Import files: all rows or none, with errors by row and column. See docs/imports.md."""


def _insisting(kind: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option with which a person insists on 1900 percent; only prices have percentages."""
    if kind != "prices":
        return lambda command: command
    text = "Percentages of 500 and more are meant so."
    return click.option("--allow-large-percentages", "large", is_flag=True, help=text)


def _dated(kind: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option that says of which month one of Microsoft's own files is; their rows do not tell."""
    if kind not in ("list-prices", "rates"):
        return lambda command: command
    text = "Which month (YYYY-MM) one of Microsoft's own files is of; a price sheet is else taken for this month's."
    return click.option("--month", type=Period(), default=None, help=text)


def _register(kind: str, help_text: str) -> None:
    @import_.command(kind, help=help_text)
    @click.argument("file", type=click.Path(path_type=Path))
    @click.option("--dry-run", is_flag=True, help="Show every change and every bad row; change nothing.")
    @click.option("--replace", is_flag=True, help="Also remove what the file does not hold.")
    @click.option("--why", default="", help="The reason, kept with the change set and in the audit trail.")
    @click.option("--all", "every", is_flag=True, help="Show every change, not only the first ones.")
    @_insisting(kind)
    @_dated(kind)
    @json_option
    def command(
        file: Path,
        dry_run: bool,
        replace: bool,
        why: str,
        every: bool,
        as_json: bool,
        large: bool = False,
        month: str | None = None,
    ) -> None:
        with world() as here:
            report = import_file(
                here.engine,
                kind,  # type: ignore[arg-type]
                file,
                dry_run=dry_run,
                replace=replace,
                who=person(),
                why=why.strip(),
                today=here.today(),
                all_changes=every,
                large_percentages=large,
                month=month or "",
            )
        if as_json:
            emit(report.to_json())
        else:
            show_report(report, every)
        # bad rows are wrong input: nothing was imported
        sys.exit(2 if report.errors else 0)


for _kind, _help in _KINDS.items():
    _register(_kind, _help)


def show_report(report: ImportReport, every: bool = False) -> None:
    """Mistakes, or changes with their counts."""
    view: dict[str, Any] = report.to_json()
    if view["errors"]:
        rows = table("row", "column", "value", "what is wrong")
        for error in view["errors"] if every else view["errors"][:_SHOWN]:
            rows.add_row(str(error["row"]), escape(error["column"]), escape(error["value"]), escape(error["text"]))
        prose.print(rows)
        prose.print(f"[red]Nothing was imported: {view['error_count']} mistakes in {escape(view['file'])}.[/red]")
        return
    shown = view["changes"] if every else view["changes"][:_SHOWN]
    for change in shown:
        prose.print(escape(change_line(change)))
    rest = view["added"] + view["changed"] + view["removed"] - len(shown)
    if rest:
        prose.print(f"… and {rest} more changes; --all shows them.")
    show_warnings(view["warnings"], every)
    would = "would be " if report.dry_run else ""
    prose.print(
        f"{view['rows']} rows: {view['added']} {would}added, {view['changed']} {would}changed, {view['unchanged']} "
        f"unchanged, {view['removed']} {would}removed."
    )
    if view["change_set"]:
        prose.print(
            f"Change set {view['change_set']}; `connector changes undo {view['change_set']} --why TEXT` takes it back."
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
