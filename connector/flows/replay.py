"""Replay: the documents that were sent, made again from raw files and decisions as they were, in a database of its own.

Document by document in the order in which they were made, with the same code as on the day; then every byte of
document, lines, parts and calculations is compared (product.md, behaviour 7).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine

from connector.domain.documents import Document
from connector.domain.fingerprint import canonical
from connector.domain.invoice import posting_ref
from connector.domain.rerate import compare
from connector.errors import Refused
from connector.flows.correct import correction_documents
from connector.flows.prepare import prepare
from connector.flows.raw import ReadAgain, read_again
from connector.flows.rerate import fates_of, files_of
from connector.flows.world import World
from connector.store import certificates, decisions, document_parts, documents, scratch
from connector.store.certificates import Content
from connector.store.database import reading, writing
from connector.store.documents import StoredDocument

Outcome = Literal["equal", "different", "cannot be replayed"]
_NOT_CONTENT = {"state", "issue_date", "held_reason", "reason"}
_Files = dict[str, ReadAgain]


@dataclass(frozen=True, slots=True)
class Replayed:
    """One document that was sent and what making it again came to; `text`: the first difference, or why not."""

    document: StoredDocument
    outcome: Outcome
    text: str = ""


def replay(world: World, period: str) -> list[Replayed]:
    """Make every document of a period that was sent again and compare; writes nothing but a scratch database."""
    with reading(world.engine) as connection:
        sent = [document for document in documents.of_period(connection, period) if document.frozen]
    if not sent:
        raise Refused(
            f"Nothing of {period} was sent or closed: there is nothing to replay.",
            code="nothing_to_replay",
            action=f"See `connector month show {period}`.",
        )
    sent.sort(key=lambda document: (document.made_at, document.key))
    known = [document for document in sent if document.decided_import]
    with _scratch_database() as engine:
        read = _read_all(world, period, known)
        products = {line.product_id for one in read.values() for _, _, line in one.lines}
        scratch.copy_decisions(world.engine, engine, products)
        found = []
        for number, batch in enumerate(_batches(sent)):
            world.progress(f"Replaying {period}", number)
            if batch[0].decided_import:
                found += _replay_batch(world, engine, period, batch, read)
            else:
                found += _not_kept(world, engine, batch)
    return sorted(found, key=lambda one: one.document.key)


@contextmanager
def _scratch_database() -> Iterator[Engine]:
    with tempfile.TemporaryDirectory(prefix="connector-replay-") as folder:
        engine = scratch.create(Path(folder) / "replay.sqlite")
        try:
            yield engine
        finally:
            engine.dispose()


def _batches(sent: Sequence[StoredDocument]) -> Iterator[list[StoredDocument]]:
    """Documents of one run together: made one after the other from the same decisions and files."""
    batch: list[StoredDocument] = []
    for document in sent:
        last = batch[-1] if batch else None
        same_run = last is not None and (
            (last.decided_import, last.origin, last.inputs)
            == (document.decided_import, document.origin, document.inputs)
        )
        twice = any((one.organisation, one.currency) == (document.organisation, document.currency) for one in batch)
        if batch and (not same_run or twice):
            yield batch
            batch = []
        batch.append(document)
    if batch:
        yield batch


def _read_all(world: World, period: str, sent: Sequence[StoredDocument]) -> _Files:
    """Every set of raw files that a document was made from, read again once: first the period's own, then of earlier
    periods the lines of the same subscriptions, because only those can be what a credit takes back."""
    wanted: dict[str, tuple[bool, str, tuple[int, ...]]] = {}
    for document in sent:
        for invoice_id, given in document.inputs.items():
            if not given["voided"]:
                mine = (given["period"] != period, invoice_id, tuple(given["files"]))
                wanted[_set_name(invoice_id, given)] = mine
    read: _Files = {}
    subscriptions: set[str] = set()
    for name, (is_earlier, invoice_id, numbers) in sorted(wanted.items(), key=lambda item: item[1]):
        world.progress(f"Reading {invoice_id} again")
        with reading(world.engine) as connection:
            files = files_of(connection, numbers)
        found = read_again(invoice_id, files)
        if is_earlier:
            read[name] = ReadAgain(tuple(one for one in found.lines if one[2].subscription_id in subscriptions), ())
        else:
            read[name] = found
            subscriptions |= {line.subscription_id for _, _, line in found.lines}
    return read


def _set_name(invoice_id: str, given: Mapping[str, Any]) -> str:
    return f"{invoice_id} {given['files']}"


def _not_kept(world: World, engine: Engine, batch: Sequence[StoredDocument]) -> list[Replayed]:
    """Documents of an older version: they stand as issued, and nobody can say more of them."""
    with reading(world.engine) as source, writing(engine) as target:
        scratch.copy_documents(source, target, [document.id for document in batch])
    why = "it was made by a version that did not keep what it was made from"
    return [Replayed(document, "cannot be replayed", why) for document in batch]


def _replay_batch(
    world: World, engine: Engine, period: str, batch: Sequence[StoredDocument], read: _Files
) -> list[Replayed]:
    inputs, decided = batch[0].inputs, batch[0].decided_import
    with writing(engine) as connection:
        scratch.put_inputs(
            connection,
            inputs,
            {invoice_id: read.get(_set_name(invoice_id, given)) for invoice_id, given in inputs.items()},
        )
        scratch.occupy_revisions(connection, batch)
    partner = batch[0].key.partition(f"/{period}/")[0]
    again = _made_again(replace(world, engine=engine, partner=partner), period, batch)
    with writing(engine) as connection:
        names = decisions.organisation_names(connection, decided)
        for document in batch:
            made = again.get(document.id)
            if made is None:
                continue
            documents.write(
                connection,
                made,
                organisation_name=names[made.organisation],
                ref=posting_ref(made.key),
                held_reason="",
                decided_import=decided,
                inputs=inputs,
                usage_sets=[(line.id, line.usage_invoices) for line in made.lines],
                origin=document.origin,
            )
        scratch.freeze(connection, [document.id for document in batch])
    with reading(world.engine) as main, reading(engine) as connection:
        ids = [document.id for document in batch]
        was, now = certificates.document_contents(main, ids), certificates.document_contents(connection, ids)
    return [_compared(document, was[document.id], now.get(document.id)) for document in batch]


def _made_again(world: World, period: str, batch: Sequence[StoredDocument]) -> dict[str, Document]:
    """The documents of a batch by id, from what the scratch database holds."""
    correction = batch[0].origin == "correction"
    with reading(world.engine) as connection:
        decided = batch[0].decided_import
        run = prepare(world, connection, period, as_of=decided, delivered={} if correction else None)
        if not correction:
            return {made.document.id: made.document for made in run.made}
        issued = document_parts.issued(connection, period)
        fates = fates_of(run, {item.part.line_id: item.part.invoice_id for item in issued})
        comparison = compare(issued, run.parts, fates, {})
        organisations = decisions.organisations(connection, decided)
    revisions = {(document.organisation, document.currency): document.revision for document in batch}
    wanted = replace(
        comparison,
        differences=tuple(d for d in comparison.differences if (d.organisation, d.currency) in revisions),
    )
    groupings = {code: organisation.grouping for code, organisation in organisations.items()}
    made = correction_documents(world.partner, period, wanted, revisions, groupings)
    return {document.id: document for document in made}


def _compared(document: StoredDocument, was: Content, now: Content | None) -> Replayed:
    if now is None:
        return Replayed(document, "different", "it would not be made")
    text = next(_differences(was, now), "")
    return Replayed(document, "different" if text else "equal", text)


def _differences(was: Content, now: Content) -> Iterator[str]:
    """What differs, in words: document, then line by line with its parts and calculations."""
    heads = [{name: value for name, value in one.head.items() if name not in _NOT_CONTENT} for one in (was, now)]
    yield from _fields("the document", *heads)
    for line_id in sorted(was.lines.keys() | now.lines.keys()):
        before, after = was.lines.get(line_id), now.lines.get(line_id)
        if before is None or after is None:
            yield f"line {line_id} {'would be new' if before is None else 'would not be made'}"
            continue
        yield from _fields(f"line {line_id}", before["line"], after["line"])
        for name in ("parts", "calculations"):
            if len(before[name]) != len(after[name]):
                yield f"line {line_id} had {len(before[name])} {name} and would have {len(after[name])}"
            for old, new in zip(before[name], after[name], strict=False):
                yield from _fields(f"{name[:-1]} {old['no']} of line {line_id}", old, new)


def _fields(what: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name, value in was.items():
        before, after = canonical(value), canonical(now.get(name))
        if before != after:
            yield f"{name} of {what} was {before} and would be {after}"


def replay_view(period: str, found: Sequence[Replayed]) -> dict[str, Any]:
    """The JSON of `replay`; `ok` only when every document is equal."""
    return {
        "period": period,
        "ok": all(one.outcome == "equal" for one in found),
        "documents": [
            {
                "key": one.document.key,
                "organisation": one.document.organisation,
                "currency": one.document.currency,
                "origin": one.document.origin,
                "result": one.outcome,
                "text": one.text or None,
            }
            for one in found
        ],
    }
