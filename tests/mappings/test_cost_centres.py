"""Which cost centre bears what (docs/decisions/0013-groupings.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from mappings.cost_centres import (
    NO_COST_CENTRE,
    CostCentreShare,
    PurchaseOrder,
    purchase_order_of,
    rows_for,
    shares_of,
)

DAY = date(2025, 10, 1)


@dataclass(frozen=True)
class Used:
    resource_group: str
    weight: Decimal
    tags: dict[str, str] = field(default_factory=dict)


def _row(name: str, share: str = "1", *, group: str = "", tag: str = "", subscription: str = "") -> CostCentreShare:
    return CostCentreShare("C-1", subscription, group, tag, name, Decimal(share), None, None)


def _weights(rows: list[CostCentreShare], *used: Used) -> dict[str, Fraction]:
    return {share.label: share.weight for share in shares_of(rows, used)}


def test_nobody_said_anything() -> None:
    assert _weights([]) == {NO_COST_CENTRE: 1} == _weights([], Used("rg", Decimal(5)))


def test_written_shares_are_the_weights() -> None:
    assert _weights([_row("Support", "4"), _row("Sales", "6")]) == {"Sales": 6, "Support": 4}


def test_two_rows_of_one_cost_centre_are_added() -> None:
    assert _weights([_row("Sales", "6"), _row("Sales", "4")]) == {"Sales": 10}


def test_a_resource_group_may_be_shared_itself() -> None:
    rows = [_row("a", "1", group="RG"), _row("b", "3", group="rg")]
    assert _weights(rows, Used("Rg", Decimal(8)), Used("other", Decimal(1))) == {"a": 2, "b": 6, NO_COST_CENTRE: 1}


def test_what_cost_less_than_nothing_weighs_nothing() -> None:
    rows = [_row("a", group="x"), _row("b", group="y")]
    assert _weights(rows, Used("x", Decimal(-5)), Used("y", Decimal(5))) == {"b": 5}
    assert _weights(rows, Used("x", Decimal(-5))) == {NO_COST_CENTRE: 1}


def test_a_tag_has_no_case_in_its_name_and_one_in_its_value() -> None:
    rows = [_row("a", tag="Team = Red")]
    assert _weights(rows, Used("", Decimal(1), {"TEAM": "Red"}), Used("", Decimal(2), {"team": "red"})) == {
        "a": 1,
        NO_COST_CENTRE: 2,
    }


def test_nobodys_share_comes_last() -> None:
    assert [
        share.label for share in shares_of([_row("z", group="z")], [Used("q", Decimal(1)), Used("z", Decimal(1))])
    ] == [
        "z",
        NO_COST_CENTRE,
    ]


def test_rows_of_a_subscription_put_aside_only_those_of_their_sort() -> None:
    everywhere, here, group = _row("House"), _row("Sales", subscription="S-1"), _row("Web", group="web")
    assert rows_for([everywhere, here, group], "s-1", DAY) == [here, group]
    assert rows_for([everywhere, here, group], "s-2", DAY) == [everywhere, group]


def test_both_days_of_a_row_count() -> None:
    row = CostCentreShare("C-1", "", "", "", "Sales", Decimal(1), DAY, DAY)
    assert rows_for([row], "s", DAY) == [row]
    assert not rows_for([row], "s", date(2025, 9, 30)) and not rows_for([row], "s", date(2025, 10, 2))


def test_which_purchase_order() -> None:
    def order(name: str, subscription: str = "", product: str = "", since: date | None = None) -> PurchaseOrder:
        return PurchaseOrder("C-1", subscription, product, name, since, None)

    orders = [
        order("any"),
        order("any later", since=date(2025, 9, 1)),
        order("product", product="P"),
        order("subscription", subscription="S"),
        order("later", subscription="S", since=date(2025, 10, 2)),
    ]
    assert purchase_order_of(orders, "s", "p", DAY, "own") == "subscription"
    assert purchase_order_of(orders, "s", "p", date(2025, 10, 2), "own") == "later"
    assert purchase_order_of(orders, "x", "p", DAY, "own") == "product"
    assert purchase_order_of(orders, "x", "x", DAY, "own") == "any later"
    assert purchase_order_of([], "x", "x", DAY, "own") == "own"
    assert purchase_order_of([], "x", "x", DAY, "") == "(no purchase order)"
