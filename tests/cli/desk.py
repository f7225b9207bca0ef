"""A partner at the command line: settings in the environment, files on disk, and what every command must keep to.

`Desk.run` looks at each answer: no traceback, no secret, and with --json exactly one JSON document on stdout. An
answer that says no must say in words what happened and what to do.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

from cryptography.fernet import Fernet

from connector.cli import main
from connector.errors import ConnectorError
from connector.flows.month import sync_period
from connector.settings import read_settings
from connector.wiring import build_world
from tests.standins.microsoft import MicrosoftStandIn

Json = dict[str, Any]
_SECRETS = ("SECRET_KEY", "ENCRYPTION_KEY", "MICROSOFT_CLIENT_SECRET", "MICROSOFT_REFRESH_TOKEN", "LEDGER_PASSWORD")
_PRICES = "organisation,product_id,sku_id,term,billing,subscription_id,kind,value,currency,valid_from,valid_to,offer"


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """The prose on one line: sentences are folded where a terminal is narrow."""
        return " ".join(self.err.split())

    def says(self, *words: str) -> bool:
        return all(word in self.words for word in words)


@dataclass
class Desk:
    """One partner with a folder and a database of his own; `microsoft` is where his account is."""

    folder: Path
    microsoft: MicrosoftStandIn | None = None
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        given = self.microsoft.settings if self.microsoft else {}
        self.settings = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.folder),
            "DATABASE_URL": f"sqlite:///{self.folder / 'connector.sqlite'}",
            "DATA_DIR": str(self.folder / "data"),
            "PUBLIC_URL": "https://bills.example.test",
            "SECRET_KEY": "canary-of-a-secret-key-that-nobody-may-ever-see",
            "ENCRYPTION_KEY": Fernet.generate_key().decode(),
            **given,
            **self.settings,
        }

    # ---- commands

    def run(self, *arguments: str, **changed: str | None) -> Said:
        """One command with nothing but the settings in its environment; `changed` sets or, with None, unsets."""
        environ = {name: value for name, value in {**self.settings, **changed}.items() if value is not None}
        out, err, status = io.StringIO(), io.StringIO(), 0
        with ExitStack() as stack:
            stack.enter_context(mock.patch.dict(os.environ, environ, clear=True))
            stack.enter_context(mock.patch.object(sys, "argv", ["connector", *arguments]))
            stack.enter_context(contextlib.redirect_stdout(out))
            stack.enter_context(contextlib.redirect_stderr(err))
            try:
                main()
            except SystemExit as end:
                status = int(end.code or 0)
        said = Said(status, out.getvalue(), err.getvalue())
        look_at(said, environ, as_json="--json" in arguments and "--help" not in arguments)
        return said

    def done(self, *arguments: str, **changed: str | None) -> Said:
        """A command that must end with 0."""
        said = self.run(*arguments, **changed)
        assert said.status == 0, said.words
        return said

    def sync(self, period: str, *, status: int, push: bool = False, **changed: str | None) -> Month:
        """The month as `sync` shows it; `verify` holds afterwards, whatever came of it."""
        said = self.run("sync", period, "--json", *([] if push else ["--no-push"]), **changed)
        assert said.status == status, said.words + said.out[-1500:]
        self.holds()
        return Month(said.json)

    def sync_in_a_hurry(self, period: str) -> list[ConnectorError]:
        """The month by the command's own flow, but nobody sleeps between two tries; what went wrong outside."""
        world = replace(build_world(read_settings(self.settings)), sleep=lambda seconds: None)
        trouble = sync_period(world, period, push=False).trouble
        world.engine.dispose()
        self.holds()
        return trouble

    def month(self, period: str) -> Month:
        """What is known of the month now."""
        return Month(self.done("month", "show", period, "--json").json)

    def holds(self) -> None:
        """All invariants hold over the whole database."""
        said = self.run("verify", "--json")
        problems = [p for invariant in said.json["invariants"] for p in invariant["problems"]]
        assert (said.status, problems) == (0, [])

    # ---- what the partner decides

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def imports(self, kind: str, text: str, *options: str) -> Said:
        return self.run("import", kind, self.write(f"{kind}.csv", text), "--json", *options)

    def decides(self, customers: Mapping[str, Sequence[str]], *, markup: str = "25", ledger: str = "") -> None:
        """Organisations with their tenants, and one price rule for everything: cost plus so many per cent."""
        rows = [f"{code},Customer {code},DE,EUR,{ledger},{code}" for code in customers]
        self.taken("organisations", "code,name,country,currency,ledger,ledger_customer", *rows)
        links = [f"{tenant},{code},2020-01-01," for code, tenants in customers.items() for tenant in tenants]
        if links:
            self.taken("links", "tenant_id,organisation,valid_from,valid_to", *links)
        if markup:
            self.taken("prices", _PRICES, f"*,,,,,,markup,{markup},,2020-01-01,,")

    def taken(self, kind: str, header: str, *rows: str) -> None:
        said = self.imports(kind, "\n".join([header, *rows, ""]))
        assert said.status == 0, said.out

    # ---- files from the portal

    def portal_file(self, name: str, rows: Sequence[Mapping[str, object]], delimiter: str = ",") -> str:
        path = self.folder / name
        with path.open("w", encoding="utf-8", newline="") as target:
            writer = csv.DictWriter(target, list(rows[0]), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
        return str(path)


class Month:
    """The JSON of a month, as a person asks it."""

    def __init__(self, view: Json) -> None:
        # what went wrong outside stands in the answer of `sync` and is no part of the month
        self.view = {name: value for name, value in view.items() if name != "errors"}
        self.state: str = view["state"]

    @property
    def documents(self) -> dict[str, Json]:
        """By organisation; these months have one document each."""
        return {document["organisation"]: document for document in self.view["documents"]}

    @property
    def net(self) -> dict[str, str]:
        return {code: document["net_total"] for code, document in self.documents.items()}

    @property
    def postings(self) -> dict[str, str]:
        return {code: document["posting"]["state"] for code, document in self.documents.items()}

    def balance(self, currency: str = "EUR") -> Json:
        return next(balance for balance in self.view["balance"] if balance["currency"] == currency)

    def finding(self, code: str) -> Json:
        found = [finding for finding in self.view["findings"] if finding["code"] == code]
        assert len(found) == 1, [(f["code"], f["amount"], f["text"]) for f in self.view["findings"]]
        assert found[0]["text"], "a finding says what happened"
        assert found[0]["action"], "a finding says what to do"
        return found[0]

    @property
    def codes(self) -> set[str]:
        return {finding["code"] for finding in self.view["findings"]}


def look_at(said: Said, environ: Mapping[str, str], *, as_json: bool) -> None:
    """What holds for every answer of every command."""
    everything = said.out + said.err
    assert "Traceback" not in everything, everything[-3000:]
    for name in _SECRETS:
        assert not environ.get(name) or environ[name] not in everything, f"{name} was shown"
    assert "sig=" not in everything
    assert "Bearer " not in everything
    if as_json:
        json.loads(said.out)  # one document and nothing beside it, also when the command fails
    if not as_json:
        assert said.out == "" or said.status == 0, "prose belongs on stderr"


def told(said: Said, status: int, what: str, to_do: str) -> None:
    """A refusal: its status, what happened and what to do, in words of a person."""
    assert said.status == status, (said.status, said.words)
    assert re.search(what, said.words), f"{what!r} is not said: {said.words}"
    assert re.search(to_do, said.words), f"{to_do!r} is not said: {said.words}"
