"""What is written in the form of an import is read again as the same rows: every digit, every sign, every blank."""

from __future__ import annotations

import csv
import io
import string
from datetime import date
from decimal import Decimal
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from mappings.cells import Kind
from mappings.decided import Decision, content_of, key_of
from mappings.formats import read
from mappings.links import Organisation, TenantLink
from mappings.pricelist import ListPrice, PriceRule, Rate, RuleKind, Service, Tier
from mappings.write_table import CannotWrite, Form, Kept, table_of, write_table

FORMS: list[Form] = ["csv", "xlsx"]
LONG = Decimal("1234567890.12345678901234567890")


def rule(kind: RuleKind = "markup", **columns: object) -> PriceRule:
    given_: dict[str, object] = {
        "id": "", "version": 0, "organisation": "", "product_id": "", "sku_id": "", "term": "", "billing": "",
        "subscription_id": "", "kind": kind, "value": Decimal(20), "tiers": (), "currency": "EUR",
        "valid_from": None, "valid_to": None, "offer": False, "note": "", "import_no": 0, "row_no": 0,
    }  # fmt: skip
    return PriceRule(**{**given_, **columns})  # type: ignore[arg-type]


def again(kind: Kind, rows: list[Kept], form: Form) -> list[tuple[object, ...]]:
    report = read(kind, write_table(kind, rows, form))
    assert report.errors == ()
    return [_said(row.value, row.notes) for row in report.rows]


def _said(value: Decision, notes: dict[str, str]) -> tuple[object, ...]:
    return (key_of(value), content_of(value), notes)


ALL_KINDS = [
    Kept(rule(organisation="C-1", product_id="0012", sku_id="0001", term="P1Y", billing="Monthly", kind="fixed",
              value=Decimal("12.50"), valid_from=date(2026, 1, 1))),
    Kept(rule("tiered", value=None, tiers=(Tier(Decimal(1), Decimal("12.00")), Tier(Decimal(50), LONG)))),
    Kept(rule("none", value=None, note="our own\r\ncompany;\tand \"friends\"")),
    Kept(rule("markup", value=Decimal("-10.5"), currency="", offer=True, valid_to=date(2026, 12, 31))),
    Kept(rule("markup", value=LONG, subscription_id="1E5", currency="")),
    Kept(rule("discount", value=Decimal("0"), product_id="=P", note="=1+1")),
    Kept(rule("passthrough", value=None, note="@SUM(A1)"), {"our note": "+49 30", "=cmd": "'=already marked"}),
    Kept(rule("passthrough", value=None, organisation="C-1", note="'tis"), {"our note": "1", "sep": "北京 _x000D_ é"}),
    Kept(rule("margin", value=Decimal("-0.1"), organisation="C-2", currency=""), {"our note": "0001"}),
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_rule_comes_back(form: Form) -> None:
    assert again("prices", ALL_KINDS, form) == [_said(row.value, row.notes) for row in ALL_KINDS]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_rows_give_the_same_bytes(form: Form) -> None:
    assert write_table("prices", ALL_KINDS, form) == write_table("prices", ALL_KINDS, form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("organisations", Organisation("0001", "=HYPERLINK(\"http://x\")", "DE", "EUR", "north", purchase_order="-1")),
        ("links", TenantLink("0b1c2d3e-0000-4000-8000-000000000001", "C-1", None, date(2026, 9, 30))),
        ("list-prices", ListPrice("P", "0001", "P1Y", "Monthly", "EUR", LONG, date(2026, 1, 1), None)),
        ("rates", Rate(date(2026, 10, 1), "USD", "EUR", Decimal("0.92150"))),
        ("services", Service("C-1", "SUP", "Help\nand more", "recurring", Decimal("-9.90"), "EUR", Decimal("1.5"),
                             "annual", "days", date(2026, 1, 1), None)),
    ],
)  # fmt: skip
def test_the_other_kinds_come_back(form: Form, kind: Kind, value: Decision) -> None:
    assert again(kind, [Kept(value)], form) == [_said(value, {})]


