"""What a run was made from besides the partner's decisions: per vendor invoice its raw files and its header then.

It is kept with every document, so that the document can be made again from the same after Microsoft has amended the
invoice or delivered it anew (flows/replay.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from connector.domain.lines import ReconciliationLine
from connector.store import lines as stored_lines
from connector.store import periods
from connector.store.periods import StoredInvoice


@dataclass(frozen=True, slots=True)
class Delivered:
    """Lines that Microsoft delivered under the id of an invoice whose period was closed by then: its rows stay."""

    lines: tuple[ReconciliationLine, ...]
    files: tuple[int, ...]


def lines_by_invoice(
    connection: Connection, live: Iterable[StoredInvoice], delivered: Mapping[str, Delivered]
) -> dict[str, list[ReconciliationLine]]:
    """The lines that count, by vendor invoice."""
    found = {}
    for item in live:
        later = delivered.get(item.header.id)
        found[item.header.id] = list(
            later.lines if later else stored_lines.lines_of_invoice(connection, item.header.id)
        )
    return found


def inputs_of(
    connection: Connection,
    invoices: Iterable[StoredInvoice],
    earlier: Iterable[ReconciliationLine],
    delivered: Mapping[str, Delivered],
) -> dict[str, Any]:
    """Per vendor invoice {"set", "files", "usage", "voided", "arrival", "platform", "period", "currency", "date"}.

    `files` are numbers of raw files, `usage` the folders of its daily rows. `earlier`: charges of earlier periods that
    credits of this one may take back; their invoices are inputs, too.
    """
    found = {item.header.id: _input(connection, item, delivered.get(item.header.id)) for item in invoices}
    for invoice_id in sorted({line.invoice_id for line in earlier}):
        item = periods.invoice(connection, invoice_id)
        assert item is not None
        found[invoice_id] = _input(connection, item, None)
    return found


def _input(connection: Connection, item: StoredInvoice, delivered: Delivered | None) -> dict[str, Any]:
    header = item.header
    files: Sequence[int] = (
        delivered.files
        if delivered
        else [file.id for file in stored_lines.files_of(connection, header.id) if file.kind != "usage"]
    )
    groups = stored_lines.usage_groups_of(connection, header.id)
    return {
        "set": item.set_tag,
        "files": list(files),
        "usage": sorted({group.folder for group in groups.values()}),
        "voided": header.voided,
        "arrival": item.arrival,
        "platform": header.platform,
        "period": str(header.period),
        "currency": header.currency,
        "date": header.invoice_date.isoformat(),
    }
