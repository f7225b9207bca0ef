"""The receiver: each answer, what is kept, and what a broken bell, database or sender may do."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.serving import make_server

from connector.errors import Transient
from connector.store import inbox
from connector.store.database import open_engine, reading
from connector.store.tables import inbox as inbox_table
from tests.web import seeded
from webhooks.app import create_app
from webhooks.notices import MAX_BODY, Verdict, subject_of
from webhooks.rate import Tally, TokenBucket

PATH = "/webhooks/partner-center"
READY = json.dumps(
    {
        "EventName": "invoice-ready",
        "ResourceUri": "https://api.partnercenter.microsoft.com/v1/invoices/G000024135",
        "ResourceName": "invoice",
        "ResourceChangeUtcDate": "2026-04-07T10:00:00.0000000+00:00",
    }
).encode()
Browser = Callable[..., FlaskClient]


def says(verdict: Verdict, reason: str = "") -> Callable[[Mapping[str, str], bytes], tuple[Verdict, str]]:
    return lambda headers, body: (verdict, reason)


def stored(engine: Engine) -> list[tuple[str, str, bytes]]:
    with reading(engine) as connection:
        rows = connection.execute(select(inbox_table.c.event_name, inbox_table.c.subject, inbox_table.c.body))
        return [(row.event_name, row.subject, row.body) for row in rows]


def test_a_proved_notice_is_kept_before_the_answer_and_the_bell_rings_after_it(
    engine: Engine, browser: Browser
) -> None:
    rung: list[int] = []
    answer = browser(ring=lambda: rung.append(len(stored(engine)))).post(PATH, data=READY)
    answer.close()
    assert answer.status_code == 200
    assert stored(engine) == [("invoice-ready", "G000024135", READY)]
    assert rung == [1]


def test_the_same_notice_twice_is_one_row_and_200_both_times(engine: Engine, browser: Browser) -> None:
    client = browser()
    assert [client.post(PATH, data=READY).status_code for _ in range(3)] == [200] * 3
    assert len(stored(engine)) == 1


def test_the_raw_bytes_and_headers_reach_the_verifier(browser: Browser) -> None:
    seen: list[tuple[Mapping[str, str], bytes]] = []

    def verify(headers: Mapping[str, str], body: bytes) -> tuple[Verdict, str]:
        seen.append((headers, body))
        return Verdict.PROVED, ""

    body = b'{ "EventName" :\r\n "test-created", "name": "\xc3\xa9" }'
    browser(verify_notice=verify).post(PATH, data=body, headers={"X-MS-Certificate-Url": "https://x.test/c"})
    assert seen[0][1] == body
    assert seen[0][0]["x-ms-certificate-url"] == "https://x.test/c"


@pytest.mark.parametrize(("verdict", "status"), [(Verdict.NOT_PROVED, 401), (Verdict.CANNOT_DECIDE, 503)])
def test_what_is_not_proved_is_not_kept(engine: Engine, browser: Browser, verdict: Verdict, status: int) -> None:
    rung: list[int] = []
    client = browser(verify_notice=says(verdict, "no signature"), ring=lambda: rung.append(1))
    answer = client.post(PATH, data=READY)
    answer.close()
    assert answer.status_code == status
    assert stored(engine) == [] and rung == []
    assert "signature" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b'{"a":1}{"b":2}',
        b"\xff\xfe",
        b'{"a": NaN}',
        b"[" * 30000,
        b'{"a":' * 20000 + b"1" + b"}" * 20000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        gzip.compress(READY),
    ],
)
def test_a_proved_body_that_is_no_json_object_is_400(engine: Engine, browser: Browser, body: bytes) -> None:
    expected = 413 if len(body) > MAX_BODY else 400
    assert browser().post(PATH, data=body).status_code == expected
    assert stored(engine) == []


def test_an_encoded_body_is_never_inflated(browser: Browser) -> None:
    bomb = gzip.compress(b"{" + b" " * 50_000_000 + b"}")
    headers = {"Content-Encoding": "gzip"}
    assert browser().post(PATH, data=bomb[:60000], headers=headers).status_code == 400


def test_more_than_64_kib_is_413_and_is_not_verified(browser: Browser) -> None:
    asked: list[int] = []

    def verify(headers: Mapping[str, str], body: bytes) -> tuple[Verdict, str]:
        asked.append(len(body))
        return Verdict.PROVED, ""

    client = browser(verify_notice=verify)
    fits = READY[:-1] + b" " * (MAX_BODY - len(READY)) + b"}"
    assert client.post(PATH, data=fits).status_code == 200
    assert client.post(PATH, data=fits + b" ").status_code == 413
    assert client.post(PATH, data=fits * 3).status_code == 413
    assert asked == [MAX_BODY]


def test_a_flood_is_answered_503_before_anything_is_verified(browser: Browser) -> None:
    asked: list[int] = []

    def verify(headers: Mapping[str, str], body: bytes) -> tuple[Verdict, str]:
        asked.append(1)
        return Verdict.NOT_PROVED, ""

    client = browser(verify_notice=verify, notices_per_second=0.001, notices_burst=3)
    answers = [client.post(PATH, data=READY) for _ in range(10)]
    assert [answer.status_code for answer in answers] == [401] * 3 + [503] * 7
    assert len(asked) == 3
    assert answers[-1].headers["Retry-After"]


def test_a_broken_bell_changes_nothing(engine: Engine, browser: Browser) -> None:
    def broken() -> None:
        raise Transient("Redis does not answer")

    def refused() -> None:
        raise ConnectionRefusedError

    for number, ring in enumerate((broken, refused)):
        answer = browser(ring=ring).post(PATH, data=READY[:-1] + b" " * number + b"}")
        answer.close()
        assert answer.status_code == 200
    assert len(stored(engine)) == 2


def test_without_a_database_the_answer_is_503(browser: Browser, tmp_path: Any) -> None:
    nowhere = open_engine(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    rung: list[int] = []
    answer = browser(engine=nowhere, ring=lambda: rung.append(1)).post(PATH, data=READY)
    answer.close()
    assert answer.status_code == 503 and rung == []


def test_refusals_are_counted_by_reason_and_not_one_write_each(engine: Engine) -> None:
    written: list[dict[str, int]] = []

    def write(counts: Mapping[str, int]) -> bool:
        written.append(dict(counts))
        return len(written) > 1

    tally = Tally(write, seconds=60)
    for _ in range(500):
        tally.add("a")
    tally.add("b")
    tally.flush()
    tally.flush()
    tally.flush()
    assert written == [{"a": 500, "b": 1}] * 2


def test_strangers_cannot_invent_counters_without_end() -> None:
    written: list[dict[str, int]] = []
    tally = Tally(lambda counts: written.append(dict(counts)) is None, seconds=60)
    for number in range(1000):
        tally.add(f"name-{number}")
    tally.flush()
    assert len(written[0]) <= 61 and written[0]["other"] == 940


def test_refused_notices_end_up_in_the_counters(engine: Engine, browser: Browser) -> None:
    client = browser(verify_notice=says(Verdict.NOT_PROVED, "the chain does not lead to a trusted root"))
    for _ in range(3):
        client.post(PATH, data=READY)
    for _ in range(40):
        with reading(engine) as connection:
            counts = inbox.counted(connection)
        if counts:
            break
        threading.Event().wait(0.1)
    ((name, value),) = counts.items()
    assert name.startswith("notices_refused_not_proved_the_chain") and value == 3 and len(name) <= 60


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    bucket = TokenBucket(2.0, 2, clock=lambda: now[0])
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    now[0] = 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]


@pytest.mark.parametrize(
    ("event", "resource", "subject"),
    [
        ("invoice-ready", "https://api.partnercenter.microsoft.com/v1/invoices/G000024135", "G000024135"),
        ("invoice-ready", "http://anything.test/webhooks/v1/invoices/D02005YFHI?x=1#y", "D02005YFHI"),
        ("invoice-ready", "https://h/v1/invoices/../../etc/passwd", ""),
        ("invoice-ready", "https://h/v1/invoices/G0000241%00", ""),
        ("invoice-ready", "https://h/v1/invoices/G00002٤135", ""),
        ("invoice-ready", "http://[broken/G000024135", ""),
        ("invoice-ready", "https://h/v1/invoices/" + "G" * 500, ""),
        ("invoice-ready", None, ""),
        ("invoice-ready", {"a": 1}, ""),
        ("subscription-updated", "https://h/v1/invoices/G000024135", ""),
    ],
)
def test_only_an_invoice_id_is_believed(event: str, resource: Any, subject: str) -> None:
    assert subject_of(event, resource) == subject


@pytest.mark.parametrize("name", ["a b", "x" * 200, "a\x00b", "<b>", 7, None])
def test_an_odd_event_name_is_kept_as_nothing(engine: Engine, browser: Browser, name: Any) -> None:
    assert browser().post(PATH, data=json.dumps({"EventName": name}).encode()).status_code == 200
    assert stored(engine)[0][:2] == ("", "")


def test_only_post_is_answered(browser: Browser) -> None:
    assert browser().get(PATH).status_code == 405


@pytest.fixture
def address(engine: Engine) -> Iterator[tuple[str, int]]:
    server = make_server("127.0.0.1", 0, create_app(seeded.parts(engine)), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield "127.0.0.1", server.server_port
    server.shutdown()
    thread.join(5)


def spoken(address: tuple[str, int], request: bytes) -> bytes:
    """What comes back over a real socket."""
    received = b""
    with socket.create_connection(address, timeout=10) as talk:
        try:
            talk.sendall(request)
            talk.shutdown(socket.SHUT_WR)
            while piece := talk.recv(65536):
                received += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
    return received


def chunked(*pieces: bytes) -> bytes:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def test_a_chunked_notice_without_a_length_is_read(engine: Engine, address: tuple[str, int]) -> None:
    answer = spoken(address, chunked(READY[:50], READY[50:]))
    assert answer.startswith(b"HTTP/1.1 200") or answer.startswith(b"HTTP/1.0 200")
    assert stored(engine)[0][2] == READY


def test_a_chunked_body_beyond_the_limit_is_cut(engine: Engine, address: tuple[str, int]) -> None:
    answer = spoken(address, chunked(*[b" " * 16000] * 5))
    assert b" 413 " in answer.split(b"\r\n")[0]
    assert stored(engine) == []


def test_a_body_that_breaks_off_is_not_kept(engine: Engine, address: tuple[str, int]) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5000\r\n\r\n".encode()
    with socket.create_connection(address, timeout=10) as talk:
        talk.sendall(head + READY)
        talk.shutdown(socket.SHUT_WR)
        answer = talk.recv(65536)
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert stored(engine) == []
