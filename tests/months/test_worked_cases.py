"""The worked cases of product.md section 6, each with the document's figures. The fourth (several changes of 500 seats)
stands in test_seats.py, at cost and at a fixed price."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from connector.domain.money import cut
from tests.months.billed import ALPHA, SUITE, consumed, month_of, seats, ten_to_fourteen
from tests.months.partner import Partner
from tests.standins.microsoft import published
from tests.standins.microsoft.billing import Product
from tests.standins.microsoft.published_azure import MODERN


def product_of(*factors: str) -> Fraction:
    result = Fraction(1)
    for factor in factors:
        result *= Fraction(factor)
    return result


@pytest.mark.parametrize(("units", "cost"), [("29", "21.39"), ("210.950039", "155.63"), ("555.950039", "410.17")])
def test_azure_price_with_a_15_percent_credit(units: str, cost: str) -> None:
    assert cut(product_of(units, "0.868", "0.85"), 2) == Decimal(cost)


def test_azure_with_its_credit_is_sold_at_cost_to_the_cent(partner: Partner) -> None:
    partner.is_billed(published.month("azure-plan"))
    partner.has_customer("C-1", MODERN.tenant_id)
    partner.price("passthrough")
    month = partner.month("2024-10")
    assert sorted(month.amounts(month.line("C-1"))) == ["155.63", "21.39", "410.17"]


def test_a_licence_with_exchange_and_its_matching_credit(partner: Partner) -> None:
    """12.345 x 0.9137 is 11.2796, cut 11.27, x 37 = 416.99; the matching credit is -416.99."""
    unit = cut(product_of("12.345", "0.9137"), 2)
    assert (unit, unit * 37, cut(-product_of("12.345", "0.9137"), 2) * 37) == (
        Decimal("11.27"),
        Decimal("416.99"),
        Decimal("-416.99"),
    )
    held = seats(ALPHA, Product(SUITE.product_id, SUITE.sku_id, SUITE.name, Decimal("12.345")))
    exchanged = {"PricingCurrency": "USD", "PCToBCExchangeRate": Decimal("0.9137")}
    charge = held.charge("cycleCharge", 37) | exchanged | {"Subtotal": unit * 37, "Total": unit * 37}
    credit = held.charge("cancel", 37, sign=-1) | exchanged | {"Subtotal": -unit * 37, "Total": -unit * 37}
    partner.is_billed(month_of([charge, credit]))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.price("passthrough")
    month = partner.month("2025-10")
    assert month.line("C-1", kind="advance")["amount"] == "416.99"
    cancelled = month.line("C-1", kind="proration")
    assert cancelled["amount"] == "-416.99" and month.net("C-1") == "0.00"
    (bought,) = month.explain(month.line("C-1", kind="advance"))["parts"]
    assert month.explain(cancelled)["parts"][0]["reverses"] == bought["detail_line"]


def test_usage_with_exchange(partner: Partner) -> None:
    """0.03825 x 1,234.5 is 47.2196, cut 47.21, x 0.846202666 = 39.94."""
    in_dollars = cut(product_of("0.03825", "1234.5"), 2)
    assert in_dollars == Decimal("47.21")
    cost = cut(Fraction(in_dollars) * Fraction("0.846202666"), 2)
    assert cost == Decimal("39.94")
    partner.is_billed(month_of([consumed(ALPHA, str(cost), "1234.5")]))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.price("passthrough")
    assert partner.month("2025-10").net("C-1") == "39.94"


def test_ten_to_fourteen_seats(partner: Partner) -> None:
    """20.90, 20 of 31 days left: -134.84 + 188.77 = 53.93; four seats directly would be 53.94."""
    partner.is_billed(month_of(ten_to_fourteen()))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.price("fixed", "20.90", "C-1")
    month = partner.month("2025-10")
    line = month.line("C-1", kind="proration")
    tree = month.explain(line)
    assert (month.amounts(line), line["amount"]) == (["-134.84", "188.77"], "53.93")
    assert [part["exact"] for part in tree["parts"]] == ["-4180/31", "5852/31"]
    (netting,) = [reason for reason in tree["reasons"] if reason["kind"] == "netting"]
    assert (netting["credits"], netting["charges"], netting["net"]) == ("-134.84", "188.77", "53.93")
    assert "53.94" in netting["text"], "four seats directly"
