"""Price lists as the price owner keeps them: listed, explained by their history, written out, checked, taken back."""

from __future__ import annotations

import csv
import getpass
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.desk import Desk, told

HEADER = (
    "organisation,product_id,sku_id,term,billing,subscription_id,kind,value,currency,valid_from,valid_to,offer,note"
)
TODAY = datetime.now(UTC).date()


def day(days: int) -> str:
    return (TODAY + timedelta(days=days)).isoformat()


@pytest.fixture
def owner(desk: Desk) -> Desk:
    """A partner with two customers, a global price, and one of each sort for C-1."""
    desk.taken("organisations", "code,name,currency", "C-1,One,EUR", "C-2,Two,EUR")
    desk.taken(
        "prices", HEADER,
        "*,,,,,,markup,20,,2020-01-01,,,our usual",
        "C-1,CFQ1,0001,P1Y,Monthly,,fixed,12.50,EUR,2026-01-01,,,",
        f"C-1,CFQ1,,,,,discount,10,EUR,{day(-30)},{day(200)},yes,autumn",
        "C-1,,,,,SUB-1,fixed,11,EUR,,,,",
    )  # fmt: skip
    return desk


def listed(desk: Desk, *options: str) -> list[tuple[str, str, str]]:
    rules = desk.done("prices", "list", "--json", *options).json
    return [(rule["organisation"], rule["kind"], rule["value"]) for rule in rules]


# ---- what holds


def test_the_rules_that_hold(owner: Desk) -> None:
    assert listed(owner, "--organisation", "*") == [("*", "markup", "20")]
    assert sorted(listed(owner, "--organisation", "C-1")) == [
        ("C-1", "discount", "10"), ("C-1", "fixed", "11"), ("C-1", "fixed", "12.5"),
    ]  # fmt: skip
    assert listed(owner, "--organisation", "C-2") == []
    assert listed(owner, "--offers") == [("C-1", "discount", "10")]
    assert sorted(listed(owner, "--product", "cfq1")) == [("C-1", "discount", "10"), ("C-1", "fixed", "12.5")]
    assert sorted(listed(owner, "--on", "2021-06-01")) == [("*", "markup", "20"), ("C-1", "fixed", "11")]
    assert len(listed(owner)) == 4


def test_the_list_in_prose(owner: Desk) -> None:
    said = owner.done("prices", "list")
    assert said.says("our usual", "CFQ1 0001 P1Y Monthly", "subscription SUB-1", "EUR offer", "4 rules")


def test_an_organisation_that_there_is_not(owner: Desk) -> None:
    told(owner.run("prices", "list", "--organisation", "c-1"), 2, "No organisation has the code c-1", "upper and lower")
    told(owner.run("prices", "history", "--rule", "r_x"), 2, "No rule has ever had the id r_x", "prices history")
    told(owner.run("prices", "list", "--on", "1.10.2026"), 2, "not a day", "2026-10-31")


# ---- what held, and why


def test_the_history_of_a_rule(owner: Desk) -> None:
    path = owner.write("prices.csv", f"{HEADER}\n*,,,,,,markup,25,,2020-01-01,2030-12-31,,new\n")
    changed = owner.done("import", "prices", path, "--why", "costs rose", "--json").json["change_set"]
    undone = owner.done("changes", "undo", str(changed), "--why", "too early", "--json").json["change_set"]
    (rule,) = owner.done("prices", "history", "--organisation", "*", "--json").json
    assert rule["holds"]
    first, second, third = rule["versions"]
    assert (first["before"], first["after"], first["ended"]["how"]) == ("", "20", "replaced")
    assert (second["before"], second["after"], second["valid_to"]) == ("20", "25", "2030-12-31")
    assert (second["since"]["why"], second["since"]["who"]) == ("costs rose", getpass.getuser())
    assert (second["ended"]["how"], second["ended"]["why"]) == ("taken back", "too early")
    assert (second["since"]["change_set"], second["ended"]["change_set"]) == (changed, undone)
    assert (third["after"], third["note"], third["ended"]) == ("20", "our usual", None)
    prose = owner.done("prices", "history", "--rule", rule["rule"])
    assert prose.says("version 2: 20 -> 25", "costs rose", f"taken back: change set {undone}", "too early")


def test_a_rule_that_was_removed_has_an_end_and_a_culprit(owner: Desk) -> None:
    path = owner.write("prices.csv", f"{HEADER}\n*,,,,,,markup,20,,2020-01-01,,,our usual\n")
    owner.done("import", "prices", path, "--replace", "--why", "one price for all")
    gone = owner.done("prices", "history", "--organisation", "C-1", "--json").json
    assert len(gone) == 3
    assert {rule["holds"] for rule in gone} == {False}
    assert {rule["versions"][-1]["ended"]["why"] for rule in gone} == {"one price for all"}
    assert {rule["versions"][-1]["ended"]["how"] for rule in gone} == {"removed"}


