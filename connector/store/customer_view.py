"""What a customer may read of his document. It queries its own views, and they have no column with a cost, a
margin, a price rule or a calculation. Every query takes a Scope: one document, nothing around it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import Boolean, Connection, Date, Integer, Select, Text, column, func, select, table
from sqlalchemy.sql.expression import TableClause

from connector.store.types import Exact, ExactFraction, Json

__all__ = [
    "CUSTOMER_VIEWS",
    "Connection",
    "CustomerDocument",
    "CustomerLine",
    "CustomerPart",
    "Opener",
    "Scope",
    "count_lines",
    "count_parts",
    "find_document",
    "find_line",
    "list_lines",
    "list_parts",
]

Opener = Callable[[], AbstractContextManager[Connection]]
"""Gives a connection for one request; handed in, so that pages know no database."""

# In plain SQL that SQLite and PostgreSQL both read; a migration makes them from here. The part that a
# credit takes back is looked up within the same organisation only.
CUSTOMER_VIEWS: dict[str, str] = {
    "v_customer_documents": """
CREATE VIEW v_customer_documents AS
SELECT d.id AS document_id, d.period, d.currency, d.kind, d.revision, d.net_total, d.organisation_name, d.ref,
  d.issue_date,
  COALESCE(
    (SELECT MAX(p.number) FROM postings p WHERE p.document_id = d.id AND p.step = 'finalise'
      AND p.state IN ('posted', 'verified') AND p.number <> ''),
    (SELECT MAX(p.number) FROM postings p WHERE p.document_id = d.id AND p.step = 'create'
      AND p.state IN ('posted', 'verified')),
    '') AS number
FROM documents d""",
    "v_customer_lines": """
CREATE VIEW v_customer_lines AS
SELECT l.document_id, l.no, l.text, l.kind, l.quantity, l.amount, l.tenant_id, l.subscription_id,
  l.product_id, l.sku_id, l.product_name, l.sentence, l.price_text, l.price_from, l.outlook, l.usage_sets
FROM document_lines l""",
    "v_customer_parts": """
CREATE VIEW v_customer_parts AS
SELECT l.document_id, l.no AS line_no, p.no, p.charge_type, p.start AS charge_start, p."end" AS charge_end,
  p.days, p.cycle_begin, p.cycle_end, p.cycle_days, p.quantity, p.unit_price, p.exact, p.amount, p.reversal,
  p.sentence, p.rate, p.rate_date,
  (SELECT MIN(od.period) FROM parts o JOIN document_lines ol ON ol.id = o.document_line_id
    JOIN documents od ON od.id = ol.document_id
    WHERE p.reverses <> '' AND o.line_id = p.reverses AND od.organisation = d.organisation
  ) AS reversed_period,
  (SELECT MIN(o.start) FROM parts o JOIN document_lines ol ON ol.id = o.document_line_id
    JOIN documents od ON od.id = ol.document_id
    WHERE p.reverses <> '' AND o.line_id = p.reverses AND od.organisation = d.organisation
  ) AS reversed_start,
  (SELECT MIN(o."end") FROM parts o JOIN document_lines ol ON ol.id = o.document_line_id
    JOIN documents od ON od.id = ol.document_id
    WHERE p.reverses <> '' AND o.line_id = p.reverses AND od.organisation = d.organisation
  ) AS reversed_end
FROM parts p JOIN document_lines l ON l.id = p.document_line_id JOIN documents d ON d.id = l.document_id""",
}


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose data a query may see: exactly one document."""

    document_id: str


@dataclass(frozen=True, slots=True)
class CustomerDocument:
    """The head of a document. `number` is the ledger's, "" before it has one; `ref` is ours."""

    document_id: str
    period: str
    currency: str
    kind: str
    revision: int
    net_total: Decimal
    organisation_name: str
    ref: str
    issue_date: date | None
    number: str


