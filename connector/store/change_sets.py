"""Change sets: what each one brought and ended, what used it, and taking one back as a new one.

Nothing is erased: the rows that a change set brought end, and the rows it ended hold again as new versions
(docs/decisions/0010-change-sets.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Column, Connection, Row, Select, Table, and_, bindparam, func, insert, select, update

from connector.domain.money import plain_text
from connector.errors import Transient
from connector.store import tables
from connector.store.decisions import HOMES, Home, holding
from connector.store.imports import Change
from mappings.decided import content_text, key_of, key_text

_CHUNK = 2000
_VERSION = ("import_no", "until_import", "notes", "id", "rule_id", "version", "row_no", "rank_import")
_Key = tuple[str, ...]
Action = Literal["added", "changed", "removed"]


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Changes that belong together, by a file or a command. `brought` and `ended` count versions of rows.

    `undoes`: the change set that this one takes back; `undone_by`: the one that took this one back.
    """

    no: int
    kind: str
    file_name: str
    at: datetime
    who: str
    why: str
    undoes: int | None
    undone_by: int | None
    brought: int
    ended: int


@dataclass(frozen=True, slots=True)
class Moved:
    """One row that a change set touched: the version it ended, the version it brought, or both.

    `again`: versions that say the same as the brought one, because the change set that ended it was taken back.
    """

    table: Table
    key: _Key
    ended: Row[Any] | None
    brought: Row[Any] | None
    again: tuple[Row[Any], ...] = ()

    @property
    def versions(self) -> tuple[Row[Any], ...]:
        """Every version in which what the change set brought has held."""
        return () if self.brought is None else (self.brought, *self.again)

    @property
    def holds(self) -> Row[Any] | None:
        """The version in which what the change set brought holds now, or None."""
        return self.versions[-1] if self.versions and self.versions[-1].until_import is None else None

    def change(self, *, taken_back: bool = False) -> Change:
        """In words; `taken_back`: what taking it back does."""
        before, after = (self.brought, self.ended) if taken_back else (self.ended, self.brought)
        shown = after if after is not None else before
        assert shown is not None
        action: Action = "added" if before is None else "removed" if after is None else "changed"
        return Change(action, _key_text(self.table, shown), _text(self.table, before), _text(self.table, after))


def change_sets(connection: Connection) -> list[ChangeSet]:
    """All, the newest first."""
    brought, ended = _counts(connection, "import_no"), _counts(connection, "until_import")
    rows = list(connection.execute(select(tables.imports).order_by(tables.imports.c.no.desc())))
    undone_by = {row.undoes: row.no for row in rows if row.undoes is not None}
    return [
        ChangeSet(
            row.no,
            row.kind,
            row.file_name,
            row.at,
            row.who,
            row.why,
            row.undoes,
            undone_by.get(row.no),
            brought.get(row.no, 0),
            ended.get(row.no, 0),
        )
        for row in rows
    ]


def change_set(connection: Connection, number: int) -> ChangeSet | None:
    return next((found for found in change_sets(connection) if found.no == number), None)


def moved_by(connection: Connection, number: int) -> list[Moved]:
    """Every row that a change set touched, in the order of tables and of rows in them."""
    sets = tables.imports
    undone = select(sets.c.undoes, sets.c.no).where(sets.c.undoes.is_not(None))
    undone_by = {row.undoes: row.no for row in connection.execute(undone)}
    found: list[Moved] = []
    for table in versioned():
        ended = _by_key(connection, table, select(table).where(table.c.until_import == number))
        brought = _by_key(connection, table, select(table).where(table.c.import_no == number))
        restored: dict[int, dict[_Key, Row[Any]]] = {}
        for key in {**ended, **brought}:
            again: list[Row[Any]] = []
            last = brought.get(key)
            while last is not None and (undo := undone_by.get(last.until_import)) is not None:
                if undo not in restored:
                    restored[undo] = _by_key(connection, table, select(table).where(table.c.import_no == undo))
                last = restored[undo].get(key)
                again += [last] if last is not None else []
            found.append(Moved(table, key, ended.get(key), brought.get(key), tuple(again)))
    return found


def changed_later(connection: Connection, moved: Sequence[Moved]) -> dict[int, list[Moved]]:
    """Rows that a later change set touched again, by that change set."""
    found: dict[int, list[Moved]] = {}
    for table in {row.table for row in moved}:
        current = _by_key(connection, table, select(table).where(holding(table)))
        for row in moved:
            if row.table is not table:
                continue
            now = current.get(row.key)
            if row.versions and row.holds is None:
                found.setdefault(row.versions[-1].until_import, []).append(row)
            elif not row.versions and now is not None:
                found.setdefault(now.import_no, []).append(row)
    return dict(sorted(found.items()))


