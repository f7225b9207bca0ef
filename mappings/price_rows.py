"""A row of a price list: what is checked, and the rule it becomes (interfaces.md section 4, "prices")."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import pairwise

from connector.domain.money import NotANumber, money, plain_text
from mappings.cells import Cells, Row, RowError
from mappings.decided import Decision
from mappings.pricelist import PriceRule, RuleKind, Tier
from mappings.rules import discover


def read_price(cells: Cells) -> PriceRule | None:
    kinds = discover()
    kind = cells.choice("kind", kinds)
    if not kind:
        return None
    info = kinds[kind]
    product, sku = cells.vendor_id("product_id"), cells.vendor_id("sku_id")
    if sku and not product:
        cells.refuse("sku_id", "a sku_id needs its product_id: a sku is only unique within a product")
    currency = cells.currency("currency", needed=info.by_quantity)
    value = _rule_value(cells, kind) if info.needs_value else None
    tiers = _tiers(cells) if kind == "tiered" else ()
    if not info.needs_value and kind != "tiered" and cells.raw("value"):
        cells.refuse("value", f"the value of {kind} must be empty")
    note = cells.text("note", limit=2000)
    if not info.charges and not note:
        cells.refuse("note", f"{kind} needs a note that says why nothing is charged")
    first, last = cells.span()
    rule_kind: RuleKind = info.kind  # type: ignore[assignment]  # a name from the registry of kinds
    return PriceRule(
        id="",
        version=0,
        organisation=cells.anything("organisation"),
        product_id=product,
        sku_id=sku,
        term=cells.term(),
        billing=cells.anything("billing"),
        subscription_id=cells.vendor_id("subscription_id"),
        kind=rule_kind,
        value=value,
        tiers=tiers,
        currency=currency,
        valid_from=first,
        valid_to=last,
        offer=cells.choice("offer", ("yes", "no", "true", "false"), default="no") in ("yes", "true"),
        note=note,
        import_no=0,
        row_no=cells.row.no,
    )


PERCENTAGES = ("markup", "margin", "discount")
# kind: (allowed, sentence). Below them an amount would change its sign or, at a margin of 100, be infinite.
_LIMITS: dict[str, tuple[Callable[[Decimal], bool], str]] = {
    "fixed": (lambda value: value >= 0, "a fixed price must be 0 or more"),
    "markup": (lambda value: value > -100, "a markup must be more than -100 percent"),
    "margin": (lambda value: value < 100, "a margin must be less than 100 percent"),
    "discount": (lambda value: value <= 100, "a discount must be 100 percent or less"),
}


# A percentage of this size or more, of either sign, is rather one that was typed without its decimal point.
UNLIKELY_PERCENTAGE = Decimal(500)


def meant(value: Decimal) -> str:
    """
    >>> meant(Decimal("1900")), meant(Decimal("-512.50"))
    ('did you mean 19?', 'did you mean -5.125?')
    """
    return f"did you mean {plain_text(value.scaleb(-2))}?"


def unlikely_percentages(rows: Iterable[Row[Decision]]) -> Iterator[RowError]:
    """Percentages that are allowed but hardly meant; a person may insist."""
    for row in rows:
        rule = row.value
        if not isinstance(rule, PriceRule) or rule.kind not in PERCENTAGES or rule.value is None:
            continue
        if abs(rule.value) >= UNLIKELY_PERCENTAGE:
            text = f"a {rule.kind} of {plain_text(rule.value)} percent: {meant(rule.value)} If you do mean it, import "
            yield RowError(row.no, "value", text + "with --allow-large-percentages", plain_text(rule.value))


def _rule_value(cells: Cells, kind: str) -> Decimal | None:
    value = cells.number("value")
    if value is None:
        return None
    allowed, sentence = _LIMITS.get(kind, (lambda value: True, ""))
    if not allowed(value):
        large = kind in PERCENTAGES and abs(value) >= UNLIKELY_PERCENTAGE
        cells.refuse("value", f"{sentence}; {meant(value)}" if large else sentence)
    elif kind != "fixed" and cells.from_number_cell("value") and 0 < abs(value) < 1:
        cells.refuse(
            "value",
            "a spreadsheet cell shown as 20% holds 0.2; enter 20, or below one percent use a column of text",
        )
    return value


def _tiers(cells: Cells) -> tuple[Tier, ...]:
    """`1:12.00;50:11.00`: from 1 on 12.00, from 50 on 11.00."""
    example = "write tiers as quantity:price, separated by semicolons, for example 1:12.00;50:11.00"
    parts = [part.split(":") for part in cells.raw("value").removesuffix(";").split(";")]
    if not all(len(part) == 2 for part in parts):
        cells.refuse("value", example)
        return ()
    numbers = [_parsed(text) for part in parts for text in part]
    exact = [number for number in numbers if number is not None]
    if len(exact) < len(numbers):
        cells.refuse("value", example)
        return ()
    tiers = tuple(Tier(*pair) for pair in zip(exact[::2], exact[1::2], strict=True))
    if any(later.quantity <= earlier.quantity for earlier, later in pairwise(tiers)):
        cells.refuse("value", "the quantities of the tiers must grow from left to right")
    if any(tier.quantity < 0 or tier.price < 0 for tier in tiers):
        cells.refuse("value", "quantities and prices of tiers must be 0 or more")
    return tiers


def _parsed(text: str) -> Decimal | None:
    try:
        return money(text)
    except NotANumber:
        return None
