"""Graph: asynchronous export of reconciliation and usage lines (exports.md)."""

import threading
import time
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tests.standins.microsoft.blobs import BlobStore, ExportSet
from tests.standins.microsoft.faults import Faults
from tests.standins.microsoft.login import Login
from tests.standins.microsoft.month import Book, Document
from tests.standins.microsoft.serving import Answer, Request, json_answer
from tests.standins.microsoft.unbilled import shaped

_ROOT = "/v1.0/reports/partners/billing"
_KINDS = ("reconciliation", "usage")
#: exports begin with these periods; older ones are v1 only (README, "Which interface carries which lines")
_FIRST = {"reconciliation": "2024-02", "usage": "2022-09"}


@dataclass
class Operation:
    """A running export."""

    id: str
    kind: str
    attribute_set: str
    document: Document | None
    unbilled: tuple[str, bool] | None
    created: float = field(default_factory=time.time)
    polls: int = 0
    outcome: str = "succeed"  # succeed | fail | never
    error: tuple[str, str] = ("5000", "No data available")
    manifest_id: str | None = None
    inline: bool = False
    prepared: threading.Event = field(default_factory=threading.Event)


class Graph:
    """The host graph.microsoft.com."""

    def __init__(self, book: Book, faults: Faults, login: Login, store: BlobStore) -> None:
        self.book = book
        self.faults = faults
        self.login = login
        self.store = store
        self.url = ""
        self._lock = threading.Lock()
        self._operations: dict[str, Operation] = {}
        self._finished = 0

    def where(self, request: Request) -> str:
        """Name of the place, for faults and the log."""
        tail = request.path.removeprefix(_ROOT).strip("/").split("/")
        match tail:
            case ["operations", _]:
                return "graph.operation"
            case ["manifests", _]:
                return "graph.manifest"
        return "graph.export" if request.method == "POST" else "graph.other"

    def __call__(self, request: Request) -> Answer:
        refused = self._refuse(request)
        answer = refused or self._route(request)
        ids = [
            ("request-id", str(uuid.uuid4())),
            ("client-request-id", request.header("client-request-id") or str(uuid.uuid4())),
        ]
        return replace(answer, headers=(*answer.headers, *ids))

    def _refuse(self, request: Request) -> Answer | None:
        token, why = self.login.check(request.header("authorization"), "graph")
        if token is None:
            text = {
                "missing": "Access token is empty.",
                "expired": "Lifetime validation failed, the token is expired.",
                "audience": "Access token validation failure. Invalid audience.",
            }
            return graph_error(401, "InvalidAuthenticationToken", text.get(why, "CompactToken validation failed."))
        if not self.faults.modes["graph_permission"]:
            return graph_error(403, "Forbidden", "Insufficient privileges: PartnerBilling.Read.All is required.")
        return None

    def _route(self, request: Request) -> Answer:
        if not request.path.startswith(_ROOT):
            return graph_error(404, "ResourceNotFound", "Resource not found for the segment.")
        tail = request.path.removeprefix(_ROOT).strip("/").split("/")
        match [request.method, *tail]:
            case [
                "POST",
                ("reconciliation" | "usage") as kind,
                ("billed" | "unbilled") as state,
                "export" | "microsoft.graph.partners.billing.export",
            ]:
                return self._start(request, kind, state == "billed")
            case ["GET", "operations", number]:
                return self._poll(number)
            case ["GET", "manifests", number]:
                return self._manifest(number)
        return graph_error(404, "ResourceNotFound", "Resource not found for the segment.")

    # ---- 1. start

    def _start(self, request: Request, kind: str, billed: bool) -> Answer:
        body = request.json()
        if not isinstance(body, dict):
            return graph_error(400, "BadRequest", "Unable to read JSON request payload.")
        attribute_set = body.get("attributeSet") or "full"
        if attribute_set not in ("full", "basic"):
            return graph_error(400, "BadRequest", "attributeSet must be full or basic.")
        document, unbilled = None, None
        if billed:
            document = self.book.find(str(body.get("invoiceId") or ""))
            if document is None or document.legacy:
                return graph_error(400, "BadRequest", "invoiceId is missing or unknown.")
        else:
            period, currency = body.get("billingPeriod"), body.get("currencyCode")
            if period not in ("current", "last") or not currency:
                return graph_error(400, "BadRequest", "billingPeriod (current, last) and currencyCode are required.")
            unbilled = (str(currency).upper(), period == "last")
        operation = Operation(str(uuid.uuid4()), kind, attribute_set, document, unbilled)
        self._decide(operation)
        with self._lock:
            self._operations[operation.id] = operation
        threading.Thread(target=self._prepare, args=(operation,), daemon=True).start()
        return Answer(202, b"", (("Location", f"{self.url}{_ROOT}/operations/{operation.id}"),))

    def _decide(self, operation: Operation) -> None:
        """How the export will end."""
        fault = self.faults.take(
            "graph.export",
            frozenset({"fail_5000", "fail", "never_ending"}),
            operation.document.id if operation.document else "",
        )
        if fault and fault["kind"] == "never_ending":
            operation.outcome = "never"
        elif fault:
            operation.outcome = "fail"
            if fault["kind"] == "fail":
                operation.error = (
                    str(fault.get("code", "5001")),
                    str(fault.get("message", "Internal error")),
                )
        elif operation.document is not None:
            old = (
                operation.document.period < _FIRST[operation.kind] and self.faults.modes["graph_old_periods"] != "serve"
            )
            if old or not operation.document.has(operation.kind):
                operation.outcome = "fail"
        elif operation.unbilled and not self._unbilled(operation):
            operation.outcome = "fail"

    def _prepare(self, operation: Operation) -> None:
        try:
            if operation.outcome == "succeed":
                self.store.prepare(self._content(operation))
        finally:
            operation.prepared.set()

    # ---- 2. poll: always 200

    def _poll(self, number: str) -> Answer:
        operation = self._operations.get(number)
        modes = self.faults.modes
        if operation is None or time.time() - operation.created > float(modes["operation_lifetime"]):
            return graph_error(404, "ResourceNotFound", "The operation was not found.")
        with self._lock:
            operation.polls += 1
            polls = operation.polls
        if self.faults.take("graph.operation", frozenset({"fail_5000"}), number):
            operation.outcome = "fail"
        if operation.outcome == "never" or polls <= int(modes["polls"]) or not operation.prepared.wait(0.5):
            first = polls == 1 and operation.outcome != "never"
            wait = modes["retry_after"]
            return json_answer(
                {
                    "@odata.type": "#microsoft.graph.partners.billing.runningOperation",
                    **self._common(operation, "notStarted" if first else "running"),
                },
                headers={} if wait is None else {"Retry-After": str(wait)},
            )
        if operation.outcome == "fail":
            return json_answer(
                {
                    "@odata.type": "#microsoft.graph.partners.billing.failedOperation",
                    **self._common(operation, "failed"),
                    "error": {"message": operation.error[1], "code": operation.error[0]},
                }
            )
        return self._succeeded(operation)

    def _succeeded(self, operation: Operation) -> Answer:
        with self._lock:
            if operation.manifest_id is None:
                operation.manifest_id = str(uuid.uuid4())
                self._finished += 1
                way = self.faults.modes["manifest"]
                operation.inline = way == "inline" or (way == "alternate" and self._finished % 2 == 0)
                self.store.register(operation.manifest_id, self._content(operation))
        answer: dict[str, Any] = {
            "@odata.type": "#microsoft.graph.partners.billing.exportSuccessOperation",
            **self._common(operation, "succeeded"),
        }
        if operation.inline:
            return json_answer(answer | {"resourceLocation": self.store.manifest(operation.manifest_id)})
        link = f"{self.url}{_ROOT}/manifests/{operation.manifest_id}"
        return json_answer(answer | {"resourceLocation@odata.navigationLink": link})

    @staticmethod
    def _common(operation: Operation, status: str) -> dict[str, Any]:
        created = datetime.fromtimestamp(operation.created, UTC)
        now = datetime.now(UTC)
        # no Z on the first, a Z on the second: as in the examples
        return {
            "id": operation.id,
            "status": status,
            "createdDateTime": created.strftime("%Y-%m-%dT%H:%M:%S"),
            "lastActionDateTime": now.strftime("%Y-%m-%dT%H:%M:%S.%f") + "1Z",
        }

    def _unbilled(self, operation: Operation) -> list[dict[str, Any]]:
        currency, last = operation.unbilled or ("", False)
        name = "Currency" if operation.kind == "reconciliation" else "BillingCurrency"
        lines = self.book.unbilled_lines(operation.kind, last)
        mine = [line for line in lines if str(line.get(name)).upper() == currency]
        return [shaped(line) for line in mine] if operation.kind == "reconciliation" else mine

    def _content(self, operation: Operation) -> ExportSet:
        if operation.document is None:
            return ExportSet(self.book, operation.kind, operation.attribute_set, None, tuple(self._unbilled(operation)))
        return ExportSet(self.book, operation.kind, operation.attribute_set, operation.document, ())

    # ---- 3. manifest

    def _manifest(self, number: str) -> Answer:
        manifest = self.store.manifest(number)
        if manifest is None:
            return graph_error(404, "ResourceNotFound", "The manifest was not found.")
        context = f"{self.url}/v1.0/$metadata#reports/partners/billing/manifests/$entity"
        return json_answer({"@odata.context": context, **manifest})


def graph_error(status: int, code: str, text: str) -> Answer:
    """Graph's error body (auth.md section 3)."""
    inner = {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": str(uuid.uuid4()),
        "client-request-id": str(uuid.uuid4()),
    }
    return json_answer({"error": {"code": code, "message": text, "innerError": inner}}, status)
