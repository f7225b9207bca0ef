"""Microsoft's own price sheet files (partner-center/customers-and-prices.md section 4), row by row."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from mappings.formats import Report, read
from mappings.price_sheet import Sheet, parse_moment
from mappings.pricelist import ListPrice

LICENCE = {
    "ProductId": "CFQ7TTC0HDK0",
    "SkuId": "0001",
    "TermDuration": "P1Y",
    "BillingPlan": "Annual",
    "Market": "US",
    "Segment": "Commercial",
    "Currency": "USD",
    "UnitPrice": "115.2",
    "ERP Price": "144",
    "EffectiveStartDate": "2/1/2019 12:00:00 AM",
    "EffectiveEndDate": "2/4/2021 8:35:31 PM",
    "PricingTierRangeMin": "",
    "PricingTierRangeMax": "",
}
METERED = {
    **{name: value for name, value in LICENCE.items() if name not in ("BillingPlan", "ERP Price")},
    "TermDuration": "payg-1",
    "MeterType": "1 Node/Month",
}
SOFTWARE = {name: value for name, value in LICENCE.items() if name != "BillingPlan"}


def sheet(*rows: dict[str, str], of: dict[str, str] = LICENCE) -> Report:
    text = "\n".join([",".join(of), *(",".join({**of, **row}.values()) for row in rows), ""])
    return read("list-prices", text.encode())


def one(of: dict[str, str] = LICENCE, **changes: str) -> ListPrice | None:
    """The list price of a row; None where the row is left out."""
    report = sheet({"SkuId": "other"}, {name.replace("_", " "): text for name, text in changes.items()}, of=of)
    assert report.errors == ()
    assert report.skipped + len(report.rows) == report.total == 2
    values: list[Any] = [row.value for row in report.rows if row.no == 3]
    return values[0] if values else None


def refusal(**changes: str) -> list[tuple[int, str, str]]:
    report = sheet({name.replace("_", " "): text for name, text in changes.items()})
    return [(error.row, error.column, error.text) for error in report.errors]


def test_a_licence_has_the_retail_price_and_a_meter_its_own() -> None:
    """ERP Price, never UnitPrice, which is the partner's cost; the Azure sheet has only retail prices."""
    found = one()
    assert found is not None and (found.price, found.term, found.billing) == (Decimal(144), "P1Y", "Annual")
    assert (found.product_id, found.sku_id, found.currency) == ("CFQ7TTC0HDK0", "0001", "USD")
    assert (found.valid_from, found.valid_to) == (date(2019, 2, 1), date(2021, 2, 4))
    metered = one(METERED)
    assert metered is not None and (metered.price, metered.term, metered.billing) == (Decimal("115.2"), "", "")


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"TermDuration": "p3y"}, True),
        ({"TermDuration": ""}, True),
        ({"TermDuration": "PAYG-2"}, True),
        ({"TermDuration": "P5Y"}, False),
        ({"ERP_Price": ""}, False),
        ({"ERP_Price": "0"}, True),
        ({"ERP_Price": "0.5"}, True),
        ({"Segment": "COMMERCIAL"}, True),
        ({"Segment": ""}, True),
        ({"Segment": "Education"}, False),
        # the price of the first unit
        ({"PricingTierRangeMin": "0"}, True),
        ({"PricingTierRangeMin": "1"}, True),
        ({"PricingTierRangeMin": "2"}, False),
        ({"PricingTierRangeMin": "1", "PricingTierRangeMax": "300"}, True),
        # a span that ended the moment it began
        ({"EffectiveEndDate": "1/31/2019 11:59:59 PM"}, False),
        ({"EffectiveEndDate": "2/1/2019 12:00:00 AM"}, False),
        ({"EffectiveEndDate": "2/1/2019 8:00:00 AM"}, True),
    ],
)
def test_which_rows_hold_a_list_price(changes: dict[str, str], kept: bool) -> None:
    assert (one(**changes) is not None) is kept


def test_a_metered_price_in_tiers_is_never_the_price_of_all_units() -> None:
    assert one(METERED, PricingTierRangeMax="100") is None
    assert one(METERED, PricingTierRangeMin="1") is not None
    assert one(METERED, PricingTierRangeMin="101") is None


@pytest.mark.parametrize(
    ("written", "last"),
    [
        ("2/4/2021 8:35:31 PM", date(2021, 2, 4)),
        ("3/1/2021 12:00:00 AM", date(2021, 2, 28)),
        ("3/1/2021 12:00:01 AM", date(2021, 3, 1)),
        # without a time of day the day itself is meant
        ("3/1/2021", date(2021, 3, 1)),
        ("11/30/9999 11:59:59 PM", None),
        ("", None),
        # what a spreadsheet makes of it
        ("2021-03-01 00:00:00", date(2021, 2, 28)),
        ("2021-03-01", date(2021, 3, 1)),
        ("2021-02-04T20:35:31Z", date(2021, 2, 4)),
    ],
)
def test_the_last_day_that_a_price_touches(written: str, last: date | None) -> None:
    found = one(EffectiveEndDate=written)
    assert found is not None and found.valid_to == last


@pytest.mark.parametrize(("plan", "billing"), [("Monthly", "Monthly"), ("None", ""), ("NONE", ""), ("", "")])
def test_the_billing_plan(plan: str, billing: str) -> None:
    found = one(BillingPlan=plan)
    assert found is not None and found.billing == billing


