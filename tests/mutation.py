"""`make mutation`: how many of the mistakes that can be made in the pure packages a fast test notices.

mutmut (settings: `[tool.mutmut]` in pyproject.toml) puts one small mistake at a time into connector/domain and
mappings and runs the tests that touch the place. A mutant is *killed* when a test fails, or when it never ends. The
score counts those over all mutants; one that no test touches counts as not killed, nothing is left out.

A run that was interrupted goes on where it stopped: verdicts are kept in mutants/, and what is not yet killed is tried
again with today's tests. Patterns try single places: python -m tests.mutation 'connector.domain.money*'.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEPT = Path("mutants")
WRITTEN = Path("build/mutation.json")
TARGET = 90
# what mutmut keeps of a run: the exit status of the tests, by mutant
_KILLED = (1, 3)
_TIMED_OUT = (36, 24, -24, 152, 255)
_NO_TEST = (5, 33)


@dataclass(frozen=True, slots=True)
class Score:
    """What became of the mutants of one module, or of all."""

    name: str
    killed: int
    survived: int
    no_test: int
    timed_out: int
    not_tried: int

    @property
    def mutants(self) -> int:
        return self.killed + self.survived + self.no_test + self.timed_out + self.not_tried

    @property
    def percent(self) -> float:
        """Cut, not rounded: 89.99 is not 90."""
        return int(1000 * (self.killed + self.timed_out) / self.mutants) / 10 if self.mutants else 100.0


def verdict(status: int | None) -> str:
    """
    >>> [verdict(status) for status in (1, 0, 33, 36, None, -9)]
    ['killed', 'survived', 'no_test', 'timed_out', 'not_tried', 'survived']
    """
    if status is None:
        return "not_tried"
    if status in _KILLED:
        return "killed"
    if status in _TIMED_OUT:
        return "timed_out"
    return "no_test" if status in _NO_TEST else "survived"


def score_of(name: str, statuses: Iterable[int | None]) -> Score:
    """
    >>> score_of("x", [1, 3, 36, 0, 33]).percent
    60.0
    """
    found = Counter(verdict(status) for status in statuses)
    return Score(name, *(found[word] for word in ("killed", "survived", "no_test", "timed_out", "not_tried")))


def kept_results() -> list[Path]:
    return sorted(KEPT.glob("**/*.py.meta"))


def try_again() -> None:
    """Forget the verdicts that another test may have changed; a killed mutant of unchanged code stays killed.

    Also forget which tests touch what: mutmut asks new tests only, so an old test would not know a new function.
    """
    (KEPT / "mutmut-stats.json").unlink(missing_ok=True)
    for path in kept_results():
        content: dict[str, Any] = json.loads(path.read_text())
        statuses = content["exit_code_by_key"]
        for mutant, status in statuses.items():
            statuses[mutant] = status if status in _KILLED else None
        path.write_text(json.dumps(content))


def statuses_by_module() -> dict[str, list[int | None]]:
    """The verdicts of each module that has code to mutate."""
    found = {}
    for path in kept_results():
        source = path.relative_to(KEPT).with_suffix("")
        statuses = list(json.loads(path.read_text())["exit_code_by_key"].values())
        if statuses and source.exists():
            found[str(source)] = statuses
    return found


def table(found: list[Score], total: Score) -> str:
    head = f"{'module':38}{'mutants':>8}{'killed':>8}{'survived':>9}{'no test':>8}{'time-out':>9}{'score':>9}"
    rows = [
        f"{one.name:38}{one.mutants:8}{one.killed:8}{one.survived:9}{one.no_test:8}{one.timed_out:9}"
        f"{one.percent:7.1f} %"
        for one in (*found, total)
    ]
    return "\n".join([head, *rows])


def record(found: list[Score], total: Score) -> None:
    """The figures as every longer target writes them; only the total has a target."""
    rows = [
        {
            "name": f"mutants killed: {one.name}",
            "value": f"{one.percent:.1f}",
            "unit": "%",
            "target": f">= {TARGET}" if one is total else "",
            "held": one is not total or one.percent >= TARGET,
            "baseline": f"of {one.mutants}: {one.survived} survived, {one.no_test} no test, {one.timed_out} time-outs",
            "runs": 1,
        }
        for one in (total, *found)
    ]
    WRITTEN.parent.mkdir(exist_ok=True)
    WRITTEN.write_text(json.dumps(rows, indent=2))


def main() -> int:
    """0 when the target is held, 1 when it is missed, 2 when the run itself broke off."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--max-children", type=int, default=None, help="how many mutants at a time; all cores")
    options.add_argument("--report-only", action="store_true", help="the table of what was tried so far")
    options.add_argument("pattern", nargs="*", help="only these mutants")
    asked = options.parse_args()
    if not asked.report_only:
        try_again()
        children = ["--max-children", str(asked.max_children)] if asked.max_children else []
        command = [str(Path(sys.executable).with_name("mutmut")), "run", *children, *asked.pattern]
        if subprocess.run(command, check=False).returncode:
            print("mutmut broke off; its last lines above say why (often a test that fails by itself)", file=sys.stderr)
            return 2
    by_module = statuses_by_module()
    found = [score_of(name, statuses) for name, statuses in by_module.items()]
    total = score_of("all", [status for statuses in by_module.values() for status in statuses])
    print(table(found, total))
    if total.not_tried:
        print(f"{total.not_tried} mutants were not tried yet; they count as not killed")
    record(found, total)
    held = total.percent >= TARGET
    print(f"{total.percent:.1f} % killed, target {TARGET} %: {'held' if held else 'MISSED'}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
