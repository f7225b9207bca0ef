"""Changing many price rules from a day on: look first, then save all of it as one change set, or nothing.

The preview and the change are the same code; the change is written as an import is, so that it is undone the same way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, Engine

from connector.domain.money import plain_text
from connector.errors import Misconfigured
from connector.flows.what_if import Comparison, Trial, compare, priced_periods
from connector.flows.world import Progress
from connector.store import audit, decisions
from connector.store.bulk_changes import same_change_before, stored_rules
from connector.store.database import reading, writing
from connector.store.decisions import Stored
from connector.store.imports import Difference, apply
from connector.store.pricing_lines import products_by_publisher
from mappings.bulk import PriceChange, Selection, did_you_mean, impossible
from mappings.bulk_spans import Proposal, from_day, in_order
from mappings.decided import Decision, key_of, key_text
from mappings.formats import Row
from mappings.pricelist import PriceRule
from mappings.rules import discover

GLOBAL = "*"
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asked for, as it was typed. Several of one kind add up; organisations and groups are one kind, and
    so are products and publishers. `sure`: an unlikely percentage is meant."""

    change: PriceChange
    products: tuple[str, ...] = ()
    publishers: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    currency: str = ""
    sure: bool = False

    def words(self) -> str:
        """The change in words: `+5 %`."""
        percent, amount, step = self.change.percent, self.change.amount, self.change.step
        by = f"{_signed(percent)} %" if percent is not None else f"{_signed(amount or Decimal(0))} per unit"
        return by + (f", to multiples of {plain_text(step)}" if step is not None else "")

    def selected(self) -> str:
        """The selection in words."""
        named = (
            ("product", self.products), ("publisher", self.publishers), ("organisation", self.organisations),
            ("group", self.groups), ("kind", self.kinds), ("currency", (self.currency,) if self.currency else ()),
        )  # fmt: skip
        parts = [f"{name} {' or '.join(values)}" for name, values in named if values]
        return ", ".join(parts) or "every price rule"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a change would do. `token`: the same for the same wish from the same day. `before`: where it was made."""

    wish: Wish
    day: date
    proposals: tuple[Proposal, ...]
    token: str
    before: int | None
    effect: Comparison | None = None
    change_set: int | None = field(default=None)

    @property
    def refused(self) -> list[Proposal]:
        return [each for each in self.proposals if each.action == "refused"]


def preview(engine: Engine, wish: Wish, day: date, progress: Progress) -> Plan:
    """The change and its effect on the newest priced period, as if the new prices had held on every line's day."""
    with reading(engine) as connection:
        stored = stored_rules(connection)
        plan = _plan(connection, [each.value for each in stored], wish, day)
        as_of = decisions.latest_import(connection)
        wanted = priced_periods(connection, most=1)
    if not wanted:
        return plan
    trial = Trial.in_their_place([each.value for each in stored], _at_new_prices(plan.proposals))
    return replace(plan, effect=compare(engine, as_of, wanted, trial, progress))


def change_prices(
    engine: Engine, wish: Wish, day: date, *, why: str = "", who: str = "cli", again: bool = False
) -> Plan:
    """Save the change as one change set. Raises Misconfigured when a rule refuses it or it was made before."""
    with writing(engine) as connection:
        stored = {each.value.id: each for each in stored_rules(connection)}
        plan = _plan(connection, [each.value for each in stored.values()], wish, day)
        _may_be_saved(plan, again=again)
        difference = _difference(stored, plan.proposals)
        label = f"{wish.words()} from {day}"
        number = apply(connection, "prices", difference, file_name=label, sha256=plan.token, who=who, why=why or label)
        if number is not None:
            _audit(connection, number, plan, difference, who, why)
    return replace(plan, change_set=number)


def selection_of(connection: Connection, wish: Wish) -> Selection:
    """The wish against the database. Raises Misconfigured for a name that nothing has."""
    return Selection(
        _products(connection, wish) if wish.products or wish.publishers else None,
        _organisations(connection, wish) if wish.organisations or wish.groups else None,
        _known("kind", wish.kinds, discover()) if wish.kinds else None,
        wish.currency.upper(),
    )


def check(wish: Wish) -> None:
    """Raises Misconfigured for a change that nobody can mean."""
    if why := impossible(wish.change):
        raise Misconfigured(f"No price can be changed so: {why}.", code="price_change", action="See --help.")
    percent = wish.change.percent
    if percent is not None and not wish.sure and (likely := did_you_mean(percent)):
        raise Misconfigured(
            f"{plain_text(percent)} % would make a price of 1.00 one of {plain_text(1 + percent / 100)}; "
            f"did you mean {likely}?",
            code="unlikely_percentage",
            action=f"Write --percent {likely}, or add --sure if it is meant.",
        )


def chosen_rules(rules: Iterable[PriceRule], selection: Selection, wish: Wish) -> list[PriceRule]:
    """The selected rules. Raises Misconfigured where there are none, or an amount would fall on several currencies."""
    chosen = [rule for rule in rules if selection.holds(rule)]
    if not chosen:
        raise Misconfigured(
            f"No price rule is selected by {wish.selected()}.",
            code="nothing_selected",
            action="`connector prices export` shows the rules; one for all products is in no selection of products.",
        )
    currencies = sorted({rule.currency for rule in chosen if rule.kind in ("fixed", "tiered")})
    if wish.change.amount is not None and len(currencies) > 1:
        raise Misconfigured(
            f"The selected prices are in {', '.join(currencies)}; an amount is in one currency.",
            code="several_currencies",
            action="Choose one with --currency.",
        )
    return chosen


