"""Price sheets and exchange rates (customers-and-prices.md section 4): App+User only, zip archive or plain CSV.

Generated sheets hold the generator's products (catalogue.py); `POST /pricesheets` puts others in their place.
"""

import io
import re
import threading
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.standins.microsoft import catalogue
from tests.standins.microsoft.faults import Faults
from tests.standins.microsoft.login import Login
from tests.standins.microsoft.serving import Answer, Request, json_answer

_COMMON = ("ProductTitle", "ProductId", "SkuId", "SkuTitle", "Publisher", "SkuDescription", "UnitOfMeasure")
_PRICE = ("Market", "Currency", "UnitPrice", "PricingTierRangeMin", "PricingTierRangeMax")
_SPAN = ("EffectiveStartDate", "EffectiveEndDate")
SEATS = (*_COMMON, "TermDuration", "BillingPlan", *_PRICE, *_SPAN, "Tags", "ERP Price")
AZURE = (*_COMMON, "TermDuration", *_PRICE, *_SPAN, "MeterIds", "MeterType", "Tags")
# reservations are the partner's price: no column with a retail price is documented for them
RESERVATIONS = tuple(name for name in SEATS if name != "ERP Price")
COLUMNS = {
    "updatedlicensebased": SEATS,
    "azure_consumption": AZURE,
    "azure_reservations": RESERVATIONS,
    "software": SEATS,
    "marketplace": SEATS,
}
_CURRENCIES = {"US": "USD", "GB": "GBP", "CH": "CHF", "DK": "DKK"}
_OPEN = "11/30/9999 11:59:59 PM"
_SHEETS = re.compile(r"/v1\.0/sales/pricesheets\(market='(\w{2})',pricesheetview='(\w+)'\)/\$value", re.IGNORECASE)
_RATES = re.compile(r"/v1\.0/sales/fxrates\(month='(\d{6})'\)/\$value", re.IGNORECASE)
_USD = {"EUR": "1.0853212100000001", "GBP": "1.2710445", "AED": "0.27224589249009701", "JPY": "0.0066953", "USD": "1"}
_CONTENT = frozenset({"cut", "two_files", "no_files", "html", "wrong_header", "no_rows", "bomb"})
_BOMB = 64 << 20


@dataclass(frozen=True)
class _Asked:
    market: str
    view: str
    month: str


