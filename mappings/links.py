"""Which organisation a tenant belongs to, and from when to when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from mappings.pricelist import valid_on


@dataclass(frozen=True, slots=True)
class Organisation:
    """The customer in the partner's books. Empty text means "not given".

    `grouping`: how the lines of its documents are grouped, "" = by subscription. `global_offers`: "undercut" lets a
    global offer win over this organisation's own price where it is lower (interfaces.md 5.4).
    """

    code: str
    name: str
    country: str = ""
    currency: str = ""
    group: str = ""
    ledger: str = ""
    ledger_customer: str = ""
    email: str = ""
    purchase_order: str = ""
    grouping: str = ""
    global_offers: str = ""


@dataclass(frozen=True, slots=True)
class TenantLink:
    """A tenant belongs to an organisation in a span, both days inclusive."""

    tenant_id: str
    organisation: str
    valid_from: date | None
    valid_to: date | None


def by_tenant(links: Iterable[TenantLink]) -> dict[str, list[TenantLink]]:
    """Links ready for `resolve`."""
    found: dict[str, list[TenantLink]] = {}
    for link in links:
        found.setdefault(link.tenant_id, []).append(link)
    return found


def resolve(tenant_id: str, day: date | None, links: Mapping[str, list[TenantLink]]) -> str | None:
    """The organisation of a tenant on a day, or None. Overlapping links are refused at import.

    >>> moved = [TenantLink("t", "C-1", None, date(2026, 9, 30)), TenantLink("t", "C-2", date(2026, 10, 1), None)]
    >>> links = by_tenant(moved)
    >>> resolve("t", date(2026, 10, 1), links)
    'C-2'
    """
    candidates = links.get(tenant_id, [])
    if day is None:
        return candidates[0].organisation if len(candidates) == 1 else None
    for link in candidates:
        if valid_on(link.valid_from, link.valid_to, day):
            return link.organisation
    return None
