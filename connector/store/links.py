"""Links that open one document without an account: made, shown again, opened, revoked.

A token is 52 characters: key id (1 byte), secret (32 bytes), MAC (6 bytes). The secret is an HMAC over a
random nonce, so the address can be written again from the row and a key, while the database alone opens
nothing: it holds the nonce and a hash. The MAC is checked before the database is asked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from connector.errors import Misconfigured
from connector.store.database import database_now
from connector.store.tables import documents, links

Keys = Sequence[tuple[int, bytes]]
"""(key id 0 to 255, secret), newest first: the first one signs, all of them verify."""

TOKEN_LENGTH = 52
DEFAULT_LIFETIME = timedelta(days=731)
"""24 months: as long as the partner keeps documents (README, decision 6)."""

_SECRET_BYTES = 32
_MAC_BYTES = 6
_NO_KEY = bytes(32)


@dataclass(frozen=True, slots=True)
class Link:
    """What the partner may know of a link; the token is not part of it."""

    document_id: str
    document_key: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    opened: int
    last_opened_at: datetime | None


def derived(secret: bytes, purpose: str) -> bytes:
    """A key for one purpose, so that a signature made for one thing is worthless for another."""
    return hmac.digest(secret, b"connector/" + purpose.encode(), "sha256")


def fingerprint(token: str) -> str:
    """What a viewing cookie remembers of the link that it was opened with; opens nothing by itself."""
    return _hash(token)[:16]


def document_url(public_url: str, token: str) -> str:
    return f"{public_url.rstrip('/')}/i/{token}"


def line_url(public_url: str, token: str, no: int) -> str:
    return f"{document_url(public_url, token)}/l/{no}"


def ensure(connection: Connection, document_id: str, keys: Keys, lifetime: timedelta = DEFAULT_LIFETIME) -> str:
    """The token of a document's link, made on the first call and the same ever after.

    Also for an expired or revoked link: what a ledger document says never changes, the address only stops
    working. Only where the key that made it is gone (its address is dead already) the link is made anew.
    """
    row = _row(connection, document_id)
    if row is None:
        try:
            with connection.begin_nested():
                return _create(connection, document_id, keys, lifetime)
        except IntegrityError:
            # somebody else made it at this moment
            row = _row(connection, document_id)
            if row is None:
                raise
    return token_of(row.nonce, row.token_hash, keys) or renew(connection, document_id, keys, lifetime)


def renew(connection: Connection, document_id: str, keys: Keys, lifetime: timedelta = DEFAULT_LIFETIME) -> str:
    """A new token in place of the old one, which stops working at once."""
    nonce = secrets.token_hex(32)
    token = _token(keys[0], nonce)
    now = database_now(connection)
    connection.execute(
        update(links)
        .where(links.c.document_id == document_id)
        .values(nonce=nonce, token_hash=_hash(token), created_at=now, expires_at=now + lifetime, revoked_at=None)
    )
    return token


def url(connection: Connection, document_id: str, keys: Keys, public_url: str) -> str:
    """The address of a document whose link exists, for the ledger and for people of the partner."""
    row = _row(connection, document_id)
    if row is None:
        raise LookupError(f"document {document_id} has no link")
    token = token_of(row.nonce, row.token_hash, keys)
    if token is None:
        raise Misconfigured(
            "SECRET_KEY is another one than the links were made with.",
            code="link_key_gone",
            action="Give the former key as well, or price the period again.",
        )
    return document_url(public_url, token)


def token_of(nonce: str, token_hash: str, keys: Keys) -> str | None:
    """The token of a row again, or None when the key that made it is no longer there."""
    for key in keys:
        token = _token(key, nonce)
        if hmac.compare_digest(_hash(token), token_hash):
            return token
    return None


def open_(connection: Connection, token: str, keys: Keys) -> str | None:
    """The document a token opens now; None for unknown, expired, revoked, foreign, malformed ones alike."""
    if not is_ours(token, keys):
        return None
    row = connection.execute(
        select(links.c.document_id, links.c.expires_at, links.c.revoked_at).where(links.c.token_hash == _hash(token))
    ).one_or_none()
    now = database_now(connection)
    return row.document_id if row is not None and row.revoked_at is None and now < row.expires_at else None


def is_ours(token: str, keys: Keys) -> bool:
    """Whether one of our keys made the token; the same work for every text, and no database."""
    raw = _decoded(token)
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    known = dict(keys)
    expected = _mac(known.get(body[0], _NO_KEY), body)
    return hmac.compare_digest(mac, expected) and body[0] in known and token == _encoded(raw)


def note_opening(connection: Connection, document_id: str) -> None:
    """Count that somebody pressed the button; the partner sees it beside the link."""
    connection.execute(
        update(links)
        .where(links.c.document_id == document_id)
        .values(opened=links.c.opened + 1, last_opened_at=database_now(connection))
    )


def is_open(connection: Connection, document_id: str, link_fingerprint: str) -> bool:
    """Whether the link a cookie was opened with still works: revoking closes open pages too."""
    row = _row(connection, document_id)
    if row is None or row.revoked_at is not None or database_now(connection) >= row.expires_at:
        return False
    return hmac.compare_digest(row.token_hash[:16], link_fingerprint)


def revoke(connection: Connection, document_id: str) -> bool:
    """Close a link; False when there is none or it is closed already."""
    done = connection.execute(
        update(links)
        .where(links.c.document_id == document_id, links.c.revoked_at.is_(None))
        .values(revoked_at=database_now(connection))
    )
    return bool(done.rowcount)


def list_links(connection: Connection, period: str | None = None, organisation: str | None = None) -> list[Link]:
    """All links, of one period or one organisation where asked, by document."""
    query = (
        select(
            links.c.document_id,
            documents.c.key,
            links.c.created_at,
            links.c.expires_at,
            links.c.revoked_at,
            links.c.opened,
            links.c.last_opened_at,
        )
        .join(documents, documents.c.id == links.c.document_id)
        .order_by(documents.c.key)
    )
    if period is not None:
        query = query.where(documents.c.period == period)
    if organisation is not None:
        query = query.where(documents.c.organisation == organisation)
    return [Link(*row) for row in connection.execute(query)]


def _create(connection: Connection, document_id: str, keys: Keys, lifetime: timedelta) -> str:
    # of the document, so that a database restored from before it was made gives the same address again
    nonce = derived(keys[0][1], f"nonce {document_id}").hex()
    token = _token(keys[0], nonce)
    now = database_now(connection)
    connection.execute(
        insert(links).values(
            document_id=document_id,
            nonce=nonce,
            token_hash=_hash(token),
            created_at=now,
            expires_at=now + lifetime,
            opened=0,
        )
    )
    return token


def _row(connection: Connection, document_id: str) -> Any:
    query = select(links.c.nonce, links.c.token_hash, links.c.expires_at, links.c.revoked_at)
    return connection.execute(query.where(links.c.document_id == document_id)).one_or_none()


def _token(key: tuple[int, bytes], nonce: str) -> str:
    key_id, secret = key
    body = bytes([key_id]) + hmac.digest(derived(secret, "link"), b"link" + bytes.fromhex(nonce), "sha256")
    return _encoded(body + _mac(secret, body))


def _mac(secret: bytes, body: bytes) -> bytes:
    return hmac.digest(derived(secret, "link check"), body, "sha256")[:_MAC_BYTES]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


def _decoded(token: str) -> bytes:
    """The token's bytes, or as many zero bytes when it is not one."""
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    length = 1 + _SECRET_BYTES + _MAC_BYTES
    return raw if len(raw) == length else bytes(length)
