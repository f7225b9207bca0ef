"""A person takes an unexplained difference of an invoice as an itemised reason."""

from __future__ import annotations

from connector.domain.period import PeriodState
from connector.errors import Refused
from connector.flows.check import check_invoice
from connector.flows.price import price_period
from connector.flows.world import World
from connector.store import closings, periods
from connector.store import lines as stored_lines
from connector.store.audit import append
from connector.store.database import database_now, writing


def accept_difference(world: World, period: str, invoice_id: str, reason: str, who: str = "cli") -> PeriodState:
    """Record today's difference of an invoice with its reason and balance the period anew."""
    with writing(world.engine) as connection:
        item = periods.invoice(connection, invoice_id)
        if item is None or str(item.header.period) != period:
            raise Refused(
                f"{period} has no vendor invoice {invoice_id}.",
                action=f"See `connector month show {period}`.",
            )
        if closings.is_closed(connection, period):
            raise Refused(
                f"{period} is closed: its balance stays as it is.",
                action=f"What came later is corrected: `connector rerate {period}`.",
            )
        lines = list(stored_lines.lines_of_invoice(connection, invoice_id))
        aside = stored_lines.quarantined_of(connection, invoice_id)
        check = check_invoice(item, lines, aside, {}, database_now(connection))
        if item.arrival != "whole" or check.vendor_total is None:
            raise Refused(
                f"{invoice_id} has not arrived whole: there is no difference to accept yet.",
                action=f"Run `connector sync {period} --no-push` first.",
            )
        difference = check.vendor_total - check.lines_subtotal
        periods.accept_difference(connection, invoice_id, difference, reason, who)
        append(
            connection,
            who=who,
            action="difference_accepted",
            subject=invoice_id,
            before="",
            after=f"{difference} {item.header.currency}",
            why=reason,
        )
    return price_period(world, period)
