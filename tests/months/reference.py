"""A second calculation of a month, written from interfaces.md section 5 with fractions. It shares no code with the
product: raw lines and import rows (all text) in, documents and balance out.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.months.delivered import Charge, day, exact, from_licence, from_metered, from_reconciliation
from tests.standins.microsoft.month import Book

Row = Mapping[str, str]
GroupKey = tuple[str, str, str, str]

_DIGITS = {"JPY": 0, "KWD": 3}
_BY_AMOUNT = ("usage", "credit", "other")
_PER_UNIT = ("fixed", "tiered", "discount")


# ---- 5.3 cycles


def months_later(anchor: date, months: int) -> date:
    """By day of the month, clipped to its last day."""
    year, month = _month(anchor, months)
    return date(year, month, min(anchor.day, calendar.monthrange(year, month)[1]))


def months_later_from_end(anchor: date, months: int) -> date:
    """By distance from the month's end."""
    distance = calendar.monthrange(anchor.year, anchor.month)[1] - anchor.day
    year, month = _month(anchor, months)
    return date(year, month, calendar.monthrange(year, month)[1] - distance)


def _month(anchor: date, months: int) -> tuple[int, int]:
    number = anchor.year * 12 + (anchor.month - 1) + months
    return number // 12, number % 12 + 1


def cycle_begin(anchor: date | None, start: date, end: date, annual: bool) -> date:
    """Where the cycle that ends on `end` began, without a whole-cycle line that says so."""
    following, step = end + timedelta(days=1), 12 if annual else 1
    counts = [months_later]
    if anchor and anchor.day >= 29:
        counts.append(months_later_from_end)
    for count in counts if anchor else ():
        for turn in range(1, 1 + (following.year - anchor.year + 1) * 12):
            if count(anchor, turn * step) == following:
                return min(start, count(anchor, (turn - 1) * step))
    return min(start, months_later(following, -step))


def whole_cycles(charges: Iterable[Charge]) -> dict[tuple[str, date], date]:
    """cycleCharge and renew lines are whole cycles and say where the others of their subscription began."""
    return {
        (charge.subscription, charge.end): charge.start
        for charge in charges
        if charge.platform == "new_commerce"
        and charge.folded in ("cyclecharge", "renew")
        and charge.has_cycle
        and charge.start
        and charge.end
    }


def cycle_of(charge: Charge, charges: Sequence[Charge]) -> tuple[date, date] | None:
    """First and last day of a line's charge cycle; None where it has none."""
    if not charge.has_cycle or charge.start is None or charge.end is None:
        return None
    annual = "annual" in charge.billing.lower()
    if charge.platform != "new_commerce":
        return _legacy_cycle(charge, charge.start, annual, charges)
    fixed = whole_cycles(charges).get((charge.subscription, charge.end))
    return (fixed or cycle_begin(charge.term_start, charge.start, charge.end, annual), charge.end)


def _legacy_cycle(charge: Charge, start: date, annual: bool, charges: Sequence[Charge]) -> tuple[date, date]:
    """Between two anniversaries of subscriptionStartDate; without it, the longest of the subscription's periods."""
    step = 12 if annual else 1
    if charge.term_start:
        turn = 0
        while months_later(charge.term_start, (turn + 1) * step) <= start:
            turn += 1
        return (
            months_later(charge.term_start, turn * step),
            months_later(charge.term_start, (turn + 1) * step) - timedelta(days=1),
        )
    spans = [
        (other.start, other.end)
        for other in charges
        if other.subscription == charge.subscription and other.start and other.end
    ]
    return max((span for span in spans if span[0] <= start <= span[1]), key=lambda span: span[1] - span[0])


def share_of(charge: Charge, cycle: tuple[date, date] | None) -> Fraction:
    if cycle is None:
        return Fraction(1)
    assert charge.start is not None and charge.end is not None
    return Fraction(days(charge.start, charge.end), days(*cycle))


def days(first: date, last: date) -> int:
    """Both inclusive."""
    return (last - first).days + 1


# ---- 5.4 which rule


@dataclass
class Decisions:
    """What the partner imported, row by row, in the order of the imports."""

    organisations: list[Row] = field(default_factory=list)
    links: list[Row] = field(default_factory=list)
    prices: list[Row] = field(default_factory=list)
    list_prices: list[Row] = field(default_factory=list)
    rates: list[Row] = field(default_factory=list)


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
        return named and own_currency and by_unit and valid(rule, when)

    def rank(item: tuple[int, Row]) -> tuple[int, int, str, int]:
        number, rule = item
        filled = sum(bool(column(rule, n)) for n in ("product_id", "sku_id", "term", "billing"))
        return -LEVELS.index(level_of(rule)), filled, rule.get("valid_from", ""), number

    return max(((n, rule) for n, rule in enumerate(prices) if fits(rule)), key=rank, default=(0, None))[1]


# ---- 5.5 to 5.8 the amount


