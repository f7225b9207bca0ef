"""Each file a clerk may send: what a good one becomes, and one test for every refusal."""

from __future__ import annotations

import doctest
import importlib
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.formats import KINDS, Kind, Report, read
from mappings.ledger_file import LedgerConnection, Reference
from mappings.links import Organisation, TenantLink
from mappings.pricelist import ListPrice, PriceRule, Rate, Service, Tier
from tests.mappings.sheets import Cell, as_csv, as_xlsx

PRICES = (
    "organisation,product_id,sku_id,term,billing,subscription_id,kind,value,currency,valid_from,valid_to,offer,note"
)


def prices(*rows: str) -> Report:
    return read("prices", "\n".join([PRICES, *rows, ""]).encode())


def good(report: Report) -> list[Any]:
    assert report.errors == ()
    return [row.value for row in report.rows]


def one_price(row: str) -> PriceRule:
    (rule,) = good(prices(row))
    assert isinstance(rule, PriceRule)
    return rule


def refusal(kind: Kind, text: str | bytes) -> tuple[int, str, str]:
    """The single mistake of a file: row, column, sentence."""
    report = read(kind, text if isinstance(text, bytes) else text.encode())
    assert len(report.errors) == 1, report.errors
    error = report.errors[0]
    return error.row, error.column, error.text


def price_refusal(row: str) -> tuple[int, str, str]:
    return refusal("prices", f"{PRICES}\n{row}\n")


# --- good files -----------------------------------------------------------------------------------


def test_an_organisation_with_every_column() -> None:
    text = (
        "code,name,country,currency,group,ledger,ledger_customer,email,purchase_order\n"
        "C-1,Contoso,de,eur,north,books,4711,billing@contoso.example,PO 9\n"
    )
    assert good(read("organisations", text.encode())) == [
        Organisation("C-1", "Contoso", "DE", "EUR", "north", "books", "4711", "billing@contoso.example", "PO 9")
    ]


def test_a_file_of_one_column_needs_no_delimiter() -> None:
    assert good(read("organisations", b"code\nC-1\nC-2")) == [
        Organisation("C-1", ""),
        Organisation("C-2", ""),
    ]


