"""A partner's small installation in a folder: settings, a real SQLite file, one priced month of a few customers.

The month comes in through the product's own imports: a reconciliation file as the portal gives it, customers,
links and prices. Every installation is another partner, so its references differ from all others and many of them
can share one ledger.
"""

from __future__ import annotations

import csv
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from connector.domain.money import total
from connector.flows.configure import import_file
from connector.flows.import_invoice import import_invoices
from connector.flows.world import World
from connector.settings import read_settings
from connector.store import documents
from connector.store.database import reading
from connector.store.documents import StoredDocument
from connector.wiring import build_world

PERIOD = "2026-10"
CUSTOMERS = ("C-1", "C-2", "C-3")
# organisation, product, quantity, unit price: sold at cost + 20 %
LINES = (
    ("C-1", "CFQ7TTC0LF8R", 7, "11.11"),
    ("C-1", "CFQ7TTC0LDPB", 3, "20.05"),
    ("C-2", "CFQ7TTC0LF8R", 1, "333.33"),
    ("C-3", "CFQ7TTC0LH18", 2, "4.99"),
)
EXPECTED = {"C-1": Decimal("165.50"), "C-2": Decimal("400.00"), "C-3": Decimal("11.98")}


@dataclass(frozen=True, slots=True)
class Installation:
    """Settings and files of one partner."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "connector.sqlite"

    @property
    def partner(self) -> str:
        return (self.folder / "partner").read_text()

    @property
    def environ(self) -> dict[str, str]:
        return {
            "DATABASE_URL": f"sqlite:///{self.database}",
            "DATA_DIR": str(self.folder / "data"),
            "PUBLIC_URL": "https://bills.example.test",
            "SECRET_KEY": "a-key-for-tests-only-and-long-enough-for-it",
            "MICROSOFT_TENANT_ID": self.partner,
        }

    def world(self, **changes: Any) -> World:
        return replace(build_world(read_settings(self.environ)), **changes)

    def take_in(self, kind: str, name: str, text: str) -> None:
        """Import a file that the partner wrote."""
        path = self.folder / name
        path.write_text(text)
        report = import_file(self.world().engine, kind, path)  # type: ignore[arg-type]
        assert not report.errors, report.errors

    def connect_tryton(self, settings: dict[str, str], *, name: str = "books", **more: str) -> None:
        """A ledger connection as an operator writes it, with the password in a file."""
        secret = self.folder / "ledger-password"
        secret.write_text(settings["password"])
        given = {"finalise": "yes", "timeout": "3", "max_server_time": "1", **settings, **more}
        given.pop("password")
        lines = [f'{key} = "{value}"' for key, value in given.items()]
        head = f'[[ledger]]\nname = "{name}"\nkind = "tryton"\n[ledger.settings]\n'
        self.take_in("ledgers", "ledgers.toml", head + "\n".join([*lines, f'password = {{file = "{secret}"}}']))

    def documents(self, period: str = PERIOD) -> list[StoredDocument]:
        with reading(self.world().engine) as connection:
            return documents.of_period(connection, period)

    def refs(self) -> dict[str, str]:
        return {document.organisation: document.ref for document in self.documents()}

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """A look into the database by a way of its own."""
        with closing(sqlite3.connect(self.database, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, values)]

    def postings(self) -> list[dict[str, Any]]:
        """All postings by customer and step."""
        return self.rows(
            "SELECT postings.*, documents.organisation FROM postings JOIN documents "
            "ON documents.id = postings.document_id ORDER BY documents.organisation, step"
        )

    def states(self) -> dict[tuple[str, str], str]:
        return {(row["organisation"], row["step"]): row["state"] for row in self.postings()}

    def let_time_pass(self, seconds: float) -> None:
        """As if so many seconds had gone by: every time that postings remember lies so much further back."""
        shifted = ", ".join(
            f"{name} = strftime('%Y-%m-%d %H:%M:%f000', {name}, '-{seconds} seconds')"
            for name in ("lease_until", "sent_at", "next_try_at")
        )
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            connection.execute(f"UPDATE postings SET {shifted}")

    def copy_of_database(self, name: str) -> Path:
        """A backup, taken as SQLite takes one."""
        target = self.folder / name
        with closing(sqlite3.connect(self.database)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
        return target

    def put_back(self, backup: Path) -> None:
        """Restore a backup over the database."""
        with closing(sqlite3.connect(backup)) as source, closing(sqlite3.connect(self.database)) as target:
            source.backup(target)


def decided(folder: Path) -> Installation:
    """An installation whose customers, links and prices are known and nothing else: the pattern of all others."""
    folder.mkdir(parents=True, exist_ok=True)
    installation = Installation(folder)
    (folder / "partner").write_text(str(UUID(int=0)))
    names = "\n".join(f"{code},Customer {code},DE,EUR,,,{code},," for code in CUSTOMERS)
    header = "code,name,country,currency,group,ledger,ledger_customer,email,purchase_order"
    installation.take_in("organisations", "organisations.csv", f"{header}\n{names}\n")
    links = "\n".join(f"{tenant_of(code)},{code},2026-01-01," for code in CUSTOMERS)
    installation.take_in("links", "links.csv", f"tenant_id,organisation,valid_from,valid_to\n{links}\n")
    price_at(installation, "20")
    return installation


def price_at(installation: Installation, markup: str) -> None:
    """The one price rule: cost plus so many per cent."""
    header = (
        "organisation,product_id,sku_id,term,billing,subscription_id,kind,value,currency,valid_from,valid_to,offer,note"
    )
    installation.take_in("prices", "prices.csv", f"{header}\n*,*,*,*,*,*,markup,{markup},,2026-01-01,,,everything\n")


def priced(
    folder: Path, pattern: Installation, customers: Sequence[str] = CUSTOMERS, partner: str = ""
) -> Installation:
    """Another partner (or the one named) with the pattern's decisions and a priced month of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    installation = Installation(folder)
    (folder / "partner").write_text(partner or str(UUID(bytes=os.urandom(16))))
    with closing(sqlite3.connect(pattern.database)) as source, closing(sqlite3.connect(installation.database)) as copy:
        source.backup(copy)
    deliver(installation, [line for line in LINES if line[0] in customers])
    return installation


