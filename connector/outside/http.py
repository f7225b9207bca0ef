"""The one HTTP client for strangers: allow-list, no redirects, total deadline, size caps, Retry-After obeyed.

Rules: reliability.md section 2, "Outside calls" and "Downloads". What an answer *means* is the caller's
matter: any status is returned. An exception names the host and nothing else of the address, never a header
and never a body.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NoReturn

import requests
from requests.structures import CaseInsensitiveDict
from tenacity import RetryCallState, Retrying, retry_if_exception_type, retry_if_result
from tenacity.wait import wait_exponential, wait_random
from urllib3.exceptions import HTTPError as LowerHttpError

from connector.errors import Transient, Uncertain
from connector.outside.addresses import AllowList, Origin
from connector.outside.answers import Answer, Downloaded
from connector.outside.breaker import Breaker
from connector.outside.inflate import CannotInflate, inflate
from connector.outside.json_text import write_json
from connector.outside.transport import Exchange, new_session, trust_context, under_clock

__all__ = ["TRIED_AGAIN", "Answer", "Downloaded", "HttpClient", "NotSent"]

DEFAULT_DEADLINE = 30.0
DEFAULT_MAX_BYTES = 32 << 20
DOWNLOAD_DEADLINE = 900.0
DOWNLOAD_MAX_BYTES = 8 << 30
CONNECT_TIMEOUT = 10.0
STALL_TIMEOUT = 60.0
"""A download that delivers nothing for so long is cut, however much of its deadline is left."""
REFUSAL_MAX_BYTES = 64 << 10
TRIED_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_CHUNK = 1 << 16


class NotSent(Transient):
    """Surely nothing of the request reached the other side: it may be sent again without looking."""


class HttpClient:
    """One client for one list of addresses. Safe to share between threads: each has a session of its own.

    `allowed`: origins ("https://graph.microsoft.com") and host patterns ("*.blob.core.windows.net",
    "localhost:41000"). `ca_file`: extra roots, added to certifi's. `patience`: the seconds that one `send`
    may wait between its tries. `breaker`: none by default.
    """

    def __init__(
        self,
        allowed: Iterable[str],
        ca_file: Path | str | None = None,
        user_agent: str = "csp-ledger-connector",
        *,
        patience: float = 120.0,
        sleep: Callable[[float], None] = time.sleep,
        breaker: Breaker | None = None,
    ) -> None:
        self._allowed = AllowList(allowed)
        self._context: ssl.SSLContext = trust_context(ca_file)
        self._user_agent = user_agent
        self._patience = patience
        self._sleep = sleep
        self._breaker = breaker
        self._of_thread = threading.local()

    def check_address(self, url: str) -> Origin:
        """Misconfigured unless the address is allowed; makes no connection."""
        return self._allowed.check(url)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        body: bytes | None = None,
        deadline: float = DEFAULT_DEADLINE,
        max_bytes: int = DEFAULT_MAX_BYTES,
        retries: int = 0,
        patience: float | None = None,
        renewed_headers: Callable[[], Mapping[str, str]] | None = None,
    ) -> Answer:
        """One exchange; with `retries` (only for calls that may be repeated) up to that many more.

        `deadline` is the total for each try. `renewed_headers` is asked for ids that are new after every
        answer and the same after a lost one (auth.md section 2, MS-RequestId).

        Raises NotSent, Uncertain (the answer was lost), Misconfigured (address not allowed), and Transient
        with `retry_after` when the other side asks for a longer wait than our patience.
        """
        origin = self._allowed.check(url)
        sent_headers = dict(headers or {})
        if json is not None:
            body = write_json(json)
            sent_headers.setdefault("Content-Type", "application/json")
        ids: list[Mapping[str, str]] = [renewed_headers() if renewed_headers else {}]

        def once() -> Answer:
            answer = self._once(origin, method, url, {**sent_headers, **ids[0]}, body, deadline, max_bytes)
            if renewed_headers:
                ids[0] = renewed_headers()
            return answer

        if retries <= 0:
            return once()
        return self._repeated(once, retries, self._patience if patience is None else patience, origin)

    def _repeated(self, once: Callable[[], Answer], retries: int, patience: float, origin: Origin) -> Answer:
        backoff = wait_exponential(multiplier=0.5, max=30) + wait_random(0, 0.5)

        def wait(state: RetryCallState) -> float:
            asked = _asked_wait(state)
            return backoff(state) if asked is None else float(asked)

        def stop(state: RetryCallState) -> bool:
            return state.attempt_number > retries or state.idle_for + state.upcoming_sleep > patience

        def give_up(state: RetryCallState) -> Answer:
            asked = _asked_wait(state)
            if asked is not None and state.attempt_number <= retries:
                raise Transient(
                    f"{origin.host} asks us to wait {asked} seconds, longer than we wait here.",
                    retry_after=asked,
                    code="throttled",
                    system=origin.host,
                )
            assert state.outcome is not None
            answer: Answer = state.outcome.result()
            return answer

        again = retry_if_result(lambda answer: answer.status in TRIED_AGAIN)
        lost = retry_if_exception_type((NotSent, Uncertain))
        tries = Retrying(retry=again | lost, wait=wait, stop=stop, sleep=self._sleep, retry_error_callback=give_up)
        return tries(once)

    def download(
        self,
        url: str,
        *,
        to: Path,
        headers: Mapping[str, str] | None = None,
        offset: int = 0,
        deadline: float = DOWNLOAD_DEADLINE,
        max_bytes: int = DOWNLOAD_MAX_BYTES,
        progress: Callable[[int], None] = lambda size: None,
    ) -> Downloaded:
        """Stream a body into a file; with `offset`, ask for the rest of one that already has so many bytes.

        A server that sends the whole again makes the file begin again. The bytes are written as they came,
        packed or not. A connection lost on the way is no exception: `lost` is set and the file can be
        resumed.
        """
        origin = self._allowed.check(url)
        asked = {"Accept-Encoding": "identity", **(headers or {})}
        if offset:
            asked["Range"] = f"bytes={offset}-"
        with under_clock(Exchange(time.monotonic() + deadline, STALL_TIMEOUT)) as exchange:
            response = self._open(origin, "GET", url, asked, None, exchange)
            try:
                found = CaseInsensitiveDict(response.headers)
                if response.status_code not in (200, 206):
                    refusal, lost = _read_capped(response, REFUSAL_MAX_BYTES, exchange)
                    return Downloaded(response.status_code, found, 0, None, lost, refusal)
                begin, expected = _place(response.status_code, found, offset)
                if begin is None:
                    return Downloaded(416, found, 0, None, lost=False)
                return self._write(response, to, begin, expected, max_bytes, exchange, progress)
            finally:
                response.close()

    def _write(
        self,
        response: requests.Response,
        to: Path,
        begin: int,
        expected: int | None,
        max_bytes: int,
        exchange: Exchange,
        progress: Callable[[int], None],
    ) -> Downloaded:
        size, lost = begin, False
        with to.open("r+b" if begin else "wb") as file:
            file.truncate(begin)
            file.seek(begin)
            while True:
                data, lost = _next(response, exchange)
                if not data:
                    break
                size += len(data)
                if size > max_bytes:
                    raise Transient("A download was larger than allowed.", code="too_large")
                file.write(data)
                progress(size)
        found = CaseInsensitiveDict(response.headers)
        return Downloaded(response.status_code, found, size, expected, lost or expected not in (None, size))

    def _once(
        self,
        origin: Origin,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        deadline: float,
        max_bytes: int,
    ) -> Answer:
        with under_clock(Exchange(time.monotonic() + deadline, deadline)) as exchange:
            response = self._open(origin, method, url, {"Accept-Encoding": "gzip", **headers}, body, exchange)
            try:
                packed, lost = _read_capped(response, max_bytes, exchange)
            finally:
                if exchange.left() <= 0:
                    response.close()
        if len(packed) > max_bytes:
            _unusable(origin, "too_large", "is larger than allowed")
        if lost:
            self._count(origin, failed=True)
            _lost(origin, exchange)
        try:
            inflated = inflate(packed, response.headers.get("Content-Encoding", ""), max_bytes)
        except CannotInflate as reason:
            problem = str(reason)
        else:
            return Answer(response.status_code, CaseInsensitiveDict(response.headers), inflated)
        _unusable(origin, "unreadable_answer", f"cannot be unpacked: {problem}")

    def _open(
        self,
        origin: Origin,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        exchange: Exchange,
    ) -> requests.Response:
        """Send the request and read the head of the answer."""
        if self._breaker and (rest := self._breaker.rest(str(origin))):
            raise NotSent(
                f"{origin.host} has failed many times in a row; it is left in peace for a while.",
                retry_after=rest,
                code="breaker_open",
                system=origin.host,
            )
        all_headers = {"User-Agent": self._user_agent, "Accept": "*/*", **headers}
        prepared = requests.Request(method, str(origin), headers=all_headers, data=body).prepare()
        # requests would re-quote the address, and a signed address must travel as it was given
        prepared.url = url
        timeout = (max(0.001, min(CONNECT_TIMEOUT, exchange.left())), max(0.001, exchange.left()))
        trouble = ""
        try:
            response = self._session().send(
                prepared, stream=True, allow_redirects=False, timeout=timeout, verify=True, proxies={}
            )
        except requests.exceptions.SSLError as problem:
            trouble = "tls_untrusted" if "CERTIFICATE_VERIFY_FAILED" in str(problem) else "tls"
        except requests.exceptions.RequestException:
            trouble = "connection"
        # Raised out here: an exception chained to the one of the library would carry the whole address along.
        if trouble:
            self._count(origin, failed=True)
            if exchange.sent:
                _lost(origin, exchange)
            _not_sent(origin, trouble)
        self._count(origin, failed=response.status_code in TRIED_AGAIN)
        return response

    def _count(self, origin: Origin, *, failed: bool) -> None:
        if self._breaker:
            self._breaker.count(str(origin), failed=failed)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._of_thread, "session", None)
        if session is None:
            session = self._of_thread.session = new_session(self._context)
        return session


def _asked_wait(state: RetryCallState) -> int | None:
    if state.outcome is None or state.outcome.failed:
        return None
    answer: Answer = state.outcome.result()
    return answer.retry_after


def _next(response: requests.Response, exchange: Exchange) -> tuple[bytes, bool]:
    """The next bytes as they came, and whether the connection was lost instead."""
    if exchange.left() <= 0:
        return b"", True
    try:
        return response.raw.read1(_CHUNK, decode_content=False) or b"", False
    except (LowerHttpError, OSError):
        return b"", True


def _read_capped(response: requests.Response, max_bytes: int, exchange: Exchange) -> tuple[bytes, bool]:
    """The body up to one byte more than allowed, and whether the connection was lost."""
    body = bytearray()
    while True:
        data, lost = _next(response, exchange)
        body += data
        if len(body) > max_bytes:
            response.close()
            return bytes(body[: max_bytes + 1]), False
        if not data:
            return bytes(body), lost


def _place(status: int, headers: Mapping[str, str], offset: int) -> tuple[int | None, int | None]:
    """Where the bytes belong and how long the whole is; None for the first: not what we asked for."""
    length = headers.get("Content-Length", "")
    announced = int(length) if length.isascii() and length.isdecimal() else None
    if status == 200:
        return 0, announced
    # Content-Range: bytes 500-999/1000
    unit, _, place = headers.get("Content-Range", "").partition(" ")
    span, _, whole = place.partition("/")
    first = span.partition("-")[0]
    if unit != "bytes" or not first.isdecimal() or int(first) != offset or not offset:
        return None, None
    if whole.isdecimal():
        return offset, int(whole)
    return offset, None if announced is None else offset + announced


def _not_sent(origin: Origin, trouble: str) -> NoReturn:
    if trouble == "tls_untrusted":
        raise NotSent(
            f"The certificate of {origin} is not one that we trust, so nothing was sent.",
            code="tls_untrusted",
            system=origin.host,
            action="If the host is right, put the root of its certificate into the file of extra roots.",
        )
    raise NotSent(f"{origin} could not be reached.", code=f"not_sent_{trouble}", system=origin.host)


def _lost(origin: Origin, exchange: Exchange) -> NoReturn:
    why = "did not answer in time" if exchange.left() <= 0 else "broke off before its answer was whole"
    raise Uncertain(f"{origin} {why}.", code="answer_lost", system=origin.host)


def _unusable(origin: Origin, code: str, why: str) -> NoReturn:
    raise Uncertain(f"The answer of {origin.host} {why}.", code=code, system=origin.host)
