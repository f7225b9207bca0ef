"""`import invoice`: files downloaded by hand, in every form, refused where they can be read in two ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.desk import Desk, told
from tests.cli.october import CUSTOMERS
from tests.cli.portal import INVOICE, NET, PERIOD, TOTAL, rows


@pytest.fixture
def alone(tmp_path: Path) -> Desk:
    """A partner without access to Microsoft's interfaces."""
    desk = Desk(tmp_path / "alone")
    desk.decides(CUSTOMERS)
    return desk


@pytest.mark.parametrize("comma", [False, True])
@pytest.mark.parametrize("day_first", [False, True])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_decimal_signs_and_date_orders_are_seen(alone: Desk, comma: bool, day_first: bool, delimiter: str) -> None:
    path = alone.portal_file("october.csv", rows(comma=comma, day_first=day_first), delimiter)
    made = alone.done("import", "invoice", path, "--header", f"{INVOICE}={TOTAL}", "--json").json
    assert [(one["id"], one["period"], one["lines"], one["state"]) for one in made["invoices"]] == [
        (INVOICE, PERIOD, 2, "balanced")
    ]
    month = alone.month(PERIOD)
    assert (month.net, month.balance()["difference"]) == (NET, "0.00")
    alone.holds()


def test_an_ambiguous_order_of_dates_is_asked_for(alone: Desk) -> None:
    path = alone.portal_file("october.csv", rows(ambiguous=True))
    order = ("import", "invoice", path, "--header", f"{INVOICE}={TOTAL}", "--json")
    told(alone.run(*order), 2, "month first or day first", "--dates mdy or --dates dmy")
    assert alone.done("month", "list", "--json").json == []
    assert alone.done(*order, "--dates", "mdy").json["invoices"][0]["period"] == PERIOD


def test_an_ambiguous_decimal_sign_is_asked_for(alone: Desk) -> None:
    lines = rows()
    for line in lines:
        # 1,234 is one and a bit or more than a thousand, and no sum tells which
        line |= {"UnitPrice": "1,234", "EffectiveUnitPrice": "1,234", "Subtotal": "1,234", "Total": "1,234"}
    path = alone.portal_file("october.csv", lines, ";")
    order = ("import", "invoice", path, "--json")
    told(alone.run(*order), 2, "decimal point or a decimal comma", "--decimal point or --decimal comma")
    assert alone.run(*order, "--decimal", "comma", "--header", f"{INVOICE}=2.468").status in (0, 1)


def test_two_decimal_signs_in_one_file_are_refused(alone: Desk) -> None:
    path = alone.portal_file("october.csv", [rows()[0], rows(comma=True)[1]], ";")
    told(alone.run("import", "invoice", path), 2, "writes decimals in two ways", "--decimal|Correct the file")


def test_without_a_header_it_is_not_checked(alone: Desk) -> None:
    path = alone.portal_file("october.csv", rows())
    said = alone.run("import", "invoice", path, "--json")
    assert (said.status, said.json["invoices"][0]["state"]) == (1, "not_checked")
    month = alone.month(PERIOD)
    assert (month.state, month.net) == ("not_checked", NET)
    assert (month.balance()["vendor_total"], month.balance()["difference"]) == (None, None)
    assert "--header" in month.finding("not_checked")["action"]
    assert set(month.postings.values()) == {"held"}
    alone.holds()
    # the header can be told later
    alone.done("import", "invoice", path, "--header", f"{INVOICE}={TOTAL}")
    assert alone.month(PERIOD).postings == {"C-1": "planned", "C-2": "planned"}


def test_a_header_that_differs_is_unbalanced_at_once(alone: Desk) -> None:
    """A file does not heal by waiting: nobody delivers it again."""
    path = alone.portal_file("october.csv", rows())
    said = alone.run("import", "invoice", path, "--header", f"{INVOICE}=1354.47", "--json")
    assert (said.status, said.json["invoices"][0]["state"]) == (1, "unbalanced")
    assert alone.month(PERIOD).finding("header_differs")["amount"] == "0.01"