def test_header_names_in_any_case_with_blanks_and_byte_order_mark() -> None:
    text = "\ufeff Tenant ID ; ORGANISATION;Valid_From;valid to\norg:AB-1;C-1;2026-10-01;\n"
    assert good(read("links", text.encode())) == [TenantLink("ab-1", "C-1", date(2026, 10, 1), None)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_delimiter_also_beside_tiers(delimiter: str) -> None:
    row: list[Cell] = ["*", "P", "S", "", "", "", "tiered", "1:12.00;50:11.00", "EUR", "", "", "", ""]
    content = as_csv([PRICES.split(","), row], delimiter)
    (rule,) = good(read("prices", content))
    assert rule.tiers == (Tier(Decimal(1), Decimal("12.00")), Tier(Decimal(50), Decimal("11.00")))
    assert rule.value is None


def test_excels_own_delimiter_line() -> None:
    assert good(read("rates", b"sep=;\r\ndate;from;to;rate\r\n2026-10-01;usd;eur;0.92\r\n")) == [
        Rate(date(2026, 10, 1), "USD", "EUR", Decimal("0.92"))
    ]


def test_a_fixed_price() -> None:
    rule = one_price("C-1,CFQ1,0001,p1y,Monthly,,FIXED,12.50,eur,2026-10-01,2027-09-30,yes,a note")
    assert rule == PriceRule(
        "", 0, "C-1", "CFQ1", "0001", "P1Y", "Monthly", "", "fixed", Decimal("12.50"), (), "EUR",
        date(2026, 10, 1), date(2027, 9, 30), True, "a note", 0, 2,
    )  # fmt: skip


def test_stars_mean_any_and_the_global_list() -> None:
    rule = one_price("*,*,*,*,*,*,markup,20,,,,,")
    assert (rule.organisation, rule.product_id, rule.sku_id, rule.term, rule.billing) == ("", "", "", "", "")
    assert (rule.subscription_id, rule.currency, rule.offer) == ("", "", False)


@pytest.mark.parametrize(
    "row",
    [
        "*,P,,,,,fixed,0,EUR,,,,",
        "*,,,,,,markup,-99.99,,,,,",
        "*,,,,,,margin,99.99,,,,,",
        "*,,,,,,margin,-20,,,,,",
        "*,,,,,,discount,100,EUR,,,,",
        "*,,,,,,passthrough,,,,,,",
        "*,,,,,,none,,,,,,free for friends",
    ],
)
def test_prices_at_the_edge_of_what_is_allowed(row: str) -> None:
    one_price(row)


def test_unknown_columns_are_notes() -> None:
    report = read("organisations", b"code,our region,\nC-1,north,x\nC-2,,\n")
    assert [row.notes for row in report.rows] == [{"our region": "north", "column 3": "x"}, {}]
    assert report.extra == ("our region", "column 3")


def test_formula_characters_stay_text() -> None:
    (organisation,) = good(read("organisations", b'code,name\n=1+1,"@SUM(A1)"\n'))
    assert (organisation.code, organisation.name) == ("=1+1", "@SUM(A1)")


def test_names_with_quotes_line_breaks_and_chinese() -> None:
    (organisation,) = good(read("organisations", 'code,name\nC-1,"Say ""hé""\n微软"\n'.encode()))
    assert organisation.name == 'Say "hé"\n微软'


def test_cells_missing_at_the_end_of_a_row_are_empty() -> None:
    assert good(read("links", b"tenant_id,organisation,valid_from,valid_to\nt,C-1\n")) == [
        TenantLink("t", "C-1", None, None)
    ]


def test_a_list_price() -> None:
    text = "product_id,sku_id,term,billing,currency,price,valid_from,valid_to\nP,0001,P1Y,Annual,USD,144,2026-01-01,\n"
    expected = ListPrice("P", "0001", "P1Y", "Annual", "USD", Decimal(144), date(2026, 1, 1), None)
    assert good(read("list-prices", text.encode())) == [expected]


SERVICES = "organisation,code,name,kind,price,currency,quantity,billing,proration,valid_from,valid_to"


def test_services() -> None:
    support = "C-1,S,Support,Recurring,99.00,EUR,2,monthly,days,2026-10-15,"
    text = f"{SERVICES}\n{support}\nC-1,F,Fee,one-off,-5,EUR,,,,2026-10-01,\n"
    assert good(read("services", text.encode())) == [
        Service(
            "C-1", "S", "Support", "recurring", Decimal("99.00"), "EUR", Decimal(2), "monthly", "days",
            date(2026, 10, 15), None,
        ),
        Service(
            "C-1", "F", "Fee", "one_off", Decimal(-5), "EUR", Decimal(1), "monthly", "none",
            date(2026, 10, 1), None,
        ),
    ]  # fmt: skip


# --- Microsoft's price sheets ---------------------------------------------------------------------

SHEET = (
    '"ProductTitle","ProductId","SkuId","SkuTitle","Publisher","SkuDescription","UnitOfMeasure",'
    '"TermDuration",'
    '"BillingPlan","Market","Currency","UnitPrice","PricingTierRangeMin","PricingTierRangeMax",'
    '"EffectiveStartDate",'
    '"EffectiveEndDate","Tags","ERP Price"\n'
)


def sheet_row(
    erp: str = "144",
    end: str = "2/4/2021 8:35:31 PM",
    term: str = "P1Y",
    tier: str = "",
    plan: str = "Annual",
) -> str:
    cells = [
        "Advanced Communications", "CFQ7TTC0HDK0", "0001", "t", "Microsoft", "d, e", "", term, plan,
        "US", "USD", "115.2", tier, "", "2/1/2019 12:00:00 AM", end, "License", erp,
    ]  # fmt: skip
    return ",".join(f'"{cell}"' for cell in cells) + "\n"


def test_microsofts_licence_sheet_gives_the_retail_price_never_the_cost() -> None:
    assert good(read("list-prices", (SHEET + sheet_row()).encode())) == [
        ListPrice("CFQ7TTC0HDK0", "0001", "P1Y", "Annual", "USD", Decimal(144), date(2019, 2, 1), date(2021, 2, 4))
    ]


def test_microsofts_open_end_is_no_end() -> None:
    (price,) = good(read("list-prices", (SHEET + sheet_row(end="11/30/9999 11:59:59 PM")).encode()))
    assert price.valid_to is None


def test_microsofts_end_at_midnight_does_not_touch_that_day() -> None:
    (price,) = good(read("list-prices", (SHEET + sheet_row(end="3/1/2021 12:00:00 AM")).encode()))
    assert price.valid_to == date(2021, 2, 28)


def test_rows_of_a_sheet_without_a_usable_list_price_are_counted() -> None:
    text = SHEET + sheet_row() + sheet_row(erp="") + sheet_row(term="P5Y") + sheet_row(tier="101")
    report = read("list-prices", text.encode())
    assert (len(report.rows), report.skipped, report.total, report.errors) == (1, 3, 4, ())


def test_microsofts_azure_sheet_holds_retail_prices() -> None:
    header = SHEET.replace('"BillingPlan",', "").replace('"Tags","ERP Price"', '"MeterIds","MeterType","Tags"')
    row = (
        '"t","DZH318Z0C16V","001J","t","Microsoft","d","1 Node/Month","payG-1","US","USD","15","","",'
        '"3/1/2018 12:00:00 AM","11/30/9999 11:59:59 PM","cb09","1 Node/Month","Azure"\n'
    )
    assert good(read("list-prices", (header + row).encode())) == [
        ListPrice("DZH318Z0C16V", "001J", "", "", "USD", Decimal(15), date(2018, 3, 1), None)
    ]


def test_a_sheet_of_costs_only_is_refused() -> None:
    header = SHEET.replace(',"ERP Price"', "")
    row, column, text = refusal("list-prices", header + sheet_row()[: -len(',"144"\n')] + "\n")
    assert (row, column) == (1, "ERP Price") and "your cost" in text


def test_a_sheet_with_a_date_nobody_knows_is_refused() -> None:
    assert refusal("list-prices", SHEET + sheet_row(end="31.12.2026"))[:2] == (2, "EffectiveEndDate")


def test_a_sheet_without_any_list_price_is_refused() -> None:
    assert refusal("list-prices", SHEET + sheet_row(erp=""))[2] == "no row of this price sheet has a list price"


# --- refusals of rows -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ("*,,,,,,special,1,,,,,", "kind", "must be one of"),
        ("*,,,,,,,1,,,,,", "kind", "must be one of"),
        ("*,,0001,,,,markup,20,,,,,", "sku_id", "needs its product_id"),
        ("*,P,,,,,fixed,1,,,,,", "currency", "ISO 4217"),
        ("*,P,,,,,tiered,1:1,,,,,", "currency", "ISO 4217"),
        ("*,P,,,,,discount,1,,,,,", "currency", "ISO 4217"),
        ("*,P,,,,,fixed,1,EURO,,,,", "currency", "not a currency"),
        ("*,P,,,,,fixed,-0.01,EUR,,,,", "value", "0 or more"),
        ("*,P,,,,,fixed,,EUR,,,,", "value", "a number is needed"),
        ("*,P,,,,,fixed,abc,EUR,,,,", "value", "decimal point"),
        ('*,P,,,,,fixed,"12,50",EUR,,,,', "value", "decimal point"),
        ('*,P,,,,,fixed,"1.234,50",EUR,,,,', "value", "decimal point"),
        ("*,P,,,,,fixed,NaN,EUR,,,,", "value", "decimal point"),
        ("*,P,,,,,fixed,1_0,EUR,,,,", "value", "decimal point"),
        ("*,,,,,,markup,20%,,,,,", "value", "percent signs"),
        ("*,,,,,,markup,-100,,,,,", "value", "more than -100"),
        ("*,,,,,,margin,100,,,,,", "value", "less than 100"),
        ("*,,,,,,discount,100.01,EUR,,,,", "value", "100 percent or less"),
        ("*,,,,,,passthrough,1,,,,,", "value", "must be empty"),
        ("*,,,,,,none,1,,,,,why", "value", "must be empty"),
        ("*,,,,,,none,,,,,,", "note", "says why"),
        ("*,P,,,,,tiered,12.00,EUR,,,,", "value", "quantity:price"),
        ("*,P,,,,,tiered,,EUR,,,,", "value", "quantity:price"),
        ("*,P,,,,,tiered,1:a,EUR,,,,", "value", "quantity:price"),
        ("*,P,,,,,tiered,50:11;1:12,EUR,,,,", "value", "must grow"),
        ("*,P,,,,,tiered,1:12;1:11,EUR,,,,", "value", "must grow"),
        ("*,P,,,,,tiered,1:-12,EUR,,,,", "value", "0 or more"),
        ("*,,,P2Y,,,markup,20,,,,,", "term", "P1M, P1Y or P3Y"),
        ("*,,,,,,markup,20,,2026-10-02,2026-10-01,,", "valid_to", "before valid_from"),
        ("*,,,,,,markup,20,,01.10.2026,,,", "valid_from", "write it as"),
        ("*,,,,,,markup,20,,20261001,,,", "valid_from", "write it as"),
        ("*,,,,,,markup,20,,2026-02-30,,,", "valid_from", "write it as"),
        ("*,,,,,,markup,20,,0026-10-01,,,", "valid_from", "write it as"),
        ("*,,,,,,markup,20,,,,maybe,", "offer", "must be one of"),
        ("*,,,,,,markup,20,,,,,x,too much", "", "more cells than the header"),
        ("*,,,,,,markup,20,,,,," + "n" * 2001, "note", "2000 characters"),
        ("*,a\0b,,,,,markup,20,,,,,", "product_id", "NUL"),
    ],
)
def test_a_price_that_is_refused(row: str, column: str, words: str) -> None:
    number, where, text = price_refusal(row)
    assert (number, where) == (2, column)
    assert words in text


