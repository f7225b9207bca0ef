"""How the lines of a document are put together: by product, kind, purchase order or cost centre (interfaces.md 5.9).

October at 20.90 a seat: A has 10 seats and from the 12th 14 (209.00 - 134.84 + 188.77), B 5 (104.50), mail 4 (83.60).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from connector.domain.invoice import LedgerInvoice
from tests.months import checks
from tests.months.billed import (
    ALPHA,
    MACHINE,
    MAIL,
    SUITE,
    Line,
    consumed,
    month_of,
    seats,
    ten_to_fourteen,
)
from tests.months.partner import Month, Partner
from tests.standins.microsoft.billing import guid
from tests.standins.microsoft.published_azure import usage_row

PERIOD = "2025-10"
A = seats()
B = replace(seats(), subscription_id=guid("subscription", "B"))
PLAN = guid("plan", ALPHA.tenant_id)
NUMBER = "G202510001"


def _lines() -> list[Line]:
    return [
        *ten_to_fourteen(A),
        B.charge("cycleCharge", 5),
        seats(product=MAIL).charge("cycleCharge", 4),
    ]


def _october(partner: Partner, grouping: str, lines: Iterable[Line] = (), **more: Any) -> Month:
    partner.is_billed(month_of(list(lines) or _lines(), **more))
    partner.has_customer("C-1", ALPHA.tenant_id, grouping=grouping, purchase_order="PO 1")
    partner.price("fixed", "20.90")
    return _checked(partner)


def _checked(partner: Partner) -> Month:
    month = partner.sync(PERIOD)
    checks.assert_adds_up(month, partner)
    return month


def _amounts(month: Month) -> list[tuple[str, str]]:
    return [(line["kind"], line["amount"]) for line in month.document("C-1")["lines"]]


def test_by_product_over_all_subscriptions(partner: Partner) -> None:
    month = _october(partner, "product")
    assert sorted(_amounts(month)) == [("advance", "313.50"), ("advance", "83.60"), ("proration", "53.93")]
    seats_line = month.line("C-1", amount="313.50")
    assert (seats_line["quantity"], seats_line["unit_price"]) == ("15", "20.90"), "15 seats at one price"
    assert seats_line["subscription_id"] == "" and seats_line["product_id"] == SUITE.product_id
    assert "10 and 5 seats" in seats_line["text"] and seats_line["cost"] == "180.00"


def test_changes_of_several_subscriptions_are_told_together(partner: Partner) -> None:
    month = _october(partner, "product", [*ten_to_fourteen(A), *ten_to_fourteen(B)])
    line = month.line("C-1", kind="proration")
    assert line["amount"] == "107.86" and "2 subscriptions" in line["text"]
    assert "the seats of 2 subscriptions changed within the cycle" in line["sentence"]


def test_by_kind(partner: Partner) -> None:
    month = _october(partner, "kind")
    assert _amounts(month) == [("advance", "397.10"), ("proration", "53.93")]
    line = month.line("C-1", kind="advance")
    assert (line["quantity"], line["unit_price"]) == ("1", "397.10"), "seats of two products are not one quantity"
    assert line["product_id"] == "" and "Exchange Online (Plan 1)" in line["text"] and "3 charges" in line["text"]
    assert "seats went from 10 to 14" in month.line("C-1", kind="proration")["sentence"]


def test_a_grouping_nobody_knows_is_refused(partner: Partner) -> None:
    path = partner.folder / "organisations.csv"
    path.write_text("code,grouping\nC-1,colour\n", encoding="utf-8")
    answer = partner.run("import", "organisations", str(path), "--json")
    assert answer.status == 2 and answer.json["errors"][0]["column"] == "grouping"
    assert "cost_centre" in answer.json["errors"][0]["text"]


# ---- purchase orders


def test_by_purchase_order(partner: Partner) -> None:
    partner.has_customer("C-1", ALPHA.tenant_id, grouping="purchase_order", purchase_order="PO 1")
    partner.imports(
        "purchase-orders",
        {"organisation": "C-1", "subscription_id": B.subscription_id.upper(), "purchase_order": "PO 2"},
        {"organisation": "C-1", "product_id": SUITE.product_id, "purchase_order": "PO 3", "valid_from": "2025-10-02"},
        {"organisation": "C-1", "product_id": MAIL.product_id, "purchase_order": "PO 4", "valid_to": "2025-10-01"},
    )
    partner.is_billed(month_of(_lines()))
    partner.price("fixed", "20.90")
    month = _checked(partner)
    texts = {line["text"].split(":")[0]: line["amount"] for line in month.document("C-1")["lines"]}
    # PO 3 begins after the first day of A's cycle, which counts for its change too; PO 4 ends on that day
    assert texts == {"Purchase order PO 1": "53.93", "Purchase order PO 2": "104.50", "Purchase order PO 4": "83.60"}
    assert len(month.lines("C-1")) == 4
    assert month.line("C-1", amount="104.50")["sentence"].startswith("Purchase order PO 2: ")


# ---- cost centres


def _sixty_forty(**columns: str) -> list[dict[str, str]]:
    return [
        {"organisation": "C-1", "subscription_id": A.subscription_id, "cost_centre": name, "share": share, **columns}
        for name, share in (("Sales", "6"), ("Support", "4"))
    ]


def test_seats_are_divided_by_largest_remainder(partner: Partner) -> None:
    """-134.84 is -80.904 and -53.936: -80.90 and, with the cent left over, -53.94."""
    month = _october(partner, "cost_centre")
    partner.imports("cost-centres", *_sixty_forty())
    month = _checked(partner)
    found = {
        (line["text"].split(":")[0], line["kind"], line["product_id"]): (line["amount"], line["cost"])
        for line in month.document("C-1")["lines"]
        if line["subscription_id"] != B.subscription_id
    }
    assert found == {
        ("Cost centre Sales", "advance", SUITE.product_id): ("125.40", "72.00"),
        ("Cost centre Sales", "proration", SUITE.product_id): ("32.36", "18.58"),
        ("Cost centre Support", "advance", SUITE.product_id): ("83.60", "48.00"),
        ("Cost centre Support", "proration", SUITE.product_id): ("21.57", "12.39"),
        ("No cost centre", "advance", MAIL.product_id): ("83.60", "13.60"),
    }
    assert month.net("C-1") == "451.03" and month.balance()["invoiced_cost"] == "224.57"
    sales = month.line("C-1", amount="125.40")
    assert (sales["quantity"], sales["unit_price"]) == ("6", "20.90") and "6 seats" in sales["text"]
    assert month.finding("cost_centre_missing")["severity"] == "info"


def test_a_share_is_explained_from_price_to_cent(partner: Partner) -> None:
    partner.has_customer("C-1", ALPHA.tenant_id, grouping="cost_centre")
    partner.imports("cost-centres", *_sixty_forty())
    partner.is_billed(month_of(_lines()))
    partner.price("fixed", "20.90")
    month = _checked(partner)
    tree = month.explain(next(line for line in month.lines("C-1", kind="proration") if "Support" in line["text"]))
    credit = tree["steps"][0]
    assert (credit["op"], credit["operands"], credit["exact"]) == ("split", ["-134.84", "2", "6", "4"], "-53.94")
    priced = credit["before"][-1]
    assert priced["op"] == "multiply" and priced["operands"] == ["-1", "20.9", "10", "20/31"]
    assert priced["rounded"] == "-134.84"
    assert [part["split"] for part in tree["parts"]] == ["Support", "Support"]
    assert tree["recalculated"] == "21.57"


def test_three_equal_shares_differ_by_a_cent(partner: Partner) -> None:
    """209.00 / 3 = 69.666...: the first two get the cents that are left."""
    partner.has_customer("C-1", ALPHA.tenant_id, grouping="cost_centre")
    row = {"organisation": "C-1", "share": "33.3"}
    partner.imports("cost-centres", *({**row, "cost_centre": name} for name in ("North", "South", "West")))
    partner.is_billed(month_of([A.charge("cycleCharge", 10)]))
    partner.price("fixed", "20.90")
    month = _checked(partner)
    assert [line["amount"] for line in month.lines("C-1")] == ["69.67", "69.67", "69.66"]
    assert [line["cost"] for line in month.lines("C-1")] == ["40.00", "40.00", "40.00"]
    assert month.lines("C-1")[0]["quantity"] == "1", "3.333333 seats at 20.90 are not 69.67"


def test_rows_of_the_subscription_put_those_for_all_aside(partner: Partner) -> None:
    partner.has_customer("C-1", ALPHA.tenant_id, grouping="cost_centre")
    partner.imports(
        "cost-centres",
        *_sixty_forty(valid_from="2025-10-01"),
        {"organisation": "C-1", "cost_centre": "House", "share": "1"},
        {"organisation": "C-1", "cost_centre": "Old", "share": "1", "valid_to": "2025-09-30"},
    )
    partner.is_billed(month_of(_lines()))
    partner.price("fixed", "20.90")
    month = _checked(partner)
    names = {line["text"].split(":")[0] for line in month.lines("C-1")}
    assert names == {"Cost centre Sales", "Cost centre Support", "Cost centre House"}
    house = {line["amount"] for line in month.lines("C-1") if "House" in line["text"]}
    assert house == {"104.50", "83.60"} and "cost_centre_missing" not in month.codes


def _usage(day: str, cost: str, group: str, tags: Any = "") -> Line:
    return usage_row(
        ALPHA,
        MACHINE,
        PLAN,
        NUMBER,
        UsageDate=f"2025-10-{day}T00:00:00Z",
        Quantity=Decimal(1),
        BillingPreTaxTotal=Decimal(cost),
        ResourceGroup=group,
        Tags=tags,
    )


def _azure(partner: Partner, *centres: dict[str, str], usage: Iterable[Line] | None = None) -> Month:
    rows = [
        _usage("01", "30.00", "RG-Web"),
        _usage("02", "20.00", "rg-web"),
        _usage("02", "25.00", "rg-data", '{"Team": "research"}'),
        _usage("03", "24.99", "rg-misc", '"team": "research", "env": "prod"'),
    ]
    partner.has_customer("C-1", ALPHA.tenant_id, grouping="cost_centre")
    partner.imports("cost-centres", *({"organisation": "C-1", **centre} for centre in centres))
    partner.is_billed(month_of([consumed(ALPHA, "100.00", "100")], usage=rows if usage is None else list(usage)))
    partner.price("passthrough")
    return _checked(partner)


def _by_centre(month: Month) -> dict[str, str]:
    return {line["text"].split(":")[0].removeprefix("Cost centre "): line["amount"] for line in month.lines("C-1")}


def test_azure_is_divided_by_resource_group(partner: Partner) -> None:
    """50.00, 25.00 and 24.99 of 99.99 in 100.00: 50.005..., 25.0025, 24.992499..., and the cent goes to the first."""
    month = _azure(
        partner,
        {"resource_group": "rg-web", "cost_centre": "Marketing"},
        {"resource_group": "RG-DATA", "cost_centre": "Research"},
    )
    assert _by_centre(month) == {"Marketing": "50.01", "Research": "25.00", "No cost centre": "24.99"}
    assert sum(Decimal(line["cost"]) for line in month.lines("C-1")) == 100
    steps = month.explain(month.line("C-1", amount="50.01"))["steps"]
    assert steps[0]["operands"] == ["100", "1", "50", "25", "24.99"]


def test_azure_is_divided_by_tag_before_resource_group(partner: Partner) -> None:
    """49.99 of 99.99 carry the tag, in any case of its name; the rest goes by the shares of the subscription."""
    month = _azure(
        partner,
        {"tag": "team=research", "cost_centre": "Research"},
        {"resource_group": "rg-data", "cost_centre": "Data"},
        {"cost_centre": "House", "share": "1"},
    )
    assert _by_centre(month) == {"House": "50.01", "Research": "49.99"}


def test_azure_without_daily_rows_is_not_divided_by_a_guess(partner: Partner) -> None:
    month = _azure(partner, {"resource_group": "rg-web", "cost_centre": "Marketing"}, usage=())
    assert _by_centre(month) == {"No cost centre": "100.00"}
    assert month.finding("cost_centre_without_usage")["amount"] == "100.00"


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"cost_centre": "Sales"}, "share"),
        ({"cost_centre": "Sales", "share": "0"}, "share"),
        ({"cost_centre": "", "share": "1"}, "cost_centre"),
        ({"cost_centre": "Sales", "resource_group": "rg", "tag": "a=b"}, "tag"),
        ({"cost_centre": "Sales", "tag": "department"}, "tag"),
        ({"cost_centre": "Sales", "share": "1", "organisation": "C-9"}, "organisation"),
    ],
)
def test_what_cannot_be_a_share_is_refused(partner: Partner, row: dict[str, str], column: str) -> None:
    partner.has_customer("C-1")
    values = {"organisation": "C-1", **row}
    path = partner.folder / "centres.csv"
    path.write_text(",".join(values) + "\n" + ",".join(values.values()) + "\n", encoding="utf-8")
    answer = partner.run("import", "cost-centres", str(path), "--json")
    assert answer.status == 2 and column in {error["column"] for error in answer.json["errors"]}


def test_a_voided_invoice_takes_back_every_share(partner: Partner, with_books: list[LedgerInvoice]) -> None:
    """The replacement has 9 seats for 10: 188.10 for 209.00, over three."""
    partner.has_customer("C-1", ALPHA.tenant_id, grouping="cost_centre")
    row = {"organisation": "C-1", "share": "1"}
    partner.imports("cost-centres", *({**row, "cost_centre": name} for name in ("North", "South", "West")))
    partner.price("fixed", "20.90")
    partner.is_billed(month_of([A.charge("cycleCharge", 10)]))
    assert partner.run("sync", PERIOD, "--json").status == 0
    nine = {"index": 0, "Quantity": "9", "BillableQuantity": "9", "Subtotal": "108.00"}
    partner.microsoft.amend(NUMBER, id="G202510009", changes=[nine])
    month = partner.sync(PERIOD)
    revision = month.document("C-1", revision=2)
    # 62.70 for 69.67, 69.67 and 69.66
    assert [line["amount"] for line in revision["lines"]] == ["-6.97", "-6.97", "-6.96"]
    assert [line["text"].split(":")[0] for line in revision["lines"]] == [
        "Cost centre North",
        "Cost centre South",
        "Cost centre West",
    ]
    assert revision["net_total"] == "-20.90" and partner.run("verify").status == 0


def test_the_ledger_reads_the_label(partner: Partner, with_books: list[LedgerInvoice]) -> None:
    partner.has_customer("C-1", ALPHA.tenant_id, grouping="purchase_order", purchase_order="PO 1")
    partner.is_billed(month_of(_lines()))
    partner.price("fixed", "20.90")
    assert partner.run("sync", PERIOD, "--json").status == 0
    assert all(line.text.startswith("Purchase order PO 1: ") for line in with_books[0].lines)


def test_a_voided_invoice_is_taken_back_in_lines_by_kind(partner: Partner, with_books: list[LedgerInvoice]) -> None:
    partner.has_customer("C-1", ALPHA.tenant_id, grouping="kind")
    partner.price("fixed", "20.90")
    partner.is_billed(month_of(_lines()))
    assert partner.run("sync", PERIOD, "--json").status == 0
    nine = {"index": 0, "Quantity": "9", "BillableQuantity": "9", "Subtotal": "108.00"}
    partner.microsoft.amend(NUMBER, id="G202510008", changes=[nine])
    month = partner.sync(PERIOD)
    # one seat less in advance; the change within the cycle is what it was
    amounts = {line["kind"]: line["amount"] for line in month.document("C-1", revision=2)["lines"]}
    assert amounts == {"advance": "-20.90", "proration": "0.00"}
    assert partner.run("verify").status == 0
