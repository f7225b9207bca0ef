"""Fetch everything an invoice announces, keep it untouched, read its lines: whole or not at all.

A failed fetch leaves the invoice `waiting` with the reason in words; what arrived before stays as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection

from connector.domain.lines import LinePlatform, QuarantinedLine, ReconciliationLine
from connector.domain.period import BillingPeriod
from connector.errors import ConnectorError, Misconfigured, Refused, Transient
from connector.flows.check import check_invoice
from connector.flows.world import World
from connector.sources import NoData, RawFile
from connector.sources.fields import MissingMoneyColumn, Origin, decode_set
from connector.sources.graph_export import ExportRequest, Patience, export
from connector.sources.partner_center import fetch_line_items
from connector.sources.raw_lines import RawRecord, UnreadableFile, read_json_lines, read_line_item_pages
from connector.sources.usage_rows import UsageBatch, UsageResult, read_usage_lines, read_usage_records
from connector.store import closings, periods, usage
from connector.store import lines as stored
from connector.store.database import database_now, reading, writing
from connector.store.lines import UsageGroup
from connector.store.periods import StoredInvoice
from connector.store.usage_load import UsageLoad

# Older new commerce is served by v1 only (partner-center/README.md, "Which interface carries which lines").
_FIRST_EXPORTED_LINES = BillingPeriod(2024, 2)
_FIRST_EXPORTED_USAGE = BillingPeriod(2022, 9)


@dataclass(frozen=True, slots=True)
class Fetched:
    """One set of raw files of one kind; `tag` changes when the data does."""

    kind: str
    tag: str
    files: tuple[RawFile, ...]


def needs_pull(connection: Connection, item: StoredInvoice, *, again: bool = False) -> bool:
    """Whether an invoice has to be pulled (again): not whole, not adding up, lines unreadable, usage missing.

    `again`: a person wants to know whether Microsoft changed the lines under an unchanged header.
    """
    if item.source == "file":
        return False
    if item.arrival != "whole" or again:
        return True
    if item.header.voided:
        return False
    quarantined = stored.quarantined_of(connection, item.header.id)
    lines = list(stored.lines_of_invoice(connection, item.header.id))
    groups = stored.usage_groups_of(connection, item.header.id)
    check = check_invoice(item, lines, quarantined, groups, database_now(connection))
    found = {finding.code for finding in check.findings}
    if closings.closed_invoice(connection, item.header.id):
        # its lines stay, and another header is a change that `rerate` answers
        return "usage_missing" in found
    return bool(quarantined) or not found.isdisjoint(("header_differs", "usage_missing"))


def pull_invoice(world: World, invoice_id: str) -> ConnectorError | None:
    """Pull one invoice; the error that kept it from arriving, or None. Misconfigured is raised."""
    with reading(world.engine) as connection:
        item = periods.invoice(connection, invoice_id)
    assert item is not None
    world.progress(f"Pulling {invoice_id}")
    try:
        _pull(world, item)
    except Misconfigured:
        raise
    except (Transient, Refused) as error:
        _waiting(world, item, error.sentence)
        return _as_unavailable(error)
    except ConnectorError as error:
        _waiting(world, item, error.sentence)
        return error
    return None


def _as_unavailable(error: Transient | Refused) -> ConnectorError:
    """A set that is cut on every try is the other side's trouble: nothing was lost, run again (exit status 3)."""
    if isinstance(error, UnreadableFile) and not isinstance(error, MissingMoneyColumn):
        return Transient(error.sentence, code=error.code, system="Microsoft", action=error.action)
    return error


def _waiting(world: World, item: StoredInvoice, why: str) -> None:
    with writing(world.engine) as connection:
        if item.arrival != "whole":
            periods.set_arrival(connection, item.header.id, "waiting", why)


def _pull(world: World, item: StoredInvoice) -> None:
    sets = _legacy_sets(world, item) if item.header.platform == "legacy" else [_reconciliation_set(world, item)]
    found = [one for one in sets if one is not None]
    if not any(one.files for one in found) and item.header.header_total != 0:
        if item.header.voided:
            return
        raise Refused(
            f"Microsoft has no lines for {item.header.id} yet, although its header says {item.header.header_total} "
            f"{item.header.currency}.",
            code="empty_export",
            action="It is pulled again by itself.",
        )
    tag = hashlib.sha256("\n".join(f"{one.kind} {one.tag}" for one in found).encode()).hexdigest()[:32]
    with reading(world.engine) as connection:
        closed = closings.closed_invoice(connection, item.header.id)
    if closed:
        _keep_beside(world, item.header.id, found, tag)
        tag = item.set_tag
    elif not (item.arrival == "whole" and item.set_tag == tag):
        load_lines(world, item.header.id, found, may_be_empty=item.header.header_total == 0 or item.header.voided)
    if item.header.platform == "new_commerce" and _has_usage(world, item.header.id):
        _pull_usage(world, item)
    if closed and item.arrival == "whole":
        return
    with writing(world.engine) as connection:
        periods.set_arrival(connection, item.header.id, "whole", "", tag)


