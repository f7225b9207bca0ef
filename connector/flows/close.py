"""Closing a period: everything it consists of is frozen under a certificate, and what comes later is said beside it.

A period may be closed when it balances and every document that goes to a ledger is there, read back and equal
(docs/decisions/0011-closing-and-corrections.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from connector.domain.balance import Finding
from connector.domain.fingerprint import digest_of
from connector.domain.money import amount_text
from connector.domain.period import PeriodState
from connector.errors import Transient
from connector.flows.prepare import Run, prepare, signature
from connector.flows.price import state_of
from connector.flows.pushed import unfinished
from connector.flows.world import Connection as LedgerConnection
from connector.flows.world import World
from connector.store import certificates, closings, corrections, documents, periods
from connector.store.closings import Closing
from connector.store.database import reading, writing

RERATED = "corrections_drafted"


@dataclass(frozen=True, slots=True)
class CloseResult:
    """`missing`: why the period cannot be closed, one sentence each. `closing`: None where it is not closed (yet).
    `before`: it had been closed by an earlier command, and nothing was done."""

    period: str
    missing: tuple[str, ...]
    closing: Closing | None
    before: bool = False


def close_period(world: World, period: str, *, why: str = "", who: str = "cli", dry_run: bool = False) -> CloseResult:
    """Close a period, or say what is missing. Closing it again changes nothing."""
    ledgers = world.ledgers()
    with reading(world.engine) as connection:
        closing = closings.of_period(connection, period)
        if closing is not None:
            return CloseResult(period, (), closing, before=True)
        run = prepare(world, connection, period)
        missing = _missing(connection, period, run, ledgers)
    if missing or dry_run:
        return CloseResult(period, missing, None)
    world.progress(f"Closing {period}")
    with writing(world.engine) as connection:
        periods.lock(connection, period)
        if signature(connection, period) != run.signature or _missing(connection, period, run, ledgers):
            raise Transient(f"The period {period} changed while it was being closed.", action="Run it again.")
        corrections.freeze_free(connection, period)
        periods.set_state(connection, period, PeriodState.CLOSED)
        extent = certificates.extent_now(connection, period)
        return CloseResult(period, (), closings.record(connection, period, extent, who, why))


def _missing(connection: Connection, period: str, run: Run, ledgers: list[LedgerConnection]) -> tuple[str, ...]:
    """What keeps a period open: as it is recorded, and as it would be computed now."""
    recorded = periods.state_of(connection, period)
    if recorded is None:
        return (f"{period} was never worked on: run `connector sync {period}`",)
    missing = []
    if recorded not in (PeriodState.BALANCED, PeriodState.PUSHED):
        missing.append(f"{period} is {recorded}: see `connector month show {period}`")
    else:
        computed = state_of(run)
        if computed != PeriodState.BALANCED:
            missing.append(f"{period} would be {computed} with what is decided now: run `connector sync {period}`")
    missing += [
        f"the document of {made.document.organisation} over "
        f"{amount_text(made.document.net_total, made.document.currency)} {made.document.currency} is not sent: "
        f"{made.held or f'run `connector push {period}`'}"
        for made in run.made
        if made.document.has_money
    ]
    stored = {document.id: document for document in documents.of_period(connection, period)}
    waiting = {made.document.id for made in run.made}
    for document_id, trouble in unfinished(connection, period, ledgers):
        if document_id not in waiting:
            missing.append(f"{stored[document_id].key} is not verified in the ledger: {trouble}")
    missing += [
        f"{document.key} is a draft correction: release or discard it (`connector corrections list {period}`)"
        for document in stored.values()
        if document.draft
    ]
    return tuple(missing)


def changes_after(connection: Connection, period: str) -> list[Finding]:
    """What Microsoft said about a closed period after it was closed. Loud until somebody has looked at it with
    `rerate --draft`; from then on a note beside the certificate."""
    closing = closings.of_period(connection, period)
    if closing is None:
        return []
    looked = closings.last_audited(connection, RERATED, period) == delivered_state(connection, closing)
    action = (
        "It was looked at: see `connector corrections list`."
        if looked
        else f"The closed documents stay. See what it comes to: `connector rerate {period}`, then `--draft`."
    )
    return [
        Finding(
            "changed_after_close", "info" if looked else "error", text, action, amount, currency, "", invoice, invoice
        )
        for invoice, text, amount, currency in _changes(connection, closing)
    ]


def _changes(connection: Connection, closing: Closing) -> Iterator[tuple[str, str, Decimal, str]]:
    """(invoice, what happened, amount, currency) since a period was closed."""
    known = closing.certificate["vendor_invoices"]
    later = {item.invoice_id for item in closings.later_files(connection, closing)}
    for item in periods.invoices_of(connection, closing.period):
        header, was = item.header, known.get(item.header.id)
        amount = header.header_total or Decimal(0)
        if was is None:
            voided = ", voided already" if header.voided else ""
            yield (
                header.id,
                f"Invoice {header.id} came after {closing.period} was closed{voided}",
                amount,
                header.currency,
            )
        elif header.voided and not was["voided"]:
            yield header.id, f"Microsoft voided {header.id} after {closing.period} was closed", -amount, header.currency
        elif item.revision != was["revision"]:
            text = f"Microsoft changed the header of {header.id} after {closing.period} was closed"
            yield header.id, text, amount - Decimal(was["header_total"] or 0), header.currency
        if header.id in later:
            text = f"Microsoft delivered other lines of {header.id} after {closing.period} was closed"
            yield header.id, text, Decimal(0), header.currency


def delivered_state(connection: Connection, closing: Closing) -> str:
    """A fingerprint of everything Microsoft has said of a closed period until now."""
    invoices = [
        (item.header.id, item.revision, item.arrival, item.set_tag)
        for item in periods.invoices_of(connection, closing.period)
    ]
    return digest_of([invoices, [(item.invoice_id, item.files) for item in closings.later_files(connection, closing)]])
