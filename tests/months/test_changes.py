"""What changed since last month, at the command line: steps that add up to the difference of the two invoices."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.months.billed import ALPHA, BETA, MAIL, consumed, month_of, months_of, seats, ten_to_fourteen
from tests.months.checks import money
from tests.months.partner import Partner
from tests.standins.microsoft import import_files, published
from tests.standins.microsoft.catalogue import customers
from tests.standins.microsoft.generator import Order, generate
from tests.standins.microsoft.published import CONTOSO

Json = dict[str, Any]


def changes(partner: Partner, period: str, *arguments: str) -> Json:
    """The changes as JSON, looked through: every customer's steps add up, and its totals are its documents'."""
    answer = partner.run("month", "changes", period, *arguments, "--json")
    assert answer.status == 0, answer.prose
    view: Json = answer.json
    before = _totals(partner, view["compared_with"]) if view["compared_with"] else {}
    after = _totals(partner, period)
    for one in view["customers"]:
        key = (one["organisation"], one["currency"])
        assert money(one["after"]) == after.get(key, Decimal(0))
        if view["compared_with"] is None:
            assert (one["before"], one["difference"], one["steps"]) == (None, None, [])
            continue
        assert money(one["before"]) == before.get(key, Decimal(0))
        assert money(one["difference"]) == money(one["after"]) - money(one["before"])
        assert sum(money(step["amount"]) for step in one["steps"]) == money(one["difference"])
        assert all(money(step["amount"]) != 0 for step in one["steps"])
    if not arguments:
        assert {(one["organisation"], one["currency"]) for one in view["customers"]} == before.keys() | after.keys()
    return view


def _totals(partner: Partner, period: str) -> dict[tuple[str, str], Decimal]:
    found: dict[tuple[str, str], Decimal] = {}
    for document in partner.run("month", "show", period, "--json").json["documents"]:
        key = (document["organisation"], document["currency"])
        found[key] = found.get(key, Decimal(0)) + money(document["net_total"])
    return found


def steps(view: Json, organisation: str = "C-1", currency: str = "EUR") -> list[tuple[str, str]]:
    (one,) = [c for c in view["customers"] if (c["organisation"], c["currency"]) == (organisation, currency)]
    return [(step["kind"], step["amount"]) for step in one["steps"]]


def priced(partner: Partner, *months: Json) -> None:
    """Alpha is C-1 and Beta C-2; Microsoft bills these months and each is priced."""
    partner.is_billed(months_of(*months))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.has_customer("C-2", BETA.tenant_id)
    partner.price("fixed", "20.90")
    for month in months:
        partner.sync(month["period"])


@pytest.fixture
def spring(partner: Partner) -> Partner:
    """product.md section 6: ten seats in February, fourteen from 12 March on, fourteen in April."""
    held = seats(begin="2026-03-01", bought="2026-01-01")
    priced(
        partner,
        month_of([seats(begin="2026-02-01", bought="2026-01-01").charge("cycleCharge", 10)], "2026-02"),
        month_of(ten_to_fourteen(held, "2026-03-12"), "2026-03"),
        month_of([seats(begin="2026-04-01", bought="2026-01-01").charge("cycleCharge", 14)], "2026-04"),
    )
    return partner


def test_why_53_93_more_in_march(spring: Partner) -> None:
    view = changes(spring, "2026-03")
    (one,) = view["customers"]
    assert (one["before"], one["after"], one["difference"]) == ("209.00", "262.93", "53.93")
    (step,) = one["steps"]
    assert (step["kind"], step["amount"]) == ("change", "53.93")
    assert "10 to 14 seats on 12 March 2026" in step["text"] and "20 of 31 days" in step["text"]
    lines = {line["id"]: line for line in spring.sync("2026-03").document("C-1")["lines"]}
    assert [lines[line_id]["kind"] for line_id in step["after_lines"]] == ["proration"] and not step["before_lines"]


def test_why_29_67_more_in_april(spring: Partner) -> None:
    """4 x 20.90 more for the seats, and the 53.93 that settled March does not come again."""
    view = changes(spring, "2026-04")
    assert view["compared_with"] == "2026-03" and view["customers"][0]["difference"] == "29.67"
    assert steps(view) == [("quantity", "83.60"), ("past_change", "-53.93")]


def test_a_person_reads_the_same(spring: Partner) -> None:
    prose = spring.run("month", "changes", "2026-04").prose
    assert "262.93 to 292.60 EUR" in prose and "+83.60" in prose and "-53.93" in prose
    assert "14 seats instead of 10, at 20.90 EUR each" in prose


def test_the_first_month_is_compared_with_nothing(spring: Partner) -> None:
    view = changes(spring, "2026-02")
    assert view["compared_with"] is None and view["customers"][0]["after"] == "209.00"
    assert "first month" in spring.run("month", "changes", "2026-02").prose


def test_a_month_without_documents_is_not_one_in_which_everything_ended(spring: Partner) -> None:
    assert changes_of_nothing(spring) == [] and "sync 2026-05" in spring.run("month", "changes", "2026-05").prose


def changes_of_nothing(partner: Partner) -> list[Json]:
    found: list[Json] = partner.run("month", "changes", "2026-05", "--json").json["customers"]
    return found


def test_one_customer_is_shown_alone(partner: Partner) -> None:
    """Beta buys three seats of another product in March: 3 x 20.90."""
    bought = seats(BETA, MAIL, "2026-03-01").charge("new", 3)
    priced(
        partner,
        month_of([seats(begin="2026-02-01").charge("cycleCharge", 10)], "2026-02"),
        month_of([seats(begin="2026-03-01").charge("cycleCharge", 10), bought], "2026-03"),
    )
    view = changes(partner, "2026-03")
    assert [(one["organisation"], one["difference"]) for one in view["customers"]] == [
        ("C-2", "62.70"),
        ("C-1", "0.00"),
    ]
    assert steps(view) == [] and steps(view, "C-2") == [("added", "62.70")]
    alone = changes(partner, "2026-03", "--organisation", "C-2")
    assert [one["organisation"] for one in alone["customers"]] == ["C-2"]


def test_a_price_that_changed_between_two_months(partner: Partner) -> None:
    """14 x 1.00 more from March on; services come and go; the rule behind it is nobody's business."""
    priced(
        partner,
        month_of([seats(begin="2026-02-01").charge("cycleCharge", 14)], "2026-02"),
        month_of([seats(begin="2026-03-01").charge("cycleCharge", 14)], "2026-03"),
    )
    partner.price("fixed", "21.90", "C-1", valid_from="2026-03-01", note="secret reasons")
    service = {"organisation": "C-1", "kind": "recurring", "currency": "EUR", "billing": "monthly"}
    partner.imports(
        "services",
        {
            **service,
            "code": "OLD",
            "name": "Backup",
            "price": "9.00",
            "valid_from": "2026-01-01",
            "valid_to": "2026-02-28",
        },
        {**service, "code": "NEW", "name": "Support", "price": "49.00", "valid_from": "2026-03-01"},
    )
    for period in ("2026-02", "2026-03"):
        partner.sync(period)
    view = changes(partner, "2026-03")
    assert steps(view) == [("added", "49.00"), ("price", "14.00"), ("ended", "-9.00")]
    assert "20.90 to 21.90" in view["customers"][0]["steps"][1]["text"] and "secret" not in str(view)