# ---- in the form of the import

ODD = (
    'C-2,0012,0001,P3Y,Annual,,tiered,1:12.00;50:11.00000000000000000001,EUR,,,,"=1+1 ""quoted""\nnext line",0007',
    "C-2,=P,,,,,fixed,1234567890.12345678901234567890,USD,,,,-2+3,@home",
    "C-2,,,,,1E5,margin,-10.5,,2026-01-01,2026-12-31,,,",
    "C-2,,,,,,none,,,2027-01-01,,,our own company,",
    "C-2,,,,,,passthrough,,,2028-01-01,,yes,'tis,",
)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_what_is_written_out_changes_nothing_when_it_comes_back(owner: Desk, form: str) -> None:
    owner.taken("prices", f"{HEADER},=our column", *ODD)
    out = str(owner.folder / f"out.{form}")
    assert owner.done("prices", "export", "--out", out, "--json").json["rows"] == 9
    for options in ([], ["--replace"]):
        report = owner.done("import", "prices", out, "--dry-run", "--json", *options).json
        counts = [report[name] for name in ("rows", "added", "changed", "removed", "unchanged")]
        assert counts == [9, 0, 0, 0, 9]


def test_the_export_of_one_organisation(owner: Desk) -> None:
    out = owner.folder / "one.csv"
    assert owner.done("prices", "export", "--out", str(out), "--organisation", "C-1", "--json").json["rows"] == 3
    with out.open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    assert {row["organisation"] for row in rows} == {"C-1"}
    assert ",".join(rows[0]) == HEADER


def test_rows_stand_in_the_order_in_which_they_were_decided(owner: Desk) -> None:
    """Inside a level the later row wins, so a copy made from the file chooses the same rules."""
    for number in (5, 2, 4, 1, 3):
        owner.taken(
            "prices", HEADER, f"C-2,P{number},,,,,markup,{number},,,,,", f"C-2,,,,,S{number},markup,{number},,,,,"
        )
    out = owner.folder / "all.csv"
    owner.done("prices", "export", "--out", str(out), "--organisation", "C-2")
    with out.open(encoding="utf-8", newline="") as source:
        named = [row["product_id"] or row["subscription_id"] for row in csv.DictReader(source)]
    assert named == ["P5", "S5", "P2", "S2", "P4", "S4", "P1", "S1", "P3", "S3"]


@pytest.mark.parametrize("kind", ["organisations", "links", "rates", "services", "list-prices"])
def test_every_kind_can_be_written_out(owner: Desk, kind: str) -> None:
    header, row = {
        "organisations": ("code,name,region", "0001,Ünïcode,north"),
        "links": ("tenant_id,organisation,valid_from,valid_to", "T-1,C-1,,2026-09-30"),
        "rates": ("date,from,to,rate", "2026-10-01,USD,EUR,0.92150"),
        "services": ("organisation,code,name,kind,price,currency,valid_from", "C-1,A,Help,one_off,5,EUR,2026-10-01"),
        "list-prices": ("product_id,sku_id,currency,price", "P,0001,EUR,14.40"),
    }[kind]
    owner.taken(kind, header, row)
    out = str(owner.folder / "out.xlsx")
    rows = owner.done("decisions", "export", kind, "--out", out, "--json").json["rows"]
    report = owner.done("import", kind, out, "--dry-run", "--json").json
    assert (report["unchanged"], report["added"], report["changed"]) == (rows, 0, 0)


def test_what_cannot_be_written(owner: Desk) -> None:
    told(owner.run("prices", "export", "--out", "list.pdf"), 2, "neither a .csv nor an .xlsx", "End its name")
    told(owner.run("prices", "export", "--out", "/nowhere/list.csv"), 2, "cannot be written", "Check the path")
    told(owner.run("decisions", "export", "ledgers", "--out", "x.csv"), 2, "nothing that can be exported", "Use one of")


# ---- what looks wrong


def test_an_import_warns_and_imports(owner: Desk) -> None:
    rows = [
        f"C-1,CFQ1,,,,,markup,5,,{day(-10)},{day(20)},yes,",  # overlaps the autumn offer, ends soon
        f"C-2,,,,,SUB-2,fixed,9,EUR,,{day(30)},,",
        "C-2,CFQ2,,,,,fixed,9,EUR,2026-01-01,,,",
        "C-2,CFQ2,,,,,markup,9,,2026-01-01,,,",
    ]
    text = "\n".join([HEADER, *rows, ""])
    expected = {"offers_overlap", "offer_ending", "subscription_price_ending", "rules_contradict"}
    dry = owner.imports("prices", text, "--dry-run").json
    assert {warning["code"] for warning in dry["warnings"]} == expected
    assert all(warning["severity"] == "warning" and warning["action"] for warning in dry["warnings"])
    real = owner.imports("prices", text).json
    assert (real["added"], real["warnings"]) == (4, dry["warnings"])
    checked = owner.done("prices", "check", "--json").json
    assert {warning["code"] for warning in checked["warnings"]} == expected
    said = owner.done("prices", "check")
    assert said.says("offers_overlap", "markup 5 % wins", "no month is priced yet")
    assert owner.imports("prices", text).json["warnings"] == [], "nothing changed, nothing new to say"


