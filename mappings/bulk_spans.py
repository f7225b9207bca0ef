"""A change of many prices from one day on: which rules end, which begin, and that nothing else moves.

Until the day before every line is priced as ever, from the day on by the rule that would have priced it anyway, at its
new price. A rule that begins anew has a later `valid_from` and would overtake others of its level, so that those are
carried along: they begin anew too, with the price they have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Literal

from mappings.bulk import NewValue, PriceChange, new_value
from mappings.decided import key_of, key_text
from mappings.pricelist import PriceRule

# changed: at a new price; carried: begins anew at its price; left: nothing to change; refused: cannot be done
Action = Literal["changed", "carried", "left", "refused"]
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What becomes of one rule. `new`: what takes its place, in the order of time; empty where it stays."""

    old: PriceRule
    action: Action
    new: tuple[PriceRule, ...] = field(default=())
    why: str = ""


def always(rules: Iterable[PriceRule], chosen: Callable[[PriceRule], bool], change: PriceChange) -> list[Proposal]:
    """Every chosen rule at its new price over the whole of its time: for asking what would have been."""
    return [_in_place(rule, new_value(rule, change)) for rule in rules if chosen(rule)]


def from_day(
    rules: Sequence[PriceRule], chosen: Callable[[PriceRule], bool], change: PriceChange, day: date
) -> list[Proposal]:
    """Every chosen rule at its new price from `day` on, with the rules that must be carried along.

    A rule that begins on the day or later changes in its own span, one that ended before is left.
    """
    values = {
        rule.id: NewValue(None, f"ended on {rule.valid_to}, before {day}")
        if rule.valid_to is not None and rule.valid_to < day
        else new_value(rule, change)
        for rule in rules
        if chosen(rule)
    }
    rivals = _Rivals(rules)
    touched = _carried_along([rule for rule in rules if rule.id in values and values[rule.id].rule], rivals, day)
    proposals = []
    for rule in rules:
        value = values.get(rule.id)
        if rule.id in touched:
            proposals.append(_anew(rule, value, day, rivals))
        elif value is not None:
            proposals.append(_in_place(rule, value))
    return _without_clashes(rules, proposals)


def in_order(proposals: Iterable[Proposal]) -> list[PriceRule]:
    """All new rules in the order in which they must be written: inside one change set the later row wins."""
    return [new for proposal in sorted(proposals, key=lambda each: _order(each.old)) for new in proposal.new]


def rules_after(rules: Iterable[PriceRule], proposals: Sequence[Proposal], import_no: int) -> list[PriceRule]:
    """The price list as it will be, the new rules as rows of change set `import_no`."""
    gone = {proposal.old.id for proposal in proposals if proposal.new}
    kept = [rule for rule in rules if rule.id not in gone]
    return [*kept, *(replace(new, import_no=import_no, row_no=no) for no, new in enumerate(in_order(proposals)))]


def _in_place(rule: PriceRule, value: NewValue) -> Proposal:
    if value.rule is None:
        return Proposal(rule, "refused" if value.refused else "left", why=value.remark)
    return Proposal(rule, "changed", (value.rule,), value.remark)


def _order(rule: PriceRule) -> tuple[date, int, int]:
    """Which of two rules of one level and specificity wins: the greater (interfaces.md 5.4)."""
    return (rule.valid_from or date.min, rule.import_no, rule.row_no)


class _Rivals:
    """Rules of the same level and specificity that can name the same line."""

    def __init__(self, rules: Iterable[PriceRule]) -> None:
        self._places: dict[tuple[object, ...], dict[str, list[PriceRule]]] = {}
        for rule in rules:
            products = self._places.setdefault(self._place(rule), {})
            products.setdefault(rule.product_id.casefold(), []).append(rule)

    @staticmethod
    def _place(rule: PriceRule) -> tuple[object, ...]:
        whose = rule.subscription_id.casefold() or rule.organisation
        return (rule.level, whose, rule.specificity)

    def above(self, rule: PriceRule) -> Iterator[PriceRule]:
        """The rivals that win over a rule."""
        products = self._places[self._place(rule)]
        product = rule.product_id.casefold()
        groups = [products.get(name, []) for name in {product, ""}] if product else products.values()
        for group in groups:
            for other in group:
                if _order(other) > _order(rule) and _share_lines(rule, other):
                    yield other


