"""Tryton's virtual environment and the template database, made once per checkout and kept in `.tryton/`.

Safe when several processes want it at the same moment: one builds under a file lock, in a temporary folder
whose result is renamed into place; the others wait and use it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).resolve().parents[3] / ".tryton"
DATABASE = "ledger"
SERIES = "8.2"
_PACKAGES = (f"trytond=={SERIES}.*", f"trytond_account_invoice=={SERIES}.*", f"proteus=={SERIES}.*")
_INITIALISE = Path(__file__).with_name("initialise.py")


@dataclass(frozen=True, slots=True)
class Template:
    """A configured database nobody has written to, and what is in it."""

    database: Path
    facts: Path


def program(name: str) -> Path:
    return HOME / "venv" / "bin" / name


def configuration(folder: Path, port: int, session_timeout: int) -> str:
    """A trytond.conf (ledgers/tryton.md, section 2). `worker` keeps printing out of the posting request."""
    return (
        f"[web]\nlisten = 127.0.0.1:{port}\n"
        f"[database]\nuri = sqlite://\npath = {folder}\nlist = False\n"
        f"[session]\ntimeout = {session_timeout}\n"
        "[queue]\nworker = True\n"
    )


def ensure_template() -> Template:
    """Install and initialise whatever is missing; instant when nothing is."""
    HOME.mkdir(exist_ok=True)
    with _lock(HOME / "lock"):
        _ensure_programs()
        recipe = hashlib.sha256(_INITIALISE.read_bytes()).hexdigest()[:8]
        name = f"template-{_installed_version()}-{recipe}"
        template = Template(HOME / f"{name}.sqlite", HOME / f"{name}.json")
        if not template.database.exists():
            _build(template)
        return template


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _ensure_programs() -> None:
    complete = HOME / "venv" / f".complete-{SERIES}"
    if complete.exists():
        return
    print("installing Tryton into .tryton (once)", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", HOME / "venv"], check=True)
    pip: list[str | Path] = [
        program("python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    _run([*pip, *_PACKAGES])
    complete.touch()


def _installed_version() -> str:
    (info,) = HOME.glob(f"venv/lib/python*/site-packages/trytond-{SERIES}.*.dist-info")
    return info.name.removeprefix("trytond-").removesuffix(".dist-info")


def _build(template: Template) -> None:
    print("initialising Tryton's template database (once)", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=HOME, prefix="building-") as name:
        folder = Path(name)
        database, config, facts = (
            folder / f"{DATABASE}.sqlite",
            folder / "trytond.conf",
            folder / "facts.json",
        )
        database.touch()  # SQLite: the empty file must be there first
        config.write_text(configuration(folder, port=0, session_timeout=3600))
        admin_password = secrets.token_urlsafe(16)
        (folder / "password").write_text(admin_password)
        environment = {
            **os.environ,
            "TRYTONPASSFILE": str(folder / "password"),
            "ADMIN_PASSWORD": admin_password,
            "SERVICE_PASSWORD": secrets.token_urlsafe(16),
        }
        admin: list[str | Path] = [program("trytond-admin"), "-c", config, "-d", DATABASE]
        _run([*admin, "--all", "--email", "admin@example.com"], environment)
        _run([*admin, "-u", "account_invoice", "--activate-dependencies"], environment)
        _run([program("python"), _INITIALISE, config, DATABASE, facts], environment)
        _fold_journal(database)
        for old in (*HOME.glob("template-*.sqlite"), *HOME.glob("template-*.json")):
            old.unlink()
        facts.rename(template.facts)
        # Last, because its presence says that all is there.
        database.rename(template.database)


def _fold_journal(database: Path) -> None:
    """Bring what lies in the write-ahead log into the file, so that the one file is the whole database."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _run(command: list[str | Path], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
