"""Chromium on a priced month that a real web process shows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.invoices import import_month
from tests.cli.desk import Desk, Month
from tests.jobs.house import House

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MISSING = "These tests need Chromium: install the package `chromium` (Debian, Ubuntu)."


@dataclass(frozen=True)
class Shown:
    """A month and where its pages are."""

    month: Month
    url: str

    def link(self, kind: str) -> str:
        """The link of the first line of a kind, as the invoice prints it."""
        lines = [line for document in self.month.documents.values() for line in document["lines"]]
        found = next(line for line in lines if line["kind"] == kind)
        return str(found["url"])

    def line(self, kind: str) -> dict[str, str]:
        lines = [line for document in self.month.documents.values() for line in document["lines"]]
        return next(line for line in lines if line["kind"] == kind)


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    desk = Desk(tmp_path_factory.mktemp("browser"), settings={"PARTNER_NAME": "Nordwind <Cloud> & Söhne"})
    period = import_month(desk)
    house = House(desk)
    try:
        house.serve()
        # the port is known now: links begin with it
        desk.settings["PUBLIC_URL"] = house.url
        yield Shown(desk.month(period), house.url)
    finally:
        house.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or "/usr/bin/chromium"
    if not Path(path).exists():
        pytest.fail(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        browser.close()
