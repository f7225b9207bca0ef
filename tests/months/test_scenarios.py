"""The published scenarios one by one: what a person would look at in each."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connector.domain.invoice import LedgerInvoice
from tests.months.partner import Month, Partner
from tests.standins.microsoft import published
from tests.standins.microsoft.published import CONTOSO, FABRIKAM
from tests.standins.microsoft.published_azure import MODERN
from tests.standins.microsoft.published_legacy import CUSTOMER_ID

STANDARD, E1, GUIDES, COMMERCE = "CFQ7TTC0LDPB", "CFQ7TTC0LF8Q", "CFQ7TTC0HWZR", "CFQ7TTC0LH3N"
E3, SAAS = "CFQ7TTC0LF8R", "DZH318Z0BXWC"
_TENANTS = (CONTOSO.tenant_id, FABRIKAM.tenant_id, MODERN.tenant_id, CUSTOMER_ID)

# scenario, period, summary lines as kind, product, amount: samples/nce-billing-examples.csv,
# legacy-license-billing-examples.csv and modern-onetime-billing-examples-2019.csv
AT_COST = [
    ("monthly-term", "2021-07", [("advance", STANDARD, "100.80")]),
    ("annual-term-monthly-plan", "2021-07", [("advance", STANDARD, "100.80")]),
    ("annual-prepaid", "2021-06", [("advance", STANDARD, "1209.60")]),
    ("add-2-seats", "2021-06", [("advance", STANDARD, "100.80"), ("proration", STANDARD, "18.81")]),
    ("remove-4-seats", "2021-06", [("proration", STANDARD, "-37.63")]),
    ("cancel-within-7-days", "2021-07", [("advance", STANDARD, "100.80"), ("proration", STANDARD, "-94.20")]),
    (
        "full-upgrade",
        "2021-06",
        [("advance", STANDARD, "3024.00"), ("proration", STANDARD, "-2316.00"), ("proration", E1, "1476.00")],
    ),
    (
        "partial-upgrade",
        "2021-06",
        [("advance", STANDARD, "3024.00"), ("proration", STANDARD, "-772.00"), ("proration", E1, "492.00")],
    ),
    ("plan-annual-to-monthly", "2021-09", [("advance", COMMERCE, "2500.00")]),
    ("plan-annual-to-monthly", "2022-09", [("advance", COMMERCE, "200.00")]),
    ("plan-monthly-to-annual", "2021-10", [("advance", COMMERCE, "2291.60")]),
    ("legacy-migration-monthly-plan", "2022-01", [("advance", E3, "15.42")]),
    ("legacy-migration-annual-plan", "2022-01", [("advance", E3, "95.21")]),
    ("modern-2019-add-same-day", "2019-06", [("advance", SAAS, "4.00"), ("proration", SAAS, "4.00")]),
    ("modern-2019-add-next-day", "2019-06", [("advance", SAAS, "4.00"), ("proration", SAAS, "3.87")]),
    ("modern-2019-remove-next-day", "2019-06", [("advance", SAAS, "8.00"), ("proration", SAAS, "-3.87")]),
    ("modern-2019-saas", "2019-07", [("advance", SAAS, "2.00")]),
]


def billed(partner: Partner, scenario: str, kind: str = "passthrough", value: str = "", **columns: str) -> None:
    """The scenario's invoices, all tenants linked to C-1, one price for everything."""
    partner.is_billed(published.month(scenario))
    partner.has_customer("C-1", *_TENANTS, currency=columns.pop("of_customer", ""))
    partner.price(kind, value, **columns)


@pytest.mark.parametrize(("scenario", "period", "wanted"), AT_COST)
def test_summary_lines_at_cost(partner: Partner, scenario: str, period: str, wanted: list[tuple[str, ...]]) -> None:
    billed(partner, scenario)
    month = partner.sync(period)
    lines = month.documents[0]["lines"]
    assert sorted((line["kind"], line["product_id"], line["amount"]) for line in lines) == sorted(wanted)


def test_a_cancellation_gives_back_29_of_31_days(partner: Partner) -> None:
    billed(partner, "cancel-within-7-days", "fixed", "20.00")
    month = partner.month("2021-07")
    (part,) = month.explain(month.line("C-1", kind="proration"))["parts"]
    # 10 x 20.00 x 29 / 31
    assert (part["days"], part["cycle_days"], part["amount"]) == (29, 31, "-187.10")
    (bought,) = month.explain(month.line("C-1", kind="advance"))["parts"]
    assert part["reverses"] == bought["detail_line"]


def test_a_full_upgrade_credits_the_old_product_and_charges_the_new_one(partner: Partner) -> None:
    billed(partner, "full-upgrade", "fixed", "15.00", product_id=STANDARD)
    partner.price("fixed", "9.00", product_id=E1)
    month = partner.month("2021-06")
    # 23 of the 30 days from 18 June: 300 x 15.00 x 23 / 30 back, 300 x 9.00 x 23 / 30 anew
    assert month.line("C-1", kind="proration", product_id=STANDARD)["amount"] == "-3450.00"
    assert month.line("C-1", kind="proration", product_id=E1)["amount"] == "2070.00"
    assert month.net("C-1") == "3120.00"


