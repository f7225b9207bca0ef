"""The examples in the docstrings of the pure packages."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from types import ModuleType

import pytest

import connector.domain
import mappings

# a mutated copy of a function carries its docstring along (make mutation)
_COPY = re.compile(r"__mutmut_\d+")


def modules_of(package: ModuleType) -> list[str]:
    return [module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]


@pytest.mark.parametrize("name", [*modules_of(connector.domain), *modules_of(mappings)])
def test_the_examples_hold(name: str) -> None:
    runner = doctest.DocTestRunner()
    for example in doctest.DocTestFinder().find(importlib.import_module(name)):
        if not _COPY.search(example.name):
            runner.run(example)
    assert runner.summarize(verbose=False).failed == 0
