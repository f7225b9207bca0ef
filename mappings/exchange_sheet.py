"""Microsoft's own exchange rates as rates (partner-center/customers-and-prices.md section 4, "FX").

USDPerUnit is what one unit of the currency is in USD: a rate from that currency to USD, dated the first of the
month. The opposite direction is never computed from it.
"""

from __future__ import annotations

import re
from datetime import date

from connector.domain.money import known_currency
from mappings.cells import Cells
from mappings.pricelist import Rate

COLUMNS = ("CurrencyCode", "USDPerUnit", "Month")
REQUIRED = ("CurrencyCode", "USDPerUnit")
_MONTH = re.compile(r"(\d{4})-?(0[1-9]|1[0-2])", re.ASCII)


def read_rate(cells: Cells, *, month: str = "") -> Rate | None:
    """One row; None with an error noted, or None without one for USD itself and codes outside ISO 4217.

    `month` (YYYY-MM): which month the file is of; the column Month says no more than the year in Microsoft's example.
    """
    currency = known_currency(cells.text("CurrencyCode", needed=True))
    rate = cells.number("USDPerUnit")
    told = _MONTH.fullmatch(month or cells.raw("Month"))
    if told is None:
        cells.refuse("Month", "this does not tell the month; say it with --month YYYY-MM")
    if rate is not None and rate <= 0:
        cells.refuse("USDPerUnit", "a rate must be more than 0")
    if told is None or rate is None or not currency or currency == "USD":
        return None
    return Rate(date(int(told[1]), int(told[2]), 1), currency, "USD", rate)
