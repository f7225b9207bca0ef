"""The outbox: one row per document and step, leased with a fence, in the database's own time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from connector.domain.posting import Posting, PostingState, Step
from connector.store.database import database_now
from connector.store.tables import documents, postings


class FenceLost(Exception):
    """Somebody else took the lease meanwhile: leave everything as it is."""


@dataclass(frozen=True, slots=True)
class Due:
    """A posting that wants attention."""

    id: int
    document_id: str
    step: Step
    state: PostingState
    next_try_at: datetime
    ledger: str
    lease_until: datetime | None


def plan(connection: Connection, document_id: str, step: Step, ledger: str, ref: str) -> bool:
    """Create the row of a step if it is not there; False when it is (the unique index decides, not this check)."""
    known = connection.execute(
        select(postings.c.id).where(postings.c.document_id == document_id).where(postings.c.step == step)
    ).one_or_none()
    if known is not None:
        return False
    connection.execute(
        insert(postings).values(
            document_id=document_id,
            step=step,
            ledger=ledger,
            ref=ref,
            state=PostingState.PLANNED.value,
            next_try_at=database_now(connection),
        )
    )
    return True


def lease(connection: Connection, posting_id: int, length: timedelta) -> Posting | None:
    """Take the lease by compare-and-set on the fence, or None when another worker holds it."""
    now = database_now(connection)
    row = connection.execute(select(postings).where(postings.c.id == posting_id)).one_or_none()
    if row is None or (row.lease_until is not None and row.lease_until > now):
        return None
    done = connection.execute(
        update(postings)
        .where(postings.c.id == posting_id)
        .where(postings.c.fence == row.fence)
        .where(or_(postings.c.lease_until.is_(None), postings.c.lease_until <= now))
        .values(fence=row.fence + 1, lease_until=now + length)
    )
    return one(connection, posting_id) if done.rowcount == 1 else None


def record(connection: Connection, held: Posting, **values: Any) -> None:
    """Write under our fence; FenceLost when it is no longer ours (every later write names the fence)."""
    done = connection.execute(
        update(postings).where(postings.c.id == held.id).where(postings.c.fence == held.fence).values(**values)
    )
    if done.rowcount != 1:
        raise FenceLost


def still_ours(connection: Connection, held: Posting) -> bool:
    """Whether our lease still runs: checked right before the call (fault 19)."""
    row = connection.execute(select(postings.c.fence, postings.c.lease_until).where(postings.c.id == held.id)).one()
    return row.fence == held.fence and row.lease_until is not None and row.lease_until > database_now(connection)


def one(connection: Connection, posting_id: int) -> Posting | None:
    row = connection.execute(select(postings).where(postings.c.id == posting_id)).one_or_none()
    return None if row is None else _posting(row)


def of_document(connection: Connection, document_id: str) -> dict[str, Posting]:
    """The postings of a document by step."""
    rows = connection.execute(select(postings).where(postings.c.document_id == document_id))
    return {row.step: _posting(row) for row in rows}


def of_period(connection: Connection, period: str) -> dict[str, dict[str, Posting]]:
    """All postings of a period: document id -> step -> posting."""
    rows = connection.execute(
        select(postings).join(documents, documents.c.id == postings.c.document_id).where(documents.c.period == period)
    )
    found: dict[str, dict[str, Posting]] = {}
    for row in rows:
        found.setdefault(row.document_id, {})[row.step] = _posting(row)
    return found


def due(connection: Connection, period: str | None = None) -> list[Due]:
    """Postings that are neither finished nor held, whether or not their time has come.

    In the order of their dates: a ledger with a strict sequence numbers in date order (failure-cases.md, 31).
    """
    query = (
        select(postings)
        .join(documents, documents.c.id == postings.c.document_id)
        .where(postings.c.state.not_in([PostingState.VERIFIED.value, PostingState.HELD.value]))
        # a document that may not go (any more) waits, unless a ledger has heard of it already
        .where(or_(documents.c.state == "frozen", documents.c.held_reason == ""))
        .order_by(documents.c.issue_date, postings.c.next_try_at, postings.c.id)
    )
    if period is not None:
        query = query.where(documents.c.period == period)
    return [
        Due(
            row.id,
            row.document_id,
            row.step,
            PostingState(row.state),
            row.next_try_at,
            row.ledger,
            row.lease_until,
        )
        for row in connection.execute(query)
    ]


def release(connection: Connection, posting_id: int) -> None:
    """A person lets a held posting go on: it is looked up first, like every other."""
    connection.execute(
        update(postings)
        .where(postings.c.id == posting_id)
        .where(postings.c.state == PostingState.HELD.value)
        .values(
            state=PostingState.PLANNED.value,
            next_try_at=database_now(connection),
            lease_until=None,
            fence=postings.c.fence + 1,
        )
    )


def hurry(connection: Connection, posting_id: int) -> None:
    """A person asks: what was never sent is tried now, not when its pause is over."""
    connection.execute(
        update(postings)
        .where(postings.c.id == posting_id)
        .where(postings.c.state == PostingState.PLANNED.value)
        .values(next_try_at=database_now(connection))
    )


def forget_gone(connection: Connection, document_id: str) -> None:
    """A person says that a document deleted in the ledger shall be made again: begin from the first step."""
    gone = connection.execute(
        select(postings.c.id)
        .where(postings.c.document_id == document_id)
        .where(postings.c.state == PostingState.HELD.value)
        .where(postings.c.last_error_code == "gone")
    ).first()
    if gone is None:
        return
    connection.execute(
        delete(postings).where(postings.c.document_id == document_id).where(postings.c.step == "finalise")
    )
    connection.execute(
        update(postings)
        .where(postings.c.document_id == document_id)
        .values(
            state=PostingState.PLANNED.value,
            remote_id=None,
            sent_at=None,
            number="",
            read_back_total=None,
            next_try_at=database_now(connection),
            lease_until=None,
            fence=postings.c.fence + 1,
            last_error="",
            last_error_code="",
        )
    )


def _posting(row: Row[Any]) -> Posting:
    total: Decimal | None = row.read_back_total
    return Posting(
        id=row.id,
        document_id=row.document_id,
        step=row.step,
        ledger=row.ledger,
        ref=row.ref,
        state=PostingState(row.state),
        fence=row.fence,
        lease_until=row.lease_until,
        sent_at=row.sent_at,
        remote_id=row.remote_id or "",
        number=row.number,
        attempts=row.attempts,
        next_try_at=row.next_try_at,
        last_error=row.last_error,
        last_error_code=row.last_error_code,
        read_back_total=total,
    )
