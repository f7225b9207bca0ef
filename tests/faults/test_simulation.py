"""The seeded simulation, a few seeds of each profile; `SIMULATION_SEEDS=2000` or `make simulate` for more."""

from __future__ import annotations

import os

import pytest

from tests.faults.simulate import PROFILES, prepared, run, runs

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "12"))
# Once red, kept for ever: (profile, seed).
KEPT = [("sleepers", 37), ("sleepers", 40), ("sleepers", 54), ("answers-of-others", 3), ("lagging-index-issued", 3)]


@pytest.mark.parametrize("name", list(PROFILES))
def test_whatever_goes_wrong_each_document_is_in_the_ledger_once(name: str) -> None:
    red = runs(PROFILES[name], range(SEEDS))
    assert red == {}


@pytest.mark.parametrize(("name", "seed"), KEPT)
def test_a_seed_that_was_red(name: str, seed: int) -> None:
    with prepared() as (pattern, folder):
        assert run(seed, PROFILES[name], pattern, folder / "again") == []
