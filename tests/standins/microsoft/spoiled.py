"""Blobs with something wrong inside (reliability.md rows 41 to 50, 60).

Each fault makes a spoiled copy of one file; the good one stays. Faults on lines strike only a part that has
lines, so an empty part does not use them up.
"""

import gzip
import zlib
from pathlib import Path
from typing import Any

from tests.standins.microsoft import exact
from tests.standins.microsoft.faults import Faults

WHOLE = frozenset({"truncate", "cut", "empty", "not_gzip", "trailing_garbage", "bomb"})
LINES = frozenset(
    {
        "nan",
        "garbage_line",
        "duplicate_key",
        "duplicate_line",
        "set_raw",
        "drop_field",
        "raw_line",
        "nul",
        "invalid_utf8",
        "deep",
        "drop_line",
        "add_field",
    }
)


def take(faults: Faults, path: Path, request_path: str) -> Path | None:
    """A spoiled copy when a fault waits for this blob, else None."""
    fault = faults.take("graph.blob", WHOLE, request_path)
    if fault is None and _has_lines(path):
        fault = faults.take("graph.blob", LINES, request_path)
    if fault is None:
        return None
    copy = path.with_suffix(f".{fault['kind']}")
    copy.write_bytes(_whole(fault, path.read_bytes()) if fault["kind"] in WHOLE else _with_lines(fault, path))
    return copy


def _has_lines(path: Path) -> bool:
    with gzip.open(path) as source:
        return bool(source.read(64).strip())


def _whole(fault: dict[str, Any], body: bytes) -> bytes:
    match fault["kind"]:
        case "truncate":
            return _between_members(body)
        case "cut":
            # in the middle of a member; Content-Length matches what is sent
            return body[: int(fault.get("bytes", len(body) // 2))]
        case "empty":
            return gzip.compress(b"", mtime=0)
        case "not_gzip":
            return gzip.decompress(body)
        case "trailing_garbage":
            return body + b"\x00garbage after the end"
    return _bomb(int(fault.get("megabytes", 200)))


def _between_members(body: bytes) -> bytes:
    """Half of the lines as a complete gzip member: no tool sees an error, and the length matches."""
    lines = gzip.decompress(body).splitlines(keepends=True)
    return gzip.compress(b"".join(lines[: len(lines) // 2]), mtime=0)


def _bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b" " * (1 << 20)
    return b"".join([packer.compress(block) for _ in range(megabytes)]) + packer.flush()


def _with_lines(fault: dict[str, Any], path: Path) -> bytes:
    with gzip.open(path) as source:
        lines = [line for line in source.read().splitlines() if line.strip()]
    index = min(int(fault.get("line", 0)), len(lines) - 1)
    field = str(fault.get("field", "Subtotal"))
    line = lines[index].decode("utf-8-sig")
    match fault["kind"]:
        case "nan":
            lines[index] = _raw(line, {field: str(fault.get("value", "NaN"))})
        case "set_raw":
            lines[index] = _raw(line, {field: str(fault["value"])})
        case "add_field":
            lines = [_raw(each.decode("utf-8-sig"), {field: str(fault.get("value", '"new"'))}) for each in lines]
        case "drop_field":
            lines = [_without(each, field) for each in lines]
        case "drop_line":
            del lines[index]
        case "duplicate_line":
            lines.append(lines[index])
        case "duplicate_key":
            lines[index] = (line[:-1] + f', "{field}": {fault.get("value", "0.01")}}}').encode()
        case "garbage_line":
            lines.append(str(fault.get("text", '{"Subtotal": 12.3')).encode())
        case "raw_line":
            lines.append(str(fault["text"]).encode())
        case "nul":
            lines[index] = line.replace('": "', '": "\\u0000', 1).encode()
        case "invalid_utf8":
            lines[index] = line.encode().replace(b'": "', b'": "\xff\xfe', 1)
        case "deep":
            depth = int(fault.get("depth", 300))
            lines[index] = (line[:-1] + ', "Deep": ' + "[" * depth + "]" * depth + "}").encode()
    return gzip.compress(b"\n".join(lines) + b"\n", mtime=0)


def _raw(line: str, fields: dict[str, str]) -> bytes:
    """Put raw JSON text into fields, valid or not."""
    value = exact.loads(line)
    pieces = [f'"{name}": {fields[name] if name in fields else exact.dumps(item)}' for name, item in value.items()]
    pieces += [f'"{name}": {text}' for name, text in fields.items() if name not in value]
    return ("{" + ", ".join(pieces) + "}").encode()


def _without(line: bytes, field: str) -> bytes:
    value = exact.loads(line.decode("utf-8-sig"))
    value.pop(field, None)
    return exact.dumps(value).encode()
