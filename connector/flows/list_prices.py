"""Getting Microsoft's price sheets and exchange rates, by month: fetch, keep untouched, import like any file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from connector.errors import Misconfigured
from connector.flows.configure import ImportReport, import_file
from connector.flows.world import World
from connector.sources import RawFile
from connector.sources.price_sheets import SheetRequest, fetch_exchange_rates, fetch_price_sheet, require_user
from connector.store import price_sheets
from connector.store.database import reading
from connector.store.price_sheets import ImportedSheet, KnownSheet
from mappings.price_sheet import VIEWS

_SHEETS = "price-sheets"
_RATES = "exchange-rates"


@dataclass(frozen=True, slots=True)
class Pulled:
    """What was fetched, and what its import did or would do. `raw_file` is below the data folder, empty on a dry
    run, which keeps nothing."""

    month: str
    raw: RawFile
    raw_file: str
    report: ImportReport


def pull_price_sheet(
    world: World, *, market: str = "", view: str = VIEWS[0], month: str = "", dry_run: bool = False, who: str = "cli"
) -> Pulled:
    """The price sheet of a month (YYYY-MM; the running one by default) for a market.

    Raises Misconfigured (a market that nobody named, a month to come, no App+User access), Refused, Transient.
    """
    if view not in VIEWS:
        raise Misconfigured(f"{view!r} is not a view of the price sheets.", action=f"Use one of {', '.join(VIEWS)}.")
    today = f"{world.today():%Y-%m}"
    month = month or today
    if month > today:
        raise Misconfigured(f"The price sheet of {month} is not published yet.", code="month", action="Wait for it.")
    market = market.upper() or _only_market(world)
    request = SheetRequest(market, view, month, current=month == today)
    with _folders(world, _SHEETS, dry_run) as (folder, work):
        world.progress(f"Fetching the price sheet {request.name}")
        fetched = fetch_price_sheet(world.microsoft(), request, folder, work, sleep=world.sleep)
        raw_file = "" if dry_run else fetched.raw.path.relative_to(world.data_dir).as_posix()
        world.progress(f"Importing the price sheet {request.name}")
        report = import_file(
            world.engine,
            "list-prices",
            fetched.text,
            dry_run=dry_run,
            who=who,
            why=f"price sheet {view} {market} of {month}, fetched from Microsoft",
            month=month,
            sheet=ImportedSheet(view, market, month, "", raw_file),
        )
    return Pulled(month, fetched.raw, raw_file, report)


def pull_exchange_rates(world: World, *, month: str = "", dry_run: bool = False, who: str = "cli") -> Pulled:
    """Microsoft's exchange rates of a month: from each currency to USD, dated its first day."""
    today = f"{world.today():%Y-%m}"
    month = month or today
    if month > today:
        raise Misconfigured(f"The rates of {month} are not published yet.", code="month", action="Wait for them.")
    with _folders(world, _RATES, dry_run) as (folder, work):
        world.progress(f"Fetching the exchange rates of {month}")
        fetched = fetch_exchange_rates(world.microsoft(), month, folder, work, sleep=world.sleep)
        raw_file = "" if dry_run else fetched.raw.path.relative_to(world.data_dir).as_posix()
        report = import_file(
            world.engine,
            "rates",
            fetched.text,
            dry_run=dry_run,
            who=who,
            why=f"exchange rates of {month}, fetched from Microsoft",
            month=month,
        )
    return Pulled(month, fetched.raw, raw_file, report)


def known_sheets(world: World) -> list[KnownSheet]:
    """Every price sheet that is known, newest month first."""
    with reading(world.engine) as connection:
        return price_sheets.known_sheets(connection)


def _only_market(world: World) -> str:
    """The market of the sheets known so far. Before that nobody but a person knows it."""
    # without a user no market helps
    require_user(world.microsoft())
    markets = {sheet.market for sheet in known_sheets(world) if sheet.market}
    if len(markets) == 1:
        return markets.pop()
    raise Misconfigured(
        "Which market's price sheet to fetch is not known.",
        code="market",
        action="Say it once with --market, for example --market DE.",
    )


@contextmanager
def _folders(world: World, name: str, dry_run: bool) -> Iterator[tuple[Path, Path]]:
    """Where the raw file is kept, on a dry run not for long, and where it is unpacked."""
    world.data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=world.data_dir, prefix=".unpacked-") as work:
        yield (Path(work) / "kept" if dry_run else world.data_dir / "raw" / name), Path(work)
