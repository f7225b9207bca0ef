"""Azure plan consumption of a generated month: monthly lines and the daily rows that fit them.

The line: cost in USD = ROUNDDOWN(units x price x 0.85 or 1, 2), Subtotal = ROUNDDOWN(cost x rate, 2). A
row: FLOOR(price x 0.85 or 1 x quantity x rate, 2) (invoices.md 3.5 and 3.7). Whole numbers only: two
million rows are made without a Decimal in the inner loop. The sum of the rows never exceeds the line, and
lies below it by less than a cent a row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from tests.standins.microsoft import exact
from tests.standins.microsoft.billing import Customer, Product, digits, guid, line, stamp
from tests.standins.microsoft.catalogue import METERS, customers, meter_product
from tests.standins.microsoft.published_azure import usage_row

_RATE = Decimal("0.846202666")
_MICRO = 10**6
#: a meter in one resource for one stretch of days gives a line's rows
_RESOURCES = ("vm-app-01", "vm-sql-01", "st-backup")


@dataclass(frozen=True)
class Consumption:
    """One monthly line: a meter of a customer's plan, with or without partner earned credit."""

    customer: Customer
    product: Product
    meter: tuple[str, str, str, str]
    plan: str
    earned: bool
    #: quantity of each day and resource in millionths, by day
    quantities: tuple[tuple[date, int, int], ...]

    @property
    def paid(self) -> Fraction:
        """USD a unit, after the credit."""
        return Fraction(self.product.price) * (Fraction(85, 100) if self.earned else 1)

    @property
    def units(self) -> Fraction:
        """Units of the month."""
        return Fraction(sum(quantity for _, _, quantity in self.quantities), _MICRO)

    def subtotal(self) -> Decimal:
        """In EUR, cut twice."""
        usd = self.paid * self.units * 100 // 1
        return Decimal(int(Fraction(usd, 100) * Fraction(_RATE) * 100 // 1)).scaleb(-2)

    def cents(self, quantity: int) -> int:
        """FLOOR of one row, in cents."""
        price = self.paid * Fraction(_RATE) * 100
        return quantity * price.numerator // (price.denominator * _MICRO)


class AzureMonth:
    """Which customers consume what; lines and rows are made from the same draws."""

    def __init__(self, seed: int, first: date, last: date, number: str, usage_rows: int, count: int) -> None:
        self.seed, self.first, self.last, self.number = seed, first, last, number
        self.count = count
        self.days = (last - first).days + 1
        with_azure = sum(1 for index in range(count) if index % 3 == 2) or 1
        #: resources per meter, so that about `usage_rows` rows come out; a meter has the whole month
        self.rows_each = max(1, round(usage_rows / (with_azure * 3 * self.days))) if usage_rows else 1

    def consumptions(self, index: int, customer: Customer) -> Iterator[Consumption]:
        """Every third customer has an Azure plan with three meters; one in nine earns the credit on some
        days only.
        """
        if index % 3 != 2:
            return
        random = Random(f"azure/{self.seed}/{index}")
        plan = guid("plan", self.seed, customer.tenant_id)
        for meter in random.sample(METERS, 3):
            split = self.days if index % 9 != 8 else random.randint(8, 20)
            for earned, begin, end in ((True, 0, split), (False, split, self.days)):
                if begin < end:
                    yield self._consumption(random, customer, meter, plan, earned, begin, end)

    def _consumption(
        self,
        random: Random,
        customer: Customer,
        meter: tuple[str, str, str, str],
        plan: str,
        earned: bool,
        begin: int,
        end: int,
    ) -> Consumption:
        product = meter_product(meter)
        while True:
            quantities = tuple(
                (self.first + timedelta(days=day), resource, random.randint(100_000, 48 * _MICRO))
                for day in range(begin, end)
                for resource in range(self.rows_each)
            )
            made = Consumption(customer, product, meter, plan, earned, quantities)
            below = int(made.subtotal() * 100) - sum(made.cents(quantity) for _, _, quantity in quantities)
            if 0 <= below < len(quantities):
                return made

    def lines_of(self, index: int, customer: Customer) -> Iterator[dict[str, Any]]:
        """The monthly lines of a customer."""
        for each in self.consumptions(index, customer):
            units = digits(each.units, 6)
            subtotal = each.subtotal()
            usd = Fraction(each.paid * each.units * 100 // 1, 100)
            yield line(
                customer,
                each.product,
                SubscriptionId=each.plan,
                ChargeType="new",
                UnitPrice=each.product.price,
                OrderDate=f"{self.last.isoformat()}T23:10:00.0000000Z",
                EffectiveUnitPrice=digits(usd / each.units),
                Quantity=units,
                BillableQuantity=units,
                Subtotal=subtotal,
                Currency="EUR",
                PricingCurrency="USD",
                PCToBCExchangeRate=_RATE,
                PCToBCExchangeRateDate=stamp(self.first),
                SubscriptionDescription="Azure plan",
                ChargeStartDate=stamp(self.first),
                ChargeEndDate=stamp(self.last),
                MeterDescription=each.meter[0],
                UnitType=each.meter[2],
                TermAndBillingCycle="Azure plan",
                ReferenceId=guid("azure", self.seed, each.plan, each.meter[0], each.earned),
                PriceAdjustmentDescription='["15.0% Partner earned credit for services managed"]'
                if each.earned
                else "",
            )

    def rows(self) -> Iterator[str]:
        """The daily rows as JSON text."""
        for index, customer in enumerate(customers(self.count, self.seed)):
            for each in self.consumptions(index, customer):
                yield from self._rows_of(each)

    def _rows_of(self, each: Consumption) -> Iterator[str]:
        constant = usage_row(
            each.customer,
            each.product,
            each.plan,
            self.number,
            ChargeStartDate=stamp(self.first),
            ChargeEndDate=stamp(self.last),
            MeterName=each.meter[1],
            MeterId=guid("meter", each.meter[0]),
            MeterCategory=each.meter[0].split(" - ")[0],
            Unit=each.meter[2],
            UnitType=each.meter[2],
            UnitPrice=each.product.price,
            EffectiveUnitPrice=digits(each.paid),
            PricingCurrency="USD",
            PCToBCExchangeRate=_RATE,
            PartnerEarnedCreditPercentage=15 if each.earned else 0,
            CreditType="Partner Earned Credit Applied" if each.earned else "Credit Not Applied",
        )
        for name in (
            "UsageDate",
            "Quantity",
            "BillingPreTaxTotal",
            "PricingPreTaxTotal",
            "ResourceURI",
            "Tags",
        ):
            del constant[name]
        head = exact.dumps(constant)[:-1]
        price = each.paid * Fraction(_RATE) * 100
        numerator, denominator = price.numerator, price.denominator * _MICRO
        usd_numerator, usd_denominator = each.paid.numerator, each.paid.denominator
        prefix = f"/subscriptions/{constant['EntitlementId']}/resourceGroups/PROD/providers/Microsoft.Compute/"
        for day, resource, quantity in each.quantities:
            cents = quantity * numerator // denominator
            usd = quantity * usd_numerator // usd_denominator
            name = f"{_RESOURCES[resource % len(_RESOURCES)]}-{resource}"
            yield (
                f'{head}, "UsageDate": "{day.isoformat()}T00:00:00Z", '
                f'"Quantity": {quantity // _MICRO}.{quantity % _MICRO:06d}, '
                f'"BillingPreTaxTotal": {cents // 100}.{cents % 100:02d}, '
                f'"PricingPreTaxTotal": {usd // _MICRO}.{usd % _MICRO:06d}, "ResourceURI": "{prefix}{name}", '
                '"Tags": "{\\"env\\":\\"prod\\"}"}'
            )
