"""Microsoft's stand-in for all tests, a partner with decisions, a Redis of its own and processes per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.desk import Desk
from tests.cli.october import CUSTOMERS, INVOICE, october
from tests.jobs.house import House, RedisServer, redis_server
from tests.standins.microsoft import MicrosoftStandIn


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MicrosoftStandIn]:
    with MicrosoftStandIn(tmp_path_factory.mktemp("microsoft"), empty=True, in_process=True) as running:
        yield running


@pytest.fixture
def microsoft(standin: MicrosoftStandIn) -> MicrosoftStandIn:
    standin.clear_faults()
    standin.control("DELETE", "/modes")
    standin.modes(retry_after=0, polls=0, parts=2, notice_interval=0.02)
    standin.load_month(october(), replace=True)
    standin.control("POST", f"/invoices/{INVOICE}/etag")
    standin.control("DELETE", "/log")
    return standin


@pytest.fixture
def desk(microsoft: MicrosoftStandIn, tmp_path: Path) -> Desk:
    desk = Desk(tmp_path / "partner", microsoft, {"PUSH_AUTOMATICALLY": "no"})
    desk.decides(CUSTOMERS)
    return desk


@pytest.fixture
def red() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def house(desk: Desk) -> Iterator[House]:
    """Nobody lives in it yet."""
    house = House(desk)
    try:
        yield house
    finally:
        house.stop()
