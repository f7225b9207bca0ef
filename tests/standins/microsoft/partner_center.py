"""Partner Center: who may call, invoices and customers (invoices.md section 1, customers-and-prices.md 1)."""

import base64
import json
import uuid
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from tests.standins.microsoft.faults import Faults
from tests.standins.microsoft.line_items import LineItems
from tests.standins.microsoft.login import Login
from tests.standins.microsoft.month import Book, Document
from tests.standins.microsoft.registration import Registrations
from tests.standins.microsoft.serving import Answer, Request, json_answer

_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}
_PROVIDERS = {
    "reconciliation": ("one_time", "billing_line_items", "OneTime", "BillingLineItems"),
    "usage": ("one_time", "usage_line_items", "OneTime", "UsageLineItems"),
    "office": ("office", "billing_line_items", "Office", "BillingLineItems"),
    "azure": ("azure", "billing_line_items", "Azure", "BillingLineItems"),
    "azure_usage": ("azure", "usage_line_items", "Azure", "UsageLineItems"),
}


class PartnerCenter:
    """The host api.partnercenter.microsoft.com."""

    def __init__(self, book: Book, faults: Faults, login: Login, registrations: Registrations) -> None:
        self.book = book
        self.faults = faults
        self.login = login
        self.registrations = registrations
        self.items = LineItems(book, faults)

    def where(self, request: Request) -> str:
        """Name of the place, for faults and the log."""
        parts = _parts(request)
        match parts:
            case ["webhooks", *_]:
                return "pc.registration"
            case ["v1", "invoices"]:
                return "pc.invoices"
            case ["v1", "invoices", "unbilled", "lineitems", *_]:
                return "pc.unbilled"
            case ["v1", "invoices", _, "lineitems", *_]:
                return "pc.lineitems"
            case ["v1", "invoices", *_]:
                return "pc.invoice"
            case ["v1", "customers"]:
                return "pc.customers"
            case ["v1", "customers", *_]:
                return "pc.customer"
        return "pc.other"

    def __call__(self, request: Request) -> Answer:
        refused = self._refuse(request)
        answer = refused or self._route(request)
        echoed = [
            ("MS-RequestId", request.header("ms-requestid") or str(uuid.uuid4())),
            ("MS-CorrelationId", request.header("ms-correlationid") or str(uuid.uuid4())),
            ("MS-CV", uuid.uuid4().hex[:16] + ".0"),
            ("MS-ServerId", "202010"),
            ("X-Locale", "en-US"),
        ]
        if request.header("validatemfa"):
            token, _ = self.login.check(request.header("authorization"), "partner_center")
            echoed.append(("isMfaCompliant", "true" if token and token.mfa else "false"))
        return replace(answer, headers=(*answer.headers, *echoed))

    def _refuse(self, request: Request) -> Answer | None:
        token, why = self.login.check(request.header("authorization"), "partner_center")
        if why == "missing":
            return pc_error(401, "800001", "Partner token is missing.")
        if token is None:
            text = {
                "expired": "The access token has expired.",
                "audience": "Invalid Authorization header: wrong audience.",
            }
            return replace(
                pc_error(401, "400", text.get(why, "Access denied.")),
                headers=(
                    ("Content-Type", "application/json"),
                    ("WWW-Authenticate", 'Bearer error="invalid_token"'),
                ),
            )
        if token.user and not token.mfa and self.faults.modes["mfa_enforced"]:
            return replace(
                pc_error(401, "900421", "MFA is required."),
                extra={"reason": "Unauthorized - MFA required"},
                headers=(
                    ("Content-Type", "application/json"),
                    ("WWW-Authenticate", 'Bearer error="invalid_token"'),
                ),
            )
        if self.where(request) == "pc.invoice" and not token.user and self.faults.modes["invoice_by_id_needs_user"]:
            return pc_error(403, "900150", "The caller's role is not sufficient for this operation.")
        return None

    def _route(self, request: Request) -> Answer:
        parts = _parts(request)
        match [request.method, *parts]:
            case [_, "webhooks", *rest]:
                return self.registrations.handle(request, rest)
            case ["GET", "v1", "invoices"]:
                return self._invoices(request)
            case ["GET", "v1", "invoices", "unbilled", "lineitems"]:
                return self.items.unbilled(request)
            case ["GET", "v1", "invoices", number, "lineitems", *path]:
                document = self.book.find(number)
                return self.items.billed(request, document, path) if document else _not_found(number)
            case ["GET", "v1", "invoices", number]:
                document = self.book.find(number)
                return json_answer(self.invoice(document)) if document else _not_found(number)
            case ["GET", "v1", "invoices", number, "documents", "statement"]:
                document = self.book.find(number)
                return _statement(document) if document else _not_found(number)
            case ["GET", "v1", "customers"]:
                return self._customers(request)
            case ["GET", "v1", "customers", tenant]:
                customer = self.book.customers.get(tenant.lower())
                return (
                    json_answer(_customer(customer, whole=True))
                    if customer
                    else pc_error(404, "20002", f"Customer {tenant} was not found.")
                )
            case ["GET", "v1", "profiles", "billing"]:
                return json_answer(
                    {
                        "companyName": "Contoso Partner",
                        "address": {"country": "DE", "city": "Musterstadt"},
                        "billingCurrency": "EUR",
                        "attributes": {"objectType": "PartnerBillingProfile"},
                    }
                )
        return pc_error(404 if request.method == "GET" else 405, "1000", "Resource not found.")

    # ---- invoices

    def _invoices(self, request: Request) -> Answer:
        """size and offset act on legacy invoices only: the modern ones come whole on every page [INVS]."""
        size, offset = _whole(request.params.get("size"), 200), _whole(request.params.get("offset"), 0)
        if size is None or offset is None or size < 1 or offset < 0:
            return pc_error(400, "800002", "Invalid input: size and offset must be whole numbers.")
        with self.book.lock:
            legacy = [d for d in self.book.documents if d.legacy]
            modern = [d for d in self.book.documents if not d.legacy]
            items = [self.invoice(d) for d in (*legacy[offset : offset + size], *modern)]
        links = {"self": _link(f"/invoices?size={size}&offset={offset}")}
        if offset + size < len(legacy):
            links["next"] = _link(f"/invoices?size={size}&offset={offset + size}")
        return json_answer(
            {
                "totalCount": len(legacy) + len(modern),
                "items": items,
                "links": links,
                "attributes": {"objectType": "Collection"},
            }
        )

    def invoice(self, document: Document, nested: bool = False) -> dict[str, Any]:
        """One Invoice; amendments hang under the original without links, as in the sample."""
        header, number = document.header, document.id
        answer: dict[str, Any] = {
            "id": number,
            "invoiceDate": header["invoiceDate"],
            "billingPeriodStartDate": header["billingPeriodStartDate"],
            "billingPeriodEndDate": header["billingPeriodEndDate"],
            "totalCharges": header["totalCharges"],
            "paidAmount": header["paidAmount"],
            "currencyCode": header["currencyCode"],
            "currencySymbol": _SYMBOLS.get(header["currencyCode"], header["currencyCode"]),
        }
        prefixed = f"{header['invoiceType']}-{number}"
        if not nested:
            answer["pdfDownloadLink"] = f"/invoices/{number}/documents/statement"
        answer["invoiceDetails"] = [
            _detail(document, kind, "" if nested else prefixed)
            for kind in _PROVIDERS
            if document.has(kind) or self._always(document, kind)
        ]
        if document.amendments:
            answer["amendments"] = [self.invoice(each, nested=True) for each in document.amendments]
        answer["documentType"] = header["documentType"]
        if header["amendsOf"]:
            answer["amendsOf"] = header["amendsOf"]
        answer["invoiceType"] = header["invoiceType"]
        if not nested:
            answer["links"] = {"self": _link(f"/invoices/{prefixed}")}
        return answer | {"attributes": {"objectType": "Invoice"}}

    @staticmethod
    def _always(document: Document, kind: str) -> bool:
        """An invoice without lines still says where they would be."""
        empty = not any(document.has(other) for other in _PROVIDERS)
        return empty and kind == ("office" if document.legacy else "reconciliation")

    # ---- customers

    def _customers(self, request: Request) -> Answer:
        """Paging by seek: links.next with MS-ContinuationToken, seekOperation=Next (SDK)."""
        params = request.params
        size = _whole(params.get("size"), 0)
        if size is None or size < 0:
            return pc_error(400, "800002", "Invalid input: size.")
        customers = list(self.book.customers.values())
        if params.get("filter"):
            customers = _filtered(customers, params["filter"])
        limit = self.faults.modes["customers_page"]
        page = min(x for x in (size or len(customers) or 1, limit or len(customers) or 1))
        start = 0
        if (params.get("seekoperation") or "").lower() == "next":
            found = _whole(_decode(request.header("ms-continuationtoken") or ""), None)
            if found is None:
                return pc_error(400, "800002", "Invalid continuation token.")
            start = found
        links: dict[str, Any] = {"self": _link(f"/v1/customers?size={size}")}
        if start + page < len(customers):
            token = base64.b64encode(str(start + page).encode()).decode()
            uri = "/v1/customers?" + urlencode({"size": size, "seekOperation": "Next"})
            links["next"] = _link(uri, [{"key": "MS-ContinuationToken", "value": token}])
        items = [_customer(c) for c in customers[start : start + page]]
        return json_answer(
            {
                "totalCount": len(items),
                "items": items,
                "links": links,
                "attributes": {"objectType": "Collection"},
            }
        )


