"""Raw files, the lines read from them, and the ones that could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from connector.domain.lines import QuarantinedLine, ReconciliationLine, UsageKey
from connector.domain.reversals import is_charge
from connector.store.database import database_now
from connector.store.tables import (
    lines,
    placements,
    quarantined_lines,
    raw_files,
    usage_groups,
    vendor_invoices,
)

_COLUMNS = [field.name for field in fields(ReconciliationLine)]
_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One raw file: where it lies, untouched, and its fingerprint."""

    id: int
    invoice_id: str
    kind: str
    set_tag: str
    name: str
    path: str
    size: int
    sha256: str
    current: bool
    read_as: dict[str, str]


@dataclass(frozen=True, slots=True)
class UsageGroup:
    """What the daily rows of one metered product add up to."""

    key: UsageKey
    rows: int
    amount: Decimal
    currency: str
    folder: str


def add_file(
    connection: Connection,
    invoice_id: str,
    kind: str,
    set_tag: str,
    name: str,
    path: str,
    size: int,
    sha256: str,
    read_as: dict[str, str] | None = None,
) -> int:
    """Register a raw file; its lines count once `use_files` says so."""
    done = connection.execute(
        insert(raw_files).values(
            invoice_id=invoice_id,
            kind=kind,
            set_tag=set_tag,
            name=name,
            path=path,
            size=size,
            sha256=sha256,
            pulled_at=database_now(connection),
            current=False,
            read_as=read_as or {},
        )
    )
    assert done.inserted_primary_key is not None
    number: int = done.inserted_primary_key[0]
    return number


def use_files(connection: Connection, numbers: Sequence[int]) -> None:
    """These files' lines are the ones that count now."""
    connection.execute(update(raw_files).where(raw_files.c.id.in_(numbers)).values(current=True))


def files_of(connection: Connection, invoice_id: str, *, current: bool = True) -> list[StoredFile]:
    query = select(raw_files).where(raw_files.c.invoice_id == invoice_id).order_by(raw_files.c.id)
    if current:
        query = query.where(raw_files.c.current)
    return [_file(row) for row in connection.execute(query)]


def file(connection: Connection, number: int) -> StoredFile | None:
    """One raw file by its number."""
    row = connection.execute(select(raw_files).where(raw_files.c.id == number)).one_or_none()
    return None if row is None else _file(row)


def _file(row: Row[Any]) -> StoredFile:
    return StoredFile(
        row.id,
        row.invoice_id,
        row.kind,
        row.set_tag,
        row.name,
        row.path,
        row.size,
        row.sha256,
        row.current,
        row.read_as,
    )


def forget_lines(connection: Connection, invoice_id: str) -> None:
    """Make room for a newer set: the raw files stay as evidence, their lines go."""
    ids = select(lines.c.id).where(lines.c.invoice_id == invoice_id)
    connection.execute(delete(placements).where(placements.c.line_id.in_(ids)))
    connection.execute(delete(lines).where(lines.c.invoice_id == invoice_id))
    connection.execute(delete(quarantined_lines).where(quarantined_lines.c.invoice_id == invoice_id))
    connection.execute(delete(usage_groups).where(usage_groups.c.invoice_id == invoice_id))
    connection.execute(update(raw_files).where(raw_files.c.invoice_id == invoice_id).values(current=False))


def add_lines(connection: Connection, read: Iterable[tuple[int, int, ReconciliationLine]]) -> int:
    """Insert (file id, line number, line); a line number of a file exists once, so a resumed load cannot double."""
    count = 0
    batch: list[dict[str, Any]] = []
    for file_id, line_no, line in read:
        row = {name: getattr(line, name) for name in _COLUMNS}
        row["file_id"], row["line_no"] = file_id, line_no
        batch.append(row)
        if len(batch) == _CHUNK:
            connection.execute(insert(lines), batch)
            count += len(batch)
            batch = []
    if batch:
        connection.execute(insert(lines), batch)
    return count + len(batch)


