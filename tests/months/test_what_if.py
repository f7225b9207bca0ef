"""What past months would have brought at other prices, worked out by hand; and that nothing is written for it."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.domain.cycles import SubscriptionFacts
from connector.domain.lines import ReconciliationLine
from connector.flows.what_if import BothPrices, Trial, compare, priced_periods
from connector.flows.world import silent
from connector.sources.fields import assign_ids
from connector.store import decisions
from connector.store.database import open_engine, reading
from mappings.bulk import PriceChange
from mappings.bulk_spans import always
from mappings.links import Organisation, TenantLink, by_tenant
from mappings.price import Book, price_line
from mappings.pricelist import PriceRule
from mappings.resolve import PriceBook, PriceSheet
from tests.mappings.test_bulk import DAYS, price_lists, rule
from tests.months.billed import ALPHA, BETA, MAIL, SUITE, day, month_of, months_of, seats, ten_to_fourteen
from tests.months.partner import Partner

OCTOBER, NOVEMBER = "2025-10", "2025-11"


@pytest.fixture
def partner_of_two_months(partner: Partner) -> Partner:
    """C-1: ten seats, fourteen from 12 October on (20 of 31 days), fourteen in November; C-2: five seats in October.

    At 20.90: 209.00 - 134.84 + 188.77 = 262.93 in October, 14 x 20.90 = 292.60 in November; C-2 104.50.
    """
    october = month_of([*ten_to_fourteen(), seats(BETA).charge("cycleCharge", 5)])
    november = month_of([seats(begin="2025-11-01", bought="2025-10-01").charge("cycleCharge", 14)], NOVEMBER)
    partner.is_billed(months_of(october, november))
    partner.has_customer("C-1", ALPHA.tenant_id, group="north")
    partner.has_customer("C-2", BETA.tenant_id)
    partner.price("fixed", "20.90", product_id=SUITE.product_id)
    assert partner.sync(OCTOBER).net("C-1") == "262.93"
    assert partner.sync(NOVEMBER).net("C-1") == "292.60"
    return partner


def asked(partner: Partner, *arguments: str, status: int = 0) -> dict[str, Any]:
    answer = partner.run("what-if", *arguments, "--json")
    assert answer.status == status, answer.prose + answer.text
    found: dict[str, Any] = answer.json
    return found


def revenue(view: dict[str, Any]) -> tuple[str, str, str]:
    (sums,) = view["totals"]
    return sums["revenue_before"], sums["revenue_after"], sums["revenue_change"]


def price_file(partner: Partner, *rows: dict[str, str]) -> str:
    path = partner.folder / "try.csv"
    columns = ("organisation", "product_id", "sku_id", "kind", "value", "currency", "valid_from", "note")
    with path.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def test_five_percent_more_over_two_months(partner_of_two_months: Partner) -> None:
    """21.945 is 21.95 a seat: 219.50 - 141.61 + 198.26 = 276.15; 14 x 21.95 = 307.30; 5 x 21.95 = 109.75.

    10 x 21.95 x 20/31 = 141.6129, 14 x 21.95 x 20/31 = 198.2581.
    """
    view = asked(partner_of_two_months, "--percent", "5")
    assert (view["from"], view["to"], view["rules_changed"]) == (OCTOBER, NOVEMBER, 1)
    by_period = {period["period"]: revenue(period) for period in view["periods"]}
    assert by_period == {OCTOBER: ("367.43", "385.90", "18.47"), NOVEMBER: ("292.60", "307.30", "14.70")}
    assert revenue(view) == ("660.03", "693.20", "33.17")
    # at cost: 120.00 - 77.41 + 108.38 + 60.00 + 168.00 = 378.97
    (sums,) = view["totals"]
    assert (sums["cost_before"], sums["margin_before"], sums["margin_after"]) == ("378.97", "281.06", "314.23")
    assert [(each["organisation"], each["revenue_change"]) for each in view["customers"]] == [
        ("C-1", "27.92"),
        ("C-2", "5.25"),
    ]
    assert all(period["on_documents"] == [] for period in view["periods"])
    assert "as if these prices had always held" in view["tried"]


def test_a_span_of_months_and_a_group(partner_of_two_months: Partner) -> None:
    partner_of_two_months.price("markup", "50", "C-1")
    # the fixed price names the product, but C-1's own list comes first: 168.00 x 1.5 = 252.00; 1.50 x 1.10 = 1.65
    view = asked(partner_of_two_months, "--percent", "10", "--group", "north", "--from", NOVEMBER)
    assert revenue(view) == ("252.00", "277.20", "25.20")
    assert asked(partner_of_two_months, "--percent", "10", "--group", "north", "--to", OCTOBER)["to"] == OCTOBER


def test_what_stands_on_the_documents_is_said_where_it_differs(partner_of_two_months: Partner) -> None:
    """The price of C-2 came after October was priced: today's decisions give 5 x 12.00 x 2 = 120.00 for it."""
    partner_of_two_months.price("markup", "100", "C-2")
    view = asked(partner_of_two_months, "--percent", "5", "--kind", "markup")
    october = view["periods"][0]
    assert revenue(october) == ("382.93", "388.93", "6.00")
    assert october["on_documents"] == [{"currency": "EUR", "amount": "367.43"}]


