"""Reconciliation files downloaded by hand from Microsoft's portal, instead of the API."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path

from connector.domain.lines import QuarantinedLine, ReconciliationLine
from connector.domain.money import NotANumber, money
from connector.domain.period import BillingPeriod, PeriodState, VendorInvoice
from connector.errors import Refused
from connector.flows.close import changes_after
from connector.flows.price import price_period
from connector.flows.pull import Fetched, placed, record_usage
from connector.flows.world import World
from connector.sources import RawFile, raw_file
from connector.sources.fields import Origin
from connector.sources.file_import import DateOrder, DecimalSign, FileForm, read_portal_file, sniff
from connector.sources.usage_rows import read_usage_records
from connector.store import closings, periods
from connector.store import lines as stored
from connector.store.database import reading, writing
from connector.store.usage_load import UsageLoad

__all__ = ["DateOrder", "DecimalSign", "ImportedInvoice", "import_invoices", "parse_headers"]


@dataclass(frozen=True, slots=True)
class ImportedInvoice:
    """What an import of portal files made of one vendor invoice."""

    invoice_id: str
    period: str
    lines: int
    quarantined: int
    usage_rows: int
    currency: str
    header_total: Decimal | None
    remarks: tuple[str, ...]
    state: PeriodState
    errors: int


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    form: FileForm
    invoice_id: str


def parse_headers(given: Iterable[str]) -> dict[str, Decimal]:
    """`ID=TOTAL` texts as invoice totals with tax, as Microsoft's PDF prints them."""
    totals = {}
    for text in given:
        invoice_id, sign, amount = text.partition("=")
        try:
            if not sign or not invoice_id.strip():
                raise NotANumber("there is no =")
            totals[invoice_id.strip()] = money(amount)
        except NotANumber as why:
            raise Refused(
                f"--header {text!r} cannot be read: {why}.",
                code="header_option",
                action="Write the invoice's id, =, and its total with tax: --header G012345678=1234.56",
            ) from None
    return totals


def import_invoices(
    world: World,
    paths: Sequence[Path],
    headers: Mapping[str, Decimal],
    *,
    period: str = "",
    decimal: DecimalSign | None = None,
    dates: DateOrder | None = None,
    dry_run: bool = False,
) -> list[ImportedInvoice]:
    """Read portal files into vendor invoices and price their periods. All files are understood before any is kept."""
    files = [_understood(world, path, decimal, dates) for path in paths]
    unknown = set(headers) - {file.invoice_id for file in files}
    if unknown:
        raise Refused(
            f"--header names {', '.join(sorted(unknown))}, but no file holds lines of it.",
            action=f"The files hold: {', '.join(sorted({file.invoice_id for file in files}))}.",
        )
    made = []
    for invoice_id in sorted({file.invoice_id for file in files}):
        mine = [file for file in files if file.invoice_id == invoice_id]
        made.append(_import_one(world, invoice_id, mine, headers.get(invoice_id), period, dry_run=dry_run))
    return made


def _understood(world: World, path: Path, decimal: DecimalSign | None, dates: DateOrder | None) -> _File:
    world.progress(f"Reading {path.name}")
    form = sniff(path, decimal=decimal, dates=dates)
    numbers: Counter[str] = Counter()
    for record in read_portal_file(path, form):
        number = str((record.fields or {}).get("invoicenumber") or "").strip()
        if number:
            numbers[number] += 1
    if not numbers:
        raise Refused(
            f"{path.name} names no invoice: the column InvoiceNumber is empty.",
            code="no_invoice_number",
            action="Unbilled files are estimates and cannot be imported as an invoice.",
        )
    # lines that carry another number than most are put aside by the decoder, with their money
    return _File(path, form, numbers.most_common(1)[0][0])


def _import_one(
    world: World,
    invoice_id: str,
    files: list[_File],
    header_total: Decimal | None,
    period: str,
    *,
    dry_run: bool,
) -> ImportedInvoice:
    lines_files = [file for file in files if file.form.kind == "reconciliation"]
    usage_files = [file for file in files if file.form.kind == "usage"]
    decoded = list(
        placed(
            [
                (Origin(invoice_id, str(index), file.form.platform), read_portal_file(file.path, file.form))
                for index, file in enumerate(lines_files)
            ]
        )
    )
    good = [(index, row, line) for line, index, row in decoded if isinstance(line, ReconciliationLine)]
    aside = [line for line, _, _ in decoded if isinstance(line, QuarantinedLine)]
    with reading(world.engine) as connection:
        known = periods.invoice(connection, invoice_id)
        closed = closings.closed_invoice(connection, invoice_id)
    if closed:
        raise Refused(
            f"{invoice_id} belongs to {closed}, which is closed: its lines and files stay as they are.",
            code="period_closed",
            action=f"What changed is corrected with `connector rerate {closed}`.",
        )
    header = _header(invoice_id, [line for _, _, line in good], known, header_total, period)
    remarks = tuple(remark for file in files for remark in file.form.remarks)
    with reading(world.engine) as connection:
        if closings.is_closed(connection, str(header.period)):
            why = f"{header.period} is closed and its documents stay: see what this invoice comes to with"
            remarks += (f"{why} `connector rerate {header.period}`.",)
    state = PeriodState.NOT_CHECKED
    usage_rows = 0
    if not dry_run:
        _keep(world, header, lines_files, good, aside)
        if usage_files:
            usage_rows = _keep_usage(world, invoice_id, usage_files)
        state = price_period(world, str(header.period))
    return ImportedInvoice(
        invoice_id,
        str(header.period),
        len(good),
        len(aside),
        usage_rows,
        header.currency,
        header.header_total,
        remarks,
        state,
        _errors(world, str(header.period)),
    )


