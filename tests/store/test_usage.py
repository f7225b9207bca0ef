"""Usage rows in the store: loaded once, paged without a cost, exact per day."""

from __future__ import annotations

import dataclasses
import gzip
import json
import random
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.usage_generator import INVOICE, Month, write_month
from connector.domain.lines import UsageKey
from connector.sources.fields import Origin
from connector.sources.raw_lines import UnreadableFile, line_blocks
from connector.sources.usage_rows import read_usage_lines
from connector.store import usage, usage_spill
from connector.store.usage import UsageGroup, UsageRow, days, find_groups, find_set, groups, page
from connector.store.usage_load import UsageLoad, set_folder


def load(root: Path, blobs: list[Path], etag: str = "etag-1") -> UsageLoad:
    loading = UsageLoad(root, INVOICE, etag)
    for path in blobs:
        loading.add(path.name, lambda sink, path=path: read_usage_lines(path, Origin(INVOICE, path.name), sink))
    return loading


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    return write_month(tmp_path_factory.mktemp("blobs"), rows=20_000, blobs=3, customers=4)


@pytest.fixture(scope="module")
def folder(month: Month, tmp_path_factory: pytest.TempPathFactory) -> Path:
    loading = load(tmp_path_factory.mktemp("store"), month.blobs)
    loading.finish()
    return loading.folder


def expected_rows(month: Month, key: UsageKey) -> list[tuple[date, str, str, Decimal, Decimal]]:
    found = []
    for path in month.blobs:
        for block in line_blocks(path):
            for line in block.splitlines():
                row = json.loads(line, parse_float=Decimal, parse_int=Decimal)
                place = (row["CustomerId"], row["SubscriptionId"], row["ProductId"], row["SkuId"])
                if place == (key.tenant_id, key.subscription_id, key.product_id, key.sku_id):
                    resource = row["ResourceURI"].rpartition("/")[2]
                    day = date.fromisoformat(row["UsageDate"][:10])
                    found.append((day, resource, row["MeterName"], row["Quantity"], row["BillingPreTaxTotal"]))
    return sorted(found)


def test_groups_equal_the_integer_reference(month, folder):
    found = {
        (each.key.tenant_id, each.key.subscription_id, each.key.product_id, each.key.sku_id): (
            each.rows,
            Fraction(each.amount) * 10**20,
            Fraction(each.quantity) * 10**20,
        )
        for each in groups(folder)
    }
    assert found == {place: (group.rows, group.amount, group.quantity) for place, group in month.groups.items()}
    whole = find_set(folder)
    assert whole is not None
    assert (whole.rows, whole.groups, whole.quarantined) == (20_000, len(month.groups), 0)


def test_pages_put_together_are_the_rows_of_the_key(month, folder):
    group = max(groups(folder), key=lambda each: each.rows)
    pages = [page(folder, group.key, offset=at, limit=100) for at in range(0, group.rows + 100, 100)]
    rows = [row for each in pages for row in each]
    assert [(row.day, row.resource, row.meter, row.quantity) for row in rows] == [
        expected[:4] for expected in expected_rows(month, group.key)
    ]
    assert len(pages[-1]) < 100
    assert page(folder, group.key, offset=group.rows) == []
    assert page(folder, group.key, offset=7, limit=5) == rows[7:12]
    assert page(folder, group.key, offset=0, limit=5, order="-date") == rows[:-6:-1]


def test_every_key_begins_where_the_index_says(month, folder):
    for group in groups(folder):
        rows = page(folder, group.key, limit=group.rows + 10)
        assert len(rows) == group.rows
        assert (rows[0].day, rows[-1].day) == (group.first_day, group.last_day)


def test_days_are_exact_and_add_up_to_the_group(month, folder):
    group = next(groups(folder))
    sums = days(folder, group.key)
    expected = expected_rows(month, group.key)
    assert [each.day for each in sums] == sorted({row[0] for row in expected})
    for each in sums:
        assert each.quantity == sum(row[3] for row in expected if row[0] == each.day)
        assert each.weight == sum(row[4] for row in expected if row[0] == each.day)
    assert sum(each.weight for each in sums) == group.amount


def test_a_page_has_no_field_for_money(folder):
    names = {each.name for each in dataclasses.fields(UsageRow)}
    assert not any(word in name for name in names for word in ("amount", "price", "cost", "weight", "total"))
    assert "amount" not in usage._PAGE_COLUMNS


def test_an_unknown_key_has_nothing(folder):
    stranger = UsageKey(INVOICE, "t", "s", "p", "k")
    assert (page(folder, stranger), days(folder, stranger), find_groups(folder, stranger)) == ([], [], [])


def test_rows_of_another_tenant_are_never_shown(folder, monkeypatch):
    first = next(groups(folder))
    other = max(groups(folder), key=lambda each: each.key.tenant_id)
    wrong = dataclasses.replace(first, first_row=other.first_row)
    monkeypatch.setattr(usage, "find_groups", lambda *_: [wrong])
    with pytest.raises(ValueError, match="does not fit"):
        page(folder, first.key)


def test_all_row_groups_but_the_last_are_full(folder):
    footer = pq.read_metadata(folder / usage.ROWS_FILE)
    sizes = [footer.row_group(index).num_rows for index in range(footer.num_row_groups)]
    assert len(sizes) == 5
    assert set(sizes[:-1]) == {usage.ROW_GROUP}


