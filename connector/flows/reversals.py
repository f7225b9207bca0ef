"""The charges that a period's credits may take back, loaded; what a credit takes back decides domain/reversals.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from connector.domain.lines import ReconciliationLine
from connector.domain.reversals import Charges, charges_by_subscription, find_reversed, is_credit
from connector.store import lines as stored_lines

__all__ = ["charges_by_subscription", "earlier_charges", "reversed_by"]


def reversed_by(line: ReconciliationLine, charges: Charges) -> str:
    """The charge that a negative line takes back; empty when none is known or it is no credit."""
    return next(iter(find_reversed(line, charges).charges), "")


def earlier_charges(
    connection: Connection, period: str, groups: Iterable[Sequence[ReconciliationLine]]
) -> list[ReconciliationLine]:
    """Charges of earlier periods for every subscription that is credited in this one."""
    credited = {line.subscription_id for group in groups for line in group if is_credit(line)}
    return stored_lines.earlier_charges(connection, sorted(credited - {""}), period)
