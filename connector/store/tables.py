"""All tables. Constraints repeat the invariants of reliability.md section 3 where a database can hold them."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from connector.store.types import Exact, ExactFraction, Json, UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null, default=None if null else "")


# --- what Microsoft says -------------------------------------------------------------------------------------

vendor_invoices = Table(
    "vendor_invoices",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("platform", String(20), nullable=False),
    Column("period", String(7), nullable=False, index=True),
    Column("invoice_date", Date, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("header_total", Exact),
    _text("document_type"),
    Column("voided", Boolean, nullable=False, default=False),
    _text("replaces"),
    Column("revision", Integer, nullable=False, default=1),
    Column("details", Json, nullable=False, default=list),
    Column("source", String(10), nullable=False, default="api"),
    # announced: seen, not pulled; whole: every file arrived and was accepted; waiting: pulled, not accepted
    Column("arrival", String(10), nullable=False, default="announced"),
    _text("arrival_note"),
    _text("set_tag"),
    Column("pulled_at", UtcTime),
    Column("first_seen", UtcTime, nullable=False),
    Column("accepted_amount", Exact),
    _text("accepted_reason"),
    _text("accepted_by"),
    CheckConstraint("arrival IN ('announced','waiting','whole')", name="arrival"),
)

raw_files = Table(
    "raw_files",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("invoice_id", String(40), ForeignKey("vendor_invoices.id"), nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    _text("set_tag"),
    _text("name"),
    _text("path"),
    Column("size", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("pulled_at", UtcTime, nullable=False),
    Column("current", Boolean, nullable=False, default=True),
    # how a file downloaded by hand is to be read: {"decimal", "dates"}, so that it can be read again in the same way
    Column("read_as", Json, nullable=False, default=dict),
)

lines = Table(
    "lines",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("invoice_id", String(40), ForeignKey("vendor_invoices.id"), nullable=False, index=True),
    Column("file_id", Integer, ForeignKey("raw_files.id"), nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("platform", String(20), nullable=False),
    Column("kind", String(12), nullable=False),
    *[
        _text(name)
        for name in (
            "charge_type",
            "tenant_id",
            "customer_name",
            "customer_domain",
            "subscription_id",
            "product_id",
            "sku_id",
            "product_name",
            "sku_name",
        )
    ],
    Column("currency", String(3), nullable=False),
    Column("subtotal", Exact, nullable=False),
    Column("tax", Exact, nullable=False),
    Column("unit_price", Exact),
    Column("effective_unit_price", Exact),
    Column("billable_quantity", Exact, nullable=False),
    *[Column(name, Date) for name in ("charge_start", "charge_end", "subscription_start", "subscription_end")],
    _text("billing"),
    _text("term_text"),
    Column("order_date", UtcTime),
    *[
        _text(name)
        for name in (
            "reference_id",
            "meter",
            "availability_id",
            "order_id",
            "credit_reason",
            "promotion_id",
            "qualifiers",
            "reservation_order_id",
            "adjustment",
            "subscription_name",
            "pricing_currency",
        )
    ],
    Column("exchange_rate", Exact),
    Column("exchange_date", Date),
    _text("unit"),
    # whose product it is, for choosing prices; "" on lines read before it was kept
    _text("publisher"),
    UniqueConstraint("file_id", "line_no"),
    Index("ix_lines_subscription", "subscription_id", "charge_end"),
)

quarantined_lines = Table(
    "quarantined_lines",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("invoice_id", String(40), ForeignKey("vendor_invoices.id"), nullable=False, index=True),
    Column("file_id", Integer, ForeignKey("raw_files.id"), nullable=False),
    Column("line_no", Integer, nullable=False),
    _text("reason"),
    Column("raw", LargeBinary, nullable=False),
    Column("subtotal", Exact),
    Column("tax", Exact),
    _text("tenant_id"),
    _text("currency"),
    UniqueConstraint("file_id", "line_no"),
)

usage_groups = Table(
    "usage_groups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("invoice_id", String(40), ForeignKey("vendor_invoices.id"), nullable=False, index=True),
    *[_text(name) for name in ("tenant_id", "subscription_id", "product_id", "sku_id")],
    Column("rows", Integer, nullable=False),
    Column("amount", Exact, nullable=False),
    Column("currency", String(3), nullable=False),
    _text("folder"),
    UniqueConstraint("invoice_id", "tenant_id", "subscription_id", "product_id", "sku_id"),
)

# --- what the partner has decided ----------------------------------------------------------------------------

# One row per set of changes made together, by a file or by a command; its number is the clock of all decisions.
imports = Table(
    "imports",
    metadata,
    Column("no", Integer, primary_key=True),
    Column("kind", String(20), nullable=False),
    _text("file_name"),
    Column("sha256", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    _text("who"),
    _text("why"),
    # the change set that this one takes back
    Column("undoes", Integer),
)


def _versions() -> tuple[Column[int], Column[int], Column[object]]:
    """Nothing decided is ever overwritten: a row holds from change set `import_no` until before `until_import`
    (NULL: still). What was decided at change set N are the rows with import_no <= N < until_import."""
    return (
        Column("import_no", Integer, nullable=False),
        Column("until_import", Integer, index=True),
        Column("notes", Json, nullable=False, default=dict),
    )


# Which organisations there have ever been; what is known of them stands in their versions.
organisations = Table("organisations", metadata, Column("code", String(100), primary_key=True))

organisation_versions = Table(
    "organisation_versions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("code", String(100), ForeignKey("organisations.code"), nullable=False, index=True),
    *[
        _text(name)
        for name in (
            "name",
            "country",
            "currency",
            "group",
            "ledger",
            "ledger_customer",
            "email",
            "purchase_order",
            # how the lines of its documents are grouped; whether a global offer may undercut its own price
            "grouping",
            "global_offers",
        )
    ],
    *_versions(),
)

tenant_links = Table(
    "tenant_links",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tenant_id", String(100), nullable=False, index=True),
    Column("organisation", String(100), ForeignKey("organisations.code"), nullable=False),
    Column("valid_from", Date),
    Column("valid_to", Date),
    *_versions(),
)

price_rules = Table(
    "price_rules",
    metadata,
    Column("rule_id", String(40), primary_key=True),
    Column("version", Integer, primary_key=True),
    *[_text(name) for name in ("organisation", "product_id", "sku_id", "term", "billing", "subscription_id")],
    Column("kind", String(20), nullable=False),
    Column("value", Exact),
    Column("tiers", Json, nullable=False, default=list),
    _text("currency"),
    Column("valid_from", Date),
    Column("valid_to", Date),
    Column("offer", Boolean, nullable=False, default=False),
    _text("note"),
    Column("row_no", Integer, nullable=False),
    # a version that an undo brought back stands where it stood among its equals: the change set it counts as
    Column("rank_import", Integer),
    *_versions(),
)

list_prices = Table(
    "list_prices",
    metadata,
    Column("id", Integer, primary_key=True),
    *[_text(name) for name in ("product_id", "sku_id", "term", "billing")],
    Column("currency", String(3), nullable=False),
    Column("price", Exact, nullable=False),
    Column("valid_from", Date),
    Column("valid_to", Date),
    # the price sheet that said so (price_sheets); empty: a list price of the partner's own
    Column("view", String(40), nullable=False, server_default=""),
    Column("month", String(7), nullable=False, server_default=""),
    *_versions(),
)

# Which of Microsoft's price sheets are known. `month` is YYYY-MM, `rows` counts those with a list price, `sha256`
# is of the sheet's text, `file` the raw file as it arrived (empty: imported by hand).
price_sheets = Table(
    "price_sheets",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("month", String(7), nullable=False),
    Column("market", String(2), nullable=False),
    Column("view", String(40), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    _text("file"),
    *_versions(),
)

rates = Table(
    "rates",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("day", Date, nullable=False),
    Column("from", String(3), nullable=False),
    Column("to", String(3), nullable=False),
    Column("rate", Exact, nullable=False),
    *_versions(),
)

services = Table(
    "services",
    metadata,
    Column("id", Integer, primary_key=True),
    *[_text(name) for name in ("organisation", "code", "name", "kind")],
    Column("price", Exact, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("quantity", Exact, nullable=False),
    _text("billing"),
    _text("proration"),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
    *_versions(),
)

# Lines and discounts that a person adds to one period by hand, with a reason and an author.
manual_lines = Table(
    "manual_lines",
    metadata,
    Column("id", Integer, primary_key=True),
    *[_text(name) for name in ("organisation", "code", "text")],
    Column("period", String(7), nullable=False, index=True),
    # line: price x quantity; discount: `percent` off what the period's document charges for `product_id` ("" = all)
    Column("kind", String(10), nullable=False),
    Column("price", Exact),
    Column("quantity", Exact, nullable=False),
    Column("percent", Exact),
    Column("currency", String(3), nullable=False),
    *[_text(name) for name in ("product_id", "reason", "author")],
    *_versions(),
)

# Whether a credit of Microsoft's is kept by the partner or passed on to the customer, from when to when.
credit_policies = Table(
    "credit_policies",
    metadata,
    Column("id", Integer, primary_key=True),
    *[_text(name) for name in ("organisation", "credit", "policy", "note")],
    Column("valid_from", Date),
    Column("valid_to", Date),
    *_versions(),
)

# Shares of a subscription (or of Azure resource groups, or of a tag) that belong to a cost centre.
cost_centres = Table(
    "cost_centres",
    metadata,
    Column("id", Integer, primary_key=True),
    *[_text(name) for name in ("organisation", "subscription_id", "resource_group", "tag", "cost_centre")],
    Column("share", Exact),
    Column("valid_from", Date),
    Column("valid_to", Date),
    *_versions(),
)

purchase_orders = Table(
    "purchase_orders",
    metadata,
    Column("id", Integer, primary_key=True),
    *[_text(name) for name in ("organisation", "subscription_id", "product_id", "purchase_order")],
    Column("valid_from", Date),
    Column("valid_to", Date),
    *_versions(),
)

ledgers = Table(
    "ledgers",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("kind", String(30), nullable=False),
    # values as imported: a secret is a reference {env: NAME} or {file: PATH}, never the secret itself
    Column("settings", Json, nullable=False),
    Column("position", Integer, nullable=False),
)

# --- what we made of it --------------------------------------------------------------------------------------

periods = Table(
    "periods",
    metadata,
    Column("period", String(7), primary_key=True),
    Column("state", String(14), nullable=False),
    Column("priced_at", UtcTime),
    Column("balance", Json, nullable=False, default=list),
)

# A closed period never changes: the certificate says what it consists of, the hash proves it.
closings = Table(
    "closings",
    metadata,
    Column("period", String(7), primary_key=True),
    Column("closed_at", UtcTime, nullable=False),
    _text("who"),
    _text("why"),
    Column("certificate", Json, nullable=False),
    Column("hash", String(64), nullable=False),
)

# The running period from Microsoft's unbilled exports: an estimate that moves daily, never a document.
forecasts = Table(
    "forecasts",
    metadata,
    Column("period", String(7), primary_key=True),
    Column("pulled_at", UtcTime, nullable=False),
    Column("files", Json, nullable=False, default=list),
    Column("view", Json, nullable=False),
)

# I2: the primary key puts each line in exactly one place.
placements = Table(
    "placements",
    metadata,
    Column("line_id", String(40), ForeignKey("lines.id"), primary_key=True),
    Column("period", String(7), nullable=False, index=True),
    Column("outcome", String(12), nullable=False),
    _text("organisation"),
    _text("note"),
    CheckConstraint("outcome IN ('invoiced','unmatched','not_charged')", name="outcome"),
)

findings = Table(
    "findings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("period", String(7), nullable=False, index=True),
    Column("code", String(40), nullable=False),
    Column("severity", String(8), nullable=False),
    Column("amount", Exact, nullable=False),
    *[_text(name) for name in ("currency", "organisation", "where", "text", "action")],
)

documents = Table(
    "documents",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("key", String(200), nullable=False, unique=True),
    Column("period", String(7), nullable=False, index=True),
    Column("organisation", String(100), ForeignKey("organisations.code"), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("kind", String(12), nullable=False),
    Column("net_total", Exact, nullable=False),
    # [[currency, amount], ...]: more than one where Microsoft billed in several currencies
    Column("costs", Json, nullable=False, default=list),
    _text("organisation_name"),
    _text("ref"),
    # open: may still be made anew; frozen: a posting has begun, its content never changes again
    Column("state", String(8), nullable=False, default="open"),
    Column("issue_date", Date),
    _text("held_reason"),
    # month: made by pricing; correction: drafted by `rerate`, goes out only when a person releases it
    Column("origin", String(10), nullable=False, default="month"),
    _text("reason"),
    # what it was made from: the last change set of the partner's decisions, and per vendor invoice the set of raw
    # files, so that it can be made again from the same
    Column("decided_import", Integer, nullable=False, default=0),
    Column("inputs", Json, nullable=False, default=dict),
    Column("content_hash", String(64), nullable=False),
    Column("made_at", UtcTime, nullable=False),
    CheckConstraint("state IN ('open','frozen')", name="state"),
    UniqueConstraint("period", "organisation", "currency", "revision"),
)

document_lines = Table(
    "document_lines",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("document_id", String(20), ForeignKey("documents.id"), nullable=False, index=True),
    Column("no", Integer, nullable=False),
    _text("text"),
    Column("kind", String(12), nullable=False),
    Column("quantity", Exact, nullable=False),
    Column("unit_price", Exact, nullable=False),
    Column("amount", Exact, nullable=False),
    Column("cost", Exact, nullable=False),
    _text("cost_currency"),
    *[
        _text(name)
        for name in (
            "tenant_id",
            "subscription_id",
            "product_id",
            "sku_id",
            "product_name",
            "sentence",
            "price_text",
            "outlook",
            # cost centre or purchase order, where the organisation's lines are grouped so
            "label",
        )
    ],
    Column("price_from", Date),
    # where the daily rows of a usage line lie: vendor invoices whose usage folders hold this key
    Column("usage_sets", Json, nullable=False, default=list),
    UniqueConstraint("document_id", "no"),
)

# What a customer may read of each part: sales values only. Cost and rules stand in `calculations`.
parts = Table(
    "parts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("document_line_id", String(40), ForeignKey("document_lines.id"), nullable=False, index=True),
    Column("no", Integer, nullable=False),
    Column("line_id", String(40), nullable=False, index=True),
    # a reversal takes back what an earlier revision invoiced for this line
    Column("reversal", Boolean, nullable=False, default=False),
    # which share of the line this is, where it is split over cost centres; "" = the whole line
    _text("split"),
    _text("charge_type"),
    Column("start", Date),
    Column("end", Date),
    Column("days", Integer),
    Column("cycle_begin", Date),
    Column("cycle_end", Date),
    Column("cycle_days", Integer),
    Column("quantity", Exact, nullable=False),
    Column("unit_price", ExactFraction),
    Column("exact", ExactFraction, nullable=False),
    Column("amount", Exact, nullable=False),
    _text("reverses"),
    _text("sentence"),
    Column("rate", Exact),
    Column("rate_date", Date),
    UniqueConstraint("document_line_id", "no"),
)

calculations = Table(
    "calculations",
    metadata,
    Column("document_line_id", String(40), ForeignKey("document_lines.id"), primary_key=True),
    Column("no", Integer, primary_key=True),
    # earlier steps whose result the last one uses: [{op, operands, exact, rounded, text}]
    Column("before", Json, nullable=False, default=list),
    _text("op"),
    Column("operands", Json, nullable=False),
    _text("text"),
    _text("invoice_id"),
    Column("rule", Json),
    Column("lost", Json, nullable=False, default=list),
    Column("cost", Exact, nullable=False),
    _text("cost_currency"),
)

links = Table(
    "links",
    metadata,
    Column("document_id", String(20), ForeignKey("documents.id"), primary_key=True),
    Column("nonce", String(64), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
    Column("opened", Integer, nullable=False, default=0),
    Column("last_opened_at", UtcTime),
)

# --- pushing -------------------------------------------------------------------------------------------------

postings = Table(
    "postings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("document_id", String(20), ForeignKey("documents.id"), nullable=False),
    Column("step", String(10), nullable=False),
    Column("ledger", String(60), nullable=False),
    Column("ref", String(20), nullable=False),
    Column("state", String(10), nullable=False),
    Column("fence", Integer, nullable=False, default=0),
    Column("lease_until", UtcTime),
    Column("sent_at", UtcTime),
    Column("request_hash", String(64)),
    Column("remote_id", String(100)),
    _text("number"),
    Column("read_back_total", Exact),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_try_at", UtcTime, nullable=False),
    _text("last_error"),
    _text("last_error_code"),
    UniqueConstraint("document_id", "step"),
    UniqueConstraint("ledger", "ref", "step"),
    UniqueConstraint("ledger", "remote_id", "step"),
    CheckConstraint("state IN ('planned','sending','unknown','posted','verified','held')", name="state"),
    CheckConstraint("step IN ('create','finalise')", name="step"),
    # I6
    CheckConstraint("state NOT IN ('sending','unknown') OR sent_at IS NOT NULL", name="sending_has_sent_at"),
    CheckConstraint(
        "state NOT IN ('posted','verified') OR (remote_id IS NOT NULL AND request_hash IS NOT NULL)",
        name="posted_has_id",
    ),
)

# --- running -------------------------------------------------------------------------------------------------

inbox = Table(
    "inbox",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("received_at", UtcTime, nullable=False),
    _text("event_name"),
    _text("subject"),
    Column("body", LargeBinary, nullable=False),
    Column("handled_at", UtcTime),
)

# Due work: one row per (task, subject). Redis only rings; this row decides.
work = Table(
    "work",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("task", String(30), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("queue", String(20), nullable=False),
    Column("state", String(6), nullable=False, default="due"),
    Column("due_at", UtcTime, nullable=False),
    Column("fence", Integer, nullable=False, default=0),
    Column("lease_until", UtcTime),
    # starts without an end: a job that kills its process is held after three (fault 59)
    Column("starts", Integer, nullable=False, default=0),
    Column("attempts", Integer, nullable=False, default=0),
    _text("last_error"),
    Column("since", UtcTime, nullable=False),
    Column("done_at", UtcTime),
    UniqueConstraint("task", "subject"),
    CheckConstraint("state IN ('due','done','held')", name="state"),
)

slots = Table(
    "slots",
    metadata,
    Column("schedule", String(30), primary_key=True),
    Column("slot", String(30), primary_key=True),
    Column("taken_at", UtcTime, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("value", Integer, nullable=False),
)

sealed_secrets = Table(
    "sealed_secrets",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("no", Integer, primary_key=True),
    Column("at", UtcTime, nullable=False),
    *[_text(name) for name in ("who", "action", "subject", "before", "after", "why")],
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
)
