"""Faults a test queues up, and the modes that stay until changed.

A fault names where it strikes ("graph.blob", or "graph" for everything of Graph, or "*"), what it does
(`kind`) and how many times. Kinds that act on the way to the client are applied here; those that concern
the content (a cut gzip file, a doubled line) are taken by the role that makes the content.
"""

import base64
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.standins.microsoft.serving import Answer, Request, json_answer

DEFAULT_MODES: dict[str, Any] = {
    # Graph exports
    "polls": 2,  # answers before the final one: notStarted, then running
    "retry_after": 1,  # seconds named in Retry-After of a running operation; null leaves the header out
    "manifest": "alternate",  # link | inline | alternate
    "parts": 3,  # blobs of an export; the last one is empty
    "operation_lifetime": 3600,  # seconds an operation can be read
    "graph_old_periods": "fail_5000",  # | "serve": new commerce before Feb 2024, usage before Sep 2022
    "partner_tenant": None,  # another partnerTenantId in the manifest
    # blobs
    "sas_lifetime": 43200,
    "numbers_as_strings": False,
    "members": False,  # several gzip members in one file
    "crlf": False,
    "bom": False,
    "empty_lines": False,
    "content_encoding": False,  # announce the gzip file as Content-Encoding, which a library then inflates
    # v1
    "v1_numbers": "strings",  # new commerce lines | "numbers" | "all_strings": legacy lines too
    "v1_late_lines": "empty",  # | "error": new commerce lines of periods after Jan 2024
    "v1_malformed_links": True,
    "invoice_by_id_needs_user": False,
    "customers_page": 0,  # at most so many customers a page, whatever size says (0: as asked)
    # login
    "token_lifetime": 3600,
    "consent_missing": [],  # audiences ("partner_center", "graph", "pricing") without consent
    "graph_permission": True,
    "mfa": True,  # refresh tokens give tokens with amr mfa
    "mfa_enforced": False,
    "refresh_reuse": True,  # an old refresh token stays good after a new one was issued
    # notices
    "notice_interval": Decimal("0.2"),  # seconds
    "notice_attempts": 10,
    "notice_timeout": 10,
}


