"""What posting promises, one mechanism at a time, against a ledger that misbehaves on demand."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from itertools import chain, repeat
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from connector.domain.posting import Posting
from connector.flows.price import price_period
from connector.flows.push import ledger_invoice
from connector.flows.verify import verify_all
from connector.store import documents, postings
from connector.store.database import reading, writing
from connector.store.postings import FenceLost
from connector.store.tables import postings as table
from tests.faults.clock import DatabaseClock
from tests.faults.installation import EXPECTED, LINES, PERIOD, Installation, deliver, price_at
from tests.faults.pretend import Books, Killed, PretendLedger, Trouble, Weather, same_books
from tests.faults.test_takeover import nth
from tests.faults.workers import assert_each_once, books, push, worker

Install = Callable[..., Installation]


def once(name: str, trouble: Trouble, seconds: float = 0.0) -> Weather:
    """The first call of this name meets this trouble, nothing else does."""
    coming = chain([(trouble, seconds)], repeat(("none", 0.0)))

    def weather(called: str) -> tuple[Trouble, float]:
        return next(coming) if called == name else ("none", 0.0)

    return weather


def held_words(installation: Installation, customer: str) -> tuple[str, str]:
    rows = [row for row in installation.postings() if row["organisation"] == customer and row["state"] == "held"]
    assert len(rows) == 1, installation.states()
    return rows[0]["last_error_code"], rows[0]["last_error"]


# -- an answer that is missing, late or another's --------------------------------------------------------------


LOST: list[Trouble] = ["refused", "throttled", "lost_before", "lost_after", "late"]


@pytest.mark.parametrize("call", ["create", "finalise"])
@pytest.mark.parametrize("trouble", LOST)
def test_after_a_lost_call_there_is_one_document(install: Install, trouble: Trouble, call: str) -> None:
    installation, ledger = install(), PretendLedger(books(), once(call, trouble, 60.0))
    result = push(worker(installation, ledger))
    assert_each_once(installation, ledger.books)
    assert (result.held, result.unavailable) == (0, "")


@pytest.mark.parametrize("trouble", LOST)
def test_where_the_index_lags_a_lost_call_is_looked_up_late_enough(install: Install, trouble: Trouble) -> None:
    """Fault 7. The last moment at which the ledger may commit, and then the longest that its index may take."""
    held = Books(DatabaseClock(), lag=30)
    installation, ledger = install(), PretendLedger(held, once("create", trouble, 60.0), unique_key="findable_after")
    push(worker(installation, ledger, finalise=False))
    assert_each_once(installation, held, final=False)


def test_where_the_index_lags_a_draft_is_still_issued(install: Install) -> None:
    """The draft was read back a moment ago: that a search does not find it yet does not mean that it is gone."""
    held = Books(DatabaseClock(), lag=30)
    installation, ledger = install(), PretendLedger(held, unique_key="findable_after")
    push(worker(installation, ledger))
    assert_each_once(installation, held)


@pytest.mark.parametrize("call", ["create", "finalise"])
@pytest.mark.parametrize("trouble", ["killed_before", "killed_after", "killed_late"])
def test_after_dying_in_the_middle_of_a_call_there_is_one_document(
    install: Install, trouble: Trouble, call: str
) -> None:
    """The server may need longer than the lease lasts: what says so is the committed `sending`."""
    installation, ledger = install(), PretendLedger(books(), once(call, trouble, 60.0))
    with pytest.raises(Killed):
        push(worker(installation, ledger))
    push(worker(installation, same_books(ledger)))
    ledger.books.clock.advance(600)
    assert_each_once(installation, ledger.books)


def test_when_the_ledger_is_called_the_database_already_says_so(install: Install) -> None:
    """Rule 4: `sending`, the time and the request's hash are committed before the call, and the document frozen."""
    installation, ledger = install(["C-1"]), PretendLedger(books())
    seen: list[dict[str, Any]] = []

    def look(name: str) -> None:
        if name in ("create", "finalise"):
            (row,) = [row for row in installation.postings() if row["step"] == name]
            seen.append({**row, **installation.rows("SELECT state AS document, issue_date FROM documents")[0]})

    ledger.meanwhile = look
    push(worker(installation, ledger))
    assert [row["state"] for row in seen] == ["sending", "sending"]
    assert all(row["sent_at"] and row["request_hash"] and row["attempts"] == 1 for row in seen)
    assert all(row["document"] == "frozen" and row["issue_date"] for row in seen)


