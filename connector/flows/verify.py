"""All invariants of reliability.md section 3 over the whole database. It reads; it never mends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import Connection, func, select

from connector.domain.explain import recalculate, steps_from
from connector.domain.money import known_currency, minor_units, total
from connector.domain.period import PeriodState
from connector.flows.world import World
from connector.store import audit, closings, document_parts, documents, periods
from connector.store import lines as stored_lines
from connector.store.database import database_now, reading
from connector.store.tables import (
    document_lines,
    inbox,
    links,
    parts,
    placements,
    postings,
    vendor_invoices,
    work,
)
from connector.store.tables import documents as documents_table
from connector.store.tables import lines as lines_table

RECONCILE_INTERVAL = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Invariant:
    """One invariant: how many things were checked, and what is wrong with which."""

    id: str
    text: str
    checked: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


Check = Callable[[Connection], Iterator[str | None]]


def verify_all(world: World) -> list[Invariant]:
    """Run every check on one state of the database."""
    results = []
    with reading(world.engine) as connection:
        for number, (identifier, text, check) in enumerate(_CHECKS, start=1):
            world.progress(f"Checking {identifier}", number, len(_CHECKS))
            found = list(check(connection))
            results.append(
                Invariant(identifier, text, len(found), tuple(problem for problem in found if problem is not None))
            )
    return results


def _balanced(connection: Connection) -> Iterator[str | None]:
    """I1: every period that says it is balanced is; recomputed from the lines, not from what was recorded."""
    green = (PeriodState.BALANCED, PeriodState.PUSHED, PeriodState.CLOSED)
    for period in periods.known_periods(connection):
        if periods.state_of(connection, period) not in green:
            continue
        closing = closings.of_period(connection, period)
        closed_with = closing.certificate["vendor_invoices"] if closing else {}
        for item in periods.invoices_of(connection, period):
            was = closed_with.get(item.header.id)
            # what Microsoft said after closing is not what the period was balanced against, until it was charged
            late = closing and (was is None or was["revision"] != item.revision)
            if late and item.header.id not in _charged_invoices(connection, period):
                continue
            if item.header.voided or item.header.header_total is None:
                continue
            lines = list(stored_lines.lines_of_invoice(connection, item.header.id))
            aside = stored_lines.quarantined_of(connection, item.header.id)
            found = total([line.subtotal + line.tax for line in lines])
            found += total([(line.subtotal or Decimal(0)) + (line.tax or Decimal(0)) for line in aside])
            found += item.accepted_amount or Decimal(0)
            yield (
                None
                if found == item.header.header_total
                else f"{item.header.id}: lines come to {found}, the header says {item.header.header_total}"
            )


def _charged_invoices(connection: Connection, period: str) -> set[str]:
    """The vendor invoices whose lines stand on documents that were sent."""
    return {item.part.invoice_id for item in document_parts.issued(connection, period)}


def _placed_once(connection: Connection) -> Iterator[str | None]:
    """I2: each line of a live invoice of a priced period is placed; invoiced ones stand on a document."""
    on_documents = {
        item.part.line_id
        for period in periods.known_periods(connection)
        for item in document_parts.issued(connection, period)
    }
    on_open = _lines_on_documents(connection)
    for period in periods.known_periods(connection):
        if periods.state_of(connection, period) is None:
            continue
        closing = closings.of_period(connection, period)
        rows = connection.execute(
            select(lines_table.c.id, placements.c.outcome, lines_table.c.invoice_id)
            .join(vendor_invoices, vendor_invoices.c.id == lines_table.c.invoice_id)
            .outerjoin(placements, placements.c.line_id == lines_table.c.id)
            .where(vendor_invoices.c.period == period)
            .where(vendor_invoices.c.voided.is_(False))
        )
        for line_id, outcome, invoice_id in rows:
            if closing and invoice_id not in closing.certificate["vendor_invoices"]:
                # it came after closing: `rerate` finds its place
                continue
            if outcome is None:
                yield f"{line_id} of {period} is in no place: price the month again"
            elif outcome == "invoiced" and line_id not in on_open and line_id not in on_documents:
                yield f"{line_id} of {period} is said to be invoiced, but stands on no document"
            else:
                yield None


def _lines_on_documents(connection: Connection) -> set[str]:
    return set(connection.execute(select(parts.c.line_id).distinct()).scalars())


def _adds_up(connection: Connection) -> Iterator[str | None]:
    """I3: document = sum of its lines = sum of their parts = what the ledger read back."""
    for period in periods.known_periods(connection):
        lines = documents.lines_by_document(connection, period)
        read_back = {
            row.document_id: row.read_back_total
            for row in connection.execute(
                select(postings.c.document_id, postings.c.read_back_total)
                .join(documents_table, documents_table.c.id == postings.c.document_id)
                .where(documents_table.c.period == period)
                .where(postings.c.state == "verified")
            )
        }
        for document in documents.of_period(connection, period):
            mine = lines.get(document.id, [])
            if total([line.amount for line in mine]) != document.net_total:
                yield f"{document.key}: its lines do not add up to {document.net_total}"
            elif document.id in read_back and read_back[document.id] != document.net_total:
                yield f"{document.key}: the ledger has {read_back[document.id]}, we {document.net_total}"
            else:
                yield None
            for line in mine:
                mine_parts = document_parts.parts_of(connection, line.id, document.currency)
                try:
                    again = recalculate(
                        steps_from([part.step for part in mine_parts], line.amount, document.currency),
                        document.currency,
                    )
                    yield (
                        None if Decimal(again) == line.amount else f"{line.id}: recalculated {again}, not {line.amount}"
                    )
                except ValueError as why:
                    yield f"{line.id}: {why}"


def _margins(connection: Connection) -> Iterator[str | None]:
    """I4: cost per document is the cost of its lines, so margin = sales - cost holds per document and currency."""
    for period in periods.known_periods(connection):
        lines = documents.lines_by_document(connection, period)
        for document in documents.of_period(connection, period):
            for currency, cost in document.costs:
                found = total([line.cost for line in lines.get(document.id, []) if line.cost_currency == currency])
                yield None if found == cost else f"{document.key}: cost {cost} {currency}, its lines {found}"


def _once(connection: Connection) -> Iterator[str | None]:
    """I5: one posting per document and step, one ledger id per posting, one posting per ledger id."""
    for columns, what in (
        ((postings.c.ledger, postings.c.ref, postings.c.step), "reference"),
        ((postings.c.ledger, postings.c.remote_id, postings.c.step), "ledger id"),
    ):
        query = select(*columns, func.count()).where(columns[1].is_not(None)).group_by(*columns)
        for ledger, value, step, count in connection.execute(query):
            yield None if count == 1 else f"{what} {value} of {ledger} is on {count} postings ({step})"


def _proofs(connection: Connection) -> Iterator[str | None]:
    """I6: posted implies ledger id and request hash; sending implies the time it was sent."""
    for row in connection.execute(select(postings)):
        if row.state in ("posted", "verified") and not (row.remote_id and row.request_hash):
            yield f"posting {row.ref} is {row.state} without a ledger id or request hash"
        elif row.state in ("sending", "unknown") and row.sent_at is None:
            yield f"posting {row.ref} is {row.state} without the time it was sent"
        else:
            yield None


def _nothing_forgotten(connection: Connection) -> Iterator[str | None]:
    """I7: nothing due is older than two reconcile intervals without somebody at it."""
    limit = database_now(connection) - 2 * RECONCILE_INTERVAL
    for row in connection.execute(select(work).where(work.c.state == "due")):
        late = row.due_at < limit and (row.lease_until is None or row.lease_until < limit)
        yield f"{row.task} {row.subject} is due since {row.due_at}: does the clock run?" if late else None
    for row in connection.execute(select(inbox.c.digest, inbox.c.received_at).where(inbox.c.handled_at.is_(None))):
        yield (f"a notice waits since {row.received_at}: does the clock run?" if row.received_at < limit else None)


def _frozen_unchanged(connection: Connection) -> Iterator[str | None]:
    """I8: a document whose posting has begun has the content it was frozen with, and a closed period is, row for row,
    what its certificate says."""
    for period in periods.known_periods(connection):
        for document in documents.of_period(connection, period):
            if document.frozen:
                ours = document_parts.stored_hash(connection, document.id)
                yield (None if ours == document.content_hash else f"{document.key} was changed after it was sent")
        problems = list(closings.tampered(connection, period))
        yield from problems
        if not problems:
            yield None


def _audit_chain(connection: Connection) -> Iterator[str | None]:
    """I9: the audit chain is unbroken."""
    problems = audit.verify(connection)
    yield from problems
    if not problems:
        yield None


def _links_stay_inside(connection: Connection) -> Iterator[str | None]:
    """I10: every link points at one document of one organisation."""
    rows = connection.execute(
        select(links.c.document_id, documents_table.c.organisation).outerjoin(
            documents_table, documents_table.c.id == links.c.document_id
        )
    )
    for document_id, organisation in rows:
        yield None if organisation else f"the link of {document_id} points at no document"


def _amounts_in_form(connection: Connection) -> Iterator[str | None]:
    """I11: every issued amount is finite, its currency known, its scale the currency's."""
    query = select(document_lines.c.id, document_lines.c.amount, documents_table.c.currency).join(
        documents_table, documents_table.c.id == document_lines.c.document_id
    )
    for line_id, amount, currency in connection.execute(query):
        if known_currency(currency) is None:
            yield f"{line_id}: unknown currency {currency}"
        elif amount != round(amount, minor_units(currency)):
            yield f"{line_id}: {amount} has more digits than {currency}"
        else:
            yield None


_CHECKS: list[tuple[str, str, Check]] = [
    ("I1", "vendor header = sum of lines, or itemised", _balanced),
    ("I2", "each line is in exactly one place", _placed_once),
    ("I3", "document = lines = parts recalculated = read back from the ledger", _adds_up),
    ("I4", "margin = sales - cost", _margins),
    ("I5", "nothing is in a ledger twice", _once),
    ("I6", "every posting has its proof", _proofs),
    ("I7", "nothing due is forgotten", _nothing_forgotten),
    ("I8", "what was sent or closed has not changed since", _frozen_unchanged),
    ("I9", "the audit trail is unbroken", _audit_chain),
    ("I10", "links stay inside their organisation", _links_stay_inside),
    ("I11", "amounts are finite and in form", _amounts_in_form),
]
