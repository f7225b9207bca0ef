"""What a pricing run decides, from one state of the database: where each line ends, the documents, the findings.

Nothing is written here: flows/price.py records it, a dry computation (re-rating, replay) only looks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from connector.domain.balance import Finding
from connector.domain.cycles import SubscriptionFacts, subscription_facts
from connector.domain.documents import Calculation, Part, RuleLost, RuleUsed
from connector.domain.lines import QuarantinedLine, ReconciliationLine, UsageKey, bought
from connector.domain.money import total
from connector.flows.allot import Allotment, allotted
from connector.flows.check import InvoiceCheck, check_invoice
from connector.flows.inputs import Delivered, inputs_of, lines_by_invoice
from connector.flows.make_documents import Made, make_documents
from connector.flows.manual_parts import add_manual_lines
from connector.flows.reversals import charges_by_subscription, earlier_charges, reversed_by
from connector.flows.services import service_parts
from connector.flows.world import World
from connector.store import decisions, document_parts, documents, periods, price_sheets
from connector.store import lines as stored_lines
from connector.store import usage as usage_store
from connector.store.database import database_now
from connector.store.periods import StoredInvoice
from mappings.cost_centres import NO_COST_CENTRE
from mappings.credits import CreditPolicies
from mappings.links import by_tenant, resolve
from mappings.price import Book, PricedLine, Step, price_line
from mappings.price_findings import no_cost_centre, no_usage_to_split, rule_name
from mappings.resolve import PriceBook, PriceSheet


@dataclass(slots=True)
class Run:
    """What one pricing run collects before anything is written."""

    signature: tuple[object, ...]
    decided_import: int = 0
    inputs: dict[str, Any] = field(default_factory=dict)
    parts: dict[tuple[str, str], list[Part]] = field(default_factory=dict)
    placements: list[tuple[str, str, str, str]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    sums: dict[str, dict[str, list[Decimal]]] = field(default_factory=dict)
    line_ids: set[str] = field(default_factory=set)
    waiting_for: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    checks: list[InvoiceCheck] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    usage_folders: dict[UsageKey, str] = field(default_factory=dict)

    def place(self, currency: str, outcome: str, cost: Decimal) -> None:
        self.sums.setdefault(currency, {}).setdefault(outcome, []).append(cost)

    def sum(self, currency: str, outcome: str) -> Decimal:
        return total(self.sums.get(currency, {}).get(outcome, []))


def prepare(
    world: World,
    connection: Connection,
    period: str,
    as_of: int | None = None,
    delivered: Mapping[str, Delivered] | None = None,
) -> Run:
    """Everything a run decides, from one state of the database; writes nothing.

    `as_of`: with what the partner had decided by that change set; None means now. `delivered`: lines that take the
    place of an invoice's own (re-rating); given, also when empty, nothing is computed from what was charged before.
    """
    run = Run(signature(connection, period))
    run.decided_import = decisions.latest_import(connection) if as_of is None else as_of
    invoices = periods.invoices_of(connection, period)
    live = [item for item in invoices if not item.header.voided]
    settled = {item.header.id for item in invoices if item.header.voided or item.arrival == "whole"}
    lines = lines_by_invoice(connection, live, delivered or {})
    book = load_book(connection, as_of, {line.product_id for group in lines.values() for line in group})
    facts = subscription_facts(line for group in lines.values() for line in group)
    earlier = earlier_charges(connection, period, lines.values())
    run.inputs = inputs_of(connection, invoices, earlier, delivered or {})
    charges = charges_by_subscription([*(line for group in lines.values() for line in group), *earlier])
    done, of = 0, sum(map(len, lines.values()))
    for item in live:
        quarantined = stored_lines.quarantined_of(connection, item.header.id)
        usage = stored_lines.usage_groups_of(connection, item.header.id)
        run.usage_folders |= {key: group.folder for key, group in usage.items()}
        mine = lines[item.header.id]
        check = check_invoice(item, mine, quarantined, usage, database_now(connection))
        run.checks.append(check)
        run.findings += check.findings
        run.findings += _unreadable_usage(item, {group.folder for group in usage.values()})
        _put_aside(run, item, quarantined, book)
        for line in mine:
            _price(run, check, line, facts, book, charges)
            done += 1
            if done % 1000 == 0:
                world.progress(f"Pricing {period}", done, of)
    _add_own(run, connection, period, book, as_of, anew=delivered is not None)
    _allot(run, connection, book, as_of)
    groupings = {code: organisation.grouping for code, organisation in book.organisations.items()}
    run.made = make_documents(world.partner, connection, period, run.parts, run.line_ids, settled, groupings)
    run.findings += _hold(run)
    return run


def _add_own(
    run: Run, connection: Connection, period: str, book: Book, as_of: int | None, *, anew: bool = False
) -> None:
    """What the partner charges beside Microsoft's lines: services, then lines and discounts added by hand.

    `anew`: a discount is one of what the lines cost now, not of what was charged for them (re-rating).
    """
    services = decisions.services(connection, as_of)
    for organisation, part, currency in service_parts(services, book.organisations, period, list(run.parts)):
        run.parts.setdefault((organisation, currency), []).append(part)
    by_hand = decisions.manual_lines(connection, period, as_of)
    if not by_hand:
        return
    billed: dict[tuple[str, str, str], Decimal] = {}
    for item in [] if anew else document_parts.issued(connection, period):
        key = (item.organisation, item.currency, item.part.line_id)
        billed[key] = billed.get(key, Decimal(0)) + item.part.amount
    add_manual_lines(run.parts, by_hand, billed)


def _allot(run: Run, connection: Connection, book: Book, as_of: int | None) -> None:
    """Under cost centres or purchase orders, where an organisation's lines are grouped so."""
    allotment = Allotment.of(connection, as_of)

    def weights_of(code: str, part: Part) -> list[usage_store.GroupWeight]:
        key = UsageKey(part.invoice_id, part.tenant_id, part.subscription_id, part.product_id, part.sku_id)
        folder = run.usage_folders.get(key)
        found = usage_store.weights(Path(folder), key) if folder else []
        if not any(one.weight > 0 for one in found):
            run.findings.append(no_usage_to_split(code, part))
        return found

    for (code, currency), parts in run.parts.items():
        organisation = book.organisations[code]
        run.parts[code, currency] = allotted(parts, organisation, currency, allotment, partial(weights_of, code))
        nobodys = [part for part in run.parts[code, currency] if part.label == NO_COST_CENTRE and part.cost]
        run.findings += [no_cost_centre(code, part) for part in nobodys]


