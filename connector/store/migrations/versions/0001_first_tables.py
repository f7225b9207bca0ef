"""First tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import connector.store.types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("at", connector.store.types.UtcTime(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("no", name=op.f("pk_audit")),
        sa.UniqueConstraint("hash", name=op.f("uq_audit_hash")),
    )
    op.create_table(
        "counters",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    op.create_table(
        "findings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("severity", sa.String(length=8), nullable=False),
        sa.Column("amount", connector.store.types.Exact(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("where", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
    )
    with op.batch_alter_table("findings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_findings_period"), ["period"], unique=False)

    op.create_table(
        "imports",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("at", connector.store.types.UtcTime(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("no", name=op.f("pk_imports")),
    )
    op.create_table(
        "inbox",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("received_at", connector.store.types.UtcTime(), nullable=False),
        sa.Column("event_name", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("handled_at", connector.store.types.UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_inbox")),
    )
    op.create_table(
        "ledgers",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("settings", connector.store.types.Json(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_ledgers")),
    )
    op.create_table(
        "list_prices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("sku_id", sa.Text(), nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("billing", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("price", connector.store.types.Exact(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("import_no", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_prices")),
    )
    op.create_table(
        "organisations",
        sa.Column("code", sa.String(length=100), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("group", sa.Text(), nullable=False),
        sa.Column("ledger", sa.Text(), nullable=False),
        sa.Column("ledger_customer", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("purchase_order", sa.Text(), nullable=False),
        sa.Column("notes", connector.store.types.Json(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_organisations")),
    )
    op.create_table(
        "periods",
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("state", sa.String(length=14), nullable=False),
        sa.Column("priced_at", connector.store.types.UtcTime(), nullable=True),
        sa.Column("balance", connector.store.types.Json(), nullable=False),
        sa.PrimaryKeyConstraint("period", name=op.f("pk_periods")),
    )
    op.create_table(
        "price_rules",
        sa.Column("rule_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("sku_id", sa.Text(), nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("billing", sa.Text(), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("value", connector.store.types.Exact(), nullable=True),
        sa.Column("tiers", connector.store.types.Json(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("offer", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("import_no", sa.Integer(), nullable=False),
        sa.Column("row_no", sa.Integer(), nullable=False),
        sa.Column("notes", connector.store.types.Json(), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", "version", name=op.f("pk_price_rules")),
    )
    op.create_table(
        "rates",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("from", sa.String(length=3), nullable=False),
        sa.Column("to", sa.String(length=3), nullable=False),
        sa.Column("rate", connector.store.types.Exact(), nullable=False),
        sa.Column("import_no", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "from", "to", name=op.f("pk_rates")),
    )
    op.create_table(
        "sealed_secrets",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("changed_at", connector.store.types.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sealed_secrets")),
    )
    op.create_table(
        "services",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("price", connector.store.types.Exact(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("quantity", connector.store.types.Exact(), nullable=False),
        sa.Column("billing", sa.Text(), nullable=False),
        sa.Column("proration", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("import_no", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_services")),
        sa.UniqueConstraint(
            "organisation", "code", "valid_from", name=op.f("uq_services_organisation_code_valid_from")
        ),
    )
    op.create_table(
        "slots",
        sa.Column("schedule", sa.String(length=30), nullable=False),
        sa.Column("slot", sa.String(length=30), nullable=False),
        sa.Column("taken_at", connector.store.types.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("schedule", "slot", name=op.f("pk_slots")),
    )
    op.create_table(
        "vendor_invoices",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("platform", sa.String(length=20), nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("invoice_date", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("header_total", connector.store.types.Exact(), nullable=True),
        sa.Column("document_type", sa.Text(), nullable=False),
        sa.Column("voided", sa.Boolean(), nullable=False),
        sa.Column("replaces", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("details", connector.store.types.Json(), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("arrival", sa.String(length=10), nullable=False),
        sa.Column("arrival_note", sa.Text(), nullable=False),
        sa.Column("set_tag", sa.Text(), nullable=False),
        sa.Column("pulled_at", connector.store.types.UtcTime(), nullable=True),
        sa.Column("first_seen", connector.store.types.UtcTime(), nullable=False),
        sa.Column("accepted_amount", connector.store.types.Exact(), nullable=True),
        sa.Column("accepted_reason", sa.Text(), nullable=False),
        sa.Column("accepted_by", sa.Text(), nullable=False),
        sa.CheckConstraint("arrival IN ('announced','waiting','whole')", name=op.f("ck_vendor_invoices_arrival")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vendor_invoices")),
    )
    with op.batch_alter_table("vendor_invoices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_vendor_invoices_period"), ["period"], unique=False)

    op.create_table(
        "work",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task", sa.String(length=30), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("queue", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=6), nullable=False),
        sa.Column("due_at", connector.store.types.UtcTime(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", connector.store.types.UtcTime(), nullable=True),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("since", connector.store.types.UtcTime(), nullable=False),
        sa.Column("done_at", connector.store.types.UtcTime(), nullable=True),
        sa.CheckConstraint("state IN ('due','done','held')", name=op.f("ck_work_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work")),
        sa.UniqueConstraint("task", "subject", name=op.f("uq_work_task_subject")),
    )
    op.create_table(
        "documents",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("organisation", sa.String(length=100), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("net_total", connector.store.types.Exact(), nullable=False),
        sa.Column("costs", connector.store.types.Json(), nullable=False),
        sa.Column("organisation_name", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("issue_date", sa.Date(), nullable=True),
        sa.Column("held_reason", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("made_at", connector.store.types.UtcTime(), nullable=False),
        sa.CheckConstraint("state IN ('open','frozen')", name=op.f("ck_documents_state")),
        sa.ForeignKeyConstraint(["organisation"], ["organisations.code"], name=op.f("fk_documents_organisation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
        sa.UniqueConstraint("key", name=op.f("uq_documents_key")),
        sa.UniqueConstraint(
            "period",
            "organisation",
            "currency",
            "revision",
            name=op.f("uq_documents_period_organisation_currency_revision"),
        ),
    )
    with op.batch_alter_table("documents", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_documents_period"), ["period"], unique=False)

    op.create_table(
        "raw_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("set_tag", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("pulled_at", connector.store.types.UtcTime(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["vendor_invoices.id"], name=op.f("fk_raw_files_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_raw_files")),
    )
    with op.batch_alter_table("raw_files", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_raw_files_invoice_id"), ["invoice_id"], unique=False)

    op.create_table(
        "tenant_links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.String(length=100), nullable=False),
        sa.Column("organisation", sa.String(length=100), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("import_no", sa.Integer(), nullable=False),
        sa.Column("notes", connector.store.types.Json(), nullable=False),
        sa.ForeignKeyConstraint(["organisation"], ["organisations.code"], name=op.f("fk_tenant_links_organisation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenant_links")),
    )
    with op.batch_alter_table("tenant_links", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tenant_links_tenant_id"), ["tenant_id"], unique=False)

    op.create_table(
        "usage_groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("sku_id", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("amount", connector.store.types.Exact(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["vendor_invoices.id"], name=op.f("fk_usage_groups_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_groups")),
        sa.UniqueConstraint(
            "invoice_id",
            "tenant_id",
            "subscription_id",
            "product_id",
            "sku_id",
            name=op.f("uq_usage_groups_invoice_id_tenant_id_subscription_id_product_id_sku_id"),
        ),
    )
    with op.batch_alter_table("usage_groups", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_usage_groups_invoice_id"), ["invoice_id"], unique=False)

    op.create_table(
        "document_lines",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("document_id", sa.String(length=20), nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("quantity", connector.store.types.Exact(), nullable=False),
        sa.Column("unit_price", connector.store.types.Exact(), nullable=False),
        sa.Column("amount", connector.store.types.Exact(), nullable=False),
        sa.Column("cost", connector.store.types.Exact(), nullable=False),
        sa.Column("cost_currency", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("sku_id", sa.Text(), nullable=False),
        sa.Column("product_name", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("price_text", sa.Text(), nullable=False),
        sa.Column("outlook", sa.Text(), nullable=False),
        sa.Column("price_from", sa.Date(), nullable=True),
        sa.Column("usage_sets", connector.store.types.Json(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name=op.f("fk_document_lines_document_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_lines")),
        sa.UniqueConstraint("document_id", "no", name=op.f("uq_document_lines_document_id_no")),
    )
    with op.batch_alter_table("document_lines", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_lines_document_id"), ["document_id"], unique=False)

    op.create_table(
        "lines",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("invoice_id", sa.String(length=40), nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("platform", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("charge_type", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("customer_name", sa.Text(), nullable=False),
        sa.Column("customer_domain", sa.Text(), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("sku_id", sa.Text(), nullable=False),
        sa.Column("product_name", sa.Text(), nullable=False),
        sa.Column("sku_name", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("subtotal", connector.store.types.Exact(), nullable=False),
        sa.Column("tax", connector.store.types.Exact(), nullable=False),
        sa.Column("unit_price", connector.store.types.Exact(), nullable=True),
        sa.Column("effective_unit_price", connector.store.types.Exact(), nullable=True),
        sa.Column("billable_quantity", connector.store.types.Exact(), nullable=False),
        sa.Column("charge_start", sa.Date(), nullable=True),
        sa.Column("charge_end", sa.Date(), nullable=True),
        sa.Column("subscription_start", sa.Date(), nullable=True),
        sa.Column("subscription_end", sa.Date(), nullable=True),
        sa.Column("billing", sa.Text(), nullable=False),
        sa.Column("term_text", sa.Text(), nullable=False),
        sa.Column("order_date", connector.store.types.UtcTime(), nullable=True),
        sa.Column("reference_id", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("availability_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("credit_reason", sa.Text(), nullable=False),
        sa.Column("promotion_id", sa.Text(), nullable=False),
        sa.Column("qualifiers", sa.Text(), nullable=False),
        sa.Column("reservation_order_id", sa.Text(), nullable=False),
        sa.Column("adjustment", sa.Text(), nullable=False),
        sa.Column("subscription_name", sa.Text(), nullable=False),
        sa.Column("pricing_currency", sa.Text(), nullable=False),
        sa.Column("exchange_rate", connector.store.types.Exact(), nullable=True),
        sa.Column("exchange_date", sa.Date(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["raw_files.id"], name=op.f("fk_lines_file_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["vendor_invoices.id"], name=op.f("fk_lines_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lines")),
        sa.UniqueConstraint("file_id", "line_no", name=op.f("uq_lines_file_id_line_no")),
    )
    with op.batch_alter_table("lines", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lines_invoice_id"), ["invoice_id"], unique=False)
        batch_op.create_index("ix_lines_subscription", ["subscription_id", "charge_end"], unique=False)

    op.create_table(
        "links",
        sa.Column("document_id", sa.String(length=20), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", connector.store.types.UtcTime(), nullable=False),
        sa.Column("expires_at", connector.store.types.UtcTime(), nullable=False),
        sa.Column("revoked_at", connector.store.types.UtcTime(), nullable=True),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("last_opened_at", connector.store.types.UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name=op.f("fk_links_document_id")),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_links_token_hash")),
    )
    op.create_table(
        "postings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.String(length=20), nullable=False),
        sa.Column("step", sa.String(length=10), nullable=False),
        sa.Column("ledger", sa.String(length=60), nullable=False),
        sa.Column("ref", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", connector.store.types.UtcTime(), nullable=True),
        sa.Column("sent_at", connector.store.types.UtcTime(), nullable=True),
        sa.Column("request_hash", sa.String(length=64), nullable=True),
        sa.Column("remote_id", sa.String(length=100), nullable=True),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("read_back_total", connector.store.types.Exact(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", connector.store.types.UtcTime(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("last_error_code", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('planned','sending','unknown','posted','verified','held')",
            name=op.f("ck_postings_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('posted','verified') OR (remote_id IS NOT NULL AND request_hash IS NOT NULL)",
            name=op.f("ck_postings_posted_has_id"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('sending','unknown') OR sent_at IS NOT NULL",
            name=op.f("ck_postings_sending_has_sent_at"),
        ),
        sa.CheckConstraint("step IN ('create','finalise')", name=op.f("ck_postings_step")),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name=op.f("fk_postings_document_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_postings")),
        sa.UniqueConstraint("document_id", "step", name=op.f("uq_postings_document_id_step")),
        sa.UniqueConstraint("ledger", "ref", "step", name=op.f("uq_postings_ledger_ref_step")),
        sa.UniqueConstraint("ledger", "remote_id", "step", name=op.f("uq_postings_ledger_remote_id_step")),
    )
    op.create_table(
        "quarantined_lines",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.String(length=40), nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("subtotal", connector.store.types.Exact(), nullable=True),
        sa.Column("tax", connector.store.types.Exact(), nullable=True),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["raw_files.id"], name=op.f("fk_quarantined_lines_file_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["vendor_invoices.id"], name=op.f("fk_quarantined_lines_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantined_lines")),
        sa.UniqueConstraint("file_id", "line_no", name=op.f("uq_quarantined_lines_file_id_line_no")),
    )
    with op.batch_alter_table("quarantined_lines", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_quarantined_lines_invoice_id"), ["invoice_id"], unique=False)

    op.create_table(
        "calculations",
        sa.Column("document_line_id", sa.String(length=40), nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("op", sa.Text(), nullable=False),
        sa.Column("operands", connector.store.types.Json(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("invoice_id", sa.Text(), nullable=False),
        sa.Column("rule", connector.store.types.Json(), nullable=True),
        sa.Column("lost", connector.store.types.Json(), nullable=False),
        sa.Column("cost", connector.store.types.Exact(), nullable=False),
        sa.Column("cost_currency", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_line_id"], ["document_lines.id"], name=op.f("fk_calculations_document_line_id")
        ),
        sa.PrimaryKeyConstraint("document_line_id", "no", name=op.f("pk_calculations")),
    )
    op.create_table(
        "parts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document_line_id", sa.String(length=40), nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.String(length=40), nullable=False),
        sa.Column("reversal", sa.Boolean(), nullable=False),
        sa.Column("charge_type", sa.Text(), nullable=False),
        sa.Column("start", sa.Date(), nullable=True),
        sa.Column("end", sa.Date(), nullable=True),
        sa.Column("days", sa.Integer(), nullable=True),
        sa.Column("cycle_begin", sa.Date(), nullable=True),
        sa.Column("cycle_end", sa.Date(), nullable=True),
        sa.Column("cycle_days", sa.Integer(), nullable=True),
        sa.Column("quantity", connector.store.types.Exact(), nullable=False),
        sa.Column("unit_price", connector.store.types.ExactFraction(), nullable=True),
        sa.Column("exact", connector.store.types.ExactFraction(), nullable=False),
        sa.Column("amount", connector.store.types.Exact(), nullable=False),
        sa.Column("reverses", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("rate", connector.store.types.Exact(), nullable=True),
        sa.Column("rate_date", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["document_line_id"], ["document_lines.id"], name=op.f("fk_parts_document_line_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parts")),
        sa.UniqueConstraint("document_line_id", "no", name=op.f("uq_parts_document_line_id_no")),
    )
    with op.batch_alter_table("parts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_parts_document_line_id"), ["document_line_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_parts_line_id"), ["line_id"], unique=False)

    op.create_table(
        "placements",
        sa.Column("line_id", sa.String(length=40), nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint("outcome IN ('invoiced','unmatched','not_charged')", name=op.f("ck_placements_outcome")),
        sa.ForeignKeyConstraint(["line_id"], ["lines.id"], name=op.f("fk_placements_line_id")),
        sa.PrimaryKeyConstraint("line_id", name=op.f("pk_placements")),
    )
    with op.batch_alter_table("placements", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_placements_period"), ["period"], unique=False)

    # views hold no data: the last migration makes them, from the code of its day


def downgrade() -> None:
    raise RuntimeError("restore a backup instead: money is never migrated backwards")
