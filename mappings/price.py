"""One reconciliation line in, one priced line out: link, rule, arithmetic, a single rounding.

Pure: everything it may know comes in a Book, a snapshot taken once per run, so that a price changed in the middle
of a run changes nothing (fault 54).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from connector.domain.balance import Finding, Outcome
from connector.domain.cycles import Charged, SubscriptionFacts, charged, term_of
from connector.domain.lines import ReconciliationLine
from connector.domain.money import to_currency
from mappings.credits import (
    EARNED_PERCENT,
    KEPT,
    Credit,
    CreditPolicies,
    credit_of,
    earned_credit_operands,
    without_earned_credit,
)
from mappings.links import Organisation, TenantLink, resolve
from mappings.price_findings import (
    about_kind,
    about_old_sheet,
    about_passed_over,
    credit_kept,
    credit_unclear,
    no_credit_base,
    no_list_price,
    no_price,
    no_rate,
    not_charged,
    unlinked,
)
from mappings.price_findings import (
    free as free_line,
)
from mappings.pricelist import Level, ListPrice, PriceRule, Rate, rate_on
from mappings.resolve import Loser, PriceBook, PriceDecision, PriceSheet, Wanted
from mappings.rules import Op, Priced, Situation, discover

# prices agreed with the organisation itself, which a global offer does not undercut unless the organisation says so
_NEGOTIATED: tuple[Level, ...] = ("subscription", "organisation_offer", "organisation")


@dataclass(frozen=True, slots=True)
class Book:
    """Everything the partner has decided, as it stood when the run began."""

    organisations: Mapping[str, Organisation]
    links: Mapping[str, list[TenantLink]]
    prices: PriceBook
    sheet: PriceSheet
    rates: Mapping[tuple[str, str], list[Rate]]
    credits: CreditPolicies = field(default_factory=CreditPolicies)


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
    before: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a line is priced from: its cost and sign as delivered, or as they would be without a credit that is kept.

    `known`: False where only a price per unit can tell what it would have cost. `before`: how the cost was found.
    """

    cost: Decimal | Fraction
    sign: int
    free: bool = False
    known: bool = True
    before: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class _Case:
    """One line with everything that a rule's price depends on."""

    line: ReconciliationLine
    span: Charged
    wanted: Wanted
    book: Book
    invoice_date: date
    basis: _Basis

    @property
    def organisation(self) -> str:
        return self.wanted.organisation


@dataclass(frozen=True, slots=True)
class _Applied:
    """What a rule makes of a case."""

    priced: Priced
    rate: Rate | None
    list_price: ListPrice | None


def price_line(line: ReconciliationLine, facts: SubscriptionFacts, book: Book, invoice_date: date) -> PricedLine:
    """Price one line by interfaces.md section 5; `invoice_date` is the vendor invoice's (for exchange rates)."""
    span = charged(line, facts)
    code = resolve(line.tenant_id, span.day, book.links)
    organisation = book.organisations.get(code) if code else None
    if organisation is None:
        return _unmatched(line, span, "", "", None, unlinked(line))
    currency = organisation.currency or line.currency
    credit = credit_of(line)
    kept = book.credits.kept(organisation.code, credit, span.day) if credit else None
    if kept and credit == "customer_credit":
        finding = credit_kept(line, organisation.code, kept)
        return _not_charged(line, span, organisation.code, currency, None, kept.note or KEPT, finding)
    basis, notes = _basis(line, organisation.code, credit if kept else None)
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
    case = _Case(line, span, wanted, book, invoice_date, basis)
    decision = _decide(case, organisation)
    notes += [
        *about_kind(line, organisation.code),
        *about_passed_over(line, organisation.code, decision.lost),
    ]
    rule = decision.winner
    if rule is None and not basis.free:
        return _unmatched(line, span, organisation.code, currency, decision, no_price(line, organisation), *notes)
    if basis.free and (rule is None or discover()[rule.kind].charges):
        return _free(case, decision, [*notes, free_line(line, organisation.code)])
    assert rule is not None
    if not discover()[rule.kind].charges:
        finding = not_charged(line, organisation.code, rule)
        return _not_charged(line, span, organisation.code, currency, decision, rule.note, *notes, finding)
    applied = _apply(rule, case)
    if isinstance(applied, Finding):
        return _unmatched(line, span, organisation.code, currency, decision, applied, *notes)
    if applied.list_price is not None:
        notes += about_old_sheet(line, wanted, book.sheet.old_month(applied.list_price, wanted.day))
    return _invoiced(case, decision, applied, notes)


