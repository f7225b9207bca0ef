"""Taking in what the partner decided: read a file, check it against the database, merge all of it or nothing.

The dry run is the same code in the same transaction, rolled back at the end.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from connector.errors import Misconfigured
from connector.flows import import_sheets, price_warnings
from connector.flows.import_report import ImportReport
from connector.ledgers import LedgerInfo, check_settings, discover
from connector.store import audit, decisions, price_sheets
from connector.store.database import database_now, reading, writing
from connector.store.imports import Difference, apply, compare
from connector.store.price_sheets import ImportedSheet
from mappings.cost_centres import CostCentreShare, PurchaseOrder
from mappings.credits import CreditPolicy
from mappings.decided import key_of, rule_id
from mappings.formats import KINDS, Kind, Report, Row, RowError, read
from mappings.ledger_file import LedgerConnection, Reference
from mappings.links import Organisation, TenantLink
from mappings.price_checks import PriceWarning
from mappings.price_rows import unlikely_percentages
from mappings.pricelist import PriceRule, Service
from mappings.tables_in import MAX_BYTES

__all__ = ["ImportReport", "import_file", "overlaps", "resolve_ledger_settings"]

SHOWN_CHANGES = 200
# Rows of these carry the number of their import, so the audit only counts the added ones.
_COUNTED = ("prices", "list-prices")


def import_file(
    engine: Engine,
    kind: Kind,
    path: Path,
    *,
    dry_run: bool = False,
    replace: bool = False,
    who: str = "cli",
    why: str = "",
    month: str = "",
    sheet: ImportedSheet | None = None,
    ledger_kinds: Mapping[str, LedgerInfo] | None = None,
    today: date | None = None,
    all_changes: bool = False,
    large_percentages: bool = False,
) -> ImportReport:
    """Import a file, all rows or none. Raises Misconfigured when there is no such file or kind.

    `why`: the reason, kept with the change set. `today`: for warnings about dates, by default the database's day.
    `all_changes`: the report names each of them. `large_percentages`: a mark-up of 1900 % is meant.

    `month` (YYYY-MM): of one of Microsoft's files that does not tell its own, by default the current one. `sheet`:
    what is known of a price sheet before it is read; its fingerprint is made here.
    """
    if kind not in KINDS:
        raise Misconfigured(f"{kind!r} is not a kind of import.", action=f"Use one of {', '.join(KINDS)}.")
    content = file_content(path)
    report = read(kind, content, month=month)
    sha256 = hashlib.sha256(content).hexdigest()
    del content
    if kind == "ledgers":
        # what the registry knows about a row is a mistake of the row like any other
        report = _checked_ledgers(report, path, discover() if ledger_kinds is None else ledger_kinds)
    seen = ImportReport(kind, path.name, dry_run, report.total, skipped=report.skipped, notes=report.extra)
    with writing(engine) as connection:
        of = import_sheets.sheet_of(connection, report, sheet, month, sha256)
        if of is None:
            difference = compare(connection, report, replace_all=replace)
        else:
            difference = price_sheets.compare_sheet(connection, report.rows, of, replace_all=replace)
        errors = [*report.errors, *_against_database(connection, report, difference, replace)]
        errors += [] if large_percentages else unlikely_percentages(report.rows)
        errors += import_sheets.refusals(connection, report, of, replace) if of else ()
        if errors:
            errors.sort(key=lambda error: error.row)
            return dataclasses.replace(seen, errors=tuple(errors))
        day = today or database_now(connection).date()
        before = price_warnings.rule_warnings(connection, day) if kind == "prices" and difference else []
        begun = import_sheets.remember(connection, report, of, path.name, who, why, replace) if of else None
        number = _record(connection, kind, difference, path.name, sha256, who, why, begun)
        warnings: tuple[PriceWarning, ...] = ()
        if dry_run:
            warnings = _warnings(connection, difference, day, before)
            connection.rollback()
    if not dry_run:
        # nobody who wants to write waits for these
        with reading(engine) as connection:
            warnings = _warnings(connection, difference, day, before)
    return dataclasses.replace(
        seen,
        added=len(difference.added),
        changed=len(difference.changed),
        unchanged=difference.unchanged,
        removed=len(difference.removed),
        changes=tuple(islice(difference.changes(), None if all_changes else SHOWN_CHANGES)),
        import_no=None if dry_run else number,
        sheet=of,
        warnings=warnings,
    )


def _warnings(
    connection: Connection, difference: Difference, today: date, before: list[PriceWarning]
) -> tuple[PriceWarning, ...]:
    """What to look at because of an import of prices; it refuses nothing."""
    rows = [*difference.added, *(row for _, row in difference.changed)]
    rules = [dataclasses.replace(row.value, id=rule_id(row.value)) for row in rows if isinstance(row.value, PriceRule)]
    gone = any(isinstance(old.value, PriceRule) for old in difference.removed)
    return price_warnings.of_import(connection, today, rules, before) if rules or gone else ()


def resolve_ledger_settings(settings: Mapping[str, str | Reference], environ: Mapping[str, str]) -> dict[str, str]:
    """The settings with their secrets, for opening the ledger. Raises Misconfigured with all that lacks."""
    resolved: dict[str, str] = {}
    missing: list[str] = []
    for name, setting in settings.items():
        if isinstance(setting, str):
            resolved[name] = setting
            continue
        secret = environ.get(setting.name) if setting.source == "env" else _secret_file(setting.name)
        if secret:
            resolved[name] = secret
        else:
            kind = "the environment variable" if setting.source == "env" else "the file"
            missing.append(f"{name} is to come from {kind} {setting.name}, which is missing, unreadable or empty")
    if missing:
        raise Misconfigured(
            f"Secrets of a ledger are missing: {'; '.join(missing)}.",
            code="ledger_secret",
            action="Set the variable or write the file, or import the ledgers file with another reference.",
        )
    return resolved


def _secret_file(name: str) -> str:
    try:
        return Path(name).read_text("utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError):
        return ""


def file_content(path: Path) -> bytes:
    """The bytes of a file to import; Misconfigured where it cannot be read or is too large."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Misconfigured(f"The file {path.name} is larger than {MAX_BYTES >> 20} MB.", action="Split it.")
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured(
            f"The file {path.name} cannot be read: {(error.strerror or 'no reason given').lower()}.",
            code="import_file",
            action="Check the path and that it may be read.",
        ) from None


