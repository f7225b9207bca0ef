"""Months that go wrong at Microsoft or in our own lists: what is said, what is held, and what heals by itself."""

from __future__ import annotations

import getpass
import sqlite3
from contextlib import closing

import pytest

from tests.cli.desk import Desk, told
from tests.cli.october import CUSTOMERS, FIRST, INVOICE, NET, PERIOD, TOTAL, days_ago, october
from tests.standins.microsoft import MicrosoftStandIn


def test_a_month_that_is_right(partner: Desk) -> None:
    month = partner.sync(PERIOD, status=0)
    assert (month.state, month.net) == ("balanced", NET)
    balance = month.balance()
    assert (balance["vendor_total"], balance["invoiced_cost"], balance["difference"]) == (TOTAL, TOTAL, "0.00")
    assert partner.month(PERIOD).view == month.view
    assert [row["period"] for row in partner.done("month", "list", "--json").json] == [PERIOD]
    assert partner.sync(PERIOD, status=0).view == month.view


# ---- what does not arrive


def test_a_download_cut_on_every_try_is_incomplete(partner: Desk, microsoft: MicrosoftStandIn) -> None:
    microsoft.fault("graph.blob", "cut", -1)
    assert [error.exit_status for error in partner.sync_in_a_hurry(PERIOD)] == [3]
    month = partner.month(PERIOD)
    assert (month.state, month.documents) == ("incomplete", {})
    assert INVOICE in month.finding("invoice_incomplete")["text"]
    microsoft.clear_faults()
    assert partner.sync(PERIOD, status=0).net == NET


def test_a_file_that_is_not_there_on_every_try_ends_with_3(partner: Desk, microsoft: MicrosoftStandIn) -> None:
    microsoft.fault("graph.blob", "status", -1, status=404)
    said = partner.run("sync", PERIOD, "--no-push")
    told(said, 3, "not arrived whole", "pulled again by itself|run `connector sync` again")
    assert partner.month(PERIOD).state == "incomplete"
    microsoft.clear_faults()
    assert partner.sync(PERIOD, status=0).net == NET


def test_what_arrived_before_stays(partner: Desk, microsoft: MicrosoftStandIn) -> None:
    before = partner.sync(PERIOD, status=0)
    microsoft.lines(INVOICE, changes=[{"index": 1, "Subtotal": "40.00"}])
    microsoft.fault("graph.blob", "status", -1, status=404)
    month = partner.sync(PERIOD, status=3)
    assert (month.state, month.net) == ("incomplete", before.net)
    assert set(month.postings.values()) == {"held"}
    assert month.view["vendor_invoices"][0]["lines_subtotal"] == TOTAL
    microsoft.clear_faults()
    assert partner.sync(PERIOD, status=0).net == {**NET, "C-2": "50.00"}


@pytest.mark.parametrize("kind", ["missing_blob", "extra_blob", "repeated_blob", "change_etag"])
def test_a_set_that_is_not_whole_on_every_try(partner: Desk, microsoft: MicrosoftStandIn, kind: str) -> None:
    microsoft.fault("graph.manifest", kind, -1)
    month = partner.sync(PERIOD, status=3)
    assert (month.state, month.documents) == ("incomplete", {})
    microsoft.clear_faults()
    assert partner.sync(PERIOD, status=0).net == NET


def test_half_of_the_lines_without_any_error_are_found_by_the_header_and_fetched_again(
    partner: Desk, microsoft: MicrosoftStandIn
) -> None:
    """reliability.md: a gzip cut between members raises nowhere; interfaces.md section 8: pulled again."""
    microsoft.fault("graph.blob", "truncate", 1)
    month = partner.sync(PERIOD, status=1)
    assert month.state == "unbalanced"
    assert "header_differs" in month.codes
    assert set(month.postings.values()) == {"held"}
    assert partner.sync(PERIOD, status=0).net == NET


def test_an_empty_export_under_a_header_that_is_not_zero(partner: Desk, microsoft: MicrosoftStandIn) -> None:
    microsoft.fault("graph.blob", "empty", -1)
    month = partner.sync(PERIOD, status=1)
    assert (month.state, month.documents) == ("incomplete", {})
    assert "empty" in month.finding("invoice_incomplete")["text"]
    microsoft.clear_faults()
    assert partner.sync(PERIOD, status=0).net == NET


def test_an_export_that_does_not_exist_under_a_header_that_is_not_zero(
    partner: Desk, microsoft: MicrosoftStandIn
) -> None:
    """interfaces.md section 8: an export that fails on every try is incomplete and ends with 3."""
    microsoft.fault("graph.export", "fail_5000", -1)
    assert partner.sync(PERIOD, status=3).state == "incomplete"


