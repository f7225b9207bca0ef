"""Files a person downloaded from the portal: reconciliation, daily usage, and the older legacy files.

Two passes: `sniff` reads the whole file once to learn its form (delimiter, sign of decimals, order of dates)
and refuses to guess where the data leaves two readings; `read_portal_file` then yields records for the same
decoder as every other interface (partner-center/invoices.md section 4).
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal

from connector.domain.lines import LinePlatform
from connector.domain.money import total
from connector.sources.fields import MissingMoneyColumn
from connector.sources.raw_lines import BadNumber, RawRecord, UnreadableFile

Kind = Literal["reconciliation", "usage"]
DecimalSign = Literal["point", "comma"]
DateOrder = Literal["mdy", "dmy"]
NUMBERS = frozenset(
    """
    unitprice effectiveunitprice quantity billablequantity subtotal taxtotal tax total totalforcustomer
    amount totalotherdiscount pctobcexchangerate billingpretaxtotal pricingpretaxtotal includedquantity
    overagequantity consumedquantity listprice pretaxcharges taxamount posttaxtotal pretaxeffectiverate
    posttaxeffectiverate consumptionprice consumptiondiscount partnerearnedcreditpercentage
    creditpercentage
    """.split()  # noqa: SIM905 - a table of names, not a list of code
)
DATES = frozenset(
    """
    orderdate chargestartdate chargeenddate subscriptionstartdate subscriptionenddate
    pctobcexchangeratedate usagedate
    """.split()  # noqa: SIM905 - a table of names, not a list of code
)
DELIMITERS = (",", ";", "\t", "|")
_LONGEST_LINE = 4 * 1024**2
# A header with fewer of these is some other file.
_FAMILIAR = NUMBERS | DATES | {"customerid", "productid", "skuid", "subscriptionid", "chargetype", "currency"}
_ENOUGH = 4
# Grouping counts only where it is well formed, and no group begins with 0: 0.045 is never forty-five.
_POINT = re.compile(
    r"[+-]?(?:[0-9]*|[1-9][0-9]{0,2}(?:[,' \u00a0\u202f][0-9]{3})+)(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?"
)
_COMMA = re.compile(
    r"[+-]?(?:[0-9]*|[1-9][0-9]{0,2}(?:[.' \u00a0\u202f][0-9]{3})+)(?:,[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?"
)
_NOT_DIGITS = re.compile(r"[' \u00a0\u202f]")
_DATE = re.compile(
    r"([0-9]{1,2})([/.-])([0-9]{1,2})\2([0-9]{4})"
    r"(?:[T ,]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?(?:\s*([AaPp])\.?[Mm]\.?)?)?"
)


class Ambiguous(UnreadableFile):
    """The file can be read in two ways that give different amounts or dates; a person has to say which."""


@dataclass(frozen=True, slots=True)
class FileForm:
    """How a file is written. `columns` are the header's names, case-folded; `remarks` are for the person."""

    delimiter: str
    decimal_sign: DecimalSign
    date_order: DateOrder
    kind: Kind
    encoding: str
    columns: tuple[str, ...]
    platform: LinePlatform = "new_commerce"
    remarks: tuple[str, ...] = field(default=())


def sniff(path: Path, *, decimal: DecimalSign | None = None, dates: DateOrder | None = None) -> FileForm:
    """Learn a file's form from all of it. `decimal` and `dates` overrule what the data would say."""
    encoding = _encoding(path)
    delimiter, columns = _header(path, encoding)
    kind, platform = _kind(columns, path)
    evidence = _Evidence(columns)
    for row_no, cells, _ in _rows(path, encoding, delimiter):
        if len(cells) == len(columns):
            evidence.see(row_no, cells)
    if not evidence.rows:
        raise UnreadableFile(f"{path.name} has a header and no lines.", code="no_lines")
    sign = decimal or evidence.decimal_sign(path)
    order = dates or evidence.date_order(path)
    return FileForm(delimiter, sign, order, kind, encoding, columns, platform, evidence.remarks(sign))


def read_portal_file(path: Path, form: FileForm) -> Iterator[RawRecord]:
    """The lines as records with canonical values: numbers as Decimal, dates in ISO form, all else as text."""
    numbers = [name in NUMBERS for name in form.columns]
    days = [name in DATES for name in form.columns]
    for row_no, cells, raw in _rows(path, form.encoding, form.delimiter):
        if len(cells) != len(form.columns):
            reason = f"{len(cells)} columns where the header has {len(form.columns)}"
            yield RawRecord(row_no, raw, None, reason)
            continue
        if "\0" in "".join(cells):
            yield RawRecord(row_no, raw, None, "a value holds the character NUL")
            continue
        fields: dict[str, object] = {}
        for place, (name, cell) in enumerate(zip(form.columns, cells, strict=True)):
            if numbers[place]:
                fields[name] = _number(cell, form.decimal_sign)
            elif days[place]:
                fields[name] = iso_date(cell, form.date_order)
            else:
                fields[name] = cell
        yield RawRecord(row_no, raw, fields)


