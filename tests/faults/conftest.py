"""Installations of their own for every test; one Tryton and one starter of processes per module."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults.installation import CUSTOMERS, Installation, decided, priced


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return decided(tmp_path_factory.mktemp("pattern"))


@pytest.fixture
def install(tmp_path: Path, pattern: Installation) -> Callable[..., Installation]:
    """A new partner with a priced month: `install()` or `install(["C-1"])`."""
    made: list[Installation] = []

    def make(customers: Sequence[str] = CUSTOMERS) -> Installation:
        made.append(priced(tmp_path / f"partner-{len(made)}", pattern, customers))
        return made[-1]

    return make
