"""One stand-in for all months, one partner per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.months.partner import Partner
from tests.standins.microsoft import MicrosoftStandIn


@pytest.fixture(scope="session")
def microsoft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MicrosoftStandIn]:
    with MicrosoftStandIn(tmp_path_factory.mktemp("microsoft"), empty=True, in_process=True) as running:
        yield running


@pytest.fixture
def partner(microsoft: MicrosoftStandIn, tmp_path: Path) -> Partner:
    return Partner(microsoft, tmp_path)
