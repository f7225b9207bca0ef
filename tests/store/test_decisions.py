"""Importing into a real database: what changes, what is refused, and that a dry run only looks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select, update

from connector.errors import Misconfigured
from connector.flows.configure import ImportReport, import_file, resolve_ledger_settings
from connector.ledgers import LedgerInfo, SettingField
from connector.store import audit, decisions
from connector.store.database import open_engine, reading, writing
from connector.store.tables import audit as audit_rows
from connector.store.tables import imports, metadata, price_rules
from mappings.formats import Kind
from mappings.ledger_file import Reference
from mappings.links import Organisation, TenantLink
from mappings.pricelist import PriceRule, Rate, Tier

ORGANISATIONS = "code,name,currency,region\nC-1,Contoso,EUR,north\nC-2,Fabrikam,EUR,\n"
HEADER = "organisation,product_id,sku_id,kind,value,currency,valid_from,valid_to,note\n"
PRICES = HEADER + "*,,,markup,20,,,,\nC-1,CFQ1,0001,fixed,12.50,EUR,2026-01-01,,\nC-1,CFQ2,,tiered,1:12;50:11,EUR,,,\n"


def _no_ledger(settings: Any, http: Any) -> Any:
    raise AssertionError("an import opens no ledger")


KINDS = {
    "books": LedgerInfo(
        "books",
        "Books",
        (
            SettingField("url", "address", required=True),
            SettingField("password", "password", required=True, secret=True),
        ),
        _no_ledger,
    )
}


class Desk:
    """A clerk's desk: a database and a folder of files."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder

    def take(self, kind: Kind, text: str, **options: Any) -> ImportReport:
        path = self.folder / f"{kind}.csv"
        path.write_bytes(text.encode())
        return import_file(self.engine, kind, path, ledger_kinds=KINDS, **options)

    def good(self, kind: Kind, text: str, **options: Any) -> tuple[int, int, int, int]:
        report = self.take(kind, text, **options)
        assert report.errors == ()
        return report.added, report.changed, report.unchanged, report.removed

    def refused(self, kind: Kind, text: str, **options: Any) -> tuple[int, str, str]:
        before = self.everything()
        report = self.take(kind, text, **options)
        assert self.everything() == before
        assert len(report.errors) == 1, report.errors
        return report.errors[0].row, report.errors[0].column, report.errors[0].text

    def everything(self) -> dict[str, list[Any]]:
        with reading(self.engine) as connection:
            return {
                table.name: [tuple(row) for row in connection.execute(select(table))]
                for table in metadata.sorted_tables
            }

    def current(self, kind: Kind, as_of: int | None = None) -> list[Any]:
        with reading(self.engine) as connection:
            return [(row.value, row.notes) for row in decisions.HOMES[kind].stored(connection, as_of)]

    def rules(self) -> list[PriceRule]:
        with reading(self.engine) as connection:
            return sorted(decisions.price_rules(connection), key=lambda rule: rule.row_no)

    def links(self) -> list[TenantLink]:
        with reading(self.engine) as connection:
            return decisions.tenant_links(connection)

    def import_count(self) -> int:
        with reading(self.engine) as connection:
            return len(connection.execute(select(imports)).all())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    engine = open_engine(f"sqlite:///{tmp_path / 'connector.db'}")
    metadata.create_all(engine)
    yield Desk(engine, tmp_path)
    engine.dispose()


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """With two organisations."""
    desk.good("organisations", ORGANISATIONS)
    return desk


# --- what comes back ------------------------------------------------------------------------------


def test_organisations_come_back_with_their_notes(busy: Desk) -> None:
    with reading(busy.engine) as connection:
        found = decisions.organisations(connection)
        notes = [row.notes for row in decisions.ORGANISATIONS.stored(connection)]
    assert found == {
        "C-1": Organisation("C-1", "Contoso", currency="EUR"),
        "C-2": Organisation("C-2", "Fabrikam", currency="EUR"),
    }
    assert notes == [{"region": "north"}, {}]


