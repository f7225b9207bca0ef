"""`connector changes …`: the change sets of the partner's decisions, and taking one back."""

from __future__ import annotations

from typing import Any

import click
from rich.markup import escape

from connector.cli.output import emit, json_option, person, prose, table, world
from connector.flows import change_sets

_SHOWN = 20


@click.group()
def changes() -> None:
    """Everything that was decided, by whom and why: one change set per file or command, and taking one back."""


@changes.command("list")
@json_option
def list_(as_json: bool) -> None:
    """All change sets, the newest first."""
    with world() as here:
        found = change_sets.listed(here.engine)
    if as_json:
        emit(found)
        return
    rows = table("no", "kind", "at", "who", "brought", "ended", "file", "why", "")
    for one in found:
        rows.add_row(
            str(one["no"]), one["kind"], one["at"][:16], escape(one["who"]), str(one["brought"]), str(one["ended"]),
            escape(one["file"]), escape(one["why"]), _undoing(one),
        )  # fmt: skip
    prose.print(rows)


@changes.command()
@click.argument("number", type=int)
@click.option("--all", "every", is_flag=True, help="Show every change, not only the first ones.")
@json_option
def show(number: int, every: bool, as_json: bool) -> None:
    """One change set: each row before and after, and whether it can be taken back."""
    with world() as here:
        found = change_sets.shown(here.engine, number)
    if as_json:
        emit(found)
        return
    why = f" because: {found['why']}" if found["why"] else ""
    prose.print(
        f"Change set {number}: {found['kind']} {escape(found['file'])}, {found['at'][:16]}, by {escape(found['who'])}"
        f"{escape(why)} {_undoing(found)}"
    )
    _show_changes(found["changes"], every)
    prose.print(escape(found["cannot_be_undone"]) or f"To take it back: `connector changes undo {number} --why TEXT`.")


@changes.command()
@click.argument("number", type=int)
@click.option("--why", required=True, help="The reason, kept with the new change set and in the audit trail.")
@click.option("--dry-run", is_flag=True, help="Show what would hold again; change nothing.")
@click.option("--all", "every", is_flag=True, help="Show every change, not only the first ones.")
@json_option
def undo(number: int, why: str, dry_run: bool, every: bool, as_json: bool) -> None:
    """Take a change set back as a new one, all of it or nothing; refused once an issued document used it."""
    with world() as here:
        done = change_sets.undo(here.engine, number, why=why, who=person(), dry_run=dry_run)
    if as_json:
        emit(done.to_json())
        return
    view = done.to_json()
    _show_changes(view["changes"], every)
    if dry_run:
        prose.print(f"Change set {number} would be taken back: {len(view['changes'])} rows.")
    else:
        prose.print(f"Change set {number} was taken back by change set {done.number}: {len(view['changes'])} rows.")


def change_line(change: dict[str, Any]) -> str:
    """One change on a line: what happened, to which row, before and after."""
    arrow = " -> " if change["before"] and change["after"] else ""
    what = f"{change['before']}{arrow}{change['after']}"
    return f"{change['action']} {change['key']}" + (f": {what}" if what else "")


def _show_changes(found: list[dict[str, Any]], every: bool) -> None:
    for change in found if every else found[:_SHOWN]:
        prose.print(escape(change_line(change)))
    if not every and len(found) > _SHOWN:
        prose.print(f"… and {len(found) - _SHOWN} more; --all shows them.")


def _undoing(one: dict[str, Any]) -> str:
    if one["undone_by"]:
        return f"taken back by {one['undone_by']}"
    return f"takes back {one['undoes']}" if one["undoes"] else ""
