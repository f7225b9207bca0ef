"""What pricing a line may have to tell a person: one function per finding, each with what to do about it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from connector.domain.balance import Finding
from connector.domain.documents import Part
from connector.domain.lines import ReconciliationLine
from mappings.credits import KEPT, CreditPolicy
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
        "Get the price sheet of that month (`connector list-prices pull --month YYYY-MM`, or `connector import "
        "list-prices FILE`), then run the month again.",
        line.subtotal,
        line.currency,
        wanted.organisation,
        line.id,
        f"{line.product_id}/{line.sku_id}/{wanted.day}",
    )


def about_old_sheet(line: ReconciliationLine, wanted: Wanted, month: str) -> list[Finding]:
    """A list price was taken from the sheet of an earlier month, as the one of the day's month is not known."""
    if not month or wanted.day is None:
        return []
    missing = f"{wanted.day:%Y-%m}"
    return [
        Finding(
            "price_sheet_old",
            "warning",
            f"{line.product_name or line.product_id} is priced from the price sheet of {month}; the one of {missing} "
            "is not known",
            f"Get it (`connector list-prices pull --month {missing}`, or `connector import list-prices FILE --month "
            f"{missing}`), then run the month again.",
            line.subtotal,
            line.currency,
            wanted.organisation,
            line.id,
            f"{line.product_id}/{line.sku_id}/{month}/{missing}",
        )
    ]


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


def credit_kept(line: ReconciliationLine, organisation: str, policy: CreditPolicy) -> Finding:
    """Not charged on purpose: a credit that the partner keeps."""
    return Finding(
        "credit_kept",
        "info",
        f"A credit of Microsoft's for {line.product_name or line.product_id or organisation} is kept: "
        f"{policy.note or KEPT}",
        "",
        line.subtotal,
        line.currency,
        organisation,
        line.id,
        f"{organisation}/{policy.credit}",
    )


def credit_unclear(line: ReconciliationLine, organisation: str) -> Finding:
    """A credit is to be kept, but how much it was cannot be known: it is passed on, and said so."""
    return Finding(
        "credit_unclear",
        "warning",
        f"{line.product_name or line.product_id} seems to have a partner earned credit, but its prices do not show one "
        "of 15 %: it was passed on",
        "Compare the line with its daily usage. If it should be kept, give its product and sku a price per unit.",
        line.subtotal,
        line.currency,
        organisation,
        line.id,
        f"{organisation}/{line.product_id}/{line.sku_id}",
    )


def no_credit_base(line: ReconciliationLine, organisation: str) -> Finding:
    """An Azure credit is to be kept, but what the usage would have cost stands nowhere."""
    return Finding(
        "credit_base_missing",
        "error",
        f"The Azure credit on {line.product_name or line.product_id} is kept, but what the usage would have cost is "
        "not known: Microsoft's line is 0.00",
        "Give its product and sku a price per unit (`fixed` in `connector import prices FILE`), or pass the credit on "
        "(`connector import credits FILE`), then run the month again.",
        line.subtotal,
        line.currency,
        organisation,
        line.id,
        f"{organisation}/{line.product_id}/{line.sku_id}",
    )


def no_cost_centre(organisation: str, part: Part) -> Finding:
    """Money of an organisation grouped by cost centre that belongs to none."""
    return Finding(
        "cost_centre_missing",
        "info",
        f"Charges of {organisation} belong to no cost centre",
        "",
        part.cost,
        part.cost_currency,
        organisation,
        part.line_id,
        organisation,
    )


def no_usage_to_split(organisation: str, part: Part) -> Finding:
    """Usage is to be split by resource group or tag, but no daily row says where it was used."""
    return Finding(
        "cost_centre_without_usage",
        "warning",
        f"The usage of {part.product_name or part.product_id} could not be split over cost centres: no daily rows with "
        "a cost are there",
        "If Microsoft delivers them later, run the month again before it is pushed.",
        part.cost,
        part.cost_currency,
        organisation,
        part.line_id,
        f"{organisation}/{part.product_id}",
    )


def rule_name(rule: PriceRule) -> str:
    """A rule in words, for findings and explanations."""
    scope = ":".join(part for part in (rule.product_id, rule.sku_id) if part) or "everything"
    value = "" if rule.value is None else f" {rule.value}"
    return f"{rule.kind}{value} for {scope}"