def test_price_rules_come_back_with_version_import_and_row(busy: Desk) -> None:
    assert busy.good("prices", PRICES) == (3, 0, 0, 0)
    markup, fixed, tiered = busy.rules()
    assert (markup.organisation, markup.value, markup.version, markup.row_no) == ("", Decimal(20), 1, 2)
    assert (fixed.value, fixed.valid_from, fixed.import_no) == (Decimal("12.50"), date(2026, 1, 1), 2)
    assert str(fixed.value) == "12.50"
    assert tiered.tiers == (Tier(Decimal(1), Decimal(12)), Tier(Decimal(50), Decimal(11)))
    assert all(rule.id.startswith("r_") and len(rule.id) == 18 for rule in busy.rules())


def test_rates_come_back_by_currencies_oldest_first(desk: Desk) -> None:
    desk.good("rates", "date,from,to,rate\n2026-11-01,USD,EUR,0.91\n2026-10-01,USD,EUR,0.92\n")
    with reading(desk.engine) as connection:
        assert decisions.rates(connection) == {
            ("USD", "EUR"): [
                Rate(date(2026, 10, 1), "USD", "EUR", Decimal("0.92")),
                Rate(date(2026, 11, 1), "USD", "EUR", Decimal("0.91")),
            ]
        }


def test_services_and_list_prices_come_back(busy: Desk) -> None:
    busy.good(
        "services",
        "organisation,code,name,kind,price,currency,billing,valid_from\n"
        "C-1,S,Support,recurring,9.90,EUR,monthly,2026-10-01\n",
    )
    busy.good("list-prices", "product_id,sku_id,currency,price\nCFQ1,0001,EUR,14.40\n")
    with reading(busy.engine) as connection:
        (service,) = decisions.services(connection)
        (price,) = decisions.list_prices(connection)
    assert (service.name, service.price, service.quantity) == ("Support", Decimal("9.90"), Decimal(1))
    assert (price.product_id, price.price) == ("CFQ1", Decimal("14.40"))


# --- the same key, the same file, replace ---------------------------------------------------------


def test_a_new_value_is_a_new_version_and_the_old_one_stays(busy: Desk) -> None:
    busy.good("prices", PRICES)
    assert busy.good("prices", HEADER + "C-1,cfq1,0001,fixed,13,eur,2026-01-01,,why\n") == (0, 1, 0, 0)
    fixed = next(rule for rule in busy.rules() if rule.kind == "fixed")
    assert (fixed.value, fixed.version, fixed.note, fixed.import_no) == (Decimal(13), 2, "why", 3)
    assert len(busy.rules()) == 3
    with reading(busy.engine) as connection:
        versions = connection.execute(
            select(price_rules.c.version, price_rules.c.until_import).where(price_rules.c.rule_id == fixed.id)
        ).all()
    assert sorted(map(tuple, versions)) == [(1, 3), (2, None)]


def test_another_first_day_is_another_rule(busy: Desk) -> None:
    busy.good("prices", PRICES)
    assert busy.good("prices", HEADER + "C-1,CFQ1,0001,fixed,13,EUR,2027-01-01,,\n") == (1, 0, 0, 0)


def test_the_same_price_written_differently_changes_nothing(busy: Desk) -> None:
    busy.good("prices", PRICES)
    assert busy.good("prices", HEADER + "C-1,CFQ1,0001,Fixed,12.5,eur,2026-01-01,,\n") == (0, 0, 1, 0)


def test_nothing_is_removed_without_replace(busy: Desk) -> None:
    busy.good("prices", PRICES)
    assert busy.good("prices", HEADER + "*,,,markup,20,,,,\n") == (0, 0, 1, 0)
    assert busy.good("prices", HEADER + "*,,,markup,20,,,,\n", replace=True) == (0, 0, 1, 2)
    assert [rule.kind for rule in busy.rules()] == ["markup"]


def test_a_removed_price_that_comes_back_goes_on_counting_versions(busy: Desk) -> None:
    busy.good("prices", PRICES)
    busy.good("prices", HEADER + "*,,,markup,20,,,,\n", replace=True)
    assert busy.good("prices", PRICES) == (2, 0, 1, 0)
    assert sorted(rule.version for rule in busy.rules()) == [1, 2, 2]


