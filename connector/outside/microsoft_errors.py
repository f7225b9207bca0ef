"""What a refusal of Microsoft's APIs means: five shapes of body, one tree of errors (auth.md section 3).
Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.errors import ConnectorError, Misconfigured, Refused, Transient
from connector.outside.clouds import Audience
from connector.outside.http import Answer
from connector.outside.json_text import NotJson, read_envelope

_WORDS_LIMIT = 300
_LATER = frozenset({408, 425, 429})
# A refusal may quote the request; whatever looks like a credential in it is not passed on.
_SECRETS = re.compile(r"(?i)(sig=|[a-z_]*token[\"']?\s*[:=]\s*|secret[\"']?\s*[:=]\s*|bearer\s+)[^\s&\"',;]+")

_NAMES: dict[Audience, str] = {
    "partner_center": "Partner Center",
    "graph": "Microsoft Graph",
    "pricing": "Microsoft's price service",
}
_RIGHTS: dict[Audience, str] = {
    "partner_center": (
        "Give the application access in Partner Center (Account settings, App management); where only "
        "App+User access is allowed, set MICROSOFT_REFRESH_TOKEN of a user who is an admin agent."
    ),
    "graph": (
        "Grant the application permission PartnerBilling.Read.All of Microsoft Graph, with the consent of an "
        "administrator of the partner tenant; a new permission can take some time to be seen."
    ),
    "pricing": "Prices need App+User access: set MICROSOFT_REFRESH_TOKEN of an admin agent or sales agent.",
}
_MFA = (
    "Let the user sign in again with multi-factor authentication, give consent and set "
    "MICROSOFT_REFRESH_TOKEN to the new refresh token."
)


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """Code and words of a refusal, whatever shape they came in; both may be empty."""

    code: str
    text: str


def error_body(body: bytes) -> ErrorBody:
    """Read any of the shapes; text that is not JSON is not repeated.

    >>> error_body(b'{"code": 800090, "description": "cannot be decreased.", "data": []}')
    ErrorBody(code='800090', text='cannot be decreased.')
    >>> error_body(b'{"error": {"code": "Forbidden", "message": "No.", "innerError": {}}}')
    ErrorBody(code='Forbidden', text='No.')
    >>> error_body(b"<html>")
    ErrorBody(code='', text='')
    """
    try:
        found = read_envelope(body)
    except NotJson:
        return ErrorBody("", "")
    if not isinstance(found, dict):
        return ErrorBody("", "")
    inner = found.get("error")
    if isinstance(inner, dict):
        found = inner
    code = _text(found.get("code") or found.get("statusCode"))
    return ErrorBody(code[:60], clean_words(_text(found.get("description") or found.get("message"))))


def clean_words(text: str) -> str:
    """One line of somebody else's words, cut and without anything that looks like a credential.

    >>> clean_words("bad url https://x/y?sig=abc%3D&se=1")
    'bad url https://x/y?sig=...&se=1'
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _SECRETS.sub(r"\1...", line)[:_WORDS_LIMIT]


def problem_of(answer: Answer, audience: Audience, request_id: str) -> ConnectorError:
    """The error that an answer other than 2xx stands for. 401 must already have been tried with a new
    token.
    """
    found = error_body(answer.body)
    system = _NAMES[audience]
    reference = _reference(answer.headers) or request_id
    code = found.code or f"http_{answer.status}"
    words = f": {found.text}" if found.text else "."
    if answer.status in _LATER or answer.status >= 500:
        return Transient(
            f"{system} cannot answer now (HTTP {answer.status}){words}",
            retry_after=answer.retry_after,
            code=code,
            system=system,
            reference=reference,
        )
    if answer.status == 401:
        wants_mfa = found.code == "900421" or "mfa" in f"{found.text} {_challenge(answer.headers)}".lower()
        return Misconfigured(
            f"{system} wants multi-factor authentication." if wants_mfa else f"{system} refused our token{words}",
            code="mfa" if wants_mfa else "token_refused",
            system=system,
            action=_MFA if wants_mfa else _RIGHTS[audience],
            reference=reference,
        )
    if answer.status == 403:
        return Misconfigured(
            f"{system} says that we may not do this{words}",
            code="forbidden",
            system=system,
            action=_RIGHTS[audience],
            reference=reference,
        )
    if 300 <= answer.status < 400:
        return Refused(
            f"{system} wanted to send us to another address, which we never follow.",
            status=answer.status,
            code="redirect_refused",
            system=system,
            action="Check the address in the settings.",
            reference=reference,
        )
    return Refused(
        f"{system} refused the request (HTTP {answer.status}){words}",
        status=answer.status,
        code=code,
        system=system,
        reference=reference,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _challenge(headers: Mapping[str, str]) -> str:
    return headers.get("WWW-Authenticate", "")[:500]


def _reference(headers: Mapping[str, str]) -> str:
    for name in ("MS-RequestId", "request-id", "MS-CorrelationId", "client-request-id"):
        value = headers.get(name, "").strip()
        if re.fullmatch(r"[A-Za-z0-9-]{1,64}", value):
            return value
    return ""
