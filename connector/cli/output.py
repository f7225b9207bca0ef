"""How commands speak: prose and progress to stderr, one JSON document to stdout, statuses of interfaces.md."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from connector.errors import ConnectorError
from connector.flows.world import World
from connector.settings import read_settings
from connector.wiring import build_world

_out = Console(stderr=True, highlight=False)
# a log file has no width: do not fold what a person will search
prose = _out if _out.is_terminal else Console(stderr=True, highlight=False, width=160)

_STYLES = {
    "pushed": "green",
    "closed": "green",
    "balanced": "green",
    "verified": "green",
    "unmatched": "yellow",
    "incomplete": "yellow",
    "not_checked": "yellow",
    "unbalanced": "red",
    "held": "red",
    "error": "red",
    "warning": "yellow",
    "info": "dim",
}

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout instead of prose.")


def styled(word: str) -> str:
    style = _STYLES.get(word)
    return f"[{style}]{escape(word)}[/{style}]" if style else escape(word)


def emit(document: Any) -> None:
    """The one JSON document on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def wants_json() -> bool:
    """Whether this command promised one JSON document: then it stands on stdout also when it fails."""
    return "--json" in sys.argv[1:]


def error_view(error: ConnectorError) -> dict[str, Any]:
    """An error as JSON: what happened, what to do, and the status the command ends with."""
    return {
        "code": error.code,
        "text": error.sentence,
        "action": error.action,
        "system": error.system,
        "reference": error.reference,
        "status": error.exit_status,
    }


def fail(error: ConnectorError) -> NoReturn:
    """Say what happened and what to do, and end with the error's status."""
    prose.print(f"[red]{escape(error.sentence)}[/red]")
    if error.action:
        prose.print(escape(error.action))
    if error.reference:
        prose.print(f"[dim]Reference: {escape(error.reference)}[/dim]")
    sys.exit(error.exit_status)


@contextmanager
def world() -> Iterator[World]:
    """The world of one command, with a progress line on stderr when a person is looking."""
    settings = read_settings()
    if not prose.is_terminal:
        yield build_world(settings)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=prose, transient=True) as bar:
        task = bar.add_task("Starting", total=None)

        def show(text: str, done: int = 0, of: int = 0) -> None:
            bar.update(task, description=escape(text), completed=done, total=of or None)

        yield build_world(settings, progress=show)


def person() -> str:
    """Who sits at the terminal: the name he is signed in with, for every trail that says who decided something."""
    return getpass.getuser()


def table(*columns: str) -> Table:
    return Table(*columns, box=None, header_style="bold", padding=(0, 2, 0, 0))


def show_month(view: dict[str, Any], *, documents: bool = True) -> None:
    """A period for a person: state, balance, documents, findings with what to do."""
    prose.print(f"[bold]{view['period']}[/bold]  {styled(view['state'])}")
    if view.get("closing"):
        closing = view["closing"]
        prose.print(f"Closed on {closing['closed_at'][:10]} by {escape(closing['who'])}; sha256 {closing['hash']}")
    if view["vendor_invoices"]:
        rows = table("vendor invoice", "kind", "currency", "header", "lines", "sum of lines", "")
        for invoice in view["vendor_invoices"]:
            rows.add_row(
                escape(invoice["id"]),
                invoice["kind"].replace("_", " "),
                invoice["currency"],
                invoice["header_total"] or "unknown",
                str(invoice["lines"]),
                invoice["lines_subtotal"],
                "voided" if invoice["voided"] else ("" if invoice["arrival"] == "whole" else invoice["arrival"]),
            )
        prose.print(rows)
    if view["balance"]:
        rows = table("balance", "Microsoft", "= invoiced", "+ unmatched", "+ not charged", "+ difference", "")
        for balance in view["balance"]:
            rows.add_row(
                balance["currency"],
                balance["vendor_total"] or "unknown",
                balance["invoiced_cost"],
                balance["unmatched"],
                balance["not_charged"],
                balance["difference"] or "unknown",
                styled(balance["state"]),
            )
        prose.print(rows)
    if documents and view["documents"]:
        rows = table("document", "net", "currency", "ledger", "number", "posting")
        for document in view["documents"]:
            posting = document["posting"]
            rows.add_row(
                f"{escape(document['organisation'])} {escape(document['organisation_name'])[:40]}"
                + (" [yellow](draft correction)[/yellow]" if document["draft"] else ""),
                document["net_total"],
                document["currency"],
                posting["ledger"] or "",
                posting["number"] or "",
                styled(posting["state"]),
            )
        prose.print(rows)
    show_findings(view["findings"])


def show_lines(documents: list[dict[str, Any]]) -> None:
    """The lines of every document, with the ids that `connector explain` takes."""
    rows = table("line", "document", "text", "amount", "currency")
    for document in documents:
        for line in document["lines"]:
            rows.add_row(
                line["id"], escape(document["organisation"]), escape(line["text"]), line["amount"], document["currency"]
            )
    prose.print(rows)


def has_error(findings: list[dict[str, Any]]) -> bool:
    return any(finding["severity"] == "error" for finding in findings)


def show_findings(findings: list[dict[str, Any]]) -> None:
    for finding in findings:
        money = f"{finding['amount']} {finding['currency'] or ''}".strip()
        prose.print(f"{styled(finding['severity'])} {escape(finding['code'])} {money}: {escape(finding['text'])}")
        if finding["action"] and finding["severity"] != "info":
            prose.print(f"    [dim]{escape(finding['action'])}[/dim]")