def test_dates_of_a_file_are_taken_as_given(partner_of_two_months: Partner) -> None:
    november = {"organisation": "*", "product_id": SUITE.product_id, "kind": "fixed", "value": "25.00"}
    path = price_file(partner_of_two_months, {**november, "currency": "EUR", "valid_from": "2025-11-01"})
    view = asked(partner_of_two_months, "--prices", path)
    by_period = {period["period"]: revenue(period) for period in view["periods"]}
    assert by_period == {OCTOBER: ("367.43", "367.43", "0.00"), NOVEMBER: ("292.60", "350.00", "57.40")}
    assert view["customers_moved"] == 1


def test_lines_sold_below_cost(partner_of_two_months: Partner) -> None:
    """At 10.45 ten seats give 104.50 for 120.00, fourteen for 20 days 94.39 for 108.38, in November 146.30 for 168.00;
    C-2's five 52.25 for 60.00: 15.50 + 13.99 + 21.70 + 7.75 = 58.94 are lacking."""
    (sums,) = asked(partner_of_two_months, "--percent", "-50")["totals"]
    assert (sums["below_cost_lines_before"], sums["below_cost_lines_after"]) == (0, 4)
    assert (sums["below_cost_before"], sums["below_cost_after"]) == ("0.00", "58.94")


def test_lines_that_gain_and_lose_their_price(partner_of_two_months: Partner) -> None:
    partner = partner_of_two_months
    unpriced = month_of([seats(BETA, MAIL, "2025-12-01").charge("cycleCharge", 5), seats(ALPHA, SUITE, "2025-12-01")
                         .charge("cycleCharge", 10)], "2025-12")  # fmt: skip
    partner.is_billed(months_of(partner.billed, unpriced))
    partner.sync("2025-12", status=1)
    path = price_file(
        partner,
        {"organisation": "C-2", "kind": "markup", "value": "100"},
        # nobody has imported a list price
        {"organisation": "C-1", "kind": "discount", "value": "10", "currency": "EUR", "valid_from": "2025-12-01"},
    )
    view = asked(partner, "--prices", path, "--from", "2025-12")
    # mail: 5 x 3.40 = 17.00 at cost, 34.00 with 100 %; ten seats of the suite at 20.90 are lost
    assert revenue(view) == ("209.00", "34.00", "-175.00")
    assert view["periods"][0]["unmatched"] == [{"currency": "EUR", "before": "17.00", "after": "120.00"}]
    assert [(line["organisation"], line["cost"], line["code"]) for line in view["newly_matched"]] == [
        ("C-2", "17", "price_missing")
    ]
    assert [(line["organisation"], line["cost"], line["code"]) for line in view["newly_unmatched"]] == [
        ("C-1", "120", "list_price_missing")
    ]


