"""Sessions that trust what we say and end when we say: extra roots, no proxies, no redirects, no cookies,
one clock.

A time-out of `requests` is per read, so a server that drips one byte a second is never cut (1 s took 8.4 s,
reliability.md section 2). Here every single read and write of the socket gets what is left of the whole
deadline.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import certifi
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from connector.errors import Misconfigured


@dataclass(slots=True)
class Exchange:
    """One request under one clock. `sent` turns true with the first byte of the request itself."""

    ends_at: float
    stall: float
    sent: bool = False

    def left(self) -> float:
        return self.ends_at - time.monotonic()


_exchange: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def under_clock(exchange: Exchange) -> Iterator[Exchange]:
    """All sockets of this thread obey `exchange` while the block runs."""
    token = _exchange.set(exchange)
    try:
        yield exchange
    finally:
        _exchange.reset(token)


def _tighten(sock: socket.socket) -> None:
    exchange = _exchange.get()
    if exchange is None:
        return
    left = exchange.left()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    sock.settimeout(min(left, exchange.stall))


def _mark_sent() -> None:
    exchange = _exchange.get()
    if exchange is not None:
        exchange.sent = True


class _Socket(socket.socket):
    def recv_into(self, *args: Any, **more: Any) -> int:
        _tighten(self)
        return super().recv_into(*args, **more)

    def sendall(self, *args: Any, **more: Any) -> None:
        _tighten(self)
        _mark_sent()
        super().sendall(*args, **more)


class _TlsSocket(ssl.SSLSocket):
    def recv_into(self, *args: Any, **more: Any) -> int:
        _tighten(self)
        return super().recv_into(*args, **more)

    # sendall() of a TLS socket is a loop over send(); the handshake does not come through here
    def send(self, *args: Any, **more: Any) -> int:
        _tighten(self)
        _mark_sent()
        return super().send(*args, **more)


def _wrapped(plain: socket.socket) -> socket.socket:
    timeout = plain.gettimeout()
    family, kind, proto = plain.family, plain.type, plain.proto
    ours = _Socket(family, kind, proto, fileno=plain.detach())
    ours.settimeout(timeout)
    return ours


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _wrapped(super()._new_conn())


class _TlsConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _wrapped(super()._new_conn())


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(max_retries=0, pool_connections=8, pool_maxsize=1)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:
        self.poolmanager = PoolManager(
            num_pools=connections, maxsize=maxsize, block=block, ssl_context=self._context, **more
        )
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        # The context holds all roots already; the parent would load certifi's again for every connection.
        conn.cert_reqs = "CERT_REQUIRED"
        conn.ca_certs = conn.ca_cert_dir = None


def trust_context(ca_file: Path | str | None) -> ssl.SSLContext:
    """TLS 1.2 or newer, certifi's roots plus those of `ca_file`; no environment variable changes it."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # typeshed declares the hook on instances as read-only in some versions; the library documents it as
    # settable
    context.sslsocket_class = _TlsSocket
    if ca_file:
        try:
            context.load_verify_locations(cafile=str(ca_file))
        except (OSError, ssl.SSLError):
            raise Misconfigured(
                f"The file of extra certificate roots {Path(ca_file).name} cannot be read.",
                code="ca_file",
                action="Give a readable PEM file in MICROSOFT_CA_FILE, or remove the setting.",
            ) from None
    return context


def new_session(context: ssl.SSLContext) -> requests.Session:
    """A session that takes nothing from the environment.

    Requests are prepared without it, so no cookie and no .netrc entry of one answer reaches the next request.
    """
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", _Adapter(context))
    session.mount("http://", _Adapter(context))
    return session