def _folder(world: World, invoice_id: str) -> Path:
    folder = world.data_dir / "raw" / invoice_id
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _fresh_folder(world: World, invoice_id: str) -> Path:
    """A folder nobody has written to: pages have the same names every time, and what arrived before is evidence."""
    number = 1
    while (folder := _folder(world, invoice_id) / f"pages-{number}").exists():
        number += 1
    folder.mkdir()
    return folder


def _reconciliation_set(world: World, item: StoredInvoice) -> Fetched | None:
    if item.header.period < _FIRST_EXPORTED_LINES:
        return _v1_set(world, item, "onetime", "billinglineitems")
    fetched = _exported(world, item, ExportRequest("reconciliation", invoice_id=item.header.id))
    if fetched is None and item.header.header_total != 0 and not item.header.voided:
        raise Transient(
            f"Microsoft's export of {item.header.id} failed: it says that there is no data yet.",
            code="export_failed",
            system="Microsoft Graph",
            action="It is pulled again by itself.",
        )
    return fetched


def _exported(world: World, item: StoredInvoice, request: ExportRequest) -> Fetched | None:
    patience = Patience(seconds=world.export_patience, sleep=world.sleep)

    def show(done_bytes: int, total_bytes: int | None, text: str) -> None:
        world.progress(f"{item.header.id} {request.kind}: {text}", done_bytes, total_bytes or 0)

    result = export(
        world.microsoft(),
        world.http(),
        request,
        _folder(world, item.header.id),
        patience=patience,
        progress=show,
    )
    if isinstance(result, NoData):
        return None
    # the eTag alone does not say that these bytes are the ones it stands for (faults 41 and 45)
    content = hashlib.sha256("".join(sorted(file.sha256 for file in result.files)).encode()).hexdigest()[:16]
    return Fetched(request.kind, f"{result.manifest_etag}-{content}", result.files)


def _v1_set(world: World, item: StoredInvoice, provider: str, item_type: str) -> Fetched | None:
    def show(done_bytes: int, total_bytes: int | None, text: str) -> None:
        world.progress(f"{item.header.id} {provider}: {text}", done_bytes, total_bytes or 0)

    files = fetch_line_items(
        world.microsoft(), item.header.id, provider, item_type, _fresh_folder(world, item.header.id), progress=show
    )
    tag = hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()[:32]
    kind = "usage" if item_type == "usagelineitems" else provider
    return Fetched(kind, tag, tuple(files)) if files else None


def _legacy_sets(world: World, item: StoredInvoice) -> list[Fetched | None]:
    """Licences and usage are on the same invoice: read every provider its header names (legacy.md section 6)."""
    named = [provider for provider, kind in item.header.details if kind == "billing_line_items"]
    if named:
        return [_v1_set(world, item, name, "billinglineitems") for name in ("office", "azure") if name in named]
    found: list[Fetched | None] = []
    refusals: list[Refused] = []
    for name in ("office", "azure"):
        try:
            found.append(_v1_set(world, item, name, "billinglineitems"))
        except Refused as error:
            # the header does not say which kinds there are: a kind that is not served is not there
            refusals.append(error)
    if not found:
        raise refusals[0]
    return found


PLATFORMS: dict[str, LinePlatform] = {"office": "legacy_license", "azure": "legacy_usage"}


def load_lines(world: World, invoice_id: str, sets: list[Fetched], *, may_be_empty: bool) -> None:
    """Replace an invoice's lines with what its files hold. Read first, then write in one transaction: a set that
    turns out to be cut or empty changes nothing."""
    numbered = _register(world, invoice_id, sets)
    good: list[tuple[int, int, ReconciliationLine]] = []
    put_aside: list[QuarantinedLine] = []
    for count, (line, file_id, line_no) in enumerate(_decoded(invoice_id, sets, numbered), start=1):
        if count % 5000 == 0:
            world.progress(f"Reading {invoice_id}", count)
        if isinstance(line, QuarantinedLine):
            put_aside.append(line)
        else:
            good.append((file_id, line_no, line))
    if not good and not put_aside and not may_be_empty:
        raise Refused(
            f"The lines of {invoice_id} are empty, although its header is not.",
            code="empty_export",
            action="It is pulled again by itself.",
        )
    with writing(world.engine) as connection:
        stored.forget_lines(connection, invoice_id)
        stored.use_files(connection, list(numbered.values()))
        stored.add_lines(connection, good)
        stored.add_quarantined(connection, put_aside)
    world.passed("lines_loaded")


