"""Partner Center v1 against the stand-in: headers, pages of lines, customers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from connector.domain.period import BillingPeriod
from connector.errors import Refused, Transient
from connector.outside.answers import Answer
from connector.outside.invoice_headers import flatten
from connector.outside.microsoft import CLOUDS, MicrosoftAccount, MicrosoftApi
from connector.sources import Customer
from connector.sources import partner_center as source
from connector.sources.partner_center import fetch_line_items, list_customers, list_invoices
from tests.outside.microsoft_doors import Doors
from tests.standins.microsoft import MicrosoftStandIn


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MicrosoftStandIn]:
    with MicrosoftStandIn(tmp_path_factory.mktemp("microsoft"), empty=True) as standin:
        yield standin


@pytest.fixture
def microsoft(running: MicrosoftStandIn) -> MicrosoftStandIn:
    running.clear_faults()
    running.control("DELETE", "/modes")
    running.control("DELETE", "/log")
    return running


def legacy(number: int, lines: int = 1) -> dict[str, object]:
    line = {"lineNumber": 0, "subtotal": "1.00", "tax": "0", "totalForCustomer": "1.00"}
    return {
        "id": f"D{number:05d}",
        "kind": "legacy",
        "period": "2026-10",
        "invoiceDate": "2026-10-13T00:00:00Z",
        "office": [{**line, "lineNumber": n} for n in range(lines)],
    }


class ScriptedApi(MicrosoftApi):
    """Gives pages out of a function of (query, token); everything else is the real thing."""

    def __init__(self, answer: Callable[[dict[str, str], str], tuple[int, object]]) -> None:
        self.account = MicrosoftAccount("t", "c", "s", cloud=CLOUDS["global"])
        self._answer = answer
        self.calls = 0

    def send(self, audience, method, url, *, headers=None, **more) -> Answer:  # type: ignore[no-untyped-def, override]
        self.calls += 1
        query = {key: value[0] for key, value in parse_qs(urlsplit(url).query).items()}
        status, page = self._answer(query, (headers or {}).get("MS-ContinuationToken", ""))
        if status != 200:
            raise Refused("no", status=status)
        return Answer(200, {}, json.dumps(page).encode())


def seek_page(items: list[object], token: str = "") -> tuple[int, object]:
    following = {"headers": [{"key": "MS-ContinuationToken", "value": token}]} if token else None
    return 200, {"totalCount": 1, "items": items, "links": {"next": following} if following else {}}


# ---- headers


def test_legacy_pages_and_modern_invoices_are_listed_once(
    microsoft: MicrosoftStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "INVOICE_PAGE", 3)
    modern = {"id": "G1", "kind": "new_commerce", "period": "2026-10", "reconciliation": []}
    microsoft.load_month({"period": "2026-10", "invoices": [*map(legacy, range(8)), modern]}, replace=True)
    found = list_invoices(Doors(microsoft).api)
    assert sorted(invoice.id for invoice in found) == [f"D{n:05d}" for n in range(8)] + ["G1"]
    by_id = {invoice.id: invoice for invoice in found}
    assert by_id["D00000"].platform == "legacy"
    assert by_id["D00000"].period == BillingPeriod(2026, 10)
    assert by_id["D00000"].details == (("office", "billing_line_items"),)
    assert by_id["G1"].platform == "new_commerce"


@pytest.mark.parametrize("separate", [False, True])
def test_a_voided_invoice_and_its_replacement_stand_side_by_side(microsoft: MicrosoftStandIn, separate: bool) -> None:
    microsoft.control("POST", "/month", {"scenario": "six-changes-in-march", "replace": True})
    made = microsoft.amend("G000000001", drop=[0], separate_void=separate)
    found = {invoice.id: invoice for invoice in list_invoices(Doors(microsoft).api)}
    assert found["G000000001"].voided
    replacement = found[made["id"]]
    assert not replacement.voided
    assert replacement.replaces == "G000000001"
    assert replacement.period == found["G000000001"].period == BillingPeriod(2022, 3)
    assert replacement.header_total == Decimal("155.23")
    assert len(found) == (3 if separate else 2)
    assert [one.id for one in found.values() if not one.voided] == [made["id"]]


def test_the_published_collection() -> None:
    original = {
        "id": "G000024130", "invoiceDate": "2018-02-08T01:22:47.603895Z", "totalCharges": "586366",
        "billingPeriodStartDate": "2018-01-01T00:00:00Z", "currencyCode": "CHF", "documentType": "void_note",
        "invoiceType": "OneTime", "invoiceDetails": [
            {"invoiceLineItemType": "billing_line_items", "billingProvider": "one_time"}],
        "amendments": [{"id": "G000024131", "invoiceDate": "2018-02-08T18:44:37.5381456Z",
                        "totalCharges": "107661.12", "documentType": "adjustment_note",
                        "invoiceType": "one_time", "amendsOf": "G000024130"}],
    }  # fmt: skip
    legacy_one = {
        "id": "D02005YFHI", "invoiceDate": "2017-01-21T00:00:00Z", "totalCharges": "x",
        "currencyCode": "gbp", "invoiceType": "Recurring",
        "invoiceDetails": [{"invoiceLineItemType": "BillingLineItems", "billingProvider": "Office"}],
    }  # fmt: skip
    voided, replacement, old = flatten([original, legacy_one])
    assert (voided.id, voided.voided, voided.header_total) == ("G000024130", True, Decimal(586366))
    assert (replacement.replaces, replacement.currency) == ("G000024130", "CHF")
    assert replacement.period == BillingPeriod(2018, 1)
    assert replacement.details == voided.details == (("one_time", "billing_line_items"),)
    assert (old.platform, old.period, old.currency) == ("legacy", BillingPeriod(2017, 1), "GBP")
    assert old.header_total is None
    assert old.details == (("office", "billing_line_items"),)


def test_a_replacement_listed_by_itself_too_is_one_document() -> None:
    amendment = {"id": "G2", "invoiceDate": "2026-11-07", "totalCharges": "1", "invoiceType": "OneTime"}
    original = {**amendment, "id": "G1", "documentType": "void_note", "amendments": [amendment]}
    for items in ([original, amendment], [amendment, original]):
        found = {invoice.id: invoice for invoice in flatten(items)}
        assert sorted(found) == ["G1", "G2"]
        assert found["G2"].replaces == "G1"


def test_a_header_without_its_period_covers_the_month_before() -> None:
    (found,) = flatten([{"id": "G1", "invoiceDate": "2027-01-07T01:00:00Z", "invoiceType": "one_time"}])
    assert (found.period, found.invoice_date) == (BillingPeriod(2026, 12), date(2027, 1, 7))
    with pytest.raises(Refused):
        flatten([{"id": "G1", "invoiceType": "one_time", "invoiceDate": "0001-01-01T00:00:00"}])


# ---- lines


def test_offset_pages_are_kept_as_they_arrived(
    microsoft: MicrosoftStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "LINE_PAGE", 4)
    microsoft.load_month({"period": "2026-10", "invoices": [legacy(1, 8), legacy(2, 9)]}, replace=True)
    api = Doors(microsoft).api
    for number, counts in (("D00001", [4, 4]), ("D00002", [4, 4, 1])):
        files = fetch_line_items(api, number, "office", "billing_line_items", tmp_path / number)
        pages = [json.loads(file.path.read_bytes()) for file in files]
        assert [len(page["items"]) for page in pages] == counts
        assert sorted(path.name for path in (tmp_path / number).iterdir()) == [file.name for file in files]


def test_token_pages_are_kept_as_they_arrived(
    microsoft: MicrosoftStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "LINE_PAGE", 4)
    microsoft.control("POST", "/month", {"scenario": "six-changes-in-march", "replace": True})
    files = fetch_line_items(Doors(microsoft).api, "G000000001", "one_time", "billing_line_items", tmp_path)
    pages = [json.loads(file.path.read_bytes()) for file in files]
    assert [len(page["items"]) for page in pages] == [4, 4, 3]
    assert files[0].name == "onetime-billinglineitems-page-0001.json"


def test_a_wrong_combination_is_refused(microsoft: MicrosoftStandIn, tmp_path: Path) -> None:
    microsoft.load_month({"period": "2026-10", "invoices": [legacy(1)]}, replace=True)
    api = Doors(microsoft).api
    with pytest.raises(Refused):
        fetch_line_items(api, "D00001", "office", "usagelineitems", tmp_path)
    for number in ("../customers", "D1?x=1", ""):
        with pytest.raises(Refused):
            fetch_line_items(api, number, "office", "billinglineitems", tmp_path)
    assert len(microsoft.log("pc")) == 1


def test_a_refused_token_begins_again_from_the_first_page(tmp_path: Path) -> None:
    refusals = [400]

    def answer(query: dict[str, str], token: str) -> tuple[int, object]:
        if token and refusals:
            return refusals.pop(), {}
        assert ("seekOperation" in query) == bool(token)
        return seek_page([2]) if token else seek_page([{"n": 1}], "next")

    api = ScriptedApi(answer)
    files = fetch_line_items(api, "G1", "onetime", "billinglineitems", tmp_path)
    assert (len(files), api.calls) == (2, 4)
    with pytest.raises(Transient) as caught:
        refused = ScriptedApi(lambda query, token: (410, {}) if token else seek_page([1], "next"))
        fetch_line_items(refused, "G1", "onetime", "billinglineitems", tmp_path)
    assert caught.value.code == "token_refused"


def test_tokens_and_pages_that_repeat_end_and_are_never_counted_twice(tmp_path: Path) -> None:
    loops = ScriptedApi(lambda query, token: seek_page([{"n": 1}], "same"))
    with pytest.raises(Transient):
        fetch_line_items(loops, "G1", "onetime", "billinglineitems", tmp_path)
    assert loops.calls == 2
    numbers = iter(range(100))
    new_tokens = ScriptedApi(lambda query, token: seek_page([{"n": 1}], f"token{next(numbers)}"))
    with pytest.raises(Transient):
        fetch_line_items(new_tokens, "G1", "onetime", "billinglineitems", tmp_path)
    assert new_tokens.calls == 2
    empty_loop = ScriptedApi(lambda query, token: seek_page([] if token else [{"n": 1}], "same"))
    files = fetch_line_items(empty_loop, "G1", "onetime", "billinglineitems", tmp_path)
    assert (len(files), empty_loop.calls) == (2, 2)
    offset_loop = ScriptedApi(lambda query, token: (200, {"totalCount": 9, "items": [{"n": 1}]}))
    assert len(fetch_line_items(offset_loop, "D1", "azure", "billinglineitems", tmp_path)) == 1


def test_a_line_with_a_bad_number_does_not_hide_its_page(tmp_path: Path, microsoft: MicrosoftStandIn) -> None:
    body = '{"items": [{"subtotal": NaN}, {"subtotal": 1e999}], "links": {}}'
    microsoft.fault("pc.lineitems", "body", text=body)
    (file,) = fetch_line_items(Doors(microsoft).api, "G1", "onetime", "billinglineitems", tmp_path)
    assert file.path.read_text() == body


# ---- customers


def test_customers_are_listed_over_all_pages(microsoft: MicrosoftStandIn) -> None:
    microsoft.load_month(
        {
            "period": "2026-10",
            "customers": [
                {
                    "id": f"C1001000-0000-4000-8000-{n:012d}",
                    "companyName": f"Firm {n}",
                    "domain": f"F{n}.example",
                }
                for n in range(7)
            ],
            "invoices": [],
        },
        replace=True,
    )
    microsoft.modes(customers_page=3)
    found = list_customers(Doors(microsoft).api)
    assert len(found) == 7
    assert found[6] == Customer("c1001000-0000-4000-8000-000000000006", "Firm 6", "f6.example")
    assert len(microsoft.log("pc.customers")) == 3
