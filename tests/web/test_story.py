"""Rows, steps and formats: the arithmetic a customer follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from connector.store.customer_view import CustomerPart, Scope, find_document
from webhooks.drilldown import chart, story, usage
from webhooks.drilldown.formats import LANGUAGES, Formats

BEGIN, END = date(2026, 3, 1), date(2026, 3, 31)


def part(
    quantity: int, start: int, sign: int, end: int = 31, price: Fraction | None = Fraction(209, 10)
) -> CustomerPart:
    days = end - start + 1
    exact = sign * (price or Fraction(7)) * quantity * Fraction(days, 31)
    return CustomerPart(
        no=1,
        charge_type="addQuantity",
        charge_start=date(2026, 3, start),
        charge_end=date(2026, 3, end),
        days=days,
        cycle_begin=BEGIN,
        cycle_end=END,
        cycle_days=31,
        quantity=Decimal(quantity),
        unit_price=price,
        exact=exact,
        amount=Decimal(0),
        reversal=False,
        sentence="",
        rate=None,
        rate_date=None,
        reversed_period=None,
        reversed_start=None,
        reversed_end=None,
    )


def levels(*parts: CustomerPart) -> list[tuple[int, int, int]]:
    return [(step.start.day, step.end.day, int(step.quantity)) for step in chart.seat_steps(parts)]


def test_ten_to_fourteen_seats() -> None:
    assert levels(part(10, 12, -1), part(14, 12, 1)) == [(1, 11, 10), (12, 31, 14)]


def test_several_changes_in_one_cycle() -> None:
    changes = [part(10, 5, -1), part(14, 5, 1), part(14, 20, -1), part(12, 20, 1)]
    assert levels(*changes) == [(1, 4, 10), (5, 19, 14), (20, 31, 12)]


def test_a_cancellation_ends_at_nothing_and_a_legacy_month_is_charged_again() -> None:
    assert levels(part(10, 12, -1)) == [(1, 11, 10), (12, 31, 0)]
    assert levels(part(495, 1, -1), part(5, 1, 1, end=4), part(500, 5, 1)) == [(1, 4, 5), (5, 31, 500)]


def test_parts_that_do_not_tell_one_story_are_not_drawn() -> None:
    assert levels(part(10, 12, -1), part(14, 12, 1), part(9, 20, -1)) == []
    assert levels(part(10, 12, -1), replace(part(14, 12, 1), cycle_begin=None)) == []
    assert levels(part(10, 12, -1), replace(part(14, 12, 1), reversal=True)) == []
    assert levels(replace(part(14, 12, 1), charge_end=date(2026, 4, 5))) == []
    assert chart.seat_chart([replace(part(14, 12, 1), exact=Fraction(0))]) is None


def test_every_block_and_tick_stays_inside_the_drawing() -> None:
    drawn = chart.seat_chart([part(10, 2, -1), part(14, 2, 1), part(14, 3, -1), part(1, 3, 1)])
    assert drawn is not None
    for block in drawn.blocks:
        assert block.x >= 0 and block.x + block.width <= drawn.width and 20 <= block.y <= drawn.base
    assert [tick.day.day for tick in drawn.ticks] == [1, 31]


def test_a_row_is_quantity_times_price_times_days() -> None:
    credit, charge = story.rows_of([part(10, 12, -1), part(14, 12, 1)])
    assert (credit.what, credit.quantity, charge.what, charge.quantity) == ("credit", -10, "charge", 14)
    for row in (credit, charge):
        assert row.price is not None and not row.price.about
        assert Fraction(row.quantity) * row.price.value * Fraction(20, 31) == row.exact


def test_without_a_stated_price_the_price_follows_from_the_amount() -> None:
    assert story.price_of(part(3, 1, 1, price=None)) == story.Price(Fraction(7), 4, about=False)
    third = replace(part(3, 1, 1, price=None), exact=Fraction(1))
    assert story.price_of(third) == story.Price(Fraction(1, 3), 4, about=True)
    tiny = story.price_of(replace(third, exact=Fraction(1, 100_000)))
    assert tiny is not None and tiny.places > 6 and tiny.about
    assert story.price_of(replace(third, quantity=Decimal(0))) is None
    assert story.price_of(replace(third, days=0)) is None


def test_a_stated_price_that_does_not_make_the_amount_is_not_claimed_to() -> None:
    odd = replace(part(10, 1, 1), exact=Fraction(100))
    assert story.price_of(odd) == story.Price(Fraction(10), 4, about=False)


def test_free_and_taken_back_lines_say_so() -> None:
    assert story.rows_of([replace(part(5, 1, 1), exact=Fraction(0))])[0].what == "free"
    assert story.rows_of([replace(part(5, 1, -1), reversal=True)])[0].what == "taken_back"


class _Sum:
    def __init__(self, day: int, weight: str) -> None:
        self.day, self.quantity, self.weight = date(2026, 3, day), Decimal(1), Decimal(weight)


@pytest.mark.parametrize("amount", ["186.76", "-186.76", "0.00", "0.01", "9999999999999999999999999.99"])
def test_the_days_add_up_to_the_line(amount: str) -> None:
    days = usage.spread(Decimal(amount), [_Sum(day, f"{day}.3333") for day in range(1, 32)], 2)
    assert sum(Fraction(day.amount) for day in days) == Fraction(amount)


def test_a_day_that_comes_from_two_invoices_is_one_day() -> None:
    days = usage.spread(Decimal("4.00"), [_Sum(2, "1"), _Sum(3, "1"), _Sum(1, "1"), _Sum(2, "1")], 2)
    assert [(day.day.day, day.quantity, day.amount) for day in days] == [
        (1, Decimal(1), Decimal("1.00")),
        (2, Decimal(2), Decimal("2.00")),
        (3, Decimal(1), Decimal("1.00")),
    ]


def test_numbers_follow_the_reader_and_digits_the_currency() -> None:
    shown = {language: Formats(language, "EUR").amount(Decimal("-12345.6")) for language in LANGUAGES}
    assert shown["en"] == "-12,345.60" and shown["de"] == "-12.345,60" and shown["nl"] == "-12.345,60"
    assert shown["fr"] == "-12\N{NARROW NO-BREAK SPACE}345,60"
    assert shown["sv"] == "-12\N{NO-BREAK SPACE}345,60"
    assert Formats("en", "JPY").money(Decimal("1200")) == "1,200\N{NO-BREAK SPACE}JPY"
    assert Formats("en", "KWD").amount(Decimal("1.2")) == "1.200"
    assert Formats("en", "IQD").amount(Decimal("1.2")) == "1.200"


def test_long_numbers_lose_no_digit() -> None:
    f = Formats("en", "EUR")
    assert f.quantity(Decimal("12345678901234567.1234567891")) == "12,345,678,901,234,567.1234567891"
    assert f.amount(Decimal("99999999999999999999999999999999999.99")).replace(",", "") == "9" * 35 + ".99"
    assert f.quantity(Decimal("24.00000000000000000000")) == "24"
    assert f.quantity(Decimal("1E+3")) == "1,000"


def test_exact_values_show_that_they_go_on() -> None:
    f = Formats("en", "EUR")
    assert f.exact(Fraction(-4180, 31)) == "-134.838709…"
    assert f.exact(Fraction(-1, 10**9)) == "-0.000000…"
    assert f.exact(Fraction(1, 8)) == "0.125"
    assert f.exact(Fraction(5)) == "5.00"
    assert f.amount(Decimal("-0.00")) == "0.00"


def test_a_query_without_a_scope_is_an_error() -> None:
    for nothing in (None, "", "d_aaaaaaaaaaaaaaaa", Scope("")):
        with pytest.raises(TypeError):
            find_document(None, nothing)  # type: ignore[arg-type]
