"""What past months would have brought at other prices: computed by the pricing code itself, and nothing is kept.

Both sides are computed now, from the same lines and the partner's decisions of today; only the price rules differ, so
that the difference is the prices' alone. What really stands on the documents is said beside it. Microsoft's lines
only: services and lines added by hand are left out of all sums.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from multiprocessing import get_context
from typing import cast

from sqlalchemy import Connection, Engine

from connector.domain.cycles import SubscriptionFacts, subscription_facts
from connector.domain.lines import ReconciliationLine
from connector.domain.money import total
from connector.flows.prepare import load_book
from connector.flows.world import Progress
from connector.store import decisions, periods
from connector.store.database import open_engine, reading
from connector.store.pricing_lines import count_of_lines, invoice_days, lines_for_pricing, on_documents
from mappings.price import Book, PricedLine, price_line
from mappings.pricelist import PriceRule
from mappings.resolve import PriceBook, PriceDecision, Wanted

SHOWN_LINES = 20
# Starting a process costs about a second: below this many lines one does it alone.
WORTH_SHARING = 50_000
_MOST_PROCESSES = 4


@dataclass(frozen=True, slots=True)
class Trial:
    """The price list to try.

    `after`: all rules as they would be. `touched`: those that come, go or change, on both sides. `in_place`: old id ->
    the rule at its new price, where that is all that changes (same scope, dates and rank); None for any other list.
    """

    after: Sequence[PriceRule]
    touched: Sequence[PriceRule]
    in_place: Mapping[str, PriceRule] | None = None

    @classmethod
    def in_their_place(cls, rules: Iterable[PriceRule], new: Mapping[str, PriceRule]) -> Trial:
        """Every rule of today, some at a new price."""
        return cls([new.get(rule.id, rule) for rule in rules], (), new)


@dataclass(slots=True)
class Sums:
    """Money of one sales and one cost currency, before and after. `cost`: of lines that are invoiced or not charged."""

    revenue: tuple[list[Decimal], list[Decimal]] = field(default_factory=lambda: ([], []))
    cost: tuple[list[Decimal], list[Decimal]] = field(default_factory=lambda: ([], []))
    below_cost: tuple[list[Decimal], list[Decimal]] = field(default_factory=lambda: ([], []))

    def closed(self) -> ClosedSums:
        return ClosedSums(
            _both(self.revenue),
            _both(self.cost),
            _both(self.below_cost),
            (len(self.below_cost[0]), len(self.below_cost[1])),
        )


@dataclass(frozen=True, slots=True)
class ClosedSums:
    """The same, added up: (before, after). `below_cost`: what lines sold below cost lack, and how many they are."""

    revenue: tuple[Decimal, Decimal]
    cost: tuple[Decimal, Decimal]
    below_cost: tuple[Decimal, Decimal]
    below_cost_lines: tuple[int, int]

    def plus(self, other: ClosedSums) -> ClosedSums:
        return ClosedSums(
            _sum(self.revenue, other.revenue),
            _sum(self.cost, other.cost),
            _sum(self.below_cost, other.below_cost),
            (
                self.below_cost_lines[0] + other.below_cost_lines[0],
                self.below_cost_lines[1] + other.below_cost_lines[1],
            ),
        )


@dataclass(frozen=True, slots=True)
class MovedLine:
    """A line that another price list makes matched or unmatched. `code`: the finding of the side without a price."""

    period: str
    line_id: str
    organisation: str
    product: str
    cost: Decimal
    currency: str
    code: str


@dataclass(slots=True)
class Month:
    """One period: per (currency, cost currency) the sums; unmatched cost per currency; what the documents say.

    `customers`: (organisation, currency) -> revenue before and after. `matched` and `unmatched` show the first lines
    that only the tried list, or only today's, has a price for; the counts are complete.
    """

    period: str
    state: str = ""
    sums: dict[tuple[str, str], ClosedSums] = field(default_factory=dict)
    unmatched: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    on_documents: dict[str, Decimal] = field(default_factory=dict)
    customers: dict[tuple[str, str], tuple[Decimal, Decimal]] = field(default_factory=dict)
    newly_matched: list[MovedLine] = field(default_factory=list)
    newly_unmatched: list[MovedLine] = field(default_factory=list)
    newly_matched_count: int = 0
    newly_unmatched_count: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """All periods, oldest first."""

    months: tuple[Month, ...]

    def totals(self) -> dict[tuple[str, str], ClosedSums]:
        found: dict[tuple[str, str], ClosedSums] = {}
        for month in self.months:
            for key, sums in month.sums.items():
                found[key] = found[key].plus(sums) if key in found else sums
        return found

    def customers(self) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
        """(organisation, currency) -> revenue before and after, over all periods."""
        found: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
        for month in self.months:
            for key, pair in month.customers.items():
                found[key] = _sum(found.get(key, _NOTHING), pair)
        return found


_NOTHING = (Decimal(0), Decimal(0))


def priced_periods(connection: Connection, first: str = "", last: str = "", most: int = 12) -> list[str]:
    """The newest periods that were priced (whatever came of it), oldest first."""
    known = [
        period
        for period in periods.known_periods(connection)
        if periods.state_of(connection, period) is not None and first <= period and (not last or period <= last)
    ]
    return sorted(known[:most] if not first else known)


def compare(
    engine: Engine,
    as_of: int,
    wanted: Sequence[str],
    trial: Trial,
    progress: Progress,
    share_from: int = WORTH_SHARING,
) -> Comparison:
    """Price every line of the periods at the prices of change set `as_of` and at the tried ones; reads only.

    From `share_from` lines on they are shared out to processes, a month each: memory holds one month a process, however
    many there are.
    """
    with reading(engine) as connection:
        size = count_of_lines(connection, wanted)
    processes = min(len(wanted), os.cpu_count() or 1, _MOST_PROCESSES) if size >= share_from else 1
    months = []
    if processes == 1:
        for done, period in enumerate(wanted):
            progress(f"Trying prices on {period}", done, len(wanted))
            months.append(try_month(engine, as_of, period, trial))
        return Comparison(tuple(months))
    url = engine.url.render_as_string(hide_password=False)
    # a fresh interpreter each: this one may have threads and open connections
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running = [pool.submit(_in_a_process, url, as_of, period, trial) for period in wanted]
        for done, each in enumerate(running):
            progress(f"Trying prices on {wanted[done]}", done, len(wanted))
            months.append(each.result())
    return Comparison(tuple(months))


def _in_a_process(url: str, as_of: int, period: str, trial: Trial) -> Month:
    engine = open_engine(url)
    # a month's lines and prices hold no circles: looking for some costs a tenth of the time
    gc.disable()
    try:
        return try_month(engine, as_of, period, trial)
    finally:
        engine.dispose()
        gc.collect()


def try_month(engine: Engine, as_of: int, period: str, trial: Trial) -> Month:
    """One period with both lists, from one state of the database."""
    with reading(engine) as connection:
        invoices = invoice_days(connection, period)
        lines = {number: list(lines_for_pricing(connection, number)) for number, _ in invoices}
        products = {line.product_id for group in lines.values() for line in group}
        # new price books each month: what they remember must not grow with the number of months
        book = load_book(connection, as_of, products)
        both = BothPrices(book, decisions.price_rules(connection, as_of), trial)
        month = Month(period, str(periods.state_of(connection, period) or ""))
        month.on_documents = on_documents(connection, period)
    _try_lines(month, [(lines[number], day) for number, day in invoices], both)
    return month


class _Asked:
    """A price book that notes what it was asked."""

    def __init__(self, rules: Iterable[PriceRule]) -> None:
        self._book = PriceBook.of(rules)
        self.answers: list[tuple[Wanted, PriceDecision]] = []

    def decide(self, wanted: Wanted) -> PriceDecision:
        decision = self._book.decide(wanted)
        self.answers.append((wanted, decision))
        return decision


class _Given:
    """The tried price book, which knows the answers of today's questions already."""

    def __init__(self, rules: Iterable[PriceRule]) -> None:
        self.book = PriceBook.of(rules)
        self.answers: list[tuple[Wanted, PriceDecision]] = []

    def decide(self, wanted: Wanted) -> PriceDecision:
        known = (decision for question, decision in self.answers if question == wanted)
        # another rule may lead to another question: whether a global offer undercuts it
        return next(known, None) or self.book.decide(wanted)


