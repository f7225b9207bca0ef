"""Seat changes: what the customer is credited and charged, by days, at cost and at his own price."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.months.billed import ALPHA, SUITE, day, month_of, months_of, seats
from tests.months.checks import money
from tests.months.partner import Partner
from tests.standins.microsoft import import_files, published
from tests.standins.microsoft.billing import Product
from tests.standins.microsoft.catalogue import DEMO_SUBSCRIPTION, customers
from tests.standins.microsoft.generator import Order, generate
from tests.standins.microsoft.published import CONTOSO
from tests.standins.microsoft.published_legacy import CUSTOMER_ID, SUBSCRIPTION

STANDARD = "CFQ7TTC0LDPB"
# samples/nce-billing-examples.csv, six-changes-in-march: the ten lines after the first purchase, in time order
MARCH_AT_COST = [
    *("-112.25", "168.38", "-150.96", "251.61", "-232.25"),
    *("213.67", "-195.87", "170.32", "-85.16", "127.74"),
]
# the same days at a price of 12.00, each line exact and rounded half away from zero: 12.00 x seats x days / 31
MARCH_AT_TWELVE = [
    *("-112.26", "168.39", "-150.97", "251.61", "-232.26"),
    *("213.68", "-195.87", "170.32", "-85.16", "127.74"),
]
# samples/legacy-license-billing-examples.csv, version 2017-06
SUMMER_2017 = ["-165.00", "26.61", "46.84", "63.87", "17.74", "110.00"]


@pytest.fixture
def in_march(partner: Partner) -> Partner:
    partner.is_billed(published.month("six-changes-in-march"))
    partner.has_customer("C-1", CONTOSO.tenant_id)
    return partner


def test_six_changes_in_march_cost_what_microsoft_printed(in_march: Partner) -> None:
    in_march.price("passthrough")
    month = in_march.month("2022-03")
    assert month.state == "balanced" and month.view["vendor_invoices"][0]["lines"] == 11
    assert month.net("C-1") == "275.23" and month.document("C-1")["cost_total"] == "275.23"
    assert month.line("C-1", kind="advance")["amount"] == "120.00"
    assert month.amounts(month.line("C-1", kind="proration")) == MARCH_AT_COST
    balance = month.balance()
    assert (balance["vendor_total"], balance["difference"], balance["unmatched"]) == ("275.23", "0.00", "0.00")


def test_six_changes_in_march_at_a_price_of_twelve(in_march: Partner) -> None:
    in_march.price("fixed", "12.00", "C-1")
    month = in_march.month("2022-03")
    assert month.line("C-1", kind="advance")["amount"] == "120.00"
    assert month.amounts(month.line("C-1", kind="proration")) == MARCH_AT_TWELVE
    assert month.net("C-1") == "275.22" and month.document("C-1")["cost_total"] == "275.23"


def test_each_change_in_march_is_a_pair_that_says_days_and_what_it_takes_back(in_march: Partner) -> None:
    in_march.price("fixed", "12.00", "C-1")
    month = in_march.month("2022-03")
    changes = month.explain(month.line("C-1", kind="proration"))["parts"]
    before = month.explain(month.line("C-1", kind="advance"))["parts"][0]
    nets = []
    for credit, charge in _pairs(changes):
        assert credit["days"] == charge["days"] == (date(2022, 4, 4) - day(credit["start"])).days + 1
        assert credit["cycle_days"] == charge["cycle_days"] == 31
        assert credit["reverses"] == before["detail_line"], "a credit names the charge it takes back"
        assert credit["quantity"] == before["quantity"]
        assert charge["reverses"] is None
        before = charge
        nets.append(str(money(credit["amount"]) + money(charge["amount"])))
    assert nets == ["56.13", "100.64", "-18.58", "-25.55", "42.58"]


def _pairs(parts: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    yield from zip(parts[::2], parts[1::2], strict=True)


@pytest.mark.parametrize(
    ("price", "amounts"),
    [
        ("", SUMMER_2017),
        ("11.00", SUMMER_2017),
        # 14.50 x seats x days / 31
        ("14.50", ["-217.50", "35.08", "61.74", "84.19", "23.39", "145.00"]),
    ],
)
def test_the_legacy_summer_of_2017_is_told_at_the_customers_own_price(
    partner: Partner, price: str, amounts: list[str]
) -> None:
    partner.is_billed(published.month("legacy-several-seat-changes"))
    partner.has_customer("C-1", CUSTOMER_ID)
    partner.price("fixed" if price else "passthrough", price, "C-1")
    month = partner.month("2017-08")
    line = month.line("C-1")
    assert sorted(month.amounts(line)) == sorted(amounts)
    by_start = {(part["start"], part["end"]): part for part in month.explain(line)["parts"]}
    assert {part["cycle_days"] for part in by_start.values()} == {31}
    assert [part["days"] for _, part in sorted(by_start.items())] == [5, 31, 11, 10, 5, 31]
    assert month.net("C-1") == str(sum(map(money, amounts)))
    if price != "14.50":
        assert month.net("C-1") == "100.06"


def test_without_a_start_date_the_longest_period_is_the_legacy_cycle(partner: Partner) -> None:
    summer = published.month("legacy-several-seat-changes")
    lines = [{**line, "subscriptionStartDate": None} for line in summer["invoices"][0]["office"]]
    partner.is_billed({**summer, "invoices": [{**summer["invoices"][0], "office": lines}]})
    partner.has_customer("C-1", CUSTOMER_ID)
    partner.price("fixed", "14.50", "C-1")
    assert partner.month("2017-08").net("C-1") == "131.90"


def test_an_offset_line_item_is_a_credit_and_no_price_per_seat_touches_it(partner: Partner) -> None:
    summer = published.month("legacy-several-seat-changes")
    money_back = {"amount": "-12.50", "subtotal": "-12.50", "totalForCustomer": "-12.50"}
    lines = summer["invoices"][0]["office"]
    offset = {**lines[0], "chargeType": "OFFSET A LINE ITEM", "quantity": 1, **money_back}
    partner.is_billed({**summer, "invoices": [{**summer["invoices"][0], "office": [*lines, offset]}]})
    partner.has_customer("C-1", CUSTOMER_ID)
    partner.price("passthrough")
    partner.price("fixed", "14.50", "C-1")
    month = partner.month("2017-08")
    assert month.line("C-1", kind="credit")["amount"] == "-12.50" and month.net("C-1") == "119.40"


@pytest.mark.parametrize("spelt", [str.lower, str.upper])
def test_legacy_ids_fit_in_any_case(partner: Partner, spelt: Any) -> None:
    offer = spelt("031C9E47-4802-4248-838E-778FB1D2CC05")
    partner.is_billed(published.month("legacy-several-seat-changes"))
    partner.has_customer("C-1", spelt(CUSTOMER_ID))
    partner.price("fixed", "14.50", "C-1", product_id=offer)
    month = partner.month("2017-08")
    assert month.net("C-1") == "131.90"
    line = month.line("C-1")
    assert (line["product_id"].lower(), line["sku_id"]) == (offer.lower(), "")
    partner.price("fixed", "15.00", "C-1", subscription_id=spelt(SUBSCRIPTION))
    assert partner.month("2017-08").explain(line)["price"]["level"] == "subscription"


def test_why_53_93_more_ten_to_fourteen_seats_on_the_twelfth(partner: Partner, tmp_path: Path) -> None:
    """product.md section 6: 20.90, 20 of 31 days left; and everybody else's month beside it."""
    order = Order(seed=7, period="2026-10")
    partner.is_billed(generate(order))
    import_files.write(tmp_path / "files", customers(order.customers, order.seed), order.first, "")
    partner.takes_files(tmp_path / "files")
    month = partner.month("2026-10")
    assert month.state == "balanced"
    change = month.line("C-1001", kind="proration", subscription_id=DEMO_SUBSCRIPTION)
    assert change["amount"] == "53.93" and month.amounts(change) == ["-134.84", "188.77"]
    advance = month.line("C-1001", kind="advance", subscription_id=DEMO_SUBSCRIPTION)
    assert (advance["quantity"], advance["unit_price"], advance["amount"]) == ("10", "20.90", "209.00")
    assert [(p["days"], p["cycle_days"]) for p in month.explain(change)["parts"]] == [(20, 31)] * 2
    sentence = month.explain(change)["sentence"]
    assert all(word in sentence for word in ("12 October 2026", "10", "14", "20 of 31", "-134.84", "188.77", "53.93"))


