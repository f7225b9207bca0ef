"""Due work: one row per (task, subject). Redis only rings; this row decides who does what, when, how often."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from connector.store.database import database_now
from connector.store.tables import slots, work

Task = Literal["look", "pull", "price", "push"]
# Each task has its queue, and each queue its own worker process (reliability.md section 2).
QUEUES: dict[str, str] = {"look": "pull", "pull": "pull", "price": "price", "push": "push"}
# Started so often without ever ending, a job is held: it kills its process (fault 59).
MAX_STARTS = 3
# Renewed while the work is going on (flows/recover.py), so a killed worker's work is free again soon.
LEASE = timedelta(seconds=90)
RENEW_EVERY = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work. `subject` is a period, or `partner` for the look at Partner Center."""

    id: int
    task: str
    subject: str
    queue: str
    state: str
    due_at: datetime
    fence: int
    starts: int
    attempts: int
    last_error: str
    since: datetime
    done_at: datetime | None
    lease_until: datetime | None


def want(connection: Connection, task: Task, subject: str, *, delay: timedelta = timedelta(0)) -> int:
    """Make a piece of work due; one that runs already is done once more afterwards. Its row's id.

    Work that is held stays so: only a person brings it back (`release`).
    """
    due_at = database_now(connection) + delay
    known = connection.execute(
        select(work.c.id, work.c.state, work.c.due_at).where(work.c.task == task).where(work.c.subject == subject)
    ).one_or_none()
    if known is None:
        try:
            with connection.begin_nested():
                done = connection.execute(
                    insert(work).values(
                        task=task,
                        subject=subject,
                        queue=QUEUES[task],
                        state="due",
                        due_at=due_at,
                        since=due_at,
                    )
                )
            assert done.inserted_primary_key is not None
            return int(done.inserted_primary_key[0])
        except IntegrityError:
            return want(connection, task, subject, delay=delay)
    values: dict[str, Any] = {"state": "due", "due_at": due_at}
    if known.state == "held" or (known.state == "due" and known.due_at <= due_at):
        return int(known.id)
    if known.state != "due":
        values |= {"since": due_at, "starts": 0, "attempts": 0}
    connection.execute(update(work).where(work.c.id == known.id).values(**values))
    return int(known.id)


def due(connection: Connection, now: datetime | None = None) -> list[Work]:
    """What may be started now: due, and leased by nobody; the longest waiting first."""
    moment = now or database_now(connection)
    rows = connection.execute(
        select(work)
        .where(work.c.state == "due")
        .where(work.c.due_at <= moment)
        .where(or_(work.c.lease_until.is_(None), work.c.lease_until <= moment))
        .order_by(work.c.due_at, work.c.id)
    )
    return [_work(row) for row in rows]


def take(connection: Connection, work_id: int, length: timedelta = LEASE) -> Work | None:
    """Lease a piece of due work; None when it is not due, or somebody has it, or it must be held."""
    now = database_now(connection)
    row = connection.execute(select(work).where(work.c.id == work_id)).one_or_none()
    if row is None or row.state != "due" or row.due_at > now or (row.lease_until and row.lease_until > now):
        return None
    if row.starts >= MAX_STARTS:
        connection.execute(
            update(work)
            .where(work.c.id == work_id)
            .values(state="held", last_error=f"started {row.starts} times and never ended: it kills its process")
        )
        return None
    done = connection.execute(
        update(work)
        .where(and_(work.c.id == work_id, work.c.fence == row.fence))
        .values(fence=row.fence + 1, lease_until=now + length, starts=row.starts + 1)
    )
    if done.rowcount != 1:
        return None
    return _work(connection.execute(select(work).where(work.c.id == work_id)).one())


def renew(connection: Connection, item: Work, length: timedelta = LEASE) -> None:
    """Keep the lease while the work is going on; no effect once somebody else has it."""
    connection.execute(
        update(work)
        .where(and_(work.c.id == item.id, work.c.fence == item.fence, work.c.lease_until.is_not(None)))
        .values(lease_until=database_now(connection) + length)
    )


def finish(connection: Connection, item: Work) -> None:
    """Done; due again at once if somebody wanted it meanwhile."""
    connection.execute(
        update(work)
        .where(and_(work.c.id == item.id, work.c.fence == item.fence, work.c.due_at == item.due_at))
        .values(state="done", done_at=database_now(connection))
    )
    _release(connection, item, attempts=0, last_error="")


def fail(connection: Connection, item: Work, why: str, *, after: timedelta) -> None:
    """Not done: try again later."""
    values = {"due_at": database_now(connection) + after, "attempts": item.attempts + 1, "last_error": why}
    _release(connection, item, **values)


def release(connection: Connection, subject: str) -> None:
    """A person looked: what was held for a subject may be tried again."""
    connection.execute(
        update(work)
        .where(and_(work.c.subject == subject, work.c.state == "held"))
        .values(state="due", due_at=database_now(connection), starts=0, attempts=0, lease_until=None)
    )


def _release(connection: Connection, item: Work, **values: Any) -> None:
    connection.execute(
        update(work)
        .where(and_(work.c.id == item.id, work.c.fence == item.fence))
        .values(lease_until=None, starts=0, **values)
    )


def all_work(connection: Connection) -> list[Work]:
    """Everything, for the operations page and `doctor`."""
    return [_work(row) for row in connection.execute(select(work).order_by(work.c.id))]


def take_slot(connection: Connection, schedule: str, slot: str) -> bool:
    """Claim a slot of a schedule; only one of any number of clocks gets it (fault 20)."""
    try:
        with connection.begin_nested():
            connection.execute(insert(slots).values(schedule=schedule, slot=slot, taken_at=database_now(connection)))
    except IntegrityError:
        return False
    return True


def _work(row: Row[Any]) -> Work:
    return Work(
        row.id,
        row.task,
        row.subject,
        row.queue,
        row.state,
        row.due_at,
        row.fence,
        row.starts,
        row.attempts,
        row.last_error,
        row.since,
        row.done_at,
        row.lease_until,
    )


def beat(connection: Connection) -> None:
    """The clock lives: /readyz and `doctor` look at when it last said so."""
    connection.execute(delete(slots).where(slots.c.schedule == "beat"))
    connection.execute(insert(slots).values(schedule="beat", slot="clock", taken_at=database_now(connection)))


def clock_age(connection: Connection) -> timedelta | None:
    """How long ago the clock last ticked, or None if it never did."""
    last = connection.execute(select(slots.c.taken_at).where(slots.c.schedule == "beat")).scalar_one_or_none()
    return None if last is None else database_now(connection) - last
