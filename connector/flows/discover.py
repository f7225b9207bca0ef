"""Which vendor invoices exist: read from Partner Center, remembered with what changed. A notice is only a hint."""

from __future__ import annotations

from connector.flows.world import World
from connector.sources.partner_center import list_invoices
from connector.store import periods
from connector.store.audit import append
from connector.store.database import writing


def discover(world: World) -> set[str]:
    """List all headers, keep what is new or changed; the periods that have something new to pull."""
    world.progress("Asking Partner Center which invoices exist")
    headers = list_invoices(world.microsoft())
    changed = set()
    with writing(world.engine) as connection:
        for header in headers:
            known = periods.invoice(connection, header.id)
            if not periods.upsert_invoice(connection, header):
                continue
            changed.add(str(header.period))
            if known is not None:
                append(
                    connection,
                    who="clock",
                    action="invoice_changed",
                    subject=header.id,
                    before=f"{known.header.document_type} {known.header.header_total}",
                    after=f"{header.document_type} {header.header_total}",
                    why="Partner Center says so",
                )
            if known is not None and known.header.header_total != header.header_total:
                # another total means other lines: what has arrived no longer belongs to this header
                periods.set_arrival(connection, header.id, "announced", "its header changed")
    return changed
