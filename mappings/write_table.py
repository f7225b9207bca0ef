"""What the partner decided as a file of the form that the import takes: CSV or .xlsx, every cell as text.

Reading a written file gives the same rows again, digit for digit: that is checked before the file is handed out.
Text that begins like a formula is harmless in a spreadsheet: in .xlsx it is a cell of text, in CSV it stands behind
an apostrophe, which the import takes off again (product.md, promise 27).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

import xlsxwriter

from mappings.cells import Kind
from mappings.decided import Decision, tiers_text
from mappings.formats import columns_of
from mappings.pricelist import PriceRule
from mappings.tables_in import MARKED, MAX_ROWS, BrokenTable, rows_of

Form = Literal["csv", "xlsx"]
# Columns whose name is a word of Python's, or says less in a value than in a file.
_ATTRIBUTE = {"date": "day", "from": "from_"}
_PLAIN_NUMBER = re.compile(r"-[0-9]+(?:\.[0-9]+)?", re.ASCII)
_XLSX_CELL = 32_767
# Columns after AZ are refused when the file is read.
_XLSX_COLUMNS = 52


@dataclass(frozen=True, slots=True)
class Kept:
    """One row to write: its value, and the cells of columns we do not know."""

    value: Decision
    notes: dict[str, str] = field(default_factory=dict)


class CannotWrite(ValueError):
    """The rows do not fit the form; the message says why and what to do."""


def table_of(kind: Kind, rows: Iterable[Kept]) -> list[list[str]]:
    """The header and one line of cells per row; columns kept as notes come last, in alphabetical order."""
    rows = list(rows)
    columns = columns_of(kind)
    extra = sorted({name for row in rows for name in row.notes})
    lines = [[_cell(row.value, name) for name in columns] + [row.notes.get(name, "") for name in extra] for row in rows]
    return [[*columns, *extra], *lines]


def write_table(kind: Kind, rows: Iterable[Kept], form: Form) -> bytes:
    """The file's content. Raises CannotWrite where reading it would not give back every cell."""
    table = table_of(kind, rows)
    if len(table) > MAX_ROWS + 1:
        raise CannotWrite(f"there are more than {MAX_ROWS:,} rows, which no import takes; export one organisation")
    content = _csv(table) if form == "csv" else _xlsx(table)
    known = set(columns_of(kind))
    try:
        again = [row.cells for row in rows_of(content, lambda cells: len(known & set(cells)))]
    except BrokenTable as broken:
        raise CannotWrite(f"the file could not be read again (row {broken.row}: {broken.text})") from None
    if [_trimmed(cells) for cells in again] != [_trimmed(cells) for cells in table]:
        raise CannotWrite("a cell holds characters that this form of file cannot carry; write the other one")
    return content


def _cell(value: Decision, column: str) -> str:
    if column == "value" and isinstance(value, PriceRule) and value.tiers:
        return tiers_text(value.tiers)
    text = _text(getattr(value, _ATTRIBUTE.get(column, column)))
    return text or "*" if column == "organisation" else text


def _text(part: Any) -> str:
    match part:
        case None:
            return ""
        case bool():
            return "yes" if part else ""
        case Decimal():
            return format(part, "f")
        case date():
            return part.isoformat()
        case str():
            return part
    raise TypeError(f"a {type(part).__name__} has no place in a table")


def _csv(table: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([[_harmless(cell) for cell in cells] for cells in table])
    return out.getvalue().encode()


def _harmless(cell: str) -> str:
    """
    >>> _harmless("=1+1"), _harmless("'=1+1"), _harmless("-10"), _harmless("-10+cmd"), _harmless("0001")
    ("'=1+1", "''=1+1", '-10', "'-10+cmd", '0001')
    """
    return f"'{cell}" if MARKED.match(cell) and not _PLAIN_NUMBER.fullmatch(cell) else cell


def _xlsx(table: Sequence[Sequence[str]]) -> bytes:
    if len(table[0]) > _XLSX_COLUMNS:
        raise CannotWrite(f"there are more than {_XLSX_COLUMNS} columns; write a .csv file")
    if any(len(cell) > _XLSX_CELL for cells in table for cell in cells):
        raise CannotWrite(f"a cell of an .xlsx file holds at most {_XLSX_CELL:,} characters; write a .csv file")
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    # the same rows give the same bytes
    book.set_properties({"created": datetime(2000, 1, 1)})
    # so that an id typed into the file later stays text too
    as_text = book.add_format({"num_format": "@"})
    bold = book.add_format({"bold": True, "num_format": "@"})
    sheet = book.add_worksheet()
    sheet.set_column(0, len(table[0]) - 1, 16, as_text)
    sheet.freeze_panes(1, 0)
    for number, cells in enumerate(table):
        for position, cell in enumerate(cells):
            if cell:
                sheet.write_string(number, position, cell, bold if number == 0 else as_text)
    book.close()
    return out.getvalue()


def _trimmed(cells: Sequence[str]) -> list[str]:
    """Without the empty cells at the end: a spreadsheet keeps none."""
    last = max((position for position, cell in enumerate(cells, start=1) if cell), default=0)
    return list(cells[:last])
