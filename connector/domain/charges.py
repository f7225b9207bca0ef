"""Microsoft's charge types folded into the kinds people understand (interfaces.md section 5.2).

The set is open: a type that is not here is `other`, taken by amount and flagged.
"""

from __future__ import annotations

from typing import Literal

Kind = Literal["advance", "proration", "usage", "one_time", "credit", "other", "service"]

# Seats and products bought or continued: a whole cycle, unless the billing frequency is blank.
_CHARGES = {"new", "renew", "cyclecharge", "changebillingplan"}
# Changes inside a cycle, priced by day.
_CHANGES = {
    "addquantity",
    "removequantity",
    "movequantity",
    "convert",
    "cancel",
    "cancelimmediate",
    "extendterm",
}
# Older spellings of new commerce lines (invoices.md, "Value quirks": a table maps Purchase -> New, Refund -> Cancel).
_OLDER_NAMES = {"purchase": "new", "refund": "cancel"}
# Whole cycles that fix the beginning for the other lines of their subscription (section 5.3).
_WHOLE_CYCLES = {"renew", "cyclecharge"}
_LEGACY_FEES = ("purchase", "cycle", "activation", "renew")


def folded(charge_type: str) -> str:
    """A charge type without case, blanks and underscores.

    >>> folded("Cycle instance prorate"), folded("PURCHASE_FEE")
    ('cycleinstanceprorate', 'purchasefee')
    """
    return "".join(charge_type.casefold().replace("_", "").split())


def kind_of(charge_type: str, *, platform: str, metered: bool, billing: str) -> Kind:
    """The kind of a line by the table of interfaces.md section 5.2, first row that fits.

    `metered`: the line names a meter. `billing`: its BillingFrequency. `platform` as in ReconciliationLine.

    >>> kind_of("addQuantity", platform="new_commerce", metered=False, billing="Monthly")
    'proration'
    >>> kind_of("Cycle instance prorate", platform="legacy_license", metered=False, billing="MONTHLY")
    'proration'
    """
    name = folded(charge_type)
    legacy = platform != "new_commerce"
    if not legacy:
        name = _OLDER_NAMES.get(name, name)
    if name == "customercredit" or (legacy and name == "offsetalineitem"):
        return "credit"
    if metered or platform == "legacy_usage":
        return "usage"
    if name in _CHANGES or (legacy and ("prorate" in name or "cancel" in name)):
        return "proration"
    if name in _CHARGES or (legacy and _is_legacy_fee(name)):
        return "advance" if legacy or billing.strip() else "one_time"
    return "other"


def fixes_cycle(charge_type: str, *, platform: str) -> bool:
    """Whether such a line is a whole charge cycle whose beginning counts for its neighbours."""
    return platform == "new_commerce" and folded(charge_type) in _WHOLE_CYCLES


def _is_legacy_fee(name: str) -> bool:
    return name.endswith(("fee", "fees")) and any(word in name for word in _LEGACY_FEES)
