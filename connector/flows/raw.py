"""Reading raw files again: the bytes are proved to be those that arrived, then decoded like on the first day."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from connector.domain.lines import QuarantinedLine, ReconciliationLine
from connector.errors import Refused
from connector.flows.pull import PLATFORMS, placed
from connector.sources.fields import Origin
from connector.sources.file_import import read_portal_file, sniff
from connector.sources.raw_lines import RawRecord, read_json_lines, read_line_item_pages
from connector.store.lines import StoredFile


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """What raw files hold: (file, line number, line), and what could not be read."""

    lines: tuple[tuple[int, int, ReconciliationLine], ...]
    put_aside: tuple[QuarantinedLine, ...]


def read_again(invoice_id: str, files: Sequence[StoredFile]) -> ReadAgain:
    """The lines of a set of raw files; Refused when a file is gone or is not what arrived."""
    for file in files:
        require_untouched(file)
    good, put_aside = [], []
    for line, file_id, line_no in placed([_opened(invoice_id, file) for file in files]):
        if isinstance(line, QuarantinedLine):
            put_aside.append(line)
        else:
            good.append((file_id, line_no, line))
    return ReadAgain(tuple(good), tuple(put_aside))


def require_untouched(file: StoredFile) -> None:
    """Refused unless a raw file has the bytes it arrived with."""
    path = Path(file.path)
    if not path.exists():
        raise Refused(
            f"The raw file {file.name} of {file.invoice_id} is gone from DATA_DIR.",
            code="raw_file_gone",
            action="Restore it from the backup: without it nothing can be proved.",
        )
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if digest != file.sha256:
        raise Refused(
            f"The raw file {file.name} of {file.invoice_id} is not the one that arrived: its SHA-256 is another.",
            code="raw_file_changed",
            action="Restore it from the backup: without it nothing can be proved.",
        )


def _opened(invoice_id: str, file: StoredFile) -> tuple[Origin, Iterator[RawRecord]]:
    path = Path(file.path)
    if file.kind == "portal":
        form = sniff(path, decimal=file.read_as.get("decimal"), dates=file.read_as.get("dates"))  # type: ignore[arg-type]
        return Origin(invoice_id, str(file.id), form.platform), read_portal_file(path, form)
    read = read_json_lines if file.kind == "reconciliation" else read_line_item_pages
    return Origin(invoice_id, str(file.id), PLATFORMS.get(file.kind, "new_commerce")), read(path)
