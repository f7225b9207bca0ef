"""The real ledger behind a bad line, and people who work in it at the same time (faults 4 - 7, 9 - 17)."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connector.flows.push_month import PushResult, push_period
from connector.flows.verify import verify_all
from tests.faults.booked import CREATE, POST, WRITES, assert_booked_once, live
from tests.faults.installation import PERIOD, Installation
from tests.faults.test_takeover import nth
from tests.standins.tryton import Fault, FaultyProxy, TrytonServer

pytestmark = pytest.mark.tryton
Install = Callable[..., Installation]
TWO = ["C-1", "C-3"]


def nap(seconds: float) -> None:
    """Waking early is always right: the database's clock says whether the time has come."""
    time.sleep(min(seconds, 0.2))


def push(installation: Installation, passed: Callable[[str], None] = lambda step: None, **more: Any) -> PushResult:
    """A push whose waiting costs no time: the database's times go back instead."""
    return push_period(installation.world(**{"passed": passed, "sleep": installation.let_time_pass, **more}), PERIOD)


def release(installation: Installation) -> PushResult:
    return push_period(installation.world(sleep=installation.let_time_pass), PERIOD, release=True)


def held(installation: Installation, customer: str) -> tuple[str, str, str]:
    """Step, code and words of the one held posting."""
    rows = [row for row in installation.postings() if row["state"] == "held"]
    assert [row["organisation"] for row in rows] == [customer], installation.states()
    return rows[0]["step"], rows[0]["last_error_code"], rows[0]["last_error"]


@pytest.fixture
def connected(install: Install, tryton: TrytonServer, proxy: FaultyProxy) -> Callable[..., Installation]:
    """A partner whose way to the ledger leads through the proxy."""

    def make(customers: list[str] = TWO, **settings: str) -> Installation:
        installation = install(customers)
        installation.connect_tryton({**tryton.settings, "url": proxy.url}, **{"timeout": "5", **settings})
        return installation

    return make


# -- the line --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [CREATE, POST], ids=["create", "post"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault("drop_after"),
        Fault("drop_before"),
        Fault("status", status=500),
        Fault("status", status=503, retry_after="1"),
        Fault("wrong_id"),
        Fault("status", status=429, retry_after="1"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}" if fault.kind == "status" else fault.kind,
)
def test_a_call_that_went_wrong_ends_in_one_invoice(
    connected: Install, tryton: TrytonServer, proxy: FaultyProxy, fault: Fault, method: str
) -> None:
    installation = connected(["C-1"])
    broken = proxy.inject(Fault(fault.kind, method, status=fault.status, retry_after=fault.retry_after))
    result = push(installation)
    assert broken.applied == 1
    assert_booked_once(installation, tryton)
    assert (result.held, result.unavailable) == (0, "")
    carried_out = fault.kind in ("drop_after", "wrong_id")
    assert proxy.count(method) == (1 if carried_out else 2)


def test_a_gateway_that_gives_up_after_the_ledger_did_it_ends_in_one_invoice(
    connected: Install, tryton: TrytonServer, proxy: FaultyProxy
) -> None:
    """Fault 5, and the ledger itself is slower than our patience."""
    installation = connected(["C-1"], timeout="2")
    slow = proxy.inject(Fault("latency", POST, seconds=2.5))
    push(installation, sleep=nap)
    assert (slow.applied, proxy.count(POST)) == (1, 1)
    assert_booked_once(installation, tryton)


def test_a_commit_after_our_time_out_is_waited_for(
    connected: Install, tryton: TrytonServer, proxy: FaultyProxy
) -> None:
    """Fault 6: the request lies somewhere for longer than we wait, and is carried out then."""
    installation = connected(["C-1"], timeout="2", max_server_time="4")
    late = proxy.inject(Fault("hold", CREATE, seconds=3))
    push(installation, sleep=nap)
    assert (late.applied, proxy.count(CREATE)) == (1, 1)
    assert_booked_once(installation, tryton)


def test_a_forgotten_session_is_no_reason_to_stop(connected: Install, tryton: TrytonServer) -> None:
    installation = connected()
    push(installation, nth("looked", 2, tryton.forget_sessions))
    assert_booked_once(installation, tryton)


def test_a_session_too_old_to_post_is_renewed(connected: Install, tryton: TrytonServer) -> None:
    installation = connected()
    push(installation, nth("looked", 3, tryton.age_sessions))
    assert_booked_once(installation, tryton)