def test_a_partial_upgrade_moves_100_of_300_seats_into_another_subscription(partner: Partner) -> None:
    billed(partner, "partial-upgrade", "fixed", "15.00", product_id=STANDARD)
    partner.price("fixed", "9.00", product_id=E1)
    month = partner.month("2021-06")
    assert month.line("C-1", kind="proration", product_id=STANDARD)["amount"] == "-1150.00"
    assert month.line("C-1", kind="proration", product_id=E1)["amount"] == "690.00"
    assert len({line["subscription_id"] for line in month.document("C-1")["lines"]}) == 2


def test_a_trial_stands_on_the_page_but_not_in_the_ledger(partner: Partner, with_books: list[LedgerInvoice]) -> None:
    billed(partner, "trial-to-paid", "fixed", "60.00")
    month = partner.month("2021-06")
    assert month.finding("free_line")["severity"] == "info"
    free = [line for line in month.document("C-1")["lines"] if line["amount"] == "0.00"]
    assert [line["kind"] for line in free] == ["one_time"]
    # the trial's half of the conversion is 0.00 and stands beside the paid one
    assert sorted(month.amounts(month.line("C-1", kind="proration"))) == ["0.00", "1500.00"]
    assert partner.run("push", "2021-06", "--json").status == 0
    (page,) = with_books
    assert [line.net_amount for line in page.lines] == [Decimal("1500.00")]


def test_a_month_of_trials_alone_makes_no_document_in_the_ledger(
    partner: Partner, with_books: list[LedgerInvoice]
) -> None:
    scenario = published.month("trial-to-paid")
    lines = scenario["invoices"][0]["reconciliation"][:2]
    partner.is_billed({**scenario, "invoices": [{**scenario["invoices"][0], "reconciliation": lines}]})
    partner.has_customer("C-1", *_TENANTS)
    partner.price("fixed", "60.00")
    month = partner.month("2021-06")
    assert [line["amount"] for line in month.document("C-1")["lines"]] == ["0.00", "0.00"]
    assert partner.run("push", "2021-06", "--json").status == 0
    assert with_books == []


def test_a_year_paid_ahead_is_one_price_for_the_year(partner: Partner) -> None:
    billed(partner, "annual-prepaid", "fixed", "199.00")
    month = partner.month("2021-06")
    line = month.line("C-1")
    assert (line["quantity"], line["unit_price"], line["amount"]) == ("10", "199.00", "1990.00")
    assert month.explain(line)["parts"][0]["cycle_days"] == 365


def test_a_plan_changed_in_mid_term_is_charged_for_the_rest_of_the_year(partner: Partner) -> None:
    billed(partner, "plan-monthly-to-annual", "fixed", "250.00", billing="Annual")
    month = partner.month("2021-10")
    (part,) = month.explain(month.line("C-1"))["parts"]
    # 335 of 365 days; Microsoft's own figure is 11/12 of the price
    assert (part["days"], part["cycle_days"], part["amount"]) == (335, 365, "2294.52")


def test_azure_at_cost_is_the_three_published_figures(partner: Partner) -> None:
    billed(partner, "azure-plan")
    month = partner.month("2024-10")
    line = month.line("C-1")
    assert (line["kind"], line["detail_lines"], line["amount"]) == ("usage", 3, "587.19")
    assert sorted(month.amounts(line)) == ["155.63", "21.39", "410.17"]
    quantities = sorted(part["quantity"] for part in month.explain(line)["parts"])
    assert quantities == ["210.950039", "29", "555.950039"]
    assert month.codes == set(), "the daily rows lie below their lines by less than a cent each"


@pytest.mark.parametrize(
    ("kind", "value", "amounts"),
    [("markup", "10", ["171.19", "23.53", "451.19"]), ("margin", "20", ["194.54", "26.74", "512.71"])],
)
def test_azure_is_priced_line_by_line_on_cost(partner: Partner, kind: str, value: str, amounts: list[str]) -> None:
    billed(partner, "azure-plan", kind, value)
    month = partner.month("2024-10")
    assert sorted(month.amounts(month.line("C-1"))) == sorted(amounts)


def test_a_customer_credit_is_passed_on_as_its_rule_says(partner: Partner) -> None:
    billed(partner, "customer-credit")
    partner.price("fixed", "14.00", product_id=STANDARD)
    month = partner.month("2021-06")
    assert month.line("C-1", kind="credit")["amount"] == "-25.00", "a price per seat does not touch a credit"
    assert month.line("C-1", kind="advance")["amount"] == "140.00"
    assert month.net("C-1") == "115.00"


