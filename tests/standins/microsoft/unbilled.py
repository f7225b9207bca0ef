"""Unbilled lines as the exports show them: the charges of a month before there is an invoice.

invoices.md: no invoice number, BillingFrequency blank (3.2), no tax and no total with tax (2, "Unbilled").
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any


def shaped(line: dict[str, Any]) -> dict[str, Any]:
    """A line of an invoice as it looks before there is one."""
    return {**line, "InvoiceNumber": "", "BillingFrequency": "", "TaxTotal": Decimal(0), "Total": Decimal(0)}


def running(lines: Iterable[dict[str, Any]], last: Iterable[dict[str, Any]] = ()) -> dict[str, Any]:
    """What a month file adds to have unbilled lines: those of the running month, and of the one before."""
    return {"unbilled": {"reconciliation": list(lines), "reconciliation_last": list(last)}}
