"""Doing due work, and finding what is due: a job carries an id, the row says the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog

from connector.domain.period import BillingPeriod, PeriodState
from connector.errors import ConnectorError, Misconfigured, Transient
from connector.flows.discover import discover
from connector.flows.month import pull_period
from connector.flows.price import price_period
from connector.flows.push_month import push_period
from connector.flows.world import World
from connector.store import inbox, periods, postings, work
from connector.store.database import reading, writing
from connector.store.work import Work

_log = structlog.get_logger()
_BACK_OFF = tuple(timedelta(seconds=seconds) for seconds in (15, 60, 300, 900, 3600))
_SETTINGS_AGAIN = timedelta(minutes=5)
_PULL_AGAIN = timedelta(hours=24)
_USAGE_PATIENCE_DAYS = 60

Ring = Callable[[str, int], None]


def no_bell(queue: str, work_id: int) -> None:
    """Without Redis nothing rings: the clock finds the row."""


def perform(world: World, work_id: int, *, ring: Ring = no_bell, push: bool = False) -> bool:
    """Do one piece of work if it is due and free; False when somebody else has it.

    `push`: push what has been priced without asking a person.
    """
    with writing(world.engine) as connection:
        item = work.take(connection, work_id)
    if item is None:
        return False
    log = _log.bind(task=item.task, subject=item.subject, work=item.id)
    log.info("work_started", attempt=item.attempts + 1)
    try:
        with _kept(world, item):
            following = _TASKS[item.task](world, item, push)
    except Misconfigured as error:
        # a person must change something; looking again costs little and finds out when he has
        with writing(world.engine) as connection:
            work.fail(connection, item, str(error), after=_SETTINGS_AGAIN)
        log.error("settings_wrong", why=str(error))
        return True
    except ConnectorError as error:
        after = _BACK_OFF[min(item.attempts, len(_BACK_OFF) - 1)]
        with writing(world.engine) as connection:
            work.fail(connection, item, str(error), after=after)
        log.warning("work_postponed", why=str(error), seconds=int(after.total_seconds()))
        return True
    rung = []
    with writing(world.engine) as connection:
        for task, subject, delay in following:
            rung.append((work.QUEUES[task], work.want(connection, task, subject, delay=delay)))
        work.finish(connection, item)
    log.info("work_done")
    for queue, next_id in rung:
        ring(queue, next_id)
    return True


@contextmanager
def _kept(world: World, item: Work) -> Iterator[None]:
    """Renew the lease in the background: an export may take an hour, and nobody else may begin it meanwhile."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(work.RENEW_EVERY.total_seconds()):
            try:
                with writing(world.engine) as connection:
                    work.renew(connection, item)
            except Transient as error:
                _log.warning("lease_not_renewed", work=item.id, why=str(error))

    keeper = threading.Thread(target=renew, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()


Following = list[tuple[work.Task, str, timedelta]]
_NOW = timedelta(0)


def _look(world: World, item: Work, push: bool) -> Following:
    """Ask Partner Center what exists: a notice says "look", and so does the clock."""
    with reading(world.engine) as connection:
        notices = inbox.unhandled(connection)
    changed = discover(world)
    with writing(world.engine) as connection:
        for notice in notices:
            inbox.mark_handled(connection, notice.digest)
        open_periods = {
            period
            for period in periods.known_periods(connection)
            if any(not i.header.voided and i.arrival != "whole" for i in periods.invoices_of(connection, period))
        }
    return [("pull", period, _NOW) for period in sorted(changed | open_periods)]


def _pull(world: World, item: Work, push: bool) -> Following:
    trouble = pull_period(world, item.subject)
    if trouble and trouble[0].exit_status == 3:
        price_period(world, item.subject)
        raise trouble[0]
    return [("price", item.subject, _NOW)]


def _price(world: World, item: Work, push: bool) -> Following:
    state = price_period(world, item.subject)
    following: Following = [("push", item.subject, _NOW)] if push else []
    if state in (PeriodState.INCOMPLETE, PeriodState.UNBALANCED) or _late_usage(world, item.subject):
        # Microsoft may still deliver (interfaces.md section 8: pulled again daily)
        following.append(("pull", item.subject, _PULL_AGAIN))
    return following


def _late_usage(world: World, period: str) -> bool:
    """Daily usage that did not come with its invoice usually comes within days: look again for a while."""
    if (world.today() - BillingPeriod.parse(period).last_day()).days > _USAGE_PATIENCE_DAYS:
        return False
    with reading(world.engine) as connection:
        return any(finding.code == "usage_missing" for finding in periods.findings_of(connection, period))


def _push(world: World, item: Work, push: bool) -> Following:
    result = push_period(world, item.subject, wait=False)
    with reading(world.engine) as connection:
        waiting = postings.due(connection, item.subject)
    if result.refused:
        raise Misconfigured(f"The ledger refuses our connection: {result.refused}", code="ledger_refused")
    if result.unavailable or waiting:
        return [("push", item.subject, timedelta(seconds=15))]
    return []


_TASKS: dict[str, Callable[[World, Work, bool], Following]] = {
    "look": _look,
    "pull": _pull,
    "price": _price,
    "push": _push,
}


def reconcile(world: World, ring: Ring) -> list[Work]:
    """Everything that is due and free, rung again: duplicates are harmless, silence is not.

    Also makes work of what has none: notices nobody looked at, postings that wait.
    """
    with writing(world.engine) as connection:
        if inbox.waiting(connection):
            work.want(connection, "look", "partner")
        for period in {p for p in periods.known_periods(connection) if postings.due(connection, p)}:
            work.want(connection, "push", period)
        found = work.due(connection)
    for item in found:
        ring(item.queue, item.id)
    return found
