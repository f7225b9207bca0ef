"""The tree of reasons of one invoice line (interfaces.md section 6), as data and as sentences.

Nothing is computed anew that was billed: amounts, steps and rules are what is stored with the document. What
Microsoft's lines tell around it (what happened, what is taken back, how a cycle was found) is read from them here.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from connector.domain.explain import ExplainStep, recalculate, steps_from
from connector.domain.lines import ReconciliationLine
from connector.domain.money import amount_text, exact_text, plain_text
from connector.flows.explain_reasons import Taken, look_up, placed_reasons, reasons_of, reversed_of
from connector.flows.world import World
from connector.store import document_parts, documents, reasons
from connector.store.database import reading
from connector.store.document_parts import StoredPart
from connector.store.documents import StoredDocument, StoredLine

Json = dict[str, Any]
# a shorter beginning of an id would be a guess
_ENOUGH = 6


def explain(world: World, line_id: str) -> Json | None:
    """Why a line of an invoice is what it is; None where no line has the id.

    A reconciliation line's id is as good: then the invoice line that holds it is explained (`asked` and `held_by` say
    so), or where the line went instead.
    """
    wanted = _id(line_id)
    with reading(world.engine) as connection:
        line = documents.line(connection, wanted)
        return _detail(connection, wanted) if line is None else _tree(connection, line)


def similar_ids(world: World, line_id: str) -> list[str]:
    """Ids that a mistyped one may have meant: those that begin with it, or with its first half."""
    wanted = _id(line_id)
    with reading(world.engine) as connection:
        for text in (wanted, wanted[: len(wanted) // 2]):
            if len(text) >= _ENOUGH and (found := reasons.ids_beginning_with(connection, text)):
                return found
    return []


def _id(text: str) -> str:
    return text.strip().casefold()


def _tree(connection: Connection, line: StoredLine) -> Json:
    document = documents.one(connection, line.document_id)
    assert document is not None
    currency = document.currency
    parts = document_parts.parts_of(connection, line.id, currency)
    known = look_up(connection, document, parts)
    steps = steps_from([part.step for part in parts], line.amount, currency)
    rules = [part for part in parts if part.rule is not None]
    taken = [reversed_of(known, part, line.kind) for part in parts]
    return {
        "line_id": line.id,
        "amount": amount_text(line.amount, currency),
        "currency": currency,
        "sentence": line.sentence,
        "steps": [_step(step) for step in steps],
        "parts": [
            _part(part, currency, known.lines.get(part.line_id), t) for part, t in zip(parts, taken, strict=True)
        ],
        "price": _price(rules[-1]) if rules else None,
        "recalculated": recalculate(steps, currency),
        "kind": line.kind,
        "document": _document(connection, document),
        "reasons": reasons_of(connection, known, line, parts, taken),
    }


def _detail(connection: Connection, line_id: str) -> Json | None:
    """A reconciliation line: the invoice line that holds it, or where it went."""
    held = reasons.appearances(connection, [line_id]).get(line_id, [])
    if held:
        line = documents.line(connection, held[0].document_line)
        assert line is not None
        where = [
            {
                "line_id": item.document_line,
                "document": item.key,
                "period": item.period,
                "amount": amount_text(item.amount, item.currency),
                "reversal": item.reversal,
                "split": item.split or None,
            }
            for item in held
        ]
        return {**_tree(connection, line), "asked": line_id, "held_by": where}
    source = reasons.lines_by_id(connection, [line_id]).get(line_id)
    return None if source is None else _not_invoiced(connection, source)


def _not_invoiced(connection: Connection, line: ReconciliationLine) -> Json:
    placement = reasons.placement_of(connection, line.id)
    outcome = placement.outcome if placement else "not_priced"
    told = placed_reasons(connection, line, placement)
    return {
        "line_id": line.id,
        "amount": None,
        "currency": None,
        "sentence": told[0]["text"],
        "steps": [],
        "parts": [],
        "price": None,
        "asked": line.id,
        "held_by": [],
        "outcome": outcome,
        "cost": amount_text(line.subtotal, line.currency),
        "cost_currency": line.currency,
        "vendor_invoice": line.invoice_id,
        "reasons": told,
    }


def _document(connection: Connection, document: StoredDocument) -> Json:
    return {
        "key": document.key,
        "period": document.period,
        "organisation": document.organisation,
        "revision": document.revision,
        "origin": document.origin,
        "reason": document.reason or None,
        "ref": document.ref,
        "number": reasons.numbers_of(connection, [document.id]).get(document.id),
    }


def _step(step: ExplainStep) -> Json:
    view: Json = {
        "op": step.op,
        "operands": list(step.operands),
        "exact": step.exact,
        "rounded": step.rounded,
        "text": step.text,
    }
    return {**view, "before": [_step(earlier) for earlier in step.before]} if step.before else view


def _part(part: StoredPart, currency: str, line: ReconciliationLine | None, taken: Taken) -> Json:
    return {
        "detail_line": part.line_id,
        "charge_type": part.charge_type,
        "start": part.start.isoformat() if part.start else None,
        "end": part.end.isoformat() if part.end else None,
        "days": part.days,
        "cycle_days": part.cycle_days,
        "quantity": plain_text(part.quantity),
        "unit_price": None if part.unit_price is None else exact_text(part.unit_price),
        "exact": exact_text(part.exact),
        "amount": amount_text(part.amount, currency),
        "reverses": part.reverses or None,
        "reversed": list(taken.charges),
        "reverses_nothing": {"code": taken.code, "text": taken.text} if taken.code else None,
        "cost": amount_text(part.cost, part.cost_currency or currency),
        "cost_currency": part.cost_currency or None,
        "vendor_invoice": line.invoice_id if line else None,
        "rule": part.rule.name if part.rule else None,
        "split": part.split or None,
        "rate": None if part.rate is None else plain_text(part.rate),
        "rate_date": part.rate_date.isoformat() if part.rate_date else None,
    }


def _price(part: StoredPart) -> Json:
    rule = part.rule
    assert rule is not None
    return {
        "rule": rule.name,
        "rule_id": rule.id,
        "version": rule.version,
        "level": rule.level,
        "valid_from": rule.valid_from.isoformat() if rule.valid_from else None,
        "valid_to": rule.valid_to.isoformat() if rule.valid_to else None,
        "lost_to": [{"rule": lost.name, "level": lost.level, "reason": lost.reason} for lost in part.lost],
    }
