"""Price lists to try against past months: today's with a file merged in, or with a change of many prices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection

from connector.errors import Misconfigured
from connector.flows.bulk_change import Wish, check, chosen_rules, selection_of
from connector.flows.configure import file_content
from connector.flows.what_if import Trial
from connector.store import decisions
from connector.store.imports import Difference, compare
from mappings.bulk_spans import always
from mappings.decided import key_text
from mappings.formats import read
from mappings.pricelist import PriceRule

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Tried:
    """A list to try, how many of its rules are other than today's, and in words what is tried.

    `left`: selected rules that stay as they are, with the reason.
    """

    trial: Trial
    rules_changed: int
    words: str
    left: tuple[tuple[str, str], ...] = ()


def try_change(connection: Connection, wish: Wish) -> Tried:
    """Every selected rule at its new price over the whole of its time, ended offers too: the months are past."""
    check(wish)
    rules = decisions.price_rules(connection)
    selection = selection_of(connection, wish)
    chosen_rules(rules, selection, wish)
    proposals = always(rules, selection.holds, wish.change)
    new = {each.old.id: each.new[0] for each in proposals if each.new}
    left = tuple((key_text(each.old), each.why) for each in proposals if not each.new)
    words = (
        f"{wish.words()} on {wish.selected()}, as if these prices had always held: the dates of the rules are today's"
    )
    return Tried(Trial.in_their_place(rules, new), len(new), words, left)


def try_file(connection: Connection, path: Path) -> Tried:
    """A file of prices merged into today's list as an import would; its dates are taken as given."""
    rules = {rule.id: rule for rule in decisions.price_rules(connection)}
    difference = _difference(connection, path)
    number = decisions.latest_import(connection) + 1
    new = [
        replace(row.value, import_no=number, row_no=row.no)
        for row in (*difference.added, *(row for _, row in difference.changed))
        if isinstance(row.value, PriceRule)
    ]
    old = [stored.value for stored, _ in difference.changed if isinstance(stored.value, PriceRule)]
    gone = {rule.id for rule in old}
    after = [*(rule for rule in rules.values() if rule.id not in gone), *new]
    words = f"the prices of {path.name} merged into today's, valid on the dates they name"
    return Tried(Trial(after, [*old, *new]), len(new), words)


def _difference(connection: Connection, path: Path) -> Difference:
    report = read("prices", file_content(path))
    codes = {"", *decisions.organisations(connection)}
    mistakes = [(error.row, f"row {error.row}, {error.column or 'the row'}: {error.text}") for error in report.errors]
    mistakes += [
        (row.no, f"row {row.no}, organisation: no organisation has the code {row.value.organisation}")
        for row in report.rows
        if isinstance(row.value, PriceRule) and row.value.organisation not in codes
    ]
    if mistakes:
        shown = "; ".join(text for _, text in sorted(mistakes)[:_NAMED])
        raise Misconfigured(
            f"{len(mistakes)} mistakes in {path.name}: {shown}.",
            code="import_file",
            action="`connector import prices FILE --dry-run` lists them all.",
        )
    return compare(connection, report)
