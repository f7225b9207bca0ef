"""What the WSGI server loads: the application with its real parts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from connector.jobs.queue import Bell, use_key
from connector.logs import set_up
from connector.settings import read_settings
from connector.store import work
from connector.store.database import reading, writing
from connector.wiring import NoticeVerifier, build_world, usage_days, usage_page
from webhooks.app import Parts, create_app
from webhooks.notices import Verdict

# The clock ticks every minute; three silent ones mean that it is gone.
_CLOCK_SECONDS = 180

set_up("web")
_settings = read_settings()
use_key(_settings.secret_key)
_world = build_world(_settings)
_bell = Bell(_settings.redis_url)
_verifier = NoticeVerifier(_settings)
_VERDICTS = {True: Verdict.PROVED, False: Verdict.NOT_PROVED, None: Verdict.CANNOT_DECIDE}


def _verify(headers: Mapping[str, str], body: bytes) -> tuple[Verdict, str]:
    proved, reason = _verifier(headers, body)
    return _VERDICTS[proved], reason


def _ring() -> None:
    """A notice says "look": make that due and ring for it."""
    with writing(_world.engine) as connection:
        work_id = work.want(connection, "look", "partner")
    _bell(work.QUEUES["look"], work_id)


def _readiness() -> dict[str, str]:
    with reading(_world.engine) as connection:
        age = work.clock_age(connection)
    if age is None:
        clock = "it has never run: start `connector clock`"
    elif age.total_seconds() > _CLOCK_SECONDS:
        clock = f"it last ran {int(age.total_seconds())} s ago"
    else:
        clock = "ok"
    redis = "ok" if not _settings.redis_url or _bell.works() else "no answer: the clock does the work"
    return {"database": "ok", "redis": redis, "clock": clock}


application = create_app(
    Parts(
        engine=_world.engine,
        public_url=_settings.public_url,
        secret_keys=_world.link_keys,
        verify_notice=_verify,
        ring=_ring,
        usage_page=partial(usage_page, _world),
        usage_days=partial(usage_days, _world),
        partner_name=_settings.partner_name,
        readiness=_readiness,
    )
)
