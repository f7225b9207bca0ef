"""A licence month end to end, without the ledger: `python -m benchmarks.licence_month [--lines N] [--runs N]`.

The whole command `connector sync PERIOD --no-push` against Microsoft's stand-in over HTTPS, in a process of its own.
The named baseline is what cannot be avoided: reading the same lines with the standard library's json and Decimal and
adding them up, in the same run. Every run must balance to the cent, or it fails, however fast.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from cryptography.fernet import Fernet

from tests.standins.microsoft import MicrosoftStandIn

PERIOD = "2026-10"
OUTPUT = Path("build") / "bench-licence-month.json"
WALL_TARGET = 60.0


def main() -> int:
    """Measure, print a table, write build/bench-licence-month.json; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=25_000)
    parser.add_argument("--customers", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        order = ["--customers", str(options.customers), "--lines", str(options.lines), "--period", PERIOD]
        order += ["--usage-rows", str(options.lines)]
        generator = [sys.executable, "-m", "tests.standins.microsoft.generator"]
        subprocess.run([*generator, "--out", str(folder / "month"), *order], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([*generator, "--files", str(folder / "files"), *order], check=True, stdout=subprocess.DEVNULL)
        lines = next((folder / "month").glob("*.reconciliation.jsonl"))
        walls, syncs, bases, peaks = [], [], [], []
        with MicrosoftStandIn(folder / "microsoft", month=folder / "month" / "month.json") as microsoft:
            for run in range(options.runs):
                bases.append(_baseline(lines))
                wall, cpu, peak = _sync(folder / f"run{run}", folder / "files", microsoft.settings)
                walls.append(wall)
                syncs.append(cpu)
                peaks.append(peak)
    return _report(options.lines, walls, syncs, bases, peaks)


def _baseline(lines: Path) -> float:
    """CPU seconds of json + Decimal over the same lines, summing one column."""
    begin = time.process_time()
    total = Decimal(0)
    with lines.open(encoding="utf-8") as file:
        for line in file:
            total += Decimal(str(json.loads(line, parse_float=Decimal)["Subtotal"]))
    return time.process_time() - begin


def _sync(folder: Path, files: Path, microsoft: dict[str, str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak MB of one sync; RuntimeError unless it balances."""
    environment = {
        **os.environ,
        **microsoft,
        "DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'month.sqlite'}",
        "SECRET_KEY": "k" * 40,
        "ENCRYPTION_KEY": Fernet.generate_key().decode(),
    }
    command = [sys.executable, "-m", "connector.cli"]
    for kind in ("organisations", "links", "prices", "rates"):
        arguments = [*command, "import", kind, str(files / f"{kind}.csv")]
        subprocess.run(arguments, env=environment, check=True, capture_output=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    done = subprocess.run(
        [*command, "sync", PERIOD, "--no-push", "--json"], env=environment, capture_output=True, text=True, check=False
    )
    wall = time.monotonic() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    view = json.loads(done.stdout or "{}")
    if done.returncode != 0 or view.get("state") != "balanced":
        raise RuntimeError(f"the month does not balance: {done.stderr[-500:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, after.ru_maxrss / 1024


def _report(lines: int, walls: list[float], syncs: list[float], bases: list[float], peaks: list[float]) -> int:
    wall, cpu, base = statistics.median(walls), statistics.median(syncs), statistics.median(bases)
    rows = [
        (f"month of {lines} lines, wall", wall, "s", f"<= {WALL_TARGET:.0f}", wall <= WALL_TARGET, ""),
        (f"month of {lines} lines, CPU per line", cpu / lines * 1e6, "us", "", True, ""),
        ("month CPU / json + Decimal CPU", cpu / base, "x", "", True, "stdlib json + Decimal, same lines"),
        ("peak memory", max(peaks), "MB", "<= 1024", max(peaks) <= 1024, ""),
    ]
    print(
        f"{'measure':45} {'value':>10} {'unit':4} {'target':>8}  held   runs {len(walls)}, min-max of wall "
        f"{min(walls):.1f}-{max(walls):.1f} s"
    )
    for name, value, unit, target, held, _ in rows:
        print(f"{name:45} {value:10.2f} {unit:4} {target:>8}  {'yes' if held else 'NO'}")
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(
        json.dumps(
            [
                {
                    "name": name,
                    "value": round(value, 3),
                    "unit": unit,
                    "target": target,
                    "held": held,
                    "baseline": baseline,
                    "runs": len(walls),
                }
                for name, value, unit, target, held, baseline in rows
            ],
            indent=2,
        )
    )
    return 0 if all(held for *_, held, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