def load_book(connection: Connection, as_of: int | None = None, products: Collection[str] | None = None) -> Book:
    """The snapshot of the partner's decisions that a run uses (fault 54), now or as of a change set.

    `products`: the only ones that will be asked for; price sheets hold some hundred thousand others.
    """
    return Book(
        organisations=decisions.organisations(connection, as_of),
        links=by_tenant(decisions.tenant_links(connection, as_of)),
        prices=PriceBook.of(decisions.price_rules(connection, as_of)),
        sheet=PriceSheet.of(
            decisions.list_prices(connection, as_of, products), price_sheets.known_months(connection, as_of)
        ),
        rates=decisions.rates(connection, as_of),
        credits=CreditPolicies.of(decisions.credit_policies(connection, as_of)),
    )


def signature(connection: Connection, period: str) -> tuple[object, ...]:
    """What a run's result depends on besides the partner's decisions."""
    return (
        tuple(
            (i.header, i.revision, i.arrival, i.set_tag, i.pulled_at, i.accepted_amount)
            for i in periods.invoices_of(connection, period)
        ),
        tuple(d.id for d in documents.of_period(connection, period) if d.frozen),
    )


def _price(
    run: Run,
    check: InvoiceCheck,
    line: ReconciliationLine,
    facts: SubscriptionFacts,
    book: Book,
    charges: dict[str, list[ReconciliationLine]],
) -> None:
    priced = price_line(line, facts, book, check.invoice.header.invoice_date)
    run.line_ids.add(line.id)
    run.findings += priced.findings
    run.place(line.currency, priced.outcome, line.subtotal)
    run.placements.append((line.id, priced.outcome, priced.organisation, priced.note))
    if priced.outcome != "invoiced":
        return
    key = (priced.organisation, priced.currency)
    run.parts.setdefault(key, []).append(part_of(priced, reversed_by(line, charges)))
    if check.holds_documents:
        run.waiting_for.setdefault(key, set()).add(check.hold_reason)


