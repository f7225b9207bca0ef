"""Usage rows between loading and their final place: spill files of sorted runs, merged range by range.

A run is short (512 rows), so a range of the final order reads little more than its own rows from each file.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc as ipc

from connector.domain.lines import UsageKey
from connector.store.usage import EXACT, TEXT_COLUMNS

PART_ROWS = 25_000
RUN_ROWS = 512
# Days since 1970 become positive and stay below 2**22 up to the year 9999.
DAY_BITS = 22
DAY_OFFSET = 719_163
SPILL = pa.schema(
    [
        ("number", pa.int32()),
        ("day", pa.int32()),
        *((name, pa.string()) for name in TEXT_COLUMNS),
        ("quantity", EXACT),
        ("amount", EXACT),
    ]
)
# Arrow's own allocator keeps what it once had: 200,000 rows took 180 MB with it, 120 MB so.
pa.set_memory_pool(pa.system_memory_pool())


class SumLike(Protocol):
    """What the reader adds up per key and currency; days count from 1970-01-01."""

    number: int
    key: UsageKey
    currency: str
    unit: str
    rows: int
    amount: Decimal
    quantity: Decimal
    first_day: int
    last_day: int


class BatchLike(Protocol):
    """Rows as columns; `numbers` are places in `sums`."""

    @property
    def sums(self) -> Sequence[SumLike]: ...

    numbers: list[int]
    days: list[int]
    quantities: list[Decimal]
    amounts: list[Decimal]
    units: list[str]
    services: list[str]
    meters: list[str]
    resource_groups: list[str]
    resources: list[str]
    regions: list[str]
    entitlements: list[str]
    tags: list[str]


class Run(msgspec.Struct):
    """A run of sorted rows in a spill file, and the group and day of its first and last row."""

    rows: int
    first: tuple[int, int]
    last: tuple[int, int]


class Spill:
    """The sorted runs of one file, in terms of the whole set's order."""

    def __init__(self, path: Path, runs: list[Run], ranks: list[int]) -> None:
        """`ranks`: the place of each group of this file among the groups of the whole set."""
        self._source = pa.OSFile(str(path), "rb")
        self._reader = ipc.open_file(self._source)
        self._ranks = pa.array(ranks, pa.int64())
        self.extents = [
            (
                _position(ranks[run.first[0]], run.first[1]),
                _position(ranks[run.last[0]], run.last[1]),
                run.rows,
            )
            for run in runs
        ]

    def close(self) -> None:
        self._source.close()

    def rows_between(self, begin: int, end: int) -> Iterator[Any]:
        for index, (first, last, _) in enumerate(self.extents):
            if last < begin or first >= end:
                continue
            table = pa.Table.from_batches([self._reader.get_batch(index)])
            table = table.append_column("position", positions(table, self._ranks))
            places = table["position"].to_pylist()
            low, high = bisect.bisect_left(places, begin), bisect.bisect_left(places, end)
            if low < high:
                yield table.slice(low, high - low)


def write_sorted(batch: BatchLike, writer: Any, runs: list[Run]) -> None:
    """Write one batch in the order of keys and days, in short runs, noting where each begins and ends."""
    present = sorted(
        set(batch.numbers), key=lambda number: place_of(batch.sums[number].key, batch.sums[number].currency)
    )
    ranks = [0] * (max(present) + 1)
    for rank, number in enumerate(present):
        ranks[number] = rank
    table = pa.Table.from_arrays(
        [
            pa.array(batch.numbers, pa.int32()),
            pa.array(batch.days, pa.int32()),
            *(pa.array(column, pa.string()) for column in _texts(batch)),
            pa.array(batch.quantities, EXACT),
            pa.array(batch.amounts, EXACT),
        ],
        schema=SPILL,
    )
    table = table.take(pc.sort_indices(positions(table, pa.array(ranks, pa.int64()))))
    numbers, days = table["number"].to_pylist(), table["day"].to_pylist()
    for begin in range(0, len(numbers), RUN_ROWS):
        run = table.slice(begin, RUN_ROWS).combine_chunks()
        end = begin + len(run) - 1
        runs.append(Run(len(run), (numbers[begin], days[begin]), (numbers[end], days[end])))
        writer.write_batch(run.to_batches()[0])


def _texts(batch: BatchLike) -> list[list[str]]:
    """In the order of TEXT_COLUMNS."""
    return [
        batch.services,
        batch.meters,
        batch.resource_groups,
        batch.resources,
        batch.regions,
        batch.entitlements,
        batch.units,
        batch.tags,
    ]


def sorted_parts(spills: list[Spill]) -> Iterator[Any]:
    """The rows of all files in their final order, in parts of about PART_ROWS."""
    extents = sorted(extent for spill in spills for extent in spill.extents)
    cuts: list[int] = []
    rows = PART_ROWS
    for first, _, count in extents:
        if rows >= PART_ROWS:
            cuts.append(first)
            rows = 0
        rows += count
    bounds = sorted(set(cuts))
    for begin, end in zip(bounds, [*bounds[1:], 1 << 62], strict=False):
        found = [table for spill in spills for table in spill.rows_between(begin, end)]
        if found:
            table = pa.concat_tables(found).combine_chunks()
            # every column takes part, so the same rows in other files or another order give the same bytes
            columns = ["position", "resource", "meter", "quantity", "amount", *TEXT_COLUMNS]
            order = pc.sort_indices(table, [(name, "ascending") for name in dict.fromkeys(columns)])
            yield table.take(order)


def place_of(key: UsageKey, currency: str) -> tuple[str, ...]:
    """Where a group stands among the groups of its set."""
    return (key.tenant_id, key.subscription_id, key.product_id, key.sku_id, currency)


def _position(rank: int, day: int) -> int:
    return rank << DAY_BITS | day + DAY_OFFSET


def positions(table: Any, ranks: Any) -> Any:
    """The place of each row in the final order: rank of its group, then its day, as one integer."""
    shifted = pc.shift_left(pc.take(ranks, table["number"]), DAY_BITS)
    return pc.bit_wise_or(shifted, pc.add(pc.cast(table["day"], pa.int64()), DAY_OFFSET))
