"""The files a partner imports: which columns each has, what is checked, what a row becomes.

Source: interfaces.md section 4.

`read` never raises for bad data: it gives the good rows and every mistake by row and column. Whether an
organisation or a ledger exists is not known here (flows/configure.py checks that).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from mappings import exchange_sheet, other_rows, price_sheet
from mappings.cells import KINDS, Cells, Header, Kind, Row, RowError
from mappings.decided import Decision, key_of
from mappings.ledger_file import read_ledgers
from mappings.price_rows import read_price
from mappings.tables_in import BrokenTable, SheetRow, rows_of

__all__ = ["KINDS", "Kind", "Report", "Row", "RowError", "columns_of", "read"]

_UNLIKELY = re.compile(r"[^0-9a-z]+")


@dataclass(frozen=True, slots=True)
class Report:
    """What a file says.

    `total`: rows in the file. `skipped`: rows of Microsoft's price sheets without a usable list price.
    `extra`: columns kept as notes, which is also where a misspelt column shows up. `sheet`: which of Microsoft's
    price sheets it is; None for every other file.
    """

    kind: Kind
    rows: tuple[Row[Decision], ...] = field(default=())
    errors: tuple[RowError, ...] = field(default=())
    skipped: int = 0
    extra: tuple[str, ...] = field(default=())
    total: int = 0
    sheet: price_sheet.Sheet | None = None


@dataclass(frozen=True, slots=True)
class _Format:
    """One kind of table. `required` columns must be in the header; `key` names the key in words."""

    columns: tuple[str, ...]
    required: tuple[str, ...]
    read: Callable[[Cells], Decision | None]
    key: str


def read(kind: Kind, content: bytes, *, month: str = "") -> Report:
    """Read and check a whole file: CSV or .xlsx, for ledgers TOML.

    `month` (YYYY-MM) dates the rows of Microsoft's exchange rates, which tell only their year.
    """
    if kind == "ledgers":
        ledgers, mistakes, found = read_ledgers(content)
        return Report(kind, tuple(ledgers), _in_order(mistakes, ledgers, "name"), total=found)
    formats = _formats_of(kind, month)
    rows: list[Row[Decision]] = []
    errors: list[RowError] = []
    format_ = formats[0]
    header: Header | None = None
    skipped = seen = 0
    markets: set[str] = set()
    try:
        for row in rows_of(content, lambda cells: max(_known(cells, each) for each in formats)):
            if header is None:
                format_ = max(formats, key=lambda each: (_known(row.cells, each), each is formats[0]))
                header, errors = _header(row, format_)
                if errors:
                    return Report(kind, errors=tuple(errors))
                continue
            seen += 1
            before = len(errors)
            value = _value(row, header, format_, errors)
            if len(errors) > before:
                continue
            if value is None:
                skipped += 1
            elif format_ is _PRICE_SHEET:
                # what Microsoft writes beside a price is not kept with each of some hundred thousand rows
                rows.append(Row(row.no, value, _NO_NOTES))
                markets.add(Cells(row, header, errors).raw("Market").upper())
            else:
                rows.append(Row(row.no, value, Cells(row, header, errors).notes() if header.extra else {}))
    except BrokenTable as broken:
        errors.append(RowError(broken.row, "", broken.text))
    if not seen and not errors:
        errors.append(RowError(1, "", "the file has no rows"))
    elif skipped == seen and not errors:
        what = "price sheet has a list price" if kind == "list-prices" else "file can be used"
        errors.append(RowError(1, "", f"no row of this {what}"))
    extra = tuple(header.extra) if header else ()
    if header is None or format_ is not _PRICE_SHEET:
        return Report(kind, tuple(rows), _in_order(errors, rows, format_.key), skipped, extra, seen)
    sheet = price_sheet.sheet_of(header.known, markets)
    found, rows = len(rows), price_sheet.settled(rows)
    errors += price_sheet.one_market(sheet)
    skipped += found - len(rows)
    return Report(kind, tuple(rows), _in_order(errors, rows, format_.key), skipped, (), seen, sheet)


def _value(row: SheetRow, header: Header, format_: _Format, errors: list[RowError]) -> Decision | None:
    width = len(header.known) + len(header.extra)
    if len(row.cells) > width and any(row.cells[width:]):
        text = "the row has more cells than the header; a cell with a delimiter inside needs quotes"
        errors.append(RowError(row.no, "", text))
        return None
    return format_.read(Cells(row, header, errors))


def _in_order(errors: list[RowError], rows: Sequence[Row[Decision]], key: str) -> tuple[RowError, ...]:
    """All mistakes by row; with them each row that repeats the key of an earlier one."""
    first: dict[tuple[str, ...], int] = {}
    for row in rows:
        earlier = first.setdefault(key_of(row.value), row.no)
        if earlier != row.no:
            errors.append(RowError(row.no, "", f"the same {key} as row {earlier}; keep one of them"))
    return tuple(sorted(errors, key=lambda error: error.row))


def _folded(name: str) -> str:
    """A column name without case, blanks and punctuation: `Tenant ID` is tenant_id."""
    return _UNLIKELY.sub("", name.casefold())


def _known(cells: list[str], format_: _Format) -> int:
    names = {_folded(column) for column in format_.columns}
    return sum(_folded(cell) in names for cell in cells)


def _header(row: SheetRow, format_: _Format) -> tuple[Header, list[RowError]]:
    by_name = {_folded(column): column for column in format_.columns}
    known: dict[str, int] = {}
    extra: dict[str, int] = {}
    errors: list[RowError] = []
    for position, cell in enumerate(row.cells):
        column = by_name.get(_folded(cell))
        name = column or cell or f"column {position + 1}"
        if name in known or name in extra:
            errors.append(RowError(row.no, name, "two columns have this name; use it once", cell))
        (known if column else extra)[name] = position
    missing = [column for column in format_.required if column not in known]
    errors += [
        RowError(row.no, column, f"the column {column} is missing; the columns are {', '.join(format_.columns)}")
        for column in missing
    ]
    if not errors and format_ is _PRICE_SHEET and price_sheet.list_price_column(known) is None:
        errors.append(RowError(row.no, "ERP Price", price_sheet.NO_LIST_PRICE))
    return Header(known, extra), errors


_NO_NOTES: dict[str, str] = {}
_PRICE_SHEET = _Format(
    price_sheet.COLUMNS,
    price_sheet.REQUIRED,
    price_sheet.read_list_price,
    "product, sku, term, billing plan, currency and first day",
)
_FORMATS: dict[Kind, _Format] = {
    "organisations": _Format(
        (
            "code",
            "name",
            "country",
            "currency",
            "group",
            "ledger",
            "ledger_customer",
            "email",
            "purchase_order",
            "grouping",
            "global_offers",
        ),
        ("code",),
        other_rows.read_organisation,
        "code",
    ),
    "links": _Format(
        ("tenant_id", "organisation", "valid_from", "valid_to"),
        ("tenant_id", "organisation"),
        other_rows.read_link,
        "tenant, organisation and valid_from",
    ),
    "prices": _Format(
        (
            "organisation",
            "product_id",
            "sku_id",
            "term",
            "billing",
            "subscription_id",
            "kind",
            "value",
            "currency",
            "valid_from",
            "valid_to",
            "offer",
            "note",
        ),
        ("organisation", "kind"),
        read_price,
        "columns (all but value, valid_to and note)",
    ),
    "list-prices": _Format(
        ("product_id", "sku_id", "term", "billing", "currency", "price", "valid_from", "valid_to"),
        ("product_id", "currency", "price"),
        other_rows.read_list_price,
        "columns (all but price and valid_to)",
    ),
    "services": _Format(
        (
            "organisation",
            "code",
            "name",
            "kind",
            "price",
            "currency",
            "quantity",
            "billing",
            "proration",
            "valid_from",
            "valid_to",
        ),
        ("organisation", "code", "name", "kind", "price", "currency", "valid_from"),
        other_rows.read_service,
        "organisation, code and valid_from",
    ),
    "rates": _Format(
        ("date", "from", "to", "rate"), ("date", "from", "to", "rate"), other_rows.read_rate, "date, from and to"
    ),
    "credits": _Format(
        ("organisation", "credit", "policy", "valid_from", "valid_to", "note"),
        ("organisation", "credit", "policy"),
        other_rows.read_credit,
        "organisation, credit and valid_from",
    ),
    "cost-centres": _Format(
        (
            "organisation",
            "subscription_id",
            "resource_group",
            "tag",
            "cost_centre",
            "share",
            "valid_from",
            "valid_to",
        ),
        ("organisation", "cost_centre"),
        other_rows.read_cost_centre,
        "columns (all but share and valid_to)",
    ),
    "purchase-orders": _Format(
        ("organisation", "subscription_id", "product_id", "purchase_order", "valid_from", "valid_to"),
        ("organisation", "purchase_order"),
        other_rows.read_purchase_order,
        "organisation, subscription, product and valid_from",
    ),
}


def columns_of(kind: Kind) -> tuple[str, ...]:
    """The columns of a kind of file, in our order; a ledgers file has none."""
    return _FORMATS[kind].columns if kind in _FORMATS else ()


def _formats_of(kind: Kind, month: str) -> tuple[_Format, ...]:
    if kind == "list-prices":
        return (_FORMATS[kind], _PRICE_SHEET)
    if kind == "rates":
        exchange = partial(exchange_sheet.read_rate, month=month)
        microsofts = _Format(exchange_sheet.COLUMNS, exchange_sheet.REQUIRED, exchange, "currency and month")
        return (_FORMATS[kind], microsofts)
    return (_FORMATS[kind],)
