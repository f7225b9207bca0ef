"""Parts of a period into documents: what is new becomes the next revision, what was voided is taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from sqlalchemy import Connection

from connector.domain.documents import Calculation, Document, Part
from connector.domain.invoice import posting_ref
from connector.domain.summarise import DocumentHead, summarise
from connector.store import document_parts, documents


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
) -> list[Made]:
    """One document per organisation and currency with the parts that no frozen document holds yet.

    A part on a frozen document whose line exists no longer (its invoice was voided) is reversed. A line whose
    price or customer changed since is not: that is re-rating, and nothing is sent for it by itself. `settled`: the
    invoices whose lines are surely known (whole or voided); of others nothing is taken back.
    """
    standing: dict[tuple[str, str], list[document_parts.Issued]] = {}
    issued_ids = set()
    for item in document_parts.issued(connection, period):
        standing.setdefault((item.organisation, item.currency), []).append(item)
        issued_ids.add(item.part.line_id)
    revisions: dict[tuple[str, str], int] = {}
    for stored in documents.of_period(connection, period):
        if stored.frozen:
            key = (stored.organisation, stored.currency)
            revisions[key] = max(revisions.get(key, 0), stored.revision)
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
        head = DocumentHead(partner, organisation, period, currency, revisions.get(key, 0) + 1)
        document = summarise(head, [*fresh, *gone])
        made.append(Made(document, posting_ref(document.key), ""))
    return made


def _reversal(item: document_parts.Issued) -> Part:
    amount = item.part.amount
    return replace(
        item.part,
        amount=-amount,
        calculation=Calculation(
            "multiply",
            (Fraction(-1), Fraction(amount)),
            Fraction(-amount),
            f"takes back what revision {item.revision} charged: Microsoft voided its invoice",
        ),
        cost=-item.part.cost,
        reversal=True,
        reverses=item.part.line_id,
    )
