"""Microsoft's receiver: prove the raw bytes, keep them, answer, ring. It believes nothing it reads.

A notice says "look" and carries no facts (reliability.md, "Inbox"): only an invoice's id is taken out of it,
and no address in it is ever fetched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Blueprint, Request, Response, request
from redis.exceptions import RedisError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import ClientDisconnected

from connector.errors import ConnectorError, Transient
from connector.outside.json_text import NotJson, read_json
from connector.store import inbox
from connector.store.database import writing
from webhooks.rate import Tally, TokenBucket

MAX_BODY = 64 << 10
_INVOICE_ID = re.compile(r"[A-Z][0-9A-Z]{5,29}", re.ASCII)
_EVENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)

_log = structlog.get_logger()


class Verdict(Enum):
    """What is known of a notice's sender."""

    PROVED = "proved"
    NOT_PROVED = "not_proved"
    CANNOT_DECIDE = "cannot_decide"


VerifyNotice = Callable[[Mapping[str, str], bytes], tuple[Verdict, str]]
"""(headers, raw body) -> (verdict, reason). The reason is one of a small set of fixed sentences."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """What the receiver needs. `ring` says that there is something to do; it may fail without harm."""

    engine: Engine
    verify: VerifyNotice
    ring: Callable[[], None]
    bucket: TokenBucket
    refusals: Tally


class _Refusal(Exception):
    """Why a notice is not taken, with the answer's status."""

    def __init__(self, status: int, code: str, reason: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.reason = reason


def blueprint(receiver: Receiver) -> Blueprint:
    """The one address Microsoft calls."""
    pages = Blueprint("notices", __name__)

    @pages.post("/webhooks/partner-center")
    def receive() -> Response:
        try:
            _accept(receiver, request)
        except _Refusal as refusal:
            receiver.refusals.add(_counter_name(refusal))
            _log.info("notice_refused", status=refusal.status, code=refusal.code, reason=refusal.reason)
            return _answer(refusal.status, refusal.code)
        response = _answer(200, "stored")
        # after the answer has gone out, so that a bell that hangs keeps nobody waiting
        response.call_on_close(lambda: _ring(receiver.ring))
        return response

    return pages


def _accept(receiver: Receiver, notice: Request) -> None:
    if not receiver.bucket.take():
        raise _Refusal(503, "too_many")
    if notice.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise _Refusal(400, "encoded")
    body = _raw_body(notice)
    verdict, reason = receiver.verify({name.lower(): value for name, value in notice.headers.items()}, body)
    if verdict is Verdict.NOT_PROVED:
        raise _Refusal(401, "not_proved", reason)
    if verdict is Verdict.CANNOT_DECIDE:
        raise _Refusal(503, "cannot_decide", reason)
    event_name, subject = _read(body)
    try:
        with writing(receiver.engine) as connection:
            inbox.store(connection, body, event_name, subject)
    except (Transient, SQLAlchemyError) as trouble:
        raise _Refusal(503, "cannot_store", type(trouble).__name__) from None


def _raw_body(notice: Request) -> bytes:
    """The bytes as sent, at most one more than allowed, also where no length was announced (fault 28)."""
    if (notice.content_length or 0) > MAX_BODY:
        raise _Refusal(413, "too_large")
    body = bytearray()
    try:
        while len(body) <= MAX_BODY and (piece := notice.stream.read(MAX_BODY + 1 - len(body))):
            body += piece
    except (ClientDisconnected, OSError):
        raise _Refusal(400, "cut_off") from None
    if len(body) > MAX_BODY:
        raise _Refusal(413, "too_large")
    return bytes(body)


def _read(body: bytes) -> tuple[str, str]:
    """The event's name and the invoice it speaks of, "" where there is none or it looks odd."""
    try:
        notice = read_json(body)
    except NotJson as problem:
        raise _Refusal(400, "not_json", str(problem)) from None
    if not isinstance(notice, dict):
        raise _Refusal(400, "not_an_object")
    event_name = _matching(_EVENT_NAME, notice.get("EventName"))
    return event_name, subject_of(event_name, notice.get("ResourceUri"))


def subject_of(event_name: str, resource: Any) -> str:
    """The invoice id of an invoice-ready notice.

    >>> subject_of("invoice-ready", "https://api.partnercenter.microsoft.com/v1/invoices/G000024135")
    'G000024135'
    """
    if event_name != "invoice-ready" or not isinstance(resource, str):
        return ""
    try:
        path = urlsplit(resource).path
    except ValueError:
        return ""
    return _matching(_INVOICE_ID, path.rpartition("/")[2])


def _matching(pattern: re.Pattern[str], value: object) -> str:
    return value if isinstance(value, str) and pattern.fullmatch(value) else ""


def _counter_name(refusal: _Refusal) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", refusal.reason.lower()).strip("_")
    return f"notices_refused_{refusal.code}{'_' + words if refusal.status == 401 and words else ''}"[:60]


def _answer(status: int, word: str) -> Response:
    response = Response(word + "\n", status, mimetype="text/plain")
    if status == 503:
        response.headers["Retry-After"] = "60"
    return response


def _ring(ring: Callable[[], None]) -> None:
    try:
        ring()
    except (ConnectorError, RedisError, SQLAlchemyError, OSError) as trouble:
        # reconcile finds the notice within a minute (fault 30)
        _log.info("bell_not_rung", trouble=type(trouble).__name__)
