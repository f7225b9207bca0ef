"""Other prices tried on twelve months: `python -m benchmarks.what_if [--months N] [--lines N] [--runs N]`.

The command `connector what-if --percent 5` (every rule, every line: the worst case) and `… --product ID` (a change that
few lines meet) over months made by benchmarks/years.py, each in a process of its own. The named baseline is reading the
same lines from the same database with the standard library's sqlite3 and Decimal and adding up one column. Both
answers are checked: what one product changes is what the whole change moves for its lines, computed by another way.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from cryptography.fernet import Fernet

from benchmarks.years import PRODUCTS, Size, make
from connector.store.database import open_engine

OUTPUT = Path("build") / "bench-what-if.json"
WALL_TARGET = 30
_READ = (
    "SELECT subtotal, billable_quantity, product_id, sku_id, charge_start, charge_end FROM lines ORDER BY invoice_id"
)


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds and peak MB (of the largest process) of one command, and what it answered."""

    wall: float
    cpu: float
    peak: float
    revenue_change: str


def main() -> int:
    """Measure, print a table, write build/bench-what-if.json; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--lines", type=int, default=25_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    whole: list[Run] = []
    part: list[Run] = []
    bases: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = folder / "years.sqlite"
        make(open_engine(f"sqlite:///{database}"), folder / "files", Size(options.months, options.lines))
        for _ in range(options.runs):
            bases.append(_baseline(database))
            whole.append(_try(folder, database))
            part.append(_try(folder, database, "--product", PRODUCTS[3][0]))
    if len({run.revenue_change for run in whole}) != 1 or len({run.revenue_change for run in part}) != 1:
        raise RuntimeError("the same question got different answers")
    return _report(options.months, options.lines, whole, part, bases)


def _baseline(database: Path) -> float:
    """CPU seconds of sqlite3 + Decimal over the same lines, summing one column."""
    begin = time.process_time()
    total = Decimal(0)
    with sqlite3.connect(database) as connection:
        for row in connection.execute(_READ):
            total += Decimal(row[0])
    return time.process_time() - begin


def _try(folder: Path, database: Path, *selection: str) -> Run:
    environment = {
        **os.environ,
        "DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{database}",
        "SECRET_KEY": "k" * 40,
        "ENCRYPTION_KEY": Fernet.generate_key().decode(),
    }
    command = [sys.executable, "-m", "connector.cli", "what-if", "--percent", "5", *selection, "--json"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wall = time.monotonic() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"what-if failed: {done.stderr[-500:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall, cpu, after.ru_maxrss / 1024, json.loads(done.stdout)["totals"][0]["revenue_change"])


def _report(months: int, lines: int, whole: list[Run], part: list[Run], bases: list[float]) -> int:
    count, base = months * lines, statistics.median(bases)
    wall, cpu = (statistics.median(getattr(run, name) for run in whole) for name in ("wall", "cpu"))
    less_wall, less = (statistics.median(getattr(run, name) for run in part) for name in ("wall", "cpu"))
    peak = max(run.peak for run in whole + part)
    target = f"<= {WALL_TARGET}"
    rows = [
        (f"what-if, {months} months of {lines}, all prices, wall", wall, "s", target, wall <= WALL_TARGET, ""),
        ("what-if, all prices, CPU per line", cpu / count * 1e6, "us", "", True, ""),
        ("what-if, all prices, CPU / reading CPU", cpu / base, "x", "", True, "sqlite3 + Decimal, same lines"),
        ("what-if, one product, wall", less_wall, "s", target, less_wall <= WALL_TARGET, ""),
        ("what-if, one product, CPU per line", less / count * 1e6, "us", "", True, ""),
        ("what-if, peak memory of a process", peak, "MB", "<= 512", peak <= 512, ""),
    ]
    print(f"{'measure':52} {'value':>10} {'unit':4} {'target':>8}  held   runs {len(whole)}")
    for name, value, unit, wanted, held, _ in rows:
        print(f"{name:52} {value:10.2f} {unit:4} {wanted:>8}  {'yes' if held else 'NO'}")
    names = ("name", "value", "unit", "target", "held", "baseline")
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps([dict(zip(names, row, strict=True), runs=len(whole)) for row in rows], indent=2))
    return 0 if all(row[4] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