def _keep_beside(world: World, invoice_id: str, sets: list[Fetched], tag: str) -> None:
    """Other lines for an invoice of a closed period: kept as evidence for `rerate`, the closed rows stay."""
    with reading(world.engine) as connection:
        last = closings.latest_files(connection, invoice_id)
    if {file.sha256 for file in last} != {file.sha256 for one in sets for file in one.files}:
        _register(world, invoice_id, [replace(one, tag=tag) for one in sets])


def _register(world: World, invoice_id: str, sets: list[Fetched]) -> dict[str, int]:
    with writing(world.engine) as connection:
        return {
            f"{one.kind}/{file.name}": stored.add_file(
                connection, invoice_id, one.kind, one.tag, file.name, str(file.path), file.size, file.sha256
            )
            for one in sets
            for file in one.files
        }


def _decoded(
    invoice_id: str, sets: list[Fetched], numbered: dict[str, int]
) -> Iterator[tuple[ReconciliationLine | QuarantinedLine, int, int]]:
    parts = []
    for one in sets:
        read = read_json_lines if one.kind == "reconciliation" else read_line_item_pages
        for file in one.files:
            file_id = numbered[f"{one.kind}/{file.name}"]
            origin = Origin(invoice_id, str(file_id), PLATFORMS.get(one.kind, "new_commerce"))
            parts.append((origin, read(file.path)))
    return placed(parts)


def placed(
    parts: list[tuple[Origin, Iterator[RawRecord]]],
) -> Iterator[tuple[ReconciliationLine | QuarantinedLine, int, int]]:
    """Decoded lines with the file (by its number) and the line in it they came from."""
    place = (0, 0)

    def watched(origin: Origin, records: Iterator[RawRecord]) -> Iterator[RawRecord]:
        nonlocal place
        for record in records:
            place = (int(origin.file_id), record.line_no)
            yield record

    for line in decode_set([(origin, watched(origin, records)) for origin, records in parts]):
        yield line, *place


def _has_usage(world: World, invoice_id: str) -> bool:
    with reading(world.engine) as connection:
        return any(line.kind == "usage" for line in stored.lines_of_invoice(connection, invoice_id))


def _pull_usage(world: World, item: StoredInvoice) -> None:
    """Daily rows behind the metered lines. None at all is a finding, not a failure: the lines are billed."""
    if item.header.period < _FIRST_EXPORTED_USAGE:
        fetched = _v1_set(world, item, "onetime", "usagelineitems")
    else:
        fetched = _exported(world, item, ExportRequest("usage", invoice_id=item.header.id))
    if fetched is None:
        return
    load_usage(world, item.header.id, fetched)


def load_usage(world: World, invoice_id: str, fetched: Fetched) -> None:
    """Read usage files into sorted storage; a file that is there already is not read again."""
    load = UsageLoad(world.data_dir / "usage", invoice_id, fetched.tag)
    for number, file in enumerate(fetched.files, start=1):
        world.progress(f"Reading daily usage of {invoice_id}", number, len(fetched.files))
        load.add(file.name, _usage_reader(file, Origin(invoice_id, file.name)))
    record_usage(world, invoice_id, load, fetched)


def _usage_reader(file: RawFile, origin: Origin) -> Callable[[Callable[[UsageBatch], None]], UsageResult]:
    def read(sink: Callable[[UsageBatch], None]) -> UsageResult:
        if file.name.endswith(".json"):
            return read_usage_records(read_line_item_pages(file.path), origin, sink)
        return read_usage_lines(file.path, origin, sink)

    return read


def record_usage(world: World, invoice_id: str, load: UsageLoad, fetched: Fetched) -> None:
    """Sort the loaded rows into place and remember what each group adds up to."""
    load.finish()
    merged: dict[object, UsageGroup] = {}
    for group in usage.groups(load.folder):
        known = merged.get(group.key)
        merged[group.key] = UsageGroup(
            group.key,
            group.rows + (known.rows if known else 0),
            group.amount + (known.amount if known else 0),
            group.currency,
            str(load.folder),
        )
    with writing(world.engine) as connection:
        known_files = {(file.kind, file.sha256) for file in stored.files_of(connection, invoice_id)}
        for file in fetched.files:
            if ("usage", file.sha256) not in known_files:
                number = stored.add_file(
                    connection,
                    invoice_id,
                    "usage",
                    fetched.tag,
                    file.name,
                    str(file.path),
                    file.size,
                    file.sha256,
                )
                stored.use_files(connection, [number])
        stored.replace_usage_groups(connection, invoice_id, list(merged.values()))