def _record(
    connection: Connection,
    kind: Kind,
    difference: Difference,
    file_name: str,
    sha256: str,
    who: str,
    why: str = "",
    begun: int | None = None,
) -> int | None:
    """Write the rows, the import and its line in the audit; nothing when nothing changes."""
    number = apply(connection, kind, difference, file_name=file_name, sha256=sha256, who=who, why=why, import_no=begun)
    if number is None:
        return None
    before: list[tuple[str, str]] = []
    after: list[tuple[str, str]] = []
    for change in difference.changes(with_added=kind not in _COUNTED):
        if change.action != "added":
            before.append((change.key, change.before))
        if change.action != "removed":
            after.append((change.key, change.after))
    counts = {
        "import": number, "sha256": sha256, "added": len(difference.added),
        "changed": len(difference.changed), "removed": len(difference.removed),
        "unchanged": difference.unchanged, "rows": after,
    }  # fmt: skip
    subject = f"{kind} {file_name}"
    audit.append(connection, who, "import", subject, _json(before), _json(counts), why)
    return number


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


# --- what only the database and the registry of ledgers know --------------------------------------


def _against_database(
    connection: Connection, report: Report, difference: Difference, replace: bool
) -> Iterator[RowError]:
    codes = set(decisions.organisations(connection))
    ledger_names = {ledger.name for ledger in decisions.ledgers(connection)}
    for row in report.rows:
        yield from _unknown_names(row, codes, ledger_names)
    if report.kind == "links":
        stored = [] if replace else decisions.tenant_links(connection)
        yield from overlaps(report, stored)
    if not report.errors:
        # a row with a mistake is in the file all the same
        yield from _still_needed(connection, difference)


def _unknown_names(row: Row[Any], codes: set[str], ledger_names: set[str]) -> Iterator[RowError]:
    match row.value:
        case TenantLink() | PriceRule() | Service() | CreditPolicy() | CostCentreShare() | PurchaseOrder():
            code = row.value.organisation
            if code not in codes and not (code == "" and isinstance(row.value, PriceRule | Service | CreditPolicy)):
                text = "no organisation has this code; import it first, and mind upper and lower case"
                yield RowError(row.no, "organisation", text, code)
        case Organisation(ledger=name) if name and ledger_names and name not in ledger_names:
            # before the first ledgers file any name is allowed: the order of the first imports is free
            text = f"no ledger has this name; the names are {', '.join(sorted(ledger_names))}"
            yield RowError(row.no, "ledger", text, name)


