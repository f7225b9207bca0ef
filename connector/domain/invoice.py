"""What goes to a ledger: documents, their lines, and the reference under which a ledger finds them again."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from connector.domain.charges import Kind

DocumentKind = Literal["invoice", "credit_note"]


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One line as it is sent: `quantity` x `unit_price` equals `net_amount` under every ledger's decimals."""

    line_no: int
    text: str
    quantity: Decimal
    unit_price: Decimal
    net_amount: Decimal
    url: str
    kind: Kind
    product_id: str = ""
    sku_id: str = ""


@dataclass(frozen=True, slots=True)
class LedgerInvoice:
    """One document as it is sent. Amounts keep the sign of what the customer owes: a credit note is negative,
    and the adapter turns it as its ledger wants. `ref` is the natural key the ledger can search, at most 20
    characters of [A-Z0-9-] (ledgers/README.md, "The reference")."""

    ref: str
    revision: int
    customer_code: str
    customer_name: str
    kind: DocumentKind
    issue_date: date
    period: str
    currency: str
    net_total: Decimal
    url: str
    lines: tuple[LedgerLine, ...]
    text: str = ""
    purchase_order: str = ""
    country: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class RemoteLine:
    """A line as the ledger shows it when read back."""

    text: str
    net_amount: Decimal
    url: str = ""


@dataclass(frozen=True, slots=True)
class RemoteInvoice:
    """A document as the ledger shows it when read back; amounts with the sign of what the customer owes."""

    id: str
    ref: str
    state: Literal["draft", "final", "cancelled"]
    number: str
    customer_code: str
    currency: str
    net_total: Decimal
    lines: tuple[RemoteLine, ...] = field(default=())
    deep_link: str = ""


def posting_ref(*natural_key: str) -> str:
    """The reference of a document: `CSP-` and twelve symbols (60 bits) of its natural key's hash.

    A hash, not a random number: the same document keeps its reference even if our record of it is lost.

    >>> len(posting_ref("partner", "C-1", "2026-10", "EUR", "", "1"))
    16
    """
    digest = hashlib.sha256("\x1f".join(natural_key).encode()).digest()
    return "CSP-" + base64.b32encode(digest)[:12].decode()
