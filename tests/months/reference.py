"""A second calculation of a line, written from interfaces.md section 5 with fractions. It shares no code with the
product: raw lines and import rows (all text) in, places out. The whole month is in reference_month.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.months.delivered import Charge, day, exact, from_licence, from_metered, from_reconciliation
from tests.months.reference_cycles import cycle_of, days, share_of

Row = Mapping[str, str]
GroupKey = tuple[str, str, str, str]

__all__ = [
    "Decisions", "GroupKey", "Place", "Row", "column", "cycle_of", "day", "from_licence", "from_metered",
    "from_reconciliation", "level_of", "place", "rounded", "share_of",
]  # fmt: skip

_DIGITS = {"JPY": 0, "KWD": 3}
_BY_AMOUNT = ("usage", "credit", "other")
_PER_UNIT = ("fixed", "tiered", "discount")


# ---- 5.4 which rule


@dataclass
class Decisions:
    """What the partner imported, row by row, in the order of the imports."""

    organisations: list[Row] = field(default_factory=list)
    links: list[Row] = field(default_factory=list)
    prices: list[Row] = field(default_factory=list)
    list_prices: list[Row] = field(default_factory=list)
    rates: list[Row] = field(default_factory=list)
    services: list[Row] = field(default_factory=list)


LEVELS = ("subscription", "organisation_offer", "organisation", "global_offer", "global")


def level_of(rule: Row) -> str:
    if column(rule, "subscription_id"):
        return "subscription"
    offer = rule.get("offer") == "yes"
    if column(rule, "organisation"):
        return "organisation_offer" if offer else "organisation"
    return "global_offer" if offer else "global"


def column(row: Row, name: str) -> str:
    value = row.get(name, "")
    return "" if value == "*" else value


def valid(row: Row, when: date | None) -> bool:
    begin, end = day(row.get("valid_from")), day(row.get("valid_to"))
    if when is None:
        return begin is None and end is None
    return (begin is None or begin <= when) and (end is None or when <= end)


def term_of(charge: Charge) -> str:
    if charge.term_start and charge.term_end:
        length = days(charge.term_start, charge.term_end)
        return next((name for limit, name in ((31, "P1M"), (366, "P1Y"), (1096, "P3Y")) if length <= limit), "")
    text = charge.term_text.lower().replace("-", " ").replace("one", "1").replace("three", "3")
    return next((n for w, n in (("1 month", "P1M"), ("1 year", "P1Y"), ("3 year", "P3Y")) if w in text), "")


def rule_for(charge: Charge, organisation: str, currency: str, when: date | None, prices: Sequence[Row]) -> Row | None:
    """The rule that prices a line, or None."""
    said = {
        "organisation": organisation,
        "subscription_id": charge.subscription,
        "product_id": charge.product,
        "sku_id": charge.sku,
        "term": term_of(charge),
        "billing": charge.billing,
    }

    def fits(rule: Row) -> bool:
        named = all(not column(rule, n) or column(rule, n).lower() == value.lower() for n, value in said.items())
        own_currency = not rule.get("currency") or rule["currency"] == currency
        both = bool(column(rule, "product_id") and column(rule, "sku_id"))
        by_unit = rule["kind"] not in _PER_UNIT or charge.kind not in _BY_AMOUNT or both
        return named and own_currency and by_unit and valid(rule, when) and tier_of(rule, charge.quantity) != ()

    def rank(item: tuple[int, Row]) -> tuple[int, int, str, int]:
        number, rule = item
        filled = sum(bool(column(rule, n)) for n in ("product_id", "sku_id", "term", "billing"))
        return -LEVELS.index(level_of(rule)), filled, rule.get("valid_from", ""), number

    return max(((n, rule) for n, rule in enumerate(prices) if fits(rule)), key=rank, default=(0, None))[1]


# ---- 5.5 to 5.8 the amount


def tier_of(rule: Row, quantity: Fraction) -> tuple[Fraction, ...] | None:
    """Quantity and price of the tier that holds a quantity, () if none does, None for other kinds of rule."""
    if rule["kind"] != "tiered":
        return None
    tiers = [tuple(map(exact, pair.split(":"))) for pair in rule["value"].split(";")]
    return max((tier for tier in tiers if tier[0] <= quantity), default=())


def sales_amount(
    charge: Charge, rule: Row, share: Fraction, conversion: Fraction, list_price: Fraction | None
) -> Fraction | None:
    """The exact amount; None where the list price is missing."""
    value = exact(rule.get("value")) if rule["kind"] != "tiered" else Fraction(0)
    match rule["kind"]:
        case "markup":
            return charge.subtotal * (1 + value / 100) * conversion
        case "margin":
            return charge.subtotal / (1 - value / 100) * conversion
        case "passthrough":
            return charge.subtotal * conversion
        case "fixed":
            price = value
        case "tiered":
            price = (tier_of(rule, charge.quantity) or ())[1]
        case "discount":
            if list_price is None:
                return None
            price = list_price * (1 - value / 100)
        case kind:
            raise ValueError(kind)
    return charge.sign * price * charge.quantity * share


def list_price_for(charge: Charge, currency: str, when: date | None, rows: Sequence[Row]) -> Fraction | None:
    said = {
        "product_id": charge.product,
        "sku_id": charge.sku,
        "term": term_of(charge),
        "billing": charge.billing,
    }
    fitting = [
        row
        for row in rows
        if row["currency"] == currency
        and valid(row, when)
        and all(not column(row, name) or column(row, name).lower() == value.lower() for name, value in said.items())
    ]

    def rank(row: Row) -> tuple[bool, bool, bool, str]:
        """The nearer one, by sku before term before billing, then the later one (decision 18)."""
        sku, term, billing = (bool(column(row, name)) for name in ("sku_id", "term", "billing"))
        return sku, term, billing, row.get("valid_from", "")

    return exact(max(fitting, key=rank)["price"]) if fitting else None


def rate_for(from_: str, to: str, invoiced: date, rates: Sequence[Row]) -> Fraction | None:
    """The latest rate dated on or before the vendor invoice's date."""
    dated = [row for row in rates if (row["from"], row["to"]) == (from_, to) and row["date"] <= invoiced.isoformat()]
    return exact(max(dated, key=lambda row: row["date"])["rate"]) if dated else None


