"""Taking in what the partner decided: read a file, check it against the database, merge all of it or nothing.

The dry run is the same code in the same transaction, rolled back at the end.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from connector.errors import Misconfigured
from connector.ledgers import LedgerInfo, check_settings, discover
from connector.store import audit, decisions
from connector.store.database import writing
from connector.store.imports import Change, Difference, apply, compare
from mappings.decided import key_of
from mappings.formats import KINDS, Kind, Report, Row, RowError, read
from mappings.ledger_file import LedgerConnection, Reference
from mappings.links import Organisation, TenantLink
from mappings.pricelist import PriceRule, Service
from mappings.tables_in import MAX_BYTES

SHOWN_CHANGES = 200
SHOWN_ERRORS = 1000
_VALUE_LIMIT = 80
# Rows of these carry the number of their import, so the audit only counts the added ones.
_COUNTED = ("prices", "list-prices")


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do. With errors nothing was changed and all counts of changes are 0.

    `skipped`: rows of Microsoft's price sheet that hold no list price. `notes`: columns kept as notes.
    """

    kind: Kind
    file: str
    dry_run: bool
    rows: int
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    skipped: int = 0
    notes: tuple[str, ...] = field(default=())
    errors: tuple[RowError, ...] = field(default=())
    changes: tuple[Change, ...] = field(default=())
    import_no: int | None = None

    def to_json(self) -> dict[str, Any]:
        """For the command line and the API; the first errors and changes, the counts are complete."""
        counts = ("rows", "added", "changed", "unchanged", "removed", "skipped")
        return {
            "kind": self.kind,
            "file": self.file,
            "dry_run": self.dry_run,
            **{name: getattr(self, name) for name in counts},
            "notes": list(self.notes),
            "error_count": len(self.errors),
            "errors": [
                {
                    "row": error.row,
                    "column": error.column,
                    "value": error.value[:_VALUE_LIMIT],
                    "text": error.text,
                }
                for error in self.errors[:SHOWN_ERRORS]
            ],
            "changes": [
                {"action": change.action, "key": change.key, "before": change.before, "after": change.after}
                for change in self.changes
            ],
        }


def import_file(
    engine: Engine,
    kind: Kind,
    path: Path,
    *,
    dry_run: bool = False,
    replace: bool = False,
    who: str = "cli",
    ledger_kinds: Mapping[str, LedgerInfo] | None = None,
) -> ImportReport:
    """Import a file, all rows or none. Raises Misconfigured when there is no such file or kind."""
    if kind not in KINDS:
        raise Misconfigured(f"{kind!r} is not a kind of import.", action=f"Use one of {', '.join(KINDS)}.")
    content = _content(path)
    report = read(kind, content)
    if kind == "ledgers":
        # what the registry knows about a row is a mistake of the row like any other
        report = _checked_ledgers(report, path, discover() if ledger_kinds is None else ledger_kinds)
    seen = ImportReport(kind, path.name, dry_run, report.total, skipped=report.skipped, notes=report.extra)
    with writing(engine) as connection:
        difference = compare(connection, report, replace_all=replace)
        errors = [*report.errors, *_against_database(connection, report, difference, replace)]
        if errors:
            errors.sort(key=lambda error: error.row)
            return dataclasses.replace(seen, errors=tuple(errors))
        number = _record(connection, kind, difference, path.name, hashlib.sha256(content).hexdigest(), who)
        if dry_run:
            connection.rollback()
    return dataclasses.replace(
        seen,
        added=len(difference.added),
        changed=len(difference.changed),
        unchanged=difference.unchanged,
        removed=len(difference.removed),
        changes=tuple(islice(difference.changes(), SHOWN_CHANGES)),
        import_no=None if dry_run else number,
    )


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


def _content(path: Path) -> bytes:
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
    connection: Connection, kind: Kind, difference: Difference, file_name: str, sha256: str, who: str
) -> int | None:
    """Write the rows, the import and its line in the audit; nothing when nothing changes."""
    number = apply(connection, kind, difference, file_name=file_name, sha256=sha256, who=who)
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
    audit.append(connection, who, "import", subject, _json(before), _json(counts))
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
        case TenantLink() | PriceRule() | Service():
            code = row.value.organisation
            if code not in codes and not (code == "" and isinstance(row.value, PriceRule)):
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
