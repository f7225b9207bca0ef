"""Pushing a period: plan a posting per document, bring each as far as it goes, wait for what must settle.

The dry run asks the same questions of the same ledger by the same code and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from connector.domain.period import PeriodState
from connector.domain.posting import Posting, PostingState, mismatch
from connector.errors import Misconfigured
from connector.flows.push import advance, ledger_invoice
from connector.flows.pushed import is_finished, is_pushed
from connector.flows.world import Connection as LedgerConnection
from connector.flows.world import World
from connector.ledgers import Ledger, LedgerError
from connector.store import decisions, documents, periods, postings
from connector.store.database import database_now, reading, writing
from connector.store.documents import StoredDocument

Action = Literal["create", "change", "skip", "reject"]

# Refusals that a person may have mended since: asking again is safe, because the reference is looked up first.
_ASK_AGAIN = frozenset(
    {
        "reference_missing",
        "period_closed",
        "validation",
        "currency_mismatch",
        "no_ledger",
    }
)

# The whole connection is refused, not this document: it pauses until a person changes its settings.
REFUSED = frozenset({"auth_revoked", "permission", "misconfigured"})
_TROUBLE = frozenset({"transient", "rate_limited", "auth_expired", "outcome_unknown"})
_IN_A_ROW = 3
_ROUNDS = 3
_REST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Planned:
    """What a push does, or would do, with one document, and why."""

    document: StoredDocument
    action: Action
    why: str = ""


@dataclass(slots=True)
class PushResult:
    """The outcome of a push or dry run. `unavailable`: a ledger could not be reached; run again. `refused`: a ledger
    refuses our connection; its settings must be changed."""

    planned: list[Planned] = field(default_factory=list)
    held: int = 0
    unavailable: str = ""
    refused: str = ""

    def totals(self) -> dict[str, dict[str, Decimal]]:
        """Net totals per action and currency."""
        sums: dict[str, dict[str, Decimal]] = {}
        for item in self.planned:
            by_currency = sums.setdefault(item.action, {})
            currency = item.document.currency
            by_currency[currency] = by_currency.get(currency, Decimal(0)) + item.document.net_total
        return sums


def push_period(
    world: World, period: str, *, dry_run: bool = False, release: bool = False, wait: bool = True
) -> PushResult:
    """Push all documents of a period that may go. `release`: also try again what a person had to look at."""
    result = PushResult()
    connections = world.ledgers()
    with reading(world.engine) as connection:
        stored = documents.of_period(connection, period)
        known = postings.of_period(connection, period)
        with_money = documents.with_money(connection, period)
        organisations = decisions.organisations(connection)
    chosen: dict[str, LedgerConnection] = {}
    for document in stored:
        steps = known.get(document.id, {})
        ledger = choose_ledger(organisations[document.organisation].ledger, connections)
        plan = _plan(document, steps, ledger, has_money=document.id in with_money, release=release)
        if plan.action in ("create", "change") and ledger is not None:
            chosen[document.id] = ledger
        result.planned.append(plan)
    if dry_run:
        _ask_ledgers(world, result, chosen)
        return result
    _write_plans(world, result, chosen, release=release)
    _work_through(world, period, {c.name: c for c in connections}, result, wait=wait)
    _finish(world, period, result)
    return result


def choose_ledger(name: str, connections: list[LedgerConnection]) -> LedgerConnection | None:
    """The organisation's ledger by name; without a name the first connection is the default."""
    if not name:
        return connections[0] if connections else None
    return next((connection for connection in connections if connection.name == name), None)


