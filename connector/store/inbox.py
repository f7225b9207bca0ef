"""Microsoft's notices as they arrived. A notice says "look", it never carries facts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from connector.store.database import database_now
from connector.store.tables import counters, inbox


@dataclass(frozen=True, slots=True)
class Notice:
    """One stored notice: the digest of its raw body, its event and the id it names."""

    digest: str
    event_name: str
    subject: str


def store(connection: Connection, body: bytes, event_name: str, subject: str) -> bool:
    """Keep a notice; False when the same body is already here (fault 21: one row however often it comes)."""
    digest = hashlib.sha256(body).hexdigest()
    try:
        with connection.begin_nested():
            connection.execute(
                insert(inbox).values(
                    digest=digest,
                    received_at=database_now(connection),
                    event_name=event_name,
                    subject=subject,
                    body=body,
                )
            )
    except IntegrityError:
        return False
    return True


def unhandled(connection: Connection) -> list[Notice]:
    """Notices nobody has looked at, oldest first."""
    rows = connection.execute(
        select(inbox.c.digest, inbox.c.event_name, inbox.c.subject)
        .where(inbox.c.handled_at.is_(None))
        .order_by(inbox.c.received_at, inbox.c.digest)
    )
    return [Notice(*row) for row in rows]


def mark_handled(connection: Connection, digest: str) -> None:
    connection.execute(update(inbox).where(inbox.c.digest == digest).values(handled_at=database_now(connection)))


def count(connection: Connection, name: str, by: int = 1) -> None:
    """Raise a counter, for things that are counted but not kept (fault 22)."""
    done = connection.execute(update(counters).where(counters.c.name == name).values(value=counters.c.value + by))
    if not done.rowcount:
        connection.execute(insert(counters).values(name=name, value=by))


def counted(connection: Connection) -> dict[str, int]:
    rows = connection.execute(select(counters.c.name, counters.c.value))
    return {row.name: row.value for row in rows}


def waiting(connection: Connection) -> int:
    """How many notices wait."""
    return connection.execute(select(func.count()).where(inbox.c.handled_at.is_(None))).scalar_one()
