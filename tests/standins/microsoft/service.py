"""All hosts together: listeners, their shared state, facts.json."""

import json
import threading
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from tests.standins.microsoft import catalogue
from tests.standins.microsoft import faults as fault_rules
from tests.standins.microsoft.authority import ROGUES, NoticeAuthority, TlsAuthority
from tests.standins.microsoft.blobs import BlobStore
from tests.standins.microsoft.certificates import CertificateHost
from tests.standins.microsoft.control import Control
from tests.standins.microsoft.faults import Faults
from tests.standins.microsoft.graph import Graph
from tests.standins.microsoft.login import Login, Registration
from tests.standins.microsoft.month import Book
from tests.standins.microsoft.notices import Sender
from tests.standins.microsoft.partner_center import PartnerCenter
from tests.standins.microsoft.pricing import Pricing
from tests.standins.microsoft.registration import Registrations
from tests.standins.microsoft.serving import Answer, Listener, Request

CLIENT_ID = "5d2c7a31-0000-4000-8000-00000000c11e"


class _Host(Protocol):
    def where(self, request: Request) -> str: ...

    def __call__(self, request: Request) -> Answer: ...


@dataclass(frozen=True)
class Entry:
    """One line of the log: no query, no header, nothing secret."""

    number: int
    where: str
    method: str
    path: str
    status: int
    fault: bool

    def shown(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "number": self.number,
            "where": self.where,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "fault": self.fault,
        }


class RequestLog:
    """Requests seen, newest last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=50_000)
        self._count = 0

    def add(self, where: str, request: Request, status: int, fault: bool) -> None:
        """Remember a request."""
        with self._lock:
            self._count += 1
            self._entries.append(Entry(self._count, where, request.method, request.path, status, fault))

    def shown(self, since: int = 0) -> list[dict[str, Any]]:
        """Everything after entry `since`."""
        with self._lock:
            return [entry.shown() for entry in self._entries if entry.number > since]

    def clear(self) -> None:
        """Forget what was seen; the numbers go on."""
        with self._lock:
            self._entries.clear()


class Service:
    """Microsoft's services on free ports of loopback."""

    def __init__(self, directory: Path, months: list[tuple[dict[str, Any], Path | None]] | None = None) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.tls = TlsAuthority(directory)
        self.authority = NoticeAuthority(directory)
        self.faults = Faults()
        self.log = RequestLog()
        self.book = Book()
        self.periods: list[str] = []
        for month, base in months or []:
            self.periods = sorted({*self.periods, *self.book.load(month, base)})
        self.registration = Registration(
            self.book.partner_tenant_id, CLIENT_ID, f"not-a-real-secret-{uuid.uuid4().hex}"
        )
        self.login = Login(self.registration, self.faults)
        self.sender = Sender(self.authority, self.faults, str(self.tls.ca_file))
        self.registrations = Registrations(self.sender, self.registration.tenant_id)
        self.store = BlobStore(directory / "blobs", self.faults)
        self.partner_center = PartnerCenter(self.book, self.faults, self.login, self.registrations)
        self.graph = Graph(self.book, self.faults, self.login, self.store)
        self.certificates = CertificateHost(self.authority)
        self.pricing = Pricing(self.faults, self.login)
        self.listeners = {
            "login": self._listen(self.login),
            "partner_center": self._listen(self.partner_center),
            "graph": self._listen(self.graph),
            "pricing": self._listen(self.pricing),
            "blob": self._listen(self.store),
            "certificates": self._listen(self.certificates),
            "control": Listener(Control(self), None),
        }
        self._introduce()

    def _listen(self, host: _Host) -> Listener:
        return Listener(self._disturbed(host), self.tls.context)

    def _disturbed(self, host: _Host) -> Callable[[Request], Answer]:
        """The role with queued faults before and after it, and the log."""

        def serve(request: Request) -> Answer:
            where = host.where(request)
            answer = fault_rules.before(self.faults, where, request)
            struck = answer is not None
            if answer is None:
                answer = host(request)
                spoiled = fault_rules.after(self.faults, where, request, answer)
                struck, answer = spoiled is not answer, spoiled
            self.log.add(where, request, answer.status, struck)
            return replace(answer, where=where)

        return serve

    def _introduce(self) -> None:
        """Tell each role the addresses it needs."""
        url = {name: listener.url for name, listener in self.listeners.items()}
        self.login.url = url["login"]
        self.login.bases = {
            url["partner_center"]: "partner_center",
            url["graph"]: "graph",
            url["pricing"]: "pricing",
        }
        self.graph.url = url["graph"]
        self.store.url = url["blob"]
        self.sender.api_url = self.registrations.base_url = url["partner_center"]
        self.certificates.url = url["certificates"]
        self.sender.certificate_urls = {name: self.certificates.address(name) for name in ("leaf", *ROGUES)}

    # ---- running

    def start(self) -> dict[str, Any]:
        """Serve, write facts.json, give the facts."""
        for listener in self.listeners.values():
            listener.start()
        facts = self.facts()
        target = self.directory / "facts.json"
        draft = target.with_suffix(".tmp")
        draft.write_text(json.dumps(facts, indent=2), encoding="utf-8")
        draft.chmod(0o600)
        draft.replace(target)
        return facts

    def stop(self) -> None:
        """Close every port."""
        for listener in self.listeners.values():
            listener.stop()

    def facts(self) -> dict[str, Any]:
        """What a client and a test need to know."""
        url = {name: listener.url for name, listener in self.listeners.items()}
        settings = {
            "MICROSOFT_LOGIN_URL": url["login"],
            "PARTNER_CENTER_URL": url["partner_center"],
            "GRAPH_URL": url["graph"],
            "PRICING_URL": url["pricing"],
            "EXPORT_BLOB_HOSTS": url["blob"].removeprefix("https://"),
            "WEBHOOK_CERTIFICATE_URLS": self.certificates.address("leaf"),
            "WEBHOOK_TRUST_FILE": str(self.authority.trust_file),
            "MICROSOFT_CA_FILE": str(self.tls.ca_file),
            "MICROSOFT_TENANT_ID": self.registration.tenant_id,
            "MICROSOFT_CLIENT_ID": self.registration.client_id,
            "MICROSOFT_CLIENT_SECRET": self.registration.client_secret,
            "MICROSOFT_REFRESH_TOKEN": self.login.first_refresh_token,
        }
        return {
            "settings": settings,
            "control_url": url["control"],
            "periods": self.periods,
            "demo": {
                "tenant_id": catalogue.DEMO_TENANT,
                "organisation": catalogue.DEMO_ORGANISATION,
                "subscription_id": catalogue.DEMO_SUBSCRIPTION,
                "product_id": catalogue.DEMO_PRODUCT.product_id,
                "sku_id": catalogue.DEMO_PRODUCT.sku_id,
                "sales_price": format(catalogue.DEMO_SALES_PRICE, "f"),
            },
            "partner_tenant_id": self.book.partner_tenant_id,
            "certificate_urls": self.sender.certificate_urls,
            "pem_certificate_url": self.certificates.address("leaf").removesuffix(".cer") + ".pem",
            "invoices": [
                {
                    "id": d.id,
                    "period": d.period,
                    "kind": d.header["kind"],
                    "currency": d.header["currencyCode"],
                    "documentType": d.header["documentType"],
                    "totalCharges": format(d.header["totalCharges"], "f"),
                    "amendsOf": d.header["amendsOf"],
                }
                for d in self.book.every()
            ],
            "customers": [{"id": c["id"], "name": c.get("companyName", "")} for c in self.book.customers.values()],
        }
