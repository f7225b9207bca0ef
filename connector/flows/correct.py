"""Correction documents: drafted from the differences of a re-rating, released or discarded by a person.

A draft is an open document that pricing does not touch and pushing leaves alone. Released it is frozen like every
document that was sent, goes to the ledger with the next push, and counts as issued.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from connector.domain.documents import Document
from connector.domain.invoice import posting_ref
from connector.domain.money import amount_text
from connector.domain.rerate import Comparison, Key, corrected
from connector.domain.summarise import DocumentHead, summarise
from connector.errors import Misconfigured, Refused, Transient
from connector.flows.close import RERATED, delivered_state
from connector.flows.make_documents import next_revision
from connector.flows.prepare import Run, signature
from connector.flows.rerate import Rerated
from connector.flows.world import World
from connector.store import (
    certificates,
    closings,
    corrections,
    decisions,
    document_parts,
    documents,
    links,
    periods,
    postings,
)
from connector.store.audit import append
from connector.store.database import reading, writing
from connector.store.documents import StoredDocument

DRAFTED = "corrected after it was sent"


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction and where it stands: `draft`, `released` (the next push sends it), `sent`, `verified`, or
    `nothing to send` where all its lines come to 0.00."""

    document: StoredDocument
    state: str


def draft(world: World, rerated: Rerated, *, why: str = "", who: str = "cli") -> list[StoredDocument]:
    """Draft the corrections of a re-rating in place of the period's earlier drafts. Drafting again changes nothing."""
    if rerated.waiting:
        raise Refused(
            f"No correction of {rerated.period} is drafted: {'; '.join(rerated.waiting)}.",
            code="not_whole",
            action=f"Run `connector sync {rerated.period}` when Microsoft has delivered.",
        )
    period, run = rerated.period, rerated.run
    with writing(world.engine) as connection:
        periods.lock(connection, period)
        if signature(connection, period) != run.signature:
            raise Transient(f"The period {period} changed while it was rated again.", action="Run it again.")
        made = _made(world.partner, connection, run, rerated.comparison, period)
        standing = {document.id: document for document in _drafts(connection, period)}
        documents.remove(connection, standing.keys() - {document.id for document in made})
        names = decisions.organisation_names(connection, run.decided_import)
        for document in made:
            _write(world, connection, document, run, names[document.organisation], why)
        _note(connection, rerated, made, standing, who, why)
        return _drafts(connection, period)


def _write(world: World, connection: Connection, document: Document, run: Run, name: str, why: str) -> None:
    documents.write(
        connection,
        document,
        organisation_name=name,
        ref=posting_ref(document.key),
        held_reason=f"a draft correction; release it with `connector corrections release {document.key}`",
        decided_import=run.decided_import,
        inputs=run.inputs,
        usage_sets=[(line.id, line.usage_invoices) for line in document.lines],
        origin="correction",
        reason=why or DRAFTED,
    )
    links.ensure(connection, document.id, world.link_keys, timedelta(days=31 * world.link_months))


def _made(partner: str, connection: Connection, run: Run, comparison: Comparison, period: str) -> list[Document]:
    known = documents.of_period(connection, period)
    organisations = decisions.organisations(connection, run.decided_import)
    groupings = {code: organisation.grouping for code, organisation in organisations.items()}
    revisions = {key: next_revision(known, key, beside="month") for key in comparison.by_document()}
    return correction_documents(partner, period, comparison, revisions, groupings)


def correction_documents(
    partner: str, period: str, comparison: Comparison, revisions: Mapping[Key, int], groupings: Mapping[str, str]
) -> list[Document]:
    """One document per organisation and currency with what is taken back and what is charged instead."""
    made = []
    for key, differences in comparison.by_document().items():
        organisation, currency = key
        head = DocumentHead(partner, organisation, period, currency, revisions[key], groupings.get(organisation, ""))
        made.append(summarise(head, corrected(differences)))
    return made


def _note(
    connection: Connection,
    rerated: Rerated,
    made: list[Document],
    standing: Mapping[str, StoredDocument],
    who: str,
    why: str,
) -> None:
    """Into the audit trail: which drafts there were and are, and that somebody looked at what Microsoft said."""
    before = {document.key: document.content_hash for document in standing.values()}
    after = {document.key: document.content_hash for document in _drafts(connection, rerated.period)}
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            append(
                connection, who=who, action="correction_drafted", subject=key, before=before.get(key, ""),
                after=after.get(key, ""), why=why,
            )  # fmt: skip
    closing = closings.of_period(connection, rerated.period)
    if closing is None or rerated.comparison.undecided or rerated.unmatched:
        return
    seen = delivered_state(connection, closing)
    if closings.last_audited(connection, RERATED, rerated.period) != seen:
        append(connection, who=who, action=RERATED, subject=rerated.period, before="", after=seen, why=why)


