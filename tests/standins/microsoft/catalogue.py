"""Who buys what in a generated month. Names, prices and ids are invented, but for the ids the published
samples use.
"""

from decimal import Decimal
from random import Random

from tests.standins.microsoft.billing import Customer, Product, guid

#: the demo customer; scripts and pages may rely on these
DEMO_TENANT = "c1001000-0000-4000-8000-000000001001"
DEMO_SUBSCRIPTION = "5b5c1001-0000-4000-8000-00000000a001"
DEMO_ORGANISATION = "C-1001"
DEMO_SALES_PRICE = Decimal("20.90")
DEMO_PRODUCT = Product(
    "CFQ7TTC0LDPB", "0001", "Microsoft 365 Business Standard", Decimal("12.00"), availability="CFQ7TTC0P0HP"
)

SEATS = (
    DEMO_PRODUCT,
    Product("CFQ7TTC0LH18", "0001", "Microsoft 365 Business Basic", Decimal("5.60")),
    Product("CFQ7TTC0LCHC", "0002", "Microsoft 365 Business Premium", Decimal("20.60")),
    Product("CFQ7TTC0LF8R", "0001", "Office 365 E3", Decimal("23.10")),
    Product("CFQ7TTC0HL8W", "0001", "Power BI Premium Per User", Decimal("16.84")),
    Product("CFQ7TTC0LGTX", "0002", "Microsoft Defender for Office 365 (Plan 1)", Decimal("1.70")),
    Product("CFQ7TTC0LH0R", "0002", "Microsoft 365 Phone System - Virtual User", Decimal("3.37")),
    Product("CFQ7TTC0LHSL", "0001", "Exchange Online (Plan 1)", Decimal("3.40")),
)
TRIAL = Product("CFQ7TTC0HWZR", "0001", "Dynamics 365 Guides", Decimal(0))
SOFTWARE = Product(
    "DG7GMGF0D5RK",
    "0005",
    "Windows Server 2022 Standard - 16 Core License Pack",
    Decimal("918.35"),
    "Microsoft",
)
METERS = (
    ("Virtual Machines Dv3 Series - D2 v3 - EU West", "D2 v3", "1 Hour", "0.868"),
    ("Virtual Machines BS Series - B2s - EU West", "B2s", "1 Hour", "0.0496"),
    ("Storage - LRS Data Stored - EU West", "LRS Data Stored", "1 GB/Month", "0.0208"),
    ("Bandwidth - Data Transfer Out - Zone 1", "Data Transfer Out", "1 GB", "0.087"),
    ("SQL Database - vCore - EU West", "vCore", "1 Hour", "0.2521"),
    ("Azure App Service - S1 App - EU West", "S1 App", "1 Hour", "0.095"),
    ("Key Vault - Operations", "Operations", "10K", "0.03"),
    ("Log Analytics - Data Ingestion - EU West", "Data Ingestion", "1 GB", "2.76"),
)
AZURE_PRODUCT = "DZH318Z0BNZ5"

_AWKWARD = (
    'Bäckerei "Zum Goldenen Löffel" GmbH & Co. KG',
    "<b>Fett & Söhne</b> AG",
    "Tab\tund Komma, Vertriebs GmbH",
    "上海示例贸易有限公司",
    "=SUM(A1:A9) Beratung",
    "O'Brien & Çelik Ltd.",
    "Żółć Sp. z o.o.",
    "  Führende Leerzeichen e.K.",
)
_FIRST = (
    "Nord",
    "Süd",
    "Alpen",
    "Rhein",
    "Hanse",
    "Main",
    "Elbe",
    "Donau",
    "Ost",
    "West",
    "Isar",
    "Neckar",
    "Spree",
    "Harz",
)
_SECOND = (
    "Logistik",
    "Maschinenbau",
    "Steuerberatung",
    "Apotheke",
    "Werbung",
    "Metallbau",
    "Immobilien",
    "Pflegedienst",
    "Software",
    "Elektrotechnik",
    "Druckerei",
    "Gartenbau",
)
_FORMS = ("GmbH", "AG", "KG", "e.K.", "OHG", "gGmbH")


def customers(count: int, seed: int) -> list[Customer]:
    """The demo customer first, then awkward names, then ordinary ones."""
    random = Random(f"customers/{seed}")
    made = [Customer(DEMO_TENANT, "Muster & Partner GmbH", "musterpartner.onmicrosoft.com", "DE", DEMO_ORGANISATION)]
    for index in range(1, count):
        name = (
            _AWKWARD[index - 1]
            if index <= len(_AWKWARD)
            else f"{random.choice(_FIRST)} {random.choice(_SECOND)} {random.choice(_FORMS)}"
        )
        if index > len(_AWKWARD) + len(_FIRST) * 4:
            name += f" {index}"
        country = "AT" if index % 11 == 0 else "DE"
        made.append(
            Customer(
                guid("tenant", seed, index),
                name,
                f"kunde{1001 + index}.onmicrosoft.com",
                country,
                f"C-{1001 + index}",
            )
        )
    return made[: max(count, 1)]


def meter_product(meter: tuple[str, str, str, str]) -> Product:
    """A meter as a product: one SKU each."""
    sku = guid("sku", meter[0])[:4].upper()
    return Product(AZURE_PRODUCT, sku, meter[1], Decimal(meter[3]), "Microsoft")
