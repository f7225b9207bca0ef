"""Why is this line what it is? The tree of reasons, as data and as sentences (interfaces.md section 6)."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from connector.domain.explain import ExplainStep, recalculate
from connector.domain.invoice import LedgerInvoice
from tests.months.billed import ALPHA, BETA, MAIL, SUITE, consumed, day, month_of, months_of, seats, ten_to_fourteen
from tests.months.partner import Month, Partner
from tests.standins.microsoft import published
from tests.standins.microsoft.published import CONTOSO, FABRIKAM
from tests.standins.microsoft.published_legacy import CUSTOMER_ID

Json = dict[str, Any]


def reasons(tree: Json, kind: str) -> list[Json]:
    return [reason for reason in tree["reasons"] if reason["kind"] == kind]


def reason(tree: Json, kind: str) -> Json:
    (found,) = reasons(tree, kind)
    return found


@pytest.fixture
def in_autumn(partner: Partner) -> tuple[Month, Month]:
    """Ten seats charged in September; on 30 September, billed in October, there are fourteen."""
    held = seats(begin="2025-09-20", bought="2025-06-20")
    september = month_of([held.charge("cycleCharge", 10)], "2025-09")
    october = month_of(held.change("addQuantity", 10, 14, day("2025-09-30")))
    partner.is_billed(months_of(september, october))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.prices(
        {"organisation": "C-1", "kind": "fixed", "value": "30.00", "currency": "EUR", "valid_from": "2025-09-01"},
        {"organisation": "*", "kind": "passthrough", "value": ""},
    )
    return partner.month("2025-09"), partner.month("2025-10")


def test_what_happened_is_told_with_seats_and_day(in_autumn: tuple[Month, Month]) -> None:
    _, october = in_autumn
    told = reason(october.explain(october.line("C-1")), "seats_changed")
    assert (told["from"], told["to"], told["on"]) == ("10", "14", "2025-09-30")
    assert "On 30 September 2025" in told["text"] and "from 10 to 14" in told["text"]
    assert len(told["lines"]) == 2 and told["elsewhere"] == []


def test_a_credit_says_on_which_earlier_invoice_its_charge_stands(
    partner: Partner, in_autumn: tuple[Month, Month]
) -> None:
    """Behaviour 6, across periods: 30.00 x 10 x 20 / 30 back of the 300.00 of September."""
    september, october = in_autumn
    tree = october.explain(october.line("C-1"))
    credit, charge = tree["parts"]
    (taken,) = credit["reversed"]
    before = september.line("C-1")
    assert (credit["amount"], taken["amount"], taken["quantity"]) == ("-200.00", "300.00", "10")
    assert (taken["line_id"], taken["document"]) == (before["id"], september.document("C-1")["key"])
    assert (taken["period"], taken["start"], taken["end"]) == ("2025-09", "2025-09-20", "2025-10-19")
    assert taken["vendor_invoice"] == "G202509001" and credit["reverses"] == taken["detail_line"]
    assert charge["reversed"] == [] and charge["reverses_nothing"] is None
    assert reason(tree, "reverses")["charge"] == taken


def test_the_price_names_its_rule_and_who_brought_it(in_autumn: tuple[Month, Month]) -> None:
    _, october = in_autumn
    tree = october.explain(october.line("C-1"))
    price = reason(tree, "price")
    assert (price["unit_price"], price["level"], price["version"]) == ("30", "organisation", 1)
    assert (price["valid_from"], price["valid_to"]) == ("2025-09-01", None)
    assert price["change_set"]["file"] == "prices.csv" and price["change_set"]["who"]
    assert price["change_set"]["kind"] == "prices" and "1 September 2025" in price["text"]
    lost = reason(tree, "lost")
    assert lost["level"] == "global" and lost["reason"] in lost["text"]


def test_a_price_changed_later_keeps_its_story(partner: Partner, in_autumn: tuple[Month, Month]) -> None:
    """The version that priced the line is told, not the one that holds now."""
    _, october = in_autumn
    partner.imports(
        "prices",
        {"organisation": "C-1", "kind": "fixed", "value": "31.00", "currency": "EUR", "valid_from": "2025-09-01"},
    )
    tree = partner.run("explain", october.line("C-1")["id"], "--json").json
    price = reason(tree, "price")
    assert (price["version"], price["unit_price"], price["change_set"]["no"]) == (1, "30", 3)


def test_days_of_the_cycle_and_how_it_was_found(partner: Partner) -> None:
    # bought on the 31st: 30 September to 30 October
    late = replace(seats(begin="2025-09-30", bought="2025-08-31"), cycle_end=day("2025-10-30"))
    partner.is_billed(
        month_of(
            [
                *ten_to_fourteen(),
                *seats(BETA, MAIL, "2025-09-20", bought="2025-06-20").change("addQuantity", 1, 2, day("2025-10-10")),
                *seats(BETA, SUITE, "2025-09-10", bought="2025-06-05").change("addQuantity", 1, 2, day("2025-10-01")),
                *late.change("removeQuantity", 5, 4, day("2025-10-20")),
            ]
        )
    )
    partner.has_customer("C-1", ALPHA.tenant_id, BETA.tenant_id)
    partner.price("fixed", "20.00", "C-1")
    month = partner.month("2025-10")
    trees = [month.explain(line) for line in month.lines("C-1", kind="proration")]
    found = {(cycle["how"], cycle["begin"], cycle["end"]) for tree in trees for cycle in reasons(tree, "cycle")}
    assert found == {
        ("whole_cycle", "2025-10-01", "2025-10-31"),
        ("anniversary", "2025-09-20", "2025-10-19"),
        ("period_before", "2025-09-10", "2025-10-09"),
        ("anniversary", "2025-09-30", "2025-10-30"),
    }


def test_a_discount_tells_the_list_price_and_its_import(partner: Partner) -> None:
    partner.is_billed(month_of(ten_to_fourteen()))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.price("discount", "10")
    partner.list_price(SUITE.product_id, SUITE.sku_id, "19.00", valid_to="2025-09-30")
    partner.list_price(SUITE.product_id, SUITE.sku_id, "20.00", valid_from="2025-10-01")
    month = partner.month("2025-10")
    told = reason(month.explain(month.line("C-1", kind="advance")), "list_price")
    assert (told["list_price"], told["currency"], told["valid_from"]) == ("20.00", "EUR", "2025-10-01")
    assert told["change_set"]["kind"] == "list-prices"


def test_another_currency_tells_rate_and_date(partner: Partner) -> None:
    partner.is_billed(month_of([consumed(ALPHA, "100.00", "10", currency="USD")]))
    partner.has_customer("C-1", ALPHA.tenant_id, currency="EUR")
    partner.price("passthrough")
    partner.rate("2025-10-01", "USD", "EUR", "0.85")
    month = partner.month("2025-10")
    tree = month.explain(month.line("C-1"))
    told = reason(tree, "rate")
    assert (told["rate"], told["date"], told["from"], told["to"]) == ("0.85", "2025-10-01", "USD", "EUR")
    assert tree["amount"] == "85.00" and told["change_set"]["kind"] == "rates"


@pytest.mark.parametrize(
    ("scenario", "period", "tenant", "code"),
    [
        ("customer-credit", "2021-06", CONTOSO.tenant_id, "microsoft_credit"),
        ("negative-document", "2021-07", CONTOSO.tenant_id, "before_first_month"),
        ("remove-4-seats", "2021-06", CONTOSO.tenant_id, "before_first_month"),
    ],
)
def test_a_credit_that_takes_back_nothing_says_why(
    partner: Partner, scenario: str, period: str, tenant: str, code: str
) -> None:
    partner.is_billed(published.month(scenario))
    partner.has_customer("C-1", tenant)
    partner.price("passthrough")
    month = partner.month(period)
    negative = [
        part
        for line in month.document("C-1")["lines"]
        for part in month.explain(line)["parts"]
        if part["amount"].startswith("-")
    ]
    assert negative and {part["reverses_nothing"]["code"] for part in negative} == {code}
    if code == "microsoft_credit":
        assert "Service Level Agreement" in negative[0]["reverses_nothing"]["text"]


@pytest.mark.parametrize("scenario", ["full-upgrade", "partial-upgrade"])
def test_an_upgrade_tells_both_products_and_names_the_charge_of_the_old_one(partner: Partner, scenario: str) -> None:
    """Of a partial upgrade 100 of the 300 seats are taken back: a part of the charge (samples/nce-billing-examples)."""
    partner.is_billed(published.month(scenario))
    partner.has_customer("C-1", CONTOSO.tenant_id, FABRIKAM.tenant_id)
    partner.price("passthrough")
    month = partner.month("2021-06")
    old = month.explain(month.line("C-1", kind="proration", product_id="CFQ7TTC0LDPB"))
    (bought,) = month.explain(month.line("C-1", kind="advance"))["parts"]
    assert [part["reverses"] for part in old["parts"]] == [bought["detail_line"]]
    told = reason(old, "converted")
    assert told["from"] == told["to"] == ("300" if scenario == "full-upgrade" else "100")
    assert "Office 365 E1" in told["text"] and len(told["lines"]) == len(told["elsewhere"]) == 1


def test_a_legacy_credit_names_the_charge_of_the_month_before(partner: Partner) -> None:
    """legacy.md section 3, 2020-05: 4.00 charged in January, taken back in full in February."""
    scenario = published.month("legacy-monthly-2020")
    periods = sorted({invoice["period"] for invoice in scenario["invoices"]})
    partner.is_billed(scenario)
    partner.has_customer("C-1", CUSTOMER_ID)
    partner.price("passthrough")
    months = [partner.month(period) for period in periods]
    credits = [
        part
        for month in months
        for line in month.document("C-1")["lines"]
        for part in month.explain(line)["parts"]
        if part["amount"] == "-4.00"
    ]
    assert credits
    (charge,) = months[0].explain(months[0].line("C-1", kind="advance"))["parts"]
    assert credits[0]["reverses"] == charge["detail_line"]


def test_the_withdrawn_half_of_a_voided_invoice_names_what_it_takes_back(
    partner: Partner, with_books: list[LedgerInvoice]
) -> None:
    partner.is_billed(published.month("six-changes-in-march"))
    partner.has_customer("C-1", CONTOSO.tenant_id)
    partner.price("passthrough")
    first = partner.sync("2022-03")
    assert partner.run("push", "2022-03", "--json").status == 0
    partner.microsoft.amend("G000000001", id="G000000009", changes=[{"index": 0, "Subtotal": "100.00"}])
    month = partner.sync("2022-03")
    again = month.document("C-1", revision=2)
    parts = [part for line in again["lines"] for part in month.explain(line)["parts"] if part["amount"] == "-120.00"]
    (part,) = parts
    (taken,) = part["reversed"]
    assert taken["document"] == first.document("C-1")["key"] and taken["amount"] == "120.00"
    tree = month.explain(next(line for line in again["lines"] if line["kind"] == "advance"))
    assert reason(tree, "withdrawn")["lines"] == [part["detail_line"]]


def test_a_deduction_of_ones_own_takes_back_no_charge(partner: Partner) -> None:
    partner.is_billed(month_of(ten_to_fourteen()))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.price("fixed", "20.90")
    thanks = {"organisation": "C-1", "code": "THANKS", "name": "Thank you", "kind": "one_off", "price": "-20.00"}
    partner.imports("services", thanks | {"currency": "EUR", "valid_from": "2025-10-01"})
    month = partner.month("2025-10")
    (part,) = month.explain(month.line("C-1", kind="service"))["parts"]
    assert (part["amount"], part["reverses"], part["reverses_nothing"]["code"]) == ("-20.00", None, "own_deduction")


def test_a_line_of_microsofts_leads_to_the_invoice_line_that_holds_it(
    partner: Partner, in_autumn: tuple[Month, Month]
) -> None:
    _, october = in_autumn
    line = october.line("C-1")
    tree = october.explain(line)
    asked = tree["parts"][1]["detail_line"]
    found = partner.run("explain", f" {asked.upper()} ", "--json").json
    assert {name: found[name] for name in tree} == tree
    assert found["asked"] == asked
    assert [(held["line_id"], held["amount"]) for held in found["held_by"]] == [(line["id"], "280.00")]
    assert line["id"] in partner.run("explain", asked).prose


def test_a_line_that_stands_nowhere_says_where_it_went(partner: Partner) -> None:
    lines = [*ten_to_fourteen(), consumed(ALPHA, "9.90", "3"), seats(BETA).charge("cycleCharge", 5)]
    partner.is_billed(month_of(lines))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.price("fixed", "20.90", product_id=SUITE.product_id)
    partner.price("none", product_id="DZH318Z0BNZ5", note="included in the flat fee")
    month = partner.month("2025-10", status=1)
    assert month.codes >= {"tenant_unlinked", "not_charged"}
    where = _stored(partner)
    free = partner.run("explain", where[Decimal("9.90")], "--json")
    assert (free.status, free.json["outcome"], free.json["cost"]) == (0, "not_charged", "9.90")
    assert "included in the flat fee" in free.json["sentence"] and free.json["parts"] == []
    lost = partner.run("explain", where[Decimal(60)], "--json").json
    assert lost["outcome"] == "unmatched" and reason(lost, "finding")["code"] == "tenant_unlinked"
    assert "links" in partner.run("explain", where[Decimal(60)]).prose


def _stored(partner: Partner) -> dict[Decimal, str]:
    """Ids of Microsoft's lines by their cost: no command lists those that stand on no document."""
    with sqlite3.connect(partner.database) as connection:
        return {Decimal(str(cost)): line_id for line_id, cost in connection.execute("SELECT id, subtotal FROM lines")}


def test_an_id_cut_off_is_answered_with_what_it_may_mean(partner: Partner, in_autumn: tuple[Month, Month]) -> None:
    _, october = in_autumn
    line_id = october.line("C-1")["id"]
    answer = partner.run("explain", line_id[:-3], "--json")
    assert answer.status == 2 and line_id in answer.prose
    assert partner.run("explain", "s_nothinglikethis", "--json").status == 2


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [("-134.85", "-134.85"), ("-4180/31", "-134.83"), ("-4180/31", "-134.85")],
)
def test_the_second_calculator_refuses_a_step_that_does_not_hold(exact: str, rounded: str) -> None:
    """-1 x 20.90 x 10 x 20 / 31 is -4180/31, which rounds to -134.84."""
    step = ExplainStep("multiply", ("-1", "20.9", "10", "20/31"), exact, rounded, "")
    final = ExplainStep("add", (rounded,), rounded, rounded, "")
    with pytest.raises(ValueError, match=r"is not|does not round"):
        recalculate([step, final], "EUR")
