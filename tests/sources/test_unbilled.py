"""Unbilled lines: how they are asked for, and what comes."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.domain.lines import ReconciliationLine
from connector.domain.unbilled import UnbilledPeriod
from connector.errors import Refused, Transient
from connector.sources.unbilled import fetch_unbilled, read_unbilled
from tests.months.billed import ALPHA, BETA, MAIL, Line, consumed, seats, ten_to_fourteen
from tests.outside.microsoft_doors import Doors
from tests.standins.microsoft import MicrosoftStandIn
from tests.standins.microsoft.unbilled import running


@pytest.fixture(scope="module")
def microsoft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MicrosoftStandIn]:
    with MicrosoftStandIn(tmp_path_factory.mktemp("microsoft"), empty=True, in_process=True) as standin:
        yield standin


@pytest.fixture
def has(microsoft: MicrosoftStandIn) -> MicrosoftStandIn:
    """This month ten seats that became fourteen, a virtual machine and a subscription in dollars; last month seats."""
    now = [*ten_to_fourteen(), consumed(ALPHA, "21.39", "29"), seats(BETA, MAIL, currency="USD").charge("new", 1)]
    last = [seats(begin="2025-09-01").charge("cycleCharge", 10)]
    microsoft.load_month({"period": "2025-10", "invoices": [], **running(now, last)}, replace=True)
    microsoft.clear_faults()
    return microsoft


def fetched(
    microsoft: MicrosoftStandIn, folder: Path, currency: str = "EUR", which: UnbilledPeriod = "current"
) -> list[Line]:
    doors = Doors(microsoft)
    files = fetch_unbilled(doors.api, doors.blobs, currency, which, folder, patience=doors.patience(60))
    for file in files:
        assert hashlib.sha256(file.path.read_bytes()).hexdigest() == file.sha256
        assert file.path.is_relative_to(folder)
    return [{"line": line, "files": files} for line in read_unbilled(files)]


def test_the_running_month_comes_as_it_is(has: MicrosoftStandIn, tmp_path: Path) -> None:
    lines = [one["line"] for one in fetched(has, tmp_path / "new" / "folder")]
    assert all(isinstance(line, ReconciliationLine) for line in lines)
    assert sorted(str(line.subtotal) for line in lines) == ["-77.41", "108.38", "120.00", "21.39"]
    assert {line.invoice_id for line in lines} == {"unbilled"} and {line.billing for line in lines} == {""}
    assert {line.kind for line in lines} == {"one_time", "proration", "usage"}, "by the letter of interfaces.md 5.2"
    assert {str(line.tax) for line in lines} == {"0"} and len({line.id for line in lines}) == 4


def test_the_last_month_and_another_currency_are_asked_for_by_name(has: MicrosoftStandIn, tmp_path: Path) -> None:
    (last,) = fetched(has, tmp_path, which="last")
    assert str(last["line"].charge_start) == "2025-09-01"
    (dollars,) = fetched(has, tmp_path, "USD")
    assert (dollars["line"].currency, dollars["line"].tenant_id) == ("USD", BETA.tenant_id)


def test_no_data_is_an_empty_answer_and_another_failure_is_none(has: MicrosoftStandIn, tmp_path: Path) -> None:
    assert fetched(has, tmp_path, "DKK") == []
    has.fault("graph.export", "fail", times=-1)
    with pytest.raises(Transient):
        fetched(has, tmp_path)


def test_a_request_that_graph_refuses_is_refused(has: MicrosoftStandIn, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        fetched(has, tmp_path, currency="")


def test_an_export_again_leaves_the_older_files_alone(has: MicrosoftStandIn, tmp_path: Path) -> None:
    first = fetched(has, tmp_path)[0]["files"]
    second = fetched(has, tmp_path)[0]["files"]
    assert {file.path for file in first}.isdisjoint(file.path for file in second)
    assert all(gzip.decompress(file.path.read_bytes()) is not None for file in first)
