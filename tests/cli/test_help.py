"""Every command says what it does, and speaks as a process as it does inside one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from connector.cli import cli
from tests.cli.desk import Desk, told
from tests.cli.october import NET, PERIOD


def commands(group: click.Group, *above: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        path = (*above, name)
        yield path, command
        if isinstance(command, click.Group):
            yield from commands(command, *path)


ALL = dict(commands(cli))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_says_what_it_does(desk: Desk, path: tuple[str, ...]) -> None:
    said = desk.run(*path, "--help")
    assert said.status == 0
    text = (ALL[path].help or "").strip()
    assert len(text.split()) >= 4, f"{' '.join(path)} has no help text"
    assert text.split("\n")[0].split()[0] in said.out
    options = [option for option in ALL[path].params if isinstance(option, click.Option)]
    unexplained = [option.name for option in options if not option.help]
    assert unexplained == []


def test_help_needs_no_settings(desk: Desk) -> None:
    said = desk.run("sync", "--help", SECRET_KEY="short", DATABASE_URL="nonsense")
    assert said.status == 0


@pytest.mark.parametrize(
    "wrong", [["nonsense"], ["sync"], ["sync", PERIOD, "--nonsense"], ["month"], ["explain"], ["worker"], ["links"]]
)
def test_wrong_usage_ends_with_2(desk: Desk, wrong: list[str]) -> None:
    said = desk.run(*wrong)
    assert said.status == 2, said.words
    assert said.err


def test_a_worker_of_a_queue_that_there_is_not(desk: Desk) -> None:
    told(desk.run("worker", "nonsense"), 2, "no queue 'nonsense'", "pull, price, push")


def test_a_worker_without_redis(desk: Desk) -> None:
    told(desk.run("worker", "pull"), 2, "REDIS_URL is not set", "Set REDIS_URL")


def test_as_a_process_of_its_own(partner: Desk) -> None:
    """The command as a script calls it: status, one JSON document, prose apart."""
    arguments = ["sync", PERIOD, "--no-push", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "connector.cli", *arguments],
        env={**partner.settings, "COLUMNS": "40"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert partner.month(PERIOD).net == NET
    refused = subprocess.run(
        [sys.executable, "-m", "connector.cli", "month", "list"],
        env={"PATH": os.environ.get("PATH", ""), "SECRET_KEY": "short", "DATA_DIR": str(partner.folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "SECRET_KEY" in refused.stderr