def _basis(line: ReconciliationLine, organisation: str, kept: Credit | None) -> tuple[_Basis, list[Finding]]:
    """What the line is priced from, without the credit that is `kept` (None: as delivered)."""
    sign_of = line.subtotal or line.effective_unit_price or Decimal(0)
    free = line.subtotal == 0 and not line.effective_unit_price
    delivered = _Basis(line.subtotal, (sign_of > 0) - (sign_of < 0), free)
    if kept == "azure_credit":
        quantity = line.billable_quantity
        return _Basis(line.subtotal, (quantity > 0) - (quantity < 0), known=False), []
    if kept != "partner_earned_credit":
        return delivered, []
    cost = without_earned_credit(line)
    if cost is None:
        return delivered, [credit_unclear(line, organisation)]
    text = f"cost without Microsoft's partner earned credit of {EARNED_PERCENT} %"
    step = Step("divide", earned_credit_operands(line), cost, text)
    return _Basis(cost, delivered.sign, before=(step,)), []


def _decide(case: _Case, organisation: Organisation) -> PriceDecision:
    """The rule by interfaces.md 5.4; where the organisation says so, a global offer that is lower beats its own."""
    prices = case.book.prices
    decision = prices.decide(case.wanted)
    own = decision.winner
    if organisation.global_offers != "undercut" or own is None or own.level not in _NEGOTIATED or case.basis.free:
        return decision
    offer = prices.decide(replace(case.wanted, organisation="", subscription_id="")).winner
    if offer is None or offer.level != "global_offer":
        return decision
    if not (discover()[own.kind].charges and discover()[offer.kind].charges):
        return decision
    mine, lower = _apply(own, case), _apply(offer, case)
    if isinstance(mine, Finding) or isinstance(lower, Finding):
        return decision
    # without their sign, so that a credit meets the rule of the charge that it reverses
    if abs(lower.priced.exact) >= abs(mine.priced.exact):
        return decision
    sums = [to_currency(abs(found.priced.exact), case.wanted.currency) for found in (lower, mine)]
    beaten = Loser(own, f"a global offer may undercut it and is lower: {sums[0]} instead of {sums[1]}")
    return PriceDecision(offer, offer.level, (beaten, *(lost for lost in decision.lost if lost.rule is not offer)))


def _apply(rule: PriceRule, case: _Case) -> _Applied | Finding:
    """The rule's price of the line, or what is missing for it."""
    info, line, wanted = discover()[rule.kind], case.line, case.wanted
    if not info.by_quantity and not case.basis.known:
        return no_credit_base(line, case.organisation)
    rate: Rate | None = None
    if not info.by_quantity and wanted.currency != line.currency:
        rate = rate_on(case.book.rates, line.currency, wanted.currency, case.invoice_date)
        if rate is None:
            return no_rate(line, case.organisation, wanted.currency, case.invoice_date)
    situation = Situation(
        subtotal=case.basis.cost,
        sign=case.basis.sign,
        quantity=abs(line.billable_quantity),
        share=case.span.share,
        conversion=Fraction(rate.rate) if rate else Fraction(1),
        list_price=case.book.sheet.price(wanted) if info.from_list_price else None,
    )
    priced = info.apply(rule, situation)
    return no_list_price(line, wanted) if priced is None else _Applied(priced, rate, situation.list_price)


def _before(case: _Case, applied: _Applied) -> tuple[Step, ...]:
    """The steps that lead to the rule's own: none where its price does not come from the cost."""
    steps, operands = case.basis.before, applied.priced.operands
    if not steps or steps[-1].exact in operands:
        return steps
    if applied.rate is None:
        return ()
    cost, rate = steps[-1].exact, Fraction(applied.rate.rate)
    return (*steps, Step("multiply", (cost, rate), cost * rate, "converted at the rate"))


def _invoiced(case: _Case, decision: PriceDecision, applied: _Applied, notes: list[Finding]) -> PricedLine:
    line, priced, currency = case.line, applied.priced, case.wanted.currency
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
                case.organisation,
                line.id,
                f"{case.organisation}/{line.product_id}/{line.sku_id}",
            )
        )
    return PricedLine(
        line,
        "invoiced",
        case.organisation,
        currency,
        amount,
        priced.exact,
        priced.unit_price,
        case.span,
        decision,
        Step(priced.op, priced.operands, priced.exact, priced.text),
        applied.rate,
        tuple(notes),
        before=_before(case, applied),
    )


def _free(case: _Case, decision: PriceDecision, notes: list[Finding]) -> PricedLine:
    currency = case.wanted.currency
    return PricedLine(
        case.line,
        "invoiced",
        case.organisation,
        currency,
        to_currency(Fraction(0), currency),
        Fraction(0),
        None,
        case.span,
        decision,
        Step("multiply", (Fraction(0),), Fraction(0), "free of charge at Microsoft"),
        findings=tuple(notes),
    )


def _not_charged(
    line: ReconciliationLine,
    span: Charged,
    organisation: str,
    currency: str,
    decision: PriceDecision | None,
    reason: str,
    *findings: Finding,
) -> PricedLine:
    return PricedLine(
        line,
        "not_charged",
        organisation,
        currency,
        to_currency(Fraction(0), currency),
        Fraction(0),
        None,
        span,
        decision,
        None,
        findings=findings,
        note=reason,
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
