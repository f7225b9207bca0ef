"""What a flow may use of the world, handed in by wiring: database, Microsoft, ledgers, keys, time, progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine

from connector.ledgers import Ledger
from connector.outside.http import HttpClient
from connector.outside.microsoft import MicrosoftApi


class Progress(Protocol):
    """Told what is going on. `done` of `of` units; `of` is 0 where nobody knows."""

    def __call__(self, text: str, done: int = 0, of: int = 0) -> None: ...


def silent(text: str, done: int = 0, of: int = 0) -> None:
    """Shows nothing."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A ledger connection that can be opened: `finalise` says whether drafts are issued after verification."""

    name: str
    kind: str
    finalise: bool
    open: Callable[[], Ledger] = field(repr=False)


@dataclass(frozen=True, slots=True)
class World:
    """Real things in production, the same fields with stand-ins' addresses in tests.

    `microsoft` and `ledgers` are called late, so that a command that needs neither works without settings for
    them. `passed` hears the name of each step of a push just taken: the crash tests die there.
    """

    engine: Engine
    data_dir: Path
    partner: str
    public_url: str
    link_keys: tuple[tuple[int, bytes], ...] = field(repr=False)
    link_months: int
    microsoft: Callable[[], MicrosoftApi]
    http: Callable[[], HttpClient]
    ledgers: Callable[[], list[Connection]]
    blob_hosts: tuple[str, ...]
    export_patience: int
    today: Callable[[], date]
    sleep: Callable[[float], None]
    progress: Progress = silent
    passed: Callable[[str], None] = field(default=lambda step: None, repr=False)
