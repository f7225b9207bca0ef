"""Places lines come from: one file per place, and the words they share.

A network source fetches and keeps. It returns RawFiles: exactly the bytes that arrived, in a folder of the
caller's, each named, measured and fingerprinted. What a line in them means is decided later, file by file,
by the modules that read raw files; so a line that nobody understands today can be read again tomorrow.

Nothing here decides whether an invoice is complete: the header does (reliability.md section 2, "Downloads").
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Progress(Protocol):
    """Told now and then how far a fetch is. `total_bytes` is None where nobody knows it."""

    def __call__(self, done_bytes: int, total_bytes: int | None, text: str) -> None: ...


def no_progress(done_bytes: int, total_bytes: int | None, text: str) -> None:
    """For callers that show nothing."""


@dataclass(frozen=True, slots=True)
class RawFile:
    """One file as it arrived. `name` is unique inside its set; `sha256` is of the file's own bytes, packed
    or not.
    """

    name: str
    path: Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ExportSet:
    """All files of one export of Graph, complete and unchanged while they were fetched."""

    manifest_etag: str
    files: tuple[RawFile, ...]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class NoData:
    """Microsoft says that there is nothing to export (yet): never a reason to call a period checked."""

    reference: str = ""


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer of the partner as Partner Center lists it."""

    tenant_id: str
    name: str
    domain: str


def raw_file(name: str, path: Path) -> RawFile:
    """Measure and fingerprint a file that is already in its place."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return RawFile(name, path, path.stat().st_size, digest.hexdigest())
