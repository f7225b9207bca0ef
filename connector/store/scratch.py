"""A database for a computation that must not touch the real one: the same tables, filled with what held then."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Select, Table, delete, insert, select, update

from connector.domain.lines import QuarantinedLine, ReconciliationLine
from connector.store import change_sets, usage
from connector.store import lines as stored_lines
from connector.store.database import database_now, open_engine, reading, writing
from connector.store.documents import StoredDocument
from connector.store.lines import UsageGroup
from connector.store.tables import (
    calculations,
    document_lines,
    documents,
    imports,
    lines,
    list_prices,
    metadata,
    organisations,
    parts,
    quarantined_lines,
    raw_files,
    usage_groups,
    vendor_invoices,
)

_CHUNK = 500


class Read(Protocol):
    """What a set of raw files holds: (file, line number, line), and what could not be read."""

    @property
    def lines(self) -> Sequence[tuple[int, int, ReconciliationLine]]: ...
    @property
    def put_aside(self) -> Sequence[QuarantinedLine]: ...


def create(path: Path) -> Engine:
    """An empty database with all tables."""
    engine = open_engine(f"sqlite:///{path}")
    metadata.create_all(engine)
    return engine


def copy_decisions(source: Engine, target: Engine, products: Collection[str]) -> None:
    """All versions of everything the partner decided; of list prices those of the products that are asked for."""
    with reading(source) as here, writing(target) as there:
        for table in (imports, organisations):
            _copy(here, there, table, select(table))
        for table in change_sets.versioned():
            if table is not list_prices:
                _copy(here, there, table, select(table))
        for ids in _chunks(sorted(products)):
            _copy(here, there, list_prices, select(list_prices).where(list_prices.c.product_id.in_(ids)))


def put_inputs(connection: Connection, inputs: Mapping[str, Any], read: Mapping[str, Read | None]) -> None:
    """Vendor invoices and their lines as a document's `inputs` (flows/inputs.py) tell them, in place of all others."""
    for table in (lines, quarantined_lines, usage_groups, raw_files, vendor_invoices):
        connection.execute(delete(table))
    now = database_now(connection)
    for invoice_id, given in inputs.items():
        connection.execute(
            insert(vendor_invoices).values(
                id=invoice_id,
                platform=given["platform"],
                period=given["period"],
                invoice_date=date.fromisoformat(given["date"]),
                currency=given["currency"],
                voided=given["voided"],
                arrival=given["arrival"],
                set_tag=given["set"],
                first_seen=now,
            )
        )
        one = read.get(invoice_id)
        if one is None:
            continue
        for number in given["files"]:
            connection.execute(
                insert(raw_files).values(
                    id=number, invoice_id=invoice_id, kind="again", size=0, sha256="", pulled_at=now
                )
            )
        stored_lines.add_lines(connection, one.lines)
        stored_lines.add_quarantined(connection, one.put_aside)
        _put_usage(connection, invoice_id, given["usage"])


def _put_usage(connection: Connection, invoice_id: str, folders: Sequence[str]) -> None:
    """What the daily rows added up to: their sorted form is kept by the set they came in."""
    found: dict[Any, UsageGroup] = {}
    for folder in folders:
        for group in usage.groups(Path(folder)) if Path(folder).exists() else ():
            known = found.get(group.key)
            rows = group.rows + (known.rows if known else 0)
            amount = group.amount + (known.amount if known else 0)
            found[group.key] = UsageGroup(group.key, rows, amount, group.currency, folder)
    stored_lines.replace_usage_groups(connection, invoice_id, list(found.values()))


def occupy_revisions(connection: Connection, wanted: Sequence[StoredDocument]) -> None:
    """Revisions below a wanted one that no document has any more (a draft had them): they stay skipped."""
    for document in wanted:
        mine = (
            (documents.c.period == document.period)
            & (documents.c.organisation == document.organisation)
            & (documents.c.currency == document.currency)
        )
        known = set(connection.scalars(select(documents.c.revision).where(mine)))
        for revision in set(range(1, document.revision)) - known:
            key = f"{document.key} instead of {revision}"
            connection.execute(
                insert(documents).values(
                    id=f"x{revision}{document.id[-15:]}", key=key, period=document.period,
                    organisation=document.organisation, currency=document.currency, revision=revision, kind="invoice",
                    net_total=0, origin="correction", content_hash="", made_at=database_now(connection),
                )
            )  # fmt: skip


def freeze(connection: Connection, document_ids: Collection[str]) -> None:
    """These documents stand as issued from here on."""
    for ids in _chunks(sorted(document_ids)):
        connection.execute(update(documents).where(documents.c.id.in_(ids)).values(state="frozen"))


def copy_documents(source: Connection, target: Connection, document_ids: Collection[str]) -> None:
    """Documents with lines, parts and calculations, as they are."""
    for ids in _chunks(sorted(document_ids)):
        line_ids = select(document_lines.c.id).where(document_lines.c.document_id.in_(ids))
        _copy(source, target, documents, select(documents).where(documents.c.id.in_(ids)))
        _copy(source, target, document_lines, select(document_lines).where(document_lines.c.document_id.in_(ids)))
        _copy(source, target, parts, select(parts).where(parts.c.document_line_id.in_(line_ids)))
        _copy(source, target, calculations, select(calculations).where(calculations.c.document_line_id.in_(line_ids)))


def _copy(source: Connection, target: Connection, table: Table, query: Select[Any]) -> None:
    batch: list[dict[str, Any]] = []
    for row in source.execute(query.execution_options(yield_per=2000)):
        batch.append(dict(row._mapping))
        if len(batch) == _CHUNK:
            target.execute(insert(table), batch)
            batch = []
    if batch:
        target.execute(insert(table), batch)


def _chunks(values: list[str]) -> Iterator[list[str]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
