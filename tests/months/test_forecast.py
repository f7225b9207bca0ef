"""The forecast: unbilled lines priced as the month will be, compared with the last month, and never a document."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Misconfigured, Refused, Transient
from connector.flows.forecast import forecast
from connector.settings import read_settings
from connector.wiring import build_world
from tests.months.billed import (
    ALPHA,
    BETA,
    MACHINE,
    MAIL,
    SUITE,
    consumed,
    day,
    month_of,
    months_of,
    seats,
    ten_to_fourteen,
)
from tests.months.checks import money
from tests.months.partner import Partner
from tests.standins.microsoft import MicrosoftStandIn, import_files
from tests.standins.microsoft.catalogue import customers
from tests.standins.microsoft.generator import Order, generate
from tests.standins.microsoft.unbilled import running

Json = dict[str, Any]
TODAY = day("2026-04-03")


@pytest.fixture(autouse=True)
def answering(microsoft: MicrosoftStandIn) -> Iterator[None]:
    """Whatever a test made Microsoft do wrong ends with it."""
    yield
    microsoft.clear_faults()


def february(*lines: Json) -> Json:
    """Ten seats of Alpha's, and whatever else was billed in February 2026."""
    held = seats(begin="2026-02-01", bought="2026-01-01").charge("cycleCharge", 10)
    return month_of([held, *lines], "2026-02")


def march(*lines: Json) -> list[Json]:
    """product.md section 6: fourteen seats from 12 March on."""
    return [*ten_to_fourteen(seats(begin="2026-03-01", bought="2026-01-01"), "2026-03-12"), *lines]


def is_unbilled(partner: Partner, *billed: Json, now: list[Json] = [], last: list[Json] = []) -> None:  # noqa: B006
    """Months that are billed and priced, and the lines that are not billed yet; Alpha is C-1, Beta C-2."""
    book = months_of(*billed) if billed else {"period": "2026-03", "customers": [], "invoices": []}
    partner.is_billed({**book, **running(now, last)})
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.has_customer("C-2", BETA.tenant_id)
    partner.price("fixed", "20.90")
    for month in billed:
        partner.sync(month["period"])


def foreseen(partner: Partner, period: str = "2026-03", today: date = TODAY, **options: Any) -> Json:
    """The forecast on a day, looked through: it adds up, and it never is green."""
    found = forecast(_world(partner, today), period, **options)
    assert found.trouble is None
    view = found.view
    assert (view["state"], view["final"]) == ("not_checked", False) and "Not final" in view["note"]
    for balance in view["balance"]:
        places = [money(balance[name]) for name in ("invoiced_cost", "unmatched", "not_charged")]
        assert sum(places) == money(balance["lines_total"])
        assert (balance["vendor_total"], balance["difference"], balance["state"]) == (None, None, "not_checked")
    for one in view["customers"]:
        assert sum(money(line["amount"]) for line in one["lines"]) == money(one["after"])
        if one["before"] is not None:
            assert money(one["after"]) - money(one["before"]) == money(one["difference"])
            assert sum(money(step["amount"]) for step in one["steps"]) == money(one["difference"])
    jumps = [abs(money(one["difference"] or one["after"])) for one in view["customers"]]
    assert jumps == sorted(jumps, reverse=True), "the largest jump first"
    return view


def _world(partner: Partner, today: date) -> Any:
    settings = read_settings({**partner.settings, **partner.microsoft.settings})
    return replace(build_world(settings), today=lambda: today, sleep=lambda seconds: None)


def customer(view: Json, organisation: str = "C-1", currency: str = "EUR") -> Json:
    (one,) = [c for c in view["customers"] if (c["organisation"], c["currency"]) == (organisation, currency)]
    found: Json = one
    return found


def steps(view: Json, organisation: str = "C-1") -> list[tuple[str, str]]:
    return [(step["kind"], step["amount"]) for step in customer(view, organisation)["steps"]]


def tables(partner: Partner) -> dict[str, list[Any]]:
    """Every row of every table but the forecasts, and the token that Microsoft renews at each sign-in."""
    with sqlite3.connect(partner.database) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: list(connection.execute(f'SELECT * FROM "{name}"'))
            for name in names
            if name not in ("forecasts", "sealed_secrets")
        }


# ---- what it says


