"""Tables as people send them: CSV of any usual delimiter and .xlsx, turned into rows of text.

Nothing here knows what a column means. Bad text never becomes a guess: a table that cannot be read whole
raises BrokenTable with the row where it broke (fault 64). Formula characters are ordinary text (fault 63).
"""

from __future__ import annotations

import csv
import datetime
import io
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

DELIMITERS = (",", ";", "\t", "|")
MAX_ROWS = 1_000_000
MAX_BYTES = 512 * 1024 * 1024
_MAX_UNPACKED = 1024 * 1024 * 1024
_XLSX = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
# Text that a spreadsheet would run: it stands in a CSV behind one apostrophe more than it has of its own.
MARKED = re.compile(r"'*[=+\-@]")
# A cell far to the right makes calamine reserve the whole rectangle up to it; 52 columns (A to AZ) do.
_FAR_CELL = re.compile(rb"\sr=[\"'](?:[B-Z][A-Z]|[A-Z]{3})[0-9]")


class BrokenTable(ValueError):
    """The file is not a table we can read; `text` says why and what is allowed."""

    def __init__(self, row: int, text: str) -> None:
        super().__init__(text)
        self.row = row
        self.text = text


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row of trimmed text, `no` as a person sees it (the file's first row is 1).

    `numbers` are the positions of cells that a spreadsheet held as numbers: an id there has lost its zeros.
    """

    no: int
    cells: list[str]
    numbers: frozenset[int] = field(default=frozenset())


def rows_of(content: bytes, fitting: Callable[[list[str]], int]) -> Iterator[SheetRow]:
    """All rows that are not blank. `fitting` counts the column names that it knows in a header row.

    The delimiter is the one that finds most of them: csv.Sniffer fails on a single column and is misled by
    the semicolons inside `1:12.00;50:11.00` (dependencies.md, "CSV in").
    """
    if len(content) > MAX_BYTES:
        raise BrokenTable(1, f"the file is larger than {MAX_BYTES // 1024 // 1024} MB; split it")
    if content.startswith(_OLD_EXCEL):
        raise BrokenTable(1, "an old or a protected Excel file; save it as .xlsx without a password")
    rows = _xlsx_rows(content) if content.startswith(_XLSX) else _csv_rows(content, fitting)
    count = 0
    for row in rows:
        if any(row.cells):
            count += 1
            if count > MAX_ROWS + 1:
                raise BrokenTable(row.no, f"the file has more than {MAX_ROWS:,} rows; split it")
            yield row


def _csv_rows(content: bytes, fitting: Callable[[list[str]], int]) -> Iterator[SheetRow]:
    text = _decoded(content)
    delimiter, skipped = _delimiter(text, fitting)
    whole = text.endswith(("\n", "\r"))
    # read from the bytes: a StringIO takes four bytes for every character, and files have hundreds of megabytes
    del text
    stream = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
    if skipped:
        stream.readline()
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
    width = number = 0
    before: SheetRow | None = None
    try:
        for number, cells in enumerate(reader, start=1 + skipped):
            if before is not None:
                yield before
            # interned: a million rows say P1Y, Monthly and EUR, and one copy of each is enough
            before = SheetRow(number, [sys.intern(_unmarked(cell.strip())) for cell in cells])
            width = width or len(cells)
    except csv.Error:
        raise BrokenTable(
            number + 1,
            'a quote is not closed, or text stands beside a quoted cell; a quote inside a cell is written ""',
        ) from None
    if before is not None:
        if not whole and any(before.cells) and len(before.cells) < width:
            raise BrokenTable(before.no, "the file seems cut off: its last row is short and has no line end")
        yield before


def _unmarked(cell: str) -> str:
    """A cell without the apostrophe that keeps a spreadsheet from taking it for a formula (write_table.py).

    >>> _unmarked("'=1+1"), _unmarked("''=1+1"), _unmarked("'tis")
    ('=1+1', "'=1+1", "'tis")
    """
    return cell[1:] if cell.startswith("'") and MARKED.match(cell) else cell


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BrokenTable(1, "the file is UTF-16 text; save it as CSV UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise BrokenTable(row, "the file is not UTF-8 text; save it as CSV UTF-8") from None


def _delimiter(text: str, fitting: Callable[[list[str]], int]) -> tuple[str, int]:
    """The delimiter, and how many rows stand before the header (Excel's own `sep=;` line)."""
    told = re.match(r"sep=([,;\t|])\r?\n", text[:10], re.IGNORECASE)
    if told:
        return told[1], 1
    # the header is the first row that is not blank; a bound keeps a file of one endless line cheap
    head = text[:65536].lstrip("\r\n")

    def known(delimiter: str) -> int:
        try:
            return fitting(next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), []))
        except csv.Error:
            return 0

    return max(DELIMITERS, key=known), 0


def _xlsx_rows(content: bytes) -> Iterator[SheetRow]:
    _check_package(content)
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as book:
            names = [
                sheet.name
                for sheet in book.sheets_metadata
                if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible
            ]
            if not names:
                raise BrokenTable(1, "the file has no visible sheet")
            for number, cells in enumerate(book.get_sheet_by_name(names[0]).iter_rows(), start=1):
                numbers = frozenset(i for i, cell in enumerate(cells) if type(cell) in (float, int))
                yield SheetRow(number, [_cell_text(cell) for cell in cells], numbers)
    except CalamineError:
        raise BrokenTable(1, "the file is damaged or not an .xlsx file; save it again") from None


def _check_package(content: bytes) -> None:
    """Refuse a zip that is no workbook, unpacks to an absurd size or spreads over absurdly many columns."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            members = package.infolist()
            if "xl/workbook.xml" not in package.namelist():
                raise BrokenTable(1, "the file is a zip archive, not an .xlsx file; unpack it first")
            if sum(member.file_size for member in members) > _MAX_UNPACKED:
                raise BrokenTable(1, "the file unpacks to more than 1 GB; split it or save it as CSV UTF-8")
            for member in members:
                if member.filename.startswith("xl/worksheets/") and _has_far_cell(package, member):
                    raise BrokenTable(1, "a sheet has cells to the right of column AZ; delete those columns")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
        # RuntimeError: encrypted, NotImplementedError: unknown compression
        raise BrokenTable(1, "the file is damaged or not an .xlsx file; save it again") from None


def _has_far_cell(package: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    tail = b""
    with package.open(member) as stream:
        while chunk := stream.read(1 << 20):
            if _FAR_CELL.search(tail + chunk):
                return True
            tail = chunk[-32:]
    return False


def _cell_text(cell: object) -> str:
    """A cell as the text a careful person would have typed into the CSV.

    A number is its shortest decimal text: the spreadsheet holds a binary fraction, and repr gives back what
    was typed for up to 15 digits.

    >>> _cell_text(12.1), _cell_text(1e22), _cell_text(3.0), _cell_text(True)
    ('12.1', '10000000000000000000000', '3', 'yes')
    """
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float | int):
        text = format(Decimal(repr(cell)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(cell, datetime.datetime):
        midnight = cell.time() == datetime.time(0)
        return cell.date().isoformat() if midnight else cell.isoformat(sep=" ")
    if isinstance(cell, datetime.date):
        return cell.isoformat()
    return str(cell).strip()