def test_a_set_without_a_subtotal_is_not_accepted(partner: Desk, microsoft: MicrosoftStandIn) -> None:
    microsoft.fault("graph.blob", "drop_field", -1, field="Subtotal")
    month = partner.sync(PERIOD, status=1)
    assert (month.state, month.documents) == ("incomplete", {})
    assert "subtotal" in month.finding("invoice_incomplete")["text"].lower()


def test_no_invoice_at_all_is_not_checked(partner: Desk) -> None:
    month = partner.sync("2031-01", status=1)
    assert (month.state, month.view["vendor_invoices"], month.documents) == ("not_checked", [], {})
    assert partner.month("2031-02").state == "not_checked"


# ---- lines that cannot be read


@pytest.mark.parametrize("kind", ["nul", "duplicate_key", "invalid_utf8", "deep"])
def test_a_line_that_cannot_be_read_at_all(partner: Desk, microsoft: MicrosoftStandIn, kind: str) -> None:
    """interfaces.md section 8, "Readable means": its money is not readable either. The other customer goes on."""
    microsoft.fault("graph.blob", kind, -1, line=1)
    month = partner.sync(PERIOD, status=1)
    assert month.view["vendor_invoices"][0]["quarantined"] == 1
    assert month.finding("line_quarantined")["severity"] == "error"
    assert (month.state, month.balance()["difference"]) == ("unbalanced", "35.00")
    assert (month.net, month.postings) == ({"C-1": NET["C-1"]}, {"C-1": "planned"})


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", '"1,50"', "null", '""', "1" * 40, '"abc"', "true"])
def test_an_amount_that_cannot_be_read_is_unbalanced(partner: Desk, microsoft: MicrosoftStandIn, value: str) -> None:
    """Line 2 is one of two lines of C-1: his document is held, the other one goes on."""
    microsoft.fault("graph.blob", "set_raw", -1, line=2, field="Subtotal", value=value)
    month = partner.sync(PERIOD, status=1)
    assert (month.state, month.balance()["difference"]) == ("unbalanced", "16.90")
    assert month.finding("line_quarantined")["amount"] == "0.00"
    assert month.postings == {"C-1": "held", "C-2": "planned"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("BillableQuantity", '"many"'), ("ChargeStartDate", '"never"'), ("Currency", '"XQX"'), ("TaxTotal", '"x"')],
)
def test_a_line_with_a_readable_amount_is_unmatched(
    partner: Desk, microsoft: MicrosoftStandIn, field: str, value: str
) -> None:
    microsoft.fault("graph.blob", "set_raw", -1, line=2, field=field, value=value)
    month = partner.sync(PERIOD, status=1)
    balance = month.balance()
    assert (month.state, balance["unmatched"], balance["difference"]) == ("unmatched", "16.90", "0.00")
    assert month.finding("line_quarantined")["amount"] == "16.90"
    assert month.postings == {"C-1": "held", "C-2": "planned"}


def test_a_line_that_microsoft_delivers_anew_is_read(partner: Desk, microsoft: MicrosoftStandIn) -> None:
    microsoft.fault("graph.blob", "nan", 1, line=2)
    partner.sync(PERIOD, status=1)
    microsoft.control("POST", f"/invoices/{INVOICE}/etag")
    assert partner.sync(PERIOD, status=0).net == NET


def test_a_line_spoilt_on_its_way_is_read_when_it_comes_whole(partner: Desk, microsoft: MicrosoftStandIn) -> None:
    """The set has the same eTag as before; its bytes are others. Behaviour 23: nobody has to press anything."""
    microsoft.fault("graph.blob", "nan", 1, line=2)
    partner.sync(PERIOD, status=1)
    assert partner.sync(PERIOD, status=0).net == NET


def test_garbage_between_the_lines_hides_no_money_but_is_told(partner: Desk, microsoft: MicrosoftStandIn) -> None:
    """interfaces.md section 2: 1, a person must look, also for findings of severity error."""
    microsoft.fault("graph.blob", "raw_line", -1, text="this is not JSON")
    month = partner.sync(PERIOD, status=1)
    assert (month.net, month.balance()["difference"]) == (NET, "0.00")
    finding = month.finding("line_quarantined")
    assert (finding["amount"], finding["severity"]) == ("0.00", "error")


# ---- a header that says something else


@pytest.mark.parametrize("age", [0, 5])
def test_a_young_header_that_differs_is_waited_for(partner: Desk, microsoft: MicrosoftStandIn, age: int) -> None:
    microsoft.load_month(october(invoiced=days_ago(age)), replace=True)
    microsoft.header(INVOICE, add="0.01")
    month = partner.sync(PERIOD, status=1)
    assert (month.state, month.balance()["difference"]) == ("incomplete", "0.01")
    assert set(month.postings.values()) == {"held"}
    microsoft.header(INVOICE, add="-0.01")
    assert partner.sync(PERIOD, status=0).postings == {"C-1": "planned", "C-2": "planned"}


