"""A worker that pushes into a pretend ledger, on a database whose clock the test sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connector.flows.push_month import PushResult, push_period
from connector.flows.world import World
from tests.faults.clock import DatabaseClock
from tests.faults.installation import EXPECTED, PERIOD, Installation
from tests.faults.pretend import Books, PretendLedger

# A round in which a push finds nothing to do costs it this much time, as it does in the real world.
_ROUND_SECONDS = 0.25


def worker(
    installation: Installation,
    ledger: PretendLedger,
    passed: Callable[[str], None] = lambda step: None,
    *,
    finalise: bool = True,
    **changes: Any,
) -> World:
    """A process of its own: its own engine, its own connection to the ledger, the database's clock."""
    clock = ledger.books.clock

    def progress(text: str, done: int = 0, of: int = 0) -> None:
        clock.advance(_ROUND_SECONDS)

    given: dict[str, Any] = {
        "ledgers": lambda: [ledger.connection(finalise=finalise)],
        "sleep": clock.advance,
        "progress": progress,
        "passed": passed,
        "today": lambda: clock.now.date(),
    }
    world = installation.world(**{**given, **changes})
    clock.rule(world.engine)
    return world


def push(world: World, **options: Any) -> PushResult:
    return push_period(world, PERIOD, **options)


def books() -> Books:
    return Books(DatabaseClock())


def assert_each_once(installation: Installation, held: Books, *, final: bool = True) -> None:
    """Every customer's document lives exactly once in the ledger, to the cent, with its links; nothing is left."""
    for customer, ref in installation.refs().items():
        live = held.live(ref)
        assert len(live) == 1, f"{customer} has {len(live)} documents in the ledger"
        assert live[0].net_total == EXPECTED[customer]
        assert live[0].customer == customer
        assert live[0].state == ("final" if final else "draft")
        assert all(line.url.startswith("https://bills.example.test/i/") for line in live[0].lines)
    assert set(installation.states().values()) == {"verified"}
    assert not held.on_their_way
    rows = installation.postings()
    for row in rows:
        (live_one,) = held.live(row["ref"])
        assert (row["remote_id"], row["read_back_total"]) == (live_one.id, str(live_one.net_total))
