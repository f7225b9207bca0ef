"""Line items of v1, with the paging as published: malformed links, a totalCount that is wrong (invoices.md
2).
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from tests.standins.microsoft.attributes import v1_number, v1_reconciliation, v1_usage
from tests.standins.microsoft.faults import Faults
from tests.standins.microsoft.month import Book, Document
from tests.standins.microsoft.serving import Answer, Request, json_answer

_MAX_SIZE = 2000
_PROVIDERS = {"office", "azure", "onetime", "marketplace", "all"}
_TYPES = {"billinglineitems": "billing", "usagelineitems": "usage"}
_KINDS = {
    ("office", "billing"): "office",
    ("azure", "billing"): "azure",
    ("azure", "usage"): "azure_usage",
    ("onetime", "billing"): "reconciliation",
    ("onetime", "usage"): "usage",
    ("marketplace", "usage"): "usage",
}
#: v1 alone serves new commerce before this period; for later ones it is closed (README, "Which interface")
_LAST_V1 = {"reconciliation": "2024-01", "usage": "2022-08"}
_LEGACY = {
    "office": {
        "invoiceLineItemType": "billing_line_items",
        "billingProvider": "office",
        "attributes": {"objectType": "LicenseBasedLineItem"},
    },
    "azure": {
        "invoiceLineItemType": "billing_line_items",
        "billingProvider": "azure",
        "attributes": {"objectType": "UsageBasedLineItem"},
    },
    "azure_usage": {
        "invoiceLineItemType": "usage_line_items",
        "billingProvider": "azure",
        "attributes": {"objectType": "DailyUsageLineItem"},
    },
}
#: attributes of legacy lines the samples write as JSON numbers
LEGACY_NUMBERS = frozenset(
    [
        "unitPrice",
        "amount",
        "totalOtherDiscount",
        "subtotal",
        "tax",
        "totalForCustomer",
        "quantity",
        "listPrice",
        "overageQuantity",
        "includedQuantity",
        "consumedQuantity",
        "pretaxCharges",
        "taxAmount",
        "postTaxTotal",
        "pretaxEffectiveRate",
        "postTaxEffectiveRate",
        "consumptionPrice",
        "consumptionDiscount",
    ]
)


class LineItems:
    """Billed and unbilled line items."""

    def __init__(self, book: Book, faults: Faults) -> None:
        self.book = book
        self.faults = faults

    def billed(self, request: Request, document: Document, path: list[str]) -> Answer:
        """GET /v1/invoices/{id}/lineitems; the older form carries provider and type in the path."""
        params = request.params
        if len(path) == 2:
            params |= {"provider": path[0], "invoicelineitemtype": path[1]}
        provider = params.get("provider", "").lower()
        line_type = _TYPES.get(params.get("invoicelineitemtype", "").lower())
        if provider not in _PROVIDERS:
            return _invalid()
        kind = self._kind(document, provider, line_type)
        if line_type is None or kind is None:
            return _invalid("Invoice Line Item type is not valid.")
        size = _size(params)
        if size is None:
            return _invalid()
        if kind in _LEGACY:
            return self._by_offset(request, document, kind, provider, size)
        late = document.period > _LAST_V1[kind]
        if late and self.faults.modes["v1_late_lines"] == "error":
            return json_answer(
                {
                    "code": "800002",
                    "description": "Line items of this billing period are not offered here.",
                    "data": [],
                    "source": "PartnerFD",
                },
                400,
            )
        lines = iter(()) if late else document.iter_lines(kind)
        address = f"/invoices/{document.id}/lineitems?provider=OneTime&nvoicelineitemtype={_published(line_type)}"
        return self._by_seek(request, lines, kind, size, address, document.id)

    def unbilled(self, request: Request) -> Answer:
        """GET /v1/invoices/unbilled/lineitems: invoiceNumber "", no tax, no total [UNB, UDRU]."""
        params = request.params
        line_type = _TYPES.get(params.get("invoicelineitemtype", "").lower())
        period, currency = params.get("period", "").lower(), params.get("currencycode", "").upper()
        size = _size(params)
        if params.get("provider", "").lower() not in ("onetime", "marketplace", "all") or not line_type or size is None:
            return _invalid()
        if period not in ("current", "previous") or not currency:
            return _invalid()
        kind = "reconciliation" if line_type == "billing" else "usage"
        lines = (
            line
            for line in self.book.unbilled_lines(kind, last=period == "previous")
            if str(line.get("Currency") or line.get("BillingCurrency")).upper() == currency
        )
        shaped = (
            {**line, "InvoiceNumber": "", "TaxTotal": 0, "Total": 0}
            if kind == "reconciliation"
            else {**line, "InvoiceNumber": ""}
            for line in lines
        )
        address = (
            f"/invoices/unbilled/lineitems?provider=onetime&invoicelineitemtype={line_type}lineitems"
            f"&currencycode={currency}&period={period}"
        )
        return self._by_seek(request, shaped, kind, size, address, f"unbilled{period}")

    @staticmethod
    def _kind(document: Document, provider: str, line_type: str | None) -> str | None:
        if provider == "all":
            provider = "office" if document.legacy else "onetime"
        return _KINDS.get((provider, line_type or ""))

    def _by_offset(self, request: Request, document: Document, kind: str, provider: str, size: int) -> Answer:
        text = request.params.get("offset") or "0"
        if not text.isdigit():
            return _invalid()
        offset, lines = int(text), list(document.iter_lines(kind))
        # the samples of legacy lines write numbers; strings only when a test asks for them everywhere
        as_strings = self.faults.modes["v1_numbers"] == "all_strings"
        items = [_legacy(line, kind, as_strings) for line in lines[offset : offset + size]]
        published = _published("usage" if kind == "azure_usage" else "billing")
        address = (
            f"/invoices/{document.id}/lineitems?provider={provider.title()}&nvoicelineitemtype={published}&size={size}"
        )
        links = {"self": _link(f"{address}&offset={offset}")}
        if offset + size < len(lines):
            # the published link ends in "offset=" without a figure
            links["next"] = _link(
                f"{address}&offset={'' if self.faults.modes['v1_malformed_links'] else offset + size}"
            )
        return json_answer(
            {
                "totalCount": len(lines),
                "items": items,
                "links": links,
                "attributes": {"objectType": "Collection"},
            }
        )

    def _by_seek(
        self, request: Request, lines: Iterator[dict[str, Any]], kind: str, size: int, address: str, name: str
    ) -> Answer:
        """Continuation paging. The token is taken from the header; offset means nothing here."""
        start = 0
        token = request.header("ms-continuationtoken")
        if (request.params.get("seekoperation") or "").lower() == "next":
            found = _read_token(token or "", name, kind)
            if found is None:
                return json_answer(
                    {
                        "code": "800002",
                        "description": "Invalid continuation token.",
                        "data": [],
                        "source": "PartnerFD",
                    },
                    400,
                )
            start = found
        page = list(islice(lines, start, start + size + 1))
        more = len(page) > size
        as_strings = self.faults.modes["v1_numbers"] != "numbers"
        shape = v1_reconciliation if kind == "reconciliation" else v1_usage
        items = [shape(line, as_strings) for line in page[:size]]
        self_uri = f"{address}&size={size}"
        links: dict[str, Any] = {"self": _link(self_uri)}
        answer: dict[str, Any] = {}
        headers = {}
        if more:
            following = _token(name, kind, start + size)
            answer["continuationToken"] = following
            headers["MS-ContinuationToken"] = following
            sign = "?" if self.faults.modes["v1_malformed_links"] else "&"
            links["next"] = _link(
                f"{self_uri}{sign}seekOperation=Next", [{"key": "MS-ContinuationToken", "value": following}]
            )
        # wrong on purpose, as in the samples (3 for 4 items, 2 for 4)
        answer |= {
            "totalCount": max(len(items) - 1, 0),
            "items": items,
            "links": links,
            "attributes": {"objectType": "Collection"},
        }
        return json_answer(answer, headers=headers)


def _legacy(line: dict[str, Any], kind: str, as_strings: bool) -> dict[str, Any]:
    shaped = {
        k: v1_number(v, as_strings) if k in LEGACY_NUMBERS and v not in (None, "") else v for k, v in line.items()
    }
    return shaped | _LEGACY[kind]


def _published(line_type: str | None) -> str:
    return "UsageLineItems" if line_type == "usage" else "BillingLineItems"


def _size(params: dict[str, str]) -> int | None:
    text = params.get("size") or str(_MAX_SIZE)
    if not text.isdigit() or not 1 <= int(text) <= _MAX_SIZE:
        return None
    return int(text)


def _link(uri: str, headers: Iterable[dict[str, str]] = ()) -> dict[str, Any]:
    return {"uri": uri, "method": "GET", "headers": list(headers)}


def _invalid(text: str = "The request is invalid.") -> Answer:
    return json_answer({"message": text}, 400)


def _token(name: str, kind: str, start: int) -> str:
    """Opaque to the client: three parts with commas, slashes and an equals sign, as in the sample."""
    mark = hashlib.sha256(f"{name}/{kind}/{start}".encode()).hexdigest()
    return f"{mark[:8]}-{name.lower()},{start:x}_{kind}/80/{mark[8:30]}=,{mark[30:40]}"


def _read_token(token: str, name: str, kind: str) -> int | None:
    found = re.fullmatch(r"[0-9a-f]{8}-[^,]+,([0-9a-f]+)_.*", token)
    start = int(found.group(1), 16) if found else -1
    return start if found and token == _token(name, kind, start) else None
