"""What makes two imported rows the same row, and how a row is shown (interfaces.md section 8, "Import").

The key of a price rule is every column but value, valid_to and note; Microsoft's ids and words are compared
without case.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import date

from connector.domain.money import plain_text
from mappings.cost_centres import CostCentreShare, PurchaseOrder
from mappings.credits import CreditPolicy
from mappings.ledger_file import LedgerConnection, Reference
from mappings.links import Organisation, TenantLink
from mappings.pricelist import ListPrice, PriceRule, Rate, Service, Tier

Decision = (
    Organisation
    | TenantLink
    | PriceRule
    | ListPrice
    | Service
    | Rate
    | CreditPolicy
    | CostCentreShare
    | PurchaseOrder
    | LedgerConnection
)


def key_of(value: Decision) -> tuple[str, ...]:
    """The key: a later row with the same one is a new version of the earlier.

    >>> from decimal import Decimal
    >>> key_of(Rate(date(2026, 10, 1), "USD", "EUR", Decimal("0.92")))
    ('2026-10-01', 'USD', 'EUR')
    """
    match value:
        case Organisation():
            return (value.code,)
        case TenantLink():
            return (value.tenant_id, value.organisation, _day(value.valid_from))
        case PriceRule():
            scope = (value.product_id, value.sku_id, value.term, value.billing, value.subscription_id)
            return (
                value.organisation,
                *(part.casefold() for part in scope),
                value.kind,
                value.currency,
                _day(value.valid_from),
                "yes" if value.offer else "",
            )
        case ListPrice():
            scope_of_price = (value.product_id, value.sku_id, value.term, value.billing)
            return (*(part.casefold() for part in scope_of_price), value.currency, _day(value.valid_from), value.view)
        case Service():
            return (value.organisation, value.code, _day(value.valid_from))
        case Rate():
            return (_day(value.day), value.from_, value.to)
        case CreditPolicy():
            return (value.organisation, value.credit, _day(value.valid_from))
        case CostCentreShare():
            scope_of_share = (value.subscription_id, value.resource_group, value.tag)
            folded = (part.casefold() for part in scope_of_share)
            return (value.organisation, *folded, value.cost_centre, _day(value.valid_from))
        case PurchaseOrder():
            scope_of_order = (value.subscription_id.casefold(), value.product_id.casefold())
            return (value.organisation, *scope_of_order, _day(value.valid_from))
        case LedgerConnection():
            return (value.name,)


def content_of(value: Decision) -> tuple[tuple[str, str], ...]:
    """Everything outside the key, as (column, text); numbers without trailing zeros, so 12.5 equals 12.50."""
    match value:
        case Organisation():
            return (
                ("name", value.name),
                ("country", value.country),
                ("currency", value.currency),
                ("group", value.group),
                ("ledger", value.ledger),
                ("ledger_customer", value.ledger_customer),
                ("email", value.email),
                ("purchase_order", value.purchase_order),
                ("grouping", value.grouping),
                ("global_offers", value.global_offers),
            )
        case TenantLink():
            return (("valid_to", _day(value.valid_to)),)
        case PriceRule():
            number = "" if value.value is None else plain_text(value.value)
            shown = tiers_text(value.tiers) if value.tiers else number
            return (("value", shown), ("valid_to", _day(value.valid_to)), ("note", value.note))
        case ListPrice():
            return (("price", plain_text(value.price)), ("valid_to", _day(value.valid_to)))
        case Service():
            return (
                ("name", value.name),
                ("kind", value.kind),
                ("price", plain_text(value.price)),
                ("currency", value.currency),
                ("quantity", plain_text(value.quantity)),
                ("billing", value.billing),
                ("proration", value.proration),
                ("valid_to", _day(value.valid_to)),
            )
        case Rate():
            return (("rate", plain_text(value.rate)),)
        case CreditPolicy():
            return (("policy", value.policy), ("valid_to", _day(value.valid_to)), ("note", value.note))
        case CostCentreShare():
            return (("share", plain_text(value.share)), ("valid_to", _day(value.valid_to)))
        case PurchaseOrder():
            return (("purchase_order", value.purchase_order), ("valid_to", _day(value.valid_to)))
        case LedgerConnection():
            settings = sorted(value.settings.items())
            return (
                ("kind", value.kind),
                *((f"settings.{name}", _setting(setting)) for name, setting in settings),
                ("position", str(value.position)),
            )


def key_text(value: Decision) -> str:
    """The key as a person reads it: the filled columns, as they were written."""
    parts: tuple[str, ...]
    match value:
        case PriceRule():
            scope = (value.product_id, value.sku_id, value.term, value.billing, value.subscription_id)
            parts = (
                value.organisation or "*",
                *scope,
                value.kind,
                value.currency,
                _since(value.valid_from),
                "offer" if value.offer else "",
            )
        case ListPrice():
            parts = (
                value.product_id,
                value.sku_id,
                value.term,
                value.billing,
                value.currency,
                _since(value.valid_from),
                value.view,
            )
        case TenantLink():
            parts = (value.tenant_id, value.organisation, _since(value.valid_from))
        case Service():
            parts = (value.organisation or "*", value.code, _since(value.valid_from))
        case CreditPolicy():
            parts = (value.organisation or "*", value.credit, _since(value.valid_from))
        case CostCentreShare():
            scope = (value.subscription_id, value.resource_group, value.tag, value.cost_centre, "")
            parts = (value.organisation, *scope, _since(value.valid_from))
        case PurchaseOrder():
            parts = (value.organisation, value.subscription_id, value.product_id, _since(value.valid_from))
        case _:
            parts = key_of(value)
    return " ".join(part for part in parts if part)


def content_text(value: Decision, notes: dict[str, str]) -> str:
    """The filled columns outside the key, for a list of changes."""
    filled = [f"{name}={text}" for name, text in content_of(value) if text]
    return ", ".join(filled + [f"{name}={text}" for name, text in sorted(notes.items())])


def rule_id(rule: PriceRule) -> str:
    """A stable id from the key: the same rule has it in every database and every version.

    >>> from dataclasses import replace
    >>> rule = PriceRule("", 1, "", "", "", "", "", "", "markup", None, (), "", None, None, False, "", 1, 2)
    >>> rule_id(rule) == rule_id(replace(rule, note="another")), len(rule_id(rule))
    (True, 18)
    """
    digest = hashlib.sha256(json.dumps(key_of(rule), ensure_ascii=False).encode()).digest()
    return "r_" + base64.b32encode(digest[:10]).decode().lower()


def tiers_text(tiers: tuple[Tier, ...]) -> str:
    """Tiers as the value column has them.

    >>> from decimal import Decimal
    >>> tiers_text((Tier(Decimal(1), Decimal("12.50")), Tier(Decimal(50), Decimal(11))))
    '1:12.5;50:11'
    """
    return ";".join(f"{plain_text(tier.quantity)}:{plain_text(tier.price)}" for tier in tiers)


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def _since(day: date | None) -> str:
    return f"from {day.isoformat()}" if day else ""


def _setting(setting: str | Reference) -> str:
    return f"{{{setting.source}={setting.name}}}" if isinstance(setting, Reference) else setting
