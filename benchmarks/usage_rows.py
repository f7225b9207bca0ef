"""How fast, flat and exact daily usage is read: `python -m benchmarks.usage_rows [--rows N] [--runs N]`.

All variants run interleaved, each in a process of its own, and every timed run is compared group by group
with the generator's integer reference: an inexact run is a failure, however fast. Ratios of CPU seconds
count (performance.md, "How the benchmark must be built").
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import pickle
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Context, Decimal, Inexact, localcontext
from functools import partial
from pathlib import Path

from benchmarks.usage_generator import INVOICE, SCALE, Month, write_month
from connector.sources.fields import Origin
from connector.sources.raw_lines import line_blocks
from connector.sources.usage_rows import UsageResult, read_usage_lines
from connector.store.usage import ROWS_FILE, groups, page
from connector.store.usage_load import UsageLoad

Place = tuple[str, str, str, str]
Sums = dict[Place, list[int]]
VARIANTS = ("inflate", "stdlib", "summary", "detail")
OUTPUT = Path("build") / "bench-usage-rows.json"


@dataclass(frozen=True, slots=True)
class Run:
    """One timed run in its own process."""

    cpu_seconds: float
    peak_mb: float
    exact: bool
    page_ms: tuple[float, ...] = ()
    """CPU of each page: on a shared machine the clock on the wall measures the neighbours."""
    detail_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the result file (interfaces.md section 1)."""

    name: str
    value: float
    unit: str
    target: str
    held: bool
    baseline: str
    runs: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--one", nargs=2, metavar=("VARIANT", "FOLDER"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(asdict(_run(chosen.one[0], Path(chosen.one[1])))))
        return 0
    with tempfile.TemporaryDirectory() as name:
        whole, half = Path(name) / "whole", Path(name) / "half"
        _prepare(whole, chosen.rows)
        _prepare(half, chosen.rows // 2)
        runs: dict[str, list[Run]] = {variant: [] for variant in VARIANTS}
        halves: list[Run] = []
        before = _busy_seconds()
        for _ in range(chosen.runs):
            for variant in VARIANTS:
                runs[variant].append(_in_a_process(variant, whole))
            halves.append(_in_a_process("detail", half))
        others = _cores_of_others(before)
        downloaded = sum(path.stat().st_size for path in whole.glob("*.gz"))
    measures = _measures(runs, halves, downloaded, chosen.rows)
    _print(measures, runs, chosen.rows)
    if others is not None:
        print(f"  other processes took {others:.1f} of {os.cpu_count()} cores meanwhile")
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps([asdict(measure) for measure in measures], indent=1) + "\n", encoding="utf-8")
    return 0 if all(measure.held for measure in measures) else 1