class Pricing:
    """The host api.partner.microsoft.com."""

    def __init__(self, faults: Faults, login: Login) -> None:
        self.faults = faults
        self.login = login
        self._lock = threading.Lock()
        self._own: dict[_Asked, bytes] = {}

    def put(self, order: dict[str, Any]) -> dict[str, Any]:
        """A sheet in place of the generated one: `rows` (columns left out are filled), `text`, or `count` seats."""
        asked = _Asked(str(order["market"]).upper(), str(order["view"]).lower(), str(order["month"]))
        if "text" in order:
            content = str(order["text"]).encode()
        else:
            rows = _many(asked, int(order["count"])) if "count" in order else order["rows"]
            content = _csv(COLUMNS[asked.view], [_filled(asked, row) for row in rows])
        with self._lock:
            self._own[asked] = content
        return {"bytes": len(content)}

    def forget(self) -> None:
        """Only generated sheets from here on."""
        with self._lock:
            self._own.clear()

    def where(self, request: Request) -> str:
        """Name of the place, for faults and the log."""
        return "pricing.rates" if "fxrates" in request.path.lower() else "pricing.sheet"

    def __call__(self, request: Request) -> Answer:
        refused = self._refuse(request)
        if refused is not None:
            return refused
        if request.method != "GET":
            return _error(405, "MethodNotAllowed", "Only GET is served.")
        if found := _SHEETS.fullmatch(request.path):
            return self._sheet(request, found[1].upper(), found[2].lower())
        if found := _RATES.fullmatch(request.path):
            rows = [{"CurrencyCode": code, "USDPerUnit": usd, "Month": found[1][:4]} for code, usd in _USD.items()]
            return self._file(request, _csv(("CurrencyCode", "USDPerUnit", "Month"), rows))
        return _error(404, "NotFound", "No such resource.")

    def _refuse(self, request: Request) -> Answer | None:
        token, why = self.login.check(request.header("authorization"), "pricing")
        if token is None:
            text = "Invalid Authorization header" if why == "audience" else f"The access token is {why}."
            return _error(401, "Unauthorized", text)
        if not token.user:
            return _error(403, "Forbidden", "Application-only tokens are not accepted.")
        if not token.mfa and self.faults.modes["mfa_enforced"]:
            return _error(401, "900421", "MFA is required.")
        return None

    def _sheet(self, request: Request, market: str, view: str) -> Answer:
        params = request.params
        timeline, month = params.get("timeline", "current").lower(), params.get("month", "")
        if view not in COLUMNS:
            return _error(400, "BadRequest", f"The view {view} is not known.")
        if timeline not in ("current", "history", "future"):
            return _error(400, "BadRequest", "timeline must be current, history or future.")
        if bool(month) != (timeline == "history"):
            return _error(400, "BadRequest", "month goes with the timeline history, and only with it.")
        now = datetime.now(UTC)
        if timeline == "history" and not (re.fullmatch(r"\d{4}(0[1-9]|1[0-2])", month) and month < f"{now:%Y%m}"):
            return _error(404, "NotFound", "There is no price sheet of this month.")
        if timeline == "current":
            month = f"{now:%Y%m}"
        asked = _Asked(market, view, month)
        with self._lock:
            content = self._own.get(asked)
        if content is None:
            content = _csv(COLUMNS[view], [_filled(asked, row) for row in _generated(asked)])
        return self._file(request, content)

    def _file(self, request: Request, content: bytes) -> Answer:
        fault = self.faults.take(self.where(request), _CONTENT, request.path) or {"kind": ""}
        headers = [
            ("Content-Type", "application/octet-stream"),
            ("Content-Disposition", "attachment; filename=pricesheet"),
            ("client-request-id", request.header("client-request-id") or ""),
        ]
        lines = content.splitlines(keepends=True)
        match fault["kind"]:
            case "html":
                page = b"<!DOCTYPE html><html><body>Sign in to your account</body></html>"
                return Answer(200, page, (("Content-Type", "text/html"),))
            case "wrong_header":
                content = b'"Name","Amount"\r\n' + b"".join(lines[1:])
            case "no_rows":
                content = lines[0]
        body = content
        if "deflate" in (request.header("accept-encoding") or "").lower():
            body = _zipped(content, fault["kind"])
        if fault["kind"] == "cut":
            body = body[: len(body) // 2]
        return Answer(200, body, tuple(headers))


def _zipped(content: bytes, fault: str) -> bytes:
    """A zip archive with one CSV: the same bytes for the same content."""
    target = io.BytesIO()
    names = {"": 1, "two_files": 2, "no_files": 0}.get(fault, 1)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(names):
            member = zipfile.ZipInfo(f"sheets{number or ''}.csv", (2026, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content + b" " * _BOMB if fault == "bomb" else content)
    return target.getvalue()


def _csv(columns: tuple[str, ...], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """All fields quoted, behind a byte order mark."""
    lines = [",".join(f'"{name}"' for name in columns)]
    for row in rows:
        lines.append(",".join('"' + str(row.get(name, "")).replace('"', '""') + '"' for name in columns))
    return ("\ufeff" + "\r\n".join(lines) + "\r\n").encode()


def _filled(asked: _Asked, row: Mapping[str, Any]) -> dict[str, Any]:
    currency = "USD" if asked.view == "azure_consumption" else _CURRENCIES.get(asked.market, "EUR")
    usual = {
        "Market": asked.market,
        "Currency": currency,
        "Publisher": "Microsoft Corporation",
        "EffectiveStartDate": "2/1/2019 12:00:00 AM",
        "EffectiveEndDate": _OPEN,
        "Tags": "Azure" if asked.view == "azure_consumption" else "License",
    }
    if asked.view == "azure_consumption":
        usual |= {"TermDuration": "payG-1", "MeterType": "1 Hour"}
    return usual | dict(row)


def _generated(asked: _Asked) -> list[dict[str, Any]]:
    if asked.view == "azure_consumption":
        return [_meter(meter) for meter in catalogue.METERS]
    if asked.view == "updatedlicensebased":
        return [row for product in catalogue.SEATS for row in _plans(product)]
    return [_plans(catalogue.SOFTWARE)[0] | {"TermDuration": "", "BillingPlan": "OneTime"}]


def _meter(meter: tuple[str, str, str, str]) -> dict[str, Any]:
    product = catalogue.meter_product(meter)
    return {
        "ProductTitle": product.name,
        "ProductId": product.product_id,
        "SkuId": product.sku_id,
        "SkuTitle": meter[1],
        "UnitOfMeasure": meter[2],
        "UnitPrice": format(product.price, "f"),
        "MeterType": meter[2],
    }


def _plans(product: Any) -> list[dict[str, Any]]:
    """The annual row is per year, the monthly one per month; a month's term costs a fifth more."""
    year = product.price
    plans = (
        ("P1M", "Monthly", year * Decimal("1.2")),
        ("P1Y", "Monthly", year),
        ("P1Y", "Annual", year * 12),
        ("P3Y", "Monthly", year),
    )
    return [
        {
            "ProductTitle": product.name,
            "ProductId": product.product_id,
            "SkuId": product.sku_id,
            "SkuTitle": product.name,
            "SkuDescription": f'{product.name}, as "sold" to organisations',
            "TermDuration": term,
            "BillingPlan": plan,
            "UnitPrice": format(price, "f"),
            "ERP Price": format(price * Decimal("1.25"), "f"),
        }
        for term, plan, price in plans
    ]


def _many(asked: _Asked, count: int) -> Iterable[dict[str, Any]]:
    """Seats without end: a large sheet, each row another price."""
    plans = (("P1M", "Monthly"), ("P1Y", "Monthly"), ("P1Y", "Annual"), ("P3Y", "Annual"))
    for number in range(count):
        term, plan = plans[number % 4]
        yield {
            "ProductTitle": f"Product {number // 8}",
            "ProductId": f"CFQ7{number // 8:08X}",
            "SkuId": f"{number // 4 % 2:04d}",
            "SkuTitle": f"Sku {number // 4}",
            "SkuDescription": "Meetings, calling and more, in a description of the usual length of a sentence or two.",
            "TermDuration": term,
            "BillingPlan": plan,
            "UnitPrice": f"{4 + number % 977 / 100:.2f}",
            "ERP Price": f"{5 + number % 977 / 100:.2f}",
        }


def _error(status: int, code: str, text: str) -> Answer:
    return json_answer({"error": {"code": code, "message": text, "target": "", "innerError": {}}}, status)
