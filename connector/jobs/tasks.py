"""What a worker runs: an id comes in, a flow is called."""

from __future__ import annotations

from functools import cache

from connector.flows import recover
from connector.flows.world import World
from connector.jobs.queue import Bell, use_key
from connector.settings import Settings, read_settings
from connector.wiring import build_world


@cache
def _surroundings() -> tuple[Settings, World, Bell]:
    settings = read_settings()
    use_key(settings.secret_key)
    return settings, build_world(settings), Bell(settings.redis_url)


def warm_up() -> None:
    """Build everything once in the worker's parent: a fork that imports anew costs a quarter of a second."""
    settings, world, _ = _surroundings()
    world.engine.dispose()
    del settings


def perform(work_id: int) -> None:
    """Do one piece of work; the database says what it is and whether it is still due."""
    settings, world, bell = _surroundings()
    # a connection opened before the fork must not be used on both sides of it
    world.engine.dispose(close=False)
    recover.perform(world, work_id, ring=bell, push=settings.push_automatically)
