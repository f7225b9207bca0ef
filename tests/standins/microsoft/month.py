"""The description of a month: customers, invoices and their lines, and where it lives on disk.

A month file is JSON:

    {"period": "2026-10",
     "customers": [{"id", "companyName", "domain", "country", "relationshipToPartner"}],
     "invoices": [{"id": "G...", "kind": "new_commerce" | "legacy", "period": "2026-10",
        "invoiceDate", "billingPeriodStartDate", "billingPeriodEndDate", "totalCharges", "paidAmount",
        "currencyCode", "documentType", "invoiceType", "amendsOf",
        "reconciliation": [line with Graph attribute names, ...],  "reconciliation_file": "lines.jsonl",
        "usage": [...],  "usage_file": "usage.jsonl",
        "office": [line with v1 names], "azure": [...], "azure_usage": [...],
        "amendments": [document of the same shape, ...]}],
     "unbilled": {"reconciliation": [...], "usage": [...], "reconciliation_last": [...], "usage_last": [...]}}

Every figure is a JSON number or text, read exactly. A `*_file` (JSON Lines, relative to the month file)
carries what is too much for memory; in the default shape of the exports its lines are passed on as they
are. Only `id` and the lines are needed; the rest has defaults. `totalCharges` defaults to the sum of the
lines with tax.
"""

import calendar
import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.standins.microsoft import exact
from tests.standins.microsoft.exact import decimal

KINDS = ("reconciliation", "usage", "office", "azure", "azure_usage")
_MONEY = {
    "reconciliation": ("Subtotal", "TaxTotal"),
    "office": ("totalForCustomer",),
    "azure": ("postTaxTotal",),
}
PARTNER_TENANT = "934f3416-bc2f-47f3-b492-77e517d4e572"


@dataclass
class Document:
    """One invoice document. `version` grows whenever its lines change, so that an export gets a new eTag."""

    header: dict[str, Any]
    lines: dict[str, list[dict[str, Any]]]
    files: dict[str, Path] = field(default_factory=dict)
    amendments: list["Document"] = field(default_factory=list)
    version: int = 1

    @property
    def id(self) -> str:
        """Number of the document."""
        return str(self.header["id"])

    @property
    def legacy(self) -> bool:
        """Legacy invoices are called D..., their invoiceType is Recurring (README, "Two commerce
        platforms").
        """
        return bool(self.header["kind"] == "legacy")

    @property
    def period(self) -> str:
        """The billing month, YYYY-MM."""
        return str(self.header["period"])

    def has(self, kind: str) -> bool:
        """Whether it has lines of this kind."""
        return bool(self.lines.get(kind)) or kind in self.files

    def iter_lines(self, kind: str) -> Iterator[dict[str, Any]]:
        """The lines of a kind, streamed from a file where there is one."""
        yield from self.lines.get(kind, ())
        if kind in self.files:
            with self.files[kind].open(encoding="utf-8") as source:
                for text in source:
                    if text.strip():
                        yield exact.loads(text)

    def iter_texts(self, kind: str) -> Iterator[str] | None:
        """The lines of a file as they are written there; None when there is no file, or more than it."""
        if kind not in self.files or self.lines.get(kind):
            return None
        return _texts(self.files[kind])

    def count(self, kind: str) -> int:
        """Number of lines of a kind."""
        return sum(1 for _ in self.iter_lines(kind))

    def sum_of_lines(self) -> Decimal:
        """All lines with tax: what the header should say (invoices.md 3.9)."""
        return sum(
            (
                decimal(line.get(name))
                for kind, names in _MONEY.items()
                for line in self.iter_lines(kind)
                for name in names
            ),
            Decimal(0),
        )