def test_march_is_foreseen_before_it_is_billed(partner: Partner) -> None:
    """209.00 - 134.84 + 188.77 = 262.93; at cost 120.00 - 77.41 + 108.38 = 150.97; 53.93 more than in February."""
    is_unbilled(partner, february(), last=march())
    view = foreseen(partner)
    one = customer(view)
    assert (one["amount"], one["before"], one["difference"]) == ("262.93", "209.00", "53.93")
    assert (one["cost"], one["margin"], one["margin_percent"]) == ("150.97", "111.96", "42.58")
    assert view["compared_with"] == "2026-02" and steps(view) == [("change", "53.93")]
    assert [(line["kind"], line["amount"]) for line in one["lines"]] == [("advance", "209.00"), ("proration", "53.93")]
    (balance,) = view["balance"]
    assert (balance["currency"], balance["lines"], balance["lines_total"]) == ("EUR", 3, "150.97")
    assert view["totals"] == [
        {
            "currency": "EUR",
            "amount": "262.93",
            "before": "209.00",
            "cost": "150.97",
            "margin": "111.96",
            "margin_percent": "42.58",
        }
    ]
    assert view["findings"] == []


def test_it_writes_nothing_but_itself(partner: Partner) -> None:
    is_unbilled(partner, february(), last=march())
    before = tables(partner)
    foreseen(partner)
    assert tables(partner) == before
    assert partner.run("month", "list", "--json").json[0]["period"] == "2026-02"


def test_the_raw_files_are_kept_with_their_fingerprint(partner: Partner) -> None:
    is_unbilled(partner, february(), last=march())
    files = foreseen(partner)["files"]
    assert len(files) >= 2 and {file["currency"] for file in files} == {"EUR"}
    for file in files:
        content = Path(file["path"]).read_bytes()
        assert Path(file["path"]).is_relative_to(partner.settings["DATA_DIR"])
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["size"], file["sha256"])


@pytest.mark.parametrize("known", [True, False])
def test_a_whole_partner_is_foreseen_to_the_cent(partner: Partner, tmp_path: Path, known: bool) -> None:
    """The frequency that unbilled lines lack is guessed: from September's invoice, or from the lines alone."""
    first, order = Order(seed=7, period="2026-09"), Order(seed=7, period="2026-10")
    september, october = generate(first), generate(order)
    lines = [line for invoice in october["invoices"] for line in invoice["reconciliation"]]
    partner.is_billed({**september, **running(lines)} if known else {**october, "invoices": [], **running(lines)})
    import_files.write(tmp_path / "files", customers(order.customers, order.seed), first.first, "")
    partner.takes_files(tmp_path / "files")
    if known:
        partner.sync("2026-09")
    currencies = () if known else ("EUR",)
    view = foreseen(partner, "2026-10", day("2026-10-31"), currencies=currencies)
    partner.is_billed(october)
    month = partner.sync("2026-10")
    billed = {(d["organisation"], d["currency"]): d["net_total"] for d in month.documents}
    assert {(c["organisation"], c["currency"]): c["amount"] for c in view["customers"] if c["amount"]} == billed
    kinds = {(d["organisation"], line["kind"]) for d in month.documents for line in d["lines"]}
    assert {(c["organisation"], line["kind"]) for c in view["customers"] for line in c["lines"]} == kinds


def test_seats_bought_in_the_middle_of_a_cycle_are_foreseen_by_days(partner: Partner) -> None:
    """10 x 20.90 x 17 / 31 = 114.61: nothing was ever billed of it, and its BillingFrequency is blank."""
    bought = seats(BETA, MAIL, "2026-03-01").charge("new", 10, day("2026-03-15"))
    is_unbilled(partner, february(), last=march(bought))
    view = foreseen(partner)
    assert customer(view, "C-2")["amount"] == "114.61" and steps(view, "C-2") == [("added", "114.61")]


def test_what_was_billed_by_the_year_is_foreseen_by_the_year(partner: Partner) -> None:
    """From 12 to 31 December: 10 x 200.00 x 20 / 365 = 109.59 back, 14 x 200.00 x 20 / 365 = 153.42 charged; the
    lines alone would say that it is paid by the month."""
    year = seats(BETA, MAIL, "2026-01-01", months=12)
    billed = month_of([year.charge("new", 10)], "2026-01")
    is_unbilled(partner, billed, february(), last=march(*year.change("addQuantity", 10, 14, day("2026-12-12"))))
    partner.price("fixed", "200.00", "C-2", billing="Annual")
    view = foreseen(partner)
    assert customer(view, "C-2")["amount"] == "43.83"


def test_what_was_bought_once_stays_bought_once(partner: Partner) -> None:
    once = {**seats(BETA, SUITE, "2026-03-10").charge("new", 2), "BillingFrequency": ""}
    blank = dict.fromkeys(("SubscriptionStartDate", "SubscriptionEndDate"), "")
    is_unbilled(partner, february(), last=march({**once, **blank}))
    (line,) = customer(foreseen(partner), "C-2")["lines"]
    assert (line["kind"], line["amount"]) == ("one_time", "41.80")