LINKS = "tenant_id,organisation,valid_from,valid_to,who\norg:T1,C-1,,2026-09-30,me\nT1,C-2,2026-10-01,,\n"
TABLES: list[tuple[Kind, str]] = [
    ("organisations", ORGANISATIONS),
    ("links", LINKS),
    ("prices", PRICES),
    ("list-prices", "product_id,sku_id,currency,price,colour\nP,S,EUR,1.10,red\nP,S,USD,1.20,\n"),
    ("rates", "date,from,to,rate\n2026-10-01,USD,EUR,0.92\n"),
    (
        "services",
        "organisation,code,name,kind,price,currency,billing,valid_from\n"
        "C-1,S,Support,recurring,9,EUR,monthly,2026-10-01\n",
    ),
    (
        "ledgers",
        '[[ledger]]\nname="a"\nkind="books"\n[ledger.settings]\nurl="u"\npassword={env="P"}\n'
        '[[ledger]]\nname="b"\nkind="books"\n[ledger.settings]\nurl="u"\npassword={file="p"}\n',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), TABLES)
@pytest.mark.parametrize("replace", [False, True])
def test_the_same_file_twice_changes_nothing(busy: Desk, kind: Kind, text: str, replace: bool) -> None:
    busy.good(kind, text)
    before = busy.everything()
    added, changed, unchanged, removed = busy.good(kind, text, replace=replace)
    assert (added, changed, removed) == (0, 0, 0) and unchanged > 0
    assert busy.everything() == before


CHANGED: list[tuple[Kind, str]] = [
    ("organisations", "code,name,region\nC-1,Contoso Ltd,south\n"),
    ("links", "tenant_id,organisation,valid_from,valid_to\nt1,C-1,,2026-08-31\n"),
    ("list-prices", "product_id,sku_id,currency,price\np,s,EUR,1.11\n"),
    ("rates", "date,from,to,rate\n2026-10-01,USD,EUR,0.93\n"),
    (
        "services",
        "organisation,code,name,kind,price,currency,billing,valid_from\n"
        "C-1,S,Support,recurring,10,EUR,annual,2026-10-01\n",
    ),
    ("ledgers", '[[ledger]]\nname="b"\nkind="books"\n[ledger.settings]\nurl="v"\npassword={env="Q"}\n'),
]


@pytest.mark.parametrize(("kind", "text"), CHANGED)
def test_a_changed_row_takes_the_place_of_the_old_one(busy: Desk, kind: Kind, text: str) -> None:
    busy.good(kind, dict(TABLES)[kind])
    before = busy.current(kind)
    number = busy.import_count()
    assert busy.good(kind, text) == (0, 1, 0, 0)
    assert len(busy.current(kind)) == len(before)
    assert busy.current(kind) != before
    # ledger connections decide nothing about money: of them only the newest is kept
    assert kind == "ledgers" or busy.current(kind, as_of=number) == before
    assert busy.good(kind, text) == (0, 0, 1, 0)


def test_replace_removes_from_every_plain_table(desk: Desk) -> None:
    desk.good("organisations", ORGANISATIONS)
    assert desk.good("organisations", "code\nC-9\n", replace=True) == (1, 0, 0, 2)
    desk.good("rates", dict(TABLES)["rates"])
    assert desk.good("rates", "date,from,to,rate\n2027-01-01,USD,EUR,1\n", replace=True) == (1, 0, 0, 1)
    desk.good("list-prices", dict(TABLES)["list-prices"])
    assert desk.good("list-prices", "product_id,currency,price\nQ,EUR,1\n", replace=True) == (1, 0, 0, 2)


def test_a_tenant_moves_from_one_organisation_to_another(busy: Desk) -> None:
    busy.good("links", "tenant_id,organisation,valid_from,valid_to\nT,C-1,,\n")
    text = "tenant_id,organisation,valid_from,valid_to\nT,C-1,,2026-09-30\nT,C-2,2026-10-01,\n"
    assert busy.good("links", text) == (1, 1, 0, 0)
    assert busy.links() == [
        TenantLink("t", "C-1", None, date(2026, 9, 30)),
        TenantLink("t", "C-2", date(2026, 10, 1), None),
    ]


