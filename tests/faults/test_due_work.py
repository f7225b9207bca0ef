"""Work that is due gets done: without a bell, after deaths, and never by a job that kills its process for ever."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connector.flows.recover import perform, reconcile
from connector.flows.world import World
from connector.store import postings, work
from connector.store.database import reading, writing
from tests.faults.installation import PERIOD, Installation
from tests.faults.pretend import Killed, PretendLedger, same_books
from tests.faults.test_takeover import STEPS, nth
from tests.faults.workers import assert_each_once, books, push, worker

Install = Callable[..., Installation]


def tick(world: World, ledger: PretendLedger, *, seconds: float = 60) -> list[int]:
    """What the clock does every minute, and a worker that answers: the ids of what was rung."""
    ledger.books.clock.advance(seconds)
    rung: list[int] = []
    reconcile(world, lambda queue, work_id: rung.append(work_id))
    for work_id in rung:
        perform(world, work_id)
    return rung


@pytest.mark.parametrize("step", STEPS)
def test_what_a_dead_worker_left_is_done_without_anybody_asking(install: Install, step: str) -> None:
    """Faults 30 and 31: Redis is empty, nobody presses a button; the rows in the database are enough."""
    installation, ledger = install(), PretendLedger(books())

    def die() -> None:
        raise Killed

    with pytest.raises(Killed):
        push(worker(installation, ledger, nth(step, 2, die)))
    world = worker(installation, same_books(ledger))
    for _ in range(5):
        tick(world, ledger)
    assert_each_once(installation, ledger.books)
    assert tick(world, ledger) == []


def test_a_push_job_killed_in_the_middle_is_started_again_when_its_lease_is_over(install: Install) -> None:
    installation, ledger = install(), PretendLedger(books())

    def die() -> None:
        raise Killed

    dying = worker(installation, ledger, nth("called", 1, die))
    with writing(dying.engine) as connection:
        work_id = work.want(connection, "push", PERIOD)
    with pytest.raises(Killed):
        perform(dying, work_id)
    world = worker(installation, same_books(ledger))
    assert tick(world, ledger) == [], "the dead one's lease still runs"
    for _ in range(3):
        tick(world, ledger, seconds=work.LEASE.total_seconds())
    assert_each_once(installation, ledger.books)


def test_two_rings_for_one_job_are_one_run(install: Install) -> None:
    """Faults 18 and 31: an old copy of Redis rings again; the second worker leaves at once."""
    installation, ledger = install(["C-1"]), PretendLedger(books())
    answers: list[bool] = []

    def ring_again() -> None:
        answers.append(perform(worker(installation, same_books(ledger)), 1))

    world = worker(installation, ledger, nth("sending", 1, ring_again))
    with writing(world.engine) as connection:
        assert work.want(connection, "push", PERIOD) == 1
    assert perform(world, 1)
    assert answers == [False]
    assert not perform(world, 1), "it is done"
    for _ in range(3):
        tick(world, ledger)
    assert_each_once(installation, ledger.books)


def killed_three_times(installation: Installation, ledger: PretendLedger) -> World:
    """A push that kills its process at the first step, and a clock that brings it back each time."""
    push(worker(installation, PretendLedger(ledger.books, lambda name: ("refused", 0.0))), wait=False)

    def die() -> None:
        raise Killed

    for _ in range(work.MAX_STARTS):
        poisoned = worker(installation, same_books(ledger), nth("leased", 1, die))
        with pytest.raises(Killed):
            tick(poisoned, ledger, seconds=work.LEASE.total_seconds() + 60)
    return poisoned


def test_a_job_that_kills_its_process_three_times_is_held(install: Install) -> None:
    """Fault 59."""
    installation, ledger = install(["C-1"]), PretendLedger(books())
    poisoned = killed_three_times(installation, ledger)
    tick(poisoned, ledger, seconds=work.LEASE.total_seconds() + 60)
    with reading(poisoned.engine) as connection:
        (item,) = [item for item in work.all_work(connection) if item.task == "push"]
    assert item.state == "held"
    assert "kills its process" in item.last_error


def test_a_held_job_is_not_brought_back_by_the_clock(install: Install) -> None:
    """Fault 59: held until a person looks, though its postings are still due; the clock must not revive it."""
    installation, ledger = install(["C-1"]), PretendLedger(books())
    poisoned = killed_three_times(installation, ledger)
    for _ in range(5):
        tick(poisoned, ledger, seconds=work.LEASE.total_seconds() + 60)
    with reading(poisoned.engine) as connection:
        (item,) = [item for item in work.all_work(connection) if item.task == "push"]
        assert item.state == "held"
        assert postings.due(connection)


def test_other_work_goes_on_beside_a_held_job(install: Install) -> None:
    installation, ledger = install(["C-1"]), PretendLedger(books())
    poisoned = killed_three_times(installation, ledger)
    with writing(poisoned.engine) as connection:
        other = work.want(connection, "price", PERIOD)
    tick(poisoned, ledger, seconds=work.LEASE.total_seconds() + 60)
    with reading(poisoned.engine) as connection:
        assert {item.id: item.state for item in work.all_work(connection)}[other] == "done"


def test_two_clocks_take_each_slot_once(install: Install) -> None:
    """Fault 20."""
    installation = install(["C-1"])
    one, other = installation.world(), installation.world()
    taken = []
    for world in (one, other):
        with writing(world.engine) as connection:
            taken.append(work.take_slot(connection, "poll", "2026-11-09T03:00"))
    assert taken == [True, False]