def test_services_and_lines_by_hand_are_in_it(partner: Partner) -> None:
    is_unbilled(partner, february(), last=march())
    service = {"code": "CARE", "name": "Support", "kind": "recurring", "price": "49.00", "billing": "monthly"}
    partner.imports("services", {"organisation": "C-2", "currency": "EUR", "valid_from": "2026-03-01", **service})
    view = foreseen(partner)
    assert customer(view, "C-2")["amount"] == "49.00" and customer(view, "C-2")["margin"] == "49.00"


def test_unmatched_money_and_missing_prices_are_seen_now(partner: Partner) -> None:
    """40.80 of a tenant nobody linked and 21.39 without a price, beside Alpha's 150.97."""
    partner.is_billed(
        {
            **february(),
            **running(
                [],
                march(seats(BETA, MAIL, "2026-03-01").charge("new", 12), consumed(ALPHA, "21.39", "29", "2026-03-01")),
            ),
        }
    )
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.price("fixed", "20.90", product_id=SUITE.product_id)
    partner.sync("2026-02")
    view = foreseen(partner)
    (balance,) = view["balance"]
    assert (balance["lines_total"], balance["invoiced_cost"], balance["unmatched"]) == ("213.16", "150.97", "62.19")
    found = {(finding["code"], finding["amount"]) for finding in view["findings"]}
    assert {("tenant_unlinked", "40.80"), ("price_missing", "21.39")} <= found
    assert MACHINE.name in str(view["findings"])


def test_a_line_nobody_can_read_counts_with_its_money(partner: Partner) -> None:
    is_unbilled(partner, february(), last=march({**march()[0], "ChargeStartDate": "soon", "Subtotal": Decimal("7.00")}))
    view = foreseen(partner)
    assert view["balance"][0]["unmatched"] == "7.00" and view["balance"][0]["lines_total"] == "157.97"
    assert [finding["code"] for finding in view["findings"]] == ["line_quarantined"]


def test_a_customer_who_is_not_charged_yet_is_a_jump_too(partner: Partner) -> None:
    """On 10 March the cycle that begins on the 15th is still to come; Beta's ended on the 4th."""
    held = seats(begin="2026-02-15", bought="2026-01-15").charge("cycleCharge", 10)
    ended = seats(BETA, MAIL, "2026-02-05", bought="2026-01-05").charge("cycleCharge", 3)
    is_unbilled(partner, month_of([held, ended], "2026-02"), now=[consumed(ALPHA, "1.00", "1", "2026-03-01")])
    partner.price("passthrough", product_id=MACHINE.product_id)
    view = foreseen(partner, today=day("2026-03-10"))
    assert steps(view) == [("not_yet", "-209.00"), ("usage", "1.00")]
    assert "due on 15 March 2026" in customer(view)["steps"][0]["text"]
    assert steps(view, "C-2") == [("ended", "-62.70")] and customer(view, "C-2")["amount"] is None


def test_every_billing_currency_is_asked_for(partner: Partner) -> None:
    billed = february(seats(BETA, MAIL, "2026-02-01", currency="USD").charge("new", 1))
    partner.price("fixed", "20.90", currency="USD")
    is_unbilled(partner, billed, last=march(seats(BETA, MAIL, "2026-03-01", currency="USD").charge("new", 1)))
    view = foreseen(partner)
    assert [(one["currency"], one["lines_total"]) for one in view["balance"]] == [("EUR", "150.97"), ("USD", "3.40")]
    assert customer(view, "C-2", "USD")["amount"] == "20.90"


def test_no_data_is_not_success(partner: Partner) -> None:
    is_unbilled(partner, february())
    view = foreseen(partner)
    assert [(f["code"], f["severity"]) for f in view["findings"]] == [("unbilled_empty", "warning")]
    assert view["balance"][0]["lines"] == 0


def test_the_running_month_and_the_one_before_are_two_things(partner: Partner) -> None:
    april = seats(begin="2026-04-01", bought="2026-01-01").charge("cycleCharge", 14)
    is_unbilled(partner, february(), now=[april], last=march())
    assert customer(foreseen(partner, "2026-03"))["amount"] == "262.93"
    assert customer(foreseen(partner, "2026-04"))["amount"] == "292.60"
    with pytest.raises(Misconfigured, match="2026-02"):
        foreseen(partner, "2026-02")