def test_ledgers_keep_their_place_until_a_file_replaces_all(desk: Desk) -> None:
    both = dict(TABLES)["ledgers"]
    new = '[[ledger]]\nname="c"\nkind="books"\n[ledger.settings]\nurl="u"\npassword={env="P"}\n'
    desk.good("ledgers", both)
    desk.good("ledgers", new)

    def names() -> list[str]:
        with reading(desk.engine) as connection:
            return [ledger.name for ledger in decisions.ledgers(connection)]

    assert names() == ["a", "b", "c"]
    assert desk.good("ledgers", new + both, replace=True) == (0, 3, 0, 0)
    assert names() == ["c", "a", "b"]


CODES = st.sampled_from(["", "C-1", "C-2"])
VALUES = st.decimals(min_value="-99", max_value=10**12, places=6).map(str)
DAYS = st.one_of(st.just(""), st.dates(date(2000, 1, 1), date(2100, 1, 1)).map(date.isoformat))
NOTES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CODES, VALUES, DAYS, NOTES), min_size=1, max_size=6))
def test_any_price_file_twice_changes_nothing(busy: Desk, rows: list[tuple[str, str, str, str]]) -> None:
    lines = ["organisation;subscription_id;kind;value;valid_from;note;our note"]
    for at, (code, value, day, note) in enumerate(rows):
        quoted = note.replace('"', '""')
        lines.append(f'{code};s{at};markup;{value};{day};"{quoted}";"{quoted}"')
    text = "\n".join([*lines, ""])
    first = busy.take("prices", text, replace=True, large_percentages=True)
    assert first.errors == ()
    before = busy.everything()
    assert busy.good("prices", text, replace=True, large_percentages=True) == (0, 0, len(rows), 0)
    assert busy.everything() == before


# --- the dry run ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "text"), TABLES[1:])
def test_a_dry_run_shows_everything_and_changes_nothing(busy: Desk, kind: Kind, text: str) -> None:
    before = busy.everything()
    looked = busy.take(kind, text, dry_run=True)
    assert busy.everything() == before
    done = busy.take(kind, text)
    assert looked.changes == done.changes and len(done.changes) == done.added > 0
    assert (looked.import_no, done.import_no) == (None, 2)


def test_a_dry_run_of_a_replacement_names_each_change(busy: Desk) -> None:
    busy.good("prices", PRICES)
    before = busy.everything()
    report = busy.take("prices", HEADER + "*,,,markup,25,,,,\n*,,,margin,5,,,,\n", dry_run=True, replace=True)
    assert busy.everything() == before
    assert [(change.action, change.key, change.before, change.after) for change in report.changes] == [
        ("removed", "C-1 CFQ1 0001 fixed EUR from 2026-01-01", "value=12.5", ""),
        ("removed", "C-1 CFQ2 tiered EUR", "value=1:12;50:11", ""),
        ("changed", "* markup", "value=20", "value=25"),
        ("added", "* margin", "", "value=5"),
    ]


def test_the_report_as_json(busy: Desk) -> None:
    long = "x" * 200
    report = busy.take("prices", HEADER + f"*,,,markup,{long},,,,\n", dry_run=True).to_json()
    assert json.loads(json.dumps(report)) == report
    assert report["errors"][0].pop("text").startswith("this is not a number")
    assert report == {
        "kind": "prices", "file": "prices.csv", "dry_run": True, "rows": 1, "added": 0, "changed": 0,
        "unchanged": 0, "removed": 0, "skipped": 0, "notes": [], "error_count": 1,
        "errors": [{"row": 2, "column": "value", "value": "x" * 80}], "changes": [], "changes_not_shown": 0,
        "change_set": None, "warnings": [],
    }  # fmt: skip


def test_changes_are_shown_up_to_a_limit_and_counted_beyond(desk: Desk) -> None:
    report = desk.take("organisations", "code\n" + "\n".join(f"C-{n}" for n in range(5000)) + "\n")
    assert (report.rows, report.added, len(report.changes)) == (5000, 5000, 200)
    assert report.to_json()["changes_not_shown"] == 4800
    names = "code,name\n" + "\n".join(f"C-{n},x" for n in range(5000)) + "\n"
    every = desk.take("organisations", names, all_changes=True).to_json()
    assert (len(every["changes"]), every["changes_not_shown"]) == (5000, 0)


