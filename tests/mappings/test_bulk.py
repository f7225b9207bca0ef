"""Many prices changed at once: what each becomes, from which day, and that nothing else moves.

Expected values are worked out by hand beside each case; the laws at the end run over random price lists.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.bulk import (
    NewValue,
    PriceChange,
    Selection,
    did_you_mean,
    discount_after,
    impossible,
    margin_after,
    markup_after,
    new_value,
)
from mappings.bulk_spans import Proposal, always, from_day, in_order, rules_after
from mappings.decided import key_of, tiers_text
from mappings.pricelist import PriceRule, Tier, valid_on
from mappings.resolve import PriceBook, PriceDecision, Wanted
from mappings.rules import Situation, discover

FIVE = PriceChange(percent=Decimal(5))
NOVEMBER = date(2026, 11, 1)


def rule(kind: str = "fixed", value: str = "20.90", **columns: object) -> PriceRule:
    """A rule of the global list in EUR; tiers are written as in a file."""
    tiers = tuple(Tier(*map(Decimal, part.split(":"))) for part in value.split(";")) if kind == "tiered" else ()
    number = None if kind in ("tiered", "passthrough", "none") else Decimal(value)
    currency = "EUR" if kind in ("fixed", "tiered", "discount") else ""
    made = PriceRule(
        "r",
        1,
        "",
        "",
        "",
        "",
        "",
        "",
        kind,
        number,
        tiers,
        currency,
        None,
        None,
        False,
        "",
        1,
        1,  # type: ignore[arg-type]
    )
    return replace(made, **columns)  # type: ignore[arg-type]


def value_of(found: NewValue) -> str:
    assert found.rule is not None, found.remark
    return tiers_text(found.rule.tiers) or str(found.rule.value)


# ---- one rule


@pytest.mark.parametrize(
    ("kind", "old", "percent", "new"),
    [
        ("fixed", "20.90", "5", "21.95"),  # 21.945, half away from zero
        ("fixed", "20.90", "-5", "19.86"),  # 19.855
        ("fixed", "0.0123", "5", "0.0129"),  # 0.012915: a price of four digits keeps four
        ("fixed", "12.00", "100", "24.00"),
        ("tiered", "1:12.00;50:11.00", "5", "1:12.6;50:11.55"),
        ("markup", "20", "5", "26"),  # 1.20 x 1.05 = 1.26
        ("markup", "-10", "5", "-5.5"),  # 0.90 x 1.05 = 0.945
        ("markup", "12.5", "-4", "8"),  # 1.125 x 0.96 = 1.08
        ("margin", "20", "25", "36"),  # 1/0.8 x 1.25 = 1/0.64
        ("margin", "20", "5", "23.8095238095"),  # 100 - 80/1.05 = 23.809523809523...
        ("margin", "0", "-20", "-25"),  # 1/1.25 = 0.8
        ("discount", "10", "5", "5.5"),  # 0.90 x 1.05 = 0.945
        ("discount", "3", "5", "-1.85"),  # 0.97 x 1.05 = 1.0185: above the list price
    ],
)
def test_the_sales_price_moves_by_the_percentage(kind: str, old: str, percent: str, new: str) -> None:
    assert value_of(new_value(rule(kind, old), PriceChange(percent=Decimal(percent)))) == new


def test_the_cost_passed_through_becomes_a_mark_up() -> None:
    found = new_value(rule("passthrough"), FIVE).rule
    assert found is not None and (found.kind, found.value) == ("markup", Decimal(5))


def test_what_was_rounded_is_said() -> None:
    assert new_value(rule("fixed", "20.90"), FIVE).remark == "rounded from 21.945"
    assert "rounded to 10 digits" in new_value(rule("margin", "20"), FIVE).remark
    assert new_value(rule("fixed", "20.00"), FIVE).remark == ""


@pytest.mark.parametrize(
    ("currency", "old", "step", "new"),
    [
        ("EUR", "20.90", "0.05", "21.95"),  # 21.945 / 0.05 = 438.9 -> 439
        ("EUR", "20.90", "0.50", "22.00"),
        ("EUR", "20.90", "1", "22.00"),
        ("EUR", "0.50", "0.05", "0.55"),  # 0.525 / 0.05 = 10.5, away from zero
        ("JPY", "1990", None, "2090"),  # 2089.5
        ("KWD", "6.500", None, "6.825"),
    ],
)
def test_prices_per_unit_are_rounded_to_the_currency_or_to_a_step(
    currency: str, old: str, step: str | None, new: str
) -> None:
    change = PriceChange(percent=Decimal(5), step=Decimal(step) if step else None)
    assert value_of(new_value(rule("fixed", old, currency=currency), change)) == new


def test_an_amount_is_added_to_prices_per_unit_only() -> None:
    one = PriceChange(amount=Decimal("1.00"))
    assert value_of(new_value(rule("fixed", "20.90"), one)) == "21.90"
    assert value_of(new_value(rule("tiered", "1:12.00;50:11.00"), one)) == "1:13;50:12"
    for kind in ("markup", "margin", "discount", "passthrough"):
        found = new_value(rule(kind, "20"), one)
        assert found.rule is None and not found.refused and "amount cannot be added" in found.remark


@pytest.mark.parametrize(
    ("old", "change", "words"),
    [
        ("1.00", PriceChange(amount=Decimal("-1.50")), "below 0"),
        ("1.50", PriceChange(amount=Decimal("-1.50")), "become 0"),
        ("0.02", PriceChange(percent=Decimal(5), step=Decimal("0.05")), "rounding would make the price 0"),
    ],
)
def test_a_price_that_would_vanish_is_refused(old: str, change: PriceChange, words: str) -> None:
    found = new_value(rule("fixed", old), change)
    assert found.rule is None and found.refused and words in found.remark
    assert new_value(rule("tiered", f"1:90.00;50:{old}"), change).refused, "one tier is enough"


@pytest.mark.parametrize(
    ("untouched", "words"),
    [
        (rule("none", note="our own company"), "nothing is charged"),
        (rule("fixed", "0"), "stays 0"),
        (rule("discount", "100"), "stays what it is"),
        (rule("fixed", "0.04"), "rounding leaves"),  # 0.042
    ],
)
def test_what_stays_as_it_is_says_why(untouched: PriceRule, words: str) -> None:
    found = new_value(untouched, FIVE)
    assert found.rule is None and not found.refused and words in found.remark


@pytest.mark.parametrize(("percent", "likely"), [("1900", "19"), ("550", "5.5"), ("100", ""), ("-5", ""), ("19", "")])
def test_a_percentage_that_looks_like_a_slip(percent: str, likely: str) -> None:
    assert did_you_mean(Decimal(percent)) == likely


@pytest.mark.parametrize(
    "change",
    [
        PriceChange(),
        PriceChange(percent=Decimal(5), amount=Decimal(1)),
        PriceChange(percent=Decimal(-100)),
        PriceChange(percent=Decimal(0)),
        PriceChange(amount=Decimal(0)),
        PriceChange(percent=Decimal(5), step=Decimal(0)),
    ],
)
def test_changes_that_nobody_can_mean(change: PriceChange) -> None:
    assert impossible(change)
    assert not impossible(FIVE) and not impossible(PriceChange(amount=Decimal(-1)))


def test_a_selection_compares_ids_folded_and_products_with_their_skus() -> None:
    suite = rule(product_id="CFQ7TTC0LDPB", sku_id="0001")
    assert Selection(products={("cfq7ttc0ldpb", "")}).holds(suite)
    assert Selection(products={("cfq7ttc0ldpb", "0001")}).holds(suite)
    assert not Selection(products={("cfq7ttc0ldpb", "0002")}).holds(suite)
    assert not Selection(products={("cfq7ttc0ldpb", "")}).holds(rule()), "a rule for everything is for no product"
    assert Selection(organisations={""}).holds(suite) and not Selection(organisations={"C-1"}).holds(suite)
    assert Selection(kinds={"fixed"}, currency="EUR").holds(suite) and not Selection(currency="USD").holds(suite)


# ---- from a day on


def planned(*rules: PriceRule, chosen: str = "", day: date = NOVEMBER, change: PriceChange = FIVE) -> list[Proposal]:
    """The proposals where the rules whose id begins so are chosen."""
    return from_day(rules, lambda each: each.id.startswith(chosen), change, day)


def spans(proposal: Proposal) -> list[tuple[str, str | None, str | None]]:
    """(value, first day, last day) of what takes a rule's place."""
    return [
        (
            tiers_text(new.tiers) or str(new.value),
            new.valid_from.isoformat() if new.valid_from else None,
            new.valid_to.isoformat() if new.valid_to else None,
        )
        for new in proposal.new
    ]


