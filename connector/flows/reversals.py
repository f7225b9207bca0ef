"""What a negative line takes back: the charge it credits, also of an earlier period (product.md, behaviour 6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from connector.domain.lines import ReconciliationLine
from connector.store import lines as stored_lines


def reversed_by(line: ReconciliationLine, charges: dict[str, list[ReconciliationLine]]) -> str:
    """The charge that a negative line takes back: the latest earlier one of the same subscription, product and
    quantity whose period holds the credited days. Empty when none is known (product.md, behaviour 6)."""
    if line.subtotal >= 0 or line.charge_start is None or line.charge_end is None:
        return ""
    holding = [
        charge
        for charge in charges.get(line.subscription_id, ())
        if charge.product_id == line.product_id
        and charge.billable_quantity == line.billable_quantity
        and charge.charge_start is not None
        and charge.charge_end is not None
        and charge.charge_start <= line.charge_start
        and line.charge_end <= charge.charge_end
        and (charge.order_date is None or line.order_date is None or charge.order_date <= line.order_date)
        and not (line.reference_id and charge.reference_id == line.reference_id)
    ]
    if not holding:
        return ""
    return max(holding, key=lambda c: (c.order_date.isoformat() if c.order_date else "", c.charge_start, c.id)).id


def charges_by_subscription(lines: Iterable[ReconciliationLine]) -> dict[str, list[ReconciliationLine]]:
    charges: dict[str, list[ReconciliationLine]] = {}
    for line in lines:
        if line.subtotal > 0 and line.subscription_id:
            charges.setdefault(line.subscription_id, []).append(line)
    return charges


def earlier_charges(
    connection: Connection, period: str, groups: Iterable[Sequence[ReconciliationLine]]
) -> list[ReconciliationLine]:
    credited = {line.subscription_id for group in groups for line in group if line.subtotal < 0}
    return stored_lines.earlier_charges(connection, sorted(credited - {""}), period)