def list_corrections(world: World, period: str | None = None) -> list[Correction]:
    """All corrections, or those of a period."""
    with reading(world.engine) as connection:
        wanted = [period] if period else periods.known_periods(connection)
        return [
            Correction(document, _state(connection, document))
            for one in wanted
            for document in documents.of_period(connection, one)
            if document.origin == "correction"
        ]


def _state(connection: Connection, document: StoredDocument) -> str:
    if document.draft:
        return "draft"
    steps = postings.of_document(connection, document.id).values()
    if not steps:
        has_money = any(line.amount != 0 for line in documents.lines_of(connection, document.id))
        return "released" if has_money else "nothing to send"
    return "verified" if all(step.state == "verified" for step in steps) else "sent"


def release(world: World, keys: list[str], *, why: str = "", who: str = "cli") -> list[StoredDocument]:
    """Let drafts go out with the next push; all of them or none. Refused when what a draft takes back is not what
    stands issued any more."""
    with writing(world.engine) as connection:
        chosen = [_draft_named(connection, key) for key in keys]
        for document in chosen:
            periods.lock(connection, document.period)
            _require_basis(connection, document)
        for document in chosen:
            corrections.release(connection, document.id)
            append(
                connection, who=who, action="correction_released", subject=document.key, before="draft",
                after=f"{amount_text(document.net_total, document.currency)} {document.currency}", why=why,
            )  # fmt: skip
        return chosen


def drafts_of(world: World, period: str) -> list[str]:
    """The keys of a period's drafts."""
    with reading(world.engine) as connection:
        return [document.key for document in _drafts(connection, period)]


def discard(world: World, key: str, *, why: str = "", who: str = "cli") -> StoredDocument:
    """Remove a draft, or a released correction that was never sent to a ledger."""
    with writing(world.engine) as connection:
        document = documents.with_key(connection, key)
        if document is None or document.origin != "correction":
            raise _unknown(key)
        steps = postings.of_document(connection, document.id).values()
        if document.frozen and any(step.remote_id or step.sent_at for step in steps):
            raise Refused(
                f"{key} was sent to the ledger: it can only be corrected by a further correction.",
                action=f"`connector rerate {document.period}` says whether there is anything to correct.",
            )
        documents.remove(connection, [document.id])
        append(
            connection, who=who, action="correction_discarded", subject=key, before=document.content_hash, after="",
            why=why,
        )  # fmt: skip
        return document


def _draft_named(connection: Connection, key: str) -> StoredDocument:
    document = documents.with_key(connection, key)
    if document is None or document.origin != "correction":
        raise _unknown(key)
    if document.frozen:
        raise Refused(f"{key} is released already.", action=f"`connector push {document.period}` sends it.")
    return document


def _unknown(key: str) -> Misconfigured:
    return Misconfigured(f"There is no correction {key}.", action="`connector corrections list` names them.")


def _require_basis(connection: Connection, document: StoredDocument) -> None:
    """A draft takes back exactly what stands issued, and charges nothing that stands beside it."""
    mine = (document.organisation, document.currency)
    standing = {
        (item.part.line_id, item.part.split): item.part.amount
        for item in document_parts.issued(connection, document.period)
        if item.key == mine
    }
    taken_back, charged = {}, set()
    for line in certificates.document_contents(connection, [document.id])[document.id].lines.values():
        for part in line["parts"]:
            share = (part["line_id"], part["split"])
            if part["reversal"]:
                taken_back[share] = -part["amount"]
            else:
                charged.add(share)
    sound = all(standing.get(share) == amount for share, amount in taken_back.items())
    if not sound or any(share in standing and share not in taken_back for share in charged):
        raise Refused(
            f"{document.key} corrects what has been corrected since: what it takes back no longer stands so.",
            code="basis_changed",
            action=f"Draft it again: `connector rerate {document.period} --draft`.",
        )


def _drafts(connection: Connection, period: str) -> list[StoredDocument]:
    return [document for document in documents.of_period(connection, period) if document.draft]
