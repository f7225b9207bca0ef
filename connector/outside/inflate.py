"""Unpacking what strangers packed, with a cap: 194 KB of gzip became 200 MB (reliability.md, "SOAP")."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isal import isal_zlib

MAX_RATIO = 400
"""Bytes out per byte in. A billing export of one customer reaches about 40; bombs start near 1,000."""
FREE_OUTPUT = 1 << 20
"""Below this much output the ratio does not matter."""
_CHUNK = 1 << 18
_PIECE = 1 << 20
# isal has an error of its own beside the one of zlib; its type hints do not know that it is an exception
_BAD_PACKING: Any = (isal_zlib.error, zlib.error)


class CannotInflate(ValueError):
    """The packed bytes are cut, followed by garbage, or a bomb; the message says which."""


@dataclass(frozen=True, slots=True)
class GzipFacts:
    """A gzip file that ended properly: its own size and fingerprint, and the size of what it holds."""

    size: int
    sha256: str
    inflated_size: int


def inflate(packed: bytes, encoding: str, max_bytes: int) -> bytes:
    """The body of an answer with this Content-Encoding, at most `max_bytes` long."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return packed
    if name not in ("gzip", "x-gzip", "deflate"):
        raise CannotInflate("it is packed in a way that was not asked for")
    out = bytearray()
    rest = packed
    while rest:
        unpacker = zlib.decompressobj(wbits=31 if "gzip" in name else 15)
        try:
            out += unpacker.decompress(rest, max_bytes + 1 - len(out))
        except zlib.error:
            raise CannotInflate("its packing is damaged") from None
        if len(out) > max_bytes or _is_bomb(len(packed), len(out)):
            raise CannotInflate("it is larger than allowed")
        if not unpacker.eof:
            raise CannotInflate("its packing is cut")
        rest = unpacker.unused_data
    return bytes(out)


def check_gzip_file(path: Path, *, max_inflated: int) -> GzipFacts:
    """Read a gzip file to its end, or CannotInflate: every member whole, nothing behind the last, no bomb."""
    digest = hashlib.sha256()
    unpacker: Any = None
    size = inflated = 0
    with path.open("rb") as file:
        while data := file.read(_CHUNK):
            digest.update(data)
            size += len(data)
            while data:
                if unpacker is None or unpacker.eof:
                    # A second member is legal; anything else behind the end is not
                    if data[:1] != b"\x1f":
                        raise CannotInflate("it is followed by bytes that do not belong to it")
                    unpacker = isal_zlib.decompressobj(wbits=31)
                piece = _unpack(unpacker, data)
                inflated += len(piece)
                if inflated > max_inflated or _is_bomb(size, inflated):
                    raise CannotInflate("it holds more than allowed")
                data = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    # What is still inside the last member after all its bytes went in
    while unpacker is not None and not unpacker.eof and (piece := _unpack(unpacker, b"")):
        inflated += len(piece)
        if inflated > max_inflated or _is_bomb(size, inflated):
            raise CannotInflate("it holds more than allowed")
    if unpacker is None or not unpacker.eof:
        raise CannotInflate("it is cut")
    return GzipFacts(size, digest.hexdigest(), inflated)


def _unpack(unpacker: Any, data: bytes) -> bytes:
    try:
        piece: bytes = unpacker.decompress(data, _PIECE)
    except _BAD_PACKING:
        raise CannotInflate("its packing is damaged") from None
    return piece


def _is_bomb(packed: int, inflated: int) -> bool:
    return inflated > FREE_OUTPUT and inflated > MAX_RATIO * packed
