"""What comes back from a stranger, as plain values: an answer in memory, or the account of a download."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from connector.outside.json_text import read_json


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status. Headers in any case; neither they nor the body show in a repr."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON with exact numbers; NotJson (a ValueError) if it is not acceptable JSON."""
        return read_json(self.body)

    @property
    def retry_after(self) -> int | None:
        """Seconds the other side asks us to wait."""
        return retry_after_seconds(self.headers.get("Retry-After"))


@dataclass(frozen=True, slots=True)
class Downloaded:
    """How a download went. `size` bytes now lie in the file; `expected` is the announced size of the whole.

    `lost`: the connection ended before the body did. Only statuses 200 and 206 touch the file; for any other,
    `refusal` holds the first bytes of the body.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    size: int
    expected: int | None
    lost: bool
    refusal: bytes = field(default=b"", repr=False)

    @property
    def whole(self) -> bool:
        """Everything announced has arrived. Without an announced size this proves nothing by itself."""
        return self.status in (200, 206) and not self.lost and self.expected in (None, self.size)

    @property
    def retry_after(self) -> int | None:
        return retry_after_seconds(self.headers.get("Retry-After"))


def retry_after_seconds(text: str | None, now: Callable[[], float] = time.time) -> int | None:
    """Seconds of a Retry-After header, which is a number or a date (RFC 9110 section 10.2.3).

    >>> retry_after_seconds("57"), retry_after_seconds("soon")
    (57, None)
    """
    if not text:
        return None
    plain = text.strip()
    if plain.isascii() and plain.replace(".", "", 1).isdecimal():
        whole, _, fraction = plain.partition(".")
        return min(int(whole or 0), 10**6) + (1 if fraction.strip("0") else 0)
    try:
        moment = parsedate_to_datetime(plain)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, -int(-(moment - datetime.fromtimestamp(now(), UTC)).total_seconds() // 1))
