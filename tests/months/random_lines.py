"""Lines of Microsoft's for a random month, as text and numbers out of a seed: subscriptions with their stories, and odd
ones. Nothing here knows the product; amounts are roughly Microsoft's arithmetic, because only what is delivered counts.

A line that takes back a charge of its own story says so under `_takes_back` (`_key` of the charge); nobody reads names
that begin with an underscore.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from tests.months.reference_cycles import days, months_later, months_later_from_end

Raw = dict[str, Any]
PRODUCTS = (
    ("CFQ7TTC0LDPB", "0001"),
    ("CFQ7TTC0LDPB", "0002"),
    ("CFQ7TTC0LHSL", "0001"),
    ("cfq7ttc0lf8q", "000H"),
)
METERED = ("DZH318Z0BNZ5", "006G")
LEGACY_OFFER = "031c9e47-4802-4248-838e-778fb1d2cc05"
LEGACY_METER = "505db374-df8a-44df-9d8c-13c14b61dee1"
_DIGITS = {"JPY": 0}
_CHANGES = ("addQuantity", "removeQuantity", "moveQuantity", "AddQuantity", "extendTerm")


@dataclass
class Month:
    """What a story needs: the random numbers, the days of the period, and where lines go."""

    random: Random
    first: date
    lines: list[Raw] = field(default_factory=list)
    earlier: list[Raw] = field(default_factory=list)
    counter: int = 0

    @property
    def last(self) -> date:
        return months_later(self.first, 1) - timedelta(days=1)

    def number(self) -> int:
        self.counter += 1
        return self.counter

    def day(self, first: date | None = None, last: date | None = None) -> date:
        begin, end = first or self.first, last or self.last
        return begin + timedelta(days=self.random.randint(0, max(0, (end - begin).days)))


def tenant(no: int) -> str:
    return f"0000000{no}-aaaa-4000-8000-00000000000{no}"


def seat_story(month: Month, tenant_id: str, currency: str) -> Iterator[Raw]:
    """A subscription whose cycle touches the period: its charge and what changed."""
    random = month.random
    annual = random.random() < 0.25
    step = 12 if annual else 1
    bought = _bought(month, step)
    counted = months_later_from_end if bought.day >= 29 and random.random() < 0.4 else months_later
    turn = 0
    while counted(bought, (turn + 1) * step) <= month.first and turn < 60:
        turn += 1
    if turn and counted(bought, (turn + 1) * step) <= month.last and random.random() < 0.7:
        turn += 1
    begin, end = counted(bought, turn * step), counted(bought, (turn + 1) * step) - timedelta(days=1)
    if random.random() < 0.15 and days(begin, end) > 5:
        end -= timedelta(days=random.randint(1, days(begin, end) - 4))  # coterminous
    product = random.choice(PRODUCTS)
    subscription = Subscription(
        month,
        tenant_id,
        f"5b5c{month.number():04d}-0000-4000-8000-000000000000",
        currency,
        product,
        Decimal(random.randint(100, 9000)) / 100,
        begin,
        end,
        bought if random.random() < 0.9 else None,
        random.choice((30, 364, 365, 1095)),
        "Annual" if annual else random.choice(("Monthly", "Monthly", "monthly")),
    )
    yield from subscription.told()


def _bought(month: Month, step: int) -> date:
    """The day a subscription began: often at a month's end."""
    random = month.random
    first = months_later(month.first, -random.randint(0, 30))
    if step == 12 and random.random() < 0.5:
        first = months_later(month.first, -12 * random.randint(0, 2))
    last = months_later(first, 1) - timedelta(days=1)
    late = [day for day in range(28, 32) if day <= last.day]
    return first.replace(day=random.choice(late) if random.random() < 0.45 else random.randint(1, last.day))


