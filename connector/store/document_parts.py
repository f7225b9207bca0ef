"""Parts with their calculations, read back: for `explain`, for the invariants, and for the next revision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, Row, select

from connector.domain.documents import Calculation, Part, RuleLost, RuleUsed
from connector.domain.explain import ExplainStep
from connector.domain.fingerprint import SAID, fingerprint
from connector.domain.money import amount_text, exact_text
from connector.domain.rerate import Issued
from connector.store import documents as stored_documents
from connector.store.tables import calculations, document_lines, documents, parts


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part with its calculation, as `explain` and the next revision need it."""

    line_id: str
    reversal: bool
    charge_type: str
    start: date | None
    end: date | None
    days: int | None
    cycle_days: int | None
    quantity: Decimal
    unit_price: Fraction | None
    exact: Fraction
    amount: Decimal
    reverses: str
    step: ExplainStep
    rule: RuleUsed | None
    lost: tuple[RuleLost, ...]
    cost: Decimal
    cost_currency: str
    split: str
    rate: Decimal | None
    rate_date: date | None


def parts_of(connection: Connection, line_id: str, currency: str) -> list[StoredPart]:
    """The parts of a summary line with their calculations, in order."""
    query = (
        select(
            parts,
            calculations.c.before,
            calculations.c.op,
            calculations.c.operands,
            calculations.c.text,
            calculations.c.rule,
            calculations.c.lost,
            calculations.c.cost,
            calculations.c.cost_currency,
        )
        .join(
            calculations,
            (calculations.c.document_line_id == parts.c.document_line_id) & (calculations.c.no == parts.c.no),
        )
        .where(parts.c.document_line_id == line_id)
        .order_by(parts.c.no)
    )
    return [_stored_part(row, currency) for row in connection.execute(query)]


def _stored_part(row: Row[Any], currency: str) -> StoredPart:
    before = tuple(
        ExplainStep(step["op"], tuple(step["operands"]), step["exact"], step["rounded"], step["text"])
        for step in row.before
    )
    step = ExplainStep(
        row.op, tuple(row.operands), exact_text(row.exact), amount_text(row.amount, currency), row.text, before
    )
    return StoredPart(
        row.line_id,
        row.reversal,
        row.charge_type,
        row.start,
        row.end,
        row.days,
        row.cycle_days,
        row.quantity,
        row.unit_price,
        row.exact,
        row.amount,
        row.reverses,
        step,
        rule_of(row.rule),
        tuple(RuleLost(*lost) for lost in row.lost),
        row.cost,
        row.cost_currency,
        row.split,
        row.rate,
        row.rate_date,
    )


def rule_of(row: dict[str, Any] | None) -> RuleUsed | None:
    """A stored snapshot of a rule as a value."""
    if row is None:
        return None
    return RuleUsed(
        row["id"],
        row["version"],
        row["name"],
        row["level"],
        date.fromisoformat(row["valid_from"]) if row["valid_from"] else None,
        date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
    )


def issued(connection: Connection, period: str) -> list[Issued]:
    """Parts on frozen documents that no later revision took back.

    By organisation and currency, line and split: what a correction takes back from one organisation it may charge to
    another, and a line that is divided over cost centres stands several times.
    """
    query = (
        select(
            parts,
            calculations.c.invoice_id,
            calculations.c.rule,
            calculations.c.cost,
            calculations.c.cost_currency.label("part_cost_currency"),
            documents.c.organisation,
            documents.c.currency,
            documents.c.revision,
            documents.c.key,
            document_lines.c.kind,
            document_lines.c.tenant_id,
            document_lines.c.subscription_id,
            document_lines.c.product_id,
            document_lines.c.sku_id,
            document_lines.c.product_name,
            document_lines.c.label,
        )
        .join(document_lines, document_lines.c.id == parts.c.document_line_id)
        .join(documents, documents.c.id == document_lines.c.document_id)
        .join(
            calculations,
            (calculations.c.document_line_id == parts.c.document_line_id) & (calculations.c.no == parts.c.no),
        )
        .where(documents.c.period == period)
        .where(documents.c.state == "frozen")
        .order_by(documents.c.revision, parts.c.document_line_id, parts.c.no)
    )
    standing: dict[tuple[str, ...], Issued] = {}
    # a correction may take back on one of its lines what it charges anew on another: first back, then anew
    for row in sorted(connection.execute(query), key=lambda row: (row.revision, not row.reversal)):
        share = (row.organisation, row.currency, row.line_id, row.split)
        if row.reversal:
            standing.pop(share, None)
        else:
            part = _issued_part(row)
            standing[share] = Issued(*share[:2], row.revision, part, row.key, row.document_line_id)
    return list(standing.values())


def _issued_part(row: Row[Any]) -> Part:
    amount = row.amount
    return Part(
        line_id=row.line_id,
        invoice_id=row.invoice_id,
        platform="",
        kind=row.kind,
        charge_type=row.charge_type,
        tenant_id=row.tenant_id,
        subscription_id=row.subscription_id,
        product_id=row.product_id,
        sku_id=row.sku_id,
        product_name=row.product_name,
        happened=None,
        start=row.start,
        end=row.end,
        days=row.days,
        cycle_begin=row.cycle_begin,
        cycle_end=row.cycle_end,
        cycle_days=row.cycle_days,
        quantity=row.quantity,
        unit_price=row.unit_price,
        amount=amount,
        calculation=Calculation("multiply", (Fraction(amount),), Fraction(amount), "as invoiced"),
        cost=row.cost,
        cost_currency=row.part_cost_currency,
        rule=rule_of(row.rule),
        rate=row.rate,
        rate_date=row.rate_date,
        split=row.split,
        label=row.label,
    )


def stored_hash(connection: Connection, document_id: str) -> str:
    """The same fingerprint, taken from the stored rows: it differs when somebody changed one of them."""
    document = stored_documents.one(connection, document_id)
    assert document is not None
    by_line: dict[str, list[tuple[Any, ...]]] = {}
    query = (
        select(parts.c.document_line_id, parts.c.line_id, parts.c.reversal, parts.c.exact, parts.c.amount)
        .join(document_lines, document_lines.c.id == parts.c.document_line_id)
        .where(document_lines.c.document_id == document_id)
        .order_by(parts.c.document_line_id, parts.c.no)
    )
    for row in connection.execute(query):
        by_line.setdefault(row.document_line_id, []).append((row.line_id, row.reversal, row.exact, row.amount))
    rows = [
        ([getattr(line, name) for name in SAID], by_line.get(line.id, []))
        for line in stored_documents.lines_of(connection, document_id)
    ]
    return fingerprint(document.key, document.currency, document.net_total, rows)
