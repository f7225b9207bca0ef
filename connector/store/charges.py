"""What documents charge, as one month is compared with another: sales values only, by customer and currency."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, func, select

from connector.domain.compared import Charge
from connector.domain.lines import bought
from connector.store.tables import document_lines, documents, lines, parts


def by_customer(connection: Connection, period: str) -> dict[tuple[str, str], list[Charge]]:
    """(organisation, currency) -> all charges of a month's documents, in every revision; corrections are not in it.

    A grouping may put several subscriptions on one summary line: then the reconciliation line says which is which.
    """
    query = (
        select(
            parts,
            documents.c.organisation,
            documents.c.currency,
            document_lines.c.kind,
            *[
                func.coalesce(lines.c[name], document_lines.c[name]).label(name)
                for name in ("subscription_id", "product_id", "sku_id")
            ],
            document_lines.c.product_name,
            document_lines.c.product_id.label("summed_product"),
            document_lines.c.sku_id.label("summed_sku"),
            lines.c.product_name.label("line_product_name"),
            lines.c.sku_name.label("line_sku_name"),
            lines.c.unit.label("unit"),
        )
        .join(document_lines, document_lines.c.id == parts.c.document_line_id)
        .join(documents, documents.c.id == document_lines.c.document_id)
        .outerjoin(lines, lines.c.id == parts.c.line_id)
        .where(documents.c.period == period)
        .where(documents.c.origin == "month")
        .order_by(documents.c.revision, parts.c.document_line_id, parts.c.no)
    )
    found: dict[tuple[str, str], list[Charge]] = {}
    for row in connection.execute(query):
        found.setdefault((row.organisation, row.currency), []).append(_charge(row))
    return found


def organisation_names(connection: Connection, period: str) -> dict[str, str]:
    """Names as they stand on a month's documents."""
    rows = connection.execute(
        select(documents.c.organisation, documents.c.organisation_name).where(documents.c.period == period)
    )
    return {row.organisation: row.organisation_name for row in rows}


def month_before(connection: Connection, period: str) -> str | None:
    """The latest earlier month that has documents; None when there is none."""
    query = select(func.max(documents.c.period)).where(documents.c.period < period).where(documents.c.origin == "month")
    found: str | None = connection.execute(query).scalar_one()
    return found


def _name(row: Row[Any]) -> str:
    """The summary line's name, where it is about this one product; several on one line have names of their own."""
    one = (row.summed_product, row.summed_sku) == (row.product_id, row.sku_id)
    if one or row.line_product_name is None:
        return str(row.product_name)
    return bought(row.line_product_name, row.line_sku_name)


def _charge(row: Row[Any]) -> Charge:
    return Charge(
        line_ids=(row.document_line_id,),
        source=row.line_id,
        kind=row.kind,
        charge_type=row.charge_type,
        subscription_id=row.subscription_id,
        product_id=row.product_id,
        sku_id=row.sku_id,
        name=_name(row),
        start=row.start,
        end=row.end,
        days=row.days,
        cycle_begin=row.cycle_begin,
        cycle_days=row.cycle_days,
        quantity=row.quantity,
        exact=row.exact,
        amount=row.amount,
        exact_price=row.unit_price is not None,
        rate=row.rate,
        reversal=row.reversal,
        unit=row.unit or "",
        split=row.split,
    )
