"""What makes two imported rows the same row, and how a row is shown (interfaces.md section 8, "Import")."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import fields, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from mappings.cost_centres import CostCentreShare, PurchaseOrder
from mappings.credits import CreditPolicy
from mappings.decided import Decision, content_of, content_text, key_of, key_text, rule_id
from mappings.ledger_file import LedgerConnection, Reference
from mappings.links import Organisation, TenantLink
from mappings.pricelist import ListPrice, PriceRule, Rate, Service, Tier

OCTOBER = date(2026, 10, 1)
YEAR_END = date(2026, 12, 31)
RULE = PriceRule(
    "r", 3, "C-1", "CFQ1", "0001", "P1Y", "Monthly", "Sub-1", "fixed", Decimal("12.50"), (), "EUR", OCTOBER, YEAR_END,
    True, "agreed", 7, 9,
)  # fmt: skip
LIST_PRICE = ListPrice(
    "CFQ1", "0001", "P1Y", "Annual", "USD", Decimal("144.00"), OCTOBER, YEAR_END, "updatedlicensebased", "2026-10"
)
ROWS: dict[str, Decision] = {
    "organisation": Organisation(
        "C-1", "Contoso", "DE", "EUR", "north", "books", "4711", "a@b.example", "PO 9", "product", "undercut"
    ),
    "link": TenantLink("t-1", "C-1", OCTOBER, YEAR_END),
    "price": RULE,
    "list price": LIST_PRICE,
    "service": Service(
        "C-1", "SUP", "Support", "recurring", Decimal("99.00"), "EUR", Decimal("2.0"), "monthly", "days", OCTOBER,
        YEAR_END,
    ),
    "rate": Rate(OCTOBER, "USD", "EUR", Decimal("0.920")),
    "credit": CreditPolicy("C-1", "customer_credit", "keep", OCTOBER, YEAR_END, "agreed"),
    "cost centre": CostCentreShare("C-1", "Sub-1", "RG", "dep=Sales", "4711", Decimal("30.0"), OCTOBER, YEAR_END),
    "purchase order": PurchaseOrder("C-1", "Sub-1", "CFQ1", "PO 9", OCTOBER, YEAR_END),
    "ledger": LedgerConnection("books", "tryton", {"url": "https://x", "password": Reference("env", "PW")}, 1),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "key", "shown", "content"),
    [
        (
            "organisation",
            ("C-1",),
            "C-1",
            "name=Contoso, country=DE, currency=EUR, group=north, ledger=books, ledger_customer=4711, "
            "email=a@b.example, purchase_order=PO 9, grouping=product, global_offers=undercut",
        ),
        ("link", ("t-1", "C-1", "2026-10-01"), "t-1 C-1 from 2026-10-01", "valid_to=2026-12-31"),
        # every column but value, valid_to and note; Microsoft's ids and words without case
        (
            "price",
            ("C-1", "cfq1", "0001", "p1y", "monthly", "sub-1", "fixed", "EUR", "2026-10-01", "yes"),
            "C-1 CFQ1 0001 P1Y Monthly Sub-1 fixed EUR from 2026-10-01 offer",
            "value=12.5, valid_to=2026-12-31, note=agreed",
        ),
        (
            "list price",
            ("cfq1", "0001", "p1y", "annual", "USD", "2026-10-01", "updatedlicensebased"),
            "CFQ1 0001 P1Y Annual USD from 2026-10-01 updatedlicensebased",
            "price=144, valid_to=2026-12-31",
        ),
        (
            "service",
            ("C-1", "SUP", "2026-10-01"),
            "C-1 SUP from 2026-10-01",
            "name=Support, kind=recurring, price=99, currency=EUR, quantity=2, billing=monthly, proration=days, "
            "valid_to=2026-12-31",
        ),
        ("rate", ("2026-10-01", "USD", "EUR"), "2026-10-01 USD EUR", "rate=0.92"),
        (
            "credit",
            ("C-1", "customer_credit", "2026-10-01"),
            "C-1 customer_credit from 2026-10-01",
            "policy=keep, valid_to=2026-12-31, note=agreed",
        ),
        (
            "cost centre",
            ("C-1", "sub-1", "rg", "dep=sales", "4711", "2026-10-01"),
            "C-1 Sub-1 RG dep=Sales 4711 from 2026-10-01",
            "share=30, valid_to=2026-12-31",
        ),
        (
            "purchase order",
            ("C-1", "sub-1", "cfq1", "2026-10-01"),
            "C-1 Sub-1 CFQ1 from 2026-10-01",
            "purchase_order=PO 9, valid_to=2026-12-31",
        ),
        # a secret is never shown, only where it is
        ("ledger", ("books",), "books", "kind=tryton, settings.password={env=PW}, settings.url=https://x, position=1"),
    ],
)
def test_the_key_of_a_row_and_what_stands_beside_it(name: str, key: tuple[str, ...], shown: str, content: str) -> None:
    row = ROWS[name]
    assert key_of(row) == key
    assert key_text(row) == shown
    assert content_text(row, {}) == content


# what an import does not read from the file
NOT_IN_THE_FILE = {"id", "version", "import_no", "row_no", "month", "tiers"}


@pytest.mark.parametrize("name", ROWS)
def test_every_column_is_in_the_key_or_beside_it(name: str) -> None:
    """Otherwise a change of it would be taken for "nothing changed" and be lost."""
    row = ROWS[name]
    others: dict[type, Any] = {
        str: "other",
        Decimal: Decimal(77),
        date: date(2027, 5, 5),
        bool: False,
        int: 5,
        dict: {},
    }
    for field in fields(row):
        if field.name not in NOT_IN_THE_FILE:
            changed: Any = replace(row, **{field.name: others[type(getattr(row, field.name))]})
            assert (key_of(changed), content_of(changed)) != (key_of(row), content_of(row)), field.name


def test_what_is_empty_is_not_shown() -> None:
    rule = PriceRule("", 1, "", "", "", "", "", "", "passthrough", None, (), "", None, None, False, "", 1, 2)
    assert (key_text(rule), content_text(rule, {})) == ("* passthrough", "")
    assert key_of(rule) == ("", "", "", "", "", "", "passthrough", "", "", "")
    assert content_of(rule) == (("value", ""), ("valid_to", ""), ("note", ""))
    assert key_text(CreditPolicy("", "azure_credit", "keep", None, None, "")) == "* azure_credit"
    assert key_text(
        Service("", "S", "", "one_off", Decimal(1), "EUR", Decimal(1), "monthly", "none", OCTOBER, None)
    ) == ("* S from 2026-10-01")
    assert key_text(TenantLink("t", "C-1", None, None)) == "t C-1"


def test_tiers_are_shown_as_the_value_column_has_them() -> None:
    tiered = replace(
        RULE, kind="tiered", value=None, tiers=(Tier(Decimal(1), Decimal("12.50")), Tier(Decimal(50), Decimal(11)))
    )
    assert content_of(tiered)[0] == ("value", "1:12.5;50:11")


def test_notes_follow_by_name() -> None:
    assert content_text(ROWS["rate"], {"who": "Ann", "region": "north"}) == "rate=0.92, region=north, who=Ann"


def test_the_id_of_a_rule_is_the_hash_of_its_key() -> None:
    """The same in every database and in two years: the ten first bytes of SHA-256 of the key as JSON, in base 32."""
    rule = PriceRule("", 1, "C-1", "", "", "", "", "", "markup", None, (), "", None, None, False, "", 1, 2)
    text = '["C-1", "", "", "", "", "", "markup", "", "", ""]'
    assert rule_id(rule) == "r_" + base64.b32encode(hashlib.sha256(text.encode()).digest()[:10]).decode().lower()
    assert rule_id(replace(rule, organisation="Größe")) != rule_id(replace(rule, organisation="Gr\\u00f6\\u00dfe"))
    plain = '["Größe", "", "", "", "", "", "markup", "", "", ""]'
    wanted = "r_" + base64.b32encode(hashlib.sha256(plain.encode()).digest()[:10]).decode().lower()
    assert rule_id(replace(rule, organisation="Größe")) == wanted
