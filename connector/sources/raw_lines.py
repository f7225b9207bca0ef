"""Stored raw files as records, one at a time: export blobs (gzip JSON Lines) and v1 pages ({"items": [...]}),
and how the single values in them are read: text, ids, numbers, times.

A record that cannot be read stays a record, with its bytes and the reason. Only a file that is not whole is
an error. Which attribute means what is decided in `fields.py` and `usage_rows.py`.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec
from isal import igzip

from connector.domain.money import NotANumber, money, plain_text
from connector.errors import Refused

MAX_DEPTH = 32
BOM = b"\xef\xbb\xbf"
_GZIP_MAGIC = b"\x1f\x8b"
# Larger blocks did not pay: they leave the cache between inflating, splitting and decoding.
_BLOCK_BYTES = 128 * 1024
# Ratios are judged once this much came out: the first bytes of an honest file may shrink a lot.
_RATIO_FROM = 16 * 1024 * 1024


class UnreadableFile(Refused):
    """A whole file is not what it should be; nothing of it may be taken (codes: truncated, not_gzip, ...)."""


@dataclass(frozen=True, slots=True)
class BadNumber:
    """A number that the money gate refused: the line around it is still readable."""

    text: str
    why: str


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One line or item as delivered. `fields` by case-folded attribute name, or None and the reason why not.

    Values are str, Decimal, bool, None, BadNumber, or lists and objects of them.
    """

    line_no: int
    raw: bytes
    fields: Mapping[str, object] | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Bounds against bombs (reliability.md fault 60): deflate reaches 1,030:1, exports are near 10:1."""

    bytes_out: int = 200 * 1024**3
    ratio: int = 400
    line_bytes: int = 4 * 1024**2


class NotReadable(ValueError):
    """Why one value cannot be read; follows the name of its field in a sentence."""


class _Unreadable(ValueError):
    """Why one record cannot be read."""


def read_json_lines(path: Path, limits: ReadLimits | None = None) -> Iterator[RawRecord]:
    """The records of one export blob. Raises UnreadableFile when the file is cut, damaged or too large."""
    line_no = 0
    for block in line_blocks(path, limits):
        for line in split_lines(block):
            line_no += 1
            if line.strip():
                yield parse_record(line, line_no)


def read_line_item_pages(paths: Path | Iterable[Path]) -> Iterator[RawRecord]:
    """The items of stored v1 pages in order, numbered through; a page that is not whole JSON is an error."""
    number = 0
    for path in [paths] if isinstance(paths, Path) else paths:
        for item in _page_items(path):
            number += 1
            yield parse_record(item, number)


def parse_record(raw: bytes, line_no: int) -> RawRecord:
    """One JSON object as a record, or the reason why it is none (interfaces.md section 8, "Readable means").

    >>> parse_record(b'{"Subtotal": 1.10}', 1).fields
    {'subtotal': Decimal('1.10')}
    >>> parse_record(b'{"Subtotal": 1, "SUBTOTAL": 2}', 1).reason
    "the name 'SUBTOTAL' occurs twice"
    """
    raw = raw.rstrip(b"\r\n")
    try:
        return RawRecord(line_no, raw, _parse(raw.removeprefix(BOM)))
    except _Unreadable as why:
        return RawRecord(line_no, raw, None, str(why))


def split_lines(block: bytes) -> list[bytes]:
    """Lines by newline only (a carriage return inside a value ends none); much faster than split()."""
    return io.BytesIO(block).readlines()


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def line_blocks(path: Path, limits: ReadLimits | None = None) -> Iterator[bytes]:
    """Blocks of whole lines of a gzip file (or of a plain one: some HTTP layers inflate on the way)."""
    limits = limits or ReadLimits()
    try:
        with path.open("rb") as file:
            gzipped = file.read(2) == _GZIP_MAGIC
            file.seek(0)
            if gzipped:
                with igzip.IGzipFile(fileobj=file, mode="rb") as inflated:  # type: ignore[no-untyped-call]
                    yield from _blocks(inflated, file, limits, path)
            else:
                yield from _blocks(file, file, limits, path)
    except EOFError as error:
        raise UnreadableFile(
            f"{path.name} ends in the middle of its gzip data.",
            code="truncated",
            action="It is fetched again; nothing of it was taken.",
        ) from error
    except igzip.BadGzipFile as error:
        raise UnreadableFile(
            f"{path.name} is not one whole gzip file: {error}.",
            code="not_gzip",
            action="It is fetched again; nothing of it was taken.",
        ) from error


def _blocks(source: _Readable, file: BinaryIO, limits: ReadLimits, path: Path) -> Iterator[bytes]:
    kept: list[bytes] = []
    waiting = out = 0
    while chunk := source.read(_BLOCK_BYTES):
        out += len(chunk)
        if out > limits.bytes_out or (out > _RATIO_FROM and out > limits.ratio * max(file.tell(), 1)):
            raise _too_large(path, "inflates to more than an export ever does")
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield b"".join((*kept, memoryview(chunk)[:cut]))
            kept = [chunk[cut:]]
            waiting = len(chunk) - cut
        else:
            kept.append(chunk)
            waiting += len(chunk)
        if waiting > limits.line_bytes:
            raise _too_large(path, f"has a line of more than {limits.line_bytes:,} bytes")
    if waiting:
        yield b"".join(kept)


def _too_large(path: Path, what: str) -> UnreadableFile:
    return UnreadableFile(
        f"{path.name} {what}.",
        code="too_large",
        action="It was not read further; look at the file before loading it again.",
    )


def _page_items(path: Path) -> list[bytes]:
    text = path.read_bytes().removeprefix(BOM)
    # the decoder keeps the last of two equal names, and items of the first would be lost without a word
    if text.lower().count(b'"items"') > 1:
        _refuse_second_list(text, path)
    try:
        page = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        items = next((value for name, value in page.items() if name.casefold() == "items"), None)
        if items is None:
            raise UnreadableFile(f"{path.name} has no list of items.", code="not_a_page", action="It is fetched again.")
        return [bytes(item) for item in msgspec.json.decode(items, type=list[msgspec.Raw])]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableFile(
            f"{path.name} is not whole JSON.", code="not_json", action="It is fetched again."
        ) from error


def _refuse_second_list(text: bytes, path: Path) -> None:
    def check(pairs: list[tuple[str, object]]) -> None:
        if sum(name.casefold() == "items" for name, _ in pairs) > 1:
            raise UnreadableFile(
                f"{path.name} has two lists of items.", code="not_a_page", action="It is fetched again."
            )

    try:
        json.loads(text, object_pairs_hook=check)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(
            f"{path.name} is not whole JSON.", code="not_json", action="It is fetched again."
        ) from error


def _parse(raw: bytes) -> dict[str, object]:
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _Unreadable("not valid UTF-8") from error
    except json.JSONDecodeError as error:
        raise _Unreadable(f"not one JSON object: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise _Unreadable(f"nested deeper than {MAX_DEPTH} levels") from error
    if not isinstance(value, dict):
        raise _Unreadable("not a JSON object")
    fields: dict[str, object] = {}
    escapes = b"\\u" in raw
    for name, content in value.items():
        if isinstance(content, dict | list):
            _check_depth(content, 2)
        if escapes:
            _refuse_unstorable(name)
            _refuse_unstorable(content)
        folded = name.casefold()
        if folded in fields:
            raise _Unreadable(f"the name {name[:60]!r} occurs twice")
        fields[folded] = content
    return fields


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Unreadable(f"the name {twice[:60]!r} occurs twice")
    return result


def _gate(text: str) -> Decimal | BadNumber:
    try:
        return money(text)
    except NotANumber as error:
        return BadNumber(text[:60], str(error))


def _refuse_constant(text: str) -> BadNumber:
    return BadNumber(text, f"{text} is not a finite number")


def _check_depth(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _Unreadable(f"nested deeper than {MAX_DEPTH} levels")
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        if isinstance(child, dict | list):
            _check_depth(child, depth + 1)


def _refuse_unstorable(value: object) -> None:
    """Escapes can smuggle in what no database stores: NUL, and halves of surrogate pairs."""
    if isinstance(value, str):
        if "\0" in value:
            raise _Unreadable("a value holds the character NUL")
        if not value.isascii():
            try:
                value.encode("utf-8")
            except UnicodeEncodeError as error:
                raise _Unreadable("a value holds half of a surrogate pair") from error
    elif isinstance(value, dict):
        for name, content in value.items():
            _refuse_unstorable(name)
            _refuse_unstorable(content)
    elif isinstance(value, list):
        for content in value:
            _refuse_unstorable(content)


_DECODER = json.JSONDecoder(
    parse_float=_gate,
    parse_int=_gate,
    parse_constant=_refuse_constant,
    object_pairs_hook=_without_duplicates,
)


_GUID = re.compile(r"\{?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\}?", re.ASCII | re.IGNORECASE)
_MOMENT = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?"
    r"\s*(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII | re.IGNORECASE,
)


def as_text(value: object) -> str:
    """Text of an attribute; null and absent are the same as empty."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return plain_text(value)
    raise NotReadable("is not text")


