"""Importing what the partner decides: all rows or none, mistakes by row and column (docs/imports.md)."""

from __future__ import annotations

import pytest

from tests.cli.desk import Desk, told
from tests.cli.october import CUSTOMERS, FIRST, NET, PERIOD

PRICES = (
    "organisation,product_id,sku_id,term,billing,subscription_id,kind,value,currency,valid_from,valid_to,offer,note"
)


def test_one_bad_row_keeps_all_out_and_every_mistake_is_named(desk: Desk) -> None:
    desk.decides(CUSTOMERS, markup="")
    rows = [
        "*,,,,,,markup,20,,,,,good",
        'C-1,,,,,,markup,"20,5",,,,,decimal comma',
        "C-1,,,,,,fixed,10.00,,,,,no currency",
        "C-9,,,,,,markup,20,,,,,nobody",
        "C-1,,0001,,,,markup,20,,,,,a sku without its product",
        "C-1,,,,,,discount,101,EUR,,,,more than all",
        "C-1,,,,,,markup,20,,2026-02-30,,,no such day",
    ]
    said = desk.imports("prices", "\n".join([PRICES, *rows, ""]))
    assert said.status == 2
    places = {(error["row"], error["column"]) for error in said.json["errors"]}
    assert places >= {
        (3, "value"), (4, "currency"), (5, "organisation"), (6, "sku_id"), (7, "value"), (8, "valid_from"),
    }  # fmt: skip
    assert not any(row == 2 for row, _ in places)
    assert all(error["text"] for error in said.json["errors"])
    assert said.json["error_count"] == len(said.json["errors"])
    assert [said.json[name] for name in ("added", "changed", "removed")] == [0, 0, 0]
    # nothing was taken in: the good row is new when it comes alone
    assert desk.imports("prices", "\n".join([PRICES, rows[0], ""])).json["added"] == 1


def test_the_same_mistakes_in_prose(desk: Desk) -> None:
    path = desk.write("organisations.csv", "code,country,currency\nC-1,Germany,EUR\nC-2,DE,DOLLAR\n")
    said = desk.run("import", "organisations", path)
    told(said, 2, "Nothing was imported: 2 mistakes", "country.*currency")
    assert said.out == ""


@pytest.mark.parametrize(
    ("kind", "header", "good", "bad", "column"),
    [
        ("organisations", "code,name,country", "C-1,One,DE", "C-2,Two,Germany", "country"),
        ("links", "tenant_id,organisation", f"{FIRST.tenant_id},C-1", f"{FIRST.tenant_id[:-1]}7,C-7", "organisation"),
        ("list-prices", "product_id,sku_id,currency,price", "P,S,EUR,1.00", "P,T,EUR,much", "price"),
        ("services", "organisation,code,name,kind,price,currency,valid_from",
         "C-1,A,Help,one_off,5,EUR,2025-10-01", "C-1,B,Help,sometimes,5,EUR,2025-10-01", "kind"),
        ("rates", "date,from,to,rate", "2025-10-01,USD,EUR,0.9", "2025-10-01,USD,EUR,0", "rate"),
    ],
)  # fmt: skip
def test_a_bad_row_of_each_kind(desk: Desk, kind: str, header: str, good: str, bad: str, column: str) -> None:
    desk.taken("organisations", "code", "C-1")
    said = desk.imports(kind, f"{header}\n{good}\n{bad}\n")
    errors = said.json["errors"]
    assert (said.status, {error["row"] for error in errors}) == (2, {3})
    assert column in {error["column"] for error in errors}
    assert desk.imports(kind, f"{header}\n{good}\n").status == 0


def test_a_dry_run_changes_nothing(desk: Desk) -> None:
    desk.decides(CUSTOMERS, markup="25")
    before = desk.sync(PERIOD, status=0).view
    cheaper = f"{PRICES}\n*,,,,,,markup,5,,2020-01-01,,,\nC-1,,,,,,markup,1,,,,,\n"
    dry = desk.imports("prices", cheaper, "--dry-run")
    counts = {name: dry.json[name] for name in ("dry_run", "rows", "added", "changed")}
    assert counts == {"dry_run": True, "rows": 2, "added": 1, "changed": 1}
    assert desk.sync(PERIOD, status=0).view == before
    assert desk.imports("prices", cheaper).json["added"] == 1
    assert desk.sync(PERIOD, status=0).net != NET


def test_the_same_file_twice_changes_nothing(desk: Desk) -> None:
    desk.decides(CUSTOMERS)
    before = desk.sync(PERIOD, status=0).view
    for kind in ("organisations", "links", "prices"):
        again = desk.run("import", kind, str(desk.folder / f"{kind}.csv"), "--json")
        assert (again.status, again.json["added"], again.json["changed"], again.json["removed"]) == (0, 0, 0, 0)
        assert again.json["unchanged"] == again.json["rows"]
    assert desk.sync(PERIOD, status=0).view == before


def test_replace_removes_only_what_nothing_needs(desk: Desk) -> None:
    desk.decides(CUSTOMERS)
    said = desk.imports("organisations", "code\nC-1\n", "--replace")
    assert (said.status, [error["column"] for error in said.json["errors"]]) == (2, ["code"])
    desk.taken("organisations", "code", "C-3")
    said = desk.imports("organisations", "code,name,country,currency\nC-1,a,DE,EUR\nC-2,b,DE,EUR\n", "--replace")
    assert (said.status, said.json["removed"]) == (0, 1)


def test_a_file_that_is_not_there(desk: Desk) -> None:
    for kind in ("organisations", "links", "prices", "list-prices", "services", "rates", "ledgers"):
        told(desk.run("import", kind, "/nowhere/file.csv"), 2, "file.csv cannot be read", "Check the path")


def test_a_kind_that_there_is_not(desk: Desk) -> None:
    told(desk.run("import", "customers", "file.csv"), 2, "No such command 'customers'", "Try|--help|Error")


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00\x00junk", b"\x00\x01\x02", b"just one line", b"PK\x03\x04no workbook"]
)
def test_a_file_of_some_other_kind(desk: Desk, content: bytes) -> None:
    path = desk.folder / "organisations.csv"
    path.write_bytes(content)
    said = desk.run("import", "organisations", str(path), "--json")
    assert said.status == 2
    assert said.json.get("errors") or said.json["error"]["text"]


def test_a_password_in_the_ledgers_file_is_refused_and_not_shown(desk: Desk) -> None:
    path = desk.write(
        "ledgers.toml",
        '[[ledger]]\nname = "books"\nkind = "tryton"\n[ledger.settings]\nurl = "https://books.example.test"\n'
        'database = "books"\nuser = "me"\npassword = "canary-in-plain-text"\n',
    )
    said = desk.run("import", "ledgers", path)
    told(said, 2, "no secret belongs in the file", "write password = ")
    assert "canary" not in said.err + said.out


def test_formulas_and_markup_in_names_are_text(desk: Desk) -> None:
    names = ['=HYPERLINK("http://x","y")', "[red]not red[/red]", "Ünïcode 北京", "+49 30"]
    rows = [f'C-{n},"{name.replace(chr(34), chr(34) * 2)}"' for n, name in enumerate(names)]
    desk.taken("organisations", "code,name", *rows)
    path = str(desk.folder / "organisations.csv")
    said = desk.run("import", "organisations", path, "--replace", "--dry-run")
    assert said.status == 0
