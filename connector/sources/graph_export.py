"""Graph's asynchronous export of new commerce lines: ask, wait, read the manifest, fetch every file, look
again.

exports.md sections 1 to 4; reliability.md section 2 ("Downloads"), faults 41 to 43. A set is accepted only
if every named file arrived whole and the manifest's eTag is the same at the end. Files of a state that
changed stay in the folder of their eTag, as evidence.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from connector.errors import ConnectorError, Refused, Transient
from connector.outside.addresses import BadAddress, origin_of
from connector.outside.export_manifest import BadManifest, ForeignTenant, Manifest, manifest_of
from connector.outside.gzip_download import BrokenFile, Limits, fetch_gzip
from connector.outside.http import HttpClient
from connector.outside.microsoft import MicrosoftApi, require_json
from connector.sources import ExportSet, NoData, Progress, RawFile, no_progress

DEFAULT_PATIENCE = 3600.0
DEFAULT_POLL_SECONDS = 10.0
"""Between two looks where Graph names no time (exports.md section 2)."""
MAX_POLL_SECONDS = 300.0
MAX_SETS = 3
"""So many times a set that changed or is broken is asked for again."""
MAX_RENEWALS = 10
NO_DATA_CODE = "5000"

Kind = Literal["reconciliation", "usage"]


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to export: an invoice, or the unbilled lines of a currency for `current` or `last` month.

    >>> ExportRequest("usage", invoice_id="G1").path
    '/reports/partners/billing/usage/billed/export'
    """

    kind: Kind
    invoice_id: str = ""
    currency: str = ""
    unbilled_period: Literal["", "current", "last"] = ""
    version: str = "v1.0"

    @property
    def path(self) -> str:
        return f"/reports/partners/billing/{self.kind}/{'billed' if self.invoice_id else 'unbilled'}/export"

    @property
    def name(self) -> str:
        """What the folder of its files begins with."""
        return f"{self.kind}-{self.invoice_id or f'unbilled-{self.currency}-{self.unbilled_period}'}"

    def body(self) -> dict[str, str]:
        """`full`: the basic attribute set lacks Quantity and more (exports.md section 5)."""
        if self.invoice_id:
            return {"invoiceId": self.invoice_id, "attributeSet": "full"}
        return {
            "currencyCode": self.currency,
            "billingPeriod": self.unbilled_period,
            "attributeSet": "full",
        }


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for Graph, and how waiting is done."""

    seconds: float = DEFAULT_PATIENCE
    poll_seconds: float = DEFAULT_POLL_SECONDS
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


class _Changed(Exception):
    """The data changed while it was fetched: the set begins again."""


@dataclass(frozen=True, slots=True)
class _Finished:
    """A finished operation: where its manifest can be read again, and the manifest if it came along."""

    address: str
    inline: bool
    manifest: Manifest | None = field(repr=False)


def export(
    api: MicrosoftApi,
    http: HttpClient,
    request: ExportRequest,
    folder: Path,
    *,
    patience: Patience | None = None,
    limits: Limits | None = None,
    progress: Progress = no_progress,
) -> ExportSet | NoData:
    """Fetch one export into a folder below `folder`. `http` may call EXPORT_BLOB_HOSTS and nothing else.

    Raises Refused (unknown invoice, foreign tenant), Misconfigured (rights, hosts), Transient (not whole in
    spite of all tries: the period stays incomplete).
    """
    calls = _Calls(api, request, patience or Patience())
    fetcher = _Fetcher(calls, http, folder, limits or Limits(), progress)
    trouble: ConnectorError | None = None
    for _ in range(MAX_SETS):
        try:
            finished = calls.run_export()
            if isinstance(finished, NoData):
                return finished
            return fetcher.fetch(finished)
        except ForeignTenant as reason:
            raise Refused(f"Graph gave an export that is not ours: {reason}.", code="foreign_tenant") from None
        except BadManifest as reason:
            trouble = Transient(f"An export cannot be accepted: {reason}.", code="manifest_broken")
        except BrokenFile as reason:
            trouble = reason
        except _Changed:
            trouble = Transient("The data changed every time while it was fetched.", code="export_changes")
    assert trouble is not None
    raise trouble


class _Calls:
    """The conversation with Graph for one request."""

    def __init__(self, api: MicrosoftApi, request: ExportRequest, patience: Patience) -> None:
        self._api = api
        self.request = request
        self._patience = patience
        self._base = api.url("graph", f"/{request.version}")
        self._ends_at = patience.clock() + patience.seconds
        self.sleep = patience.sleep

    def run_export(self) -> _Finished | NoData:
        """Ask and wait. A failure other than "no data" gets one fresh export (exports.md section 2)."""
        reference = ""
        for _ in range(2):
            answer = self._api.send("graph", "POST", self._base + self.request.path, json=self.request.body())
            address = self._operation_address(answer.headers)
            outcome = self._wait(address) if address else {}
            if outcome.get("status") == "succeeded":
                return self._finished(outcome, address)
            error = outcome.get("error")
            code = str(error.get("code", "")) if isinstance(error, dict) else ""
            reference = str(outcome.get("id", ""))[:64]
            if code == NO_DATA_CODE:
                return NoData(reference)
        raise Transient(
            "Graph could not make the export.",
            code="export_failed",
            system="Microsoft Graph",
            reference=reference,
        )

    def read_again(self, finished: _Finished) -> Manifest | None:
        """The manifest as it is now, with a new permission; None if its address is no longer there."""
        try:
            found = require_json(self._api.send("graph", "GET", finished.address))
        except Refused as gone:
            if gone.status in (404, 410):
                return None
            raise
        inline = found.get("resourceLocation") if finished.inline and isinstance(found, dict) else found
        return manifest_of(inline, self._api.account.tenant_id)

    def _wait(self, address: str) -> dict[str, Any]:
        """Poll until the operation has ended; {} if it is not known any more."""
        while True:
            try:
                answer = self._api.send("graph", "GET", address)
            except Refused as gone:
                if gone.status in (404, 410):
                    return {}
                raise
            found = require_json(answer)
            if not isinstance(found, dict):
                raise Transient("Graph's answer is not an operation.", code="unreadable_answer")
            if str(found.get("status", "")) in ("succeeded", "failed"):
                return found
            # Microsoft's own sample fails where Retry-After is absent; it may be (exports.md section 2)
            asked = answer.retry_after
            pause = self._patience.poll_seconds if asked is None else min(float(asked), MAX_POLL_SECONDS)
            if self._patience.clock() + pause > self._ends_at:
                raise Transient(
                    "Graph is still making the export.",
                    code="export_slow",
                    system="Microsoft Graph",
                    action="It is asked for again later.",
                )
            self.sleep(pause)

    def _operation_address(self, headers: Mapping[str, str]) -> str:
        # Operation-Location is what the retired beta used (exports.md section 1)
        given = headers.get("Location") or headers.get("Operation-Location") or ""
        return self._ours(given, "operations")

    def _finished(self, operation: dict[str, Any], address: str) -> _Finished:
        """Inline object, link, or neither: then the operation's own property is asked for."""
        inline = operation.get("resourceLocation")
        if isinstance(inline, dict):
            return _Finished(address, True, manifest_of(inline, self._api.account.tenant_id))
        link = operation.get("resourceLocation@odata.navigationLink")
        if not isinstance(link, str):
            link = inline if isinstance(inline, str) else ""
        where = self._ours(link, "manifests")
        finished = (
            _Finished(where, False, None) if where else _Finished(f"{address}?$expand=resourceLocation", True, None)
        )
        found = self.read_again(finished)
        if found is None:
            raise BadManifest("the manifest is not there")
        return replace(finished, manifest=found)

    def _ours(self, given: str, resource: str) -> str:
        """An address on Graph's own host: as given, or built from the id at its end."""
        path = given.partition("?")[0].rstrip("/")
        number = path.rpartition("/")[2]
        try:
            if origin_of(given) == origin_of(self._base):
                return given
        except BadAddress:
            pass
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", number):
            return ""
        return f"{self._base}/reports/partners/billing/{resource}/{number}"