def _plan(connection: Connection, rules: list[PriceRule], wish: Wish, day: date) -> Plan:
    check(wish)
    chosen = {rule.id for rule in chosen_rules(rules, selection_of(connection, wish), wish)}
    proposals = from_day(rules, lambda rule: rule.id in chosen, wish.change, day)
    token = _token(wish, day)
    return Plan(wish, day, tuple(proposals), token, same_change_before(connection, token))


def _may_be_saved(plan: Plan, *, again: bool) -> None:
    if plan.refused:
        first = plan.refused[0]
        raise Misconfigured(
            f"Nothing was changed: {len(plan.refused)} of the selected rules cannot be, first {key_text(first.old)}: "
            f"{first.why}.",
            code="price_change_refused",
            action="Leave them out of the selection, or change them first with `connector import prices`.",
        )
    if plan.before is not None and not again:
        raise Misconfigured(
            f"Nothing was changed: exactly this change was made already, as change set {plan.before}.",
            code="same_change_again",
            action="Add --again to make it once more on top, or look at `connector changes list`.",
        )


def _difference(stored: Mapping[str, Stored[PriceRule]], proposals: Iterable[Proposal]) -> Difference:
    """As an import would say it: rows in the order in which they must be written."""
    touched = [each for each in proposals if each.new]
    places = {id(rule): no for no, rule in enumerate(in_order(touched), start=1)}
    added: list[Row[Decision]] = []
    changed: list[tuple[Stored[Decision], Row[Decision]]] = []
    removed: list[Stored[Decision]] = []
    for proposal in touched:
        old = stored[proposal.old.id]
        before: Stored[Decision] = Stored(old.identity, old.value, old.notes)
        rows: list[Row[Decision]] = [Row(places[id(rule)], rule, old.notes) for rule in proposal.new]
        mine = [row for row in rows if key_of(row.value) == key_of(old.value)]
        changed += [(before, row) for row in mine]
        added += [row for row in rows if row not in mine]
        removed += [] if mine else [before]
    return Difference(tuple(added), tuple(changed), tuple(removed), len(stored) - len(touched))


def _at_new_prices(proposals: Iterable[Proposal]) -> dict[str, PriceRule]:
    """Old id -> the rule at its new price over the whole of its time."""
    return {
        each.old.id: replace(each.new[-1], valid_from=each.old.valid_from, valid_to=each.old.valid_to)
        for each in proposals
        if each.action == "changed"
    }


def _audit(connection: Connection, number: int, plan: Plan, difference: Difference, who: str, why: str) -> None:
    changes = list(difference.changes())
    before = [(each.key, each.before) for each in changes if each.action != "added"]
    after = {
        "import": number,
        "sha256": plan.token,
        "change": plan.wish.words(),
        "selection": plan.wish.selected(),
        "from": plan.day.isoformat(),
        "rows": [(each.key, each.after) for each in changes if each.action != "removed"],
    }
    subject = f"prices {plan.wish.words()} from {plan.day}"
    audit.append(connection, who, "change prices", subject, _json(before), _json(after), why)


def _token(wish: Wish, day: date) -> str:
    change = [
        None if part is None else plain_text(part)
        for part in (wish.change.percent, wish.change.amount, wish.change.step)
    ]
    named = (wish.products, wish.publishers, wish.organisations, wish.groups, wish.kinds)
    selection = [sorted({value.casefold() for value in values}) for values in named]
    return hashlib.sha256(_json([change, selection, wish.currency.upper(), day.isoformat()]).encode()).hexdigest()


def _products(connection: Connection, wish: Wish) -> set[tuple[str, str]]:
    found = set()
    for text in wish.products:
        product, _, sku = text.casefold().partition(":")
        found.add((product, sku))
    if wish.publishers:
        known = products_by_publisher(connection)
        for name in _known("publisher", tuple(each.casefold() for each in wish.publishers), known):
            # a rule may be for the product, or for one of its skus
            found |= {(product, "") for product, _ in known[name]}
    return found


def _organisations(connection: Connection, wish: Wish) -> set[str]:
    known = decisions.organisations(connection)
    groups = {each.group for each in known.values() if each.group}
    _known("organisation", wish.organisations, {GLOBAL, *known})
    _known("group", wish.groups, groups)
    named = {"" if code == GLOBAL else code for code in wish.organisations}
    return named | {code for code, each in known.items() if each.group in wish.groups}


def _known(what: str, asked: Iterable[str], known: Iterable[str]) -> set[str]:
    """What was asked for; raises Misconfigured for a name that is not known."""
    names = set(known)
    for name in asked:
        if name not in names:
            shown = sorted(names - {""})
            some = ", ".join(shown[:_NAMED]) + (", …" if len(shown) > _NAMED else "")
            raise Misconfigured(
                f"No {what} is called {name!r}.",
                code="nothing_selected",
                action=f"Known: {some}." if some else f"No {what} is known yet.",
            )
    return set(asked)


def _signed(number: Decimal) -> str:
    return f"+{plain_text(number)}" if number > 0 else plain_text(number)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
