"""Taking a change set back: everything stands as before it, all or nothing (docs/decisions/0010-change-sets.md)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from connector.errors import Misconfigured
from connector.flows import change_sets
from connector.flows.configure import import_file
from connector.store import audit, decisions
from connector.store.database import open_engine, reading
from connector.store.tables import audit as audit_rows
from connector.store.tables import metadata
from mappings.decided import content_of, key_of
from mappings.formats import Kind
from mappings.resolve import PriceBook, Wanted
from tests.cli import postgres

PRICES = "organisation,product_id,sku_id,kind,value,currency,valid_from,note,region\n"
LINE = Wanted("C-1", "S", "P", "0001", "P1Y", "Monthly", "advance", Decimal(7), date(2026, 10, 1), "EUR")


class Owner:
    """The price owner: files and what holds after them."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        self.brings("organisations", "code,name\nC-1,One\nC-2,Two\n")

    def brings(self, kind: Kind, text: str, **options: Any) -> int:
        """The number of the change set."""
        path = self.folder / f"{kind}.csv"
        path.write_text(text, encoding="utf-8")
        report = import_file(self.engine, kind, path, **options)
        assert report.errors == ()
        assert report.import_no is not None, "nothing changed"
        return report.import_no

    def prices(self, *rows: str, **options: Any) -> int:
        return self.brings("prices", PRICES + "\n".join([*rows, ""]), **options)

    def takes_back(self, number: int, **options: Any) -> int | None:
        return change_sets.undo(self.engine, number, why="typed wrongly", **options).number

    def refused(self, number: int) -> Misconfigured:
        before = self.everything()
        with pytest.raises(Misconfigured) as caught:
            self.takes_back(number)
        assert self.everything() == before
        assert caught.value.action
        return caught.value

    def holds(self, as_of: int | None = None) -> dict[str, set[Any]]:
        """By kind: key, content and notes of every row that holds."""
        with reading(self.engine) as connection:
            return {
                kind: {
                    (key_of(row.value), content_of(row.value), tuple(sorted(row.notes.items())))
                    for row in home.stored(connection, as_of)
                }
                for kind, home in decisions.HOMES.items()
            }

    def winner(self) -> str:
        """The rule that would price an ordinary line of C-1."""
        with reading(self.engine) as connection:
            rule = PriceBook.of(decisions.price_rules(connection)).decide(LINE).winner
        return "" if rule is None else f"{rule.kind} {rule.value}"

    def everything(self) -> dict[str, list[Any]]:
        with reading(self.engine) as connection:
            return {
                table.name: [tuple(row) for row in connection.execute(select(table))]
                for table in metadata.sorted_tables
            }


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    engine = open_engine(f"sqlite:///{tmp_path / 'connector.db'}")
    metadata.create_all(engine)
    yield Owner(engine, tmp_path)
    engine.dispose()


