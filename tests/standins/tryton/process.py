"""One Tryton process on a copy of the template database, and what a person could do at its screen."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tests.standins.tryton.install import DATABASE, configuration, ensure_template, program
from tests.standins.tryton.rpc import BookedInvoice, Rpc, server_version

_START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Facts:
    """What a test or a demo needs to know about the books, as in facts.json."""

    url: str
    database: str
    user: str
    password: str
    admin_user: str
    admin_password: str
    company: str
    company_id: int
    currencies: dict[str, int]
    accounts: dict[str, str]
    payment_term: str
    tax: str
    years: list[int]


class TrytonServer:
    """A Tryton of its own: `with TrytonServer() as tryton`. The folder is temporary unless one is given."""

    def __init__(
        self,
        directory: Path | None = None,
        *,
        port: int = 0,
        fresh: bool = False,
        session_timeout: int = 3600,
    ) -> None:
        self._temporary = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="tryton-"))
        self._port = port
        self._fresh = fresh
        self._session_timeout = session_timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._facts: Facts | None = None
        self._administrator: Rpc | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start, or start again on the same database and port; returns when Tryton answers."""
        if self._process is not None:
            return
        template = ensure_template()
        self.directory.mkdir(parents=True, exist_ok=True)
        database = self.directory / f"{DATABASE}.sqlite"
        if self._fresh or not database.exists():
            self._copy(template.database, database)
            shutil.copyfile(template.facts, self.directory / "template.json")
            self._fresh = False
        chosen = self._port
        for _ in range(5):
            # Somebody else may take the free port before Tryton does: then take another, if we may choose.
            self._port = chosen or _free_port()
            if self._launch():
                break
        else:
            raise RuntimeError(f"Tryton did not start:\n{self._log_tail()}")
        self._facts = self._write_facts()

    def stop(self) -> None:
        """End politely, so that every answered write is on disk."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As when the machine takes the process away."""
        self._end(signal.SIGKILL)

    # -- what is known -----------------------------------------------------------------------------

    @property
    def facts(self) -> Facts:
        if self._facts is None:
            raise RuntimeError("Tryton was never started")
        return self._facts

    @property
    def url(self) -> str:
        return self.facts.url

    @property
    def settings(self) -> dict[str, str]:
        """The [ledger.settings] of a connection to this server."""
        facts = self.facts
        return {
            "url": facts.url,
            "database": facts.database,
            "user": facts.user,
            "password": facts.password,
            "company": facts.company,
        }

    # -- looking and meddling, as a person at Tryton's own screen would ----------------------------

    def administrator(self) -> Rpc:
        if self._administrator is None:
            facts = self.facts
            self._administrator = Rpc(facts.url, facts.database, facts.admin_user, facts.admin_password)
        return self._administrator

    def invoices(self, reference: str = "") -> list[BookedInvoice]:
        """All customer invoices (of one reference) in the order of their making, whatever their state."""
        return self.administrator().invoices(self.facts.company_id, reference)

    def create_customer(self, code: str, name: str = "", *, address: bool = True) -> int:
        values: dict[str, object] = {"name": name or f"Customer {code}", "code": code}
        if address:
            values["addresses"] = [["create", [{"street": "1 Main Street", "city": "Springfield"}]]]
        (party_id,) = self.administrator().call("model.party.party.create", [values], self._context())
        return int(party_id)

    def create_supplier_invoice(self, party_code: str, reference: str) -> None:
        """What somebody else may have booked under a reference that looks like ours."""
        rpc, context = self.administrator(), self._context()
        (party,) = rpc.call("model.party.party.search", [["code", "=", party_code]], 0, 1, None, context)
        (address,) = rpc.call("model.party.address.search", [["party", "=", party]], 0, 1, None, context)
        code = [["code", "=", self.facts.accounts["payable"]]]
        (account,) = rpc.call("model.account.account.search", code, 0, 1, None, context)
        values = {
            "type": "in",
            "party": party,
            "invoice_address": address,
            "account": account,
            "reference": reference,
        }
        rpc.call("model.account.invoice.create", [values], context)

    def deactivate_customer(self, party_id: int) -> None:
        self.administrator().call("model.party.party.write", [party_id], {"active": False}, self._context())

    def close_period(self, day: date) -> None:
        """Close the accounting period that holds this day: Tryton then refuses to post into it."""
        wire_day = {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}
        domain = [["start_date", "<=", wire_day], ["end_date", ">=", wire_day], ["state", "=", "open"]]
        rpc = self.administrator()
        periods = rpc.call("model.account.period.search", domain, 0, None, None, self._context())
        rpc.call("model.account.period.close", periods, self._context())

    def age_sessions(self) -> None:
        """Make every session older than Tryton's own time-out: searching still works, posting answers 401."""
        self._sql("UPDATE ir_session SET create_date = datetime(create_date, '-1 day'), write_date = NULL")

    def forget_failed_log_ins(self) -> None:
        """Tryton lets the log-in after a wrong password wait, and locks a user after five of them."""
        self._sql("DELETE FROM res_user_login_attempt")

    def forget_sessions(self) -> None:
        """As after Tryton's session limit: every call of an old session answers 401."""
        self._sql("DELETE FROM ir_session")

    # -- inside ------------------------------------------------------------------------------------

    def _context(self) -> dict[str, int]:
        return {"company": self.facts.company_id}

    def _sql(self, statement: str) -> None:
        connection = sqlite3.connect(self.directory / f"{DATABASE}.sqlite", timeout=10)
        with connection:
            connection.execute(statement)
        connection.close()

    def _copy(self, template: Path, database: Path) -> None:
        # Left-over journals of a former run would bring its invoices back.
        for suffix in ("-wal", "-shm"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(template, database)

    def _launch(self) -> bool:
        config = self.directory / "trytond.conf"
        config.write_text(configuration(self.directory, self._port, self._session_timeout))
        self._log = (self.directory / "trytond.log").open("ab")
        self._process = subprocess.Popen(
            [program("trytond"), "-c", config, "-d", DATABASE],
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C in the demo's terminal must not reach it before us
        )
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                server_version(f"http://127.0.0.1:{self._port}")
            except OSError:
                time.sleep(0.05)
            else:
                # Another program may answer on that port while ours is about to give up.
                if self._process.poll() is None:
                    return True
        self._end(signal.SIGKILL)
        return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def _log_tail(self) -> str:
        return (self.directory / "trytond.log").read_text(errors="replace")[-3000:]

    def _write_facts(self) -> Facts:
        known = json.loads((self.directory / "template.json").read_text())
        known |= {"url": f"http://127.0.0.1:{self._port}", "database": DATABASE}
        target = self.directory / "facts.json"
        draft = target.with_suffix(".tmp")
        draft.write_text(json.dumps(known, indent=2))
        draft.replace(target)
        return Facts(**known)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
