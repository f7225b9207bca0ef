"""What an explanation looks up: the lines behind a part, where a line went, who decided a price, and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from connector.domain.lines import ReconciliationLine
from connector.store.decisions import LIST_PRICES, PRICES, holding
from connector.store.tables import (
    document_lines,
    documents,
    imports,
    lines,
    list_prices,
    parts,
    placements,
    postings,
    price_rules,
    rates,
    vendor_invoices,
)
from mappings.pricelist import ListPrice, PriceRule

_COLUMNS = [field.name for field in fields(ReconciliationLine)]
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Changes made together: by whom, when, why, and from which file."""

    no: int
    kind: str
    file_name: str
    at: datetime
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Appearance:
    """A reconciliation line on a document: a part of one of its lines."""

    line_id: str
    reversal: bool
    split: str
    start: date | None
    end: date | None
    quantity: Decimal
    amount: Decimal
    document_line: str
    document: str
    key: str
    ref: str
    number: str
    period: str
    organisation: str
    currency: str
    revision: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Where pricing put a line: outcome, for whom, and the note of a rule that charges nothing."""

    period: str
    outcome: str
    organisation: str
    note: str


def change_set(connection: Connection, no: int) -> ChangeSet | None:
    row = connection.execute(select(imports).where(imports.c.no == no)).one_or_none()
    return None if row is None else ChangeSet(row.no, row.kind, row.file_name, row.at, row.who, row.why)


def rule_version(connection: Connection, rule_id: str, version: int) -> tuple[PriceRule, int] | None:
    """A rule as it stood, with the change set that brought this version."""
    query = select(price_rules).where(price_rules.c.rule_id == rule_id).where(price_rules.c.version == version)
    row = connection.execute(query).one_or_none()
    return None if row is None else (PRICES.value(row), row.import_no)


def list_prices_of(connection: Connection, product_id: str, as_of: int) -> list[tuple[ListPrice, int]]:
    """A product's list prices as known at a change set, each with the one that brought it."""
    query = (
        select(list_prices)
        .where(func.lower(list_prices.c.product_id) == product_id.lower())
        .where(holding(list_prices, as_of))
        .order_by(list_prices.c.id)
    )
    return [(LIST_PRICES.value(row), row.import_no) for row in connection.execute(query)]


def rate_brought_by(connection: Connection, from_: str, to: str, day: date, as_of: int) -> int | None:
    """The change set that brought a day's exchange rate."""
    query = (
        select(rates.c.import_no)
        .where(rates.c["from"] == from_)
        .where(rates.c.to == to)
        .where(rates.c.day == day)
        .where(holding(rates, as_of))
    )
    return connection.execute(query).scalars().first()


def decided_import(connection: Connection, document_id: str) -> int:
    """The change set as of which a document was priced."""
    query = select(documents.c.decided_import).where(documents.c.id == document_id)
    number: int = connection.execute(query).scalar_one()
    return number


def lines_by_id(connection: Connection, ids: Iterable[str]) -> dict[str, ReconciliationLine]:
    """Reconciliation lines with these ids; what Microsoft replaced since is missing."""
    return {line.id: line for line in _lines(connection, lines.c.id, sorted(set(ids)))}


def lines_of_subscriptions(
    connection: Connection, subscriptions: Iterable[str], period: str
) -> list[ReconciliationLine]:
    """All lines of subscriptions on the invoices of a period that are not voided."""
    return list(_lines(connection, lines.c.subscription_id, sorted(set(subscriptions) - {""}), period))


def lines_of_events(connection: Connection, references: Iterable[str], period: str) -> list[ReconciliationLine]:
    """All lines with these ReferenceIds on the invoices of a period that are not voided."""
    return list(_lines(connection, lines.c.reference_id, sorted(set(references) - {""}), period))


def _lines(
    connection: Connection, column: ColumnElement[str], values: Sequence[str], period: str = ""
) -> Iterable[ReconciliationLine]:
    query = select(*[lines.c[name] for name in _COLUMNS]).order_by(lines.c.id)
    if period:
        query = (
            query.join(vendor_invoices, vendor_invoices.c.id == lines.c.invoice_id)
            .where(vendor_invoices.c.period == period)
            .where(vendor_invoices.c.voided.is_(False))
        )
    for start in range(0, len(values), _CHUNK):
        for row in connection.execute(query.where(column.in_(values[start : start + _CHUNK]))):
            yield ReconciliationLine(*row)


def period_of_invoice(connection: Connection, invoice_id: str) -> tuple[str, date]:
    """The period and the date of a vendor invoice."""
    query = select(vendor_invoices.c.period, vendor_invoices.c.invoice_date)
    row = connection.execute(query.where(vendor_invoices.c.id == invoice_id)).one()
    return row.period, row.invoice_date


def placement_of(connection: Connection, line_id: str) -> Placement | None:
    row = connection.execute(select(placements).where(placements.c.line_id == line_id)).one_or_none()
    return None if row is None else Placement(row.period, row.outcome, row.organisation, row.note)


def appearances(connection: Connection, line_ids: Iterable[str]) -> dict[str, list[Appearance]]:
    """Where lines stand on documents, the oldest first."""
    wanted = sorted(set(line_ids))
    found: dict[str, list[Appearance]] = {}
    for start in range(0, len(wanted), _CHUNK):
        query = (
            select(
                parts,
                documents.c.id.label("document"),
                documents.c.key,
                documents.c.ref,
                documents.c.period,
                documents.c.organisation,
                documents.c.currency,
                documents.c.revision,
            )
            .join(document_lines, document_lines.c.id == parts.c.document_line_id)
            .join(documents, documents.c.id == document_lines.c.document_id)
            .where(parts.c.line_id.in_(wanted[start : start + _CHUNK]))
            .order_by(documents.c.period, documents.c.revision, parts.c.document_line_id, parts.c.no)
        )
        rows = list(connection.execute(query))
        numbers = numbers_of(connection, {row.document for row in rows})
        for row in rows:
            found.setdefault(row.line_id, []).append(_appearance(row, numbers.get(row.document, "")))
    return found


def _appearance(row: Row[Any], number: str) -> Appearance:
    return Appearance(
        row.line_id,
        row.reversal,
        row.split,
        row.start,
        row.end,
        row.quantity,
        row.amount,
        row.document_line_id,
        row.document,
        row.key,
        row.ref,
        number,
        row.period,
        row.organisation,
        row.currency,
        row.revision,
    )


def numbers_of(connection: Connection, document_ids: Iterable[str]) -> dict[str, str]:
    """The ledger's numbers of documents that have one; the issued one counts more than the draft's."""
    numbers: dict[str, str] = {}
    query = (
        select(postings.c.document_id, postings.c.number)
        .where(postings.c.document_id.in_(sorted(document_ids)))
        .where(postings.c.number != "")
        .order_by(postings.c.step)
    )
    for document_id, number in connection.execute(query):
        numbers[document_id] = number
    return numbers


def ids_beginning_with(connection: Connection, text: str) -> list[str]:
    """Ids of document lines and reconciliation lines that begin so: for an id cut off when it was copied."""
    found: list[str] = []
    for column in (document_lines.c.id, lines.c.id):
        query = select(column).where(column.startswith(text, autoescape=True)).order_by(column).limit(3)
        found += connection.scalars(query)
    return found
