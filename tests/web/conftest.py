"""One filled database per test, and a reader with a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from tests.web import seeded
from webhooks.app import create_app


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return seeded.new_database(tmp_path)


@pytest.fixture
def tokens(engine: Engine) -> dict[str, str]:
    return seeded.fill(engine)


@pytest.fixture
def browser(engine: Engine) -> Callable[..., FlaskClient]:
    """A client of an app whose parts can be changed."""

    def make(**changes: Any) -> FlaskClient:
        return create_app(seeded.parts(engine, **changes)).test_client()

    return make
