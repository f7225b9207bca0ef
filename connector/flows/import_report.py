"""What an import did, or would do, for the command line and the API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from connector.flows.price_warnings import warning_view
from connector.store.imports import Change
from connector.store.price_sheets import ImportedSheet
from mappings.formats import Kind, RowError
from mappings.price_checks import PriceWarning

SHOWN_ERRORS = 1000
_VALUE_LIMIT = 80
_COUNTS = ("rows", "added", "changed", "unchanged", "removed", "skipped")


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do. With errors nothing was changed and all counts of changes are 0.

    `skipped`: rows of Microsoft's price sheet that hold no list price. `notes`: columns kept as notes. `changes` are
    the first ones; the counts are complete. `import_no`: the change set, None where nothing was written.
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
    sheet: ImportedSheet | None = None
    warnings: tuple[PriceWarning, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """The first errors and changes, the counts are complete."""
        return {
            "kind": self.kind,
            "file": self.file,
            "dry_run": self.dry_run,
            "change_set": self.import_no,
            **{name: getattr(self, name) for name in _COUNTS},
            "notes": list(self.notes),
            **({"price_sheet": _shown_sheet(self.sheet)} if self.sheet else {}),
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
            "warnings": [warning_view(warning) for warning in self.warnings],
            "changes": [
                {"action": change.action, "key": change.key, "before": change.before, "after": change.after}
                for change in self.changes
            ],
            "changes_not_shown": self.added + self.changed + self.removed - len(self.changes),
        }


def _shown_sheet(sheet: ImportedSheet) -> dict[str, str]:
    return {"view": sheet.view, "market": sheet.market, "month": sheet.month, "sha256": sheet.sha256}
