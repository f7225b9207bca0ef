"""The posting state machine and the comparison with what the ledger has, as pure functions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.invoice import LedgerInvoice, LedgerLine, RemoteInvoice, RemoteLine
from connector.domain.posting import Move, Posting, PostingState, UniqueKey, mismatch, next_move

SENT = datetime(2026, 11, 9, 3, 0, tzinfo=UTC)
SETTLE = timedelta(seconds=60)
KEYS: tuple[UniqueKey, ...] = ("enforced", "findable", "findable_after", "none")
SEARCHABLE = KEYS[:3]
ALMOST, OVER = SETTLE - timedelta(microseconds=1), SETTLE


def posting(state: PostingState, sent_at: datetime | None = SENT, **changes: object) -> Posting:
    made = Posting(
        id=1,
        document_id="d_1",
        step="create",
        ledger="books",
        ref="CSP-7Q2M4K9XT1D3",
        state=state,
        fence=1,
        lease_until=SENT + timedelta(seconds=45),
        sent_at=sent_at,
        remote_id="",
        number="",
        attempts=1,
        next_try_at=SENT,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


# -- every state at every time ---------------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("after", [timedelta(days=-1), timedelta(0), ALMOST, OVER, timedelta(days=400)])
@pytest.mark.parametrize(
    ("state", "move"),
    [
        (PostingState.PLANNED, Move.LOOK),
        (PostingState.POSTED, Move.READ_BACK),
        (PostingState.VERIFIED, Move.NOTHING),
        (PostingState.HELD, Move.NOTHING),
    ],
)
def test_what_was_not_sent_in_vain_does_not_wait(
    state: PostingState, move: Move, after: timedelta, key: UniqueKey
) -> None:
    assert next_move(posting(state), SENT + after, SETTLE, key) == move


def test_what_was_never_sent_is_looked_up_first() -> None:
    assert next_move(posting(PostingState.PLANNED, None), SENT, SETTLE, "enforced") == Move.LOOK


@pytest.mark.parametrize("state", [PostingState.SENDING, PostingState.UNKNOWN])
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("after", [timedelta(days=-1), timedelta(0), timedelta(seconds=1), ALMOST])
def test_what_was_sent_perhaps_in_vain_waits(state: PostingState, key: UniqueKey, after: timedelta) -> None:
    assert next_move(posting(state), SENT + after, SETTLE, key) == Move.WAIT


@pytest.mark.parametrize("state", [PostingState.SENDING, PostingState.UNKNOWN])
@pytest.mark.parametrize("after", [OVER, timedelta(days=400)])
def test_then_it_is_looked_up_or_a_person_decides(state: PostingState, after: timedelta) -> None:
    for key in SEARCHABLE:
        assert next_move(posting(state), SENT + after, SETTLE, key) == Move.LOOK
    assert next_move(posting(state), SENT + after, SETTLE, "none") == Move.HOLD


@pytest.mark.parametrize("state", [PostingState.SENDING, PostingState.UNKNOWN])
def test_sent_without_a_time_is_a_programming_error(state: PostingState) -> None:
    with pytest.raises(AssertionError):
        next_move(posting(state, None), SENT, SETTLE, "findable")


def test_every_state_is_tried_above() -> None:
    assert {state.value for state in PostingState} == {"planned", "sending", "unknown", "posted", "verified", "held"}
    assert {move.value for move in Move} == {"look", "read_back", "wait", "hold", "nothing"}


# -- laws ------------------------------------------------------------------------------------------------------

moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
settles = st.timedeltas(timedelta(0), timedelta(days=2))
waits = st.timedeltas(timedelta(days=-3), timedelta(days=3))
keys = st.sampled_from(KEYS)


@given(st.sampled_from([PostingState.SENDING, PostingState.UNKNOWN]), moments, waits, settles, keys)
def test_never_a_call_before_the_ledger_has_surely_ended(
    state: PostingState, sent: datetime, waited: timedelta, settle: timedelta, key: UniqueKey
) -> None:
    """Only LOOK leads to a call."""
    move = next_move(posting(state, sent), sent + waited, settle, key)
    assert (move == Move.WAIT) == (waited < settle)


@given(st.sampled_from(list(PostingState)), moments, moments, settles, keys)
def test_waiting_longer_never_takes_back_a_move(
    state: PostingState, sent: datetime, now: datetime, settle: timedelta, key: UniqueKey
) -> None:
    """Once it need not wait it need never wait: the same decision at every later moment."""
    move = next_move(posting(state, sent), now, settle, key)
    if move != Move.WAIT:
        assert next_move(posting(state, sent), now + timedelta(days=1), settle, key) == move


@given(
    st.sampled_from(list(PostingState)),
    moments,
    settles,
    keys,
    st.integers(0, 10**6),
    st.text(max_size=20),
    st.sampled_from(["create", "finalise"]),
)
def test_only_state_and_time_decide(
    state: PostingState, now: datetime, settle: timedelta, key: UniqueKey, number: int, words: str, step: str
) -> None:
    plain = next_move(posting(state), now, settle, key)
    other = posting(state, fence=number, attempts=number, last_error=words, remote_id=words, step=step)
    assert next_move(other, now, settle, key) == plain


@given(moments, settles, st.sampled_from([PostingState.VERIFIED, PostingState.HELD]), keys)
def test_what_is_finished_or_held_stays_so(
    now: datetime, settle: timedelta, state: PostingState, key: UniqueKey
) -> None:
    assert next_move(posting(state), now, settle, key) == Move.NOTHING


@given(moments, settles, st.sampled_from(list(PostingState)))
def test_a_ledger_that_cannot_be_asked_is_never_sent_a_thing_twice(
    now: datetime, settle: timedelta, state: PostingState
) -> None:
    move = next_move(posting(state), now, settle, "none")
    assert move != Move.LOOK or state == PostingState.PLANNED


# -- the ledger's document against ours ------------------------------------------------------------------------

LINES = (
    LedgerLine(
        1, "Microsoft 365 E3", Decimal(7), Decimal("7.70"), Decimal("53.90"), "https://x.test/i/t/l/1", "advance"
    ),
    LedgerLine(2, "Azure plan", Decimal(1), Decimal("-3.91"), Decimal("-3.91"), "https://x.test/i/t/l/2", "usage"),
)
OURS = LedgerInvoice(
    ref="CSP-7Q2M4K9XT1D3",
    revision=1,
    customer_code="C-1",
    customer_name="Contoso",
    kind="invoice",
    issue_date=date(2026, 11, 9),
    period="2026-10",
    currency="EUR",
    net_total=Decimal("49.99"),
    url="https://x.test/i/t",
    lines=LINES,
)
THEIRS = RemoteInvoice(
    id="17",
    ref=OURS.ref,
    state="draft",
    number="",
    customer_code="C-1",
    currency="EUR",
    net_total=Decimal("49.99"),
    lines=tuple(RemoteLine(line.text, line.net_amount, line.url) for line in LINES),
)


def their_line(at: int, **changes: object) -> tuple[RemoteLine, ...]:
    changed = replace(THEIRS.lines[at], **changes)  # type: ignore[arg-type]
    return (*THEIRS.lines[:at], changed, *THEIRS.lines[at + 1 :])


@pytest.mark.parametrize("state", ["draft", "final"])
def test_the_same_document_differs_in_nothing(state: str) -> None:
    assert mismatch(OURS, replace(THEIRS, state=state, number="2026-00017")) == ""  # type: ignore[arg-type]


def test_trailing_zeros_and_wording_are_no_difference() -> None:
    remote = replace(THEIRS, net_total=Decimal("49.9900"), lines=their_line(0, text="M365 E3 (cut)"))
    assert mismatch(OURS, remote) == ""


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ref": "CSP-OTHER"}, "the ledger's document carries the reference 'CSP-OTHER', not 'CSP-7Q2M4K9XT1D3'"),
        ({"currency": "USD"}, "it is in USD, ours in EUR"),
        ({"customer_code": "C-2"}, "it belongs to customer 'C-2', ours to 'C-1'"),
        ({"net_total": Decimal("49.98")}, "its net total is 49.98, ours 49.99"),
        ({"net_total": Decimal("-49.99")}, "its net total is -49.99, ours 49.99"),
        ({"lines": THEIRS.lines[:1]}, "it has 1 lines, ours 2"),
        ({"lines": (*THEIRS.lines, THEIRS.lines[0])}, "it has 3 lines, ours 2"),
        ({"lines": ()}, "it has 0 lines, ours 2"),
        ({"lines": their_line(1, net_amount=Decimal("-3.90"))}, "line 2 is -3.90, ours -3.91"),
        ({"lines": THEIRS.lines[::-1]}, "line 1 is -3.91, ours 53.90"),
        ({"lines": their_line(0, url="https://x.test/i/t/l/")}, "the link of line 1 is not whole"),
        ({"state": "cancelled"}, "somebody cancelled it in the ledger"),
    ],
)
def test_a_difference_is_said_in_plain_words(changes: dict[str, object], sentence: str) -> None:
    assert mismatch(OURS, replace(THEIRS, **changes)) == sentence  # type: ignore[arg-type]


def test_a_lost_link_is_a_difference() -> None:
    """Link rules of the ledgers' README: after the write, verify by read-back that it is whole."""
    assert mismatch(OURS, replace(THEIRS, lines=their_line(1, url=""))) != ""


cents = st.decimals(Decimal("-9999999"), Decimal("9999999"), places=2)


@given(st.lists(cents, min_size=2, max_size=6), st.data())
def test_a_cent_moved_from_one_line_to_another_is_found(amounts: list[Decimal], data: st.DataObject) -> None:
    """The total alone would not tell."""
    lines = tuple(LedgerLine(n, "x", Decimal(1), a, a, f"u/{n}", "other") for n, a in enumerate(amounts, start=1))
    ours = replace(OURS, net_total=sum(amounts, Decimal(0)), lines=lines)
    remote = [RemoteLine(line.text, line.net_amount, line.url) for line in lines]
    theirs = replace(THEIRS, net_total=ours.net_total, lines=tuple(remote))
    assert mismatch(ours, theirs) == ""
    one, other = data.draw(st.permutations(range(len(remote))))[:2]
    for at, cent in ((one, Decimal("0.01")), (other, Decimal("-0.01"))):
        remote[at] = replace(remote[at], net_amount=remote[at].net_amount + cent)
    assert mismatch(ours, replace(theirs, lines=tuple(remote))).startswith(f"line {min(one, other) + 1} is ")
