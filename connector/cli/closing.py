"""Closing a month and what comes after: close, rerate, corrections list|release|discard, replay."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.markup import escape

from connector.cli.month import Period
from connector.cli.output import emit, json_option, person, prose, styled, table, world
from connector.domain.money import amount_text
from connector.flows import correct
from connector.flows.close import CloseResult, close_period
from connector.flows.correct import Correction
from connector.flows.replay import replay as replay_period
from connector.flows.replay import replay_view
from connector.flows.rerate import rerate as rerate_period
from connector.flows.rerate import rerated_view
from connector.flows.review import closing_view
from connector.store.documents import StoredDocument

Json = dict[str, Any]
_why = click.option("--why", default="", metavar="TEXT", help="The reason; it stands in the audit trail.")


@click.command()
@click.argument("period", type=Period())
@_why
@click.option("--dry-run", is_flag=True, help="Only say whether it could be closed, and what is missing.")
@json_option
def close(period: str, why: str, dry_run: bool, as_json: bool) -> None:
    """Close a month for good: from then on nothing of it changes, and a hash proves it.

    It must balance, and every document that goes to a ledger must be there, read back and equal. What comes later
    becomes a correction (`connector rerate`).
    """
    with world() as here:
        result = close_period(here, period, why=why, who=person(), dry_run=dry_run)
    if as_json:
        emit(_close_view(result))
    else:
        _show_close(result, dry_run=dry_run)
    sys.exit(1 if result.missing else 0)


def _close_view(result: CloseResult) -> Json:
    closing = result.closing
    return {
        "period": result.period,
        "closed": closing is not None,
        "before": result.before,
        "missing": list(result.missing),
        "closing": closing_view(closing),
        "documents": len(closing.certificate["documents"]) if closing else None,
    }


def _show_close(result: CloseResult, *, dry_run: bool) -> None:
    closing = result.closing
    if closing is not None:
        said = "was closed already" if result.before else "is closed"
        prose.print(
            f"{result.period} {said}: {len(closing.certificate['documents'])} documents, {closing.closed_at:%Y-%m-%d}."
        )
        prose.print(f"[dim]sha256 {closing.hash}[/dim]")
    elif result.missing:
        prose.print(f"{result.period} is not closed:")
        for sentence in result.missing:
            prose.print(f"  {escape(sentence)}")
    elif dry_run:
        prose.print(f"{result.period} can be closed.")


@click.command()
@click.argument("period", type=Period())
@click.option("--draft", "as_draft", is_flag=True, help="Make draft corrections of the differences; nothing is sent.")
@_why
@json_option
def rerate(period: str, as_draft: bool, why: str, as_json: bool) -> None:
    """What a month that was sent would be with today's prices, links and lines, line by line against what was sent.

    Ends with 1 when there are differences: a person must look.
    """
    with world() as here:
        rerated = rerate_period(here, period)
        view = rerated_view(rerated)
        if as_draft:
            view["drafts"] = [
                _document_view(document) for document in correct.draft(here, rerated, why=why, who=person())
            ]
    if as_json:
        emit(view)
    else:
        _show_rerated(view)
    sys.exit(1 if rerated.needs_attention else 0)


def _show_rerated(view: Json) -> None:
    if view["differences"]:
        shown = table("customer", "product", "was", "is", "difference", "", "why")
        for item in view["differences"]:
            shown.add_row(
                escape(item["organisation"]),
                escape(item["product"]),
                item["invoiced"],
                item["now"],
                item["difference"],
                item["currency"],
                escape(item["why"]),
            )
        prose.print(shown)
    elif not (view["undecided"] or view["unmatched"] or view["waiting"]):
        prose.print(f"{view['period']}: what was sent is what it would be now.")
    for item in view["undecided"]:
        prose.print(
            f"[yellow]{escape(item['detail_line'])}[/yellow] of {escape(item['organisation'])}, {item['invoiced']} "
            f"{item['currency']}, stays as it was sent: {escape(item['why'])}"
        )
    for item in view["unmatched"]:
        prose.print(f"[yellow]{item['amount']} {item['currency']} at cost[/yellow] have no customer or no price yet")
    for why in view["waiting"]:
        prose.print(f"[yellow]{escape(why)}[/yellow]: nothing is drafted until then")
    for item in view["totals"]:
        prose.print(f"Difference in all: {item['difference']} {item['currency']}")
    if "drafts" in view:
        for item in view["drafts"]:
            prose.print(
                f"Draft {escape(item['key'])}: {item['kind'].replace('_', ' ')}, {item['net_total']} {item['currency']}"
            )
        if view["drafts"]:
            prose.print(f"Nothing is sent. Release them: `connector corrections release --all {view['period']}`")
    elif view["differences"]:
        prose.print(f"Draft the corrections: `connector rerate {view['period']} --draft`")


@click.group()
def corrections() -> None:
    """Credit notes and invoices that correct what was sent: list, release, discard."""


@corrections.command("list")
@click.argument("period", type=Period(), required=False)
@json_option
def corrections_list(period: str | None, as_json: bool) -> None:
    """All corrections with where they stand: draft, released, sent or verified."""
    with world() as here:
        found = correct.list_corrections(here, period)
    if as_json:
        emit([_correction_view(one) for one in found])
        return
    shown = table("correction", "kind", "net", "", "state", "why")
    for one in found:
        view = _correction_view(one)
        shown.add_row(
            escape(view["key"]),
            view["kind"].replace("_", " "),
            view["net_total"],
            view["currency"],
            styled(view["state"]),
            escape(view["reason"]),
        )
    prose.print(shown if found else "There are no corrections.")


@corrections.command()
@click.argument("keys", nargs=-1)
@click.option("--all", "period", type=Period(), default=None, metavar="PERIOD", help="All drafts of this month.")
@_why
@json_option
def release(keys: tuple[str, ...], period: str | None, why: str, as_json: bool) -> None:
    """Let drafts go out: the next `connector push PERIOD` sends them. All of those named, or none."""
    if bool(keys) == (period is not None):
        raise click.UsageError("Name the corrections, or all of a month with --all PERIOD.")
    with world() as here:
        wanted = list(keys) if period is None else correct.drafts_of(here, period)
        released = correct.release(here, wanted, why=why, who=person())
    if as_json:
        emit([_document_view(document) for document in released])
        return
    for document in released:
        prose.print(f"Released {escape(document.key)}. `connector push {document.period}` sends it.")
    if not released:
        prose.print("There is nothing to release.")


@corrections.command()
@click.argument("key")
@_why
@json_option
def discard(key: str, why: str, as_json: bool) -> None:
    """Throw a draft away, or a released correction that no ledger has heard of."""
    with world() as here:
        document = correct.discard(here, key, why=why, who=person())
    if as_json:
        emit(_document_view(document))
    else:
        prose.print(f"Discarded {escape(document.key)}.")


@click.command()
@click.argument("period", type=Period())
@json_option
def replay(period: str, as_json: bool) -> None:
    """Make the documents of a month that were sent again, from raw files and the decisions of then, and compare.

    Ends with 0 only when every document is equal to the byte.
    """
    with world() as here:
        view = replay_view(period, replay_period(here, period))
    if as_json:
        emit(view)
    else:
        shown = table("document", "", "")
        for item in view["documents"]:
            style = "green" if item["result"] == "equal" else "red"
            shown.add_row(escape(item["key"]), f"[{style}]{item['result']}[/{style}]", escape(item["text"] or ""))
        prose.print(shown)
    sys.exit(0 if view["ok"] else 1)


def _document_view(document: StoredDocument) -> Json:
    return {
        "key": document.key,
        "period": document.period,
        "organisation": document.organisation,
        "currency": document.currency,
        "kind": document.kind,
        "revision": document.revision,
        "net_total": amount_text(document.net_total, document.currency),
        "reason": document.reason,
    }


def _correction_view(one: Correction) -> Json:
    return {**_document_view(one.document), "state": one.state}
