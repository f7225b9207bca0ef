"""What looks wrong in a price list although every rule of it is right: warnings, which refuse nothing.

Pure: the rules that hold, the day, and when each rule was decided. What sells below cost is seen by pricing lines
(price_findings.py, `price_below_cost`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations

from connector.domain.money import plain_text
from mappings.links import Organisation
from mappings.pricelist import PriceRule, valid_on
from mappings.resolve import earlier_in_order, why_lost

SOON = timedelta(days=30)
LONG = timedelta(days=365)
_Scope = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PriceWarning:
    """One thing to look at. `rules`: ids of the rules it is about; `amount`: the cost concerned, where there is one.

    `organisation` is "" for the global list.
    """

    code: str
    text: str
    action: str
    organisation: str
    rules: tuple[str, ...] = field(default=())
    amount: Decimal | None = None
    currency: str = ""


def check_rules(
    rules: Iterable[PriceRule],
    today: date,
    decided_on: Mapping[str, date],
    organisations: Mapping[str, Organisation],
) -> list[PriceWarning]:
    """All warnings that the rules themselves give. `decided_on`: rule id -> day of the change set that brought it."""
    rules = list(rules)
    by_scope: dict[_Scope, list[PriceRule]] = {}
    for rule in rules:
        by_scope.setdefault(_scope(rule), []).append(rule)
    found: list[PriceWarning] = []
    for same in by_scope.values():
        found += _collisions(same, today)
    covering = _Covering.of(rules, organisations)
    for rule in rules:
        found += _about_end(rule, today, covering)
        found += _about_age(rule, today, decided_on.get(rule.id))
    return found


def _scope(rule: PriceRule) -> _Scope:
    """What a rule is about, whatever it says: two rules of one scope name exactly the same lines."""
    ids = (rule.product_id, rule.sku_id, rule.term, rule.billing, rule.subscription_id)
    return (rule.organisation, *(part.casefold() for part in ids), "offer" if rule.offer else "")


def _collisions(same: Sequence[PriceRule], today: date) -> list[PriceWarning]:
    """Pairs of one scope that could price the same line: offers on a common day, other rules that begin together.

    A price that begins later than another is its successor, nothing to look at. What is over collides no more.
    """
    found: list[PriceWarning] = []
    alive = [rule for rule in same if rule.valid_to is None or rule.valid_to >= today]
    for one, other in combinations(alive, 2):
        first, last = max(_from(one), _from(other)), min(_to(one), _to(other))
        if first > last or (one.currency and other.currency and one.currency != other.currency):
            continue
        if not one.offer and one.valid_from != other.valid_from:
            continue
        winner, loser = earlier_in_order(one, other)
        days = f"{_day(first, 'the beginning')} to {_day(last, 'further notice')}"
        decides = f"{_said(winner)} wins: {why_lost(loser, winner)}"
        if one.offer:
            text = f"Two offers for {_about(one)} overlap from {days}: {_said(winner)} and {_said(loser)}; {decides}"
            found.append(_pair("offers_overlap", text, winner, loser))
        else:
            text = f"Two rules for {_about(one)} contradict each other from {days}: {_said(winner)} and {_said(loser)};"
            found.append(_pair("rules_contradict", f"{text} {decides}", winner, loser))
    return found


def _pair(code: str, text: str, winner: PriceRule, loser: PriceRule) -> PriceWarning:
    action = "End one of them the day before the other begins, or give both the dates you mean."
    return PriceWarning(code, text, action, winner.organisation, (winner.id, loser.id))


@dataclass(frozen=True, slots=True)
class _Covering:
    """Whether any rule prices everything that another rule names. Rules by organisation and product."""

    by_product: Mapping[tuple[str, str], Sequence[PriceRule]]
    organisations: Mapping[str, Organisation]

    @classmethod
    def of(cls, rules: Iterable[PriceRule], organisations: Mapping[str, Organisation]) -> _Covering:
        by_product: dict[tuple[str, str], list[PriceRule]] = {}
        for rule in rules:
            by_product.setdefault((rule.organisation, rule.product_id.casefold()), []).append(rule)
        return cls(by_product, organisations)

    def prices(self, ended: PriceRule, day: date) -> bool:
        known = self.organisations.get(ended.organisation)
        currency = (known.currency if known else "") or ended.currency
        return any(
            _covers(rule, ended)
            and valid_on(rule.valid_from, rule.valid_to, day)
            and (not rule.currency or not currency or rule.currency == currency)
            for organisation in {ended.organisation, ""}
            for product in {ended.product_id.casefold(), ""}
            for rule in self.by_product.get((organisation, product), ())
        )


def _covers(rule: PriceRule, ended: PriceRule) -> bool:
    return all(
        not getattr(rule, name) or getattr(rule, name).casefold() == getattr(ended, name).casefold()
        for name in ("product_id", "sku_id", "term", "billing", "subscription_id")
    )


def _about_end(rule: PriceRule, today: date, covering: _Covering) -> list[PriceWarning]:
    """The end of an offer or of a subscription price: near, and with nothing behind it."""
    if rule.valid_to is None or not (rule.offer or rule.subscription_id):
        return []
    what = "subscription price" if rule.subscription_id else "offer"
    found: list[PriceWarning] = []
    if today <= rule.valid_to <= today + SOON:
        code = "subscription_price_ending" if rule.subscription_id else "offer_ending"
        text = f"The {what} {_said(rule)} for {_about(rule)} ends on {rule.valid_to}"
        action = "Nothing, if that is meant; else import it with a later valid_to."
        found.append(PriceWarning(code, text, action, rule.organisation, (rule.id,)))
    # an end of more than a year ago is history
    if rule.valid_to >= today - LONG and rule.valid_to < date.max:
        after = rule.valid_to + timedelta(days=1)
        if not covering.prices(rule, after):
            text = f"No rule prices {_about(rule)} from {after} on, when the {what} {_said(rule)} has ended"
            action = "Import the price that follows; without one these lines stay unmatched (`price_missing`)."
            found.append(PriceWarning("offer_gap", text, action, rule.organisation, (rule.id,)))
    return found


def _about_age(rule: PriceRule, today: date, decided_on: date | None) -> list[PriceWarning]:
    """A price nobody has touched for a year; `passthrough` and `none` hold no figure that could grow old."""
    over = rule.valid_to is not None and rule.valid_to < today
    if decided_on is None or over or not (rule.tiers or rule.value is not None) or decided_on > today - LONG:
        return []
    text = f"{_said(rule)} for {_about(rule)} was last decided on {decided_on}, a year ago or more"
    action = "Look whether it is still right; a new version of it counts as touched."
    return [PriceWarning("price_stale", text, action, rule.organisation, (rule.id,))]


def _said(rule: PriceRule) -> str:
    """A rule in few words: `fixed 12.50 EUR`."""
    if rule.tiers:
        return f"tiered {rule.currency}".strip()
    value = "" if rule.value is None else plain_text(rule.value)
    unit = rule.currency if rule.kind == "fixed" else "%" if value else ""
    return " ".join(part for part in (rule.kind, value, unit) if part)


def _about(rule: PriceRule) -> str:
    ids = (rule.product_id, rule.sku_id, rule.term, rule.billing)
    what = " ".join(part for part in ids if part) or "everything"
    subscription = f", subscription {rule.subscription_id}" if rule.subscription_id else ""
    return f"{what}{subscription} of {rule.organisation or 'all organisations'}"


def _from(rule: PriceRule) -> date:
    return rule.valid_from or date.min


def _to(rule: PriceRule) -> date:
    return rule.valid_to or date.max


def _day(day: date, unbounded: str) -> str:
    return unbounded if day in (date.min, date.max) else day.isoformat()
