"""What unbilled lines leave out, and how it is filled in. The one place of this guess (decision 0016).

Microsoft leaves BillingFrequency blank on unbilled lines (partner-center/invoices.md 3.2). By the letter of
interfaces.md 5.2 every purchase would then be one-time and no line would have a charge cycle, so a seat bought in the
middle of a cycle would be forecast at its whole price. *Inferred*: the invoice will carry the frequency that the
subscription had when it was billed last, or else the one that its own dates show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from connector.domain.charges import fixes_cycle, folded, kind_of
from connector.domain.lines import ReconciliationLine
from connector.domain.period import BillingPeriod

UnbilledPeriod = Literal["current", "last"]

# Unbilled lines can be a day or more late (product.md section 3, step 1).
_LATE = timedelta(days=2)
_MONTH_DAYS, _YEAR_DAYS = 31, 366
_CHARGES = {"new", "renew", "cyclecharge", "changebillingplan", "purchase"}


@dataclass(frozen=True, slots=True)
class BilledBefore:
    """What the last billed line of a subscription's product said."""

    product_id: str
    sku_id: str
    billing: str
    term_text: str
    subscription_start: date | None
    subscription_end: date | None


def unbilled_period(period: BillingPeriod, today: date) -> UnbilledPeriod | None:
    """Under which name Microsoft gives a month's unbilled lines; None for a month it does not give.

    >>> unbilled_period(BillingPeriod(2026, 9), date(2026, 10, 3))
    'last'
    """
    running = BillingPeriod.of(today)
    if period == running:
        return "current"
    return "last" if period == running.before() else None


def known_until(period: BillingPeriod, today: date) -> date:
    """The last day whose charges surely are among the unbilled lines."""
    return min(period.last_day(), today - _LATE)


def completed(
    lines: Sequence[ReconciliationLine], billed: Mapping[str, Sequence[BilledBefore]]
) -> list[ReconciliationLine]:
    """The lines as the invoice will have them. `billed`: subscription -> what was billed of it, the latest first."""
    siblings: dict[str, list[ReconciliationLine]] = {}
    for line in lines:
        siblings.setdefault(line.subscription_id, []).append(line)
    return [_completed(line, billed.get(line.subscription_id, ()), siblings[line.subscription_id]) for line in lines]


def _completed(
    line: ReconciliationLine, billed: Sequence[BilledBefore], siblings: Sequence[ReconciliationLine]
) -> ReconciliationLine:
    if line.kind not in ("one_time", "proration") or line.billing.strip() or line.platform != "new_commerce":
        return line
    known = _last_billed(line, billed)
    if known is not None:
        line = replace(
            line,
            term_text=line.term_text or known.term_text,
            subscription_start=line.subscription_start or known.subscription_start,
            subscription_end=line.subscription_end or known.subscription_end,
        )
    billing = _frequency(line, known, siblings)
    kind = kind_of(line.charge_type, platform=line.platform, metered=False, billing=billing)
    return replace(line, billing=billing, kind=kind)


def _last_billed(line: ReconciliationLine, billed: Sequence[BilledBefore]) -> BilledBefore | None:
    """Of the same product and sku, else (another product came in its place) of the same subscription.

    A blank frequency tells nothing: trials and their conversion are billed so, and the subscription goes on by month.
    """
    wanted = (line.product_id.casefold(), line.sku_id.casefold())
    telling = [one for one in billed if one.billing.strip()]
    same = [one for one in telling if (one.product_id.casefold(), one.sku_id.casefold()) == wanted]
    return next(iter([*same, *telling]), None)


def _frequency(line: ReconciliationLine, known: BilledBefore | None, siblings: Sequence[ReconciliationLine]) -> str:
    if line.reservation_order_id or "Trial" in line.qualifiers or "trial" in line.term_text.casefold():
        # trials are billed without one too (samples/nce-billing-examples.csv, trial-to-paid)
        return ""
    whole = _whole_cycle(line, siblings)
    if whole is not None:
        own = _by_days(_days(whole))
    elif folded(line.charge_type) in _CHARGES:
        own = _by_days(_days(line)) if line.subscription_start else ""
    else:
        # a change of a subscription: its purchase stands beside it, or its rest tells the least
        charges = [one for one in siblings if folded(one.charge_type) in _CHARGES]
        own = _by_days(max(_days(one) for one in charges or [line]))
    if known is None or whole is not None:
        return own
    # nothing that is paid by the month is charged for longer
    return known.billing if own in ("", "Monthly") or _same_length(own, known.billing) else own


def _whole_cycle(line: ReconciliationLine, siblings: Sequence[ReconciliationLine]) -> ReconciliationLine | None:
    """The line that is a whole cycle ending on the same day, if there is one (interfaces.md 5.3): the subscription may
    have been renewed under another plan than it was billed last."""
    for one in (line, *siblings):
        certain = fixes_cycle(one.charge_type, platform=one.platform) or folded(one.charge_type) == "changebillingplan"
        if certain and one.charge_end == line.charge_end and one.product_id == line.product_id:
            return one
    return None


def _same_length(one: str, other: str) -> bool:
    return one[:5].casefold() == other.strip()[:5].casefold()


def _days(line: ReconciliationLine) -> int:
    if line.charge_start is None or line.charge_end is None:
        return 0
    return (line.charge_end - line.charge_start).days + 1


def _by_days(days: int) -> str:
    if days <= 1:
        return ""
    if days <= _MONTH_DAYS:
        return "Monthly"
    return "Annual" if days <= _YEAR_DAYS else "Triennial"
