"""Many priced-looking months in one database, made fast: customers, rules and lines, straight into the tables.

No files, no Microsoft: the benchmark that reads them is about pricing. The shapes are those of a real month: half
whole cycles, a fifth changes as credit and charge, a quarter metered, some one-time, over about 40 products.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

from sqlalchemy import Engine

from connector.domain.cycles import add_months
from connector.domain.lines import ReconciliationLine
from connector.domain.money import round_half_away
from connector.domain.period import BillingPeriod, PeriodState, VendorInvoice
from connector.flows.configure import import_file
from connector.store import lines as stored_lines
from connector.store import periods
from connector.store.database import migrate, writing
from mappings.cells import Kind

PRODUCTS = tuple((f"CFQ7TTC0{no:04d}", "0001", Decimal(300 + 137 * no) / 100) for no in range(40))
METERS = tuple((f"DZH318Z{no:05d}", "006G") for no in range(20))


@dataclass(frozen=True, slots=True)
class Size:
    """What to make: `lines` in each of `months` months, the last of which is `last`."""

    months: int = 12
    lines: int = 25_000
    customers: int = 1_000
    last: str = "2026-10"

    @property
    def periods(self) -> list[BillingPeriod]:
        found = [BillingPeriod.parse(self.last)]
        while len(found) < self.months:
            found.insert(0, found[0].before())
        return found


def make(engine: Engine, folder: Path, size: Size) -> None:
    """Fill an empty database; imports go through the ordinary door."""
    migrate(engine)
    folder.mkdir(parents=True, exist_ok=True)
    for kind, rows in _decisions(size):
        path = folder / f"{kind}.csv"
        with path.open("w", encoding="utf-8", newline="") as target:
            csv.writer(target).writerows(rows)
        report = import_file(engine, kind, path)
        assert not report.errors, report.errors[:3]
    for period in size.periods:
        _month(engine, period, size)


def _decisions(size: Size) -> Iterator[tuple[Kind, list[tuple[object, ...]]]]:
    """Everything 20 % on cost, a fixed price for each seat product, and every third customer has prices of its own."""
    codes = range(size.customers)
    yield "organisations", [("code", "name", "currency"), *((f"C-{no}", f"Customer {no}", "EUR") for no in codes)]
    yield "links", [("tenant_id", "organisation"), *((_tenant(no), f"C-{no}") for no in codes)]
    head = ("organisation", "product_id", "sku_id", "kind", "value", "currency")
    rules: list[tuple[object, ...]] = [head, ("*", "", "", "markup", "20", "")]
    rules += [
        ("*", product, sku, "fixed", round_half_away(price * 5 / 4, 2), "EUR") for product, sku, price in PRODUCTS
    ]
    for no in codes[::3]:
        rules.append((f"C-{no}", "", "", "margin", "15", ""))
        rules += [
            (f"C-{no}", product, sku, "fixed", round_half_away(price * 6 / 5, 2), "EUR")
            for product, sku, price in PRODUCTS[no % 7 :: 13]
        ]
    yield "prices", rules


def _month(engine: Engine, period: BillingPeriod, size: Size) -> None:
    number = f"G{period}".replace("-", "")
    lines = list(_lines(number, period, size))
    with writing(engine) as connection:
        header = VendorInvoice(
            number, "new_commerce", period, period.last_day() + timedelta(days=7), "EUR", sum(x.subtotal for x in lines)
        )
        periods.upsert_invoice(connection, header)
        file_id = stored_lines.add_file(connection, number, "reconciliation", "", "lines", "", 0, "0" * 64)
        stored_lines.use_files(connection, [file_id])
        stored_lines.add_lines(connection, ((file_id, no, line) for no, line in enumerate(lines)))
        periods.set_arrival(connection, number, "whole")
        periods.record_period(connection, str(period), PeriodState.BALANCED, [], [])


def _lines(invoice: str, period: BillingPeriod, size: Size) -> Iterator[ReconciliationLine]:
    random = Random(str(period))
    first, count = period.first_day(), 0
    while count < size.lines:
        customer, no = count % size.customers, count // size.customers
        for charge_type, metered, cost, quantity, begin, end in _story(random, no, first):
            product, sku = METERS[random.randrange(20)] if metered else PRODUCTS[(no * 7 + customer) % 40][:2]
            yield ReconciliationLine(
                id=f"l_{period}_{count:06d}",
                invoice_id=invoice,
                platform="new_commerce",
                kind="usage" if metered else "advance" if charge_type == "cycleCharge" else "proration",
                charge_type=charge_type,
                tenant_id=_tenant(customer),
                customer_name=f"Customer {customer}",
                customer_domain=f"c{customer}.example",
                subscription_id=f"{customer:08x}-{no:04x}-4000-8000-000000000000",
                product_id=product,
                sku_id=sku,
                product_name=f"Product {product}",
                sku_name=f"Product {product}",
                currency="EUR",
                subtotal=cost,
                tax=Decimal(0),
                unit_price=Decimal("12.00"),
                effective_unit_price=Decimal("12.345678901234"),
                billable_quantity=quantity,
                charge_start=begin,
                charge_end=end,
                subscription_start=add_months(first, -7),
                subscription_end=add_months(first, 5) - timedelta(days=1),
                billing="" if metered else "Monthly",
                term_text="One-Year commitment for monthly/yearly billing",
                order_date=None,
                reference_id="",
                meter="Virtual Machines" if metered else "",
                publisher="Microsoft Corporation",
            )
            count += 1
            if count == size.lines:
                return


def _story(random: Random, no: int, first: date) -> Iterator[tuple[str, bool, Decimal, Decimal, date, date]]:
    """(charge type, metered, cost, quantity, first day, last day) of one subscription's lines."""
    last = add_months(first, 1) - timedelta(days=1)
    held, price = random.randint(2, 60), Decimal(random.randint(300, 5000)) / 100
    if no % 4 == 3:
        yield (
            "new",
            True,
            Decimal(random.randint(1, 90_000)) / 100,
            Decimal(random.randint(1, 10**9)) / 10**6,
            first,
            last,
        )
        return
    yield "cycleCharge", False, held * price, Decimal(held), first, last
    if no % 3 == 1:
        start = first + timedelta(days=random.randint(2, 20))
        share = Decimal((last - start).days + 1) / 30
        yield "addQuantity", False, -round_half_away(held * price * share, 2), Decimal(-held), start, last
        yield "addQuantity", False, round_half_away((held + 3) * price * share, 2), Decimal(held + 3), start, last


def _tenant(no: int) -> str:
    return f"{no:08x}-0000-4000-8000-000000000000"
