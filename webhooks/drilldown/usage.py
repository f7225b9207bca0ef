"""Daily usage behind a line: what a reader of usage rows must offer, and the line's amount over its days.

The weights that spread it are never shown; the rows carry quantities and no amounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from connector.domain.lines import UsageKey
from connector.domain.money import split_largest_remainder, total
from connector.store.customer_view import CustomerLine


class UsageRow(Protocol):
    """One resource on one day."""

    @property
    def day(self) -> date: ...
    @property
    def service(self) -> str: ...
    @property
    def meter(self) -> str: ...
    @property
    def resource_group(self) -> str: ...
    @property
    def resource(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def unit(self) -> str: ...


class DaySum(Protocol):
    """A day's quantity, and its weight when an amount is split over days."""

    @property
    def day(self) -> date: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def weight(self) -> Decimal: ...


class UsagePage(Protocol):
    """(vendor invoices, key, offset, limit) -> (rows, how many there are in all)."""

    def __call__(self, sets: list[str], key: UsageKey, offset: int, limit: int) -> tuple[Sequence[UsageRow], int]: ...


class UsageDays(Protocol):
    """(vendor invoices, key) -> what each day used; a day may come more than once."""

    def __call__(self, sets: list[str], key: UsageKey) -> Sequence[DaySum]: ...


@dataclass(frozen=True, slots=True)
class Day:
    """What was used on a day and which part of the line's amount it is."""

    day: date
    quantity: Decimal
    amount: Decimal


def key_of(line: CustomerLine) -> UsageKey:
    """What the line's usage rows are found by; the vendor invoices stand in the line's sets."""
    return UsageKey("", line.tenant_id, line.subscription_id, line.product_id, line.sku_id)


def spread(amount: Decimal, days: Sequence[DaySum], digits: int) -> list[Day]:
    """The amount over the days so that they add up to it, to the smallest coin.

    A line fed by several vendor invoices has some days more than once: they become one.
    """
    by_day: dict[date, list[DaySum]] = {}
    for each in days:
        by_day.setdefault(each.day, []).append(each)
    ordered = sorted(by_day.items())
    weights = [sum((Fraction(each.weight) for each in found), Fraction(0)) for _, found in ordered]
    amounts = split_largest_remainder(amount, weights, digits)
    return [
        Day(day, total([each.quantity for each in found]), part)
        for (day, found), part in zip(ordered, amounts, strict=True)
    ]
