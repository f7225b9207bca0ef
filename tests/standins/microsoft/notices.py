"""The sender of notices: signs the raw bytes, tries up to ten times, repeats and shuffles on demand
(webhooks.md).

Interval, time limit and accepted answers are not published: here 2xx counts as delivered, interval and time
limit are modes. Only loopback targets are called.
"""

import base64
import json
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.standins.microsoft.authority import NoticeAuthority, Signer
from tests.standins.microsoft.faults import Faults


@dataclass
class Notice:
    """One notice on its way, with the outcome of every attempt."""

    id: int
    event: str
    target: str
    body: bytes
    headers: dict[str, str]
    state: str = "sending"
    attempts: list[dict[str, Any]] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """What GET /notices shows."""
        return {
            "id": self.id,
            "event": self.event,
            "target": self.target,
            "state": self.state,
            "body": self.body.decode("utf-8", "replace"),
            "attempts": self.attempts,
        }


def sign(body: bytes, signer: Signer) -> str:
    """RSA PKCS#1 v1.5 with SHA-256 over the raw bytes, base64."""
    if not isinstance(signer.key, rsa.RSAPrivateKey):
        raise TypeError("notices are signed with RSA")
    return base64.b64encode(signer.key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()


class Sender:
    """Makes notices out of orders and delivers them in threads of their own."""

    def __init__(self, authority: NoticeAuthority, faults: Faults, ca_file: str) -> None:
        self.authority = authority
        self.faults = faults
        self.ca_file = ca_file
        self.api_url = ""
        self.certificate_urls: dict[str, str] = {}
        self.served_as_leaf = "leaf"
        self.sent: list[Notice] = []
        self._lock = threading.Lock()

    def send(self, order: dict[str, Any], later: list[tuple[Notice, dict[str, Any]]] | None = None) -> list[Notice]:
        """Send one notice `copies` times; with `later` only prepare it."""
        made = [(self._make(order), order) for _ in range(1)]
        notice = made[0][0]
        # a duplicate is the same bytes once more
        for _ in range(int(order.get("copies", 1)) - 1):
            made.append((self._register(notice.event, notice.target, notice.body, dict(notice.headers)), order))
        if later is not None:
            later.extend(made)
            return [each for each, _ in made]
        self._start(made, bool(order.get("wait")))
        return [each for each, _ in made]

    def send_all(self, orders: list[dict[str, Any]], shuffle: bool, seed: int, wait: bool) -> list[Notice]:
        """Several notices one after the other, in a shuffled order when asked."""
        made: list[tuple[Notice, dict[str, Any]]] = []
        for order in orders:
            self.send(order, later=made)
        if shuffle:
            random.Random(seed).shuffle(made)
        self._start(made, wait)
        return [notice for notice, _ in made]

    def _start(self, made: list[tuple[Notice, dict[str, Any]]], wait: bool) -> None:
        def run() -> None:
            for notice, order in made:
                self._deliver(notice, order)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        if wait:
            thread.join()

    def _make(self, order: dict[str, Any]) -> Notice:
        event = str(order.get("event", "invoice-ready"))
        target = str(order["target"])
        if urlsplit(target).hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError("notices go to loopback addresses only")
        body = self._body(order, event)
        signed = order.get("sign_with")
        name = str(signed or self.served_as_leaf)
        headers = {"Content-Type": "application/json"}
        signature = str(order.get("signature") or sign(body, self.authority.signer(name)))
        if order.get("signature_header"):
            headers[str(order["signature_header"])] = signature
        else:
            headers["Authorization"] = f"Signature {signature}"
        headers["X-MS-Certificate-Url"] = str(
            order.get("certificate_url") or self.certificate_urls[str(signed or "leaf")]
        )
        headers["X-MS-Signature-Algorithm"] = str(order.get("algorithm", "rsa-sha256"))
        for header, value in (order.get("headers") or {}).items():
            headers.pop(header, None) if value is None else headers.__setitem__(header, str(value))
        return self._register(event, target, _tampered(body, order.get("tamper")), headers)

    def _body(self, order: dict[str, Any], event: str) -> bytes:
        if "raw_base64" in order:
            return base64.b64decode(order["raw_base64"])
        if "raw" in order:
            return str(order["raw"]).encode()
        stamp = order.get("changed") or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0+00:00"
        invoice = order.get("invoice")
        uri = order.get("resource_uri") or (f"{self.api_url}/v1/invoices/{invoice}" if invoice else None)
        fields = {
            "EventName": event,
            "ResourceUri": uri,
            "ResourceName": order.get("resource_name") or ("invoice" if invoice else event.rsplit("-", 1)[0]),
            "AuditUri": order.get("audit_uri"),
            "ResourceChangeUtcDate": stamp,
        }
        return json.dumps(fields | (order.get("fields") or {}), indent=2 if order.get("indent") else None).encode()

    def _register(self, event: str, target: str, body: bytes, headers: dict[str, str]) -> Notice:
        with self._lock:
            notice = Notice(len(self.sent) + 1, event, target, body, headers)
            self.sent.append(notice)
        return notice

    def _deliver(self, notice: Notice, order: dict[str, Any]) -> None:
        modes = self.faults.modes
        tries = int(order.get("attempts") or modes["notice_attempts"])
        pause = float(order["interval"] if order.get("interval") is not None else modes["notice_interval"])
        with requests.Session() as session:
            session.trust_env = False
            session.verify = self.ca_file
            for number in range(tries):
                if self._attempt(session, notice, float(modes["notice_timeout"])):
                    notice.state = "delivered"
                    return
                if number + 1 < tries:
                    time.sleep(pause)
        notice.state = "given up"

    @staticmethod
    def _attempt(session: requests.Session, notice: Notice, limit: float) -> bool:
        started = time.monotonic()
        result: dict[str, Any] = {"at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")}
        try:
            answer = session.post(
                notice.target, data=notice.body, headers=notice.headers, timeout=limit, allow_redirects=False
            )
            result["status"] = answer.status_code
        except requests.RequestException as error:
            result["error"] = type(error).__name__
        result["milliseconds"] = round((time.monotonic() - started) * 1000)
        notice.attempts.append(result)
        return 200 <= int(result.get("status") or 0) < 300


def _tampered(body: bytes, how: str | None) -> bytes:
    """The signature stays that of the untouched bytes (reliability.md row 27)."""
    match how:
        case "byte":
            return body[:-2] + bytes([body[-2] ^ 1]) + body[-1:]
        case "reencode":
            return json.dumps(json.loads(body), separators=(",", ":"), sort_keys=True).encode()
    return body