def add_quarantined(connection: Connection, put_aside: Sequence[QuarantinedLine]) -> None:
    rows = [
        {
            "invoice_id": q.invoice_id,
            "file_id": int(q.file_id),
            "line_no": q.line_no,
            "reason": q.reason,
            "raw": q.raw,
            "subtotal": q.subtotal,
            "tax": q.tax,
            "tenant_id": q.tenant_id,
            "currency": q.currency,
        }
        for q in put_aside
    ]
    if rows:
        connection.execute(insert(quarantined_lines), rows)


def replace_usage_groups(connection: Connection, invoice_id: str, groups: Sequence[UsageGroup]) -> None:
    connection.execute(delete(usage_groups).where(usage_groups.c.invoice_id == invoice_id))
    rows = [
        {
            "invoice_id": g.key.invoice_id,
            "tenant_id": g.key.tenant_id,
            "subscription_id": g.key.subscription_id,
            "product_id": g.key.product_id,
            "sku_id": g.key.sku_id,
            "rows": g.rows,
            "amount": g.amount,
            "currency": g.currency,
            "folder": g.folder,
        }
        for g in groups
    ]
    if rows:
        connection.execute(insert(usage_groups), rows)


def usage_groups_of(connection: Connection, invoice_id: str) -> dict[UsageKey, UsageGroup]:
    found = {}
    for row in connection.execute(select(usage_groups).where(usage_groups.c.invoice_id == invoice_id)):
        key = UsageKey(row.invoice_id, row.tenant_id, row.subscription_id, row.product_id, row.sku_id)
        found[key] = UsageGroup(key, row.rows, row.amount, row.currency, row.folder)
    return found


def lines_of_invoice(connection: Connection, invoice_id: str) -> Iterator[ReconciliationLine]:
    """All lines of an invoice, in the order of their ids (never of their files)."""
    query = select(*[lines.c[name] for name in _COLUMNS]).where(lines.c.invoice_id == invoice_id).order_by(lines.c.id)
    for row in connection.execute(query):
        yield ReconciliationLine(*row)


def quarantined_of(connection: Connection, invoice_id: str) -> list[QuarantinedLine]:
    rows = connection.execute(
        select(quarantined_lines)
        .where(quarantined_lines.c.invoice_id == invoice_id)
        .order_by(quarantined_lines.c.file_id, quarantined_lines.c.line_no)
    )
    return [
        QuarantinedLine(
            row.invoice_id,
            str(row.file_id),
            row.line_no,
            row.reason,
            row.raw,
            row.subtotal,
            row.tax,
            row.tenant_id,
            row.currency,
        )
        for row in rows
    ]


def earlier_charges(connection: Connection, subscriptions: Sequence[str], before: str) -> list[ReconciliationLine]:
    """Charges of subscriptions on invoices of earlier periods: what a credit may take back."""
    found: list[ReconciliationLine] = []
    for start in range(0, len(subscriptions), 500):
        query = (
            select(*[lines.c[name] for name in _COLUMNS])
            .join(vendor_invoices, vendor_invoices.c.id == lines.c.invoice_id)
            .where(lines.c.subscription_id.in_(subscriptions[start : start + 500]))
            .where(vendor_invoices.c.period < before)
            .where(vendor_invoices.c.voided.is_(False))
            .order_by(lines.c.id)
        )
        found += [line for row in connection.execute(query) if is_charge(line := ReconciliationLine(*row))]
    return found


def placements_of(connection: Connection, period: str) -> list[Row[Any]]:
    """Where each line of a period ended, as it was recorded: line_id, outcome, organisation, note."""
    return list(connection.execute(select(placements).where(placements.c.period == period)))


def place(connection: Connection, period: str, rows: Sequence[tuple[str, str, str, str]]) -> None:
    """Replace where each line of a period ended: (line id, outcome, organisation, note)."""
    connection.execute(delete(placements).where(placements.c.period == period))
    for start in range(0, len(rows), _CHUNK):
        connection.execute(
            insert(placements),
            [
                {
                    "line_id": line_id,
                    "period": period,
                    "outcome": outcome,
                    "organisation": organisation,
                    "note": note,
                }
                for line_id, outcome, organisation, note in rows[start : start + _CHUNK]
            ],
        )