def test_no_cell_of_a_csv_begins_like_a_formula() -> None:
    content = write_table("prices", ALL_KINDS, "csv").decode()
    cells = [cell for row in csv.reader(io.StringIO(content, newline="")) for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == ["-10.5", "-0.1"], (
        "a number is no formula"
    )
    assert "'=1+1" in cells
    assert "''=already marked" in cells


def test_an_xlsx_holds_text_only() -> None:
    book = CalamineWorkbook.from_filelike(io.BytesIO(write_table("prices", ALL_KINDS, "xlsx")))
    cells = [cell for row in book.get_sheet_by_index(0).to_python() for cell in row]
    assert {type(cell) for cell in cells} == {str}
    assert "0001" in cells
    assert "=1+1" in cells
    assert str(LONG) in cells


def test_an_apostrophe_before_a_formula_is_taken_off_and_no_other() -> None:
    text = "organisation,kind,value,note\n*,markup,20,'=1+1\nC-1,markup,20,'tis\nC-2,markup,20,''@x\n"
    notes = [row.value.note for row in read("prices", text.encode()).rows if isinstance(row.value, PriceRule)]
    assert notes == ["=1+1", "'tis", "'@x"]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([Kept(rule(), {f"n{number}": "x" for number in range(60)})], "52 columns"),
        ([Kept(rule(), {"n": "x" * 40_000})], "32,767 characters"),
        ([Kept(rule(note="a\ufffeb"))], "cannot carry"),
    ],
)
def test_what_a_spreadsheet_cannot_carry_is_said_and_goes_into_a_csv(rows: list[Kept], why: str) -> None:
    with pytest.raises(CannotWrite, match=why):
        write_table("prices", rows, "xlsx")
    assert again("prices", rows, "csv") == [_said(row.value, row.notes) for row in rows]


def test_nothing_decided_is_a_file_with_a_header() -> None:
    assert table_of("rates", []) == [["date", "from", "to", "rate"]]
    assert write_table("rates", [], "csv") == b"date,from,to,rate\r\n"


# ---- laws

TEXTS = st.text(
    st.one_of(
        st.sampled_from("=+-@'\"\r\n\t,;|_x0041 "), st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    ),
    max_size=12,
).map(str.strip)
NUMBERS = st.decimals(min_value=0, max_value=10**15, places=15)
DAYS = st.one_of(st.none(), st.dates(date(2000, 1, 1), date(2100, 1, 1)))


@st.composite
def kept(draw: st.DrawFn) -> Kept:
    kind = cast(RuleKind, draw(st.sampled_from(["fixed", "markup", "tiered", "none", "passthrough"])))
    tiered, figure = kind == "tiered", kind in ("fixed", "markup")
    value = rule(
        kind,
        organisation=draw(st.sampled_from(["", "C-1"])),
        product_id=draw(TEXTS.filter(lambda text: text != "*")),
        value=draw(NUMBERS) if figure else None,
        tiers=(Tier(Decimal(1), draw(NUMBERS)), Tier(Decimal(7), draw(NUMBERS))) if tiered else (),
        valid_from=draw(DAYS),
        offer=draw(st.booleans()),
        note=draw(TEXTS) or "why",
    )
    names = st.sampled_from(["region", "=name", "our note", *string.ascii_lowercase[:3]])
    return Kept(value, draw(st.dictionaries(names, TEXTS.filter(bool), max_size=3)))


@settings(deadline=None, max_examples=60)
@given(st.lists(kept(), max_size=8, unique_by=lambda row: key_of(row.value)), st.sampled_from(FORMS))
def test_any_price_list_comes_back(rows: list[Kept], form: Form) -> None:
    try:
        content = write_table("prices", rows, form)
    except CannotWrite:
        # only ever for characters that XML has no place for
        assert form == "xlsx"
        assert again("prices", rows, "csv") == [_said(row.value, row.notes) for row in rows]
        return
    report = read("prices", content)
    assert [error for error in report.errors if error.text != "the file has no rows"] == []
    assert [_said(row.value, row.notes) for row in report.rows] == [_said(row.value, row.notes) for row in rows]
