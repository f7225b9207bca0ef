"""Warnings about a price list: each where it belongs, and none beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from mappings.cells import Row
from mappings.formats import read
from mappings.links import Organisation
from mappings.price_checks import PriceWarning, check_rules
from mappings.price_rows import unlikely_percentages
from mappings.pricelist import PriceRule

TODAY = date(2026, 11, 22)
CUSTOMERS = {"C-1": Organisation("C-1", "One", currency="EUR"), "C-2": Organisation("C-2", "Two")}
HEADER = "organisation,product_id,sku_id,subscription_id,kind,value,currency,valid_from,valid_to,offer,note"
EVERYTHING = "*,,,,markup,20,,,,,"


def rules(*rows: str) -> list[PriceRule]:
    report = read("prices", "\n".join([HEADER, *rows, ""]).encode())
    assert report.errors == ()
    found = []
    for number, row in enumerate(report.rows):
        assert isinstance(row.value, PriceRule)
        found.append(replace(row.value, id=f"r{number}", import_no=1))
    return found


def warned(*rows: str, decided: Mapping[str, date] | None = None, today: date = TODAY) -> dict[str, PriceWarning]:
    """Warnings by code; these lists have one of each at most."""
    found = check_rules(rules(*rows), today, decided or {}, CUSTOMERS)
    by_code = {warning.code: warning for warning in found}
    assert len(by_code) == len(found), found
    assert all(warning.text and warning.action for warning in found)
    return by_code


def codes(*rows: str, today: date = TODAY) -> set[str]:
    return set(warned(*rows, today=today))


# ---- offers that overlap


def test_two_offers_on_a_common_day_and_which_one_wins() -> None:
    found = warned(
        EVERYTHING,
        "C-1,P,,,discount,10,EUR,2026-10-01,2027-01-31,yes,",
        "C-1,P,,,markup,5,,2026-12-01,2027-02-28,yes,",
    )
    assert set(found) == {"offers_overlap"}
    warning = found["offers_overlap"]
    assert (warning.organisation, warning.rules) == ("C-1", ("r2", "r1"))
    assert "from 2026-12-01 to 2027-01-31" in warning.text
    assert "markup 5 % wins: the winner is valid from a later day" in warning.text


def test_two_offers_from_the_same_day_the_later_row_wins() -> None:
    text = warned(
        EVERYTHING,
        "*,P,,,discount,10,EUR,2026-10-01,2027-01-31,yes,",
        "*,P,,,fixed,9.50,EUR,2026-10-01,2027-01-31,yes,",
    )["offers_overlap"].text
    assert "fixed 9.5 EUR wins: the winner stands in a later row of the same import" in text


@pytest.mark.parametrize(
    "other",
    [
        "C-1,P,,,markup,5,,2027-02-01,2027-03-31,yes,",  # begins the day after
        "C-1,Q,,,markup,5,,2026-12-01,2027-03-31,yes,",  # another product
        "C-1,P,S,,markup,5,,2026-12-01,2027-03-31,yes,",  # more specific: it wins, as it should
        "C-2,P,,,markup,5,,2026-12-01,2027-03-31,yes,",  # another customer
        "C-1,P,,,discount,5,USD,2026-12-01,2027-03-31,yes,",  # another currency: never for the same document
        "C-1,P,,,markup,5,,2026-12-01,2027-03-31,,",  # no offer
    ],
)
def test_offers_that_never_meet(other: str) -> None:
    assert codes(EVERYTHING, "C-1,P,,,discount,10,EUR,2026-10-01,2027-01-31,yes,", other) == set()


def test_offers_that_are_over_collide_no_more() -> None:
    old = ("*,P,,,markup,10,,2026-01-01,2026-03-31,yes,", "*,P,,,discount,5,EUR,2026-02-01,2026-03-31,yes,")
    assert codes(EVERYTHING, *old) == set()


# ---- rules that contradict each other


def test_two_kinds_for_the_same_from_the_same_day() -> None:
    found = warned("C-1,P,,,fixed,12.50,EUR,2026-01-01,,,", "C-1,P,,,tiered,1:12;50:11,EUR,2026-01-01,,,")
    assert set(found) == {"rules_contradict"}
    assert found["rules_contradict"].rules == ("r1", "r0")
    assert "tiered EUR wins" in found["rules_contradict"].text


@pytest.mark.parametrize(
    "other",
    ["C-1,P,,,tiered,1:12,EUR,2026-06-01,,,", "C-1,P,,,fixed,13,USD,2026-01-01,,,", "*,P,,,markup,5,,2026-01-01,,,"],
)
def test_a_successor_another_currency_or_level_contradicts_nothing(other: str) -> None:
    assert codes("C-1,P,,,fixed,12.50,EUR,2026-01-01,,,", other) == set()


# ---- the end of an offer


@pytest.mark.parametrize(("days", "warns"), [(-1, False), (0, True), (30, True), (31, False)])
def test_an_offer_that_ends_within_thirty_days(days: int, warns: bool) -> None:
    last = TODAY + timedelta(days=days)
    found = codes(EVERYTHING, f"C-1,P,,,markup,5,,2026-10-01,{last},yes,")
    assert found == ({"offer_ending"} if warns else set())


def test_a_subscription_price_that_ends_within_thirty_days() -> None:
    found = warned(EVERYTHING, "C-1,,,SUB-1,fixed,9,EUR,,2026-12-01,,")
    assert set(found) == {"subscription_price_ending"}
    assert "SUB-1 of C-1 ends on 2026-12-01" in found["subscription_price_ending"].text


def test_an_ordinary_price_may_end_without_a_word() -> None:
    assert codes("C-1,P,,,markup,5,,,2026-12-01,,") == set()


def test_nothing_prices_the_product_when_the_offer_has_ended() -> None:
    found = warned("C-1,P,,,markup,5,,2026-10-01,2027-01-31,yes,", "C-2,,,,markup,20,,,,,")
    assert set(found) == {"offer_gap"}
    assert "P of C-1 from 2027-02-01" in found["offer_gap"].text


@pytest.mark.parametrize(
    ("follows", "gap"),
    [
        ("C-1,P,,,fixed,9,EUR,2027-02-01,,,", False),
        ("*,,,,markup,20,,,,,", False),
        ("*,P,,,markup,20,,2027-02-01,,,", False),
        ("C-1,P,,,markup,7,,2027-02-01,2027-04-30,,", False),
        ("C-1,P,,,fixed,9,EUR,2027-02-02,,,", True),  # a day too late
        ("C-1,P,0001,,fixed,9,EUR,,,,", True),  # one sku only
        ("C-1,P,,,fixed,9,USD,,,,", True),  # not in the customer's currency
        ("C-1,,,SUB-1,markup,9,,,,,", True),  # one subscription only
        ("C-1,P,,,markup,9,,,2027-01-31,,", True),  # ends with it
    ],
)
def test_what_follows_an_offer(follows: str, gap: bool) -> None:
    found = codes("C-1,P,,,markup,5,,2026-10-01,2027-01-31,yes,", follows)
    assert found == ({"offer_gap"} if gap else set())


def test_a_global_offer_needs_a_global_price_behind_it() -> None:
    offer = "*,P,,,markup,5,,2026-10-01,2027-01-31,yes,"
    assert codes(offer, "C-1,P,,,markup,20,,,,,") == {"offer_gap"}
    assert codes(offer, EVERYTHING) == set()


def test_a_gap_of_more_than_a_year_ago_is_history() -> None:
    assert codes("C-1,P,,,markup,5,,,2025-11-22,yes,") == {"offer_gap"}
    assert codes("C-1,P,,,markup,5,,,2025-11-21,yes,") == set()


def test_an_offer_until_the_end_of_time() -> None:
    assert codes("C-1,P,,,markup,5,,,9999-12-31,yes,") == set()


# ---- age


@pytest.mark.parametrize(("day", "stale"), [(date(2025, 11, 22), True), (date(2025, 11, 23), False)])
def test_a_price_not_touched_for_a_year(day: date, stale: bool) -> None:
    assert ("price_stale" in warned(EVERYTHING, decided={"r0": day})) == stale


def test_what_is_over_or_holds_no_figure_grows_not_old() -> None:
    long_ago = {"r0": date(2020, 1, 1), "r1": date(2020, 1, 1), "r2": date(2020, 1, 1)}
    rows = ("C-1,P,,,markup,5,,,2026-11-21,,", "*,Q,,,passthrough,,,,,,", "*,R,,,none,,,,,,ours")
    assert warned(*rows, decided=long_ago) == {}


def test_a_thousand_rules_of_one_customer_are_checked_at_once() -> None:
    """A warning per pair that is compared would take minutes: only rules of one scope are."""
    rows = [f"C-1,P{n},,,markup,5,,2026-10-01,2027-01-31,yes," for n in range(1000)]
    assert codes(EVERYTHING, *rows) == set()


# ---- percentages that are hardly meant


def doubted(*rows: str) -> Sequence[str]:
    report = read("prices", "\n".join([HEADER, *rows, ""]).encode())
    return [error.text for error in [*report.errors, *unlikely_percentages(report.rows)]]


@pytest.mark.parametrize(
    ("row", "question"),
    [
        ("*,,,,markup,1900,,,,,", "did you mean 19?"),
        ("*,,,,markup,500,,,,,", "did you mean 5?"),
        ("*,,,,markup,1250.5,,,,,", "did you mean 12.505?"),
        ("*,,,,margin,1900,,,,,", "did you mean 19?"),
        ("*,,,,margin,-1900,,,,,", "did you mean -19?"),
        ("*,,,,discount,1900,EUR,,,,", "did you mean 19?"),
        ("*,,,,discount,-2000,EUR,,,,", "did you mean -20?"),
    ],
)
def test_nineteen_hundred_percent(row: str, question: str) -> None:
    texts = doubted(row)
    assert len(texts) == 1
    assert question in texts[0]


@pytest.mark.parametrize(
    "row", ["*,,,,markup,499.99,,,,,", "*,,,,margin,-499,,,,,", "*,,,,fixed,1900,EUR,,,,", "*,,,,tiered,1:1900,EUR,,,,"]
)
def test_what_is_no_large_percentage(row: str) -> None:
    assert doubted(row) == []


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("*,,,,fixed,-0.01,EUR,,,,", "a fixed price must be 0 or more"),
        ("*,,,,markup,-100,,,,,", "a markup must be more than -100 percent"),
        ("*,,,,margin,100,,,,,", "a margin must be less than 100 percent"),
        ("*,,,,discount,100.01,EUR,,,,", "a discount must be 100 percent or less"),
        ("*,,,,tiered,1:5;10:-1,EUR,,,,", "quantities and prices of tiers must be 0 or more"),
    ],
)
def test_a_rule_that_would_give_a_negative_price_is_refused(row: str, sentence: str) -> None:
    assert doubted(row) == [sentence]


def test_only_rows_of_prices_are_doubted() -> None:
    row = Row(2, Organisation("C-1", "1900"))
    assert list(unlikely_percentages([row])) == []