def test_the_same_file_twice_changes_nothing(alone: Desk) -> None:
    order = ("import", "invoice", alone.portal_file("october.csv", rows()), "--header", f"{INVOICE}={TOTAL}")
    alone.done(*order)
    before = alone.month(PERIOD).view
    alone.done(*order)
    assert alone.month(PERIOD).view == before


def test_a_dry_run_keeps_nothing(alone: Desk) -> None:
    path = alone.portal_file("october.csv", rows())
    made = alone.done("import", "invoice", path, "--header", f"{INVOICE}={TOTAL}", "--dry-run", "--json").json
    assert (made["dry_run"], made["invoices"][0]["lines"]) == (True, 2)
    assert alone.done("month", "list", "--json").json == []


@pytest.mark.parametrize("header", ["nonsense", f"{INVOICE}=", f"{INVOICE}=NaN", "=5", f"{INVOICE}=1_000"])
def test_a_header_that_cannot_be_read(alone: Desk, header: str) -> None:
    path = alone.portal_file("october.csv", rows())
    told(alone.run("import", "invoice", path, "--header", header), 2, "cannot be read", "--header G012345678=")


def test_a_header_of_another_invoice(alone: Desk) -> None:
    path = alone.portal_file("october.csv", rows())
    said = alone.run("import", "invoice", path, "--header", "G099999999=5.00")
    told(said, 2, "no file holds lines of it", f"The files hold: {INVOICE}")
    assert alone.done("month", "list", "--json").json == []


@pytest.mark.parametrize(
    "content", ["", "code,name\nC-1,One\n", "CustomerId,ProductId,Quantity,Currency,SkuId\n1,2,3,4,5\n"]
)
def test_some_other_file(alone: Desk, content: str) -> None:
    told(alone.run("import", "invoice", alone.write("other.csv", content)), 2, "other.csv", r"\w+")
    assert alone.done("month", "list", "--json").json == []


def test_a_file_that_is_not_there(alone: Desk) -> None:
    told(alone.run("import", "invoice", "/nowhere/october.csv"), 2, "does not exist", "Try|--help|october.csv")


def test_a_row_that_cannot_be_read_is_put_aside(alone: Desk) -> None:
    lines = rows()
    lines[1]["Subtotal"] = "a hundred"
    path = alone.portal_file("october.csv", lines)
    said = alone.run("import", "invoice", path, "--header", f"{INVOICE}={TOTAL}", "--json")
    assert (said.status, said.json["invoices"][0]["quarantined"]) == (1, 1)
    month = alone.month(PERIOD)
    assert (month.state, month.balance()["difference"]) == ("unbalanced", "119.90")
    assert (month.net, month.postings) == ({"C-1": NET["C-1"]}, {"C-1": "planned"})


def test_the_month_is_priced_again_without_an_account(alone: Desk) -> None:
    """An import of prices counts from the next run on, and there is no Microsoft to ask before it."""
    alone.done("import", "invoice", alone.portal_file("october.csv", rows()), "--header", f"{INVOICE}={TOTAL}")
    alone.taken("prices", "organisation,kind,value,valid_from,product_id", "C-1,passthrough,,2025-01-01,CFQ7TTC0LDPB")
    told(alone.run("sync", PERIOD, "--no-push"), 2, "Partner Center cannot be asked", "Set them")
    assert alone.month(PERIOD).net == NET
    alone.done("sync", PERIOD, "--no-pull", "--no-push")
    assert alone.month(PERIOD).net == NET | {"C-1": "1234.56"}


def test_pulling_again_and_not_at_all_is_refused(alone: Desk) -> None:
    told(alone.run("sync", PERIOD, "--no-pull", "--again"), 2, "--again pulls and --no-pull does not", "give one")
