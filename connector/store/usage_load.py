"""Loading usage rows: file by file into sorted spill files, then once through all of them into Parquet.

A set is (invoice, eTag). A file that is already loaded is not loaded again, a set becomes visible in one
rename, and memory stays flat: one batch while loading, one part of about 25,000 rows while sorting.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

from connector.domain.lines import QuarantinedLine, UsageKey
from connector.store.usage import (
    EXACT,
    GROUPS_FILE,
    KEY_COLUMNS,
    ROW_GROUP,
    ROWS_FILE,
    SET_FILE,
    TEXT_COLUMNS,
    UsageSet,
    find_set,
)
from connector.store.usage_spill import (
    DAY_BITS,
    SPILL,
    BatchLike,
    Run,
    Spill,
    SumLike,
    place_of,
    sorted_parts,
    write_sorted,
)

KEPT_SAMPLES = 200
# named anew when the columns change, so that a load which an earlier release began is begun again
_WORK = ".loading2"
_SUMS = Context(prec=100, traps=[Inexact, InvalidOperation, Overflow])
_ROWS = pa.schema(
    [
        *((name, pa.dictionary(pa.int32(), pa.string())) for name in KEY_COLUMNS),
        ("day", pa.date32()),
        *((name, pa.string()) for name in TEXT_COLUMNS),
        ("quantity", EXACT),
        ("amount", EXACT),
    ]
)
_GROUPS = pa.schema(
    [
        ("invoice_id", pa.string()),
        *((name, pa.string()) for name in KEY_COLUMNS),
        ("currency", pa.string()),
        ("rows", pa.int64()),
        # sums can outgrow 38 digits, and are few: as exact text
        ("amount", pa.string()),
        ("quantity", pa.string()),
        ("first_day", pa.date32()),
        ("last_day", pa.date32()),
        ("unit", pa.string()),
        ("first_row", pa.int64()),
    ]
)


class ResultLike(Protocol):
    """What reading one file came to."""

    @property
    def sums(self) -> Sequence[SumLike]: ...

    rows: int
    quarantined: int
    quarantined_amounts: dict[str, Decimal]
    samples: list[QuarantinedLine]


class _Sum(msgspec.Struct):
    key: UsageKey
    currency: str
    unit: str
    rows: int
    amount: Decimal
    quantity: Decimal
    first_day: int
    last_day: int


class _File(msgspec.Struct):
    """A file that is loaded: the marker beside its spill file."""

    file_id: str
    rows: int
    sums: list[_Sum]
    runs: list[Run]
    quarantined: int
    quarantined_amounts: dict[str, Decimal]
    samples: list[QuarantinedLine]


@dataclass(slots=True)
class _Group:
    """A group of the whole set while it is being put together."""

    sums: _Sum
    first_row: int = 0


class UsageLoad:
    """One set on its way into the store: `add` every file, then `finish`. Each may be repeated at will."""

    def __init__(self, root: Path, invoice_id: str, etag: str) -> None:
        self.invoice_id = invoice_id
        self.etag = etag
        self.folder = set_folder(root, invoice_id, etag)
        self._work = self.folder.with_name(self.folder.name + _WORK)

    def has(self, file_id: str) -> bool:
        """Whether this file, or the whole set, is already loaded."""
        return find_set(self.folder) is not None or self._marker(file_id).exists()

    def add(self, file_id: str, read: Callable[[Callable[[BatchLike], None]], ResultLike]) -> None:
        """Load one file unless it is there already. If `read` raises, nothing of the file is kept."""
        if self.has(file_id):
            return
        self._work.mkdir(parents=True, exist_ok=True)
        spill = self._marker(file_id).with_suffix(".arrow")
        part = spill.with_suffix(f".{os.getpid()}.part")
        runs: list[Run] = []
        try:
            options = ipc.IpcWriteOptions(compression="lz4")
            with pa.OSFile(str(part), "wb") as sink, ipc.new_file(sink, SPILL, options=options) as writer:
                result = read(lambda batch: write_sorted(batch, writer, runs))
            part.replace(spill)
        finally:
            part.unlink(missing_ok=True)
        found = _File(
            file_id=file_id,
            rows=result.rows,
            sums=[_copied(group) for group in result.sums],
            runs=runs,
            quarantined=result.quarantined,
            quarantined_amounts=result.quarantined_amounts,
            samples=result.samples,
        )
        _write_whole(self._marker(file_id), msgspec.json.encode(found))

    def finish(self) -> UsageSet:
        """Sort everything that was added into its final form; a set that is complete stays as it is."""
        done = find_set(self.folder)
        if done is not None:
            return done
        self._work.mkdir(parents=True, exist_ok=True)
        files = sorted(
            (msgspec.json.decode(path.read_bytes(), type=_File) for path in self._work.glob("*.json")),
            key=lambda file: file.file_id,
        )
        result = self._work / "result"
        shutil.rmtree(result, ignore_errors=True)
        result.mkdir()
        ordered = _ordered_groups(files)
        self._write_rows(result, files, ordered)
        _write_groups(result / GROUPS_FILE, [group for _, group in ordered])
        whole = self._summary(files, len(ordered))
        _write_whole(result / SET_FILE, msgspec.json.encode(whole))
        try:
            result.rename(self.folder)
        except OSError:
            # somebody else may have finished the same set meanwhile: theirs is as good as ours
            if find_set(self.folder) is None:
                raise
        shutil.rmtree(self._work, ignore_errors=True)
        return whole

    def _marker(self, file_id: str) -> Path:
        return self._work / f"{hashlib.sha256(file_id.encode()).hexdigest()[:24]}.json"

    def _summary(self, files: list[_File], groups: int) -> UsageSet:
        amounts: dict[str, Decimal] = {}
        for file in files:
            for currency, amount in file.quarantined_amounts.items():
                amounts[currency] = _SUMS.add(amounts.get(currency, Decimal(0)), amount)
        samples = [sample for file in files for sample in file.samples]
        return UsageSet(
            invoice_id=self.invoice_id,
            etag=self.etag,
            files=[file.file_id for file in files],
            rows=sum(file.rows for file in files),
            groups=groups,
            quarantined=sum(file.quarantined for file in files),
            quarantined_amounts=amounts,
            samples=samples[:KEPT_SAMPLES],
        )

    def _write_rows(self, result: Path, files: list[_File], ordered: list[tuple[tuple[str, ...], _Group]]) -> None:
        ranks = {place: rank for rank, (place, _) in enumerate(ordered)}
        spills = [
            Spill(
                self._marker(file.file_id).with_suffix(".arrow"),
                file.runs,
                [ranks[place_of(group.key, group.currency)] for group in file.sums],
            )
            for file in files
            if file.rows
        ]
        keys = [pa.array([getattr(group.sums.key, name) for _, group in ordered], pa.string()) for name in KEY_COLUMNS]
        path = result / ROWS_FILE
        with pq.ParquetWriter(
            path,
            _ROWS,
            compression="zstd",
            use_dictionary=[*KEY_COLUMNS, "day", *TEXT_COLUMNS],
            write_statistics=["day"],
        ) as writer:
            waiting: list[Any] = []
            for part in sorted_parts(spills):
                waiting.append(_final_columns(part, keys))
                table = pa.concat_tables(waiting)
                whole = len(table) // ROW_GROUP * ROW_GROUP
                if whole:
                    writer.write_table(table.slice(0, whole).unify_dictionaries(), row_group_size=ROW_GROUP)
                waiting = [table.slice(whole)]
            if waiting and len(waiting[0]):
                writer.write_table(waiting[0].unify_dictionaries(), row_group_size=ROW_GROUP)
        for spill in spills:
            spill.close()
        _sync(path)


def set_folder(root: Path, invoice_id: str, etag: str) -> Path:
    """Where a set lives. Ids come from outside: only harmless ones become a name, others their hash."""
    name = invoice_id
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}", name):
        name = "x" + hashlib.sha256(name.encode()).hexdigest()[:24]
    return root / name / hashlib.sha256(etag.encode()).hexdigest()[:24]


def _final_columns(table: Any, keys: list[Any]) -> Any:
    ranks = pc.cast(pc.shift_right(table["position"], DAY_BITS), pa.int32()).combine_chunks()
    by_key = [pc.take(values, ranks).dictionary_encode() for values in keys]
    rest = [table[name] for name in ("day", *TEXT_COLUMNS, "quantity", "amount")]
    rest[0] = pc.cast(rest[0], pa.date32())
    return pa.Table.from_arrays([*by_key, *rest], schema=_ROWS)


def _ordered_groups(files: list[_File]) -> list[tuple[tuple[str, ...], _Group]]:
    merged: dict[tuple[str, ...], _Group] = {}
    for file in files:
        for own in file.sums:
            if not own.rows:
                continue
            group = merged.get(place_of(own.key, own.currency))
            if group is None:
                merged[place_of(own.key, own.currency)] = _Group(own)
                continue
            sums = group.sums
            sums.rows += own.rows
            sums.amount = _SUMS.add(sums.amount, own.amount)
            sums.quantity = _SUMS.add(sums.quantity, own.quantity)
            sums.first_day = min(sums.first_day, own.first_day)
            sums.last_day = max(sums.last_day, own.last_day)
            sums.unit = sums.unit if sums.unit == own.unit else ""
    ordered = sorted(merged.items(), key=lambda item: item[0])
    row = 0
    for _, group in ordered:
        group.first_row = row
        row += group.sums.rows
    return ordered


def _write_groups(path: Path, ordered: list[_Group]) -> None:
    columns = [
        [group.sums.key.invoice_id for group in ordered],
        *([getattr(group.sums.key, name) for group in ordered] for name in KEY_COLUMNS),
        [group.sums.currency for group in ordered],
        [group.sums.rows for group in ordered],
        [format(group.sums.amount, "f") for group in ordered],
        [format(group.sums.quantity, "f") for group in ordered],
        [group.sums.first_day for group in ordered],
        [group.sums.last_day for group in ordered],
        [group.sums.unit for group in ordered],
        [group.first_row for group in ordered],
    ]
    arrays = [
        pa.array(column, pa.int32()).cast(kind.type) if kind.type == pa.date32() else pa.array(column, kind.type)
        for column, kind in zip(columns, _GROUPS, strict=True)
    ]
    pq.write_table(
        pa.Table.from_arrays(arrays, schema=_GROUPS), path, compression="zstd", row_group_size=ROW_GROUP // 2
    )
    _sync(path)


def _copied(group: SumLike) -> _Sum:
    return _Sum(
        key=group.key,
        currency=group.currency,
        unit=group.unit,
        rows=group.rows,
        amount=group.amount,
        quantity=group.quantity,
        first_day=group.first_day,
        last_day=group.last_day,
    )


def _write_whole(path: Path, content: bytes) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(content)
    _sync(part)
    part.replace(path)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
