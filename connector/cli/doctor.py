"""`connector doctor`: is everything connected, and what is to do where it is not?"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import click
from rich.markup import escape

from connector.cli.output import emit, fail, json_option, prose, styled, table
from connector.errors import ConnectorError, Misconfigured
from connector.flows.world import World
from connector.jobs.queue import Bell, check_policy
from connector.ledgers import LedgerError
from connector.settings import Settings, read_settings
from connector.store import decisions, work
from connector.store.database import reading
from connector.wiring import NoticeVerifier, build_world, link_keys

_CLOCK_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was looked at. `state`: verified (it works), warning (it goes without), error (it does not).

    `silent`: an outside system did not answer.
    """

    name: str
    state: str
    text: str
    action: str = ""
    silent: bool = False


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check every setting, credential, right, ledger connection and mapping; say what to do."""
    try:
        settings = read_settings()
        world = build_world(settings)
    except Misconfigured as error:
        if as_json:
            emit({"ok": False, "checks": [_view(Checked("settings", "error", error.sentence, error.action))]})
        fail(error)
    found = list(_all_checks(settings, world))
    if as_json:
        emit(
            {
                "ok": not any(item.state == "error" for item in found),
                "checks": [_view(item) for item in found],
            }
        )
    else:
        rows = table("", "what", "")
        for item in found:
            words = escape(item.text) + (f"\n[dim]{escape(item.action)}[/dim]" if item.action else "")
            rows.add_row(styled(item.state), escape(item.name), words)
        prose.print(rows)
    sys.exit(_status(found))


def _status(found: list[Checked]) -> int:
    """Wrong settings end with 2, an outside system that does not answer with 3."""
    errors = [item for item in found if item.state == "error"]
    if not errors:
        return 0
    return 3 if all(item.silent for item in errors) else 2


def _view(item: Checked) -> dict[str, str]:
    return {"name": item.name, "state": item.state, "text": item.text, "action": item.action}


def _all_checks(settings: Settings, world: World) -> Iterator[Checked]:
    yield Checked("settings", "verified", "All settings can be read")
    yield Checked("database", "verified", f"{world.engine.dialect.name}, schema current")
    yield from _keys(settings)
    yield from _microsoft(settings, world)
    yield from _notices(settings)
    yield from _redis(settings, world)
    yield from _clock(world)
    yield from _ledgers(world)
    yield from _decided(world)


def _keys(settings: Settings) -> Iterator[Checked]:
    kept = settings.data_dir / "secret_key"
    if kept.exists() and kept.read_text().strip() == settings.secret_key:
        yield Checked(
            "keys",
            "warning",
            f"SECRET_KEY and ENCRYPTION_KEY may come from {settings.data_dir.name}/, made by us",
            "Keep a copy: without them links stop working and stored secrets cannot be read.",
        )
    else:
        yield Checked("keys", "verified", f"Key id {link_keys(settings.secret_key)[0][0]}")
    if settings.public_url.startswith("http://127.0.0.1"):
        yield Checked(
            "public address",
            "warning",
            f"Links begin with {settings.public_url}: only this machine can open them",
            "Set PUBLIC_URL to the https address customers reach.",
        )


def _tried(name: str, what: Callable[[], str]) -> Checked:
    try:
        return Checked(name, "verified", what())
    except (ConnectorError, LedgerError) as error:
        return _failed(name, error)


def _failed(name: str, error: ConnectorError | LedgerError) -> Checked:
    if isinstance(error, ConnectorError):
        return Checked(name, "error", error.sentence, error.action, silent=error.exit_status == 3)
    silent = error.code in ("transient", "outcome_unknown", "rate_limited")
    action = "Check that it runs and can be reached." if silent else "Check the connection's settings."
    return Checked(name, "error", error.text, action, silent=silent)


def _microsoft(settings: Settings, world: World) -> Iterator[Checked]:
    if not settings.microsoft.tenant_id:
        yield Checked(
            "Microsoft",
            "error",
            "MICROSOFT_TENANT_ID is not set",
            "Set MICROSOFT_TENANT_ID, MICROSOFT_CLIENT_ID and MICROSOFT_CLIENT_SECRET (README, “Connect a partner "
            "account”).",
        )
        return

    def invoices() -> str:
        api = world.microsoft()
        page = api.get_json("partner_center", api.url("partner_center", "/v1/invoices?size=1&offset=0"))
        return f"Partner Center answers ({len(page.get('items') or [])} invoices on the first page)"

    yield _tried("Partner Center", invoices)
    yield _tried("Microsoft Graph", lambda: _graph(world))


def _graph(world: World) -> str:
    world.microsoft().sign_in("graph")
    return "A token for the billing exports was given"


def _notices(settings: Settings) -> Iterator[Checked]:
    def trust() -> str:
        NoticeVerifier(settings)
        return "The signer of notices can be checked"

    yield _tried("notices", trust)


def _redis(settings: Settings, world: World) -> Iterator[Checked]:
    if not settings.redis_url:
        yield Checked("Redis", "warning", "REDIS_URL is not set: the clock does the work itself, slowly")
        return
    if not Bell(settings.redis_url).works():
        yield Checked(
            "Redis",
            "warning",
            "No answer: the clock does the work meanwhile",
            "Start Redis, or correct REDIS_URL.",
        )
        return

    def policy() -> str:
        check_policy(settings.redis_url)
        return "It answers and keeps what it is given"

    yield _tried("Redis", policy)


def _clock(world: World) -> Iterator[Checked]:
    with reading(world.engine) as connection:
        age = work.clock_age(connection)
        held = [item for item in work.all_work(connection) if item.state == "held"]
    if age is None or age.total_seconds() > _CLOCK_SECONDS:
        yield Checked(
            "clock",
            "warning",
            "The clock does not run: nothing happens by itself",
            "Start `connector up` or `connector clock`; `connector sync` works without it.",
        )
    else:
        yield Checked("clock", "verified", f"It ticked {int(age.total_seconds())} s ago")
    for item in held:
        yield Checked("work", "error", f"{item.task} {item.subject} is held: {item.last_error}", "Mend it and sync.")


def _ledgers(world: World) -> Iterator[Checked]:
    try:
        connections = world.ledgers()
    except Misconfigured as error:
        yield Checked("ledgers", "error", error.sentence, error.action)
        return
    if not connections:
        yield Checked(
            "ledgers",
            "warning",
            "No ledger is connected: nothing can be pushed",
            "Write a ledgers file (docs/ledgers/) and run `connector import ledgers FILE`.",
        )
    for connection in connections:
        name = f"ledger {connection.name}"
        try:
            items = connection.open().check()
        except (ConnectorError, LedgerError) as error:
            yield _failed(name, error)
            continue
        for item in items:
            state, action = ("verified", "") if item.ok else ("error", item.action)
            yield Checked(f"{name}: {item.name}", state, item.text, action, silent=item.silent)


def _decided(world: World) -> Iterator[Checked]:
    with reading(world.engine) as connection:
        organisations = decisions.organisations(connection)
        links = decisions.tenant_links(connection)
        rules = decisions.price_rules(connection)
        names = {one.name for one in decisions.ledgers(connection)}
    for name, rows, file in (
        ("organisations", organisations, "organisations"),
        ("tenant links", links, "links"),
        ("prices", rules, "prices"),
    ):
        if rows:
            yield Checked(name, "verified", f"{len(rows)} imported")
        else:
            yield Checked(
                name, "warning", "None imported yet", f"Run `connector import {file} FILE` (docs/imports.md)."
            )
    lost = sorted({o.ledger for o in organisations.values() if o.ledger} - names)
    if lost:
        yield Checked(
            "organisations' ledgers",
            "error",
            f"Not connected: {', '.join(lost)}",
            "Import these ledger connections or correct the organisations file.",
        )
