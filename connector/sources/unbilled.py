"""Unbilled reconciliation lines: the export of the running or the last month, in one billing currency.

The machinery is graph_export's; here are only the request and the reading. Microsoft says "no data" where a month has
no lines yet or is billed already: that is an empty answer, not a failure (partner-center/exports.md section 2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from connector.domain.lines import QuarantinedLine, ReconciliationLine
from connector.domain.unbilled import UnbilledPeriod
from connector.outside.http import HttpClient
from connector.outside.microsoft import MicrosoftApi
from connector.sources import NoData, Progress, RawFile, no_progress
from connector.sources.fields import Origin, decode_set
from connector.sources.graph_export import ExportRequest, Patience, export
from connector.sources.raw_lines import read_json_lines

UNBILLED = "unbilled"
"""Stands where billed lines have the number of their invoice."""


def fetch_unbilled(
    api: MicrosoftApi,
    http: HttpClient,
    currency: str,
    which: UnbilledPeriod,
    folder: Path,
    *,
    patience: Patience,
    progress: Progress = no_progress,
) -> tuple[RawFile, ...]:
    """The files of one currency below `folder`, kept as they came; none where Microsoft has no data."""
    request = ExportRequest("reconciliation", currency=currency, unbilled_period=which)
    folder.mkdir(parents=True, exist_ok=True)
    found = export(api, http, request, folder, patience=patience, progress=progress)
    return () if isinstance(found, NoData) else found.files


def read_unbilled(files: Iterable[RawFile]) -> Iterator[ReconciliationLine | QuarantinedLine]:
    """Every line as it came, by the same reader as billed lines."""
    return decode_set([(Origin(UNBILLED, file.name), read_json_lines(file.path)) for file in files])