def test_nothing_is_written(partner_of_two_months: Partner) -> None:
    path = price_file(partner_of_two_months, {"organisation": "*", "kind": "markup", "value": "1"})
    before = dump(partner_of_two_months.database)
    asked(partner_of_two_months, "--percent", "5")
    asked(partner_of_two_months, "--prices", path)
    assert partner_of_two_months.run("prices", "change", "--percent", "5", "--from", "2025-12-01").status == 0
    assert dump(partner_of_two_months.database) == before


def test_processes_give_the_same_answer_as_one(partner_of_two_months: Partner) -> None:
    engine = open_engine(partner_of_two_months.settings["DATABASE_URL"])
    with reading(engine) as connection:
        rules, number = decisions.price_rules(connection), decisions.latest_import(connection)
        wanted = priced_periods(connection)
    change = PriceChange(percent=Decimal(5))
    new = {each.old.id: each.new[0] for each in always(rules, lambda rule: True, change) if each.new}
    trial = Trial.in_their_place(rules, new)
    alone = compare(engine, number, wanted, trial, silent)
    assert compare(engine, number, wanted, trial, silent, share_from=0) == alone
    engine.dispose()


def test_questions_that_cannot_be_answered(partner_of_two_months: Partner) -> None:
    for arguments, words in (
        ((), "one of them"),
        (("--percent", "5", "--amount", "1"), "either a percentage or an amount"),
        (("--percent", "1900"), "did you mean 19?"),
        (("--percent", "-100"), "no price above 0"),
        (("--percent", "5", "--group", "south"), "No group is called 'south'"),
        (("--percent", "5", "--organisation", "C-9"), "No organisation is called 'C-9'"),
        (("--percent", "5", "--product", "NOTHING"), "No price rule is selected"),
        (("--percent", "5", "--publisher", "Nobody"), "No publisher is called 'nobody'"),
        (("--percent", "5", "--kind", "gift"), "No kind is called 'gift'"),
        (("--percent", "5", "--from", "2026-01"), "No month in this span"),
        (("--percent", "1,5"), "is not a number"),
    ):
        answer = partner_of_two_months.run("what-if", *arguments)
        assert answer.status == 2 and words in " ".join(answer.prose.split()), (arguments, answer.prose)


def test_a_file_with_mistakes_names_them(partner_of_two_months: Partner) -> None:
    path = price_file(
        partner_of_two_months,
        {"organisation": "C-9", "kind": "markup", "value": "1"},
        {"organisation": "*", "kind": "margin", "value": "100"},
    )
    answer = partner_of_two_months.run("what-if", "--prices", path)
    assert answer.status == 2 and "2 mistakes" in answer.prose and "row 2" in answer.prose and "row 3" in answer.prose


def test_the_publisher_of_a_product_is_known_from_the_invoice_lines(partner_of_two_months: Partner) -> None:
    view = asked(partner_of_two_months, "--percent", "5", "--publisher", "microsoft corporation")
    assert (view["rules_changed"], revenue(view)[2]) == (1, "33.17")


def test_the_publisher_is_no_part_of_a_lines_id() -> None:
    """Ids given before the publisher was kept stay, and an interface that leaves it out gives the same ones."""
    plain = _line("t1", "P", "sub", DAYS[0], "1.00", 1)
    named = replace(plain, publisher="Adobe")
    assert [each.id for each in assign_ids([plain])] == [each.id for each in assign_ids([named])]
    assert plain == named


# ---- exactness: what is skipped is what could not change


def dump(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.iterdump())


FACTS = SubscriptionFacts({}, {})
_LINKS = by_tenant([TenantLink("t1", "C-1", None, None), TenantLink("t2", "C-2", None, None)])


