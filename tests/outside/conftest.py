"""One stand-in of Microsoft's services for the module, as new for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.standins.microsoft import MicrosoftStandIn


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MicrosoftStandIn]:
    with MicrosoftStandIn(tmp_path_factory.mktemp("microsoft")) as standin:
        yield standin


@pytest.fixture
def microsoft(running: MicrosoftStandIn) -> MicrosoftStandIn:
    running.clear_faults()
    running.control("DELETE", "/modes")
    running.control("DELETE", "/log")
    return running
