"""Fetch one gzip file whole: resumed where a connection drops, begun again where that proves nothing,
checked at the end, and only then put in its place (reliability.md section 2, "Downloads"; faults 41 and
42).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from connector.errors import Transient, Uncertain
from connector.outside.http import TRIED_AGAIN, Downloaded, HttpClient
from connector.outside.inflate import CannotInflate, GzipFacts, check_gzip_file

MAX_TRIES = 5
MAX_WAIT_SECONDS = 60.0


class BrokenFile(Transient):
    """The file arrives, but never whole: the set it belongs to cannot be accepted."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps of one file."""

    packed_bytes: int = 8 << 30
    inflated_bytes: int = 64 << 30


@dataclass(slots=True)
class _Part:
    """What lies in the temporary file so far, and of which version of the remote file it is."""

    size: int = 0
    etag: str = ""

    def forget(self) -> None:
        self.size, self.etag = 0, ""


def fetch_gzip(
    http: HttpClient,
    address: Callable[[], str],
    to: Path,
    *,
    renew: Callable[[], None],
    limits: Limits | None = None,
    sleep: Callable[[float], None] = time.sleep,
    progress: Callable[[int], None] = lambda size: None,
) -> GzipFacts:
    """Fetch into `to`. `address()` gives the address of the moment, `renew()` makes it give a new one.

    No header is sent but those of the download itself: the address is its own permission (exports.md
    section 4). Raises BrokenFile when the bytes never add up, Transient when the other side does not
    deliver.
    """
    caps = limits or Limits()
    temporary = to.with_name(to.name + ".part")
    part = _Part()
    broken = ""
    for attempt in range(MAX_TRIES):
        try:
            answer = http.download(
                address(),
                to=temporary,
                offset=part.size,
                headers={"If-Match": part.etag} if part.size and part.etag else {},
                max_bytes=caps.packed_bytes,
                progress=progress,
            )
        except Uncertain:
            answer = None
        except Transient as trouble:
            if trouble.code == "too_large":
                raise
            answer = None
        if answer is None:
            sleep(_pause(attempt))
        elif answer.status == 403:
            # The permission inside the address has ended; what has arrived stays good (fault 42)
            renew()
        elif answer.status in TRIED_AGAIN:
            _wait_as_asked(answer, attempt, sleep)
        elif answer.status in (404, 410, 412, 416):
            # Gone, or another version than the part we have
            broken = f"the storage answers {answer.status}"
            if not part.size:
                break
            part.forget()
        elif answer.status not in (200, 206):
            _refused(answer)
        elif not _continues(part, answer):
            part.forget()
        elif not answer.whole:
            part.size, part.etag = answer.size, answer.headers.get("ETag", "")
            broken = "the connection is cut every time"
            sleep(_pause(attempt))
        else:
            try:
                facts = check_gzip_file(temporary, max_inflated=caps.inflated_bytes)
            except CannotInflate as reason:
                broken = str(reason)
                part.forget()
                sleep(_pause(attempt))
            else:
                temporary.replace(to)
                return facts
    temporary.unlink(missing_ok=True)
    if broken:
        raise BrokenFile(f"A file of the export does not arrive whole: {broken}.", code="file_broken")
    raise Transient("A file of the export could not be fetched.", code="file_not_fetched")


def _continues(part: _Part, answer: Downloaded) -> bool:
    """Whether the bytes just written belong to the same version as those before them."""
    if answer.status == 200 or not part.size:
        return True
    return answer.headers.get("ETag", "") == part.etag


def _pause(attempt: int) -> float:
    return float(min(0.5 * 2**attempt, MAX_WAIT_SECONDS / 4))


def _wait_as_asked(answer: Downloaded, attempt: int, sleep: Callable[[float], None]) -> None:
    asked = answer.retry_after
    if asked is not None and asked > MAX_WAIT_SECONDS:
        raise Transient(
            f"The storage of the export asks us to wait {asked} seconds.", retry_after=asked, code="throttled"
        )
    sleep(_pause(attempt) if asked is None else float(asked))


def _refused(answer: Downloaded) -> NoReturn:
    raise Transient(f"The storage of the export answers {answer.status}.", code=f"http_{answer.status}")
