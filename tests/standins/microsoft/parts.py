"""Writes an export set as gzip files of JSON Lines, the last part empty, in the shape a test asked for."""

import gzip
import hashlib
import io
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_MEMBER_LINES = 3
_BUFFER = 1 << 20


@dataclass(frozen=True)
class Shape:
    """How the files are written. exports.md section 5: none of this is published."""

    parts: int = 3
    as_strings: bool = False
    members: bool = False
    crlf: bool = False
    bom: bool = False
    empty_lines: bool = False
    empty: bool = False


class _Part:
    """One file; with `members` a new gzip member begins every few lines, as appended blocks do."""

    def __init__(self, path: Path, shape: Shape) -> None:
        self._raw: BinaryIO = path.open("wb")
        self._shape = shape
        self._buffer = io.BytesIO()
        self._count = 0
        self._stream = self._open()
        if shape.bom:
            self._buffer.write(b"\xef\xbb\xbf")

    def _open(self) -> gzip.GzipFile:
        return gzip.GzipFile(fileobj=self._raw, mode="wb", compresslevel=1, mtime=0, filename="")

    def add(self, text: str) -> None:
        """Append a line."""
        end = b"\r\n" if self._shape.crlf else b"\n"
        self._buffer.write(text.encode("utf-8") + end)
        if self._shape.empty_lines and self._count % 2 == 0:
            self._buffer.write(end)
        self._count += 1
        if self._shape.members and self._count % _MEMBER_LINES == 0:
            self._flush()
            self._stream.close()
            self._stream = self._open()
        elif self._buffer.tell() > _BUFFER:
            self._flush()

    def _flush(self) -> None:
        self._stream.write(self._buffer.getvalue())
        self._buffer = io.BytesIO()

    def close(self) -> None:
        """Finish the file."""
        self._flush()
        self._stream.close()
        self._raw.close()


def write_parts(folder: Path, lines: Iterable[str], shape: Shape) -> list[str]:
    """Deal the lines over all parts but the last, which stays empty. Their order means nothing (exports.md
    4).
    """
    names = [f"part-{index:05d}-{_guid(folder, index)}.c000.json.gz" for index in range(shape.parts)]
    parts = [_Part(folder / name, shape) for name in names]
    filled = max(1, shape.parts - 1)
    if not shape.empty:
        for index, text in enumerate(lines):
            parts[index % filled].add(text)
    for part in parts:
        part.close()
    return names


def _guid(folder: Path, index: int) -> str:
    return str(uuid.UUID(hashlib.sha256(f"{folder.name}/{index}".encode()).hexdigest()[:32]))
