"""The ledgers file (TOML): which ledgers there are and how to reach them. It holds no secret, only
where one is.

    [[ledger]]
    name = "books"
    kind = "tryton"
    [ledger.settings]
    url = "https://books.example.com"
    password = { env = "BOOKS_PASSWORD" }

Whether a kind exists and which settings it has is not known here (flows/configure.py checks that).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from mappings.cells import Row, RowError

_ENTRY = re.compile(r"\s*\[\[\s*[\"']?ledger[\"']?\s*\]\]")
_LINE = re.compile(r"at line ([0-9]+)")


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a secret is: in an environment variable or in a file."""

    source: Literal["env", "file"]
    name: str


@dataclass(frozen=True, slots=True)
class LedgerConnection:
    """One ledger: settings as imported, secrets as references. `position` is its place among the others."""

    name: str
    kind: str
    settings: Mapping[str, str | Reference]
    position: int


class _Setting(fields.Field[str | Reference]):
    """Text, a whole number, true or false, or a reference to a secret. A mistake never repeats the value."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str | Reference:
        if isinstance(value, str):
            return value.strip()
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return str(value)
        if isinstance(value, dict):
            return _reference(value)
        raise ValidationError('write text in quotes, or for a secret {env="NAME"} or {file="PATH"}')


class _Ledger(Schema):
    """One [[ledger]] table."""

    class Meta:
        unknown = EXCLUDE

    name = fields.String(
        required=True,
        validate=validate.Length(1, 60, error="a name has 1 to 60 characters"),
        error_messages={"required": "name is missing; it is what organisations refer to"},
    )
    kind = fields.String(
        required=True,
        validate=validate.Length(1, 30, error="a kind has 1 to 30 characters"),
        error_messages={"required": "kind is missing; it says which ledger software this is"},
    )
    settings = fields.Dict(
        keys=fields.String(),
        values=_Setting(allow_none=False),
        load_default=dict,
        error_messages={"invalid": "settings must be a table: [ledger.settings]"},
    )


def _reference(value: dict[str, Any]) -> Reference:
    if len(value) == 1:
        ((source, name),) = value.items()
        if isinstance(name, str) and name.strip() and "\0" not in name:
            if source == "env":
                return Reference("env", name.strip())
            if source == "file":
                return Reference("file", name.strip())
    raise ValidationError('a secret is written {env="NAME"} or {file="PATH"}, with nothing else inside')


def read_ledgers(content: bytes) -> tuple[list[Row[LedgerConnection]], list[RowError], int]:
    """The good ledgers, every mistake, and how many there are; a row is the line of its `[[ledger]]`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        return [], [RowError(row, "", "the file is not UTF-8 text")], 0
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = _LINE.search(str(error))
        # only the place: the parser's own words could repeat a piece of the file
        number = int(line[1]) if line else 1
        return [], [RowError(number, "", "this is not TOML; see docs/imports.md")], 0
    entries = document.get("ledger", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return [], [RowError(1, "ledger", "a ledger begins with a line [[ledger]]")], 0
    errors = [RowError(1, name, "only [[ledger]] tables belong in this file") for name in document if name != "ledger"]
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if _ENTRY.match(line)]
    rows: list[Row[LedgerConnection]] = []
    for position, entry in enumerate(entries):
        number = lines[position] if len(lines) == len(entries) else position + 1
        mistakes = [
            RowError(number, str(name), "only name and kind stand here; the rest belongs under [ledger.settings]")
            for name in entry
            if name not in ("name", "kind", "settings")
        ]
        try:
            loaded = _Ledger().load(entry)
        except ValidationError as error:
            assert isinstance(error.messages, dict)
            mistakes += [RowError(number, column, sentence) for column, sentence in _flat(error.messages)]
        else:
            name, ledger_kind = loaded["name"].strip(), loaded["kind"].strip()
            connection = LedgerConnection(name, ledger_kind, loaded["settings"], position)
            if not mistakes:
                rows.append(Row(number, connection))
        errors += mistakes
    if not entries and not errors:
        errors.append(RowError(1, "", "the file has no rows: a ledger begins with a line [[ledger]]"))
    return rows, errors, len(entries)


def _flat(messages: Mapping[Any, Any], under: str = "") -> list[tuple[str, str]]:
    """marshmallow's nested messages as (column, sentence); `value` is its own word for "of this key"."""
    found: list[tuple[str, str]] = []
    for name, inside in messages.items():
        place = under if name in ("value", "key") else f"{under}.{name}" if under else str(name)
        if isinstance(inside, dict):
            found += _flat(inside, place)
        else:
            found += [(place, str(sentence)) for sentence in inside]
    return found
