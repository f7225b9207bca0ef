"""One running server per ledger and session; every test begins without faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.ledgers import Ledger
from tests.contracts.subjects import SUBJECTS, Subject, TrytonSubject

# A ledger's mark has the ledger's name (pyproject.toml, "markers").
_PARAMETERS = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in SUBJECTS]


@pytest.fixture(scope="session", params=_PARAMETERS)
def running(request: pytest.FixtureRequest) -> Iterator[Subject]:
    with SUBJECTS[request.param]() as subject:
        yield subject


@pytest.fixture
def subject(running: Subject) -> Iterator[Subject]:
    running.clear()
    yield running


@pytest.fixture(scope="session")
def lasting_ledger(running: Subject) -> Ledger:
    return running.open()


@pytest.fixture
def ledger(subject: Subject, lasting_ledger: Ledger) -> Ledger:
    """One adapter for many tests, as a worker keeps it: no test may leave it spoilt for the next."""
    return lasting_ledger


@pytest.fixture
def tryton(subject: Subject) -> TrytonSubject:
    """For tests of what only Tryton does."""
    assert isinstance(subject, TrytonSubject)
    return subject
