"""A small database with one month of one customer, and a canary wherever a cost or a secret stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, insert, text

from connector.domain.lines import UsageKey
from connector.domain.money import to_currency, total
from connector.store import links, tables
from connector.store.customer_view import CUSTOMER_VIEWS
from connector.store.database import open_engine, writing
from webhooks.app import Parts
from webhooks.notices import Verdict

KEYS = ((2, b"n" * 32), (1, b"o" * 32))
DOCUMENT, OTHER, REISSUED = "d_aaaaaaaaaaaaaaaa", "d_bbbbbbbbbbbbbbbb", "d_cccccccccccccccc"
NAME = "Zoë & Söhne <script>alert(1)</script> \"quoted\" 'single' \N{RIGHT-TO-LEFT OVERRIDE}txet 北京"
COST = Decimal("77123.77")
CANARIES = ("77123", "canary-rule", "canary-cost", "tenant-canary", "subscription-canary", "sku-canary")
PRICE = Fraction(2090, 100)
CYCLE = (date(2026, 3, 1), date(2026, 3, 31))
CHANGED = date(2026, 3, 12)


@dataclass(frozen=True)
class Row:
    day: date
    service: str
    meter: str
    resource_group: str
    resource: str
    region: str
    quantity: Decimal
    unit: str


@dataclass(frozen=True)
class Sum:
    day: date
    quantity: Decimal
    weight: Decimal


@dataclass(frozen=True)
class Charge:
    """One part in the making."""

    charge_type: str
    quantity: Decimal
    exact: Fraction
    start: date | None = None
    end: date | None = None
    cycle: tuple[date, date] | None = None
    unit_price: Fraction | None = None
    reverses: str = ""
    reversal: bool = False
    rate: Decimal | None = None
    line_id: str = ""

    @property
    def days(self) -> int | None:
        return (self.end - self.start).days + 1 if self.cycle and self.start and self.end else None

    @property
    def cycle_days(self) -> int | None:
        return (self.cycle[1] - self.cycle[0]).days + 1 if self.cycle else None


def seats(quantity: int, start: date, sign: int, price: Fraction = PRICE, **more: Any) -> Charge:
    share = Fraction((CYCLE[1] - start).days + 1, 31)
    return Charge(
        "addQuantity" if sign else "cycleCharge",
        Decimal(quantity),
        (sign or 1) * price * quantity * share,
        start,
        CYCLE[1],
        CYCLE,
        price,
        **more,
    )


KINDS = {
    "advance": "in advance",
    "proration": "10 to 14 seats, changes within the cycle",
    "usage": "usage",
    "one_time": "quantity 3, one-time",
    "credit": "credit",
}
SENTENCES = {
    "Microsoft 365 Business Premium": (
        "On 12 March 2026 the number of Microsoft 365 Business Premium seats went from 10 to 14: the unused "
        "20 of 31 days of 10 seats are credited (-134.84), 14 seats are charged for 20 of 31 days (188.77): "
        "53.93 EUR more.",
        "From 1 April 2026: 14 × 20.90 = 292.60 EUR for each cycle, if nothing changes.",
    ),
    "Virtual Machines Dv5 Series <b>": (
        "Use of Virtual Machines Dv5 Series <b> from 1 to 31 March 2026, charged for what was used.",
        "",
    ),
    "Power BI trial": ("Power BI trial was free of charge from 1 to 31 March 2026.", ""),
}
LINES: tuple[tuple[str, str, tuple[Charge, ...]], ...] = (
    (
        "proration",
        "Microsoft 365 Business Premium",
        (seats(10, CHANGED, -1, reverses="raw-old"), seats(14, CHANGED, 1)),
    ),
    (
        "usage",
        "Virtual Machines Dv5 Series <b>",
        (
            Charge(
                "New",
                Decimal("210.950039"),
                Fraction("186.756"),
                *CYCLE,
                rate=Decimal("0.846202666"),
            ),
        ),
    ),
    ("advance", "Exchange Online (Plan 1)", (seats(3, CYCLE[0], 0, Fraction(365, 100)),)),
    ("advance", "Power BI trial", (Charge("new", Decimal(5), Fraction(0), *CYCLE, cycle=CYCLE),)),
    ("one_time", "Windows Server licence", (Charge("new", Decimal(3), Fraction(1000, 3), CHANGED, CHANGED),)),
    (
        "advance",
        "Visio Plan 2",
        (Charge("new", Decimal(2), -Fraction(26), *CYCLE, cycle=CYCLE, reversal=True),),
    ),
)
USAGE_DAYS = [Sum(date(2026, 3, day), Decimal(100 + day * 7 % 40), COST + day * 7919 % 40000) for day in range(1, 32)]


def amount_of(charges: tuple[Charge, ...]) -> Decimal:
    return total([to_currency(charge.exact, "EUR") for charge in charges])


NET_TOTAL = total([amount_of(charges) for _, _, charges in LINES])


def usage_page(sets: list[str], key: UsageKey, offset: int, limit: int) -> tuple[list[Row], int]:
    assert sets == ["G000000001"] and key.tenant_id == "tenant-canary"
    rows = [
        Row(
            date(2026, 3, 1 + at % 31),
            "Virtual Machines",
            "D4s v5 <i>",
            "rg-shop",
            f"vm-shop-{at:04}",
            "westeurope",
            Decimal("6.804839"),
            "1 Hour",
        )
        for at in range(250)
    ]
    return rows[offset : offset + limit], len(rows)


def usage_days(sets: list[str], key: UsageKey) -> list[Sum]:
    return USAGE_DAYS


def new_database(folder: Path) -> Engine:
    """Tables and views, empty."""
    engine = open_engine(f"sqlite:///{folder / 'web.sqlite'}")
    with writing(engine) as connection:
        tables.metadata.create_all(connection)
        for statement in CUSTOMER_VIEWS.values():
            connection.execute(text(statement))
    return engine


def fill(engine: Engine) -> dict[str, str]:
    """The customer's month, another customer's, and a link to each document."""
    with writing(engine) as connection:
        for code in ("C-1", "C-2"):
            connection.execute(insert(tables.organisations).values(code=code))
        _document(connection, DOCUMENT, "C-1", NAME, LINES)
        old = seats(10, CYCLE[0], 0, line_id="raw-old")
        _document(connection, OTHER, "C-2", "Other Customer Ltd", (("advance", "Secret product", (old,)),))
        _document(connection, REISSUED, "C-1", NAME, (("credit", "Azure", (seats(1, CHANGED, -1),)),), revision=2)
        return {one: links.ensure(connection, one, KEYS) for one in (DOCUMENT, OTHER, REISSUED)}


def parts(engine: Engine, /, **changes: Any) -> Parts:
    """Everything the web needs, without strangers."""
    given: dict[str, Any] = {
        "engine": engine,
        "public_url": "https://bills.example.test",
        "secret_keys": KEYS,
        "verify_notice": lambda headers, body: (Verdict.PROVED, ""),
        "ring": lambda: None,
        "usage_page": usage_page,
        "usage_days": usage_days,
        "partner_name": "Nordlicht Cloud <GmbH>",
        "readiness": lambda: {"database": "ok"},
        "notices_per_second": 1000.0,
        "notices_burst": 1000,
    }
    return Parts(**{**given, **changes})


def _document(
    connection: Connection,
    document_id: str,
    code: str,
    name: str,
    lines: tuple[tuple[str, str, tuple[Charge, ...]], ...],
    revision: int = 1,
) -> None:
    net_total = total([amount_of(charges) for _, _, charges in lines])
    connection.execute(
        insert(tables.documents).values(
            id=document_id,
            key=f"canary-cost/{document_id}",
            period="2026-03",
            organisation=code,
            currency="EUR",
            revision=revision,
            kind="credit_note" if net_total < 0 else "invoice",
            net_total=net_total,
            costs=[["canary-cost", str(COST)]],
            organisation_name=name,
            ref="CSP-7Q2M4K9XT1D3",
            held_reason="canary-cost",
            issue_date=date(2026, 4, 7),
            content_hash="0" * 64,
            made_at=datetime(2026, 4, 7, tzinfo=UTC),
        )
    )
    for no, (kind, product, charges) in enumerate(lines, start=1):
        _line(connection, document_id, no, kind, product, charges)


def _line(
    connection: Connection, document_id: str, no: int, kind: str, product: str, charges: tuple[Charge, ...]
) -> None:
    line_id = f"{document_id}-{no}"
    sentence, outlook = SENTENCES.get(product, ("", ""))
    amount = amount_of(charges)
    connection.execute(
        insert(tables.document_lines).values(
            id=line_id,
            document_id=document_id,
            no=no,
            kind=kind,
            quantity=Decimal(1),
            unit_price=amount,
            text=f"{product}: {KINDS[kind]}, 1 to 31 March 2026",
            amount=amount,
            cost=COST,
            cost_currency="canary-cost",
            tenant_id="tenant-canary",
            subscription_id="subscription-canary",
            product_id="p",
            sku_id="sku-canary",
            product_name=product,
            sentence=sentence or f"{product} for 1 to 31 March 2026.",
            price_text="20.90 EUR for each unit and full cycle, from your price list" if no == 1 else "",
            outlook=outlook,
            price_from=date(2026, 1, 1),
            usage_sets=["G000000001"] if kind == "usage" else [],
        )
    )
    for at, charge in enumerate(charges, start=1):
        start, end = charge.cycle or (None, None)
        connection.execute(
            insert(tables.parts).values(
                document_line_id=line_id,
                no=at,
                line_id=charge.line_id or f"raw-{line_id}-{at}",
                reversal=charge.reversal,
                charge_type=charge.charge_type,
                start=charge.start,
                end=charge.end,
                days=charge.days,
                cycle_begin=start,
                cycle_end=end,
                cycle_days=charge.cycle_days,
                quantity=charge.quantity,
                unit_price=charge.unit_price,
                exact=charge.exact,
                amount=to_currency(charge.exact, "EUR"),
                reverses=charge.reverses,
                rate=charge.rate,
                rate_date=date(2026, 4, 6) if charge.rate else None,
            )
        )
        connection.execute(
            insert(tables.calculations).values(
                document_line_id=line_id,
                no=at,
                op="canary-rule",
                operands=["canary-cost"],
                text="canary-cost",
                rule={"name": "canary-rule"},
                lost=[{"name": "canary-rule"}],
                cost=COST,
                cost_currency="canary-cost",
            )
        )


def soon(engine: Engine, document_id: str, delta: timedelta) -> None:
    """Move the end of a link."""
    with writing(engine) as connection:
        connection.execute(
            tables.links.update()
            .where(tables.links.c.document_id == document_id)
            .values(expires_at=datetime.now(UTC) + delta)
        )