class Faults:
    """The queue of faults and the modes, shared by all roles."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[dict[str, Any]] = []
        self.modes: dict[str, Any] = dict(DEFAULT_MODES)

    def add(self, faults: Iterable[dict[str, Any]]) -> None:
        """Queue faults. `times` 0 or absent means once, -1 for ever."""
        with self._lock:
            for fault in faults:
                if "where" not in fault or "kind" not in fault:
                    raise ValueError("a fault needs where and kind")
                self._queue.append(
                    {**fault, "times": int(fault.get("times") or 1), "skip": int(fault.get("skip") or 0)}
                )

    def clear(self) -> None:
        """Forget every queued fault."""
        with self._lock:
            self._queue.clear()

    def reset_modes(self) -> None:
        """Back to the defaults."""
        self.modes = dict(DEFAULT_MODES)

    def pending(self) -> list[dict[str, Any]]:
        """What is still queued."""
        with self._lock:
            return [dict(fault) for fault in self._queue]

    def set_modes(self, modes: dict[str, Any]) -> None:
        """Change modes; an unknown name is a mistake in the test."""
        unknown = set(modes) - set(DEFAULT_MODES)
        if unknown:
            raise ValueError(f"unknown modes: {sorted(unknown)}")
        self.modes = {**self.modes, **modes}

    def take(self, where: str, kinds: frozenset[str], path: str = "") -> dict[str, Any] | None:
        """The next fault of one of these kinds for this place, counted down."""
        with self._lock:
            for fault in self._queue:
                if fault["kind"] not in kinds or not _strikes(fault, where, path):
                    continue
                if fault["skip"] > 0:
                    fault["skip"] -= 1
                    continue
                fault["times"] -= 1
                if fault["times"] == 0:
                    self._queue.remove(fault)
                return dict(fault)
        return None


def _strikes(fault: dict[str, Any], where: str, path: str) -> bool:
    wanted = str(fault["where"])
    here = wanted == "*" or where == wanted or where.startswith(wanted + ".")
    return here and str(fault.get("match", "")) in path


BEFORE = frozenset({"status", "throttle", "body", "redirect", "drop"})
AFTER = frozenset({"drop_after_bytes", "drip"})


def before(faults: Faults, where: str, request: Request) -> Answer | None:
    """Faults that answer instead of the role."""
    delay = faults.take(where, frozenset({"delay"}), request.path)
    if delay:
        time.sleep(float(delay.get("seconds", 1)))
    fault = faults.take(where, BEFORE, request.path)
    if fault is None:
        return None
    headers = {str(k): str(v) for k, v in (fault.get("headers") or {}).items()}
    match fault["kind"]:
        case "throttle":
            seconds = fault.get("retry_after", 1)
            return throttled(where, seconds, headers)
        case "redirect":
            return Answer(int(fault.get("status", 302)), b"", (("Location", str(fault["location"])),))
        case "drop":
            return Answer(200, drop_after=-1)
        case "body":
            headers.setdefault("Content-Type", str(fault.get("content_type", "application/json")))
            body = base64.b64decode(fault["base64"]) if "base64" in fault else str(fault.get("text", "")).encode()
            return Answer(int(fault.get("status", 200)), body, tuple(headers.items()))
    status = int(fault.get("status", 500))
    if "body" in fault:
        return json_answer(fault["body"], status, headers)
    return json_answer(error_body(where, status), status, headers)


def throttled(where: str, seconds: Any, headers: dict[str, str] | None = None) -> Answer:
    """429 as auth.md section 4 and samples/error-throttled.json show it; Graph has its own error body."""
    body = {"statusCode": 429, "message": f"Rate limit is exceeded. Try again in {seconds} seconds."}
    if where.startswith("graph"):
        body = error_body(where, 429)
    retry = {} if seconds is None else {"Retry-After": str(seconds)}
    return json_answer(body, 429, {**retry, **(headers or {})})


def error_body(where: str, status: int) -> dict[str, Any]:
    """The error body of the host that answers (auth.md section 3)."""
    if where.startswith("graph"):
        codes = {
            401: "InvalidAuthenticationToken",
            403: "Forbidden",
            404: "ResourceNotFound",
            429: "TooManyRequests",
            503: "ServiceUnavailable",
        }
        return {
            "error": {
                "code": codes.get(status, "InternalServerError" if status >= 500 else "BadRequest"),
                "message": "A queued fault of the stand-in.",
                "innerError": {},
            }
        }
    if where.startswith("pricing"):
        code = "InternalServerError" if status >= 500 else "BadRequest"
        message = "A queued fault of the stand-in."
        return {"error": {"code": code, "message": message, "target": "", "innerError": {}}}
    if where.startswith("login"):
        return {
            "error": "temporarily_unavailable" if status >= 500 else "invalid_request",
            "error_description": "AADSTS90033: A transient error has occurred. Please try again.",
            "error_codes": [90033],
        }
    return {
        "code": "800003" if status >= 500 else "800002",
        "description": "A queued fault of the stand-in.",
        "data": [],
        "source": "PartnerFD",
    }


def after(faults: Faults, where: str, request: Request, answer: Answer) -> Answer:
    """Faults that spoil the transport of a good answer."""
    if not answer.body and answer.file is None:
        return answer
    fault = faults.take(where, AFTER, request.path)
    if fault is None:
        return answer
    if fault["kind"] == "drip":
        return replace(answer, drip_seconds=float(fault.get("seconds", 0.1)), drip_bytes=int(fault.get("bytes", 1)))
    return replace(answer, drop_after=int(fault.get("bytes", 0)))
