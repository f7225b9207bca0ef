"""Every sentence of refusal, word for word: where the mistake is and what is allowed."""

from __future__ import annotations

import pytest

from mappings.cells import Kind
from mappings.formats import read
from tests.mappings.sheets import Cell, as_xlsx

HEADERS: dict[Kind, str] = {
    "organisations": "code,name,country,currency,group,grouping,global_offers",
    "links": "tenant_id,organisation,valid_from,valid_to",
    "prices": "organisation,product_id,sku_id,term,kind,value,currency,valid_from,valid_to,offer,note",
    "list-prices": "product_id,sku_id,term,billing,currency,price,valid_from,valid_to",
    "services": "organisation,code,name,kind,price,currency,quantity,billing,proration,valid_from,valid_to",
    "rates": "date,from,to,rate",
    "credits": "organisation,credit,policy,valid_from,valid_to,note",
    "cost-centres": "organisation,subscription_id,resource_group,tag,cost_centre,share,valid_from,valid_to",
    "purchase-orders": "organisation,subscription_id,product_id,purchase_order,valid_from,valid_to",
}
NO_NUMBER = (
    "this is not a number; write it with a decimal point and without thousands separators, currency or percent signs, "
    "for example 1234.50"
)
NO_DAY = "this is not a date from 2000 on; write it as 2026-10-31"
NO_CURRENCY = "this is not a currency; write its ISO 4217 code, for example EUR"
TIERS = "write tiers as quantity:price, separated by semicolons, for example 1:12.00;50:11.00"
WHICH_CREDIT = "credit must be one of partner_earned_credit, azure_credit, customer_credit"
NO_SHARE = "a share must be more than 0: seats, percent or any other weight"
NO_PRODUCT = "a sku_id needs its product_id: a sku is only unique within a product"
NEEDED = "{} is empty; it is needed in every row"


def mistakes(kind: Kind, *rows: str, header: str = "") -> list[tuple[int, str, str]]:
    report = read(kind, "\n".join([header or HEADERS[kind], *rows, ""]).encode())
    return [(error.row, error.column, error.text) for error in report.errors]


