"""Two workers and one document: who sleeps too long, or comes too late, changes nothing (faults 1 - 3, 18, 19)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connector.flows.push import advance
from connector.store import postings
from connector.store.database import reading
from tests.faults.installation import PERIOD, Installation
from tests.faults.pretend import Killed, PretendLedger, Trouble, same_books
from tests.faults.workers import assert_each_once, books, push, worker

STEPS = ("leased", "looked", "sending", "called", "recorded", "verified")
LEASE = PretendLedger(books()).deadline + 15


def nth(step: str, number: int, do: Callable[[], None]) -> Callable[[str], None]:
    """A `passed` that does something when this step is passed for the nth time."""
    seen: list[str] = []

    def passed(name: str) -> None:
        if name == step:
            seen.append(name)
            if len(seen) == number:
                do()

    return passed


def facts(installation: Installation) -> list[dict[str, Any]]:
    """Everything postings say but the lease, which whoever has it may give back."""
    return [{name: value for name, value in row.items() if name != "lease_until"} for row in installation.postings()]


@pytest.mark.parametrize("number", [1, 2], ids=["create", "finalise"])
@pytest.mark.parametrize("step", STEPS)
def test_a_worker_that_slept_beyond_its_lease_changes_nothing_when_it_wakes(
    install: Callable[..., Installation], step: str, number: int
) -> None:
    installation, ledger = install(["C-1"]), PretendLedger(books())
    left: list[object] = []

    def sleep_long() -> None:
        ledger.books.clock.advance(LEASE + 1)
        push(worker(installation, same_books(ledger)))
        left.extend([facts(installation), list(ledger.books.writes)])

    push(worker(installation, ledger, nth(step, number, sleep_long)))
    assert left == [facts(installation), ledger.books.writes]
    assert_each_once(installation, ledger.books)


@pytest.mark.parametrize("number", [1, 2], ids=["create", "finalise"])
@pytest.mark.parametrize("step", STEPS)
def test_a_worker_that_dies_between_two_steps_is_followed_by_another(
    install: Callable[..., Installation], step: str, number: int
) -> None:
    installation, ledger = install(["C-1"]), PretendLedger(books())

    def die() -> None:
        raise Killed

    with pytest.raises(Killed):
        push(worker(installation, ledger, nth(step, number, die)))
    push(worker(installation, same_books(ledger)))
    assert_each_once(installation, ledger.books)


@pytest.mark.parametrize("pause", [1, LEASE / 2, LEASE - 1])
def test_a_worker_that_slept_before_the_call_does_not_outlast_the_wait_of_the_next(
    install: Callable[..., Installation], pause: float
) -> None:
    """Fault 19. Others wait from the moment that `sending` was written; a call that begins much later than that may
    be carried out after they have looked and found nothing."""
    held = books()

    def slow_once(name: str) -> tuple[Trouble, float]:
        late = name == "create" and not held.on_their_way and not held.documents
        return ("late", 60.0) if late else ("none", 0.0)

    installation, ledger = install(["C-1"]), PretendLedger(held, slow_once)
    push(worker(installation, ledger, nth("sending", 1, lambda: held.clock.advance(pause))))
    held.clock.advance(600)
    assert len(held.live(installation.refs()["C-1"])) == 1


def test_the_second_worker_leaves_a_leased_posting_alone(install: Callable[..., Installation]) -> None:
    installation, ledger = install(["C-1"]), PretendLedger(books())
    asked: list[str] = []
    other = same_books(ledger, meanwhile=asked.append)
    answers: list[object] = []

    def meet() -> None:
        world = worker(installation, other)
        with reading(world.engine) as connection:
            (due,) = postings.due(connection, PERIOD)
        answers.append(advance(world, due.id, other.connection()))

    push(worker(installation, ledger, nth("leased", 1, meet)))
    assert (answers, asked) == ([None], [])
    assert_each_once(installation, ledger.books)


def test_waiting_for_another_workers_lease_is_waiting_and_not_turning_round(
    install: Callable[..., Installation],
) -> None:
    """A push that finds everything leased by somebody else sleeps, it does not ask the database without a pause."""
    installation, ledger = install(["C-1"]), PretendLedger(books())

    def die() -> None:
        raise Killed

    with pytest.raises(Killed):
        push(worker(installation, ledger, nth("leased", 1, die)))
    rounds: list[str] = []

    def progress(text: str, done: int = 0, of: int = 0) -> None:
        rounds.append(text)
        ledger.books.clock.advance(0.01)
        assert len(rounds) < 200, "it turns round without a pause until the other's lease has run out"

    push(worker(installation, same_books(ledger), progress=progress))
    assert_each_once(installation, ledger.books)


def test_a_push_that_may_not_wait_leaves_what_another_worker_has(install: Callable[..., Installation]) -> None:
    """The job of the push queue does not wait: the clock rings again (flows/recover.py)."""
    installation, ledger = install(["C-1"]), PretendLedger(books())
    rounds: list[str] = []

    def progress(text: str, done: int = 0, of: int = 0) -> None:
        rounds.append(text)
        assert len(rounds) < 20, "it does not come back while somebody else has the lease"

    def meet() -> None:
        push(worker(installation, same_books(ledger), progress=progress), wait=False)

    push(worker(installation, ledger, nth("leased", 1, meet)))
    assert_each_once(installation, ledger.books)


def test_a_lease_that_ran_out_is_no_leave_to_call(install: Callable[..., Installation]) -> None:
    """Nobody took it over, but it is over: the call is not made."""
    installation, ledger = install(["C-1"]), PretendLedger(books())
    called: list[str] = []

    def sleep_long() -> None:
        ledger.books.clock.advance(LEASE + 1)
        ledger.meanwhile = called.append

    world = worker(installation, ledger, nth("sending", 1, sleep_long))
    with reading(world.engine) as connection:
        assert postings.due(connection) == []
    push(world, wait=False)
    assert "create" not in called
    push(worker(installation, ledger))
    assert_each_once(installation, ledger.books)