def test_a_ledger_that_is_away_at_first_is_asked_again(connected: Install, tryton: TrytonServer) -> None:
    installation = connected(["C-1"])
    tryton.stop()
    result = push_period(installation.world(), PERIOD, wait=False)
    assert result.unavailable
    assert set(installation.states().values()) == {"planned"}
    tryton.start()
    installation.let_time_pass(60)
    assert push(installation).unavailable == ""
    assert_booked_once(installation, tryton)


# -- one document, not the others ------------------------------------------------------------------------------


def test_a_customer_the_ledger_does_not_know_holds_his_document_only(connected: Install, tryton: TrytonServer) -> None:
    """Fault 13."""
    installation = connected()
    installation.take_in(
        "organisations",
        "organisations.csv",
        "code,name,country,currency,group,ledger,ledger_customer,email,purchase_order\nC-3,Customer,DE,EUR,,,NEW-1,,\n",
    )
    result = push(installation)
    step, code, words = held(installation, "C-3")
    assert (step, code, result.held) == ("create", "reference_missing", 1)
    assert "Tryton has no customer with the code NEW-1" in words
    assert len(live(tryton, installation.refs()["C-1"])) == 1
    assert live(tryton, installation.refs()["C-3"]) == []
    tryton.create_customer("NEW-1")
    again = push(installation)
    assert again.held == 0
    assert [invoice.party_code for invoice in live(tryton, installation.refs()["C-3"])] == ["NEW-1"]
    assert set(installation.states().values()) == {"verified"}


def test_a_closed_period_holds_before_anything_is_written(connected: Install, tryton: TrytonServer) -> None:
    """Fault 12. Another year than the other tests', whose numbers are none of its business."""
    installation, day = connected(["C-1"]), date(2021, 3, 15)
    tryton.close_period(day)
    push(installation, today=lambda: day)
    step, code, words = held(installation, "C-1")
    assert (step, code) == ("create", "reference_missing")
    assert "closed" in words
    assert live(tryton, installation.refs()["C-1"]) == []
    _reopen(tryton)
    push(installation, today=lambda: day)
    assert_booked_once(installation, tryton)


def test_a_period_closed_between_draft_and_posting_leaves_the_draft(connected: Install, tryton: TrytonServer) -> None:
    installation, day = connected(["C-1"]), date(2022, 3, 15)
    result = push(installation, nth("verified", 1, lambda: tryton.close_period(day)), today=lambda: day)
    step, code, words = held(installation, "C-1")
    assert (step, code, result.held) == ("finalise", "period_closed", 1)
    # the ledger's own words
    assert "period" in words.lower()
    (draft,) = live(tryton, installation.refs()["C-1"])
    assert (draft.state, draft.number) == ("draft", "")
    _reopen(tryton)
    push(installation, today=lambda: day)
    assert_booked_once(installation, tryton)
    assert live(tryton, draft.reference)[0].id == draft.id


def test_dates_that_went_backwards_can_be_mended_in_the_ledger(connected: Install, tryton: TrytonServer) -> None:
    """Tryton numbers in the order of dates: an older one is refused until somebody gives it a later date."""
    first, older = connected(["C-1"]), connected(["C-3"])
    push(first, today=lambda: date(2020, 6, 20))
    push(older, today=lambda: date(2020, 6, 10))
    step, _, words = held(older, "C-3")
    assert step == "finalise"
    assert words
    (draft,) = live(tryton, older.refs()["C-3"])
    assert (draft.state, draft.number) == ("draft", "")
    _write(tryton, draft.id, {"invoice_date": {"__class__": "date", "year": 2020, "month": 6, "day": 20}})
    push(older)
    assert_booked_once(older, tryton)


# -- people in the ledger --------------------------------------------------------------------------------------


def test_a_draft_with_an_amount_changed_by_hand_is_kept_and_reported(
    connected: Install, tryton: TrytonServer, proxy: FaultyProxy
) -> None:
    """Fault 15: never overwritten, never issued, never made a second time."""
    installation = connected()
    amounts: list[Decimal] = []

    def change() -> None:
        ref = installation.refs()["C-1"]
        amounts.append(live(tryton, ref)[0].lines[0].amount)
        _change_amount(tryton, ref, Decimal("11.11"))

    push(installation, nth("verified", 2, change))
    step, code, words = held(installation, "C-1")
    assert (step, code) == ("finalise", "conflict")
    assert "changed in the ledger" in words
    changed = live(tryton, installation.refs()["C-1"])
    assert [invoice.state for invoice in changed] == ["draft"]
    assert [invoice.state for invoice in live(tryton, installation.refs()["C-3"])] == ["posted"]
    proxy.clear()
    push(installation)
    release(installation)
    assert live(tryton, installation.refs()["C-1"]) == changed
    assert sum(proxy.count(method) for method in WRITES) == 0
    # set right by the person who changed it, and asked for: then it goes on
    _change_amount(tryton, installation.refs()["C-1"], amounts[0])
    release(installation)
    assert_booked_once(installation, tryton)


