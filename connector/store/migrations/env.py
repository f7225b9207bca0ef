"""Alembic's entry: runs on the engine that the caller hands over, one transaction per migration."""

from __future__ import annotations

from alembic import context

from connector.store.tables import metadata

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    context.configure(
        connection=connection, target_metadata=metadata, render_as_batch=True, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