def test_the_ledger_is_asked_before_it_is_told_even_the_first_time(install: Install) -> None:
    """Our record was lost, or another installation has sent it: what is there is adopted, not made again."""
    installation, ledger = install(["C-1"]), PretendLedger(books())
    world = worker(installation, ledger)
    with writing(world.engine) as connection:
        stored = documents.of_period(connection, PERIOD)[0]
        ledger.books.create(ledger_invoice(world, connection, stored, ledger.capabilities()))
    push(world)
    assert_each_once(installation, ledger.books)
    assert [write.split()[0] for write in ledger.books.writes] == ["create", "finalise"]


def test_where_the_ledger_cannot_be_asked_a_person_decides(install: Install) -> None:
    installation, ledger = install(["C-1"]), PretendLedger(books(), once("create", "lost_after"), unique_key="none")
    push(worker(installation, ledger))
    code, words = held_words(installation, "C-1")
    assert code == "unknown"
    assert "not known" in words
    push(worker(installation, same_books(ledger)))
    assert len(ledger.books.documents) == 1


def test_an_answer_that_belongs_to_another_request_is_not_believed(install: Install) -> None:
    """Fault 17: the id in the answer is another document's. The others go on, and each has its own at the end."""
    installation, held = install(), books()
    answers: Iterator[Trouble] = iter(["none", "other_answer"])

    def weather(name: str) -> tuple[Trouble, float]:
        return (next(answers, "none") if name == "create" else "none"), 0.0

    push(worker(installation, PretendLedger(held, weather)))
    push(worker(installation, PretendLedger(held)))
    for customer, ref in installation.refs().items():
        assert len(held.live(ref)) == 1, customer
    for row in installation.postings():
        if row["state"] == "verified":
            assert held.one(row["remote_id"]).ref == row["ref"]  # type: ignore[union-attr]
        else:
            assert (row["state"], row["organisation"]) == ("held", "C-2")
            assert row["ref"] in row["last_error"]


def test_a_database_from_before_the_pricing_does_not_double_anything(install: Install) -> None:
    """Fault 38: the same documents are made again, with the same references and links, and found in the ledger."""
    installation, ledger = install(), PretendLedger(books())
    push(worker(installation, ledger))
    writes = list(ledger.books.writes)
    again = install(partner=installation.partner)
    assert again.refs() == installation.refs()
    result = push(worker(again, same_books(ledger)))
    assert ledger.books.writes == writes
    assert (result.held, set(again.states().values())) == (0, {"verified"})


# -- what is read back -----------------------------------------------------------------------------------------


def _rounded(held: Books) -> None:
    held.documents[-1].net_total += Decimal("0.01")


def _line_lost(held: Books) -> None:
    held.documents[-1].lines = held.documents[-1].lines[:-1]


def _link_cut(held: Books) -> None:
    first, *others = held.documents[-1].lines
    cut = type(first)(first.text, first.net_amount, first.url[:40])
    held.documents[-1].lines = (cut, *others)


def _link_lost(held: Books) -> None:
    first, *others = held.documents[-1].lines
    held.documents[-1].lines = (type(first)(first.text, first.net_amount, ""), *others)


def _other_customer(held: Books) -> None:
    held.documents[-1].customer = "C-9"


@pytest.mark.parametrize(
    ("spoil", "word"),
    [(_rounded, "165.51"), (_line_lost, "lines"), (_link_cut, "link"), (_link_lost, "link"), (_other_customer, "C-9")],
)
def test_a_document_that_reads_back_otherwise_is_held_and_shown(
    install: Install, spoil: Callable[[Books], None], word: str
) -> None:
    """Faults 8, 14, 15: what the ledger has is compared with what was sent, and never quietly accepted or issued."""
    installation, ledger = install(["C-1"]), PretendLedger(books())
    world = worker(installation, ledger, nth("called", 1, lambda: spoil(ledger.books)))
    result = push(world)
    code, words = held_words(installation, "C-1")
    assert (code, result.held) == ("totals_mismatch", 1)
    assert word in words
    assert ledger.books.documents[0].state == "draft"
    again = push(worker(installation, same_books(ledger)))
    assert (again.held, again.planned[0].action) == (1, "reject")
    assert len(ledger.books.writes) == 1


def _deleted(held: Books) -> None:
    held.documents.clear()


def _cancelled(held: Books) -> None:
    held.documents[-1].state = "cancelled"


@pytest.mark.parametrize("spoil", [_rounded, _line_lost, _other_customer, _deleted, _cancelled])
def test_a_draft_that_a_person_changed_is_neither_issued_nor_made_again(
    install: Install, spoil: Callable[[Books], None]
) -> None:
    """Fault 15, between the draft's verification and its issue."""
    installation, ledger = install(["C-1"]), PretendLedger(books())
    push(worker(installation, ledger, nth("verified", 1, lambda: spoil(ledger.books))))
    code, words = held_words(installation, "C-1")
    assert code == ("gone" if spoil is _deleted else "conflict")
    assert "changed" in words or "gone" in words
    push(worker(installation, same_books(ledger)))
    assert [write.split()[0] for write in ledger.books.writes] == ["create"]
    assert all(held.state != "final" for held in ledger.books.documents)