@pytest.mark.parametrize(
    ("kind", "text", "row", "column", "words"),
    [
        ("organisations", "code,name\n,Contoso\n", 2, "code", "is empty"),
        ("organisations", "code,name\n*,Contoso\n", 2, "code", "every organisation"),
        ("organisations", "code,country\nC-1,DEU\n", 2, "country", "two letters"),
        ("organisations", "code,currency\nC-1,XYZ\n", 2, "currency", "ISO 4217"),
        ("organisations", "code,name\n" + "c" * 101 + ",n\n", 2, "code", "100 characters"),
        ("links", "tenant_id,organisation\n,C-1\n", 2, "tenant_id", "is empty"),
        ("links", "tenant_id,organisation\n*,C-1\n", 2, "tenant_id", "one tenant"),
        ("links", "tenant_id,organisation\nt,\n", 2, "organisation", "is empty"),
        ("rates", "date,from,to,rate\n,USD,EUR,1\n", 2, "date", "is empty"),
        ("rates", "date,from,to,rate\n2026-10-01,USD,USD,1\n", 2, "to", "the same"),
        ("rates", "date,from,to,rate\n2026-10-01,USD,EUR,0\n", 2, "rate", "more than 0"),
        ("rates", "date,from,to,rate\n2026-10-01,USD,EUR,-1\n", 2, "rate", "more than 0"),
        ("rates", "date,from,to,rate\n2026-10-01,,EUR,1\n", 2, "from", "ISO 4217"),
        ("rates", "date,from,to,rate\n2026-10-01,USD,EUR,0,92\n", 2, "", "more cells"),
        ("list-prices", "product_id,currency,price\n,EUR,1\n", 2, "product_id", "is empty"),
        ("list-prices", "product_id,currency,price\nP,EUR,-1\n", 2, "price", "negative"),
        ("list-prices", "product_id,currency,price\nP,,1\n", 2, "currency", "ISO 4217"),
        (
            "services",
            f"{SERVICES}\nC-1,S,n,weekly,1,EUR,1,monthly,none,2026-10-01,\n",
            2,
            "kind",
            "recurring",
        ),
        ("services", f"{SERVICES}\nC-1,S,n,recurring,1,EUR,1,,none,2026-10-01,\n", 2, "billing", "monthly"),
        (
            "services",
            f"{SERVICES}\nC-1,S,n,recurring,1,EUR,1,monthly,x,2026-10-01,\n",
            2,
            "proration",
            "days",
        ),
        ("services", f"{SERVICES}\nC-1,S,n,recurring,1,EUR,1,monthly,none,,\n", 2, "valid_from", "is empty"),
        (
            "services",
            f"{SERVICES}\nC-1,S,n,recurring,,EUR,1,monthly,none,2026-10-01,\n",
            2,
            "price",
            "is empty",
        ),
        (
            "services",
            f"{SERVICES}\nC-1,S,n,recurring,1,EUR,a,monthly,none,2026-10-01,\n",
            2,
            "quantity",
            "number",
        ),
        ("services", f"{SERVICES}\nC-1,S,,one_off,1,EUR,1,,,2026-10-01,\n", 2, "name", "is empty"),
    ],
)
def test_a_row_that_is_refused(kind: Kind, text: str, row: int, column: str, words: str) -> None:
    found = refusal(kind, text)
    assert found[:2] == (row, column)
    assert words in found[2]


