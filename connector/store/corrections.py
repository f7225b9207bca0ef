"""What only a person's word changes about documents: a correction is released, a month's last documents are frozen."""

from __future__ import annotations

from sqlalchemy import Connection, update

from connector.store.tables import documents


def release(connection: Connection, document_id: str) -> None:
    """A drafted correction may go out: it never changes again and counts as issued."""
    mine = update(documents).where(documents.c.id == document_id).where(documents.c.origin == "correction")
    connection.execute(mine.values(state="frozen", held_reason=""))


def freeze_free(connection: Connection, period: str) -> None:
    """The documents that no ledger gets, all of 0.00, change no more either: their period is closed."""
    mine = update(documents).where(documents.c.period == period).where(documents.c.origin == "month")
    connection.execute(mine.where(documents.c.state == "open").values(state="frozen"))
