"""Re-rating: a period that was sent, computed again with what is decided and delivered now. It only looks.

What it finds becomes correction documents by a person's word (flows/correct.py), never by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from connector.domain.money import amount_text, total
from connector.domain.period import PeriodState
from connector.domain.rerate import Comparison, Difference, Fate, Key, compare
from connector.errors import Refused
from connector.flows.inputs import Delivered
from connector.flows.prepare import Run, prepare
from connector.flows.price import balances_of
from connector.flows.raw import read_again
from connector.flows.world import World
from connector.store import closings, document_parts, periods
from connector.store import lines as stored_lines
from connector.store.database import reading
from connector.store.lines import StoredFile

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rerated:
    """What a period would come to now, against what was issued. `waiting`: vendor invoices that are not whole or do not
    add up: until they do nothing is drafted."""

    period: str
    state: PeriodState
    run: Run
    comparison: Comparison
    waiting: tuple[str, ...]

    @property
    def unmatched(self) -> dict[str, Decimal]:
        """What Microsoft charges and no customer gets, at cost, by currency: lines that came later, say."""
        return {b.currency: b.unmatched for b in balances_of(self.run) if b.unmatched}

    @property
    def needs_attention(self) -> bool:
        return bool(self.comparison.differences or self.comparison.undecided or self.waiting or self.unmatched)


def rerate(world: World, period: str) -> Rerated:
    """Compare what was issued for a period with what it would be now; Refused for one that was not sent."""
    with reading(world.engine) as connection:
        state = periods.state_of(connection, period)
        if state not in (PeriodState.PUSHED, PeriodState.CLOSED):
            raise Refused(
                f"{period} is {state or 'not known'}: only what was sent can be rated again.",
                code="not_sent",
                action=f"`connector sync {period}` prices it with what is decided now.",
            )
        run = prepare(world, connection, period, delivered=_delivered(connection, period))
        open_ones = [made.document for made in run.made if made.document.has_money]
        if state != PeriodState.CLOSED and open_ones:
            raise Refused(
                f"{period} has changes that go out by themselves: {len(open_ones)} documents are not made or sent yet.",
                code="not_sent",
                action=f"Run `connector sync {period}` first; re-rating compares with what was sent.",
            )
        return _compared(connection, period, state, run)


def _compared(connection: Connection, period: str, state: PeriodState, run: Run) -> Rerated:
    issued = document_parts.issued(connection, period)
    earlier = {
        row.line_id: Fate(row.outcome, row.note)
        for row in stored_lines.placements_of(connection, period)
        if row.outcome in ("unmatched", "not_charged")
    }
    fates = fates_of(run, {item.part.line_id: item.part.invoice_id for item in issued})
    comparison = compare(issued, run.parts, fates, earlier)
    waiting = tuple(sorted({check.hold_reason for check in run.checks if check.holds_documents}))
    return Rerated(period, state, run, comparison, waiting)


def fates_of(run: Run, issued: dict[str, str]) -> dict[str, Fate]:
    """Where lines that no document would have now end. `issued`: vendor invoice by line, of what was sent."""
    fates = {
        line_id: Fate("unmatched" if outcome == "unmatched" else "not_charged", note)
        for line_id, outcome, _, note in run.placements
        if outcome != "invoiced"
    }
    for line_id, invoice_id in issued.items():
        if invoice_id and line_id not in run.line_ids:
            given = run.inputs.get(invoice_id, {})
            fates[line_id] = Fate("voided" if given.get("voided") else "gone")
    return fates


def _delivered(connection: Connection, period: str) -> dict[str, Delivered]:
    """Lines that Microsoft delivered anew for invoices of a closed period: its rows are the old ones."""
    closing = closings.of_period(connection, period)
    found = {}
    for later in closings.later_files(connection, closing) if closing else []:
        files = files_of(connection, later.files)
        lines = tuple(line for _, _, line in read_again(later.invoice_id, files).lines)
        found[later.invoice_id] = Delivered(lines, later.files)
    return found


def files_of(connection: Connection, numbers: tuple[int, ...]) -> list[StoredFile]:
    """Raw files by their numbers, in that order; Refused when one is not registered any more."""
    found = [stored_lines.file(connection, number) for number in numbers]
    if None in found:
        raise Refused("A raw file is not registered any more.", code="raw_file_gone")
    return [file for file in found if file is not None]


def rerated_view(rerated: Rerated) -> Json:
    """The JSON of `rerate`: differences line by line, their sums per document and in all."""
    comparison = rerated.comparison
    return {
        "period": rerated.period,
        "state": str(rerated.state),
        "differences": [_difference(difference) for difference in comparison.differences],
        "undecided": [
            {
                "organisation": item.issued.organisation,
                "currency": item.issued.currency,
                "detail_line": item.issued.part.line_id,
                "document": item.issued.document,
                "line_id": item.issued.document_line,
                "invoiced": amount_text(item.issued.part.amount, item.issued.currency),
                "why": item.why,
            }
            for item in comparison.undecided
        ],
        "unmatched": [
            {"currency": currency, "amount": amount_text(amount, currency)}
            for currency, amount in rerated.unmatched.items()
        ],
        "waiting": list(rerated.waiting),
        "documents": [_document(key, items) for key, items in comparison.by_document().items()],
        "totals": [
            {"currency": currency, "difference": amount_text(amount, currency)}
            for currency, amount in comparison.totals().items()
        ],
    }


def _difference(item: Difference) -> Json:
    currency, part = item.currency, item.part
    return {
        "organisation": item.organisation,
        "currency": currency,
        "detail_line": part.line_id,
        "split": part.split or None,
        "product": part.product_name,
        "subscription_id": part.subscription_id,
        "document": item.before.document if item.before else None,
        "line_id": item.before.document_line if item.before else None,
        "invoiced": amount_text(item.invoiced, currency),
        "now": amount_text(item.now, currency),
        "difference": amount_text(item.amount, currency),
        "why": item.why,
    }


def _document(key: Key, items: list[Difference]) -> Json:
    organisation, currency = key
    net = total([item.amount for item in items])
    return {
        "organisation": organisation,
        "currency": currency,
        "kind": "credit_note" if net < 0 else "invoice",
        "net_total": amount_text(net, currency),
        "lines": len(items),
    }
