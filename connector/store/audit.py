"""The append-only, chained log of changes: each row carries the hash of the one before.

Source: product.md promise 29.

A changed, inserted or removed row breaks the chain and `verify` names it. Rows cut off at the very end leave
a whole chain: compare the last number with a copy kept elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from sqlalchemy import Connection, insert, select, text

from connector.store.database import database_now
from connector.store.tables import audit

_FIRST = "0" * 64
# Any fixed number: it names our advisory lock on PostgreSQL.
_LOCK = 7_301_204


def append(connection: Connection, who: str, action: str, subject: str, before: str, after: str, why: str = "") -> int:
    """Add a row in the caller's transaction; its number. None of the texts may hold a secret."""
    if connection.dialect.name == "postgresql":
        # two rows must not follow the same one; on SQLite the one writer is enough
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    last = connection.execute(select(audit.c.no, audit.c.hash).order_by(audit.c.no.desc()).limit(1)).first()
    number, previous = (last.no + 1, last.hash) if last else (1, _FIRST)
    at = database_now(connection)
    words = (who, action, subject, before, after, why)
    connection.execute(
        insert(audit).values(
            no=number, at=at, who=who, action=action, subject=subject, before=before, after=after, why=why,
            previous=previous, hash=_hash(previous, number, at, words),
        )
    )  # fmt: skip
    return number


def verify(connection: Connection) -> list[str]:
    """Everything that is wrong with the chain, in words; an empty list if nothing is."""
    problems: list[str] = []
    number, previous = 0, _FIRST
    for row in connection.execute(select(audit).order_by(audit.c.no).execution_options(yield_per=1000)):
        if row.no != number + 1:
            problems.append(f"between audit rows {number} and {row.no} rows are missing")
        if row.previous != previous:
            problems.append(f"audit row {row.no} does not follow the row before it")
        words = (row.who, row.action, row.subject, row.before, row.after, row.why)
        if row.hash != _hash(row.previous, row.no, row.at, words):
            problems.append(f"audit row {row.no} was changed after it was written")
        number, previous = row.no, row.hash
    return problems


def _hash(previous: str, number: int, at: datetime, words: tuple[str, ...]) -> str:
    canonical = json.dumps([number, at.isoformat(), *words], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(previous.encode() + canonical.encode()).hexdigest()
