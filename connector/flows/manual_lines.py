"""Adding a line or a discount to one month by hand, and taking it away again; the month is priced anew at once.

A dry run does the same in a transaction that is taken back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from connector.domain.money import total
from connector.domain.period import PeriodState
from connector.errors import Misconfigured, Refused
from connector.flows.manual_parts import manual_line_id
from connector.flows.prepare import prepare
from connector.flows.price import price_period
from connector.flows.world import World
from connector.store import decisions, document_parts, documents, periods
from connector.store import manual_lines as stored
from connector.store.database import reading, writing
from mappings.manual_lines import ManualLine, wrong_percent

Totals = dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class NewLine:
    """What a person asks for; without `currency` the one of the organisation's documents is taken."""

    period: str
    organisation: str
    reason: str
    author: str
    text: str = ""
    price: Decimal | None = None
    quantity: Decimal = Decimal(1)
    percent: Decimal | None = None
    product_id: str = ""
    currency: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change did: net totals of the organisation's documents in its currency, before and after, by key.

    `remark` says what a person would not expect, or "".
    """

    line: ManualLine
    before: Totals
    after: Totals
    remark: str

    @property
    def change(self) -> Decimal:
        return total(list(self.after.values())) - total(list(self.before.values()))


def add_line(world: World, wanted: NewLine, *, dry_run: bool = False) -> Effect:
    """Add a line (with a price) or a discount (with a percentage). Raises Misconfigured where it cannot be."""
    return _changed(world, lambda connection: _added(connection, wanted), dry_run)


def remove_line(world: World, code: str, *, who: str, reason: str = "", dry_run: bool = False) -> Effect:
    """Take a line away, unless a document that holds it was sent: then only an opposite line helps."""
    return _changed(world, lambda connection: _removed(connection, code, who, reason), dry_run)


def list_lines(world: World, period: str = "") -> list[ManualLine]:
    with reading(world.engine) as connection:
        found = decisions.manual_lines(connection, period)
    return sorted(found, key=lambda line: (line.period, line.organisation, line.code))


def _changed(world: World, change: Callable[[Connection], ManualLine], dry_run: bool) -> Effect:
    """Decide, then price anew what was priced before."""
    with writing(world.engine) as connection:
        line = change(connection)
        before = _totals(connection, line)
        priced = periods.state_of(connection, line.period) is not None
        if dry_run:
            after = _would_be(world, connection, line) if priced else {}
            connection.rollback()
    if not dry_run:
        after = {}
        if priced:
            price_period(world, line.period)
            with reading(world.engine) as connection:
                after = _totals(connection, line)
    return Effect(line, before, after, _remark(line, before, after, priced))


def _remark(line: ManualLine, before: Totals, after: Totals, priced: bool) -> str:
    if not priced:
        return f"{line.period} is not priced yet; it counts when it is"
    fresh = [key for key in after if key not in before]
    if fresh and before:
        return f"a document of {line.organisation} was sent already; it goes out with the next one, {fresh[0]}"
    if line.kind == "discount" and before == after:
        return "there is nothing to take it off yet: it counts as soon as there is"
    return ""


def _totals(connection: Connection, line: ManualLine) -> Totals:
    return {
        document.key: document.net_total
        for document in documents.of_period(connection, line.period)
        if (document.organisation, document.currency) == (line.organisation, line.currency)
    }


def _would_be(world: World, connection: Connection, line: ManualLine) -> Totals:
    """The totals after pricing anew: what was sent stays, the rest is what a run would make."""
    frozen = {d.key for d in documents.of_period(connection, line.period) if d.frozen}
    kept = {key: amount for key, amount in _totals(connection, line).items() if key in frozen}
    made = [one.document for one in prepare(world, connection, line.period).made]
    return kept | {
        document.key: document.net_total
        for document in made
        if (document.organisation, document.currency) == (line.organisation, line.currency)
    }


def _added(connection: Connection, wanted: NewLine) -> ManualLine:
    _check_open(connection, wanted.period)
    organisation = decisions.organisations(connection).get(wanted.organisation)
    if organisation is None:
        raise Misconfigured(
            f"There is no organisation with the code {wanted.organisation!r}.",
            action="Mind upper and lower case, or import it first (`connector import organisations FILE`).",
        )
    if wanted.percent is not None and (why := wrong_percent(wanted.percent)):
        end = "" if why.endswith("?") else "."
        raise Misconfigured(f"This is not possible: {why}{end}", code="percent")
    if wanted.quantity == 0:
        raise Misconfigured("A line with the quantity 0 charges nothing.", action="Leave the quantity out for 1.")
    if wanted.code and any(line.code == wanted.code for line in decisions.manual_lines(connection)):
        raise Misconfigured(f"The code {wanted.code} is taken.", action="See `connector lines list`; choose another.")
    currency = wanted.currency or organisation.currency or _only_currency(connection, wanted)
    percent = "" if wanted.percent is None else f"{wanted.percent:f} % discount"
    line = ManualLine(
        organisation=wanted.organisation,
        code=wanted.code,
        text=wanted.text or percent,
        period=wanted.period,
        kind="line" if wanted.percent is None else "discount",
        price=wanted.price,
        quantity=wanted.quantity,
        percent=wanted.percent,
        currency=currency,
        product_id=wanted.product_id,
        reason=wanted.reason,
        author=wanted.author,
    )
    return stored.add(connection, line)


def _only_currency(connection: Connection, wanted: NewLine) -> str:
    """An organisation without a currency of its own has documents in those of Microsoft's lines."""
    found = {
        document.currency
        for document in documents.of_period(connection, wanted.period)
        if document.organisation == wanted.organisation
    }
    if len(found) != 1:
        raise Misconfigured(
            f"The currency is not clear: {wanted.organisation} has {' and '.join(sorted(found)) or 'no'} documents.",
            action="Say it with --currency.",
        )
    return found.pop()


def _removed(connection: Connection, code: str, who: str, reason: str) -> ManualLine:
    line = next((one for one in decisions.manual_lines(connection) if one.code == code), None)
    if line is None:
        raise Misconfigured(f"No line added by hand has the code {code!r}.", action="See `connector lines list`.")
    _check_open(connection, line.period)
    sent = {item.part.line_id for item in document_parts.issued(connection, line.period)}
    if manual_line_id(line) in sent:
        raise Refused(
            f"{code} stands on a document that was sent, which never changes.",
            code="line_sent",
            action="Add the opposite line: it goes out with the next document.",
        )
    stored.remove(connection, line, who=who, why=reason)
    return line


def _check_open(connection: Connection, period: str) -> None:
    if periods.state_of(connection, period) == PeriodState.CLOSED:
        raise Refused(
            f"{period} is closed and never changes.",
            code="period_closed",
            action="Add the line to an open month instead.",
        )


def reasoned(wanted: NewLine) -> NewLine:
    """The same without blanks around its words; refuses an empty reason."""
    if not wanted.reason.strip():
        raise Misconfigured("A line added by hand needs a reason.", action="Say why with --reason.")
    return dataclasses.replace(wanted, reason=wanted.reason.strip(), text=wanted.text.strip(), code=wanted.code.strip())
