"""Which rule prices a line, over random sets of rules (interfaces.md 5.4). The order is written down here once more,
from the text and without a look at the code: the first of these that differs decides."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.pricelist import PriceRule, Tier
from mappings.resolve import PriceBook, PriceDecision, Wanted

OWNERS = st.sampled_from(["", "", "C-1", "C-1", "C-2"])
DAYS = st.one_of(st.none(), st.dates(date(2026, 9, 30), date(2026, 10, 2)))
KINDS = ("fixed", "markup", "margin", "discount", "passthrough", "tiered", "none")


@st.composite
def price_lists(draw: st.DrawFn) -> list[PriceRule]:
    """Rules as a database holds them: each from a row of an import of its own, in any order."""
    places = draw(st.lists(st.tuples(st.integers(1, 4), st.integers(2, 6)), unique=True, min_size=1, max_size=12))
    return [_rule(draw, number, place) for number, place in enumerate(places)]


def _rule(draw: st.DrawFn, number: int, place: tuple[int, int]) -> PriceRule:
    kind = draw(st.sampled_from(KINDS))
    product = draw(st.sampled_from(["", "", "P", "p", "Q"]))
    first, last = draw(DAYS), draw(DAYS)
    if first and last and last < first:
        first, last = last, first
    per_unit = kind in ("fixed", "discount", "tiered")
    return PriceRule(
        id=f"r{number}",
        version=1,
        organisation=draw(OWNERS),
        product_id=product,
        sku_id=draw(st.sampled_from(["", "0001"])) if product else "",
        term=draw(st.sampled_from(["", "", "P1Y"])),
        billing=draw(st.sampled_from(["", "", "Monthly"])),
        subscription_id=draw(st.sampled_from(["", "", "", "SUB"])),
        kind=kind,
        value=None if kind in ("passthrough", "tiered", "none") else Decimal(draw(st.integers(1, 99))),
        tiers=(Tier(Decimal(draw(st.sampled_from([1, 5]))), Decimal(9)),) if kind == "tiered" else (),
        currency=draw(st.sampled_from(["EUR", "USD"] if per_unit else ["", "EUR", "USD"])),
        valid_from=first,
        valid_to=last,
        offer=draw(st.booleans()),
        note="why",
        import_no=place[0],
        row_no=place[1],
    )


LINES = st.builds(
    Wanted,
    organisation=st.sampled_from(["C-1", "C-1", "C-2"]),
    subscription_id=st.sampled_from(["sub", "other", ""]),
    product_id=st.sampled_from(["P", "P", "q"]),
    sku_id=st.sampled_from(["0001", "0001", "0002"]),
    term=st.sampled_from(["P1Y", "P1M", ""]),
    billing=st.sampled_from(["monthly", "Annual", ""]),
    kind=st.sampled_from(["advance", "usage", "credit", "proration", "one_time", "other"]),
    quantity=st.sampled_from([Decimal(1), Decimal(7)]),
    day=DAYS,
    currency=st.sampled_from(["EUR", "USD"]),
)


# ---- the order of interfaces.md 5.4, in words of its own


def names_the_line(rule: PriceRule, line: Wanted) -> bool:
    pairs = [
        (rule.product_id, line.product_id),
        (rule.sku_id, line.sku_id),
        (rule.term, line.term),
        (rule.billing, line.billing),
        (rule.subscription_id, line.subscription_id),
    ]
    return rule.organisation in ("", line.organisation) and all(
        asked == "" or asked.lower() == given.lower() for asked, given in pairs
    )


def applies(rule: PriceRule, line: Wanted) -> bool:
    if line.day is None:
        if rule.valid_from or rule.valid_to:
            return False
    elif (rule.valid_from and line.day < rule.valid_from) or (rule.valid_to and line.day > rule.valid_to):
        return False
    if rule.currency not in ("", line.currency):
        return False
    per_unit = rule.kind in ("fixed", "discount", "tiered")
    if per_unit and line.kind in ("usage", "credit", "other") and "" in (rule.product_id, rule.sku_id):
        return False
    return rule.kind != "tiered" or any(tier.quantity <= line.quantity for tier in rule.tiers)


def place(rule: PriceRule) -> tuple[object, ...]:
    """The smaller one comes first."""
    if rule.subscription_id:
        level = 1
    elif rule.organisation:
        level = 2 if rule.offer else 3
    else:
        level = 4 if rule.offer else 5
    filled = [rule.product_id, rule.sku_id, rule.term, rule.billing]
    begins = rule.valid_from.toordinal() if rule.valid_from else 0
    return (level, filled.count(""), -begins, -rule.import_no, -rule.row_no)


# ---- laws


@settings(max_examples=300)
@given(price_lists(), LINES)
def test_the_winner_is_the_first_in_the_published_order(rules: list[PriceRule], line: Wanted) -> None:
    fitting = sorted((rule for rule in rules if names_the_line(rule, line) and applies(rule, line)), key=place)
    decision = PriceBook.of(rules).decide(line)
    assert decision.winner == (fitting[0] if fitting else None)
    assert decision.level == (fitting[0].level if fitting else None)


@given(price_lists(), LINES, st.randoms(use_true_random=False))
def test_the_order_of_loading_decides_nothing(rules: list[PriceRule], line: Wanted, chance: Random) -> None:
    shuffled = list(rules)
    chance.shuffle(shuffled)
    assert PriceBook.of(shuffled).decide(line) == PriceBook.of(rules).decide(line)


@given(price_lists(), LINES)
def test_every_rule_that_names_the_line_wins_or_says_once_why_it_lost(rules: list[PriceRule], line: Wanted) -> None:
    decision = PriceBook.of(rules).decide(line)
    named = [rule.id for rule in rules if names_the_line(rule, line)]
    accounted = [loser.rule.id for loser in decision.lost] + ([decision.winner.id] if decision.winner else [])
    assert sorted(accounted) == sorted(named)
    assert all(loser.reason for loser in decision.lost)
    for loser in decision.lost:
        ahead = decision.winner is None or place(loser.rule) < place(decision.winner)
        assert loser.passed_over == ahead
        assert not (ahead and applies(loser.rule, line))


@settings(max_examples=300)
@given(price_lists(), LINES)
def test_no_two_rules_are_ever_equal(rules: list[PriceRule], line: Wanted) -> None:
    """Without the winner the next one wins, and so on to the last: a chain, never a choice."""
    left = list(rules)
    order = []
    while (decision := PriceBook.of(left).decide(line)).winner is not None:
        order.append(decision.winner)
        left.remove(decision.winner)
    assert order == sorted(order, key=place)
    assert len(set(map(place, order))) == len(order)


@given(price_lists(), LINES)
def test_a_loser_says_the_first_difference_to_the_winner(rules: list[PriceRule], line: Wanted) -> None:
    decision = PriceBook.of(rules).decide(line)
    if decision.winner is None:
        return
    words = ("comes before", "more specific", "from a later day", "imported later", "later row of the same import")
    for loser in decision.lost:
        if not applies(loser.rule, line):
            continue
        pairs = zip(place(loser.rule), place(decision.winner), strict=True)
        first = next(number for number, (mine, better) in enumerate(pairs) if mine != better)
        assert words[first] in loser.reason


def test_two_rules_that_claim_the_same_row_still_have_one_winner() -> None:
    """The database never holds such two; should it ever, the winner would not be a matter of luck."""
    one = _plain("r_a", kind="markup")
    other = dataclasses.replace(one, id="r_b", kind="margin")
    assert {_winner([one, other]), _winner([other, one])} == {"r_b"}


def test_rules_cannot_go_round_in_circles() -> None:
    """A rule names lines and holds a figure. None of its columns names another rule, a price list or a formula, so no
    set of rules can refer to itself (docs/decisions/0010-change-sets.md)."""
    columns = {field.name for field in dataclasses.fields(PriceRule)}
    of_the_line = {"organisation", "product_id", "sku_id", "term", "billing", "subscription_id"}
    figures = {"kind", "value", "tiers", "currency", "valid_from", "valid_to", "offer", "note"}
    assert columns - of_the_line - figures == {"id", "version", "import_no", "row_no"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_win(kind: str) -> None:
    assert _winner([_plain("r_a", kind=kind)]) == "r_a"


LINE = Wanted("C-1", "S", "P", "0001", "P1Y", "Monthly", "advance", Decimal(7), date(2026, 10, 1), "EUR")


def _plain(rule_id: str, **columns: object) -> PriceRule:
    empty = PriceRule(
        rule_id, 1, "", "", "", "", "", "", "markup", Decimal(1), (), "EUR", None, None, False, "why", 1, 2
    )
    changed = dataclasses.replace(empty, **columns)  # type: ignore[arg-type]
    return dataclasses.replace(changed, tiers=(Tier(Decimal(1), Decimal(9)),)) if changed.kind == "tiered" else changed


def _winner(rules: list[PriceRule]) -> str:
    decision: PriceDecision = PriceBook.of(rules).decide(LINE)
    assert decision.winner is not None
    return decision.winner.id