def test_a_document_that_is_not_issued_after_issuing_is_held(install: Install) -> None:
    installation, ledger = install(["C-1"]), PretendLedger(books())

    def take_back() -> None:
        ledger.books.documents[0].state = "draft"

    push(worker(installation, ledger, nth("called", 2, take_back)))
    assert "still draft" in held_words(installation, "C-1")[1]


def test_a_reference_that_the_ledger_has_twice_is_held_with_both_ids(install: Install) -> None:
    installation, ledger = install(), PretendLedger(books())
    ref = installation.refs()["C-1"]

    def somebody_copies() -> None:
        first = ledger.books.live(ref)[0]
        ledger.books.documents.append(type(first)("77", *(getattr(first, name) for name in _COPIED)))

    push(worker(installation, ledger, nth("verified", 3, somebody_copies)))
    code, words = held_words(installation, "C-1")
    assert code == "duplicate_ref"
    assert "77" in words and "2 times" in words
    assert {state for (who, _), state in installation.states().items() if who != "C-1"} == {"verified"}
    assert [held.state for held in ledger.books.live(ref)] == ["draft", "draft"]


_COPIED = ("ref", "customer", "currency", "net_total", "lines", "found_from")


# -- what is sent never changes --------------------------------------------------------------------------------


def test_what_is_being_sent_is_what_the_database_keeps(install: Install) -> None:
    """Fault 54: prices change between reading the document and sending it. Old or new, but the same in both."""
    installation, ledger = install(["C-2"]), PretendLedger(books())

    def price_anew() -> None:
        price_at(installation, "50")
        price_period(worker(installation, same_books(ledger)), PERIOD)

    push(worker(installation, ledger, nth("looked", 1, price_anew)))
    (document,) = installation.documents()
    (held,) = ledger.books.live(document.ref)
    assert held.net_total == document.net_total


@pytest.mark.parametrize("step", ["sending", "called", "recorded", "verified"])
def test_what_was_sent_once_never_changes(install: Install, step: str) -> None:
    installation, ledger = install(["C-2"]), PretendLedger(books())

    def die() -> None:
        raise Killed

    with pytest.raises(Killed):
        push(worker(installation, ledger, nth(step, 1, die)))
    price_at(installation, "50")
    price_period(worker(installation, same_books(ledger)), PERIOD)
    world = worker(installation, same_books(ledger))
    push(world)
    assert_each_once(installation, ledger.books)
    assert {invariant.id: invariant.problems for invariant in verify_all(world) if not invariant.ok} == {}


@pytest.mark.parametrize("call", ["find", "create"])
def test_what_the_ledger_surely_does_not_have_follows_the_prices(install: Install, call: str) -> None:
    """Never asked for, or asked for where nobody listened: the document is still open."""
    installation, ledger = install(["C-2"]), PretendLedger(books(), once(call, "refused"))
    push(worker(installation, ledger), wait=False)
    price_at(installation, "50")
    price_period(worker(installation, ledger), PERIOD)
    ledger.books.clock.advance(3600)
    push(worker(installation, ledger))
    assert [held.net_total for held in ledger.books.documents] == [Decimal("500.00")]


def test_a_document_that_may_not_go_any_more_does_not_go(install: Install) -> None:
    """Planned while the ledger was away, then found incomplete: it waits like every incomplete document."""
    installation, ledger = install(["C-2"]), PretendLedger(books(), once("find", "refused"))
    push(worker(installation, ledger), wait=False)
    assert installation.states() == {("C-2", "create"): "planned"}
    deliver(installation, [line for line in LINES if line[0] == "C-2"], "G000000002", header="999.00")
    (document,) = installation.documents()
    assert document.held_reason
    ledger.books.clock.advance(3600)
    result = push(worker(installation, ledger))
    assert [item.action for item in result.planned] == ["reject"]
    assert ledger.books.documents == []


# -- the ledger asks for patience ------------------------------------------------------------------------------


def test_too_many_requests_are_repeated_when_the_ledger_says(install: Install) -> None:
    installation, ledger = install(["C-1"]), PretendLedger(books(), once("create", "throttled"))
    calls: list[tuple[str, Any]] = []
    ledger.meanwhile = lambda name: calls.append((name, ledger.books.clock.now))
    result = push(worker(installation, ledger))
    first, second = [at for name, at in calls if name == "create"]
    assert (second - first).total_seconds() >= 3
    assert_each_once(installation, ledger.books)
    assert result.unavailable == "", "it was not available for a moment, but everything is done"