def test_a_file_that_comes_twice_is_counted_once(month, tmp_path):
    loading = load(tmp_path, [*month.blobs, *month.blobs])
    assert loading.finish().rows == 20_000
    assert load(tmp_path, month.blobs).finish().rows == 20_000


def test_a_load_that_died_goes_on_where_it_was(month, tmp_path):
    load(tmp_path, month.blobs[:2])
    asked = []

    def forbidden(sink: object) -> object:
        asked.append(sink)
        raise AssertionError("already loaded")

    again = UsageLoad(tmp_path, INVOICE, "etag-1")
    assert again.has(month.blobs[0].name)
    again.add(month.blobs[0].name, forbidden)
    assert find_set(again.folder) is None
    assert load(tmp_path, month.blobs).finish().rows == 20_000
    assert asked == []


def test_a_cut_file_leaves_nothing_behind(month, tmp_path):
    cut = tmp_path / month.blobs[0].name
    cut.write_bytes(month.blobs[0].read_bytes()[:-5])
    with pytest.raises(UnreadableFile):
        load(tmp_path / "store", [cut])
    assert not UsageLoad(tmp_path / "store", INVOICE, "etag-1").has(cut.name)
    assert load(tmp_path / "store", month.blobs).finish().rows == 20_000


def test_the_order_of_files_changes_no_byte(month, folder, tmp_path):
    loading = load(tmp_path, month.blobs[::-1])
    loading.finish()
    for name in (usage.ROWS_FILE, usage.GROUPS_FILE, usage.SET_FILE):
        assert (loading.folder / name).read_bytes() == (folder / name).read_bytes()
    assert [path.name for path in loading.folder.parent.iterdir()] == [loading.folder.name]


def test_many_small_parts_give_the_same_rows(month, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(usage_spill, "PART_ROWS", 1500)
    monkeypatch.setattr(usage_spill, "RUN_ROWS", 100)
    loading = load(tmp_path, month.blobs)
    loading.finish()
    assert (
        pq.read_table(loading.folder / usage.ROWS_FILE).to_pylist()
        == pq.read_table(folder / usage.ROWS_FILE).to_pylist()
    )


def test_a_changed_etag_is_another_set(month, tmp_path):
    first = load(tmp_path, month.blobs[:1], "one")
    second = load(tmp_path, month.blobs[1:], "two")
    assert first.finish().rows + second.finish().rows == 20_000
    assert first.folder != second.folder


def test_an_empty_set(tmp_path):
    loading = UsageLoad(tmp_path, INVOICE, "none")
    whole = loading.finish()
    assert (whole.rows, list(groups(loading.folder))) == (0, [])


def test_quarantined_rows_are_kept_with_the_set(tmp_path):
    path = tmp_path / "p.json.gz"
    rows = [{"CustomerId": "c", "BillingPreTaxTotal": 1.5, "Quantity": "x", "BillingCurrency": "EUR"}]
    path.write_bytes(gzip.compress("\n".join(json.dumps(row) for row in rows).encode()))
    whole = load(tmp_path / "store", [path]).finish()
    assert (whole.rows, whole.quarantined, whole.quarantined_amounts) == (0, 1, {"EUR": Decimal("1.5")})
    assert whole.samples[0].subtotal == Decimal("1.5")


def test_ids_from_outside_never_choose_the_folder(tmp_path):
    assert set_folder(tmp_path, "../../etc", "../x").resolve().is_relative_to(tmp_path.resolve())
    assert set_folder(tmp_path, "G1", "a") != set_folder(tmp_path, "G1", "b")


def test_short_numbers_are_shown_short(folder):
    source = random.Random(3)
    group: UsageGroup = source.choice(list(groups(folder)))
    for row in page(folder, group.key):
        assert len(str(row.quantity)) <= 9


@pytest.mark.parametrize("careful", [False, True])
def test_tags_are_kept_however_they_are_written_and_put_no_row_aside(tmp_path: Path, careful: bool) -> None:
    """As JSON text with and without braces, as an object, as nonsense; `careful`: past the fast path."""
    spelled = ['{"Team": "a"}', '"Team": "a"', {"Team": "a"}, "{broken", None, 7]
    base = {
        "CustomerId": "c", "InvoiceNumber": INVOICE, "ProductId": "p", "SkuId": "s", "SubscriptionId": "plan",
        "UsageDate": "2026-10-01T00:00:00Z", "Quantity": 1, "BillingPreTaxTotal": "1.00" if careful else 1,
        "BillingCurrency": "EUR", "ResourceGroup": "rg", "Unit": "1 Hour",
    }  # fmt: skip
    lines = [json.dumps(base | {"Tags": tags}) for tags in spelled]
    if careful:
        # a blank line sends the whole block to the careful reader
        lines.insert(1, "")
    blob = tmp_path / "part-0.json.gz"
    blob.write_bytes(gzip.compress("".join(line + "\n" for line in lines).encode()))
    loading = load(tmp_path / "store", [blob])
    done = loading.finish()
    assert (done.rows, done.quarantined) == (6, 0)
    found = usage.weights(loading.folder, UsageKey(INVOICE, "c", "plan", "p", "s"))
    assert {weight.resource_group for weight in found} == {"rg"}
    assert sum(weight.weight for weight in found if weight.tags == {"Team": "a"}) == 3
    assert sum(weight.weight for weight in found if not weight.tags) == 3
