"""The reasons of an invoice line, one by one: what happened, what is taken back, days, price, rate, amounts, netting.

Each is a sentence with the data it speaks of: {"kind", "text", ...}. Reconciliation lines are named by their ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection

from connector.domain.cycles import charged, subscription_facts
from connector.domain.explain import ExplainStep
from connector.domain.lines import ReconciliationLine
from connector.domain.money import amount_text, plain_text, to_currency, total
from connector.domain.reasons import cycle_text, event_key, events_of, why_nothing_reversed
from connector.domain.reversals import Charges, charges_by_subscription, find_reversed
from connector.domain.wording import seats, span_text
from connector.flows.explain_price import list_price_reasons, lost_reasons, price_reasons, rate_reasons
from connector.flows.prepare import load_book
from connector.flows.reversals import earlier_charges
from connector.store import reasons
from connector.store.document_parts import StoredPart
from connector.store.documents import StoredDocument, StoredLine
from connector.store.reasons import Appearance, Placement
from mappings.price import price_line

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """What an explanation of one line knows: its reconciliation lines, those around them in the period, the charges
    that credits may take back, and the documents these stand on."""

    document: StoredDocument
    decided_import: int
    lines: dict[str, ReconciliationLine]
    around: list[ReconciliationLine]
    charges: Charges
    charge_lines: dict[str, ReconciliationLine]
    on_documents: dict[str, list[Appearance]]


@dataclass(frozen=True, slots=True)
class Taken:
    """What a part takes back: each charge as data, or a code and a sentence why there is none. A part that is no
    credit has neither."""

    charges: tuple[Json, ...] = field(default=())
    code: str = ""
    text: str = ""


def look_up(connection: Connection, document: StoredDocument, parts: Sequence[StoredPart]) -> Known:
    lines = reasons.lines_by_id(connection, [part.line_id for part in parts])
    mine = list(lines.values())
    around = {
        line.id: line
        for line in (
            *reasons.lines_of_subscriptions(connection, [line.subscription_id for line in mine], document.period),
            *reasons.lines_of_events(connection, [line.reference_id for line in mine], document.period),
            *mine,
        )
    }
    charges = charges_by_subscription([*around.values(), *earlier_charges(connection, document.period, [mine])])
    charge_lines = {line.id: line for group in charges.values() for line in group}
    named = {part.reverses for part in parts} - {""}
    named |= {found for line in mine for found in find_reversed(line, charges).charges}
    charge_lines |= reasons.lines_by_id(connection, named - charge_lines.keys())
    return Known(
        document,
        reasons.decided_import(connection, document.id),
        lines,
        sorted(around.values(), key=lambda line: line.id),
        charges,
        charge_lines,
        reasons.appearances(connection, named),
    )


def reversed_of(known: Known, part: StoredPart, kind: str) -> Taken:
    """What a negative part takes back (product.md, behaviour 6): never silence."""
    if part.reverses:
        found = () if part.reversal else _several(known, part)
        return Taken(tuple(_taken(known, line_id, part) for line_id in found or (part.reverses,)))
    if part.amount >= 0:
        return Taken()
    line = known.lines.get(part.line_id)
    if kind == "service" or line is None:
        text = "A deduction of the partner's own: it takes back no charge of Microsoft's."
        return Taken(code="own_deduction", text=text)
    why = find_reversed(line, known.charges).why or "no_charge_fits"
    return Taken(code=why, text=why_nothing_reversed(why, line))


def _several(known: Known, part: StoredPart) -> tuple[str, ...]:
    """All charges that a credit takes back, if they are still found as they were when it was billed."""
    line = known.lines.get(part.line_id)
    found = find_reversed(line, known.charges).charges if line else ()
    return found if found[:1] == (part.reverses,) else ()


def _taken(known: Known, line_id: str, part: StoredPart) -> Json:
    """A charge that is taken back: on which document it stands, and its days."""
    line = known.charge_lines.get(line_id)
    standing = [
        item
        for item in known.on_documents.get(line_id, ())
        if not item.reversal
        and item.split in ("", part.split)
        and not (part.reversal and item.key == known.document.key)
    ]
    # of several documents the one of this customer; a charge taken back with its invoice: the latest that held it
    own = [item for item in standing if item.organisation == known.document.organisation] or standing
    at = own[-1] if own else None
    start, end = (line.charge_start, line.charge_end) if line else (at.start, at.end) if at else (None, None)
    return {
        "detail_line": line_id,
        "start": start.isoformat() if start else None,
        "end": end.isoformat() if end else None,
        "quantity": plain_text(abs(line.billable_quantity)) if line else plain_text(at.quantity) if at else None,
        "vendor_invoice": line.invoice_id if line else None,
        "line_id": at.document_line if at else None,
        "period": at.period if at else None,
        "document": at.key if at else None,
        "ref": at.ref if at else None,
        "number": (at.number or None) if at else None,
        "organisation": at.organisation if at else None,
        "amount": amount_text(at.amount, at.currency) if at else None,
        "currency": at.currency if at else None,
    }


def reasons_of(
    connection: Connection, known: Known, line: StoredLine, parts: Sequence[StoredPart], taken: Sequence[Taken]
) -> list[Json]:
    """All reasons of an invoice line, in the order a person asks for them."""
    currency = known.document.currency
    found = [*_happened(known, line, parts)]
    found += _taken_back(parts, taken, currency)
    found += _cycles(known, parts)
    found += price_reasons(connection, parts, currency)
    found += list_price_reasons(connection, known.decided_import, known.lines, known.around, parts, currency)
    found += rate_reasons(connection, known.decided_import, parts, currency)
    found += [_amount(part, currency) for part in parts]
    found += _netting(known, parts, currency)
    found += lost_reasons(parts)
    return found


def _happened(known: Known, line: StoredLine, parts: Sequence[StoredPart]) -> list[Json]:
    mine = {part.line_id for part in parts}
    keys = {event_key(known.lines[part.line_id]) for part in parts if part.line_id in known.lines}
    told: list[Json] = []
    back: dict[str, list[str]] = {}
    for part in parts:
        if part.reversal:
            # the step says why: Microsoft voided its invoice, or a correction was made
            back.setdefault(part.step.text, []).append(part.line_id)
    told += [{"kind": "withdrawn", "text": f"This line {why}.", "lines": ids} for why, ids in back.items()]
    for event in events_of(around for around in known.around if event_key(around) in keys):
        ids = [each.id for each in event.lines]
        if {part.line_id for part in parts if part.reversal} >= set(ids) & mine:
            continue
        told.append(
            {
                "kind": event.kind,
                "text": event.text,
                "on": event.on.isoformat() if event.on else None,
                "from": None if event.before is None else plain_text(event.before),
                "to": None if event.after is None else plain_text(event.after),
                "reference": next((each.reference_id for each in event.lines if each.reference_id), None),
                "lines": [each for each in ids if each in mine],
                # the other half of a conversion stands on another invoice line
                "elsewhere": [each for each in ids if each not in mine],
            }
        )
    own = [part.line_id for part in parts if part.line_id not in known.lines and not part.reversal]
    if own:
        told.append({"kind": "service" if line.kind == "service" else "line", "text": line.sentence, "lines": own})
    return told


def _taken_back(parts: Sequence[StoredPart], taken: Sequence[Taken], currency: str) -> list[Json]:
    told: list[Json] = []
    for part, what in zip(parts, taken, strict=True):
        amount = f"{amount_text(part.amount, currency)} {currency}"
        for charge in what.charges:
            text = f"{amount} takes back {_charge_text(charge)}."
            told.append({"kind": "reverses", "text": text, "lines": [part.line_id], "charge": charge})
        if what.code:
            text = f"{amount}: {what.text}"
            told.append({"kind": "reverses_nothing", "text": text, "lines": [part.line_id], "code": what.code})
    return told


def _charge_text(charge: Json) -> str:
    what = f"the charge {charge['detail_line']}"
    if charge["start"]:
        what += f" for {charge['start']} to {charge['end']}"
    if charge["quantity"]:
        what += f" ({seats(Decimal(charge['quantity']))})"
    if charge["document"] is None:
        return f"{what}, which stands on no document of ours"
    number = f", number {charge['number']}" if charge["number"] else ""
    return f"{what}: {charge['amount']} {charge['currency']} on {charge['document']}{number}, line {charge['line_id']}"


def _cycles(known: Known, parts: Sequence[StoredPart]) -> list[Json]:
    """Days of the cycle; of lines with the same days once."""
    facts = subscription_facts(known.around)
    told: dict[str, Json] = {}
    for part in parts:
        line = known.lines.get(part.line_id)
        if part.cycle_days is None or part.days is None or part.reversal:
            continue
        span = charged(line, facts) if line else None
        if line is None or span is None or span.cycle is None or span.how is None or span.days != part.days:
            text = f"{part.days} of {part.cycle_days} days, {span_text(part.start, part.end)}."
            view: Json = {"kind": "cycle", "text": text, "how": None, "begin": None, "end": None}
        else:
            begin, end = span.cycle.begin.isoformat(), span.cycle.end.isoformat()
            view = {"kind": "cycle", "text": cycle_text(line, span), "how": span.how, "begin": begin, "end": end}
        view |= {"days": part.days, "cycle_days": part.cycle_days, "lines": []}
        told.setdefault(str(view["text"]), view)["lines"].append(part.line_id)
    return list(told.values())


_SIGNS = {"multiply": " × ", "divide": " ÷ ", "add": " + "}


def _amount(part: StoredPart, currency: str) -> Json:
    """The arithmetic of a part: its exact value, rounded once; what was computed on the way stands in front."""
    step = part.step
    earlier = "".join(f"{_computed(each)}; then " for each in step.before)
    return {
        "kind": "amount",
        "text": f"{earlier}{_computed(step)}, rounded {step.rounded} {currency}.",
        "lines": [part.line_id],
        "op": step.op,
        "operands": list(step.operands),
        "exact": step.exact,
        "rounded": step.rounded,
    }


def _computed(step: ExplainStep) -> str:
    sign = _SIGNS.get(step.op)
    told = f"{sign.join(step.operands)} = {step.exact}" if sign else step.exact
    return f"{told} ({step.text})"


def _netting(known: Known, parts: Sequence[StoredPart], currency: str) -> list[Json]:
    """Credit and charge of one event, rounded apart, and their net (product.md, behaviour 5)."""
    groups: dict[tuple[str, ...], list[StoredPart]] = {}
    for part in parts:
        line = known.lines.get(part.line_id)
        if line is not None and not part.reversal:
            groups.setdefault(event_key(line), []).append(part)
    told = []
    for group in groups.values():
        credits = total([part.amount for part in group if part.amount < 0])
        charges = total([part.amount for part in group if part.amount > 0])
        if not credits or not charges:
            continue
        net, at_once = credits + charges, to_currency(sum((part.exact for part in group), Fraction(0)), currency)
        text = (
            f"{amount_text(credits, currency)} credited and {amount_text(charges, currency)} charged: net "
            f"{amount_text(net, currency)} {currency}."
        )
        if net != at_once:
            text += (
                f" Each line is rounded on its own; the difference at once would be {amount_text(at_once, currency)}."
            )
        told.append(
            {
                "kind": "netting",
                "text": text,
                "credits": amount_text(credits, currency),
                "charges": amount_text(charges, currency),
                "net": amount_text(net, currency),
                "lines": [part.line_id for part in group],
            }
        )
    return told


def placed_reasons(connection: Connection, line: ReconciliationLine, placement: Placement | None) -> list[Json]:
    """Where a line went that stands on no document: unmatched with its finding, or not charged with the reason."""
    cost = f"{amount_text(line.subtotal, line.currency)} {line.currency}"
    if placement is None:
        text = f"This line ({cost} at cost) is not priced: its invoice is voided, or its month was not run yet."
        return [{"kind": "not_priced", "text": text, "lines": [line.id]}]
    if placement.outcome == "not_charged":
        text = f"This line ({cost} at cost) is not charged to {placement.organisation}: {placement.note}"
        return [
            {
                "kind": "not_charged",
                "text": text,
                "lines": [line.id],
                "organisation": placement.organisation,
                "note": placement.note,
            }
        ]
    told: list[Json] = [
        {
            "kind": placement.outcome,
            "text": f"This line ({cost} at cost) is {placement.outcome.replace('_', ' ')} in {placement.period}: it "
            "stands on no document.",
            "lines": [line.id],
            "organisation": placement.organisation or None,
        }
    ]
    period, invoice_date = reasons.period_of_invoice(connection, line.invoice_id)
    around = reasons.lines_of_subscriptions(connection, [line.subscription_id], period) or [line]
    priced = price_line(line, subscription_facts(around), load_book(connection), invoice_date)
    told += [
        {"kind": "finding", "text": found.text, "code": found.code, "action": found.action, "lines": [line.id]}
        for found in priced.findings
    ]
    if priced.outcome != "unmatched":
        text = "With what is decided now it would not be unmatched any more: run the month again."
        told.append({"kind": "settled_since", "text": text, "lines": [line.id]})
    return told
