"""Why a month costs more or less than the one before, in sentences for the customer: no cost, no rule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from connector.domain.charges import folded
from connector.domain.compared import Charge, Compared, Profile
from connector.domain.money import amount_text, plain_text, to_currency, total
from connector.domain.period import BillingPeriod
from connector.domain.wording import day_text, price_digits, seats, span_text


def month_text(period: BillingPeriod) -> str:
    """
    >>> month_text(BillingPeriod(2026, 3))
    'March 2026'
    """
    return day_text(period.first_day()).partition(" ")[2]


def added(after: Sequence[Charge], months: Compared) -> str:
    """Charged now, and not in the month before."""
    name, when = _name(after), _span(after)
    size = _size(after, total([charge.quantity for charge in after]))
    new = any(folded(charge.charge_type) in ("new", "purchasefee", "purchase") for charge in after)
    if after[0].kind == "service" or new:
        return f"{name} is new{_of(size)}{_for(when)}."
    return f"{name}: {size} charged{_for(when)}; nothing was charged for it in {month_text(months.before)}."


def ended(before: Sequence[Charge], months: Compared) -> str:
    size = _size(before, total([charge.quantity for charge in before]))
    return f"{_name(before)} was charged in {month_text(months.before)}{_of(size)} and is no longer charged."


def paid_ahead(before: Sequence[Charge], last_day: date, months: Compared) -> str:
    return (
        f"{_name(before)} was paid in {month_text(months.before)} until {day_text(last_day)}; nothing is due for it "
        f"in {month_text(months.after)}."
    )


def not_yet(before: Sequence[Charge], last_day: date) -> str:
    """A forecast knows nothing yet of a cycle that begins later."""
    return (
        f"{_name(before)} is paid until {day_text(last_day)}; its next charge, due on "
        f"{day_text(last_day + timedelta(days=1))}, is not in the forecast yet."
    )


def cycle_words(charges: Sequence[Charge]) -> str:
    """How often something is charged, by the days of its cycle; empty where there is no cycle."""
    longest = max((charge.cycle_days or 0 for charge in charges), default=0)
    for limit, words in ((0, ""), (31, "monthly"), (366, "yearly")):
        if longest <= limit or charges[0].kind == "service":
            return words
    return "for several years"


def other_cycle(before: Sequence[Charge], after: Sequence[Charge]) -> str:
    old, new = cycle_words(before) or "once", cycle_words(after) or "once"
    return f"{_name(after)} is now paid {new} instead of {old}{_of(_size(after, _quantity(after)))}."


def several(before: Sequence[Charge], after: Sequence[Charge], currency: str) -> str:
    """Charges at several prices or for several spans, which no single quantity and price tells."""
    old, new = _money(before, currency), _money(after, currency)
    return f"{_name(after)}: {_count(after)} ({new}) instead of {_count(before)} ({old})."


def effect(
    kind: str, before: Sequence[Charge], after: Sequence[Charge], at: Profile, new: Profile, currency: str
) -> str:
    """One factor of quantity x exchange rate x price x days that differs; `at`: how it stood before this step."""
    name = _name(after)
    if kind == "quantity":
        price = _price(at, currency)
        return f"{name}: {_size(after, new.quantity)} instead of {plain_text(at.quantity)}, at {price} {currency} each."
    if kind == "rate":
        assert at.rate is not None and new.rate is not None
        return f"{name}: {_rates(at.rate, new.rate)}"
    if kind == "price":
        price = "the price of a seat" if after[0].kind == "advance" else "the price"
        return (
            f"{name}: {price} went from {_price(at, currency)} to {_price(new, currency)} {currency}"
            f"{_of(_size(after, new.quantity))}."
        )
    if at.cycles != new.cycles:
        return f"{name}: the month holds {_cycles(new.cycles)} instead of {at.cycles}."
    # a service by the day has no days to tell where the month is whole
    days, earlier = (_days(charges) or "the whole month" for charges in (after, before))
    return f"{name}: charged for {days}, the month before for {earlier}."


def rounding(after: Sequence[Charge]) -> str:
    return f"{_name(after)}: the same quantity and price; cents of rounding."


def usage(before: Sequence[Charge], after: Sequence[Charge], months: Compared) -> str:
    """Use of one metered service: more, less, begun or ended."""
    name = _name((*after, *before))
    if not before:
        return f"Use of {name}{_of(_used(after))}; it was not used in {month_text(months.before)}."
    if not after:
        so_far = " so far" if months.until else ""
        return f"{name} was not used in {month_text(months.after)}{so_far}."
    old, new = _used(before), _used(after)
    amounts = f"{_money(after, months.currency)} instead of {_money(before, months.currency)}"
    return f"Use of {name}: {f'{new} instead of {old}' if old and new and old != new else amounts}."


def usage_rate(after: Sequence[Charge], old: Decimal, new: Decimal) -> str:
    return f"Use of {_name(after)}: {_rates(old, new)}"


def change(after: Sequence[Charge], months: Compared) -> str:
    """A change inside a cycle, in the month that settles it."""
    name, what = _name(after), _what_changed(after)
    days = _days(after[-1:]) if len({(charge.days, charge.cycle_days) for charge in after}) == 1 else ""
    return f"{name}: {what}{', settled for ' + days if days else ''}. It concerns {month_text(months.after)} only."


def past_change(before: Sequence[Charge], months: Compared) -> str:
    """What settled a change last month does not come again."""
    return (
        f"{_name(before)}: {_what_changed(before)}; that was settled in {month_text(months.before)} and does not come "
        "again."
    )


def single(kind: str, before: Sequence[Charge], after: Sequence[Charge], months: Compared) -> str:
    """A charge that belongs to one month: it is new, it does not come again, or it has another amount."""
    name = _name((*after, *before))
    what = {
        "manual": name,
        "one_time": f"{name}, charged once",
        "credit": f"A credit for {name}",
        "withdrawn": f"{name}: Microsoft withdrew an invoice, and what was charged for it was put right",
    }.get(kind, f"{name}: a charge of the type “{(*after, *before)[0].charge_type}”")
    if before and after:
        return f"{what}: {_money(after, months.currency)} instead of {_money(before, months.currency)}."
    if before:
        return f"{what} in {month_text(months.before)}; it does not come again."
    if kind in ("manual", "withdrawn"):
        return f"{what}, in {month_text(months.after)} only."
    when = _span(after)
    return f"{what}{f' on {when}' if after[0].start == after[0].end and when else _for(when)}."


def _name(charges: Sequence[Charge]) -> str:
    return next((charge.name for charge in charges if charge.name), "This service")


def _quantity(charges: Sequence[Charge]) -> Decimal:
    return total([charge.quantity for charge in charges])


def _size(charges: Sequence[Charge], quantity: Decimal) -> str:
    if charges[0].kind in ("advance", "proration"):
        return seats(quantity)
    return "" if quantity == 1 else f"quantity {plain_text(quantity)}"


def _of(size: str) -> str:
    return f" ({size})" if size else ""


def _for(when: str) -> str:
    return f" for {when}" if when else ""


def _span(charges: Sequence[Charge]) -> str:
    return span_text(
        min((charge.start for charge in charges if charge.start), default=None),
        max((charge.end for charge in charges if charge.end), default=None),
    )


def _price(at: Profile, currency: str) -> str:
    if at.exact_price:
        return price_digits(at.price, currency)
    return amount_text(to_currency(at.price, currency), currency)


def _money(charges: Sequence[Charge], currency: str) -> str:
    return f"{amount_text(_sum(charges), currency)} {currency}"


def _sum(charges: Sequence[Charge]) -> Decimal:
    return total([charge.amount for charge in charges])


def _count(charges: Sequence[Charge]) -> str:
    return f"{len(charges)} charge{'' if len(charges) == 1 else 's'}"


def _cycles(count: int) -> str:
    return f"{count} charge cycle{'' if count == 1 else 's'}"


def _rates(old: Decimal, new: Decimal) -> str:
    return f"the exchange rate went from {plain_text(old)} to {plain_text(new)}."


def _days(charges: Sequence[Charge]) -> str:
    one = charges[-1]
    if one.days is None or one.cycle_days is None:
        return ""
    if one.days == one.cycle_days:
        return f"all {one.days} days"
    return f"{one.days} of {one.cycle_days} days"


def _used(charges: Sequence[Charge]) -> str:
    units = {charge.unit for charge in charges}
    if len(units) != 1:
        return ""
    unit = units.pop()
    return f"quantity {plain_text(_quantity(charges))}{' of ' + unit if unit else ''}"


def _what_changed(charges: Sequence[Charge]) -> str:
    """Seats from, to, and on which day, out of credits and charges in time order."""
    credits = [charge for charge in charges if charge.amount < 0]
    debits = [charge for charge in charges if charge.amount >= 0]
    first = next((charge.start for charge in charges if charge.start), None)
    on = f" on {day_text(first)}" if first else ""
    if credits and debits:
        old, new = credits[0].quantity, debits[-1].quantity
        if len(credits) == 1 and len(debits) == 1:
            return f"{plain_text(old)} to {seats(new)}{on}"
        return f"{len(credits)} changes, from {plain_text(old)} to {seats(new)}"
    if any("convert" in folded(charge.charge_type) for charge in charges):
        return f"{'changed to another product' if credits else 'came in place of another product'}{on}"
    if credits:
        cancelled = any("cancel" in folded(charge.charge_type) for charge in credits)
        return f"{'cancelled' if cancelled else 'changed or reduced'}{on}"
    return f"added or changed{on}"
