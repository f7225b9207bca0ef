"""Any rules, any seat line: the product prices it as the reference does."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.domain.cycles import subscription_facts
from mappings.formats import read as read_file
from mappings.links import Organisation, TenantLink, by_tenant
from mappings.price import Book, PricedLine, price_line
from mappings.pricelist import ListPrice, PriceRule, Rate
from mappings.resolve import PriceBook, PriceSheet
from tests.months import reference
from tests.months.billed import ALPHA
from tests.months.reference import Decisions, Row
from tests.months.test_cycles import raw_line, read

SUBSCRIPTION = "5b5c0000-0000-4000-8000-000000000001"
TODAY = date(2025, 11, 7)
_COLUMNS = (
    *("organisation", "product_id", "sku_id", "term", "billing", "subscription_id", "kind", "value", "currency"),
    *("valid_from", "valid_to", "offer", "note"),
)
_DAYS = st.dates(date(2025, 8, 1), date(2025, 11, 30))


@st.composite
def prices(draw: st.DrawFn) -> Row:
    """A row of a price list that has a chance to fit."""
    kind = draw(st.sampled_from(["fixed", "tiered", "discount", "markup", "margin", "passthrough", "none"]))
    money = st.decimals(0, 300, places=3).map(str)
    percent = st.decimals(-50, 90, places=2).map(str)
    tiers = st.tuples(money, money, st.integers(2, 40)).map(lambda t: f"0:{t[0]};{t[2]}:{t[1]}")
    value = {"fixed": money, "tiered": tiers, "passthrough": st.just(""), "none": st.just("")}.get(kind, percent)
    product = draw(st.sampled_from(["", "*", "CFQ7TTC0LDPB", "cfq7ttc0ldpb", "CFQ7TTC0XXXX"]))
    begin = draw(st.one_of(st.none(), _DAYS))
    end = draw(st.one_of(st.none(), _DAYS))
    if begin and end and end < begin:
        begin, end = end, begin
    return {
        "organisation": draw(st.sampled_from(["*", "C-1", "C-1", "C-2"])),
        "product_id": product,
        "sku_id": draw(st.sampled_from(["", "0001", "0002"])) if product not in ("", "*") else "",
        "term": draw(st.sampled_from(["", "*", "P1M", "P1Y"])),
        "billing": draw(st.sampled_from(["", "monthly", "Annual"])),
        "subscription_id": draw(st.sampled_from(["", "", "", SUBSCRIPTION, SUBSCRIPTION.upper()])),
        "kind": kind,
        "value": draw(value),
        "currency": draw(st.sampled_from(["EUR", "USD"])) if kind in ("fixed", "tiered", "discount") else "",
        "valid_from": begin.isoformat() if begin else "",
        "valid_to": end.isoformat() if end else "",
        "offer": draw(st.sampled_from(["", "yes"])),
        "note": "agreed" if kind == "none" else "",
    }


@st.composite
def seat_lines(draw: st.DrawFn) -> dict[str, Any]:
    """A line of a seat subscription, by amounts and days that Microsoft may or may not have billed so."""
    end = draw(_DAYS)
    start = end - timedelta(days=draw(st.integers(0, 45)))
    bought = draw(st.one_of(st.none(), st.dates(date(2023, 1, 1), start)))
    kind = draw(st.sampled_from(["new", "renew", "addQuantity", "removeQuantity", "convert", "customerCredit"]))
    raw = raw_line(kind, start, end, bought, draw(st.sampled_from(["Monthly", "Annual", ""])))
    subtotal = draw(st.decimals(-5000, 5000, places=2))
    term_end = draw(st.sampled_from([30, 364, 900]))
    return {
        **raw,
        "Subtotal": subtotal,
        "EffectiveUnitPrice": draw(st.decimals(-90, 90, places=6)),
        "BillableQuantity": draw(st.integers(1, 600)),
        "SubscriptionEndDate": f"{bought + timedelta(days=term_end)}T00:00:00Z" if bought else "",
        "TermAndBillingCycle": draw(st.sampled_from(["One-Year commitment for monthly/yearly billing", "odd", ""])),
        "MeterDescription": draw(st.sampled_from(["", "", "", "Virtual Machines"])),
        "Currency": draw(st.sampled_from(["EUR", "EUR", "USD"])),
    }


def key_of(row: Row) -> tuple[str, ...]:
    """What a price file may hold once."""
    return tuple(reference.column(row, name).lower() for name in _COLUMNS if name not in ("value", "valid_to", "note"))


def _rules(rows: list[Row]) -> list[PriceRule]:
    """As the product reads a price file; each row once."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    report = read_file("prices", text.getvalue().encode())
    assert not report.errors, report.errors
    return [replace(row.value, id=f"r{n}", row_no=n, import_no=1) for n, row in enumerate(report.rows)]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    raw=seat_lines(),
    rows=st.lists(prices(), min_size=1, max_size=9, unique_by=key_of),
    currency=st.sampled_from(["", "EUR", "EUR", "USD"]),
    rated=st.booleans(),
    linked_from=st.one_of(st.none(), _DAYS),
)
def test_any_line_is_priced_as_the_reference_says(
    raw: dict[str, Any], rows: list[Row], currency: str, rated: bool, linked_from: date | None
) -> None:
    begin = linked_from.isoformat() if linked_from else ""
    decided = Decisions(
        organisations=[{"code": "C-1", "currency": currency}],
        links=[{"tenant_id": ALPHA.tenant_id, "organisation": "C-1", "valid_from": begin}],
        prices=rows,
        list_prices=[
            {"product_id": "CFQ7TTC0LDPB", "sku_id": "0001", "currency": "EUR", "price": "21.35"},
            {
                "product_id": "CFQ7TTC0LDPB",
                "sku_id": "0001",
                "currency": "EUR",
                "price": "22.45",
                "valid_from": "2025-10-01",
            },
        ],
        rates=[
            {"date": "2025-11-07", "from": "USD", "to": "EUR", "rate": "0.846202666"},
            {"date": "2025-11-08", "from": "USD", "to": "EUR", "rate": "2"},
        ]
        if rated
        else [],
    )
    charge = reference.from_reconciliation(raw)
    wanted = reference.place(charge, [charge], decided, TODAY)
    line = replace(read(raw), id="l1")
    book = _book(decided, linked_from)
    found = price_line(line, subscription_facts([line]), book, TODAY)
    assert _summary(found) == (wanted.outcome, wanted.currency, wanted.amount, wanted.exact), wanted.rule
    winner = found.decision.winner if found.decision else None
    assert (rows[winner.row_no] if winner else None) == wanted.rule
    if found.step is not None:
        assert found.step.exact == wanted.exact


def _book(decided: Decisions, linked_from: date | None) -> Book:
    organisation = decided.organisations[0]
    return Book(
        organisations={"C-1": Organisation("C-1", "Customer", currency=organisation["currency"])},
        links=by_tenant([TenantLink(ALPHA.tenant_id, "C-1", linked_from, None)]),
        prices=PriceBook.of(_rules(decided.prices)),
        sheet=PriceSheet.of(
            ListPrice(
                row["product_id"],
                row["sku_id"],
                "",
                "",
                row["currency"],
                Decimal(row["price"]),
                reference.day(row.get("valid_from")),
                None,
            )
            for row in decided.list_prices
        ),
        rates={
            ("USD", "EUR"): [
                Rate(date.fromisoformat(row["date"]), "USD", "EUR", Decimal(row["rate"])) for row in decided.rates
            ]
        },
    )


def _summary(found: PricedLine) -> tuple[str, str, Decimal, Fraction]:
    return found.outcome, found.currency, found.amount, found.exact
