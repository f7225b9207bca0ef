"""Re-rating: what was sent, computed again; the differences, the corrections, and that nothing goes out by itself."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connector.domain.invoice import LedgerInvoice
from connector.store.database import open_engine
from connector.wiring import link_keys
from tests.months import checks, sent
from tests.months.billed import ALPHA, BETA, MAIL, SUITE, consumed, month_of, seats, ten_to_fourteen
from tests.months.partner import Month, Partner
from tests.months.sent import INVOICE, OCTOBER
from tests.standins.microsoft.billing import Customer
from tests.web import seeded
from webhooks.app import create_app


@pytest.fixture(params=["pushed", "closed"])
def october(request: pytest.FixtureRequest, partner: Partner, with_books: list[LedgerInvoice]) -> Partner:
    """October as it was sent, open or closed: re-rating is the same for both."""
    (sent.is_closed if request.param == "closed" else sent.is_sent)(partner)
    return partner


@pytest.fixture
def closed(partner: Partner, with_books: list[LedgerInvoice]) -> Partner:
    sent.is_closed(partner)
    return partner


def dearer(partner: Partner) -> None:
    """A seat costs 21.90 instead of 20.90, also in October.

    By hand, C-1: 219.00 - 141.29 + 197.81 = 275.52, C-2: 109.50.
    """
    partner.price("fixed", "21.90", product_id=SUITE.product_id)


def released(partner: Partner, *, revision: int, books: int, with_books: list[LedgerInvoice]) -> Month:
    """All drafts released and pushed."""
    assert partner.run("corrections", "release", "--all", OCTOBER, "--why", "agreed").status == 0
    pushed = partner.run("push", OCTOBER, "--json")
    assert pushed.status == 0, pushed.prose
    assert len(with_books) == books
    month = Month(partner, pushed.text)
    assert max(document["revision"] for document in month.documents) == revision
    return month


def test_nothing_changed_is_no_difference(october: Partner) -> None:
    view = sent.rerated(october, status=0)
    assert (view["differences"], view["documents"], view["totals"]) == ([], [], [])
    assert sent.rerated(october, "--draft", status=0)["drafts"] == []


def test_what_was_not_sent_cannot_be_rated_again(partner: Partner, with_books: list[LedgerInvoice]) -> None:
    sent.decides(partner)
    partner.is_billed(month_of(ten_to_fourteen()))
    partner.sync(OCTOBER)
    refused = partner.run("rerate", OCTOBER, "--json")
    assert refused.status == 1 and refused.json["error"]["code"] == "not_sent"


def test_a_price_changed_for_the_past_gives_the_differences_by_line(october: Partner) -> None:
    dearer(october)
    view = sent.rerated(october, status=1)
    assert sorted(sent.differences(view)) == sorted(
        [
            ("C-1", "209.00", "219.00", "10.00"),
            ("C-1", "-134.84", "-141.29", "-6.45"),
            ("C-1", "188.77", "197.81", "9.04"),
            ("C-2", "104.50", "109.50", "5.00"),
        ]
    )
    assert all("unit price: 20.9 -> 21.9" in d["why"] and "version 1) -> " in d["why"] for d in view["differences"])
    assert view["documents"] == [
        {"organisation": "C-1", "currency": "EUR", "kind": "invoice", "net_total": "12.59", "lines": 3},
        {"organisation": "C-2", "currency": "EUR", "kind": "invoice", "net_total": "5.00", "lines": 1},
    ]
    assert view["totals"] == [{"currency": "EUR", "difference": "17.59"}]
    issued = {line["id"] for document in sent.shown(october).documents for line in document["lines"]}
    assert all(d["line_id"] in issued and d["document"] for d in view["differences"])
    assert set(sent.nets(sent.shown(october))) == {("C-1", 1), ("C-2", 1)}, "it only looks"


def test_what_was_issued_and_the_differences_are_what_it_would_be_now(october: Partner) -> None:
    """The law of re-rating, against a partner who priced so from the beginning."""
    dearer(october)
    sent.moves_beta(october)
    view = sent.rerated(october, status=1)
    was = {document["organisation"]: Decimal(document["net_total"]) for document in sent.shown(october).documents}
    for document in view["documents"]:
        was[document["organisation"]] += Decimal(document["net_total"])
    # by hand: both tenants at C-1, 275.52 + 109.50
    assert was == {"C-1": Decimal("385.02"), "C-2": Decimal("0.00")}
    lines = [Decimal(d["now"]) - Decimal(d["invoiced"]) for d in view["differences"]]
    assert sum(lines) == Decimal(view["totals"][0]["difference"])


def test_a_draft_goes_nowhere_until_it_is_released(october: Partner, with_books: list[LedgerInvoice]) -> None:
    dearer(october)
    drafts = sent.rerated(october, "--draft", "--why", "the list was wrong", status=1)["drafts"]
    assert [(d["organisation"], d["revision"], d["net_total"]) for d in drafts] == [
        ("C-1", 2, "12.59"),
        ("C-2", 2, "5.00"),
    ]
    planned = october.run("push", OCTOBER, "--dry-run", "--json")
    assert planned.status == 0
    skipped = [item for item in planned.json["planned"] if item["key"] == drafts[0]["key"]]
    assert skipped[0]["action"] == "skip" and f"corrections release {drafts[0]['key']}" in skipped[0]["why"]
    for command in (["push", OCTOBER], ["push", OCTOBER, "--release"], ["sync", OCTOBER]):
        assert october.run(*command).status == 0
    assert len(with_books) == 2, "nothing is sent by itself"
    month = sent.shown(october)
    assert month.state in ("pushed", "closed"), "a draft does not make a sent month unsent"
    shown = month.document("C-1", revision=2)
    assert shown["draft"] and shown["origin"] == "correction" and shown["reason"] == "the list was wrong"
    assert [item["state"] for item in october.run("corrections", "list", "--json").json] == ["draft", "draft"]
    sent.holds(october)


def test_a_correction_shows_what_is_taken_back_and_what_is_charged(october: Partner) -> None:
    dearer(october)
    sent.rerated(october, "--draft", status=1)
    month = sent.shown(october)
    line = next(line for line in month.document("C-2", revision=2)["lines"])
    tree = month.explain(line)
    assert [part["amount"] for part in tree["parts"]] == ["-104.50", "109.50"]
    original = month.document("C-2", revision=1)["lines"][0]
    assert tree["parts"][0]["reverses"] == month.explain(original)["parts"][0]["detail_line"]
    assert tree["recalculated"] == tree["amount"] == "5.00" == str(checks.evaluated(tree["steps"], "EUR"))
    assert "an earlier invoice was corrected" in line["sentence"] and "Microsoft" not in line["sentence"].split(":")[1]


def test_lines_that_did_not_change_do_not_appear(partner: Partner, with_books: list[LedgerInvoice]) -> None:
    sent.decides(partner)
    partner.price("fixed", "4.10", product_id=MAIL.product_id)
    partner.is_billed(month_of([*ten_to_fourteen(), seats(product=MAIL).charge("cycleCharge", 3)]))
    sent.pushes(partner)
    partner.price("fixed", "4.20", product_id=MAIL.product_id)
    drafts = sent.rerated(partner, "--draft", status=1)["drafts"]
    assert [d["net_total"] for d in drafts] == ["0.30"]
    document = sent.shown(partner).document("C-1", revision=2)
    assert [line["product_id"] for line in document["lines"]] == [MAIL.product_id]


def test_drafting_again_replaces_the_draft(october: Partner) -> None:
    dearer(october)
    first = sent.rerated(october, "--draft", status=1)["drafts"]
    assert sent.rerated(october, "--draft", status=1)["drafts"] == first
    october.price("fixed", "20.90", product_id=SUITE.product_id)
    assert sent.rerated(october, "--draft", status=0)["drafts"] == []
    assert october.run("corrections", "list", OCTOBER, "--json").json == []
    dearer(october)
    again = sent.rerated(october, "--draft", status=1)["drafts"]
    assert [d["key"] for d in again] == [d["key"] for d in first]


def test_a_released_correction_is_part_of_what_was_issued(october: Partner, with_books: list[LedgerInvoice]) -> None:
    dearer(october)
    sent.rerated(october, "--draft", status=1)
    month = released(october, revision=2, books=4, with_books=with_books)
    assert sorted(page.net_total for page in with_books) == sorted(map(Decimal, ["262.93", "104.50", "12.59", "5.00"]))
    assert month.document("C-1", revision=2)["posting"]["state"] == "verified"
    assert sent.rerated(october, status=0)["differences"] == []
    assert october.run("sync", OCTOBER).status == 0 and len(with_books) == 4
    # 22.90: C-1 229.00 - 147.74 + 206.84 = 288.10, less 275.52; C-2 114.50, less 109.50
    october.price("fixed", "22.90", product_id=SUITE.product_id)
    view = sent.rerated(october, "--draft", status=1)
    assert {d["organisation"]: d["net_total"] for d in view["documents"]} == {"C-1": "12.58", "C-2": "5.00"}
    assert {d["document"].rsplit("/", 1)[1] for d in view["differences"]} == {"2"}, "it takes back the correction"
    released(october, revision=3, books=6, with_books=with_books)
    assert sent.rerated(october, status=0)["totals"] == []
    sent.holds(october)


def test_a_moved_tenant_is_taken_back_here_and_charged_there(october: Partner, with_books: list[LedgerInvoice]) -> None:
    sent.moves_beta(october)
    view = sent.rerated(october, "--draft", status=1)
    assert sent.differences(view) == [
        ("C-1", "0.00", "104.50", "104.50"),
        ("C-2", "104.50", "0.00", "-104.50"),
    ]
    assert {d["why"] for d in view["differences"]} == {"link: C-2 -> C-1"}
    assert [(d["organisation"], d["kind"], d["net_total"]) for d in view["drafts"]] == [
        ("C-1", "invoice", "104.50"),
        ("C-2", "credit_note", "-104.50"),
    ]
    released(october, revision=2, books=4, with_books=with_books)
    assert sent.rerated(october, status=0)["differences"] == []
    assert october.run("sync", OCTOBER).status == 0 and len(with_books) == 4, "nobody pays twice"
    sent.holds(october)


def test_a_tenant_moved_to_a_customer_without_a_document(october: Partner, with_books: list[LedgerInvoice]) -> None:
    """His first revision is the charge that another's second takes back: revisions of two customers have no order."""
    october.has_customer("C-3")
    sent.moves_beta(october, to="C-3")
    view = sent.rerated(october, "--draft", status=1)
    assert [(d["organisation"], d["revision"], d["net_total"]) for d in view["drafts"]] == [
        ("C-2", 2, "-104.50"),
        ("C-3", 1, "104.50"),
    ]
    released(october, revision=2, books=4, with_books=with_books)
    assert sent.rerated(october, status=0)["differences"] == []
    assert october.run("sync", OCTOBER).status == 0 and len(with_books) == 4, "nobody pays twice"
    assert october.run("replay", OCTOBER, "--json").json["ok"]


