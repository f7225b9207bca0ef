"""Daily usage rows of an invoice as sorted Parquet: groups, pages and sums per day are read from here.

Written by `usage_load.py`. A page carries no amount at all: what a customer pays for his usage is decided per
reconciliation line, and the daily cost is used only as a weight to split it (README, decision 1).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from pathlib import Path
from typing import Any, Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connector.domain.lines import QuarantinedLine, UsageKey

ROWS_FILE = "rows.parquet"
GROUPS_FILE = "groups.parquet"
SET_FILE = "set.json"
ROW_GROUP = 4096
EXACT = pa.decimal128(38, 20)
KEY_COLUMNS = ("tenant_id", "subscription_id", "product_id", "sku_id")
SHOWN_COLUMNS = ("service", "meter", "resource_group", "resource", "region", "entitlement", "unit")
# tags only say which cost centre a row belongs to
TEXT_COLUMNS = (*SHOWN_COLUMNS, "tags")
_TENANT = 1  # its column in the index of groups, which is sorted by it
_PAGE_COLUMNS = ["tenant_id", "day", *SHOWN_COLUMNS, "quantity"]
_SUMS = Context(prec=100, traps=[Inexact, InvalidOperation, Overflow])

Order = Literal["date", "-date"]


@dataclass(frozen=True, slots=True)
class UsageGroup:
    """The rows of one key in one currency. `amount` is cost: sum of BillingPreTaxTotal, for checks only.

    `first_row` is their place in the set's rows; `unit` is blank where rows differ.
    """

    key: UsageKey
    currency: str
    rows: int
    amount: Decimal
    quantity: Decimal
    first_day: date
    last_day: date
    unit: str
    first_row: int


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One day of one resource, as a customer may see it: no cost."""

    day: date
    service: str
    meter: str
    resource_group: str
    resource: str
    region: str
    quantity: Decimal
    unit: str
    entitlement: str


@dataclass(frozen=True, slots=True)
class DaySum:
    """A day's quantity, and its weight when an amount is split over days. The weight is never shown."""

    day: date
    quantity: Decimal
    weight: Decimal


@dataclass(frozen=True, slots=True)
class GroupWeight:
    """What one resource group with one set of tags used of a meter, at cost: a weight, never shown to a customer."""

    resource_group: str
    tags: Mapping[str, str]
    weight: Decimal


@dataclass(frozen=True, slots=True)
class UsageSet:
    """A complete set: what it was made from, what it holds and what had to be put aside."""

    invoice_id: str
    etag: str
    files: list[str]
    rows: int
    groups: int
    quarantined: int
    quarantined_amounts: dict[str, Decimal] = field(default_factory=dict)
    samples: list[QuarantinedLine] = field(default_factory=list)


def find_set(folder: Path) -> UsageSet | None:
    """The complete set in a folder, or None."""
    try:
        return msgspec.json.decode((folder / SET_FILE).read_bytes(), type=UsageSet)
    except FileNotFoundError:
        return None


def groups(folder: Path) -> Iterator[UsageGroup]:
    """All groups of a set in the order of their keys."""
    file = pq.ParquetFile(folder / GROUPS_FILE)
    for batch in file.iter_batches(batch_size=ROW_GROUP):
        for row in batch.to_pylist():
            yield _group(row)


def find_groups(folder: Path, key: UsageKey) -> list[UsageGroup]:
    """The groups of one key, one per currency; none if the key has no rows."""
    path = folder / GROUPS_FILE
    return list(_read_groups(path, path.stat().st_mtime_ns, key))


@functools.lru_cache(maxsize=4096)
def _read_groups(path: Path, changed: int, key: UsageKey) -> tuple[UsageGroup, ...]:
    """People leaf through the pages of one key: its place is looked up once."""
    with _opened(path) as file:
        wanted = [
            number
            for number in range(file.num_row_groups)
            if _may_hold(file.metadata.row_group(number).column(_TENANT).statistics, key.tenant_id)
        ]
        if not wanted:
            return ()
        table = file.read_row_groups(wanted, use_threads=False)
    for name in KEY_COLUMNS:
        table = table.filter(pc.equal(table[name], getattr(key, name)))
    return tuple(_group(row) for row in table.to_pylist())


def page(folder: Path, key: UsageKey, *, offset: int = 0, limit: int = 100, order: Order = "date") -> list[UsageRow]:
    """`limit` rows of one key from `offset`, by day; reads only the row groups they stand in."""
    first, count = _extent(find_groups(folder, key))
    begin, end = max(offset, 0), min(max(offset, 0) + max(limit, 0), count)
    if begin >= end:
        return []
    if order == "-date":
        begin, end = count - end, count - begin
    table = _read_rows(folder, first + begin, end - begin, _PAGE_COLUMNS)
    rows = [_usage_row(row, key) for row in table.to_pylist()]
    return rows[::-1] if order == "-date" else rows


