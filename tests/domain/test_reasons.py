"""What happened to a subscription, for people of the partner: one event and one sentence per change."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connector.domain.cycles import Charged, Cycle, subscription_facts
from connector.domain.lines import ReconciliationLine
from connector.domain.reasons import Event, cycle_text, event_key, events_of, why_nothing_reversed
from tests.domain.values import legacy_line, line, span_of

CHANGED = datetime(2026, 10, 12, 9, 0, tzinfo=UTC)


def half(seats: int, subtotal: str, **changes: Any) -> ReconciliationLine:
    """One half of a change on 12 October."""
    usual: dict[str, Any] = {
        "id": f"l_{seats}",
        "kind": "proration",
        "charge_type": "addQuantity",
        "charge_start": "2026-10-12",
        "subtotal": Decimal(subtotal),
        "billable_quantity": Decimal(seats),
        "order_date": CHANGED,
    }
    return line(**{**usual, **changes})


CREDIT, CHARGE = half(10, "-64.52"), half(14, "90.32")


def one_event(*lines: ReconciliationLine) -> Event:
    (event,) = events_of(lines)
    (same,) = events_of(lines[::-1])
    assert event == same, "whatever the order of the file"
    return event


# -- sentences -------------------------------------------------------------------------------------------------


def test_ten_to_fourteen_seats() -> None:
    event = one_event(CHARGE, CREDIT)
    assert event == Event(
        "seats_changed",
        "On 12 October 2026 the seats of Microsoft 365 E3 went from 10 to 14: Microsoft credits 10 seats for the rest "
        "of the cycle and charges 14 seats for the same days, until 31 October 2026.",
        date(2026, 10, 12),
        Decimal(10),
        Decimal(14),
        (CREDIT, CHARGE),
    )


@pytest.mark.parametrize(
    ("lines", "kind", "text", "before", "after"),
    [
        (
            [half(3, "-10", product_name="Exchange Online"), half(2, "30", product_id="CFQ2")],
            "converted",
            "On 12 October 2026 3 seats of Exchange Online were changed to 2 seats of Microsoft 365 E3: the rest of "
            "the cycle of the old product is credited, that of the new one charged, until 31 October 2026.",
            3,
            2,
        ),
        # the same product in another spelling is no conversion
        (
            [half(3, "-10"), half(2, "5", product_id="cfq1", charge_end=None)],
            "seats_changed",
            "On 12 October 2026 the seats of Microsoft 365 E3 went from 3 to 2: Microsoft credits 3 seats for the rest "
            "of the cycle and charges 2 seats for the same days.",
            3,
            2,
        ),
        # one sku as two lines of as many seats each (invoices.md 3.8); other lines add up
        (
            [half(5, "-10", id="a"), half(5, "-10", id="b"), half(6, "9", id="c"), half(2, "9", id="d")],
            "seats_changed",
            "On 12 October 2026 the seats of Microsoft 365 E3 went from 5 to 8: Microsoft credits 5 seats for the rest "
            "of the cycle and charges 8 seats for the same days, until 31 October 2026.",
            5,
            8,
        ),
        # charged later again: the last days tell how many there are
        (
            [half(5, "-10", id="a"), half(6, "9", id="b"), half(9, "9", id="c", charge_start="2026-10-20")],
            "seats_changed",
            "On 12 October 2026 the seats of Microsoft 365 E3 went from 5 to 9: Microsoft credits 5 seats for the rest "
            "of the cycle and charges 9 seats for the same days, until 31 October 2026.",
            5,
            9,
        ),
        (
            [half(4, "-10", charge_start=None), half(5, "9", charge_start=None)],
            "seats_changed",
            "the seats of Microsoft 365 E3 went from 4 to 5: Microsoft credits 4 seats for the rest of the cycle and "
            "charges 5 seats for the same days, until 31 October 2026.",
            4,
            5,
        ),
        (
            [half(10, "-64.52", charge_type="cancelImmediate")],
            "cancelled",
            "Microsoft 365 E3 was cancelled on 12 October 2026: 10 seats are credited, until 31 October 2026.",
            10,
            0,
        ),
        (
            [half(1, "-64.52", charge_type="Refund", charge_start=None, charge_end=None)],
            "cancelled",
            "Microsoft 365 E3 was cancelled: 1 seat is credited.",
            1,
            0,
        ),
        (
            [half(2, "-64.52", charge_type="removeQuantity")],
            "reduced",
            "Microsoft 365 E3 was reduced or changed (removeQuantity) on 12 October 2026: 2 seats are credited, until "
            "31 October 2026.",
            2,
            None,
        ),
        ([line()], "bought", "10 seats of Microsoft 365 E3 were bought for 1 to 31 October 2026.", None, 10),
        (
            [line(charge_type="Purchase", billable_quantity=Decimal(1))],
            "bought",
            "1 seat of Microsoft 365 E3 was bought for 1 to 31 October 2026.",
            None,
            1,
        ),
        (
            [line(charge_type="renew")],
            "renewed",
            "10 seats of Microsoft 365 E3 were renewed for 1 to 31 October 2026.",
            None,
            10,
        ),
        (
            [line(charge_type="cycleCharge", id="a"), line(charge_type="cycleCharge", id="b")],
            "next_cycle",
            "10 seats and 10 seats of Microsoft 365 E3 were charged for a further cycle for 1 to 31 October 2026.",
            None,
            10,
        ),
        (
            [half(4, "20", charge_type="convert")],
            "charged",
            "4 seats of Microsoft 365 E3 were charged (convert) for 12 to 31 October 2026.",
            None,
            4,
        ),
        (
            [line(kind="one_time", billing="")],
            "bought_once",
            "Microsoft 365 E3 was bought for 1 to 31 October 2026; it is charged once.",
            None,
            None,
        ),
        (
            [
                line(kind="usage", sku_name="D2 v3", charge_start="2026-10-03"),
                line(kind="usage", charge_end="2026-10-09"),
            ],
            "used",
            "Microsoft 365 E3 was used for 1 to 31 October 2026.",
            None,
            None,
        ),
        (
            [line(kind="credit", credit_reason="Azure outage", subtotal=Decimal(-5))],
            "microsoft_credit",
            "Microsoft granted a credit for 1 to 31 October 2026, reason: Azure outage.",
            None,
            None,
        ),
        (
            [line(kind="credit", subtotal=Decimal(-5), charge_start=None, charge_end=None)],
            "microsoft_credit",
            "Microsoft granted a credit; Microsoft names no reason.",
            None,
            None,
        ),
        (
            [line(kind="other", charge_type="somethingNew")],
            "type_unknown",
            "Microsoft charged Microsoft 365 E3 with a type we do not know, 'somethingNew' for 1 to 31 October 2026.",
            None,
            None,
        ),
        (
            [line(subtotal=Decimal(0), effective_unit_price=None)],
            "free",
            "Microsoft 365 E3 was free of charge at Microsoft for 1 to 31 October 2026.",
            None,
            None,
        ),
    ],
)
def test_what_happened(
    lines: list[ReconciliationLine], kind: str, text: str, before: int | None, after: int | None
) -> None:
    event = one_event(*lines)
    assert (event.kind, event.text) == (kind, text)
    assert (event.before, event.after) == (before, after)
    assert event.on == min(one.charge_start for one in lines if one.charge_start) if lines[0].charge_start else True
    assert len(event.lines) == len(lines)


def test_an_old_style_change_tells_the_whole_period_again() -> None:
    """partner-center/legacy.md section 3."""
    prorated: dict[str, Any] = {"kind": "proration", "charge_type": "Cycle instance prorate"}
    back = legacy_line(**prorated, id="a", subtotal=Decimal(-100))
    first = legacy_line(**prorated, id="b", charge_end="2026-10-11", subtotal=Decimal(35))
    then = legacy_line(
        **prorated, id="c", charge_start="2026-10-12", subtotal=Decimal(90), billable_quantity=Decimal(14)
    )
    event = one_event(then, back, first)
    assert (event.kind, event.before, event.after, event.on) == ("seats_changed", 10, 14, date(2026, 10, 1))
    assert event.text == (
        "The seats of Microsoft 365 E3 changed: the charge for 1 to 31 October 2026 (10 seats) is credited in full and "
        "charged again by days: 10 seats for 1 to 11 October 2026, 14 seats for 12 to 31 October 2026."
    )


@pytest.mark.parametrize(
    ("changes", "kind", "verb"),
    [
        ({"charge_type": "Cycle fee"}, "next_cycle", "charged for a further cycle"),
        ({"charge_type": "Purchase fee"}, "bought", "bought"),
        ({"charge_type": "Renew fee"}, "renewed", "renewed"),
        ({"charge_type": "Activation fee"}, "charged", "charged (Activation fee)"),
    ],
)
def test_old_style_fees(changes: dict[str, str], kind: str, verb: str) -> None:
    event = one_event(legacy_line(**changes))
    assert (event.kind, event.text) == (kind, f"10 seats of Microsoft 365 E3 were {verb} for 1 to 31 October 2026.")


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ({"sku_name": "E3 (no Teams)"}, "E3 (no Teams)"),
        ({}, "Microsoft 365 E3"),
        ({"product_name": ""}, "CFQ1"),
        ({"product_name": "", "product_id": ""}, "a Microsoft service"),
    ],
)
def test_how_a_product_is_called(names: dict[str, str], what: str) -> None:
    assert one_event(line(**names)).text == f"10 seats of {what} were bought for 1 to 31 October 2026."


# -- which lines are one event ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        # by reference, also in two subscriptions (a conversion)
        ({"reference_id": "r"}, {"reference_id": "r", "subscription_id": "sub-2", "order_date": None}, True),
        ({"reference_id": "r"}, {"reference_id": "s"}, False),
        ({"reference_id": "r"}, {"reference_id": "r", "tenant_id": "tenant-2"}, False),
        ({"reference_id": "r"}, {"reference_id": "r", "charge_type": "cycleCharge"}, False),
        ({"reference_id": "r"}, {"reference_id": "r", "charge_type": "ADD_QUANTITY"}, True),
        # else by the moment it was ordered
        ({}, {}, True),
        ({}, {"order_date": datetime(2026, 10, 12, 9, 1, tzinfo=UTC)}, False),
        ({}, {"subscription_id": "sub-2"}, False),
        ({}, {"tenant_id": "tenant-2"}, False),
        ({}, {"charge_type": "removeQuantity"}, False),
        ({"order_date": None}, {"order_date": None, "id": "other"}, False),
        # usage: one product of one plan
        ({"kind": "usage"}, {"kind": "usage", "order_date": None, "product_id": "cfq1"}, True),
        ({"kind": "usage"}, {"kind": "usage", "sku_id": "0002"}, False),
        ({"kind": "usage"}, {"kind": "usage", "product_id": "CFQ2"}, False),
        ({"kind": "usage"}, {"kind": "usage", "subscription_id": "sub-2"}, False),
        ({"kind": "usage"}, {"kind": "usage", "tenant_id": "tenant-2"}, False),
        # old-style: what one invoice says of one subscription
        ({"platform": "legacy_license"}, {"platform": "legacy_license", "order_date": None}, True),
        ({"platform": "legacy_license"}, {"platform": "legacy_license", "invoice_id": "D2"}, False),
        ({"platform": "legacy_license"}, {"platform": "legacy_license", "subscription_id": "sub-2"}, False),
        ({"platform": "legacy_license"}, {"platform": "legacy_license", "charge_type": "Cycle fee"}, False),
        ({"platform": "legacy_license"}, {"platform": "legacy_usage"}, False),
    ],
)
def test_lines_of_one_event(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    assert (event_key(half(1, "1", **one)) == event_key(half(1, "1", **other))) is same


def test_events_stand_in_the_order_of_their_days() -> None:
    early = line(id="z", charge_start="2026-10-01", subscription_id="sub-2")
    undated = line(id="m", charge_start=None, subscription_id="sub-3")
    twin = line(id="a", charge_start="2026-10-01", subscription_id="sub-4")
    events = events_of([CHARGE, early, CREDIT, undated, twin])
    assert [event.lines[0].id for event in events] == ["m", "a", "z", "l_10"]
    assert [one.id for one in events[-1].lines] == ["l_10", "l_14"]


# -- the cycle, in words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (
            half(1, "1"),
            "20 of the 31 days of the cycle 1 to 31 October 2026; it lies between two anniversaries of the "
            "subscription's start (1 October 2026), by day of the month.",
        ),
        (
            half(1, "1", subscription_start="2026-01-30", charge_start="2026-04-20", charge_end="2026-04-28"),
            "9 of the 30 days of the cycle 30 March to 28 April 2026; it lies between two anniversaries of the "
            "subscription's start (30 January 2026), by distance from the month's end.",
        ),
        (
            half(1, "1", subscription_start=None),
            "20 of the 31 days of the cycle 1 to 31 October 2026; its end is no anniversary of the subscription's "
            "start: it is the one period before its end.",
        ),
        (
            half(1, "1", subscription_start="2026-10-05", charge_start="2026-10-01", charge_end="2026-11-09"),
            "40 of the 40 days of the cycle 1 October to 9 November 2026; the line itself begins before the period "
            "that ends then, so the cycle begins with it.",
        ),
        (
            legacy_line(subscription_start=None),
            "31 of the 31 days of the cycle 1 to 31 October 2026; no start of the subscription is given: it is the "
            "longest of its periods that holds the day.",
        ),
        (
            legacy_line(charge_start="2026-10-12"),
            "20 of the 31 days of the cycle 1 to 31 October 2026; it lies between two anniversaries of the "
            "subscription's start (1 October 2026), by day of the month.",
        ),
        (line(kind="usage"), "This line has no charge cycle: it is charged in full."),
    ],
)
def test_how_the_cycle_was_found(one: ReconciliationLine, text: str) -> None:
    assert cycle_text(one, span_of(one)) == text


def test_a_cycle_that_another_line_of_the_period_tells() -> None:
    whole = line(charge_type="renew", charge_start="2026-09-15")
    assert cycle_text(CHARGE, span_of(CHARGE, subscription_facts([whole]))) == (
        "20 of the 47 days of the cycle 15 September to 31 October 2026; a cycle charge or renewal of the subscription "
        "that ends on the same day says when it began."
    )


def test_a_cycle_of_which_something_is_not_known_is_not_told() -> None:
    cycle = Cycle(date(2026, 10, 1), date(2026, 10, 31))
    for span in (
        Charged(cycle, None, None, "anniversary"),
        Charged(cycle, 3, None),
        Charged(None, 3, None, "anniversary"),
    ):
        assert cycle_text(CHARGE, span) == "This line has no charge cycle: it is charged in full."


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("microsoft_credit", "A credit by Microsoft, reason: none given; it takes back no charge."),
        (
            "before_first_month",
            "No earlier charge of this subscription is known: it is from before our first month.",
        ),
        ("type_unknown", "Microsoft's type 'addQuantity' is not known, and no charge fits what it credits."),
        ("no_charge_fits", "Charges of this subscription are known, but none fits the credited days and seats."),
    ],
)
def test_why_a_credit_names_no_charge(why: Any, text: str) -> None:
    assert why_nothing_reversed(why, CREDIT) == text


def test_microsofts_own_reason_of_a_credit() -> None:
    text = why_nothing_reversed("microsoft_credit", line(credit_reason="Azure outage"))
    assert text == "A credit by Microsoft, reason: Azure outage; it takes back no charge."
