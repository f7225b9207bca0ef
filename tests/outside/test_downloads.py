"""Files over real sockets: resumed, begun again, refused; and what counts as a whole gzip file."""

from __future__ import annotations

import gzip
import random
import socket
from pathlib import Path

import pytest

from connector.errors import Transient
from connector.outside.gzip_download import BrokenFile, Limits, fetch_gzip
from connector.outside.http import HttpClient
from connector.outside.inflate import CannotInflate, check_gzip_file
from tests.outside.server import RawServer, Seen, always, plain

LINES = "".join(f'{{"n": {random.Random(n).random()}}}\n' for n in range(3000)).encode()
WHOLE = gzip.compress(LINES)


class Storage:
    """Serves one file with ranges and ETags, and misbehaves as told, once per entry of `plan`."""

    def __init__(self, data: bytes, *plan: str) -> None:
        self.data, self.plan, self.etag = data, list(plan), '"v1"'

    def __call__(self, seen: Seen, connection: socket.socket) -> None:
        fault = self.plan.pop(0) if self.plan else ""
        if fault.isdecimal():
            connection.sendall(plain(int(fault), b"<Error/>", {"Retry-After": "3"}))
            return
        if seen.headers.get("if-match", self.etag) != self.etag:
            connection.sendall(plain(412))
            return
        begin = int(seen.headers.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        body, headers, status = self.data[begin:], {"ETag": self.etag}, 200
        if begin and fault != "no range":
            status = 206
            headers["Content-Range"] = f"bytes {begin}-{len(self.data) - 1}/{len(self.data)}"
        elif fault == "no range":
            body = self.data
        if fault == "wrong range":
            status, body = 206, self.data
            headers["Content-Range"] = f"bytes 0-{len(self.data) - 1}/{len(self.data)}"
        if fault == "truncated":
            body = body[: len(body) // 2]
        if fault in ("no length", "no length, cut"):
            headers["Content-Length"] = ""
        answer = plain(status, body, headers)
        if fault in ("drop", "no length, cut"):
            connection.sendall(answer[: len(answer) - len(body) // 2])
            connection.close()
            return
        connection.sendall(answer)
        if fault == "no length":
            connection.close()


def fetch(
    server: RawServer,
    to: Path,
    waits: list[float] | None = None,
    renewed: list[str] | None = None,
    **more: Limits,
) -> bytes:
    http = HttpClient([server.origin])
    signatures = renewed if renewed is not None else []
    facts = fetch_gzip(
        http,
        lambda: f"{server.origin}/part?sig=CANARY{len(signatures)}",
        to,
        renew=lambda: signatures.append("new"),
        sleep=(waits if waits is not None else []).append,
        **more,
    )
    assert facts.size == to.stat().st_size
    return gzip.decompress(to.read_bytes())


@pytest.mark.parametrize(
    "plan",
    [
        (),
        ("drop",),
        ("drop", "drop", "drop"),
        ("truncated",),
        ("no length",),
        ("no length, cut",),
        ("drop", "no range"),
        ("503", "429"),
        ("drop", "503"),
        ("drop", "wrong range"),
    ],
)
def test_the_file_arrives_whole_whatever_happens_on_the_way(tmp_path: Path, plan: tuple[str, ...]) -> None:
    with RawServer(Storage(WHOLE, *plan)) as server:
        assert fetch(server, tmp_path / "part.gz") == LINES
    assert [path.name for path in tmp_path.iterdir()] == ["part.gz"]


def test_a_dropped_connection_is_resumed_where_it_broke(tmp_path: Path) -> None:
    with RawServer(Storage(WHOLE, "drop")) as server:
        fetch(server, tmp_path / "part.gz")
    second = server.requests[1].headers
    assert second["range"] == f"bytes={len(WHOLE) - len(WHOLE) // 2}-"
    assert second["if-match"] == '"v1"'


def test_another_version_of_the_file_is_never_appended(tmp_path: Path) -> None:
    storage = Storage(WHOLE, "drop")

    def answer(seen: Seen, connection: socket.socket) -> None:
        storage(seen, connection)
        if len(server.requests) == 1:
            storage.etag, storage.data = '"v2"', gzip.compress(b"other\n" * 20000)

    with RawServer(answer) as server:
        assert fetch(server, tmp_path / "part.gz") == b"other\n" * 20000


def test_members_of_two_versions_are_never_joined(tmp_path: Path) -> None:
    """Even where both halves are whole gzip members and the storage does not heed If-Match."""
    old, new = (gzip.compress(letter * 5000, 0, mtime=0) * 2 for letter in (b"a", b"b"))
    half = len(old) // 2

    def answer(seen: Seen, connection: socket.socket) -> None:
        if len(server.requests) == 1:
            connection.sendall(plain(200, old, {"ETag": '"v1"'})[:-half])
            connection.close()
        elif "range" in seen.headers:
            place = {"ETag": '"v2"', "Content-Range": f"bytes {half}-{len(new) - 1}/{len(new)}"}
            connection.sendall(plain(206, new[half:], place))
        else:
            connection.sendall(plain(200, new, {"ETag": '"v2"'}))

    with RawServer(answer) as server:
        assert fetch(server, tmp_path / "part.gz") == b"b" * 10000
    assert len(server.requests) == 3


def test_an_ended_permission_is_renewed_and_the_download_resumed(tmp_path: Path) -> None:
    renewed: list[str] = []
    with RawServer(Storage(WHOLE, "drop", "403")) as server:
        assert fetch(server, tmp_path / "part.gz", renewed=renewed) == LINES
    assert renewed == ["new"]
    third = server.requests[2]
    assert "sig=CANARY1" in third.line
    assert "range" in third.headers


def test_the_storage_gets_no_token_and_is_obeyed_when_it_throttles(tmp_path: Path) -> None:
    waits: list[float] = []
    with RawServer(Storage(WHOLE, "429")) as server:
        fetch(server, tmp_path / "part.gz", waits)
    assert waits == [3]
    assert all("authorization" not in seen.headers for seen in server.requests)


@pytest.mark.parametrize(
    "spoiled",
    [
        WHOLE[:-1],
        WHOLE[: len(WHOLE) // 2],
        WHOLE[:-8] + b"\0" * 8,
        WHOLE + b"garbage",
        WHOLE + WHOLE[:100],
        WHOLE + b"\0" * 20,
        b"",
        LINES,
    ],
)
def test_a_file_that_never_ends_properly_is_not_accepted(tmp_path: Path, spoiled: bytes) -> None:
    with RawServer(always(plain(200, spoiled))) as server, pytest.raises(BrokenFile) as caught:
        fetch(server, tmp_path / "part.gz")
    assert list(tmp_path.iterdir()) == []
    assert "CANARY" not in str(caught.value)


def test_several_members_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "part.gz"
    path.write_bytes(gzip.compress(LINES) + gzip.compress(b"") + gzip.compress(b"end\n"))
    assert check_gzip_file(path, max_inflated=1 << 30).inflated_size == len(LINES) + 4


def test_an_empty_part_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "part.gz"
    path.write_bytes(gzip.compress(b""))
    assert check_gzip_file(path, max_inflated=10).inflated_size == 0


def test_bombs_and_oversize_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"\0" * 20_000_000, 9))
    with pytest.raises(CannotInflate):
        check_gzip_file(path, max_inflated=1 << 40)
    path.write_bytes(WHOLE)
    with pytest.raises(CannotInflate):
        check_gzip_file(path, max_inflated=len(LINES) - 1)
    with RawServer(Storage(WHOLE)) as server, pytest.raises(Transient):
        fetch(server, tmp_path / "part.gz", limits=Limits(packed_bytes=len(WHOLE) - 1))


def test_a_long_wait_is_told_not_waited(tmp_path: Path) -> None:
    waits: list[float] = []
    busy = always(plain(503, b"", {"Retry-After": "900"}))
    with RawServer(busy) as server, pytest.raises(Transient) as caught:
        fetch(server, tmp_path / "part.gz", waits)
    assert caught.value.retry_after == 900
    assert waits == []
