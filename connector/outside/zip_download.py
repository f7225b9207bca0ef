"""Fetch one file that may come as a zip archive with a single member: whole or not at all, unpacked with caps.

The price service answers `Accept-Encoding: deflate` with a zip archive, not with a deflate stream, and every other
request with the plain text (customers-and-prices.md section 4). A cut archive has no directory at its end, and
each member carries a checksum; of plain text only the announced length tells.
"""

from __future__ import annotations

import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from connector.errors import Transient
from connector.outside.clouds import Audience
from connector.outside.http import Downloaded
from connector.outside.microsoft import MicrosoftApi

MAX_TRIES = 4
MAX_WAIT_SECONDS = 60.0
MAX_RATIO = 200
"""Bytes out per byte in. Price sheets reach about 30; bombs start near 1,000."""
FREE_OUTPUT = 1 << 20
_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
_CHUNK = 1 << 18


class CannotUnzip(ValueError):
    """The archive is cut, a bomb, or not one file; the message says which."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps of one file: as it arrives, and unpacked."""

    packed_bytes: int = 256 << 20
    unpacked_bytes: int = 512 << 20


def fetch_zip(
    api: MicrosoftApi,
    audience: Audience,
    url: str,
    raw: Path,
    text: Path,
    *,
    limits: Limits | None = None,
    sleep: Callable[[float], None] = time.sleep,
    progress: Callable[[int], None] = lambda size: None,
) -> None:
    """Fetch into `raw` exactly as it arrives, and unpack into `text`.

    Raises Transient when it does not arrive whole in spite of all tries (`retry_after` where we are asked to wait
    longer than we do), else like MicrosoftApi.send.
    """
    caps = limits or Limits()
    broken = "it was not delivered"
    for attempt in range(MAX_TRIES):
        try:
            answer = api.download(
                audience,
                url,
                raw,
                headers={"Accept-Encoding": "deflate", "Accept": "application/octet-stream"},
                max_bytes=caps.packed_bytes,
                progress=progress,
            )
        except Transient as trouble:
            if trouble.code == "too_large" or attempt + 1 == MAX_TRIES:
                raise
            sleep(_pause(attempt))
            continue
        if answer.status != 200:
            broken = f"the service answers {answer.status}"
            _wait_as_asked(answer, attempt, sleep)
        elif not answer.whole:
            broken = "the connection is cut every time"
            sleep(_pause(attempt))
        else:
            try:
                unzip(raw, text, caps)
            except CannotUnzip as reason:
                broken = str(reason)
                sleep(_pause(attempt))
            else:
                return
    raise Transient(f"A file of Microsoft's does not arrive whole: {broken}.", code="file_broken", system=audience)


def unzip(raw: Path, text: Path, caps: Limits) -> None:
    """The single member of an archive, or the file itself where it is none; CannotUnzip otherwise."""
    with raw.open("rb") as file:
        begin = file.read(4)
    if begin not in _SIGNATURES:
        if raw.stat().st_size > caps.unpacked_bytes:
            raise CannotUnzip("it is larger than allowed")
        text.write_bytes(raw.read_bytes())
        return
    trouble = ""
    try:
        with zipfile.ZipFile(raw) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1:
                raise CannotUnzip(f"its archive holds {len(members)} files instead of one")
            _unpack(archive, members[0], text, raw.stat().st_size, caps)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        trouble = "its archive is cut or damaged"
    except (NotImplementedError, RuntimeError):
        # an unknown way of packing, or encrypted
        trouble = "its archive is packed in a way that was not asked for"
    if trouble:
        raise CannotUnzip(trouble)


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, text: Path, packed: int, caps: Limits) -> None:
    size = 0
    with archive.open(member) as source, text.open("wb") as target:
        # the sizes that an archive announces are not to be believed
        while data := source.read(_CHUNK):
            size += len(data)
            if size > caps.unpacked_bytes or (size > FREE_OUTPUT and size > MAX_RATIO * packed):
                raise CannotUnzip("its archive holds more than allowed")
            target.write(data)


def _pause(attempt: int) -> float:
    return float(min(0.5 * 2**attempt, MAX_WAIT_SECONDS / 4))


def _wait_as_asked(answer: Downloaded, attempt: int, sleep: Callable[[float], None]) -> None:
    asked = answer.retry_after
    if asked is not None and asked > MAX_WAIT_SECONDS:
        raise Transient(
            f"Microsoft's price service asks us to wait {asked} seconds.", retry_after=asked, code="throttled"
        )
    sleep(_pause(attempt) if asked is None else float(asked))