@pytest.fixture(scope="module")
def server() -> Iterator[Callable[[], str]]:
    with postgres.cluster() as folder:
        numbers = itertools.count(1)

        def fresh() -> str:
            name = f"owner{next(numbers)}"
            with psycopg.connect(f"host={folder} user=connector dbname=postgres", autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            return postgres.address(folder, name)

        yield fresh


# ---- what was stands again


def test_what_was_brought_ends_and_what_was_ended_holds_again(owner: Owner) -> None:
    first = owner.prices("*,,,markup,20,,,usual,", "C-1,P,0001,fixed,12.50,EUR,,,north", "C-2,Q,,markup,5,,,,")
    before = owner.holds()
    second = owner.prices(
        "C-1,P,0001,fixed,13,EUR,,,south", "C-1,,,margin,10,,,,", "*,,,markup,20,,,usual,", replace=True
    )
    changed = owner.holds()
    third = owner.takes_back(second)
    assert owner.holds() == before
    # nothing is erased: each moment can still be read
    assert owner.holds(first) == before
    assert owner.holds(second) == changed
    assert owner.holds(third) == before


def test_taking_back_what_was_taken_back(owner: Owner) -> None:
    owner.prices("*,,,markup,20,,,,")
    second = owner.prices("*,,,markup,25,,,,")
    after = owner.holds()
    third = owner.takes_back(second)
    assert owner.winner() == "markup 20"
    assert third is not None
    error = owner.refused(second)
    assert f"already taken back by change set {third}" in error.sentence
    assert f"changes undo {third}" in error.action
    owner.takes_back(third)
    assert owner.holds() == after


def test_the_same_rule_wins_as_before(owner: Owner) -> None:
    """Inside a level the later import wins. A price that was taken back is not a later one."""
    owner.prices("C-1,P,,markup,20,,,,")
    owner.prices("C-1,P,,margin,30,,,,")
    assert owner.winner() == "margin 30"
    third = owner.prices("C-1,P,,markup,25,,,,")
    assert owner.winner() == "markup 25"
    fourth = owner.takes_back(third)
    assert owner.winner() == "margin 30"
    assert fourth is not None
    owner.takes_back(fourth)
    assert owner.winner() == "markup 25"


def test_one_after_the_other_back_to_the_beginning(owner: Owner) -> None:
    states = [owner.holds()]
    numbers = []
    for percent in (20, 25, 30):
        numbers.append(owner.prices(f"*,,,markup,{percent},,,,", f"C-1,P{percent},,markup,1,,,,"))
        states.append(owner.holds())
    for number, state in zip(reversed(numbers), reversed(states[:-1]), strict=True):
        owner.takes_back(number)
        assert owner.holds() == state


TABLES: list[tuple[Kind, str, str]] = [
    ("organisations", "code,name\nC-3,Three\n", "code,name,currency\nC-3,Drei,EUR\nC-4,Four,\n"),
    ("links", "tenant_id,organisation,valid_from,valid_to\nT1,C-1,,\n",
     "tenant_id,organisation,valid_from,valid_to\nT1,C-1,,2026-09-30\nT1,C-2,2026-10-01,\n"),
    ("list-prices", "product_id,currency,price\nP,EUR,9\n", "product_id,currency,price\nP,EUR,10\nQ,EUR,1\n"),
    ("services", "organisation,code,name,kind,price,currency,valid_from\nC-1,A,Help,one_off,5,EUR,2026-10-01\n",
     "organisation,code,name,kind,price,currency,valid_from\nC-1,A,Help,one_off,7,EUR,2026-10-01\n"),
    ("rates", "date,from,to,rate\n2026-10-01,USD,EUR,0.92\n",
     "date,from,to,rate\n2026-10-01,USD,EUR,0.93\n2026-11-01,USD,EUR,0.9\n"),
    ("credits", "organisation,credit,policy\nC-1,customer_credit,keep\n",
     "organisation,credit,policy\nC-1,customer_credit,pass_on\n"),
    ("purchase-orders", "organisation,purchase_order\nC-1,PO 1\n", "organisation,purchase_order\nC-1,PO 2\n"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "first", "second"), TABLES, ids=[row[0] for row in TABLES])
def test_every_kind_of_decision_can_be_taken_back(owner: Owner, kind: Kind, first: str, second: str) -> None:
    empty = owner.holds()
    one = owner.brings(kind, first)
    before = owner.holds()
    two = owner.brings(kind, second)
    owner.takes_back(two)
    assert owner.holds() == before
    owner.takes_back(one)
    assert owner.holds() == empty


# ---- what is refused


def test_a_later_change_of_the_same_row_stands_in_the_way(owner: Owner) -> None:
    second = owner.prices("*,,,markup,20,,,,", "C-2,,,markup,1,,,,")
    third = owner.prices("*,,,markup,25,,,,")
    error = owner.refused(second)
    assert error.code == "change_set_changed_later"
    assert f"change set {third} changed rows of it again, first * markup" in error.sentence
    owner.takes_back(third)
    owner.takes_back(second)
    assert owner.winner() == ""


def test_a_row_that_was_removed_and_came_again_stands_in_the_way(owner: Owner) -> None:
    owner.prices("*,,,markup,20,,,,", "C-2,,,markup,1,,,,")
    removal = owner.prices("C-2,,,markup,1,,,,x", replace=True)
    again = owner.prices("*,,,markup,30,,,,")
    assert f"change set {again}" in owner.refused(removal).sentence


def test_an_organisation_with_prices_stays(owner: Owner) -> None:
    owner.prices("C-1,,,markup,20,,,,")
    error = owner.refused(1)
    assert "there would be prices of C-1" in error.sentence


def test_prices_of_an_organisation_that_is_gone_do_not_come_back(owner: Owner) -> None:
    owner.prices("C-1,,,markup,20,,,,", "C-2,,,markup,20,,,,")
    removal = owner.prices("C-2,,,markup,20,,,,x", replace=True)
    owner.brings("organisations", "code,name\nC-2,Two\n", replace=True)
    assert "C-1" in owner.refused(removal).sentence


def test_a_tenant_never_belongs_to_two(owner: Owner) -> None:
    header = "tenant_id,organisation,valid_from\n"
    owner.brings("links", header + "T1,C-1,2026-01-01\nT2,C-1,\n")
    removal = owner.brings("links", header + "T2,C-1,\nT3,C-1,\n", replace=True)
    owner.brings("links", header + "T1,C-2,2026-03-01\n")
    error = owner.refused(removal)
    assert error.code == "change_set_overlap"
    assert "t1" in error.sentence


def test_ledgers_keep_no_versions(owner: Owner) -> None:
    text = '[[ledger]]\nname="a"\nkind="tryton"\n[ledger.settings]\nurl="https://b.example"\ndatabase="b"\nuser="u"\n'
    number = owner.brings("ledgers", text + 'password={env="P"}\n')
    error = owner.refused(number)
    assert "connector import ledgers FILE" in error.action


def test_a_change_set_that_there_is_not(owner: Owner) -> None:
    assert "There is no change set 99" in owner.refused(99).sentence


def test_a_reason_is_needed(owner: Owner) -> None:
    with pytest.raises(Misconfigured, match="needs a reason"):
        change_sets.undo(owner.engine, 1, why="  ")


def test_a_dry_run_shows_the_same_and_changes_nothing(owner: Owner) -> None:
    owner.prices("*,,,markup,20,,,usual,")
    second = owner.prices("*,,,markup,25,,,usual,", "C-1,,,markup,1,,,,")
    before = owner.everything()
    dry = change_sets.undo(owner.engine, second, why="typed wrongly", dry_run=True)
    assert owner.everything() == before
    assert dry.number is None
    done = change_sets.undo(owner.engine, second, why="typed wrongly")
    assert done.changes == dry.changes
    assert [(change.action, change.key, change.before, change.after) for change in done.changes] == [
        ("changed", "* markup", "value=25, note=usual", "value=20, note=usual"),
        ("removed", "C-1 markup", "value=1", ""),
    ]


# ---- the trail


def test_the_audit_says_who_took_what_back_and_why(owner: Owner) -> None:
    second = owner.prices("*,,,markup,20,,,,", why="new list", who="olga")
    change_sets.undo(owner.engine, second, why="wrong file", who="peter")
    with reading(owner.engine) as connection:
        brought, undone = connection.execute(select(audit_rows).order_by(audit_rows.c.no)).all()[-2:]
        assert audit.verify(connection) == []
    assert (brought.who, brought.action, brought.why) == ("olga", "import", "new list")
    assert (undone.who, undone.action, undone.why) == ("peter", "undo", "wrong file")
    assert undone.subject == f"prices change set {second}"
    assert "value=20" in undone.before


def test_the_list_tells_what_each_did(owner: Owner) -> None:
    second = owner.prices("*,,,markup,20,,,,", "C-1,,,markup,1,,,,", why="new list")
    third = owner.takes_back(second)
    newest, older = change_sets.listed(owner.engine)[:2]
    assert (newest["no"], newest["undoes"], newest["brought"], newest["ended"]) == (third, second, 0, 2)
    assert (older["no"], older["undone_by"], older["why"], older["brought"]) == (second, third, "new list", 2)


# ---- on PostgreSQL


@pytest.mark.postgres
def test_the_same_on_postgresql(server: Callable[[], str], tmp_path: Path) -> None:
    engine = open_engine(server())
    metadata.create_all(engine)
    large = Owner(engine, tmp_path)
    test_what_was_brought_ends_and_what_was_ended_holds_again(large)
    engine.dispose()


@pytest.mark.postgres
def test_the_same_rule_wins_on_postgresql(server: Callable[[], str], tmp_path: Path) -> None:
    engine = open_engine(server())
    metadata.create_all(engine)
    test_the_same_rule_wins_as_before(Owner(engine, tmp_path))
    engine.dispose()


# ---- a law

ROWS = st.lists(
    st.tuples(st.sampled_from(["*", "C-1"]), st.sampled_from(["markup", "margin"]), st.integers(1, 9)),
    min_size=1, max_size=4, unique_by=lambda row: row[:2],
)  # fmt: skip


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(ROWS, st.booleans()), min_size=1, max_size=4), st.integers(0, 3))
def test_taking_back_the_last_ones_leads_to_what_held_before_them(
    owner: Owner, files: list[tuple[list[tuple[str, str, int]], bool]], back: int
) -> None:
    history: list[tuple[int, dict[str, set[Any]], str]] = []
    for rows, replace in files:
        state, winner = owner.holds(), owner.winner()
        text = PRICES + "".join(f"{code},,,{kind},{value},,,,\n" for code, kind, value in rows)
        path = owner.folder / "prices.csv"
        path.write_text(text, encoding="utf-8")
        number = import_file(owner.engine, "prices", path, replace=replace).import_no
        if number is not None:
            history.append((number, state, winner))
    for number, state, winner in list(reversed(history))[: back + 1]:
        owner.takes_back(number)
        assert (owner.holds(), owner.winner()) == (state, winner)