def test_the_old_price_ends_the_day_before_and_the_new_one_keeps_the_end() -> None:
    (found,) = planned(rule("fixed", "20.90", valid_from=date(2026, 1, 1), valid_to=date(2026, 12, 31)))
    assert spans(found) == [("20.90", "2026-01-01", "2026-10-31"), ("21.95", "2026-11-01", "2026-12-31")]


def test_a_rule_without_dates() -> None:
    (found,) = planned(rule("markup", "20"))
    assert spans(found) == [("20", None, "2026-10-31"), ("26", "2026-11-01", None)]


@pytest.mark.parametrize("begins", [NOVEMBER, date(2027, 1, 1)])
def test_a_rule_that_begins_later_changes_in_its_own_span(begins: date) -> None:
    (found,) = planned(rule("fixed", "20.90", valid_from=begins))
    assert spans(found) == [("21.95", begins.isoformat(), None)]


def test_a_rule_that_ended_is_left_and_says_when() -> None:
    (found,) = planned(rule("fixed", "20.90", valid_to=date(2026, 10, 31)))
    assert (found.action, found.new) == ("left", ()) and "2026-10-31" in found.why


def test_a_rule_that_ends_on_the_day_itself_is_split() -> None:
    (found,) = planned(rule("fixed", "20.90", valid_to=NOVEMBER))
    assert spans(found) == [("20.90", None, "2026-10-31"), ("21.95", "2026-11-01", "2026-11-01")]


