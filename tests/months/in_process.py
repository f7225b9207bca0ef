"""The product's calculation of a month without HTTP, database and command line: its readers of raw lines and import
files, its pricing, its documents. A few months go the whole way too (test_random_months.py).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from connector.domain.balance import Finding, merge
from connector.domain.cycles import subscription_facts
from connector.domain.documents import Document, Part
from connector.domain.lines import LinePlatform, ReconciliationLine
from connector.domain.money import total
from connector.domain.reversals import Charges, charges_by_subscription, find_reversed
from connector.domain.summarise import DocumentHead, summarise
from connector.flows.prepare import part_of
from connector.flows.services import service_parts
from connector.sources.fields import Origin, decode_set
from connector.sources.raw_lines import parse_record
from mappings.formats import Kind
from mappings.formats import read as read_file
from mappings.links import by_tenant
from mappings.price import Book, PricedLine, price_line
from mappings.resolve import PriceBook, PriceSheet
from tests.months.reference import Decisions, Row
from tests.standins.microsoft import exact


@dataclass(frozen=True)
class Invoice:
    """One vendor invoice: its lines as Microsoft delivers them."""

    id: str
    platform: LinePlatform
    currency: str
    date: str
    lines: list[dict[str, Any]]


@dataclass(frozen=True)
class Computed:
    """What the product makes of a month. `lines` and `priced` in the order of the raw lines."""

    priced: list[PricedLine]
    parts: dict[str, Part]
    documents: list[Document]
    findings: list[Finding]
    sums: dict[tuple[str, str], Decimal]
    charges: Charges
    ids: dict[int, str]


def compute(
    period: str, invoices: Sequence[Invoice], earlier: Sequence[dict[str, Any]], decided: Decisions
) -> Computed:
    """The whole month, as `sync` prices it."""
    before = Invoice("G000000000", "new_commerce", "", "", list(earlier))
    ids: dict[int, str] = {}
    old_lines = decode(before, ids)
    lines = [decode(invoice, ids) for invoice in invoices]
    everything = [line for group in lines for line in group]
    facts, book = subscription_facts(everything), book_of(decided)
    charges = charges_by_subscription([*everything, *old_lines])
    priced = [
        price_line(line, facts, book, date.fromisoformat(invoice.date))
        for invoice, group in zip(invoices, lines, strict=True)
        for line in group
    ]
    parts: dict[str, Part] = {}
    by_document: dict[tuple[str, str], list[Part]] = {}
    sums: dict[tuple[str, str], list[Decimal]] = {}
    for found in priced:
        sums.setdefault((found.line.currency, found.outcome), []).append(found.line.subtotal)
        if found.outcome == "invoiced":
            reversed_ = find_reversed(found.line, charges).charges
            parts[found.line.id] = part_of(found, next(iter(reversed_), ""))
            by_document.setdefault((found.organisation, found.currency), []).append(parts[found.line.id])
    services = [row.value for row in _rows("services", decided.services)]
    for code, part, currency in service_parts(services, book.organisations, period, list(by_document)):
        by_document.setdefault((code, currency), []).append(part)
    documents = [
        summarise(DocumentHead("partner", code, period, currency, 1), mine)
        for (code, currency), mine in sorted(by_document.items())
    ]
    return Computed(
        priced,
        parts,
        documents,
        merge(finding for found in priced for finding in found.findings),
        {key: total(amounts) for key, amounts in sums.items()},
        charges,
        ids,
    )


def decode(invoice: Invoice, ids: dict[int, str]) -> list[ReconciliationLine]:
    """Raw lines through the product's reader; `ids` learns which line became which id."""
    records = [parse_record(exact.dumps(raw).encode(), no) for no, raw in enumerate(invoice.lines, start=1)]
    decoded = list(decode_set([(Origin(invoice.id, "f", invoice.platform), records)]))
    lines = [line for line in decoded if isinstance(line, ReconciliationLine)]
    assert len(lines) == len(decoded), [line for line in decoded if not isinstance(line, ReconciliationLine)]
    for raw, line in zip(invoice.lines, lines, strict=True):
        if "_key" in raw:
            ids[raw["_key"]] = line.id
    return lines


def book_of(decided: Decisions) -> Book:
    """Import files, read as the product reads them; rules in two imports, numbered as they come."""
    half = len(decided.prices) // 2
    rules = []
    for number, rows in enumerate((decided.prices[:half], decided.prices[half:]), start=1):
        for row in _rows("prices", rows):
            place = row.no - 2 + (half if number == 2 else 0)
            rules.append(replace(row.value, id=f"r{place}", version=1, row_no=row.no, import_no=number))
    rates: dict[tuple[str, str], list[Any]] = {}
    for row in _rows("rates", decided.rates):
        rates.setdefault((row.value.from_, row.value.to), []).append(row.value)
    return Book(
        organisations={row.value.code: row.value for row in _rows("organisations", decided.organisations)},
        links=by_tenant(row.value for row in _rows("links", decided.links)),
        prices=PriceBook.of(rules),
        sheet=PriceSheet.of(row.value for row in _rows("list-prices", decided.list_prices)),
        rates=rates,
    )


_Table = Literal["organisations", "links", "prices", "list-prices", "rates", "services"]


def _rows(kind: _Table, rows: Sequence[Row]) -> Sequence[Any]:
    if not rows:
        return ()
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), restval="")
    writer.writeheader()
    writer.writerows(rows)
    wanted: Kind = kind
    report = read_file(wanted, text.getvalue().encode())
    assert not report.errors, report.errors
    return report.rows