def part_of(priced: PricedLine, reverses: str) -> Part:
    """A priced line as a part of a document."""
    line, span, decision, rate = priced.line, priced.charged, priced.decision, priced.rate
    assert priced.step is not None and decision is not None
    rule = decision.winner
    return Part(
        line_id=line.id,
        invoice_id=line.invoice_id,
        platform=line.platform,
        kind=line.kind,
        charge_type=line.charge_type,
        tenant_id=line.tenant_id,
        subscription_id=line.subscription_id,
        product_id=line.product_id,
        sku_id=line.sku_id,
        product_name=bought(line.product_name, line.sku_name),
        happened=line.order_date,
        start=line.charge_start,
        end=line.charge_end,
        days=span.days,
        cycle_begin=span.cycle.begin if span.cycle else None,
        cycle_end=span.cycle.end if span.cycle else None,
        cycle_days=span.cycle.days if span.cycle else None,
        quantity=abs(line.billable_quantity),
        unit_price=priced.unit_price,
        amount=priced.amount,
        calculation=_calculation(priced.step),
        before=tuple(_calculation(step) for step in priced.before),
        cost=line.subtotal,
        cost_currency=line.currency,
        rule=RuleUsed(rule.id, rule.version, rule_name(rule), rule.level, rule.valid_from, rule.valid_to)
        if rule
        else None,
        lost=tuple(RuleLost(rule_name(lost.rule), lost.rule.level, lost.reason) for lost in decision.lost),
        rate=rate.rate if rate else None,
        rate_date=rate.day if rate else None,
        reverses=reverses,
        unit=line.unit,
        billing=line.billing,
    )


def _calculation(step: Step) -> Calculation:
    return Calculation(step.op, step.operands, step.exact, step.text)


def _put_aside(run: Run, item: StoredInvoice, quarantined: Sequence[QuarantinedLine], book: Book) -> None:
    """Lines nobody could read count with their readable money as unmatched (interfaces.md section 8)."""
    for line in quarantined:
        currency = item.header.currency
        if line.subtotal is not None:
            run.place(currency, "unmatched", line.subtotal)
        organisation = resolve(line.tenant_id, item.header.period.last_day(), book.links) or ""
        run.findings.append(
            Finding(
                "line_quarantined",
                "error",
                f"A line of {item.header.id} could not be read: {line.reason}",
                "The raw file is kept. Correct it at its source and run the month again; if it came from Microsoft so, "
                "ask their support.",
                line.subtotal or Decimal(0),
                currency,
                organisation,
                f"{item.header.id} line {line.line_no}",
                f"{item.header.id}/{organisation}/{line.reason}",
            )
        )


def _unreadable_usage(item: StoredInvoice, folders: set[str]) -> list[Finding]:
    """Daily rows that could not be read: the line they explain is right without them, but it is said."""
    found = []
    for folder in sorted(folders):
        usage_set = usage_store.find_set(Path(folder))
        if usage_set is None or not usage_set.quarantined:
            continue
        amount = usage_set.quarantined_amounts.get(item.header.currency, Decimal(0))
        found.append(
            Finding(
                "usage_quarantined",
                "warning",
                f"{usage_set.quarantined} daily usage rows of {item.header.id} could not be read",
                "Nothing is charged wrongly: the invoice line counts, its days are shown without these rows.",
                amount,
                item.header.currency,
                "",
                item.header.id,
                item.header.id,
            )
        )
    return found


def _hold(run: Run) -> list[Finding]:
    """Mark the documents that may not be pushed: an invoice that feeds them is not whole, or a finding of severity
    error is theirs (interfaces.md section 8)."""
    blocked = {f.organisation for f in run.findings if f.severity == "error" and f.organisation}
    found = []
    for index, made in enumerate(run.made):
        document = made.document
        reasons = sorted(run.waiting_for.get((document.organisation, document.currency), set()))
        if document.organisation in blocked:
            reasons.append("a finding of this customer must be settled first")
        if not reasons:
            continue
        why = "; ".join(reasons)
        run.made[index] = Made(document, made.ref, why)
        if document.has_money:
            found.append(
                Finding(
                    "document_held",
                    "warning",
                    f"The document of {document.organisation} over {document.net_total} {document.currency} is not "
                    f"pushed: {why}",
                    "Settle the other findings, then run the month again.",
                    document.costs[0][1] if len(document.costs) == 1 else Decimal(0),
                    document.costs[0][0] if len(document.costs) == 1 else document.currency,
                    document.organisation,
                    document.key,
                    document.key,
                )
            )
    return found
