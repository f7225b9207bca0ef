"""Billing periods, vendor invoices and the states a period can be in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal

_PERIOD = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")

Platform = Literal["new_commerce", "legacy"]


class PeriodState(StrEnum):
    """In the order of interfaces.md section 8: a period is in the worst state of its parts."""

    INCOMPLETE = "incomplete"
    NOT_CHECKED = "not_checked"
    UNBALANCED = "unbalanced"
    UNMATCHED = "unmatched"
    BALANCED = "balanced"
    PUSHED = "pushed"
    CLOSED = "closed"


_ORDER = list(PeriodState)


def worst(states: list[PeriodState]) -> PeriodState:
    """The worst of the parts; nothing to look at is `not_checked`, never green."""
    return min(states, key=_ORDER.index, default=PeriodState.NOT_CHECKED)


def needs_attention(state: PeriodState) -> bool:
    """Worse than balanced: the command ends with status 1."""
    return _ORDER.index(state) < _ORDER.index(PeriodState.BALANCED)


@dataclass(frozen=True, slots=True, order=True)
class BillingPeriod:
    """A month as a label, `2026-10`; not an interval of time.

    >>> str(BillingPeriod.parse("2026-10").before())
    '2026-09'
    """

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> BillingPeriod:
        match = _PERIOD.fullmatch(text.strip())
        if not match:
            raise ValueError(f"{text!r} is not a period: write a month as YYYY-MM, for example 2026-10")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, day: date) -> BillingPeriod:
        return cls(day.year, day.month)

    def before(self) -> BillingPeriod:
        return BillingPeriod(self.year - (self.month == 1), 12 if self.month == 1 else self.month - 1)

    def after(self) -> BillingPeriod:
        return BillingPeriod(self.year + (self.month == 12), 1 if self.month == 12 else self.month + 1)

    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    def last_day(self) -> date:
        return date.fromordinal(self.after().first_day().toordinal() - 1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


@dataclass(frozen=True, slots=True)
class VendorInvoice:
    """One document of Microsoft's with an id of its own, as its header gives it.

    `header_total` includes Microsoft's tax. `details` names the kinds of lines the header announces as
    (billing provider, line item type) in lower snake case. `replaces` is the id it amends.
    """

    id: str
    platform: Platform
    period: BillingPeriod
    invoice_date: date
    currency: str
    header_total: Decimal | None
    document_type: str = "invoice"
    voided: bool = False
    replaces: str = ""
    details: tuple[tuple[str, str], ...] = field(default=())


def period_of_invoice(platform: Platform, invoice_date: date, covers_from: date | None) -> BillingPeriod:
    """The period a header belongs to (interfaces.md, opening): the month a new commerce invoice covers, the
    month of a legacy invoice's date.

    A new commerce header without its own dates covers the month before it was made: it appears between the
    6th and the 8th of the following month (partner-center/README.md).
    """
    if platform == "legacy":
        return BillingPeriod.of(invoice_date)
    if covers_from is not None:
        return BillingPeriod.of(covers_from)
    return BillingPeriod.of(invoice_date).before()
