"""A ledger in memory that fails as ledgers do: before the commit, after it, late, and with answers that lie.

It is told what goes wrong by a `Weather`, asked once per call; it counts nothing and decides nothing itself. What
it holds is looked at directly, never through the product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from connector.domain.invoice import LedgerInvoice, RemoteInvoice, RemoteLine
from connector.flows.world import Connection
from connector.ledgers import Capabilities, CheckItem, LedgerError
from tests.faults.clock import DatabaseClock

Trouble = Literal[
    "none",
    "refused",  # nobody listens: surely nothing happened
    "throttled",  # 429
    "lost_before",  # time-out or 500, nothing created
    "lost_after",  # time-out or 500, created
    "late",  # time-out, created only later
    "killed_before",  # the caller dies while it waits, nothing created
    "killed_after",  # the caller dies while it waits, created
    "killed_late",  # the caller dies while it waits, created only later
    "other_answer",  # carried out, but the answer is another request's
]
Weather = Callable[[str], tuple[Trouble, float]]
"""What befalls a call of this name, and how many seconds later the ledger commits where it is late."""


class Killed(BaseException):
    """The worker's process is gone at this point: nothing after it runs, not even a clean-up of ours."""


def fair(name: str) -> tuple[Trouble, float]:
    """Nothing goes wrong."""
    return "none", 0.0


@dataclass(slots=True)
class Held:
    """A document in the ledger."""

    id: str
    ref: str
    customer: str
    currency: str
    net_total: Decimal
    lines: tuple[RemoteLine, ...]
    found_from: datetime
    state: Literal["draft", "final", "cancelled"] = "draft"
    number: str = ""


@dataclass(slots=True)
class Books:
    """What the ledger holds, whoever is connected: `live` is what a bookkeeper would count."""

    clock: DatabaseClock
    lag: int = 0
    documents: list[Held] = field(default_factory=list)
    on_their_way: list[tuple[datetime, Callable[[datetime], str]]] = field(default_factory=list)
    numbers: int = 0
    writes: list[str] = field(default_factory=list)

    def settle(self) -> None:
        """Commit what is due: before every look, as a real ledger would have."""
        due = [item for item in self.on_their_way if item[0] <= self.clock.now]
        self.on_their_way = [item for item in self.on_their_way if item[0] > self.clock.now]
        for at, commit in sorted(due, key=lambda item: item[0]):
            commit(at)

    def live(self, ref: str) -> list[Held]:
        self.settle()
        return [held for held in self.documents if held.ref == ref and held.state != "cancelled"]

    def create(self, document: LedgerInvoice, at: datetime | None = None) -> str:
        held = Held(
            str(len(self.documents) + 1),
            document.ref,
            document.customer_code,
            document.currency,
            document.net_total,
            tuple(RemoteLine(line.text, line.net_amount, line.url) for line in document.lines),
            (at or self.clock.now) + timedelta(seconds=self.lag),
        )
        self.documents.append(held)
        self.writes.append(f"create {document.ref}")
        return held.id

    def finalise(self, remote_id: str) -> str:
        held = self.one(remote_id)
        if held is not None and held.state == "draft":
            self.numbers += 1
            held.state, held.number = "final", f"2026-{self.numbers:05d}"
            self.writes.append(f"finalise {held.ref}")
        return remote_id

    def one(self, remote_id: str) -> Held | None:
        return next((held for held in self.documents if held.id == remote_id), None)


@dataclass(slots=True)
class PretendLedger:
    """One worker's connection to the books. `meanwhile` is told of each call, so that others may run there;
    `wait` is how the caller spends the time until its own deadline."""

    books: Books
    weather: Weather = fair
    meanwhile: Callable[[str], None] = lambda name: None
    wait: Callable[[float], None] | None = None
    deadline: int = 2
    max_server_time: int = 60
    unique_key: Literal["findable", "findable_after", "none"] = "findable"
    missing: Callable[[LedgerInvoice], list[str]] = lambda document: []

    def capabilities(self) -> Capabilities:
        return Capabilities(self.unique_key, self.max_server_time, self.books.lag, unit_price_digits=4)

    def check(self) -> list[CheckItem]:
        return []

    def missing_for(self, document: LedgerInvoice) -> list[str]:
        self._ask("missing_for")
        return self.missing(document)

    def find(self, ref: str) -> list[RemoteInvoice]:
        self._ask("find")
        return [_seen(held) for held in self.books.live(ref) if held.found_from <= self.books.clock.now]

    def read(self, remote_id: str) -> RemoteInvoice | None:
        self._ask("read")
        held = self.books.one(remote_id)
        return None if held is None else _seen(held)

    def create_draft(self, document: LedgerInvoice) -> str:
        return self._write("create", lambda at: self.books.create(document, at))

    def finalise(self, remote_id: str) -> None:
        self._write("finalise", lambda at: self.books.finalise(remote_id))

    def withdraw(self, remote_id: str) -> None:
        raise LedgerError("unsupported", "nobody asked for it")

    def connection(self, *, finalise: bool = True) -> Connection:
        return Connection("books", "pretend", finalise, lambda: self)

    def _ask(self, name: str) -> None:
        self.meanwhile(name)
        self.books.settle()
        trouble, _ = self.weather(name)
        if trouble.startswith("killed"):
            raise Killed
        if trouble == "throttled":
            raise LedgerError("rate_limited", "Too many requests.", retry_after=3, status=429)
        if trouble not in ("none", "other_answer"):
            self._time_out()
            raise LedgerError("transient", "The ledger does not answer.")

    def _write(self, name: str, commit: Callable[[datetime], str]) -> str:
        self.meanwhile(name)
        self.books.settle()
        trouble, seconds = self.weather(name)
        now = self.books.clock.now
        if trouble == "refused":
            raise LedgerError("transient", "Nobody listens.")
        if trouble == "throttled":
            raise LedgerError("rate_limited", "Too many requests.", retry_after=3, status=429)
        if trouble in ("lost_after", "killed_after"):
            commit(now)
        if trouble in ("late", "killed_late"):
            self.books.on_their_way.append((now + timedelta(seconds=seconds), commit))
        if trouble.startswith("killed"):
            raise Killed
        if trouble in ("lost_before", "lost_after", "late"):
            self._time_out()
            raise LedgerError("outcome_unknown", "The answer was lost.", effect="unknown")
        made = commit(now)
        if trouble == "other_answer" and name == "create":
            others = [held.id for held in self.books.documents if held.id != made]
            return others[0] if others else made
        return made

    def _time_out(self) -> None:
        (self.wait or self.books.clock.advance)(self.deadline)


def _seen(held: Held) -> RemoteInvoice:
    return RemoteInvoice(
        held.id, held.ref, held.state, held.number, held.customer, held.currency, held.net_total, held.lines
    )


def same_books(ledger: PretendLedger, **changes: Any) -> PretendLedger:
    """Another worker's connection to the same ledger."""
    return replace(ledger, **changes)