def test_an_old_header_that_differs_is_accepted_by_a_person(partner: Desk, microsoft: MicrosoftStandIn) -> None:
    microsoft.load_month(october(invoiced=days_ago(7)), replace=True)
    microsoft.header(INVOICE, add="0.01")
    month = partner.sync(PERIOD, status=1)
    assert (month.state, month.balance()["difference"]) == ("unbalanced", "0.01")
    finding = month.finding("header_differs")
    assert (finding["amount"], finding["severity"]) == ("0.01", "error")
    assert f"connector month accept {PERIOD} --invoice {INVOICE}" in finding["action"]
    assert month.postings == {"C-1": "held", "C-2": "held"}

    reason = "Adjustment on page 2 of Microsoft's PDF"
    partner.done("month", "accept", PERIOD, "--invoice", INVOICE, "--reason", reason)
    after = partner.month(PERIOD)
    assert after.state == "balanced"
    assert after.balance()["difference"] == "0.01"
    assert [(r["amount"], r["text"]) for r in after.balance()["reasons"]] == [("0.01", reason)]
    assert after.postings == {"C-1": "planned", "C-2": "planned"}
    assert after.codes.isdisjoint({"header_differs", "document_held"})
    partner.holds()
    assert partner.done("audit", "verify", "--json").json["ok"]
    assert partner.sync(PERIOD, status=0).state == "balanced"


def test_the_audit_trail_tells_who_accepted_what_and_why(partner: Desk, microsoft: MicrosoftStandIn) -> None:
    microsoft.header(INVOICE, add="0.01")
    partner.sync(PERIOD, status=1)
    partner.done("month", "accept", PERIOD, "--invoice", INVOICE, "--reason", "page 2")
    with closing(sqlite3.connect(partner.folder / "connector.sqlite")) as database:
        query = "SELECT who, action, subject, after, why FROM audit WHERE action = 'difference_accepted'"
        rows = database.execute(query).fetchall()
        assert rows == [(getpass.getuser(), "difference_accepted", INVOICE, "0.01 EUR", "page 2")]
        database.execute("UPDATE audit SET why = 'page 3' WHERE action = 'difference_accepted'")
        database.commit()
    said = partner.run("audit", "verify", "--json")
    assert (said.status, said.json["ok"]) == (1, False)
    assert partner.run("verify").status == 1


def test_an_accepted_difference_does_not_cover_the_next_one(partner: Desk, microsoft: MicrosoftStandIn) -> None:
    microsoft.header(INVOICE, add="0.01")
    partner.sync(PERIOD, status=1)
    partner.done("month", "accept", PERIOD, "--invoice", INVOICE, "--reason", "page 2")
    microsoft.header(INVOICE, add="0.05")
    month = partner.sync(PERIOD, status=1)
    assert (month.state, month.balance()["difference"]) == ("unbalanced", "0.06")


def test_nothing_to_accept(partner: Desk, microsoft: MicrosoftStandIn) -> None:
    accept = ("month", "accept", PERIOD, "--reason", "why not", "--invoice")
    told(partner.run(*accept, INVOICE), 1, "has no vendor invoice", "month show")
    microsoft.fault("graph.blob", "status", -1, status=404)
    partner.sync(PERIOD, status=3)
    told(partner.run(*accept, INVOICE), 1, "not arrived whole", "connector sync")
    assert partner.month(PERIOD).balance()["reasons"] == []


# ---- our own lists


def test_a_tenant_without_a_link(desk: Desk) -> None:
    desk.decides({"C-1": CUSTOMERS["C-1"], "C-2": []})
    month = desk.sync(PERIOD, status=1)
    assert (month.state, month.net) == ("unmatched", {"C-1": NET["C-1"]})
    assert (month.balance()["unmatched"], month.finding("tenant_unlinked")["amount"]) == ("35.00", "35.00")
    assert month.postings == {"C-1": "planned"}
    desk.decides(CUSTOMERS, markup="")
    assert desk.sync(PERIOD, status=0).net == NET


def test_a_product_without_a_price(desk: Desk) -> None:
    desk.decides(CUSTOMERS, markup="")
    prices = "organisation,product_id,kind,value"
    desk.taken("prices", prices, "*,CFQ7TTC0LDPB,markup,25", "*,CFQ7TTC0LH18,markup,25")
    month = desk.sync(PERIOD, status=1)
    finding = month.finding("price_missing")
    assert (month.state, finding["amount"]) == ("unmatched", "16.90")
    assert month.balance()["unmatched"] == "16.90"
    assert month.net == {"C-1": "150.00", "C-2": "43.75"}
    desk.taken("prices", prices, "*,CFQ7TTC0LH0R,markup,25")
    assert desk.sync(PERIOD, status=0).net == NET