def _number(cell: str, sign: DecimalSign) -> object:
    if not cell.strip():
        return None
    text = number_text(cell, sign)
    return BadNumber(cell[:60], f"{cell[:40]!r} is not a number with a decimal {sign}") if text is None else text


def _encoding(path: Path) -> str:
    """By byte order mark, else UTF-8 if all of it is, else what Excel writes in Western Europe."""
    with path.open("rb") as file:
        start = file.read(4)
        if not start:
            raise UnreadableFile(f"{path.name} is empty.", code="empty_file")
        if start.startswith(codecs.BOM_UTF8):
            return "utf-8-sig"
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if start[1:2] == b"\0" and start[:1] != b"\0":
            return "utf-16-le"
        decoder = codecs.getincrementaldecoder("utf-8")()
        file.seek(0)
        try:
            while piece := file.read(1024 * 1024):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def _header(path: Path, encoding: str) -> tuple[str, tuple[str, ...]]:
    """The delimiter under which the first row shows the most column names we know."""
    best: tuple[int, str, tuple[str, ...]] = (0, ",", ())
    for delimiter in DELIMITERS:
        cells = next((cells for _, cells, _ in _rows(path, encoding, delimiter, skip_header=False)), [])
        names = tuple(_folded(cell) for cell in cells)
        known = len(_FAMILIAR.intersection(names))
        if known > best[0]:
            best = (known, delimiter, names)
    known, delimiter, names = best
    if known < _ENOUGH:
        raise UnreadableFile(
            f"{path.name} does not begin with the column names of a reconciliation or usage file.",
            code="wrong_file",
            action="Choose the file downloaded under Billing, with its header row.",
        )
    for name in names:
        if names.count(name) > 1:
            raise UnreadableFile(f"{path.name} has the column {name!r} twice.", code="column_twice")
    return delimiter, names


def _folded(name: str) -> str:
    return "".join(name.casefold().replace("_", "").split())


def _kind(columns: tuple[str, ...], path: Path) -> tuple[Kind, LinePlatform]:
    if "usagedate" in columns and "billingpretaxtotal" in columns:
        return "usage", "new_commerce"
    if "pretaxcharges" in columns and "resourceguid" in columns:
        return "reconciliation", "legacy_usage"
    if "subtotal" in columns:
        return "reconciliation", "legacy_license" if "durableofferid" in columns else "new_commerce"
    raise MissingMoneyColumn(
        f"{path.name} has no column with amounts (Subtotal or BillingPreTaxTotal).",
        code="missing_money_column",
        action="Download the file again with all columns.",
    )


def _rows(
    path: Path, encoding: str, delimiter: str, *, skip_header: bool = True
) -> Iterator[tuple[int, list[str], bytes]]:
    """Row number as a person counts lines, cells, and the row's own text. Blank rows are left out."""
    row_no = 1
    try:
        with path.open(encoding=encoding, errors="replace", newline="") as file:
            taken: list[str] = []

            def lines() -> Iterator[str]:
                while line := file.readline(_LONGEST_LINE):
                    if len(line) == _LONGEST_LINE:
                        raise csv.Error("the line is too long")
                    taken.append(line)
                    yield line

            # strict: a quote that never closes would swallow the rest of the file as one value
            reader = csv.reader(lines(), delimiter=delimiter, strict=True)
            header_seen = not skip_header
            for cells in reader:
                raw = "".join(taken)
                taken.clear()
                here, row_no = row_no, reader.line_num + 1
                if not any(cell.strip() for cell in cells) or raw.lower().startswith("sep="):
                    continue
                if header_seen:
                    yield here, cells, raw.rstrip("\r\n").encode("utf-8")
                header_seen = True
    except csv.Error as error:
        raise UnreadableFile(
            f"{path.name} cannot be read as a table near line {row_no}: {error}.", code="not_csv"
        ) from error


