"""Many prices changed by one command: looked at, saved with a reason, taken back (docs/guide.md, "Many prices")."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from tests.cli.desk import Desk, told
from tests.cli.october import BASIC, CUSTOMERS, PERIOD, STANDARD

HEADER = "organisation,product_id,kind,value,currency,valid_from,valid_to,offer,note"
DECEMBER = "2025-12-01"


@pytest.fixture
def priced(desk: Desk) -> Desk:
    """October at fixed prices: ten standard seats at 20.90, five basic ones at 9.00, the telephone at cost + 25 %.

    C-1: 209.00 + 21.13 = 230.13; C-2: 45.00.
    """
    desk.decides(CUSTOMERS)
    desk.taken(
        "prices",
        HEADER,
        f"*,{STANDARD.product_id},fixed,20.90,EUR,2025-01-01,,,",
        f"*,{BASIC.product_id},fixed,9.00,EUR,2025-01-01,2026-06-30,,",
        f"C-2,{BASIC.product_id},fixed,1.00,EUR,2025-01-01,2025-06-30,yes,summer",
        "C-2,NOTHING,none,,,2025-01-01,,,our own use",
    )
    assert desk.sync(PERIOD, status=0).net == {"C-1": "230.13", "C-2": "45.00"}
    return desk


def change(desk: Desk, *arguments: str, status: int = 0) -> dict[str, Any]:
    said = desk.run("prices", "change", "--from", DECEMBER, *arguments, "--json")
    assert said.status == status, said.out
    view: dict[str, Any] = said.json
    return view


def rules(desk: Desk) -> set[tuple[str, ...]]:
    """(organisation, product, kind, value, from, to) of every rule, as the export has them."""
    path = desk.folder / "list.csv"
    desk.done("prices", "export", "--out", str(path))
    with path.open(encoding="utf-8-sig", newline="") as source:
        names = ("organisation", "product_id", "kind", "value", "valid_from", "valid_to")
        return {tuple(row[name] for name in names) for row in csv.DictReader(source)}


def test_the_preview_shows_old_new_and_the_last_month_and_saves_nothing(priced: Desk) -> None:
    """21.945 is 21.95: 219.50; 9.45 x 5 = 47.25; a mark-up of 25 becomes 1.25 x 1.05 = 1.3125: 16.90 -> 22.18."""
    before = rules(priced)
    view = change(priced, "--percent", "5")
    assert view["applied"] is False and view["change_set"] is None
    assert view["counts"] == {"changed": 3, "carried": 0, "left": 2, "refused": 0}
    by_product = {rule["rule"].split()[1]: rule for rule in view["rules"]}
    standard = by_product[STANDARD.product_id]
    assert [(new["value"], new["valid_from"], new["valid_to"]) for new in standard["new"]] == [
        ("20.9", "2025-01-01", "2025-11-30"),
        ("21.95", DECEMBER, None),
    ]
    left = {rule["why"] for rule in view["rules"] if rule["action"] == "left"}
    assert left == {"ended on 2025-06-30, before 2025-12-01", "nothing is charged by this rule"}
    (sums,) = view["effect"]["totals"]
    assert (sums["revenue_before"], sums["revenue_after"], sums["revenue_change"]) == ("275.13", "288.93", "13.80")
    moved = [(each["organisation"], each["revenue_change"]) for each in view["effect"]["customers"]]
    assert moved == [("C-1", "11.55"), ("C-2", "2.25")]
    assert rules(priced) == before


def test_what_was_shown_is_saved_and_priced_from_the_day_on(priced: Desk) -> None:
    shown = change(priced, "--percent", "5", "--product", STANDARD.product_id)
    saved = change(
        priced, "--percent", "5", "--product", STANDARD.product_id, "--apply", "--why", "dearer at Microsoft"
    )
    assert saved["rules"] == shown["rules"] and saved["applied"] and saved["change_set"]
    after = rules(priced)
    assert ("*", STANDARD.product_id, "fixed", "20.90", "2025-01-01", "2025-11-30") in after
    assert ("*", STANDARD.product_id, "fixed", "21.95", DECEMBER, "") in after
    assert priced.sync(PERIOD, status=0).net == {"C-1": "230.13", "C-2": "45.00"}, "October stays what it was"
    listed = priced.done("changes", "list", "--json").out
    assert "dearer at Microsoft" in listed and "+5 % from 2025-12-01" in listed
    assert priced.run("audit", "verify").status == 0


def test_prose_says_that_nothing_is_saved_yet(priced: Desk) -> None:
    said = priced.done("prices", "change", "--percent", "5", "--from", DECEMBER)
    assert said.says("+5 %", "20.9", "21.95", "rounded from 21.945", "Nothing is saved yet: add --apply.")
    assert priced.done("prices", "change", "--percent", "5", "--from", DECEMBER, "--apply").says("Saved as change set")


def test_the_same_change_is_not_made_twice_by_accident(priced: Desk) -> None:
    change(priced, "--percent", "5", "--kind", "fixed", "--apply")
    once = rules(priced)
    again = ("prices", "change", "--from", DECEMBER, "--percent", "5", "--kind", "fixed")
    told(priced.run(*again, "--apply"), 2, "was made already, as change set", "--again")
    assert rules(priced) == once
    assert priced.done(*again).says("was made already")
    change(priced, "--percent", "5", "--kind", "fixed", "--apply", "--again")
    # 21.95 x 1.05 = 23.0475
    assert ("*", STANDARD.product_id, "fixed", "23.05", DECEMBER, "") in rules(priced)


def test_a_change_is_taken_back_whole(priced: Desk) -> None:
    before = rules(priced)
    number = change(priced, "--percent", "5", "--apply")["change_set"]
    assert rules(priced) != before
    priced.done("changes", "undo", str(number), "--why", "the wrong day")
    assert rules(priced) == before
    # taken back, it may be made again without a word
    assert change(priced, "--percent", "5", "--apply")["applied"]


def test_an_amount_leaves_percentages_alone_and_says_so(priced: Desk) -> None:
    view = change(priced, "--amount", "1.00", "--organisation", "*")
    values = {rule["rule"].split()[1]: rule["new"][-1]["value"] for rule in view["rules"] if rule["new"]}
    assert values == {STANDARD.product_id: "21.9", BASIC.product_id: "10"}
    (left,) = (rule for rule in view["rules"] if rule["action"] == "left")
    assert "an amount cannot be added to markup rules" in left["why"]


def test_a_price_that_would_fall_below_0_changes_nothing_at_all(priced: Desk) -> None:
    view = change(priced, "--amount", "-10", "--kind", "fixed", status=1)
    assert view["counts"]["refused"] == 1 and view["counts"]["changed"] == 1
    before = rules(priced)
    said = priced.run("prices", "change", "--from", DECEMBER, "--amount", "-10", "--kind", "fixed", "--apply")
    told(said, 2, "Nothing was changed: 1 of the selected rules.*below 0", "selection")
    assert rules(priced) == before


def test_rounding_to_a_step(priced: Desk) -> None:
    view = change(priced, "--percent", "5", "--product", f"{STANDARD.product_id}", "--round-to", "0.50")
    assert view["rules"][0]["new"][-1]["value"] == "22"


def test_slips_and_wishes_that_nobody_can_mean(priced: Desk) -> None:
    command = ("prices", "change", "--from", DECEMBER)
    told(priced.run(*command, "--percent", "1900"), 2, "did you mean 19?", "--sure")
    told(priced.run(*command), 2, "either a percentage or an amount", "--help")
    told(priced.run(*command, "--percent", "5", "--group", "north"), 2, "No group is called 'north'", "known yet")
    told(priced.run("prices", "change", "--percent", "5", "--from", "1.12.2025"), 2, "is not a day", "YYYY-MM-DD")
    assert change(priced, "--percent", "1900", "--sure")["counts"]["changed"] == 3


def test_an_amount_is_in_one_currency(priced: Desk) -> None:
    priced.taken("prices", HEADER, f"C-1,{STANDARD.product_id},fixed,22.00,USD,,,,")
    command = ("prices", "change", "--from", DECEMBER, "--amount", "1")
    told(priced.run(*command), 2, "EUR, USD", "--currency")
    assert change(priced, "--amount", "1", "--currency", "USD")["counts"]["changed"] == 1
