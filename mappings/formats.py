"""The files a partner imports: which columns each has, what is checked, what a row becomes.

Source: interfaces.md section 4.

`read` never raises for bad data: it gives the good rows and every mistake by row and column. Whether an
organisation or a ledger exists is not known here (flows/configure.py checks that).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

from connector.domain.money import NotANumber, money
from mappings import price_sheet
from mappings.cells import KINDS, Cells, Header, Kind, Row, RowError
from mappings.decided import Decision, key_of
from mappings.ledger_file import read_ledgers
from mappings.links import Organisation, TenantLink
from mappings.pricelist import ListPrice, PriceRule, Rate, RuleKind, Service, Tier
from mappings.rules import discover
from mappings.tables_in import BrokenTable, SheetRow, rows_of

__all__ = ["KINDS", "Kind", "Report", "Row", "RowError", "read"]

_UNLIKELY = re.compile(r"[^0-9a-z]+")


@dataclass(frozen=True, slots=True)
class Report:
    """What a file says.

    `total`: rows in the file. `skipped`: rows of Microsoft's price sheets without a usable list price.
    `extra`: columns kept as notes, which is also where a misspelt column shows up.
    """

    kind: Kind
    rows: tuple[Row[Decision], ...] = field(default=())
    errors: tuple[RowError, ...] = field(default=())
    skipped: int = 0
    extra: tuple[str, ...] = field(default=())
    total: int = 0


@dataclass(frozen=True, slots=True)
class _Format:
    """One kind of table. `required` columns must be in the header; `key` names the key in words."""

    columns: tuple[str, ...]
    required: tuple[str, ...]
    read: Callable[[Cells], Decision | None]
    key: str


def read(kind: Kind, content: bytes) -> Report:
    """Read and check a whole file: CSV or .xlsx, for ledgers TOML."""
    if kind == "ledgers":
        ledgers, mistakes, found = read_ledgers(content)
        return Report(kind, tuple(ledgers), _in_order(mistakes, ledgers, "name"), total=found)
    formats = _formats_of(kind)
    rows: list[Row[Decision]] = []
    errors: list[RowError] = []
    format_ = formats[0]
    header: Header | None = None
    skipped = seen = 0
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
            else:
                rows.append(Row(row.no, value, Cells(row, header, errors).notes() if header.extra else {}))
    except BrokenTable as broken:
        errors.append(RowError(broken.row, "", broken.text))
    if not seen and not errors:
        errors.append(RowError(1, "", "the file has no rows"))
    elif skipped == seen and not errors:
        errors.append(RowError(1, "", "no row of this price sheet has a list price"))
    extra = tuple(header.extra) if header else ()
    return Report(kind, tuple(rows), _in_order(errors, rows, format_.key), skipped, extra, seen)


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


def _organisation(cells: Cells) -> Organisation:
    country = cells.text("country").upper()
    if country and not re.fullmatch(r"[A-Z]{2}", country):
        cells.refuse("country", "country must be two letters, for example DE, or empty")
    code = cells.text("code", needed=True, limit=100)
    if code == "*":
        cells.refuse("code", "* means every organisation and cannot be the code of one")
    return Organisation(
        code=code,
        name=cells.text("name"),
        country=country,
        currency=cells.currency("currency"),
        group=cells.text("group"),
        ledger=cells.text("ledger"),
        ledger_customer=cells.text("ledger_customer"),
        email=cells.text("email"),
        purchase_order=cells.text("purchase_order"),
    )


def _link(cells: Cells) -> TenantLink:
    tenant = cells.vendor_id("tenant_id", needed=True).casefold().removeprefix("org:").strip()
    if not tenant and cells.raw("tenant_id"):
        cells.refuse("tenant_id", "write the id of one tenant; a link cannot stand for any")
    return TenantLink(tenant, cells.text("organisation", needed=True), *cells.span())


def _price(cells: Cells) -> PriceRule | None:
    kinds = discover()
    kind = cells.choice("kind", kinds)
    if not kind:
        return None
    info = kinds[kind]
    product, sku = cells.vendor_id("product_id"), cells.vendor_id("sku_id")
    if sku and not product:
        cells.refuse("sku_id", "a sku_id needs its product_id: a sku is only unique within a product")
    currency = cells.currency("currency", needed=info.by_quantity)
    value = _rule_value(cells, kind) if info.needs_value else None
    tiers = _tiers(cells) if kind == "tiered" else ()
    if not info.needs_value and kind != "tiered" and cells.raw("value"):
        cells.refuse("value", f"the value of {kind} must be empty")
    note = cells.text("note", limit=2000)
    if not info.charges and not note:
        cells.refuse("note", f"{kind} needs a note that says why nothing is charged")
    first, last = cells.span()
    rule_kind: RuleKind = info.kind  # type: ignore[assignment]  # a name from the registry of kinds
    return PriceRule(
        id="",
        version=0,
        organisation=cells.anything("organisation"),
        product_id=product,
        sku_id=sku,
        term=cells.term(),
        billing=cells.anything("billing"),
        subscription_id=cells.vendor_id("subscription_id"),
        kind=rule_kind,
        value=value,
        tiers=tiers,
        currency=currency,
        valid_from=first,
        valid_to=last,
        offer=cells.choice("offer", ("yes", "no", "true", "false"), default="no") in ("yes", "true"),
        note=note,
        import_no=0,
        row_no=cells.row.no,
    )


# kind: (allowed, sentence). Below them an amount would change its sign or, at a margin of 100, be infinite.
_LIMITS: dict[str, tuple[Callable[[Decimal], bool], str]] = {
    "fixed": (lambda value: value >= 0, "a fixed price must be 0 or more"),
    "markup": (lambda value: value > -100, "a markup must be more than -100 percent"),
    "margin": (lambda value: value < 100, "a margin must be less than 100 percent"),
    "discount": (lambda value: value <= 100, "a discount must be 100 percent or less"),
}


def _rule_value(cells: Cells, kind: str) -> Decimal | None:
    value = cells.number("value")
    if value is None:
        return None
    allowed, sentence = _LIMITS.get(kind, (lambda value: True, ""))
    if not allowed(value):
        cells.refuse("value", sentence)
    elif kind != "fixed" and cells.from_number_cell("value") and 0 < abs(value) < 1:
        cells.refuse(
            "value",
            "a spreadsheet cell shown as 20% holds 0.2; enter 20, or below one percent use a column of text",
        )
    return value


def _tiers(cells: Cells) -> tuple[Tier, ...]:
    """`1:12.00;50:11.00`: from 1 on 12.00, from 50 on 11.00."""
    example = "write tiers as quantity:price, separated by semicolons, for example 1:12.00;50:11.00"
    parts = [part.split(":") for part in cells.raw("value").removesuffix(";").split(";")]
    if not all(len(part) == 2 for part in parts):
        cells.refuse("value", example)
        return ()
    numbers = [_parsed(text) for part in parts for text in part]
    exact = [number for number in numbers if number is not None]
    if len(exact) < len(numbers):
        cells.refuse("value", example)
        return ()
    tiers = tuple(Tier(*pair) for pair in zip(exact[::2], exact[1::2], strict=True))
    if any(later.quantity <= earlier.quantity for earlier, later in pairwise(tiers)):
        cells.refuse("value", "the quantities of the tiers must grow from left to right")
    if any(tier.quantity < 0 or tier.price < 0 for tier in tiers):
        cells.refuse("value", "quantities and prices of tiers must be 0 or more")
    return tiers


def _parsed(text: str) -> Decimal | None:
    try:
        return money(text)
    except NotANumber:
        return None


def _list_price(cells: Cells) -> ListPrice | None:
    product, sku = cells.vendor_id("product_id", needed=True), cells.vendor_id("sku_id")
    term, billing = cells.term(), cells.anything("billing")
    currency, price = cells.currency("currency", needed=True), cells.number("price")
    if price is not None and price < 0:
        cells.refuse("price", "a list price must not be negative")
    first, last = cells.span()
    return None if price is None else ListPrice(product, sku, term, billing, currency, price, first, last)


def _service(cells: Cells) -> Service | None:
    organisation, code = cells.text("organisation", needed=True), cells.text("code", needed=True, limit=100)
    name = cells.text("name", needed=True)
    kind = cells.choice("kind", ("recurring", "one_off"))
    # how often a one-off is charged is no question; for a recurring one a guess would be twelve times wrong
    billing = cells.choice("billing", ("monthly", "annual"), default="monthly" if kind == "one_off" else "")
    proration = cells.choice("proration", ("none", "days"), default="none")
    price, currency = cells.number("price"), cells.currency("currency", needed=True)
    quantity = cells.number("quantity", needed=False) if cells.raw("quantity") else Decimal(1)
    first, last = cells.span()
    if not cells.raw("valid_from"):
        cells.refuse("valid_from", "valid_from is empty; a date is needed, for example 2026-10-01")
    if price is None or quantity is None or first is None:
        return None
    return Service(
        organisation,
        code,
        name,
        "recurring" if kind == "recurring" else "one_off",
        price,
        currency,
        quantity,
        "annual" if billing == "annual" else "monthly",
        "days" if proration == "days" else "none",
        first,
        last,
    )


def _rate(cells: Cells) -> Rate | None:
    day = cells.day("date", needed=True)
    from_, to = cells.currency("from", needed=True), cells.currency("to", needed=True)
    if from_ and from_ == to:
        cells.refuse("to", "a rate leads from one currency to another; these are the same")
    rate = cells.number("rate")
    if rate is not None and rate <= 0:
        cells.refuse("rate", "a rate must be more than 0")
    return None if day is None or rate is None else Rate(day, from_, to, rate)


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
        ),
        ("code",),
        _organisation,
        "code",
    ),
    "links": _Format(
        ("tenant_id", "organisation", "valid_from", "valid_to"),
        ("tenant_id", "organisation"),
        _link,
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
        _price,
        "columns (all but value, valid_to and note)",
    ),
    "list-prices": _Format(
        ("product_id", "sku_id", "term", "billing", "currency", "price", "valid_from", "valid_to"),
        ("product_id", "currency", "price"),
        _list_price,
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
        _service,
        "organisation, code and valid_from",
    ),
    "rates": _Format(("date", "from", "to", "rate"), ("date", "from", "to", "rate"), _rate, "date, from and to"),
}


def _formats_of(kind: Kind) -> tuple[_Format, ...]:
    return (_FORMATS[kind], _PRICE_SHEET) if kind == "list-prices" else (_FORMATS[kind],)
