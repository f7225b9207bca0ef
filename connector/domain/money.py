"""Money: the one gate through which foreign numbers enter, exact arithmetic, and the named rounding rules.

Amounts are `Decimal` when they stand on a document and `Fraction` while they are being computed. Nothing here
knows where a number came from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import NewType

from connector.domain.currencies import MINOR_UNITS

Currency = NewType("Currency", str)

MAX_DIGITS = 38
MAX_EXPONENT = 20
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)


class NotANumber(ValueError):
    """The text is not a number we accept; the message says why, in words a clerk understands."""


def money(value: object) -> Decimal:
    """Let a foreign number in, or raise NotANumber (reliability.md, "Money in the database").

    Accepts int, Decimal and ASCII text; refuses binary floats, NaN, Infinity, underscores, foreign digits,
    thousands separators, more than 38 digits and exponents outside +-20.

    >>> money("12.50")
    Decimal('12.50')
    >>> money("1,50")
    Traceback (most recent call last):
    ...
    connector.domain.money.NotANumber: '1,50' is not a number
    """
    if isinstance(value, bool | float):
        raise NotANumber(f"{value!r} is a {type(value).__name__}, not an exact number")
    if isinstance(value, int):
        # str() of a huge int is refused by Python itself; do not let it get there
        if value.bit_length() > 128:
            raise NotANumber("a whole number of more than 38 digits")
        number = Decimal(value)
    elif isinstance(value, Decimal):
        number = value
    elif isinstance(value, str):
        text = value.strip()
        if not text:
            raise NotANumber("the number is empty")
        if len(text) > 80 or not _NUMBER.fullmatch(text):
            raise NotANumber(f"{text[:40]!r} is not a number")
        number = Decimal(text)
    else:
        raise NotANumber(f"a {type(value).__name__} is not a number")
    if not number.is_finite():
        raise NotANumber(f"{number} is not a finite number")
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    if len(digits) > MAX_DIGITS or not -MAX_EXPONENT <= exponent <= MAX_EXPONENT or number.adjusted() > MAX_DIGITS:
        raise NotANumber("the number has more than 38 digits or an exponent beyond 20")
    return number


def known_currency(code: str) -> Currency | None:
    """The ISO 4217 currency with this code in any case, or None."""
    upper = code.strip().upper()
    return Currency(upper) if upper in MINOR_UNITS else None


def minor_units(currency: str) -> int:
    """Digits after the point by ISO 4217 (JPY 0, EUR 2, KWD 3)."""
    return MINOR_UNITS[currency]


def round_half_away(exact: Fraction | Decimal, digits: int) -> Decimal:
    """Round half away from zero, the only rounding of sales amounts (interfaces.md 5.8).

    >>> round_half_away(Fraction(-1005, 1000), 2)
    Decimal('-1.01')
    """
    # on plain integers: this runs once for every line of every month that is tried
    numerator, denominator = exact.as_integer_ratio()
    whole, rest = divmod(abs(numerator) * 10**digits, denominator)
    if 2 * rest >= denominator:
        whole += 1
    return scaled(-whole if numerator < 0 else whole, digits)


def cut(exact: Fraction | Decimal, digits: int) -> Decimal:
    """Cut toward zero: Microsoft's published ROUNDDOWN (invoices.md 3.5). Only for checks.

    >>> cut(Fraction(-99, 1000), 2)
    Decimal('-0.09')
    """
    value = Fraction(exact) * 10**digits
    whole = abs(value.numerator) // value.denominator
    return scaled(-whole if value < 0 else whole, digits)


def to_currency(exact: Fraction | Decimal, currency: str) -> Decimal:
    """The sales amount in a currency's minor unit."""
    return round_half_away(exact, minor_units(currency))


def scaled(units: int, digits: int) -> Decimal:
    """units / 10**digits as a Decimal that shows exactly `digits` places.

    >>> scaled(-13484, 2)
    Decimal('-134.84')
    """
    return Decimal(f"{units}E-{digits}")


def total(amounts: Sequence[Decimal] | list[Decimal]) -> Decimal:
    """Exact sum; the default context of 28 digits would round long columns."""
    with localcontext() as context:
        context.prec = 100
        result = sum(amounts, Decimal(0))
    return result


def amount_text(amount: Decimal, currency: str) -> str:
    """An amount as JSON and CSV carry it: a decimal point, at least the currency's digits, never fewer than given.

    >>> amount_text(Decimal("53.9"), "EUR")
    '53.90'
    >>> amount_text(Decimal("0E-10"), "JPY")
    '0'
    """
    digits = minor_units(currency) if currency in MINOR_UNITS else 2
    plain = plain_text(amount)
    whole, _, places = plain.partition(".")
    places = places.ljust(digits, "0")
    return f"{whole}.{places}" if places else whole


def plain_text(number: Decimal) -> str:
    """A Decimal without exponent and without trailing zeros after the point.

    >>> plain_text(Decimal("1E+2")), plain_text(Decimal("20.900"))
    ('100', '20.9')
    """
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def exact_text(value: Fraction) -> str:
    """An exact value as a finite decimal if it is one, else as n/d (interfaces.md section 8).

    >>> exact_text(Fraction(1, 8)), exact_text(Fraction(20, 31))
    ('0.125', '20/31')
    """
    twos = fives = 0
    rest = value.denominator
    while rest % 2 == 0:
        rest //= 2
        twos += 1
    while rest % 5 == 0:
        rest //= 5
        fives += 1
    if rest != 1 or max(twos, fives) > MAX_DIGITS:
        return f"{value.numerator}/{value.denominator}"
    places = max(twos, fives)
    return plain_text(scaled(int(value * 10**places), places))


def split_largest_remainder(amount: Decimal, weights: Sequence[Fraction], digits: int) -> list[Decimal]:
    """Split an amount in proportion to weights so that the parts add up to it (largest remainder).

    Ties go to the earlier part, so the same input always splits the same way. All-zero weights count as equal.

    >>> split_largest_remainder(Decimal("10.00"), [Fraction(1)] * 3, 2)
    [Decimal('3.34'), Decimal('3.33'), Decimal('3.33')]
    """
    if not weights:
        return []
    units = int(Fraction(amount) * 10**digits)
    sign = -1 if units < 0 else 1
    whole = sum(weights, Fraction(0))
    shares = [w / whole for w in weights] if whole else [Fraction(1, len(weights))] * len(weights)
    exact = [abs(units) * share for share in shares]
    parts = [value.numerator // value.denominator for value in exact]
    left = abs(units) - sum(parts)
    by_remainder = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for index in by_remainder[:left]:
        parts[index] += 1
    return [scaled(sign * part, digits) for part in parts]