def test_a_rule_that_charges_no_more_gives_the_money_back(october: Partner) -> None:
    october.price("none", organisation="C-2", note="a partner of ours")
    view = sent.rerated(october, status=1)
    assert sent.differences(view) == [("C-2", "104.50", "0.00", "-104.50")]
    assert view["differences"][0]["why"] == "not charged now: a partner of ours"


def test_nobody_gets_money_back_because_a_price_is_missing(october: Partner) -> None:
    october.links({"tenant_id": BETA.tenant_id, "organisation": "C-2", "valid_from": "", "valid_to": "2025-09-30"})
    view = sent.rerated(october, "--draft", status=1)
    assert view["differences"] == [] and view["drafts"] == []
    assert [(u["organisation"], u["invoiced"]) for u in view["undecided"]] == [("C-2", "104.50")]


def test_a_draft_whose_basis_was_corrected_is_not_released(partner: Partner, with_books: list[LedgerInvoice]) -> None:
    """Microsoft voids the invoice of a month that is still open, and its reversal goes out by itself meanwhile."""
    sent.is_sent(partner)
    dearer(partner)
    keys = [draft["key"] for draft in sent.rerated(partner, "--draft", status=1)["drafts"]]
    sent.amends(partner, Subtotal="119.00")
    sent.pushes(partner)
    assert sent.nets(sent.shown(partner))["C-1", 2] == "12.59", "the draft is still there"
    for wanted in (["--all", OCTOBER], [keys[0]], [keys[1]]):
        refused = partner.run("corrections", "release", *wanted, "--json")
        assert refused.status == 1 and refused.json["error"]["code"] == "basis_changed"
        assert "rerate" in refused.json["error"]["action"]
    # the lines came anew and were priced at 21.90 by the month itself: nothing is left to correct
    assert sent.rerated(partner, "--draft", status=0)["drafts"] == []
    assert partner.run("corrections", "list", "--json").json == []
    sent.holds(partner)