def _several_changes() -> dict[str, Any]:
    """51.93 a seat, 31 days: 495 prepaid, 500 for 27 days, 5 for 4 days, 5 for the next cycle."""
    invoice = published.month("legacy-several-seat-changes")
    pattern = invoice["invoices"][0]["office"][0]
    rows = (
        ("2017-07-15", "2017-08-14", 495, "-25705.35"),
        ("2017-07-15", "2017-08-10", 500, "22614.68"),
        ("2017-08-11", "2017-08-14", 5, "33.50"),
        ("2017-08-15", "2017-09-14", 5, "259.65"),
    )
    lines = [
        {
            **pattern,
            "chargeStartDate": f"{start}T00:00:00",
            "chargeEndDate": f"{end}T00:00:00",
            "quantity": quantity,
            "unitPrice": "51.93",
            "amount": amount,
            "subtotal": amount,
            "totalForCustomer": amount,
        }
        for start, end, quantity, amount in rows
    ]
    return {**invoice, "invoices": [{**invoice["invoices"][0], "office": lines}]}


@pytest.mark.parametrize("kind", ["passthrough", "fixed"])
def test_several_changes_of_500_seats_come_to_the_cent(partner: Partner, kind: str) -> None:
    """product.md section 6; the printed unit prices would give -2,802.20."""
    partner.is_billed(_several_changes())
    partner.has_customer("C-1", CUSTOMER_ID)
    partner.price(kind, "51.93" if kind == "fixed" else "", "C-1")
    month = partner.month("2017-08")
    line = month.line("C-1")
    assert sorted(map(money, month.amounts(line))) == sorted(map(money, ("259.65", "22614.68", "33.50", "-25705.35")))
    assert (line["quantity"], line["unit_price"], line["amount"]) == ("1", "-2797.52", "-2797.52")
    assert month.document("C-1")["kind"] == "credit_note"