class _Fetcher:
    """Fetches the files of one set, renewing the permission on the way."""

    def __init__(self, calls: _Calls, http: HttpClient, folder: Path, limits: Limits, progress: Progress) -> None:
        self._calls = calls
        self._http = http
        self._folder = folder
        self._limits = limits
        self._progress = progress
        self._renewals = 0

    def fetch(self, finished: _Finished) -> ExportSet:
        """Every file of the set, or _Changed."""
        assert finished.manifest is not None
        self._finished, self._manifest = finished, finished.manifest
        target = self._new_folder()
        files: list[RawFile] = []
        for number, name in enumerate(self._manifest.names, 1):
            text = f"file {number} of {len(self._manifest.names)}"
            files.append(self._one(name, target / name, sum(file.size for file in files), text))
        self._same_as_before(self._calls.read_again(self._finished))
        return ExportSet(self._manifest.etag, tuple(files))

    def _new_folder(self) -> Path:
        """A folder nobody has written to: what an earlier fetch accepted or gave up stays as it is.

        Nothing of an earlier fetch is used again: a file can be a whole gzip file and still lack lines, which
        only the header shows, and fetching again is then the remedy (interfaces.md section 8).
        """
        name = f"{self._calls.request.name}-{self._manifest.folder_name()}"
        number = 1
        while True:
            target = self._folder / (name if number == 1 else f"{name}-{number}")
            try:
                target.mkdir(parents=True)
            except FileExistsError:
                number += 1
            else:
                return target

    def _one(self, name: str, path: Path, before: int, text: str) -> RawFile:
        facts = fetch_gzip(
            self._http,
            lambda: self._manifest.address_of(name),
            path,
            renew=self._renew,
            limits=self._limits,
            sleep=self._calls.sleep,
            progress=lambda size: self._progress(before + size, None, text),
        )
        self._progress(before + facts.size, None, text)
        return RawFile(name, path, facts.size, facts.sha256)

    def _renew(self) -> None:
        """A new permission: from the manifest, or from a fresh export if that gives no new one (fault 42)."""
        self._renewals += 1
        if self._renewals > MAX_RENEWALS:
            raise Transient("The storage of the export refuses every permission.", code="export_permission")
        found = self._calls.read_again(self._finished)
        if found is None or found.permission == self._manifest.permission:
            fresh = self._calls.run_export()
            if isinstance(fresh, NoData) or fresh.manifest is None:
                raise _Changed
            self._finished, found = fresh, fresh.manifest
        self._same_as_before(found)
        self._manifest = replace(found, names=self._manifest.names)

    def _same_as_before(self, found: Manifest | None) -> None:
        if found is None:
            fresh = self._calls.run_export()
            if isinstance(fresh, NoData):
                raise _Changed
            found = fresh.manifest
        if found is None or not found.same_set(self._manifest):
            raise _Changed