def _share_lines(one: PriceRule, other: PriceRule) -> bool:
    pairs = zip(_scope(one), _scope(other), strict=True)
    return all(not here or not there or here == there for here, there in pairs)


def _scope(rule: PriceRule) -> tuple[str, ...]:
    columns = (rule.product_id, rule.sku_id, rule.term, rule.billing)
    return (rule.organisation, *(column.casefold() for column in columns))


def _carried_along(chosen: list[PriceRule], rivals: _Rivals, day: date) -> set[str]:
    """Ids of the rules that are written anew: the chosen ones, and whoever they would overtake."""
    touched = {rule.id for rule in chosen}
    waiting = list(chosen)
    while waiting:
        rule = waiting.pop()
        for other in rivals.above(rule):
            if other.id not in touched and _overtaken(other, rule, day):
                touched.add(other.id)
                waiting.append(other)
    return touched


def _overtaken(other: PriceRule, rule: PriceRule, day: date) -> bool:
    """Whether `rule`, written anew, would win over `other`, which wins over it today."""
    if other.valid_from == rule.valid_from:
        return True
    begins_anew = _continues(rule, day)
    return begins_anew and (other.valid_from or date.min) <= day and (other.valid_to or date.max) >= day


def _continues(rule: PriceRule, day: date) -> bool:
    """Whether the rule holds on both sides of the day's beginning, so that it is split there."""
    return (rule.valid_from or date.min) < day <= (rule.valid_to or date.max)


def _anew(rule: PriceRule, value: NewValue | None, day: date, rivals: _Rivals) -> Proposal:
    """The rule with its old price until the day before, and its new price (or the old one, carried) from then on."""
    price = value.rule if value is not None and value.rule is not None else rule
    action: Action = "changed" if price is not rule else "carried"
    why = value.remark if value is not None else ""
    if action == "carried":
        why = "; ".join(filter(None, (why, "written anew at its price, so that it still wins over a changed rule")))
    if not _continues(rule, day):
        return Proposal(rule, action, (price,), why)
    ended = replace(rule, valid_to=day - _DAY)
    hiding = [other for other in rivals.above(rule) if _family(other) in (_family(rule), _family(price))]
    begin = _first_visible(day, hiding)
    if begin is not None and begin > (rule.valid_to or date.max):
        begin = None
    if begin != day and (rule.kind == "tiered" or _overlapped(rule, begin, hiding, rivals)):
        return Proposal(rule, "refused", why=f"shares days with {key_text(hiding[0])}; end one of the two first")
    if begin is None:
        return Proposal(rule, action, (ended,), "prices no line from that day on: a later rule stands before it")
    return Proposal(rule, action, (ended, replace(price, valid_from=begin)), why)


def _family(rule: PriceRule) -> tuple[str, ...]:
    """The key without valid_from: of two such rules only one can begin on a day, and it hides the other."""
    return key_of(replace(rule, valid_from=None))


def _first_visible(day: date, hiding: Iterable[PriceRule]) -> date | None:
    """The first day from `day` on that none of the hiding rules covers; None if there is none."""
    begin = day
    while True:
        covering = [rule for rule in hiding if (rule.valid_from or date.min) <= begin <= (rule.valid_to or date.max)]
        if not covering:
            return begin
        ends = [rule.valid_to for rule in covering if rule.valid_to not in (None, date.max)]
        if len(ends) < len(covering):
            return None
        begin = max(ends) + _DAY


def _overlapped(rule: PriceRule, begin: date | None, hiding: list[PriceRule], rivals: _Rivals) -> bool:
    """Whether a rule that begins anew only later would overtake one of another family by it."""
    if begin is None:
        return False
    return any(
        (other.valid_from or date.min) <= begin <= (other.valid_to or date.max)
        for other in rivals.above(rule)
        if other not in hiding
    )


def _without_clashes(rules: Sequence[PriceRule], proposals: list[Proposal]) -> list[Proposal]:
    """Refuse what would make two rules with one key."""
    gone = {proposal.old.id for proposal in proposals if proposal.new}
    taken = {key_of(rule) for rule in rules if rule.id not in gone}
    checked = []
    for proposal in proposals:
        keys = [key_of(new) for new in proposal.new]
        clash = any(key in taken for key in keys)
        taken.update(keys)
        why = "another rule has these columns from the same day; end one of the two first"
        checked.append(Proposal(proposal.old, "refused", why=why) if clash else proposal)
    return checked
