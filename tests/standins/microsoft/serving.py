"""A small HTTPS server: one listener per host, HTTP/1.1 with keep-alive, one thread per connection.

The answer of a role is a value (`Answer`); what goes wrong on the way to the client (a cut connection, a
slow drip) is decided here, so that every role can be disturbed in the same way.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from tests.standins.microsoft import exact

_CHUNK = 1 << 16
_MAX_BODY = 64 << 20


@dataclass(frozen=True)
class Request:
    """What a role sees of a request. `query` is the raw text after the first question mark."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str | None:
        """A header, whatever its case."""
        return self.headers.get(name.lower())

    @property
    def params(self) -> dict[str, str]:
        """Query parameters with lower-case names; Microsoft matches names without regard to case."""
        return {k.lower(): v for k, v in parse_qsl(self.query, keep_blank_values=True)}

    @property
    def form(self) -> dict[str, str]:
        """A form body."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json(self) -> Any:
        """A JSON body, or None when it is none."""
        try:
            return exact.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. `file` streams a file (a part of it: start, length) instead of `body`."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    file: Path | None = None
    start: int = 0
    length: int | None = None
    where: str = ""
    #: close the connection after so many bytes of body, although Content-Length promised more; below zero:
    #: without any answer
    drop_after: int | None = None
    #: send the body in pieces of `drip_bytes` with this pause between them
    drip_seconds: float = 0.0
    drip_bytes: int = 1
    extra: Mapping[str, Any] = field(default_factory=dict)


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with a JSON body."""
    all_headers = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    return Answer(status, exact.dumps(value).encode(), tuple(all_headers.items()))


Role = Callable[[Request], Answer]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Stand-in"
    sys_version = ""
    wbufsize = _CHUNK
    disable_nagle_algorithm = True
    timeout = 120
    server: "Listener"

    def setup(self) -> None:
        # The handshake happens here, in the connection's own thread: a client that never finishes it
        # does not keep others waiting.
        if self.server.tls is not None:
            self.request.settimeout(self.timeout)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def _body(self) -> bytes:
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            parts = []
            while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(min(length, _MAX_BODY))

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        headers = {k.lower(): v for k, v in self.headers.items()}
        request = Request(self.command, unquote(path), query, headers, self._body())
        answer = self.server.role(request)
        try:
            self._send(answer)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

    def _send(self, answer: Answer) -> None:
        if answer.drop_after is not None and answer.drop_after < 0:
            self._cut()
            return
        total = answer.length
        if total is None:
            total = answer.file.stat().st_size - answer.start if answer.file else len(answer.body)
        self.send_response(answer.status, answer.extra.get("reason"))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(total))
        self.end_headers()
        if self.command == "HEAD":
            return
        allowed = total if answer.drop_after is None else min(total, answer.drop_after)
        self._write(answer, allowed)
        self.wfile.flush()
        if answer.drop_after is not None:
            self._cut()

    def _write(self, answer: Answer, allowed: int) -> None:
        step = answer.drip_bytes if answer.drip_seconds else _CHUNK
        if answer.file is None:
            for start in range(0, allowed, step):
                self._piece(answer.body[start : min(start + step, allowed)], answer.drip_seconds)
            return
        with answer.file.open("rb") as source:
            source.seek(answer.start)
            while allowed > 0 and (piece := source.read(min(step, allowed))):
                self._piece(piece, answer.drip_seconds)
                allowed -= len(piece)

    def _piece(self, piece: bytes, pause: float) -> None:
        self.wfile.write(piece)
        if pause:
            self.wfile.flush()
            time.sleep(pause)

    def _cut(self) -> None:
        """Close the TCP connection in mid-body; no TLS goodbye, as when a machine in between dies."""
        self.close_connection = True
        try:
            plain = self.request.detach() if isinstance(self.request, ssl.SSLSocket) else None
            target = socket.socket(fileno=plain) if plain is not None else self.request
            target.shutdown(socket.SHUT_RDWR)
            target.close()
        except OSError:
            return

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the control channel keeps the log of requests, without secrets."""


class Listener(ThreadingHTTPServer):
    """One host. Port 0 takes a free port."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, role: Role, tls: ssl.SSLContext | None, port: int = 0) -> None:
        self.role = role
        self.tls = tls
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Base address without a path."""
        return f"{'https' if self.tls else 'http'}://{'localhost' if self.tls else '127.0.0.1'}:{self.port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A refused handshake or a client that went away is no news here."""

    def start(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Stop serving and close the port."""
        self.shutdown()
        self.server_close()