def test_500_seats_that_no_unit_price_reproduces_go_out_as_one_amount(partner: Partner) -> None:
    """22,614.68 for 500 seats is not 500 x 45.22; the real quantity is in the text (product.md, behaviour 4)."""
    product = Product(SUITE.product_id, SUITE.sku_id, SUITE.name, money("51.93"))
    bought = seats(ALPHA, product, "2025-10-01", bought="2025-10-05").charge("new", 500, day("2025-10-05"))
    partner.is_billed(month_of([{**bought, "Subtotal": "22614.68", "Total": "22614.68"}]))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.price("fixed", "51.93", "C-1")
    month = partner.month("2025-10")
    line = month.line("C-1")
    assert (line["quantity"], line["unit_price"], line["amount"]) == ("1", "22614.68", "22614.68")
    assert "500" in line["text"]
    (part,) = month.explain(line)["parts"]
    assert (part["quantity"], part["days"], part["cycle_days"]) == ("500", 27, 31)


def test_an_amount_instead_of_seats_times_price_still_tells_the_price(partner: Partner) -> None:
    """Decision 4: as quantity 1 x amount, the true quantity and unit price are in the text."""
    held = seats(bought="2025-10-05")
    partner.is_billed(month_of([held.charge("new", 500, day("2025-10-05"))]))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.price("fixed", "51.93", "C-1")
    line = partner.month("2025-10").line("C-1")
    assert line["quantity"] == "1" and "51.93" in line["text"], line["text"]


def test_two_purchases_in_one_cycle_keep_their_seats_in_the_text(partner: Partner) -> None:
    """Behaviour 4: quantity 1 and the amount as price, with the real quantity in the text."""
    held = seats()
    bought = [held.charge("new", 13, day("2025-10-20")), held.charge("new", 22, day("2025-10-24"))]
    partner.is_billed(month_of(bought))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.price("fixed", "20.90", "C-1")
    line = partner.month("2025-10").line("C-1")
    # 13 x 20.90 x 12 / 31 + 22 x 20.90 x 8 / 31
    assert (line["quantity"], line["amount"]) == ("1", "223.83")
    text = line["text"]
    assert "35" in text or ("13" in text and "22" in text), text


def test_a_credit_names_the_charge_of_an_earlier_month(partner: Partner) -> None:
    """Behaviour 6: every negative line names what it reverses, also across periods."""
    held = seats(begin="2025-09-20", bought="2025-06-20")
    september = month_of([held.charge("cycleCharge", 10)], "2025-09")
    october = month_of(held.change("removeQuantity", 10, 6, day("2025-10-05")))
    partner.is_billed(months_of(september, october))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.price("fixed", "20.00", "C-1")
    before, after = partner.month("2025-09"), partner.month("2025-10")
    (charge,) = before.explain(before.line("C-1"))["parts"]
    credit, rest = after.explain(after.line("C-1"))["parts"]
    # 15 of the 30 days from 20 September to 19 October
    assert (credit["amount"], rest["amount"]) == ("-100.00", "60.00")
    assert credit["reverses"] == charge["detail_line"] and rest["reverses"] is None


def test_many_small_seats_add_up_as_parts_not_as_a_whole(partner: Partner) -> None:
    """Behaviour 1: 4.00 / 30 x 17 is 2.27; behaviour 5: the sum is of rounded parts."""
    held = seats(ALPHA, SUITE, "2025-09-20", bought="2025-06-20")
    partner.is_billed(month_of(held.change("addQuantity", 1, 2, day("2025-10-03"))))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.price("fixed", "4.00", "C-1")
    month = partner.month("2025-10")
    assert month.amounts(month.line("C-1")) == ["-2.27", "4.53"] and month.net("C-1") == "2.26"


def test_a_whole_cycle_on_one_invoice_fixes_the_days_of_a_change_on_another(partner: Partner) -> None:
    """5.3: for every line of the same period and subscription with the same ChargeEndDate."""
    held = seats(begin="2025-09-15", months=2, bought="2025-06-15")
    whole = {**held.charge("cycleCharge", 10), "BillingFrequency": "Monthly"}
    changes = [
        {**each, "BillingFrequency": "Monthly"} for each in held.change("addQuantity", 10, 14, day("2025-10-15"))
    ]
    first = month_of([whole])
    second = month_of(changes)
    number = {"id": "G202510009"}
    renumbered = [{**each, "InvoiceNumber": "G202510009"} for each in second["invoices"][0]["reconciliation"]]
    second["invoices"][0] |= {**number, "reconciliation": renumbered}
    partner.is_billed(months_of(first, second))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.price("fixed", "61.00", "C-1")
    month = partner.month("2025-10")
    # 15 September to 14 November: 31 of 61 days
    assert month.amounts(month.line("C-1", kind="proration")) == ["-310.00", "434.00"]
    assert month.line("C-1", kind="advance")["amount"] == "610.00"
