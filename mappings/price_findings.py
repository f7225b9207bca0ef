"""What pricing a line may have to tell a person: one function per finding, each with what to do about it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from connector.domain.balance import Finding
from connector.domain.lines import ReconciliationLine
from mappings.links import Organisation
from mappings.pricelist import PriceRule
from mappings.resolve import Loser, Wanted


def unlinked(line: ReconciliationLine) -> Finding:
    return Finding(
        "tenant_unlinked",
        "error",
        f"The tenant {line.tenant_id} ({line.customer_name or line.customer_domain or 'no name given'}) belongs to no "
        "organisation on the day of the charge",
        "Link it: add a row to a links file and run `connector import links FILE`, then run the month again.",
        line.subtotal,
        line.currency,
        "",
        line.tenant_id,
        line.tenant_id,
    )


def no_price(line: ReconciliationLine, organisation: Organisation) -> Finding:
    product = f"{line.product_id}{':' + line.sku_id if line.sku_id else ''}"
    return Finding(
        "price_missing",
        "error",
        f"No price rule fits {line.product_name or product} ({product}) for {organisation.name or organisation.code}",
        "Add a price (`connector import prices FILE`) for this product, this organisation or everything, then run "
        "the month again.",
        line.subtotal,
        line.currency,
        organisation.code,
        line.id,
        f"{organisation.code}/{product}",
    )


def no_list_price(line: ReconciliationLine, wanted: Wanted) -> Finding:
    return Finding(
        "list_price_missing",
        "error",
        f"No list price is known for {line.product_name or line.product_id} in {wanted.currency} on {wanted.day}",
        "Import the price sheet of that month (`connector import list-prices FILE`), then run the month again.",
        line.subtotal,
        line.currency,
        wanted.organisation,
        line.id,
        f"{line.product_id}/{line.sku_id}/{wanted.day}",
    )


def no_rate(line: ReconciliationLine, organisation: str, currency: str, day: date) -> Finding:
    return Finding(
        "rate_missing",
        "error",
        f"No exchange rate from {line.currency} to {currency} is dated on or before {day}",
        "Import one (`connector import rates FILE`), then run the month again.",
        line.subtotal,
        line.currency,
        organisation,
        line.id,
        f"{line.currency}/{currency}",
    )


def free(line: ReconciliationLine, organisation: str) -> Finding:
    return Finding(
        "free_line",
        "info",
        f"{line.product_name or line.product_id} is free of charge at Microsoft (a trial, perhaps)",
        "",
        Decimal(0),
        line.currency,
        organisation,
        line.id,
        f"{organisation}/{line.product_id}/{line.sku_id}",
    )


def not_charged(line: ReconciliationLine, organisation: str, rule: PriceRule) -> Finding:
    """Not charged on purpose: the rule's note is the reason (interfaces.md 5.5)."""
    return Finding(
        "not_charged",
        "info",
        f"{line.product_name or line.product_id} is not charged: {rule.note}",
        "",
        line.subtotal,
        line.currency,
        organisation,
        line.id,
        f"{organisation}/{rule.id}/{line.product_id}",
    )


def about_kind(line: ReconciliationLine, organisation: str) -> list[Finding]:
    if line.kind != "other":
        return []
    return [
        Finding(
            "charge_type_unknown",
            "warning",
            f"Microsoft's charge type {line.charge_type!r} is not known; the line is taken by its amount",
            "Check the line's sentence on the customer's page.",
            line.subtotal,
            line.currency,
            organisation,
            line.id,
            line.charge_type.casefold(),
        )
    ]


def about_passed_over(line: ReconciliationLine, organisation: str, lost: tuple[Loser, ...]) -> list[Finding]:
    """A rule that would have won but for its currency is probably a mistake in the price list."""
    return [
        Finding(
            "rule_passed_over",
            "info",
            f"A price rule for {line.product_name or line.product_id} was passed over: it {loser.reason}",
            "",
            line.subtotal,
            line.currency,
            organisation,
            line.id,
            f"{organisation}/{rule_name(loser.rule)}",
        )
        for loser in lost
        if loser.passed_over and loser.rule.currency and loser.reason.startswith("is in ")
    ]


def rule_name(rule: PriceRule) -> str:
    """A rule in words, for findings and explanations."""
    scope = ":".join(part for part in (rule.product_id, rule.sku_id) if part) or "everything"
    value = "" if rule.value is None else f" {rule.value}"
    return f"{rule.kind}{value} for {scope}"
