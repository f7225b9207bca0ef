"""JSON in and out without a single binary float and within the limits of reliability.md, "Money in the
database".
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from connector.domain.money import MAX_DIGITS, NotANumber, money

MAX_DEPTH = 32


class NotJson(ValueError):
    """The text is not JSON that we accept; the message says why and repeats nothing of it."""


def write_json(value: object) -> bytes:
    """UTF-8 JSON in which a Decimal is an exact number.

    >>> write_json({"total": Decimal("12.50"), "ok": True})
    b'{"total":12.50,"ok":true}'
    """
    return _text(value, 0).encode()


def read_json(body: bytes) -> Any:
    """Parse strictly: numbers as int or Decimal through the money gate; no NaN, no Infinity, no key twice.

    >>> read_json(b'{"a": 0.10, "b": 7}')
    {'a': Decimal('0.10'), 'b': 7}
    """
    return _read(
        _decoded(body, "strict"),
        parse_float=_exact,
        parse_int=_whole,
        parse_constant=_no_constant,
        object_pairs_hook=_unique,
    )


def read_envelope(body: bytes) -> Any:
    """Parse only to find one's way: every number stays the text it was, bad ones included.

    For pages whose lines somebody else decodes one by one: a single bad number must not hide the other lines.

    >>> read_envelope(b'{"totalCharges": NaN, "next": 1e400}')
    {'totalCharges': 'NaN', 'next': '1e400'}
    """
    return _read(_decoded(body, "replace"), parse_float=str, parse_int=str, parse_constant=str)


def _read(text: str, **hooks: Any) -> Any:
    try:
        value = json.loads(text, **hooks)
    except NotJson:
        raise
    except (ValueError, RecursionError) as problem:
        reason = "it is nested too deeply" if isinstance(problem, RecursionError) else "it is not JSON"
    else:
        if not _is_flat_enough(value):
            raise NotJson(f"it is nested deeper than {MAX_DEPTH} levels")
        return value
    raise NotJson(reason)


def _decoded(body: bytes, errors: str) -> str:
    try:
        return body.decode("utf-8-sig", errors)
    except UnicodeDecodeError:
        raise NotJson("it is not UTF-8") from None


def _is_flat_enough(value: Any) -> bool:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        if not below:
            return True
        level = below
    return not any(isinstance(item, dict | list) for item in level)


def _exact(text: str) -> Decimal:
    try:
        return money(text)
    except NotANumber:
        raise NotJson("it holds a number beyond the limits") from None


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > MAX_DIGITS:
        raise NotJson("it holds a number beyond the limits")
    return int(text)


def _no_constant(text: str) -> None:
    raise NotJson(f"it holds {text}, which is not a number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson("it holds a key twice")
    return found


def _text(value: object, depth: int) -> str:
    if depth > MAX_DEPTH:
        raise NotJson(f"it is nested deeper than {MAX_DEPTH} levels")
    if value is None or isinstance(value, bool | int | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Decimal):
        return str(money(value))
    if isinstance(value, dict):
        pairs = (f"{_key(key)}:{_text(item, depth + 1)}" for key, item in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_text(item, depth + 1) for item in value) + "]"
    # A binary float is an amount that has already been damaged, or soon will be.
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError("a JSON object needs text as its keys")
    return json.dumps(key, ensure_ascii=False)
