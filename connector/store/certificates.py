"""What a closed period consists of, as values that do not depend on the database: the certificate of its closing.

Amounts and ids that an auditor looks for stand in it as text; of everything else (lines, parts, calculations,
placements, findings, decisions) it holds the SHA-256, so that a changed row shows and where it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, select

from connector.domain.fingerprint import canonical, digest_of
from connector.store import change_sets, decisions
from connector.store.tables import (
    calculations,
    document_lines,
    documents,
    findings,
    imports,
    lines,
    list_prices,
    parts,
    periods,
    placements,
    postings,
    price_rules,
    quarantined_lines,
    raw_files,
    vendor_invoices,
)

_CHUNK = 500
_WIDTH = 2**256
# A later fetch of the same lines changes these; what Microsoft said and what was accepted stands in the others.
_NOT_OF_INVOICE = {"pulled_at", "first_seen", "details", "arrival_note"}
_NOT_OF_DOCUMENT = {"made_at", "inputs"}
_POSTING = ("step", "ledger", "ref", "state", "remote_id", "number", "read_back_total", "request_hash")
_FILE = ("invoice_id", "kind", "set_tag", "name", "size", "sha256")

Certificate = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Extent:
    """What a certificate is about: later invoices, files and corrections of the same period are not in it."""

    invoices: frozenset[str]
    files: frozenset[int]
    documents: frozenset[str]
    decided: int


def extent_now(connection: Connection, period: str) -> Extent:
    """Everything that belongs to a period as it is about to be closed."""
    invoices = frozenset(connection.scalars(select(vendor_invoices.c.id).where(vendor_invoices.c.period == period)))
    files = select(raw_files.c.id).where(raw_files.c.current).where(raw_files.c.invoice_id.in_(invoices))
    mine = connection.execute(select(documents.c.id, documents.c.inputs).where(documents.c.period == period)).all()
    used = {
        number
        for row in mine
        for invoice_id, given in row.inputs.items()
        if invoice_id in invoices
        for number in given["files"]
    }
    return Extent(
        invoices,
        frozenset(connection.scalars(files)) | used,
        frozenset(row.id for row in mine),
        decisions.latest_import(connection),
    )


def extent_of(certificate: Certificate) -> Extent:
    """What a certificate was about when it was made."""
    return Extent(
        frozenset(certificate["vendor_invoices"]),
        frozenset(map(int, certificate["raw_files"])),
        frozenset(entry["id"] for entry in certificate["documents"].values()),
        certificate["decided_import"],
    )


def make_certificate(connection: Connection, period: str, extent: Extent) -> Certificate:
    """The certificate, from the rows as they are now."""
    contents = document_contents(connection, extent.documents)
    return {
        "version": 1,
        "period": period,
        "decided_import": extent.decided,
        "vendor_invoices": _invoices(connection, extent.invoices),
        "raw_files": _files(connection, extent.files),
        "lines": _rows_by_invoice(connection, lines, extent.invoices),
        "unreadable_lines": _rows_by_invoice(connection, quarantined_lines, extent.invoices),
        "change_sets": _change_sets(connection, extent.decided),
        "list_prices": _list_prices(connection, extent),
        "prices": _prices_used(connection, contents),
        "documents": {
            content.head["key"]: {
                "id": content.head["id"],
                "organisation": content.head["organisation"],
                "currency": content.head["currency"],
                "net_total": canonical(content.head["net_total"]).strip('"'),
                "head": digest_of(content.head),
                "inputs": digest_of(content.inputs),
                "lines": {line_id: digest_of(line) for line_id, line in content.lines.items()},
                "postings": _postings(connection, content.head["id"]),
            }
            for content in contents.values()
        },
        "placements": _multiset(connection, select(placements).where(placements.c.period == period)),
        "findings": _multiset(connection, select(findings).where(findings.c.period == period), without={"id"}),
        "balance": connection.scalars(select(periods.c.balance).where(periods.c.period == period)).one_or_none(),
    }


@dataclass(frozen=True, slots=True)
class Content:
    """Everything a document says: its head, and by id its lines with their parts and calculations."""

    head: dict[str, Any]
    inputs: dict[str, Any]
    lines: dict[str, dict[str, Any]]


def document_contents(connection: Connection, document_ids: Collection[str]) -> dict[str, Content]:
    """The content of documents by id, in the order of their keys."""
    found: dict[str, Content] = {}
    for ids in _chunks(sorted(document_ids)):
        for row in connection.execute(select(documents).where(documents.c.id.in_(ids))):
            found[row.id] = Content(_named(row, _NOT_OF_DOCUMENT), row.inputs, {})
        by_line: dict[str, dict[str, Any]] = {}
        for row in connection.execute(select(document_lines).where(document_lines.c.document_id.in_(ids))):
            by_line[row.id] = {"line": _named(row), "parts": [], "calculations": []}
            found[row.document_id].lines[row.id] = by_line[row.id]
        for name, table in (("parts", parts), ("calculations", calculations)):
            query = (
                select(table)
                .join(document_lines, document_lines.c.id == table.c.document_line_id)
                .where(document_lines.c.document_id.in_(ids))
                .order_by(table.c.document_line_id, table.c.no)
            )
            for row in connection.execute(query):
                by_line[row.document_line_id][name].append(_named(row, {"id"}))
    return dict(sorted(found.items(), key=lambda item: str(item[1].head["key"])))


def _invoices(connection: Connection, ids: Iterable[str]) -> dict[str, Any]:
    query = select(vendor_invoices).where(vendor_invoices.c.id.in_(sorted(ids)))
    return {row.id: _plain(_named(row, _NOT_OF_INVOICE)) for row in connection.execute(query)}


def _files(connection: Connection, ids: Iterable[int]) -> dict[str, Any]:
    found = {}
    for numbers in _chunks(sorted(ids)):
        for row in connection.execute(select(raw_files).where(raw_files.c.id.in_(numbers))):
            found[str(row.id)] = {name: row._mapping[name] for name in _FILE}
    return found


def _rows_by_invoice(connection: Connection, table: Table, ids: Iterable[str]) -> dict[str, Any]:
    without = {"id"} if table is quarantined_lines else set()
    return {
        invoice_id: _multiset(connection, select(table).where(table.c.invoice_id == invoice_id), without=without)
        for invoice_id in sorted(ids)
    }


def _change_sets(connection: Connection, decided: int) -> dict[str, str]:
    """A hash of each change set up to the last that was known: the rows it brought and those it ended. List prices
    are hashed by themselves: a price sheet holds some hundred thousand that no line of the period asks for."""
    sums: dict[int, int] = {}

    def add(number: int, *said: Any) -> None:
        if number <= decided:
            sums[number] = (sums.get(number, 0) + _number(said)) % _WIDTH

    for row in connection.execute(select(imports).where(imports.c.no <= decided)):
        add(row.no, "imports", _named(row))
    for table in change_sets.versioned():
        if table is list_prices:
            continue
        identity = [column.name for column in table.primary_key]
        for row in connection.execute(select(table).where(table.c.import_no <= decided)):
            add(row.import_no, table.name, _named(row, {"until_import"}))
            if row.until_import is not None:
                add(row.until_import, table.name, "ended", [row._mapping[name] for name in identity])
    return {str(number): f"{value:064x}" for number, value in sorted(sums.items())}


def _list_prices(connection: Connection, extent: Extent) -> dict[str, Any]:
    """The list prices that held for the products of the period's lines."""
    products = set(connection.scalars(select(lines.c.product_id).where(lines.c.invoice_id.in_(extent.invoices))))
    rows, value = 0, 0
    for ids in _chunks(sorted(products)):
        query = select(list_prices).where(list_prices.c.product_id.in_(ids))
        for row in connection.execute(query.where(decisions.holding(list_prices, extent.decided))):
            rows, value = rows + 1, (value + _number(_named(row, {"until_import"}))) % _WIDTH
    return {"rows": rows, "sha256": f"{value:064x}"}