def pc_error(status: int, code: str, text: str) -> Answer:
    """Partner Center's error body (auth.md section 3)."""
    return json_answer({"code": code, "description": text, "data": [], "source": "PartnerFD"}, status)


def _not_found(number: str) -> Answer:
    return pc_error(404, "1000", f"Invoice {number} was not found.")


def _parts(request: Request) -> list[str]:
    # numbers keep their case; the words of a path are compared without it
    parts = [part for part in request.path.split("/") if part]
    return [p.lower() if p.lower() in _WORDS else p for p in parts]


_WORDS = {
    "v1",
    "invoices",
    "lineitems",
    "unbilled",
    "customers",
    "webhooks",
    "profiles",
    "billing",
    "documents",
    "statement",
    "registration",
    "events",
    "validationevents",
}


def _link(uri: str, headers: list[dict[str, str]] | None = None) -> dict[str, Any]:
    return {"uri": uri, "method": "GET", "headers": headers or []}


def _whole(text: str | None, default: int | None) -> int | None:
    if not text:
        return default
    return int(text) if text.isascii() and text.isdigit() else None


def _decode(token: str) -> str:
    try:
        return base64.b64decode(token, validate=True).decode("ascii")
    except ValueError:
        return "?"


def _detail(document: Document, kind: str, prefixed: str) -> dict[str, Any]:
    provider, line_type, name, type_name = _PROVIDERS[kind]
    detail: dict[str, Any] = {"invoiceLineItemType": line_type, "billingProvider": provider}
    if prefixed:
        detail["links"] = {"self": _link(f"/invoices/{prefixed}/lineitems/{name}/{type_name}")}
    return detail | {"attributes": {"objectType": "InvoiceDetail"}}


