"""Every decision keeps its versions; closings, forecasts, manual lines, credit policies, cost centres"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

import connector.store.types as types
from connector.store.customer_view import CUSTOMER_VIEWS

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ORGANISATION = ("name", "country", "currency", "group", "ledger", "ledger_customer", "email", "purchase_order")


def upgrade() -> None:
    # the last migration makes the views; when another follows, these two steps move there
    for view in reversed(CUSTOMER_VIEWS):
        op.execute(f"DROP VIEW IF EXISTS {view}")
    _tables()
    for statement in CUSTOMER_VIEWS.values():
        op.execute(statement)


def _tables() -> None:
    op.add_column("imports", _text("why"))
    op.add_column("imports", sa.Column("undoes", sa.Integer(), nullable=True))
    _organisations()
    for table in ("tenant_links", "price_rules", "list_prices"):
        op.add_column(table, sa.Column("until_import", sa.Integer(), nullable=True))
    op.add_column("price_rules", sa.Column("rank_import", sa.Integer(), nullable=True))
    op.add_column("list_prices", _notes())
    op.add_column("list_prices", sa.Column("view", sa.String(length=40), nullable=False, server_default=""))
    op.add_column("list_prices", sa.Column("month", sa.String(length=7), nullable=False, server_default=""))
    _ended_rules()
    _rates()
    _services()
    for table in ("tenant_links", "price_rules", "list_prices", "rates", "services"):
        op.create_index(op.f(f"ix_{table}_until_import"), table, ["until_import"])
    _new_decisions()
    _documents()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default="")


def _notes() -> sa.Column[Any]:
    return sa.Column("notes", types.Json(), nullable=False, server_default="{}")


def _versions() -> list[sa.Column[Any]]:
    return [
        sa.Column("import_no", sa.Integer(), nullable=False),
        sa.Column("until_import", sa.Integer(), nullable=True),
        _notes(),
    ]


def _organisations() -> None:
    op.create_table(
        "organisation_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=100), nullable=False),
        *[_text(name) for name in (*_ORGANISATION, "grouping", "global_offers")],
        *_versions(),
        sa.ForeignKeyConstraint(["code"], ["organisations.code"], name=op.f("fk_organisation_versions_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation_versions")),
    )
    op.create_index(op.f("ix_organisation_versions_code"), "organisation_versions", ["code"])
    op.create_index(op.f("ix_organisation_versions_until_import"), "organisation_versions", ["until_import"])
    # what is known holds from the beginning: which file brought it was not kept
    columns = ", ".join(f'"{name}"' for name in (*_ORGANISATION, "notes"))
    op.execute(
        f"INSERT INTO organisation_versions (code, {columns}, import_no) SELECT code, {columns}, 0 FROM organisations"
    )
    for name in (*_ORGANISATION, "notes"):
        op.drop_column("organisations", name)


def _ended_rules() -> None:
    """A version ended with the import that brought the next one; a removed rule with one that is not known."""
    op.execute(
        "UPDATE price_rules SET until_import = COALESCE((SELECT MIN(n.import_no) FROM price_rules n "
        "WHERE n.rule_id = price_rules.rule_id AND n.version > price_rules.version), "
        "(SELECT MAX(no) FROM imports)) WHERE NOT current"
    )
    op.drop_column("price_rules", "current")


def _rates() -> None:
    op.rename_table("rates", "old_rates")
    op.create_table(
        "rates",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("from", sa.String(length=3), nullable=False),
        sa.Column("to", sa.String(length=3), nullable=False),
        sa.Column("rate", types.Exact(), nullable=False),
        *_versions(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rates_versions")),
    )
    columns = 'day, "from", "to", rate, import_no'
    op.execute(f"INSERT INTO rates ({columns}) SELECT {columns} FROM old_rates")
    op.drop_table("old_rates")


def _services() -> None:
    """Without the unique key: versions of a service share it."""
    op.rename_table("services", "old_services")
    op.create_table(
        "services",
        sa.Column("id", sa.Integer(), nullable=False),
        *[_text(name) for name in ("organisation", "code", "name", "kind")],
        sa.Column("price", types.Exact(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("quantity", types.Exact(), nullable=False),
        _text("billing"),
        _text("proration"),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        *_versions(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_services_versions")),
    )
    columns = (
        "organisation, code, name, kind, price, currency, quantity, billing, proration, valid_from, valid_to, import_no"
    )
    op.execute(f"INSERT INTO services ({columns}) SELECT {columns} FROM old_services")
    op.drop_table("old_services")


def _decision(table: str, *columns: sa.Column[Any]) -> None:
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), nullable=False),
        *columns,
        *_versions(),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_until_import"), table, ["until_import"])


def _new_decisions() -> None:
    def span() -> list[sa.Column[Any]]:
        return [
            sa.Column("valid_from", sa.Date(), nullable=True),
            sa.Column("valid_to", sa.Date(), nullable=True),
        ]

    _decision(
        "manual_lines",
        *[_text(name) for name in ("organisation", "code", "text")],
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("price", types.Exact(), nullable=True),
        sa.Column("quantity", types.Exact(), nullable=False),
        sa.Column("percent", types.Exact(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        *[_text(name) for name in ("product_id", "reason", "author")],
    )
    op.create_index(op.f("ix_manual_lines_period"), "manual_lines", ["period"])
    credit = [_text(name) for name in ("organisation", "credit", "policy", "note")]
    _decision("credit_policies", *credit, *span())
    _decision(
        "cost_centres",
        *[_text(name) for name in ("organisation", "subscription_id", "resource_group", "tag", "cost_centre")],
        sa.Column("share", types.Exact(), nullable=True),
        *span(),
    )
    _decision(
        "price_sheets",
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("market", sa.String(length=2), nullable=False),
        sa.Column("view", sa.String(length=40), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        _text("file"),
    )
    order = [_text(name) for name in ("organisation", "subscription_id", "product_id", "purchase_order")]
    _decision("purchase_orders", *order, *span())


def _documents() -> None:
    op.add_column("documents", sa.Column("origin", sa.String(length=10), nullable=False, server_default="month"))
    op.add_column("documents", _text("reason"))
    op.add_column("documents", sa.Column("decided_import", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("documents", sa.Column("inputs", types.Json(), nullable=False, server_default="{}"))
    op.add_column("raw_files", sa.Column("read_as", types.Json(), nullable=False, server_default="{}"))
    op.add_column("document_lines", _text("label"))
    op.add_column("lines", _text("publisher"))
    op.add_column("parts", _text("split"))
    op.add_column("calculations", sa.Column("before", types.Json(), nullable=False, server_default="[]"))
    op.create_table(
        "closings",
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("closed_at", types.UtcTime(), nullable=False),
        _text("who"),
        _text("why"),
        sa.Column("certificate", types.Json(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("period", name=op.f("pk_closings")),
    )
    op.create_table(
        "forecasts",
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("pulled_at", types.UtcTime(), nullable=False),
        sa.Column("files", types.Json(), nullable=False),
        sa.Column("view", types.Json(), nullable=False),
        sa.PrimaryKeyConstraint("period", name=op.f("pk_forecasts")),
    )


def downgrade() -> None:
    raise RuntimeError("restore a backup instead: money is never migrated backwards")
