"""Where a replaced invoice's papers belong (interfaces.md 5.13): the replacement counts in the period it replaces."""

from __future__ import annotations

from typing import Any

import pytest

from connector.outside.invoice_headers import flatten

_ORIGINAL: dict[str, Any] = {
    "id": "G000000001",
    "invoiceDate": "2026-11-07T00:00:00Z",
    "billingPeriodStartDate": "2026-10-01T00:00:00Z",
    "totalCharges": 100,
    "currencyCode": "EUR",
    "documentType": "void_note",
    "invoiceType": "OneTime",
}
_REPLACEMENT: dict[str, Any] = {
    "id": "G000000003",
    "invoiceDate": "2026-12-03T00:00:00Z",
    "totalCharges": 90,
    "currencyCode": "EUR",
    "documentType": "adjustment_note",
    "amendsOf": "G000000001",
    "invoiceType": "OneTime",
}


@pytest.mark.parametrize(
    "listed",
    [[_ORIGINAL, _REPLACEMENT], [_REPLACEMENT, _ORIGINAL], [{**_ORIGINAL, "amendments": [_REPLACEMENT]}]],
    ids=["beside", "before", "beneath"],
)
def test_a_replacement_without_dates_belongs_to_the_month_of_what_it_replaces(listed: list[dict[str, Any]]) -> None:
    documents = {document.id: document for document in flatten(listed)}
    assert str(documents["G000000003"].period) == "2026-10"
    assert (documents["G000000001"].voided, documents["G000000003"].voided) == (True, False)


def test_a_replacement_with_a_period_of_its_own_keeps_it() -> None:
    dated = {**_REPLACEMENT, "billingPeriodStartDate": "2026-11-01T00:00:00Z"}
    assert str(flatten([_ORIGINAL, dated])[1].period) == "2026-11"