class BothPrices:
    """Prices a line with both lists; the second time only where the deciding rule is another one."""

    def __init__(self, book: Book, rules: Sequence[PriceRule], trial: Trial) -> None:
        self._asked, self._given = _Asked(rules), _Given(trial.after)
        self._before = replace(book, prices=cast(PriceBook, self._asked))
        self._after = replace(book, prices=cast(PriceBook, self._given))
        self._in_place = trial.in_place
        self._touched = PriceBook.of(trial.touched)

    def price(self, line: ReconciliationLine, facts: SubscriptionFacts, day: date) -> tuple[PricedLine, PricedLine]:
        self._asked.answers.clear()
        before = price_line(line, facts, self._before, day)
        answers = [(question, self._decide(question, decision)) for question, decision in self._asked.answers]
        if all(new is old for (_, new), (_, old) in zip(answers, self._asked.answers, strict=True)):
            return before, before
        self._given.answers = answers
        return before, price_line(line, facts, self._after, day)

    def _decide(self, wanted: Wanted, before: PriceDecision) -> PriceDecision:
        """The tried list's decision; the same object where it can make no difference to the line."""
        if self._in_place is not None:
            new = self._in_place.get(before.winner.id) if before.winner else None
            return before if new is None else replace(before, winner=new)
        if self._touched.decide(wanted).winner is None:
            # no rule that comes, goes or changes applies to the line
            return before
        after = self._given.book.decide(wanted)
        return before if _same_price(before.winner, after.winner) else after


