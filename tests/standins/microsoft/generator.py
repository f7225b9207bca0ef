"""A realistic month out of a seed: seats, changes, annual and one-time purchases, Azure with daily rows, a
credit.

`generate(Order(...))` gives a month in memory; `write(Order(...), folder)` streams a big one to JSON Lines
beside the month file. `python -m tests.standins.microsoft.generator --files DIR` writes import files that
fit the month. Everything follows billing.py, so that the header is exactly the sum of Subtotal and
TaxTotal.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import Any

from tests.standins.microsoft import catalogue, exact, import_files
from tests.standins.microsoft.azure import AzureMonth
from tests.standins.microsoft.billing import (
    CENT,
    Customer,
    Seats,
    guid,
    line,
    monthly_cycle,
    months_after,
    stamp,
)
from tests.standins.microsoft.month import Book


@dataclass(frozen=True)
class Order:
    """What to make. `lines` and `usage_rows` of 0 mean: as it comes (about 6 lines a customer)."""

    seed: int = 7
    customers: int = 20
    period: str = "2026-10"
    lines: int = 0
    usage_rows: int = 0
    usd_invoice: bool = False
    tax_percent: str = "0"

    @property
    def first(self) -> date:
        """First day of the month."""
        return date.fromisoformat(f"{self.period}-01")

    @property
    def last(self) -> date:
        """Last day of the month."""
        return months_after(self.first, 1) - timedelta(days=1)

    @property
    def numbers(self) -> tuple[str, str]:
        """Invoice numbers: EUR, USD."""
        stem = self.period.replace("-", "")
        return f"G{stem}001", f"G{stem}002"


def demo_lines(order: Order, customer: Customer) -> list[dict[str, Any]]:
    """Seats go from 10 to 14 on the 12th; in October 2026 20 of 31 days are left: -77.41 and 108.38."""
    start, end = order.first, order.last
    term_start = months_after(start, -6)
    seats = Seats(
        customer,
        catalogue.DEMO_PRODUCT,
        catalogue.DEMO_SUBSCRIPTION,
        start,
        end,
        term_start,
        months_after(term_start, 12) - timedelta(days=1),
    )
    return [seats.charge("cycleCharge", 10), *seats.change("addQuantity", 10, 14, start.replace(day=12))]


def _seats(order: Order, random: Random, customer: Customer, index: int, currency: str) -> Seats:
    """A subscription whose cycle begins in the month."""
    product = random.choice(catalogue.SEATS[1:])
    term_start = months_after(order.first, -random.randint(1, 10)).replace(day=random.randint(1, 28))
    begin, end = monthly_cycle(term_start, order.first)
    return Seats(
        customer,
        product,
        guid("subscription", order.seed, customer.tenant_id, index),
        begin,
        end,
        term_start,
        months_after(term_start, 12) - timedelta(days=1),
        currency=currency,
    )


def _story(order: Order, random: Random, customer: Customer, index: int, currency: str) -> list[dict[str, Any]]:
    """One subscription's month."""
    kind = random.choices(
        ("cycle", "renew", "add", "remove", "new", "cancel", "annual", "trial", "add_before"),
        weights=(34, 12, 14, 8, 10, 4, 6, 3, 9),
    )[0]
    seats = _seats(order, random, customer, index, currency)
    held = random.randint(2, 60)
    if kind == "cycle":
        return [seats.charge("cycleCharge", held)]
    if kind == "renew":
        monthly = _fresh(seats, seats.cycle_start)
        return [monthly.charge("renew", held)]
    if kind in ("add", "remove"):
        days = min((order.last - seats.cycle_start).days, 25)
        day = seats.cycle_start + timedelta(days=random.randint(1, days)) if days > 0 else seats.cycle_start
        new = held + random.randint(1, 9) if kind == "add" else max(1, held - random.randint(1, 5))
        changes = seats.change("addQuantity" if kind == "add" else "removeQuantity", held, new, day)
        return [seats.charge("cycleCharge", held), *changes]
    if kind == "add_before":
        return _in_the_old_cycle(order, random, seats, held)
    bought = order.first + timedelta(days=random.randint(0, (order.last - order.first).days - 3))
    if kind == "annual":
        return [_annual(seats, bought).charge("new", held)]
    fresh = _fresh(seats, bought)
    if kind == "trial":
        trial = Seats(
            customer,
            catalogue.TRIAL,
            fresh.subscription_id,
            fresh.cycle_start,
            fresh.cycle_end,
            bought,
            fresh.cycle_end,
            "",
            "One-Month commitment for trial",
            currency,
        )
        return [trial.charge("new", 25, ProductQualifiers='["Trial"]')]
    first = fresh.charge("new", held)
    if kind == "cancel":
        return [
            first,
            fresh.charge("cancelImmediate", held, bought + timedelta(days=2), sign=-1, unit_first=True),
        ]
    return [first]


