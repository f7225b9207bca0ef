"""What happened, in a sentence a customer understands. Sales figures only: no cost ever enters here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from connector.domain.charges import folded
from connector.domain.documents import Part
from connector.domain.money import amount_text, plain_text, scaled, to_currency

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_KINDS = {
    "advance": "in advance",
    "proration": "changes within the cycle",
    "usage": "usage",
    "one_time": "one-time",
    "credit": "credit",
    "other": "other charge",
    "service": "service",
}


def day_text(day: date) -> str:
    """
    >>> day_text(date(2026, 10, 12))
    '12 October 2026'
    """
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def span_text(start: date | None, end: date | None) -> str:
    """
    >>> span_text(date(2026, 10, 1), date(2026, 10, 31))
    '1 to 31 October 2026'
    """
    if start is None or end is None:
        only = start or end
        return day_text(only) if only else ""
    if start == end:
        return day_text(start)
    if (start.year, start.month) == (end.year, end.month):
        return f"{start.day} to {day_text(end)}"
    if start.year == end.year:
        return f"{start.day} {_MONTHS[start.month - 1]} to {day_text(end)}"
    return f"{day_text(start)} to {day_text(end)}"


def seats(quantity: Decimal) -> str:
    """
    >>> seats(Decimal("1")), seats(Decimal("14.0"))
    ('1 seat', '14 seats')
    """
    return f"{plain_text(quantity)} seat{'' if quantity == 1 else 's'}"


def one_product(parts: Sequence[Part]) -> bool:
    """Whether all parts are of one product and sku, in any subscriptions."""
    return len({(part.product_id.casefold(), part.sku_id.casefold()) for part in parts}) == 1


def product_names(parts: Sequence[Part]) -> str:
    """What a line is about: the product's name, a few names, or how many there are."""
    names = list(dict.fromkeys(part.product_name for part in parts if part.product_name))
    if one_product(parts):
        return names[0] if names else ""
    if len(names) > _NAMED:
        return f"{len(names)} products"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def label_text(what: str, label: str) -> str:
    """The cost centre or purchase order in front of a line's text; empty where lines are not grouped so.

    >>> label_text("Cost centre", "4711"), label_text("Cost centre", "(no cost centre)")
    ('Cost centre 4711: ', 'No cost centre: ')
    """
    if not what or not label:
        return ""
    return f"No {what.lower()}: " if label.startswith("(no ") else f"{what} {label}: "


def price_digits(price: Fraction, currency: str) -> str:
    """A sales price with as many digits as it has, at least the currency's and at most six."""
    places = 6
    units = price * 10**places
    number = scaled(round(units), places)
    return amount_text(Decimal(plain_text(number)), currency)


def line_text(
    kind: str, product: str, parts: Sequence[Part], start: date | None, end: date | None, price: str = ""
) -> str:
    """The text of a summary line as the ledger prints it: what, how many, at which price, when.

    `price`: the unit price where the line goes out as 1 x amount (README, decision 4); on a correction what it is
    now and was before.
    """
    words = [product or "Microsoft cloud service"]
    when = span_text(start, end)
    if any(part.reversal for part in parts):
        # what was charged and what is charged now stand on it together: seats added up would mean nothing
        words.append(", ".join(part for part in ("correction", price, when) if part))
        return ": ".join(words)
    size = _size(kind, parts)
    if size and price:
        size = f"{size} at {price}"
    words.append(", ".join(part for part in (size, _KINDS[kind], when) if part))
    return ": ".join(words)


def sentence(kind: str, product: str, parts: Sequence[Part], currency: str, amount: Decimal) -> str:
    """One sentence for the customer's page (product.md, behaviour 19)."""
    name = product or "This service"
    first, last = parts[0], parts[-1]
    when = span_text(
        min((p.start for p in parts if p.start), default=None),
        max((p.end for p in parts if p.end), default=None),
    )
    taken_back = [part for part in parts if part.reversal]
    if taken_back and all(part.sentence for part in taken_back):
        anew = " and the right amount charged" if len(taken_back) < len(parts) else ""
        charged = f"what it charged{' for ' + when if when else ''}"
        return f"{name}: an earlier invoice was corrected; {charged} is taken back{anew}."
    if taken_back:
        return f"{name}: Microsoft withdrew an invoice, so what we charged for it ({when}) is put right."
    if all(part.amount == 0 for part in parts):
        return f"{name} was free of charge{' from ' + when if when else ''}."
    match kind:
        case "advance":
            return f"{name}: {_size(kind, parts)} for {when}, charged in advance."
        case "proration" if _subscriptions(parts) > 1:
            net = f"{amount_text(abs(amount), currency)} {currency} {'more' if amount >= 0 else 'less'}"
            return (
                f"{name}: the seats of {_subscriptions(parts)} subscriptions changed within the cycle; each change "
                f"credits the rest of the cycle and charges it again: {net} in all."
            )
        case "proration":
            return _changes(name, parts, currency, amount)
        case "usage":
            return f"Use of {name}{' from ' + when if when else ''}, charged for what was used."
        case "one_time":
            if len({part.happened for part in parts}) > 1:
                return f"{name}, bought several times{' from ' + when if when else ''}; each is charged once."
            if first.happened:
                return f"{name}, bought on {day_text(first.happened.date())}; it is charged once."
            return f"{name}{' for ' + when if when else ''}; it is charged once."
        case "credit":
            return f"A credit of {amount_text(abs(amount), currency)} {currency} for {name}."
        case "service":
            return f"{name} for {when}." if when else f"{name}."
        case _:
            return f"{name}: a charge of the type “{last.charge_type}”{' for ' + when if when else ''}."


