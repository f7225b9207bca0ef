"""`make bench`: every benchmark, one table each, and all figures together in build/bench.json."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PARTS = ("licence_month", "usage_rows", "what_if")


def main() -> int:
    """Run the parts one after the other, each in a process of its own; 1 when one misses a target."""
    statuses, figures = [], []
    for part in PARTS:
        print(f"\n== {part}", flush=True)
        statuses.append(subprocess.run([sys.executable, "-m", f"benchmarks.{part}"], check=False).returncode)
        written = Path("build") / f"bench-{part.replace('_', '-')}.json"
        if written.exists():
            figures += json.loads(written.read_text())
    (Path("build") / "bench.json").write_text(json.dumps(figures, indent=2))
    return max(statuses)


if __name__ == "__main__":
    sys.exit(main())
