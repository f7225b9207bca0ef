"""Daily usage read in one pass: exact sums, every spelling, nothing dropped."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.usage_generator import INVOICE, write_month
from connector.domain.lines import UsageKey
from connector.sources.fields import Origin
from connector.sources.raw_lines import UnreadableFile, read_line_item_pages
from connector.sources.usage_rows import (
    UsageBatch,
    UsageResult,
    day_of,
    read_usage_lines,
    read_usage_records,
)

SAMPLES = Path(__file__).parent / "samples"
ORIGIN = Origin("G000000001", "part-0")
USAGE = {
    "CustomerId": "196e2273-9651-43a3-ba7e-7cbcd918fc40",
    "InvoiceNumber": "G000000001",
    "ProductId": "DZH318Z0BNZ5",
    "SkuId": "006G",
    "SubscriptionId": "307628f1-d9d2-f09c-ea1f-4183f0cae308",
    "UsageDate": "2026-10-01T00:00:00Z",
    "MeterCategory": "Virtual Machines",
    "MeterName": "D2 v3",
    "Unit": "1 Hour",
    "ResourceURI": "/subscriptions/66bada28/resourceGroups/RG/providers/x/virtualMachines/vm1",
    "Quantity": 24.0,
    "BillingPreTaxTotal": 14.98,
    "BillingCurrency": "EUR",
}


def blob(folder: Path, *lines: bytes) -> Path:
    path = folder / "part-0.json.gz"
    path.write_bytes(gzip.compress(b"".join(line + b"\n" for line in lines)))
    return path


def usage(**changes: object) -> bytes:
    return json.dumps(USAGE | changes).encode()


def read(folder: Path, *lines: bytes) -> UsageResult:
    """Read without and with rows: both must come to the same."""
    path = blob(folder, *lines)
    batches: list[UsageBatch] = []
    plain, detail = read_usage_lines(path, ORIGIN), read_usage_lines(path, ORIGIN, batches.append)
    assert plain == detail
    assert sum(len(batch.numbers) for batch in batches) == plain.rows
    return plain


def test_the_rows_of_a_key_are_counted_and_summed(tmp_path):
    result = read(tmp_path, usage(), usage(Quantity=23.5, BillingPreTaxTotal=17.26, UsageDate="2026-10-09"))
    (found,) = result.sums
    assert found.key == UsageKey(
        "G000000001", str(USAGE["CustomerId"]), str(USAGE["SubscriptionId"]), "DZH318Z0BNZ5", "006G"
    )
    assert (found.rows, found.amount, found.quantity) == (2, Decimal("32.24"), Decimal("47.5"))
    assert (found.unit, found.currency) == ("1 Hour", "EUR")
    assert (day_of(found.first_day).isoformat(), day_of(found.last_day).isoformat()) == (
        "2026-10-01",
        "2026-10-09",
    )


def test_a_whole_month_against_the_integer_reference(tmp_path):
    month = write_month(tmp_path, rows=3000, blobs=2)
    sums: dict[tuple[str, ...], list[int]] = {}
    for path in month.blobs:
        for found in read_usage_lines(path, Origin(INVOICE, path.name)).sums:
            place = (found.key.tenant_id, found.key.subscription_id, found.key.product_id, found.key.sku_id)
            total = sums.setdefault(place, [0, 0, 0])
            total[0] += found.rows
            total[1] += int(found.amount.scaleb(20))
            total[2] += int(found.quantity.scaleb(20))
    assert sums == {place: [group.rows, group.amount, group.quantity] for place, group in month.groups.items()}


@pytest.mark.parametrize(
    "spelling",
    [
        {"BillingPreTaxTotal": "14.98", "Quantity": "24"},
        {"CustomerId": "org:196E2273-9651-43A3-BA7E-7CBCD918FC40"},
        {"UsageDate": "2026-10-01"},
        {"UsageDate": "2026-09-30T20:00:00-08:00"},
        {"SubscriptionId": "307628F1-D9D2-F09C-EA1F-4183F0CAE308"},
        {"InvoiceNumber": ""},
        {"InvoiceNumber": None},
        {"BillingCurrency": "eur"},
        {"Quantity": 24},
    ],
)
def test_other_spellings_fall_into_the_same_sum(tmp_path, spelling):
    result = read(tmp_path, usage(), usage(**spelling))
    assert [found.rows for found in result.sums] == [2]
    assert result.sums[0].amount == Decimal("29.96")


def test_names_in_any_case_and_the_names_of_v1(tmp_path):
    lower = {name.lower(): value for name, value in USAGE.items()}
    v1 = {name[0].lower() + name[1:]: value for name, value in USAGE.items() if name not in ("Unit", "ResourceURI")}
    v1 |= {"unitOfMeasure": "1 Hour", "resourceUri": USAGE["ResourceURI"]}
    for first in (lower, v1, USAGE):
        lines = [json.dumps(each).encode() for each in (first, USAGE, lower, v1)]
        result = read(tmp_path, *lines)
        assert [(found.rows, found.unit) for found in result.sums] == [(4, "1 Hour")]


def test_a_byte_order_mark_blank_lines_and_long_lines(tmp_path):
    lines = [b"\xef\xbb\xbf" + usage(), b"", usage(AdditionalInfo="x" * 400_000), b"  ", usage(Tags="ä")]
    assert read(tmp_path, *lines).rows == 3


@pytest.mark.parametrize(
    ("text", "reason", "amount"),
    [
        (usage(BillingPreTaxTotal="1,50"), "amount is unreadable: '1,50' is not a number", None),
        (usage(BillingPreTaxTotal=None), "the amount is empty", None),
        (usage(Quantity="NaN"), "quantity is unreadable: 'NaN' is not a number", "14.98"),
        (usage(Quantity=""), "no quantity", "14.98"),
        (usage(Quantity="1_000"), "quantity is unreadable: '1_000' is not a number", "14.98"),
        (usage(UsageDate="someday"), "day 'someday' is not a date", "14.98"),
        (usage(UsageDate=None), "no usage date", "14.98"),
        (usage(InvoiceNumber="G2"), "belongs to invoice 'G2', not to 'G000000001'", "14.98"),
        (usage(Quantity=10**19), "a number is too large to be usage", "14.98"),
        (usage().replace(b"24.0", b"1e400"), "quantity is unreadable: the number has more than", "14.98"),
        (usage().replace(b"24.0", b"Infinity"), "quantity is unreadable: Infinity is not a finite", "14.98"),
        (usage()[:-5], "not one JSON object", None),
        (usage() + usage(), "not one JSON object: Extra data", None),
        (usage(ProductId="\x00"), "a value holds the character NUL", None),
        (usage().replace(b"D2 v3", b"D2 \xff"), "not valid UTF-8", None),
        (b"[]", "not a JSON object", None),
    ],
)
def test_a_row_that_cannot_be_read_is_put_aside_and_the_others_counted(tmp_path, text, reason, amount):
    result = read(tmp_path, usage(), text, usage())
    assert (result.rows, result.quarantined) == (2, 1)
    (sample,) = result.samples
    assert sample.reason.startswith(reason)
    assert (sample.line_no, sample.raw) == (2, text)
    assert result.quarantined_amounts == ({} if amount is None else {"EUR": Decimal(amount)})


def test_a_file_of_nothing_but_rubbish_is_counted_with_few_samples(tmp_path):
    result = read(tmp_path, *[b"{"] * 500)
    assert (result.rows, result.quarantined, len(result.samples)) == (0, 500, 200)


def test_two_currencies_are_never_added(tmp_path):
    result = read(tmp_path, usage(), usage(BillingCurrency="USD"))
    assert [(found.currency, found.amount) for found in result.sums] == [
        ("EUR", Decimal("14.98")),
        ("USD", Decimal("14.98")),
    ]


def test_a_unit_that_changes_is_left_blank(tmp_path):
    assert read(tmp_path, usage(), usage(Unit="1 Day"), usage()).sums[0].unit == ""


def test_a_cut_blob_is_refused(tmp_path):
    path = blob(tmp_path, *[usage()] * 50)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UnreadableFile):
        read_usage_lines(path, ORIGIN)


def test_an_empty_blob(tmp_path):
    assert read(tmp_path).rows == 0


def test_daily_lines_of_v1_and_of_the_older_platform():
    pages = read_line_item_pages(SAMPLES / "lineitems-billed-daily-rated-page1.json")
    result = read_usage_records(pages, Origin("T000001234", "p"))
    assert (result.rows, result.quarantined) == (2, 0)
    assert result.sums[0].key.subscription_id == "12345678-9d62-4a85-8fd0-91a87c261bc4"
    pages = read_line_item_pages(SAMPLES / "lineitems-azure-usage.json")
    older = read_usage_records(pages, Origin("1234000000", "p", "legacy_usage"))
    assert (older.rows, older.quarantined) == (2, 0)
    assert older.sums[0].key.product_id == "9cc63cf8-6593-410a-b0e7-26a4ef71e8b3"
    assert (older.sums[0].amount, older.sums[0].quantity) == (0, Decimal("2.9616"))


numbers = st.decimals(min_value=-(10**9), max_value=10**9, places=18)


@settings(max_examples=50)
@given(st.lists(st.tuples(numbers, numbers, st.booleans()), min_size=1, max_size=30))
def test_sums_are_exact_to_the_last_digit(tmp_path_factory, rows):
    lines = []
    for amount, quantity, quoted in rows:
        mark = b'"' if quoted else b""
        text = usage(BillingPreTaxTotal="@a", Quantity="@q")
        text = text.replace(b'"@a"', mark + format(amount, "f").encode() + mark)
        lines.append(text.replace(b'"@q"', mark + format(quantity, "f").encode() + mark))
    result = read_usage_lines(blob(tmp_path_factory.mktemp("blob"), *lines), ORIGIN)
    units = [int(found.amount.scaleb(18)) for found in result.sums]
    assert sum(units) == sum(int(amount.scaleb(18)) for amount, _, _ in rows)
