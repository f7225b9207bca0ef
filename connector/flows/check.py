"""Has an invoice arrived whole, and do its lines add up to its header? (product.md, "Check completeness")"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from connector.domain.balance import Finding
from connector.domain.lines import QuarantinedLine, ReconciliationLine, UsageKey
from connector.domain.money import minor_units, scaled, total
from connector.domain.period import PeriodState
from connector.store.lines import UsageGroup
from connector.store.periods import StoredInvoice, days_since

# Header and lines may differ for some days while Microsoft still delivers (interfaces.md section 8).
PATIENCE_DAYS = 5


@dataclass(frozen=True, slots=True)
class InvoiceCheck:
    """What the check of one invoice says. `vendor_total`: header without tax, None when there is no header."""

    invoice: StoredInvoice
    state: PeriodState
    vendor_total: Decimal | None
    lines: int
    lines_subtotal: Decimal
    lines_tax: Decimal
    hold_reason: str
    findings: tuple[Finding, ...]

    @property
    def holds_documents(self) -> bool:
        return bool(self.hold_reason)


def check_invoice(
    item: StoredInvoice,
    lines: Sequence[ReconciliationLine],
    quarantined: Sequence[QuarantinedLine],
    usage: Mapping[UsageKey, UsageGroup],
    now: datetime,
) -> InvoiceCheck:
    """Compare header, lines and daily usage of one invoice; no amount is changed by it."""
    header = item.header
    readable = [line for line in quarantined if line.subtotal is not None]
    subtotal = total([line.subtotal for line in lines] + [line.subtotal or Decimal(0) for line in readable])
    tax = total([line.tax for line in lines] + [line.tax or Decimal(0) for line in readable])
    vendor_total = None if header.header_total is None else header.header_total - tax
    findings: list[Finding] = []
    hold = ""
    state = PeriodState.BALANCED
    if item.arrival != "whole":
        state = PeriodState.INCOMPLETE
        hold = f"the vendor invoice {header.id} has not arrived whole"
        findings.append(_not_arrived(item))
    elif vendor_total is None or (not lines and not quarantined and header.header_total == 0):
        state = PeriodState.NOT_CHECKED
        hold = f"the vendor invoice {header.id} could not be checked against a header"
        findings.append(_not_checked(item, subtotal))
    else:
        difference = vendor_total - subtotal - (item.accepted_amount or Decimal(0))
        if difference != 0:
            young = days_since(header.invoice_date, now) <= PATIENCE_DAYS and item.source == "api"
            unreadable = any(line.subtotal is None for line in quarantined)
            state = PeriodState.INCOMPLETE if young and not unreadable else PeriodState.UNBALANCED
            # lines we could not read explain why it differs: the other customers' documents go on
            hold = "" if unreadable else f"header and lines of {header.id} differ by {difference} {header.currency}"
            findings.append(_differs(item, difference, waiting=state == PeriodState.INCOMPLETE))
        elif quarantined:
            # also where their money is 0.00: what nobody could read is not balanced (reliability.md, "Quarantine")
            state = PeriodState.UNMATCHED
    findings += _usage_findings(item, lines, usage)
    return InvoiceCheck(item, state, vendor_total, len(lines) + len(quarantined), subtotal, tax, hold, tuple(findings))


def _not_arrived(item: StoredInvoice) -> Finding:
    header = item.header
    return Finding(
        "invoice_incomplete",
        "error",
        f"The vendor invoice {header.id} has not arrived whole"
        + (f": {item.arrival_note}" if item.arrival_note else ""),
        "Nothing to do now: it is pulled again by itself; or run `connector sync` again.",
        header.header_total or Decimal(0),
        header.currency,
        "",
        header.id,
        header.id,
    )


def _not_checked(item: StoredInvoice, subtotal: Decimal) -> Finding:
    header = item.header
    return Finding(
        "not_checked",
        "error",
        f"The lines of {header.id} could not be checked: no header total is known or there is nothing to check",
        f"Give the total of Microsoft's invoice: `connector import invoice FILE --header {header.id}=TOTAL`.",
        subtotal,
        header.currency,
        "",
        header.id,
        header.id,
    )


def _differs(item: StoredInvoice, difference: Decimal, *, waiting: bool) -> Finding:
    header = item.header
    action = (
        "Microsoft may still deliver: it is pulled again daily."
        if waiting
        else f"Compare with Microsoft's PDF; if the difference is right (an adjustment, say), accept it: "
        f"`connector month accept {header.period} --invoice {header.id} --reason TEXT`."
    )
    return Finding(
        "header_differs",
        "error",
        f"Header and lines of {header.id} differ by {difference} {header.currency}",
        action,
        difference,
        header.currency,
        "",
        header.id,
        header.id,
    )


def _usage_findings(
    item: StoredInvoice, lines: Sequence[ReconciliationLine], usage: Mapping[UsageKey, UsageGroup]
) -> list[Finding]:
    """Daily rows are floored one by one: their sum may lie below the line by less than one minor unit per row."""
    if item.arrival != "whole":
        return []
    billed: dict[UsageKey, list[Decimal]] = {}
    names: dict[UsageKey, str] = {}
    for line in lines:
        if line.kind == "usage" and line.platform == "new_commerce":
            key = UsageKey(line.invoice_id, line.tenant_id, line.subscription_id, line.product_id, line.sku_id)
            billed.setdefault(key, []).append(line.subtotal)
            names.setdefault(key, line.product_name or line.product_id)
    findings = []
    for key, amounts in billed.items():
        amount, group = total(amounts), usage.get(key)
        if group is None:
            findings.append(
                Finding(
                    "usage_missing",
                    "warning",
                    f"No daily usage arrived for {names[key]} ({key.product_id})",
                    "Nothing to do now: it is looked for again by itself; the invoice line is right without it.",
                    amount,
                    item.header.currency,
                    "",
                    key.subscription_id,
                    f"{key.invoice_id}",
                )
            )
            continue
        below = amount - group.amount
        one_unit_each = scaled(group.rows, minor_units(item.header.currency))
        if below < 0 or (below != 0 and below >= one_unit_each):
            findings.append(
                Finding(
                    "usage_differs",
                    "warning",
                    f"The daily usage of {names[key]} adds up to {group.amount}, its line to {amount} "
                    f"{item.header.currency}",
                    "The line is what Microsoft charges; its days are shown in proportion.",
                    below,
                    item.header.currency,
                    "",
                    key.subscription_id,
                    f"{key.subscription_id}/{key.product_id}/{key.sku_id}",
                )
            )
    return findings