def sales_amount(
    charge: Charge, rule: Row, share: Fraction, conversion: Fraction, list_price: Fraction | None
) -> Fraction | None:
    """The exact amount; None where the list price is missing."""
    value = exact(rule.get("value")) if rule["kind"] != "tiered" else Fraction(0)
    sign_of = charge.subtotal or charge.effective
    sign = (sign_of > 0) - (sign_of < 0)
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
            tiers = [tuple(map(exact, pair.split(":"))) for pair in rule["value"].split(";")]
            price = max(tier for tier in tiers if tier[0] <= charge.quantity)[1]
        case "discount":
            if list_price is None:
                return None
            price = list_price * (1 - value / 100)
        case kind:
            raise ValueError(kind)
    return sign * price * charge.quantity * share


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
        and all(not row.get(name) or row[name].lower() == value.lower() for name, value in said.items())
    ]
    return exact(max(fitting, key=lambda row: row.get("valid_from", ""))["price"]) if fitting else None


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
    when = cycle[0] if cycle else charge.start
    link = next((r for r in decided.links if r["tenant_id"].lower() == charge.tenant and valid(r, when)), None)
    if link is None:
        return Place(charge, "unmatched", finding="tenant_unlinked", cycle=cycle)
    code = link["organisation"]
    organisation = next(row for row in decided.organisations if row["code"] == code)
    currency = organisation.get("currency") or charge.currency
    rule = rule_for(charge, code, currency, when, decided.prices)
    here: dict[str, Any] = {"organisation": code, "currency": currency, "cycle": cycle, "rule": rule}
    if rule is None:
        return Place(charge, "unmatched", finding="price_missing", **here)
    if rule["kind"] == "none":
        return Place(charge, "not_charged", **here)
    free = charge.subtotal == 0 and charge.effective == 0
    conversion: Fraction | None = Fraction(1)
    if rule["kind"] not in _PER_UNIT and currency != charge.currency and not free:
        conversion = rate_for(charge.currency, currency, invoiced, decided.rates)
    if conversion is None:
        return Place(charge, "unmatched", finding="rate_missing", **here)
    listed = list_price_for(charge, currency, when, decided.list_prices)
    value = Fraction(0) if free else sales_amount(charge, rule, share_of(charge, cycle), conversion, listed)
    if value is None:
        return Place(charge, "unmatched", finding="list_price_missing", **here)
    return Place(
        charge,
        "invoiced",
        amount=rounded(value, currency),
        exact=value,
        finding="free_line" if free else "",
        **here,
    )


@dataclass(frozen=True)
class VendorSums:
    """One currency of Microsoft's: 5.12."""

    vendor_total: Fraction
    invoiced: Fraction
    unmatched: Fraction
    not_charged: Fraction


_READERS = {"reconciliation": from_reconciliation, "office": from_licence, "azure": from_metered}


@dataclass(frozen=True)
class Expected:
    """A month as it must come out."""

    places: list[Place]
    balance: dict[str, VendorSums]

    def documents(self) -> dict[tuple[str, str], dict[GroupKey, list[Place]]]:
        """By organisation and currency; one summary line per subscription, product, sku and kind."""
        made: dict[tuple[str, str], dict[GroupKey, list[Place]]] = {}
        for one in self.places:
            if one.outcome == "invoiced":
                lines = made.setdefault((one.organisation, one.currency), {})
                lines.setdefault(one.group, []).append(one)
        return made

    def findings(self) -> dict[tuple[str, str], Fraction]:
        """Money at cost by finding code and currency."""
        sums: dict[tuple[str, str], Fraction] = {}
        for one in self.places:
            if one.finding:
                key = (one.finding, one.charge.currency)
                sums[key] = sums.get(key, Fraction(0)) + one.charge.subtotal
        return sums


def expected(month: dict[str, Any], period: str, decided: Decisions) -> Expected:
    """The whole month, from the raw lines the stand-in serves."""
    book = Book()
    book.load(month)
    live = [d for d in book.every() if d.period == period and not _voided(d)]
    lines = [(d, reader(raw)) for d in live for name, reader in _READERS.items() for raw in d.iter_lines(name)]
    charges = [charge for _, charge in lines]
    places = [place(charge, charges, decided, _invoiced_on(document)) for document, charge in lines]
    balance = {}
    for currency in sorted({str(document.header["currencyCode"]) for document in live}):
        mine = [document for document in live if document.header["currencyCode"] == currency]
        headers = sum((exact(document.header["totalCharges"]) for document in mine), Fraction())
        tax = sum((charge.tax for charge in charges if charge.currency == currency), Fraction())
        sums = {
            outcome: sum(
                (p.charge.subtotal for p in places if p.outcome == outcome and p.charge.currency == currency),
                Fraction(),
            )
            for outcome in ("invoiced", "unmatched", "not_charged")
        }
        balance[currency] = VendorSums(headers - tax, **sums)
    return Expected(places, balance)


def _voided(document: Any) -> bool:
    notes = (str(each.header["documentType"]) for each in document.amendments)
    return document.header["documentType"] == "void_note" or "void_note" in notes


def _invoiced_on(document: Any) -> date:
    return date.fromisoformat(str(document.header["invoiceDate"])[:10])
