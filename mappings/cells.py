"""One row of an import file, cell by cell: each question gives a typed value and notes every mistake.

A mistake is a sentence that says what is allowed; nothing is raised, so that a person sees
all of them at once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Generic, Literal, TypeVar, get_args

from connector.domain.money import NotANumber, known_currency, money
from mappings.tables_in import SheetRow

Kind = Literal[
    "organisations", "links", "prices", "list-prices", "services", "rates", "credits", "cost-centres",
    "purchase-orders", "ledgers",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)

T_co = TypeVar("T_co", covariant=True)

ANY = ("", "*")
TERMS = ("P1M", "P1Y", "P3Y")
TEXT_LIMIT = 500
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
# A spreadsheet keeps 15 digits of a number; whatever stood behind them is gone.
_EXACT_DIGITS = 15


@dataclass(frozen=True, slots=True)
class RowError:
    """One mistake: where it is, what is allowed, and what stood there. `column` is "" for a whole row."""

    row: int
    column: str
    text: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Row(Generic[T_co]):
    """One good row: its number in the file, its value, and the cells of columns we do not know."""

    no: int
    value: T_co
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Header:
    """Where the columns are. `extra` are columns kept as notes."""

    known: Mapping[str, int]
    extra: Mapping[str, int]


@dataclass(slots=True)
class Cells:
    """The questions a format asks of a row."""

    row: SheetRow
    header: Header
    errors: list[RowError]

    def refuse(self, column: str, text: str) -> None:
        self.errors.append(RowError(self.row.no, column, text, self.raw(column)))

    def raw(self, column: str) -> str:
        position = self.header.known.get(column)
        return "" if position is None or position >= len(self.row.cells) else self.row.cells[position]

    def from_number_cell(self, column: str) -> bool:
        """Whether a spreadsheet held this cell as a number."""
        return self.header.known.get(column) in self.row.numbers

    def text(self, column: str, *, needed: bool = False, limit: int = TEXT_LIMIT) -> str:
        value = self.raw(column)
        if needed and not value:
            self.refuse(column, f"{column} is empty; it is needed in every row")
        elif len(value) > limit:
            self.refuse(column, f"{column} has more than {limit} characters")
        elif "\0" in value:
            self.refuse(column, f"{column} holds a NUL character, which no system accepts")
        elif self.from_number_cell(column) and len(value.lstrip("-0.").replace(".", "")) > _EXACT_DIGITS:
            self.refuse(column, f"the spreadsheet kept only {_EXACT_DIGITS} digits; format the column as text")
        return value

    def anything(self, column: str, *, limit: int = TEXT_LIMIT) -> str:
        """A column in which `*` and nothing mean "any"."""
        value = self.text(column, limit=limit)
        return "" if value in ANY else value

    def vendor_id(self, column: str, *, needed: bool = False) -> str:
        """One of Microsoft's ids. As a number in a spreadsheet `0001` has become 1 and would never match."""
        value = self.text(column, needed=needed, limit=100)
        if value and self.from_number_cell(column):
            self.refuse(column, "the spreadsheet took this id for a number; enter it anew in a column of text")
        return "" if value in ANY else value

    def number(self, column: str, *, needed: bool = True) -> Decimal | None:
        value = self.raw(column)
        if not value:
            if needed:
                self.refuse(column, f"{column} is empty; a number is needed, for example 1234.50")
            return None
        try:
            return money(value)
        except NotANumber:
            self.refuse(
                column,
                "this is not a number; write it with a decimal point and without thousands separators, "
                "currency or percent signs, for example 1234.50",
            )
            return None

    def day(self, column: str, *, needed: bool = False) -> date | None:
        value = self.raw(column)
        if not value:
            if needed:
                self.refuse(column, f"{column} is empty; a date is needed, for example 2026-10-31")
            return None
        try:
            found = date.fromisoformat(value) if _ISO_DAY.fullmatch(value) else None
        except ValueError:
            found = None
        if found is None or found.year < 2000:
            self.refuse(column, "this is not a date from 2000 on; write it as 2026-10-31")
            return None
        return found

    def span(self) -> tuple[date | None, date | None]:
        """valid_from and valid_to, both inclusive."""
        first, last = self.day("valid_from"), self.day("valid_to")
        if first and last and last < first:
            self.refuse("valid_to", "valid_to lies before valid_from; it is the last day that counts")
        return first, last

    def currency(self, column: str, *, needed: bool = False) -> str:
        value = self.raw(column)
        if not value:
            if needed:
                self.refuse(column, f"{column} is empty; an ISO 4217 code is needed, for example EUR")
            return ""
        found = known_currency(value)
        if found is None:
            self.refuse(column, "this is not a currency; write its ISO 4217 code, for example EUR")
            return ""
        return found

    def choice(self, column: str, allowed: Collection[str], *, default: str = "") -> str:
        """One of a few words, in any case; blanks and hyphens count as underscores."""
        value = self.raw(column).casefold().replace("-", "_").replace(" ", "_")
        if not value and default:
            return default
        if value not in allowed:
            self.refuse(column, f"{column} must be one of {', '.join(allowed)}")
            return ""
        return value

    def term(self) -> str:
        value = self.raw("term").upper()
        if value in ANY:
            return ""
        if value not in TERMS:
            self.refuse("term", "term must be P1M, P1Y or P3Y, or empty for any")
        return value

    def notes(self) -> dict[str, str]:
        """The cells of unknown columns that are not empty."""
        cells = self.row.cells
        return {
            name: cells[position].replace("\0", "")
            for name, position in self.header.extra.items()
            if position < len(cells) and cells[position]
        }
