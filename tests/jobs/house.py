"""A small installation with all its processes: web, clock and workers as the Procfile starts them, a real Redis.

Everything is looked at from outside: the web's answers, the command line, the rows of the database, Redis' bytes.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
import requests

from connector.cli.running import find_redis
from tests.cli.desk import Desk

MISSING = "These tests need redis-server: `make install` brings one on Linux (x86_64), elsewhere install Redis."
PATIENCE = 30.0


@dataclass
class House:
    """The processes of one partner. Whoever is started is stopped at the end."""

    desk: Desk
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        path = self.desk.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.desk.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "connector.cli", *command],
                env=self.desk.settings,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    def serve(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start("serve", "--port", str(self.port))
        wait_for(self._answers, "the web", self)

    def _answers(self) -> bool:
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/healthz", timeout=2).ok
        return False

    def workers(self, *queues: str) -> None:
        for queue in queues or ("pull", "price", "push"):
            self.start("worker", queue)

    def clock(self, every: str = "1") -> None:
        self.start("clock", "--every", every)

    def stop(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.terminate()
        for process in self.running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                # a worker's child is in the worker's session
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, 9)
                process.wait(10)

    # ---- what can be seen

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.desk.folder / "connector.sqlite", timeout=30)) as database:
            return database.execute(query).fetchall()

    def counters(self) -> dict[str, int]:
        return dict(self.rows("SELECT name, value FROM counters"))

    def work(self) -> dict[str, str]:
        rows = self.rows("SELECT task, subject, state FROM work")
        return {f"{task} {subject}": state for task, subject, state in rows}

    def month_is(self, period: str, state: str) -> None:
        def seen() -> bool:
            found = self.rows(f"SELECT state FROM periods WHERE period = '{period}'")
            return found == [(state,)]

        wait_for(seen, f"{period} being {state}", self)


def wait_for(seen: Callable[[], bool], what: str, house: House | None = None, seconds: float = PATIENCE) -> None:
    until = time.monotonic() + seconds
    while not seen():
        if time.monotonic() > until:
            raise AssertionError(f"waited for {what}; " + (f"{house.work()}\n{house.log[-3000:]}" if house else ""))
        time.sleep(0.05)


class RedisServer:
    """A real Redis on a unix socket; it can be killed and started again."""

    def __init__(self, folder: Path, policy: str = "noeviction") -> None:
        self.folder = folder
        self.policy = policy
        self.url = f"unix://{folder / 'r.sock'}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        binary = find_redis()
        assert binary is not None, MISSING
        options = ["--port", "0", "--unixsocket", "r.sock", "--save", "", "--maxmemory-policy", self.policy]
        self.process = subprocess.Popen(
            [binary, *options], cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(self._answers, "Redis")

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError):
            return bool(self.client().ping())
        return False

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.folder / "r.sock"))

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def everything(self) -> bytes:
        """All bytes that Redis holds, keys and values."""
        client, found = self.client(), []
        for key in client.scan_iter():
            found.append(key)
            match client.type(key):
                case b"string":
                    found.append(client.get(key) or b"")
                case b"hash":
                    for name, value in client.hgetall(key).items():
                        packed = name == b"data"  # RQ packs what it calls and with what
                        found += [name, zlib.decompress(value) if packed else value]
                case b"list":
                    found += client.lrange(key, 0, -1)
                case b"set":
                    found += client.smembers(key)
                case b"zset":
                    found += client.zrange(key, 0, -1)
        return b"\n".join(found)


@contextmanager
def redis_server(policy: str = "noeviction") -> Iterator[RedisServer]:
    # a socket's path may be 107 bytes long
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        server = RedisServer(Path(folder), policy)
        server.start()
        try:
            yield server
        finally:
            server.kill()