def test_a_newer_forecast_takes_the_place_of_the_older(partner: Partner) -> None:
    """A link that was missing is imported; the next forecast has a customer more."""
    is_unbilled(partner, february(), last=march(seats(BETA, MAIL, "2026-03-01").charge("new", 2)))
    partner.price("none", organisation="C-2", note="a gift")
    given = foreseen(partner)
    assert given["balance"][0]["not_charged"] == "6.80" and {c["organisation"] for c in given["customers"]} == {"C-1"}
    partner.price("fixed", "5.00", organisation="C-2", product_id=MAIL.product_id)
    assert customer(foreseen(partner), "C-2")["amount"] == "10.00"
    kept = forecast(_world(partner, TODAY), "2026-03", pull=False).view
    assert customer(kept, "C-2")["amount"] == "10.00"


# ---- at the command line, in the month that is running now


@pytest.fixture
def now(partner: Partner) -> Partner:
    """Alpha's ten seats of this month: 209.00."""
    first = datetime.now(UTC).date().replace(day=1)
    held = seats(begin=first.isoformat()).charge("cycleCharge", 10)
    is_unbilled(partner, february(), now=[held])
    return partner


def period_now() -> str:
    return datetime.now(UTC).date().isoformat()[:7]


def test_the_running_month_needs_no_name(now: Partner) -> None:
    answer = now.run("forecast", "--json")
    assert answer.status == 0 and answer.json["period"] == period_now() and answer.json["errors"] == []
    assert customer(answer.json)["amount"] == "209.00"
    prose = now.run("forecast").prose
    assert "Not final" in prose and "not_checked" in prose and "209.00" in prose
    assert now.run("forecast", "--organisation", "C-2").status == 2


def test_it_is_shown_again_without_asking(now: Partner) -> None:
    shown = now.run("forecast", "--json").json
    now.microsoft.control("DELETE", "/log")
    again = now.run("forecast", "--no-pull", "--json").json
    assert now.microsoft.log() == []
    assert {name: again[name] for name in shown if name != "age_minutes"} == {
        name: shown[name] for name in shown if name != "age_minutes"
    }


def test_one_customer_is_shown_without_the_others_sums(now: Partner) -> None:
    view = now.run("forecast", "--organisation", "C-1", "--json").json
    assert [one["organisation"] for one in view["customers"]] == ["C-1"] and view["balance"] == view["totals"] == []


def test_when_microsoft_does_not_answer_the_last_one_is_shown_with_its_age(now: Partner) -> None:
    assert now.run("forecast").status == 0
    now.microsoft.fault("graph.export", "fail", times=-1)
    answer = now.run("forecast", "--json")
    assert answer.status == 3
    assert customer(answer.json)["amount"] == "209.00" and answer.json["age_minutes"] == 0
    assert [error["status"] for error in answer.json["errors"]] == [3]


def test_when_microsoft_does_not_answer_and_there_is_none(now: Partner) -> None:
    now.microsoft.fault("graph.export", "fail", times=-1)
    answer = now.run("forecast", "--json")
    assert answer.status == 3 and answer.json["error"]["code"] == "export_failed"
    assert now.run("forecast", "--no-pull").status == 1


def test_before_the_first_invoice_the_currency_must_be_named(partner: Partner) -> None:
    is_unbilled(partner)
    answer = partner.run("forecast", "--json")
    assert answer.status == 2 and "--currency" in answer.json["error"]["action"]
    assert partner.run("forecast", "--currency", "eur", "--json").json["balance"][0]["currency"] == "EUR"
    assert partner.run("forecast", "--currency", "EURO").status == 2


def test_what_a_person_must_look_at_ends_with_one(partner: Partner) -> None:
    first = datetime.now(UTC).date().replace(day=1)
    is_unbilled(partner, february(), now=[seats(BETA, MAIL, first.isoformat()).charge("new", 3)])
    partner.links({"tenant_id": BETA.tenant_id, "organisation": "C-2", "valid_to": "2026-01-01"})
    answer = partner.run("forecast", "--json")
    assert answer.status == 1 and answer.json["balance"][0]["unmatched"] == "10.20"
    assert partner.run("forecast", "2020-01").status == 2


def test_the_errors_are_the_ones_of_the_tree(partner: Partner) -> None:
    is_unbilled(partner, february(), last=march())
    with pytest.raises(Refused, match="No forecast"):
        foreseen(partner, pull=False)
    partner.microsoft.fault("graph.blob", "cut", times=-1)
    with pytest.raises(Transient):
        foreseen(partner)
