"""Microsoft's own exchange rates as rates to USD (partner-center/customers-and-prices.md section 4, "FX")."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from mappings.formats import read
from mappings.pricelist import Rate

HEADER = "CurrencyCode,USDPerUnit,Month"
NO_MONTH = "this does not tell the month; say it with --month YYYY-MM"


def rates(*rows: str, month: str = "") -> list[object]:
    report = read("rates", "\n".join([HEADER, *rows, ""]).encode(), month=month)
    assert report.errors == ()
    return [row.value for row in report.rows]


def mistakes(*rows: str, month: str = "") -> list[tuple[int, str, str]]:
    report = read("rates", "\n".join([HEADER, *rows, ""]).encode(), month=month)
    return [(error.row, error.column, error.text) for error in report.errors]


@pytest.mark.parametrize(
    ("row", "month", "day"),
    [
        ("eur,1.0834,202610", "", date(2026, 10, 1)),
        ("EUR,1.0834,2026-10", "", date(2026, 10, 1)),
        ("EUR,1.0834,202612", "", date(2026, 12, 1)),
        # what was said comes before what stands there: Microsoft's example says no more than the year
        ("EUR,1.0834,2026", "2026-10", date(2026, 10, 1)),
        ("EUR,1.0834,202601", "2026-10", date(2026, 10, 1)),
    ],
)
def test_what_one_unit_is_in_dollars_from_the_first_of_the_month_on(row: str, month: str, day: date) -> None:
    assert rates(row, month=month) == [Rate(day, "EUR", "USD", Decimal("1.0834"))]


def test_dollars_and_codes_outside_iso_4217_are_left_out() -> None:
    assert rates("USD,1,202610", "XXX,2,202610", "CHF,1.1,202610") == [
        Rate(date(2026, 10, 1), "CHF", "USD", Decimal("1.1"))
    ]


@pytest.mark.parametrize(
    ("row", "column", "text"),
    [
        ("EUR,1.08,2026", "Month", NO_MONTH),
        ("EUR,1.08,202613", "Month", NO_MONTH),
        ("EUR,1.08,", "Month", NO_MONTH),
        ("EUR,0,202610", "USDPerUnit", "a rate must be more than 0"),
        ("EUR,-1,202610", "USDPerUnit", "a rate must be more than 0"),
        ("EUR,,202610", "USDPerUnit", "USDPerUnit is empty; a number is needed, for example 1234.50"),
        (",1.08,202610", "CurrencyCode", "CurrencyCode is empty; it is needed in every row"),
    ],
)
def test_a_row_that_is_refused(row: str, column: str, text: str) -> None:
    assert mistakes(row) == [(2, column, text)]


def test_a_small_rate_and_the_mistakes_of_one_row_together() -> None:
    assert rates("VND,0.00004,202610") == [Rate(date(2026, 10, 1), "VND", "USD", Decimal("0.00004"))]
    assert [column for _, column, _ in mistakes("EUR,0,2026")] == ["Month", "USDPerUnit"]
