"""`connector lines …`: lines and discounts that a person adds to one month by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import click
from rich.markup import escape

from connector.cli.month import Period
from connector.cli.output import emit, json_option, person, prose, table, world
from connector.domain.money import NotANumber, amount_text, known_currency, money, plain_text
from connector.flows.manual_lines import Effect, NewLine, add_line, list_lines, reasoned, remove_line
from mappings.manual_lines import ManualLine


class Number(click.ParamType[Decimal]):
    """An exact number with a decimal point."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            return money(value)
        except NotANumber as error:
            self.fail(f"{error}; write it as 1234.50", param, ctx)


class CurrencyCode(click.ParamType[str]):
    """A currency of ISO 4217."""

    name = "currency"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        found = known_currency(value) if value else ""
        if found is None:
            self.fail(f"{value!r} is not a currency; write its ISO 4217 code, for example EUR", param, ctx)
        return found


_by = click.option("--by", default="", help="Who decides it; without it the name you are signed in with.")
_reason = click.option("--reason", required=True, help="Why; it stands with the line and in the audit trail.")
_dry_run = click.option("--dry-run", is_flag=True, help="Say what would change; change nothing.")
_currency = click.option("--currency", type=CurrencyCode(), default="", help="Where the customer has several.")
_code = click.option("--code", default="", help="Its code, also the ledger's item; without it one is made.")


@click.group()
def lines() -> None:
    """Lines and discounts added to one month by hand, each with a reason and an author."""


@lines.command("add")
@click.argument("period", type=Period())
@click.argument("organisation")
@click.option("--text", required=True, help="What the customer reads.")
@click.option("--price", type=Number(), required=True, help="For each unit; below 0 it is a credit.")
@click.option("--quantity", type=Number(), default="1", show_default=True, help="How many at that price.")
@_currency
@_reason
@_code
@_by
@_dry_run
@json_option
def add(period: str, organisation: str, dry_run: bool, as_json: bool, by: str, **said: Any) -> None:
    """Add a line to the month's document of an organisation."""
    wanted = reasoned(NewLine(period, organisation, author=by or person(), **said))
    with world() as here:
        _show(add_line(here, wanted, dry_run=dry_run), dry_run, as_json)


@lines.command("discount")
@click.argument("period", type=Period())
@click.argument("organisation")
@click.option("--percent", type=Number(), required=True, help="20 takes a fifth off.")
@click.option("--product", "product_id", default="", help="Only off this product (or service code).")
@click.option("--text", default="", help="What the customer reads; without it “20 % discount”.")
@_currency
@_reason
@_code
@_by
@_dry_run
@json_option
def discount(period: str, organisation: str, dry_run: bool, as_json: bool, by: str, **said: Any) -> None:
    """Take a percentage off what the month's document charges, or off one product."""
    wanted = reasoned(NewLine(period, organisation, author=by or person(), **said))
    with world() as here:
        _show(add_line(here, wanted, dry_run=dry_run), dry_run, as_json)


@lines.command("remove")
@click.argument("code")
@click.option("--reason", default="", help="Why; it stands in the audit trail.")
@_by
@_dry_run
@json_option
def remove(code: str, reason: str, by: str, dry_run: bool, as_json: bool) -> None:
    """Take a line away again, as long as no document with it was sent."""
    with world() as here:
        effect = remove_line(here, code, who=by or person(), reason=reason.strip(), dry_run=dry_run)
        _show(effect, dry_run, as_json)


@lines.command("list")
@click.argument("period", type=Period(), required=False)
@json_option
def list_(period: str | None, as_json: bool) -> None:
    """The lines added by hand, of one month or of all."""
    with world() as here:
        found = list_lines(here, period or "")
    if as_json:
        emit([_view(line) for line in found])
        return
    rows = table("period", "organisation", "code", "what", "amount", "reason", "by")
    for line in found:
        rows.add_row(
            line.period,
            escape(line.organisation),
            escape(line.code),
            escape(line.text),
            _amount(line),
            escape(line.reason),
            escape(line.author),
        )
    prose.print(rows if found else "No line was added by hand.")


def _amount(line: ManualLine) -> str:
    if line.percent is not None:
        return f"-{plain_text(line.percent)} % of {escape(line.product_id) or 'everything'}"
    assert line.price is not None
    return f"{plain_text(line.quantity)} x {amount_text(line.price, line.currency)} {line.currency}"


def _view(line: ManualLine) -> dict[str, Any]:
    return {
        "period": line.period,
        "organisation": line.organisation,
        "code": line.code,
        "kind": line.kind,
        "text": line.text,
        "price": None if line.price is None else amount_text(line.price, line.currency),
        "quantity": plain_text(line.quantity),
        "percent": None if line.percent is None else plain_text(line.percent),
        "product_id": line.product_id or None,
        "currency": line.currency,
        "reason": line.reason,
        "author": line.author,
    }


def _show(effect: Effect, dry_run: bool, as_json: bool) -> None:
    """What changed in the organisation's documents of that month."""
    line, currency = effect.line, effect.line.currency
    keys = sorted(effect.before.keys() | effect.after.keys())
    if as_json:
        emit(
            {
                "line": _view(line),
                "dry_run": dry_run,
                "change": amount_text(effect.change, currency),
                "documents": [
                    {
                        "key": key,
                        "before": amount_text(effect.before[key], currency) if key in effect.before else None,
                        "after": amount_text(effect.after[key], currency) if key in effect.after else None,
                    }
                    for key in keys
                ],
                "remark": effect.remark,
            }
        )
        return
    for key in keys:
        sides = (effect.before, effect.after)
        old, new = (amount_text(side[key], currency) if key in side else "none" for side in sides)
        prose.print(f"{escape(key)}: {old} → {new} {currency}")
    prose.print(f"{escape(line.code)}: {escape(line.text)}{'; ' + escape(effect.remark) if effect.remark else ''}")
    if dry_run:
        prose.print("This was a dry run: nothing changed.")