@dataclass
class Subscription:
    """A seat subscription in one cycle."""

    month: Month
    tenant_id: str
    id: str
    currency: str
    product: tuple[str, str]
    price: Decimal
    begin: date
    end: date
    bought: date | None
    term_days: int
    billing: str

    def told(self) -> Iterator[Raw]:
        random, month = self.month.random, self.month
        held = random.choice((1, 2, 10, 14, random.randint(1, 50), random.randint(50, 900)))
        charge = self.line(
            random.choice(("new", "renew", "cycleCharge", "Renew", "changeBillingPlan")), held, self.begin
        )
        if self.begin >= month.first:
            yield charge
        else:
            if random.random() < 0.8:
                month.earlier.append(charge)
            else:
                charge = {}
        day = max(self.begin, month.first)
        last = min(self.end, month.last)
        if random.random() < 0.08 and day <= last:
            # bought twice and cancelled in one go
            second = self.line("new", held + 3, self.begin)
            (month.lines if self.begin >= month.first else month.earlier).append(second)
            yield self.line("cancel", 2 * held + 3, month.day(day, last), -1)
            return
        for _ in range(random.choice((0, 0, 1, 1, 2, 3, 4))):
            if day > last:
                return
            day = month.day(day, last)
            if random.random() < 0.15:
                kind = random.choice(("cancel", "cancelImmediate", "Cancel", "refund"))
                yield self.line(kind, held, day, -1, back=charge)
                return
            reference = f"ref-{month.number()}"
            old, held = held, max(1, held + random.randint(-min(held, 9), 12))
            if random.random() < 0.12:
                yield self.line("convert", old, day, -1, reference, back=charge)
                other = random.choice([product for product in PRODUCTS if product != self.product])
                self.product = other
                if random.random() < 0.3:
                    self.id = f"5b5c{month.number():04d}-0000-4000-8000-00000000000c"
                charge = self.line("convert", held, day, 1, reference)
                yield charge
            else:
                kind = random.choice(_CHANGES)
                yield self.line(kind, old, day, -1, reference, back=charge)
                charge = self.line(kind, held, day, 1, reference)
                yield charge
            day += timedelta(days=random.choice((0, 1, 1, 3)))

    def line(
        self, kind: str, quantity: int, start: date, sign: int = 1, reference: str = "", back: Raw | None = None
    ) -> Raw:
        unit = sign * Fraction(self.price) * days(start, self.end) / days(self.begin, self.end)
        made = base(self.month, self.tenant_id, self.currency, *self.product)
        ends = self.bought + timedelta(days=self.term_days) if self.bought else None
        made |= {
            "SubscriptionId": self.id,
            "ChargeType": kind,
            "Subtotal": cut(unit * quantity, self.currency),
            "EffectiveUnitPrice": decimal(unit, 12),
            "UnitPrice": self.price,
            "Quantity": quantity,
            "BillableQuantity": quantity,
            "ChargeStartDate": stamp(start),
            "ChargeEndDate": stamp(self.end),
            "SubscriptionStartDate": stamp(self.bought),
            "SubscriptionEndDate": stamp(ends),
            "BillingFrequency": self.billing,
            "OrderDate": f"{start.isoformat()}T{self.month.number() // 60 % 24:02d}:{self.month.counter % 60:02d}:00Z",
            "ReferenceId": reference or f"ref-{self.month.number()}",
            "_key": self.month.number(),
        }
        if back:
            made["_takes_back"] = back["_key"]
        return made


def base(month: Month, tenant_id: str, currency: str, product: str, sku: str) -> Raw:
    random = month.random
    return {
        "CustomerId": tenant_id if random.random() < 0.8 else tenant_id.upper(),
        "CustomerName": "Customer",
        "InvoiceNumber": "",
        "SubscriptionId": "",
        "ProductId": product,
        "SkuId": sku,
        "ProductName": f"Product {product[-4:]}",
        "SkuName": f"Product {product[-4:]} {sku}",
        "ChargeType": "new",
        "Currency": currency,
        "UnitPrice": Decimal(1),
        "EffectiveUnitPrice": Decimal(1),
        "Quantity": 1,
        "BillableQuantity": 1,
        "Subtotal": Decimal(1),
        "TaxTotal": random.choice((Decimal(0), Decimal(0), Decimal(random.randint(-500, 900)) / 100)),
        "ChargeStartDate": stamp(month.first),
        "ChargeEndDate": stamp(month.last),
        "SubscriptionStartDate": "",
        "SubscriptionEndDate": "",
        "BillingFrequency": "",
        "TermAndBillingCycle": random.choice(
            ("", "One-Year commitment for monthly/yearly billing", "1 Month", "three-year", "odd words")
        ),
        "MeterDescription": "",
        "OrderDate": stamp(month.first),
        "ReferenceId": f"ref-{month.number()}",
        "CreditReasonCode": "",
    }


# ---- odd lines


def usage(month: Month, made: Raw) -> None:
    """Metered, with the 15 digits and more that Azure quantities have; sometimes a correction."""
    random = month.random
    quantity = Decimal(random.randint(1, 10**15)) / 10 ** random.randint(3, 15)
    cost = Decimal(random.randint(-3000, 90000)) / 100
    made |= {
        "ProductId": METERED[0],
        "SkuId": METERED[1],
        "SubscriptionId": "a2u3e000-0000-4000-8000-000000000000",
        "MeterDescription": "Virtual Machines Dv3 Series - D2 v3",
        "BillableQuantity": str(quantity),
        "EffectiveUnitPrice": decimal(Fraction(cost) / Fraction(quantity), 15),
        "Subtotal": cut(Fraction(cost), made["Currency"]),
    }


def customer_credit(month: Month, made: Raw) -> None:
    made |= {
        "ChargeType": month.random.choice(("customerCredit", "CustomerCredit", "customer_credit")),
        "Subtotal": cut(-Fraction(month.random.randint(1, 9000), 100), made["Currency"]),
        "EffectiveUnitPrice": 0,
        "BillableQuantity": 0,
        "CreditReasonCode": month.random.choice(("", "Service Level Agreement")),
    }