def outlook(parts: Sequence[Part], currency: str) -> str:
    """What the next cycle will cost, where the last charge tells it; empty when it does not."""
    if _subscriptions(parts) > 1 or not one_product(parts):
        return ""
    charges = [p for p in parts if p.amount > 0 and p.unit_price is not None and p.cycle_end is not None and p.billing]
    if not charges or parts[-1].amount < 0:
        return ""
    final = charges[-1]
    assert final.cycle_end is not None and final.unit_price is not None
    following = final.cycle_end + timedelta(days=1)
    price = to_currency(final.unit_price * Fraction(final.quantity), currency)
    return (
        f"From {day_text(following)}: {plain_text(final.quantity)} × {price_digits(final.unit_price, currency)} = "
        f"{amount_text(price, currency)} {currency} for each cycle, if nothing changes."
    )


def _subscriptions(parts: Sequence[Part]) -> int:
    return len({part.subscription_id.casefold() for part in parts})


def _size(kind: str, parts: Sequence[Part]) -> str:
    if not one_product(parts):
        return f"{len(parts)} charges"
    if kind == "proration" and _subscriptions(parts) > 1:
        return f"{_subscriptions(parts)} subscriptions"
    if kind in ("advance", "one_time"):
        quantities = [part.quantity for part in parts]
        if len(quantities) > _LISTED:
            return f"{len(quantities)} charges"
        noun = "seat" if kind == "advance" else "unit"
        listed = " and ".join(plain_text(quantity) for quantity in quantities)
        return f"{listed} {noun}{'' if quantities == [1] else 's'}"
    if kind == "proration":
        steps = _seat_steps(parts)
        if len(steps) > 1:
            return f"{plain_text(steps[0])} to {seats(steps[-1])}"
        return seats(parts[0].quantity) if len(parts) == 1 else ""
    if kind == "usage":
        units = {part.unit for part in parts}
        if len(units) == 1:
            quantity = sum((part.quantity for part in parts), Decimal(0))
            unit = next(iter(units))
            return f"quantity {plain_text(quantity)}{' of ' + unit if unit else ''}"
    if kind == "service" and len(parts) == 1 and parts[0].quantity != 1:
        return f"quantity {plain_text(parts[0].quantity)}"
    return ""


# more quantities than this are not listed on an invoice line; they stand on its page
_LISTED = 4
# and not more names
_NAMED = 3


def _seat_steps(parts: Sequence[Part]) -> list[Decimal]:
    """Quantities in the order they held: the credited one first, then each charged one."""
    steps: list[Decimal] = []
    for part in parts:
        if (part.amount < 0 and not steps) or (part.amount > 0 and (not steps or steps[-1] != part.quantity)):
            steps.append(part.quantity)
    return steps


def _changes(name: str, parts: Sequence[Part], currency: str, amount: Decimal) -> str:
    credits = [part for part in parts if part.amount < 0]
    charges = [part for part in parts if part.amount > 0]
    net = f"{amount_text(abs(amount), currency)} {currency} {'more' if amount >= 0 else 'less'}"
    if parts[0].platform != "new_commerce" and credits and charges:
        return (
            f"{name}: the number of seats changed. The charge made in advance for "
            f"{span_text(credits[0].start, credits[0].end)} is credited in full ({_money(credits, currency)}), and the "
            f"days are charged again with the seats of each day ({_money(charges, currency)}): {net}."
        )
    if len(credits) == 1 and len(charges) == 1:
        old, new = credits[0], charges[0]
        day = day_text(new.start) if new.start else "that day"
        if old.product_id != new.product_id:
            return f"{name}: changed to another product on {day}; the rest of the cycle is settled: {net}."
        return (
            f"On {day} the number of {name} seats went from {plain_text(old.quantity)} to {plain_text(new.quantity)}: "
            f"the unused {old.days} of {old.cycle_days} days of {seats(old.quantity)} are credited "
            f"({_money([old], currency)}), {seats(new.quantity)} {'is' if new.quantity == 1 else 'are'} charged for "
            f"{new.days} of {new.cycle_days} days ({_money([new], currency)}): {net}."
        )
    if credits and not charges:
        cancelled = any("cancel" in folded(part.charge_type) for part in credits)
        what = "was cancelled" if cancelled else "was changed or reduced"
        return (
            f"{name} {what}{' on ' + day_text(credits[0].start) if credits[0].start else ''}; the rest of the cycle is "
            f"credited: {net}."
        )
    if charges and not credits:
        day = f"on {day_text(charges[0].start)}" if charges[0].start else "within the cycle"
        return f"Seats of {name} were added or changed {day}: {net}."
    steps = " → ".join(plain_text(step) for step in _seat_steps(parts))
    return (
        f"The number of {name} seats changed {_times(len(credits))} ({steps}); each change credits the rest of the "
        f"cycle and charges it again: {net} in all."
    )


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _money(parts: Sequence[Part], currency: str) -> str:
    return amount_text(sum((part.amount for part in parts), Decimal(0)), currency)