def test_a_customer_that_is_not_charged(partner: Desk) -> None:
    partner.taken("prices", "organisation,kind,value,note", "C-2,none,,our own company")
    month = partner.sync(PERIOD, status=0)
    assert (month.state, month.net) == ("balanced", {"C-1": NET["C-1"]})
    assert month.balance()["not_charged"] == "35.00"


# ---- daily usage


def test_usage_that_is_missing_is_a_warning_and_stops_nobody(desk: Desk, microsoft: MicrosoftStandIn) -> None:
    microsoft.control("POST", "/month", {"scenario": "azure-plan", "replace": True})
    desk.decides({"C-1": ["196e2273-9651-43a3-ba7e-7cbcd918fc40"]})
    (invoice,) = microsoft.control("GET", "/invoices")
    microsoft.lines(invoice["id"], kind="usage", lines=[], keep_total=True)
    month = desk.sync("2024-10", status=0)
    finding = month.finding("usage_missing")
    assert (finding["severity"], finding["amount"]) == ("warning", "587.19")
    assert (month.state, month.postings) == ("balanced", {"C-1": "planned"})
    assert month.net == {"C-1": "733.99"}


def test_usage_that_comes_later_explains_the_line(desk: Desk, microsoft: MicrosoftStandIn) -> None:
    microsoft.control("POST", "/month", {"scenario": "azure-plan", "replace": True})
    desk.decides({"C-1": ["196e2273-9651-43a3-ba7e-7cbcd918fc40"]})
    microsoft.fault("graph.export", "fail_5000", 1, skip=1)
    assert "usage_missing" in desk.sync("2024-10", status=0).codes
    assert "usage_missing" not in desk.sync("2024-10", status=0).codes


# ---- questions


def test_a_line_that_nobody_knows(partner: Desk) -> None:
    partner.sync(PERIOD, status=0)
    told(partner.run("explain", "l_unknown"), 2, "No invoice line has the id 'l_unknown'", "month show")
    error = partner.run("explain", "l_unknown", "--json").json["error"]
    assert (error["status"], "l_unknown" in error["text"]) == (2, True)


def test_every_line_explains_itself(partner: Desk) -> None:
    month = partner.sync(PERIOD, status=0)
    for document in month.documents.values():
        for line in document["lines"]:
            tree = partner.done("explain", line["id"], "--json").json
            assert tree["line_id"] == line["id"]
            assert tree["amount"] == line["amount"] == tree["recalculated"]
            assert partner.done("explain", line["id"]).out == ""


@pytest.mark.parametrize("period", ["2025-13", "2025-1", "october", "", "2025-10-01", "25-10"])
@pytest.mark.parametrize("command", [["sync"], ["push"], ["month", "show"]])
def test_a_period_that_is_none(desk: Desk, command: list[str], period: str) -> None:
    told(desk.run(*command, period), 2, "is not a period", "YYYY-MM")


def test_without_a_ledger_nothing_can_be_pushed(partner: Desk) -> None:
    month = partner.sync(PERIOD, status=1, push=True)
    assert month.state == "balanced"
    assert {item["action"] for item in month.view["planned"]} == {"reject"}
    assert all("no ledger" in item["why"] for item in month.view["planned"])
    said = partner.run("push", PERIOD, "--dry-run")
    assert (said.status, "no ledger is connected" in said.words) == (1, True)


def test_links_are_there_from_the_moment_of_pricing_and_can_be_revoked(partner: Desk) -> None:
    month = partner.sync(PERIOD, status=0)
    listed = partner.done("links", "list", "--json").json
    assert {link["document"] for link in listed} == {document["id"] for document in month.documents.values()}
    assert month.documents["C-1"]["url"].startswith("https://bills.example.test/i/")
    first = month.documents["C-1"]["id"]
    partner.done("links", "revoke", first, "--reason", "sent to the wrong address")
    revoked = {link["document"] for link in partner.done("links", "list", "--json").json if link["revoked_at"]}
    assert revoked == {first}
    told(partner.run("links", "revoke", "d_unknown"), 2, "No link belongs", "links list|revoked already")
    partner.holds()


def test_names_never_reach_the_trace_of_a_pull(partner: Desk) -> None:
    """style.md: amounts yes, names of customers no."""
    said = partner.run("sync", PERIOD, "--no-push", "--json")
    assert FIRST.name not in said.err
