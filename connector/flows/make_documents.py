"""Parts of a period into documents: what is new becomes the next revision, what was voided is taken back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from connector.domain.documents import Document, Part
from connector.domain.invoice import posting_ref
from connector.domain.rerate import Issued, Key, reversal
from connector.domain.summarise import DocumentHead, summarise
from connector.store import document_parts, documents, periods
from connector.store.documents import Origin


@dataclass(frozen=True, slots=True)
class Made:
    """A document to be stored, its reference, and why it may not be pushed yet (empty: it may)."""

    document: Document
    ref: str
    held: str


def make_documents(
    partner: str,
    connection: Connection,
    period: str,
    parts: Mapping[tuple[str, str], Sequence[Part]],
    line_ids: set[str],
    settled: set[str],
    groupings: Mapping[str, str],
) -> list[Made]:
    """One document per organisation and currency with the parts that no frozen document holds yet.

    A part on a frozen document whose line exists no longer (its invoice was voided) is reversed. A line whose
    price or customer changed since is not: that is re-rating, and nothing is sent for it by itself. `settled`: the
    invoices whose lines are surely known (whole or voided); of others nothing is taken back. `groupings`: how an
    organisation's lines are grouped.
    """
    standing: dict[tuple[str, str], list[Issued]] = {}
    issued_ids = set()
    for item in document_parts.issued(connection, period):
        standing.setdefault((item.organisation, item.currency), []).append(item)
        issued_ids.add(item.part.line_id)
    known = documents.of_period(connection, period)
    waiting = [item.header.id for item in periods.invoices_of(connection, period) if item.header.id not in settled]
    made = []
    for key in sorted(parts.keys() | standing.keys()):
        organisation, currency = key
        fresh = [part for part in parts.get(key, ()) if part.line_id not in issued_ids]
        gone = [
            _reversal(item)
            for item in standing.get(key, ())
            if item.part.invoice_id in settled and item.part.line_id not in line_ids
        ]
        if not fresh and not gone:
            continue
        revision = next_revision(known, key, beside="correction")
        head = DocumentHead(partner, organisation, period, currency, revision, groupings.get(organisation, ""))
        document = summarise(head, [*fresh, *gone])
        # a void and its replacement go out as one difference, or the customer gets all his money back for a while
        held = (
            f"{', '.join(waiting)} has not arrived whole, and may replace what is taken back"
            if gone and waiting
            else ""
        )
        made.append(Made(document, posting_ref(document.key), held))
    return made


def next_revision(known: Iterable[documents.StoredDocument], key: Key, *, beside: Origin) -> int:
    """The revision after the last that was issued; not one that an open document of the other origin has."""
    mine = [document for document in known if (document.organisation, document.currency) == key]
    taken = {document.revision for document in mine if not document.frozen and document.origin == beside}
    revision = max((document.revision for document in mine if document.frozen), default=0) + 1
    while revision in taken:
        revision += 1
    return revision


def _reversal(item: Issued) -> Part:
    return reversal(item, f"takes back what revision {item.revision} charged: Microsoft voided its invoice")
