"""A partner at the command line: writes the import files, runs commands, reads the JSON."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from cryptography.fernet import Fernet

from connector.cli import main
from tests.months import checks, reference_month
from tests.months.reference import Decisions, Row
from tests.standins.microsoft import MicrosoftStandIn

Json = dict[str, Any]
_KEY = Fernet.generate_key().decode()
_NOT_IN_KEY = ("value", "valid_to", "note")


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    status: int
    text: str
    prose: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Partner:
    """One partner with a database of its own. What it imports is remembered for the reference."""

    def __init__(self, microsoft: MicrosoftStandIn, folder: Path) -> None:
        self.microsoft = microsoft
        self.folder = folder
        self.decided = Decisions()
        self.billed: Json = {}
        self.database = folder / "connector.sqlite"
        self.settings = {
            "PATH": os.environ.get("PATH", ""),
            "DATABASE_URL": f"sqlite:///{self.database}",
            "DATA_DIR": str(folder / "raw"),
            "PUBLIC_URL": "https://bills.example.test",
            "SECRET_KEY": "a secret of a partner in a test month",
            "ENCRYPTION_KEY": _KEY,
        }

    # ---- the outside world

    def is_billed(self, month: Json) -> None:
        """Microsoft has exactly these invoices."""
        self.billed = month
        self.microsoft.load_month(month, replace=True)

    # ---- decisions

    def has_customer(self, code: str, *tenants: str, **columns: str) -> None:
        """An organisation and the tenants that always were its own."""
        row = {"code": code, "name": columns.pop("name", f"Customer {code}"), **columns}
        self.imports("organisations", row)
        self.decided.organisations.append(row)
        if tenants:
            self.links(*({"tenant_id": tenant, "organisation": code} for tenant in tenants))

    def links(self, *rows: Row) -> None:
        self.imports("links", *rows)
        self.decided.links += rows

    def prices(self, *rows: Row) -> None:
        """Rows of a price list; a row with the key of an older one is its new version."""
        self.imports("prices", *rows)
        for row in rows:
            kept = [old for old in self.decided.prices if _price_key(old) != _price_key(row)]
            self.decided.prices = [*kept, row]

    def price(self, kind: str, value: str = "", organisation: str = "*", **columns: str) -> None:
        """One price rule; without a currency where the kind needs one it is in EUR."""
        if kind in ("fixed", "tiered", "discount"):
            columns.setdefault("currency", "EUR")
        self.prices({"organisation": organisation, "kind": kind, "value": value, **columns})

    def list_price(self, product_id: str, sku_id: str, price: str, currency: str = "EUR", **columns: str) -> None:
        row = {"product_id": product_id, "sku_id": sku_id, "currency": currency, "price": price, **columns}
        self.imports("list-prices", row)
        self.decided.list_prices.append(row)

    def rate(self, date: str, from_: str, to: str, rate: str) -> None:
        row = {"date": date, "from": from_, "to": to, "rate": rate}
        self.imports("rates", row)
        self.decided.rates.append(row)

    def imports(self, kind: str, *rows: Row) -> None:
        """Write the file and import it; it must be taken in."""
        path = self.folder / f"{kind}.csv"
        columns = list(dict.fromkeys(name for row in rows for name in row))
        with path.open("w", encoding="utf-8", newline="") as target:
            writer = csv.DictWriter(target, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)
        self.imports_file(kind, path)
        if kind == "services":
            self.decided.services += rows

    def takes_files(self, folder: Path) -> None:
        """Import what lies in a folder: organisations.csv, links.csv, rates.csv, prices.csv."""
        for kind in ("organisations", "links", "rates", "prices"):
            path = folder / f"{kind}.csv"
            self.imports_file(kind, path)
            with path.open(encoding="utf-8", newline="") as source:
                getattr(self.decided, kind).extend(csv.DictReader(source))

    def imports_file(self, kind: str, path: Path) -> None:
        answer = self.run("import", kind, str(path), "--json")
        assert answer.status == 0, answer.text

    # ---- commands

    def run(self, *arguments: str) -> Answer:
        """A command of `connector`, in this process, with nothing but the settings in its environment."""
        out, err, status = io.StringIO(), io.StringIO(), 0
        with (
            mock.patch.dict(os.environ, {**self.settings, **self.microsoft.settings}, clear=True),
            mock.patch.object(sys, "argv", ["connector", *arguments]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as end:
                status = int(end.code or 0)
        return Answer(status, out.getvalue(), err.getvalue())

    def sync(self, period: str, status: int = 0) -> Month:
        """The month without a push, as it came."""
        answer = self.run("sync", period, "--no-push", "--json")
        assert answer.status == status, answer.prose[-2000:] + answer.text[-3000:]
        return Month(self, answer.text)

    def month(self, period: str, status: int = 0) -> Month:
        """The month without a push, looked through: it adds up, and it is what the reference says."""
        month = self.sync(period, status)
        checks.assert_adds_up(month, self)
        checks.assert_as_expected(month, reference_month.expected(self.billed, period, self.decided))
        return month


class Month:
    """The JSON of a month, as a person asks it."""

    def __init__(self, partner: Partner, text: str) -> None:
        self.partner = partner
        self.text = text
        self.view: Json = json.loads(text)
        self.period = str(self.view["period"])
        self.state = str(self.view["state"])
        self.documents: list[Json] = self.view["documents"]
        self._trees: dict[str, Json] = {}

    def document(self, organisation: str, currency: str = "EUR", revision: int = 1) -> Json:
        wanted = (organisation, currency, revision)
        found = [d for d in self.documents if (d["organisation"], d["currency"], d["revision"]) == wanted]
        assert len(found) == 1, f"{len(found)} documents of {wanted}"
        return found[0]

    def net(self, organisation: str, currency: str = "EUR") -> str:
        return str(self.document(organisation, currency)["net_total"])

    def lines(self, organisation: str, currency: str = "EUR", **wanted: str) -> list[Json]:
        """Summary lines of a document whose fields are as wanted."""
        lines = self.document(organisation, currency)["lines"]
        return [line for line in lines if all(line[name] == value for name, value in wanted.items())]

    def line(self, organisation: str, currency: str = "EUR", **wanted: str) -> Json:
        found = self.lines(organisation, currency, **wanted)
        assert len(found) == 1, f"{len(found)} lines with {wanted}"
        return found[0]

    def explain(self, line: Json) -> Json:
        if line["id"] not in self._trees:
            answer = self.partner.run("explain", line["id"], "--json")
            assert answer.status == 0, answer.prose
            self._trees[line["id"]] = answer.json
        return self._trees[line["id"]]

    def amounts(self, line: Json) -> list[str]:
        """The amounts of a line's parts, in their order."""
        return [part["amount"] for part in self.explain(line)["parts"]]

    def balance(self, currency: str = "EUR") -> Json:
        return next(balance for balance in self.view["balance"] if balance["currency"] == currency)

    def findings(self, code: str) -> list[Json]:
        return [finding for finding in self.view["findings"] if finding["code"] == code]

    def finding(self, code: str) -> Json:
        found = self.findings(code)
        assert len(found) == 1, [(f["code"], f["amount"]) for f in self.view["findings"]]
        return found[0]

    @property
    def codes(self) -> set[str]:
        return {finding["code"] for finding in self.view["findings"]}


def _price_key(row: Row) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((n, v) for n, v in row.items() if n not in _NOT_IN_KEY and v not in ("", "*")))
