"""Webhook registration, and validation events that really send `test-created` (webhooks.md section 1)."""

import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any

from tests.standins.microsoft.notices import Notice, Sender
from tests.standins.microsoft.serving import Answer, Request, json_answer

EVENTS = (
    "test-created",
    "invoice-ready",
    "subscription-updated",
    "usagerecords-thresholdExceeded",
    "azure-fraud-event-detected",
    "referral-created",
    "referral-updated",
    "related-referral-created",
    "related-referral-updated",
    "granular-admin-relationship-approved",
    "granular-admin-relationship-activated",
    "granular-admin-relationship-terminated",
    "granular-admin-relationship-expired",
    "granular-admin-access-assignment-created",
    "granular-admin-access-assignment-activated",
    "granular-admin-access-assignment-updated",
    "granular-admin-access-assignment-deleted",
    "reseller-relationship-accepted-by-customer",
    "dap-admin-relationship-approved",
    "dap-admin-relationship-terminated",
    "dap-admin-relationship-terminated-by-microsoft",
)


@dataclass(frozen=True)
class Subscriber:
    """The tenant's one registration; the path has no id, so there is only one."""

    id: str
    url: str
    events: tuple[str, ...]
    signature_in_ms_header: bool = False


class Registrations:
    """The routes under /webhooks/v1/registration."""

    def __init__(self, sender: Sender, partner_tenant_id: str) -> None:
        self.sender = sender
        self.partner_tenant_id = partner_tenant_id
        self.subscriber: Subscriber | None = None
        self.base_url = ""
        self._lock = threading.Lock()
        self._validations: dict[str, Notice] = {}
        self._posted: list[float] = []

    def handle(self, request: Request, parts: list[str]) -> Answer:
        """`parts` is the path after /webhooks."""
        match [request.method, *parts]:
            case ["GET", "v1", "registration", "events"]:
                return json_answer(list(EVENTS))
            case ["GET", "v1", "registration"]:
                if self.subscriber is None:
                    return _error(404, "1000", "No registration was found.")
                return json_answer({"WebhookUrl": self.subscriber.url, "WebhookEvents": list(self.subscriber.events)})
            case [("POST" | "PUT"), "v1", "registration"]:
                return self._register(request)
            case ["POST", "v1", "registration", "validationevents"]:
                return self._validate()
            case ["GET", "v1", "registration", "validationevents", correlation]:
                return self._status(correlation)
        return _error(404, "1000", "Resource not found.")

    def _register(self, request: Request) -> Answer:
        body = request.json()
        if not isinstance(body, dict):
            return _error(400, "800002", "The body is not a JSON object.")
        fields = {str(k).lower(): v for k, v in body.items()}
        url, events = fields.get("webhookurl"), fields.get("webhookevents")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            return _error(400, "3000", "WebhookUrl is not valid.")
        if not isinstance(events, list) or not set(events) <= set(EVENTS):
            return _error(400, "3000", "WebhookEvents holds an unknown event.")
        if request.method == "POST" and self.subscriber is not None and self.subscriber.url != url:
            return _error(409, "3000", "The tenant has a registration; update it.")
        self.subscriber = Subscriber(
            self.subscriber.id if self.subscriber else str(uuid.uuid4()),
            url,
            tuple(events),
            bool(fields.get("signaturetokentomssignatureheader")),
        )
        return json_answer({"SubscriberId": self.subscriber.id, "WebhookUrl": url, "WebhookEvents": events})

    def _validate(self) -> Answer:
        """At most two a minute; the tenant must be registered for test-created [WH]."""
        if self.subscriber is None or "test-created" not in self.subscriber.events:
            return _error(400, "800002", "The tenant is not registered for test-created.")
        with self._lock:
            now = time.monotonic()
            self._posted = [at for at in self._posted if now - at < 60]
            if len(self._posted) >= 2:
                return json_answer(
                    {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 60 seconds."},
                    429,
                    {"Retry-After": "60"},
                )
            self._posted.append(now)
        correlation = str(uuid.uuid4())
        order: dict[str, Any] = {
            "event": "test-created",
            "resource_name": "test",
            "target": self.subscriber.url,
            "resource_uri": f"{self.base_url}/webhooks/v1/registration/validationEvents/{correlation}",
            "signature_header": "x-ms-signature" if self.subscriber.signature_in_ms_header else None,
        }
        self._validations[correlation] = self.sender.send(order)[0]
        return json_answer({"correlationId": correlation})

    def _status(self, correlation: str) -> Answer:
        notice = self._validations.get(correlation)
        if notice is None:
            return _error(404, "1000", "Validation event not found.")
        results = [
            {
                "responseCode": "OK" if attempt.get("status") == 200 else str(attempt.get("status") or ""),
                "responseMessage": str(attempt.get("error") or ""),
                "systemError": "error" in attempt,
                "dateTimeUtc": str(attempt["at"]),
            }
            for attempt in notice.attempts
        ]
        return json_answer(
            {
                "correlationId": correlation,
                "partnerId": self.partner_tenant_id,
                "status": "completed" if notice.state != "sending" else "pending",
                "callbackUrl": notice.target,
                "results": results,
            }
        )


def _error(status: int, code: str, text: str) -> Answer:
    return json_answer({"code": code, "description": text, "data": [], "source": "PartnerFD"}, status)
