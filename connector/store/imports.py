"""Merging an imported file into what the partner has decided (interfaces.md section 8, "Import").

A row with a known key becomes its new version, other rows are added, the same file twice changes nothing, and
nothing goes unless the file is to replace all. Every version stays, with the change set that ended it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from connector.store import tables
from connector.store.database import database_now
from connector.store.decisions import HOMES, ORGANISATIONS, PRICES, Home, Stored
from mappings.cells import Kind
from mappings.decided import Decision, content_of, content_text, key_of, key_text
from mappings.formats import Report, Row
from mappings.ledger_file import LedgerConnection

T = TypeVar("T")
_CHUNK = 2000
_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One change as a person reads it."""

    action: Literal["added", "changed", "removed"]
    key: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What an import would change."""

    added: tuple[Row[Decision], ...]
    changed: tuple[tuple[Stored[Decision], Row[Decision]], ...]
    removed: tuple[Stored[Decision], ...]
    unchanged: int

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def changes(self, *, with_added: bool = True) -> Iterator[Change]:
        """Every change in words: removed, changed, added."""
        for old in self.removed:
            yield Change("removed", key_text(old.value), content_text(old.value, old.notes), "")
        for old, new in self.changed:
            before, after = content_text(old.value, old.notes), content_text(new.value, new.notes)
            yield Change("changed", key_text(new.value), before, after)
        for row in self.added if with_added else ():
            yield Change("added", key_text(row.value), "", content_text(row.value, row.notes))


def compare(connection: Connection, report: Report, *, replace_all: bool = False) -> Difference:
    """What the rows of a file would change. Without `replace_all` rows that it does not name stay."""
    home = HOMES[report.kind]
    # the list prices of price sheets are another matter: only a sheet says what they are (store/price_sheets.py)
    own = tables.list_prices.c.view == "" if report.kind == "list-prices" else None
    stored: dict[_Key, Stored[Decision]] = {key_of(row.value): row for row in home.stored(connection, only=own)}
    rows = report.rows if report.kind != "ledgers" or replace_all else _placed(report.rows, stored)
    keeps_notes = "notes" in home.table.c
    added: list[Row[Decision]] = []
    changed: list[tuple[Stored[Decision], Row[Decision]]] = []
    unchanged = 0
    for row in rows:
        row = row if keeps_notes else replace(row, notes={})
        old = stored.pop(key_of(row.value), None)
        if old is None:
            added.append(row)
        elif content_of(old.value) == content_of(row.value) and old.notes == row.notes:
            unchanged += 1
        else:
            changed.append((old, row))
    return Difference(tuple(added), tuple(changed), tuple(stored.values()) if replace_all else (), unchanged)


def apply(
    connection: Connection,
    kind: Kind,
    difference: Difference,
    *,
    file_name: str,
    sha256: str,
    who: str,
    why: str = "",
    import_no: int | None = None,
) -> int | None:
    """Write a difference; the number of the change set, or None when there was nothing to change.

    `import_no`: a change set that has begun already.
    """
    if not difference:
        return import_no
    if import_no is None:
        import_no = begin_change_set(connection, kind, file_name=file_name, sha256=sha256, who=who, why=why)
    home = HOMES[kind]
    if "until_import" in home.table.c:
        _write_versions(connection, home, difference, import_no)
    else:
        _write(connection, home, difference)
    return import_no


def begin_change_set(
    connection: Connection,
    kind: str,
    *,
    file_name: str,
    sha256: str,
    who: str,
    why: str = "",
    undoes: int | None = None,
) -> int:
    """A number for changes that belong together."""
    done = connection.execute(
        insert(tables.imports).values(
            kind=kind,
            file_name=file_name,
            sha256=sha256,
            at=database_now(connection),
            who=who,
            why=why,
            undoes=undoes,
        )
    )
    assert done.inserted_primary_key is not None
    number: int = done.inserted_primary_key[0]
    return number


def _placed(rows: Sequence[Row[Decision]], stored: Mapping[_Key, Stored[Decision]]) -> tuple[Row[Decision], ...]:
    """Known ledgers keep their place and new ones come last."""
    places = {key: old.value.position for key, old in stored.items() if isinstance(old.value, LedgerConnection)}
    placed: list[Row[Decision]] = []
    for row in rows:
        assert isinstance(row.value, LedgerConnection)
        position = places.setdefault(key_of(row.value), max(places.values(), default=-1) + 1)
        placed.append(replace(row, value=replace(row.value, position=position)))
    return tuple(placed)


def _write(connection: Connection, home: Home[Any], difference: Difference) -> None:
    """Ledger connections hold no decision about money: the newest is all there is."""
    for removed in _chunks(difference.removed):
        connection.execute(delete(home.table).where(*_same(home)), [_identity(home, old) for old in removed])
    for pairs in _chunks(difference.changed):
        values = [home.columns(new.value, new.no) for _, new in pairs]
        statement = update(home.table).where(*_same(home))
        statement = statement.values({name: bindparam(f"new_{name}") for name in values[0]})
        connection.execute(
            statement,
            [
                _identity(home, old) | {f"new_{name}": part for name, part in columns.items()}
                for (old, _), columns in zip(pairs, values, strict=True)
            ],
        )
    for added in _chunks(difference.added):
        connection.execute(insert(home.table), [home.columns(row.value, row.no) for row in added])


def _write_versions(connection: Connection, home: Home[Any], difference: Difference, import_no: int) -> None:
    """The old version ends before this change set, a new one begins with it."""
    table = home.table
    for old in _chunks([*difference.removed, *(old for old, _ in difference.changed)]):
        ended = update(table).where(*_same(home)).values(until_import=import_no)
        connection.execute(ended, [_identity(home, row) for row in old])
    added = sorted([*difference.added, *(new for _, new in difference.changed)], key=lambda row: row.no)
    if home is ORGANISATIONS:
        known = set(connection.scalars(select(tables.organisations.c.code)))
        codes = sorted({key_of(row.value)[0] for row in added} - known)
        for chunk in _chunks(codes):
            connection.execute(insert(tables.organisations), [{"code": code} for code in chunk])
    last: dict[str, int] = {}
    if home is PRICES:
        # a rule that was removed once and comes back goes on counting
        newest = connection.execute(select(table.c.rule_id, func.max(table.c.version)).group_by(table.c.rule_id))
        last = {row[0]: row[1] for row in newest}
    for rows in _chunks(added):
        values = [
            home.columns(row.value, row.no) | {"import_no": import_no, "until_import": None, "notes": row.notes}
            for row in rows
        ]
        if home is PRICES:
            for columns in values:
                columns["version"] = last.get(columns["rule_id"], 0) + 1
        connection.execute(insert(table), values)


def _same(home: Home[Any]) -> list[Any]:
    return [home.table.c[name] == bindparam(f"old_{name}") for name in home.identity]


def _identity(home: Home[Any], old: Stored[Decision]) -> dict[str, Any]:
    return {f"old_{name}": part for name, part in zip(home.identity, old.identity, strict=True)}


def _chunks(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK))
