"""kill -9 between any two steps of a push into the real ledger; whoever comes next finishes the job."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector.flows.verify import verify_all
from tests.faults.booked import WRITES, assert_booked_once, attempts, live
from tests.faults.installation import PERIOD, Installation
from tests.faults.processes import Processes
from tests.standins.tryton import FaultyProxy, TrytonServer

pytestmark = pytest.mark.tryton
Install = Callable[..., Installation]
TWO = ["C-1", "C-3"]
# Longer than the lease (deadline + 15 s) and than the ledger may still commit.
LONG = 25
STEPS = ("leased", "looked", "sending", "called", "recorded", "verified")


def said(installation: Installation) -> list[dict[str, Any]]:
    """What postings say, without who had the lease when."""
    gone = ("lease_until", "fence")
    return [{name: value for name, value in row.items() if name not in gone} for row in installation.postings()]


def finished(processes: Processes, installation: Installation, tryton: TrytonServer) -> None:
    """The ordinary command ends it; all invariants hold; the same command again changes nothing."""
    done = processes.run(installation, "push", PERIOD, "--json")
    assert done.status == 0, done.text
    assert done.json["state"] == "pushed"
    first, tried = assert_booked_once(installation, tryton), attempts(installation)
    assert {one.id: one.problems for one in verify_all(installation.world()) if one.problems} == {}
    again = processes.run(installation, "push", PERIOD, "--json")
    assert again.status == 0, again.text
    assert [item["action"] for item in again.json["planned"]] == ["skip"] * len(first)
    assert (assert_booked_once(installation, tryton), attempts(installation)) == (first, tried)


@pytest.mark.parametrize(
    ("step", "number"),
    [("planned", 1), *((step, number) for step in STEPS for number in (1, 3))],
    ids=lambda value: {1: "create", 3: "finalise"}.get(value, str(value)),
)
def test_a_push_killed_after_a_step_is_finished_by_the_next(
    install: Install, tryton: TrytonServer, processes: Processes, step: str, number: int
) -> None:
    installation = install(TWO)
    installation.connect_tryton(tryton.settings)
    assert processes.wait(processes.start_dying(installation, step, number)).status == -signal.SIGKILL
    # the third one of two documents is the first to be issued
    assert (("C-1", "finalise") in installation.states()) == (number == 3)
    installation.let_time_pass(LONG)
    finished(processes, installation, tryton)


def test_the_next_push_waits_by_itself_until_the_dead_ones_lease_is_over(
    install: Install, tryton: TrytonServer, processes: Processes
) -> None:
    """The last seconds of it in real time: nobody turns the clock here."""
    installation = install(["C-1"])
    installation.connect_tryton(tryton.settings, timeout="2")
    processes.wait(processes.start_dying(installation, "sending", 1))
    installation.let_time_pass(14)
    began = time.monotonic()
    finished(processes, installation, tryton)
    assert 2 < time.monotonic() - began < 20
    checked = processes.run(installation, "verify", "--json")
    assert checked.status == 0, checked.text


@pytest.mark.parametrize(("step", "number"), [("looked", 1), ("sending", 1), ("sending", 3)])
def test_a_push_stopped_beyond_its_lease_wakes_and_does_no_harm(
    install: Install, tryton: TrytonServer, processes: Processes, step: str, number: int
) -> None:
    """Fault 19, with a process that really sleeps."""
    installation = install(TWO)
    installation.connect_tryton(tryton.settings)
    sleeper = processes.start_dying(installation, step, number, "STOP")
    assert processes.wait(sleeper).status == -signal.SIGSTOP
    try:
        installation.let_time_pass(LONG)
        finished(processes, installation, tryton)
        before, rows = assert_booked_once(installation, tryton), said(installation)
    finally:
        os.kill(sleeper, signal.SIGCONT)
    ended = processes.wait(sleeper)
    assert ended.status == 0, ended.text
    assert assert_booked_once(installation, tryton) == before
    assert said(installation) == rows


def test_two_pushes_at_once_make_one_invoice_each(install: Install, tryton: TrytonServer, processes: Processes) -> None:
    """Faults 18 and 40: in different zones, and with clocks that nobody asks."""
    installation = install()
    installation.connect_tryton(tryton.settings)
    both = [processes.start_push(installation, TZ=zone) for zone in ("Pacific/Kiritimati", "America/Los_Angeles")]
    ended = [processes.wait(one) for one in both]
    assert [one.status for one in ended] == [0, 0], "\n".join(one.text for one in ended)
    assert_booked_once(installation, tryton)
    assert all(count == 1 for _, _, count in attempts(installation))
    finished(processes, installation, tryton)


def test_a_finished_month_is_not_written_again(
    install: Install, tryton: TrytonServer, proxy: FaultyProxy, processes: Processes
) -> None:
    installation = install()
    installation.connect_tryton({**tryton.settings, "url": proxy.url})
    assert processes.run(installation, "push", PERIOD).status == 0
    before = assert_booked_once(installation, tryton)
    written = sum(proxy.count(method) for method in WRITES)
    assert written == 6
    assert processes.run(installation, "push", PERIOD).status == 0
    assert processes.run(installation, "push", PERIOD, "--dry-run").status == 0
    assert sum(proxy.count(method) for method in WRITES) == written
    assert assert_booked_once(installation, tryton) == before


def test_an_older_database_finds_in_the_ledger_what_it_does_not_remember(
    install: Install, tryton: TrytonServer, proxy: FaultyProxy, processes: Processes
) -> None:
    """Fault 38: a backup from before the push is restored; everything is looked up and adopted."""
    installation = install()
    installation.connect_tryton({**tryton.settings, "url": proxy.url})
    backup: Path = installation.copy_of_database("backup.sqlite")
    assert processes.run(installation, "push", PERIOD).status == 0
    before = assert_booked_once(installation, tryton)
    installation.put_back(backup)
    assert installation.postings() == []
    proxy.clear()
    finished(processes, installation, tryton)
    assert assert_booked_once(installation, tryton) == before
    assert sum(proxy.count(method) for method in WRITES) == 0


def test_a_database_from_the_middle_of_the_push_does_not_double_either(
    install: Install, tryton: TrytonServer, processes: Processes
) -> None:
    installation = install(TWO)
    installation.connect_tryton(tryton.settings)
    processes.wait(processes.start_dying(installation, "recorded", 1))
    backup = installation.copy_of_database("backup.sqlite")
    installation.let_time_pass(LONG)
    finished(processes, installation, tryton)
    before = assert_booked_once(installation, tryton)
    installation.put_back(backup)
    installation.let_time_pass(LONG)
    finished(processes, installation, tryton)
    assert assert_booked_once(installation, tryton) == before


def test_a_ledger_that_is_killed_in_the_middle_answers_later(
    install: Install, tryton: TrytonServer, processes: Processes
) -> None:
    """Its process is away when the push comes, and back before the push gives up."""
    installation = install(["C-1"])
    installation.connect_tryton(tryton.settings)
    sleeper = processes.start_dying(installation, "looked", 1, "STOP")
    assert processes.wait(sleeper).status == -signal.SIGSTOP
    tryton.kill()
    os.kill(sleeper, signal.SIGCONT)
    limit = time.monotonic() + 15
    while not installation.postings()[0]["last_error"] and time.monotonic() < limit:
        time.sleep(0.05)
    tryton.start()
    ended = processes.wait(sleeper)
    assert ended.status == 0, ended.text
    assert len(live(tryton, installation.refs()["C-1"])) == 1
    finished(processes, installation, tryton)
