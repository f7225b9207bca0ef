"""The month's most dangerous hour: one document, one step, exactly once (reliability.md, "Posting state machine").

The order is the whole secret: lease with a fence; look the reference up; write `sending` and commit; re-check the
lease; call; record; read back. A process may die between any two of these, and the next one finishes the job.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from connector.domain.invoice import LedgerInvoice, LedgerLine, RemoteInvoice
from connector.domain.posting import Move, Posting, PostingState, mismatch, next_move
from connector.flows.world import Connection as LedgerConnection
from connector.flows.world import World
from connector.ledgers import Capabilities, Ledger, LedgerError, reproduces
from connector.store import decisions, documents, links, postings
from connector.store.database import database_now, reading, writing
from connector.store.documents import StoredDocument, StoredLine
from connector.store.postings import FenceLost

# How long after a refusal that mends itself (the ledger is down, slow or throttles) the next try comes.
_BACK_OFF = (5, 15, 60, 300, 900)
_LEASE_MARGIN = timedelta(seconds=15)
# A call begins this soon after `sending` was committed, or not at all: others count the ledger's time from there.
_START_WITHIN = timedelta(seconds=2)


class DocumentChanged(Exception):
    """The month was priced anew between reading the document and freezing it: begin again with what it says now."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A posting we hold the lease of, and what it needs. `content_hash` is the document's as we read it."""

    posting: Posting
    document: LedgerInvoice
    content_hash: str
    ledger: Ledger
    settle: timedelta
    capabilities: Capabilities


def advance(world: World, posting_id: int, connection: LedgerConnection) -> Posting | None:
    """Bring one posting as far as it goes now; its new state, or None when somebody else is at it."""
    taken = _take(world, posting_id, connection.open())
    if taken is None:
        return None
    try:
        while (move := _move(world, taken)) in (Move.LOOK, Move.READ_BACK):
            step = _look if move == Move.LOOK else _read_back
            taken = step(world, taken)
            if taken.posting.next_try_at > _now(world):
                break
        if move == Move.HOLD:
            taken = _hold(world, taken, "unknown", "It is not known whether the ledger has it, and it cannot be asked")
        elif move == Move.WAIT:
            assert taken.posting.sent_at is not None
            taken = _write(world, taken, next_try_at=taken.posting.sent_at + taken.settle)
        return _release(world, taken)
    except FenceLost:
        return None
    except DocumentChanged:
        _release(world, taken)
        return None


def _take(world: World, posting_id: int, ledger: Ledger) -> Taken | None:
    capabilities = ledger.capabilities()
    length = timedelta(seconds=ledger.deadline) + _LEASE_MARGIN
    with writing(world.engine) as connection:
        posting = postings.lease(connection, posting_id, length)
        if posting is None:
            return None
        stored = documents.one(connection, posting.document_id)
        assert stored is not None
        document = ledger_invoice(world, connection, stored, capabilities)
    world.passed("leased")
    settle = timedelta(seconds=ledger.deadline + capabilities.max_server_time + capabilities.lag) + _START_WITHIN
    return Taken(posting, document, stored.content_hash, ledger, settle, capabilities)


def _move(world: World, taken: Taken) -> Move:
    return next_move(taken.posting, _now(world), taken.settle, taken.capabilities.unique_key)


def _look(world: World, taken: Taken) -> Taken:
    """Look up before everything, even on the first try; then create, issue, or adopt what is there."""
    try:
        found = [remote for remote in taken.ledger.find(taken.posting.ref) if remote.state != "cancelled"]
    except LedgerError as error:
        return _later(world, taken, error, keep_state=True)
    world.passed("looked")
    if len(found) > 1:
        ids = ", ".join(remote.id for remote in found)
        return _hold(world, taken, "duplicate_ref", f"The ledger has this reference {len(found)} times ({ids})")
    if taken.posting.step == "finalise":
        return _finalise(world, taken)
    if found:
        return _adopt(world, taken, found[0])
    if taken.posting.state in (PostingState.SENDING, PostingState.UNKNOWN):
        # settled and not found: it never arrived
        taken = _write(world, taken, state=PostingState.PLANNED.value)
    try:
        missing = taken.ledger.missing_for(taken.document)
    except LedgerError as error:
        return _later(world, taken, error, keep_state=True)
    if missing:
        return _hold(world, taken, "reference_missing", "The ledger lacks something: " + "; ".join(missing))
    return _call(world, taken, "", lambda ledger: ledger.create_draft(taken.document))


