"""One stand-in of Microsoft for all, without faults at every test's beginning; a desk per test."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
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


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first command of a new partner makes; copied, because making it takes a tenth of a second."""
    first = Desk(tmp_path_factory.mktemp("first"))
    first.done("month", "list")
    with closing(sqlite3.connect(first.folder / "connector.sqlite")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return first.folder / "connector.sqlite"


@pytest.fixture
def desk(microsoft: MicrosoftStandIn, empty_database: Path, tmp_path: Path) -> Desk:
    """A partner who has decided nothing yet."""
    made = Desk(tmp_path / "partner", microsoft)
    shutil.copyfile(empty_database, made.folder / "connector.sqlite")
    return made


@pytest.fixture
def partner(desk: Desk) -> Desk:
    """A partner whose two customers are linked and priced."""
    desk.decides(CUSTOMERS)
    return desk