def test_of_two_rules_with_the_same_columns_the_later_one_still_wins() -> None:
    """The older price comes back when the newer one ends, on 1 January, and not before."""
    older = rule("fixed", "20.00", id="a", valid_from=date(2026, 1, 1))
    newer = rule("fixed", "30.00", id="b", valid_from=date(2026, 6, 1), valid_to=date(2026, 12, 31), row_no=2)
    first, second = planned(older, newer)
    assert spans(first) == [("20.00", "2026-01-01", "2026-10-31"), ("21.00", "2027-01-01", None)]
    assert spans(second) == [("30.00", "2026-06-01", "2026-10-31"), ("31.50", "2026-11-01", "2026-12-31")]


@pytest.mark.parametrize("last", [None, date.max])
def test_a_rule_that_is_hidden_for_ever_only_ends(last: date | None) -> None:
    older = rule("fixed", "20.00", id="a", valid_from=date(2026, 1, 1))
    newer = rule("fixed", "30.00", id="b", valid_from=date(2026, 6, 1), valid_to=last, row_no=2)
    hidden, _ = planned(older, newer)
    assert spans(hidden) == [("20.00", "2026-01-01", "2026-10-31")] and "prices no line" in hidden.why


def test_a_rule_that_would_be_overtaken_is_carried_along_at_its_price() -> None:
    """The mark-up of January is changed; the fixed price of June, in the same level, must go on winning."""
    old = rule("markup", "20", id="a", valid_from=date(2026, 1, 1))
    fixed = rule("fixed", "30.00", id="b", valid_from=date(2026, 6, 1), row_no=2)
    first, second = planned(old, fixed, chosen="a")
    assert (first.action, second.action) == ("changed", "carried")
    assert spans(second) == [("30.00", "2026-06-01", "2026-10-31"), ("30.00", "2026-11-01", None)]
    assert [(each.kind, each.valid_from) for each in in_order([first, second])][-1] == ("fixed", NOVEMBER)


def test_rules_that_cannot_name_the_same_line_are_not_carried() -> None:
    old = rule("markup", "20", id="a", product_id="P")
    others = [
        rule("fixed", "30.00", id="b", product_id="Q", valid_from=date(2026, 6, 1), row_no=2),
        rule("fixed", "30.00", id="c", product_id="P", organisation="C-1", valid_from=date(2026, 6, 1), row_no=3),
        rule("fixed", "30.00", id="d", product_id="P", offer=True, valid_from=date(2026, 6, 1), row_no=4),
        rule("fixed", "30.00", id="e", product_id="P", sku_id="S", valid_from=date(2026, 6, 1), row_no=5),
    ]
    assert [each.old.id for each in planned(old, *others, chosen="a")] == ["a"]


