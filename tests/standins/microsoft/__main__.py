"""Runs the stand-in: `python -m tests.standins.microsoft --dir DIR [--month FILE | --scenario NAME | --seed
...]`.
"""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from tests.standins.microsoft import exact, generator, published
from tests.standins.microsoft.service import Service


def main(arguments: list[str] | None = None) -> int:
    """Start, say "ready", serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="tests.standins.microsoft", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="where certificates, blobs and facts.json go")
    parser.add_argument("--month", type=Path, action="append", default=[], help="a month file; may be repeated")
    parser.add_argument(
        "--scenario",
        action="append",
        default=[],
        choices=sorted(published.SCENARIOS),
        help="a published month; may be repeated",
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--customers", type=int, default=20)
    parser.add_argument("--period", default="2026-10")
    parser.add_argument("--empty", action="store_true", help="no month yet; POST /month brings one")
    parser.add_argument("--mode", action="append", default=[], metavar="NAME=JSON", help="a mode, as POST /modes")
    parser.add_argument("--with-parent", action="store_true", help="end when the parent process ends")
    options = parser.parse_args(arguments)
    months: list[tuple[dict[str, Any], Path | None]] = [(exact.load(path), path.parent) for path in options.month]
    months += [(published.month(name), None) for name in options.scenario]
    if not months and not options.empty:
        order = generator.Order(seed=options.seed, customers=options.customers, period=options.period)
        months = [(generator.generate(order), None)]

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    service = Service(options.dir.resolve(), months)
    service.faults.set_modes({name: exact.loads(value) for name, _, value in (m.partition("=") for m in options.mode)})
    service.start()
    print("ready", flush=True)
    parent = os.getppid()
    while not stopping.wait(1):
        if options.with_parent and os.getppid() != parent:
            break
    service.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