def _prices_used(connection: Connection, contents: Mapping[str, Content]) -> dict[str, str]:
    """The versions of price rules that made the amounts, by name."""
    used = {
        (calculation["rule"]["id"], calculation["rule"]["version"])
        for content in contents.values()
        for line in content.lines.values()
        for calculation in line["calculations"]
        if calculation["rule"]
    }
    found = {}
    for ids in _chunks(sorted({rule_id for rule_id, _ in used})):
        for row in connection.execute(select(price_rules).where(price_rules.c.rule_id.in_(ids))):
            if (row.rule_id, row.version) in used:
                found[f"{row.rule_id} version {row.version}"] = digest_of(_named(row, {"until_import"}))
    return found


def _postings(connection: Connection, document_id: str) -> list[dict[str, Any]]:
    query = select(postings).where(postings.c.document_id == document_id).order_by(postings.c.step)
    return [_plain({name: row._mapping[name] for name in _POSTING}) for row in connection.execute(query)]


def _multiset(connection: Connection, query: Select[Any], *, without: Collection[str] = ()) -> dict[str, Any]:
    """How many rows, and a sum of their hashes: no order in it, because two databases sort differently."""
    rows, value = 0, 0
    for row in connection.execute(query.execution_options(yield_per=2000)):
        rows, value = rows + 1, (value + _number(_named(row, without))) % _WIDTH
    return {"rows": rows, "sha256": f"{value:064x}"}


def _number(value: Any) -> int:
    return int.from_bytes(hashlib.sha256(canonical(value).encode()).digest(), "big")


def _named(row: Row[Any], without: Collection[str] = ()) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name not in without}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as text, as an auditor reads them."""
    return {
        name: value if value is None or isinstance(value, (bool, int, str)) else canonical(value).strip('"')
        for name, value in values.items()
    }


def _chunks(values: list[Any]) -> Iterator[list[Any]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