def test_all_mistakes_come_at_once_with_the_rows_of_the_spreadsheet() -> None:
    report = prices("*,,,,,,markup,x,,1.1.26,,,", "", "C-1,,0001,,,,fixed,1,,,,,")
    assert [(error.row, error.column) for error in report.errors] == [
        (2, "value"), (2, "valid_from"), (4, "sku_id"), (4, "currency")
    ]  # fmt: skip
    assert report.errors[0].value == "x"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("organisations", "code,name\nC-1,a\n\nC-1,b\n"),
        ("links", "tenant_id,organisation\norg:T,C-1\n\nt,C-1\n"),
        ("prices", "organisation,product_id,kind,value\n*,p,markup,20\n\n,P,markup,21\n"),
        ("list-prices", "product_id,currency,price\np,EUR,1\n\nP,EUR,2\n"),
        ("rates", "date,from,to,rate\n2026-10-01,USD,EUR,1\n\n2026-10-01,usd,eur,2\n"),
    ],
)
def test_two_rows_with_one_key_are_refused_by_number(kind: Kind, text: str) -> None:
    row, _, words = refusal(kind, text)
    assert row == 4 and "as row 2" in words


# --- refusals of files ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no rows"),
        (b"\n\n", "no rows"),
        (b"code,name\n", "no rows"),
        (b"code,name\n,\n", "no rows"),
        (b"name,country\nContoso,DE\n", "column code is missing"),
        (b"code,name,Code\nC-1,x,y\n", "two columns"),
        (b"code,x,x\nC-1,1,2\n", "two columns"),
        (b"code,name\nC-1,\xff\n", "not UTF-8"),
        ("code,name\nC-1,x\n".encode("utf-16"), "UTF-16"),
        (b'code,name\nC-1,"open\nC-2,x\n', "quote"),
        (b'code,name\nC-1,"a"b\n', "quote"),
        (b"code,name,country\nC-1,Con", "cut off"),
        (b"PK\x03\x04 not really", "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "without a password"),
    ],
)
def test_a_file_that_is_refused(content: bytes, words: str) -> None:
    assert words in refusal("organisations", content)[2]