def _plan(
    document: StoredDocument,
    steps: dict[str, Posting],
    ledger: LedgerConnection | None,
    *,
    has_money: bool,
    release: bool,
) -> Planned:
    if document.draft:
        return Planned(document, "skip", document.held_reason)
    if not has_money:
        return Planned(document, "skip", "all lines are 0.00: nothing goes to the ledger")
    if document.held_reason and not document.frozen:
        return Planned(document, "reject", document.held_reason)
    if ledger is None:
        return Planned(document, "reject", "no ledger is connected for this organisation")
    if is_finished(steps, finalise=ledger.finalise):
        return Planned(document, "skip", "it is in the ledger already, verified")
    if not release and any(
        p.state == PostingState.HELD and p.last_error_code not in _ASK_AGAIN for p in steps.values()
    ):
        held = next(p for p in steps.values() if p.state == PostingState.HELD)
        return Planned(document, "reject", held.last_error)
    return Planned(document, "change" if "create" in steps and steps["create"].remote_id else "create")


def _ask_ledgers(world: World, result: PushResult, chosen: dict[str, LedgerConnection]) -> None:
    """What the ledger would say: is it there already, does it lack anything?"""
    opened: dict[str, Ledger] = {}
    for number, plan in enumerate(result.planned, start=1):
        connection = chosen.get(plan.document.id)
        if connection is None:
            continue
        world.progress("Asking the ledger", number, len(result.planned))
        if connection.name not in opened:
            opened[connection.name] = connection.open()
        try:
            result.planned[number - 1] = _asked(world, plan, opened[connection.name])
        except LedgerError as error:
            if error.code in REFUSED:
                raise _refused(connection, error) from error
            result.unavailable = f"{connection.name}: {error.text}"
            return


def _asked(world: World, plan: Planned, ledger: Ledger) -> Planned:
    with writing(world.engine) as connection:
        document = ledger_invoice(world, connection, plan.document, ledger.capabilities())
    found = [remote for remote in ledger.find(plan.document.ref) if remote.state != "cancelled"]
    if len(found) > 1:
        return Planned(plan.document, "reject", "the ledger has this reference more than once")
    if found:
        wrong = mismatch(document, found[0])
        if wrong:
            return Planned(plan.document, "reject", f"the ledger has this reference with other content: {wrong}")
        return Planned(plan.document, "change", "it is in the ledger; it would be verified and, if so set, issued")
    missing = ledger.missing_for(document)
    return Planned(plan.document, "reject", "; ".join(missing)) if missing else plan


def _write_plans(world: World, result: PushResult, chosen: dict[str, LedgerConnection], *, release: bool) -> None:
    with writing(world.engine) as connection:
        for plan in result.planned:
            ledger = chosen.get(plan.document.id)
            if ledger is not None:
                postings.plan(connection, plan.document.id, "create", ledger.name, plan.document.ref)
            if release:
                postings.forget_gone(connection, plan.document.id)
            for posting in postings.of_document(connection, plan.document.id).values():
                postings.hurry(connection, posting.id)
                if posting.state == PostingState.HELD and (release or posting.last_error_code in _ASK_AGAIN):
                    postings.release(connection, posting.id)
    world.passed("planned")


@dataclass(slots=True)
class _Breaker:
    """One ledger's troubles in a row: after three it rests until the next round, after four rounds for good.

    A ledger that is down or slow must not cost a time-out per document (faults 10 and 11).
    """

    in_a_row: int = 0
    rounds: int = 0
    last: str = ""
    refused: str = ""

    @property
    def rests(self) -> bool:
        return self.in_a_row >= _IN_A_ROW

    @property
    def gave_up(self) -> bool:
        return bool(self.refused) or self.rounds >= _ROUNDS

    def hear(self, after: Posting) -> None:
        if after.last_error_code in REFUSED:
            self.refused = after.last_error
        elif after.last_error_code in _TROUBLE:
            self.in_a_row += 1
            self.last = after.last_error
        else:
            self.in_a_row = self.rounds = 0
            self.last = ""

    def next_round(self) -> None:
        """Half open: one more trouble and it rests again."""
        if self.last:
            self.rounds += 1
            self.in_a_row = min(self.in_a_row, _IN_A_ROW - 1)


