"""Documents with their lines, parts and calculations.

An open document is made anew by each pricing run; a frozen one, whose posting has begun, never changes again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from connector.domain.charges import Kind
from connector.domain.documents import Calculation, Document, Part
from connector.domain.fingerprint import content_hash
from connector.domain.money import exact_text
from connector.store.database import database_now
from connector.store.tables import calculations, document_lines, documents, links, parts, postings

_CHUNK = 1000

Origin = Literal["month", "correction"]
"""Made by pricing, or drafted by `rerate`."""


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document's head as it is stored. `costs`: (currency, amount at cost). `decided_import`, `inputs`: what it was
    made from (flows/inputs.py)."""

    id: str
    key: str
    period: str
    organisation: str
    organisation_name: str
    currency: str
    revision: int
    kind: str
    net_total: Decimal
    costs: tuple[tuple[str, Decimal], ...]
    ref: str
    frozen: bool
    issue_date: date | None
    held_reason: str
    content_hash: str
    origin: Origin
    reason: str
    decided_import: int
    inputs: dict[str, Any]
    made_at: datetime

    @property
    def draft(self) -> bool:
        """A correction that nobody has released: nothing of it goes out by itself."""
        return self.origin == "correction" and not self.frozen


@dataclass(frozen=True, slots=True)
class StoredLine:
    """A summary line as it is stored."""

    id: str
    document_id: str
    no: int
    text: str
    kind: Kind
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    cost: Decimal
    cost_currency: str
    subscription_id: str
    product_id: str
    sku_id: str
    sentence: str
    detail_lines: int


def write(
    connection: Connection,
    document: Document,
    *,
    organisation_name: str,
    ref: str,
    held_reason: str,
    decided_import: int,
    inputs: Mapping[str, Any],
    usage_sets: Sequence[tuple[str, tuple[str, ...]]],
    origin: Origin = "month",
    reason: str = "",
) -> None:
    """Store an open document, replacing its former content. `usage_sets`: line id -> invoices with daily rows.

    `decided_import` and `inputs` (vendor invoice -> its raw files and header, flows/inputs.py) say what it was made
    from; `reason`: why a correction was made.
    """
    sets = dict(usage_sets)
    values: dict[str, Any] = {
        "key": document.key,
        "period": document.period,
        "organisation": document.organisation,
        "organisation_name": organisation_name,
        "currency": document.currency,
        "revision": document.revision,
        "kind": document.kind,
        "net_total": document.net_total,
        "costs": [[currency, format(amount, "f")] for currency, amount in document.costs],
        "ref": ref,
        "held_reason": held_reason,
        "decided_import": decided_import,
        "inputs": dict(inputs),
        "origin": origin,
        "reason": reason,
        "content_hash": content_hash(document),
        "made_at": database_now(connection),
    }
    known = connection.execute(select(documents.c.state).where(documents.c.id == document.id)).scalar_one_or_none()
    assert known != "frozen", "a frozen document never changes"
    if known is None:
        connection.execute(insert(documents).values(id=document.id, state="open", **values))
    else:
        _forget_lines(connection, [document.id])
        connection.execute(update(documents).where(documents.c.id == document.id).values(**values))
    _insert(
        connection,
        document_lines,
        (
            {
                "id": line.id,
                "document_id": document.id,
                "no": line.no,
                "text": line.text,
                "kind": line.kind,
                "quantity": line.quantity,
                "unit_price": line.unit_price,
                "amount": line.amount,
                "cost": line.cost,
                "cost_currency": line.cost_currency,
                "tenant_id": line.tenant_id,
                "subscription_id": line.subscription_id,
                "product_id": line.product_id,
                "sku_id": line.sku_id,
                "product_name": line.product_name,
                "sentence": line.sentence,
                "price_text": line.price_text,
                "price_from": line.price_from,
                "outlook": line.outlook,
                "label": line.label,
                "usage_sets": list(sets.get(line.id, ())),
            }
            for line in document.lines
        ),
    )
    numbered = [(line.id, no, part) for line in document.lines for no, part in enumerate(line.parts, start=1)]
    _insert(connection, parts, (_part_row(line_id, no, part) for line_id, no, part in numbered))
    _insert(connection, calculations, (_calculation_row(line_id, no, part) for line_id, no, part in numbered))


