"""One period: match, price, balance, summarise. Load once, decide purely, record in one short transaction.

The same raw lines, links, prices and code give the same documents, so a run can be repeated at any time. What is
frozen (a posting has begun) stays; what came later goes into a new revision (interfaces.md 5.13).
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from connector.domain.balance import Balance, Reason, merge
from connector.domain.money import total
from connector.domain.period import PeriodState, worst
from connector.errors import Transient
from connector.flows.prepare import Run, prepare, signature
from connector.flows.pushed import is_pushed
from connector.flows.world import Connection as LedgerConnection
from connector.flows.world import World
from connector.store import closings, decisions, documents, links, periods
from connector.store import lines as stored_lines
from connector.store.database import reading, writing

_TRIES = 5


def price_period(world: World, period: str) -> PeriodState:
    """Price everything that has arrived of a period; record documents, findings, balance and state.

    A closed period stays as it is: what came later is corrected with `rerate`.
    """
    ledgers = world.ledgers()
    for _ in range(_TRIES):
        with reading(world.engine) as connection:
            if closings.is_closed(connection, period):
                return PeriodState.CLOSED
            run = prepare(world, connection, period)
        with writing(world.engine) as connection:
            periods.lock(connection, period)
            # somebody pulled, pushed or closed meanwhile: look again rather than record what is no longer true
            if signature(connection, period) == run.signature and not closings.is_closed(connection, period):
                return _record(world, connection, period, run, ledgers)
    raise Transient(f"The period {period} kept changing while it was priced.", action="Run it again.")


def _record(
    world: World, connection: Connection, period: str, run: Run, ledgers: list[LedgerConnection]
) -> PeriodState:
    lifetime = timedelta(days=31 * world.link_months)
    names = decisions.organisation_names(connection, run.decided_import)
    # first, so that a document whose key changed (another partner id) does not stand in its own way
    documents.remove_open(connection, period, keep=[made.document.id for made in run.made])
    for made in run.made:
        document = made.document
        documents.write(
            connection,
            document,
            organisation_name=names[document.organisation],
            ref=made.ref,
            held_reason=made.held,
            decided_import=run.decided_import,
            inputs=run.inputs,
            usage_sets=[(line.id, line.usage_invoices) for line in document.lines],
        )
        links.ensure(connection, document.id, world.link_keys, lifetime)
    stored_lines.place(connection, period, run.placements)
    state = state_of(run)
    if state == PeriodState.BALANCED and is_pushed(connection, period, ledgers):
        state = PeriodState.PUSHED
    periods.record_period(connection, period, state, balances_of(run), merge(run.findings))
    return state


def state_of(run: Run) -> PeriodState:
    """How far a period is by what a run computed: `balanced` at best."""
    return worst([check.state for check in run.checks] + [balance.state for balance in balances_of(run)])


def balances_of(run: Run) -> list[Balance]:
    return [_balance(currency, run) for currency in _currencies(run)]


def _currencies(run: Run) -> list[str]:
    return sorted({check.invoice.header.currency for check in run.checks} | set(run.sums))


def _balance(currency: str, run: Run) -> Balance:
    """The equality per currency; unknown as soon as one invoice has no header to check against."""
    mine = [check for check in run.checks if check.invoice.header.currency == currency]
    totals = [check.vendor_total for check in mine if check.vendor_total is not None]
    reasons = [
        Reason("accepted", check.invoice.accepted_amount, check.invoice.accepted_reason)
        for check in mine
        if check.invoice.accepted_amount is not None
    ]
    return Balance(
        currency,
        total(totals) if mine and len(totals) == len(mine) else None,
        run.sum(currency, "invoiced"),
        run.sum(currency, "unmatched"),
        run.sum(currency, "not_charged"),
        tuple(reasons),
    )
