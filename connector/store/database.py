"""Opening the database: SQLite for a small partner, PostgreSQL for a large one, the same code above it.

`writing` is the only way to change anything: on SQLite it begins IMMEDIATE, because a read that turns into a write
fails at once and ignores the busy time-out (reliability.md, "Leases"). No network call belongs inside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from connector.errors import Misconfigured, Transient

_MIGRATIONS = Path(__file__).parent / "migrations"


def open_engine(url: str) -> Engine:
    """An engine for DATABASE_URL, or Misconfigured. Nothing is created yet."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Misconfigured(
            "DATABASE_URL is not a database address.",
            action="Write sqlite:///PATH or postgresql+psycopg://USER:PASSWORD@HOST/NAME.",
        ) from None
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
        engine = create_engine(
            parsed,
            pool_pre_ping=True,
            connect_args={
                "keepalives_idle": 60,
                "options": "-c idle_in_transaction_session_timeout=60000",
            },
        )
    elif backend == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": 30, "check_same_thread": False})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        raise Misconfigured(f"The database {backend} is not supported.", action="Use SQLite or PostgreSQL.")
    return engine


def _prepare_sqlite(connection: Any, record: object) -> None:
    # hand transaction control to us: the driver's own implicit BEGIN is DEFERRED
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get("sqlite_begin", "")
    connection.exec_driver_sql(f"BEGIN {mode}".strip())


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one state of the database and changes nothing."""
    with _translated(), engine.connect() as plain:
        connection = plain
        if engine.dialect.name == "postgresql":
            connection = plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction: all of it or nothing."""
    with _translated(), engine.connect() as plain:
        connection = plain.execution_options(sqlite_begin="IMMEDIATE")
        with connection.begin():
            yield connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise Transient(
            "The database did not answer.",
            code="database_unavailable",
            system="database",
            action="Nothing was changed; check that it runs and has space, then try again.",
            reference=type(error.orig).__name__,
        ) from error


def database_now(connection: Connection) -> datetime:
    """The database's clock: leases use no other (fault 40)."""
    if connection.dialect.name == "sqlite":
        stamp: str = connection.execute(text("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')")).scalar_one()
        return datetime.fromisoformat(stamp).replace(tzinfo=UTC)
    moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment.astimezone(UTC)


def _config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["engine"] = engine
    return config


def schema_is_current(engine: Engine) -> bool:
    """Whether the schema is exactly the one this code was written for."""
    script = ScriptDirectory.from_config(_config(engine))
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == script.get_current_head()


def migrate(engine: Engine) -> None:
    """Create or upgrade the schema; run by `connector migrate`, and by every command on SQLite."""
    command.upgrade(_config(engine), "head")


def ensure_schema(engine: Engine) -> None:
    """On SQLite upgrade quietly; on PostgreSQL refuse to work on another schema (interfaces.md section 8)."""
    try:
        if schema_is_current(engine):
            return
        if engine.dialect.name == "sqlite":
            migrate(engine)
            return
    except SQLAlchemyError as error:
        raise Transient(
            "The database cannot be reached.",
            code="database_unavailable",
            system="database",
            action="Check DATABASE_URL and that the server runs.",
            reference=type(error).__name__,
        ) from error
    raise Misconfigured("The database has another schema than this version needs.", action="Run `connector migrate`.")
