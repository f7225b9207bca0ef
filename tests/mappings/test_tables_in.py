"""Tables as people send them: which rows come out, and the sentence when a table cannot be read whole."""

from __future__ import annotations

import io
import zipfile
from datetime import date

import pytest

from mappings.tables_in import MAX_BYTES, MAX_ROWS, BrokenTable, SheetRow, rows_of
from tests.mappings.sheets import as_csv, as_xlsx

COLUMNS = {"name", "price"}
TABLE = [["name", "price"], ["Größe", "1.50"], ["b", "2"]]


def fitting(cells: list[str]) -> int:
    """How many column names we know."""
    return len(COLUMNS & {cell.strip() for cell in cells})


def rows(content: bytes | str) -> list[SheetRow]:
    return list(rows_of(content.encode() if isinstance(content, str) else content, fitting))


def cells(content: bytes | str) -> list[list[str]]:
    return [row.cells for row in rows(content)]


def refusal(content: bytes | str) -> tuple[int, str]:
    with pytest.raises(BrokenTable) as refused:
        rows(content)
    assert str(refused.value) == refused.value.text
    return refused.value.row, refused.value.text


# -- CSV -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_every_delimiter_with_and_without_a_byte_order_mark(delimiter: str, mark: bytes) -> None:
    assert cells(mark + as_csv(TABLE, delimiter)) == TABLE


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_line_end_and_a_line_break_inside_quotes(line_end: str) -> None:
    text = line_end.join(["name,price", f'"two{line_end}lines",1', "c,2", ""])
    assert cells(text) == [["name", "price"], [f"two{line_end}lines", "1"], ["c", "2"]]


def test_rows_are_numbered_as_a_person_sees_them_and_blank_ones_left_out() -> None:
    assert [row.no for row in rows("name,price\n\n , \na,1\n\nb,2\n")] == [1, 4, 6]


def test_the_header_need_not_be_the_first_row() -> None:
    """Blank rows before it do not hide the delimiter."""
    assert cells("\n\r\n\nname|price\na;b|1,5\n") == [["name", "price"], ["a;b", "1,5"]]
    assert [row.no for row in rows("\n\nname|price\na|1\n")] == [3, 4]


@pytest.mark.parametrize("told", ["sep=;\r\n", "SEP=;\n", "Sep=;\n"])
def test_excels_own_line_names_the_delimiter(told: str) -> None:
    """Whatever the header would suggest; the row numbers still count it."""
    found = rows(f"{told}name;price,name\na;1,b\n")
    assert [(row.no, row.cells) for row in found] == [(2, ["name", "price,name"]), (3, ["a", "1,b"])]


def test_a_line_that_only_looks_like_excels_is_a_row() -> None:
    assert cells("sep=x\nname,price\n")[0] == ["sep=x"]
    assert len(cells("sep=;x\nname,price\n")) == 2


def test_cells_are_trimmed_and_cells_of_a_csv_are_no_numbers() -> None:
    assert rows("name,price\n  a\t,  1 \n")[1] == SheetRow(2, ["a", "1"], frozenset())


def test_a_quote_inside_a_header_does_not_hide_the_delimiter() -> None:
    assert cells('name;price;"a ""quoted"" one"\na;1;x\n') == [["name", "price", 'a "quoted" one'], ["a", "1", "x"]]


@pytest.mark.parametrize(
    ("content", "row", "text"),
    [
        ('name,price\na,"1\nb,2\n', 2, QUOTE := (
            'a quote is not closed, or text stands beside a quoted cell; a quote inside a cell is written ""'
        )),
        ('name,price\na,1\n"b"x,2\nc,3\n', 3, QUOTE),
        ('sep=,\nname,price\n"b"x,2\n', 3, QUOTE),
        ("name,price\na,1\nb", 3, "the file seems cut off: its last row is short and has no line end"),
        ("name,price\n\xe4".encode("latin-1"), 2, "the file is not UTF-8 text; save it as CSV UTF-8"),
        (b"\xe4\nname", 1, "the file is not UTF-8 text; save it as CSV UTF-8"),
        (b"\nname,price\n\na,\xff\xff\n", 4, "the file is not UTF-8 text; save it as CSV UTF-8"),
        ("name,price".encode("utf-16"), 1, "the file is UTF-16 text; save it as CSV UTF-8"),
        (b"\xfe\xff" + "name,price".encode("utf-16-be"), 1, "the file is UTF-16 text; save it as CSV UTF-8"),
    ],
)  # fmt: skip
def test_a_csv_that_cannot_be_read_whole(content: str | bytes, row: int, text: str) -> None:
    assert refusal(content) == (row, text)


@pytest.mark.parametrize(
    "content", ["name,price\na,1\nb,2", "name,price\na,1\nb\n", "name,price\na,1\nb\r", "name,price\na,1\nb,2,3"]
)
def test_a_last_row_that_is_whole(content: str) -> None:
    assert len(rows(content)) == 3


def test_rows_before_the_broken_one_come_out_first() -> None:
    """The reader streams; what it gave is not taken back, the error ends it."""
    stream = rows_of(b'name,price\na,1\nb,2\n"c"x,3\n', fitting)
    assert [next(stream).cells for _ in range(2)] == [["name", "price"], ["a", "1"]]
    with pytest.raises(BrokenTable):
        list(stream)