@pytest.mark.parametrize(
    ("kind", "row", "column", "text"),
    [
        ("organisations", ",Contoso,,,,,", "code", NEEDED.format("code")),
        ("organisations", f"{'c' * 101},,,,,,", "code", "code has more than 100 characters"),
        ("organisations", f"C-1,{'n' * 501},,,,,", "name", "name has more than 500 characters"),
        ("organisations", "C-1,a\0b,,,,,", "name", "name holds a NUL character, which no system accepts"),
        ("organisations", "C-1,,DEU,,,,", "country", "country must be two letters, for example DE, or empty"),
        ("organisations", "C-1,,D1,,,,", "country", "country must be two letters, for example DE, or empty"),
        ("organisations", "*,,,,,,", "code", "* means every organisation and cannot be the code of one"),
        ("organisations", "C-1,,,EURO,,,", "currency", NO_CURRENCY),
        (
            "organisations",
            "C-1,,,,,by hand,",
            "grouping",
            "grouping must be one of subscription, product, kind, cost_centre, purchase_order",
        ),
        ("organisations", "C-1,,,,,,yes", "global_offers", "global_offers must be one of undercut"),
        ("links", ",C-1,,", "tenant_id", NEEDED.format("tenant_id")),
        ("links", "*,C-1,,", "tenant_id", "write the id of one tenant; a link cannot stand for any"),
        ("links", "org:,C-1,,", "tenant_id", "write the id of one tenant; a link cannot stand for any"),
        ("links", f"{'t' * 101},C-1,,", "tenant_id", "tenant_id has more than 100 characters"),
        ("links", "t,,,", "organisation", NEEDED.format("organisation")),
        ("links", "t,C-1,1.10.2026,", "valid_from", NO_DAY),
        ("links", "t,C-1,1999-12-31,", "valid_from", NO_DAY),
        ("links", "t,C-1,2026-02-30,", "valid_from", NO_DAY),
        ("links", "t,C-1,,2026-1-31", "valid_to", NO_DAY),
        (
            "links",
            "t,C-1,2026-10-02,2026-10-01",
            "valid_to",
            "valid_to lies before valid_from; it is the last day that counts",
        ),
        ("list-prices", ",,,,EUR,1,,", "product_id", NEEDED.format("product_id")),
        ("list-prices", "P,,,,,1,,", "currency", "currency is empty; an ISO 4217 code is needed, for example EUR"),
        ("list-prices", "P,,,,EUR,,,", "price", "price is empty; a number is needed, for example 1234.50"),
        ("list-prices", "P,,,,EUR,-0.01,,", "price", "a list price must not be negative"),
        ("list-prices", "P,,P2Y,,EUR,1,,", "term", "term must be P1M, P1Y or P3Y, or empty for any"),
        ("list-prices", "P,,,,EUR,\"1,5\",,", "price", NO_NUMBER),
        ("services", ",S,n,one_off,1,EUR,,,,2026-10-01,", "organisation", NEEDED.format("organisation")),
        ("services", "C-1,,n,one_off,1,EUR,,,,2026-10-01,", "code", NEEDED.format("code")),
        ("services", "C-1,S,,one_off,1,EUR,,,,2026-10-01,", "name", NEEDED.format("name")),
        ("services", f"C-1,{'s' * 101},n,one_off,1,EUR,,,,2026-10-01,", "code", "code has more than 100 characters"),
        ("services", "C-1,S,n,weekly,1,EUR,,monthly,,2026-10-01,", "kind", "kind must be one of recurring, one_off"),
        ("services", "C-1,S,n,recurring,1,EUR,,,,2026-10-01,", "billing", "billing must be one of monthly, annual"),
        ("services", "C-1,S,n,one_off,1,EUR,,,weeks,2026-10-01,", "proration", "proration must be one of none, days"),
        ("services", "C-1,S,n,one_off,one,EUR,,,,2026-10-01,", "price", NO_NUMBER),
        ("services", "C-1,S,n,one_off,1,EUR,two,,,2026-10-01,", "quantity", NO_NUMBER),
        (
            "services",
            "C-1,S,n,one_off,1,EUR,,,,,",
            "valid_from",
            "valid_from is empty; a date is needed, for example 2026-10-01",
        ),
        ("rates", ",USD,EUR,1", "date", "date is empty; a date is needed, for example 2026-10-31"),
        ("rates", "2026-10-01,,EUR,1", "from", "from is empty; an ISO 4217 code is needed, for example EUR"),
        ("rates", "2026-10-01,USD,XXX,1", "to", NO_CURRENCY),
        ("rates", "2026-10-01,eur,EUR,1", "to", "a rate leads from one currency to another; these are the same"),
        ("rates", "2026-10-01,USD,EUR,0", "rate", "a rate must be more than 0"),
        ("rates", "2026-10-01,USD,EUR,", "rate", "rate is empty; a number is needed, for example 1234.50"),
        ("credits", ",customer credit,keep,,,", "organisation", NEEDED.format("organisation")),
        ("credits", "C-1,gift,keep,,,", "credit", WHICH_CREDIT),
        ("credits", "C-1,,keep,,,", "credit", WHICH_CREDIT),
        ("credits", "C-1,azure_credit,maybe,,,", "policy", "policy must be one of keep, pass_on"),
        ("credits", f"C-1,azure_credit,keep,,,{'n' * 2001}", "note", "note has more than 2000 characters"),
        (
            "cost-centres",
            "C-1,,RG,a=b,4711,,,",
            "tag",
            "a row is about a resource group or about a tag, not both",
        ),
        ("cost-centres", "C-1,,,sales,4711,,,", "tag", "write the tag with its value, for example department=sales"),
        ("cost-centres", "C-1,,,=sales,4711,,,", "tag", "write the tag with its value, for example department=sales"),
        ("cost-centres", "C-1,,,,,1,,", "cost_centre", NEEDED.format("cost_centre")),
        ("cost-centres", f"C-1,,,,{'4' * 101},1,,", "cost_centre", "cost_centre has more than 100 characters"),
        ("cost-centres", "C-1,,,,(none),1,,", "cost_centre", "a cost centre's name must not begin with a bracket"),
        ("cost-centres", "C-1,,,,4711,,,", "share", "share is empty; a number is needed, for example 1234.50"),
        ("cost-centres", "C-1,,RG,,4711,0,,", "share", NO_SHARE),
        ("cost-centres", ",,,,4711,1,,", "organisation", NEEDED.format("organisation")),
        ("purchase-orders", "C-1,,,,,", "purchase_order", NEEDED.format("purchase_order")),
        ("purchase-orders", ",,,PO 9,,", "organisation", NEEDED.format("organisation")),
        ("purchase-orders", "C-1,,,(9),,", "purchase_order", "a purchase order must not begin with a bracket"),
        ("purchase-orders", f"C-1,,,{'9' * 101},,", "purchase_order", "purchase_order has more than 100 characters"),
        (
            "prices",
            "*,,,,gift,,,,,,",
            "kind",
            "kind must be one of discount, fixed, margin, markup, none, passthrough, tiered",
        ),
        ("prices", "*,,0001,,markup,20,,,,,", "sku_id", NO_PRODUCT),
        ("prices", "*,,,,fixed,1,,,,,", "currency", "currency is empty; an ISO 4217 code is needed, for example EUR"),
        ("prices", "*,,,,passthrough,1,,,,,", "value", "the value of passthrough must be empty"),
        ("prices", "*,,,,none,,,,,,", "note", "none needs a note that says why nothing is charged"),
        ("prices", f"*,,,,markup,1,,,,,{'n' * 2001}", "note", "note has more than 2000 characters"),
        ("prices", "*,,,,markup,1,,,,perhaps,", "offer", "offer must be one of yes, no, true, false"),
        ("prices", "*,,,,fixed,-1,EUR,,,,", "value", "a fixed price must be 0 or more"),
        ("prices", "*,,,,markup,-100,,,,,", "value", "a markup must be more than -100 percent"),
        ("prices", "*,,,,margin,100,,,,,", "value", "a margin must be less than 100 percent"),
        ("prices", "*,,,,discount,100.01,EUR,,,,", "value", "a discount must be 100 percent or less"),
        ("prices", "*,,,,tiered,12.00,EUR,,,,", "value", TIERS),
        ("prices", "*,,,,tiered,1:x,EUR,,,,", "value", TIERS),
        ("prices", "*,,,,tiered,1:2;1:3,EUR,,,,", "value", "the quantities of the tiers must grow from left to right"),
        ("prices", "*,,,,tiered,-1:2,EUR,,,,", "value", "quantities and prices of tiers must be 0 or more"),
        ("prices", "*,,,,tiered,1:-2,EUR,,,,", "value", "quantities and prices of tiers must be 0 or more"),
    ],
)  # fmt: skip
def test_a_row_that_is_refused(kind: Kind, row: str, column: str, text: str) -> None:
    assert mistakes(kind, row) == [(2, column, text)]


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        # at the edge of what is allowed
        ("organisations", [f"{'c' * 100},{'n' * 500},de,eur,,Cost-Centre,Undercut"]),
        ("links", ["t,C-1,2000-01-01,2000-01-01", f"{'t' * 100},C-1,,"]),
        ("list-prices", ["P,,p1m,,EUR,0,,", "P,*,*,*,EUR,1.5,2026-10-01,"]),
        ("services", [f"*,{'s' * 100},n,One Off,-1,EUR,0.5,,,2026-10-01,"]),
        ("credits", [f"*,Customer-Credit,PASS ON,,,{'n' * 2000}"]),
        ("cost-centres", [f"C-1,,RG,,{'4' * 100},,,", "C-1,,,a=b,4712,,,", "C-1,,,,4713,0.001,,"]),
        ("purchase-orders", [f"C-1,,,{'9' * 100},,"]),
        ("rates", ["2026-10-01,USD,EUR,0.0001"]),
        ("prices", ["*,,,,tiered,0:0;1.5:2;,EUR,,,,", f"*,,,,Markup,1,,,,TRUE,{'n' * 2000}"]),
    ],
)
def test_rows_at_the_edge_of_what_is_allowed(kind: Kind, rows: list[str]) -> None:
    assert mistakes(kind, *rows) == []