def _customer(customer: dict[str, Any], whole: bool = False) -> dict[str, Any]:
    tenant = customer["id"]
    profile = {
        "tenantId": tenant,
        "domain": customer.get("domain", ""),
        "companyName": customer.get("companyName", ""),
        "attributes": {"objectType": "CustomerCompanyProfile"},
    }
    answer: dict[str, Any] = {
        "id": tenant,
        "companyProfile": profile,
        "relationshipToPartner": customer.get("relationshipToPartner", "reseller"),
    }
    if whole:
        address = {"country": customer.get("country", "DE"), "city": "", "addressLine1": "", "postalCode": ""}
        answer |= {
            "commerceId": tenant,
            "allowDelegatedAccess": True,
            "billingProfile": {
                "id": tenant,
                "email": "",
                "culture": "en-US",
                "language": "en",
                "companyName": customer.get("companyName", ""),
                "defaultAddress": address,
                "attributes": {"etag": "1", "objectType": "CustomerBillingProfile"},
            },
            "links": {"self": _link(f"/customers/{tenant}")},
        }
    return answer | {"attributes": {"objectType": "Customer"}}


def _filtered(customers: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """Only starts_with, on company name or domain, case ignored [CUSTF]."""
    try:
        wanted = {str(k).lower(): str(v).lower() for k, v in json.loads(text).items()}
    except (ValueError, AttributeError):
        return []
    name = "domain" if wanted.get("field") == "domain" else "companyName"
    return [c for c in customers if str(c.get(name, "")).lower().startswith(wanted.get("value", ""))]


def _statement(document: Document) -> Answer:
    body = b"%PDF-1.4\n% stand-in for the statement of " + document.id.encode() + b"\n%%EOF\n"
    return Answer(
        200,
        body,
        (
            ("Content-Type", "application/pdf"),
            ("Content-Disposition", f"attachment; filename=Invoice_{document.id}.pdf"),
        ),
    )
