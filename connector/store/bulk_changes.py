"""Price rules as they stand, and whether the same change of many was made before."""

from __future__ import annotations

from sqlalchemy import Connection, select

from connector.store.decisions import PRICES, Stored
from connector.store.tables import imports
from mappings.pricelist import PriceRule


def stored_rules(connection: Connection) -> list[Stored[PriceRule]]:
    """Every rule that holds now, with what identifies its row."""
    return list(PRICES.stored(connection))


def same_change_before(connection: Connection, sha256: str) -> int | None:
    """The change set that made exactly this change and was not taken back, or None."""
    undone = select(imports.c.undoes).where(imports.c.undoes.is_not(None))
    query = select(imports.c.no).where(imports.c.kind == "prices", imports.c.sha256 == sha256)
    return connection.execute(query.where(imports.c.no.not_in(undone)).order_by(imports.c.no.desc())).scalars().first()
