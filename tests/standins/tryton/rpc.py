"""A second, tiny JSON-RPC client: tests look with it, so that the adapter is not its own witness."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class BookedLine:
    description: str
    note: str
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class BookedInvoice:
    id: int
    reference: str
    state: str
    number: str
    untaxed_amount: Decimal
    total_amount: Decimal
    party_code: str
    party_name: str
    currency: str
    invoice_date: date | None
    description: str
    comment: str
    lines: tuple[BookedLine, ...]


class RpcRefused(Exception):
    """Tryton answered with an error; its first words are in the message."""


class Rpc:
    """One user's session, made at the first call."""

    def __init__(self, url: str, database: str, user: str, password: str) -> None:
        self._url = f"{url}/{database}/rpc/"
        self._user = user
        self._password = password
        self._session = ""

    def call(self, method: str, *params: Any) -> Any:
        if self._session:
            try:
                return self._post(method, list(params), self._session)
            except urllib.error.HTTPError as error:
                if error.code != 401:
                    raise
        user_id, token, *_ = self._post("common.db.login", [self._user, {"password": self._password}], "")
        self._session = base64.b64encode(f"{self._user}:{user_id}:{token}".encode()).decode()
        return self._post(method, list(params), self._session)

    def invoices(self, company_id: int, reference: str = "") -> list[BookedInvoice]:
        context = {"company": company_id}
        fields = [
            "reference", "state", "number", "untaxed_amount", "total_amount", "invoice_date", "description",
            "comment", "party.code", "party.name", "currency.code",
        ]  # fmt: skip
        domain = [["type", "=", "out"], ["company", "=", company_id]]
        if reference:
            domain.append(["reference", "=", reference])
        heads = self.call("model.account.invoice.search_read", domain, 0, None, [["id", "ASC"]], fields, context)
        line_fields = ["invoice", "description", "note", "quantity", "unit_price", "amount"]
        order = [["sequence", "ASC"], ["id", "ASC"]]
        rows = self.call(
            "model.account.invoice.line.search_read",
            [["type", "=", "line"], ["invoice", "in", [head["id"] for head in heads]]],
            0,
            None,
            order,
            line_fields,
            context,
        )
        return [_booked(head, [row for row in rows if row["invoice"] == head["id"]]) for head in heads]

    def _post(self, method: str, params: list[Any], session: str) -> Any:
        body = json.dumps({"id": 1, "method": method, "params": params}).encode()
        headers = {"Content-Type": "application/json"}
        if session:
            headers["Authorization"] = f"Session {session}"
        request = urllib.request.Request(self._url, data=body, headers=headers)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as response:
            answer = json.load(response, object_hook=_typed)
        if "error" in answer:
            raise RpcRefused(f"{method}: {answer['error']}")
        return answer["result"]


def server_version(url: str) -> str:
    """What an unauthenticated stranger may ask; also the sign that the server is ready."""
    body = json.dumps({"id": 1, "method": "common.server.version", "params": []}).encode()
    request = urllib.request.Request(f"{url}/rpc/", data=body, headers={"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=2) as response:
        return str(json.load(response)["result"])


def _typed(item: dict[str, Any]) -> Any:
    kind = item.get("__class__")
    if kind == "Decimal":
        return Decimal(item["decimal"])
    if kind == "date":
        return date(item["year"], item["month"], item["day"])
    return item


def _booked(head: dict[str, Any], rows: list[dict[str, Any]]) -> BookedInvoice:
    return BookedInvoice(
        id=head["id"],
        reference=head["reference"] or "",
        state=head["state"],
        number=head["number"] or "",
        untaxed_amount=head["untaxed_amount"],
        total_amount=head["total_amount"],
        party_code=head["party."]["code"] or "",
        party_name=head["party."]["name"] or "",
        currency=head["currency."]["code"],
        invoice_date=head["invoice_date"],
        description=head["description"] or "",
        comment=head["comment"] or "",
        lines=tuple(
            BookedLine(
                description=row["description"] or "",
                note=row["note"] or "",
                quantity=Decimal(str(row["quantity"])),
                unit_price=row["unit_price"],
                amount=row["amount"],
            )
            for row in rows
        ),
    )