def test_a_removal_that_opens_a_gap_is_told(owner: Desk) -> None:
    owner.taken("prices", HEADER, f"C-2,CFQ9,,,,,markup,5,,{day(-10)},{day(200)},yes,")
    text = f"{HEADER}\nC-2,CFQ9,,,,,markup,5,,{day(-10)},{day(200)},yes,\n"
    (warning,) = owner.imports("prices", text, "--replace", "--dry-run").json["warnings"]
    assert warning["code"] == "offer_gap"
    assert f"from {day(201)} on" in warning["text"]


# ---- bad input


def test_ten_thousand_rows_with_three_bad_ones(owner: Desk) -> None:
    rows = [f"C-1,P{number},,,,,fixed,{number}.50,EUR,2026-01-01,,," for number in range(10_000)]
    rows[17] = "C-1,P17,,,,,fixed,-1,EUR,2026-01-01,,,"
    rows[5_000] = "C-9,P5000,,,,,fixed,1,EUR,2026-01-01,,,"
    rows[9_999] = "C-1,P9999,,,,,markup,1900,,2026-01-01,,,"
    text = "\n".join([HEADER, *rows, ""])
    begun = time.monotonic()
    said = owner.imports("prices", text)
    took = time.monotonic() - begun
    assert said.status == 2
    assert [(error["row"], error["column"]) for error in said.json["errors"]] == [
        (19, "value"), (5_002, "organisation"), (10_001, "value"),
    ]  # fmt: skip
    assert "did you mean 19?" in said.json["errors"][2]["text"]
    assert (said.json["rows"], said.json["error_count"], said.json["added"]) == (10_000, 3, 0)
    assert len(listed(owner)) == 4
    assert took < 20, "a price owner waits for this"


def test_a_large_percentage_that_is_meant(owner: Desk) -> None:
    text = f"{HEADER}\nC-2,,,,,,markup,1900,,,,,\n"
    assert "--allow-large-percentages" in owner.imports("prices", text).json["errors"][0]["text"]
    assert owner.imports("prices", text, "--allow-large-percentages").json["added"] == 1
    impossible = f"{HEADER}\nC-2,,,,,,margin,1900,,,,,\n"
    assert owner.imports("prices", impossible, "--allow-large-percentages").status == 2


def test_all_changes_or_how_many_are_not_shown(owner: Desk) -> None:
    rows = [f"C-1,P{number},,,,,markup,5,,2026-01-01,,," for number in range(300)]
    text = "\n".join([HEADER, *rows, ""])
    few = owner.imports("prices", text, "--dry-run").json
    assert (len(few["changes"]), few["changes_not_shown"]) == (200, 100)
    every = owner.imports("prices", text, "--dry-run", "--all").json
    assert (len(every["changes"]), every["changes_not_shown"]) == (300, 0)
    path = str(owner.folder / "prices.csv")
    assert owner.done("import", "prices", path, "--dry-run").says("280 more changes; --all shows them")
    assert "P299 markup" in owner.done("import", "prices", path, "--dry-run", "--all").words


# ---- taking back


def test_change_sets_in_words(owner: Desk) -> None:
    path = owner.write("prices.csv", f"{HEADER}\n*,,,,,,markup,25,,2020-01-01,,,our usual\n")
    said = owner.done("import", "prices", path, "--why", "costs rose")
    assert said.says("changed * markup from 2020-01-01: value=20, note=our usual -> value=25", "changes undo 3")
    shown = owner.done("changes", "show", "3", "--json").json
    assert (shown["kind"], shown["why"], shown["cannot_be_undone"]) == ("prices", "costs rose", "")
    assert [change["action"] for change in shown["changes"]] == ["changed"]
    assert owner.done("changes", "undo", "3", "--why", "no", "--dry-run").says("would be taken back: 1 rows")
    assert owner.done("changes", "undo", "3", "--why", "too early").says("was taken back by change set 4")
    assert owner.done("changes", "list").says("costs rose", "taken back by 4", "takes back 3", "too early")
    assert owner.done("changes", "show", "3").says("already taken back by change set 4")
    told(owner.run("changes", "undo", "3", "--why", "again"), 2, "already taken back", "changes undo 4")
    told(owner.run("changes", "undo", "99", "--why", "x"), 2, "no change set 99", "connector changes list")
    assert owner.run("changes", "undo", "4").status == 2, "without a reason"
    assert owner.done("audit", "verify", "--json").json["ok"]
    owner.holds()