def test_all_mistakes_of_a_file_are_told_at_once_in_the_order_of_its_rows() -> None:
    assert mistakes("links", ",,2026-01-01,", "t,C-1,,", "u,C-1,x,y", "t,C-2,,", "t,C-1,,2027-01-01") == [
        (2, "tenant_id", NEEDED.format("tenant_id")),
        (2, "organisation", NEEDED.format("organisation")),
        (4, "valid_from", NO_DAY),
        (4, "valid_to", NO_DAY),
        (6, "", "the same tenant, organisation and valid_from as row 3; keep one of them"),
    ]


@pytest.mark.parametrize(
    ("kind", "row", "key"),
    [
        ("organisations", "C-1,,,,,,", "code"),
        ("prices", "*,,,,markup,1,,,,,", "columns (all but value, valid_to and note)"),
        ("list-prices", "P,,,,EUR,1,,", "columns (all but price and valid_to)"),
        ("services", "C-1,S,n,one_off,1,EUR,,,,2026-10-01,", "organisation, code and valid_from"),
        ("rates", "2026-10-01,USD,EUR,1", "date, from and to"),
        ("credits", "*,azure_credit,keep,,,", "organisation, credit and valid_from"),
        ("cost-centres", "C-1,,,,4711,1,,", "columns (all but share and valid_to)"),
        ("purchase-orders", "C-1,,,PO 9,,", "organisation, subscription, product and valid_from"),
    ],
)
def test_a_row_that_stands_there_twice(kind: Kind, row: str, key: str) -> None:
    assert mistakes(kind, row, row) == [(3, "", f"the same {key} as row 2; keep one of them")]


