"""The ledgers that the contract suite runs against: one entry in SUBJECTS each.

A subject owns a running server, opens adapters onto it, and can do to it what the world does: lose answers,
refuse connections, forget sessions, close periods. It looks into the books by a way of its own, never by the
adapter.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from connector.ledgers import Ledger, LedgerInfo
from connector.ledgers.tryton import LEDGER as TRYTON
from connector.outside.http import HttpClient
from tests.standins.tryton import Fault, FaultyProxy, TrytonServer


@dataclass(frozen=True, slots=True)
class Booked:
    """A document in the ledger as seen by somebody else than the adapter."""

    ref: str
    final: bool
    number: str
    customer: str
    currency: str
    net_total: Decimal
    texts: tuple[str, ...]
    links: tuple[str, ...]
    amounts: tuple[Decimal, ...]


class Subject(Protocol):
    info: LedgerInfo
    customer: str
    """The code of a customer who can be invoiced."""
    secret: str

    def open(self, **settings: str) -> Ledger: ...
    def open_with_wrong_password(self) -> Ledger: ...
    def open_where_nobody_listens(self) -> Ledger: ...
    def booked(self, ref: str) -> list[Booked]: ...
    def lose_next_answer(self, step: str) -> None:
        """Of `create` or `finalise`: carried out, then the connection is cut."""

    def lose_next_request(self, step: str) -> None:
        """The connection is cut before the ledger sees it."""

    def break_next(self, step: str, status: int, retry_after: str = "") -> None: ...
    def clear(self) -> None:
        """Forget all injected faults and what they left behind."""

    def slow_down(self, seconds: float) -> None:
        """Every answer from now on comes so much later."""

    def forget_sessions(self) -> None: ...
    def close_period(self, day: date) -> None: ...
    def restart(self, *, hard: bool) -> None: ...


_TRYTON_METHODS = {"create": "model.account.invoice.create", "finalise": "model.account.invoice.post"}


class TrytonSubject:
    """Tryton behind the faulty proxy."""

    info = TRYTON
    customer = "C-1"

    def __init__(self, server: TrytonServer, proxy: FaultyProxy) -> None:
        self.server = server
        self.proxy = proxy
        self.secret = server.facts.password
        server.create_customer(self.customer, 'Contoso "Süd" <GmbH> & Söhne 北風 🧾')

    def open(self, **settings: str) -> Ledger:
        return self._open(self.proxy.url, **settings)

    def open_with_wrong_password(self) -> Ledger:
        return self.open(password="not-the-password")

    def open_where_nobody_listens(self) -> Ledger:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        return self._open(f"http://127.0.0.1:{port}")

    def booked(self, ref: str) -> list[Booked]:
        return [
            Booked(
                ref=found.reference,
                final=found.state in ("posted", "paid"),
                number=found.number,
                customer=found.party_code,
                currency=found.currency,
                net_total=found.untaxed_amount,
                texts=tuple(line.description for line in found.lines),
                links=tuple(line.note for line in found.lines),
                amounts=tuple(line.amount for line in found.lines),
            )
            for found in self.server.invoices(ref)
        ]

    def lose_next_answer(self, step: str) -> None:
        self.proxy.inject(Fault("drop_after", _TRYTON_METHODS[step]))

    def lose_next_request(self, step: str) -> None:
        self.proxy.inject(Fault("drop_before", _TRYTON_METHODS[step]))

    def break_next(self, step: str, status: int, retry_after: str = "") -> None:
        self.proxy.inject(Fault("status", _TRYTON_METHODS[step], status=status, retry_after=retry_after))

    def slow_down(self, seconds: float) -> None:
        self.proxy.inject(Fault("latency", times=None, seconds=seconds))

    def forget_sessions(self) -> None:
        self.server.forget_sessions()

    def close_period(self, day: date) -> None:
        self.server.close_period(day)

    def restart(self, *, hard: bool) -> None:
        if hard:
            self.server.kill()
        else:
            self.server.stop()
        self.server.start()

    def clear(self) -> None:
        self.proxy.clear()
        self.server.forget_failed_log_ins()

    def _open(self, url: str, **settings: str) -> Ledger:
        return self.info.open({**self.server.settings, "url": url, **settings}, HttpClient([url]))


@contextmanager
def _tryton() -> Iterator[TrytonSubject]:
    with TrytonServer() as server, FaultyProxy(server.url) as proxy:
        yield TrytonSubject(server, proxy)


SUBJECTS: dict[str, Callable[[], AbstractContextManager[Subject]]] = {"tryton": _tryton}
