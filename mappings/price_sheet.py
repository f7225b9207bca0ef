"""Microsoft's own price sheet files as list prices (partner-center/customers-and-prices.md section 4).

The list price is `ERP Price`, the estimated retail price. `UnitPrice` is the partner's cost and never taken
for it, with one exception: the azure_consumption view has no ERP Price, and its UnitPrice is the
estimated retail price.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from mappings.cells import TERMS, Cells, Row, RowError
from mappings.decided import Decision, key_of
from mappings.pricelist import ListPrice

VIEWS = ("updatedlicensebased", "azure_consumption", "azure_reservations", "software", "marketplace")

COLUMNS = (
    "ProductId",
    "SkuId",
    "TermDuration",
    "BillingPlan",
    "Market",
    "Segment",
    "Currency",
    "UnitPrice",
    "ERP Price",
    "EffectiveStartDate",
    "EffectiveEndDate",
    "PricingTierRangeMin",
    "PricingTierRangeMax",
    "MeterType",
)
REQUIRED = (
    "ProductId",
    "SkuId",
    "TermDuration",
    "Currency",
    "UnitPrice",
    "EffectiveStartDate",
    "EffectiveEndDate",
)
NO_LIST_PRICE = (
    "this price sheet has no column ERP Price; its UnitPrice is your cost, not a list price; "
    "download the view updatedlicensebased"
)
_MOMENT = re.compile(
    r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})"
    r"(?: (?P<hour>1[0-2]|0?[1-9]):(?P<minute>[0-5]\d):(?P<second>[0-5]\d) (?P<half>[AP])M)?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a price sheet is of: its view, as the columns tell it, and the markets that its rows name."""

    view: str
    markets: tuple[str, ...]


def sheet_of(known: Collection[str], markets: Collection[str]) -> Sheet:
    """The view of a sheet by its columns (customers-and-prices.md section 4)."""
    if "MeterType" in known:
        view = "azure_consumption"
    else:
        view = "updatedlicensebased" if "BillingPlan" in known else "software"
    return Sheet(view, tuple(sorted(market for market in markets if market)))


def settled(rows: Sequence[Row[Decision]]) -> list[Row[Decision]]:
    """The rows without those that say the same again, or were replaced within a day.

    A day has one list price: of spans that begin on one day the one that ends last is used, as Microsoft replaces a
    price by ending it and beginning the next at the same moment.
    """
    kept: dict[tuple[str, ...], Row[Decision]] = {}
    twice: list[Row[Decision]] = []
    for row in rows:
        key = key_of(row.value)
        other = kept.setdefault(key, row)
        if other is row:
            continue
        ours, theirs = _end(row), _end(other)
        if ours > theirs:
            kept[key] = row
        elif ours == theirs and _price(row) != _price(other):
            # two prices for one thing: a person must look
            twice.append(row)
    return [*kept.values(), *twice]


def _end(row: Row[Decision]) -> date:
    assert isinstance(row.value, ListPrice)
    return row.value.valid_to or date.max


def _price(row: Row[Decision]) -> object:
    assert isinstance(row.value, ListPrice)
    return row.value.price


def one_market(sheet: Sheet) -> list[RowError]:
    """A sheet is for one market: two with one currency would overwrite each other."""
    if len(sheet.markets) < 2:
        return []
    text = f"the sheet holds several markets ({', '.join(sheet.markets[:5])}); import the market you sell in"
    return [RowError(1, "Market", text)]


def list_price_column(known: Collection[str]) -> str | None:
    """The column with the list price, or None where the sheet has none."""
    if "ERP Price" in known:
        return "ERP Price"
    return "UnitPrice" if "MeterType" in known else None


def read_list_price(cells: Cells) -> ListPrice | None:
    """One row; None with an error noted, or None without one for a row that holds no usable list price.

    Left out are rows without a list price, terms that no rule can name, segments other than commercial (a line does
    not tell its customer's), the higher tiers of a tiered price, a list price here being the price of the first
    unit, and metered prices in tiers altogether: their first tier is often free and never the price of all units.
    """
    column = list_price_column(cells.header.known) or "UnitPrice"
    term = cells.raw("TermDuration").upper()
    if term.startswith("PAYG"):
        term = ""
    if not cells.raw(column) or (term and term not in TERMS) or _other_segment(cells) or _tier(cells):
        return None
    product, sku = cells.vendor_id("ProductId", needed=True), cells.vendor_id("SkuId")
    billing = cells.text("BillingPlan")
    currency, price = cells.currency("Currency", needed=True), cells.number(column)
    if price is not None and price < 0:
        cells.refuse(column, "a list price must not be negative")
    first, last = _day(cells, "EffectiveStartDate"), _last_day(cells)
    if price is None or (first and last and last < first):
        # a span that ended the moment it began: Microsoft corrected itself
        return None
    billing = "" if billing.casefold() == "none" else billing
    return ListPrice(product, sku, term, billing, currency, price, first, last)


def _other_segment(cells: Cells) -> bool:
    return cells.raw("Segment").casefold() not in ("", "commercial")


def _tier(cells: Cells) -> bool:
    """A price that is not the one of the first unit, or of metered units only up to a number."""
    if cells.raw("PricingTierRangeMax") and "MeterType" in cells.header.known:
        return True
    if not cells.raw("PricingTierRangeMin"):
        return False
    lowest = cells.number("PricingTierRangeMin")
    return lowest is not None and lowest > 1


def _day(cells: Cells, column: str) -> date | None:
    moment = _moment(cells, column)
    return moment.date() if moment else None


def _last_day(cells: Cells) -> date | None:
    """The last day that the price touches; the year 9999 is Microsoft's "no end"."""
    moment = _moment(cells, "EffectiveEndDate")
    if moment is None or moment.year == 9999:
        return None
    ends_at_midnight = moment.time() == time(0) and " " in cells.raw("EffectiveEndDate")
    return (moment - timedelta(seconds=1)).date() if ends_at_midnight else moment.date()


def _moment(cells: Cells, column: str) -> datetime | None:
    """`2/4/2021 8:35:31 PM`, or what a spreadsheet makes of it when the file is saved as .xlsx."""
    text = cells.raw(column)
    if not text:
        return None
    try:
        return parse_moment(text)
    except ValueError:
        cells.refuse(column, "this is not a date like 2/4/2021 8:35:31 PM")
        return None


@lru_cache(maxsize=4096)
def parse_moment(text: str) -> datetime:
    """
    >>> parse_moment("2/1/2019 12:00:00 AM"), parse_moment("2/4/2021 8:35:31 PM")
    (datetime.datetime(2019, 2, 1, 0, 0), datetime.datetime(2021, 2, 4, 20, 35, 31))
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    hour = int(match["hour"] or 12) % 12 + (12 if (match["half"] or "A").upper() == "P" else 0)
    clock = (hour, int(match["minute"] or 0), int(match["second"] or 0))
    return datetime(int(match["year"]), int(match["month"]), int(match["day"]), *clock)