def test_a_carried_rule_carries_others_that_the_changed_one_never_meets() -> None:
    """P overtakes the rule for one-year terms, and that one, written anew, the rule for Q."""
    changed = rule("markup", "20", id="a", product_id="P", valid_from=date(2026, 1, 1))
    yearly = rule("markup", "25", id="b", term="P1Y", valid_from=date(2026, 3, 1), row_no=2)
    other = rule("markup", "30", id="c", product_id="Q", valid_from=date(2026, 6, 1), row_no=3)
    found = planned(changed, yearly, other, chosen="a")
    assert [each.action for each in found] == ["changed", "carried", "carried"]


def test_tiers_that_let_another_rule_through_are_refused() -> None:
    """In November 3 units are priced by the older rule, 7 by the newer one: the older cannot begin anew."""
    older = rule("tiered", "1:20.00", id="a", valid_from=date(2026, 1, 1))
    newer = rule("tiered", "5:30.00", id="b", valid_from=date(2026, 6, 1), valid_to=date(2026, 12, 31), row_no=2)
    refused = [each for each in planned(older, newer) if each.action == "refused"]
    assert [each.old.id for each in refused] == ["a"] and "end one of the two" in refused[0].why


def test_a_rule_that_would_come_back_before_another_is_refused() -> None:
    """From 1 January 2027 on the mark-up of March wins over the price of January 2026, and must go on doing so."""
    oldest = rule("fixed", "20.00", id="a", valid_from=date(2026, 1, 1))
    middle = rule("markup", "20", id="b", valid_from=date(2026, 3, 1), row_no=2)
    newest = rule("fixed", "30.00", id="c", valid_from=date(2026, 6, 1), valid_to=date(2026, 12, 31), row_no=3)
    assert [each.action for each in planned(oldest, middle, newest)] == ["refused", "changed", "changed"]


def test_two_rules_would_have_one_key() -> None:
    """A cost passed through becomes a mark-up where one with these columns begins on the same day."""
    through = rule("passthrough", id="a", valid_from=NOVEMBER)
    marked = rule("markup", "20", id="b", valid_from=NOVEMBER, row_no=2)
    refused = [each for each in planned(through, marked) if each.action == "refused"]
    assert len(refused) == 1 and "same day" in refused[0].why


def test_an_offer_changes_in_its_own_span_beside_the_price() -> None:
    offer = rule("fixed", "10.00", id="o", offer=True, valid_from=date(2026, 10, 15), valid_to=date(2026, 11, 14))
    price = rule("fixed", "20.00", id="p", row_no=2)
    first, second = planned(offer, price)
    assert spans(first) == [("10.00", "2026-10-15", "2026-10-31"), ("10.50", "2026-11-01", "2026-11-14")]
    assert spans(second) == [("20.00", None, "2026-10-31"), ("21.00", "2026-11-01", None)]


# ---- laws

DAYS = [date(2026, 1, 1) + timedelta(days=number) for number in range(12)]
_SITUATION = Situation(Decimal("123.45"), 1, Decimal(7), Fraction(20, 31), Fraction(1), None)


@st.composite
def price_lists(draw: st.DrawFn) -> list[PriceRule]:
    """Rules that often name the same lines, each with a value of its own; no two with one key."""
    found: dict[tuple[str, ...], PriceRule] = {}
    for number in range(draw(st.integers(1, 7))):
        kind = draw(st.sampled_from(["fixed", "fixed", "markup", "passthrough", "tiered", "none"]))
        value = f"{draw(st.sampled_from(['1', '5']))}:{number + 10}" if kind == "tiered" else str(number + 10)
        product_id = draw(st.sampled_from(["P", "P", "P", ""]))
        begin, length = draw(st.none() | st.sampled_from(DAYS[::3])), draw(st.none() | st.integers(0, 8))
        end = None if length is None else (begin or DAYS[0]) + timedelta(days=length)
        one = rule(
            kind,
            value,
            id=f"r{number}",
            organisation=draw(st.sampled_from(["", "", "", "C-1"])),
            product_id=product_id,
            sku_id=draw(st.sampled_from(["", "", "S"])) if product_id else "",
            term=draw(st.sampled_from(["", "", "P1Y"])),
            subscription_id=draw(st.sampled_from(["", "", "", "sub"])),
            offer=draw(st.sampled_from([False, False, True])),
            valid_from=begin,
            valid_to=end,
            import_no=draw(st.integers(1, 3)),
            row_no=number,
        )
        found.setdefault(key_of(one), one)
    return list(found.values())


