"""docs/tutorial-prices.md, followed word by word: every command in order, every shown output compared.

A `console` block holds commands after `$` and what they print; `…` stands for anything, and how lines are folded does
not count. A command ends with 0, or as its comment says: `# ends with 1`. The `sh` blocks prepare; this test does what
they do in a folder of its own.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.desk import Desk

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial-prices.md"
LEDGER = ".venv/bin/python -m tests.standins.tryton.server --dir build/tutorial/books"
PREPARED = [
    "make install",
    'export PATH="$PWD/.venv/bin:$PATH"',
    "mkdir -p build && cp -r docs/examples/prices build/tutorial",
    "cd build/tutorial",
    LEDGER,
]
_ENDS = re.compile(r"#.*\bends with (\d)")
_NOT_SET = ("DATABASE_URL", "DATA_DIR", "PUBLIC_URL", "SECRET_KEY", "ENCRYPTION_KEY")


@dataclass(frozen=True)
class Step:
    """A command of the page, the line it stands on, its exit status and the output shown below it."""

    row: int
    command: str
    status: int
    shown: str


def blocks(text: str) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """The fenced blocks: language and numbered lines."""
    language, lines = None, []
    for row, line in enumerate(text.splitlines(), start=1):
        if not line.startswith("```"):
            lines.append((row, line))
        elif language is None:
            language, lines = line[3:], []
        else:
            yield language, lines
            language = None


def steps(text: str) -> Iterator[Step | str]:
    """The commands of the page in order: a Step of a `console` block, or the text of a line that prepares."""
    for language, lines in blocks(text):
        if language == "sh":
            yield from (line for _, line in lines)
            continue
        assert language == "console", f"the tutorial knows no {language} blocks"
        starts = [place for place, (_, line) in enumerate(lines) if line.startswith("$ ")]
        assert starts[0] == 0, f"line {lines[0][0]}: output without a command"
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            row, command = lines[start]
            ends = _ENDS.search(command)
            shown = "\n".join(line for _, line in lines[start + 1 : end])
            yield Step(row, command.removeprefix("$ "), int(ends[1]) if ends else 0, shown)


def is_shown(shown: str, printed: str) -> bool:
    """Whether the output is what the page shows: word by word, `…` standing for anything, also for nothing."""
    text = f" {' '.join(printed.split())} "
    first, *others = f" {' '.join(shown.split())} ".split("…")
    if not others:
        return text == first
    if not text.startswith(first):
        return False
    place = len(first)
    for part in others[:-1]:
        place = text.find(part, _from(text, place)) + len(part)
        if place < len(part):
            return False
    return text.endswith(others[-1]) and len(text) - len(others[-1]) >= _from(text, place)


def _from(text: str, place: int) -> int:
    """Where the next part may begin: where `…` stands for nothing, the blanks around it are one."""
    return place - 1 if place and text[place - 1] == " " else place


@contextmanager
def books(folder: Path) -> Iterator[None]:
    """The ledger that the page starts in a second terminal."""
    command = [sys.executable, *shlex.split(LEDGER)[1:-1], str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "ready\n"
            yield
        finally:
            running.terminate()


@pytest.mark.tryton
def test_the_price_tutorial_word_by_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    todo = list(steps(PAGE.read_text(encoding="utf-8")))
    assert [line for line in todo if isinstance(line, str)] == PREPARED
    desk = Desk(tmp_path / "home")
    folder = tmp_path / "tutorial"
    shutil.copytree(ROOT / "docs" / "examples" / "prices", folder)
    monkeypatch.chdir(folder)
    with books(folder / "books"):
        for step in todo:
            if isinstance(step, Step):
                follow(step, desk, folder)
    desk.done("verify", **dict.fromkeys(_NOT_SET))


def follow(step: Step, desk: Desk, folder: Path) -> None:
    """One command, with no settings but the machine's, as in a fresh clone."""
    program, *arguments = shlex.split(step.command, comments=True)
    if program == "cat":
        printed, status = (folder / arguments[0]).read_text(encoding="utf-8"), 0
    else:
        assert program == "connector", f"line {step.row}: the tutorial uses connector and cat only"
        said = desk.run(*arguments, **dict.fromkeys(_NOT_SET))
        printed, status = said.out + said.err, said.status
    where = f"docs/tutorial-prices.md, line {step.row}: {step.command}\n"
    assert status == step.status, f"{where}ended with {status}:\n{printed}"
    assert is_shown(step.shown, printed), f"{where}printed:\n{printed}"


def test_every_example_file_is_used() -> None:
    used = PAGE.read_text(encoding="utf-8")
    files = [path.name for path in sorted((ROOT / "docs" / "examples" / "prices").iterdir())]
    assert [name for name in files if f" {name}" not in used] == []


@pytest.mark.parametrize(
    ("shown", "printed", "fits"),
    [
        ("a  b\n c", "a b\nc\n", True),
        ("… 3 rows: …", "added\n3 rows: x", True),
        ("a … c", "a c", True),
        ("a … c", "a b", False),
        ("3 rows", "3 rows: 1", False),
        ("1.5", "105", False),
        ("… 3 rows", "13 rows", False),
        ("20.9… EUR", "20.90 EUR", True),
        ("a … b … a", "a b", False),
        ("ab…ba", "aba", False),
        ("", "", True),
        ("", "a word", False),
    ],
)
def test_what_counts_as_shown(shown: str, printed: str, fits: bool) -> None:
    assert is_shown(shown, printed) == fits
