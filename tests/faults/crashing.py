"""Starts pushes as processes of their own, and kills or stops them between two steps.

Reads one order per line: {"environ", "argv", "step", "number", "how", "output"}; answers with the process id, and
to {"wait": pid} with how it ended. Each process is a fork of this one, so that the program is loaded only once.
With `step`, the process pushes and sends itself `how` ("KILL", "STOP") when it has passed that step for the nth
time ("never" comes never), and naps instead of sleeping long; without, `argv` is the ordinary command line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from connector.cli import main as command_line
from connector.errors import ConnectorError
from connector.flows.push_month import push_period
from connector.settings import read_settings
from connector.wiring import build_world

_NAP_SECONDS = 0.2


def dying(step: str, number: int, how: str) -> Callable[[str], None]:
    """A `passed` that signals its own process."""
    seen = 0

    def passed(name: str) -> None:
        nonlocal seen
        if name == step:
            seen += 1
            if seen == number:
                os.kill(os.getpid(), getattr(signal, f"SIG{how}"))

    return passed


def push(period: str, step: str, number: int, how: str) -> None:
    """What `connector push PERIOD` does, in a world that ends at this step."""
    world = build_world(read_settings())
    push_period(replace(world, passed=dying(step, number, how), sleep=nap), period)


def nap(seconds: float) -> None:
    """Waking early is always right: the database's clock says whether the time has come."""
    time.sleep(min(seconds, _NAP_SECONDS))


def _start(order: dict[str, Any]) -> int:
    process = os.fork()
    if process:
        return process
    status = 70  # what an unforeseen end leaves
    try:
        status = _perform(order)
    except ConnectorError as error:
        status = error.exit_status
    finally:
        if status == 70:
            sys.excepthook(*sys.exc_info())
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _perform(order: dict[str, Any]) -> int:
    with Path(order["output"]).open("w") as output, Path(os.devnull).open() as nothing:
        for number, file in ((0, nothing), (1, output), (2, output)):
            os.dup2(file.fileno(), number)
    os.environ.update(order["environ"])
    if order.get("step"):
        push(order["argv"][-1], order["step"], order["number"], order["how"])
        return 0
    sys.argv = ["connector", *order["argv"]]
    try:
        command_line()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, how = os.waitpid(order["wait"], os.WUNTRACED)
            answer = -os.WSTOPSIG(how) if os.WIFSTOPPED(how) else os.waitstatus_to_exitcode(how)
        else:
            answer = _start(order)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
