"""Writing lines and discounts added by hand: each change is a change set of its own with who and why."""

from __future__ import annotations

import dataclasses

from sqlalchemy import Connection, insert, update

from connector.store import tables
from connector.store.audit import append
from connector.store.decisions import MANUAL_LINES, holding
from connector.store.imports import begin_change_set
from mappings.manual_lines import ManualLine

KIND = "manual-lines"


def add(connection: Connection, line: ManualLine) -> ManualLine:
    """Keep a new line. Without a code it gets the number of its change set: `M17`."""
    number = begin_change_set(connection, KIND, file_name="", sha256="", who=line.author, why=line.reason)
    kept = line if line.code else dataclasses.replace(line, code=f"M{number}")
    values = MANUAL_LINES.columns(kept, 0) | {"import_no": number, "until_import": None, "notes": {}}
    connection.execute(insert(tables.manual_lines), values)
    append(connection, line.author, "line_added", subject_of(kept), "", content_of(kept), line.reason)
    return kept


def remove(connection: Connection, line: ManualLine, *, who: str, why: str) -> None:
    """End a line: it stays readable as what held until now."""
    number = begin_change_set(connection, KIND, file_name="", sha256="", who=who, why=why)
    table = tables.manual_lines
    condition = (table.c.code == line.code, table.c.period == line.period, holding(table))
    connection.execute(update(table).where(*condition).values(until_import=number))
    append(connection, who, "line_removed", subject_of(line), content_of(line), "", why)


def subject_of(line: ManualLine) -> str:
    return f"{line.period} {line.organisation} {line.code}"


def content_of(line: ManualLine) -> str:
    """The line as a person reads it in the audit trail."""
    if line.kind == "discount":
        return f"{line.percent} % off {line.product_id or 'everything'} in {line.currency}"
    return f"{line.text}: {line.quantity} x {line.price} {line.currency}"
