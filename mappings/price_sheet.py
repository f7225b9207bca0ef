"""Microsoft's own price sheet files as list prices (partner-center/customers-and-prices.md section 4).

The list price is `ERP Price`, the estimated retail price. `UnitPrice` is the partner's cost and never taken
for it, with one exception: the azure_consumption view has no ERP Price, and its UnitPrice is the
estimated retail price.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, datetime, time, timedelta

from mappings.cells import TERMS, Cells
from mappings.pricelist import ListPrice

COLUMNS = (
    "ProductId",
    "SkuId",
    "TermDuration",
    "BillingPlan",
    "Currency",
    "UnitPrice",
    "ERP Price",
    "EffectiveStartDate",
    "EffectiveEndDate",
    "PricingTierRangeMin",
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


def list_price_column(known: Collection[str]) -> str | None:
    """The column with the list price, or None where the sheet has none."""
    if "ERP Price" in known:
        return "ERP Price"
    return "UnitPrice" if "MeterType" in known else None


def read_list_price(cells: Cells) -> ListPrice | None:
    """One row; None with an error noted, or None without one for a row that holds no usable list price.

    Left out are rows without a list price, terms that no rule can name, and the higher tiers of a tiered
    price: a list price here is the price of the first unit.
    """
    column = list_price_column(cells.header.known) or "UnitPrice"
    term = cells.raw("TermDuration").upper()
    if term.startswith("PAYG"):
        term = ""
    if not cells.raw(column) or (term and term not in TERMS) or _higher_tier(cells):
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


def _higher_tier(cells: Cells) -> bool:
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
