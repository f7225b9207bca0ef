"""Books on paper: a ledger that keeps documents in memory, found through the entry-point group like any outsider's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from connector.domain.invoice import LedgerInvoice, RemoteInvoice, RemoteLine
from connector.ledgers import Capabilities, CheckItem, LedgerInfo, SettingField

#: by the name of the books, what was written into them, in order
SHELF: dict[str, list[LedgerInvoice]] = {}


class PaperLedger:
    """Every document is a draft for ever."""

    deadline = 5

    def __init__(self, books: str) -> None:
        self.pages = SHELF.setdefault(books, [])

    def capabilities(self) -> Capabilities:
        return Capabilities(unique_key="findable", max_server_time=0)

    def check(self) -> list[CheckItem]:
        return []

    def missing_for(self, document: LedgerInvoice) -> list[str]:
        return []

    def find(self, ref: str) -> list[RemoteInvoice]:
        return [_shown(no, page) for no, page in enumerate(self.pages) if page.ref == ref]

    def create_draft(self, document: LedgerInvoice) -> str:
        self.pages.append(replace(document))
        return str(len(self.pages) - 1)

    def read(self, remote_id: str) -> RemoteInvoice | None:
        return _shown(int(remote_id), self.pages[int(remote_id)])

    def finalise(self, remote_id: str) -> None: ...

    def withdraw(self, remote_id: str) -> None: ...


def _shown(no: int, page: LedgerInvoice) -> RemoteInvoice:
    return RemoteInvoice(
        id=str(no),
        ref=page.ref,
        state="draft",
        number="",
        customer_code=page.customer_code,
        currency=page.currency,
        net_total=page.net_total,
        lines=tuple(RemoteLine(line.text, line.net_amount, line.url) for line in page.lines),
    )


def _open(settings: Mapping[str, str], http: Any) -> PaperLedger:
    return PaperLedger(settings["books"])


LEDGER = LedgerInfo("paper", "Books on paper", (SettingField("books", "Name of the books", required=True),), _open)


def register(folder: Path) -> None:
    """Write the metadata of an installed package that offers this ledger."""
    package = folder / "paper_books-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: paper-books\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[csp_connector.ledgers]\npaper = tests.months.paper:LEDGER\n")
