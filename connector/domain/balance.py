"""Findings, and the proof that nothing got lost: vendor total = invoiced + unmatched + not charged + difference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from connector.domain.money import total
from connector.domain.period import PeriodState

Severity = Literal["info", "warning", "error"]
Outcome = Literal["invoiced", "unmatched", "not_charged"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person may have to look at, with the money at stake (at cost) and what to do.

    `cause` makes findings of one reason one: they are merged per (code, cause, currency) with their sums.
    """

    code: str
    severity: Severity
    text: str
    action: str = ""
    amount: Decimal = Decimal(0)
    currency: str = ""
    organisation: str = ""
    where: str = ""
    cause: str = ""


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """One finding per cause and currency, with the sum of the money it concerns (interfaces.md section 8)."""
    groups: dict[tuple[str, str, str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.code, finding.cause, finding.currency, finding.organisation), []).append(finding)
    merged = []
    for group in groups.values():
        first = group[0]
        places = list(dict.fromkeys(item.where for item in group if item.where))
        where = ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")
        merged.append(
            Finding(
                first.code,
                first.severity,
                first.text,
                first.action,
                total([item.amount for item in group]),
                first.currency,
                first.organisation,
                where,
                first.cause,
            )
        )
    order = {"error": 0, "warning": 1, "info": 2}
    return sorted(merged, key=lambda f: (order[f.severity], -abs(f.amount), f.code, f.cause, f.currency))


@dataclass(frozen=True, slots=True)
class Reason:
    """One itemised part of a difference."""

    code: str
    amount: Decimal
    text: str


@dataclass(frozen=True, slots=True)
class Balance:
    """The equality of interfaces.md 5.12 for one vendor currency, all at cost and without Microsoft's tax."""

    currency: str
    vendor_total: Decimal | None
    invoiced_cost: Decimal
    unmatched: Decimal
    not_charged: Decimal
    reasons: tuple[Reason, ...] = field(default=())

    @property
    def difference(self) -> Decimal:
        if self.vendor_total is None:
            return Decimal(0)
        return self.vendor_total - self.invoiced_cost - self.unmatched - self.not_charged

    @property
    def state(self) -> PeriodState:
        if self.vendor_total is None:
            return PeriodState.NOT_CHECKED
        if self.difference != total([reason.amount for reason in self.reasons]):
            return PeriodState.UNBALANCED
        return PeriodState.UNMATCHED if self.unmatched != 0 else PeriodState.BALANCED
