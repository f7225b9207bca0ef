"""Microsoft's price sheets in the database: which months are known, and what another sheet would change.

mappings/sheet_months.py says which sheet speaks for which days; here stored rows are compared with a sheet's and
the sheet itself is remembered, with the change set that brought it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from connector.store import tables
from connector.store.decisions import Stored, holding
from connector.store.imports import Difference
from mappings.cells import Row
from mappings.decided import Decision
from mappings.pricelist import ListPrice
from mappings.sheet_months import Span, Window, rewritten, window_of

_Scope = str
_T = tables.list_prices
_ROW = (
    _T.c.id,
    _T.c.product_id,
    _T.c.sku_id,
    _T.c.term,
    _T.c.billing,
    _T.c.currency,
    _T.c.price,
    _T.c.valid_from,
    _T.c.valid_to,
    _T.c.month,
)


@dataclass(frozen=True, slots=True)
class ImportedSheet:
    """A sheet as it is imported: what of, and the fingerprint of its text. `file`: the raw file, if it is kept."""

    view: str
    market: str
    month: str
    sha256: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class KnownSheet:
    """A sheet that is known, in one currency. `rows` is the number of its list prices."""

    month: str
    market: str
    view: str
    currency: str
    rows: int
    sha256: str
    file: str
    import_no: int
    at: datetime


def known_sheets(connection: Connection, as_of: int | None = None) -> list[KnownSheet]:
    """Every sheet that is known now, or was at change set `as_of`; newest month first."""
    sheets, imports = tables.price_sheets, tables.imports
    query = (
        select(sheets, imports.c.at)
        .join(imports, imports.c.no == sheets.c.import_no)
        .where(holding(sheets, as_of))
        .order_by(sheets.c.month.desc(), sheets.c.view, sheets.c.currency)
    )
    return [
        KnownSheet(row.month, row.market, row.view, row.currency, row.rows, row.sha256, row.file, row.import_no, row.at)
        for row in connection.execute(query)
    ]


def known_months(connection: Connection, as_of: int | None = None) -> dict[tuple[str, str], frozenset[str]]:
    """The months that are known, by (view, currency)."""
    found: dict[tuple[str, str], set[str]] = {}
    for sheet in known_sheets(connection, as_of):
        found.setdefault((sheet.view, sheet.currency), set()).add(sheet.month)
    return {key: frozenset(months) for key, months in found.items()}


def other_market(known: Iterable[KnownSheet], sheet: ImportedSheet, currencies: Iterable[str]) -> KnownSheet | None:
    """A known sheet of the same view and currency for another market: this one would overwrite it."""
    mine = set(currencies)
    for one in known:
        same = one.view == sheet.view and one.currency in mine
        if same and one.market and sheet.market and one.market != sheet.market:
            return one
    return None


def compare_sheet(
    connection: Connection,
    rows: Iterable[Row[Decision]],
    sheet: ImportedSheet,
    *,
    replace_all: bool = False,
) -> Difference:
    """What a sheet would change among the list prices of its view. `replace_all`: it speaks for all days."""
    by_currency = _stated(rows)
    known = known_months(connection)
    found = _Found(sheet)
    for currency in sorted(by_currency):
        months = () if replace_all else known.get((sheet.view, currency), frozenset())
        window = window_of(sheet.month, months)
        held = _held(connection, sheet.view, currency)
        stated = by_currency.pop(currency)
        for scope, news in stated.items():
            found.compare(held.pop(scope, ()), news, window)
        for olds in held.values():
            found.compare(olds, (), window)
    return Difference(tuple(found.added), tuple(found.changed), tuple(found.removed), found.unchanged)


@dataclass(slots=True)
class _Found:
    """What a sheet changes, collected product by product."""

    sheet: ImportedSheet
    added: list[Row[Decision]] = field(default_factory=list)
    changed: list[tuple[Stored[Decision], Row[Decision]]] = field(default_factory=list)
    removed: list[Stored[Decision]] = field(default_factory=list)
    unchanged: int = 0

    def compare(self, held: Sequence[_Held], news: Sequence[Row[Any]], window: Window) -> None:
        """Rows of one product, plan and currency."""
        if len(held) == len(news) == 1 and _says(held[0]) == _said(news[0].value):
            # most of a sheet; such a price goes on whatever the window
            self.unchanged += 1
            return
        if not held and len(news) == 1:
            first, last, price = _said(news[0].value)
            if window.first <= first and last <= window.last:
                span = Span(first, last, price, self.sheet.month)
                self.added.append(Row(news[0].no, self._price(news[0].value, span), news[0].notes))
                return
        after = rewritten(
            [Span(*_says(old), old.month) for old in held],
            [Span(*_said(row.value), self.sheet.month) for row in news],
            window,
        )
        left = {_says(old): old for old in held}
        wanted = [span for span in after if left.pop(span.said, None) is None]
        self.unchanged += max(0, len(news) - len(wanted))
        over = {_first(old.valid_from): old for old in left.values()}
        for span in wanted:
            old = over.pop(span.first, None)
            row: Row[Decision] = Row(_row_no(span, news), self._price(held[0] if held else news[0].value, span), {})
            if old is None:
                self.added.append(row)
            else:
                self.changed.append((self._stored(old), row))
        self.removed += [self._stored(old) for old in over.values()]

    def _price(self, like: _Held | ListPrice, span: Span) -> ListPrice:
        return ListPrice(
            like.product_id,
            like.sku_id,
            like.term,
            like.billing,
            like.currency,
            span.price,
            None if span.first == date.min else span.first,
            None if span.last == date.max else span.last,
            self.sheet.view,
            span.month,
        )

    def _stored(self, old: _Held) -> Stored[Decision]:
        return Stored((old.id,), self._price(old, Span(*_says(old), old.month)))


def remember(
    connection: Connection,
    rows: Iterable[Row[Decision]],
    sheet: ImportedSheet,
    begin: Callable[[], int],
    *,
    replace_all: bool = False,
) -> int | None:
    """Write that a sheet is known, under the change set that `begin` gives; None where nothing is new about it."""
    counts = _counts(rows)
    table = tables.price_sheets
    mine = select(table).where(holding(table), table.c.view == sheet.view, table.c.currency.in_(counts))
    held = {(row.currency, row.month): row for row in connection.execute(mine)}
    ended: list[int] = []
    new: list[dict[str, Any]] = []
    for currency, count in sorted(counts.items()):
        old = held.pop((currency, sheet.month), None)
        if old is not None and (old.sha256, old.rows, old.market) == (sheet.sha256, count, sheet.market):
            continue
        if old is not None:
            ended.append(old.id)
        new.append(
            {
                "month": sheet.month,
                "market": sheet.market,
                "view": sheet.view,
                "currency": currency,
                "rows": count,
                "sha256": sheet.sha256,
                "file": sheet.file,
            }
        )
    if replace_all:
        ended += [row.id for row in held.values()]
    if not new and not ended:
        return None
    number = begin()
    if ended:
        over = update(table).where(table.c.id == bindparam("old_id")).values(until_import=number)
        connection.execute(over, [{"old_id": one} for one in ended])
    if new:
        connection.execute(insert(table), [one | {"import_no": number, "notes": {}} for one in new])
    return number


def currencies_of(rows: Iterable[Row[Decision]]) -> set[str]:
    return set(_counts(rows))


def _counts(rows: Iterable[Row[Decision]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        assert isinstance(row.value, ListPrice)
        counts[row.value.currency] = counts.get(row.value.currency, 0) + 1
    return counts


def _stated(rows: Iterable[Row[Decision]]) -> dict[str, dict[_Scope, list[Row[Any]]]]:
    stated: dict[str, dict[_Scope, list[Row[Any]]]] = {}
    for row in rows:
        price = row.value
        assert isinstance(price, ListPrice)
        stated.setdefault(price.currency, {}).setdefault(_scope(price), []).append(row)
    return stated


class _Held(NamedTuple):
    """A stored list price of a sheet."""

    id: int
    product_id: str
    sku_id: str
    term: str
    billing: str
    currency: str
    price: Decimal
    valid_from: date | None
    valid_to: date | None
    month: str


def _held(connection: Connection, view: str, currency: str) -> dict[_Scope, list[_Held]]:
    query = select(*_ROW).where(holding(_T), _T.c.view == view, _T.c.currency == currency).order_by(_T.c.id)
    held: dict[_Scope, list[_Held]] = {}
    for row in connection.execute(query.execution_options(yield_per=2000)):
        one = _Held(*tuple(row))
        held.setdefault(_scope(one), []).append(one)
    return held


def _scope(price: _Held | ListPrice) -> _Scope:
    """What a price is of; one text takes less room than four."""
    return f"{price.product_id}\n{price.sku_id}\n{price.term}\n{price.billing}".casefold()


def _says(held: _Held) -> tuple[date, date, Decimal]:
    return (_first(held.valid_from), held.valid_to or date.max, held.price)


def _said(price: ListPrice) -> tuple[date, date, Decimal]:
    return (_first(price.valid_from), price.valid_to or date.max, price.price)


def _first(day: date | None) -> date:
    return day or date.min


def _row_no(span: Span, news: Sequence[Row[Any]]) -> int:
    """The row of the file that said so; 0 for what is left of an older sheet's span."""
    return next((row.no for row in news if row.value.price == span.price), 0)
