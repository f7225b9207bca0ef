"""One stand-in of Microsoft for all, without faults at every test's beginning; a desk per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.desk import Desk
from tests.cli.october import CUSTOMERS, INVOICE, october
from tests.standins.microsoft import MicrosoftStandIn


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MicrosoftStandIn]:
    with MicrosoftStandIn(tmp_path_factory.mktemp("microsoft"), empty=True, in_process=True) as running:
        yield running


@pytest.fixture
def microsoft(standin: MicrosoftStandIn) -> MicrosoftStandIn:
    """Microsoft has billed October and works."""
    standin.clear_faults()
    standin.control("DELETE", "/modes")
    standin.modes(retry_after=0, polls=0, parts=2)
    standin.load_month(october(), replace=True)
    # lines that an earlier test changed made a later version of this set; this one is newer
    standin.control("POST", f"/invoices/{INVOICE}/etag")
    standin.control("DELETE", "/log")
    return standin


@pytest.fixture
def desk(microsoft: MicrosoftStandIn, tmp_path: Path) -> Desk:
    """A partner who has decided nothing yet."""
    return Desk(tmp_path / "partner", microsoft)


@pytest.fixture
def partner(desk: Desk) -> Desk:
    """A partner whose two customers are linked and priced."""
    desk.decides(CUSTOMERS)
    return desk
