"""The posting state machine as a pure function (reliability.md, "Posting state machine").

One row per (document, step). States: planned -> sending -> posted -> verified; sending -> unknown -> (posted |
planned); any -> held, where a person decides. Nothing here talks to anybody or reads a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from connector.domain.invoice import LedgerInvoice, RemoteInvoice

Step = Literal["create", "finalise"]
UniqueKey = Literal["enforced", "findable", "findable_after", "none"]


class PostingState(StrEnum):
    PLANNED = "planned"
    SENDING = "sending"
    UNKNOWN = "unknown"
    POSTED = "posted"
    VERIFIED = "verified"
    HELD = "held"


class Move(StrEnum):
    """What to do next with a posting."""

    LOOK = "look"
    """Look the reference up in the ledger: even on the first try, and always before a repeat."""
    READ_BACK = "read_back"
    WAIT = "wait"
    HOLD = "hold"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Posting:
    """A posting row. Times are the database's."""

    id: int
    document_id: str
    step: Step
    ledger: str
    ref: str
    state: PostingState
    fence: int
    lease_until: datetime | None
    sent_at: datetime | None
    remote_id: str
    number: str
    attempts: int
    next_try_at: datetime
    last_error: str = ""
    last_error_code: str = ""
    read_back_total: Decimal | None = None


def next_move(posting: Posting, now: datetime, settle: timedelta, unique_key: UniqueKey) -> Move:
    """What may be done now, given that we hold the lease.

    A row in `sending` or `unknown` was sent, perhaps in vain; until `sent_at + settle` the ledger may still commit
    it, so nothing is decided before. A ledger that cannot be asked by reference leaves it to a person.
    """
    match posting.state:
        case PostingState.VERIFIED | PostingState.HELD:
            return Move.NOTHING
        case PostingState.POSTED:
            return Move.READ_BACK
        case PostingState.SENDING | PostingState.UNKNOWN:
            assert posting.sent_at is not None
            if now < posting.sent_at + settle:
                return Move.WAIT
            return Move.HOLD if unique_key == "none" else Move.LOOK
        case PostingState.PLANNED:
            return Move.LOOK


def mismatch(document: LedgerInvoice, remote: RemoteInvoice) -> str:
    """Why a document in the ledger is not the one we sent, in plain words; empty when it is.

    Total, currency, customer and number of lines, then each line's amount and link: a person's edit shows
    (product.md, behaviour 16).
    """
    if remote.ref != document.ref:
        return f"the ledger's document carries the reference {remote.ref!r}, not {document.ref!r}"
    if remote.currency != document.currency:
        return f"it is in {remote.currency}, ours in {document.currency}"
    if remote.customer_code != document.customer_code:
        return f"it belongs to customer {remote.customer_code!r}, ours to {document.customer_code!r}"
    if remote.net_total != document.net_total:
        return f"its net total is {remote.net_total}, ours {document.net_total}"
    if len(remote.lines) != len(document.lines):
        return f"it has {len(remote.lines)} lines, ours {len(document.lines)}"
    for ours, theirs in zip(document.lines, remote.lines, strict=True):
        if theirs.net_amount != ours.net_amount:
            return f"line {ours.line_no} is {theirs.net_amount}, ours {ours.net_amount}"
        if theirs.url != ours.url:
            return f"the link of line {ours.line_no} is not whole"
    if remote.state == "cancelled":
        return "somebody cancelled it in the ledger"
    return ""
