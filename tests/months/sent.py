"""October 2025 as it was sent: two customers at 20.90 a seat, pushed into books on paper.

By hand: C-1 has ten seats for October, fourteen from the 12th (20 of 31 days left): 10 x 20.90 = 209.00, less 20/31 of
it = 134.84, plus 14 x 20.90 x 20/31 = 188.77, together 262.93. C-2 has five seats: 104.50. Both: 367.43.
"""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from itertools import count
from typing import Any

from tests.months.billed import ALPHA, BETA, SUITE, month_of, seats, ten_to_fourteen
from tests.months.partner import Month, Partner

Json = dict[str, Any]
OCTOBER = "2025-10"
INVOICE = "G202510001"
FIRST = {"C-1": "262.93", "C-2": "104.50"}


def decides(partner: Partner) -> None:
    """Two customers with one tenant each, and one price for everybody."""
    partner.has_customer("C-1", ALPHA.tenant_id, name="Alpha GmbH")
    partner.has_customer("C-2", BETA.tenant_id, name="Beta AG")
    partner.price("fixed", "20.90", product_id=SUITE.product_id)


def is_sent(partner: Partner) -> Month:
    """Billed, priced, pushed and verified; the partner has books."""
    decides(partner)
    partner.is_billed(month_of([*ten_to_fourteen(), seats(BETA).charge("cycleCharge", 5)]))
    return pushes(partner)


def pushes(partner: Partner, state: str = "pushed") -> Month:
    partner.sync(OCTOBER)
    answer = partner.run("push", OCTOBER, "--json")
    assert answer.status == 0, answer.prose
    month = Month(partner, answer.text)
    assert month.state == state
    return month


def is_closed(partner: Partner) -> Month:
    """Sent, and closed after that."""
    is_sent(partner)
    answer = partner.run("close", OCTOBER, "--why", "all paid", "--json")
    assert answer.status == 0, answer.text
    return shown(partner)


def moves_beta(partner: Partner, to: str = "C-1") -> None:
    """The tenant of C-2 belonged to another customer from October on."""
    partner.links(
        {"tenant_id": BETA.tenant_id, "organisation": "C-2", "valid_from": "", "valid_to": "2025-09-30"},
        {"tenant_id": BETA.tenant_id, "organisation": to, "valid_from": "2025-10-01", "valid_to": ""},
    )


_numbers = count(1)


def amends(partner: Partner, **change: Any) -> str:
    """Microsoft voids the invoice and bills it again with its first line changed; the new number, unique in all
    tests because they share one stand-in."""
    number = f"G2025109{next(_numbers):02d}"
    partner.microsoft.amend(INVOICE, id=number, changes=[{"index": 0, **change}])
    return number


def bills_late(partner: Partner, *lines: Json) -> str:
    """One more invoice of October; its number."""
    number = f"G2025107{next(_numbers):02d}"
    late = month_of(lines)["invoices"][0] | {"id": number}
    late["reconciliation"] = [{**line, "InvoiceNumber": number} for line in lines]
    partner.is_billed({**partner.billed, "invoices": [*partner.billed["invoices"], late]})
    return number


def shown(partner: Partner) -> Month:
    return Month(partner, partner.run("month", "show", OCTOBER, "--json").text)


def rerated(partner: Partner, *options: str, status: int) -> Json:
    answer = partner.run("rerate", OCTOBER, *options, "--json")
    assert answer.status == status, answer.text + answer.prose
    view: Json = answer.json
    assert "error" not in view, view
    return view


def nets(month: Month) -> dict[tuple[str, int], str]:
    """Net total by organisation and revision."""
    return {(d["organisation"], d["revision"]): d["net_total"] for d in month.documents}


def differences(view: Json) -> list[tuple[str, str, str, str]]:
    """(organisation, was, is, difference) of each line."""
    return [(d["organisation"], d["invoiced"], d["now"], d["difference"]) for d in view["differences"]]


def holds(partner: Partner) -> None:
    verified = partner.run("verify", "--json")
    assert verified.json["ok"], [one for one in verified.json["invariants"] if not one["ok"]]


def broken(partner: Partner) -> list[str]:
    """What `verify` says about closed periods."""
    verified = partner.run("verify", "--json")
    return [text for one in verified.json["invariants"] if one["id"] == "I8" for text in one["problems"]]


def changes_row(partner: Partner, statement: str) -> None:
    """Somebody writes into the database behind our back; it must hit a row."""
    with sqlite3.connect(partner.database) as connection:
        assert connection.execute(statement).rowcount > 0, statement


def rows(partner: Partner, *tables: str) -> list[tuple[Any, ...]]:
    """Every row of tables, as stored."""
    with sqlite3.connect(partner.database) as connection:
        return [row for table in tables for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")]


def total(amounts: list[str]) -> Decimal:
    return sum(map(Decimal, amounts), Decimal(0))
