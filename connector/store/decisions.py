"""What the partner has decided, in the database: organisations, links, prices, rates, services, ledgers.

Here rows become values and values rows; store/imports.py merges a file into them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, func, or_, select

from connector.domain.money import plain_text
from connector.store import tables
from mappings.cells import Kind
from mappings.cost_centres import CostCentreShare, PurchaseOrder
from mappings.credits import CreditPolicy
from mappings.decided import rule_id
from mappings.ledger_file import LedgerConnection, Reference
from mappings.links import Organisation, TenantLink
from mappings.manual_lines import ManualLine
from mappings.pricelist import ListPrice, PriceRule, Rate, Service, Tier

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """A row of a table: what identifies it there, its value, and the cells of columns we do not know."""

    identity: tuple[Any, ...]
    value: T
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Home(Generic[T]):
    """Where values of one kind live. `columns` turns a value and its row in the file into columns."""

    table: Table
    identity: tuple[str, ...]
    value: Callable[[Row[Any]], T]
    columns: Callable[[T, int], dict[str, Any]]

    def stored(
        self, connection: Connection, as_of: int | None = None, only: ColumnElement[bool] | None = None
    ) -> Iterator[Stored[T]]:
        """All rows that hold now, or held at change set `as_of`, in the order of their identity. `only`: of these."""
        query = select(self.table).order_by(*(self.table.c[name] for name in self.identity))
        if only is not None:
            query = query.where(only)
        if "until_import" in self.table.c:
            query = query.where(holding(self.table, as_of))
        for row in connection.execute(query.execution_options(yield_per=2000)):
            by_name = row._mapping
            identity = tuple(by_name[name] for name in self.identity)
            yield Stored(identity, self.value(row), dict(row.notes) if "notes" in self.table.c else {})

    def load(
        self, connection: Connection, as_of: int | None = None, only: ColumnElement[bool] | None = None
    ) -> list[T]:
        return [row.value for row in self.stored(connection, as_of, only)]


def holding(table: Table, as_of: int | None = None) -> ColumnElement[bool]:
    """Condition: the version of a row that holds now, or held at change set `as_of`."""
    until = table.c.until_import
    if as_of is None:
        return until.is_(None)
    return and_(table.c.import_no <= as_of, or_(until.is_(None), until > as_of))


def latest_import(connection: Connection) -> int:
    """The number of the last change set: what a run that begins now is priced from. 0: nothing was decided yet."""
    return connection.execute(select(func.max(tables.imports.c.no))).scalar_one() or 0


def organisations(connection: Connection, as_of: int | None = None) -> dict[str, Organisation]:
    """All organisations by code."""
    return {found.code: found for found in ORGANISATIONS.load(connection, as_of)}


def organisation_names(connection: Connection, as_of: int | None = None) -> dict[str, str]:
    """What an organisation is called on its documents, by code."""
    return {code: found.name or code for code, found in organisations(connection, as_of).items()}


def tenant_links(connection: Connection, as_of: int | None = None) -> list[TenantLink]:
    return LINKS.load(connection, as_of)


def price_rules(connection: Connection, as_of: int | None = None) -> list[PriceRule]:
    """One version of every rule that is not removed."""
    return PRICES.load(connection, as_of)


def list_prices(
    connection: Connection, as_of: int | None = None, products: Collection[str] | None = None
) -> list[ListPrice]:
    """The partner's own list prices and Microsoft's. `products`: of the latter only theirs, for sheets are long."""
    if products is None:
        return LIST_PRICES.load(connection, as_of)
    table = tables.list_prices
    found = LIST_PRICES.load(connection, as_of, table.c.view == "")
    wanted = sorted({product.casefold() for product in products})
    for start in range(0, len(wanted), 5000):
        # Microsoft's ids are ASCII, so the database folds them as we do
        mine = func.lower(table.c.product_id).in_(wanted[start : start + 5000])
        found += LIST_PRICES.load(connection, as_of, and_(table.c.view != "", mine))
    return found


def rates(connection: Connection, as_of: int | None = None) -> dict[tuple[str, str], list[Rate]]:
    """Rates by (from, to), oldest first."""
    found: dict[tuple[str, str], list[Rate]] = {}
    for rate in sorted(RATES.load(connection, as_of), key=lambda rate: rate.day):
        found.setdefault((rate.from_, rate.to), []).append(rate)
    return found


def services(connection: Connection, as_of: int | None = None) -> list[Service]:
    return SERVICES.load(connection, as_of)


def credit_policies(connection: Connection, as_of: int | None = None) -> list[CreditPolicy]:
    return CREDITS.load(connection, as_of)


def cost_centres(connection: Connection, as_of: int | None = None) -> list[CostCentreShare]:
    return COST_CENTRES.load(connection, as_of)


def purchase_orders(connection: Connection, as_of: int | None = None) -> list[PurchaseOrder]:
    return PURCHASE_ORDERS.load(connection, as_of)


def manual_lines(connection: Connection, period: str = "", as_of: int | None = None) -> list[ManualLine]:
    """The lines and discounts added by hand, of one period or of all."""
    return [line for line in MANUAL_LINES.load(connection, as_of) if period in ("", line.period)]


def ledgers(connection: Connection) -> list[LedgerConnection]:
    """The ledgers in their order; secrets are still references."""
    return sorted(LEDGERS.load(connection), key=lambda ledger: (ledger.position, ledger.name))


def codes_in_use(connection: Connection) -> dict[str, str]:
    """Organisations that cannot go, with what needs them."""
    users = {
        "prices": tables.price_rules,
        "tenant links": tables.tenant_links,
        "services": tables.services,
        "manual lines": tables.manual_lines,
        "credit policies": tables.credit_policies,
        "cost centres": tables.cost_centres,
        "purchase orders": tables.purchase_orders,
        "documents": tables.documents,
    }
    used: dict[str, str] = {}
    for name, table in users.items():
        query = select(table.c.organisation).distinct()
        if "until_import" in table.c:
            query = query.where(holding(table))
        used |= dict.fromkeys(connection.scalars(query), name)
    return used


_ORGANISATION = (
    "code",
    "name",
    "country",
    "currency",
    "group",
    "ledger",
    "ledger_customer",
    "email",
    "purchase_order",
    "grouping",
    "global_offers",
)
_LINK = ("tenant_id", "organisation", "valid_from", "valid_to")
_PRICE = (
    "version", "organisation", "product_id", "sku_id", "term", "billing", "subscription_id", "kind", "value",
    "currency", "valid_from", "valid_to", "offer", "note", "import_no", "row_no",
)  # fmt: skip
_LIST_PRICE = (
    "product_id", "sku_id", "term", "billing", "currency", "price", "valid_from", "valid_to", "view", "month",
)  # fmt: skip
_SERVICE = (
    "organisation", "code", "name", "kind", "price", "currency", "quantity", "billing", "proration",
    "valid_from", "valid_to",
)  # fmt: skip


_CREDIT = ("organisation", "credit", "policy", "valid_from", "valid_to", "note")
_COST_CENTRE = (
    "organisation", "subscription_id", "resource_group", "tag", "cost_centre", "share", "valid_from", "valid_to",
)  # fmt: skip
_PURCHASE_ORDER = ("organisation", "subscription_id", "product_id", "purchase_order", "valid_from", "valid_to")
_MANUAL_LINE = (
    "organisation", "code", "text", "period", "kind", "price", "quantity", "percent", "currency", "product_id",
    "reason", "author",
)  # fmt: skip


def _named(row: Row[Any], names: tuple[str, ...]) -> dict[str, Any]:
    by_name = row._mapping
    return {name: by_name[name] for name in names}


def _attributes(value: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def _price(row: Row[Any]) -> PriceRule:
    tiers = tuple(Tier(Decimal(quantity), Decimal(price)) for quantity, price in row.tiers)
    named = _named(row, _PRICE)
    # a version that an undo brought back ranks as it did before (store/change_sets.py)
    named["import_no"] = row.rank_import or row.import_no
    return PriceRule(id=row.rule_id, tiers=tiers, **named)


def _price_columns(rule: PriceRule, row_no: int) -> dict[str, Any]:
    """Without version and change set: those are given when it is written (store/imports.py)."""
    tiers = [[plain_text(tier.quantity), plain_text(tier.price)] for tier in rule.tiers]
    return _attributes(rule, _PRICE) | {
        "rule_id": rule_id(rule),
        "tiers": tiers,
        "row_no": row_no,
    }


def _ledger(row: Row[Any]) -> LedgerConnection:
    settings = {
        name: setting if isinstance(setting, str) else Reference(*next(iter(setting.items())))
        for name, setting in row.settings.items()
    }
    return LedgerConnection(row.name, row.kind, settings, row.position)


def _ledger_columns(ledger: LedgerConnection, row_no: int) -> dict[str, Any]:
    settings = {
        name: {setting.source: setting.name} if isinstance(setting, Reference) else setting
        for name, setting in ledger.settings.items()
    }
    return {"name": ledger.name, "kind": ledger.kind, "settings": settings, "position": ledger.position}


ORGANISATIONS = Home(
    tables.organisation_versions, ("id",), lambda row: Organisation(**_named(row, _ORGANISATION)),
    lambda value, _: _attributes(value, _ORGANISATION),
)  # fmt: skip
LINKS = Home(
    tables.tenant_links, ("id",), lambda row: TenantLink(**_named(row, _LINK)),
    lambda value, _: _attributes(value, _LINK),
)  # fmt: skip
PRICES = Home(tables.price_rules, ("rule_id", "version"), _price, _price_columns)
LIST_PRICES = Home(
    tables.list_prices, ("id",), lambda row: ListPrice(**_named(row, _LIST_PRICE)),
    lambda value, _: _attributes(value, _LIST_PRICE),
)  # fmt: skip
RATES = Home(
    tables.rates, ("id",),
    lambda row: Rate(row.day, row._mapping["from"], row.to, row.rate),
    lambda value, _: {"day": value.day, "from": value.from_, "to": value.to, "rate": value.rate},
)  # fmt: skip
SERVICES = Home(
    tables.services, ("id",), lambda row: Service(**_named(row, _SERVICE)),
    lambda value, _: _attributes(value, _SERVICE),
)  # fmt: skip
CREDITS = Home(
    tables.credit_policies, ("id",), lambda row: CreditPolicy(**_named(row, _CREDIT)),
    lambda value, _: _attributes(value, _CREDIT),
)  # fmt: skip
COST_CENTRES = Home(
    tables.cost_centres, ("id",), lambda row: CostCentreShare(**_named(row, _COST_CENTRE)),
    lambda value, _: _attributes(value, _COST_CENTRE),
)  # fmt: skip
PURCHASE_ORDERS = Home(
    tables.purchase_orders, ("id",), lambda row: PurchaseOrder(**_named(row, _PURCHASE_ORDER)),
    lambda value, _: _attributes(value, _PURCHASE_ORDER),
)  # fmt: skip
MANUAL_LINES = Home(
    tables.manual_lines, ("id",), lambda row: ManualLine(**_named(row, _MANUAL_LINE)),
    lambda value, _: _attributes(value, _MANUAL_LINE),
)  # fmt: skip
LEDGERS = Home(tables.ledgers, ("name",), _ledger, _ledger_columns)
HOMES: dict[Kind, Home[Any]] = {
    "organisations": ORGANISATIONS, "links": LINKS, "prices": PRICES, "list-prices": LIST_PRICES,
    "services": SERVICES, "rates": RATES, "credits": CREDITS, "cost-centres": COST_CENTRES,
    "purchase-orders": PURCHASE_ORDERS, "ledgers": LEDGERS,
}  # fmt: skip
