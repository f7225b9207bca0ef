"""A small HTTP proxy before Tryton that breaks calls on demand, by method and counted.

It listens on loopback and knows one upstream. Faults are taken in the order they were injected; the first
whose pattern fits the JSON-RPC method and that has uses left is applied.
"""

from __future__ import annotations

import fnmatch
import http.client
import json
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

FaultKind = Literal["latency", "hold", "drop_before", "drop_after", "status", "wrong_id"]


@dataclass(slots=True)
class Fault:
    """What happens to the next `times` calls whose method fits `method` (shell pattern).

    latency: forwarded at once, the answer comes `seconds` later.
    hold: forwarded only after `seconds`, even if the caller has gone by then (a late commit).
    drop_before: the connection is cut before anything is forwarded.
    drop_after: forwarded, carried out, and the connection cut instead of the answer (commit-then-drop).
    status: not forwarded, answered with `status` and `body`; `retry_after` becomes the header.
    wrong_id: forwarded, and the answer carries another request's id.
    """

    kind: FaultKind
    method: str = "*"
    times: int | None = 1
    seconds: float = 0.0
    status: int = 500
    retry_after: str = ""
    body: bytes = b"<html><body>out of order</body></html>"
    applied: int = field(default=0, init=False)


class FaultyProxy:
    """`with FaultyProxy(tryton.url) as proxy`: point the adapter at `proxy.url`."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self.host = parts.hostname or "127.0.0.1"
        self.port = parts.port or 80
        self.calls: list[str] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self.ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def inject(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
            self.calls.clear()

    def count(self, method: str) -> int:
        """How many calls arrived whose method fits the pattern."""
        with self._lock:
            return sum(fnmatch.fnmatchcase(call, method) for call in self.calls)

    def note(self, method: str) -> Fault | None:
        """Record an arriving call and take the fault it meets, if any."""
        with self._lock:
            self.calls.append(method)
            for fault in self._faults:
                left = fault.times is None or fault.applied < fault.times
                if left and fnmatch.fnmatchcase(method, fault.method):
                    fault.applied += 1
                    return fault
        return None


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def _handler_for(proxy: FaultyProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one packet: the second of two would wait 40 ms for an acknowledgement.
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = proxy.note(_method_of(body))
            if fault is None:
                self._reply(self._forward(body))
            elif fault.kind == "status":
                extra = (("Retry-After", fault.retry_after),) if fault.retry_after else ()
                self._reply(_Reply(fault.status, (("Content-Type", "text/html"), *extra), fault.body))
            elif fault.kind == "drop_before":
                self._cut()
            elif fault.kind == "drop_after":
                self._forward(body)
                self._cut()
            elif fault.kind == "hold":
                proxy.ended.wait(fault.seconds)
                self._reply(self._forward(body))
            elif fault.kind == "latency":
                reply = self._forward(body)
                proxy.ended.wait(fault.seconds)
                self._reply(reply)
            else:
                reply = self._forward(body)
                answer = json.loads(reply.body)
                answer["id"] = -1
                self._reply(_Reply(reply.status, reply.headers, json.dumps(answer).encode()))

        def _forward(self, body: bytes) -> _Reply:
            connection = http.client.HTTPConnection(proxy.host, proxy.port, timeout=120)
            kept = {name: self.headers[name] for name in ("Content-Type", "Authorization") if self.headers[name]}
            try:
                connection.request("POST", self.path, body=body, headers=kept)
                answer = connection.getresponse()
                content = (("Content-Type", answer.headers.get("Content-Type", "application/json")),)
                return _Reply(answer.status, content, answer.read())
            except OSError:
                return _Reply(502, (("Content-Type", "text/html"),), b"upstream is away")
            finally:
                connection.close()

        def _reply(self, reply: _Reply) -> None:
            try:
                self.send_response(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)
                self.wfile.flush()
            except OSError:  # the caller stopped waiting
                self.close_connection = True

        def _cut(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, format: str, *args: object) -> None:
            """Tests read `calls`, not a log."""

    return Handler


def _method_of(body: bytes) -> str:
    try:
        method = json.loads(body)["method"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(method)