def test_discarding(october: Partner, with_books: list[LedgerInvoice]) -> None:
    dearer(october)
    first, second = (draft["key"] for draft in sent.rerated(october, "--draft", status=1)["drafts"])
    assert october.run("corrections", "discard", first, "--why", "a gift").status == 0
    assert october.run("corrections", "release", second).status == 0
    assert october.run("corrections", "discard", second).status == 0, "no ledger has heard of it"
    assert october.run("corrections", "discard", second).status == 2
    sent.rerated(october, "--draft", status=1)
    released(october, revision=2, books=4, with_books=with_books)
    refused = october.run("corrections", "discard", first)
    assert refused.status == 1 and "was sent to the ledger" in refused.prose
    trail = [row[2:4] for row in sent.rows(october, "audit") if str(row[3]).startswith("correction_")]
    assert {action for _, action in trail} == {"correction_drafted", "correction_released", "correction_discarded"}
    sent.holds(october)


def test_only_the_difference_of_a_void_and_its_replacement_goes_out(
    closed: Partner, with_books: list[LedgerInvoice]
) -> None:
    """Microsoft bills nine seats instead of ten for October after we closed it."""
    certificate = sent.rows(closed, "closings")
    number = sent.amends(closed, Subtotal="108.00", BillableQuantity=9, Quantity=9)
    assert closed.run("sync", OCTOBER).status == 1
    view = sent.rerated(closed, "--draft", status=1)
    # 9 x 20.90 = 188.10 instead of 209.00; every other line comes again as it was
    assert view["totals"] == [{"currency": "EUR", "difference": "-20.90"}]
    assert [(d["organisation"], d["net_total"]) for d in view["documents"]] == [("C-1", "-20.90"), ("C-2", "0.00")]
    assert any("Microsoft voided its invoice" in d["why"] for d in view["differences"])
    assert any(f"{number} of Microsoft came later" in d["why"] for d in view["differences"])
    # the lines of C-2 were exchanged one for one: 0.00, which no ledger gets
    month = released(closed, revision=2, books=3, with_books=with_books)
    assert with_books[2].net_total == Decimal("-20.90")
    assert {finding["severity"] for finding in month.findings("changed_after_close")} == {"info"}
    states = {one["organisation"]: one["state"] for one in closed.run("corrections", "list", "--json").json}
    assert states == {"C-1": "verified", "C-2": "nothing to send"}
    assert closed.run("sync", OCTOBER).status == 0
    assert sent.rerated(closed, status=0)["differences"] == []
    assert sent.rows(closed, "closings") == certificate
    sent.holds(closed)
    # the replacement was charged: from now on its lines must add up to its header like any other's
    sent.changes_row(closed, f"UPDATE vendor_invoices SET header_total = '1' WHERE id = '{number}'")
    proved = {one["id"]: one for one in closed.run("verify", "--json").json["invariants"]}
    assert any(number in problem for problem in proved["I1"]["problems"])