def _fresh(seats: Seats, bought: date) -> Seats:
    """A monthly term that begins on a day."""
    end = months_after(bought, 1) - timedelta(days=1)
    return Seats(
        seats.customer,
        seats.product,
        seats.subscription_id,
        bought,
        end,
        bought,
        end,
        term="One-Month commitment for monthly billing",
        currency=seats.currency,
    )


def _annual(seats: Seats, bought: date) -> Seats:
    """A year paid in advance: one line; twelve times the price, less a tenth of a month (invented)."""
    product = seats.product
    yearly = type(product)(product.product_id, product.sku_id, product.name, product.price * 12, product.publisher)
    end = months_after(bought, 12) - timedelta(days=1)
    return Seats(
        seats.customer,
        yearly,
        seats.subscription_id,
        bought,
        end,
        bought,
        end,
        "Annual",
        currency=seats.currency,
    )


def _in_the_old_cycle(order: Order, random: Random, seats: Seats, held: int) -> list[dict[str, Any]]:
    """Seats added before the cycle's day: the change belongs to the cycle that began in the month before."""
    if seats.cycle_start.day < 5:
        return [seats.charge("cycleCharge", held)]
    begin, end = monthly_cycle(seats.term_start, months_after(order.first, -1))
    if begin < seats.term_start:
        return [seats.charge("cycleCharge", held)]
    old = Seats(
        seats.customer,
        seats.product,
        seats.subscription_id,
        begin,
        end,
        seats.term_start,
        seats.term_end,
        currency=seats.currency,
    )
    day = order.first + timedelta(days=random.randint(0, seats.cycle_start.day - 3))
    new = held + random.randint(1, 6)
    return [*old.change("addQuantity", held, new, day), seats.charge("cycleCharge", new)]


def _extras(order: Order, customer: Customer, index: int) -> list[dict[str, Any]]:
    """One-time software for some, a credit for one."""
    made = []
    if index % 7 == 3:
        bought = order.first + timedelta(days=index % 25)
        price = catalogue.SOFTWARE.price
        made.append(
            line(
                customer,
                catalogue.SOFTWARE,
                SubscriptionId=guid("software", order.seed, index),
                ChargeType="new",
                OrderDate=f"{bought.isoformat()}T11:22:33.0000000Z",
                UnitPrice=price,
                EffectiveUnitPrice=price,
                Quantity=2,
                BillableQuantity=2,
                Subtotal=price * 2,
                ChargeStartDate=stamp(bought),
                ChargeEndDate=stamp(bought),
                SubscriptionStartDate=stamp(bought),
                SubscriptionEndDate=stamp(bought),
                TermAndBillingCycle="One-Time",
            )
        )
    if index == 4:
        made.append(
            line(
                customer,
                catalogue.SEATS[3],
                ChargeType="customerCredit",
                UnitPrice=Decimal(0),
                EffectiveUnitPrice=Decimal(0),
                OrderDate=stamp(order.last),
                Quantity=0,
                BillableQuantity=0,
                Subtotal=Decimal("-18.40"),
                ChargeStartDate=stamp(order.first),
                ChargeEndDate=stamp(order.last),
                CreditReasonCode="Service Level Agreement",
            )
        )
    return made


def reconciliation(order: Order, azure: AzureMonth, currency: str = "EUR") -> Iterator[dict[str, Any]]:
    """The lines of one invoice, streamed. The USD invoice holds every tenth customer's further seats."""
    number = order.numbers[0] if currency == "EUR" else order.numbers[1]
    tax = Decimal(order.tax_percent)
    everyone = catalogue.customers(order.customers, order.seed)
    done = 0
    for index, customer in enumerate(everyone):
        if currency != "EUR" and index % 10 != 5:
            continue
        random = Random(f"{currency}/{order.seed}/{index}")
        # so many lines should be there after this customer; None: a handful each
        due = order.lines * (index + 1) // len(everyone) - done if order.lines else None
        for each in _of_customer(order, random, customer, index, azure, currency, due):
            done += 1
            if tax:
                each["TaxTotal"] = (Decimal(each["Subtotal"]) * tax / 100).quantize(CENT, ROUND_HALF_UP)
                each["Total"] = Decimal(each["Subtotal"]) + each["TaxTotal"]
            yield {**each, "InvoiceNumber": number}


