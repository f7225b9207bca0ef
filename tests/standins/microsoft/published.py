"""Months made of the PUBLISHED figures; nothing here is computed by us but sums.

Source of each: samples/nce-billing-examples.csv, samples/legacy-license-billing-examples.csv,
samples/modern-onetime-billing-examples-2019.csv, samples/synthetic-billed-reconciliation.jsonl of the
reference. `SCENARIOS` maps names to functions that give a month description.
"""

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.standins.microsoft import published_azure, published_legacy
from tests.standins.microsoft.billing import Customer, Product, digits, guid, line, stamp
from tests.standins.microsoft.published_figures import NEW_COMMERCE, ONE_TIME_2019, Figure

CONTOSO = Customer("c139c4bf-2e8b-4ab5-8bed-d9f50dcca7a2", "Contoso Test Customer", "contosotest.onmicrosoft.com")
FABRIKAM = Customer(
    "835a59a7-3172-47b5-bdef-d9cc65f4d0e4", "Fabrikam Test Customer", "fabrikamtest.onmicrosoft.com", "DK"
)

#: product ids are the ones of the samples where there is one, invented otherwise; names are published
PRODUCTS = {
    "Microsoft 365 Business Standard": Product(
        "CFQ7TTC0LDPB", "0001", "Microsoft 365 Business Standard", availability="CFQ7TTC0P0HP"
    ),
    "Office 365 E1": Product("CFQ7TTC0LF8Q", "0001", "Office 365 E1"),
    "Dynamics 365 Guides": Product("CFQ7TTC0HWZR", "0001", "Dynamics 365 Guides"),
    "Dynamics 365 Commerce": Product("CFQ7TTC0LH3N", "0002", "Dynamics 365 Commerce"),
    "Microsoft Office 365 E3": Product("CFQ7TTC0LF8R", "0001", "Microsoft Office 365 E3"),
    "One-time 2019": Product("DZH318Z0BXWC", "0002", "Test SaaS offer", publisher="Test Networks, Inc."),
}
#: total not printed, so it is unit x quantity of the printed figures
_MIGRATION = Product("CFQ7TTC0LF8R", "0001", "Microsoft Office 365 E3")


def _figure_line(figure: Figure, customer: Customer, name: str) -> dict[str, Any]:
    """A line out of a printed row. The total is the printed one; EffectiveUnitPrice has the digits it came
    from.
    """
    product = PRODUCTS[figure.product]
    subscription = figure.subscription or guid(name, figure.plan)
    begin, end = date.fromisoformat(figure.start), date.fromisoformat(figure.end)
    ordered = figure.ordered or figure.start
    return line(
        customer,
        product,
        SubscriptionId=subscription,
        OrderDate=f"{ordered}T09:00:00.0000000Z",
        ChargeType=figure.charge_type,
        UnitPrice=Decimal(figure.unit_price or figure.effective),
        EffectiveUnitPrice=_effective(figure),
        Quantity=figure.quantity,
        BillableQuantity=figure.quantity,
        Subtotal=Decimal(figure.total),
        ChargeStartDate=stamp(begin),
        ChargeEndDate=stamp(end),
        SubscriptionStartDate=stamp(date.fromisoformat(figure.term_start or figure.start)),
        SubscriptionEndDate=stamp(date.fromisoformat(figure.term_end or figure.end)),
        BillingFrequency=figure.frequency,
        TermAndBillingCycle=figure.term,
        Currency=figure.currency,
        ReferenceId=figure.reference or guid(name, ordered, figure.charge_type.casefold()),
        ProductQualifiers='["Trial"]' if figure.trial else "[]",
    )


def _effective(figure: Figure) -> Decimal:
    """Printed with two places for the March example; the exact figure is what a line carries (12/31 x
    days).
    """
    if not figure.exact_days:
        return Decimal(figure.effective)
    days, cycle = figure.exact_days
    sign = -1 if figure.effective.startswith("-") else 1
    return digits(Fraction(Decimal(figure.unit_price)) * days / cycle * sign, 10)


def _month(
    period: str,
    lines: Iterable[dict[str, Any]],
    number: str = "G000000001",
    currency: str = "EUR",
    customers: Iterable[Customer] = (CONTOSO,),
    **header: Any,
) -> dict[str, Any]:
    numbered = [{**each, "InvoiceNumber": number} for each in lines]
    return {
        "period": period,
        "customers": [customer.listed() for customer in customers],
        "invoices": [{"id": number, "period": period, "currencyCode": currency, "reconciliation": numbered, **header}],
    }


def _from_figures(name: str) -> Callable[[], dict[str, Any]]:
    """Every printed scenario falls into one or more periods: an invoice for each."""

    def make() -> dict[str, Any]:
        by_period: dict[str, list[dict[str, Any]]] = {}
        figures = [figure for figure in (*NEW_COMMERCE, *ONE_TIME_2019) if figure.scenario == name]
        for figure in figures:
            by_period.setdefault((figure.ordered or figure.start)[:7], []).append(_figure_line(figure, CONTOSO, name))
        months = [
            _month(period, lines, f"G{index:09d}", figures[0].currency)
            for index, (period, lines) in enumerate(sorted(by_period.items()), 1)
        ]
        return {**months[-1], "invoices": [invoice for month in months for invoice in month["invoices"]]}

    return make