def test_a_late_invoice_after_closing_becomes_a_correction(closed: Partner) -> None:
    number = sent.bills_late(closed, consumed(ALPHA, "21.39", "29"))
    closed.price("markup", "10")
    assert closed.run("sync", OCTOBER).status == 1
    # 21.39 + 10 % = 23.529
    view = sent.rerated(closed, "--draft", status=1)
    assert sent.differences(view) == [("C-1", "0.00", "23.53", "23.53")]
    assert view["differences"][0]["why"] == f"new: invoice {number} of Microsoft came later"
    assert closed.run("sync", OCTOBER).status == 0, "somebody has looked at it"


def test_other_lines_under_a_closed_invoice_are_rated(closed: Partner) -> None:
    closed.microsoft.lines(INVOICE, changes=[{"index": 0, "BillableQuantity": 9, "Quantity": 9}])
    assert closed.run("sync", OCTOBER, "--again", "--no-push").status == 1
    view = sent.rerated(closed, status=1)
    assert view["totals"] == [{"currency": "EUR", "difference": "-20.90"}]


def test_a_service_that_changed_is_corrected(partner: Partner, with_books: list[LedgerInvoice]) -> None:
    row = {
        "organisation": "C-1", "code": "SUPPORT", "name": "Support", "kind": "recurring", "price": "99.00",
        "currency": "EUR", "valid_from": "2025-01-01", "billing": "monthly",
    }  # fmt: skip
    sent.decides(partner)
    partner.imports("services", row)
    partner.is_billed(month_of(ten_to_fourteen()))
    sent.pushes(partner)
    partner.imports("services", {**row, "price": "109.00"})
    assert sent.differences(sent.rerated(partner, status=1)) == [("C-1", "99.00", "109.00", "10.00")]


