"""One reconciliation line in, one priced line out: link, rule, arithmetic, a single rounding.

Pure: everything it may know comes in a Book, a snapshot taken once per run, so that a price changed in the middle
of a run changes nothing (fault 54).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from connector.domain.balance import Finding, Outcome
from connector.domain.cycles import Charged, SubscriptionFacts, charged, term_of
from connector.domain.lines import ReconciliationLine
from connector.domain.money import to_currency
from mappings.links import Organisation, TenantLink, resolve
from mappings.price_findings import (
    about_kind,
    about_passed_over,
    no_list_price,
    no_price,
    no_rate,
    not_charged,
    unlinked,
)
from mappings.price_findings import (
    free as free_line,
)
from mappings.pricelist import Rate, rate_on
from mappings.resolve import PriceBook, PriceDecision, PriceSheet, Wanted
from mappings.rules import Op, Priced, Situation, discover


@dataclass(frozen=True, slots=True)
class Book:
    """Everything the partner has decided, as it stood when the run began."""

    organisations: Mapping[str, Organisation]
    links: Mapping[str, list[TenantLink]]
    prices: PriceBook
    sheet: PriceSheet
    rates: Mapping[tuple[str, str], list[Rate]]


@dataclass(frozen=True, slots=True)
class Step:
    """One exact operation of the explanation."""

    op: Op
    operands: tuple[Fraction, ...]
    exact: Fraction
    text: str


@dataclass(frozen=True, slots=True)
class PricedLine:
    """Where a line ends: on a document, unmatched, or not charged on purpose.

    `amount` is the sales amount in `currency`, rounded once; `unit_price` the sales price per unit and full
    cycle where the rule has one; `rate` the dated exchange rate where one was used.
    """

    line: ReconciliationLine
    outcome: Outcome
    organisation: str
    currency: str
    amount: Decimal
    exact: Fraction
    unit_price: Fraction | None
    charged: Charged
    decision: PriceDecision | None
    step: Step | None
    rate: Rate | None = None
    findings: tuple[Finding, ...] = field(default=())
    note: str = ""


def price_line(line: ReconciliationLine, facts: SubscriptionFacts, book: Book, invoice_date: date) -> PricedLine:
    """Price one line by interfaces.md section 5; `invoice_date` is the vendor invoice's (for exchange rates)."""
    span = charged(line, facts)
    code = resolve(line.tenant_id, span.day, book.links)
    organisation = book.organisations.get(code) if code else None
    if organisation is None:
        return _unmatched(line, span, "", "", None, unlinked(line))
    currency = organisation.currency or line.currency
    wanted = Wanted(
        organisation=organisation.code,
        subscription_id=line.subscription_id,
        product_id=line.product_id,
        sku_id=line.sku_id,
        term=term_of(line),
        billing=line.billing,
        kind=line.kind,
        quantity=abs(line.billable_quantity),
        day=span.day,
        currency=currency,
    )
    decision = book.prices.decide(wanted)
    notes = [
        *about_kind(line, organisation.code),
        *about_passed_over(line, organisation.code, decision.lost),
    ]
    rule = decision.winner
    free = line.subtotal == 0 and not line.effective_unit_price
    if rule is None and not free:
        return _unmatched(line, span, organisation.code, currency, decision, no_price(line, organisation), *notes)
    if free and (rule is None or discover()[rule.kind].charges):
        notes.append(free_line(line, organisation.code))
        return PricedLine(
            line,
            "invoiced",
            organisation.code,
            currency,
            to_currency(Fraction(0), currency),
            Fraction(0),
            None,
            span,
            decision,
            Step("multiply", (Fraction(0),), Fraction(0), "free of charge at Microsoft"),
            findings=tuple(notes),
        )
    assert rule is not None
    info = discover()[rule.kind]
    if not info.charges:
        return PricedLine(
            line,
            "not_charged",
            organisation.code,
            currency,
            to_currency(Fraction(0), currency),
            Fraction(0),
            None,
            span,
            decision,
            None,
            findings=(*notes, not_charged(line, organisation.code, rule)),
            note=rule.note,
        )
    rate: Rate | None = None
    if not info.by_quantity and currency != line.currency:
        rate = rate_on(book.rates, line.currency, currency, invoice_date)
        if rate is None:
            finding = no_rate(line, organisation.code, currency, invoice_date)
            return _unmatched(line, span, organisation.code, currency, decision, finding, *notes)
    priced = info.apply(rule, _situation(line, span, wanted, rate, book.sheet if info.from_list_price else None))
    if priced is None:
        return _unmatched(line, span, organisation.code, currency, decision, no_list_price(line, wanted), *notes)
    return _invoiced(line, span, organisation.code, currency, decision, priced, rate, notes)


def _invoiced(
    line: ReconciliationLine,
    span: Charged,
    organisation: str,
    currency: str,
    decision: PriceDecision,
    priced: Priced,
    rate: Rate | None,
    notes: list[Finding],
) -> PricedLine:
    amount = to_currency(priced.exact, currency)
    if currency == line.currency and 0 <= amount < line.subtotal:
        notes.append(
            Finding(
                "price_below_cost",
                "warning",
                f"{line.product_name or line.product_id} is sold below cost",
                "Look at the price rule; nothing is held.",
                line.subtotal,
                line.currency,
                organisation,
                line.id,
                f"{organisation}/{line.product_id}/{line.sku_id}",
            )
        )
    return PricedLine(
        line,
        "invoiced",
        organisation,
        currency,
        amount,
        priced.exact,
        priced.unit_price,
        span,
        decision,
        Step(priced.op, priced.operands, priced.exact, priced.text),
        rate,
        tuple(notes),
    )


def _situation(
    line: ReconciliationLine, span: Charged, wanted: Wanted, rate: Rate | None, sheet: PriceSheet | None
) -> Situation:
    sign_of = line.subtotal or line.effective_unit_price or Decimal(0)
    return Situation(
        subtotal=line.subtotal,
        sign=(sign_of > 0) - (sign_of < 0),
        quantity=abs(line.billable_quantity),
        share=span.share,
        conversion=Fraction(rate.rate) if rate else Fraction(1),
        list_price=sheet.price(wanted) if sheet else None,
    )


def _unmatched(
    line: ReconciliationLine,
    span: Charged,
    organisation: str,
    currency: str,
    decision: PriceDecision | None,
    *findings: Finding,
) -> PricedLine:
    return PricedLine(
        line,
        "unmatched",
        organisation,
        currency,
        Decimal(0),
        Fraction(0),
        None,
        span,
        decision,
        None,
        findings=findings,
    )