def _of_customer(
    order: Order,
    random: Random,
    customer: Customer,
    index: int,
    azure: AzureMonth,
    currency: str,
    due: int | None,
) -> Iterator[dict[str, Any]]:
    count = 0
    if currency == "EUR":
        first = demo_lines(order, customer) if index == 0 else []
        for each in (*first, *_extras(order, customer, index), *azure.lines_of(index, customer)):
            count += 1
            yield each
    story, stories = 0, 1 + index % 4 if index else 0
    while story < stories if due is None else count < due:
        story += 1
        for each in _story(order, random, customer, story, currency):
            count += 1
            yield each


def generate(order: Order) -> dict[str, Any]:
    """A month in memory."""
    azure = AzureMonth(order.seed, order.first, order.last, order.numbers[0], order.usage_rows, order.customers)
    month = _frame(order)
    for invoice in month["invoices"]:
        invoice["reconciliation"] = list(reconciliation(order, azure, invoice["currencyCode"]))
        if invoice["currencyCode"] == "EUR":
            invoice["usage"] = [exact.loads(text) for text in azure.rows()]
    return month


def write(order: Order, folder: Path) -> Path:
    """A month on disk; lines and usage rows go to JSON Lines, one at a time. Gives the month file."""
    folder.mkdir(parents=True, exist_ok=True)
    azure = AzureMonth(order.seed, order.first, order.last, order.numbers[0], order.usage_rows, order.customers)
    month = _frame(order)
    for invoice in month["invoices"]:
        total = Decimal(0)
        path = folder / f"{invoice['id']}.reconciliation.jsonl"
        with path.open("w", encoding="utf-8") as target:
            for each in reconciliation(order, azure, invoice["currencyCode"]):
                total += Decimal(each["Subtotal"]) + Decimal(each["TaxTotal"])
                target.write(exact.dumps(each) + "\n")
        invoice |= {"reconciliation_file": path.name, "totalCharges": total}
        if invoice["currencyCode"] == "EUR":
            path = folder / f"{invoice['id']}.usage.jsonl"
            with path.open("w", encoding="utf-8") as target:
                target.writelines(text + "\n" for text in azure.rows())
            invoice["usage_file"] = path.name
    target_file = folder / "month.json"
    target_file.write_text(exact.dumps(month), encoding="utf-8")
    return target_file


def _frame(order: Order) -> dict[str, Any]:
    invoiced = months_after(order.first, 1).replace(day=7)
    currencies = ("EUR", "USD") if order.usd_invoice else ("EUR",)
    return {
        "period": order.period,
        "customers": [c.listed() for c in catalogue.customers(order.customers, order.seed)],
        "invoices": [
            {
                "id": number,
                "period": order.period,
                "currencyCode": currency,
                "invoiceDate": f"{invoiced.isoformat()}T08:14:03.1234567Z",
            }
            for number, currency in zip(order.numbers, currencies, strict=False)
        ],
    }


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="tests.standins.microsoft.generator", description=__doc__)
    parser.add_argument("--out", type=Path, help="folder for month.json and its JSON Lines")
    parser.add_argument("--files", type=Path, help="folder for organisations.csv, links.csv, prices.csv, rates.csv")
    parser.add_argument("--ledger", default="tryton", help="name of the ledger in organisations.csv")
    for name, kind in (
        ("seed", int),
        ("customers", int),
        ("lines", int),
        ("usage-rows", int),
        ("period", str),
        ("tax-percent", str),
    ):
        parser.add_argument(f"--{name}", type=kind, default=getattr(Order, name.replace("-", "_")))
    parser.add_argument("--usd-invoice", action="store_true")
    options = vars(parser.parse_args(arguments))
    out, files, ledger = options.pop("out"), options.pop("files"), options.pop("ledger")
    order = Order(**options)
    if out:
        path = write(order, out)
        book = Book()
        book.load(exact.load(path), out)
        for document in book.documents:
            print(f"{document.id} {document.header['currencyCode']} {document.header['totalCharges']}")
    if files:
        import_files.write(files, catalogue.customers(order.customers, order.seed), order.first, ledger)
    if not out and not files:
        parser.error("nothing to do: --out or --files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
