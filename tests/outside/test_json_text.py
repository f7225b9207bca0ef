"""JSON within the limits: exact, and refused where it is not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.money import NotANumber
from connector.outside.json_text import NotJson, read_envelope, read_json, write_json

NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | NUMBERS | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_what_goes_out_comes_in(value: object) -> None:
    assert read_json(write_json(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b'{"a": 1' + b"0" * 40 + b"}",
        b'{"a": 0.' + b"1" * 40 + b"}",
        b'{"a": 1, "a": 2}',
        b"[" * 34 + b"]" * 34,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"[" * 100_000 + b"]" * 100_000,
        b"\xff{}",
        b"",
        b"{} {}",
        b"<html>",
    ],
)
def test_what_is_not_acceptable_is_refused(text: bytes) -> None:
    with pytest.raises(NotJson):
        read_json(text)


def test_thirty_two_levels_are_enough_and_allowed() -> None:
    assert read_json(b"[" * 32 + b"]" * 32)


def test_an_envelope_keeps_bad_numbers_as_the_text_they_were() -> None:
    page = read_envelope(b'\xef\xbb\xbf{"items": [{"Subtotal": 1e999, "x": NaN, "t": "\xff"}], "totalCount": 12}')
    assert page["items"][0]["Subtotal"] == "1e999"
    assert page["items"][0]["x"] == "NaN"
    assert page["totalCount"] == "12"


def test_nothing_inexact_is_written() -> None:
    for value in (0.1, float("nan"), {"a": [1.5]}, b"x", {1: 2}):
        with pytest.raises(TypeError):
            write_json(value)
    for value in (Decimal("NaN"), Decimal("Infinity")):
        with pytest.raises(NotANumber):
            write_json(value)