def _finalise(world: World, taken: Taken) -> Taken:
    """Issue the draft we made, known by its id: a lagging index may not show it yet."""
    with reading(world.engine) as connection:
        draft_id = postings.of_document(connection, taken.posting.document_id)["create"].remote_id
    try:
        remote = taken.ledger.read(draft_id)
    except LedgerError as error:
        return _later(world, taken, error, keep_state=True)
    if remote is None:
        return _hold(world, taken, "gone", "The draft is gone from the ledger: somebody deleted it")
    wrong = mismatch(taken.document, remote)
    if wrong:
        return _hold(world, taken, "conflict", f"The draft was changed in the ledger: {wrong}")
    if remote.state == "final":
        return _adopt(world, taken, remote)

    def issue(ledger: Ledger) -> str:
        ledger.finalise(remote.id)
        return remote.id

    return _call(world, taken, remote.id, issue)


def _adopt(world: World, taken: Taken, remote: RemoteInvoice) -> Taken:
    """It is there already, from an earlier try of ours: equal -> posted, different -> a person decides."""
    wrong = mismatch(taken.document, remote)
    if wrong:
        return _hold(world, taken, "conflict", f"The ledger has this reference with other content: {wrong}")
    with writing(world.engine) as connection:
        _freeze(connection, taken)
    try:
        return _write(
            world,
            taken,
            state=PostingState.POSTED.value,
            remote_id=remote.id,
            number=remote.number,
            request_hash=request_hash(taken.document),
        )
    except IntegrityError:
        # another posting was given our document's id by a wrong answer; its own read-back finds that out
        return _later(
            world, taken, LedgerError("transient", "Another posting still claims this document"), keep_state=True
        )


def _call(world: World, taken: Taken, remote_id: str, call: Callable[[Ledger], str]) -> Taken:
    """Commit `sending`, check the lease once more, make the call, record what came of it."""
    with writing(world.engine) as connection:
        now = database_now(connection)
        postings.record(
            connection,
            taken.posting,
            state=PostingState.SENDING.value,
            sent_at=now,
            request_hash=request_hash(taken.document),
            attempts=taken.posting.attempts + 1,
            remote_id=remote_id or None,
        )
        _freeze(connection, taken)
    taken = _again(world, taken)
    world.passed("sending")
    with reading(world.engine) as connection:
        late = database_now(connection) > now + _START_WITHIN
        if late or not postings.still_ours(connection, taken.posting):
            raise FenceLost
    try:
        made = call(taken.ledger)
    except LedgerError as error:
        if error.effect == "unknown":
            return _unknown(world, taken, error)
        if taken.posting.step == "create":
            with writing(world.engine) as connection:
                postings.record(connection, taken.posting, sent_at=None, state=PostingState.PLANNED.value)
                documents.thaw(connection, taken.posting.document_id)
        return _later(world, taken, error, keep_state=False)
    world.passed("called")
    try:
        taken = _write(world, taken, state=PostingState.POSTED.value, remote_id=made, last_error="", last_error_code="")
    except IntegrityError:
        # the answer names a document of another posting: it was not the answer to our call (fault 17)
        return _unknown(world, taken, LedgerError("outcome_unknown", "The ledger's answer names another document"))
    world.passed("recorded")
    return taken


def _freeze(connection: Connection, taken: Taken) -> None:
    if not documents.freeze(connection, taken.posting.document_id, taken.document.issue_date, taken.content_hash):
        raise DocumentChanged


def _read_back(world: World, taken: Taken) -> Taken:
    """Read the document back; totals and lines equal -> verified."""
    try:
        remote = taken.ledger.read(taken.posting.remote_id)
    except LedgerError as error:
        return _later(world, taken, error, keep_state=True)
    if remote is None:
        return _hold(world, taken, "gone", "The document is gone from the ledger: somebody deleted it")
    if remote.ref != taken.document.ref:
        # a wrong answer gave us this id (fault 17): it is somebody else's document, so let go of it
        why = f"The ledger answered with another document than ours ({taken.document.ref})"
        return _hold(world, taken, "conflict", why, remote_id=None)
    wrong = mismatch(taken.document, remote)
    if not wrong and taken.posting.step == "finalise" and remote.state != "final":
        wrong = f"it is still {remote.state} after it was issued"
    if wrong:
        return _hold(world, taken, "totals_mismatch", f"Read back: {wrong}", read_back_total=remote.net_total)
    taken = _write(
        world,
        taken,
        state=PostingState.VERIFIED.value,
        number=remote.number,
        read_back_total=remote.net_total,
        last_error="",
        last_error_code="",
    )
    world.passed("verified")
    return taken


