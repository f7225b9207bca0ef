"""What an import of one of Microsoft's price sheets needs beside its rows: which sheet it is, and that it is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from sqlalchemy import Connection

from connector.store import price_sheets
from connector.store.database import database_now
from connector.store.imports import begin_change_set
from connector.store.price_sheets import ImportedSheet
from mappings.cells import RowError
from mappings.formats import Report


def sheet_of(
    connection: Connection, report: Report, given: ImportedSheet | None, month: str, sha256: str
) -> ImportedSheet | None:
    """Which of Microsoft's price sheets a file is; None for any other file.

    A file does not tell its month; without `month` it is taken for the running month's.
    """
    if report.sheet is None:
        return None
    if given is not None:
        return dataclasses.replace(given, sha256=sha256)
    market = report.sheet.markets[0] if report.sheet.markets else ""
    month = month or database_now(connection).strftime("%Y-%m")
    return ImportedSheet(report.sheet.view, market, month, sha256)


def refusals(connection: Connection, report: Report, sheet: ImportedSheet, replace: bool) -> Iterator[RowError]:
    """Why a whole sheet cannot be taken: it is another one than was asked for, or of another market than before."""
    assert report.sheet is not None
    if report.sheet.markets and sheet.market not in report.sheet.markets:
        text = f"the market {sheet.market} was asked for, the rows are of {report.sheet.markets[0]}"
        yield RowError(1, "Market", text, report.sheet.markets[0])
    if (sheet.view == "azure_consumption") != (report.sheet.view == "azure_consumption"):
        text = f"the view {sheet.view} was asked for, the columns are those of {report.sheet.view}"
        yield RowError(1, "MeterType", text)
    if replace:
        return
    known = price_sheets.known_sheets(connection)
    other = price_sheets.other_market(known, sheet, price_sheets.currencies_of(report.rows))
    if other is not None:
        text = (
            f"the sheets of {sheet.view} in {other.currency} are of the market {other.market} so far; import that "
            "market's, or change over to this one by importing the file with --replace, which forgets the others"
        )
        yield RowError(1, "Market", text, sheet.market)


def remember(
    connection: Connection, report: Report, sheet: ImportedSheet, name: str, who: str, why: str, replace: bool
) -> int | None:
    """The change set under which a sheet became known; None where it was known already."""

    def begin() -> int:
        reason = why or " ".join(f"price sheet {sheet.view} {sheet.market} of {sheet.month}".split())
        return begin_change_set(connection, report.kind, file_name=name, sha256=sheet.sha256, who=who, why=reason)

    return price_sheets.remember(connection, report.rows, sheet, begin, replace_all=replace)
