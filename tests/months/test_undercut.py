"""Global offers against an organisation's own price (interfaces.md 5.4, last sentence of its first paragraph).

Ten seats, from 12 October fourteen: at 12.00 they are 120.00 - 77.42 + 108.39, at 11.50 115.00 - 74.19 + 103.87.
"""

from __future__ import annotations

import pytest

from tests.months import checks
from tests.months.billed import ALPHA, month_of, seats, ten_to_fourteen
from tests.months.partner import Month, Partner

OFFER = {"organisation": "*", "kind": "fixed", "currency": "EUR", "offer": "yes"}
OWN = {"organisation": "C-1", "kind": "fixed", "value": "12.00", "currency": "EUR"}


def _october(partner: Partner, *prices: dict[str, str], undercut: bool = True) -> Month:
    partner.is_billed(month_of(ten_to_fourteen()))
    partner.has_customer("C-1", ALPHA.tenant_id, **({"global_offers": "undercut"} if undercut else {}))
    partner.prices(*prices)
    month = partner.sync("2025-10")
    checks.assert_adds_up(month, partner)
    return month


def _amounts(month: Month) -> list[str]:
    lines = month.document("C-1")["lines"]
    return sorted((amount for line in lines for amount in month.amounts(line)), key=float)


def test_a_global_offer_never_undercuts_unasked(partner: Partner) -> None:
    month = _october(partner, OWN, {**OFFER, "value": "11.50"}, undercut=False)
    assert _amounts(month) == ["-77.42", "108.39", "120.00"]


def test_a_lower_global_offer_undercuts_charge_and_credit_alike(partner: Partner) -> None:
    month = _october(partner, OWN, {**OFFER, "value": "11.50"})
    assert _amounts(month) == ["-74.19", "103.87", "115.00"]
    price = month.explain(month.line("C-1", kind="advance"))["price"]
    assert (price["level"], price["rule"]) == ("global_offer", "fixed 11.50 for everything")
    assert price["lost_to"] == [
        {
            "rule": "fixed 12.00 for everything",
            "level": "organisation",
            "reason": "a global offer may undercut it and is lower: 115.00 instead of 120.00",
        }
    ]


@pytest.mark.parametrize("value", ["12.00", "12.01"])
def test_an_offer_that_is_not_lower_loses(partner: Partner, value: str) -> None:
    month = _october(partner, OWN, {**OFFER, "value": value})
    assert _amounts(month) == ["-77.42", "108.39", "120.00"]
    assert month.explain(month.line("C-1", kind="advance"))["price"]["level"] == "organisation"


def test_a_global_price_that_is_no_offer_undercuts_nothing(partner: Partner) -> None:
    month = _october(partner, OWN, {**OFFER, "value": "0.50", "offer": ""})
    assert _amounts(month) == ["-77.42", "108.39", "120.00"]


@pytest.mark.parametrize(
    "own",
    [
        {**OWN, "offer": "yes"},
        {**OWN, "subscription_id": seats().subscription_id},
        # 25 % on 120.00, 77.41 and 108.38
        {"organisation": "C-1", "kind": "markup", "value": "25"},
    ],
)
def test_every_price_of_its_own_may_be_undercut(partner: Partner, own: dict[str, str]) -> None:
    assert _amounts(_october(partner, own, {**OFFER, "value": "11.50"})) == ["-74.19", "103.87", "115.00"]


def test_the_best_offer_is_compared_and_only_offers_are(partner: Partner) -> None:
    """The offer that comes first counts, here the one for the product; a global price is no offer."""
    product = seats().product.product_id
    month = _october(
        partner,
        OWN,
        {**OFFER, "value": "1.00"},
        {**OFFER, "value": "11.50", "product_id": product},
        {**OFFER, "value": "0.50", "offer": "", "product_id": product},
    )
    assert _amounts(month) == ["-74.19", "103.87", "115.00"]


def test_what_is_not_charged_stays_so(partner: Partner) -> None:
    month = _october(
        partner, {"organisation": "C-1", "kind": "none", "note": "our own company"}, {**OFFER, "value": "1.00"}
    )
    assert month.documents == [] and month.balance()["not_charged"] == "150.97"


def test_an_offer_that_is_not_charged_undercuts_nothing(partner: Partner) -> None:
    free = {"organisation": "*", "kind": "none", "note": "a present", "offer": "yes"}
    assert _amounts(_october(partner, OWN, free)) == ["-77.42", "108.39", "120.00"]


def test_only_undercut_may_be_written(partner: Partner) -> None:
    path = partner.folder / "organisations.csv"
    path.write_text("code,global_offers\nC-1,always\n", encoding="utf-8")
    answer = partner.run("import", "organisations", str(path), "--json")
    assert answer.status == 2 and answer.json["errors"][0]["column"] == "global_offers"
