"""Vendor invoices, periods, their balance and findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from connector.domain.balance import Balance, Finding, Reason
from connector.domain.period import BillingPeriod, PeriodState, Platform, VendorInvoice
from connector.store.database import database_now
from connector.store.tables import findings, periods, vendor_invoices


@dataclass(frozen=True, slots=True)
class StoredInvoice:
    """A vendor invoice with what we know of its arrival. `accepted_amount`: a difference a person took as a reason."""

    header: VendorInvoice
    revision: int
    source: str
    arrival: str
    arrival_note: str
    set_tag: str
    pulled_at: datetime | None
    accepted_amount: Decimal | None
    accepted_reason: str


def upsert_invoice(connection: Connection, header: VendorInvoice, *, source: str = "api") -> bool:
    """Remember a header; True when it is new or says something else than before (an amendment, a new total)."""
    values: dict[str, Any] = {
        "platform": header.platform,
        "period": str(header.period),
        "invoice_date": header.invoice_date,
        "currency": header.currency,
        "header_total": header.header_total,
        "document_type": header.document_type,
        "voided": header.voided,
        "replaces": header.replaces,
        "details": [list(pair) for pair in header.details],
        "source": source,
    }
    known = invoice(connection, header.id)
    if known is None:
        connection.execute(insert(vendor_invoices).values(id=header.id, first_seen=database_now(connection), **values))
        return True
    if known.header == header and known.source == source:
        return False
    values["revision"] = known.revision + 1
    connection.execute(update(vendor_invoices).where(vendor_invoices.c.id == header.id).values(**values))
    return True


def invoice(connection: Connection, invoice_id: str) -> StoredInvoice | None:
    row = connection.execute(select(vendor_invoices).where(vendor_invoices.c.id == invoice_id)).one_or_none()
    return None if row is None else _stored(row)


def invoices_of(connection: Connection, period: str) -> list[StoredInvoice]:
    """All documents of a period, voided ones included, by id."""
    rows = connection.execute(
        select(vendor_invoices).where(vendor_invoices.c.period == period).order_by(vendor_invoices.c.id)
    )
    return [_stored(row) for row in rows]


def _stored(row: Any) -> StoredInvoice:
    platform: Platform = row.platform
    header = VendorInvoice(
        id=row.id,
        platform=platform,
        period=BillingPeriod.parse(row.period),
        invoice_date=row.invoice_date,
        currency=row.currency,
        header_total=row.header_total,
        document_type=row.document_type,
        voided=row.voided,
        replaces=row.replaces,
        details=tuple((pair[0], pair[1]) for pair in row.details),
    )
    return StoredInvoice(
        header,
        row.revision,
        row.source,
        row.arrival,
        row.arrival_note,
        row.set_tag,
        row.pulled_at,
        row.accepted_amount,
        row.accepted_reason,
    )


def set_arrival(connection: Connection, invoice_id: str, arrival: str, note: str = "", set_tag: str = "") -> None:
    """Record how far an invoice has arrived: announced, waiting or whole."""
    values: dict[str, Any] = {"arrival": arrival, "arrival_note": note, "pulled_at": database_now(connection)}
    if set_tag:
        values["set_tag"] = set_tag
    connection.execute(update(vendor_invoices).where(vendor_invoices.c.id == invoice_id).values(**values))


def accept_difference(connection: Connection, invoice_id: str, amount: Decimal, reason: str, who: str) -> None:
    """A person takes the difference between header and lines as an itemised reason."""
    connection.execute(
        update(vendor_invoices)
        .where(vendor_invoices.c.id == invoice_id)
        .values(accepted_amount=amount, accepted_reason=reason, accepted_by=who)
    )


def record_period(
    connection: Connection,
    period: str,
    state: PeriodState,
    balances: Sequence[Balance],
    found: Iterable[Finding],
) -> None:
    """Replace what we say about a period: state, balance, findings."""
    known = connection.execute(select(periods.c.period).where(periods.c.period == period)).one_or_none()
    values = {
        "state": str(state),
        "priced_at": database_now(connection),
        "balance": [_balance_row(balance) for balance in balances],
    }
    if known is None:
        connection.execute(insert(periods).values(period=period, **values))
    else:
        connection.execute(update(periods).where(periods.c.period == period).values(**values))
    connection.execute(delete(findings).where(findings.c.period == period))
    rows = [
        {
            "period": period,
            "code": f.code,
            "severity": f.severity,
            "amount": f.amount,
            "currency": f.currency,
            "organisation": f.organisation,
            "where": f.where,
            "text": f.text,
            "action": f.action,
        }
        for f in found
    ]
    if rows:
        connection.execute(insert(findings), rows)


def lock(connection: Connection, period: str) -> None:
    """Nobody else records this period until the transaction ends. SQLite has one writer anyway."""
    connection.execute(select(periods.c.period).where(periods.c.period == period).with_for_update())


def set_state(connection: Connection, period: str, state: PeriodState) -> None:
    connection.execute(update(periods).where(periods.c.period == period).values(state=str(state)))


def state_of(connection: Connection, period: str) -> PeriodState | None:
    """The recorded state, or None for a period never worked on."""
    text = connection.execute(select(periods.c.state).where(periods.c.period == period)).scalar_one_or_none()
    return None if text is None else PeriodState(text)


def balances_of(connection: Connection, period: str) -> list[Balance]:
    rows = connection.execute(select(periods.c.balance).where(periods.c.period == period)).scalar_one_or_none()
    return [_balance_of(row) for row in rows or []]


def findings_of(connection: Connection, period: str) -> list[Finding]:
    rows = connection.execute(select(findings).where(findings.c.period == period).order_by(findings.c.id))
    return [
        Finding(
            row.code,
            row.severity,
            row.text,
            row.action,
            row.amount,
            row.currency,
            row.organisation,
            row.where,
        )
        for row in rows
    ]


def known_periods(connection: Connection) -> list[str]:
    """All periods that have a vendor invoice or were worked on, latest first."""
    seen = set(connection.execute(select(vendor_invoices.c.period).distinct()).scalars())
    seen |= set(connection.execute(select(periods.c.period)).scalars())
    return sorted(seen, reverse=True)


def _balance_row(balance: Balance) -> dict[str, Any]:
    return {
        "currency": balance.currency,
        "vendor_total": None if balance.vendor_total is None else str(balance.vendor_total),
        "invoiced_cost": str(balance.invoiced_cost),
        "unmatched": str(balance.unmatched),
        "not_charged": str(balance.not_charged),
        "reasons": [[reason.code, str(reason.amount), reason.text] for reason in balance.reasons],
    }


def _balance_of(row: dict[str, Any]) -> Balance:
    vendor_total = row["vendor_total"]
    return Balance(
        row["currency"],
        None if vendor_total is None else Decimal(vendor_total),
        Decimal(row["invoiced_cost"]),
        Decimal(row["unmatched"]),
        Decimal(row["not_charged"]),
        tuple(Reason(code, Decimal(amount), text) for code, amount, text in row["reasons"]),
    )


def days_since(day: date, now: datetime) -> int:
    """Whole days from a date to a moment, in UTC."""
    return (now.date() - day).days