def test_the_row_of_a_bad_byte_is_named() -> None:
    assert refusal("organisations", b"code\nC-1\nC-\xe4\n")[0] == 3


# --- spreadsheets ---------------------------------------------------------------------------------


def test_numbers_and_dates_of_a_spreadsheet_come_in_exactly() -> None:
    header: list[Cell] = ["date", "from", "to", "rate"]
    content = as_xlsx([header, [date(2026, 10, 1), "USD", "EUR", 0.92], ["2026-10-02", "USD", "EUR", 12.1]])
    first, second = good(read("rates", content))
    assert first == Rate(date(2026, 10, 1), "USD", "EUR", Decimal("0.92"))
    assert second.rate == Decimal("12.1")


def test_a_sheet_that_begins_lower_down_keeps_its_row_numbers() -> None:
    content = as_xlsx([["code", "country"], ["C-1", "DEU"]], first_row=3)
    assert refusal("organisations", content)[:2] == (4, "country")


def test_a_number_as_an_organisations_code_is_text() -> None:
    assert good(read("organisations", as_xlsx([["code"], [10001]]))) == [Organisation("10001", "")]


def test_an_id_that_the_spreadsheet_made_a_number_is_refused() -> None:
    header: list[Cell] = ["organisation", "product_id", "sku_id", "kind", "value"]
    content = as_xlsx([header, ["*", "CFQ7", 1, "markup", 20]])
    assert refusal("prices", content)[1:] == (
        "sku_id", "the spreadsheet took this id for a number; enter it anew in a column of text"
    )  # fmt: skip


def test_digits_that_the_spreadsheet_lost_are_refused() -> None:
    content = as_xlsx([["code"], [1234567890123456789]])
    assert "15 digits" in refusal("organisations", content)[2]


def test_a_percent_cell_is_refused() -> None:
    content = as_xlsx([["organisation", "kind", "value"], ["*", "markup", 0.2]])
    assert "20% holds 0.2" in refusal("prices", content)[2]


def test_a_true_cell_is_yes() -> None:
    content = as_xlsx([["organisation", "kind", "value", "offer"], ["*", "markup", 20, True]])
    assert good(read("prices", content))[0].offer


def test_an_empty_sheet_has_no_rows() -> None:
    assert refusal("organisations", as_xlsx([]))[2] == "the file has no rows"