def _insert(connection: Connection, table: Any, rows: Iterable[dict[str, Any]]) -> None:
    batch = list(rows)
    for start in range(0, len(batch), _CHUNK):
        connection.execute(insert(table), batch[start : start + _CHUNK])


def _part_row(line_id: str, no: int, part: Part) -> dict[str, Any]:
    return {
        "document_line_id": line_id,
        "no": no,
        "line_id": part.line_id,
        "reversal": part.reversal,
        "split": part.split,
        "charge_type": part.charge_type,
        "start": part.start,
        "end": part.end,
        "days": part.days,
        "cycle_begin": part.cycle_begin,
        "cycle_end": part.cycle_end,
        "cycle_days": part.cycle_days,
        "quantity": part.quantity,
        "unit_price": part.unit_price,
        "exact": part.calculation.exact,
        "amount": part.amount,
        "reverses": part.reverses,
        "sentence": part.sentence,
        "rate": part.rate,
        "rate_date": part.rate_date,
    }


def _calculation_row(line_id: str, no: int, part: Part) -> dict[str, Any]:
    rule = part.rule
    return {
        "document_line_id": line_id,
        "no": no,
        "before": [_step_row(step) for step in part.before],
        "op": part.calculation.op,
        "operands": [exact_text(operand) for operand in part.calculation.operands],
        "text": part.calculation.text,
        "invoice_id": part.invoice_id,
        "cost": part.cost,
        "cost_currency": part.cost_currency,
        "rule": None
        if rule is None
        else {
            "id": rule.id,
            "version": rule.version,
            "name": rule.name,
            "level": rule.level,
            "valid_from": rule.valid_from.isoformat() if rule.valid_from else "",
            "valid_to": rule.valid_to.isoformat() if rule.valid_to else "",
        },
        "lost": [[lost.name, lost.level, lost.reason] for lost in part.lost],
    }


def _step_row(step: Calculation) -> dict[str, Any]:
    return {
        "op": step.op,
        "operands": [exact_text(operand) for operand in step.operands],
        "exact": exact_text(step.exact),
        "rounded": "" if step.rounded is None else format(step.rounded, "f"),
        "text": step.text,
    }


def remove_open(connection: Connection, period: str, *, keep: Iterable[str]) -> None:
    """Remove the open documents of a period that this run did not make again. Drafts of corrections are a person's."""
    kept = set(keep)
    query = select(documents.c.id).where(documents.c.period == period).where(documents.c.state == "open")
    remove(connection, set(connection.scalars(query.where(documents.c.origin == "month"))) - kept)


def remove(connection: Connection, document_ids: Iterable[str]) -> None:
    """Remove documents that no ledger has heard of, with all that belongs to them."""
    gone = sorted(document_ids)
    _forget_lines(connection, gone)
    for start in range(0, len(gone), _CHUNK):
        ids = gone[start : start + _CHUNK]
        connection.execute(delete(links).where(links.c.document_id.in_(ids)))
        connection.execute(delete(postings).where(postings.c.document_id.in_(ids)))
        connection.execute(delete(documents).where(documents.c.id.in_(ids)))


def _forget_lines(connection: Connection, document_ids: Sequence[str]) -> None:
    for start in range(0, len(document_ids), _CHUNK):
        ids = document_ids[start : start + _CHUNK]
        of_these = select(document_lines.c.id).where(document_lines.c.document_id.in_(ids))
        connection.execute(delete(calculations).where(calculations.c.document_line_id.in_(of_these)))
        connection.execute(delete(parts).where(parts.c.document_line_id.in_(of_these)))
        connection.execute(delete(document_lines).where(document_lines.c.document_id.in_(ids)))


def freeze(connection: Connection, document_id: str, issue_date: date, content_hash: str) -> bool:
    """From here on the document never changes; the date it carries is fixed with it.

    False when it no longer says what the caller read: then nothing is frozen.
    """
    done = connection.execute(
        update(documents)
        .where(documents.c.id == document_id)
        .where(documents.c.content_hash == content_hash)
        .values(state="frozen", issue_date=func.coalesce(documents.c.issue_date, issue_date))
    )
    return done.rowcount == 1


