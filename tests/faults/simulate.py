"""Thousands of bad months in a minute: two workers, a ledger that fails, a clock that runs as it is told.

The flows, the state machine and the SQLite file are the real ones; the ledger is in memory and the database's
clock is ours. A seed decides everything, so a red seed stays red. `python -m tests.faults.simulate --seeds 2000`.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from connector.flows.verify import verify_all
from tests.faults.clock import START, DatabaseClock
from tests.faults.installation import Installation, decided, priced
from tests.faults.pretend import Books, Killed, PretendLedger, Trouble
from tests.faults.workers import assert_each_once, push, worker

_ROOT = Path(__file__).resolve().parents[2]
_LIMIT = timedelta(hours=10)
_CALLS: tuple[Trouble, ...] = ("refused", "throttled", "lost_before", "lost_after", "late")
_DEATHS: tuple[Trouble, ...] = ("killed_before", "killed_after", "killed_late")


@dataclass(frozen=True, slots=True)
class Profile:
    """What may go wrong in a run."""

    name: str
    troubles: tuple[Trouble, ...] = (*_CALLS, *_DEATHS)
    deaths: float = 0.04
    sleeps: tuple[float, ...] = ()
    server_times: tuple[int, ...] = (3, 60)
    lag: int = 0
    finalise: bool = True
    held_is_right: bool = False


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("calls-and-deaths"),
        Profile(
            "sleepers",
            ("late", "late", "killed_late", "lost_after"),
            deaths=0.01,
            sleeps=(20.0, 90.0),
            server_times=(20, 60),
        ),
        Profile("lagging-index", lag=30, finalise=False),
        Profile("lagging-index-issued", lag=30),
        Profile("answers-of-others", ("late", "killed_after", "other_answer", "other_answer"), held_is_right=True),
    )
}


@dataclass(slots=True)
class Actor:
    """A worker process: a thread that runs only while it has the stage."""

    gate: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    asleep_until: datetime = START
    done: bool = False


class Stage:
    """Lets one worker at a time go on to its next step; which one, the seed decides."""

    def __init__(self, seed: int, profile: Profile) -> None:
        self.random = random.Random(seed)
        self.profile = profile
        self.clock = DatabaseClock()
        self.budget = 10
        self.longest = float(self.random.choice(profile.server_times))
        self.faults: list[str] = []
        self.problems: list[str] = []
        self._turn = threading.Semaphore(0)
        self._actors: list[Actor] = []

    def fails(self, chance: float) -> bool:
        if self.budget <= 0 or self.random.random() >= chance:
            return False
        self.budget -= 1
        return True

    def weather(self, name: str) -> tuple[Trouble, float]:
        # writes are what it is about
        if not self.fails(0.6 if name in ("create", "finalise") else 0.06):
            return "none", 0.0
        trouble = self.random.choice(self.profile.troubles)
        self.faults.append(f"{name}: {trouble}")
        if trouble not in ("late", "killed_late"):
            return trouble, 0.0
        # the last permitted moment is the one that finds out
        return trouble, self.random.choice([self.longest, self.random.uniform(0, self.longest)])

    def passed(self, actor: Actor) -> Callable[[str], None]:
        def passed(step: str) -> None:
            self.give_way(actor)
            if self.fails(self.profile.deaths):
                self.faults.append(f"died after {step}")
                raise Killed
            if self.profile.sleeps and self.fails(0.5 if step == "sending" else 0.05):
                seconds = self.random.uniform(0, self.random.choice(self.profile.sleeps))
                self.faults.append(f"slept {seconds:.1f} s after {step}")
                self.sleep(actor)(seconds)

        return passed

    def sleep(self, actor: Actor) -> Callable[[float], None]:
        def sleep(seconds: float) -> None:
            actor.asleep_until = self.clock.now + timedelta(seconds=seconds)
            self.give_way(actor)

        return sleep

    def give_way(self, actor: Actor) -> None:
        self._turn.release()
        actor.gate.acquire()

    def play(self, roles: list[Callable[[Actor], None]]) -> None:
        """Run all roles to their end."""
        self._actors = [Actor() for _ in roles]
        threads = [
            threading.Thread(target=self._perform, args=(role, actor), daemon=True)
            for role, actor in zip(roles, self._actors, strict=True)
        ]
        for thread in threads:
            thread.start()
        while going := [actor for actor in self._actors if not actor.done]:
            awake = [actor for actor in going if actor.asleep_until <= self.clock.now]
            if not awake:
                self.clock.now = min(actor.asleep_until for actor in going)
                continue
            self.random.choice(awake).gate.release()
            self._turn.acquire()
            self.clock.advance(self.random.uniform(0.001, 0.03))
        for thread in threads:
            thread.join()

    def _perform(self, role: Callable[[Actor], None], actor: Actor) -> None:
        actor.gate.acquire()
        try:
            role(actor)
        except Exception as error:  # noqa: BLE001 - any other end of a worker is what the run is to find
            self.problems.append(f"a worker ended with {type(error).__name__}: {str(error).splitlines()[0]}")
        finally:
            actor.done = True
            self._turn.release()


def run(seed: int, profile: Profile, pattern: Installation, folder: Path) -> list[str]:
    """One month with this seed; what went wrong with it, in words."""
    stage = Stage(seed, profile)
    books = Books(stage.clock, profile.lag)
    installation = _copy(pattern, folder)

    def ledger(actor: Actor) -> PretendLedger:
        return PretendLedger(
            books,
            stage.weather,
            lambda name: stage.give_way(actor),
            wait=stage.sleep(actor),
            deadline=5,
            max_server_time=int(stage.longest),
            unique_key="findable_after" if profile.lag else "findable",
        )

    def role(actor: Actor) -> None:
        world = worker(
            installation,
            ledger(actor),
            stage.passed(actor),
            finalise=profile.finalise,
            sleep=stage.sleep(actor),
            progress=lambda text, done=0, of=0: stage.give_way(actor),
        )
        for _ in range(40):
            try:
                push(world)
            except Killed:
                # started again by somebody
                stage.sleep(actor)(stage.random.uniform(0, 30))
            else:
                if set(installation.states().values()) <= {"verified", "held"}:
                    break
                stage.sleep(actor)(30)
        world.engine.dispose()

    stage.play([role, role])
    fair = PretendLedger(books, deadline=5, max_server_time=int(stage.longest))
    last = worker(installation, fair, finalise=profile.finalise)
    stage.clock.advance(profile.lag)
    try:
        push(last, release=profile.held_is_right)
        took = stage.clock.now - START
        stage.clock.advance(600)
        assert_each_once(installation, books, final=profile.finalise)
        writes = list(books.writes)
        push(last)
        assert books.writes == writes, "a second push wrote into the ledger"
        stage.problems += [f"{one.id}: {problem}" for one in verify_all(last) for problem in one.problems]
        if took > _LIMIT:
            stage.problems.append(f"it took {took}")
    except Exception as error:  # noqa: BLE001 - the run's verdict, whatever it is
        words = " ".join(str(error).split()) or "not all is verified and issued"
        stage.problems.append(f"{type(error).__name__}: {words}"[:300])
    finally:
        last.engine.dispose()
        shutil.rmtree(installation.folder)
    return [*stage.problems, *stage.faults] if stage.problems else []


def _copy(pattern: Installation, folder: Path) -> Installation:
    folder.mkdir()
    shutil.copyfile(pattern.folder / "whole.sqlite", folder / "connector.sqlite")
    shutil.copyfile(pattern.folder / "partner", folder / "partner")
    return Installation(folder)


@contextmanager
def prepared() -> Iterator[tuple[Installation, Path]]:
    """A priced month to copy from, in memory where the machine has such a folder."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        pattern = priced(folder / "pattern", decided(folder / "decided"))
        # one file is the whole database
        pattern.copy_of_database("whole.sqlite")
        yield pattern, folder


