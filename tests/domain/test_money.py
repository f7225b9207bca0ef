"""The gate through which foreign numbers enter, the named roundings, and amounts as text."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.currencies import MINOR_UNITS
from connector.domain.money import (
    NotANumber,
    amount_text,
    cut,
    exact_text,
    known_currency,
    minor_units,
    money,
    plain_text,
    round_half_away,
    scaled,
    split_largest_remainder,
    to_currency,
    total,
)

# -- the gate --------------------------------------------------------------------------------------------------

NINES = "9" * 38


@pytest.mark.parametrize(
    ("given_", "number"),
    [
        (0, "0"),
        (-12, "-12"),
        (10**37, "1" + "0" * 37),
        (int(NINES), NINES),
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+20"), "1E+20"),
        (Decimal("1E-20"), "1E-20"),
        ("12.50", "12.50"),
        (" 12.50\n", "12.50"),
        ("+7", "7"),
        ("-7", "-7"),
        ("7.", "7"),
        (".5", "0.5"),
        ("1e3", "1E+3"),
        ("1E+3", "1E+3"),
        ("1e-003", "0.001"),
        ("1e20", "1E+20"),
        ("1e-20", "1E-20"),
        (NINES, NINES),
        ("0." + "1" * 20, "0." + "1" * 20),
        ("0" * 78 + "12", "12"),
    ],
)
def test_a_number_that_comes_in(given_: object, number: str) -> None:
    assert str(money(given_)) == number


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        (1.5, "1.5 is a float, not an exact number"),
        (True, "True is a bool, not an exact number"),
        (2**128, "a whole number of more than 38 digits"),
        (-(2**128), "a whole number of more than 38 digits"),
        # 39 digits that still fit into 128 bits
        (10**38, "the number has more than 38 digits or an exponent beyond 20"),
        (2**128 - 1, "the number has more than 38 digits or an exponent beyond 20"),
        (None, "a NoneType is not a number"),
        ([1], "a list is not a number"),
        ("", "the number is empty"),
        (" \t", "the number is empty"),
        ("1,50", "'1,50' is not a number"),
        ("1_000", "'1_000' is not a number"),
        ("1 000", "'1 000' is not a number"),
        ("٣", "'٣' is not a number"),
        ("NaN", "'NaN' is not a number"),
        ("Infinity", "'Infinity' is not a number"),
        ("1e", "'1e' is not a number"),
        ("1e1234", "'1e1234' is not a number"),
        (".", "'.' is not a number"),
        ("--1", "'--1' is not a number"),
        ("0x10", "'0x10' is not a number"),
        ("0" * 81, f"'{'0' * 40}' is not a number"),
        ("x" * 41, f"'{'x' * 40}' is not a number"),
        (Decimal("NaN"), "NaN is not a finite number"),
        (Decimal("-Infinity"), "-Infinity is not a finite number"),
        ("9" * 39, "the number has more than 38 digits or an exponent beyond 20"),
        ("1e21", "the number has more than 38 digits or an exponent beyond 20"),
        ("1e-21", "the number has more than 38 digits or an exponent beyond 20"),
        # digits and exponent are each within their bound, together they are not
        ("9" * 20 + "e20", "the number has more than 38 digits or an exponent beyond 20"),
    ],
)
def test_a_number_that_stays_outside(given_: object, words: str) -> None:
    with pytest.raises(NotANumber) as refused:
        money(given_)
    assert str(refused.value) == words


def test_a_whole_number_that_python_itself_would_not_print_is_refused_too() -> None:
    with pytest.raises(NotANumber, match="a whole number of more than 38 digits"):
        money(10**5000)


def test_the_largest_magnitude_has_an_exponent_of_38() -> None:
    assert money("9" * 19 + "e20") == Decimal("9" * 19 + "e20")


# -- currencies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "known"), [("EUR", "EUR"), (" jpy ", "JPY"), ("Kwd", "KWD"), ("XXX", None), ("", None)]
)
def test_a_currency_is_known_in_any_case(code: str, known: str | None) -> None:
    assert known_currency(code) == known


# ISO 4217, the currencies whose minor unit is not the hundredth (published list of 2024-06-25)
NO_DECIMALS = [
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "UYI",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
]
THREE_DECIMALS = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]
FOUR_DECIMALS = ["CLF", "UYW"]


def test_minor_units_are_those_of_iso_4217() -> None:
    others = {
        **dict.fromkeys(NO_DECIMALS, 0),
        **dict.fromkeys(THREE_DECIMALS, 3),
        **dict.fromkeys(FOUR_DECIMALS, 4),
    }
    assert {code: minor_units(code) for code in MINOR_UNITS if minor_units(code) != 2} == others
    assert {"EUR", "USD", "GBP", "CHF", "SEK", "PLN", "CZK", "HUF", "TWD", "IDR"} <= set(MINOR_UNITS)


# -- roundings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exact", "digits", "half_away", "cut_off"),
    [
        # product.md: 4.00 / 30 x 17 is 2.27, not 2.26
        (Fraction(400, 100) / 30 * 17, 2, "2.27", "2.26"),
        # the half itself, both ways from zero, and just beside it
        (Fraction(1005, 1000), 2, "1.01", "1.00"),
        (Fraction(-1005, 1000), 2, "-1.01", "-1.00"),
        (Fraction(10049, 10000), 2, "1.00", "1.00"),
        (Fraction(-10049, 10000), 2, "-1.00", "-1.00"),
        (Fraction(1, 2), 0, "1", "0"),
        (Fraction(-1, 2), 0, "-1", "0"),
        (Fraction(1, 3), 0, "0", "0"),
        (Fraction(2, 3), 0, "1", "0"),
        (Fraction(5, 10**4), 3, "0.001", "0.000"),
        (Decimal("12.345"), 2, "12.35", "12.34"),
        (Fraction(7), 2, "7.00", "7.00"),
        # product.md section 6, published rounding of licences with exchange
        (Decimal("12.345") * Decimal("0.9137"), 2, "11.28", "11.27"),
        (Decimal("-12.345") * Decimal("0.9137"), 2, "-11.28", "-11.27"),
    ],
)
def test_roundings(exact: Fraction | Decimal, digits: int, half_away: str, cut_off: str) -> None:
    assert str(round_half_away(exact, digits)) == half_away
    assert str(cut(exact, digits)) == cut_off


def test_the_published_cases_of_usage() -> None:
    """product.md section 6: cut after the price, then after the exchange rate."""
    listed = cut(Decimal("0.03825") * Decimal("1234.5"), 2)
    assert (listed, cut(listed * Decimal("0.846202666"), 2)) == (Decimal("47.21"), Decimal("39.94"))
    with_credit = Fraction("0.868") * Fraction("0.85")
    assert [cut(with_credit * Fraction(units), 2) for units in ("29", "210.950039", "555.950039")] == [
        Decimal("21.39"),
        Decimal("155.63"),
        Decimal("410.17"),
    ]


@pytest.mark.parametrize(("currency", "amount"), [("EUR", "1.23"), ("JPY", "1"), ("KWD", "1.235"), ("CLF", "1.2346")])
def test_an_amount_is_rounded_to_its_currency(currency: str, amount: str) -> None:
    assert str(to_currency(Fraction("1.23456"), currency)) == amount


exacts = st.fractions(-(10**9), 10**9)


@given(exacts, st.integers(0, 4))
def test_rounding_is_symmetric_and_never_further_than_half_a_unit(exact: Fraction, digits: int) -> None:
    rounded = Fraction(round_half_away(exact, digits))
    assert Fraction(round_half_away(-exact, digits)) == -rounded
    assert 2 * abs(rounded - exact) * 10**digits <= 1
    if 2 * abs(rounded - exact) * 10**digits == 1:
        assert abs(rounded) > abs(exact), "a half goes away from zero"


@given(exacts, st.integers(0, 4))
def test_cutting_goes_toward_zero_by_less_than_a_unit(exact: Fraction, digits: int) -> None:
    short = Fraction(cut(exact, digits))
    assert Fraction(cut(-exact, digits)) == -short
    assert 0 <= (abs(exact) - abs(short)) * 10**digits < 1


def test_a_long_column_adds_up_exactly() -> None:
    """28 digits, the usual precision, would lose the cent."""
    assert total([Decimal("9" * 30), Decimal("0.01")]) == Decimal("9" * 30 + ".01")
    assert total([Decimal("9" * 37 + "e20"), Decimal("1e-20")]) == Decimal("9" * 37 + "0" * 20 + "." + "0" * 19 + "1")
    assert str(total([])) == "0"


# -- as text ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("units", "digits", "shown"),
    [(-13484, 2, "-134.84"), (0, 2, "0.00"), (5, 3, "0.005"), (7, 0, "7"), (-1, 0, "-1")],
)
def test_units_become_a_decimal_with_exactly_its_places(units: int, digits: int, shown: str) -> None:
    assert str(scaled(units, digits)) == shown


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("53.9", "EUR", "53.90"),
        ("53", "EUR", "53.00"),
        ("53.934", "EUR", "53.934"),
        ("-53.9", "EUR", "-53.90"),
        ("1234567.8", "EUR", "1234567.80"),
        ("53", "JPY", "53"),
        ("53.5", "JPY", "53.5"),
        ("1.2", "KWD", "1.200"),
        ("1.2", "no currency", "1.20"),
        ("0E-10", "JPY", "0"),
        ("-0.00", "EUR", "0.00"),
        ("-0", "JPY", "0"),
        ("-0.10", "EUR", "-0.10"),
        ("-0.001", "EUR", "-0.001"),
        ("1E+2", "EUR", "100.00"),
        ("100", "EUR", "100.00"),
    ],
)
def test_an_amount_as_json_carries_it(amount: str, currency: str, shown: str) -> None:
    assert amount_text(Decimal(amount), currency) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [("1E+2", "100"), ("100", "100"), ("20.900", "20.9"), ("20.0", "20"), ("-0", "0"), ("-0.0", "0"), ("0E-5", "0"),
     ("1E-7", "0.0000001"), ("-3.50", "-3.5"), ("0.5", "0.5")],
)  # fmt: skip
def test_a_number_without_exponent_and_without_idle_zeros(number: str, shown: str) -> None:
    assert plain_text(Decimal(number)) == shown


@pytest.mark.parametrize(
    ("exact", "shown"),
    [
        (Fraction(1, 8), "0.125"),
        (Fraction(1, 25), "0.04"),
        (Fraction(3, 40), "0.075"),
        (Fraction(-5, 2), "-2.5"),
        (Fraction(7), "7"),
        (Fraction(0), "0"),
        (Fraction(100), "100"),
        (Fraction(20, 31), "20/31"),
        (Fraction(-2, 3), "-2/3"),
        (Fraction(1, 30), "1/30"),
        # 38 places are shown, 39 are not
        (Fraction(1, 2**38), "0." + str(5**38).rjust(38, "0")),
        (Fraction(1, 5**38), "0." + str(2**38).rjust(38, "0")),
        (Fraction(1, 2 * 5**38), "0." + str(2**37).rjust(38, "0")),
        (Fraction(1, 2**39), f"1/{2**39}"),
        (Fraction(1, 5**39), f"1/{5**39}"),
    ],
)
def test_an_exact_value_is_a_finite_decimal_or_a_fraction(exact: Fraction, shown: str) -> None:
    assert exact_text(exact) == shown


@given(exacts)
def test_an_exact_value_reads_back_as_itself(exact: Fraction) -> None:
    assert Fraction(exact_text(exact)) == exact


# -- splitting -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "weights", "digits", "parts"),
    [
        ("10.00", ["1", "1", "1"], 2, ["3.34", "3.33", "3.33"]),
        ("-10.00", ["1", "1", "1"], 2, ["-3.34", "-3.33", "-3.33"]),
        # the cent goes to the largest remainder: 6.6666... and 3.3333...
        ("10.00", ["1", "2"], 2, ["3.33", "6.67"]),
        ("0.05", ["1", "1", "1"], 2, ["0.02", "0.02", "0.01"]),
        ("100", ["1", "1", "1"], 0, ["34", "33", "33"]),
        ("1.000", ["1", "1", "1"], 3, ["0.334", "0.333", "0.333"]),
        ("9.00", ["1", "0", "2"], 2, ["3.00", "0.00", "6.00"]),
        # nothing to go by: equal shares
        ("0.03", ["0", "0"], 2, ["0.02", "0.01"]),
        ("7.50", ["1/2"], 2, ["7.50"]),
        ("7.50", [], 2, []),
    ],
)  # fmt: skip
def test_an_amount_is_split_to_the_cent(amount: str, weights: list[str], digits: int, parts: list[str]) -> None:
    split = split_largest_remainder(Decimal(amount), [Fraction(weight) for weight in weights], digits)
    assert [str(part) for part in split] == parts


@given(
    st.integers(-(10**12), 10**12),
    st.lists(st.fractions(0, 1000), min_size=1, max_size=8),
    st.integers(0, 4),
)
def test_the_parts_of_a_split_add_up_and_none_is_a_unit_off(units: int, weights: list[Fraction], digits: int) -> None:
    amount = scaled(units, digits)
    parts = split_largest_remainder(amount, weights, digits)
    assert total(parts) == amount
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        fair = Fraction(amount) * (weight / whole if whole else Fraction(1, len(weights)))
        assert abs(Fraction(part) - fair) * 10**digits < 1
