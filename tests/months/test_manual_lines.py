"""Lines and discounts that a person adds to a month by hand, with reason and author."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connector.domain.invoice import LedgerInvoice
from tests.months import checks
from tests.months.billed import ALPHA, BETA, SUITE, month_of, seats, ten_to_fourteen
from tests.months.partner import Month, Partner

PERIOD = "2025-10"
WHY = ("--reason", "agreed by telephone", "--by", "Price owner")


def _priced(partner: Partner) -> Month:
    """At 20.90 a seat October costs C-1 262.93 (209.00 - 134.84 + 188.77)."""
    partner.is_billed(month_of([*ten_to_fourteen(), seats(BETA).charge("cycleCharge", 2)]))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.has_customer("C-2", BETA.tenant_id)
    partner.price("fixed", "20.90")
    return partner.sync(PERIOD)


def _lines(partner: Partner, *arguments: str, status: int = 0) -> Any:
    answer = partner.run("lines", *arguments, "--json")
    assert answer.status == status, answer.prose + answer.text
    return answer.json


def _now(partner: Partner) -> Month:
    month = partner.sync(PERIOD)
    checks.assert_adds_up(month, partner)
    return month


def test_a_line_is_on_the_document_at_once(partner: Partner) -> None:
    _priced(partner)
    said = _lines(
        partner,
        "add",
        PERIOD,
        "C-1",
        "--text",
        "Set-up",
        "--price",
        "33.333",
        "--quantity",
        "3",
        *WHY,
        "--code",
        "SETUP",
    )
    # 3 x 33.333 = 99.999, rounded once
    assert said["change"] == "100.00" and said["documents"][0]["after"] == "362.93"
    month = _now(partner)
    assert month.net("C-1") == "362.93" and month.document("C-1")["cost_total"] == "150.97"
    line = month.line("C-1", kind="service")
    assert (line["product_id"], line["amount"], line["cost"]) == ("SETUP", "100.00", "0.00")
    assert line["text"].startswith("Set-up: ")
    step = month.explain(line)["steps"][0]
    assert step["operands"] == ["33.333", "3"] and step["exact"] == "99.999"
    assert "agreed by telephone" in step["text"] and "Price owner" in step["text"]


def test_the_list_shows_author_and_reason(partner: Partner) -> None:
    _priced(partner)
    made = _lines(partner, "add", PERIOD, "C-2", "--text", "Travel", "--price", "80", *WHY)
    listed = _lines(partner, "list", PERIOD)
    assert listed == [made["line"]]
    assert (listed[0]["author"], listed[0]["reason"]) == ("Price owner", "agreed by telephone")
    assert _lines(partner, "list", "2025-11") == []
    trail = partner.run("lines", "list").prose
    assert "Travel" in trail and "agreed by telephone" in trail


def test_a_discount_is_taken_off_what_the_document_charges(partner: Partner) -> None:
    """15 % of 262.93 is 39.4395; of the whole document with 10.00 beside it 40.9395."""
    _priced(partner)
    _lines(partner, "discount", PERIOD, "C-1", "--percent", "15", *WHY)
    month = _now(partner)
    line = month.line("C-1", kind="service")
    assert line["amount"] == "-39.44" and month.net("C-1") == "223.49"
    tree = month.explain(line)
    step = tree["steps"][0]
    assert step["exact"] == "-39.4395" and step["operands"] == ["-0.15", "262.93"]
    added = step["before"][0]
    assert added["op"] == "add" and sorted(added["operands"]) == ["-134.84", "188.77", "209"]
    _lines(partner, "add", PERIOD, "C-1", "--text", "Care", "--price", "10", *WHY)
    assert _now(partner).line("C-1", amount="-40.94")


def test_discounts_are_not_taken_off_each_other(partner: Partner) -> None:
    _priced(partner)
    for _ in range(2):
        _lines(partner, "discount", PERIOD, "C-1", "--percent", "10", *WHY)
    # 10 % of 262.93 twice
    assert [line["amount"] for line in _now(partner).lines("C-1", kind="service")] == ["-26.29", "-26.29"]


def test_a_discount_off_one_product(partner: Partner) -> None:
    _priced(partner)
    _lines(partner, "add", PERIOD, "C-1", "--text", "Care", "--price", "50", "--code", "CARE", *WHY)
    _lines(partner, "discount", PERIOD, "C-1", "--percent", "100", "--product", "care", *WHY)
    assert _now(partner).net("C-1") == "262.93"
    _lines(partner, "discount", PERIOD, "C-1", "--percent", "10", "--product", SUITE.product_id, *WHY)
    assert _now(partner).net("C-1") == "236.64"
    off_nothing = _lines(partner, "discount", PERIOD, "C-1", "--percent", "10", "--product", "OTHER", *WHY)
    assert "nothing to take it off" in off_nothing["remark"] and _now(partner).net("C-1") == "236.64"


@pytest.mark.parametrize(
    ("percent", "says"),
    [("1900", "did you mean 19?"), ("150", "did you mean 1.5?"), ("0", "more than 0"), ("-5", "more than 0")],
)
def test_a_percentage_that_cannot_be_meant_is_refused(partner: Partner, percent: str, says: str) -> None:
    _priced(partner)
    said = _lines(partner, "discount", PERIOD, "C-1", f"--percent={percent}", *WHY, status=2)
    assert says in said["error"]["text"]
    assert _lines(partner, "list") == []


def test_a_dry_run_says_the_same_and_changes_nothing(partner: Partner) -> None:
    before = _priced(partner)
    tried = _lines(partner, "discount", PERIOD, "C-1", "--percent", "15", *WHY, "--dry-run")
    assert tried["dry_run"] and tried["change"] == "-39.44"
    assert _lines(partner, "list") == [] and partner.sync(PERIOD).text == before.text
    done = _lines(partner, "discount", PERIOD, "C-1", "--percent", "15", *WHY)
    assert {**done, "dry_run": True} == tried


def test_a_line_is_taken_away_again(partner: Partner) -> None:
    before = _priced(partner)
    code = _lines(partner, "add", PERIOD, "C-1", "--text", "Care", "--price", "50", *WHY)["line"]["code"]
    tried = _lines(partner, "remove", code, "--dry-run", "--by", "Clerk")
    assert tried["change"] == "-50.00" and len(_lines(partner, "list")) == 1
    assert _lines(partner, "remove", code, "--by", "Clerk")["change"] == "-50.00"
    assert partner.sync(PERIOD).text == before.text and _lines(partner, "list") == []
    assert "no line" in _lines(partner, "remove", code, status=2)["error"]["text"].lower()


def test_a_line_of_a_month_that_is_not_there_yet_waits_for_it(partner: Partner) -> None:
    partner.is_billed(month_of(ten_to_fourteen()))
    partner.has_customer("C-1", ALPHA.tenant_id, currency="EUR")
    partner.price("fixed", "20.90")
    said = _lines(partner, "add", PERIOD, "C-1", "--text", "Care", "--price", "50", *WHY)
    assert "not priced yet" in said["remark"] and said["documents"] == []
    assert _now(partner).net("C-1") == "312.93"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("add", PERIOD, "c-1", "--text", "Care", "--price", "1", *WHY), "no organisation"),
        (("add", PERIOD, "C-1", "--text", "Care", "--price", "1,5", *WHY), "not a number"),
        (("add", PERIOD, "C-1", "--text", "Care", "--price", "1", "--reason", " "), "needs a reason"),
        (("add", PERIOD, "C-1", "--text", "Care", "--price", "1", "--quantity", "0", *WHY), "quantity 0"),
        (("add", PERIOD, "C-3", "--text", "Care", "--price", "1", *WHY), "--currency"),
        (("add", PERIOD, "C-1", "--text", "Care", "--price", "1", "--currency", "EURO", *WHY), "not a currency"),
    ],
)
def test_what_cannot_be_is_refused(partner: Partner, arguments: tuple[str, ...], says: str) -> None:
    _priced(partner)
    partner.has_customer("C-3")
    error = _lines(partner, *arguments, status=2)["error"]
    assert says in f"{error['text']} {error['action']}"


def test_a_code_is_used_once(partner: Partner) -> None:
    _priced(partner)
    add = ("add", PERIOD, "C-1", "--text", "Care", "--price", "1", "--code", "CARE", *WHY)
    _lines(partner, *add)
    assert "taken" in _lines(partner, *add, status=2)["error"]["text"]


def test_after_the_document_was_sent_a_line_goes_out_with_the_next(
    partner: Partner, with_books: list[LedgerInvoice]
) -> None:
    _priced(partner)
    _lines(partner, "add", PERIOD, "C-1", "--text", "Care", "--price", "50", "--code", "CARE", *WHY)
    assert partner.run("push", PERIOD, "--json").status == 0
    assert [invoice.net_total for invoice in with_books if invoice.customer_name == "Customer C-1"] != []
    refused = _lines(partner, "remove", "CARE", status=1)
    assert refused["error"]["code"] == "line_sent"
    # the price of what was sent changes: the discount is one of what was charged, 312.93
    partner.price("fixed", "30.00")
    said = _lines(partner, "discount", PERIOD, "C-1", "--percent", "10", *WHY)
    assert said["change"] == "-31.29" and "sent already" in said["remark"]
    month = partner.sync(PERIOD)
    assert month.document("C-1", revision=2)["net_total"] == "-31.29"
    assert month.document("C-1", revision=1)["net_total"] == "312.93"
    verified = json.loads(partner.run("verify", "--json").text)
    assert verified["ok"], verified


def test_a_closed_month_takes_no_lines(partner: Partner, with_books: list[LedgerInvoice]) -> None:
    _priced(partner)
    _lines(partner, "add", PERIOD, "C-1", "--text", "Care", "--price", "50", "--code", "CARE", *WHY)
    assert partner.run("push", PERIOD, "--json").status == 0
    closed = partner.run("close", PERIOD, "--why", "all is sent", "--json")
    assert closed.status == 0, closed.prose + closed.text
    for arguments in (("add", PERIOD, "C-1", "--text", "Late", "--price", "1", *WHY), ("remove", "CARE")):
        assert _lines(partner, *arguments, status=1)["error"]["code"] == "period_closed"


def test_a_month_with_everything_is_made_again_byte_by_byte(partner: Partner, with_books: list[LedgerInvoice]) -> None:
    partner.is_billed(month_of([*ten_to_fourteen(), seats(BETA).charge("cycleCharge", 2)]))
    partner.has_customer("C-1", ALPHA.tenant_id, grouping="cost_centre", global_offers="undercut")
    partner.has_customer("C-2", BETA.tenant_id, grouping="purchase_order", purchase_order="PO 1")
    partner.price("fixed", "20.90", "C-1")
    partner.price("fixed", "20.00", offer="yes")
    partner.imports("cost-centres", *(_share(name) for name in ("North", "South", "West")))
    partner.imports("purchase-orders", {"organisation": "C-2", "product_id": "CARE", "purchase_order": "PO 2"})
    partner.imports("credits", {"organisation": "*", "credit": "partner_earned_credit", "policy": "keep"})
    care = {"organisation": "*", "code": "CARE", "name": "Care", "kind": "recurring", "billing": "monthly"}
    partner.imports("services", {**care, "price": "9.99", "currency": "EUR", "valid_from": "2025-01-01"})
    partner.sync(PERIOD)
    _lines(partner, "discount", PERIOD, "C-1", "--percent", "7.5", *WHY)
    month = _now(partner)
    assert {line["text"].split(":")[0] for line in month.lines("C-2")} == {"Purchase order PO 1", "Purchase order PO 2"}
    assert partner.run("push", PERIOD, "--json").status == 0
    # what is decided later changes nothing of it
    partner.price("fixed", "1.00", "C-1")
    partner.imports("cost-centres", {**_share("North"), "share": "7"})
    partner.has_customer("C-2", grouping="kind")
    said = partner.run("replay", PERIOD, "--json")
    assert said.status == 0 and said.json["ok"] and len(said.json["documents"]) == 2, said.text
    assert partner.run("verify", "--json").json["ok"]


def _share(name: str) -> dict[str, str]:
    return {"organisation": "C-1", "cost_centre": name, "share": "1"}


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("credits", {"organisation": "*", "credit": "azure_credit", "policy": "keep", "note": "ours, since 2020"}),
        ("cost-centres", {"organisation": "C-1", "tag": "team=a", "cost_centre": "A", "share": "1"}),
        ("purchase-orders", {"organisation": "C-1", "product_id": "CARE", "purchase_order": "0017"}),
        (
            "services",
            {
                "organisation": "*",
                "code": "CARE",
                "name": "Care",
                "kind": "one_off",
                "price": "-9.990",
                "currency": "EUR",
                "valid_from": "2025-01-01",
            },
        ),
    ],
)
def test_what_is_exported_is_imported_without_a_change(partner: Partner, kind: str, row: dict[str, str]) -> None:
    partner.has_customer("C-1", grouping="product", global_offers="undercut")
    partner.imports(kind, row)
    for each in (kind, "organisations"):
        path = str(partner.folder / "again.csv")
        written = partner.run("decisions", "export", each, "--out", path, "--json")
        assert written.status == 0, written.prose
        again = partner.run("import", each, path, "--json").json
        assert (again["rows"], again["unchanged"]) == (1, 1)
