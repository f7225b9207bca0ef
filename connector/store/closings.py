"""Closings: the certificate of a closed period, and whether the period is still what it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select

from connector.domain.fingerprint import digest_of
from connector.store import lines as stored_lines
from connector.store.audit import append
from connector.store.certificates import Certificate, Extent, extent_of, make_certificate
from connector.store.database import database_now
from connector.store.lines import StoredFile
from connector.store.tables import audit, closings, periods, raw_files, vendor_invoices

CLOSED = "period_closed"
_CLOSED_BY = "closed"
INVOICE_CHANGED = "invoice_changed"


@dataclass(frozen=True, slots=True)
class Closing:
    """A period's closing. `hash`: SHA-256 of the certificate's canonical JSON; it stands in the audit chain, too."""

    period: str
    closed_at: datetime
    who: str
    why: str
    certificate: Certificate
    hash: str


def is_closed(connection: Connection, period: str) -> bool:
    found = connection.execute(select(closings.c.period).where(closings.c.period == period)).one_or_none()
    return found is not None


def of_period(connection: Connection, period: str) -> Closing | None:
    row = connection.execute(select(closings).where(closings.c.period == period)).one_or_none()
    return None if row is None else Closing(row.period, row.closed_at, row.who, row.why, row.certificate, row.hash)


def closed_invoice(connection: Connection, invoice_id: str) -> str | None:
    """The closed period whose certificate covers a vendor invoice, or None: then its lines may change."""
    period = connection.scalars(
        select(vendor_invoices.c.period).where(vendor_invoices.c.id == invoice_id)
    ).one_or_none()
    closing = of_period(connection, period) if period else None
    return period if closing and invoice_id in closing.certificate["vendor_invoices"] else None


def record(connection: Connection, period: str, extent: Extent, who: str, why: str) -> Closing:
    """Write the certificate of a period and chain its hash into the audit trail."""
    now = database_now(connection)
    certificate = make_certificate(connection, period, extent) | {_CLOSED_BY: _closed_by(now, who, why)}
    closing = Closing(period, now, who, why, certificate, digest_of(certificate))
    connection.execute(
        insert(closings).values(
            period=period, closed_at=closing.closed_at, who=who, why=why, certificate=certificate, hash=closing.hash
        )
    )
    append(connection, who=who, action=CLOSED, subject=period, before="", after=closing.hash, why=why)
    return closing


def _closed_by(at: datetime, who: str, why: str) -> dict[str, str]:
    return {"at": at.isoformat(), "who": who, "why": why}


def tampered(connection: Connection, period: str) -> Iterator[str]:
    """Everything of a closed period that is not what it was closed with, in words."""
    closing = of_period(connection, period)
    state = connection.scalars(select(periods.c.state).where(periods.c.period == period)).one_or_none()
    chained = connection.scalars(
        select(audit.c.after).where(audit.c.action == CLOSED).where(audit.c.subject == period)
    ).one_or_none()
    if closing is None:
        if chained or state == "closed":
            yield f"{period} was closed, but its certificate is gone"
        return
    if digest_of(closing.certificate) != closing.hash or chained != closing.hash:
        yield f"{period}: the certificate is not the one that the audit trail names"
    if state != "closed":
        yield f"{period} was closed, but its state is {state}"
    if closing.certificate.get(_CLOSED_BY) != _closed_by(closing.closed_at, closing.who, closing.why):
        yield f"{period}: who closed it, when or why was changed after it was closed"
    now = make_certificate(connection, period, extent_of(closing.certificate))
    for section, was in closing.certificate.items():
        if section == _CLOSED_BY:
            continue
        if section == "vendor_invoices":
            yield from _invoices(connection, closing, was, now[section])
        elif section == "documents":
            yield from _documents(period, was, now[section])
        elif now[section] != was:
            yield f"{period}: {_where(section, was, now[section])} changed after it was closed"


def _where(section: str, was: Any, now: Any) -> str:
    """Which rows of a section differ."""
    if not isinstance(was, dict) or not isinstance(now, dict) or "sha256" in was:
        return section.replace("_", " ")
    names = sorted({name for name in was.keys() | now.keys() if was.get(name) != now.get(name)})
    return f"{section.replace('_', ' ')} {', '.join(names[:5])}" + (f" and {len(names) - 5} more" if names[5:] else "")


def _invoices(connection: Connection, closing: Closing, was: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Microsoft may amend an invoice later: then its row has a higher revision, and the audit trail says so."""
    for invoice_id, before in was.items():
        after = now.get(invoice_id)
        if after == before:
            continue
        later = 0 if after is None else after["revision"] - before["revision"]
        if later <= 0 or later != _amended(connection, invoice_id, closing.closed_at):
            yield f"{closing.period}: vendor invoice {invoice_id} changed after it was closed, and not by Microsoft"


def _amended(connection: Connection, invoice_id: str, since: datetime) -> int:
    query = select(func.count()).where(audit.c.action == INVOICE_CHANGED).where(audit.c.subject == invoice_id)
    return connection.execute(query.where(audit.c.at >= since)).scalar_one()


def _documents(period: str, was: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    for key, before in was.items():
        after = now.get(key)
        if after is None:
            yield f"{period}: document {key} is gone"
            continue
        changed = {name for name in before if before[name] != after.get(name)}
        for name in sorted(changed - {"lines"}):
            what = "postings" if name == "postings" else "head"
            yield f"{period}: {what} of document {key} changed after it was closed"
        for line_id in sorted(before["lines"].keys() | after["lines"].keys()):
            if before["lines"].get(line_id) != after["lines"].get(line_id):
                yield f"{period}: line {line_id} of document {key}, or a part of it, changed after it was closed"


@dataclass(frozen=True, slots=True)
class LaterFiles:
    """Lines of an invoice of a closed period that Microsoft delivered anew; kept, and not used by themselves."""

    invoice_id: str
    files: tuple[int, ...]


def later_files(connection: Connection, closing: Closing) -> list[LaterFiles]:
    """The latest set of raw files of each invoice that came after its period was closed."""
    known = max(map(int, closing.certificate["raw_files"]), default=0)
    query = (
        select(raw_files.c.id, raw_files.c.invoice_id, raw_files.c.set_tag)
        .where(raw_files.c.id > known)
        .where(raw_files.c.kind != "usage")
        .where(raw_files.c.current.is_(False))
        .order_by(raw_files.c.id)
    )
    found: dict[str, dict[str, list[int]]] = {}
    for row in connection.execute(query):
        if row.invoice_id in closing.certificate["vendor_invoices"]:
            found.setdefault(row.invoice_id, {}).setdefault(row.set_tag, []).append(row.id)
    return [LaterFiles(invoice_id, tuple(list(sets.values())[-1])) for invoice_id, sets in sorted(found.items())]


def latest_files(connection: Connection, invoice_id: str) -> list[StoredFile]:
    """The raw files with the lines of an invoice that Microsoft delivered last, whether or not they count."""
    period = closed_invoice(connection, invoice_id)
    closing = of_period(connection, period) if period else None
    later = later_files(connection, closing) if closing else []
    wanted = next((item.files for item in later if item.invoice_id == invoice_id), None)
    every = stored_lines.files_of(connection, invoice_id, current=wanted is None)
    return [file for file in every if file.kind != "usage" and (wanted is None or file.id in wanted)]


def last_audited(connection: Connection, action: str, subject: str) -> str:
    """What the latest audit row of an action says it came to, or ""."""
    query = select(audit.c.after).where(audit.c.action == action).where(audit.c.subject == subject)
    return connection.scalars(query.order_by(audit.c.no.desc()).limit(1)).one_or_none() or ""
