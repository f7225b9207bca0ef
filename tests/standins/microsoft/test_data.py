"""Published figures, generated months, certificates: without a server."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.standins.microsoft import exact, published
from tests.standins.microsoft.authority import ROGUES, NoticeAuthority
from tests.standins.microsoft.azure import AzureMonth
from tests.standins.microsoft.catalogue import DEMO_SUBSCRIPTION, customers
from tests.standins.microsoft.generator import Order, generate, main, write
from tests.standins.microsoft.month import Book
from tests.standins.microsoft.notices import sign


def test_demo_case_is_exact() -> None:
    lines = [x for x in generate(Order())["invoices"][0]["reconciliation"] if x["SubscriptionId"] == DEMO_SUBSCRIPTION]
    assert [
        (
            x["ChargeType"],
            x["BillableQuantity"],
            str(x["Subtotal"]),
            x["ChargeStartDate"][:10],
            x["ChargeEndDate"][:10],
        )
        for x in lines
    ] == [
        ("cycleCharge", 10, "120.00", "2026-10-01", "2026-10-31"),
        ("addQuantity", 10, "-77.41", "2026-10-12", "2026-10-31"),
        ("addQuantity", 14, "108.38", "2026-10-12", "2026-10-31"),
    ]
    assert lines[1]["ReferenceId"] == lines[2]["ReferenceId"]


def test_rogue_certificates(tmp_path: Path) -> None:
    authority = NoticeAuthority(tmp_path)
    for name in ROGUES:
        signer = authority.signer(name)
        assert signer.certificate.public_key() == signer.key.public_key()
        assert sign(b"{}", signer)
    assert authority.signer("sha1").certificate.signature_hash_algorithm.name == "sha1"  # type: ignore[union-attr]
    assert authority.signer("short_key").key.key_size == 1024
    assert authority.signer("look_alike").certificate.issuer.rfc4514_string().count("Microsoft Corporation") == 1


@pytest.mark.parametrize("name", sorted(published.SCENARIOS))
def test_published_months_load_and_add_up(name: str) -> None:
    book = Book()
    book.load(published.month(name))
    known = {
        "six-changes-in-march": "275.23",
        "cancel-within-7-days": "6.6",
        "azure-plan": "587.19",
        "legacy-several-seat-changes": "100.06",
        "full-upgrade": "2184",
    }
    if name in known:
        assert book.documents[0].sum_of_lines() == Decimal(known[name])
    for document in book.every():
        assert document.sum_of_lines() == document.header["totalCharges"] or name == "legacy-usage"


def test_daily_rows_lie_just_below_their_line() -> None:
    order = Order(customers=30)
    azure = AzureMonth(order.seed, order.first, order.last, "G1", 0, order.customers)
    checked = 0
    for index, customer in enumerate(customers(order.customers, order.seed)):
        for each in azure.consumptions(index, customer):
            below = each.subtotal() * 100 - sum(each.cents(quantity) for _, _, quantity in each.quantities)
            assert 0 <= below < len(each.quantities)
            checked += 1
    assert checked >= 30


def test_big_months_are_streamed_and_equal(tmp_path: Path) -> None:
    order = Order(customers=40, lines=400, usage_rows=3000, usd_invoice=True, tax_percent="19")
    book = Book()
    book.load(exact.load(write(order, tmp_path)), tmp_path)
    eur = book.documents[0]
    assert eur.count("reconciliation") == pytest.approx(400, abs=5)
    assert eur.count("usage") == pytest.approx(3000, rel=0.2)
    assert eur.sum_of_lines() == eur.header["totalCharges"]
    memory = generate(order)["invoices"][0]
    assert [exact.dumps(x) for x in memory["reconciliation"]] == [
        exact.dumps(x) for x in eur.iter_lines("reconciliation")
    ]


def test_import_files(tmp_path: Path) -> None:
    assert main(["--files", str(tmp_path), "--ledger", "demo"]) == 0
    prices = (tmp_path / "prices.csv").read_text(encoding="utf-8")
    assert "C-1001,CFQ7TTC0LDPB,0001,*,*,*,fixed,20.90,EUR" in prices
    assert len((tmp_path / "links.csv").read_text(encoding="utf-8").splitlines()) == 21
