"""A whole month, here and now, in this process: discover, pull, check, match, price, balance, push, verify."""

from __future__ import annotations

from dataclasses import dataclass, field

from connector.domain.period import BillingPeriod, PeriodState
from connector.errors import ConnectorError, Transient
from connector.flows.discover import discover
from connector.flows.price import price_period
from connector.flows.pull import needs_pull, pull_invoice
from connector.flows.push_month import PushResult, push_period
from connector.flows.world import World
from connector.store import periods, work
from connector.store.database import reading, writing


@dataclass(slots=True)
class SyncResult:
    """What a sync came to. `trouble`: outside systems that did not answer; nothing was lost."""

    state: PeriodState
    trouble: list[ConnectorError] = field(default_factory=list)
    push: PushResult | None = None


def sync_period(world: World, period: str, *, pull: bool = True, push: bool = True, again: bool = False) -> SyncResult:
    """Bring a period as far as it goes. Running it again changes nothing that is finished.

    `pull`: without it Microsoft is not asked, for partners whose invoices are files downloaded by hand.
    `again`: pull also what has arrived whole and balances.
    """
    label = str(BillingPeriod.parse(period))
    with writing(world.engine) as connection:
        # whoever runs a month by hand has looked at what was held
        work.release(connection, label)
        work.release(connection, "partner")
    trouble = _arrive(world, label, again=again) if pull else []
    state = price_period(world, label)
    result = SyncResult(state, trouble)
    if push:
        result.push = push_period(world, label)
        with reading(world.engine) as connection:
            result.state = periods.state_of(connection, label) or state
    return result


def _arrive(world: World, period: str, *, again: bool) -> list[ConnectorError]:
    """Discover and pull; what did not answer. What is known already can still be priced and pushed."""
    try:
        discover(world)
    except Transient as error:
        return [error]
    return pull_period(world, period, again=again)


def pull_period(world: World, period: str, *, again: bool = False) -> list[ConnectorError]:
    """Pull what has not arrived whole; what failed, in order."""
    with reading(world.engine) as connection:
        wanted = [
            item.header.id
            for item in periods.invoices_of(connection, period)
            if needs_pull(connection, item, again=again)
        ]
    return [error for invoice_id in wanted if (error := pull_invoice(world, invoice_id)) is not None]