def _busy_seconds() -> tuple[float, float, float] | None:
    """Time on the wall, CPU of the whole machine, CPU of ours; None where the system does not tell."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
    except OSError:
        return None
    user, nice, system = (int(ticks) for ticks in first[1:4])
    own = os.times()
    ours = own.user + own.system + own.children_user + own.children_system
    return time.monotonic(), (user + nice + system) / os.sysconf("SC_CLK_TCK"), ours


def _cores_of_others(before: tuple[float, float, float] | None) -> float | None:
    now = _busy_seconds()
    if before is None or now is None:
        return None
    wall, machine, ours = (b - a for a, b in zip(before, now, strict=True))
    return max(machine - ours, 0) / wall


def _prepare(folder: Path, rows: int) -> None:
    folder.mkdir()
    month = write_month(folder, rows=rows, customers=50)
    (folder / "reference.pickle").write_bytes(pickle.dumps(month))


def _in_a_process(variant: str, folder: Path) -> Run:
    command = [sys.executable, "-m", "benchmarks.usage_rows", "--one", variant, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Run(**json.loads(done.stdout))


def _run(variant: str, folder: Path) -> Run:
    month: Month = pickle.loads((folder / "reference.pickle").read_bytes())
    work = _WORK[variant]
    with tempfile.TemporaryDirectory(dir=folder) as name:
        before = os.times()
        check = work(month, Path(name))
        after = os.times()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        cpu = after.user + after.system - before.user - before.system
        exact, pages, size = check()
    return Run(cpu, peak, exact, pages, size)


Check = Callable[[], tuple[bool, tuple[float, ...], int]]


_KEY = ("CustomerId", "SubscriptionId", "ProductId", "SkuId", "InvoiceNumber", "BillingCurrency")


@dataclass(slots=True)
class _Plain:
    """The same sums as ours keeps."""

    unit: str
    first_day: str
    last_day: str
    rows: int = 0
    amount: Decimal = Decimal(0)
    quantity: Decimal = Decimal(0)


def _inflate(month: Month, _: Path) -> Check:
    size = 0
    for path in month.blobs:
        for block in line_blocks(path):
            size += len(block)
    return lambda: (size > month.rows * 1000, (), 0)


def _stdlib(month: Month, _: Path) -> Check:
    """The plain loop anybody would write first, with nothing but the standard library; exact."""
    found: dict[tuple[str, ...], _Plain] = {}
    with localcontext(Context(prec=60, traps=[Inexact])):
        for path in month.blobs:
            with gzip.open(path) as file:
                for line in file:
                    row = json.loads(line, parse_float=Decimal)
                    key = tuple(row[name] for name in _KEY)
                    group = found.get(key)
                    if group is None:
                        group = found[key] = _Plain(row["Unit"], row["UsageDate"], row["UsageDate"])
                    group.rows += 1
                    group.amount += row["BillingPreTaxTotal"]
                    group.quantity += row["Quantity"]
                    group.first_day = min(group.first_day, row["UsageDate"])
                    group.last_day = max(group.last_day, row["UsageDate"])
                    if row["Unit"] != group.unit:
                        group.unit = ""

    def check() -> tuple[bool, tuple[float, ...], int]:
        sums = {
            (tenant, subscription, product, sku): _units(group.rows, group.amount, group.quantity)
            for (tenant, subscription, product, sku, _, _), group in found.items()
        }
        return _equal(month, sums), (), 0

    return check


def _summary(month: Month, _: Path) -> Check:
    results = [read_usage_lines(path, Origin(INVOICE, path.name)) for path in month.blobs]
    return lambda: (_equal(month, _merged(results)), (), 0)


def _detail(month: Month, folder: Path) -> Check:
    load = UsageLoad(folder, INVOICE, "benchmark")
    for path in month.blobs:
        load.add(path.name, partial(read_usage_lines, path, Origin(INVOICE, path.name)))
    load.finish()

    def check() -> tuple[bool, tuple[float, ...], int]:
        found = list(groups(load.folder))
        sums = {
            (group.key.tenant_id, group.key.subscription_id, group.key.product_id, group.key.sku_id): _units(
                group.rows, group.amount, group.quantity
            )
            for group in found
        }
        source = random.Random(1)
        weights = [group.rows for group in found]
        pages = []
        for group in source.choices(found, weights, k=300):
            offset = source.randrange(group.rows)
            begin = time.process_time()
            page(load.folder, group.key, offset=offset, limit=100)
            pages.append((time.process_time() - begin) * 1000)
        return _equal(month, sums), tuple(sorted(pages)), (load.folder / ROWS_FILE).stat().st_size

    return check


_WORK: dict[str, Callable[[Month, Path], Check]] = {
    "inflate": _inflate,
    "stdlib": _stdlib,
    "summary": _summary,
    "detail": _detail,
}


def _units(rows: Decimal | int, amount: Decimal | int, quantity: Decimal | int) -> list[int]:
    with localcontext(Context(prec=100, traps=[Inexact])):
        return [int(rows), int(Decimal(amount).scaleb(SCALE)), int(Decimal(quantity).scaleb(SCALE))]


def _merged(results: list[UsageResult]) -> Sums:
    sums: Sums = {}
    for result in results:
        for group in result.sums:
            key = group.key
            place = (key.tenant_id, key.subscription_id, key.product_id, key.sku_id)
            more = _units(group.rows, group.amount, group.quantity)
            sums[place] = [a + b for a, b in zip(sums.get(place, [0, 0, 0]), more, strict=True)]
    return sums


def _equal(month: Month, sums: Sums) -> bool:
    return sums == {place: [each.rows, each.amount, each.quantity] for place, each in month.groups.items()}


def _measures(runs: dict[str, list[Run]], halves: list[Run], downloaded: int, rows: int) -> list[Measure]:
    count = len(runs["summary"])
    cpu = {variant: statistics.median(run.cpu_seconds for run in of) for variant, of in runs.items()}
    peak = {variant: statistics.median(run.peak_mb for run in of) for variant, of in runs.items()}
    pages = sorted(time for run in runs["detail"] for time in run.page_ms)
    ratio = cpu["stdlib"] / cpu["summary"]
    floor = cpu["summary"] / cpu["inflate"]
    both = cpu["detail"] / cpu["summary"]
    flat = peak["detail"] / statistics.median(run.peak_mb for run in halves)
    stored = runs["detail"][0].detail_bytes / downloaded
    p99 = pages[int(len(pages) * 0.99)]
    exact = sum(run.exact for of in (*runs.values(), halves) for run in of)
    total = sum(len(of) for of in (*runs.values(), halves))
    plain = "gzip, json and Decimal of the standard library, same run"
    return [
        Measure("stdlib CPU / summary CPU", round(ratio, 2), "x", ">= 4", ratio >= 4, plain, count),
        Measure("summary CPU / inflate CPU", round(floor, 2), "x", "<= 4", floor <= 4, "igzip, streamed", count),
        Measure("summary and rows CPU / summary CPU", round(both, 2), "x", "<= 4", both <= 4, "ours", count),
        Measure(
            f"peak memory, {rows} rows / {rows // 2} rows",
            round(flat, 2),
            "x",
            "<= 1.15",
            flat <= 1.15,
            f"{peak['detail']:.0f} MB with rows, {peak['summary']:.0f} MB sums only, "
            f"{peak['stdlib']:.0f} MB stdlib, modules included",
            count,
        ),
        Measure("stored bytes / downloaded bytes", round(stored, 3), "x", "<= 0.5", stored <= 0.5, "gzip", count),
        Measure("page of 100 rows, p99 warm, CPU", round(p99, 2), "ms", "<= 10", p99 <= 10, "-", len(pages)),
        Measure("runs equal to the integer reference", exact, "runs", f"= {total}", exact == total, "-", total),
    ]


def _print(measures: list[Measure], runs: dict[str, list[Run]], rows: int) -> None:
    print(f"{rows} rows, Python {platform.python_version()}, CPU microseconds per row: median (min - max)")
    for variant, of in runs.items():
        times = sorted(run.cpu_seconds / rows * 1e6 for run in of)
        print(f"  {variant:10} {statistics.median(times):8.2f}  ({times[0]:.2f} - {times[-1]:.2f})")
    for measure in measures:
        mark = "held" if measure.held else "MISSED"
        value = f"{measure.value:>8} {measure.unit:5} {measure.target:8}"
        print(f"  {measure.name:45} {value} {mark}  {measure.baseline}")


if __name__ == "__main__":
    raise SystemExit(main())