def rounded(value: Fraction, currency: str) -> Decimal:
    """Half away from zero, to the currency's digits."""
    digits = _DIGITS.get(currency, 2)
    units = int(abs(value) * 10**digits + Fraction(1, 2))
    return Decimal(-units if value < 0 else units).scaleb(-digits)


# ---- where a line ends, and the month


@dataclass(frozen=True)
class Place:
    """Where one line ends, and why."""

    charge: Charge
    outcome: str
    organisation: str = ""
    currency: str = ""
    amount: Decimal = Decimal(0)
    exact: Fraction = Fraction(0)
    cycle: tuple[date, date] | None = None
    rule: Row | None = None
    finding: str = ""

    @property
    def days(self) -> int | None:
        if self.cycle is None:
            return None
        assert self.charge.start is not None and self.charge.end is not None
        return days(self.charge.start, self.charge.end)

    @property
    def cycle_days(self) -> int | None:
        return days(*self.cycle) if self.cycle else None

    @property
    def group(self) -> GroupKey:
        charge = self.charge
        return charge.subscription, charge.product.lower(), charge.sku, charge.kind


def place(charge: Charge, charges: Sequence[Charge], decided: Decisions, invoiced: date) -> Place:
    """5.3 to 5.8 for one line; `charges` are all of the period."""
    cycle = cycle_of(charge, charges)
    when = cycle[0] if cycle else charge.first_day
    mine = [row for row in decided.links if row["tenant_id"].lower() == charge.tenant]
    # a line without any day belongs to the one organisation its tenant was ever linked to (decision 18)
    held = [row for row in mine if valid(row, when)] if when or len(mine) != 1 else mine
    link = next(iter(held), None)
    if link is None:
        return Place(charge, "unmatched", finding="tenant_unlinked", cycle=cycle)
    code = link["organisation"]
    organisation = next(row for row in decided.organisations if row["code"] == code)
    currency = organisation.get("currency") or charge.currency
    case = Case(charge, cycle, when, currency, invoiced, decided)
    rule = rule_for(charge, code, currency, when, decided.prices)
    if rule is not None and organisation.get("global_offers") == "undercut":
        rule = undercut(case, rule)
    here: dict[str, Any] = {"organisation": code, "currency": currency, "cycle": cycle, "rule": rule}
    if rule is None and charge.sign:
        return Place(charge, "unmatched", finding="price_missing", **here)
    if rule is not None and rule["kind"] == "none":
        return Place(charge, "not_charged", **here)
    if rule is None or not charge.sign:
        # 5.5 before 5.7: what is free at Microsoft needs no price (decision 18)
        return Place(charge, "invoiced", finding="free_line", **here)
    value = case.value(rule)
    if isinstance(value, str):
        return Place(charge, "unmatched", finding=value, **here)
    return Place(charge, "invoiced", amount=rounded(value, currency), exact=value, **here)


@dataclass(frozen=True)
class Case:
    """A line with all that its amount depends on but the rule."""

    charge: Charge
    cycle: tuple[date, date] | None
    when: date | None
    currency: str
    invoiced: date
    decided: Decisions

    def value(self, rule: Row) -> Fraction | str:
        """The exact amount by a rule, or the finding that says what is missing."""
        conversion: Fraction | None = Fraction(1)
        if rule["kind"] not in _PER_UNIT and self.currency != self.charge.currency:
            conversion = rate_for(self.charge.currency, self.currency, self.invoiced, self.decided.rates)
        if conversion is None:
            return "rate_missing"
        listed = list_price_for(self.charge, self.currency, self.when, self.decided.list_prices)
        value = sales_amount(self.charge, rule, share_of(self.charge, self.cycle), conversion, listed)
        return "list_price_missing" if value is None else value


def undercut(case: Case, rule: Row) -> Row:
    """A global offer instead of a negotiated price where it is lower and the organisation said so (5.4)."""
    worldwide = [each for each in case.decided.prices if level_of(each).startswith("global")]
    offer = rule_for(case.charge, "", case.currency, case.when, worldwide)
    negotiated = level_of(rule) in LEVELS[:3]
    if not negotiated or offer is None or level_of(offer) != "global_offer" or "none" in (rule["kind"], offer["kind"]):
        return rule
    own, other = case.value(rule), case.value(offer)
    if isinstance(own, str) or isinstance(other, str) or abs(other) >= abs(own):
        return rule
    return offer
