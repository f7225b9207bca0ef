"""A period as data: the JSON of `sync`, `month show` and `push` (interfaces.md section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from connector.domain.balance import Balance, Finding
from connector.domain.money import amount_text, plain_text, total
from connector.domain.period import PeriodState
from connector.domain.posting import Posting, PostingState
from connector.flows.close import changes_after
from connector.flows.push_month import PushResult
from connector.flows.world import World
from connector.store import closings, documents, links, periods, postings
from connector.store import lines as stored_lines
from connector.store.closings import Closing
from connector.store.database import reading, writing
from connector.store.documents import StoredDocument, StoredLine

Json = dict[str, Any]


def month(world: World, period: str) -> Json:
    """Everything we know of a period. A period never worked on is `not_checked`, never green."""
    with writing(world.engine) as connection:
        state = periods.state_of(connection, period) or PeriodState.NOT_CHECKED
        invoices = periods.invoices_of(connection, period)
        lines = documents.lines_by_document(connection, period)
        pushed = postings.of_period(connection, period)
        return {
            "period": period,
            "state": str(state),
            "vendor_invoices": [_invoice(connection, item) for item in invoices],
            "balance": [balance_view(balance) for balance in periods.balances_of(connection, period)],
            "documents": [
                _document(world, connection, document, lines.get(document.id, []), pushed.get(document.id, {}))
                for document in documents.of_period(connection, period)
            ],
            "findings": [
                finding_view(finding)
                for finding in [*changes_after(connection, period), *periods.findings_of(connection, period)]
            ],
            "closing": closing_view(closings.of_period(connection, period)),
        }


def closing_view(closing: Closing | None) -> Json | None:
    """When, by whom and why a period was closed, and the SHA-256 of its certificate; None while it is open."""
    if closing is None:
        return None
    return {
        "closed_at": closing.closed_at.isoformat(timespec="seconds"),
        "who": closing.who,
        "why": closing.why,
        "hash": closing.hash,
    }


def pushed(world: World, period: str, result: PushResult) -> Json:
    """The month with what a push did or would do: `planned` per document, `totals` per action."""
    view = month(world, period)
    view["planned"] = [
        {
            "key": item.document.key,
            "organisation": item.document.organisation,
            "action": item.action,
            "currency": item.document.currency,
            "why": item.why,
            "net_total": amount_text(item.document.net_total, item.document.currency),
        }
        for item in result.planned
    ]
    view["totals"] = {
        action: {currency: amount_text(amount, currency) for currency, amount in sums.items()}
        for action, sums in result.totals().items()
    }
    return view


def month_list(world: World) -> list[Json]:
    """Every period with its state and, per currency, what is at stake."""
    with reading(world.engine) as connection:
        rows = []
        for period in periods.known_periods(connection):
            state = periods.state_of(connection, period) or PeriodState.NOT_CHECKED
            balances = periods.balances_of(connection, period)
            rows.append(
                {
                    "period": period,
                    "state": str(state),
                    "vendor_invoices": len(periods.invoices_of(connection, period)),
                    "documents": len(documents.of_period(connection, period)),
                    "balance": [balance_view(balance) for balance in balances],
                }
            )
        return rows


def _invoice(connection: Connection, item: periods.StoredInvoice) -> Json:
    header = item.header
    lines = list(stored_lines.lines_of_invoice(connection, header.id))
    aside = stored_lines.quarantined_of(connection, header.id)
    subtotal = total([line.subtotal for line in lines] + [line.subtotal or Decimal(0) for line in aside])
    tax = total([line.tax for line in lines] + [line.tax or Decimal(0) for line in aside])
    return {
        "id": header.id,
        "currency": header.currency,
        "kind": header.platform,
        "period": str(header.period),
        "invoice_date": header.invoice_date.isoformat(),
        "header_total": None if header.header_total is None else amount_text(header.header_total, header.currency),
        # v1 headers carry one total with tax in it; the tax is what the lines say
        "header_tax": amount_text(tax, header.currency),
        "lines": len(lines) + len(aside),
        "lines_subtotal": amount_text(subtotal, header.currency),
        "lines_tax": amount_text(tax, header.currency),
        "quarantined": len(aside),
        "revision": item.revision,
        "replaces": header.replaces or None,
        "voided": header.voided,
        "document_type": header.document_type,
        "arrival": item.arrival,
    }


def balance_view(balance: Balance) -> Json:
    currency = balance.currency
    return {
        "currency": currency,
        "vendor_total": None if balance.vendor_total is None else amount_text(balance.vendor_total, currency),
        "invoiced_cost": amount_text(balance.invoiced_cost, currency),
        "unmatched": amount_text(balance.unmatched, currency),
        "not_charged": amount_text(balance.not_charged, currency),
        "difference": amount_text(balance.difference, currency) if balance.vendor_total is not None else None,
        "state": str(balance.state),
        "reasons": [
            {"code": reason.code, "amount": amount_text(reason.amount, currency), "text": reason.text}
            for reason in balance.reasons
        ],
    }


def _document(
    world: World,
    connection: Connection,
    document: StoredDocument,
    lines: Sequence[StoredLine],
    steps: dict[str, Posting],
) -> Json:
    currency = document.currency
    url = links.document_url(world.public_url, links.ensure(connection, document.id, world.link_keys))
    one_cost = document.costs[0] if len(document.costs) == 1 else None
    return {
        "id": document.id,
        "key": document.key,
        "organisation": document.organisation,
        "organisation_name": document.organisation_name,
        "currency": currency,
        "kind": document.kind,
        "revision": document.revision,
        "origin": document.origin,
        "draft": document.draft,
        "reason": document.reason or None,
        "net_total": amount_text(document.net_total, currency),
        "cost_total": amount_text(one_cost[1], one_cost[0]) if one_cost else ("0.00" if not document.costs else None),
        "cost_currency": one_cost[0] if one_cost else None,
        "costs": [{"currency": c, "amount": amount_text(amount, c)} for c, amount in document.costs],
        "lines": [
            {
                "id": line.id,
                "text": line.text,
                "kind": line.kind,
                "quantity": plain_text(line.quantity),
                "unit_price": amount_text(line.unit_price, currency),
                "amount": amount_text(line.amount, currency),
                "cost": amount_text(line.cost, line.cost_currency or currency),
                "cost_currency": line.cost_currency or None,
                "subscription_id": line.subscription_id,
                "product_id": line.product_id,
                "sku_id": line.sku_id,
                "url": f"{url}/l/{line.no}",
                "detail_lines": line.detail_lines,
                "sentence": line.sentence,
            }
            for line in lines
        ],
        "posting": posting_of(document, steps),
        "url": url,
    }


def posting_of(document: StoredDocument, steps: dict[str, Posting]) -> Json:
    """Where a document stands in its ledger: the step that is not finished yet, else the last one."""
    create = steps.get("create")
    if create is None:
        state = "held" if document.held_reason else "planned"
        return {
            "ledger": None,
            "ref": document.ref,
            "state": state,
            "id": None,
            "number": None,
            "read_back_total": None,
            "attempts": 0,
            "error": document.held_reason or None,
            "issued": False,
        }
    finalise = steps.get("finalise")
    shown = create if finalise is None or create.state != PostingState.VERIFIED else finalise
    total_read = shown.read_back_total if shown.read_back_total is not None else create.read_back_total
    return {
        "ledger": create.ledger,
        "ref": create.ref,
        "state": str(shown.state),
        "id": create.remote_id or None,
        "number": (finalise.number if finalise else create.number) or None,
        "read_back_total": None if total_read is None else amount_text(total_read, document.currency),
        "attempts": sum(step.attempts for step in steps.values()),
        "error": shown.last_error or None,
        "issued": finalise is not None and finalise.state == PostingState.VERIFIED,
    }


def finding_view(finding: Finding) -> Json:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "amount": amount_text(finding.amount, finding.currency),
        "currency": finding.currency or None,
        "organisation": finding.organisation or None,
        "where": finding.where or None,
        "text": finding.text,
        "action": finding.action,
    }
