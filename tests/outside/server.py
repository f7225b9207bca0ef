"""A server for one test: real sockets, raw bytes, nothing clever. Every connection is given to a function."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass
class Seen:
    """One request as it arrived."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class RawServer:
    """Calls `answer(seen, connection)` for every request; what that sends is what the client gets."""

    answer: Callable[[Seen, socket.socket], None]
    tls: ssl.SSLContext | None = None
    requests: list[Seen] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.origin = f"{'https' if self.tls else 'http'}://localhost:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # close() alone would leave the thread that accepts, and with it the port, alive
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            while seen := _read(connection):
                self.requests.append(seen)
                self.answer(seen, connection)
                if connection.fileno() < 0:
                    return
        except OSError:
            pass
        finally:
            connection.close()


def _read(connection: socket.socket) -> Seen | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    return Seen(lines[0], headers, body)


def plain(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    """An ordinary answer as bytes."""
    named = {"Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items() if value)
    return f"HTTP/1.1 {status} Words\r\n{head}\r\n".encode() + body


def always(data: bytes) -> Callable[[Seen, socket.socket], None]:
    """The same bytes for every request; the connection stays open."""
    return lambda seen, connection: connection.sendall(data)


def in_turn(*answers: bytes, close: bool = False) -> Callable[[Seen, socket.socket], None]:
    """One answer after the other, the last one for ever."""
    left = list(answers)

    def answer(seen: Seen, connection: socket.socket) -> None:
        data = left.pop(0) if len(left) > 1 else left[0]
        connection.sendall(data)
        if close:
            connection.close()

    return answer