def used_by(connection: Connection, number: int, moved: Sequence[Moved]) -> list[str]:
    """Keys of frozen documents that were made with what a change set brought.

    A price was used where a part was priced by the version that the change set brought, or where a rule that
    charges nothing left a line out. Of all other decisions no part says exactly which one it used: there every
    document counts that was frozen after being made with this change set or a later one.
    """
    later = (tables.documents.c.state == "frozen", tables.documents.c.decided_import >= number)
    if any(row.table is not tables.price_rules for row in moved):
        return sorted(connection.scalars(select(tables.documents.c.key).where(*later)))
    brought = [version for row in moved for version in row.versions]
    versions = {(rule.rule_id, rule.version) for rule in brought}
    query = (
        select(tables.documents.c.key, tables.calculations.c.rule)
        .join(tables.document_lines, tables.document_lines.c.document_id == tables.documents.c.id)
        .join(tables.calculations, tables.calculations.c.document_line_id == tables.document_lines.c.id)
        .where(*later, tables.calculations.c.rule.is_not(None))
        .distinct()
    )
    keys = {
        row.key
        for row in connection.execute(query.execution_options(yield_per=_CHUNK))
        if row.rule and (row.rule["id"], row.rule["version"]) in versions
    }
    return sorted(keys | _left_out(connection, later, {rule.note for rule in brought if rule.kind == "none"}))


def _left_out(connection: Connection, later: tuple[Any, ...], notes: set[str]) -> set[str]:
    """Frozen documents of customers of whom a line was left out for one of these reasons."""
    if not notes:
        return set()
    placed = tables.placements
    query = (
        select(tables.documents.c.key, placed.c.note)
        .join(
            placed,
            and_(
                placed.c.period == tables.documents.c.period, placed.c.organisation == tables.documents.c.organisation
            ),
        )
        .where(*later, placed.c.outcome == "not_charged")
        .distinct()
    )
    return {row.key for row in connection.execute(query) if row.note in notes}


def take_back(connection: Connection, moved: Sequence[Moved], number: int) -> None:
    """As part of change set `number`: what was brought ends, what was ended holds again."""
    for table in {row.table for row in moved}:
        mine = [row for row in moved if row.table is table]
        _end(connection, table, [row.holds for row in mine if row.holds is not None], number)
        _restore(connection, table, [row.ended for row in mine if row.ended is not None], number)


def _end(connection: Connection, table: Table, rows: Sequence[Row[Any]], number: int) -> None:
    names = [column.name for column in table.primary_key]
    still = [table.c[name] == bindparam(f"old_{name}") for name in names]
    statement = update(table).where(*still, table.c.until_import.is_(None)).values(until_import=number)
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        connection.execute(statement, [{f"old_{name}": row._mapping[name] for name in names} for row in chunk])
    ended = select(func.count()).select_from(table).where(table.c.until_import == number)
    if connection.execute(ended).scalar_one() != len(rows):
        raise Transient("Somebody changed one of these rows at the same moment.", code="change_set_moved")


def _restore(connection: Connection, table: Table, rows: Sequence[Row[Any]], number: int) -> None:
    last: dict[str, int] = {}
    if table is tables.price_rules:
        newest = connection.execute(select(table.c.rule_id, func.max(table.c.version)).group_by(table.c.rule_id))
        last = {row[0]: row[1] for row in newest}
    again: list[dict[str, Any]] = []
    for row in rows:
        columns = {name: part for name, part in row._mapping.items() if name != "id"}
        columns |= {"import_no": number, "until_import": None}
        if table is tables.price_rules:
            # among its equals it stands where it stood, so that the same rule wins as before
            columns |= {"version": last[row.rule_id] + 1, "rank_import": row.rank_import or row.import_no}
        again.append(columns)
    for start in range(0, len(again), _CHUNK):
        connection.execute(insert(table), again[start : start + _CHUNK])


def versioned() -> Iterator[Table]:
    """All tables whose rows hold from one change set until another."""
    return (table for table in tables.metadata.sorted_tables if "until_import" in table.c)


def _counts(connection: Connection, name: str) -> dict[int, int]:
    found: dict[int, int] = {}
    for table in versioned():
        column: Column[Any] = table.c[name]
        query = select(column, func.count()).where(column.is_not(None)).group_by(column)
        for number, count in connection.execute(query):
            found[number] = found.get(number, 0) + count
    return found


def _by_key(connection: Connection, table: Table, query: Select[Any]) -> dict[_Key, Row[Any]]:
    # as in the file they came from, where that is known
    order = [table.c[name] for name in ("row_no",) if name in table.c]
    rows = connection.execute(query.order_by(*order, *table.primary_key).execution_options(yield_per=_CHUNK))
    return {_key(table, row): row for row in rows}


def _home(table: Table) -> Home[Any] | None:
    return next((home for home in HOMES.values() if home.table is table), None)


def _plain(table: Table, row: Row[Any]) -> list[str]:
    """The columns of a table that no file is imported into."""
    parts = [row._mapping[column.name] for column in table.c if column.name not in _VERSION]
    return [plain_text(part) if hasattr(part, "as_tuple") else "" if part is None else str(part) for part in parts]


def _key(table: Table, row: Row[Any]) -> _Key:
    home = _home(table)
    return key_of(home.value(row)) if home else tuple(_plain(table, row))


def _key_text(table: Table, row: Row[Any]) -> str:
    home = _home(table)
    return key_text(home.value(row)) if home else " ".join(part for part in _plain(table, row) if part)


def _text(table: Table, row: Row[Any] | None) -> str:
    home = _home(table)
    return content_text(home.value(row), dict(row.notes)) if home and row is not None else ""
