"""What stands issued against what would be charged now: the differences, with why, and the parts that correct them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest

from connector.domain.documents import Calculation, Part, RuleUsed
from connector.domain.rerate import Comparison, Fate, Issued, compare, corrected, reversal
from tests.domain.values import part

C1, C2, DOLLARS = ("C-1", "EUR"), ("C-2", "EUR"), ("C-1", "USD")
OLD = part(reverses="l_0", split="", before=(Calculation("add", (), Fraction(0), ""),))


def issued(one: Part = OLD, key: tuple[str, str] = C1, revision: int = 1) -> Issued:
    return Issued(*key, revision, one)


def compared(
    before: list[Issued], now: dict[tuple[str, str], list[Part]], fate: Fate | None = None, earlier: Fate | None = None
) -> Comparison:
    fates = {"l_1": fate} if fate else {}
    return compare(before, now, fates, {"l_1": earlier} if earlier else {})


def why(
    before: list[Issued], now: dict[tuple[str, str], list[Part]], fate: Fate | None = None, earlier: Fate | None = None
) -> list[str]:
    return [difference.why for difference in compared(before, now, fate, earlier).differences]


# -- differences -----------------------------------------------------------------------------------------------


def test_the_same_amount_is_no_difference() -> None:
    """Also at another price or quantity: what the customer owes is as it was."""
    assert compared([issued()], {C1: [part(unit_price=Fraction(1))]}).differences == ()
    assert compared([issued()], {C1: [part(amount=Decimal("209.0"))]}).differences == ()
    free = part(amount=Decimal("0.00"))
    assert compared([issued(free)], {}).differences == ()
    assert compared([], {C1: [free]}).differences == ()


def test_a_dearer_price_is_the_difference_of_the_two_amounts() -> None:
    now = part(unit_price=Fraction("21.90"), amount=Decimal("219.00"))
    (difference,) = compared([issued()], {C1: [now]}).differences
    assert (difference.organisation, difference.currency) == C1
    assert (difference.invoiced, difference.now, difference.amount) == (Decimal(209), Decimal(219), Decimal(10))
    assert difference.why == "unit price: 20.9 -> 21.9"
    assert difference.part == OLD


def test_a_line_that_is_charged_no_more_or_only_now() -> None:
    (gone,) = compared([issued()], {}).differences
    assert (gone.invoiced, gone.now, gone.amount, gone.after) == (Decimal(209), 0, Decimal(-209), None)
    (new,) = compared([], {C1: [part()]}).differences
    assert (new.invoiced, new.now, new.amount, new.before) == (0, Decimal(209), Decimal(209), None)
    assert new.part == part()


OTHER_RULE = RuleUsed("r_2", 4, "markup 20 for everything", "global_offer", None, None)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"quantity": Decimal("14.0")}, "quantity: 10 -> 14"),
        ({"days": 20}, "days: 31 -> 20"),
        ({"days": None}, "days: 31 -> none"),
        (
            {"rule": OTHER_RULE},
            "price rule: fixed 20.90 for CFQ1:0001 (organisation, version 1) -> markup 20 for everything (global "
            "offer, version 4)",
        ),
        ({"rule": None}, "price rule: fixed 20.90 for CFQ1:0001 (organisation, version 1) -> none"),
        ({"unit_price": None}, "unit price: 20.9 -> none"),
        ({"unit_price": Fraction(1, 3)}, "unit price: 20.9 -> 1/3"),
        ({"rate": Decimal("0.920"), "rate_date": date(2026, 11, 1)}, "rate: none -> 0.92 of 2026-11-01"),
        ({"cost": Decimal("101.50")}, "Microsoft's charge: 100 EUR -> 101.5 EUR"),
        ({"cost_currency": ""}, "Microsoft's charge: 100 EUR -> 100"),
        ({}, "it is calculated otherwise now"),
        # all of them, in the order in which an amount is made
        ({"cost": Decimal(1), "days": 1, "quantity": Decimal(1)},
         "quantity: 10 -> 1; days: 31 -> 1; Microsoft's charge: 100 EUR -> 1 EUR"),
    ],
)  # fmt: skip
def test_why_an_amount_is_another(changes: dict[str, Any], text: str) -> None:
    assert why([issued()], {C1: [part(amount=Decimal(1), **changes)]}) == [text]


@pytest.mark.parametrize(
    ("old", "now", "fate", "text"),
    [
        # the tenant belongs to another customer, or he pays in another currency: see both sides below
        (OLD, {}, None, "it no longer stands on Microsoft's invoice G0001"),
        (OLD, {}, Fate("gone"), "it no longer stands on Microsoft's invoice G0001"),
        (OLD, {}, Fate("voided"), "Microsoft voided its invoice G0001"),
        (OLD, {}, Fate("not_charged", "a promise"), "not charged now: a promise"),
        (OLD, {}, Fate("not_charged"), "not charged now"),
        (part(invoice_id=""), {}, None, "this service is no longer charged"),
        (part(invoice_id=""), {}, Fate("voided"), "this service is no longer charged"),
    ],
)
def test_why_a_line_is_charged_no_more(
    old: Part, now: dict[tuple[str, str], list[Part]], fate: Fate | None, text: str
) -> None:
    assert why([issued(old)], now, fate) == [text]


@pytest.mark.parametrize(
    ("new", "earlier", "text"),
    [
        (part(), None, "new: invoice G0001 of Microsoft came later"),
        (part(), Fate("unmatched"), "newly matched: it had no customer or no price"),
        (part(), Fate("not_charged", "a promise"), "it was not charged before: a promise"),
        (part(), Fate("not_charged"), "it was not charged before"),
        (part(invoice_id=""), None, "this service was not charged before"),
    ],
)
def test_why_a_line_is_charged_now(new: Part, earlier: Fate | None, text: str) -> None:
    assert why([], {C1: [new]}, earlier=earlier) == [text]


def test_a_tenant_that_belonged_to_another_customer_moves_from_one_to_the_other() -> None:
    found = compared([issued()], {C2: [part()]}).differences
    assert [(one.organisation, one.amount, one.why) for one in found] == [
        ("C-1", Decimal(-209), "link: C-1 -> C-2"),
        ("C-2", Decimal(209), "link: C-1 -> C-2"),
    ]


def test_a_customer_who_pays_in_another_currency() -> None:
    found = compared([issued()], {DOLLARS: [part()]}).differences
    assert [(one.currency, one.amount, one.why) for one in found] == [
        ("EUR", Decimal(-209), "currency: EUR -> USD"),
        ("USD", Decimal(209), "currency: EUR -> USD"),
    ]


def test_a_line_that_is_divided_over_cost_centres_since() -> None:
    shares = [part(split="4711", amount=Decimal(100)), part(split="0815", amount=Decimal(109))]
    assert why([issued()], {C1: shares}) == ["it is divided otherwise now"] * 3
    assert why([issued(each) for each in shares], {C1: [part()]}) == ["it is divided otherwise now"] * 3
    assert compared([issued(each) for each in shares], {C1: shares[::-1]}).differences == ()


# -- nobody gets money back because a price is missing ----------------------------------------------------------


@pytest.mark.parametrize(("note", "text"), [("price missing", "price missing"), ("", "no customer or no price")])
def test_what_has_no_customer_or_price_now_stands_until_a_person_decides(note: str, text: str) -> None:
    found = compared([issued()], {}, Fate("unmatched", note))
    assert found.differences == ()
    assert [(one.issued, one.why) for one in found.undecided] == [(issued(), text)]
    # what was never issued needs no decision
    assert compared([], {}, Fate("unmatched", note)).undecided == ()
    # the others are compared all the same
    other = part(line_id="l_2")
    both = compared([issued(), issued(other)], {}, Fate("unmatched"))
    assert [one.part.line_id for one in both.differences] == ["l_2"]
    assert len(both.undecided) == 1


# -- sums ------------------------------------------------------------------------------------------------------


def test_what_stands_plus_the_differences_is_what_was_computed() -> None:
    before = [issued(), issued(part(line_id="l_2", amount=Decimal(5))), issued(part(line_id="l_3"), C2)]
    now = {
        C1: [part(amount=Decimal(200))],
        C2: [part(line_id="l_2", amount=Decimal(7))],
        DOLLARS: [part(line_id="l_9")],
    }
    found = compared(before, now)
    # EUR: (200 + 7) - (209 + 5 + 209)
    assert found.totals() == {"EUR": Decimal(-216), "USD": Decimal(209)}
    assert list(found.totals()) == ["EUR", "USD"]
    by_document = found.by_document()
    assert {key: sum(one.amount for one in each) for key, each in by_document.items()} == {
        C1: Decimal(-14),
        C2: Decimal(-202),
        DOLLARS: Decimal(209),
    }
    for shuffled in permutations(before):
        assert compare(shuffled, now, {}, {}) == found


# -- the correction --------------------------------------------------------------------------------------------


def test_a_correction_takes_back_what_was_issued_and_charges_anew() -> None:
    now = part(amount=Decimal("219.00"))
    back, anew = corrected(compared([issued(revision=2)], {C1: [now]}).differences)
    assert anew == now
    assert (back.amount, back.cost, back.reversal, back.reverses) == (Decimal(-209), Decimal(-100), True, "l_1")
    assert back.calculation == Calculation(
        "multiply",
        (Fraction(-1), Fraction(209)),
        Fraction(-209),
        "takes back what revision 2 charged: it was corrected",
    )
    assert (back.before, back.sentence) == ((), "This charge of an earlier invoice was corrected.")
    same = replace(
        back, **{name: getattr(OLD, name) for name in ("amount", "cost", "calculation", "before", "sentence")}
    )
    assert replace(same, reversal=False, reverses="l_0") == OLD, "all else is as it was"


def test_a_credit_that_is_taken_back_is_called_a_credit() -> None:
    (back,) = corrected(compared([issued(part(amount=Decimal("-5.00")))], {}).differences)
    assert (back.amount, back.sentence) == (Decimal(5), "This credit of an earlier invoice was corrected.")


def test_a_small_charge_is_called_a_charge() -> None:
    (back,) = corrected(compared([issued(part(amount=Decimal("0.50")))], {}).differences)
    assert (back.amount, back.sentence) == (Decimal("-0.50"), "This charge of an earlier invoice was corrected.")


def test_a_voided_invoice_is_told_by_its_own_sentence() -> None:
    (back,) = corrected(compared([issued()], {}, Fate("voided")).differences)
    assert back.calculation.text == "takes back what revision 1 charged: Microsoft voided its invoice"
    assert back.sentence == ""


def test_what_is_only_new_takes_nothing_back() -> None:
    assert corrected(compared([], {C1: [part()]}).differences) == [part()]
    assert corrected([]) == []


def test_a_reversal_says_what_it_is_told_to() -> None:
    assert reversal(issued(), "a reason").calculation.text == "a reason"
    assert reversal(issued(), "a reason", "A sentence.").sentence == "A sentence."
    assert issued().key == C1
