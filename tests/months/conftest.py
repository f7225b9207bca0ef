"""One stand-in for all months, one partner per test."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.domain.invoice import LedgerInvoice
from tests.months import paper
from tests.months.partner import Partner
from tests.standins.microsoft import MicrosoftStandIn


@pytest.fixture(scope="session")
def microsoft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MicrosoftStandIn]:
    with MicrosoftStandIn(tmp_path_factory.mktemp("microsoft"), empty=True, in_process=True) as running:
        yield running


@pytest.fixture(scope="session")
def new_database(microsoft: MicrosoftStandIn, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with its schema, made once by a command and copied for every partner."""
    first = Partner(microsoft, tmp_path_factory.mktemp("first"))
    assert first.run("verify").status == 0
    path = first.folder / "new.sqlite"
    with sqlite3.connect(first.database) as connection:
        connection.execute("VACUUM INTO ?", (str(path),))
    return path


@pytest.fixture
def partner(microsoft: MicrosoftStandIn, new_database: Path, tmp_path: Path) -> Partner:
    made = Partner(microsoft, tmp_path)
    shutil.copy(new_database, made.database)
    return made


@pytest.fixture
def with_books(partner: Partner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[LedgerInvoice]:
    """The partner keeps books on paper; what is written into them."""
    paper.register(tmp_path / "packages")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    ledgers = tmp_path / "ledgers.toml"
    ledgers.write_text(f'[[ledger]]\nname = "paper"\nkind = "paper"\n[ledger.settings]\nbooks = "{tmp_path.name}"\n')
    partner.imports_file("ledgers", ledgers)
    return paper.SHELF.setdefault(tmp_path.name, [])
