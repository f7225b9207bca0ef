"""The processes: up, serve, worker, clock, migrate."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from connector.cli.output import prose
from connector.errors import Misconfigured, Transient
from connector.jobs import clock as clock_job
from connector.jobs import worker as worker_job
from connector.jobs.queue import Bell, use_key
from connector.logs import set_up
from connector.settings import read_settings
from connector.store.database import migrate as migrate_schema
from connector.store.database import open_engine
from connector.wiring import build_world

_REDIS_NAMES = ("redis-server", "valkey-server")


@click.command()
def migrate() -> None:
    """Create or upgrade the database schema. On SQLite every command does it by itself."""
    migrate_schema(open_engine(read_settings().database_url))
    prose.print("The schema is current.")


@click.command()
@click.option("--host", default=None, help="Address to listen on (HOST).")
@click.option("--port", type=int, default=None, help="Port to listen on (PORT).")
@click.option("--threads", default=8, show_default=True, help="Requests served at once.")
def serve(host: str | None, port: int | None, threads: int) -> None:
    """The web process: Microsoft's notices come in, customers' pages go out."""
    settings = read_settings()
    # the schema is looked at once, before the server forks
    build_world(settings).engine.dispose()
    os.execv(
        sys.executable,
        [
            sys.executable,
            "-m",
            "gunicorn",
            "webhooks.serving:application",
            "--worker-class",
            "gthread",
            "--workers",
            "1",
            "--threads",
            str(threads),
            "--bind",
            f"{host or settings.host}:{port or settings.port}",
            "--timeout",
            "60",
            "--graceful-timeout",
            "20",
            "--log-level",
            "warning",
            "--no-control-socket",
        ],
    )


@click.command()
@click.argument("queue")
def worker(queue: str) -> None:
    """A worker process for one QUEUE (pull, price or push). It needs Redis."""
    set_up(f"worker-{queue}")
    worker_job.run(read_settings(), queue)


@click.command()
@click.option("--every", default=float(clock_job.RECONCILE_SECONDS), show_default=True, help="Seconds between ticks.")
def clock(every: float) -> None:
    """The clock: polls Partner Center, rings for due work, and does it itself where nobody else does."""
    set_up("clock")
    settings = read_settings()
    use_key(settings.secret_key)
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.append(number))
    clock_job.run(
        build_world(settings),
        Bell(settings.redis_url),
        settings.poll_minutes,
        push=settings.push_automatically,
        every=every,
        stop=lambda: bool(stopping),
        sleep=lambda seconds: _nap(seconds, stopping),
    )


def _nap(seconds: float, stopping: list[int]) -> None:
    until = time.monotonic() + seconds
    while not stopping and time.monotonic() < until:
        time.sleep(min(0.2, seconds))


@click.command()
def up() -> None:
    """Web, workers and clock in one go, for a small installation. Ctrl-C stops them all.

    Without REDIS_URL a Redis of its own is started if one is on the path (or in the `embedded` extra); without any
    Redis the clock does the work.
    """
    settings = read_settings()
    build_world(settings).engine.dispose()
    with embedded_redis(settings.data_dir, settings.redis_url) as redis_url:
        environment = {**os.environ, "REDIS_URL": redis_url}
        with processes(environment, with_workers=bool(redis_url)) as running:
            prose.print(f"Web on http://{settings.host}:{settings.port}, stop with Ctrl-C.")
            wait_for_end(running)


@contextmanager
def embedded_redis(data_dir: Path, given: str) -> Iterator[str]:
    """REDIS_URL as given, or a private Redis on a unix socket, or "" where none can be had."""
    binary = find_redis()
    if given or binary is None:
        yield given
        return
    folder = data_dir / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    # a unix socket's path may be 107 bytes long; the working folder keeps it short
    server = subprocess.Popen(
        [
            binary,
            "--port",
            "0",
            "--unixsocket",
            "redis.sock",
            "--unixsocketperm",
            "700",
            "--appendonly",
            "yes",
            "--maxmemory-policy",
            "noeviction",
            "--daemonize",
            "no",
            "--loglevel",
            "warning",
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    socket = folder / "redis.sock"
    try:
        for _ in range(100):
            if socket.exists() or server.poll() is not None:
                break
            time.sleep(0.05)
        yield f"unix://{socket}" if socket.exists() and len(str(socket)) < 100 else ""
    finally:
        server.terminate()
        server.wait(10)


def find_redis() -> str | None:
    """A redis-server on the path, or beside our own command where the `embedded` extra puts it."""
    beside = Path(sys.executable).parent / "redis-server"
    return next((found for name in _REDIS_NAMES if (found := shutil.which(name))), None) or (
        str(beside) if beside.exists() else None
    )


@contextmanager
def processes(
    environment: dict[str, str], *, with_workers: bool, log: Path | None = None
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes of the Procfile, stopped together; what they say goes to stderr or into a file."""
    commands = [["serve"], ["clock"]]
    if with_workers:
        commands += [["worker", queue] for queue in worker_job.NAMES]
    started: list[subprocess.Popen[bytes]] = []
    output = log.open("wb") if log else None
    try:
        for command in commands:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "connector.cli", *command],
                    env=environment,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            )
        yield started
    finally:
        for process in started:
            if process.poll() is None:
                process.terminate()
        for process in started:
            try:
                process.wait(25)
            except subprocess.TimeoutExpired:
                process.kill()
        if output:
            output.close()


def wait_for_end(running: list[subprocess.Popen[bytes]]) -> None:
    """Until Ctrl-C, SIGTERM, or the first process that dies: half an installation must not look like a whole one."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # also where a shell that put us in the background has told us to ignore Ctrl-C
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        while True:
            dead = next((process for process in running if process.poll() is not None), None)
            if dead is not None:
                if dead.returncode == 2:
                    raise Misconfigured(f"{_name(dead)} could not start; its message stands above.")
                raise Transient(f"{_name(dead)} ended with status {dead.returncode}.", action="Start again.")
            time.sleep(0.5)
    except KeyboardInterrupt:
        prose.print("Stopping.")


def _name(process: subprocess.Popen[bytes]) -> str:
    arguments = process.args
    return " ".join(str(a) for a in arguments[3:]) if isinstance(arguments, list) else "a process"
