"""Reconciliation lines with only the columns that pricing reads, for looking at many months in one go.

A field that is not read here is not empty but missing: pricing that comes to need another one fails at once, in every
test, instead of taking it as not given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Dialect, Text, func, select, type_coerce
from sqlalchemy.types import TypeDecorator

from connector.domain.lines import ReconciliationLine
from connector.domain.money import total
from connector.store.tables import document_lines, documents, lines, vendor_invoices

_FIELDS = (
    "id", "invoice_id", "platform", "kind", "charge_type", "tenant_id", "customer_name", "customer_domain",
    "subscription_id", "product_id", "sku_id", "product_name", "currency", "subtotal", "effective_unit_price",
    "billable_quantity", "charge_start", "charge_end", "subscription_start", "subscription_end", "billing",
    "term_text", "order_date", "unit_price", "adjustment", "credit_reason",
)  # fmt: skip
_CHUNK = 5000


class _AsStored(TypeDecorator[Decimal]):
    """An Exact column read without its gate: what stands there went through it when it was written."""

    impl = Text
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


_EXACT = {"subtotal", "effective_unit_price", "billable_quantity", "unit_price"}
_COLUMNS = [type_coerce(lines.c[name], _AsStored) if name in _EXACT else lines.c[name] for name in _FIELDS]


def lines_for_pricing(connection: Connection, invoice_id: str) -> Iterator[ReconciliationLine]:
    """All lines of an invoice with the fields that pricing reads, in no particular order."""
    query = select(*_COLUMNS).where(lines.c.invoice_id == invoice_id).execution_options(yield_per=_CHUNK)
    put = object.__setattr__
    for row in connection.execute(query):
        line = object.__new__(ReconciliationLine)
        for name, value in zip(_FIELDS, row, strict=True):
            put(line, name, value)
        yield line


def products_by_publisher(connection: Connection) -> dict[str, set[tuple[str, str]]]:
    """Publisher, folded -> products (product, sku; folded) that invoice lines name with it."""
    found: dict[str, set[tuple[str, str]]] = {}
    query = select(lines.c.publisher, lines.c.product_id, lines.c.sku_id).distinct()
    for publisher, product, sku in connection.execute(query):
        found.setdefault(publisher.casefold(), set()).add((product.casefold(), sku.casefold()))
    return found


def on_documents(connection: Connection, period: str) -> dict[str, Decimal]:
    """What Microsoft's lines come to on a period's documents, per currency; drafts of corrections do not count."""
    query = (
        select(documents.c.currency, document_lines.c.amount)
        .join(documents, documents.c.id == document_lines.c.document_id)
        .where(documents.c.period == period, document_lines.c.kind != "service")
        .where((documents.c.origin == "month") | (documents.c.state == "frozen"))
    )
    amounts: dict[str, list[Decimal]] = {}
    for currency, amount in connection.execute(query):
        amounts.setdefault(currency, []).append(amount)
    return {currency: total(found) for currency, found in amounts.items()}


def invoice_days(connection: Connection, period: str) -> list[tuple[str, Any]]:
    """(id, date) of the vendor invoices of a period that count: not voided."""
    table = vendor_invoices
    query = select(table.c.id, table.c.invoice_date).where(table.c.period == period, table.c.voided.is_(False))
    return [(row.id, row.invoice_date) for row in connection.execute(query.order_by(table.c.id))]


def count_of_lines(connection: Connection, wanted: Sequence[str]) -> int:
    """How many lines the periods have."""
    query = select(func.count()).select_from(lines).join(vendor_invoices, vendor_invoices.c.id == lines.c.invoice_id)
    return connection.execute(query.where(vendor_invoices.c.period.in_(wanted))).scalar_one()