def thaw(connection: Connection, document_id: str) -> None:
    """The ledger surely has nothing of it: it may be priced anew. A correction stays what a person released."""
    mine = update(documents).where(documents.c.id == document_id)
    connection.execute(mine.values(issue_date=None))
    connection.execute(mine.where(documents.c.origin == "month").values(state="open"))


def of_period(connection: Connection, period: str) -> list[StoredDocument]:
    rows = connection.execute(
        select(documents)
        .where(documents.c.period == period)
        .order_by(documents.c.organisation, documents.c.currency, documents.c.revision)
    )
    return [_stored(row) for row in rows]


def with_money(connection: Connection, period: str) -> set[str]:
    """The documents a ledger gets: those with a line that is not 0.00 (interfaces.md 5.9), but no draft."""
    rows = connection.execute(
        select(document_lines.c.document_id, document_lines.c.amount)
        .join(documents, documents.c.id == document_lines.c.document_id)
        .where(documents.c.period == period)
        .where(or_(documents.c.origin == "month", documents.c.state == "frozen"))
    )
    return {document_id for document_id, amount in rows if amount != 0}


def one(connection: Connection, document_id: str) -> StoredDocument | None:
    row = connection.execute(select(documents).where(documents.c.id == document_id)).one_or_none()
    return None if row is None else _stored(row)


def with_key(connection: Connection, key: str) -> StoredDocument | None:
    """A document by its natural key."""
    row = connection.execute(select(documents).where(documents.c.key == key)).one_or_none()
    return None if row is None else _stored(row)


def _stored(row: Row[Any]) -> StoredDocument:
    return StoredDocument(
        row.id,
        row.key,
        row.period,
        row.organisation,
        row.organisation_name,
        row.currency,
        row.revision,
        row.kind,
        row.net_total,
        tuple((currency, Decimal(amount)) for currency, amount in row.costs),
        row.ref,
        row.state == "frozen",
        row.issue_date,
        row.held_reason,
        row.content_hash,
        row.origin,
        row.reason,
        row.decided_import,
        row.inputs,
        row.made_at,
    )


def lines_by_document(connection: Connection, period: str) -> dict[str, list[StoredLine]]:
    """Summary lines of all documents of a period."""
    query = (
        select(document_lines)
        .join(documents, documents.c.id == document_lines.c.document_id)
        .where(documents.c.period == period)
        .order_by(document_lines.c.document_id, document_lines.c.no)
    )
    counts = _part_counts(connection, period)
    found: dict[str, list[StoredLine]] = {}
    for row in connection.execute(query):
        found.setdefault(row.document_id, []).append(_line(row, counts.get(row.id, 0)))
    return found


def lines_of(connection: Connection, document_id: str) -> list[StoredLine]:
    query = select(document_lines).where(document_lines.c.document_id == document_id).order_by(document_lines.c.no)
    return [_line(row, 0) for row in connection.execute(query)]


def line(connection: Connection, line_id: str) -> StoredLine | None:
    row = connection.execute(select(document_lines).where(document_lines.c.id == line_id)).one_or_none()
    return None if row is None else _line(row, 0)


def _line(row: Row[Any], detail_lines: int) -> StoredLine:
    return StoredLine(
        row.id,
        row.document_id,
        row.no,
        row.text,
        row.kind,
        row.quantity,
        row.unit_price,
        row.amount,
        row.cost,
        row.cost_currency,
        row.subscription_id,
        row.product_id,
        row.sku_id,
        row.sentence,
        detail_lines,
    )


def _part_counts(connection: Connection, period: str) -> dict[str, int]:
    query = (
        select(parts.c.document_line_id, func.count().label("parts"))
        .join(document_lines, document_lines.c.id == parts.c.document_line_id)
        .join(documents, documents.c.id == document_lines.c.document_id)
        .where(documents.c.period == period)
        .group_by(parts.c.document_line_id)
    )
    return {row.document_line_id: row.parts for row in connection.execute(query)}