def test_dollars_sold_in_euro_tell_use_and_rate_apart(partner: Partner) -> None:
    """100.00 USD at 0.90, then 120.00 USD at 0.95: 20 USD more are 18.00, the rate on 120 USD is 6.00."""
    partner.is_billed(
        months_of(
            month_of([consumed(ALPHA, "100.00", "100", "2026-02-01", "USD")], "2026-02"),
            month_of([consumed(ALPHA, "120.00", "120", "2026-03-01", "USD")], "2026-03"),
        )
    )
    partner.has_customer("C-1", ALPHA.tenant_id, currency="EUR")
    partner.price("passthrough")
    partner.rate("2026-03-01", "USD", "EUR", "0.90")
    partner.rate("2026-04-01", "USD", "EUR", "0.95")
    for period in ("2026-02", "2026-03"):
        partner.sync(period)
    assert steps(changes(partner, "2026-03")) == [("usage", "18.00"), ("rate", "6.00")]


@pytest.mark.parametrize("grouping", ["product", "kind"])
def test_a_grouping_changes_no_reason(partner: Partner, grouping: str) -> None:
    """Two subscriptions on one summary line: still it is Exchange that has two seats more, 2 x 20.90."""

    def two(begin: str, mails: int) -> list[Json]:
        held = seats(begin=begin).charge("cycleCharge", 10)
        return [held, seats(ALPHA, MAIL, begin).charge("cycleCharge", mails)]

    priced(partner, month_of(two("2026-02-01", 3), "2026-02"), month_of(two("2026-03-01", 5), "2026-03"))
    partner.has_customer("C-1", grouping=grouping)
    for period in ("2026-02", "2026-03"):
        partner.sync(period)
    view = changes(partner, "2026-03")
    assert steps(view) == [("quantity", "41.80")]
    assert view["customers"][0]["steps"][0]["product_id"] == MAIL.product_id


SCENARIOS = [
    *("monthly-term", "annual-term-monthly-plan", "six-changes-in-march", "cancel-within-7-days", "full-upgrade"),
    *("trial-to-paid", "plan-annual-to-monthly", "customer-credit", "azure-plan"),
]


@pytest.mark.parametrize("name", SCENARIOS)
def test_published_months_and_the_one_after_add_up(partner: Partner, name: str) -> None:
    """Each against the month before it, and against a month that only has ten seats of something else."""
    month = published.month(name)
    periods = sorted({invoice["period"] for invoice in month["invoices"]})
    year, number = map(int, periods[-1].split("-"))
    following = f"{year + number // 12}-{number % 12 + 1:02d}"
    after = month_of([seats(CONTOSO, MAIL, f"{following}-01").charge("new", 10)], following)
    partner.is_billed({**after, "invoices": [*month["invoices"], *after["invoices"]]})
    partner.has_customer("C-1", CONTOSO.tenant_id, *{one["id"] for one in month["customers"]} - {CONTOSO.tenant_id})
    partner.price("markup", "10")
    for period in (*periods, following):
        partner.sync(period)
    for period in (*periods, following):
        changes(partner, period)


def test_a_whole_partner_adds_up(partner: Partner, tmp_path: Path) -> None:
    """Two generated months of 20 customers, one with fewer of them."""
    first, second = Order(seed=7, period="2026-09"), Order(seed=7, period="2026-10", customers=18)
    september, october = generate(first), generate(second)
    partner.is_billed({**october, "invoices": [*september["invoices"], *october["invoices"]]})
    import_files.write(tmp_path / "files", customers(first.customers, first.seed), first.first, "")
    partner.takes_files(tmp_path / "files")
    for period in ("2026-09", "2026-10"):
        partner.sync(period)
    view = changes(partner, "2026-10")
    jumps = [abs(money(one["difference"])) for one in view["customers"]]
    assert len(jumps) >= 18 and jumps == sorted(jumps, reverse=True) and any(jumps)
