"""What every ledger must do, whichever it is: the core relies on nothing else."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from connector.domain.invoice import LedgerInvoice, RemoteInvoice
from connector.errors import Misconfigured
from connector.ledgers import Ledger, LedgerError, discover
from tests.contracts.documents import document, line
from tests.contracts.subjects import Subject

AWKWARD_TEXTS = [
    "Microsoft 365 E3 \"Business\" 'quoted'",
    "<b>Azure</b> & <script>alert(1)</script>",
    "Größe: äöüÄÖÜß, Çédille, Łódź",
    "云服务订阅 2026年10月",
    "Licences 🧾🚀 👩‍💻",
    "first line\nsecond line\nthird line",
    "A long line. " * 90 + "End.",
    "=1+1; DROP TABLE invoices; -- %s {0} \\n",
]


def created(ledger: Ledger, wanted: LedgerInvoice) -> RemoteInvoice:
    found = ledger.read(ledger.create_draft(wanted))
    assert found is not None
    return found


def refusal(ledger: Ledger, wanted: LedgerInvoice) -> LedgerError:
    with pytest.raises(LedgerError) as caught:
        ledger.create_draft(wanted)
    return caught.value


# -- a document's life -----------------------------------------------------------------------------


def test_is_found_by_listing_the_folder(subject: Subject) -> None:
    assert discover()[subject.info.kind] is subject.info


def test_a_draft_reads_back_as_it_was_sent(subject: Subject, ledger: Ledger) -> None:
    wanted = document(subject.customer, line("53.93"), line("1240.00", text="Azure plan"), line("0.07"))
    found = created(ledger, wanted)
    assert (found.ref, found.state, found.number) == (wanted.ref, "draft", "")
    assert (found.customer_code, found.currency) == (subject.customer, "EUR")
    assert found.net_total == Decimal("1294.00")
    assert [item.text for item in found.lines] == [item.text for item in wanted.lines]
    assert [item.net_amount for item in found.lines] == [item.net_amount for item in wanted.lines]


def test_the_ledger_itself_holds_what_the_adapter_says(subject: Subject, ledger: Ledger) -> None:
    wanted = document(subject.customer, line("53.93"), line("-4.10"))
    found = created(ledger, wanted)
    (booked,) = subject.booked(wanted.ref)
    assert (booked.customer, booked.currency, booked.net_total) == (subject.customer, "EUR", found.net_total)
    assert booked.amounts == (Decimal("53.93"), Decimal("-4.10"))
    assert not booked.final


def test_finalise_issues_and_numbers(subject: Subject, ledger: Ledger) -> None:
    wanted = document(subject.customer)
    remote_id = ledger.create_draft(wanted)
    ledger.finalise(remote_id)
    found = ledger.read(remote_id)
    assert found is not None
    assert found.state == "final"
    assert found.number
    assert found.net_total == wanted.net_total
    (booked,) = subject.booked(wanted.ref)
    assert booked.final


def test_finalise_twice_is_once(subject: Subject, ledger: Ledger) -> None:
    remote_id = ledger.create_draft(document(subject.customer))
    ledger.finalise(remote_id)
    number = read(ledger, remote_id).number
    ledger.finalise(remote_id)
    assert read(ledger, remote_id).number == number


def test_a_withdrawn_draft_is_gone_and_can_be_withdrawn_again(subject: Subject, ledger: Ledger) -> None:
    wanted = document(subject.customer)
    remote_id = ledger.create_draft(wanted)
    ledger.withdraw(remote_id)
    assert ledger.read(remote_id) is None
    assert ledger.find(wanted.ref) == []
    ledger.withdraw(remote_id)


def test_an_issued_document_cannot_be_withdrawn(subject: Subject, ledger: Ledger) -> None:
    remote_id = ledger.create_draft(document(subject.customer))
    ledger.finalise(remote_id)
    with pytest.raises(LedgerError) as caught:
        ledger.withdraw(remote_id)
    assert (caught.value.code, caught.value.effect) == ("immutable_state", "none")
    assert read(ledger, remote_id).state == "final"


def test_reading_what_never_was(ledger: Ledger) -> None:
    assert ledger.read("999999999") is None
    with pytest.raises(LedgerError) as caught:
        ledger.read("1 or 1=1")
    assert caught.value.code == "validation"


# -- looking up by reference -----------------------------------------------------------------------


def test_a_reference_is_found_whole_and_only_whole(subject: Subject, ledger: Ledger) -> None:
    wanted = document(subject.customer)
    remote_id = ledger.create_draft(wanted)
    assert [found.id for found in ledger.find(wanted.ref)] == [remote_id]
    for other in (wanted.ref[:-1], wanted.ref + "A", wanted.ref.lower(), wanted.ref[1:], "%", "CSP-%", ""):
        assert ledger.find(other) == []


def test_drafts_and_issued_documents_are_found(subject: Subject, ledger: Ledger) -> None:
    wanted = document(subject.customer, line("10.00"), line("2.50", text="second"))
    first, second = ledger.create_draft(wanted), ledger.create_draft(wanted)
    ledger.finalise(first)
    found = {item.id: item for item in ledger.find(wanted.ref)}
    assert {key: item.state for key, item in found.items()} == {first: "final", second: "draft"}
    assert [item.text for item in found[second].lines] == ["Microsoft 365 E3", "second"]
    assert found[second].net_total == Decimal("12.50")


# -- amounts ---------------------------------------------------------------------------------------


def test_a_credit_note_keeps_its_sign(subject: Subject, ledger: Ledger) -> None:
    wanted = document(subject.customer, line("-150.25"), line("20.00"))
    assert wanted.kind == "credit_note"
    remote_id = ledger.create_draft(wanted)
    ledger.finalise(remote_id)
    found = read(ledger, remote_id)
    assert found.net_total == Decimal("-130.25")
    assert [item.net_amount for item in found.lines] == [Decimal("-150.25"), Decimal("20.00")]


@pytest.mark.parametrize(
    ("quantity", "unit_price", "amount"),
    [
        ("1", "22614.68", "22614.68"),
        ("3", "12.3456", "37.04"),
        ("7", "12.50", "87.50"),
        ("2.5", "4.00", "10.00"),
        ("25", "20.9012345", "522.53"),
        ("0.1234567890123456789", "100", "12.35"),
        ("3", "10.00", "29.99"),
        ("1", "0.01", "0.01"),
        ("1", "98765432.10", "98765432.10"),
    ],
)
def test_the_amount_arrives_whatever_quantity_and_price_say(
    subject: Subject, ledger: Ledger, quantity: str, unit_price: str, amount: str
) -> None:
    wanted = document(subject.customer, line(amount, quantity=quantity, unit_price=unit_price))
    found = created(ledger, wanted)
    assert found.lines[0].net_amount == Decimal(amount)
    assert found.net_total == Decimal(amount)


@pytest.mark.parametrize(
    ("currency", "amounts"),
    [
        ("JPY", ("158000", "-1")),
        ("KWD", ("1234.567", "0.001")),
        ("USD", ("0.10", "0.20")),
        ("CHF", ("9.99",)),
    ],
)
def test_currencies_with_their_own_digits_are_issued(
    subject: Subject, ledger: Ledger, currency: str, amounts: tuple[str, ...]
) -> None:
    wanted = document(subject.customer, *(line(amount) for amount in amounts), currency=currency)
    assert ledger.missing_for(wanted) == []
    remote_id = ledger.create_draft(wanted)
    ledger.finalise(remote_id)
    found = read(ledger, remote_id)
    assert (found.currency, found.net_total, found.state) == (currency, wanted.net_total, "final")
    assert [item.net_amount for item in found.lines] == [Decimal(amount) for amount in amounts]


def test_an_amount_finer_than_the_ledger_is_refused_before_anything_is_written(
    subject: Subject, ledger: Ledger
) -> None:
    wanted = document(subject.customer, line("1.234567"))
    error = refusal(ledger, wanted)
    assert (error.code, error.effect) in {("validation", "none"), ("reference_missing", "none")}
    assert subject.booked(wanted.ref) == []


# -- texts and links -------------------------------------------------------------------------------


def test_texts_and_links_come_back_whole_and_survive_issuing(subject: Subject, ledger: Ledger) -> None:
    wanted = document(subject.customer, *(line("1.00", text=text) for text in AWKWARD_TEXTS))
    remote_id = ledger.create_draft(wanted)
    ledger.finalise(remote_id)
    found = read(ledger, remote_id)
    assert [item.text for item in found.lines] == AWKWARD_TEXTS
    assert [item.url for item in found.lines] == [item.url for item in wanted.lines]
    (booked,) = subject.booked(wanted.ref)
    assert list(booked.texts) == AWKWARD_TEXTS
    assert list(booked.links) == [item.url for item in wanted.lines]


def test_control_characters_do_no_harm(subject: Subject, ledger: Ledger) -> None:
    remote_id = ledger.create_draft(document(subject.customer, line(text="a\x00b\x1b[31mc\ud83d")))
    ledger.finalise(remote_id)
    text = read(ledger, remote_id).lines[0].text
    assert text.startswith("a")
    assert "\x00" not in text and "\x1b" not in text


def test_a_hundred_lines_stay_in_order(subject: Subject, ledger: Ledger) -> None:
    wanted = document(subject.customer, *(line(f"{number}.01", text=f"line {number}") for number in range(100)))
    found = created(ledger, wanted)
    assert [item.text for item in found.lines] == [f"line {number}" for number in range(100)]
    assert found.net_total == wanted.net_total


# -- what is missing -------------------------------------------------------------------------------


def test_nothing_is_missing_for_an_ordinary_document(subject: Subject, ledger: Ledger) -> None:
    assert ledger.missing_for(document(subject.customer)) == []


def test_an_unknown_customer_is_named_before_anything_is_written(subject: Subject, ledger: Ledger) -> None:
    wanted = document("NOBODY-1")
    assert any("NOBODY-1" in text for text in ledger.missing_for(wanted))
    error = refusal(ledger, wanted)
    assert (error.code, error.effect) == ("reference_missing", "none")
    assert "NOBODY-1" in error.text
    assert subject.booked(wanted.ref) == []


def test_all_that_is_missing_is_said_at_once(subject: Subject) -> None:
    wanted = document("NOBODY-2", currency="XPF", issue_date=date(1999, 1, 1))
    texts = " ".join(subject.open().missing_for(wanted))
    assert "NOBODY-2" in texts and "XPF" in texts and "1999" in texts


def test_a_closed_period_is_foreseen_and_refused(subject: Subject, ledger: Ledger) -> None:
    day = date(2018, 3, 15)
    subject.close_period(day)
    wanted = document(subject.customer, issue_date=day)
    assert ledger.missing_for(wanted)
    remote_id = ledger.create_draft(wanted)
    with pytest.raises(LedgerError) as caught:
        ledger.finalise(remote_id)
    assert (caught.value.code, caught.value.effect) == ("period_closed", "none")
    assert caught.value.text
    assert read(ledger, remote_id).state == "draft"
    ledger.withdraw(remote_id)


# -- the world -------------------------------------------------------------------------------------


def test_a_wrong_password_is_nobodys_transient_trouble(subject: Subject) -> None:
    wanted = document(subject.customer)
    error = refusal(subject.open_with_wrong_password(), wanted)
    assert (error.code, error.effect) == ("auth_revoked", "none")
    assert "not-the-password" not in str(error)
    assert subject.booked(wanted.ref) == []


def test_nobody_listening_is_transient_and_surely_nothing_happened(subject: Subject) -> None:
    ledger = subject.open_where_nobody_listens()
    error = refusal(ledger, document(subject.customer))
    assert (error.code, error.effect) == ("transient", "none")
    assert any(not item.ok for item in ledger.check())


def test_an_answer_lost_after_the_commit_is_unknown_and_then_found(subject: Subject, ledger: Ledger) -> None:
    wanted = document(subject.customer)
    subject.lose_next_answer("create")
    error = refusal(ledger, wanted)
    assert (error.code, error.effect) == ("outcome_unknown", "unknown")
    (found,) = ledger.find(wanted.ref)
    assert found.net_total == wanted.net_total


def test_a_request_lost_on_the_way_is_unknown_and_nothing_is_found(subject: Subject, ledger: Ledger) -> None:
    wanted = document(subject.customer)
    subject.lose_next_request("create")
    error = refusal(ledger, wanted)
    assert (error.code, error.effect) == ("outcome_unknown", "unknown")
    assert ledger.find(wanted.ref) == []


def test_finalise_with_a_lost_answer_can_be_repeated(subject: Subject, ledger: Ledger) -> None:
    remote_id = ledger.create_draft(document(subject.customer))
    subject.lose_next_answer("finalise")
    with pytest.raises(LedgerError) as caught:
        ledger.finalise(remote_id)
    assert caught.value.effect == "unknown"
    assert read(ledger, remote_id).state == "final"
    ledger.finalise(remote_id)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_server_error_on_a_write_is_unknown(subject: Subject, ledger: Ledger, status: int) -> None:
    subject.break_next("create", status)
    error = refusal(ledger, document(subject.customer))
    assert (error.code, error.effect, error.status) == ("outcome_unknown", "unknown", status)


def test_too_many_requests_say_when_to_come_back(subject: Subject, ledger: Ledger) -> None:
    subject.break_next("create", 429, retry_after="17")
    error = refusal(ledger, document(subject.customer))
    assert (error.code, error.effect, error.retry_after) == ("rate_limited", "none", 17)


def test_a_forgotten_session_is_renewed_once_without_a_double(subject: Subject, ledger: Ledger) -> None:
    first, second = document(subject.customer), document(subject.customer)
    ledger.create_draft(first)
    subject.forget_sessions()
    ledger.create_draft(second)
    assert len(subject.booked(second.ref)) == 1


def test_what_was_answered_survives_a_killed_server(subject: Subject, ledger: Ledger) -> None:
    wanted = document(subject.customer)
    remote_id = ledger.create_draft(wanted)
    subject.restart(hard=True)
    assert [found.id for found in ledger.find(wanted.ref)] == [remote_id]


def test_every_call_ends_within_its_deadline(subject: Subject) -> None:
    ledger = subject.open(timeout="1")
    remote_id = ledger.create_draft(document(subject.customer))
    subject.slow_down(10)
    began = time.monotonic()
    with pytest.raises(LedgerError) as caught:
        ledger.read(remote_id)
    assert time.monotonic() - began < 3
    assert caught.value.effect == "none"


def test_check_is_green_on_a_healthy_ledger(ledger: Ledger) -> None:
    assert [item for item in ledger.check() if not item.ok] == []


def test_wrong_settings_are_told_all_at_once(subject: Subject) -> None:
    with pytest.raises(Misconfigured) as caught:
        subject.open(timeout="soon", finalise="perhaps", colour="green")
    assert "colour" in str(caught.value)


def test_no_secret_shows_in_a_repr(subject: Subject, ledger: Ledger) -> None:
    assert subject.secret not in repr(ledger)
    assert subject.secret not in repr(vars(ledger) if hasattr(ledger, "__dict__") else ledger)


def test_credit_and_invoice_of_the_same_customer_stay_apart(subject: Subject, ledger: Ledger) -> None:
    wanted = document(subject.customer)
    other = replace(document(subject.customer, line("-1.00")), revision=2)
    ledger.create_draft(wanted)
    ledger.create_draft(other)
    assert [found.net_total for found in ledger.find(other.ref)] == [Decimal("-1.00")]


def read(ledger: Ledger, remote_id: str) -> RemoteInvoice:
    found = ledger.read(remote_id)
    assert found is not None
    return found
