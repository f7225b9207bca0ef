"""What only Tryton does: its questions, its sessions, its parties, and answers that are none."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from connector.domain.invoice import LedgerInvoice
from connector.errors import Misconfigured
from connector.ledgers import Ledger, LedgerError
from connector.ledgers._tryton_wire import Until, Wire
from connector.outside.http import HttpClient
from tests.contracts.documents import document, line
from tests.contracts.subjects import TrytonSubject
from tests.standins.tryton import BookedInvoice, Fault

pytestmark = pytest.mark.tryton

CREATE = "model.account.invoice.create"
POST = "model.account.invoice.post"


def error_of(call: Callable[[], object]) -> LedgerError:
    with pytest.raises(LedgerError) as caught:
        call()
    return caught.value


def booked(tryton: TrytonSubject, wanted: LedgerInvoice) -> BookedInvoice:
    (found,) = tryton.server.invoices(wanted.ref)
    return found


# -- what is written -----------------------------------------------------------------------------------


def test_the_link_is_in_comment_and_notes_and_the_period_in_the_description(
    tryton: TrytonSubject, ledger: Ledger
) -> None:
    wanted = replace(
        document(tryton.customer, line("37.04", quantity="3", unit_price="12.3456")), purchase_order="4711"
    )
    ledger.create_draft(wanted)
    found = booked(tryton, wanted)
    assert found.comment == wanted.url
    assert found.description == "2026-10 · PO 4711"
    assert found.invoice_date == wanted.issue_date
    assert found.lines[0].note == wanted.lines[0].url
    assert (found.lines[0].quantity, found.lines[0].unit_price) == (Decimal(3), Decimal("12.3456"))


def test_a_quantity_that_does_not_give_the_amount_becomes_one(tryton: TrytonSubject, ledger: Ledger) -> None:
    wanted = document(tryton.customer, line("522.53", quantity="25", unit_price="20.9012345"))
    ledger.create_draft(wanted)
    found = booked(tryton, wanted).lines[0]
    assert (found.quantity, found.unit_price, found.amount) == (
        Decimal(1),
        Decimal("522.53"),
        Decimal("522.53"),
    )


def test_a_tax_is_added_and_the_net_total_stays(tryton: TrytonSubject) -> None:
    ledger = tryton.open(tax=tryton.server.facts.tax)
    wanted = document(tryton.customer, line("100.00"))
    ledger.finalise(ledger.create_draft(wanted))
    found = booked(tryton, wanted)
    assert (found.untaxed_amount, found.total_amount, found.state) == (Decimal(100), Decimal(119), "posted")


def test_the_accounts_of_the_settings_are_used_or_named(tryton: TrytonSubject) -> None:
    wanted = document(tryton.customer)
    good = tryton.open(revenue_account="4.2.2", receivable_account="1.2.2", journal="REV")
    good.finalise(good.create_draft(wanted))
    bad = tryton.open(revenue_account="9999", receivable_account="8888", journal="X", payment_term="Y", tax="Z")
    texts = " ".join(bad.missing_for(wanted))
    assert all(name in texts for name in ("9999", "8888", " X.", " Y.", " Z."))
    assert [item.name for item in bad.check() if not item.ok] == ["accounts"]


def test_more_decimals_than_the_currency_keeps_are_named(tryton: TrytonSubject, ledger: Ledger) -> None:
    wanted = document(tryton.customer, line("1.234"))
    assert "2 decimals of EUR" in " ".join(ledger.missing_for(wanted))
    assert error_of(lambda: ledger.create_draft(wanted)).code == "reference_missing"


# -- Tryton's questions --------------------------------------------------------------------------------


def test_a_payment_date_in_the_past_is_confirmed_once(tryton: TrytonSubject) -> None:
    ledger = tryton.open(payment_term=tryton.server.facts.payment_term)
    wanted = document(tryton.customer, issue_date=date(2020, 1, 31))
    ledger.finalise(ledger.create_draft(wanted))
    assert booked(tryton, wanted).state == "posted"
    assert tryton.proxy.count("model.res.user.warning.skip") == 1


def test_an_issue_date_in_the_future_is_confirmed(tryton: TrytonSubject, ledger: Ledger) -> None:
    wanted = document(tryton.customer, issue_date=date(2028, 12, 31))
    ledger.finalise(ledger.create_draft(wanted))
    assert booked(tryton, wanted).state == "posted"


def test_an_older_date_after_a_newer_one_is_refused_in_the_ledgers_words(tryton: TrytonSubject, ledger: Ledger) -> None:
    ledger.finalise(ledger.create_draft(document(tryton.customer, issue_date=date(2019, 6, 30))))
    wanted = document(tryton.customer, issue_date=date(2019, 5, 31))
    remote_id = ledger.create_draft(wanted)
    error = error_of(lambda: ledger.finalise(remote_id))
    assert (error.code, error.effect) == ("validation", "none")
    assert "number the invoice" in error.text
    assert booked(tryton, wanted).state == "draft"


# -- people at Tryton's own screen ---------------------------------------------------------------------


def test_posted_by_a_person_is_as_good(tryton: TrytonSubject, ledger: Ledger) -> None:
    remote_id = ledger.create_draft(document(tryton.customer))
    context = {"company": tryton.server.facts.company_id}
    tryton.server.administrator().call(POST, [int(remote_id)], context)
    ledger.finalise(remote_id)


def test_cancelled_by_a_person_is_seen_and_not_issued(tryton: TrytonSubject, ledger: Ledger) -> None:
    wanted = document(tryton.customer)
    remote_id = ledger.create_draft(wanted)
    context = {"company": tryton.server.facts.company_id}
    tryton.server.administrator().call("model.account.invoice.cancel", [int(remote_id)], context)
    assert [found.state for found in ledger.find(wanted.ref)] == ["cancelled"]
    assert error_of(lambda: ledger.finalise(remote_id)).code == "immutable_state"


def test_a_deleted_draft_is_not_issued(tryton: TrytonSubject, ledger: Ledger) -> None:
    remote_id = ledger.create_draft(document(tryton.customer))
    ledger.withdraw(remote_id)
    error = error_of(lambda: ledger.finalise(remote_id))
    assert (error.code, error.effect) == ("immutable_state", "none")


def test_two_finalise_at_once_and_one_number_comes_of_it(tryton: TrytonSubject, ledger: Ledger) -> None:
    wanted = document(tryton.customer)
    remote_id = ledger.create_draft(wanted)
    others = [tryton.open(), tryton.open()]

    def issue(other: Ledger) -> str:
        try:
            other.finalise(remote_id)
        except LedgerError as error:
            return error.code
        return "issued"

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(issue, others))
    assert "issued" in outcomes
    assert set(outcomes) <= {"issued", "conflict", "outcome_unknown"}
    assert booked(tryton, wanted).state == "posted"


def test_a_suppliers_invoice_with_the_same_reference_is_not_ours(tryton: TrytonSubject, ledger: Ledger) -> None:
    wanted = document(tryton.customer)
    ledger.create_draft(wanted)
    tryton.server.create_supplier_invoice(tryton.customer, wanted.ref)
    assert len(ledger.find(wanted.ref)) == 1


# -- customers -----------------------------------------------------------------------------------------


def test_a_missing_customer_is_created_where_the_policy_says_so(tryton: TrytonSubject) -> None:
    ledger = tryton.open(customer_policy="create")
    name = 'Müller & "Söhne" <GmbH>\t北風 🧾'
    first = replace(document("NEW-1"), customer_name=name, country="DE")
    assert ledger.missing_for(first) == []
    ledger.finalise(ledger.create_draft(first))
    ledger.create_draft(document("NEW-1"))
    found = [item for item in tryton.server.invoices() if item.party_code == "NEW-1"]
    assert [item.party_name for item in found] == ['Müller & "Söhne" <GmbH> 北風 🧾'] * 2


def test_two_who_create_the_same_customer_make_one(tryton: TrytonSubject) -> None:
    ledgers = [tryton.open(customer_policy="create") for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        ids = list(pool.map(lambda item: item.create_draft(document("NEW-2")), ledgers))
    assert len(set(ids)) == 3
    code = [["code", "=", "NEW-2"]]
    assert len(tryton.server.administrator().call("model.party.party.search", code, 0, None, None, {})) == 1


def test_a_lost_answer_about_the_customer_leaves_no_doubt_about_the_invoice(tryton: TrytonSubject) -> None:
    ledger = tryton.open(customer_policy="create")
    wanted = document("NEW-3")
    tryton.proxy.inject(Fault("drop_after", "model.party.party.create"))
    error = error_of(lambda: ledger.create_draft(wanted))
    assert (error.code, error.effect) == ("transient", "none")
    assert ledger.find(wanted.ref) == []
    ledger.create_draft(wanted)
    assert booked(tryton, wanted).party_code == "NEW-3"


def test_a_deactivated_customer_and_one_without_address_are_named(tryton: TrytonSubject, ledger: Ledger) -> None:
    tryton.server.deactivate_customer(tryton.server.create_customer("GONE-1"))
    tryton.server.create_customer("BARE-1", address=False)
    assert ledger.missing_for(document("GONE-1")) == ["The customer GONE-1 is deactivated in Tryton."]
    assert ledger.missing_for(document("BARE-1")) == ["The customer BARE-1 has no address in Tryton."]


def test_the_code_of_a_customer_is_compared_whole(tryton: TrytonSubject, ledger: Ledger) -> None:
    for code in (tryton.customer.lower(), tryton.customer + " ", "%", ""):
        assert ledger.missing_for(document(code))


# -- sessions ------------------------------------------------------------------------------------------


def test_one_log_in_serves_many_calls(tryton: TrytonSubject) -> None:
    ledger = tryton.open()
    for _ in range(3):
        ledger.find("CSP-NOTHING")
    assert tryton.proxy.count("common.db.login") == 1


def test_an_idle_session_that_still_searches_but_may_not_post_is_renewed(
    tryton: TrytonSubject,
) -> None:
    ledger, wanted = tryton.open(), document(tryton.customer)
    remote_id = ledger.create_draft(wanted)
    tryton.server.age_sessions()
    ledger.finalise(remote_id)
    assert booked(tryton, wanted).state == "posted"
    assert (tryton.proxy.count("common.db.login"), tryton.proxy.count(POST)) == (2, 2)


def test_a_session_refused_twice_is_not_asked_a_third_time(tryton: TrytonSubject, ledger: Ledger) -> None:
    fault = tryton.proxy.inject(Fault("status", CREATE, times=None, status=401))
    error = error_of(lambda: ledger.create_draft(document(tryton.customer)))
    assert (error.code, error.effect, fault.applied) == ("auth_expired", "none", 2)


# -- answers that are none -----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault("wrong_id"), Fault("status", status=200)], ids=["foreign", "html"])
def test_an_answer_that_is_not_ours_proves_nothing(tryton: TrytonSubject, ledger: Ledger, fault: Fault) -> None:
    wanted = document(tryton.customer)
    ledger.find(wanted.ref)
    tryton.proxy.inject(replace(fault, method=CREATE))
    error = error_of(lambda: ledger.create_draft(wanted))
    assert (error.code, error.effect) == ("outcome_unknown", "unknown")
    tryton.proxy.inject(replace(fault, method="model.account.invoice.search_read"))
    error = error_of(lambda: ledger.find(wanted.ref))
    assert (error.code, error.effect) == ("transient", "none")


def test_a_request_that_commits_after_we_gave_up_is_found_later(tryton: TrytonSubject) -> None:
    wanted = document(tryton.customer)
    ledger = tryton.open(timeout="1")
    tryton.proxy.inject(Fault("hold", CREATE, seconds=2))
    assert error_of(lambda: ledger.create_draft(wanted)).code == "outcome_unknown"
    assert ledger.find(wanted.ref) == []
    end = time.monotonic() + 10
    while not ledger.find(wanted.ref) and time.monotonic() < end:
        time.sleep(0.1)
    assert len(ledger.find(wanted.ref)) == 1


def test_a_failure_inside_tryton_shows_no_traceback_and_proves_nothing(tryton: TrytonSubject) -> None:
    facts = tryton.server.facts
    wire = Wire(
        HttpClient([facts.url]),
        url=facts.url,
        database=facts.database,
        user=facts.user,
        password=facts.password,
    )

    def misspelt() -> object:
        return wire.call(CREATE, [{"nonsense": 1}], until=Until(10), context={}, effect="write")

    error = error_of(misspelt)
    assert (error.code, error.effect) == ("outcome_unknown", "unknown")
    assert "nonsense" in error.text and "Traceback" not in error.text


# -- settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [{"database": "nowhere"}, {"company": "Nobody & Sons"}], ids=str)
def test_a_database_or_company_that_is_not_there(tryton: TrytonSubject, wrong: dict[str, str]) -> None:
    ledger = tryton.open(**wrong)
    assert error_of(lambda: ledger.find("CSP-ANY")).code == "misconfigured"
    assert any(not item.ok and item.action for item in ledger.check())


def test_a_user_without_rights_is_told_by_check(tryton: TrytonSubject) -> None:
    facts = tryton.server.facts
    user = {"name": "Guest", "login": "guest", "password": facts.password, "company": facts.company_id}
    user["companies"] = [["add", [facts.company_id]]]
    tryton.server.administrator().call("model.res.user.create", [user], {"company": facts.company_id})
    ledger = tryton.open(user="guest")
    assert any(not item.ok for item in ledger.check())
    error = error_of(lambda: ledger.create_draft(document(tryton.customer)))
    assert (error.code, error.effect) == ("permission", "none")
    assert error_of(lambda: ledger.find("CSP-ANY")).code == "permission"


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://tryton.example.com"},
        {"url": "https://user:secret@tryton.example.com"},
        {"url": "https://tryton.example.com/path"},
        {"database": "../etc"},
        {"customer_policy": "maybe"},
        {"finalise": "perhaps"},
        {"timeout": "0"},
        {"max_server_time": "-1"},
    ],
    ids=str,
)
def test_settings_that_cannot_be_right(tryton: TrytonSubject, wrong: dict[str, str]) -> None:
    with pytest.raises(Misconfigured):
        tryton.info.open({**tryton.server.settings, **wrong}, None)