class _Evidence:
    """What the cells of a whole file say about the sign of decimals and the order of dates."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.rows = 0
        self._columns = columns
        self._numbers = [place for place, name in enumerate(columns) if name in NUMBERS]
        self._dates = [place for place, name in enumerate(columns) if name in DATES]
        self._sums = _places(columns, ("subtotal",), ("taxtotal", "tax"), ("total", "totalforcustomer"))
        self._signs = _Votes()
        self._orders = _Votes()
        self._adds_up = {"point": 0, "comma": 0}
        self._differs: dict[str, list[int]] = {"point": [], "comma": []}

    def see(self, row_no: int, cells: list[str]) -> None:
        self.rows += 1
        for place in self._numbers:
            point, comma = _readings_of_number(cells[place])
            self._signs.see(point, comma, row_no, self._columns[place], cells[place])
        for place in self._dates:
            month_first, day_first = _readings_of_date(cells[place])
            self._orders.see(month_first, day_first, row_no, self._columns[place], cells[place])
        if self._sums:
            self._check_sum(row_no, [cells[place] for place in self._sums])

    def decimal_sign(self, path: Path) -> DecimalSign:
        """By cells with one reading; sums only break a tie (Microsoft's own sample does not add up)."""
        votes = self._signs
        if votes.contradict:
            raise UnreadableFile(
                f"{path.name} writes decimals in two ways: {votes.first} and {votes.second}.",
                code="mixed_decimals",
                action="Correct the file, or say which is right with --decimal point|comma.",
            )
        if votes.first:
            return "point"
        if votes.second:
            return "comma"
        point, comma = self._adds_up["point"], self._adds_up["comma"]
        if point != comma:
            return "point" if point > comma else "comma"
        if votes.open:
            raise Ambiguous(
                f"In {path.name}, {votes.open} can be read with a decimal point or a decimal comma.",
                code="ambiguous_decimals",
                action="Say which with --decimal point or --decimal comma.",
            )
        return "point"

    def date_order(self, path: Path) -> DateOrder:
        votes = self._orders
        if votes.contradict:
            raise UnreadableFile(
                f"{path.name} writes dates in two ways: {votes.first} and {votes.second}.",
                code="mixed_dates",
                action="Correct the file, or say which is right with --dates mdy|dmy.",
            )
        if votes.second:
            return "dmy"
        if votes.open and not votes.first:
            raise Ambiguous(
                f"In {path.name}, {votes.open} can be month first or day first.",
                code="ambiguous_dates",
                action="Say which with --dates mdy or --dates dmy.",
            )
        return "mdy"

    def remarks(self, sign: DecimalSign) -> tuple[str, ...]:
        """Lines that do not add up are told, never corrected."""
        wrong = self._differs[sign]
        if not wrong:
            return ()
        return (f"Subtotal and TaxTotal do not make Total on {len(wrong)} lines, first on line {wrong[0]}.",)

    def _check_sum(self, row_no: int, cells: list[str]) -> None:
        readings = [_readings_of_number(cell) for cell in cells]
        for index, sign in enumerate(self._adds_up):
            values = [reading[index] for reading in readings]
            if any(value is None for value in values):
                continue
            subtotal, tax, whole = (Decimal(value) for value in values if value is not None)
            if total([subtotal, tax]) == whole:
                self._adds_up[sign] += 1
            else:
                self._differs[sign].append(row_no)


class _Votes:
    """Cells that allow only one of two readings, and the first that allows both with different values."""

    def __init__(self) -> None:
        self.first = self.second = self.open = ""

    @property
    def contradict(self) -> bool:
        return bool(self.first and self.second)

    def see(self, first: str | None, second: str | None, row_no: int, column: str, cell: str) -> None:
        if first == second:
            return
        where = f"{cell[:40]!r} (line {row_no}, column {column})"
        if first is not None and second is not None:
            self.open = self.open or where
        elif first is not None:
            self.first = self.first or where
        else:
            self.second = self.second or where


def _places(columns: tuple[str, ...], *wanted: tuple[str, ...]) -> list[int]:
    """Where the first of each group of names stands; nothing unless every group is there."""
    found = [columns.index(name) for names in wanted for name in names if name in columns]
    return found if len(found) == len(wanted) else []


def number_text(cell: str, sign: DecimalSign) -> str | None:
    """A cell as a number with a decimal point and nothing else, or None if it is none under this sign.

    >>> number_text("1.234,56", "comma"), number_text("1,234.56", "point"), number_text("1,50", "point")
    ('1234.56', '1234.56', None)
    """
    text = cell.strip().replace("\u2212", "-")
    if not any(mark.isdigit() for mark in text):
        return None
    if sign == "point":
        return _NOT_DIGITS.sub("", text).replace(",", "") if _POINT.fullmatch(text) else None
    if not _COMMA.fullmatch(text):
        return None
    return _NOT_DIGITS.sub("", text).replace(".", "").replace(",", ".")


def iso_date(cell: str, order: DateOrder) -> str:
    """A date cell in ISO form; anything else comes back as it is, and the decoder says what is wrong with it.

    >>> iso_date("9/30/2020", "mdy"), iso_date("30.09.2020 23:59", "dmy"), iso_date("2020-09-30", "mdy")
    ('2020-09-30T00:00:00', '2020-09-30T23:59:00', '2020-09-30')
    """
    text = cell.strip()
    match = _DATE.fullmatch(text)
    if not match:
        return text
    first, _, second, year, hour, minute, seconds, half = match.groups()
    month, day = (first, second) if order == "mdy" else (second, first)
    hours = int(hour or 0)
    if half:
        hours = hours % 12 + (12 if half in "Pp" else 0)
    return f"{year}-{int(month):02d}-{int(day):02d}T{hours:02d}:{minute or '00'}:{seconds or '00'}"


def _readings_of_number(cell: str) -> tuple[str | None, str | None]:
    """A cell's value with a decimal point and with a decimal comma."""
    return number_text(cell, "point"), number_text(cell, "comma")


def _readings_of_date(cell: str) -> tuple[str | None, str | None]:
    """A cell's date month first and day first; an ISO date is the same under both."""
    match = _DATE.fullmatch(cell.strip())
    if not match:
        return None, None
    month_first = iso_date(cell, "mdy") if int(match[1]) <= 12 else None
    day_first = iso_date(cell, "dmy") if int(match[3]) <= 12 else None
    return month_first, day_first