def _same_price(one: PriceRule | None, other: PriceRule | None) -> bool:
    """Whether two rules give the same for any line they price."""
    if one is None or other is None:
        return one is other
    return _terms(one) == _terms(other)


def _terms(rule: PriceRule) -> tuple[object, ...]:
    """What a line's amount depends on; the level, because only some may be undercut by a global offer."""
    return (rule.kind, rule.value, rule.tiers, rule.note, rule.level)


def _try_lines(month: Month, invoices: list[tuple[list[ReconciliationLine], date]], both: BothPrices) -> None:
    """Every line of a period at both prices, with the date of its vendor invoice."""
    facts = subscription_facts(line for group, _ in invoices for line in group)
    sums: dict[tuple[str, str], Sums] = {}
    unmatched: dict[str, tuple[list[Decimal], list[Decimal]]] = {}
    customers: dict[tuple[str, str], tuple[list[Decimal], list[Decimal]]] = {}
    for group, day in invoices:
        for line in group:
            pair = both.price(line, facts, day)
            if pair[0].outcome != pair[1].outcome:
                _note_moved(month, *pair)
            for side, priced in enumerate(pair):
                if priced.outcome == "unmatched":
                    unmatched.setdefault(line.currency, ([], []))[side].append(line.subtotal)
                    continue
                mine = sums.setdefault((priced.currency, line.currency), Sums())
                mine.cost[side].append(line.subtotal)
                if priced.outcome != "invoiced":
                    continue
                mine.revenue[side].append(priced.amount)
                customers.setdefault((priced.organisation, priced.currency), ([], []))[side].append(priced.amount)
                if priced.findings and any(each.code == "price_below_cost" for each in priced.findings):
                    mine.below_cost[side].append(line.subtotal - priced.amount)
    month.sums = {key: sums[key].closed() for key in sorted(sums)}
    month.unmatched = {currency: _both(unmatched[currency]) for currency in sorted(unmatched)}
    month.customers = {key: _both(amounts) for key, amounts in customers.items()}


def _note_moved(month: Month, before: PricedLine, after: PricedLine) -> None:
    """A line that only one of the two lists has a price for."""
    if "unmatched" not in (before.outcome, after.outcome):
        return
    line = before.line
    without, with_ = (before, after) if before.outcome == "unmatched" else (after, before)
    code = next((each.code for each in without.findings if each.severity == "error"), "")
    product = line.product_name or line.product_id
    moved = MovedLine(month.period, line.id, with_.organisation, product, line.subtotal, line.currency, code)
    if without is before:
        month.newly_matched_count += 1
        month.newly_matched += [moved] if len(month.newly_matched) < SHOWN_LINES else []
    else:
        month.newly_unmatched_count += 1
        month.newly_unmatched += [moved] if len(month.newly_unmatched) < SHOWN_LINES else []


def _both(amounts: tuple[list[Decimal], list[Decimal]]) -> tuple[Decimal, Decimal]:
    return total(amounts[0]), total(amounts[1])


def _sum(one: tuple[Decimal, Decimal], other: tuple[Decimal, Decimal]) -> tuple[Decimal, Decimal]:
    return total([one[0], other[0]]), total([one[1], other[1]])