def days(folder: Path, key: UsageKey) -> list[DaySum]:
    """Quantity and weight of each day with rows, exact, in the order of days."""
    first, count = _extent(find_groups(folder, key))
    sums: dict[date, tuple[Decimal, Decimal]] = {}
    nothing = (Decimal(0), Decimal(0))
    for begin in range(first, first + count, ROW_GROUP * 8):
        part = _read_rows(folder, begin, min(ROW_GROUP * 8, first + count - begin), ["day", "quantity", "amount"])
        columns = (part[name].to_pylist() for name in ("day", "quantity", "amount"))
        for day, quantity, amount in zip(*columns, strict=True):
            old = sums.get(day, nothing)
            sums[day] = (_SUMS.add(old[0], quantity), _SUMS.add(old[1], amount))
    return [DaySum(day, *sums[day]) for day in sorted(sums)]


def weights(folder: Path, key: UsageKey) -> list[GroupWeight]:
    """What each resource group and set of tags weighs among the rows of one key, exact, in the order of their names."""
    first, count = _extent(find_groups(folder, key))
    sums: dict[tuple[str, str], Decimal] = {}
    columns = ["resource_group", *(["tags"] if has_tags(folder) else []), "amount"]
    for begin in range(first, first + count, ROW_GROUP * 8):
        part = _read_rows(folder, begin, min(ROW_GROUP * 8, first + count - begin), columns)
        for group, *tags, amount in zip(*(part[name].to_pylist() for name in columns), strict=True):
            place = (group, tags[0] if tags else "")
            sums[place] = _SUMS.add(sums.get(place, Decimal(0)), amount)
    return [GroupWeight(group, tags_of(text), _short(sums[group, text])) for group, text in sorted(sums)]


def has_tags(folder: Path) -> bool:
    """Whether the rows of a set carry their tags: sets loaded by earlier releases do not."""
    path = folder / ROWS_FILE
    return "tags" in _footer(path, path.stat().st_mtime_ns).schema.names


def tags_of(text: str) -> dict[str, str]:
    """Azure's tags, delivered as the text of a JSON object, sometimes without its braces; what is neither, is none.

    >>> tags_of('{"env": "prod"}'), tags_of('"env": "prod"'), tags_of("")
    ({'env': 'prod'}, {'env': 'prod'}, {})
    """
    stripped = text.strip()
    if not stripped:
        return {}
    try:
        found = msgspec.json.decode(stripped if stripped.startswith("{") else "{" + stripped + "}")
    except msgspec.MsgspecError:
        return {}
    return {name: value for name, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}


def _extent(found: list[UsageGroup]) -> tuple[int, int]:
    """Groups of one key stand side by side."""
    if not found:
        return 0, 0
    return min(group.first_row for group in found), sum(group.rows for group in found)


def _read_rows(folder: Path, first: int, count: int, columns: list[str]) -> Any:
    """Every row group but the last holds exactly ROW_GROUP rows, so a row's group is arithmetic."""
    with _opened(folder / ROWS_FILE) as file:
        wanted = list(range(first // ROW_GROUP, (first + count - 1) // ROW_GROUP + 1))
        table = file.read_row_groups(wanted, columns=columns, use_threads=False)
    return table.slice(first - wanted[0] * ROW_GROUP, count)


def _may_hold(statistics: Any, tenant_id: str) -> bool:
    return statistics is None or not statistics.has_min_max or statistics.min <= tenant_id <= statistics.max


def _opened(path: Path) -> Any:
    return pq.ParquetFile(path, metadata=_footer(path, path.stat().st_mtime_ns))


@functools.lru_cache(maxsize=32)
def _footer(path: Path, changed: int) -> Any:
    """Sets never change once written; reading the footer of a large one costs more than a page."""
    return pq.read_metadata(path)


def _usage_row(row: dict[str, Any], key: UsageKey) -> UsageRow:
    if row["tenant_id"] != key.tenant_id:
        # a damaged index must never show one customer another one's resources
        raise ValueError("the index of usage rows does not fit its rows")
    return UsageRow(
        day=row["day"],
        service=row["service"],
        meter=row["meter"],
        resource_group=row["resource_group"],
        resource=row["resource"],
        region=row["region"],
        quantity=_short(row["quantity"]),
        unit=row["unit"],
        entitlement=row["entitlement"],
    )


def _short(number: Decimal) -> Decimal:
    """24 instead of 24.00000000000000000000; still the same number."""
    short = number.normalize(_SUMS)
    return short.quantize(Decimal(1), context=_SUMS) if short.as_tuple().exponent > 0 else short  # type: ignore[operator]


def _group(row: dict[str, Any]) -> UsageGroup:
    key = UsageKey(row["invoice_id"], *(row[name] for name in KEY_COLUMNS))
    return UsageGroup(
        key=key,
        currency=row["currency"],
        rows=row["rows"],
        amount=_short(Decimal(row["amount"])),
        quantity=_short(Decimal(row["quantity"])),
        first_day=row["first_day"],
        last_day=row["last_day"],
        unit=row["unit"],
        first_row=row["first_row"],
    )