def _unknown(world: World, taken: Taken, error: LedgerError) -> Taken:
    assert taken.posting.sent_at is not None
    return _write(
        world,
        taken,
        state=PostingState.UNKNOWN.value,
        last_error=error.text,
        last_error_code=error.code,
        next_try_at=taken.posting.sent_at + taken.settle,
    )


_HELD_CODES = {
    "validation",
    "reference_missing",
    "period_closed",
    "currency_mismatch",
    "duplicate_ref",
    "immutable_state",
    "totals_mismatch",
    "too_large",
    "unsupported",
    "conflict",
}


def _later(world: World, taken: Taken, error: LedgerError, *, keep_state: bool) -> Taken:
    """The ledger surely did nothing: a person decides about a refusal, time about the rest.

    A refusal of the whole connection (password, rights) holds no document: push_month pauses the connection.
    """
    if error.code in _HELD_CODES:
        return _hold(world, taken, error.code, error.text)
    wait = error.retry_after or _BACK_OFF[min(taken.posting.attempts, len(_BACK_OFF) - 1)]
    values: dict[str, Any] = {
        "last_error": error.text,
        "last_error_code": error.code,
        "next_try_at": _now(world) + timedelta(seconds=wait),
        "attempts": taken.posting.attempts + 1,
    }
    if not keep_state:
        values["state"] = PostingState.PLANNED.value
    return _write(world, taken, **values)


def _hold(world: World, taken: Taken, code: str, why: str, **more: Any) -> Taken:
    return _write(world, taken, state=PostingState.HELD.value, last_error=why, last_error_code=code, **more)


def _write(world: World, taken: Taken, **values: Any) -> Taken:
    with writing(world.engine) as connection:
        postings.record(connection, taken.posting, **values)
    return _again(world, taken)


def _again(world: World, taken: Taken) -> Taken:
    with reading(world.engine) as connection:
        posting = postings.one(connection, taken.posting.id)
    assert posting is not None
    # our own fence stays ours: another worker's row must not give us his
    return replace(taken, posting=replace(posting, fence=taken.posting.fence))


def _release(world: World, taken: Taken) -> Posting:
    with writing(world.engine) as connection:
        postings.record(connection, taken.posting, lease_until=None)
    return replace(taken.posting, lease_until=None)


def _now(world: World) -> datetime:
    with reading(world.engine) as connection:
        return database_now(connection)


def ledger_invoice(
    world: World, connection: Connection, stored: StoredDocument, capabilities: Capabilities
) -> LedgerInvoice:
    """A stored document as the ledger gets it: lines that are not 0.00, shaped so that quantity x price gives the
    amount (README, decision 4)."""
    organisation = decisions.organisations(connection)[stored.organisation]
    url = links.document_url(world.public_url, links.ensure(connection, stored.id, world.link_keys))
    lines = tuple(
        _ledger_line(number, line, f"{url}/l/{line.no}", capabilities)
        for number, line in enumerate(
            (line for line in documents.lines_of(connection, stored.id) if line.amount != 0), start=1
        )
    )
    return LedgerInvoice(
        ref=stored.ref,
        revision=stored.revision,
        customer_code=organisation.ledger_customer or organisation.code,
        customer_name=stored.organisation_name,
        kind="credit_note" if stored.net_total < 0 else "invoice",
        issue_date=stored.issue_date or world.today(),
        period=stored.period,
        currency=stored.currency,
        net_total=stored.net_total,
        url=url,
        lines=lines,
        text=f"Microsoft cloud services {stored.period}"
        + (f", revision {stored.revision}" if stored.revision > 1 else ""),
        purchase_order=organisation.purchase_order,
        country=organisation.country,
        email=organisation.email,
    )


def _ledger_line(number: int, line: StoredLine, url: str, capabilities: Capabilities) -> LedgerLine:
    natural = reproduces(line.quantity, line.unit_price, line.amount, capabilities)
    return LedgerLine(
        number,
        line.text,
        line.quantity if natural else Decimal(1),
        line.unit_price if natural else line.amount,
        line.amount,
        url,
        line.kind,
        line.product_id,
        line.sku_id,
    )


def request_hash(document: LedgerInvoice) -> str:
    """Fingerprint of what was sent; a changed payload needs a new revision."""
    content = [
        document.ref,
        document.revision,
        document.customer_code,
        document.currency,
        str(document.net_total),
        document.issue_date.isoformat(),
        [
            [line.text, str(line.quantity), str(line.unit_price), str(line.net_amount), line.url]
            for line in document.lines
        ],
    ]
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()
