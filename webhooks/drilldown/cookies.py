"""The short-lived cookie that a page is read under. It names one document and the link it was opened with.

It is signed, and the link is asked again at every page, so that revoking closes open pages.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.store.links import Keys, derived

LIFETIME = timedelta(minutes=30)
NAME = "document"
_FORM = re.compile(r"(\d{1,3})\.([a-z0-9_]{1,20})\.([0-9a-f]{16})\.(\d{1,12})\.([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pass:
    """Who may read what: one document, opened with one link."""

    document_id: str
    link_fingerprint: str


def seal(opened: Pass, keys: Keys, now: datetime) -> str:
    """The cookie's value."""
    key_id, secret = keys[0]
    body = f"{key_id}.{opened.document_id}.{opened.link_fingerprint}.{int((now + LIFETIME).timestamp())}"
    return f"{body}.{_signature(secret, body)}"


def unseal(value: str, keys: Keys, now: datetime) -> Pass | None:
    """What the cookie allows, or None when it is not ours or too old."""
    match = _FORM.fullmatch(value)
    secret = dict(keys).get(int(match[1])) if match else None
    if match is None or secret is None:
        return None
    body = value.rpartition(".")[0]
    if not hmac.compare_digest(match[5], _signature(secret, body)) or int(match[4]) <= now.timestamp():
        return None
    return Pass(match[2], match[3])


def _signature(secret: bytes, body: str) -> str:
    return hmac.new(derived(secret, "document cookie"), body.encode(), "sha256").hexdigest()