def _work_through(
    world: World, period: str, connections: dict[str, LedgerConnection], result: PushResult, *, wait: bool
) -> None:
    """Advance every due posting; sleep until the next one is due, as long as waiting brings anything."""
    opened = {name: _once(connection) for name, connection in connections.items()}
    breakers = {name: _Breaker() for name in connections}
    while True:
        _plan_finalise(world, period, connections)
        with reading(world.engine) as connection:
            now = database_now(connection)
            due = [
                item
                for item in postings.due(connection, period)
                if item.ledger in breakers and not breakers[item.ledger].gave_up
            ]
        moved = False
        for number, item in enumerate(due, start=1):
            breaker = breakers[item.ledger]
            if item.next_try_at > now or breaker.rests or breaker.gave_up:
                continue
            world.progress(f"Pushing {period}: {item.step}", number, len(due))
            after = advance(world, item.id, opened[item.ledger])
            if after is not None:
                moved = True
                breaker.hear(after)
        if not due or (not wait and not moved):
            break
        resting = [breaker for breaker in breakers.values() if breaker.rests]
        if moved:
            for breaker in breakers.values():
                breaker.next_round()
        hoping = [breaker.rounds for breaker in resting if not breaker.gave_up]
        if hoping:
            world.progress("Waiting for the ledger to come back")
            world.sleep(_REST_SECONDS * max(hoping))
        elif not moved and not resting:
            # others hold the leases, or the ledger may still be at it
            world.progress("Waiting until the ledger has surely finished")
            world.sleep(_until_next(due, now))
    troubles = [f"{name}: {breaker.last}" for name, breaker in breakers.items() if breaker.last]
    result.unavailable = "; ".join(troubles)
    result.refused = "; ".join(f"{name}: {b.refused}" for name, b in breakers.items() if b.refused)


def _until_next(due: list[postings.Due], now: datetime) -> float:
    soonest = min(max(item.next_try_at, item.lease_until or item.next_try_at) for item in due)
    return max(0.2, min(30.0, (soonest - now).total_seconds()))


def _once(connection: LedgerConnection) -> LedgerConnection:
    """One open ledger for a whole push: a session per document would only cost."""
    opened: list[Ledger] = []

    def open_() -> Ledger:
        if not opened:
            opened.append(connection.open())
        return opened[0]

    return LedgerConnection(connection.name, connection.kind, connection.finalise, open_)


def _plan_finalise(world: World, period: str, connections: dict[str, LedgerConnection]) -> None:
    """A verified draft is issued if its connection says so; a separate row with the same rules."""
    with writing(world.engine) as connection:
        for document_id, steps in postings.of_period(connection, period).items():
            create = steps.get("create")
            if create is None or create.state != PostingState.VERIFIED or "finalise" in steps:
                continue
            ledger = connections.get(create.ledger)
            if ledger is not None and ledger.finalise:
                postings.plan(connection, document_id, "finalise", create.ledger, create.ref)


def _finish(world: World, period: str, result: PushResult) -> None:
    """Count what is held, and mark the period pushed when everything of it is in the ledger, verified."""
    ledgers = world.ledgers()
    with writing(world.engine) as connection:
        known = postings.of_period(connection, period)
        for plan in result.planned:
            steps = known.get(plan.document.id, {})
            if plan.action == "reject" or any(p.state == PostingState.HELD for p in steps.values()):
                result.held += 1
        state = periods.state_of(connection, period)
        if state == PeriodState.BALANCED and is_pushed(connection, period, ledgers):
            periods.set_state(connection, period, PeriodState.PUSHED)


def _refused(connection: LedgerConnection, error: LedgerError) -> Misconfigured:
    return Misconfigured(
        f"The ledger {connection.name} refuses us: {error.text}.",
        code=error.code,
        system=connection.name,
        action="Check the connection's settings (`connector doctor`).",
    )
