"""Ids and references that stay the same for ever, and the fingerprint of what a document says."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import pytest

from connector.domain.documents import Calculation, Document, document_key, short_id
from connector.domain.fingerprint import canonical, content_hash, digest_of
from connector.domain.invoice import posting_ref
from connector.domain.summarise import DocumentHead, summarise
from tests.domain.values import part

KEY = ("partner", "C-1", "2026-10")
# printf 'partner\x1fC-1\x1f2026-10' | sha256sum | cut -d' ' -f1 | xxd -r -p | base32
BASE32 = "VDOMBRYTM2NQZSDT4MD7OUPU6WPA7EYGTRPEOHHLQVWRAG56SNYA"


def test_a_reference_is_found_again_by_everybody_who_hashes_the_key() -> None:
    """Links and ledger references outlive the program: SHA-256 of the key, its parts joined by the unit separator."""
    assert posting_ref(*KEY) == "CSP-" + BASE32[:12]
    assert short_id("s", *KEY) == "s_" + BASE32[:16].lower()


def test_a_reference_is_at_most_twenty_plain_characters() -> None:
    assert re.fullmatch(r"CSP-[A-Z2-7]{12}", posting_ref("Größe & Co", "客户", ""))


def test_parts_of_a_key_do_not_run_into_each_other() -> None:
    assert posting_ref("a", "bc") != posting_ref("ab", "c")
    assert short_id("x", "a", "bc") != short_id("x", "ab", "c")


def test_the_natural_key_of_a_document() -> None:
    assert document_key("p", "C-1", "2026-10", "EUR", 2) == "p/2026-10/C-1/EUR/2"
    made = summarise(DocumentHead("p", "C-1", "2026-10", "EUR", 2), [part()])
    assert (made.key, made.id) == ("p/2026-10/C-1/EUR/2", short_id("d", "p/2026-10/C-1/EUR/2"))


# -- the fingerprint -------------------------------------------------------------------------------------------

HEAD = DocumentHead("p", "C-1", "2026-10", "EUR", 1)
DOCUMENT = summarise(HEAD, [part(), part(line_id="l_2", subscription_id="sub-2", quantity=Decimal(1))])


def changed(at: int = 0, **changes: object) -> Document:
    lines = list(DOCUMENT.lines)
    lines[at] = replace(lines[at], **changes)  # type: ignore[arg-type]
    return replace(DOCUMENT, lines=tuple(lines))


@pytest.mark.parametrize(
    "other",
    [
        replace(DOCUMENT, key="p/2026-10/C-1/EUR/2"),
        replace(DOCUMENT, currency="USD"),
        replace(DOCUMENT, net_total=DOCUMENT.net_total + Decimal("0.01")),
        replace(DOCUMENT, lines=DOCUMENT.lines[::-1]),
        replace(DOCUMENT, lines=DOCUMENT.lines[:1]),
        changed(text="another text"),
        changed(quantity=Decimal(11)),
        changed(unit_price=Decimal("20.91")),
        changed(amount=Decimal("209.01")),
        changed(cost=Decimal("100.01")),
        changed(cost_currency="USD"),
        changed(sentence="another sentence"),
        changed(product_id="CFQ2"),
        changed(sku_id="0002"),
        changed(subscription_id="sub-9"),
        changed(kind="proration"),
        changed(no=7),
        changed(id="s_x"),
        changed(parts=(part(line_id="l_9"),)),
        changed(parts=(part(reversal=True),)),
        changed(parts=(part(amount=Decimal("209.01")),)),
        changed(parts=(part(calculation=Calculation("multiply", (), Fraction(1, 3), "")),)),
        changed(parts=()),
    ],
    ids=lambda other: "",
)
def test_whatever_a_document_says_otherwise_changes_its_fingerprint(other: Document) -> None:
    assert content_hash(other) != content_hash(DOCUMENT)


def test_zeros_behind_the_point_say_nothing() -> None:
    """A database may keep 209.00 as 209.0 or 2.09E+2."""
    same = replace(
        changed(quantity=Decimal("10.0"), amount=Decimal("2.09E+2"), parts=(part(amount=Decimal("209.0")),)),
        net_total=DOCUMENT.net_total.normalize(),
    )
    assert content_hash(same) == content_hash(DOCUMENT)


def test_a_fingerprint_is_the_sha_256_of_the_content_as_json() -> None:
    """Kept in the database: what is computed in two years must be the same.

    printf '["p/2026-10/C-1/EUR/1","EUR","0",[]]' | sha256sum
    """
    empty = replace(DOCUMENT, lines=(), net_total=Decimal("0.00"))
    assert content_hash(empty) == "b1657694c405fe5a751b7b3c3c1d0e85f24a536a794ce077d342a1e12430c2c6"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1.10"), '"1.1"'),
        (Decimal("1E+2"), '"100"'),
        (Fraction(1, 3), '"1/3"'),
        (Fraction(1, 4), '"0.25"'),
        (date(2026, 10, 1), '"2026-10-01"'),
        (datetime(2026, 10, 1, 8, 30, tzinfo=UTC), '"2026-10-01T08:30:00+00:00"'),
        (b"\x00\xff", '"00ff"'),
        ({"b": 1, "a": {"d": (1, 2), "c": [None, True]}}, '{"a":{"c":[null,true],"d":[1,2]},"b":1}'),
        (MappingProxyType({1: Decimal("2.0")}), '{"1":"2"}'),
        ("Größe", '"Größe"'),
        (7, "7"),
    ],
)
def test_a_value_as_the_same_text_on_every_database(value: Any, text: str) -> None:
    assert canonical(value) == text


def test_a_digest_is_the_sha_256_of_that_text() -> None:
    """printf '{"a":"1.1"}' | sha256sum"""
    assert digest_of({"a": Decimal("1.10")}) == "e72779ea7c953dc395e1eecd61aade42e66f4edc226c86fce17eec08e2fd0f91"