def runs(profile: Profile, seeds: range) -> dict[int, list[str]]:
    """All these seeds; the red ones with what went wrong."""
    with prepared() as (pattern, folder):
        found = {seed: run(seed, profile, pattern, folder / f"{profile.name}-{seed}") for seed in seeds}
    return {seed: words for seed, words in found.items() if words}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds of each profile")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--profile", choices=[*PROFILES, "all"], default="all")
    options = parser.parse_args()
    chosen = [one for one in PROFILES.values() if options.profile in ("all", one.name)]
    figures, red_seeds = [], 0
    print(f"{'profile':24}{'seeds':>8}{'red':>8}{'seconds':>10}")
    for profile in chosen:
        began = time.monotonic()
        red = runs(profile, range(options.first, options.first + options.seeds))
        print(f"{profile.name:24}{options.seeds:>8}{len(red):>8}{time.monotonic() - began:>10.1f}", flush=True)
        for seed, words in list(red.items())[:5]:
            print(f"  seed {seed}: " + "; ".join(words))
        red_seeds += len(red)
        figures.append(
            {
                "name": f"simulation: red seeds, {profile.name}",
                "value": len(red),
                "unit": "seeds",
                "target": 0,
                "held": not red,
                "baseline": None,
                "runs": options.seeds,
            }
        )
    target = _ROOT / "build" / "simulate.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(figures, indent=2) + "\n")
    return 1 if red_seeds else 0


if __name__ == "__main__":
    sys.exit(main())
