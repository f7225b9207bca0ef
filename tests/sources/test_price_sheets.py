"""Price sheets and exchange rates against the stand-in: whole and of the right kind, or refused."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.errors import ConnectorError, Misconfigured, Refused, Transient
from connector.outside.zip_download import CannotUnzip, Limits, unzip
from connector.sources.price_sheets import FetchedFile, SheetRequest, fetch_exchange_rates, fetch_price_sheet
from tests.outside.microsoft_doors import Doors
from tests.standins.microsoft import MicrosoftStandIn

SEATS = SheetRequest("DE", "updatedlicensebased", "2025-10", current=False)
#: the way of a price sheet, without its query
SHEET = "/v1.0/sales/pricesheets(Market='DE',PricesheetView='updatedlicensebased')/$value"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MicrosoftStandIn]:
    with MicrosoftStandIn(tmp_path_factory.mktemp("microsoft"), empty=True, in_process=True) as standin:
        yield standin


@pytest.fixture
def microsoft(running: MicrosoftStandIn) -> MicrosoftStandIn:
    running.clear_faults()
    running.control("DELETE", "/modes")
    running.control("DELETE", "/log")
    running.control("DELETE", "/pricesheets")
    return running


@pytest.fixture
def doors(microsoft: MicrosoftStandIn) -> Doors:
    return Doors(microsoft, refresh_token=microsoft.settings["MICROSOFT_REFRESH_TOKEN"])


@pytest.fixture
def fetch(doors: Doors, tmp_path: Path) -> Callable[..., FetchedFile]:
    def fetch(request: SheetRequest = SEATS, **more: object) -> FetchedFile:
        options: dict[str, object] = {"sleep": doors.waits.append, **more}
        return fetch_price_sheet(doors.api, request, tmp_path / "kept", tmp_path / "work", **options)  # type: ignore[arg-type]

    return fetch


def nothing_kept(folder: Path) -> bool:
    return not list((folder / "kept").glob("*")) and not list((folder / "work").rglob("*.csv"))


def sheets(microsoft: MicrosoftStandIn) -> list[int]:
    return [entry["status"] for entry in microsoft.log("pricing")]


# ---- what comes


def test_a_month_comes_as_an_archive_that_is_kept_as_it_is(
    microsoft: MicrosoftStandIn, fetch: Callable[..., FetchedFile]
) -> None:
    fetched = fetch()
    assert fetched.raw.name == f"updatedlicensebased-DE-2025-10-{fetched.raw.sha256[:16]}.zip"
    with zipfile.ZipFile(fetched.raw.path) as archive:
        (member,) = archive.namelist()
        assert archive.read(member) == fetched.text.read_bytes()
    assert b'"CFQ7TTC0LDPB","0001"' in fetched.text.read_bytes()
    (entry,) = microsoft.log("pricing")
    assert (entry["where"], entry["path"], entry["status"]) == ("pricing.sheet", SHEET, 200)


def test_the_running_month_has_an_address_of_its_own(fetch: Callable[..., FetchedFile]) -> None:
    """`month` goes with the timeline history only, and history holds no running month: the stand-in refuses both."""
    month = f"{datetime.now(UTC):%Y-%m}"
    assert fetch(SheetRequest("DE", "updatedlicensebased", month, current=True)).text.stat().st_size > 1000
    with pytest.raises(Refused) as refused:
        fetch(SheetRequest("DE", "updatedlicensebased", month, current=False))
    assert refused.value.status == 404


def test_a_sheet_in_plain_text_is_taken_too(microsoft: MicrosoftStandIn, fetch: Callable[..., FetchedFile]) -> None:
    text = fetch().text.read_text()
    microsoft.fault("pricing", "body", text=text, content_type="application/octet-stream")
    again = fetch()
    assert again.raw.name.endswith(".csv") and again.raw.path.read_text() == text


def test_who_does_not_ask_for_an_archive_gets_text(doors: Doors, fetch: Callable[..., FetchedFile]) -> None:
    """customers-and-prices.md section 4: the archive comes for `Accept-Encoding: deflate` only."""
    answer = doors.api.send("pricing", "GET", doors.api.url("pricing", SEATS.path))
    assert answer.body == fetch().text.read_bytes() and answer.body.startswith(b"\xef\xbb\xbf")


def test_the_same_sheet_twice_is_one_file(fetch: Callable[..., FetchedFile]) -> None:
    assert fetch().raw == fetch().raw


def test_exchange_rates_are_a_file_like_a_sheet(doors: Doors, tmp_path: Path) -> None:
    rates = fetch_exchange_rates(doors.api, "2025-10", tmp_path / "kept", tmp_path / "work")
    # samples/fxrates.csv: 17 digits stay 17 digits
    assert '"AED","0.27224589249009701","2025"' in rates.text.read_text()


# ---- who may


def test_without_a_user_nothing_is_asked(microsoft: MicrosoftStandIn, tmp_path: Path) -> None:
    alone = Doors(microsoft)
    with pytest.raises(Misconfigured) as refused:
        fetch_price_sheet(alone.api, SEATS, tmp_path / "kept", tmp_path / "work")
    assert "MICROSOFT_REFRESH_TOKEN" in refused.value.action and "import list-prices" in refused.value.action
    assert microsoft.log() == []


def test_the_service_itself_refuses_the_application_alone(microsoft: MicrosoftStandIn, tmp_path: Path) -> None:
    """auth.md section 1: price sheets accept App+User only."""
    alone = Doors(microsoft)
    with pytest.raises(Misconfigured) as refused:
        alone.api.download("pricing", alone.api.url("pricing", SEATS.path), tmp_path / "x", max_bytes=1 << 20)
    assert refused.value.code == "forbidden" and "MICROSOFT_REFRESH_TOKEN" in refused.value.action


def test_a_token_of_another_audience_is_refused(microsoft: MicrosoftStandIn, doors: Doors) -> None:
    answer = doors.http.send(
        "GET",
        doors.api.url("pricing", SEATS.path),
        headers={"Authorization": "Bearer " + doors.tokens.get("partner_center")},
    )
    assert answer.status == 401 and b"Invalid Authorization header" in answer.body


def test_a_token_that_died_is_renewed_once(microsoft: MicrosoftStandIn, fetch: Callable[..., FetchedFile]) -> None:
    fetch()
    microsoft.control("POST", "/tokens/expire")
    fetch()
    assert sheets(microsoft) == [200, 401, 200]


# ---- not whole


@pytest.mark.parametrize(
    ("kind", "more", "words"),
    [
        ("cut", {}, "cut or damaged"),
        ("drop_after_bytes", {"bytes": 400}, "cut every time"),
        ("two_files", {}, "2 files instead of one"),
        ("no_files", {}, "0 files instead of one"),
        ("bomb", {}, "more than allowed"),
        ("status", {"status": 500}, "answers 500"),
    ],
)
def test_a_sheet_that_never_comes_whole_is_not_taken(
    microsoft: MicrosoftStandIn,
    fetch: Callable[..., FetchedFile],
    tmp_path: Path,
    kind: str,
    more: dict[str, int],
    words: str,
) -> None:
    microsoft.fault("pricing", kind, times=-1, **more)
    with pytest.raises(Transient) as trouble:
        fetch()
    assert words in trouble.value.sentence and nothing_kept(tmp_path)
    assert len(sheets(microsoft)) == 4


@pytest.mark.parametrize("kind", ["cut", "drop", "drop_after_bytes", "bomb", "status"])
def test_trouble_that_passes_is_forgotten(
    microsoft: MicrosoftStandIn, fetch: Callable[..., FetchedFile], kind: str
) -> None:
    expected = fetch().raw.sha256
    microsoft.fault("pricing", kind, bytes=300)
    assert fetch().raw.sha256 == expected


def test_a_wait_is_kept_as_asked(microsoft: MicrosoftStandIn, doors: Doors, fetch: Callable[..., FetchedFile]) -> None:
    microsoft.fault("pricing", "throttle", retry_after=7)
    fetch()
    assert doors.waits == [7.0]
    microsoft.fault("pricing", "throttle", retry_after=3600)
    with pytest.raises(Transient) as trouble:
        fetch()
    assert trouble.value.retry_after == 3600 and doors.waits == [7.0]


def test_more_than_the_cap_is_not_taken(fetch: Callable[..., FetchedFile], tmp_path: Path) -> None:
    with pytest.raises(Transient) as trouble:
        fetch(limits=Limits(packed_bytes=200))
    assert trouble.value.code == "too_large"
    with pytest.raises(Transient) as trouble:
        fetch(limits=Limits(unpacked_bytes=2000))
    assert "more than allowed" in trouble.value.sentence and nothing_kept(tmp_path)


def test_an_archive_with_a_password_is_not_taken(tmp_path: Path) -> None:
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("sheets.csv", "text")
    content = bytearray(packed.read_bytes())
    # the flag "encrypted" in the local and in the central header
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + place] |= 1
    packed.write_bytes(bytes(content))
    with pytest.raises(CannotUnzip, match="not asked for"):
        unzip(packed, tmp_path / "text", Limits())


# ---- not what was asked for


@pytest.mark.parametrize(
    ("kind", "error", "code"),
    [
        ("html", Transient, "unreadable_answer"),
        ("wrong_header", Refused, "price_sheet_columns"),
        ("no_rows", Refused, "price_sheet_empty"),
    ],
)
def test_something_else_than_a_sheet_is_not_taken(
    microsoft: MicrosoftStandIn,
    fetch: Callable[..., FetchedFile],
    tmp_path: Path,
    kind: str,
    error: type[ConnectorError],
    code: str,
) -> None:
    """product.md section 5, promise 10: no data is not success."""
    microsoft.fault("pricing", kind)
    with pytest.raises(error) as refused:
        fetch()
    assert refused.value.code == code and nothing_kept(tmp_path)


def test_a_redirect_is_never_followed(microsoft: MicrosoftStandIn, fetch: Callable[..., FetchedFile]) -> None:
    microsoft.fault("pricing", "redirect", location="https://localhost:1/")
    with pytest.raises(Refused) as refused:
        fetch()
    assert refused.value.code == "redirect_refused"


@pytest.mark.parametrize("market", ["", "de", "D'E", "GER"])
def test_a_market_is_two_letters(microsoft: MicrosoftStandIn, fetch: Callable[..., FetchedFile], market: str) -> None:
    with pytest.raises(Misconfigured):
        fetch(SheetRequest(market, "updatedlicensebased", "2025-10", current=False))
    assert microsoft.log() == []