def _errors(world: World, period: str) -> int:
    """How many findings of the period a person must look at."""
    with reading(world.engine) as connection:
        found = [*periods.findings_of(connection, period), *changes_after(connection, period)]
        return sum(finding.severity == "error" for finding in found)


def _header(
    invoice_id: str,
    good: list[ReconciliationLine],
    known: periods.StoredInvoice | None,
    total: Decimal | None,
    period: str,
) -> VendorInvoice:
    if known is not None:
        return replace(known.header, header_total=total if total is not None else known.header.header_total)
    if not good:
        raise Refused(
            f"No line of {invoice_id} could be read, and nothing else is known of it.",
            code="nothing_readable",
            action="Import the reconciliation file before, or together with, the usage file.",
        )
    legacy = good[0].platform != "new_commerce"
    month = BillingPeriod.parse(period) if period else _usual_month(good)
    return VendorInvoice(
        id=invoice_id,
        platform="legacy" if legacy else "new_commerce",
        period=month,
        # new commerce invoices appear between the 6th and the 8th of the following month (partner-center/README.md)
        invoice_date=month.last_day() if legacy else month.after().first_day().replace(day=8),
        currency=Counter(line.currency for line in good).most_common(1)[0][0],
        header_total=total,
    )


def _usual_month(lines: list[ReconciliationLine]) -> BillingPeriod:
    """The month most charges begin in: a file does not say which month it covers. Of equals the later one."""
    months = Counter(BillingPeriod.of(line.charge_start) for line in lines if line.charge_start)
    if not months:
        raise Refused("No line of the file has a charge date.", action="Say which month it covers: --period YYYY-MM.")
    most = max(months.values())
    return max(month for month, count in months.items() if count == most)


def _copied(world: World, invoice_id: str, file: _File) -> RawFile:
    """The file as it was given, kept beside what the API delivers."""
    folder = world.data_dir / "raw" / invoice_id / "portal"
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(file.path.read_bytes()).hexdigest()
    target = folder / f"{digest[:16]}-{file.path.name}"
    if not target.exists():
        part = target.with_suffix(".part")
        shutil.copyfile(file.path, part)
        part.replace(target)
    return raw_file(file.path.name, target)


def _keep(
    world: World,
    header: VendorInvoice,
    files: list[_File],
    good: list[tuple[int, int, ReconciliationLine]],
    aside: list[QuarantinedLine],
) -> None:
    if not files:
        return
    copies = [_copied(world, header.id, file) for file in files]
    tag = hashlib.sha256("".join(copy.sha256 for copy in copies).encode()).hexdigest()[:32]
    with writing(world.engine) as connection:
        periods.upsert_invoice(connection, header, source="file")
        stored.forget_lines(connection, header.id)
        ids = [
            stored.add_file(
                connection,
                header.id,
                "portal",
                tag,
                copy.name,
                str(copy.path),
                copy.size,
                copy.sha256,
                {"decimal": file.form.decimal_sign, "dates": file.form.date_order},
            )
            for copy, file in zip(copies, files, strict=True)
        ]
        stored.use_files(connection, ids)
        stored.add_lines(connection, ((ids[index], row, line) for index, row, line in good))
        stored.add_quarantined(connection, [replace(line, file_id=str(ids[int(line.file_id)])) for line in aside])
        periods.set_arrival(connection, header.id, "whole", "", tag)


def _keep_usage(world: World, invoice_id: str, files: list[_File]) -> int:
    copies = [_copied(world, invoice_id, file) for file in files]
    tag = hashlib.sha256("".join(copy.sha256 for copy in copies).encode()).hexdigest()[:32]
    load = UsageLoad(world.data_dir / "usage", invoice_id, tag)
    for file, copy in zip(files, copies, strict=True):
        origin = Origin(invoice_id, copy.name)
        load.add(copy.sha256, partial(read_usage_records, read_portal_file(file.path, file.form), origin))
    record_usage(world, invoice_id, load, Fetched("usage", tag, tuple(copies)))
    return load.finish().rows
