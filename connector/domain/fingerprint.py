"""The fingerprint of what a document says, from its values or from its stored rows alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from connector.domain.documents import Document
from connector.domain.money import exact_text, plain_text

# What a summary line says to anybody; the same names in the domain and in the table.
SAID = (
    "id", "no", "text", "kind", "quantity", "unit_price", "amount", "cost", "cost_currency", "subscription_id",
    "product_id", "sku_id", "sentence",
)  # fmt: skip


def content_hash(document: Document) -> str:
    """Fingerprint of everything a document says: the same content gives the same hash, today or in two years."""
    rows = [
        (
            [getattr(line, name) for name in SAID],
            [(part.line_id, part.reversal, part.calculation.exact, part.amount) for part in line.parts],
        )
        for line in document.lines
    ]
    return fingerprint(document.key, document.currency, document.net_total, rows)


def fingerprint(
    key: str,
    currency: str,
    net_total: Decimal,
    rows: Sequence[tuple[Sequence[Any], Sequence[Sequence[Any]]]],
) -> str:
    content = [
        key,
        currency,
        plain_text(net_total),
        [[_texts(line), [_texts(p) for p in below]] for line, below in rows],
    ]
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def _texts(values: Sequence[Any]) -> list[str]:
    """Values as text that does not depend on how a database keeps a number's trailing zeros."""
    return [
        plain_text(value)
        if isinstance(value, Decimal)
        else exact_text(value)
        if isinstance(value, Fraction)
        else str(value)
        for value in values
    ]


def digest_of(value: Any) -> str:
    """SHA-256 of a value's canonical text."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def canonical(value: Any) -> str:
    """A value as JSON that is the same on every database and in every year.

    >>> canonical({"b": Decimal("1.10"), "a": [None, True, date(2026, 10, 1)]})
    '{"a":[null,true,"2026-10-01"],"b":"1.1"}'
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain_text(value)
    if isinstance(value, Fraction):
        return exact_text(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value