def _texts(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as source:
        yield from (text.rstrip("\n") for text in source if text.strip())


_VERSIONS = itertools.count(1)


def next_version() -> int:
    """A number no document had before: other lines must get another eTag, also after a month was replaced."""
    return next(_VERSIONS)


class Book:
    """Everything billed so far: several months can be loaded one after the other."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.documents: list[Document] = []
        self.customers: dict[str, dict[str, Any]] = {}
        self._unbilled: dict[str, list[dict[str, Any]]] = {}
        self.partner_tenant_id = PARTNER_TENANT

    def load(self, month: dict[str, Any], base: Path | None = None, replace: bool = False) -> list[str]:
        """Add a month. Documents with a number already known are replaced; gives the periods it holds."""
        with self.lock:
            if replace:
                self.documents.clear()
                self.customers.clear()
                self._unbilled.clear()
            for customer in month.get("customers", ()):
                self.customers[str(customer["id"]).lower()] = customer
            for kind, lines in (month.get("unbilled") or {}).items():
                self._unbilled[kind] = list(lines)
            fresh = [document_of(item, month, base) for item in month.get("invoices", ())]
            for document in fresh:
                for each in (document, *document.amendments):
                    each.version = next_version()
            numbers = {document.id for document in fresh}
            self.documents = [d for d in self.documents if d.id not in numbers] + fresh
            return sorted({document.period for document in fresh})

    def unbilled_lines(self, kind: str, last: bool) -> list[dict[str, Any]]:
        """Unbilled lines of the running month, or of the last one (v1 says previous)."""
        return self._unbilled.get(f"{kind}_last" if last else kind, [])

    def every(self) -> Iterator[Document]:
        """All documents, amendments too."""
        for document in self.documents:
            yield document
            yield from document.amendments

    def find(self, number: str) -> Document | None:
        """A document by its number, without regard to case or to the prefix used in links."""
        plain = number.split("-", 1)[-1].lower()
        return next((d for d in self.every() if d.id.lower() == plain), None)


def document_of(item: dict[str, Any], month: dict[str, Any], base: Path | None) -> Document:
    """One document with the defaults filled in."""
    number = str(item["id"])
    legacy = item.get("kind", "legacy" if number.startswith("D") else "new_commerce") == "legacy"
    period = str(item.get("period") or month["period"])
    year, number_of_month = int(period[:4]), int(period[5:7])
    last = calendar.monthrange(year, number_of_month)[1]
    following = f"{year + number_of_month // 12:04d}-{number_of_month % 12 + 1:02d}"
    lines = {kind: [dict(line) for line in item.get(kind) or ()] for kind in KINDS}
    files = {kind: (base or Path()) / item[f"{kind}_file"] for kind in KINDS if item.get(f"{kind}_file")}
    header = {
        "id": number,
        "kind": "legacy" if legacy else "new_commerce",
        "period": period,
        "invoiceDate": item.get("invoiceDate")
        or f"{period if legacy else following}-{'21' if legacy else '07'}T08:00:00Z",
        "billingPeriodStartDate": item.get("billingPeriodStartDate", f"{period}-01T00:00:00Z"),
        "billingPeriodEndDate": item.get("billingPeriodEndDate", f"{period}-{last:02d}T00:00:00Z"),
        "paidAmount": decimal(item.get("paidAmount", 0)),
        "currencyCode": item.get("currencyCode", "EUR"),
        "documentType": item.get("documentType", "invoice"),
        "invoiceType": item.get("invoiceType", "Recurring" if legacy else "OneTime"),
        "amendsOf": item.get("amendsOf"),
    }
    document = Document(header, lines, files)
    document.header["totalCharges"] = (
        decimal(item["totalCharges"]) if item.get("totalCharges") is not None else document.sum_of_lines()
    )
    document.amendments = [
        document_of(
            {
                "kind": header["kind"],
                "period": period,
                "currencyCode": header["currencyCode"],
                "amendsOf": number,
                "documentType": "adjustment_note",
                **amendment,
            },
            month,
            base,
        )
        for amendment in item.get("amendments") or ()
    ]
    return document


def amend(book: Book, document: Document, order: dict[str, Any]) -> Document:
    """Void a document and hang its replacement under it (invoices.md section 1, "Credit and rebill").

    The default is the published sample: the original turns into `void_note`, the replacement is an
    `adjustment_note`. With `separate_void` the original keeps its type and a void note of its own hangs
    under it too. `lines` replaces the lines, `changes` ([{"index", attribute: value}]) edits a copy of
    them, `drop` leaves out some by index. A total with tax is recomputed.
    """
    number = str(order.get("id") or f"{document.id[0]}{9_000_000 + sum(1 for _ in book.every()):09d}")
    kind = order.get("kind", "office" if document.legacy else "reconciliation")
    lines = {name: [dict(line) for line in document.iter_lines(name)] for name in KINDS}
    if order.get("lines") is not None:
        lines[kind] = [dict(line) for line in order["lines"]]
    apply_changes(lines[kind], order.get("changes") or ())
    dropped = {int(index) for index in order.get("drop") or ()}
    lines[kind] = [line for index, line in enumerate(lines[kind]) if index not in dropped]
    for line in (line for group in lines.values() for line in group):
        for name in ("InvoiceNumber", "invoiceNumber"):
            if name in line:
                line[name] = number
    header = {
        **document.header,
        "id": number,
        "amendsOf": document.id,
        "documentType": order.get("documentType", "adjustment_note"),
        "invoiceDate": order.get("invoiceDate", document.header["invoiceDate"]),
    }
    replacement = Document(header, lines)
    header["totalCharges"] = decimal(order["total"]) if "total" in order else replacement.sum_of_lines()
    with book.lock:
        if order.get("separate_void"):
            void = Document(
                {**document.header, "id": f"{number}V", "amendsOf": document.id, "documentType": "void_note"},
                {name: [] for name in KINDS},
            )
            document.amendments.append(void)
        else:
            document.header["documentType"] = "void_note"
        if not order.get("void_only"):
            document.amendments.append(replacement)
    return replacement


def apply_changes(lines: list[dict[str, Any]], changes: Any) -> None:
    """Edit lines in place; Total follows Subtotal and TaxTotal unless the change names it."""
    for change in changes:
        line = lines[int(change["index"])]
        line.update({k: v for k, v in change.items() if k != "index"})
        if "Total" in line and "Total" not in change:
            line["Total"] = decimal(line.get("Subtotal")) + decimal(line.get("TaxTotal"))
