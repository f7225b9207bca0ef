"""PostgreSQL: the same month gives the same JSON as on SQLite, and nothing starts on another schema."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli import postgres
from tests.cli.desk import Desk, told
from tests.cli.october import CUSTOMERS, INVOICE, NET, PERIOD
from tests.standins.microsoft import MicrosoftStandIn

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Callable[[], str]]:
    """Gives the address of a new, empty database each time."""
    with postgres.cluster() as folder:
        numbers = itertools.count(1)

        def fresh() -> str:
            name = f"partner{next(numbers)}"
            with psycopg.connect(f"host={folder} user=connector dbname=postgres", autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            return postgres.address(folder, name)

        yield fresh


@pytest.fixture
def large(microsoft: MicrosoftStandIn, server: Callable[[], str], tmp_path: Path) -> Desk:
    """A partner on PostgreSQL, before `connector migrate`."""
    return Desk(tmp_path / "large", microsoft, {"DATABASE_URL": server()})


def plain(view: Any) -> Any:
    """A month without what differs from installation to installation: its links, and when a file was imported."""
    if isinstance(view, dict):
        return {name: plain(value) for name, value in view.items() if name not in ("url", "at")}
    return [plain(item) for item in view] if isinstance(view, list) else view


@pytest.mark.parametrize(
    "command", [["sync", PERIOD], ["month", "list"], ["doctor"], ["import", "links", "x.csv"], ["clock"], ["serve"]]
)
def test_nothing_starts_before_migrate(large: Desk, command: list[str]) -> None:
    told(large.run(*command), 2, "another schema", "connector migrate")


def test_migrate_can_be_repeated(large: Desk) -> None:
    for _ in range(2):
        assert "The schema is current" in large.done("migrate").words
    assert large.done("month", "list", "--json").json == []


def test_the_same_month_as_on_sqlite(large: Desk, tmp_path: Path, microsoft: MicrosoftStandIn) -> None:
    large.done("migrate")
    small = Desk(tmp_path / "small", microsoft)
    views, explained = [], []
    for desk in (small, large):
        desk.decides(CUSTOMERS)
        month = desk.sync(PERIOD, status=0)
        assert month.net == NET
        assert desk.month(PERIOD).view == month.view
        views.append(plain(month.view))
        lines = [line["id"] for document in month.documents.values() for line in document["lines"]]
        explained.append([plain(desk.done("explain", line, "--json").json) for line in lines])
        assert desk.done("audit", "verify", "--json").json["ok"]
    assert views[0] == views[1]
    assert explained[0] == explained[1]


def test_what_goes_wrong_goes_wrong_alike(large: Desk, tmp_path: Path, microsoft: MicrosoftStandIn) -> None:
    large.done("migrate")
    small = Desk(tmp_path / "small", microsoft)
    microsoft.header(INVOICE, add="0.01")
    microsoft.fault("graph.blob", "nan", -1, line=2)
    views = []
    for desk in (small, large):
        desk.decides({"C-1": CUSTOMERS["C-1"], "C-2": []})
        views.append(plain(desk.sync(PERIOD, status=1).view))
        desk.done("month", "accept", PERIOD, "--invoice", INVOICE, "--reason", "page 2 of the PDF")
        views.append(plain(desk.month(PERIOD).view))
    assert views[:2] == views[2:]


def test_the_same_mistakes_of_a_file(large: Desk, tmp_path: Path, microsoft: MicrosoftStandIn) -> None:
    large.done("migrate")
    small = Desk(tmp_path / "small", microsoft)
    file = "organisation,kind,value\nC-1,markup,NaN\nC-9,markup,20\n"
    assert small.imports("prices", file).json == large.imports("prices", file).json


def test_closing_rating_again_and_replaying_alike(large: Desk, tmp_path: Path, microsoft: MicrosoftStandIn) -> None:
    """A month that costs nobody anything needs no ledger to be closed; then it is charged after all."""
    large.done("migrate")
    small = Desk(tmp_path / "small", microsoft)
    views = []
    for desk in (small, large):
        desk.decides(CUSTOMERS, markup="")
        header = "organisation,kind,value,currency,note"
        desk.taken("prices", header, "*,none,,,a pilot", "C-2,fixed,0,EUR,a gift")
        desk.sync(PERIOD, status=0)
        assert desk.done("close", PERIOD, "--json").json["closed"]
        desk.taken("prices", header, "C-1,markup,25,,the pilot is over", "C-2,fixed,5,EUR,no gift")
        rated = desk.run("rerate", PERIOD, "--draft", "--json")
        assert rated.status == 1 and len(rated.json["drafts"]) == 2
        desk.done("corrections", "release", "--all", PERIOD)
        assert desk.run("rerate", PERIOD, "--json").json["differences"] == []
        replayed = desk.done("replay", PERIOD, "--json").json
        assert [one["result"] for one in replayed["documents"]] == ["equal"] * len(replayed["documents"])
        desk.holds()
        views.append([rated.json, replayed, plain(desk.month(PERIOD).view["documents"])])
    assert views[0] == views[1]
