"""Fault 33: whoever can write into Redis must not make a worker run anything."""

from __future__ import annotations

import os
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from connector.jobs.queue import Bell, OnlyOurJob, SignedJson, use_key
from connector.store import work
from connector.store.database import open_engine, writing
from tests.jobs.house import House, RedisServer, wait_for

pytestmark = pytest.mark.redis
_TASK = "connector.jobs.tasks.perform"
_OTHER_KEY = "another key, of thirty-two letters or more"


@pytest.fixture
def due(house: House, red: RedisServer) -> int:
    """A look at Partner Center is due; nobody rings for it, and no clock runs. Its number."""
    house.desk.settings["REDIS_URL"] = red.url
    engine = open_engine(house.desk.settings["DATABASE_URL"])
    with writing(engine) as connection:
        number = work.want(connection, "look", "partner")
    engine.dispose()
    return number


def rings(red: RedisServer, serializer: type, function: str, *arguments: Any, **more: Any) -> str:
    queue = Queue("pull", connection=red.client(), serializer=serializer, **more)
    return str(queue.enqueue_call(function, args=arguments, result_ttl=0, failure_ttl=60).id)


def refused(house: House, red: RedisServer, due: int) -> None:
    """The worker takes the job, does nothing, lives, and then does what we ring for."""
    house.workers("pull")
    wait_for(lambda: red.client().llen("rq:queue:pull") == 0, "the job taken", house)
    wait_for(lambda: red.client().zcard("rq:wip:pull") == 0, "the job over", house)
    assert house.rows(f"SELECT fence, starts, state FROM work WHERE id = {due}") == [(0, 0, "due")]
    use_key(house.desk.settings["SECRET_KEY"])
    Bell(red.url)("pull", due)
    wait_for(lambda: house.work()["look partner"] == "done", "our own job done", house)
    assert house.running[0].poll() is None


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


def test_another_function_is_not_run(house: House, red: RedisServer, due: int, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    rings(red, JSONSerializer, "os.system", f"touch {sign}")
    refused(house, red, due)
    assert not sign.exists()


def test_another_function_is_not_run_even_with_our_key(
    house: House, red: RedisServer, due: int, tmp_path: Path
) -> None:
    sign = tmp_path / "sign"
    use_key(house.desk.settings["SECRET_KEY"])
    rings(red, SignedJson, "os.system", f"touch {sign}")
    refused(house, red, due)
    assert not sign.exists()


@pytest.mark.parametrize("serializer", [JSONSerializer, SignedJson])
def test_our_function_with_another_signature_or_none_is_not_run(
    house: House, red: RedisServer, due: int, serializer: type
) -> None:
    use_key(_OTHER_KEY)
    rings(red, serializer, _TASK, due, job_class=OnlyOurJob)
    refused(house, red, due)


def test_pickled_bytes_are_not_unpickled(house: House, red: RedisServer, due: int, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    job = rings(red, JSONSerializer, _TASK, due)
    red.client().hset(f"rq:job:{job}", "data", zlib.compress(pickle.dumps(Touch(sign))))
    refused(house, red, due)
    assert not sign.exists()
