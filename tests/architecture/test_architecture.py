"""House rules that no linter of ours sees (style.md sections 2 and 3): read from the syntax tree and the texts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from connector.cli import cli

ROOT = Path(__file__).resolve().parents[2]
PURE = ("connector/domain", "mappings")
CAREFUL = ("connector/jobs", "connector/flows")
PACKAGES = ("connector", "mappings", "webhooks")
LONGEST = 400
# Files that may be longer, and why they are no folder.
LONG = {
    "connector/store/tables.py": "all tables with their constraints: one page of facts, no behaviour",
    "connector/store/migrations/versions/0001_first_tables.py": "generated from tables.py and frozen",
    "connector/sources/usage_rows.py": "one hot loop over millions of rows with the formats it reads",
}
_CLOCKS = {"now", "utcnow", "today"}
_BANNED_MODULES = {"time", "random", "secrets", "os", "uuid"}


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def nodes(*folders: str) -> Iterator[tuple[str, ast.AST]]:
    for path in files(*folders):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}", node


def test_money_never_is_a_float() -> None:
    found = [
        where
        for where, node in nodes(*PURE)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float")
    ]
    assert found == []


def test_errors_are_caught_by_name_where_jobs_run() -> None:
    """The time-out of a job is an ordinary exception: a bare catch swallows it and the job runs on."""
    found = [
        where
        for where, node in nodes(*CAREFUL)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or any(name in ("Exception", "BaseException") for name in _names(node.type)))
    ]
    assert found == []


def test_the_pure_packages_know_no_clock_no_chance_and_no_environment() -> None:
    found = []
    for where, node in nodes(*PURE):
        if isinstance(node, ast.Import):
            found += [where for alias in node.names if alias.name.split(".")[0] in _BANNED_MODULES]
        elif isinstance(node, ast.ImportFrom):
            found += [where] if (node.module or "").split(".")[0] in _BANNED_MODULES else []
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CLOCKS:
            owner = node.func.value
            last = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            found += [where] if last in ("datetime", "date") else []
    assert found == []


def test_the_tests_above_find_what_they_look_for() -> None:
    """A test that cannot fail proves nothing."""
    tree = list(ast.walk(ast.parse("try:\n    float('1')\nexcept (ValueError, Exception):\n    x = 0.5\n")))
    handlers = [node for node in tree if isinstance(node, ast.ExceptHandler) and node.type is not None]
    assert [_names(node.type) for node in handlers if node.type is not None] == [{"ValueError", "Exception"}]
    assert any(isinstance(node, ast.Constant) and isinstance(node.value, float) for node in tree)


def test_a_file_that_passes_400_lines_is_asking_for_a_folder() -> None:
    long = {str(path.relative_to(ROOT)) for path in files(*PACKAGES) if _length(path) > LONGEST}
    assert long - LONG.keys() == set(), "split it, or list it above with a reason"
    assert LONG.keys() - long == set(), "it has become shorter: take it off the list"


def test_every_command_is_documented() -> None:
    texts = documentation()
    kinds = {name for name in commands(cli) if name.startswith("import ")}
    called = [f"{'make' if name == 'demo' else 'connector'} {name}" for name in commands(cli) if name not in kinds]
    missing = [call for call in called if call not in texts]
    assert missing == []


def test_every_kind_of_import_is_documented() -> None:
    texts = documentation()
    group = cli.commands["import"]
    assert isinstance(group, click.Group)
    assert [kind for kind in group.commands if f"`{kind}`" not in texts and f"import {kind}" not in texts] == []


def test_every_setting_is_documented() -> None:
    texts = documentation()
    assert [name for name in sorted(settings()) if name not in texts] == []


def test_every_finding_is_in_the_guide() -> None:
    """A clerk who sees a code must find it, with what to do about it."""
    guide = ROOT / "docs" / "guide.md"
    assert guide.exists(), "docs/guide.md is not written yet"
    text = guide.read_text(encoding="utf-8")
    codes = finding_codes()
    assert {"tenant_unlinked", "price_missing", "header_differs", "line_quarantined", "document_held"} <= codes
    assert [code for code in sorted(codes) if f"`{code}`" not in text] == []


@pytest.mark.parametrize(
    "path", ["README.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))]
)
def test_links_between_the_texts_lead_somewhere(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [target for target in targets if target and "://" not in target and not target.startswith("mailto:")]
    assert [target for target in local if not ((ROOT / path).parent / target).exists()] == []


def _names(node: ast.expr) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _length(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def documentation() -> str:
    """All texts for people, on one line: a command may be folded."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return " ".join(" ".join(path.read_text(encoding="utf-8") for path in paths).split())


def commands(group: click.Group, above: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{above}{name} ")
        else:
            yield f"{above}{name}"


def settings() -> set[str]:
    """Every name that connector/settings.py asks its environment for."""
    tree = ast.parse((ROOT / "connector" / "settings.py").read_text(encoding="utf-8"))
    readers = {"text", "checked", "listed", "address", "number", "yes", "file"}
    return {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in readers
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def finding_codes() -> set[str]:
    """The first argument of every Finding, or its `code`, where it is written out."""
    codes = set()
    for _, node in nodes("connector", "mappings"):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
            named = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            for value in [*node.args[:1], *named]:
                codes |= {
                    part.value
                    for part in ast.walk(value)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                }
    return codes