def test_a_ledger_that_is_away_leaves_everything_due_and_says_so(install: Install) -> None:
    installation, ledger = install(), PretendLedger(books(), lambda name: ("refused", 0.0))
    result = push(worker(installation, ledger))
    assert "does not answer" in result.unavailable
    assert set(installation.states().values()) == {"planned"}
    assert ledger.books.documents == []
    ledger.books.clock.advance(3600)
    push(worker(installation, PretendLedger(ledger.books)))
    assert_each_once(installation, ledger.books)


def test_a_customer_the_ledger_lacks_holds_his_document_only(install: Install) -> None:
    installation = install()
    ledger = PretendLedger(
        books(), missing=lambda document: ["It has no customer C-2."] if document.customer_code == "C-2" else []
    )
    result = push(worker(installation, ledger))
    code, words = held_words(installation, "C-2")
    assert (code, result.held) == ("reference_missing", 1)
    assert "It has no customer C-2." in words
    assert len(ledger.books.documents) == 2
    push(worker(installation, PretendLedger(ledger.books)))
    assert_each_once(installation, ledger.books)


# -- the database ----------------------------------------------------------------------------------------------


def test_the_database_refuses_a_second_posting_of_a_document_a_reference_or_a_ledger_id(install: Install) -> None:
    """I5, kept by unique indexes and not by looking first."""
    installation, ledger = install(), PretendLedger(books())
    world = worker(installation, ledger)
    push(world, wait=False)
    with reading(world.engine) as connection:
        rows = [row._asdict() for row in connection.execute(table.select())]
    one, other = rows[0], rows[1]
    assert (one["step"], other["step"]) == ("create", "create")
    for same in ("document_id", "ref", "remote_id"):
        values = {**one, "document_id": "d", "ref": "r", "remote_id": "999", "id": 100, "ledger": one["ledger"]}
        # another existing document, so that only the index in question can object
        values["document_id"] = other["document_id"]
        values["step"] = "create"
        values[same] = one[same]
        with writing(world.engine) as connection:
            connection.execute(table.delete().where(table.c.id == other["id"]))
            with pytest.raises(IntegrityError, match="UNIQUE"):
                connection.execute(table.insert().values(**values))
            connection.rollback()


def test_planning_twice_makes_one_posting(install: Install) -> None:
    installation, ledger = install(["C-1"]), PretendLedger(books())
    world = worker(installation, ledger)
    (document,) = installation.documents()
    with writing(world.engine) as connection:
        assert postings.plan(connection, document.id, "create", "books", document.ref)
        assert not postings.plan(connection, document.id, "create", "books", document.ref)


def test_whoever_lost_the_fence_cannot_write(install: Install) -> None:
    installation, ledger = install(["C-1"]), PretendLedger(books())
    leased: list[Posting] = []
    world = worker(installation, ledger)

    def another_takes_it() -> None:
        with writing(world.engine) as connection:
            (due,) = postings.due(connection)
            mine = postings.one(connection, due.id)
            assert mine is not None
            leased.append(mine)
            connection.execute(table.update().values(fence=table.c.fence + 1))

    push(worker(installation, ledger, nth("leased", 1, another_takes_it)), wait=False)
    assert ledger.books.documents == []
    with writing(world.engine) as connection, pytest.raises(FenceLost):
        postings.record(connection, leased[0], state="posted", remote_id="1", request_hash="x")
    assert [row["state"] for row in installation.postings()] == ["planned"]


def test_a_locked_database_is_waited_for(install: Install) -> None:
    """Fault 36: somebody else writes for a while; nothing is lost and nothing done twice."""
    installation, ledger = install(["C-1"]), PretendLedger(books())
    threads: list[threading.Thread] = []

    def lock_for_a_while() -> None:
        locked = threading.Event()

        def hold() -> None:
            with closing(sqlite3.connect(installation.database, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                locked.set()
                threading.Event().wait(0.4)
                connection.execute("ROLLBACK")

        threads.append(threading.Thread(target=hold))
        threads[0].start()
        locked.wait()

    push(worker(installation, ledger, nth("called", 1, lock_for_a_while)))
    threads[0].join()
    assert_each_once(installation, ledger.books)


def test_pushing_a_finished_month_again_changes_nothing(install: Install) -> None:
    """I12."""
    installation, ledger = install(), PretendLedger(books())
    push(worker(installation, ledger))
    before, writes = installation.postings(), list(ledger.books.writes)
    asked: list[str] = []
    result = push(worker(installation, same_books(ledger, meanwhile=asked.append)))
    assert (installation.postings(), ledger.books.writes, asked) == (before, writes, [])
    assert [item.action for item in result.planned] == ["skip"] * len(EXPECTED)