def test_a_month_of_nothing_but_a_cancellation_is_a_credit_note(
    partner: Partner, with_books: list[LedgerInvoice]
) -> None:
    billed(partner, "negative-document")
    month = partner.month("2021-07")
    document = month.document("C-1")
    assert (document["kind"], document["net_total"]) == ("credit_note", "-94.20")
    assert month.state == "balanced" and month.balance()["vendor_total"] == "-94.20"
    pushed = partner.run("push", "2021-07", "--json")
    assert pushed.status == 0 and pushed.json["state"] == "pushed"
    assert pushed.json["documents"][0]["posting"]["read_back_total"] == "-94.20"
    assert [(page.kind, page.net_total) for page in with_books] == [("credit_note", Decimal("-94.20"))]


def test_microsofts_tax_is_recorded_and_not_sold_on(partner: Partner) -> None:
    billed(partner, "with-tax")
    month = partner.month("2021-05")
    (invoice,) = month.view["vendor_invoices"]
    assert (invoice["header_total"], invoice["header_tax"]) == ("810.61", "74.61")
    assert (invoice["lines_subtotal"], invoice["lines_tax"]) == ("736.00", "74.61")
    assert month.balance("USD")["vendor_total"] == "736.00"
    assert month.net("C-1", "USD") == "736.00"


def test_an_adjustment_no_line_shows_waits_for_a_person_and_then_balances(partner: Partner) -> None:
    """145P usage: 63.33 and 6.34 tax in the line, 64.67 in the header (legacy.md section 6)."""
    billed(partner, "legacy-usage")
    month = partner.month("2019-09", status=1)
    assert month.state == "unbalanced" and month.line("C-1")["kind"] == "usage"
    assert month.balance()["difference"] == "-5.00" and month.balance()["reasons"] == []
    assert month.finding("header_differs")["amount"] == "-5.00"
    accept = ("month", "accept", "2019-09", "--invoice", "D020190009", "--reason", "Adjustment on the PDF")
    assert partner.run(*accept).status == 0
    month = partner.month("2019-09")
    assert month.state == "balanced"
    balance = month.balance()
    assert (balance["vendor_total"], balance["invoiced_cost"], balance["difference"]) == ("58.33", "63.33", "-5.00")
    assert [(reason["amount"], reason["text"]) for reason in balance["reasons"]] == [("-5.00", "Adjustment on the PDF")]


def test_legacy_usage_is_named_by_its_resource(partner: Partner) -> None:
    billed(partner, "legacy-usage", "markup", "10")
    partner.price("markup", "50", "C-1", product_id="505DB374-DF8A-44DF-9D8C-13C14B61DEE1")
    month = partner.month("2019-09", status=1)
    assert month.line("C-1")["amount"] == "95.00"  # 63.33 x 1.5 = 94.995


def test_a_year_of_legacy_seats_is_credited_and_told_again_by_days(partner: Partner) -> None:
    billed(partner, "legacy-annual-211", "fixed", "365.00")
    month = partner.month("2017-03")
    # one seat a day is 1.00: the year back, 1 day of one seat, 27 and 337 days of two
    assert sorted(month.amounts(month.line("C-1"))) == sorted(["-365.00", "1.00", "54.00", "674.00"])


def test_everything_the_month_says_has_its_place(partner: Partner) -> None:
    """The fields of interfaces.md section 6 are all there."""
    billed(partner, "six-changes-in-march", "markup", "20")
    month = partner.sync("2022-03")
    fields: dict[str, Any] = {
        "vendor_invoices": "id currency kind header_total header_tax lines lines_subtotal lines_tax revision replaces",
        "balance": "currency vendor_total invoiced_cost unmatched not_charged difference reasons",
        "documents": "key organisation currency kind net_total cost_total cost_currency lines posting url",
    }
    for name, names in fields.items():
        assert set(names.split()) <= month.view[name][0].keys(), name
    line = month.document("C-1")["lines"][0]
    wanted = "id text kind quantity unit_price amount cost subscription_id product_id sku_id url detail_lines"
    assert set(wanted.split()) <= line.keys()
    assert line["url"].startswith("https://bills.example.test/")
    posting = "ledger ref state id number read_back_total attempts"
    assert set(posting.split()) <= month.document("C-1")["posting"].keys()
    _assert_no_numbers(month)


def _assert_no_numbers(month: Month) -> None:
    """Amounts are text with a decimal point; the only JSON numbers count things."""
    for balance in month.view["balance"]:
        assert all(isinstance(balance[n], str) for n in ("vendor_total", "invoiced_cost", "unmatched", "difference"))
    for document in month.documents:
        assert isinstance(document["net_total"], str) and isinstance(document["cost_total"], str)
        for line in document["lines"]:
            assert all(isinstance(line[name], str) for name in ("quantity", "unit_price", "amount", "cost"))