def test_an_empty_file_has_no_rows() -> None:
    assert rows(b"") == []
    assert rows(b"\n\n") == []


def test_a_million_rows_below_the_header_are_read_and_one_more_is_refused() -> None:
    header, row = b"name\n", b"a\n"
    assert sum(1 for _ in rows_of(header + row * MAX_ROWS, fitting)) == MAX_ROWS + 1 == 1_000_001
    with pytest.raises(BrokenTable) as refused:
        for _ in rows_of(header + b"\n" + row * (MAX_ROWS + 1), fitting):
            pass
    assert (refused.value.row, refused.value.text) == (1_000_003, "the file has more than 1,000,000 rows; split it")


def test_a_file_of_more_than_512_mb_is_refused_before_it_is_looked_at() -> None:
    assert refusal(bytes(MAX_BYTES + 1)) == (1, "the file is larger than 512 MB; split it")


# -- spreadsheets ----------------------------------------------------------------------------------------------

DAMAGED = (1, "the file is damaged or not an .xlsx file; save it again")


def package_of(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in members.items():
            package.writestr(name, content)
    return out.getvalue()


def repacked(content: bytes, **changes: tuple[bytes, bytes]) -> bytes:
    """The package with text replaced in the members whose path contains a word."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        members = {name: package.read(name) for name in package.namelist()}
    for word, (old, new) in changes.items():
        for name in members:
            if word in name:
                members[name] = members[name].replace(old, new)
    return package_of(members)


def test_a_spreadsheet_gives_the_text_a_careful_person_would_have_typed() -> None:
    sheet = as_xlsx([["name", "price", "when", "yes"], [" a ", 12.1, date(2026, 10, 31), True], ["b", 7, None, False]])
    found = rows(sheet)
    assert [row.cells for row in found] == [
        ["name", "price", "when", "yes"],
        ["a", "12.1", "2026-10-31", "yes"],
        ["b", "7", "", "no"],
    ]
    assert [row.numbers for row in found] == [frozenset(), frozenset({1}), frozenset({1})]
    assert [row.no for row in found] == [1, 2, 3]


def test_only_the_first_visible_sheet_is_read() -> None:
    sheet = as_xlsx(TABLE)
    hidden = (b'<sheet name="Sheet1"', b'<sheet state="hidden" name="Sheet1"')
    assert refusal(repacked(sheet, workbook=hidden)) == (1, "the file has no visible sheet")


def test_columns_up_to_az_are_read_and_no_further() -> None:
    wide = [[f"c{number}" for number in range(52)]]
    assert cells(as_xlsx(wide)) == wide
    text = "a sheet has cells to the right of column AZ; delete those columns"
    assert refusal(as_xlsx([[*wide[0], "too far"]])) == (1, text)
    for place in (b"AAA1", b"XFD1", b"ZZ9"):
        assert refusal(repacked(as_xlsx(TABLE), sheet1=(b'r="B1"', b'r="' + place + b'"'))) == (1, text)
    assert refusal(repacked(as_xlsx(TABLE), sheet1=(b'r="B1"', b"r='BA1'"))) == (1, text)


def test_a_far_cell_is_found_where_the_sheet_is_read_in_two_pieces() -> None:
    """Sheets are searched a megabyte at a time; the place may lie across the cut."""
    sheet = as_xlsx(TABLE)
    with zipfile.ZipFile(io.BytesIO(sheet)) as package:
        head = package.read("xl/worksheets/sheet1.xml").index(b'<c r="A1"')
    for shift in range(1, 12):
        filler = b"<!--" + b"x" * ((1 << 20) - head - 7 - shift) + b"-->"
        moved = repacked(sheet, sheet1=(b'<c r="A1"', filler + b'<c r="BA1"'))
        assert refusal(moved)[1].startswith("a sheet has cells to the right of column AZ")


@pytest.mark.parametrize(
    ("content", "row", "text"),
    [
        (b"\xd0\xcf\x11\xe0rest", 1, "an old or a protected Excel file; save it as .xlsx without a password"),
        (package_of({"a.csv": b"name,price"}), 1, "the file is a zip archive, not an .xlsx file; unpack it first"),
        (b"PK\x03\x04 and nothing more", *DAMAGED),
        (package_of({"xl/workbook.xml": b"<workbook"}), *DAMAGED),
        (as_xlsx(TABLE)[:-30], *DAMAGED),
    ],
)
def test_a_spreadsheet_that_cannot_be_read(content: bytes, row: int, text: str) -> None:
    assert refusal(content) == (row, text)


def test_a_small_file_that_unpacks_to_more_than_a_gigabyte_is_refused() -> None:
    """What the package says of its own sizes is enough; nothing is unpacked."""
    honest = package_of({"xl/workbook.xml": b"<workbook/>", "xl/big.bin": b"x" * 200})
    claimed = honest.replace((200).to_bytes(4, "little"), (2**30).to_bytes(4, "little"))
    assert refusal(claimed) == (1, "the file unpacks to more than 1 GB; split it or save it as CSV UTF-8")
    within = honest.replace((200).to_bytes(4, "little"), (2**30 - 11).to_bytes(4, "little"))
    assert refusal(within) == DAMAGED
