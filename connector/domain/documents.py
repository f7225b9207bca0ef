"""Documents and what they are made of: a document has summary lines, a summary line has parts.

A part is one reconciliation line at its sales price, together with the arithmetic that made it. The parts of a
summary line add up to it, the summary lines to the document (README, decision 3).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from connector.domain.charges import Kind
from connector.domain.invoice import DocumentKind


@dataclass(frozen=True, slots=True)
class RuleUsed:
    """The price rule that won, as it stood (a snapshot: later versions do not change it)."""

    id: str
    version: int
    name: str
    level: str
    valid_from: date | None
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class RuleLost:
    """A rule that was looked at and lost, with why."""

    name: str
    level: str
    reason: str


@dataclass(frozen=True, slots=True)
class Calculation:
    """One exact operation over exact operands; `exact` is its result. `rounded`: what of an earlier step was used on,
    where it had been rounded before."""

    op: str
    operands: tuple[Fraction, ...]
    exact: Fraction
    text: str
    rounded: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One reconciliation line on a document. `quantity` is without sign; `amount` is what the customer owes for it.

    `reversal`: takes back what an earlier revision invoiced for a line of a voided invoice.
    `reverses`: id of the line whose charge this one credits, "" when none is known.
    `before`: earlier steps whose result the calculation uses. `split`: whose share of the line this is, "" = all of it.
    `label`: the cost centre or purchase order it belongs to, where the organisation's lines are grouped so.
    """

    line_id: str
    invoice_id: str
    platform: str
    kind: Kind
    charge_type: str
    tenant_id: str
    subscription_id: str
    product_id: str
    sku_id: str
    product_name: str
    happened: datetime | None
    start: date | None
    end: date | None
    days: int | None
    cycle_begin: date | None
    cycle_end: date | None
    cycle_days: int | None
    quantity: Decimal
    unit_price: Fraction | None
    amount: Decimal
    calculation: Calculation
    cost: Decimal
    cost_currency: str
    rule: RuleUsed | None
    lost: tuple[RuleLost, ...] = field(default=())
    rate: Decimal | None = None
    rate_date: date | None = None
    reversal: bool = False
    reverses: str = ""
    unit: str = ""
    billing: str = ""
    before: tuple[Calculation, ...] = ()
    split: str = ""
    label: str = ""
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """One line of a document as the ledger gets it. Ids that its parts do not share are empty."""

    id: str
    no: int
    text: str
    kind: Kind
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    cost: Decimal
    cost_currency: str
    tenant_id: str
    subscription_id: str
    product_id: str
    sku_id: str
    product_name: str
    sentence: str
    price_text: str
    price_from: date | None
    outlook: str
    parts: tuple[Part, ...]
    label: str = ""

    @property
    def usage_invoices(self) -> tuple[str, ...]:
        """Vendor invoices whose daily rows explain the line: none where it is of several meters or one's share only.

        Also where no row arrived yet: late rows show by themselves.
        """
        meters = {(part.subscription_id, part.product_id, part.sku_id) for part in self.parts}
        if self.kind != "usage" or len(meters) != 1 or any(part.split for part in self.parts):
            return ()
        return tuple(sorted({part.invoice_id for part in self.parts if not part.reversal}))


@dataclass(frozen=True, slots=True)
class Document:
    """One document per organisation, currency, period and revision (interfaces.md 5.10)."""

    key: str
    period: str
    organisation: str
    currency: str
    revision: int
    net_total: Decimal
    costs: tuple[tuple[str, Decimal], ...]
    lines: tuple[SummaryLine, ...]

    @property
    def kind(self) -> DocumentKind:
        return "credit_note" if self.net_total < 0 else "invoice"

    @property
    def id(self) -> str:
        return short_id("d", self.key)

    @property
    def has_money(self) -> bool:
        """Whether the ledger gets it at all: no document without a line that is not 0.00 (interfaces.md 5.9)."""
        return any(line.amount != 0 for line in self.lines)


def document_key(partner: str, organisation: str, period: str, currency: str, revision: int) -> str:
    """The natural key of a document (product.md, behaviour 13).

    >>> document_key("p", "C-1", "2026-10", "EUR", 1)
    'p/2026-10/C-1/EUR/1'
    """
    return f"{partner}/{period}/{organisation}/{currency}/{revision}"


def short_id(prefix: str, *natural: str) -> str:
    """A short stable id of something that has a natural key: the same input gives the same id for ever."""
    digest = hashlib.sha256("\x1f".join(natural).encode()).digest()
    return f"{prefix}_{base64.b32encode(digest)[:16].decode().lower()}"
