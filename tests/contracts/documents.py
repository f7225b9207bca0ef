"""Documents as the core hands them to a ledger."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date
from decimal import Decimal

from connector.domain.invoice import LedgerInvoice, LedgerLine, posting_ref

# One day for all that is issued: ledgers with a strict sequence number in the order of dates.
ISSUE_DATE = date(2026, 10, 31)
_numbers = itertools.count(1)


def line(
    amount: str = "53.93",
    *,
    text: str = "Microsoft 365 E3",
    quantity: str = "1",
    unit_price: str = "",
    no: int = 1,
) -> LedgerLine:
    return LedgerLine(
        line_no=no,
        text=text,
        quantity=Decimal(quantity),
        unit_price=Decimal(unit_price or amount),
        net_amount=Decimal(amount),
        url=f"https://billing.example.com/i/kT2v9Qx7/l/{no}?a=1&b=ü",
        kind="advance",
        product_id="CFQ7TTC0LF8R",
        sku_id="0001",
    )


def document(customer: str, *lines: LedgerLine, currency: str = "EUR", issue_date: date = ISSUE_DATE) -> LedgerInvoice:
    """A document nobody has sent yet: every call has a reference of its own."""
    numbered = tuple(replace(item, line_no=no) for no, item in enumerate(lines or (line(),), start=1))
    total = sum((item.net_amount for item in numbered), Decimal(0))
    return LedgerInvoice(
        ref=posting_ref("contract-suite", str(next(_numbers)), customer),
        revision=1,
        customer_code=customer,
        customer_name=f"Customer {customer}",
        kind="credit_note" if total < 0 else "invoice",
        issue_date=issue_date,
        period=f"{issue_date:%Y-%m}",
        currency=currency,
        net_total=total,
        url="https://billing.example.com/i/kT2v9Qx7",
        lines=numbered,
    )
