"""forecast and month changes: what the next invoice will be, and why a month differs from the one before."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.markup import escape

from connector.cli.month import Period
from connector.cli.output import emit, error_view, has_error, json_option, prose, show_findings, styled, table, world
from connector.domain.period import BillingPeriod
from connector.flows import changes as changes_flow
from connector.flows import forecast as forecast_flow
from connector.flows.forecast_view import of_organisation

# more jumps than this are not told on a screen; --json and --organisation have them all
_SHOWN = 20


@click.command()
@click.argument("period", type=Period(), required=False)
@click.option("--no-pull", is_flag=True, help="Show the last forecast again; ask Microsoft nothing.")
@click.option("--organisation", default="", help="Only this customer (its code).")
@click.option("--currency", "currencies", multiple=True, help="Billing currency, before the first invoice names it.")
@json_option
def forecast(period: str | None, no_pull: bool, organisation: str, currencies: tuple[str, ...], as_json: bool) -> None:
    """What the next invoice will be: the unbilled lines of the running month, priced as the month will be.

    Not final, and never a document. PERIOD is the running month or the one before; without it the running one.
    """
    with world() as here:
        label = period or str(BillingPeriod.of(here.today()))
        found = forecast_flow.forecast(here, label, pull=not no_pull, currencies=currencies)
    view = found.view
    if organisation:
        view = of_organisation(view, organisation)
        if not view["customers"] and not view["findings"]:
            raise click.UsageError(f"The forecast of {label} has nothing of an organisation {organisation!r}.")
    if as_json:
        emit({**view, "errors": [error_view(found.trouble)] if found.trouble else []})
    else:
        _show_forecast(view, steps=bool(organisation))
    if found.trouble:
        prose.print(f"[red]{escape(str(found.trouble))}[/red] This is the forecast made {_age(view)} ago.")
        sys.exit(found.trouble.exit_status)
    sys.exit(1 if has_error(view["findings"]) else 0)


def _show_forecast(view: dict[str, Any], *, steps: bool) -> None:
    prose.print(f"[bold]Forecast of {view['period']}[/bold]  {styled(view['state'])}, made {_age(view)} ago")
    prose.print(f"[yellow]{escape(view['note'])}[/yellow]")
    if view["balance"]:
        rows = table("unbilled", "lines", "sum of lines", "= invoiced", "+ unmatched", "+ not charged", "")
        for one in view["balance"]:
            sums = (one["lines_total"], one["invoiced_cost"], one["unmatched"], one["not_charged"])
            rows.add_row(one["currency"], str(one["lines"]), *sums, styled(one["state"]))
        prose.print(rows)
    before = f"in {view['compared_with']}" if view["compared_with"] else "before"
    rows = table("customer", "currency", "will be", before, "jump", "cost", "margin")
    for one in view["customers"][:_SHOWN]:
        rows.add_row(
            f"{escape(one['organisation'])} {escape(one['organisation_name'])[:40]}",
            one["currency"],
            one["after"],
            one["before"] or "",
            one["difference"] or "",
            one["cost"] or "",
            one["margin"] or "",
        )
    for one in view["totals"]:
        rows.add_row(
            "[bold]all[/bold]",
            one["currency"],
            one["amount"],
            one["before"] or "",
            "",
            one["cost"] or "",
            one["margin"] or "",
        )
    prose.print(rows)
    if len(view["customers"]) > _SHOWN:
        prose.print(f"{len(view['customers']) - _SHOWN} more customers: --json has them all.")
    for one in view["customers"] if steps else view["customers"][:3]:
        _show_steps(one)
    show_findings(view["findings"])


@click.command("changes")
@click.argument("period", type=Period())
@click.option("--organisation", default="", help="Only this customer (its code).")
@json_option
def month_changes(period: str, organisation: str, as_json: bool) -> None:
    """What changed since the month before, per customer: steps that add up exactly to the difference."""
    with world() as here:
        view = changes_flow.changes(here, period, organisation)
    if as_json:
        emit(view)
        return
    if not view["customers"]:
        whose = f" of {escape(organisation)}" if organisation else ""
        prose.print(f"{period} has no documents{whose}: run `connector sync {period} --no-push` first.")
    elif view["compared_with"] is None:
        prose.print(f"{period} is the first month: there is nothing to compare it with.")
    else:
        prose.print(f"[bold]{period}[/bold] compared with {view['compared_with']}")
    for one in view["customers"] if view["compared_with"] else []:
        _show_steps(one)


def _show_steps(customer: dict[str, Any]) -> None:
    if customer["before"] is None:
        return
    prose.print(
        f"[bold]{escape(customer['organisation'])} {escape(customer['organisation_name'])}[/bold]: "
        f"{customer['before']} to {customer['after']} {customer['currency']}, {_signed(customer['difference'])}"
    )
    rows = table("", "")
    for step in customer["steps"]:
        rows.add_row(_signed(step["amount"]), escape(step["text"]))
    if customer["steps"]:
        prose.print(rows)


def _signed(amount: str) -> str:
    return amount if amount.startswith("-") or not amount.strip("0.") else f"+{amount}"


def _age(view: dict[str, Any]) -> str:
    minutes = view["age_minutes"]
    if minutes < 120:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    return f"{minutes // 60} hours" if minutes < 48 * 60 else f"{minutes // 1440} days"