def questions(day: date) -> list[Wanted]:
    names = product(("C-1", "C-2"), ("sub", "other"), ("P", "Q"), ("P1Y", "P1M"), (Decimal(3), Decimal(7)))
    return [
        Wanted(code, subscription, product_id, "S", term, "Monthly", "advance", quantity, day, "EUR")
        for code, subscription, product_id, term, quantity in names
    ]


def price_of(decision: PriceDecision) -> object:
    winner = decision.winner
    return None if winner is None else (winner.id, winner.kind, winner.value, winner.tiers)


@settings(max_examples=120, deadline=None)
@given(
    price_lists(),
    st.sampled_from(DAYS[::3] + DAYS[1:3]),
    st.sets(st.sampled_from([f"r{number}" for number in range(7)])),
)
def test_before_the_day_nothing_moves_and_from_it_on_the_same_rules_win(
    rules: list[PriceRule], day: date, chosen: set[str]
) -> None:
    proposals = from_day(rules, lambda each: each.id in chosen, FIVE, day)
    if any(each.action == "refused" for each in proposals):
        return  # nothing of it may be saved then
    assert chosen & {each.id for each in rules} <= {each.old.id for each in proposals}, "nothing is skipped silently"
    after = rules_after(rules, proposals, import_no=9)
    assert len({key_of(each) for each in after}) == len(after)
    today, then = PriceBook.of(rules), PriceBook.of(after)
    for each_day in (day - timedelta(days=1), *DAYS, DAYS[-1] + timedelta(days=1)):
        for wanted in questions(each_day):
            before = today.decide(wanted)
            expected = price_of(before)
            if before.winner and each_day >= day and before.winner.id in chosen:
                new = new_value(before.winner, FIVE).rule or before.winner
                expected = (new.id, new.kind, new.value, new.tiers)
            assert price_of(then.decide(wanted)) == expected, wanted


@settings(max_examples=40, deadline=None)
@given(price_lists())
def test_prices_that_always_held_are_decided_by_the_same_rules(rules: list[PriceRule]) -> None:
    new = {each.old.id: each.new[0] for each in always(rules, lambda rule: True, FIVE) if each.new}
    today, then = PriceBook.of(rules), PriceBook.of([new.get(each.id, each) for each in rules])
    for day in DAYS:
        for wanted in questions(day):
            before, after = today.decide(wanted).winner, then.decide(wanted).winner
            assert (before and before.id) == (after and after.id)


percentages = st.decimals("-99", "400", places=3).filter(lambda each: each != 0)


@settings(deadline=None)
@given(st.decimals("-99", "300", places=4), percentages)
def test_a_new_mark_up_is_the_old_sales_price_times_the_percentage_exactly(markup: Decimal, percent: Decimal) -> None:
    old = rule("markup", str(markup))
    new = new_value(old, PriceChange(percent=percent)).rule
    assert new is not None and valid_on(new.valid_from, new.valid_to, None)
    apply = discover()["markup"].apply
    before, after = apply(old, _SITUATION), apply(new, _SITUATION)
    assert before is not None and after is not None
    assert after.exact == before.exact * (1 + Fraction(percent) / 100)


@settings(deadline=None)
@given(st.fractions(-99, 99), st.fractions(-99, 400))
def test_a_change_and_its_inverse_give_the_old_value(value: Fraction, percent: Fraction) -> None:
    factor = 1 + percent / 100
    for algebra in (markup_after, margin_after, discount_after):
        assert algebra(algebra(value, factor), 1 / factor) == value


@settings(deadline=None)
@given(st.fractions(-99, 99), st.fractions(-99, 400))
def test_margin_and_discount_move_the_sales_price_by_the_factor(value: Fraction, percent: Fraction) -> None:
    factor = 1 + percent / 100
    assert 1 / (1 - margin_after(value, factor) / 100) == factor / (1 - value / 100)
    assert 1 - discount_after(value, factor) / 100 == (1 - value / 100) * factor