def test_a_price_without_a_beginning_holds_from_ever() -> None:
    found = one(EffectiveStartDate="")
    assert found is not None and found.valid_from is None


@pytest.mark.parametrize(
    ("changes", "column", "text"),
    [
        ({"ERP_Price": "-0.01"}, "ERP Price", "a list price must not be negative"),
        ({"EffectiveEndDate": "31.12.2026"}, "EffectiveEndDate", "this is not a date like 2/4/2021 8:35:31 PM"),
        ({"EffectiveStartDate": "13/1/2026"}, "EffectiveStartDate", "this is not a date like 2/4/2021 8:35:31 PM"),
        ({"ProductId": ""}, "ProductId", "ProductId is empty; it is needed in every row"),
        ({"Currency": ""}, "Currency", "Currency is empty; an ISO 4217 code is needed, for example EUR"),
    ],
)
def test_a_row_that_is_refused(changes: dict[str, str], column: str, text: str) -> None:
    assert refusal(**changes) == [(2, column, text)]


def test_a_sheet_without_list_prices() -> None:
    costs = {name: value for name, value in LICENCE.items() if name != "ERP Price"}
    (error,) = sheet({}, of=costs).errors
    assert (error.row, error.column, error.text) == (
        1,
        "ERP Price",
        "this price sheet has no column ERP Price; its UnitPrice is your cost, not a list price; download the view "
        "updatedlicensebased",
    )
    (error,) = sheet({"ERP Price": ""}).errors
    assert (error.row, error.column, error.text) == (1, "", "no row of this price sheet has a list price")


# -- the sheet as a whole --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "view"), [(LICENCE, "updatedlicensebased"), (METERED, "azure_consumption"), (SOFTWARE, "software")]
)
def test_the_view_of_a_sheet_by_its_columns(of: dict[str, str], view: str) -> None:
    assert sheet({}, of=of).sheet == Sheet(view, ("US",))


def test_a_sheet_is_for_one_market() -> None:
    assert sheet({"Market": "us"}, {"Market": "US", "SkuId": "0002"}, {"Market": "", "SkuId": "0003"}).errors == ()
    markets = ["US", "DE", "AT", "CH", "FR", "BE"]
    (error,) = sheet(*({"Market": market, "SkuId": market} for market in markets)).errors
    assert (error.row, error.column) == (1, "Market")
    assert error.text == "the sheet holds several markets (AT, BE, CH, DE, FR); import the market you sell in"
    two = sheet({"Market": "DE"}, {"Market": "AT", "SkuId": "0002"})
    assert [error.text for error in two.errors] == [
        "the sheet holds several markets (AT, DE); import the market you sell in"
    ]
    assert two.sheet == Sheet("updatedlicensebased", ("AT", "DE"))


def prices(*rows: dict[str, str]) -> tuple[list[tuple[str, date | None]], int, list[tuple[int, str]]]:
    report = sheet(*rows)
    values: list[Any] = [row.value for row in report.rows]
    errors = [(error.row, error.text) for error in report.errors]
    return [(str(value.price), value.valid_to) for value in values], report.skipped, errors


def test_of_spans_that_begin_on_one_day_the_one_that_ends_last_is_used() -> None:
    """Microsoft replaces a price by ending it and beginning the next at the same moment."""
    short = {"ERP Price": "100", "EffectiveEndDate": "2/1/2019 8:00:00 AM"}
    long = {"ERP Price": "110", "EffectiveEndDate": "11/30/9999 11:59:59 PM"}
    middle = {"ERP Price": "105", "EffectiveEndDate": "6/1/2019 8:00:00 AM"}
    for order in ([short, long, middle], [middle, long, short], [long, short, middle]):
        assert prices(*order) == ([("110", None)], 2, [])


def test_a_row_that_says_the_same_again_is_left_out_and_one_that_says_otherwise_is_a_mistake() -> None:
    assert prices({}, {}) == ([("144", date(2021, 2, 4))], 1, [])
    _, _, errors = prices({}, {"SkuId": "0002"}, {"ERP Price": "145"})
    assert errors == [
        (4, "the same product, sku, term, billing plan, currency and first day as row 2; keep one of them")
    ]


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2/1/2019 12:00:00 AM", datetime(2019, 2, 1)),
        ("2/1/2019 12:00:00 PM", datetime(2019, 2, 1, 12)),
        ("02/01/2019 01:02:03 am", datetime(2019, 2, 1, 1, 2, 3)),
        ("12/31/2019 11:59:59 PM", datetime(2019, 12, 31, 23, 59, 59)),
        ("2/1/2019", datetime(2019, 2, 1)),
        ("2019-02-01 08:00:00", datetime(2019, 2, 1, 8)),
        ("2019-02-01T08:00:00+02:00", datetime(2019, 2, 1, 8)),
    ],
)
def test_a_moment_as_microsoft_writes_it(written: str, moment: datetime) -> None:
    assert parse_moment(written) == moment


@pytest.mark.parametrize("written", ["2/1/2019 13:00:00 PM", "2/30/2019", "2/1/19", "2/1/2019 1:60:00 AM", "soon"])
def test_what_is_no_moment(written: str) -> None:
    with pytest.raises(ValueError):
        parse_moment(written)