def overlaps(report: Report, stored: list[TenantLink]) -> Iterator[RowError]:
    """Links of one tenant that share a day, in the file or with a link that stays in the database."""
    of_file = [(row.value, row.no) for row in report.rows if isinstance(row.value, TenantLink)]
    replaced = {key_of(link) for link, _ in of_file}
    tenants = {link.tenant_id for link, _ in of_file}
    staying = [(link, 0) for link in stored if link.tenant_id in tenants and key_of(link) not in replaced]
    in_order = sorted(
        [*of_file, *staying], key=lambda item: (item[0].tenant_id, item[0].valid_from or date.min, item[1])
    )
    longest: tuple[TenantLink, int] | None = None
    for link, number in in_order:
        if longest is None or longest[0].tenant_id != link.tenant_id:
            longest = (link, number)
            continue
        end = longest[0].valid_to or date.max
        if (link.valid_from or date.min) <= end and (number or longest[1]):
            here, other = ((link, number), longest) if number else (longest, (link, number))
            yield RowError(
                here[1], "valid_from", f"the tenant would belong to two organisations at once: it overlaps "
                f"{_named(*other)}; end one the day before the other begins", here[0].tenant_id,
            )  # fmt: skip
        if (link.valid_to or date.max) > end:
            longest = (link, number)


def _named(link: TenantLink, number: int) -> str:
    if number:
        return f"row {number}"
    first = f"from {link.valid_from}" if link.valid_from else "from the beginning"
    last = f"to {link.valid_to}" if link.valid_to else "without an end"
    return f"the link to {link.organisation} in the database ({first} {last})"


def _still_needed(connection: Connection, difference: Difference) -> Iterator[RowError]:
    """What a replacing import would take away although something refers to it."""
    gone = [old.value for old in difference.removed]
    if any(isinstance(value, Organisation) for value in gone):
        used = decisions.codes_in_use(connection)
        for value in gone:
            if isinstance(value, Organisation) and value.code in used:
                text = f"this organisation is not in the file but has {used[value.code]}; keep it in the file"
                yield RowError(1, "code", text, value.code)
    if any(isinstance(value, LedgerConnection) for value in gone):
        names = {organisation.ledger for organisation in decisions.organisations(connection).values()}
        for value in gone:
            if isinstance(value, LedgerConnection) and value.name in names:
                text = "this ledger is not in the file but organisations use it; keep it in the file"
                yield RowError(1, "name", text, value.name)


def _checked_ledgers(report: Report, path: Path, kinds: Mapping[str, LedgerInfo]) -> Report:
    """Kind, settings and secrets of every ledger; a secret's file is found beside the imported file."""
    errors = list(report.errors)
    rows: list[Row[Any]] = []
    for row in report.rows:
        assert isinstance(row.value, LedgerConnection)
        info = kinds.get(row.value.kind)
        if info is None:
            text = f"no ledger of this kind; the kinds are {', '.join(sorted(kinds))}"
            errors.append(RowError(row.no, "kind", text, row.value.kind))
        else:
            errors += _wrong_settings(row.no, row.value, info)
        anchored = dataclasses.replace(row.value, settings=_anchored(row.value, path))
        rows.append(dataclasses.replace(row, value=anchored))
    return dataclasses.replace(report, rows=tuple(rows), errors=tuple(errors))


def _wrong_settings(number: int, ledger: LedgerConnection, info: LedgerInfo) -> Iterator[RowError]:
    """Never with a value: a setting may be a secret in the wrong place."""
    given = {name: "set" if setting else "" for name, setting in ledger.settings.items()}
    try:
        check_settings(info, given)
    except Misconfigured as error:
        yield RowError(number, "settings", str(error))
    secret = {item.name for item in info.settings if item.secret}
    for name, setting in ledger.settings.items():
        if name in secret and setting and not isinstance(setting, Reference):
            text = f'no secret belongs in the file; write {name} = {{env="NAME"}} or {name} = {{file="PATH"}}'
            yield RowError(number, f"settings.{name}", text)


def _anchored(ledger: LedgerConnection, path: Path) -> dict[str, str | Reference]:
    """Paths made absolute: a worker that starts elsewhere must find the same file; symlinks stay."""
    return {
        name: Reference("file", str((path.parent / setting.name).absolute()))
        if isinstance(setting, Reference) and setting.source == "file"
        else setting
        for name, setting in ledger.settings.items()
    }
