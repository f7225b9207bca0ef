"""A clock that tests set: the database tells it, so everything that reads the database's time reads this one.

SQLite lets a connection bring a function of its own under a built-in's name; `strftime(format, 'now')` is where
the database's time comes from. Nothing of the product is replaced.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, event

START = datetime(2026, 11, 9, 3, 0, tzinfo=UTC)


class DatabaseClock:
    """Stands still unless told to go on."""

    def __init__(self) -> None:
        self.now = START

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def rule(self, engine: Engine) -> Engine:
        """From now on this database's time is ours."""

        def set_clock(connection: Any, record: object) -> None:
            connection.create_function("strftime", 2, self._strftime)

        event.listen(engine, "connect", set_clock)
        engine.dispose()  # connections made before do not know yet
        return engine

    def _strftime(self, form: str, moment: str) -> str:
        if (form, moment) != ("%Y-%m-%d %H:%M:%f", "now"):
            raise ValueError(f"nobody taught this clock {form!r} of {moment!r}")
        return self.now.strftime("%Y-%m-%d %H:%M:%S.") + f"{self.now.microsecond // 1000:03d}"