@pytest.mark.parametrize(
    ("header", "rows", "wanted"),
    [
        ("code,name,code", ["C-1,n,C-2"], [(1, "code", "two columns have this name; use it once")]),
        ("code,note,Note,note", ["C-1,,,"], [(1, "note", "two columns have this name; use it once")]),
        (
            "name,price",
            ["n,1"],
            [
                (
                    1,
                    "code",
                    "the column code is missing; the columns are code, name, country, currency, group, ledger, "
                    "ledger_customer, email, purchase_order, grouping, global_offers",
                )
            ],
        ),
        ("code", [], [(1, "", "the file has no rows")]),
        (
            "code,name",
            ["C-1,n,x"],
            [(2, "", "the row has more cells than the header; a cell with a delimiter inside needs quotes")],
        ),
        ("code,name", ["C-1,n,,"], []),
        (" CODE ,Na_Me", ["C-1,n"], []),
    ],
)
def test_the_header(header: str, rows: list[str], wanted: list[tuple[int, str, str]]) -> None:
    assert mistakes("organisations", *rows, header=header) == wanted


# -- what a spreadsheet does to numbers ------------------------------------------------------------------------


def in_sheet(kind: Kind, /, **cells: Cell) -> list[tuple[int, str, str]]:
    report = read(kind, as_xlsx([list(cells), list(cells.values())]))
    return [(error.row, error.column, error.text) for error in report.errors]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (123456789012345, ""),
        (1234567890123456, "the spreadsheet kept only 15 digits; format the column as text"),
        ("1234567890123456", ""),
        (-12345678901234.5, ""),
        (0.000123456789012345, ""),
    ],
)
def test_a_spreadsheet_keeps_fifteen_digits(cell: Cell, text: str) -> None:
    assert in_sheet("organisations", code="C-1", name=cell) == ([(2, "name", text)] if text else [])


def test_an_id_that_became_a_number_has_lost_its_zeros() -> None:
    text = "the spreadsheet took this id for a number; enter it anew in a column of text"
    assert in_sheet("prices", organisation="*", product_id="P", sku_id=1, kind="passthrough") == [(2, "sku_id", text)]
    assert in_sheet("prices", organisation="*", product_id="P", sku_id="0001", kind="passthrough") == []


def test_a_percent_cell_holds_a_hundredth_of_what_it_shows() -> None:
    text = "a spreadsheet cell shown as 20% holds 0.2; enter 20, or below one percent use a column of text"
    for value in (0.2, -0.2, 0.999):
        assert in_sheet("prices", organisation="*", kind="markup", value=value) == [(2, "value", text)]
    for value in (1, 0, 20.5, "0.2"):
        assert in_sheet("prices", organisation="*", kind="markup", value=value) == []
    assert in_sheet("prices", organisation="*", kind="fixed", value=0.2, currency="EUR") == []


def test_notes_keep_every_filled_cell_of_an_unknown_column() -> None:
    report = read("organisations", b"code,region,,note\nC-1,no\0rth,x,\nC-2,,,\nC-3,s\n")
    assert [row.notes for row in report.rows] == [{"region": "north", "column 3": "x"}, {}, {"region": "s"}]
    assert (report.extra, report.total, report.skipped) == (("region", "column 3", "note"), 3, 0)