def test_a_line_that_is_divided_over_cost_centres_is_corrected_share_by_share(
    partner: Partner, with_books: list[LedgerInvoice]
) -> None:
    """BETA's five seats, 104.50, three to one: 78.375 and 26.125, the cent left over to the larger rest, 78.38 + 26.12
    or 78.37 + 26.13; at 21.90 they are 109.50 = 82.125 + 27.375."""
    partner.has_customer("C-2", BETA.tenant_id, grouping="cost_centre")
    shares = [("North", "3"), ("South", "1")]
    partner.imports(
        "cost-centres", *({"organisation": "C-2", "cost_centre": name, "share": share} for name, share in shares)
    )
    partner.price("fixed", "20.90", product_id=SUITE.product_id)
    partner.is_billed(month_of([seats(BETA).charge("cycleCharge", 5)]))
    month = sent.pushes(partner)
    assert sent.total([line["amount"] for line in month.lines("C-2")]) == Decimal("104.50")
    assert len(month.lines("C-2")) == 2
    dearer(partner)
    view = sent.rerated(partner, "--draft", status=1)
    assert {d["split"] for d in view["differences"]} == {"North", "South"}
    assert sent.total([d["now"] for d in view["differences"]]) == Decimal("109.50")
    assert sent.total([d["invoiced"] for d in view["differences"]]) == Decimal("104.50")
    corrected = sent.shown(partner).document("C-2", revision=2)
    assert [line["detail_lines"] for line in corrected["lines"]] == [2, 2], "each share: taken back, and charged anew"
    released(partner, revision=2, books=2, with_books=with_books)
    assert sent.rerated(partner, status=0)["differences"] == []
    sent.amends(partner, Subtotal="61.00")
    sent.pushes(partner)
    assert sent.nets(sent.shown(partner)) == {("C-2", 1): "104.50", ("C-2", 2): "5.00", ("C-2", 3): "0.00"}
    assert partner.run("replay", OCTOBER, "--json").json["ok"]
    sent.holds(partner)


def test_what_came_late_and_belongs_to_nobody_stays_loud(closed: Partner) -> None:
    stranger = Customer("57a60000-0000-4000-8000-0000000057a6", "Stranger Ltd", "stranger.onmicrosoft.com")
    number = sent.bills_late(closed, consumed(stranger, "21.39", "29"))
    assert closed.run("sync", OCTOBER).status == 1
    view = sent.rerated(closed, "--draft", status=1)
    assert view["differences"] == [] and view["unmatched"] == [{"currency": "EUR", "amount": "21.39"}]
    finding = sent.shown(closed).finding("changed_after_close")
    assert (finding["where"], finding["severity"]) == (number, "error"), "until it has a customer and a price"


def test_the_customer_reads_what_was_corrected(partner: Partner, with_books: list[LedgerInvoice]) -> None:
    sent.is_sent(partner)
    dearer(partner)
    sent.rerated(partner, "--draft", status=1)
    url = sent.shown(partner).document("C-2", revision=2)["url"].removeprefix("https://bills.example.test")
    engine = open_engine(f"sqlite:///{partner.database}")
    keys = link_keys(partner.settings["SECRET_KEY"])
    browser = create_app(seeded.parts(engine, secret_keys=keys)).test_client()
    opened = browser.post(f"{url}/l/1", base_url="https://bills.example.test")
    page = browser.get(opened.headers["Location"], base_url="https://bills.example.test")
    engine.dispose()
    words = " ".join(page.text.split())
    assert "an earlier invoice was corrected; what it charged for 1 to 31 October 2025 is taken back" in words
    assert "This charge of an earlier invoice was corrected." in words and "Microsoft withdrew" not in words
    assert "-104.50" in words.replace("\u2212", "-") and "109.50" in words
