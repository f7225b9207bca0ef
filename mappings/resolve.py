"""Which rule prices a line, and why the others lost (interfaces.md 5.4)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from connector.domain.charges import Kind
from mappings.pricelist import LEVELS, Level, ListPrice, PriceRule, valid_on
from mappings.rules import discover
from mappings.rules.tiered import tier_for

# Lines that are taken by amount: a price per unit does not fit them unless it names their product and sku.
_BY_AMOUNT = ("usage", "credit", "other")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The question: what a line is, on which day, for whom and in which currency. Ids are compared folded."""

    organisation: str
    subscription_id: str
    product_id: str
    sku_id: str
    term: str
    billing: str
    kind: Kind
    quantity: Decimal
    day: date | None
    currency: str


@dataclass(frozen=True, slots=True)
class Loser:
    """A rule that was looked at and did not price the line. `passed_over`: it would have won but does not apply."""

    rule: PriceRule
    reason: str
    passed_over: bool = False


@dataclass(frozen=True, slots=True)
class PriceDecision:
    """The rule that prices a line, or None, and each loser with why it lost."""

    winner: PriceRule | None
    level: Level | None
    lost: tuple[Loser, ...] = field(default=())


@dataclass(slots=True)
class PriceBook:
    """All rules, ready to be asked. Build once per run; answers are remembered per question."""

    _rules: dict[tuple[str, str], list[PriceRule]] = field(default_factory=dict)
    _by_subscription: dict[str, list[PriceRule]] = field(default_factory=dict)
    _answers: dict[Wanted, PriceDecision] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: Iterable[PriceRule]) -> PriceBook:
        book = cls()
        for rule in rules:
            if rule.subscription_id:
                book._by_subscription.setdefault(rule.subscription_id.casefold(), []).append(rule)
            else:
                book._rules.setdefault((rule.organisation, rule.product_id.casefold()), []).append(rule)
        return book

    def decide(self, wanted: Wanted) -> PriceDecision:
        """The decision for a line. It does not depend on the order in which the rules were loaded."""
        answer = self._answers.get(wanted)
        if answer is None:
            answer = self._answers[wanted] = self._decide(wanted)
        return answer

    def _decide(self, wanted: Wanted) -> PriceDecision:
        fitting = sorted(self._in_scope(wanted), key=_rank, reverse=True)
        winner: PriceRule | None = None
        lost: list[Loser] = []
        for rule in fitting:
            obstacle = _obstacle(rule, wanted)
            if obstacle:
                lost.append(Loser(rule, obstacle, passed_over=winner is None))
            elif winner is None:
                winner = rule
            else:
                lost.append(Loser(rule, why_lost(rule, winner)))
        return PriceDecision(winner, winner.level if winner else None, tuple(lost))

    def _in_scope(self, wanted: Wanted) -> Iterable[PriceRule]:
        product = wanted.product_id.casefold()
        candidates = list(self._by_subscription.get(wanted.subscription_id.casefold(), ()))
        for organisation in (wanted.organisation, ""):
            for wanted_product in {product, ""}:
                candidates += self._rules.get((organisation, wanted_product), ())
        return [rule for rule in candidates if _names(rule, wanted)]


def _names(rule: PriceRule, wanted: Wanted) -> bool:
    """Whether every filled column of the rule names what the line has."""
    return (
        rule.organisation in ("", wanted.organisation)
        and _same(rule.product_id, wanted.product_id)
        and _same(rule.sku_id, wanted.sku_id)
        and _same(rule.term, wanted.term)
        and _same(rule.billing, wanted.billing)
        and _same(rule.subscription_id, wanted.subscription_id)
    )


def _same(asked: str, given: str) -> bool:
    return not asked or asked.casefold() == given.casefold()


def _rank(rule: PriceRule) -> tuple[int, int, date, int, int, str]:
    """The order of interfaces.md 5.4, highest first. Import and row are unique; should they ever not be, the id,
    which no two rules that hold share, keeps two rules from being equal."""
    return (
        -LEVELS.index(rule.level),
        rule.specificity,
        rule.valid_from or date.min,
        rule.import_no,
        rule.row_no,
        rule.id,
    )


def _obstacle(rule: PriceRule, wanted: Wanted) -> str:
    """Why a rule that names the line does not apply to it; empty when it does."""
    info = discover()[rule.kind]
    if not valid_on(rule.valid_from, rule.valid_to, wanted.day):
        return f"not valid on {wanted.day.isoformat()}" if wanted.day else "has dates, the line has none"
    if rule.currency and rule.currency != wanted.currency:
        return f"is in {rule.currency}, the document in {wanted.currency}"
    if info.by_quantity and wanted.kind in _BY_AMOUNT and not (rule.product_id and rule.sku_id):
        return f"a price per unit does not fit a {wanted.kind} line unless it names product and sku"
    if rule.kind == "tiered" and tier_for(rule.tiers, wanted.quantity) is None:
        return "no tier holds the quantity"
    return ""


def earlier_in_order(one: PriceRule, other: PriceRule) -> tuple[PriceRule, PriceRule]:
    """The one that comes first where both apply, and the one that loses."""
    return (one, other) if _rank(one) > _rank(other) else (other, one)


def why_lost(rule: PriceRule, winner: PriceRule) -> str:
    """Why a rule that applies did not price the line: the first difference in the order of interfaces.md 5.4."""
    if rule.level != winner.level:
        return f"{winner.level.replace('_', ' ')} comes before {rule.level.replace('_', ' ')}"
    if rule.specificity != winner.specificity:
        return "the winner is more specific"
    if (rule.valid_from or date.min) != (winner.valid_from or date.min):
        return "the winner is valid from a later day"
    if rule.import_no != winner.import_no:
        return "the winner was imported later"
    return "the winner stands in a later row of the same import"


@dataclass(slots=True)
class PriceSheet:
    """List prices by product and sku, ids folded, and the months whose price sheets are known by (view, currency)."""

    _prices: dict[tuple[str, str], list[ListPrice]] = field(default_factory=dict)
    _months: Mapping[tuple[str, str], Collection[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, prices: Iterable[ListPrice], months: Mapping[tuple[str, str], Collection[str]] | None = None
    ) -> PriceSheet:
        sheet = cls(_months=months or {})
        for price in prices:
            sheet._prices.setdefault((price.product_id.casefold(), price.sku_id.casefold()), []).append(price)
        return sheet

    def price(self, wanted: Wanted) -> ListPrice | None:
        """The list price in the document's currency on the day that counts, or None: a missing sheet is a
        finding, never a guess. Of several the more specific, then the partner's own, then the later valid_from."""
        product, sku = wanted.product_id.casefold(), wanted.sku_id.casefold()
        fitting = [
            price
            for names in dict.fromkeys(((product, sku), (product, "")))
            for price in self._prices.get(names, ())
            if _same(price.term, wanted.term)
            and _same(price.billing, wanted.billing)
            and price.currency == wanted.currency
            and valid_on(price.valid_from, price.valid_to, wanted.day)
        ]
        return max(
            fitting,
            key=lambda price: (
                bool(price.sku_id),
                bool(price.term),
                bool(price.billing),
                not price.view,
                price.valid_from or date.min,
            ),
            default=None,
        )

    def old_month(self, price: ListPrice, day: date | None) -> str:
        """The month of the sheet that a price was taken from where the sheet of the day's month is not known but an
        earlier one is; else empty. A price of the partner's own has no month."""
        months = self._months.get((price.view, price.currency), ()) if price.view else ()
        wanted = f"{day:%Y-%m}" if day else ""
        if wanted in months:
            return ""
        return max((month for month in months if month < wanted), default="")