def deliver(
    installation: Installation,
    lines: Sequence[tuple[str, str, int, str]],
    number: str = "G000000001",
    *,
    header: str = "",
) -> None:
    """A vendor invoice from the portal, priced; with another header the lines do not add up to it."""
    path = installation.folder / f"{number}.csv"
    with path.open("w", newline="") as file:
        rows = [
            _row(number, at, code, product, quantity, Decimal(price))
            for at, (code, product, quantity, price) in enumerate(lines)
        ]
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    in_all = Decimal(header) if header else total([quantity * Decimal(price) for _, _, quantity, price in lines])
    import_invoices(installation.world(), [path], {number: in_all}, period=PERIOD)


def tenant_of(code: str) -> str:
    return str(UUID(int=1000 + int(code.removeprefix("C-"))))


def _row(number: str, at: int, code: str, product: str, quantity: int, price: Decimal) -> dict[str, object]:
    return {
        "PartnerId": "0e195b37-4574-4539-bc42-0e539b9684c0",
        "CustomerId": tenant_of(code),
        "CustomerName": f"Customer {code}",
        "InvoiceNumber": number,
        "OrderId": f"order-{at}",
        "OrderDate": "10/13/2026",
        "ProductId": product,
        "SkuId": "0001",
        "AvailabilityId": "CFQ7TTC0P0HP",
        "SkuName": f"Product {product[-4:]}",
        "ProductName": f"Product {product[-4:]}",
        "ChargeType": "cycleCharge",
        "UnitPrice": price,
        "EffectiveUnitPrice": price,
        "Quantity": quantity,
        "BillableQuantity": quantity,
        "Subtotal": quantity * price,
        "TaxTotal": 0,
        "Total": quantity * price,
        "Currency": "EUR",
        "SubscriptionId": str(UUID(int=5000 + at)),
        "ChargeStartDate": "10/1/2026",
        "ChargeEndDate": "10/31/2026",
        "TermAndBillingCycle": "One-Month commitment for monthly billing",
        "BillingFrequency": "Monthly",
        "SubscriptionStartDate": "10/1/2026",
        "SubscriptionEndDate": "10/31/2026",
        "PricingCurrency": "EUR",
    }