def test_a_draft_deleted_by_hand_is_reported_and_not_made_again(
    connected: Install, tryton: TrytonServer, proxy: FaultyProxy
) -> None:
    installation = connected()
    ref = installation.refs()["C-1"]

    def delete() -> None:
        tryton.administrator().call("model.account.invoice.delete", [live(tryton, ref)[0].id], _context(tryton))

    push(installation, nth("verified", 2, delete))
    step, code, words = held(installation, "C-1")
    assert (step, code) == ("finalise", "gone")
    assert "deleted" in words
    proxy.clear()
    push(installation)
    assert live(tryton, ref) == []
    assert proxy.count(CREATE) == 0
    assert [invoice.state for invoice in live(tryton, installation.refs()["C-3"])] == ["posted"]


def test_a_link_removed_by_hand_is_seen(connected: Install, tryton: TrytonServer) -> None:
    """Link rules: after the write, verify by read-back that it is whole."""
    installation = connected(["C-3"])
    ref = installation.refs()["C-3"]

    def remove() -> None:
        _write_lines(tryton, live(tryton, ref)[0].id, {"note": ""})

    push(installation, nth("called", 1, remove))
    assert "link" in held(installation, "C-3")[2]


def test_a_reference_found_twice_stops_with_both_ids(connected: Install, tryton: TrytonServer) -> None:
    """Fault 6, too late: somebody (or a late commit) made a second one. Neither is issued."""
    installation = connected()
    ref = installation.refs()["C-1"]

    def copy() -> None:
        (made,) = tryton.administrator().call(
            "model.account.invoice.copy", [live(tryton, ref)[0].id], {"reference": ref}, _context(tryton)
        )
        copies.append(made)

    copies: list[int] = []
    push(installation, nth("verified", 2, copy))
    step, code, words = held(installation, "C-1")
    assert (step, code) == ("finalise", "duplicate_ref")
    assert "2 times" in words and str(copies[0]) in words
    assert [invoice.state for invoice in live(tryton, ref)] == ["draft", "draft"]
    assert [invoice.state for invoice in live(tryton, installation.refs()["C-3"])] == ["posted"]
    tryton.administrator().call("model.account.invoice.delete", copies, _context(tryton))
    release(installation)
    assert_booked_once(installation, tryton)


def test_an_invoice_posted_by_hand_is_adopted(connected: Install, tryton: TrytonServer) -> None:
    installation = connected(["C-1"])
    ref = installation.refs()["C-1"]

    def post() -> None:
        tryton.administrator().call("model.account.invoice.post", [live(tryton, ref)[0].id], _context(tryton))

    push(installation, nth("verified", 1, post))
    assert_booked_once(installation, tryton)
    assert not any(invariant.problems for invariant in verify_all(installation.world()))


def _context(tryton: TrytonServer) -> dict[str, int]:
    return {"company": tryton.facts.company_id}


def _write(tryton: TrytonServer, number: int, values: dict[str, Any]) -> None:
    tryton.administrator().call("model.account.invoice.write", [number], values, _context(tryton))


def _write_lines(tryton: TrytonServer, number: int, values: dict[str, Any]) -> None:
    rpc, context = tryton.administrator(), _context(tryton)
    order = [["sequence", "ASC"]]
    first = rpc.call("model.account.invoice.line.search", [["invoice", "=", number]], 0, 1, order, context)
    rpc.call("model.account.invoice.line.write", first, values, context)


def _change_amount(tryton: TrytonServer, ref: str, amount: Decimal) -> None:
    unit_price = {"__class__": "Decimal", "decimal": str(amount)}
    _write_lines(tryton, live(tryton, ref)[0].id, {"unit_price": unit_price, "quantity": 1})


def _reopen(tryton: TrytonServer) -> None:
    rpc, context = tryton.administrator(), _context(tryton)
    closed = rpc.call("model.account.period.search", [["state", "=", "closed"]], 0, None, None, context)
    rpc.call("model.account.period.reopen", closed, context)
