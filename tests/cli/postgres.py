"""A PostgreSQL server of our own: a fresh cluster in a folder of its own, on a unix socket, gone at the end.

PostgreSQL refuses to run as root; then its own user, or nobody, runs it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PLACES = Path("/usr/lib/postgresql")
MISSING = (
    "These tests need a PostgreSQL server: install the package `postgresql` (Debian, Ubuntu), "
    "whose programs then are in /usr/lib/postgresql/VERSION/bin."
)


def find(program: str) -> str | None:
    """The newest installed server's program, or the one on the path."""
    installed = sorted(_PLACES.glob(f"*/bin/{program}"), key=lambda path: float(path.parents[1].name))
    return str(installed[-1]) if installed else shutil.which(program)


@contextmanager
def cluster() -> Iterator[str]:
    """The address of an empty server, without a database's name at its end: append `/NAME` by `address`."""
    initdb, postgres = find("initdb"), find("postgres")
    if initdb is None or postgres is None:
        raise RuntimeError(MISSING)
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a socket's path may be 107 bytes long
    try:
        if user:
            shutil.chown(folder, user)
        data = folder / "data"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "cwd": folder, "user": user}
        subprocess.run(
            [initdb, "-D", data, "-U", "connector", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            check=True,
            **quiet,  # type: ignore[call-overload]
        )
        options = ["-c", "listen_addresses=", "-k", folder, "-F", "-c", "log_min_messages=fatal"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen([postgres, "-D", data, *options], cwd=folder, user=user, stdout=log, stderr=log)
            try:
                _wait(folder, server)
                yield str(folder)
            finally:
                server.send_signal(signal.SIGINT)  # fast: it does not wait until the last client has gone
                try:
                    server.wait(15)
                except subprocess.TimeoutExpired:
                    server.kill()
                    server.wait(10)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def address(folder: str, database: str) -> str:
    """DATABASE_URL of a database of the cluster."""
    return f"postgresql://connector@/{database}?host={folder}"


def _user() -> str | None:
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _wait(folder: Path, server: subprocess.Popen[bytes]) -> None:
    ready = folder / "data" / "postmaster.pid"
    until = time.monotonic() + 30
    while time.monotonic() < until and server.poll() is None:
        if ready.exists() and "ready" in ready.read_text():
            return
        time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text(errors='replace')[-1500:]}")