def as_id(text: str) -> str:
    """An id in the form in which it is compared: no `org:` in front, GUIDs in lower case.

    >>> as_id("org:9060D13D-C5ED-482E-B059-A15A38CBB28E"), as_id("CFQ7TTC0LDPB")
    ('9060d13d-c5ed-482e-b059-a15a38cbb28e', 'CFQ7TTC0LDPB')
    """
    if text[:4].casefold() == "org:":
        text = text[4:].strip()
    return text.strip("{}").lower() if _GUID.fullmatch(text) else text


def as_number(value: object) -> Decimal | None:
    """A number delivered as number or as text, through the money gate; empty is None."""
    if value is None or isinstance(value, Decimal):
        return value
    if isinstance(value, BadNumber):
        raise NotReadable(f"is unreadable: {value.why}")
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            return money(value)
        except NotANumber as error:
            raise NotReadable(f"is unreadable: {error}") from error
    raise NotReadable("is not a number")


def as_moment(value: object) -> datetime | None:
    """A time in UTC, given with Z, an offset, no zone (taken as UTC), 7 digits of fractions, or a date alone.

    The year 1 is Microsoft's empty date.

    >>> as_moment("2019-02-04T20:22:40.1767993-08:00").date().isoformat()
    '2019-02-05'
    >>> as_moment("0001-01-01T00:00:00") is None
    True
    """
    return _moment(value.text if isinstance(value, BadNumber) else as_text(value))


@lru_cache(maxsize=8192)
def _moment(text: str) -> datetime | None:
    """A month has few different times among many lines."""
    if not text:
        return None
    match = _MOMENT.fullmatch(text)
    if not match:
        raise NotReadable(f"{text[:40]!r} is not a date")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    if year == 1:
        return None
    micro = int((match[7] or "").ljust(6, "0")[:6])
    try:
        moment = datetime(year, month, day, hour, minute, second, micro, _zone(match[8]))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise NotReadable(f"{text[:40]!r} is not a date") from error


def _zone(text: str | None) -> timezone:
    if text is None or text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
