"""Microsoft's price sheets and exchange rates: one file each, kept exactly as it arrived (customers-and-prices.md 4).

Only App+User tokens are accepted (auth.md section 1). What a row means is decided where files are read
(mappings/price_sheet.py, mappings/exchange_sheet.py); here a file is whole and of the right kind, or refused.
"""

from __future__ import annotations

import csv
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from connector.errors import Misconfigured, Refused, Transient
from connector.outside.microsoft import MicrosoftApi
from connector.outside.zip_download import Limits, fetch_zip
from connector.sources import Progress, RawFile, no_progress, raw_file

Timeline = Literal["current", "history"]
# All that every view has (customers-and-prices.md section 4); what a sheet is good for is seen when it is read.
_SHEET_COLUMNS = ("ProductId", "SkuId", "TermDuration", "Market", "Currency", "UnitPrice", "EffectiveStartDate")
_RATE_COLUMNS = ("CurrencyCode", "USDPerUnit")
_MARKET = re.compile(r"[A-Z]{2}", re.ASCII)
_VIEW = re.compile(r"[a-z_]{1,40}", re.ASCII)
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, slots=True)
class SheetRequest:
    """Which price sheet. `month` is YYYY-MM; `current`: it is the running month, whose sheet has no month in its
    address.

    >>> SheetRequest("DE", "updatedlicensebased", "2026-10", current=False).path
    "/v1.0/sales/pricesheets(Market='DE',PricesheetView='updatedlicensebased')/$value?timeline=history&month=202610"
    """

    market: str
    view: str
    month: str
    current: bool

    @property
    def path(self) -> str:
        timeline = "timeline=current" if self.current else f"timeline=history&month={self.month.replace('-', '')}"
        return f"/v1.0/sales/pricesheets(Market='{self.market}',PricesheetView='{self.view}')/$value?{timeline}"

    @property
    def name(self) -> str:
        """What its raw file's name begins with."""
        return f"{self.view}-{self.market}-{self.month}"


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file as it arrived, kept, and its text unpacked for reading."""

    raw: RawFile
    text: Path


def fetch_price_sheet(
    api: MicrosoftApi,
    request: SheetRequest,
    folder: Path,
    work: Path,
    *,
    limits: Limits | None = None,
    sleep: Callable[[float], None] = time.sleep,
    progress: Progress = no_progress,
) -> FetchedFile:
    """Keep a sheet in `folder` and unpack it in `work`.

    Raises Misconfigured (no App+User access), Refused (there is none, or not a price sheet), Transient.
    """
    if not _MARKET.fullmatch(request.market) or not _VIEW.fullmatch(request.view):
        raise Misconfigured("A market is two letters, for example DE.", code="market")
    return _fetch(api, request.path, request.name, _SHEET_COLUMNS, folder, work, limits, sleep, progress)


def fetch_exchange_rates(
    api: MicrosoftApi,
    month: str,
    folder: Path,
    work: Path,
    *,
    limits: Limits | None = None,
    sleep: Callable[[float], None] = time.sleep,
    progress: Progress = no_progress,
) -> FetchedFile:
    """The rates of a month (YYYY-MM), like a price sheet."""
    if not _MONTH.fullmatch(month):
        raise Misconfigured("A month is written as 2026-10.", code="month")
    path = f"/v1.0/sales/fxrates(Month='{month.replace('-', '')}')/$value"
    return _fetch(api, path, f"fxrates-{month}", _RATE_COLUMNS, folder, work, limits, sleep, progress)


def _fetch(
    api: MicrosoftApi,
    path: str,
    name: str,
    columns: Collection[str],
    folder: Path,
    work: Path,
    limits: Limits | None,
    sleep: Callable[[float], None],
    progress: Progress,
) -> FetchedFile:
    require_user(api)
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work, prefix="fetch-") as staging:
        raw, text = Path(staging) / "raw", Path(staging) / "text"
        fetch_zip(
            api,
            "pricing",
            api.url("pricing", path),
            raw,
            text,
            limits=limits,
            sleep=sleep,
            progress=lambda size: progress(size, None, name),
        )
        _check(text, columns)
        with raw.open("rb") as file:
            packed = file.read(2) == b"PK"
        # the name carries the fingerprint: another sheet of the same month lies beside the first
        kept = raw_file(name, raw)
        final = folder / f"{name}-{kept.sha256[:16]}.{'zip' if packed else 'csv'}"
        folder.mkdir(parents=True, exist_ok=True)
        if not final.exists():
            shutil.move(raw, final.with_suffix(".part"))
            final.with_suffix(".part").replace(final)
        out = work / f"{name}.csv"
        text.replace(out)
    return FetchedFile(RawFile(final.name, final, kept.size, kept.sha256), out)


def require_user(api: MicrosoftApi) -> None:
    """Misconfigured unless the account can sign in as a user: an application alone is refused here (auth.md 1)."""
    if not api.account.refresh_token:
        raise Misconfigured(
            "Price sheets and exchange rates are given to a signed-in user only, not to the application alone.",
            code="refresh_token_needed",
            system="Microsoft's price service",
            action="Set MICROSOFT_REFRESH_TOKEN to the refresh token of an admin agent or sales agent who signed in "
            "with multi-factor authentication (docs/operations.md), or download the sheet in Partner Center and "
            "run `connector import list-prices FILE`.",
        )


def _check(text: Path, columns: Collection[str]) -> None:
    """A table of the right columns with at least one row; anything else is no answer to what was asked."""
    with text.open("rb") as file:
        head = file.read(1 << 16)
    if head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in (b"<", b"{"):
        raise Transient("Microsoft's price service gave a page instead of a table.", code="unreadable_answer")
    first, _, rest = head.decode("utf-8-sig", "replace").lstrip("\r\n").partition("\n")
    names = {name.strip().casefold() for name in next(csv.reader([first]), [])}
    missing = [column for column in columns if column.casefold() not in names]
    if missing:
        raise Refused(
            f"Microsoft's price service gave a table without the columns {', '.join(missing)}.",
            code="price_sheet_columns",
            action="Nothing was changed. Download the file in Partner Center and look at it.",
        )
    if not rest.strip():
        raise Refused(
            "Microsoft's price service gave a table without a single row.",
            code="price_sheet_empty",
            action="Nothing was changed. Try another market or month, or again tomorrow.",
        )
