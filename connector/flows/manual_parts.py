"""Lines and discounts that a person added to a month, as parts of its documents (interfaces.md 5.2, kind `service`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from connector.domain.documents import Calculation, Part, short_id
from connector.domain.money import exact_text, to_currency
from connector.domain.period import BillingPeriod
from mappings.manual_lines import ManualLine

DISCOUNT = "discount"


def add_manual_lines(
    parts: dict[tuple[str, str], list[Part]],
    lines: Iterable[ManualLine],
    billed: Mapping[tuple[str, str, str], Decimal],
) -> None:
    """Put the lines and then the discounts of a month beside its other parts.

    `billed`: what (organisation, currency, line id) was charged for on documents that were sent. It counts instead of
    what the line would cost now, so that a discount is one of what the customer was charged.
    """
    ordered = sorted(lines, key=lambda line: (line.kind == DISCOUNT, line.organisation, line.code))
    for line in ordered:
        key = (line.organisation, line.currency)
        if line.kind == DISCOUNT:
            amounts = _chosen(line, parts.get(key, ()), billed)
            if not amounts:
                continue
            parts[key].append(_discount(line, amounts))
        else:
            parts.setdefault(key, []).append(_line(line))


def manual_line_id(line: ManualLine) -> str:
    """The line's id on documents: what was sent once is never made again."""
    return short_id("v", "manual", line.organisation, line.code, line.period)


def _chosen(line: ManualLine, parts: Sequence[Part], billed: Mapping[tuple[str, str, str], Decimal]) -> list[Decimal]:
    """The amounts a discount is taken off: of its product, or of everything; never of another discount."""
    wanted = line.product_id.casefold()
    return [
        billed.get((line.organisation, line.currency, part.line_id), part.amount)
        for part in sorted(parts, key=lambda part: part.line_id)
        if part.charge_type != DISCOUNT and wanted in ("", part.product_id.casefold())
    ]


def _line(line: ManualLine) -> Part:
    assert line.price is not None
    operands = (Fraction(line.price), Fraction(line.quantity))
    exact = operands[0] * operands[1]
    calculation = Calculation("multiply", operands, exact, f"price x quantity, {_because(line)}")
    return _part(line, "manual", line.text, calculation, abs(line.quantity), Fraction(line.price))


def _discount(line: ManualLine, amounts: Sequence[Decimal]) -> Part:
    assert line.percent is not None
    off = -Fraction(line.percent) / 100
    base = sum(map(Fraction, amounts), Fraction(0))
    added = Calculation("add", tuple(map(Fraction, amounts)), base, "what the discount is taken off")
    text = f"{exact_text(Fraction(line.percent))} % off, {_because(line)}"
    return _part(
        line, DISCOUNT, line.text, Calculation("multiply", (off, base), off * base, text), Decimal(1), None, added
    )


def _because(line: ManualLine) -> str:
    return f"added by {line.author}: {line.reason}"


def _part(
    line: ManualLine,
    charge_type: str,
    text: str,
    calculation: Calculation,
    quantity: Decimal,
    unit_price: Fraction | None,
    *before: Calculation,
) -> Part:
    month = BillingPeriod.parse(line.period)
    return Part(
        line_id=manual_line_id(line),
        invoice_id="",
        platform="",
        kind="service",
        charge_type=charge_type,
        tenant_id="",
        subscription_id=line.code,
        product_id=line.code,
        sku_id="",
        product_name=text,
        happened=None,
        start=month.first_day(),
        end=month.last_day(),
        days=None,
        cycle_begin=None,
        cycle_end=None,
        cycle_days=None,
        quantity=quantity,
        unit_price=unit_price,
        amount=to_currency(calculation.exact, line.currency),
        calculation=calculation,
        cost=Decimal(0),
        cost_currency="",
        rule=None,
        before=before,
    )