def unknown_type(month: Month, made: Raw) -> None:
    made |= {
        "ChargeType": month.random.choice(("transferIn", "Rebate 2", "")),
        "Subtotal": cut(Fraction(month.random.randint(-5000, 5000), 100), made["Currency"]),
    }


def trial(month: Month, made: Raw) -> None:
    made |= {"Subtotal": 0, "EffectiveUnitPrice": 0, "BillableQuantity": 25, "ChargeType": "new"}
    made |= {"BillingFrequency": month.random.choice(("", "Monthly")), "SubscriptionId": "7a1a1000"}


def only_effective(month: Month, made: Raw) -> None:
    """A quantity of nothing, or a subtotal of 0 whose sign only the effective price tells."""
    quantity = month.random.choice((0, 3))
    made |= {
        "Subtotal": 0,
        "EffectiveUnitPrice": Decimal(month.random.randint(-900, 900)) / 10**6,
        "BillableQuantity": quantity,
        "Quantity": quantity,
        "BillingFrequency": "Monthly",
        "SubscriptionId": "0effec71",
    }


def one_time(month: Month, made: Raw) -> None:
    day = month.day()
    quantity = month.random.randint(1, 9)
    made |= {
        "ChargeType": month.random.choice(("new", "Purchase", "renew")),
        "BillableQuantity": quantity,
        "Quantity": quantity,
        "Subtotal": cut(Fraction(month.random.randint(1, 99999), 100), made["Currency"]),
        "ChargeStartDate": stamp(day),
        "ChargeEndDate": stamp(day + timedelta(days=month.random.choice((0, 365, 1095)))),
        "OrderDate": stamp(day),
    }


def without_days(month: Month, made: Raw) -> None:
    """Microsoft left the charge's days out, or turned them round."""
    blank = month.random.choice(("", "0001-01-01T00:00:00"))
    made |= {"ChargeStartDate": blank, "ChargeEndDate": blank, "BillingFrequency": "Monthly", "SubscriptionId": "da75"}
    if month.random.random() < 0.3:
        made |= {"ChargeStartDate": stamp(month.last), "ChargeEndDate": stamp(month.first)}
    made["OrderDate"] = month.random.choice(("", stamp(month.day())))


def anything(month: Month, made: Raw) -> None:
    """Amounts and days that no arithmetic of Microsoft's explains."""
    random = month.random
    start = month.day(months_later(month.first, -2))
    bought = random.choice((None, start - timedelta(days=random.randint(0, 900))))
    quantity = random.choice((1, 1, 1, 1, -1)) * random.choice((random.randint(0, 900), random.randint(0, 10**9)))
    digits = 2 if random.random() < 0.8 else 6
    made |= {
        "ChargeType": random.choice(("new", "renew", "addQuantity", "removeQuantity", "convert", "CYCLECHARGE")),
        "SubscriptionId": random.choice(("f0221000", "f0221001", "")),
        "Subtotal": Decimal(random.randint(-5 * 10**8, 5 * 10**8)).scaleb(-digits),
        "EffectiveUnitPrice": Decimal(random.randint(-(10**8), 10**8)) / 10**6,
        "BillableQuantity": quantity,
        "Quantity": quantity,
        "ChargeStartDate": stamp(start),
        "ChargeEndDate": stamp(start + timedelta(days=random.randint(0, 45))),
        "SubscriptionStartDate": stamp(bought),
        "SubscriptionEndDate": stamp(bought + timedelta(days=random.choice((27, 30, 364, 900, 1200))))
        if bought
        else "",
        "BillingFrequency": random.choice(("Monthly", "Annual", "")),
        "OrderDate": stamp(start),
    }


ODD: tuple[Callable[[Month, Raw], None], ...] = (
    usage, usage, customer_credit, unknown_type, trial, only_effective, one_time, without_days, anything, anything,
)  # fmt: skip


def odd_line(month: Month, tenant_id: str, currency: str) -> Raw:
    made = base(month, tenant_id, currency, *month.random.choice(PRODUCTS))
    month.random.choice(ODD)(month, made)
    made["_key"] = month.number()
    return made


# ---- numbers and dates as they are delivered


def stamp(day: date | None) -> str:
    return f"{day.isoformat()}T00:00:00Z" if day else ""


def cut(value: Fraction, currency: str) -> Decimal:
    """Toward zero, to the currency's digits (invoices.md 3.5)."""
    return decimal(value, _DIGITS.get(currency, 2))


def decimal(value: Fraction, places: int) -> Decimal:
    units = abs(value.numerator) * 10**places // value.denominator
    return Decimal(-units if value < 0 else units).scaleb(-places)
