"""The last forecast of each period: what Microsoft's unbilled lines came to, never a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from connector.domain.unbilled import BilledBefore
from connector.store.database import database_now
from connector.store.tables import forecasts, lines, vendor_invoices


@dataclass(frozen=True, slots=True)
class StoredForecast:
    """A forecast as it was shown. `files`: the raw files it was made from, with their fingerprints."""

    period: str
    pulled_at: datetime
    files: list[dict[str, Any]]
    view: dict[str, Any]


def write(connection: Connection, period: str, files: Sequence[dict[str, Any]], view: dict[str, Any]) -> datetime:
    """Keep the newest forecast of a period; the moment it counts from."""
    now = database_now(connection)
    connection.execute(delete(forecasts).where(forecasts.c.period == period))
    connection.execute(insert(forecasts).values(period=period, pulled_at=now, files=list(files), view=view))
    return now


def find(connection: Connection, period: str) -> StoredForecast | None:
    row = connection.execute(select(forecasts).where(forecasts.c.period == period)).one_or_none()
    return None if row is None else StoredForecast(row.period, row.pulled_at, row.files, row.view)


def billing_currencies(connection: Connection) -> list[str]:
    """The currencies of the new commerce invoices that ever came: unbilled lines are asked for in each."""
    rows = connection.execute(
        select(vendor_invoices.c.currency).where(vendor_invoices.c.platform == "new_commerce").distinct()
    )
    return sorted(rows.scalars())


def billed_before(connection: Connection, subscriptions: Sequence[str]) -> dict[str, list[BilledBefore]]:
    """Subscription -> what was billed of it, each product once, the latest first; metered lines are not in it."""
    found: dict[str, list[BilledBefore]] = {}
    for start in range(0, len(subscriptions), _ASKED):
        query = (
            select(*[lines.c[name] for name in _TOLD], lines.c.subscription_id)
            .join(vendor_invoices, vendor_invoices.c.id == lines.c.invoice_id)
            .where(lines.c.subscription_id.in_(subscriptions[start : start + _ASKED]))
            .where(lines.c.platform == "new_commerce")
            .where(lines.c.kind.in_(("advance", "proration", "one_time")))
            .where(vendor_invoices.c.voided.is_(False))
            .order_by(vendor_invoices.c.period.desc(), lines.c.charge_start.desc(), lines.c.id)
        )
        for row in connection.execute(query):
            mine = found.setdefault(row.subscription_id, [])
            if all((one.product_id, one.sku_id) != (row.product_id, row.sku_id) for one in mine if one.billing):
                mine.append(BilledBefore(*row[: len(_TOLD)]))
    return found


_ASKED = 500
_TOLD = ("product_id", "sku_id", "billing", "term_text", "subscription_start", "subscription_end")
