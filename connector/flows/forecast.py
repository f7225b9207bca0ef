"""What the next invoice will be: Microsoft's unbilled lines at today's prices. An estimate, never a document.

Nothing here touches periods, lines, placements, documents, links or postings: only the table `forecasts` is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.domain.lines import QuarantinedLine, ReconciliationLine
from connector.domain.money import known_currency
from connector.domain.period import BillingPeriod
from connector.domain.unbilled import UnbilledPeriod, unbilled_period
from connector.errors import ConnectorError, Misconfigured, Refused, Transient
from connector.flows.estimate import Pulled, estimate
from connector.flows.forecast_view import forecast_view
from connector.flows.world import World
from connector.sources.fields import MissingMoneyColumn
from connector.sources.graph_export import Patience
from connector.sources.raw_lines import UnreadableFile
from connector.sources.unbilled import UNBILLED, fetch_unbilled, read_unbilled
from connector.store import forecasts
from connector.store.database import database_now, reading, writing

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Forecast:
    """A forecast as data, and why it is not today's where Microsoft did not answer."""

    view: Json
    trouble: ConnectorError | None = None


def forecast(world: World, period: str, *, pull: bool = True, currencies: Sequence[str] = ()) -> Forecast:
    """Pull, price and keep the forecast of a month; without `pull` show the one that was kept.

    Raises Misconfigured for a month without unbilled lines or where no currency is known, and Transient when
    Microsoft does not answer and nothing was kept.
    """
    if not pull:
        return Forecast(_kept(world, period))
    which = unbilled_period(BillingPeriod.parse(period), world.today())
    if which is None:
        raise Misconfigured(
            f"Microsoft has unbilled lines of the running month and of the one before only, not of {period}.",
            code="no_unbilled_month",
            action=f"See `connector month show {period}`, or an older forecast with --no-pull.",
        )
    try:
        pulled = [_pull(world, period, which, currency) for currency in _currencies(world, currencies)]
    except (Transient, UnreadableFile) as error:
        if isinstance(error, MissingMoneyColumn):
            raise
        return Forecast(_kept(world, period, error), _unavailable(error))
    with reading(world.engine) as connection:
        view = forecast_view(connection, world, estimate(world, connection, period, pulled))
    with writing(world.engine) as connection:
        forecasts.write(connection, period, [file for one in pulled for file in _files(one)], view)
    return Forecast(_kept(world, period))


def _kept(world: World, period: str, error: ConnectorError | None = None) -> Json:
    """The stored forecast with its age in minutes; without one the error is all there is."""
    with reading(world.engine) as connection:
        stored = forecasts.find(connection, period)
        now = database_now(connection)
    if stored is None:
        raise error or Refused(
            f"No forecast of {period} was made yet.", code="no_forecast", action=f"Run `connector forecast {period}`."
        )
    age = int((now - stored.pulled_at).total_seconds()) // 60
    return {**stored.view, "pulled_at": stored.pulled_at.isoformat(), "age_minutes": age, "files": stored.files}


def _unavailable(error: ConnectorError) -> ConnectorError:
    """A set that was cut on every try is the other side's trouble: run again (exit status 3)."""
    if isinstance(error, Transient):
        return error
    return Transient(error.sentence, code=error.code, system="Microsoft Graph")


def _currencies(world: World, asked: Sequence[str]) -> list[str]:
    if asked:
        unknown = [text for text in asked if known_currency(text) is None]
        if unknown:
            raise Misconfigured(f"{', '.join(unknown)}: not a currency of ISO 4217.", action="Write it as EUR or USD.")
        return sorted({text.strip().upper() for text in asked})
    with reading(world.engine) as connection:
        found = forecasts.billing_currencies(connection)
    if not found:
        raise Misconfigured(
            "No invoice of Microsoft's came yet, so it is not known in which currency you are billed.",
            code="currency_unknown",
            action="Name it: `connector forecast --currency EUR`.",
        )
    return found


def _pull(world: World, period: str, which: UnbilledPeriod, currency: str) -> Pulled:
    def show(done_bytes: int, total_bytes: int | None, text: str) -> None:
        world.progress(f"Unbilled lines of {period} in {currency}: {text}", done_bytes, total_bytes or 0)

    world.progress(f"Asking for the unbilled lines of {period} in {currency}")
    files = fetch_unbilled(
        world.microsoft(),
        world.http(),
        currency,
        which,
        _folder(world, period),
        patience=Patience(seconds=world.export_patience, sleep=world.sleep),
        progress=show,
    )
    lines: list[ReconciliationLine | QuarantinedLine] = []
    for count, line in enumerate(read_unbilled(files), start=1):
        lines.append(line)
        if count % 5000 == 0:
            world.progress(f"Reading the unbilled lines of {period}", count)
    return Pulled(currency, files, tuple(lines))


def _folder(world: World, period: str) -> Path:
    return world.data_dir / "raw" / UNBILLED / period


def _files(one: Pulled) -> list[Json]:
    return [
        {
            "currency": one.currency,
            "name": file.name,
            "path": str(file.path),
            "size": file.size,
            "sha256": file.sha256,
        }
        for file in one.files
    ]
