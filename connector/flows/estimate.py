"""Unbilled lines at today's prices: the same matching, rules, arithmetic and services as a billed month has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import Connection

from connector.domain.balance import Finding, Outcome
from connector.domain.cycles import subscription_facts
from connector.domain.documents import Part
from connector.domain.lines import QuarantinedLine, ReconciliationLine
from connector.domain.money import total
from connector.domain.period import BillingPeriod
from connector.domain.unbilled import completed
from connector.flows.manual_parts import add_manual_lines
from connector.flows.prepare import load_book, part_of
from connector.flows.reversals import charges_by_subscription, earlier_charges, reversed_by
from connector.flows.services import service_parts
from connector.flows.world import World
from connector.sources import RawFile
from connector.store import decisions, forecasts
from mappings.links import resolve
from mappings.price import Book, price_line


@dataclass(frozen=True, slots=True)
class Pulled:
    """The unbilled lines of one billing currency as they came, with the files they stand in."""

    currency: str
    files: tuple[RawFile, ...]
    lines: tuple[ReconciliationLine | QuarantinedLine, ...]


@dataclass(slots=True)
class Estimate:
    """What the lines come to. `delivered`: currency -> amounts at cost as Microsoft gave them; `placed`: where each
    amount ended; `parts`: (organisation, currency) -> parts of the document that would be made."""

    period: str
    delivered: dict[str, list[Decimal]]
    placed: dict[tuple[str, Outcome], list[Decimal]] = field(default_factory=dict)
    parts: dict[tuple[str, str], list[Part]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def place(self, currency: str, outcome: Outcome, cost: Decimal) -> None:
        self.placed.setdefault((currency, outcome), []).append(cost)

    def sum(self, currency: str, outcome: Outcome) -> Decimal:
        return total(self.placed.get((currency, outcome), []))


def estimate(world: World, connection: Connection, period: str, pulled: Sequence[Pulled]) -> Estimate:
    """Price what was pulled with today's decisions; exchange rates are those of today, as no invoice has a date."""
    made = Estimate(period, {one.currency: [line.subtotal or Decimal(0) for line in one.lines] for one in pulled})
    delivered = [line for one in pulled for line in one.lines if isinstance(line, ReconciliationLine)]
    billed = forecasts.billed_before(connection, sorted({line.subscription_id for line in delivered} - {""}))
    lines = completed(delivered, billed)
    book = load_book(connection, None, {line.product_id for line in lines})
    made.names = {code: one.name or code for code, one in book.organisations.items()}
    _price(world, connection, made, lines, book)
    for one in pulled:
        _put_aside(made, one, book)
    services = decisions.services(connection)
    for organisation, part, currency in service_parts(services, book.organisations, period, list(made.parts)):
        made.parts.setdefault((organisation, currency), []).append(part)
    add_manual_lines(made.parts, decisions.manual_lines(connection, period), {})
    return made


def _price(
    world: World, connection: Connection, made: Estimate, lines: Sequence[ReconciliationLine], book: Book
) -> None:
    facts = subscription_facts(lines)
    reversible = charges_by_subscription([*lines, *earlier_charges(connection, made.period, [lines])])
    for count, line in enumerate(lines, start=1):
        priced = price_line(line, facts, book, world.today())
        made.findings += priced.findings
        made.place(line.currency, priced.outcome, line.subtotal)
        if priced.outcome == "invoiced":
            key = (priced.organisation, priced.currency)
            made.parts.setdefault(key, []).append(part_of(priced, reversed_by(line, reversible)))
        if count % 1000 == 0:
            world.progress(f"Pricing the forecast of {made.period}", count, len(lines))


def _put_aside(made: Estimate, one: Pulled, book: Book) -> None:
    """Lines nobody could read count with their readable money as unmatched; that there is no line at all is said."""
    last_day = BillingPeriod.parse(made.period).last_day()
    for line in one.lines:
        if not isinstance(line, QuarantinedLine):
            continue
        if line.subtotal is not None:
            made.place(one.currency, "unmatched", line.subtotal)
        made.findings.append(
            Finding(
                "line_quarantined",
                "error",
                f"An unbilled line could not be read: {line.reason}",
                "The raw file is kept. If the billed line comes the same way, ask Microsoft's support.",
                line.subtotal or Decimal(0),
                one.currency,
                resolve(line.tenant_id, last_day, book.links) or "",
                f"{line.file_id} line {line.line_no}",
                line.reason,
            )
        )
    if not one.lines:
        made.findings.append(
            Finding(
                "unbilled_empty",
                "warning",
                f"Microsoft has no unbilled lines of {made.period} in {one.currency}",
                "Nothing was charged yet, they are late, or the month is billed already: `connector month show "
                f"{made.period}`.",
                Decimal(0),
                one.currency,
                "",
                made.period,
                one.currency,
            )
        )
