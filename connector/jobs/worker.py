"""A worker process: one queue, because a worker on several pops without a safety list (reliability.md)."""

from __future__ import annotations

import redis
from rq import Queue, Worker

from connector.errors import Misconfigured
from connector.jobs import tasks
from connector.jobs.queue import OnlyOurJob, SignedJson, check_policy, use_key
from connector.settings import Settings
from connector.store.work import QUEUES

NAMES = tuple(dict.fromkeys(QUEUES.values()))
# An idle worker blocks this long at most and cleans up this often; the defaults are minutes.
_WORKER_TTL = 60
_MAINTENANCE_SECONDS = 30


def run(settings: Settings, queue: str) -> None:
    """Work on one queue until told to stop."""
    if queue not in NAMES:
        raise Misconfigured(f"There is no queue {queue!r}.", action=f"Queues: {', '.join(NAMES)}.")
    if not settings.redis_url:
        raise Misconfigured(
            "A worker needs Redis, and REDIS_URL is not set.",
            action="Set REDIS_URL, or run `connector up`, or only `connector clock`, which does the work itself.",
        )
    check_policy(settings.redis_url)
    use_key(settings.secret_key)
    tasks.warm_up()
    connection = redis.Redis.from_url(settings.redis_url)
    worker = Worker(
        [Queue(queue, connection=connection, serializer=SignedJson, job_class=OnlyOurJob)],
        connection=connection,
        serializer=SignedJson,
        job_class=OnlyOurJob,
        worker_ttl=_WORKER_TTL,
        maintenance_interval=_MAINTENANCE_SECONDS,
    )
    worker.work(logging_level="WARNING")