def _line(tenant: str, product: str, subscription: str, begin: date, cost: str, quantity: int) -> ReconciliationLine:
    return ReconciliationLine(
        id="l", invoice_id="G1", platform="new_commerce", kind="advance", charge_type="cycleCharge", tenant_id=tenant,
        customer_name="", customer_domain="", subscription_id=subscription, product_id=product, sku_id="S",
        product_name="", sku_name="", currency="EUR", subtotal=Decimal(cost), tax=Decimal(0), unit_price=None,
        effective_unit_price=Decimal(1), billable_quantity=Decimal(quantity), charge_start=begin, charge_end=begin,
        subscription_start=None, subscription_end=None, billing="", term_text="One-Year", order_date=None,
        reference_id="", meter="",
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(price_lists(), price_lists(), st.sampled_from(["", "undercut"]), st.booleans())
def test_a_line_is_worth_what_the_whole_computation_says(
    today: list[PriceRule], other: list[PriceRule], undercut: str, in_place: bool
) -> None:
    """Against a full pricing with either list: lines that no changed rule names are not priced a second time."""
    if in_place:
        new = {e.old.id: e.new[0] for e in always(today, lambda rule: rule.id < "r3", PriceChange(Decimal(7))) if e.new}
        trial = Trial.in_their_place(today, new)
    else:
        merged = [*today[1:], *(replace(each, id=f"n{each.id}", import_no=9) for each in other[:2])]
        trial = Trial(merged, [*today[:1], *merged[len(today) - 1 :]])
    organisations = {"C-1": Organisation("C-1", "", currency="EUR", global_offers=undercut),
                     "C-2": Organisation("C-2", "", currency="EUR")}  # fmt: skip
    book = Book(organisations, _LINKS, PriceBook.of(today), PriceSheet.of([]), {})
    tried = replace(book, prices=PriceBook.of(trial.after))
    both = BothPrices(book, today, trial)
    for begin in DAYS[::2]:
        for tenant, product, subscription, cost in (
            ("t1", "P", "sub", "100.00"), ("t1", "Q", "other", "-33.33"), ("t2", "P", "other", "0.01"),
            ("t1", "P", "other", "9.99"), ("t3", "P", "other", "1.00"),
        ):  # fmt: skip
            line = _line(tenant, product, subscription, begin, cost, 7)
            before, after = both.price(line, FACTS, day("2025-11-08"))
            full = price_line(line, FACTS, book, day("2025-11-08"))
            full_tried = price_line(line, FACTS, tried, day("2025-11-08"))
            assert (before.outcome, before.exact, before.amount) == (full.outcome, full.exact, full.amount)
            assert (after.outcome, after.exact, after.amount) == (
                full_tried.outcome, full_tried.exact, full_tried.amount,
            )  # fmt: skip


def test_a_price_of_the_same_height_but_another_level_is_looked_at_again() -> None:
    """Today an offer for all of 20.00; tried: a price of C-1's own of 20.00, and the offer at 15.00, which may undercut
    it: seven units come to 105.00."""
    offer = rule("fixed", "20.00", id="a", offer=True)
    own = rule("fixed", "20.00", id="b", organisation="C-1", import_no=9)
    lower = rule("fixed", "15.00", id="a", offer=True, import_no=9, row_no=2)
    organisations = {"C-1": Organisation("C-1", "", currency="EUR", global_offers="undercut")}
    book = Book(organisations, _LINKS, PriceBook.of([offer]), PriceSheet.of([]), {})
    both = BothPrices(book, [offer], Trial([own, lower], [offer, own, lower]))
    before, after = both.price(_line("t1", "P", "other", DAYS[0], "100.00", 7), FACTS, day("2025-11-08"))
    assert (before.amount, after.amount) == (Decimal("140.00"), Decimal("105.00"))
