"""The doorbell: RQ jobs that carry one id, signed, and run nothing but what is on the list here.

Redis decides nothing. Whoever can write into it must not make us run code: RQ takes the function's name from the job,
so the job class allows one function only and every payload is signed (reliability.md, RQ facts).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import redis
import structlog
from redis.exceptions import RedisError
from rq import Queue
from rq.job import Job

from connector.errors import Misconfigured

_log = structlog.get_logger()
_TASK = "connector.jobs.tasks.perform"
_CONNECT_SECONDS = 0.1
# A job may wait an hour for an export; whether it still lives, its lease in the database says.
JOB_SECONDS = 2 * 3600


class BadSignature(ValueError):
    """A job that we did not write: not executed."""


class SignedJson:
    """RQ serializer: JSON with an HMAC in front. The key belongs to the process, not to Redis."""

    key = b""

    @classmethod
    def dumps(cls, value: Any) -> bytes:
        body = json.dumps(value, separators=(",", ":")).encode()
        return cls._mac(body) + b"." + body

    @classmethod
    def loads(cls, packed: bytes) -> Any:
        mac, _, body = packed.partition(b".")
        if not cls.key or not hmac.compare_digest(mac, cls._mac(body)):
            raise BadSignature("the job's signature does not fit")
        return json.loads(body)

    @classmethod
    def _mac(cls, body: bytes) -> bytes:
        return hmac.new(cls.key, body, hashlib.sha256).hexdigest().encode()


class OnlyOurJob(Job):
    """A job whose function is the one we know; anything else is refused before it is looked up."""

    @property
    def func(self) -> Any:
        if self.func_name != _TASK:
            raise BadSignature(f"the function {self.func_name!r} is not on the list")
        return super().func


def use_key(secret_key: str) -> None:
    """Derive the signing key of this process from SECRET_KEY."""
    SignedJson.key = hmac.new(secret_key.encode(), b"jobs", hashlib.sha256).digest()


def connect(url: str) -> redis.Redis:
    """A Redis that answers within a tenth of a second or not at all: ringing must never slow a notice down."""
    return redis.Redis.from_url(
        url, socket_connect_timeout=_CONNECT_SECONDS, socket_timeout=_CONNECT_SECONDS, retry=None
    )


def check_policy(url: str) -> None:
    """Refuse a Redis that throws jobs away when it is full (`allkeys-lru` lost 2,325 of 6,000 silently)."""
    try:
        policy = redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3).config_get("maxmemory-policy")
    except RedisError:
        return
    value = policy.get("maxmemory-policy", "noeviction")
    if value != "noeviction":
        raise Misconfigured(
            f"Redis would throw work away when it is full (maxmemory-policy {value}).",
            code="redis_policy",
            action="Set maxmemory-policy to noeviction.",
        )


class Bell:
    """Rings for a piece of work. Without Redis it is silent: the clock finds the row within a minute."""

    def __init__(self, url: str) -> None:
        self._connection = connect(url) if url else None

    def __call__(self, queue: str, work_id: int) -> None:
        if self._connection is None:
            return
        try:
            Queue(queue, connection=self._connection, serializer=SignedJson, job_class=OnlyOurJob).enqueue_call(
                _TASK,
                args=(work_id,),
                timeout=JOB_SECONDS,
                result_ttl=0,
                failure_ttl=60,
                description=f"work {work_id}",
            )
        except (RedisError, OSError) as error:
            _log.warning("bell_silent", why=type(error).__name__)

    def works(self) -> bool:
        """Whether Redis answers."""
        if self._connection is None:
            return False
        try:
            return bool(self._connection.ping())
        except (RedisError, OSError):
            return False
