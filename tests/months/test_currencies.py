"""Several currencies: one balance each, conversion before rounding, rates by date."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import create_engine

from connector.store.customer_view import Scope, list_parts
from tests.months.billed import ALPHA, MAIL, SUITE, Line, day, month_of, seats, ten_to_fourteen
from tests.months.partner import Partner
from tests.standins.microsoft import published
from tests.standins.microsoft.published import CONTOSO, FABRIKAM
from webhooks.drilldown.story import rates_of


@pytest.fixture
def nordic(partner: Partner) -> Partner:
    """100.80 EUR for Contoso, 751.00 DKK for Fabrikam, both invoiced on 7 July 2021."""
    partner.is_billed(published.month("two-currencies"))
    return partner


def test_two_currencies_are_two_balances_and_one_document_each(nordic: Partner) -> None:
    nordic.has_customer("C-1", CONTOSO.tenant_id, FABRIKAM.tenant_id)
    nordic.price("passthrough")
    month = nordic.month("2021-06")
    assert [(b["currency"], b["vendor_total"]) for b in month.view["balance"]] == [
        ("DKK", "751.00"),
        ("EUR", "100.80"),
    ]
    assert (month.net("C-1", "EUR"), month.net("C-1", "DKK")) == ("100.80", "751.00")
    (danish,) = [invoice for invoice in month.view["vendor_invoices"] if invoice["currency"] == "DKK"]
    assert (danish["header_total"], danish["header_tax"]) == ("938.75", "187.75")


def test_a_customer_with_a_currency_gets_one_document_converted_before_rounding(nordic: Partner) -> None:
    nordic.has_customer("C-1", CONTOSO.tenant_id, FABRIKAM.tenant_id, currency="EUR")
    nordic.price("markup", "3.33")
    nordic.rate("2021-06-01", "DKK", "EUR", "0.1999")
    nordic.rate("2021-07-07", "DKK", "EUR", "0.13448")
    nordic.rate("2021-07-08", "DKK", "EUR", "0.2999")
    month = nordic.month("2021-06")
    # 751.00 x 1.0333 x 0.13448 = 104.3575..., and 100.80 x 1.0333 = 104.15664
    danish = month.line("C-1", cost_currency="DKK")
    assert (danish["amount"], danish["cost"]) == ("104.36", "751.00")
    assert month.net("C-1") == "208.52" and len(month.documents) == 1
    assert month.balance("DKK")["invoiced_cost"] == "751.00", "costs stay in the vendor's currency"


def test_rounding_comes_after_conversion(partner: Partner) -> None:
    """0.05 x 1.10 x 10 is 0.55; with 0.055 rounded to 0.06 in between it would be 0.60."""
    small = {**seats(currency="USD").charge("cycleCharge", 1), "Subtotal": "0.05", "Total": "0.05"}
    partner.is_billed(month_of([small]))
    partner.has_customer("C-1", ALPHA.tenant_id, currency="SEK")
    partner.price("markup", "10")
    partner.rate("2025-01-01", "USD", "SEK", "10")
    assert partner.month("2025-10").net("C-1", "SEK") == "0.55"


def test_a_rate_dated_after_the_invoice_is_none(nordic: Partner) -> None:
    nordic.has_customer("C-1", CONTOSO.tenant_id, currency="EUR")
    nordic.has_customer("C-2", FABRIKAM.tenant_id, currency="EUR")
    nordic.price("passthrough")
    nordic.rate("2021-07-08", "DKK", "EUR", "0.13448")
    # only the other direction: never computed from it
    nordic.rate("2021-07-01", "EUR", "DKK", "7.436")
    month = nordic.month("2021-06", status=1)
    finding = month.finding("rate_missing")
    assert (finding["amount"], finding["currency"], finding["severity"]) == ("751.00", "DKK", "error")
    assert month.state == "unmatched" and month.balance("DKK")["unmatched"] == "751.00"
    assert month.balance("EUR")["unmatched"] == "0.00" and month.net("C-1") == "100.80"


def test_a_fixed_price_needs_no_rate_and_applies_only_in_its_currency(nordic: Partner) -> None:
    nordic.has_customer("C-2", FABRIKAM.tenant_id, CONTOSO.tenant_id)
    nordic.price("markup", "10")
    nordic.price("fixed", "14.00", "C-2", currency="EUR")
    month = nordic.month("2021-06")
    assert month.net("C-2", "EUR") == "140.00" and month.net("C-2", "DKK") == "826.10"
    assert month.finding("rule_passed_over")["severity"] == "info"


def test_a_fixed_price_in_the_customers_currency_needs_no_rate(nordic: Partner) -> None:
    nordic.has_customer("C-2", FABRIKAM.tenant_id, CONTOSO.tenant_id, currency="EUR")
    nordic.price("fixed", "14.00", currency="EUR")
    month = nordic.month("2021-06")
    assert month.net("C-2", "EUR") == "280.00"


def test_a_price_in_the_vendors_currency_does_not_fit_a_document_in_another(nordic: Partner) -> None:
    nordic.has_customer("C-1", CONTOSO.tenant_id)
    nordic.has_customer("C-2", FABRIKAM.tenant_id, currency="EUR")
    nordic.price("passthrough", organisation="C-1")
    nordic.price("fixed", "80.00", "C-2", currency="DKK")
    month = nordic.month("2021-06", status=1)
    assert month.finding("price_missing")["amount"] == "751.00"


@pytest.mark.parametrize(
    ("currency", "rate", "net"),
    # 100.80 x 163.255 = 16456.104 in whole yen; 100.80 x 0.35675 = 35.9604 in thousandths of a dinar
    [("JPY", "163.255", "16456"), ("KWD", "0.35675", "35.960")],
)
def test_amounts_have_the_digits_of_their_currency(nordic: Partner, currency: str, rate: str, net: str) -> None:
    nordic.has_customer("C-1", CONTOSO.tenant_id, currency=currency)
    nordic.has_customer("C-2", FABRIKAM.tenant_id)
    nordic.price("passthrough")
    nordic.rate("2021-01-01", "EUR", currency, rate)
    assert nordic.month("2021-06").net("C-1", currency) == net


def test_a_free_line_needs_no_rate(partner: Partner) -> None:
    trial = {**seats(currency="USD").charge("new", 25), "Subtotal": "0", "EffectiveUnitPrice": "0", "UnitPrice": "0"}
    partner.is_billed(month_of([trial, *ten_to_fourteen(seats(product=MAIL)), *ten_to_fourteen()]))
    partner.has_customer("C-1", ALPHA.tenant_id, currency="EUR")
    partner.price("markup", "10")
    month = partner.month("2025-10")
    assert month.codes == {"free_line"}
    assert SUITE.product_id in {line["product_id"] for line in month.lines("C-1", amount="0.00")}


def test_a_document_in_dinars_of_lines_in_dollars(partner: Partner) -> None:
    """120.00 x 1.1 x 0.307251 = 40.557132, and a price of its own in fils: 3.612 x 14 x 20/31 = 32.6245..."""
    partner.is_billed(
        month_of([seats(currency="USD").charge("cycleCharge", 10), *_fourteen_mails_from_the_twelfth("USD")])
    )
    partner.has_customer("C-1", ALPHA.tenant_id, currency="KWD")
    partner.price("markup", "10")
    partner.price("fixed", "3.612", "C-1", product_id=MAIL.product_id, currency="KWD")
    partner.rate("2025-09-01", "USD", "KWD", "0.307251")
    month = partner.month("2025-10")
    converted = month.line("C-1", "KWD", product_id=SUITE.product_id)
    assert converted["amount"] == "40.557" and converted["cost_currency"] == "USD"
    [part] = month.explain(converted)["parts"]
    assert (part["rate"], part["rate_date"]) == ("0.307251", "2025-09-01")
    own = month.line("C-1", "KWD", product_id=MAIL.product_id)
    assert own["amount"] == "32.625" and month.net("C-1", "KWD") == "73.182"
    [part] = month.explain(own)["parts"]
    assert (part["rate"], part["rate_date"]) == (None, None), "a price in the customer's currency needs no rate"


def _fourteen_mails_from_the_twelfth(currency: str) -> list[Line]:
    return [seats(product=MAIL, currency=currency).charge("addQuantity", 14, day("2025-10-12"))]


def test_the_customers_page_shows_rate_and_date(nordic: Partner) -> None:
    nordic.has_customer("C-1", CONTOSO.tenant_id, FABRIKAM.tenant_id, currency="JPY")
    nordic.price("passthrough")
    nordic.rate("2021-01-01", "EUR", "JPY", "163.255")
    nordic.rate("2021-01-02", "DKK", "JPY", "21.5")
    month = nordic.month("2021-06")
    line = month.line("C-1", "JPY", cost_currency="EUR")
    engine = create_engine(f"sqlite:///{nordic.database}")
    with engine.connect() as connection:
        scope = Scope(month.document("C-1", "JPY")["id"])
        number = int(line["url"].rsplit("/", 1)[1])
        parts = list_parts(connection, scope, number, 0, 10)
    assert rates_of(parts) == [(Decimal("163.255"), date(2021, 1, 1))]
