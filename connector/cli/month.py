"""The month: sync, month list|show|accept, push, explain."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.markup import escape

from connector.cli.output import (
    emit,
    error_view,
    fail,
    has_error,
    json_option,
    person,
    prose,
    show_lines,
    show_month,
    styled,
    table,
    world,
)
from connector.domain.period import BillingPeriod, PeriodState, needs_attention
from connector.errors import Misconfigured, Transient
from connector.flows import accept, review
from connector.flows import explain as explaining
from connector.flows.month import sync_period
from connector.flows.push_month import PushResult, push_period


class Period(click.ParamType[str]):
    """A month written YYYY-MM."""

    name = "period"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(BillingPeriod.parse(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.argument("period", type=Period())
@click.option("--no-pull", is_flag=True, help="Do not ask Microsoft: match, price and balance what has arrived.")
@click.option("--no-push", is_flag=True, help="Stop before the ledger: pull, match, price and balance only.")
@click.option("--again", is_flag=True, help="Pull again also what has arrived whole, in case Microsoft changed it.")
@json_option
def sync(period: str, no_pull: bool, no_push: bool, again: bool, as_json: bool) -> None:
    """Do the whole month here and now: discover, pull, check, match, price, balance, push, verify.

    Running it again changes nothing that is finished and goes on with what is not. With --no-pull and --no-push it
    only prices the month again, for example after an import of prices.
    """
    if no_pull and again:
        raise click.UsageError("--again pulls and --no-pull does not: give one of them.")
    with world() as here:
        result = sync_period(here, period, pull=not no_pull, push=not no_push, again=again)
        view = review.pushed(here, period, result.push) if result.push else review.month(here, period)
    view["errors"] = [error_view(error) for error in result.trouble]
    if as_json:
        emit(view)
    else:
        show_month(view)
    for error in result.trouble:
        prose.print(f"[red]{escape(str(error))}[/red]")
    unavailable = any(error.exit_status == 3 for error in result.trouble) or bool(
        result.push and result.push.unavailable
    )
    if result.push and result.push.unavailable:
        prose.print(f"[red]{escape(result.push.unavailable)}[/red] Nothing was lost; run again.")
    if result.push and result.push.refused:
        fail(ledger_refuses(result.push.refused))
    sys.exit(3 if unavailable else _status(view, result.push))


def ledger_refuses(why: str) -> Misconfigured:
    return Misconfigured(
        f"The ledger refuses our connection: {why}",
        code="ledger_refused",
        action="Nothing was lost. Correct the connection's settings (`connector doctor` checks them) and push again.",
    )


def _status(view: dict[str, Any], push: PushResult | None) -> int:
    """1 when a person must look: worse than balanced, held, or a finding of severity error."""
    held = push is not None and push.held
    return 1 if held or needs_attention(PeriodState(view["state"])) or has_error(view["findings"]) else 0


@click.group()
def month() -> None:
    """Look at months: what arrived, how it balances, what waits for a decision."""


@month.command("list")
@json_option
def month_list(as_json: bool) -> None:
    """All known months with their state and balance."""
    with world() as here:
        rows = review.month_list(here)
    if as_json:
        emit(rows)
        return
    shown = table("period", "state", "vendor invoices", "documents", "unmatched")
    for row in rows:
        unmatched = ", ".join(f"{b['unmatched']} {b['currency']}" for b in row["balance"])
        shown.add_row(
            row["period"], styled(row["state"]), str(row["vendor_invoices"]), str(row["documents"]), unmatched
        )
    prose.print(shown if rows else "No month is known yet: run `connector sync YYYY-MM`.")


@month.command("show")
@click.argument("period", type=Period())
@click.option("--lines", "lines", is_flag=True, help="Also each document's lines, with the ids `explain` takes.")
@json_option
def month_show(period: str, lines: bool, as_json: bool) -> None:
    """One month: vendor invoices, balance, documents, findings with what to do."""
    with world() as here:
        view = review.month(here, period)
    if as_json:
        emit(view)
    else:
        show_month(view)
        if lines:
            show_lines(view["documents"])


@month.command("accept")
@click.argument("period", type=Period())
@click.option("--invoice", required=True, help="Id of the vendor invoice whose header and lines differ.")
@click.option("--reason", required=True, help="Why the difference is right; it stands in the balance.")
def month_accept(period: str, invoice: str, reason: str) -> None:
    """Accept the difference between an invoice's header and its lines as an itemised reason.

    Legacy invoices carry adjustments that no line shows; Microsoft's PDF names them.
    """
    with world() as here:
        state = accept.accept_difference(here, period, invoice, reason, who=person())
    prose.print(f"Accepted. {period} is now {styled(str(state))}.")


@click.command()
@click.argument("period", type=Period())
@click.option("--dry-run", is_flag=True, help="Say what would be created, changed, skipped, rejected; write nothing.")
@click.option("--release", is_flag=True, help="Also try again documents that a person had to look at.")
@json_option
def push(period: str, dry_run: bool, release: bool, as_json: bool) -> None:
    """Push a priced month into the ledger, each document exactly once.

    Every document is looked up before it is created, and read back afterwards. Pushing again changes nothing.
    """
    with world() as here:
        result = push_period(here, period, dry_run=dry_run, release=release)
        view = review.pushed(here, period, result)
    if as_json:
        emit(view)
    else:
        _show_plan(view, dry_run=dry_run)
        if not dry_run:
            show_month(view)
    if result.refused:
        fail(ledger_refuses(result.refused))
    if result.unavailable:
        fail(
            Transient(
                f"The ledger could not be reached: {result.unavailable}",
                action="Nothing was lost; run again.",
            )
        )
    rejected = any(item.action == "reject" for item in result.planned)
    sys.exit(1 if dry_run and rejected else _status(view, result))


def _show_plan(view: dict[str, Any], *, dry_run: bool) -> None:
    shown = table("would" if dry_run else "did", "document", "net", "currency", "why")
    for item in view["planned"]:
        shown.add_row(
            item["action"],
            escape(item["organisation"]),
            item["net_total"],
            item["currency"],
            escape(item["why"]),
        )
    prose.print(shown if view["planned"] else "There is nothing to push: price the month first (`connector sync`).")
    for action, sums in view["totals"].items():
        prose.print(f"{action}: " + ", ".join(f"{amount} {currency}" for currency, amount in sums.items()))


@click.command()
@click.argument("line_id")
@json_option
def explain(line_id: str, as_json: bool) -> None:
    """Take one invoice line apart: what happened, what is taken back, days, price, rate, arithmetic, who lost.

    The line's id stands in `month show PERIOD --lines`. The id of one of Microsoft's lines is as
    good: then it says which invoice line holds it, or where it went.
    """
    with world() as here:
        tree = explaining.explain(here, line_id)
        meant = explaining.similar_ids(here, line_id) if tree is None else []
    if tree is None:
        hint = f" Did you mean {' or '.join(meant)}?" if meant else ""
        raise click.UsageError(
            f"No invoice line has the id {line_id!r}: see `connector month show PERIOD --lines`.{hint}"
        )
    if as_json:
        emit(tree)
        return
    _show_tree(tree)


def _show_tree(tree: dict[str, Any]) -> None:
    for held in tree.get("held_by", []):
        prose.print(f"{tree['asked']} stands on {escape(held['document'])}, line {held['line_id']}: {held['amount']}")
    if tree["amount"] is not None:
        prose.print(f"[bold]{tree['amount']} {tree['currency']}[/bold]  {escape(tree['sentence'])}")
    shown = table("charge", "from", "to", "quantity", "price", "days", "exact", "amount", "takes back", "rule")
    for part in tree["parts"]:
        nothing = part["reverses_nothing"]
        shown.add_row(
            escape(part["charge_type"]),
            part["start"] or "",
            part["end"] or "",
            part["quantity"],
            part["unit_price"] or "",
            f"{part['days']} of {part['cycle_days']}" if part["days"] is not None else "",
            part["exact"],
            part["amount"],
            part["reverses"] or (f"nothing ({nothing['code']})" if nothing else ""),
            escape(part["rule"] or ""),
        )
    if tree["parts"]:
        prose.print(shown)
    for reason in tree["reasons"]:
        prose.print(f"[dim]{reason['kind'].replace('_', ' ')}:[/dim] {escape(reason['text'])}")
        if reason.get("action"):
            prose.print(f"  {escape(reason['action'])}")
