"""Fault 33: whoever can write into Redis must not make a worker run anything."""

from __future__ import annotations

import os
import pickle
import zlib
from pathlib import Path

import pytest
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from connector.jobs.queue import OnlyOurJob, SignedJson, use_key
from tests.cli.october import PERIOD
from tests.jobs.house import House, RedisServer, wait_for

pytestmark = pytest.mark.redis
_TASK = "connector.jobs.tasks.perform"


@pytest.fixture
def pull(house: House, red: RedisServer) -> House:
    """A worker on the queue `pull`."""
    house.desk.settings["REDIS_URL"] = red.url
    house.workers("pull")
    return house


def taken(red: RedisServer, job: Job, house: House) -> None:
    """The worker has had the job in its hands."""
    wait_for(lambda: red.client().llen("rq:queue:pull") == 0, "the job taken", house)
    wait_for(lambda: not red.client().exists(f"rq:executions:{job.id}"), "the job over", house)


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


def test_another_function_with_a_good_form_is_not_run(pull: House, red: RedisServer, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    job = Queue("pull", connection=red.client(), serializer=JSONSerializer).enqueue("os.system", f"touch {sign}")
    taken(red, job, pull)
    still_working(pull, red)
    assert not sign.exists()


def test_another_function_with_a_stolen_key_is_not_run(pull: House, red: RedisServer, tmp_path: Path) -> None:
    """Even who can sign gets nothing but our one function."""
    sign = tmp_path / "sign"
    use_key(pull.desk.settings["SECRET_KEY"])
    job = Queue("pull", connection=red.client(), serializer=SignedJson).enqueue("os.system", f"touch {sign}")
    taken(red, job, pull)
    still_working(pull, red)
    assert not sign.exists()


def test_our_function_with_a_wrong_signature_is_not_run(pull: House, red: RedisServer) -> None:
    use_key("another key of thirty-two letters or more")
    row = pull.rows("SELECT COUNT(*) FROM work")
    job = Queue("pull", connection=red.client(), serializer=SignedJson, job_class=OnlyOurJob).enqueue(_TASK, 1)
    taken(red, job, pull)
    still_working(pull, red)
    assert pull.rows("SELECT COUNT(*) FROM work WHERE id = 1 AND fence > 1") == [(0,)]
    assert row == [(0,)]


def test_pickled_bytes_are_not_unpickled(pull: House, red: RedisServer, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    job = Queue("pull", connection=red.client(), serializer=JSONSerializer).enqueue(_TASK, 1)
    # written over before or after the worker looks: both must be harmless
    red.client().hset(f"rq:job:{job.id}", "data", zlib.compress(pickle.dumps(Touch(sign))))
    red.client().rpush("rq:queue:pull", job.id)
    taken(red, job, pull)
    still_working(pull, red)
    assert not sign.exists()


def still_working(house: House, red: RedisServer) -> None:
    """The worker lives and does what is really due."""
    assert house.running[0].poll() is None, house.log[-2000:]
    house.clock("600")
    wait_for(lambda: house.work().get("look partner") == "done", "the look", house)
    assert house.work()[f"pull {PERIOD}"] in ("due", "done")
