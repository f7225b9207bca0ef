"""Installations of their own for every test; one Tryton and one starter of processes per module."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults.installation import CUSTOMERS, Installation, decided, priced
from tests.faults.processes import Processes
from tests.standins.tryton import FaultyProxy, TrytonServer


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return decided(tmp_path_factory.mktemp("pattern"))


@pytest.fixture
def install(tmp_path: Path, pattern: Installation) -> Callable[..., Installation]:
    """A new partner with a priced month: `install()` or `install(["C-1"])`; or the same one anew."""
    made: list[Installation] = []

    def make(customers: Sequence[str] = CUSTOMERS, partner: str = "") -> Installation:
        made.append(priced(tmp_path / f"partner-{len(made)}", pattern, customers, partner))
        return made[-1]

    return make


@pytest.fixture(scope="module")
def tryton() -> Iterator[TrytonServer]:
    """Real books with the customers in them."""
    with TrytonServer() as server:
        for code in CUSTOMERS:
            server.create_customer(code)
        yield server


@pytest.fixture(scope="module")
def lasting_proxy(tryton: TrytonServer) -> Iterator[FaultyProxy]:
    with FaultyProxy(tryton.url) as proxy:
        yield proxy


@pytest.fixture
def proxy(lasting_proxy: FaultyProxy) -> FaultyProxy:
    """The breakable way to the books, without faults at first."""
    lasting_proxy.clear()
    return lasting_proxy


@pytest.fixture(scope="session")
def processes() -> Iterator[Processes]:
    with Processes() as running:
        yield running
