"""Import files that fit a generated month, in the format of interfaces.md section 4."""

import csv
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from tests.standins.microsoft import catalogue
from tests.standins.microsoft.billing import Customer, months_after

ORGANISATIONS = [
    "code",
    "name",
    "country",
    "currency",
    "group",
    "ledger",
    "ledger_customer",
    "email",
    "purchase_order",
]
LINKS = ["tenant_id", "organisation", "valid_from", "valid_to"]
PRICES = [
    "organisation",
    "product_id",
    "sku_id",
    "term",
    "billing",
    "subscription_id",
    "kind",
    "value",
    "currency",
    "valid_from",
    "valid_to",
    "offer",
    "note",
]
RATES = ["date", "from", "to", "rate"]


def write(folder: Path, everyone: Iterable[Customer], first: date, ledger: str) -> None:
    """organisations.csv, links.csv, prices.csv and rates.csv: every customer linked, every line priced."""
    folder.mkdir(parents=True, exist_ok=True)
    customers = list(everyone)
    begin = months_after(first, -24).replace(month=1).isoformat()
    _table(
        folder / "organisations.csv",
        ORGANISATIONS,
        (
            [
                c.code,
                c.name,
                c.country,
                "EUR",
                "retail" if i % 2 else "business",
                ledger,
                c.code,
                f"rechnung@kunde{1001 + i}.example",
                f"PO-{c.code}-{first.year}" if i % 4 == 0 else "",
            ]
            for i, c in enumerate(customers)
        ),
    )
    _table(folder / "links.csv", LINKS, ([c.tenant_id, c.code, begin, ""] for c in customers))
    _table(folder / "prices.csv", PRICES, _prices(customers, begin))
    _table(
        folder / "rates.csv",
        RATES,
        [
            [months_after(first, offset).isoformat(), "USD", "EUR", rate]
            for offset, rate in ((-1, "0.8561"), (0, "0.8523"), (1, "0.8604"))
        ],
    )


def _prices(customers: list[Customer], begin: str) -> Iterable[list[str]]:
    """organisation, product, sku, term, billing, subscription, kind, value, currency, from, to, offer,
    note.
    """
    demo = catalogue.DEMO_PRODUCT
    yield [
        "*",
        "*",
        "*",
        "*",
        "*",
        "*",
        "markup",
        "20",
        "",
        begin,
        "",
        "",
        "everything without a price of its own",
    ]
    yield [
        catalogue.DEMO_ORGANISATION,
        demo.product_id,
        demo.sku_id,
        "*",
        "*",
        "*",
        "fixed",
        str(catalogue.DEMO_SALES_PRICE),
        "EUR",
        begin,
        "",
        "",
        "agreed with the customer",
    ]
    yield [
        "*",
        "CFQ7TTC0LH18",
        "0001",
        "*",
        "Monthly",
        "*",
        "fixed",
        "7.20",
        "EUR",
        begin,
        "",
        "",
        "list price",
    ]
    yield ["*", "CFQ7TTC0LCHC", "0002", "*", "*", "*", "margin", "18", "", begin, "", "", "of sales"]
    yield [
        "*",
        catalogue.SOFTWARE.product_id,
        "*",
        "*",
        "*",
        "*",
        "markup",
        "8",
        "",
        begin,
        "",
        "",
        "software",
    ]
    for number, customer in enumerate(customers):
        if number % 5 == 2:
            yield [
                customer.code,
                catalogue.AZURE_PRODUCT,
                "*",
                "*",
                "*",
                "*",
                "passthrough",
                "",
                "",
                begin,
                "",
                "",
                "Azure at cost by contract",
            ]


def _table(path: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(header)
        writer.writerows(rows)
