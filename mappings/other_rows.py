"""Rows of all other tables: what is checked, and the value each becomes (interfaces.md section 4)."""

from __future__ import annotations

import re
from decimal import Decimal

from connector.domain.summarise import GROUPINGS as BY_NAME
from mappings.cells import Cells
from mappings.cost_centres import CostCentreShare, PurchaseOrder
from mappings.credits import CREDITS, POLICIES, CreditPolicy
from mappings.links import Organisation, TenantLink
from mappings.pricelist import ListPrice, Rate, Service

GROUPINGS = tuple(name for name in BY_NAME if name)


def read_organisation(cells: Cells) -> Organisation:
    country = cells.text("country").upper()
    if country and not re.fullmatch(r"[A-Z]{2}", country):
        cells.refuse("country", "country must be two letters, for example DE, or empty")
    code = cells.text("code", needed=True, limit=100)
    if code == "*":
        cells.refuse("code", "* means every organisation and cannot be the code of one")
    return Organisation(
        code=code,
        name=cells.text("name"),
        country=country,
        currency=cells.currency("currency"),
        group=cells.text("group"),
        ledger=cells.text("ledger"),
        ledger_customer=cells.text("ledger_customer"),
        email=cells.text("email"),
        purchase_order=cells.text("purchase_order"),
        grouping=cells.choice("grouping", GROUPINGS) if cells.raw("grouping") else "",
        global_offers=cells.choice("global_offers", ("undercut",)) if cells.raw("global_offers") else "",
    )


def read_link(cells: Cells) -> TenantLink:
    tenant = cells.vendor_id("tenant_id", needed=True).casefold().removeprefix("org:").strip()
    if not tenant and cells.raw("tenant_id"):
        cells.refuse("tenant_id", "write the id of one tenant; a link cannot stand for any")
    return TenantLink(tenant, cells.text("organisation", needed=True), *cells.span())


def read_list_price(cells: Cells) -> ListPrice | None:
    product, sku = cells.vendor_id("product_id", needed=True), cells.vendor_id("sku_id")
    term, billing = cells.term(), cells.anything("billing")
    currency, price = cells.currency("currency", needed=True), cells.number("price")
    if price is not None and price < 0:
        cells.refuse("price", "a list price must not be negative")
    first, last = cells.span()
    return None if price is None else ListPrice(product, sku, term, billing, currency, price, first, last)


def read_service(cells: Cells) -> Service | None:
    organisation, code = _whose(cells), cells.text("code", needed=True, limit=100)
    name = cells.text("name", needed=True)
    kind = cells.choice("kind", ("recurring", "one_off"))
    # how often a one-off is charged is no question; for a recurring one a guess would be twelve times wrong
    billing = cells.choice("billing", ("monthly", "annual"), default="monthly" if kind == "one_off" else "")
    proration = cells.choice("proration", ("none", "days"), default="none")
    price, currency = cells.number("price"), cells.currency("currency", needed=True)
    quantity = cells.number("quantity", needed=False) if cells.raw("quantity") else Decimal(1)
    first, last = cells.span()
    if not cells.raw("valid_from"):
        cells.refuse("valid_from", "valid_from is empty; a date is needed, for example 2026-10-01")
    if price is None or quantity is None or first is None:
        return None
    return Service(
        organisation,
        code,
        name,
        "recurring" if kind == "recurring" else "one_off",
        price,
        currency,
        quantity,
        "annual" if billing == "annual" else "monthly",
        "days" if proration == "days" else "none",
        first,
        last,
    )


def _whose(cells: Cells) -> str:
    """The organisation, or "" where the file says `*`; nothing at all is a mistake, not everybody."""
    organisation = cells.text("organisation", needed=True)
    return "" if organisation == "*" else organisation


def read_credit(cells: Cells) -> CreditPolicy:
    organisation = _whose(cells)
    credit, policy = cells.choice("credit", CREDITS), cells.choice("policy", POLICIES)
    first, last = cells.span()
    return CreditPolicy(
        organisation,
        credit,  # type: ignore[arg-type]  # one of CREDITS, or refused
        "keep" if policy == "keep" else "pass_on",
        first,
        last,
        cells.text("note", limit=2000),
    )


def read_cost_centre(cells: Cells) -> CostCentreShare:
    group, tag = cells.text("resource_group"), cells.text("tag")
    if group and tag:
        cells.refuse("tag", "a row is about a resource group or about a tag, not both")
    if tag and ("=" not in tag or tag.startswith("=")):
        cells.refuse("tag", "write the tag with its value, for example department=sales")
    name = cells.text("cost_centre", needed=True, limit=100)
    if name.startswith("("):
        cells.refuse("cost_centre", "a cost centre's name must not begin with a bracket")
    share = cells.number("share", needed=not (group or tag))
    if share is not None and share <= 0:
        cells.refuse("share", "a share must be more than 0: seats, percent or any other weight")
    first, last = cells.span()
    return CostCentreShare(
        cells.text("organisation", needed=True),
        cells.vendor_id("subscription_id"),
        group,
        tag,
        name,
        Decimal(1) if share is None else share,
        first,
        last,
    )


def read_purchase_order(cells: Cells) -> PurchaseOrder:
    order = cells.text("purchase_order", needed=True, limit=100)
    if order.startswith("("):
        cells.refuse("purchase_order", "a purchase order must not begin with a bracket")
    first, last = cells.span()
    return PurchaseOrder(
        cells.text("organisation", needed=True),
        cells.vendor_id("subscription_id"),
        cells.vendor_id("product_id"),
        order,
        first,
        last,
    )


def read_rate(cells: Cells) -> Rate | None:
    day = cells.day("date", needed=True)
    from_, to = cells.currency("from", needed=True), cells.currency("to", needed=True)
    if from_ and from_ == to:
        cells.refuse("to", "a rate leads from one currency to another; these are the same")
    rate = cells.number("rate")
    if rate is not None and rate <= 0:
        cells.refuse("rate", "a rate must be more than 0")
    return None if day is None or rate is None else Rate(day, from_, to, rate)
