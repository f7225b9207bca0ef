"""Taking a change set back: refused where a later change builds on it or an issued document used it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine

from connector.errors import Misconfigured
from connector.flows.configure import overlaps
from connector.store import audit, decisions
from connector.store import change_sets as stored
from connector.store.change_sets import ChangeSet, Moved
from connector.store.database import reading, writing
from connector.store.imports import Change, begin_change_set
from connector.store.tables import tenant_links
from mappings.formats import Report, Row

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Undone:
    """What taking a change set back did, or would do. `number`: the new change set; None after a dry run."""

    change_set: ChangeSet
    changes: tuple[Change, ...]
    number: int | None

    def to_json(self) -> dict[str, Any]:
        return {
            "undoes": self.change_set.no,
            "change_set": self.number,
            "dry_run": self.number is None,
            "kind": self.change_set.kind,
            "changes": [change_view(change) for change in self.changes],
        }


def change_view(change: Change) -> dict[str, str]:
    return {"action": change.action, "key": change.key, "before": change.before, "after": change.after}


def set_view(found: ChangeSet) -> dict[str, Any]:
    """A change set as JSON. `brought` and `ended` count versions of rows."""
    return {
        "no": found.no,
        "kind": found.kind,
        "file": found.file_name,
        "at": found.at.isoformat(),
        "who": found.who,
        "why": found.why,
        "undoes": found.undoes,
        "undone_by": found.undone_by,
        "brought": found.brought,
        "ended": found.ended,
    }


def listed(engine: Engine) -> list[dict[str, Any]]:
    """All change sets, the newest first."""
    with reading(engine) as connection:
        return [set_view(found) for found in stored.change_sets(connection)]


def shown(engine: Engine, number: int) -> dict[str, Any]:
    """One change set with everything it changed, and why it cannot be taken back, "" if it can."""
    with reading(engine) as connection:
        found = _known(connection, number)
        moved = stored.moved_by(connection, number)
        try:
            _may_be_undone(connection, found, moved)
        except Misconfigured as obstacle:
            kept = f"{obstacle.sentence} {obstacle.action}"
        else:
            kept = ""
    changes = [change_view(row.change()) for row in moved]
    return {**set_view(found), "cannot_be_undone": kept, "changes": changes}


def undo(engine: Engine, number: int, *, why: str, who: str = "cli", dry_run: bool = False) -> Undone:
    """Take a change set back as a new one, all of it or nothing.

    Raises Misconfigured with what to do instead: there is no such change set, a later one changed its rows again, an
    issued document was made with it, or something still needs what would go.
    """
    if not why.strip():
        raise Misconfigured("Taking a change back needs a reason.", code="why_missing", action="Give it with --why.")
    with writing(engine) as connection:
        found = _known(connection, number)
        moved = stored.moved_by(connection, number)
        _may_be_undone(connection, found, moved)
        nobody = _orphans(connection)
        new = begin_change_set(connection, found.kind, file_name="", sha256="", who=who, why=why.strip(), undoes=number)
        stored.take_back(connection, moved, new)
        _still_whole(connection, found, moved, nobody)
        changes = tuple(row.change(taken_back=True) for row in moved)
        audit.append(
            connection, who, "undo", f"{found.kind} change set {number}",
            _json([(change.key, change.before) for change in changes]),
            _json({"change_set": new, "undoes": number, "rows": [(change.key, change.after) for change in changes]}),
            why.strip(),
        )  # fmt: skip
        if dry_run:
            connection.rollback()
    return Undone(found, changes, None if dry_run else new)


def _known(connection: Connection, number: int) -> ChangeSet:
    found = stored.change_set(connection, number)
    if found is None:
        raise Misconfigured(
            f"There is no change set {number}.", code="change_set", action="See `connector changes list`."
        )
    return found


def _may_be_undone(connection: Connection, found: ChangeSet, moved: Sequence[Moved]) -> None:
    if found.undone_by is not None:
        raise Misconfigured(
            f"Change set {found.no} was already taken back by change set {found.undone_by}.",
            code="change_set_undone",
            action=f"To have it again, take that one back: `connector changes undo {found.undone_by} --why TEXT`.",
        )
    if not moved:
        raise Misconfigured(
            f"Change set {found.no} ({found.kind}) keeps no versions that could hold again.",
            code="change_set_empty",
            action=f"Import the former file: `connector import {found.kind} FILE --why TEXT`.",
        )
    later = stored.changed_later(connection, moved)
    if later:
        numbers = ", ".join(map(str, later))
        row = next(iter(later.values()))[0].change()
        raise Misconfigured(
            f"Change set {found.no} cannot be taken back: change set {numbers} changed rows of it again, first "
            f"{row.key}.",
            code="change_set_changed_later",
            action=f"Take back change set {max(later)} first, or import a file with the rows as they should be.",
        )
    used = stored.used_by(connection, found.no, moved)
    if used:
        named = ", ".join(used[:_NAMED]) + (f" and {len(used) - _NAMED} more" if len(used) > _NAMED else "")
        raise Misconfigured(
            f"Change set {found.no} was used: {len(used)} issued documents were made with it ({named}).",
            code="change_set_used",
            action="Import the rows as they should have been, with their dates; then `connector rerate PERIOD` shows "
            "the differences and drafts the corrections.",
        )


def _orphans(connection: Connection) -> dict[str, str]:
    """Codes that rows name although no organisation has them, with the kind of row."""
    known = decisions.organisations(connection)
    return {code: user for code, user in decisions.codes_in_use(connection).items() if code and code not in known}


def _still_whole(connection: Connection, found: ChangeSet, moved: Sequence[Moved], before: dict[str, str]) -> None:
    """What an import checks against the database must hold after an undo as well."""
    orphans = {code: user for code, user in _orphans(connection).items() if code not in before}
    if orphans:
        code, user = min(orphans.items())
        raise Misconfigured(
            f"Change set {found.no} cannot be taken back: there would be {user} of {code}, and no such organisation.",
            code="change_set_needed",
            action=f"Remove or move the {user} of {code} first; documents stay, so their organisation stays too.",
        )
    links = [decisions.LINKS.value(row.ended) for row in moved if row.table is tenant_links and row.ended is not None]
    rows = tuple(Row(number, link) for number, link in enumerate(links, start=1))
    clash = next(overlaps(Report("links", rows), decisions.tenant_links(connection)), None)
    if clash:
        raise Misconfigured(
            f"Change set {found.no} cannot be taken back: tenant {clash.value} would belong to two organisations at "
            "once.",
            code="change_set_overlap",
            action="Import a links file with the links as they should be.",
        )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
