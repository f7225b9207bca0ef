"""Commands and dying pushes as processes of their own, by way of `crashing.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.faults.installation import PERIOD, Installation

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its status (negative: the signal) and what it wrote."""

    status: int
    text: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON document among the output."""
        found: dict[str, Any] = json.loads(self.text[self.text.index("{\n") : self.text.rindex("\n}") + 2])
        return found


class Processes:
    """`with Processes() as processes`: the program is loaded once, each process is a fork of it."""

    def __enter__(self) -> Self:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("MICROSOFT")}
        self._starter = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.faults.crashing"],
            cwd=_ROOT,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._outputs: dict[int, Path] = {}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._starter.stdin is not None
        self._starter.stdin.close()
        self._starter.wait(30)

    def start(self, installation: Installation, *argv: str, **environ: str) -> int:
        """A command of the ordinary command line; its process id."""
        return self._order(installation, argv, environ)

    def start_dying(self, installation: Installation, step: str, number: int, how: str = "KILL") -> int:
        """A push that gets this signal when it has passed the step for the nth time."""
        return self._order(installation, ("push", PERIOD), {}, step=step, number=number, how=how)

    def start_push(self, installation: Installation, **environ: str) -> int:
        """A push that lives, and never sleeps long."""
        return self._order(installation, ("push", PERIOD), environ, step="never", number=1, how="KILL")

    def wait(self, process: int) -> Ended:
        """Wait until it ended, or stopped."""
        status = self._ask({"wait": process})
        return Ended(status, self._outputs[process].read_text())

    def run(self, installation: Installation, *argv: str, **environ: str) -> Ended:
        return self.wait(self.start(installation, *argv, **environ))

    def _order(self, installation: Installation, argv: tuple[str, ...], environ: dict[str, str], **more: Any) -> int:
        output = installation.folder / f"output-{len(self._outputs)}"
        order = {"argv": argv, "environ": {**installation.environ, **environ}, "output": str(output), **more}
        process = self._ask(order)
        self._outputs[process] = output
        return process

    def _ask(self, order: dict[str, Any]) -> int:
        assert self._starter.stdin is not None and self._starter.stdout is not None
        self._starter.stdin.write(json.dumps(order) + "\n")
        self._starter.stdin.flush()
        return int(json.loads(self._starter.stdout.readline()))