def customer_credit() -> dict[str, Any]:
    """A credit granted by Microsoft beside an ordinary charge (invoices.md 3.1): invented, no figure is
    published.
    """
    charge = _figure_line(NEW_COMMERCE[0], CONTOSO, "customer-credit")
    credit = line(
        CONTOSO,
        PRODUCTS["Microsoft 365 Business Standard"],
        ChargeType="customerCredit",
        UnitPrice=Decimal(0),
        EffectiveUnitPrice=Decimal(0),
        Quantity=0,
        BillableQuantity=0,
        Subtotal=Decimal("-25.00"),
        OrderDate="2021-06-28T10:00:00.0000000Z",
        ChargeStartDate="2021-06-01T00:00:00Z",
        ChargeEndDate="2021-06-30T00:00:00Z",
        CreditReasonCode="Service Level Agreement",
        Currency="EUR",
    )
    return _month("2021-06", [charge, credit])


def two_currencies() -> dict[str, Any]:
    """One invoice per billing currency (invoices.md 3.6)."""
    standard = PRODUCTS["Microsoft 365 Business Standard"]
    first = _figure_line(NEW_COMMERCE[0], CONTOSO, "two-currencies")
    second = {
        **_figure_line(NEW_COMMERCE[0], FABRIKAM, "two-currencies-dkk"),
        "Currency": "DKK",
        "PricingCurrency": "DKK",
        "UnitPrice": Decimal("75.10"),
        "EffectiveUnitPrice": Decimal("75.10"),
        "Subtotal": Decimal("751.00"),
        "TaxTotal": Decimal("187.75"),
        "Total": Decimal("938.75"),
        "SkuName": standard.name,
    }
    month = _month("2021-06", [first], "G000000001", customers=(CONTOSO, FABRIKAM))
    other = _month("2021-06", [second], "G000000002", "DKK", (CONTOSO, FABRIKAM))
    return {**month, "invoices": [*month["invoices"], *other["invoices"]]}


def negative_document() -> dict[str, Any]:
    """Only the cancellation falls into the period: the customer is owed money."""
    lines = [
        _figure_line(figure, CONTOSO, "cancel-within-7-days")
        for figure in NEW_COMMERCE
        if figure.scenario == "cancel-within-7-days" and Decimal(figure.total) < 0
    ]
    return _month("2021-07", lines)


def voided_and_replaced() -> dict[str, Any]:
    """The six changes, billed wrong (one line missing) and rebilled: void_note with an adjustment_note
    under it.
    """
    right = SCENARIOS["six-changes-in-march"]()
    lines = right["invoices"][0]["reconciliation"]
    wrong = _month("2022-03", lines[:-1])
    wrong["invoices"][0] |= {
        "documentType": "void_note",
        "amendments": [
            {
                "id": "G000000002",
                "documentType": "adjustment_note",
                "amendsOf": "G000000001",
                "reconciliation": [{**each, "InvoiceNumber": "G000000002"} for each in lines],
            }
        ],
    }
    return wrong


def with_tax() -> dict[str, Any]:
    """Lines with tax; figures of samples/lineitems-onetime-billing-page1.json (720 + 73, 16 + 1.61)."""
    phone = Product("CFQ7TTC0HL8W", "0001", "Power BI Premium Per User")
    both = []
    for product, price, effective, quantity, subtotal, tax, begin, end, ends in (
        (phone, "16", "14.4", 50, "720", "73", "2021-05-20", "2021-06-19", "2022-05-19"),
        (_MIGRATION, "16", "16", 1, "16", "1.61", "2021-05-29", "2021-06-28", "2022-05-28"),
    ):
        both.append(
            line(
                CONTOSO,
                product,
                SubscriptionId=guid("with-tax", product.product_id),
                ChargeType="new",
                Currency="USD",
                OrderDate=f"{begin}T18:48:30.6168285Z",
                UnitPrice=Decimal(price),
                EffectiveUnitPrice=Decimal(effective),
                Quantity=quantity,
                BillableQuantity=quantity,
                Subtotal=Decimal(subtotal),
                TaxTotal=Decimal(tax),
                ChargeStartDate=f"{begin}T00:00:00Z",
                ChargeEndDate=f"{end}T00:00:00Z",
                BillingFrequency="Monthly",
                SubscriptionStartDate=f"{begin}T00:00:00Z",
                SubscriptionEndDate=f"{ends}T00:00:00Z",
                TermAndBillingCycle="One-Year commitment for monthly/yearly billing",
            )
        )
    return _month("2021-05", both, currency="USD")


SCENARIOS: dict[str, Callable[[], dict[str, Any]]] = {
    **{name: _from_figures(name) for name in dict.fromkeys(f.scenario for f in (*NEW_COMMERCE, *ONE_TIME_2019))},
    "customer-credit": customer_credit,
    "two-currencies": two_currencies,
    "negative-document": negative_document,
    "voided-and-replaced": voided_and_replaced,
    "with-tax": with_tax,
    "azure-plan": published_azure.azure_plan,
    "legacy-several-seat-changes": published_legacy.several_seat_changes,
    "legacy-monthly-2020": published_legacy.monthly_2020,
    "legacy-annual-211": published_legacy.annual_211,
    "legacy-usage": published_legacy.usage,
}


def month(name: str) -> dict[str, Any]:
    """A month by the name of its scenario."""
    return SCENARIOS[name]()
