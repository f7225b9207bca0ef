"""Exports of Graph, against the stand-in and its faults: what arrives whole, and what never is accepted."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.errors import Misconfigured, Refused, Transient
from connector.outside.export_manifest import BadManifest, manifest_of
from connector.sources import ExportSet, NoData
from connector.sources.graph_export import ExportRequest, export
from tests.outside.microsoft_doors import Doors
from tests.outside.test_http import told
from tests.standins.microsoft import MicrosoftStandIn

INVOICE = "G202610001"
WANTED = ExportRequest("reconciliation", invoice_id=INVOICE)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MicrosoftStandIn]:
    with MicrosoftStandIn(tmp_path_factory.mktemp("microsoft")) as standin:
        yield standin


@pytest.fixture
def microsoft(running: MicrosoftStandIn) -> MicrosoftStandIn:
    running.clear_faults()
    running.control("DELETE", "/modes")
    running.modes(retry_after=0)
    running.control("DELETE", "/log")
    return running


@pytest.fixture
def doors(microsoft: MicrosoftStandIn) -> Doors:
    return Doors(microsoft)


def fetch(doors: Doors, folder: Path, request: ExportRequest = WANTED, seconds: float = 3600) -> ExportSet:
    found = export(doors.api, doors.blobs, request, folder, patience=doors.patience(seconds))
    assert isinstance(found, ExportSet)
    return found


def lines(found: ExportSet) -> int:
    assert all(file.path.stat().st_size == file.size for file in found.files)
    return sum(len(gzip.decompress(file.path.read_bytes()).splitlines()) for file in found.files)


def starts(microsoft: MicrosoftStandIn) -> int:
    return len(microsoft.log("graph.export"))


@pytest.mark.parametrize("manifest", ["link", "inline"])
def test_a_whole_export_arrives(microsoft: MicrosoftStandIn, doors: Doors, tmp_path: Path, manifest: str) -> None:
    microsoft.modes(manifest=manifest, members=True)
    found = fetch(doors, tmp_path)
    assert len(found.files) == 3
    assert lines(found) > 20
    assert starts(microsoft) == 1
    assert not list(tmp_path.rglob("*.part"))


def test_usage_is_another_export(doors: Doors, tmp_path: Path) -> None:
    usage = fetch(doors, tmp_path, ExportRequest("usage", invoice_id=INVOICE))
    assert lines(usage) > lines(fetch(doors, tmp_path))


def test_polling_obeys_retry_after_and_bears_its_absence(
    microsoft: MicrosoftStandIn, doors: Doors, tmp_path: Path
) -> None:
    microsoft.modes(polls=3, retry_after=7)
    fetch(doors, tmp_path)
    assert doors.waits == [7, 7, 7]
    doors.waits.clear()
    microsoft.modes(polls=1, retry_after=None)
    fetch(doors, tmp_path)
    assert doors.waits == [10]


def test_an_export_that_never_ends_is_given_up(microsoft: MicrosoftStandIn, doors: Doors, tmp_path: Path) -> None:
    microsoft.fault("graph.export", "never_ending")
    microsoft.modes(retry_after=60)
    with pytest.raises(Transient) as caught:
        fetch(doors, tmp_path, seconds=600)
    assert caught.value.code == "export_slow"
    assert sum(doors.waits) <= 600


def test_no_data_is_a_result(microsoft: MicrosoftStandIn, doors: Doors, tmp_path: Path) -> None:
    microsoft.fault("graph.export", "fail_5000")
    assert isinstance(export(doors.api, doors.blobs, WANTED, tmp_path), NoData)
    unbilled = ExportRequest("usage", currency="EUR", unbilled_period="current")
    assert isinstance(export(doors.api, doors.blobs, unbilled, tmp_path), NoData)


def test_another_failure_gets_one_fresh_export(microsoft: MicrosoftStandIn, doors: Doors, tmp_path: Path) -> None:
    microsoft.fault("graph.export", "fail")
    assert lines(fetch(doors, tmp_path)) > 20
    microsoft.fault("graph.export", "fail", times=-1)
    microsoft.control("DELETE", "/log")
    with pytest.raises(Transient) as caught:
        fetch(doors, tmp_path)
    assert caught.value.code == "export_failed"
    assert starts(microsoft) == 2


def test_an_unknown_invoice_is_refused(doors: Doors, tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        fetch(doors, tmp_path, ExportRequest("reconciliation", invoice_id="G999"))
    assert caught.value.status == 400


def test_a_missing_permission_is_told(microsoft: MicrosoftStandIn, doors: Doors, tmp_path: Path) -> None:
    microsoft.modes(graph_permission=False)
    with pytest.raises(Misconfigured) as caught:
        fetch(doors, tmp_path)
    assert "PartnerBilling.Read.All" in str(caught.value)


@pytest.mark.parametrize(
    ("where", "kind", "more"),
    [
        ("graph.export", "throttle", {"retry_after": 2}),
        ("graph.operation", "throttle", {"retry_after": 2}),
        ("graph.operation", "status", {"status": 503}),
        ("graph.operation", "status", {"status": 404}),
        ("graph.manifest", "drop", {}),
        ("graph.blob", "throttle", {"retry_after": 2}),
        ("graph.blob", "drop", {}),
        ("graph.blob", "drop_after_bytes", {"bytes": 700}),
        ("graph.blob", "cut", {}),
        ("graph.blob", "not_gzip", {}),
        ("graph.blob", "trailing_garbage", {}),
        ("graph.blob", "bomb", {"megabytes": 40}),
        ("graph.blob", "expire_sas", {}),
        ("graph.blob", "change_etag", {}),
        ("graph.manifest", "expire_sas", {}),
        ("graph.manifest", "change_etag", {}),
        ("graph.manifest", "missing_blob", {}),
        ("graph.manifest", "extra_blob", {}),
        ("graph.manifest", "extra_blob", {"count": "matching"}),
        ("graph.manifest", "repeated_blob", {"count": "matching"}),
    ],
)
def test_a_fault_on_the_way_is_survived(
    microsoft: MicrosoftStandIn, doors: Doors, tmp_path: Path, where: str, kind: str, more: dict[str, object]
) -> None:
    microsoft.modes(manifest="link")
    good = lines(fetch(doors, tmp_path / "good"))
    microsoft.fault(where, kind, **more)
    assert lines(fetch(doors, tmp_path / "after")) == good
    assert microsoft.control("GET", "/faults") == []


@pytest.mark.parametrize("kind", ["cut", "trailing_garbage", "not_gzip"])
def test_a_file_that_is_always_broken_is_never_accepted(
    microsoft: MicrosoftStandIn, doors: Doors, tmp_path: Path, kind: str
) -> None:
    microsoft.fault("graph.blob", kind, times=-1, match="part-00001")
    with pytest.raises(Transient) as caught:
        fetch(doors, tmp_path)
    assert caught.value.code == "file_broken"
    assert list(tmp_path.rglob("part-00001*")) == []


def test_an_ended_permission_midway_resumes_without_a_new_export(
    microsoft: MicrosoftStandIn, doors: Doors, tmp_path: Path
) -> None:
    microsoft.modes(manifest="link")
    microsoft.fault("graph.blob", "drop_after_bytes", bytes=700, match="part-00001")
    microsoft.fault("graph.blob", "expire_sas", skip=1, match="part-00001")
    fetch(doors, tmp_path)
    statuses = [(entry["path"][-30:], entry["status"]) for entry in microsoft.log("graph.blob")]
    assert [status for _, status in statuses] == [200, 200, 403, 206, 200]
    assert starts(microsoft) == 1


def test_a_permission_that_stays_refused_ends_in_words_without_it(
    microsoft: MicrosoftStandIn, doors: Doors, tmp_path: Path
) -> None:
    microsoft.modes(sas_lifetime=-1)
    with pytest.raises(Transient) as caught:
        fetch(doors, tmp_path)
    assert "sig=" not in told(caught.value)


def test_data_that_changes_restarts_the_set_and_keeps_the_old_files(
    microsoft: MicrosoftStandIn, doors: Doors, tmp_path: Path
) -> None:
    microsoft.fault("graph.blob", "change_etag", match="part-00000")
    found = fetch(doors, tmp_path)
    folders = {path.parent for path in tmp_path.rglob("part-*.gz")}
    assert len(folders) == 2
    assert {file.path.parent for file in found.files} < folders
    assert all(file.path.parent.name.count(found.manifest_etag[:8].replace("_", "-")) for file in found.files)


def test_data_that_changes_every_time_is_given_up(microsoft: MicrosoftStandIn, doors: Doors, tmp_path: Path) -> None:
    microsoft.fault("graph.blob", "change_etag", times=-1)
    with pytest.raises(Transient) as caught:
        fetch(doors, tmp_path)
    assert caught.value.code == "export_changes"


def test_a_second_pull_fetches_again_and_leaves_the_first_alone(doors: Doors, tmp_path: Path) -> None:
    first, second = fetch(doors, tmp_path), fetch(doors, tmp_path)
    assert first.manifest_etag == second.manifest_etag
    assert {file.path for file in first.files}.isdisjoint(file.path for file in second.files)
    assert [file.sha256 for file in first.files] == [file.sha256 for file in second.files]


def test_an_export_of_another_tenant_is_refused(microsoft: MicrosoftStandIn, doors: Doors, tmp_path: Path) -> None:
    microsoft.modes(partner_tenant="00000000-0000-4000-8000-000000000001")
    with pytest.raises(Refused) as caught:
        fetch(doors, tmp_path)
    assert caught.value.code == "foreign_tenant"
    assert microsoft.log("graph.blob") == []


def test_files_on_a_host_that_is_not_listed_are_not_fetched(
    microsoft: MicrosoftStandIn, doors: Doors, tmp_path: Path
) -> None:
    microsoft.fault("graph.manifest", "foreign_host", times=-1, url=microsoft.settings["PARTNER_CENTER_URL"])
    microsoft.modes(manifest="link")
    with pytest.raises(Misconfigured) as caught:
        fetch(doors, tmp_path)
    assert "sig=" not in told(caught.value)
    assert microsoft.log("pc") == []


GOOD = {
    "eTag": "e",
    "partnerTenantId": "t",
    "rootDirectory": "https://a.blob.core.windows.net/c/v1",
    "sasToken": "?sv=1&sig=a%2Bb%3D",
    "blobCount": 1,
    "blobs": [{"name": "part-0.json.gz"}],
}


def test_the_permission_is_neither_decoded_nor_encoded_again() -> None:
    manifest = manifest_of(GOOD, "t")
    assert manifest.address_of("part-0.json.gz") == (
        "https://a.blob.core.windows.net/c/v1/part-0.json.gz?sv=1&sig=a%2Bb%3D"
    )
    assert "sig" not in repr(manifest)


@pytest.mark.parametrize(
    "change",
    [
        {"blobCount": 2},
        {"blobs": None},
        {"blobs": [{"name": "a.gz"}, {"name": "A.gz"}], "blobCount": 2},
        {"blobs": [{"name": "../a.gz"}]},
        {"blobs": [{"name": "a/b.gz"}]},
        {"blobs": [{"name": "a\\b.gz"}]},
        {"blobs": [{"name": "a..gz"}]},
        {"blobs": [{"name": ".part"}]},
        {"blobs": [{"name": "a.gz?x"}]},
        {"blobs": [{"name": 7}]},
        {"blobs": ["a.gz"]},
        {"sasToken": ""},
        {"rootDirectory": "https://a/c?x=1"},
    ],
)
def test_a_manifest_that_contradicts_itself_or_plays_tricks_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadManifest):
        manifest_of({**GOOD, **change}, "t")


def test_a_manifest_may_leave_out_its_count_and_etag_and_is_told_apart_by_its_files() -> None:
    bare = {name: value for name, value in GOOD.items() if name not in ("blobCount", "eTag")}
    other = {**bare, "rootDirectory": "https://a.blob.core.windows.net/c/v2"}
    assert manifest_of(bare, "t").etag == manifest_of(bare, "t").etag
    assert manifest_of(bare, "t").etag != manifest_of(other, "t").etag


def test_progress_is_told(doors: Doors, tmp_path: Path) -> None:
    seen: list[tuple[int, str]] = []
    found = export(
        doors.api,
        doors.blobs,
        WANTED,
        tmp_path,
        patience=doors.patience(),
        progress=lambda done_bytes, total_bytes, text: seen.append((done_bytes, text)),
    )
    assert isinstance(found, ExportSet)
    assert seen == sorted(seen)
    assert seen[-1] == (found.size, "file 3 of 3")
