"""The customer's pages.

The address in the invoice shows nothing until a button is pressed; then one document can be read for half an
hour under an address that opens nothing for anybody else.
Every bad link, cookie, line and page number ends in the same 404.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NoReturn
from urllib.parse import quote

from flask import Blueprint, Response, abort, render_template, request

from connector.domain.money import minor_units
from connector.store import customer_view as view
from connector.store import links
from connector.store.customer_view import Connection
from webhooks.drilldown import chart, cookies, story, usage
from webhooks.drilldown.formats import LANGUAGES, Formats

PAGE_SIZE = 100
_NUMBER = re.compile(r"[1-9][0-9]{0,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Door:
    """What the customer's pages need. `refused` counts a link that opened nothing."""

    reading: view.Opener = field(repr=False)
    writing: view.Opener = field(repr=False)
    keys: links.Keys = field(repr=False)
    secure: bool
    contact: str
    usage_page: usage.UsagePage
    usage_days: usage.UsageDays
    refused: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a long list is shown; `name` is how the address asks for another."""

    name: str
    number: int
    total: int
    size: int = PAGE_SIZE

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size

    @property
    def last(self) -> int:
        return max(1, -(-self.total // self.size))


@dataclass(frozen=True, slots=True)
class Daily:
    """The usage behind a line, day by day and row by row."""

    days: list[usage.Day]
    chart: chart.Chart | None
    rows: Sequence[usage.UsageRow]
    paging: Paging


def blueprint(door: Door) -> Blueprint:
    """`/i/...` is what the invoice prints, `/d/...` what is read."""
    pages = Blueprint("drilldown", __name__, template_folder="templates")

    @pages.get("/i/<token>")
    @pages.get("/i/<token>/l/<no>")
    def closed(token: str, no: str | None = None) -> str:
        with door.reading() as connection:
            document_id = links.open_(connection, token, door.keys)
            if document_id is None or not _exists(connection, document_id, no):
                _refuse(door)
        return render_template("drilldown/closed.html")

    @pages.post("/i/<token>")
    @pages.post("/i/<token>/l/<no>")
    def opened(token: str, no: str | None = None) -> Response:
        with door.writing() as connection:
            document_id = links.open_(connection, token, door.keys)
            if document_id is None or not _exists(connection, document_id, no):
                _refuse(door)
            links.note_opening(connection, document_id)
        address = f"/d/{document_id}"
        response = Response(status=303, headers={"Location": address + (f"/l/{no}" if no else "")})
        sealed = cookies.seal(cookies.Pass(document_id, links.fingerprint(token)), door.keys, datetime.now(UTC))
        response.set_cookie(
            cookies.NAME,
            sealed,
            max_age=cookies.LIFETIME,
            path=address,
            secure=door.secure,
            httponly=True,
            samesite="Lax",
        )
        return response

    @pages.get("/d/<document_id>")
    def document(document_id: str) -> str:
        return _document_page(door, document_id)

    @pages.get("/d/<document_id>/l/<no>")
    def line(document_id: str, no: str) -> str:
        return _line_page(door, document_id, _whole(no))

    return pages


def _document_page(door: Door, document_id: str) -> str:
    with door.reading() as connection:
        scope = _scope(door, connection, document_id)
        head = view.find_document(connection, scope)
        paging = _paging("page", view.count_lines(connection, scope))
        lines = view.list_lines(connection, scope, paging.offset, paging.size)
    if head is None:
        abort(404)
    return render_template("drilldown/document.html", document=head, lines=lines, paging=paging, f=_formats(head))


def _line_page(door: Door, document_id: str, no: int) -> str:
    with door.reading() as connection:
        scope = _scope(door, connection, document_id)
        head, line = view.find_document(connection, scope), view.find_line(connection, scope, no)
        if head is None or line is None:
            abort(404)
        paging = _paging("part", view.count_parts(connection, scope, no))
        parts = view.list_parts(connection, scope, no, paging.offset, paging.size)
    whole = paging.last == 1
    daily = _daily(door, line, head.currency) if line.kind == "usage" else None
    return render_template(
        "drilldown/line.html",
        document=head,
        line=line,
        rows=story.rows_of(parts),
        rates=story.rates_of(parts),
        paging=paging,
        seats=chart.seat_chart(parts) if line.kind == "proration" and whole else None,
        daily=daily,
        contact=_contact(door.contact, head, line),
        f=_formats(head),
    )


def _daily(door: Door, line: view.CustomerLine, currency: str) -> Daily | None:
    """The usage behind a line, or None where Microsoft's detail is not there."""
    key, sets = usage.key_of(line), list(line.usage_sets)
    weighed = door.usage_days(sets, key) if sets else []
    if not weighed:
        return None
    days = usage.spread(line.amount, weighed, minor_units(currency))
    number = _asked("page")
    rows, total = door.usage_page(sets, key, (number - 1) * PAGE_SIZE, PAGE_SIZE)
    return Daily(days, chart.day_chart(days), rows, _within(Paging("page", number, total)))


def _scope(door: Door, connection: Connection, document_id: str) -> view.Scope:
    """What the reader's cookie lets him see; a cookie for another document is no cookie."""
    opened = cookies.unseal(request.cookies.get(cookies.NAME, ""), door.keys, datetime.now(UTC))
    if opened is None or opened.document_id != document_id:
        abort(404)
    if not links.is_open(connection, document_id, opened.link_fingerprint):
        abort(404)
    return view.Scope(document_id)


def _exists(connection: Connection, document_id: str, no: str | None) -> bool:
    """Whether the link's line is there; a link to the document itself always is."""
    return no is None or view.find_line(connection, view.Scope(document_id), _whole(no)) is not None


def _refuse(door: Door) -> NoReturn:
    door.refused()
    abort(404)


def _whole(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        abort(404)
    return int(text)


def _asked(name: str) -> int:
    return _whole(request.args.get(name, "1"))


def _paging(name: str, total: int) -> Paging:
    return _within(Paging(name, _asked(name), total))


def _within(paging: Paging) -> Paging:
    if paging.number > paging.last:
        abort(404)
    return paging


def _formats(head: view.CustomerDocument) -> Formats:
    return Formats(request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0], head.currency)


def _contact(address: str, head: view.CustomerDocument, line: view.CustomerLine) -> str:
    """A letter that already names the invoice and the line."""
    subject = f"{head.number or head.ref}, line {line.no}"
    return f"mailto:{quote(address, safe='@')}?subject={quote(subject)}" if address else ""
