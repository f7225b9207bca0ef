"""Months made of Microsoft's published figures (samples/*.csv), at cost and at the partner's own prices."""

from __future__ import annotations

import pytest

from tests.months.partner import Partner
from tests.standins.microsoft import published
from tests.standins.microsoft.published import CONTOSO, FABRIKAM
from tests.standins.microsoft.published_azure import MODERN
from tests.standins.microsoft.published_legacy import CUSTOMER_ID

_TENANTS = (CONTOSO.tenant_id, FABRIKAM.tenant_id, MODERN.tenant_id, CUSTOMER_ID)
_UNBALANCED = {"legacy-usage"}


def periods_of(scenario: str) -> list[str]:
    return sorted({invoice["period"] for invoice in published.month(scenario)["invoices"]})


_MONTHS = [(scenario, period) for scenario in published.SCENARIOS for period in periods_of(scenario)]


@pytest.mark.parametrize(("scenario", "period"), _MONTHS)
def test_a_published_month_is_invoiced_at_cost(partner: Partner, scenario: str, period: str) -> None:
    partner.is_billed(published.month(scenario))
    partner.has_customer("C-1", *_TENANTS)
    partner.price("passthrough")
    month = partner.month(period, status=1 if scenario in _UNBALANCED else 0)
    if scenario not in _UNBALANCED:
        assert month.state == "balanced"
        for balance in month.view["balance"]:
            assert balance["vendor_total"] == month.net("C-1", balance["currency"])
            assert (balance["unmatched"], balance["not_charged"], balance["difference"]) == ("0.00", "0.00", "0.00")


@pytest.mark.parametrize(("scenario", "period"), _MONTHS)
def test_a_published_month_is_invoiced_at_the_partners_own_prices(partner: Partner, scenario: str, period: str) -> None:
    partner.is_billed(published.month(scenario))
    partner.has_customer("C-1", *_TENANTS)
    partner.prices(
        {"organisation": "*", "kind": "markup", "value": "17.5"},
        {"organisation": "C-1", "kind": "fixed", "value": "13.37", "currency": "EUR"},
        {"organisation": "C-1", "kind": "fixed", "value": "19.99", "currency": "USD"},
        {"organisation": "C-1", "product_id": "CFQ7TTC0LF8Q", "kind": "margin", "value": "12.5"},
    )
    partner.month(period, status=1 if scenario in _UNBALANCED else 0)
