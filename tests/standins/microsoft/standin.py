"""The stand-in as a test uses it: a context manager around the process (or around threads of this one)."""

import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from tests.standins.microsoft import exact

_ROOT = Path(__file__).resolve().parents[3]


class MicrosoftStandIn:
    """Starts on free ports, stops at the end.

    `month` is a month description or the path of a month file, `scenario` the name of a published month;
    with neither, and without `empty`, a month is generated (`seed`, `customers`, `period`).
    """

    def __init__(
        self,
        directory: Path | str,
        *,
        month: dict[str, Any] | Path | str | None = None,
        scenario: str | None = None,
        seed: int = 7,
        customers: int = 20,
        period: str = "2026-10",
        empty: bool = False,
        fast: bool = True,
        in_process: bool = False,
    ) -> None:
        self.directory = Path(directory)
        self._arguments = {"seed": seed, "customers": customers, "period": period}
        self._month, self._scenario, self._empty, self._fast = month, scenario, empty, fast
        self._in_process = in_process
        self._process: subprocess.Popen[bytes] | None = None
        self._service: Any = None
        self._session = requests.Session()
        self._session.trust_env = False
        self.facts: dict[str, Any] = {}

    # ---- running

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Start and wait until it answers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if self._in_process:
            from tests.standins.microsoft.service import Service

            self._service = Service(self.directory.resolve())
            self.facts = self._service.start()
        else:
            self._spawn()
        try:
            self._prepare()
        except BaseException:
            self.stop()  # nobody else could: the context was never entered
            raise
        return self

    def _prepare(self) -> None:
        if self._fast:
            self.modes(retry_after=0, notice_interval=0.02)
        if isinstance(self._month, dict):
            self.load_month(self._month)
        elif self._month is not None:
            self.control("POST", "/month", {"file": str(Path(self._month).resolve())})
        elif self._scenario:
            self.control("POST", "/month", {"scenario": self._scenario})
        elif not self._empty:
            self.control("POST", "/month", {"generate": self._arguments})
        self.facts = self.control("GET", "/facts")

    def _spawn(self) -> None:
        facts = self.directory / "facts.json"
        facts.unlink(missing_ok=True)
        command = [
            sys.executable,
            "-m",
            "tests.standins.microsoft",
            "--dir",
            str(self.directory.resolve()),
            "--empty",
            "--with-parent",
        ]
        with (self.directory / "standin.log").open("wb") as log:
            self._process = subprocess.Popen(command, cwd=_ROOT, stdout=log, stderr=log)
        limit = time.monotonic() + 60
        while not facts.exists():
            if self._process.poll() is not None or time.monotonic() > limit:
                self.stop()
                raise RuntimeError(
                    "the stand-in did not start: " + (self.directory / "standin.log").read_text()[-2000:]
                )
            time.sleep(0.02)
        self.facts = exact.load(facts)

    def stop(self) -> None:
        """Stop cleanly."""
        if self._service is not None:
            self._service.stop()
            self._service = None
        if self._process is not None:
            if self._process.poll() is None:
                os.kill(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
            self._process = None
        self._session.close()

    # ---- what tests ask

    @property
    def settings(self) -> dict[str, str]:
        """Environment of the client."""
        return dict(self.facts["settings"])

    @property
    def control_url(self) -> str:
        """Base address of the control channel."""
        return str(self.facts["control_url"])

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Any control verb; raises when the stand-in refuses it."""
        data = None if body is None else exact.dumps(_without_floats(body)).encode()
        answer = self._session.request(method, self.control_url + path, data=data, timeout=120)
        value = exact.loads(answer.content) if answer.content else None
        if answer.status_code >= 400:
            raise ValueError(f"{method} {path}: {value}")
        return value

    def load_month(self, month: dict[str, Any], replace: bool = False) -> dict[str, Any]:
        """Bring in a month at run time."""
        loaded: dict[str, Any] = self.control("POST", "/month", {"month": month, "replace": replace})
        self.facts = self.control("GET", "/facts")
        return loaded

    def fault(self, where: str, kind: str, times: int = 1, **params: Any) -> None:
        """Queue a fault; `times=-1` for ever."""
        self.control("POST", "/faults", {"where": where, "kind": kind, "times": times, **params})

    def clear_faults(self) -> None:
        """Forget queued faults."""
        self.control("DELETE", "/faults")

    def modes(self, **modes: Any) -> dict[str, Any]:
        """Change modes; without arguments only read them."""
        found: dict[str, Any] = self.control("POST", "/modes", modes)
        return found

    def log(self, where: str | None = None, since: int = 0) -> list[dict[str, Any]]:
        """Requests seen, of one place if named ("graph.blob", or "graph" for all of Graph)."""
        entries: list[dict[str, Any]] = self.control("GET", f"/log?since={since}")
        return [e for e in entries if where is None or e["where"] == where or e["where"].startswith(where + ".")]

    def amend(self, invoice: str, **order: Any) -> dict[str, Any]:
        """Void an invoice and replace it."""
        made: dict[str, Any] = self.control("POST", f"/invoices/{invoice}/amend", order)
        return made

    def header(self, invoice: str, **fields: Any) -> dict[str, Any]:
        """Change a header: total="...", add="0.01"."""
        changed: dict[str, Any] = self.control("POST", f"/invoices/{invoice}/header", fields)
        return changed

    def lines(self, invoice: str, **order: Any) -> dict[str, Any]:
        """Change the lines of an invoice; its next export has a new eTag."""
        changed: dict[str, Any] = self.control("POST", f"/invoices/{invoice}/lines", order)
        return changed

    def send_notice(
        self,
        target: str,
        event: str = "invoice-ready",
        invoice: str | None = None,
        *,
        wait: bool = True,
        **order: Any,
    ) -> list[dict[str, Any]]:
        """Send a notice (copies, sign_with, tamper, algorithm, certificate_url, raw ...); gives the
        attempts.
        """
        body = {"event": event, "target": target, "wait": wait, **order}
        if invoice is not None:
            body["invoice"] = invoice
        sent: list[dict[str, Any]] = self.control("POST", "/notices", body)
        return sent

    def notices(self) -> list[dict[str, Any]]:
        """Every notice sent, with its attempts."""
        sent: list[dict[str, Any]] = self.control("GET", "/notices")
        return sent


def _without_floats(value: Any) -> Any:
    """Seconds in a mode may be written as 0.02; money never is a float (exact.decimal refuses it)."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {k: _without_floats(v) for k, v in value.items()}
    return [_without_floats(item) for item in value] if isinstance(value, list | tuple) else value
