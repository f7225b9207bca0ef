"""The ledgers file: every setting and every refusal, with the line it is on and the words a person reads."""

from __future__ import annotations

from textwrap import dedent

import pytest

from mappings.cells import RowError
from mappings.ledger_file import LedgerConnection, Reference, read_ledgers

BOOKS = '[[ledger]]\nname = "books"\nkind = "tryton"\n'
ONLY_TABLES = "only [[ledger]] tables belong in this file"
BEGINS = "a ledger begins with a line [[ledger]]"
ONLY_TWO = "only name and kind stand here; the rest belongs under [ledger.settings]"
SECRET = 'a secret is written {env="NAME"} or {file="PATH"}, with nothing else inside'
SETTING = 'write text in quotes, or for a secret {env="NAME"} or {file="PATH"}'


def settings_of(text: str) -> object:
    rows, errors, _ = read_ledgers(f"{BOOKS}[ledger.settings]\n{text}\n".encode())
    assert not errors
    return rows[0].value.settings


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('"text"', "text"),
        ('" text "', "text"),
        ("8000", "8000"),
        ("-1", "-1"),
        ("true", "true"),
        ("false", "false"),
        ('{ env = "BOOKS_PASSWORD" }', Reference("env", "BOOKS_PASSWORD")),
        ('{ env = " BOOKS_PASSWORD " }', Reference("env", "BOOKS_PASSWORD")),
        ('{ file = "/run/secrets/key" }', Reference("file", "/run/secrets/key")),
        ('{ file = " /run/secrets/key\\n" }', Reference("file", "/run/secrets/key")),
    ],
)
def test_a_setting_is_text_a_number_a_yes_or_no_or_where_a_secret_is(written: str, read: object) -> None:
    assert settings_of(f"x = {written}") == {"x": read}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("1.5", SETTING),
        ("[1]", SETTING),
        ("2026-10-31", SETTING),
        ('{ vault = "S" }', SECRET),
        ('{ env = "" }', SECRET),
        ('{ env = " " }', SECRET),
        ("{ env = 1 }", SECRET),
        ('{ env = "A\\u0000B" }', SECRET),
        ("{ }", SECRET),
        ('{ env = "A", file = "B" }', SECRET),
    ],
)
def test_a_setting_that_is_refused(written: str, words: str) -> None:
    """The value itself is never repeated: it may be a secret in the wrong place."""
    rows, errors, found = read_ledgers(f"{BOOKS}[ledger.settings]\nx = {written}\n".encode())
    assert (rows, errors, found) == ([], [RowError(1, "settings.x", words)], 1)


@pytest.mark.parametrize(
    ("text", "errors", "found"),
    [
        ("", [(1, "", f"the file has no rows: {BEGINS}")], 0),
        ("# nothing\n", [(1, "", f"the file has no rows: {BEGINS}")], 0),
        ("[[ledger]\n", [(1, "", "this is not TOML; see docs/imports.md")], 0),
        ('[[ledger]]\nname = "a"\nkind = \n', [(3, "", "this is not TOML; see docs/imports.md")], 0),
        ('[[ledger]]\nname = "a"\n[[ledger]', [(3, "", "this is not TOML; see docs/imports.md")], 0),
        # a text that never ends: the parser tells no place
        ('[[ledger]]\nname = "a', [(1, "", "this is not TOML; see docs/imports.md")], 0),
        ('ledger = "books"\n', [(1, "ledger", BEGINS)], 0),
        ('[ledger]\nname = "a"\nkind = "b"\n', [(1, "ledger", BEGINS)], 0),
        ('ledger = ["books"]\n', [(1, "ledger", BEGINS)], 0),
        (f"x = 1\n{BOOKS}y = 2\n", [(1, "x", ONLY_TABLES), (2, "y", ONLY_TWO)], 1),
        (f"x = 1\ny = 2\n{BOOKS}", [(1, "x", ONLY_TABLES), (1, "y", ONLY_TABLES)], 1),
        (f'\n\n{BOOKS}url = "u"\nport = 1\n', [(3, "url", ONLY_TWO), (3, "port", ONLY_TWO)], 1),
        (
            '[[ledger]]\nurl = "u"\n',
            [
                (1, "url", ONLY_TWO),
                (1, "name", "name is missing; it is what organisations refer to"),
                (1, "kind", "kind is missing; it says which ledger software this is"),
            ],
            1,
        ),
        (
            f'{BOOKS}\n[["ledger"]]\nname = ""\nkind = "{"k" * 31}"\n',
            [(5, "name", "a name has 1 to 60 characters"), (5, "kind", "a kind has 1 to 30 characters")],
            2,
        ),
        (f"{BOOKS}settings = 1\n", [(1, "settings", "settings must be a table: [ledger.settings]")], 1),
        (
            f'{BOOKS}[ledger.settings]\nx = 1.5\ny = {{ vault = "s" }}\n',
            [(1, "settings.x", SETTING), (1, "settings.y", SECRET)],
            1,
        ),
        # written on one line each, so no line shows where one begins: they are counted
        (
            'ledger = [\n{ name = "a", kind = "b" },\n{ name = "c", kind = "d", url = "u" },\n]\n',
            [(2, "url", ONLY_TWO)],
            2,
        ),
    ],
)  # fmt: skip
def test_a_file_that_is_refused(text: str, errors: list[tuple[int, str, str]], found: int) -> None:
    _, mistakes, number = read_ledgers(text.encode())
    assert [(error.row, error.column, error.text) for error in mistakes] == errors
    assert number == found


@pytest.mark.parametrize(
    ("content", "row"),
    [(b"\xff\n", 1), (BOOKS.encode() + b"# \xff\n# more\n", 4), (b"\n\xff\n\n\n", 2)],
)
def test_a_file_that_is_not_utf_8(content: bytes, row: int) -> None:
    assert read_ledgers(content) == ([], [RowError(row, "", "the file is not UTF-8 text")], 0)


def test_the_good_ones_of_a_file_with_mistakes_are_told_with_their_place() -> None:
    text = dedent(
        """
        [[ledger]]
        name = " books "
        kind = " tryton "

        [[ledger]]
        name = "broken"

          [[ 'ledger' ]]
        name = "drop"
        kind = "file_drop"
        [ledger.settings]
        folder = "/srv/drop"
        """
    )
    rows, errors, found = read_ledgers(b"\xef\xbb\xbf" + text.encode())
    assert [(row.no, row.value) for row in rows] == [
        (2, LedgerConnection("books", "tryton", {}, 0)),
        (9, LedgerConnection("drop", "file_drop", {"folder": "/srv/drop"}, 2)),
    ]
    assert [(error.row, error.column) for error in errors] == [(6, "kind")]
    assert found == 3


def test_names_as_long_as_they_may_be() -> None:
    rows, errors, _ = read_ledgers(f'[[ledger]]\nname = "{"n" * 60}"\nkind = "{"k" * 30}"\n'.encode())
    assert not errors and (len(rows[0].value.name), len(rows[0].value.kind)) == (60, 30)


def test_a_connection_with_a_mistake_is_not_among_the_good() -> None:
    assert read_ledgers(f"{BOOKS}x = 1\n".encode())[0] == []
