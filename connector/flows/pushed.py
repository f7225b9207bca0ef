"""Whether everything of a period is in its ledger, verified, and issued where the connection says so."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from connector.domain.posting import Posting, PostingState
from connector.flows.world import Connection as LedgerConnection
from connector.store import documents, postings


def is_finished(steps: dict[str, Posting], *, finalise: bool) -> bool:
    """Whether one document has come to the end of its steps."""
    wanted = ("create", "finalise") if finalise else ("create",)
    return all(step in steps and steps[step].state == PostingState.VERIFIED for step in wanted)


def is_pushed(connection: Connection, period: str, ledgers: Iterable[LedgerConnection]) -> bool:
    """Every document that goes to a ledger is there. A period without any such document is not pushed."""
    return not unfinished(connection, period, ledgers) and bool(documents.with_money(connection, period))


def unfinished(connection: Connection, period: str, ledgers: Iterable[LedgerConnection]) -> list[tuple[str, str]]:
    """The documents that go to a ledger and are not there, verified: (document id, what is missing)."""
    by_name = {ledger.name: ledger for ledger in ledgers}
    steps = postings.of_period(connection, period)
    found = []
    for document_id in sorted(documents.with_money(connection, period)):
        mine = steps.get(document_id, {})
        ledger = by_name.get(mine["create"].ledger) if "create" in mine else None
        if not mine:
            found.append((document_id, f"it was never pushed: `connector push {period}`"))
        elif ledger is None:
            found.append((document_id, "its ledger is not connected any more"))
        elif not is_finished(mine, finalise=ledger.finalise):
            last = mine.get("finalise", mine["create"])
            found.append((document_id, last.last_error or f"it is {last.state} (`connector push {period}`)"))
    return found