@dataclass(frozen=True, slots=True)
class CustomerLine:
    """One line of the invoice. Tenant, subscription, product and sku only find its daily usage rows."""

    no: int
    text: str
    kind: str
    quantity: Decimal
    amount: Decimal
    tenant_id: str
    subscription_id: str
    product_id: str
    sku_id: str
    product_name: str
    sentence: str
    price_text: str
    price_from: date | None
    outlook: str
    usage_sets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CustomerPart:
    """One charge or credit behind a line; `reversed_*` tell which earlier charge a credit takes back."""

    no: int
    charge_type: str
    charge_start: date | None
    charge_end: date | None
    days: int | None
    cycle_begin: date | None
    cycle_end: date | None
    cycle_days: int | None
    quantity: Decimal
    unit_price: Fraction | None
    exact: Fraction
    amount: Decimal
    reversal: bool
    sentence: str
    rate: Decimal | None
    rate_date: date | None
    reversed_period: str | None
    reversed_start: date | None
    reversed_end: date | None


_DATES = {
    "issue_date",
    "price_from",
    "charge_start",
    "charge_end",
    "cycle_begin",
    "cycle_end",
    "rate_date",
    "reversed_start",
    "reversed_end",
}
_EXACT = {"net_total", "quantity", "amount", "rate"}
_WHOLE = {"revision", "no", "line_no", "days", "cycle_days"}
_TYPES: dict[str, Any] = {
    **dict.fromkeys(_DATES, Date()),
    **dict.fromkeys(_EXACT, Exact()),
    **dict.fromkeys(_WHOLE, Integer()),
    "unit_price": ExactFraction(),
    "exact": ExactFraction(),
    "reversal": Boolean(),
    "usage_sets": Json(),
}


def _view(name: str, *keys: str, value: type) -> TableClause:
    return table(name, *[column(one, _TYPES.get(one, Text())) for one in (*keys, *_fields(value))])


def _fields(value: type) -> list[str]:
    return [field.name for field in fields(value)]


def _select(source: TableClause, value: type) -> Select[Any]:
    return select(*[source.c[name] for name in _fields(value)])


_documents = _view("v_customer_documents", value=CustomerDocument)
_lines = _view("v_customer_lines", "document_id", value=CustomerLine)
_parts = _view("v_customer_parts", "document_id", "line_no", value=CustomerPart)


def find_document(connection: Connection, scope: Scope) -> CustomerDocument | None:
    """The head of the document."""
    query = select(_documents).where(_documents.c.document_id == _document_of(scope))
    row = connection.execute(query).one_or_none()
    return None if row is None else CustomerDocument(**row._mapping)


def count_lines(connection: Connection, scope: Scope) -> int:
    query = select(func.count()).select_from(_lines).where(_lines.c.document_id == _document_of(scope))
    return connection.execute(query).scalar_one()


def list_lines(connection: Connection, scope: Scope, offset: int, limit: int) -> list[CustomerLine]:
    """Lines in the order of the invoice."""
    query = _select(_lines, CustomerLine).where(_lines.c.document_id == _document_of(scope))
    rows = connection.execute(query.order_by(_lines.c.no).offset(offset).limit(limit))
    return [_line(row) for row in rows]


def find_line(connection: Connection, scope: Scope, no: int) -> CustomerLine | None:
    """One line by its number on the invoice."""
    query = _select(_lines, CustomerLine).where(_lines.c.document_id == _document_of(scope), _lines.c.no == no)
    row = connection.execute(query).one_or_none()
    return None if row is None else _line(row)


def count_parts(connection: Connection, scope: Scope, line_no: int) -> int:
    query = select(func.count()).select_from(_parts)
    query = query.where(_parts.c.document_id == _document_of(scope), _parts.c.line_no == line_no)
    return connection.execute(query).scalar_one()


def list_parts(connection: Connection, scope: Scope, line_no: int, offset: int, limit: int) -> list[CustomerPart]:
    """What a line is made of, in time order, the credit of a change before its charge."""
    query = _select(_parts, CustomerPart).where(_parts.c.document_id == _document_of(scope))
    query = query.where(_parts.c.line_no == line_no).order_by(_parts.c.no)
    rows = connection.execute(query.offset(offset).limit(limit))
    return [CustomerPart(**row._mapping) for row in rows]


def _line(row: Any) -> CustomerLine:
    values = dict(row._mapping)
    return CustomerLine(**{**values, "usage_sets": tuple(values["usage_sets"] or ())})


def _document_of(scope: Scope) -> str:
    """A query without a scope is a programming error and never an answer."""
    if not isinstance(scope, Scope) or not scope.document_id:
        raise TypeError("a customer's query needs a scope")
    return scope.document_id
