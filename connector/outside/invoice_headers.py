"""Invoice headers as Partner Center writes them, turned into VendorInvoices (invoices.md section 1). Pure.

Original and amendments are separate documents with ids of their own (interfaces.md section 5.13): the
voided one keeps its lines and counts for nothing, its replacement counts in full.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from connector.domain.money import NotANumber, money
from connector.domain.period import BillingPeriod, Platform, VendorInvoice, period_of_invoice
from connector.errors import Refused

MAX_NESTING = 8
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?)?\s*(Z|[+-]\d\d:?\d\d)?")
_VOID = "void_note"
_YEAR_ONE = 1


def flatten(items: list[dict[str, Any]]) -> list[VendorInvoice]:
    """All documents, each once, in the order found; amendments after what they amend."""
    documents: dict[str, VendorInvoice] = {}
    for item in items:
        _add(item, None, documents, 0)
    # A replacement that stands beside its original, without dates of its own, belongs to the original's period too
    dated = {_text(item, "id") for item in items if day_of(_text(item, "billingPeriodStartDate"))}
    for document in list(documents.values()):
        original = documents.get(document.replaces)
        if original is not None and document.id not in dated and document.period != original.period:
            documents[document.id] = replace(document, period=original.period)
    # A void note that hangs under its original voids that one, too
    for document in list(documents.values()):
        original = documents.get(document.replaces)
        if document.document_type == _VOID and original is not None:
            documents[original.id] = replace(original, voided=True)
    return list(documents.values())


def is_legacy(item: dict[str, Any]) -> bool:
    """By invoiceType; for one we do not know by the id's first letter (D legacy, G new commerce)."""
    kind = snake(_text(item, "invoiceType"))
    if kind in ("recurring", "one_time"):
        return kind == "recurring"
    return _text(item, "id").upper().startswith("D")


def snake(text: str) -> str:
    """An enum value in one spelling, whichever of the four it came in.

    >>> snake("OneTime"), snake("onetime"), snake("BillingLineItems"), snake("usage_line_items")
    ('one_time', 'one_time', 'billing_line_items', 'usage_line_items')
    """
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text.strip()).lower().replace(" ", "_")
    whole = {
        "onetime": "one_time",
        "billinglineitems": "billing_line_items",
        "usagelineitems": "usage_line_items",
    }
    return whole.get(plain, plain)


def day_of(text: str) -> date | None:
    """The day, in UTC, of any of Microsoft's spellings of a moment; None for none and for the year 1.

    >>> day_of("2018-02-08T18:44:37.5381456Z"), day_of("2026-10-31T23:30:00-08:00")
    (datetime.date(2018, 2, 8), datetime.date(2026, 11, 1))
    >>> day_of("0001-01-01T00:00:00") is None
    True
    """
    match = _STAMP.fullmatch(text.strip())
    if not match:
        return None
    zone = (match[3] or "Z").replace("Z", "+00:00")
    try:
        moment = datetime.fromisoformat(f"{match[1]}T{match[2] or '00:00'}{zone}")
    except ValueError:
        return None
    return None if moment.year == _YEAR_ONE else moment.astimezone(UTC).date()


def _add(item: dict[str, Any], parent: VendorInvoice | None, documents: dict[str, VendorInvoice], depth: int) -> None:
    if depth > MAX_NESTING or not _text(item, "id"):
        return
    document = _document(item, parent)
    known = documents.get(document.id)
    # The same document can be listed by itself and under its original: only there it says what it replaces
    if known is None or (document.replaces and not known.replaces):
        documents[document.id] = document
    amendments = item.get("amendments")
    for amendment in amendments if isinstance(amendments, list) else []:
        if isinstance(amendment, dict):
            _add(amendment, documents[document.id], documents, depth + 1)


def _document(item: dict[str, Any], parent: VendorInvoice | None) -> VendorInvoice:
    platform: Platform = "legacy" if is_legacy(item) else "new_commerce"
    if parent is not None and not _text(item, "invoiceType"):
        platform = parent.platform
    covers_from = day_of(_text(item, "billingPeriodStartDate"))
    own_day = day_of(_text(item, "invoiceDate")) or day_of(_text(item, "billingPeriodEndDate"))
    day = own_day or (parent.invoice_date if parent else None)
    if day is None:
        raise Refused(
            f"Partner Center names no date for invoice {_text(item, 'id')[:40]}, so it has no period.",
            code="invoice_without_date",
            system="Partner Center",
        )
    kind = snake(_text(item, "documentType")) or "invoice"
    return VendorInvoice(
        id=_text(item, "id"),
        platform=platform,
        period=_period(platform, day, covers_from, parent),
        invoice_date=day,
        currency=_text(item, "currencyCode").upper() or (parent.currency if parent else ""),
        header_total=_amount(item.get("totalCharges")),
        document_type=kind,
        voided=kind == _VOID,
        replaces=_text(item, "amendsOf") or (parent.id if parent else ""),
        details=_details(item) or (parent.details if parent else ()),
    )


def _period(platform: Platform, day: date, covers_from: date | None, parent: VendorInvoice | None) -> BillingPeriod:
    """A replacement without dates of its own belongs to the period of what it replaces."""
    if parent is not None and covers_from is None:
        return parent.period
    return period_of_invoice(platform, day, covers_from)


def _details(item: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    found = item.get("invoiceDetails")
    pairs = [
        (snake(_text(detail, "billingProvider")), snake(_text(detail, "invoiceLineItemType")))
        for detail in (found if isinstance(found, list) else [])
        if isinstance(detail, dict)
    ]
    return tuple(dict.fromkeys(pairs))


def _amount(value: Any) -> Decimal | None:
    """None where there is no readable total: the invoice then cannot be checked, and says so."""
    try:
        return money(value)
    except NotANumber:
        return None


def _text(item: dict[str, Any], key: str) -> str:
    value = item.get(key)
    return value.strip() if isinstance(value, str) else ""
