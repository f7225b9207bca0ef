"""What a good row becomes, column by column, for the tables that tests/mappings/test_formats.py does not tell."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from mappings.cells import Kind
from mappings.cost_centres import CostCentreShare, PurchaseOrder
from mappings.credits import CreditPolicy
from mappings.formats import read
from mappings.links import Organisation
from mappings.manual_lines import wrong_percent
from mappings.pricelist import Service

OCTOBER, YEAR_END = date(2026, 10, 1), date(2026, 12, 31)


def row(kind: Kind, /, **cells: str) -> Any:
    report = read(kind, f"{','.join(cells)}\n{','.join(cells.values())}\n".encode())
    assert report.errors == ()
    return report.rows[0].value


@pytest.mark.parametrize(
    ("policy", "kept"), [("keep", "keep"), ("Keep", "keep"), ("pass_on", "pass_on"), ("Pass On", "pass_on")]
)
def test_a_credit_policy(policy: str, kept: Any) -> None:
    assert row(
        "credits",
        organisation="C-1",
        credit="Azure Credit",
        policy=policy,
        valid_from="2026-10-01",
        valid_to="2026-12-31",
        note="agreed in May",
    ) == CreditPolicy("C-1", "azure_credit", kept, OCTOBER, YEAR_END, "agreed in May")


def test_a_credit_policy_for_all() -> None:
    assert row("credits", organisation="*", credit="customer_credit", policy="keep") == CreditPolicy(
        "", "customer_credit", "keep", None, None, ""
    )


def test_a_cost_centres_share() -> None:
    assert row(
        "cost-centres",
        organisation="C-1",
        subscription_id="Sub-1",
        resource_group="",
        tag="department=sales",
        cost_centre="4711",
        share="2.5",
        valid_from="2026-10-01",
        valid_to="2026-12-31",
    ) == CostCentreShare("C-1", "Sub-1", "", "department=sales", "4711", Decimal("2.5"), OCTOBER, YEAR_END)
    # usage that a row names goes to it whole unless a share is said
    assert row("cost-centres", organisation="C-1", resource_group="RG", cost_centre="4711") == CostCentreShare(
        "C-1", "", "RG", "", "4711", Decimal(1), None, None
    )


def test_a_purchase_order() -> None:
    assert row(
        "purchase-orders",
        organisation="C-1",
        subscription_id="Sub-1",
        product_id="CFQ1",
        purchase_order="PO 9",
        valid_from="2026-10-01",
        valid_to="2026-12-31",
    ) == PurchaseOrder("C-1", "Sub-1", "CFQ1", "PO 9", OCTOBER, YEAR_END)


@pytest.mark.parametrize(
    ("grouping", "kept"), [("Cost Centre", "cost_centre"), ("purchase-order", "purchase_order"), ("kind", "kind")]
)
def test_an_organisation_says_how_its_lines_are_grouped_and_whether_offers_undercut(grouping: str, kept: str) -> None:
    found = row("organisations", code="C-1", grouping=grouping, global_offers="Undercut")
    assert found == Organisation("C-1", "", grouping=kept, global_offers="undercut")


@pytest.mark.parametrize(
    ("percent", "text"),
    [
        ("0.01", ""),
        ("1", ""),
        ("100", ""),
        ("0", "a discount must be more than 0 percent; to charge something add a line"),
        ("-5", "a discount must be more than 0 percent; to charge something add a line"),
        ("100.5", "a discount of 100.5 percent would be more than the price; did you mean 1.005?"),
        ("1900", "a discount of 1900 percent would be more than the price; did you mean 19?"),
        ("10000", "a discount of 10000 percent would be more than the price; did you mean 100?"),
        ("10001", "a discount of 10001 percent would be more than the price"),
    ],
)
def test_a_discount_by_hand_takes_off_more_than_nothing_and_at_most_everything(percent: str, text: str) -> None:
    assert wrong_percent(Decimal(percent)) == text


def test_a_service() -> None:
    told = {"organisation": "C-1", "code": "SUP", "name": "Support", "price": "99.00", "currency": "eur"}
    span = {"valid_from": "2026-10-01", "valid_to": "2026-12-31"}
    assert row(
        "services", **told, kind="recurring", billing="Annual", proration="Days", quantity="2", **span
    ) == Service(
        "C-1", "SUP", "Support", "recurring", Decimal("99.00"), "EUR", Decimal(2), "annual", "days", OCTOBER, YEAR_END
    )
    assert row("services", **told, kind="one-off", valid_from="2026-10-01") == Service(
        "C-1", "SUP", "Support", "one_off", Decimal("99.00"), "EUR", Decimal(1), "monthly", "none", OCTOBER, None
    )


@pytest.mark.parametrize(
    ("kind", "cells", "column"),
    [
        ("services", {"organisation": "C-1", "code": "S", "name": "n", "kind": "one_off", "price": "1", "currency": "",
                      "valid_from": "2026-10-01"}, "currency"),
        ("rates", {"date": "2026-10-01", "from": "USD", "to": "", "rate": "1"}, "to"),
    ],
)  # fmt: skip
def test_a_currency_that_is_needed(kind: Kind, cells: dict[str, str], column: str) -> None:
    report = read(kind, f"{','.join(cells)}\n{','.join(cells.values())}\n".encode())
    assert [(error.column, error.text) for error in report.errors] == [
        (column, f"{column} is empty; an ISO 4217 code is needed, for example EUR")
    ]