# --- refusals that need the database --------------------------------------------------------------


def test_one_bad_row_keeps_all_the_others_out(busy: Desk) -> None:
    assert busy.refused("prices", PRICES + "C-1,,,markup,x,,,,\n")[:2] == (5, "value")


def test_prices_for_an_unknown_organisation_are_refused(busy: Desk) -> None:
    row, column, text = busy.refused("prices", HEADER + "c-1,,,markup,20,,,,\n")
    assert (row, column) == (2, "organisation") and "no organisation has this code" in text


def test_links_to_an_unknown_organisation_are_refused(busy: Desk) -> None:
    assert busy.refused("links", "tenant_id,organisation\nT,C-3\n")[:2] == (2, "organisation")


def test_services_for_an_unknown_organisation_are_refused(busy: Desk) -> None:
    text = "organisation,code,name,kind,price,currency,billing,valid_from\nC-3,S,n,one_off,1,EUR,,2026-10-01\n"
    assert busy.refused("services", text)[:2] == (2, "organisation")


def test_overlapping_links_in_a_file_name_both_rows(busy: Desk) -> None:
    text = "tenant_id,organisation,valid_from,valid_to\nT,C-1,2026-01-01,2026-10-01\norg:t,C-2,2026-10-01,\n"
    row, column, words = busy.refused("links", text)
    assert (row, column) == (3, "valid_from") and "overlaps row 2" in words


def test_a_link_that_overlaps_a_stored_one_names_it(busy: Desk) -> None:
    busy.good("links", "tenant_id,organisation,valid_from,valid_to\nT,C-1,2026-10-01,\n")
    row, _, words = busy.refused("links", "tenant_id,organisation,valid_from\nT,C-2,2026-01-01\n")
    assert row == 2 and "the link to C-1 in the database (from 2026-10-01 without an end)" in words


def test_a_replacing_file_of_links_only_answers_for_itself(busy: Desk) -> None:
    busy.good("links", "tenant_id,organisation,valid_from,valid_to\nT,C-1,2026-10-01,\n")
    text = "tenant_id,organisation,valid_from\nT,C-2,2026-01-01\n"
    assert busy.good("links", text, replace=True) == (1, 0, 0, 1)


def test_an_unknown_ledger_is_allowed_until_there_are_ledgers(desk: Desk) -> None:
    assert desk.good("organisations", "code,ledger\nC-1,nowhere\n") == (1, 0, 0, 0)
    desk.good("ledgers", dict(TABLES)["ledgers"])
    row, column, text = desk.refused("organisations", "code,ledger\nC-1,nowhere\n")
    assert (row, column) == (2, "ledger") and "a, b" in text


def test_an_organisation_that_is_needed_does_not_go(busy: Desk) -> None:
    busy.good("links", "tenant_id,organisation\nT,C-1\n")
    _, column, text = busy.refused("organisations", "code\nC-2\n", replace=True)
    assert column == "code" and "has tenant links" in text


def test_a_ledger_that_is_needed_does_not_go(desk: Desk) -> None:
    desk.good("ledgers", dict(TABLES)["ledgers"])
    desk.good("organisations", "code,ledger\nC-1,a\n")
    text = '[[ledger]]\nname="b"\nkind="books"\n[ledger.settings]\nurl="u"\npassword={file="p"}\n'
    assert desk.refused("ledgers", text, replace=True)[1] == "name"


def test_a_ledger_of_an_unknown_kind_is_refused(desk: Desk) -> None:
    row, column, text = desk.refused("ledgers", '[[ledger]]\nname="a"\nkind="abacus"\n')
    assert (row, column) == (1, "kind") and "books" in text


def test_missing_and_unknown_settings_are_refused_together(desk: Desk) -> None:
    text = '[[ledger]]\nname="a"\nkind="books"\n[ledger.settings]\nurl="u"\ncolour="red"\n'
    _, column, words = desk.refused("ledgers", text)
    assert column == "settings" and "missing: password" in words and "unknown: colour" in words


