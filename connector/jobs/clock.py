"""The clock: due slots and due rows. Two clocks do no harm, and losing every notice costs only time.

Without Redis (absent or dead) the clock does the work itself, slowly (README, decision 7).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from connector.errors import Transient
from connector.flows import recover
from connector.flows.world import World
from connector.jobs.queue import Bell
from connector.store import work
from connector.store.database import database_now, writing

_log = structlog.get_logger()
RECONCILE_SECONDS = 60
# Work that nobody took this long after ringing is done by the clock: no worker lives, or none for its queue.
UNHEARD = timedelta(seconds=90)


def tick(world: World, bell: Bell, poll_minutes: int, *, push: bool) -> int:
    """One turn: claim the polling slot, ring for due work, do what nobody hears. How much was done here."""
    with writing(world.engine) as connection:
        now = database_now(connection)
        if work.take_slot(connection, "poll", _slot(now, poll_minutes)):
            work.want(connection, "look", "partner")
        work.beat(connection)
    alone = not bell.works()
    found = recover.reconcile(world, bell)
    done = 0
    for item in found:
        if alone or item.due_at < now - UNHEARD:
            done += recover.perform(world, item.id, ring=bell, push=push)
    return done


def _slot(now: datetime, minutes: int) -> str:
    whole = int(now.timestamp()) // (minutes * 60) * minutes * 60
    return datetime.fromtimestamp(whole, UTC).isoformat()


def run(
    world: World,
    bell: Bell,
    poll_minutes: int,
    *,
    push: bool,
    every: float = RECONCILE_SECONDS,
    stop: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Tick until told to stop. While the clock itself works off what is due, it does not sleep in between."""
    _log.info("clock_started", every=every)
    while not stop():
        try:
            done = tick(world, bell, poll_minutes, push=push)
        except Transient as error:
            # the database is away: nothing is lost, the rows wait
            _log.warning("clock_waits", why=str(error))
            done = 0
        sleep(1.0 if done else every)
