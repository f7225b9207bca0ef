"""JSON that keeps every digit: numbers come in as Decimal and go out as plain decimal text.

exports.md section 5 and invoices.md ("Value quirks") show figures with 16 to 19 digits; a binary float on
the way would change them, so none is used anywhere in this stand-in.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

_quote: Callable[[str], str] = json.JSONEncoder(ensure_ascii=False).encode


def loads(text: str | bytes) -> Any:
    """Parse JSON; every number becomes a Decimal or an int with all its digits."""
    return json.loads(text, parse_float=Decimal)


def load(path: Path) -> Any:
    """Parse a JSON file."""
    return loads(path.read_text(encoding="utf-8"))


def dumps(value: Any, quote: Callable[[str], str] = _quote) -> str:
    """Write JSON; a Decimal is written with exactly the digits it has, never with an exponent."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return quote(value)
        case int():
            return str(value)
        case Decimal():
            return format(value, "f")
        case dict():
            return "{" + ", ".join(f"{quote(str(k))}: {dumps(v, quote)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(dumps(item, quote) for item in value) + "]"
    raise TypeError(f"{type(value).__name__} has no exact JSON form")


def decimal(value: Any) -> Decimal:
    """A month file may write a figure as a number or as text; both mean the same."""
    if value is None or value == "":
        return Decimal(0)
    if isinstance(value, float):
        raise TypeError("a float has already lost its digits")
    return Decimal(value)
