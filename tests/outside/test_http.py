"""The client for strangers, over real sockets: each promise of its docstring, and what happens without it."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import traceback
from decimal import Decimal
from pathlib import Path

import pytest

from connector.errors import Misconfigured, Transient, Uncertain
from connector.outside.answers import retry_after_seconds
from connector.outside.breaker import Breaker
from connector.outside.http import Answer, HttpClient, NotSent
from tests.outside.issuing import tls_context
from tests.outside.server import RawServer, Seen, always, in_turn, plain

OK = plain(200, b"{}")


def client(*allowed: str, **more: object) -> HttpClient:
    return HttpClient(allowed, sleep=more.pop("sleep", lambda seconds: None), **more)  # type: ignore[arg-type]


def told(problem: BaseException) -> str:
    """Everything a log could print of an exception, what it hangs on included."""
    seen: list[BaseException] = []
    link: BaseException | None = problem
    while link is not None and link not in seen:
        seen.append(link)
        link = link.__cause__ or link.__context__
    return "".join(f"{one!r} {one} {vars(one)}" for one in seen) + "".join(traceback.format_exception(problem))


def test_an_answer_of_any_status_comes_back_with_exact_numbers() -> None:
    with RawServer(always(plain(404, b'{"amount": 0.10}', {"X-Thing": "a"}))) as server:
        answer = client(server.origin).send("GET", f"{server.origin}/v1/things?size=2")
    assert answer.status == 404
    assert answer.headers["x-thing"] == "a"
    assert answer.json() == {"amount": Decimal("0.10")}
    assert server.requests[0].line == "GET /v1/things?size=2 HTTP/1.1"


def test_decimals_are_written_digit_by_digit() -> None:
    with RawServer(always(OK)) as server:
        client(server.origin).send("POST", server.origin + "/", json={"total": Decimal("1000.10"), "n": 3})
    assert server.requests[0].body == b'{"total":1000.10,"n":3}'
    assert server.requests[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:{port}@127.0.0.1:{other}/",
        "http://127.0.0.1:{other}/",
        "https://localhost:{port}/",
        "http://LOCALHOST:{other}/",
        "http://localhost:{port}\\@127.0.0.1:{other}/",
        "http://localhost.:{port}/",
        "ftp://localhost:{port}/",
        "http://localhost:{port}/ x",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_is_not_listed_makes_no_connection(address: str) -> None:
    with RawServer(always(OK)) as listed, RawServer(always(OK)) as other:
        with pytest.raises(Misconfigured):
            client(listed.origin).send("GET", address.format(port=listed.port, other=other.port))
        time.sleep(0.05)
        assert (listed.connections, other.connections) == (0, 0)


def test_host_patterns() -> None:
    http = client("*.blob.core.windows.net", "localhost:41000")
    http.check_address("https://account.blob.core.windows.net/x")
    http.check_address("http://localhost:41000/x")
    for address in (
        "https://blob.core.windows.net/x",
        "https://evilblob.core.windows.net/x",
        "https://a.blob.core.windows.net.evil.example/x",
        "https://a.blob.core.windows.net:444/x",
        "http://a.blob.core.windows.net/x",
        "https://localhost/x",
    ):
        with pytest.raises(Misconfigured):
            http.check_address(address)


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with RawServer(always(OK)) as target:
        moved = plain(302, b"", {"Location": target.origin + "/"})
        with RawServer(always(moved)) as server:
            answer = client(server.origin, target.origin).send(
                "GET", server.origin + "/", headers={"Authorization": "Bearer x"}
            )
    assert answer.status == 302
    assert target.connections == 0


@pytest.mark.parametrize("part", ["body", "chunked", "head"])
def test_a_dripping_server_is_cut_at_the_deadline(part: str) -> None:
    stop = threading.Event()

    def drip(seen: Seen, connection: socket.socket) -> None:
        start = {
            "body": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
            "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "head": b"HTTP/1.1 200 OK\r\nX-Long: ",
        }[part]
        connection.sendall(start)
        while not stop.wait(0.05):
            connection.sendall(b"1" if part != "chunked" else b"1\r\nx\r\n")

    with RawServer(drip) as server:
        began = time.monotonic()
        with pytest.raises(Uncertain):
            client(server.origin).send("GET", server.origin + "/", deadline=0.4)
        assert time.monotonic() - began < 1.5
        stop.set()


def test_a_dripping_tls_server_is_cut_at_the_deadline(tmp_path: Path) -> None:
    context, ca_file = tls_context(tmp_path)
    stop = threading.Event()

    def drip(seen: Seen, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not stop.wait(0.05):
            connection.sendall(b"1")

    with RawServer(drip, tls=context) as server:
        began = time.monotonic()
        with pytest.raises(Uncertain):
            client(server.origin, ca_file=ca_file).send("GET", server.origin + "/", deadline=0.4)
        assert time.monotonic() - began < 1.5
        stop.set()


def test_a_server_that_falls_silent_is_cut_at_the_same_deadline() -> None:
    def drip_then_stop(seen: Seen, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(4):
            time.sleep(0.1)
            connection.sendall(b"1")
        time.sleep(2)

    with RawServer(drip_then_stop) as server:
        began = time.monotonic()
        with pytest.raises(Uncertain):
            client(server.origin).send("GET", server.origin + "/", deadline=0.5)
        assert time.monotonic() - began < 0.8


def test_an_endless_answer_is_cut_at_the_cap() -> None:
    def endless(seen: Seen, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    began = time.monotonic()
    with RawServer(endless) as server, pytest.raises(Uncertain) as caught:
        client(server.origin).send("GET", server.origin + "/", max_bytes=100_000, deadline=3)
    assert caught.value.code == "too_large"
    assert time.monotonic() - began < 1.5


def test_nothing_listening_means_surely_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        origin = f"http://localhost:{unused.getsockname()[1]}"
    with pytest.raises(NotSent):
        client(origin).send("POST", origin + "/", json={})


def test_a_lost_answer_is_uncertain() -> None:
    with (
        RawServer(lambda seen, connection: connection.close()) as server,
        pytest.raises(Uncertain) as caught,
    ):
        client(server.origin).send("POST", server.origin + "/", json={})
    assert not isinstance(caught.value, Transient)
    assert len(server.requests) == 1


def test_a_short_body_is_a_lost_answer() -> None:
    cut = plain(200, b'{"a": 1', {"Content-Length": "20"})
    with RawServer(in_turn(cut, close=True)) as server, pytest.raises(Uncertain):
        client(server.origin).send("GET", server.origin + "/")


def test_sizes_are_capped_before_and_after_inflating() -> None:
    packed = gzip.compress(b" " * 3_000_000)
    bomb = plain(200, packed, {"Content-Encoding": "gzip"})
    large = plain(200, b"x" * 5000)
    for answer, cap in ((large, 4999), (bomb, 2_000_000), (bomb, 100_000_000)):
        with RawServer(always(answer)) as server, pytest.raises(Uncertain) as caught:
            client(server.origin).send("GET", server.origin + "/", max_bytes=cap)
        assert "larger than allowed" in str(caught.value)


def test_a_packed_answer_is_unpacked_and_a_cut_one_refused() -> None:
    packed = gzip.compress(b'{"a": 1}')
    with RawServer(always(plain(200, packed, {"Content-Encoding": "gzip"}))) as server:
        assert client(server.origin).send("GET", server.origin + "/").json() == {"a": 1}
    cut = always(plain(200, packed[:-6], {"Content-Encoding": "gzip"}))
    with RawServer(cut) as server, pytest.raises(Uncertain):
        client(server.origin).send("GET", server.origin + "/")


def test_retry_after_is_obeyed_as_asked() -> None:
    waits: list[float] = []
    throttled = plain(429, b"", {"Retry-After": "7"})
    with RawServer(in_turn(throttled, plain(503), OK)) as server:
        answer = client(server.origin, sleep=waits.append).send("GET", server.origin + "/", retries=3)
    assert answer.status == 200
    assert waits[0] == 7
    assert 0 < waits[1] < 5


def test_without_retries_nothing_is_sent_twice() -> None:
    with RawServer(always(plain(503))) as server:
        assert client(server.origin).send("POST", server.origin + "/").status == 503
    assert len(server.requests) == 1


def test_tries_end_and_give_the_last_answer() -> None:
    with RawServer(always(plain(503))) as server:
        assert client(server.origin).send("GET", server.origin + "/", retries=2).status == 503
    assert len(server.requests) == 3


def test_a_lost_connection_is_tried_again_where_that_is_allowed() -> None:
    calls: list[int] = []

    def once_lost(seen: Seen, connection: socket.socket) -> None:
        calls.append(1)
        if len(calls) == 1:
            connection.close()
        else:
            connection.sendall(OK)

    with RawServer(once_lost) as server:
        assert client(server.origin).send("GET", server.origin + "/", retries=1).status == 200


def test_a_wait_beyond_our_patience_is_told_not_waited() -> None:
    waits: list[float] = []
    throttled = always(plain(429, b"", {"Retry-After": "4000"}))
    with RawServer(throttled) as server, pytest.raises(Transient) as caught:
        client(server.origin, sleep=waits.append).send("GET", server.origin + "/", retries=3)
    assert caught.value.retry_after == 4000
    assert waits == []


def test_retry_after_as_a_date() -> None:
    noon = 1_793_620_800.0
    assert retry_after_seconds("Mon, 02 Nov 2026 12:00:30 GMT", now=lambda: noon) == 30
    assert retry_after_seconds("Mon, 02 Nov 2026 11:00:00 GMT", now=lambda: noon) == 0
    assert retry_after_seconds("-5") is None


def test_ids_are_new_after_an_answer_and_the_same_after_a_lost_one() -> None:
    ids = iter("abcdef")
    answers = iter([b"", plain(503), OK])

    def answer(seen: Seen, connection: socket.socket) -> None:
        data = next(answers)
        connection.sendall(data) if data else connection.close()

    with RawServer(answer) as server:
        client(server.origin).send(
            "GET", server.origin + "/", retries=3, renewed_headers=lambda: {"MS-RequestId": next(ids)}
        )
    assert [seen.headers["ms-requestid"] for seen in server.requests] == ["a", "a", "b"]


def test_the_environment_changes_neither_trust_nor_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, ca_file = tls_context(tmp_path)
    empty = tmp_path / "empty.pem"
    empty.write_bytes(b"")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(empty))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with RawServer(always(OK), tls=context) as server:
        assert client(server.origin, ca_file=ca_file).send("GET", server.origin + "/").status == 200
        # and they cannot add trust either
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
        monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
        with pytest.raises(NotSent) as caught:
            client(server.origin).send("POST", server.origin + "/", json={"secret": 1})
    assert caught.value.code == "tls_untrusted"
    assert len(server.requests) == 1


def test_an_unreadable_file_of_roots_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text("not a certificate")
    for name in ("roots.pem", "missing.pem"):
        with pytest.raises(Misconfigured):
            client("https://localhost", ca_file=tmp_path / name)


def test_cookies_are_not_kept() -> None:
    with RawServer(always(plain(200, b"{}", {"Set-Cookie": "session=1; Path=/"}))) as server:
        http = client(server.origin)
        for _ in range(2):
            http.send("GET", server.origin + "/")
    assert "cookie" not in server.requests[1].headers


def test_secrets_of_an_address_and_of_headers_are_in_no_exception(tmp_path: Path) -> None:
    secret = "CANARY-sig-value"
    headers = {"Authorization": "Bearer CANARY-token"}
    with socket.create_server(("127.0.0.1", 0)) as unused:
        dead = f"http://localhost:{unused.getsockname()[1]}"
    context, _ = tls_context(tmp_path)
    problems: list[BaseException] = []
    with (
        RawServer(lambda seen, connection: connection.close()) as lost,
        RawServer(always(plain(200, b"x" * 100))) as large,
        RawServer(always(OK), tls=context) as untrusted,
        RawServer(always(plain(200, b"xx", {"Content-Encoding": "gzip"}))) as garbled,
    ):
        for origin in (dead, lost.origin, large.origin, untrusted.origin, garbled.origin):
            with pytest.raises((Transient, Uncertain)) as caught:
                client(origin).send("GET", f"{origin}/x?sig={secret}", headers=headers, max_bytes=50)
            problems.append(caught.value)
        with pytest.raises(Misconfigured) as refused:
            client(lost.origin).send("GET", f"https://other.example/x?sig={secret}", headers=headers)
        problems.append(refused.value)
        with pytest.raises((Transient, Uncertain)) as failed:
            client(dead).download(f"{dead}/x?sig={secret}", to=tmp_path / "f", headers=headers)
        problems.append(failed.value)
    for problem in problems:
        assert "CANARY" not in told(problem)
    assert "CANARY" not in repr(Answer(200, headers, secret.encode()))


def test_a_signed_address_travels_as_it_was_given() -> None:
    query = "se=2026-11-10T12%3A00%3A00Z&sp=r~l&sig=a%2Fb%2Bc%3D&x=%7E"
    with RawServer(always(OK)) as server:
        client(server.origin).send("GET", f"{server.origin}/c/x=1/part-0.gz?{query}")
    assert server.requests[0].line == f"GET /c/x=1/part-0.gz?{query} HTTP/1.1"


def test_a_breaker_leaves_a_failing_host_in_peace_and_tries_it_again() -> None:
    clock = [0.0]
    breaker = Breaker(threshold=3, rest_seconds=30, clock=lambda: clock[0])
    with RawServer(in_turn(plain(500), plain(500), plain(503), OK)) as server:
        http = client(server.origin, breaker=breaker)
        for _ in range(3):
            http.send("GET", server.origin + "/")
        with pytest.raises(NotSent) as caught:
            http.send("GET", server.origin + "/")
        assert caught.value.retry_after == 30
        assert len(server.requests) == 3
        clock[0] = 31
        assert http.send("GET", server.origin + "/").status == 200
        assert http.send("GET", server.origin + "/").status == 200


def test_each_thread_has_a_session_of_its_own() -> None:
    with RawServer(always(OK)) as server:
        http = client(server.origin)
        http.send("GET", server.origin + "/")
        http.send("GET", server.origin + "/")
        assert server.connections == 1
        worker = threading.Thread(target=lambda: http.send("GET", server.origin + "/"))
        worker.start()
        worker.join()
        assert server.connections == 2