def test_a_secret_in_the_file_is_refused_and_never_repeated(desk: Desk) -> None:
    text = '[[ledger]]\nname="a"\nkind="books"\n[ledger.settings]\nurl="u"\npassword="canary-1f9"\n'
    report = desk.take("ledgers", text)
    assert report.errors[0].column == "settings.password" and "env=" in report.errors[0].text
    assert "canary-1f9" not in json.dumps(report.to_json()) + repr(desk.everything())


def test_a_file_that_is_not_there(desk: Desk) -> None:
    with pytest.raises(Misconfigured, match=r"nothing\.csv cannot be read"):
        import_file(desk.engine, "prices", desk.folder / "nothing.csv")


def test_a_kind_that_is_not_there(desk: Desk) -> None:
    with pytest.raises(Misconfigured, match="not a kind of import"):
        import_file(desk.engine, "invoices", desk.folder / "x.csv")  # type: ignore[arg-type]


# --- secrets of ledgers ---------------------------------------------------------------------------


def test_secrets_are_resolved_when_a_ledger_is_opened(desk: Desk) -> None:
    desk.good("ledgers", dict(TABLES)["ledgers"])
    (desk.folder / "p").write_text("from a file\n")
    with reading(desk.engine) as connection:
        first, second = decisions.ledgers(connection)
    assert resolve_ledger_settings(first.settings, {"P": "secret"}) == {"url": "u", "password": "secret"}
    # the file stood beside the imported one, wherever the worker starts
    assert resolve_ledger_settings(second.settings, {}) == {"url": "u", "password": "from a file"}


def test_all_missing_secrets_are_named_at_once(tmp_path: Path) -> None:
    wanted: dict[str, str | Reference] = {
        "a": Reference("env", "A_SECRET"),
        "b": Reference("file", str(tmp_path / "none")),
        "c": "x",
    }
    with pytest.raises(Misconfigured) as caught:
        resolve_ledger_settings(wanted, {"OTHER": "canary-2c7"})
    assert "A_SECRET" in str(caught.value) and "none" in str(caught.value)
    assert "canary-2c7" not in str(caught.value)


# --- the audit ------------------------------------------------------------------------------------


def test_an_import_that_changes_something_writes_one_audit_row(busy: Desk) -> None:
    busy.good("rates", "date,from,to,rate\n2026-10-01,USD,EUR,0.92\n", who="clerk")
    busy.good("rates", "date,from,to,rate\n2026-10-01,USD,EUR,0.93\n", who="clerk")
    busy.good("rates", "date,from,to,rate\n2026-10-01,USD,EUR,0.93\n", who="clerk")
    rows = busy.everything()["audit"]
    assert len(rows) == 3 == busy.import_count()
    number, _, who, action, subject, before, after, *_ = rows[-1]
    assert (number, who, action, subject) == (3, "clerk", "import", "rates rates.csv")
    assert json.loads(before) == [["2026-10-01 USD EUR", "rate=0.92"]]
    assert json.loads(after)["rows"] == [["2026-10-01 USD EUR", "rate=0.93"]]


def _three_rows(desk: Desk) -> None:
    with writing(desk.engine) as connection:
        for number in range(3):
            audit.append(connection, "me", "set", f"thing {number}", "", "é微", "because")


def test_an_untouched_chain_is_whole(desk: Desk) -> None:
    _three_rows(desk)
    with reading(desk.engine) as connection:
        assert audit.verify(connection) == []


def test_a_changed_row_of_the_chain_is_named(desk: Desk) -> None:
    _three_rows(desk)
    with writing(desk.engine) as connection:
        connection.execute(update(audit_rows).where(audit_rows.c.no == 2).values(who="you"))
    with reading(desk.engine) as connection:
        assert audit.verify(connection) == ["audit row 2 was changed after it was written"]


def test_a_removed_row_of_the_chain_is_named(desk: Desk) -> None:
    _three_rows(desk)
    with writing(desk.engine) as connection:
        connection.execute(delete(audit_rows).where(audit_rows.c.no == 2))
    with reading(desk.engine) as connection:
        assert audit.verify(connection) == [
            "between audit rows 1 and 3 rows are missing",
            "audit row 3 does not follow the row before it",
        ]
