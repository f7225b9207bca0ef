"""The rows that decide who does what: leases, slots, and work that kills whoever touches it. Real SQLite."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from connector.store import work
from connector.store.database import ensure_schema, open_engine, reading, writing

_GONE = timedelta(seconds=-1)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = open_engine(f"sqlite:///{tmp_path / 'rows.sqlite'}")
    ensure_schema(engine)
    return engine


def wanted(engine: Engine, task: work.Task = "pull", subject: str = "2025-10") -> int:
    with writing(engine) as connection:
        return work.want(connection, task, subject)


def take(engine: Engine, number: int, length: timedelta = work.LEASE) -> work.Work | None:
    with writing(engine) as connection:
        return work.take(connection, number, length)


def known(engine: Engine) -> dict[str, str]:
    with reading(engine) as connection:
        return {item.task: item.state for item in work.all_work(connection)}


def due(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return [item.task for item in work.due(connection)]


def test_a_leased_row_is_not_taken_twice(engine: Engine) -> None:
    number = wanted(engine)
    assert take(engine, number) is not None
    assert take(engine, number) is None
    assert due(engine) == []


def test_of_many_who_reach_for_a_row_one_gets_it(engine: Engine) -> None:
    number = wanted(engine)
    got: list[work.Work] = []
    everybody = threading.Barrier(8)

    def reach() -> None:
        everybody.wait()
        item = take(engine, number)
        if item is not None:
            got.append(item)

    threads = [threading.Thread(target=reach) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1


def test_a_lease_that_ran_out_frees_the_row_and_fences_off_its_holder(engine: Engine) -> None:
    number = wanted(engine)
    first = take(engine, number, _GONE)
    assert due(engine) == ["pull"]
    second = take(engine, number)
    assert first is not None
    assert second is not None
    assert second.fence > first.fence
    with writing(engine) as connection:
        work.finish(connection, first)  # he wakes up and believes it is still his
    assert known(engine) == {"pull": "due"}
    assert take(engine, number) is None
    with writing(engine) as connection:
        work.finish(connection, second)
    assert known(engine) == {"pull": "done"}


def test_work_that_kills_its_process_three_times_is_held_and_others_go_on(engine: Engine) -> None:
    poison, other = wanted(engine), wanted(engine, "price")
    for _ in range(work.MAX_STARTS):
        assert take(engine, poison, _GONE) is not None  # and never heard of again
    assert take(engine, poison) is None
    assert known(engine) == {"pull": "held", "price": "due"}
    with reading(engine) as connection:
        (held,) = [item for item in work.all_work(connection) if item.state == "held"]
    assert "3 times" in held.last_error
    item = take(engine, other)
    assert item is not None
    with writing(engine) as connection:
        work.finish(connection, item)
    assert known(engine) == {"pull": "held", "price": "done"}
    # wanting it again does not bring it back: only a person does
    wanted(engine)
    assert take(engine, poison) is None
    with writing(engine) as connection:
        work.release(connection, "2025-10")
    assert take(engine, poison) is not None


def test_work_wanted_while_it_is_done_is_done_once_more(engine: Engine) -> None:
    number = wanted(engine)
    item = take(engine, number)
    assert item is not None
    with writing(engine) as connection:
        work.want(connection, "pull", "2025-10")
        work.finish(connection, item)
    assert known(engine)["pull"] in ("due", "done")
    assert wanted(engine) == number


def test_of_two_clocks_one_takes_the_slot(engine: Engine) -> None:
    taken: list[bool] = []
    both = threading.Barrier(2)

    def tick() -> None:
        both.wait()
        with writing(engine) as connection:
            taken.append(work.take_slot(connection, "poll", "2025-11-07T03:00:00+00:00"))

    threads = [threading.Thread(target=tick) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False, True]
    with writing(engine) as connection:
        assert work.take_slot(connection, "poll", "2025-11-07T04:00:00+00:00")