def test_a_sheet_of_absurd_width_is_refused_before_it_takes_all_memory() -> None:
    content = as_xlsx([["code"] + [""] * 60 + ["x"], ["C-1"]])
    assert "column AZ" in refusal("organisations", content)[2]


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn"]), max_size=12).map(str.strip)
NUMBERS = st.decimals(min_value=0, max_value=10**9, places=4).map(lambda number: float(number))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(WORDS.filter(bool), WORDS, NUMBERS, st.dates(date(2000, 1, 1), date(2100, 1, 1))),
        min_size=1,
    )
)
def test_csv_and_spreadsheet_of_one_table_give_the_same(rows: list[tuple[str, str, float, date]]) -> None:
    header: list[Cell] = ["product_id", "term", "billing", "currency", "price", "valid_from", "our note"]
    table: list[list[Cell]] = [
        [f"p{at}{name}", "P1Y", plan, "EUR", price, day, name] for at, (name, plan, price, day) in enumerate(rows)
    ]
    plain = [[format(Decimal(repr(c)), "f") if isinstance(c, float) else c for c in row] for row in table]
    from_csv = read("list-prices", as_csv([header, *plain]))
    assert from_csv == read("list-prices", as_xlsx([header, *table]))
    assert len(from_csv.rows) + len(from_csv.errors) >= len(rows)


# --- ledgers --------------------------------------------------------------------------------------

LEDGERS = """
[[ledger]]
name = "books"
kind = "tryton"
[ledger.settings]
url = "https://books.example.com"
port = 8000
verify = true
password = { env = "BOOKS_PASSWORD" }
key = { file = "/run/secrets/key" }

[[ledger]]
name = "second"
kind = "file_drop"
"""


def test_ledgers_with_references_instead_of_secrets() -> None:
    assert good(read("ledgers", LEDGERS.encode())) == [
        LedgerConnection(
            "books",
            "tryton",
            {
                "url": "https://books.example.com",
                "port": "8000",
                "verify": "true",
                "password": Reference("env", "BOOKS_PASSWORD"),
                "key": Reference("file", "/run/secrets/key"),
            },
            0,
        ),
        LedgerConnection("second", "file_drop", {}, 1),
    ]


@pytest.mark.parametrize(
    ("text", "row", "column", "words"),
    [
        ("", 1, "", "no rows"),
        ("[[ledger]\n", 1, "", "not TOML"),
        ('x = 1\n[[ledger]]\nname = "a"\nkind = "b"\n', 1, "x", "only [[ledger]]"),
        ('[ledger]\nname = "a"\nkind = "b"\n', 1, "ledger", "[[ledger]]"),
        ('\n[[ledger]]\nkind = "b"\n', 2, "name", "name is missing"),
        ('[[ledger]]\nname = "a"\n', 1, "kind", "kind is missing"),
        ('[[ledger]]\nname = "a"\nkind = "b"\nurl = "u"\n', 1, "url", "under [ledger.settings]"),
        ('[[ledger]]\nname = "a"\nkind = "b"\nsettings = 1\n', 1, "settings", "must be a table"),
        ('[[ledger]]\nname = ""\nkind = "b"\n', 1, "name", "1 to 60"),
        (
            '[[ledger]]\nname = "a"\nkind = "b"\n[ledger.settings]\nx = 1.5\n',
            1,
            "settings.x",
            "text in quotes",
        ),
        (
            '[[ledger]]\nname = "a"\nkind = "b"\n[ledger.settings]\nx = {vault="s"}\n',
            1,
            "settings.x",
            "{env=",
        ),
        ('[[ledger]]\nname="a"\nkind="b"\n[[ledger]]\nname="a"\nkind="b"\n', 4, "", "as row 1"),
    ],
)
def test_a_ledgers_file_that_is_refused(text: str, row: int, column: str, words: str) -> None:
    found = refusal("ledgers", text)
    assert found[:2] == (row, column)
    assert words in found[2]


@pytest.mark.parametrize("name", ["tables_in", "decided", "price_sheet", "cells", "formats", "ledger_file"])
def test_the_examples_in_the_documentation_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"mappings.{name}")).failed == 0


DOCUMENTATION = Path(__file__).parents[2] / "docs" / "imports.md"


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_file_in_the_documentation_is_accepted(kind: Kind) -> None:
    found = re.search(rf"^## {kind}:.*?\n\n((?:    .*\n)+)", DOCUMENTATION.read_text("utf-8"), re.MULTILINE)
    assert found is not None
    assert good(read(kind, dedent(found[1]).encode()))
