"""What a negative line takes back (product.md, behaviour 6), by subscription, product, days and seats."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connector.domain.lines import ReconciliationLine
from connector.domain.reversals import Reversal, charges_by_subscription, find_reversed, is_charge, is_credit
from tests.domain.values import legacy_line, line

BOUGHT = datetime(2026, 10, 1, 8, 30, tzinfo=UTC)
CHANGED = datetime(2026, 10, 12, 9, 0, tzinfo=UTC)

# ten seats for October; on the 12th they became fourteen
WHOLE = line(id="whole", charge_type="cycleCharge", order_date=BOUGHT)
CREDIT = line(
    id="credit",
    kind="proration",
    charge_type="addQuantity",
    charge_start="2026-10-12",
    subtotal=Decimal("-64.52"),
    order_date=CHANGED,
    reference_id="change-1",
)
CHARGE = line(
    id="charge",
    kind="proration",
    charge_type="addQuantity",
    charge_start="2026-10-12",
    subtotal=Decimal("90.32"),
    billable_quantity=Decimal(14),
    order_date=CHANGED,
    reference_id="change-1",
)


def charge(name: str, seats: int = 10, **changes: Any) -> ReconciliationLine:
    return line(**{"id": name, "charge_type": "cycleCharge", "billable_quantity": Decimal(seats), **changes})


def credit(seats: int = 10, **changes: Any) -> ReconciliationLine:
    usual: dict[str, Any] = {
        "id": "credit",
        "kind": "proration",
        "charge_type": "removeQuantity",
        "charge_start": "2026-10-12",
        "subtotal": Decimal(-50),
        "billable_quantity": Decimal(seats),
        "order_date": CHANGED,
    }
    return line(**{**usual, **changes})


def taken_back(one: ReconciliationLine, *others: ReconciliationLine) -> tuple[str, ...] | str:
    """The charges, or why none is named; whatever the order of the file."""
    found = find_reversed(one, charges_by_subscription([*others, one]))
    assert found == find_reversed(one, charges_by_subscription([one, *others[::-1]]))
    return found.charges or found.why


@pytest.mark.parametrize(
    ("subtotal", "effective", "sign"),
    [("1", "1", 1), ("-1", "1", -1), ("0", "1", 1), ("0", "-1", -1), ("0", "0", 0), ("0", None, 0), ("2", "-1", 1)],
)
def test_the_sign_is_the_subtotals_else_the_effective_unit_prices(
    subtotal: str, effective: str | None, sign: int
) -> None:
    one = line(subtotal=Decimal(subtotal), effective_unit_price=None if effective is None else Decimal(effective))
    assert (is_charge(one), is_credit(one)) == (sign > 0, sign < 0)


def test_ten_to_fourteen_seats_takes_back_the_ten() -> None:
    """Not the fourteen: that is the other half of the same change."""
    assert taken_back(CREDIT, WHOLE, CHARGE) == ("whole",)
    assert taken_back(CHARGE, WHOLE, CREDIT) == "not_negative"


def test_a_second_change_takes_back_the_first_ones_charge() -> None:
    again = credit(14, charge_start="2026-10-20", order_date=datetime(2026, 10, 20, tzinfo=UTC))
    assert taken_back(again, WHOLE, CREDIT, CHARGE) == ("charge",)


@pytest.mark.parametrize(
    ("other", "found"),
    [
        # the other half of a change: by reference, else by the moment it was ordered
        ({"reference_id": "change-1"}, "before_first_month"),
        ({"reference_id": "change-2"}, ("other",)),
        ({"reference_id": "", "order_date": CHANGED}, "before_first_month"),
        ({"reference_id": "", "order_date": BOUGHT}, ("other",)),
        ({"reference_id": "", "order_date": None}, ("other",)),
        # another type of charge is another event
        ({"reference_id": "change-1", "charge_type": "new"}, ("other",)),
        ({"reference_id": "change-1", "charge_type": "ADD_QUANTITY"}, "before_first_month"),
        # what was ordered on a later day cannot be taken back, a later hour of the same day can
        ({"charge_type": "new", "order_date": datetime(2026, 10, 13, 0, 1, tzinfo=UTC)}, "before_first_month"),
        ({"charge_type": "new", "order_date": datetime(2026, 10, 12, 23, 59, tzinfo=UTC)}, ("other",)),
        ({"charge_type": "new", "order_date": None}, ("other",)),
        # another subscription, product or sku, in any case
        ({"charge_type": "new", "subscription_id": "sub-2"}, "before_first_month"),
        ({"charge_type": "new", "product_id": "cfq1"}, ("other",)),
        ({"charge_type": "new", "product_id": "CFQ2"}, "no_charge_fits"),
        ({"charge_type": "new", "sku_id": "0002"}, "no_charge_fits"),
        ({"charge_type": "new", "kind": "usage"}, "no_charge_fits"),
        # the credited days lie inside the charged ones
        ({"charge_type": "new", "charge_start": "2026-10-12"}, ("other",)),
        ({"charge_type": "new", "charge_start": "2026-10-13"}, "no_charge_fits"),
        ({"charge_type": "new", "charge_end": "2026-10-30"}, "no_charge_fits"),
        ({"charge_type": "new", "charge_start": None}, ("other",)),
        ({"charge_type": "new", "charge_end": None}, ("other",)),
        # an end before its beginning says nothing
        ({"charge_type": "new", "charge_end": "2026-09-30"}, ("other",)),
        # fewer seats than are credited
        ({"charge_type": "new", "billable_quantity": Decimal(9)}, "no_charge_fits"),
        ({"charge_type": "new", "billable_quantity": Decimal(-10)}, ("other",)),
        # a credit takes back no credit
        ({"charge_type": "new", "subtotal": Decimal(-1)}, "before_first_month"),
    ],
)
def test_which_charge_can_be_taken_back(other: dict[str, Any], found: tuple[str, ...] | str) -> None:
    usual = {"id": "other", "charge_type": "addQuantity", "order_date": BOUGHT, "reference_id": "other"}
    assert taken_back(CREDIT, line(**{**usual, **other})) == found


def test_of_as_many_seats_the_latest_that_was_ordered_before() -> None:
    first = charge("first", order_date=BOUGHT)
    second = charge("second", order_date=datetime(2026, 10, 5, tzinfo=UTC))
    # on the same day, but after the credit: further away than any before it
    after = charge("after", order_date=datetime(2026, 10, 12, 9, 1, tzinfo=UTC))
    unknown = charge("unknown", order_date=None)
    assert taken_back(credit(), first, second, after, unknown) == ("second",)
    assert taken_back(credit(), first, unknown) == ("first",)
    # a credit that was ordered nobody knows when
    assert taken_back(credit(order_date=None), first, second) == ("second",)
    # the later days, then the later id
    early, late = charge("b", charge_start="2026-10-01"), charge("a", charge_start="2026-10-02")
    assert taken_back(credit(), early, late) == ("a",)
    assert taken_back(credit(), charge("b"), charge("a")) == ("b",)


def test_the_size_comes_before_the_day() -> None:
    """Seats that were moved away are taken from the larger charge only where none has just their number."""
    larger = charge("larger", 25, order_date=datetime(2026, 10, 9, tzinfo=UTC))
    assert taken_back(credit(), charge("ten", order_date=BOUGHT), larger) == ("ten",)
    assert taken_back(credit(), charge("nine", 9), larger) == ("larger",)


def test_a_credit_over_several_cycles_takes_back_each_of_them() -> None:
    """Three months charged one by one and credited at once."""
    months = [
        charge("oct", charge_start="2026-10-01", charge_end="2026-10-31"),
        charge("nov", charge_start="2026-11-01", charge_end="2026-11-30"),
        charge("dec", charge_start="2026-12-01", charge_end="2026-12-31"),
    ]
    whole = credit(charge_start="2026-10-12", charge_end="2026-12-31")
    assert taken_back(whole, *months) == ("oct", "nov", "dec")
    # to the last day, and without a gap
    assert taken_back(credit(charge_start="2026-10-31", charge_end="2026-11-01"), *months) == ("oct", "nov")
    assert taken_back(whole, months[0], months[2]) == "no_charge_fits"
    assert taken_back(credit(charge_end="2027-01-01"), *months) == "no_charge_fits"
    other_size = charge("nov", 9, charge_start="2026-11-01", charge_end="2026-11-30")
    assert taken_back(whole, months[0], other_size, months[2]) == "no_charge_fits"
    # of two that hold a day the latest ordered before the credit
    newer = charge(
        "new", charge_start="2026-11-01", charge_end="2026-11-30", order_date=datetime(2026, 10, 2, tzinfo=UTC)
    )
    assert taken_back(whole, *months, newer) == ("oct", "new", "dec")
    # a charge without days holds no day of a row
    assert taken_back(credit(charge_start="2026-10-12", charge_end="2026-11-30"), months[0]) == "no_charge_fits"


def test_seats_bought_one_after_the_other_are_credited_together() -> None:
    six = charge("six", 6, order_date=BOUGHT)
    four = charge("four", 4, order_date=datetime(2026, 10, 5, tzinfo=UTC))
    three = charge("three", 3, order_date=datetime(2026, 10, 4, tzinfo=UTC))
    assert taken_back(credit(), six, four) == ("four", "six")
    # the latest first, until the credited number is reached: 4 + 3 + 6 is not ten
    assert taken_back(credit(), six, four, three) == "no_charge_fits"
    assert taken_back(credit(7), six, four, three) == ("four", "three")
    assert taken_back(credit(11), six, four) == "no_charge_fits"
    elsewhere = charge("elsewhere", 6, charge_start="2026-10-13")
    assert taken_back(credit(), elsewhere, four) == "no_charge_fits"


def test_usage_is_corrected_by_any_quantity() -> None:
    metered = {"kind": "usage", "meter": "VM", "charge_type": "new", "billing": ""}
    used = charge("used", 3, **metered)
    correction = credit(5, **{**metered, "order_date": datetime(2026, 10, 20, tzinfo=UTC)})
    assert taken_back(correction, used) == ("used",)
    # but a seat of the same product is no usage
    assert taken_back(correction, charge("seat", 5)) == "no_charge_fits"


def test_why_nothing_is_named() -> None:
    assert taken_back(credit(kind="credit"), WHOLE) == "microsoft_credit"
    assert taken_back(credit()) == "before_first_month"
    assert taken_back(credit(kind="other", charge_type="somethingNew")) == "type_unknown"
    assert taken_back(credit(kind="other", charge_type="somethingNew"), WHOLE) == ("whole",)
    assert find_reversed(WHOLE, {}) == Reversal((), "not_negative")


def test_a_line_without_a_subscription_is_found_by_its_tenant() -> None:
    bought = charge("bought", subscription_id="", kind="one_time", billing="")
    assert taken_back(credit(subscription_id=""), bought) == ("bought",)
    assert taken_back(credit(subscription_id="", tenant_id="tenant-2"), bought) == "before_first_month"


def test_an_old_style_change_takes_back_the_advance_charge_of_another_invoice() -> None:
    """partner-center/legacy.md: the period is credited in full, then charged again by days."""
    advance = legacy_line(id="advance", invoice_id="D1", order_date=None)
    back = legacy_line(
        id="back", invoice_id="D2", kind="proration", charge_type="Cycle instance prorate", subtotal=Decimal(-100)
    )
    anew = legacy_line(id="anew", invoice_id="D2", kind="proration", charge_type="Cycle instance prorate")
    assert taken_back(back, advance, anew) == ("advance",)
    earlier = legacy_line(id="earlier", invoice_id="D1", kind="proration", charge_type="Cycle instance prorate")
    assert taken_back(back, earlier, anew) == ("earlier",)


def test_a_credit_never_takes_back_itself() -> None:
    charges = {"sub-1": [charge("credit", charge_type="new")]}
    assert find_reversed(credit(), charges).charges == ()


def test_a_charge_of_one_day_is_held_by_that_day_alone() -> None:
    one_day = charge("one", charge_start="2026-10-12", charge_end="2026-10-12")
    assert taken_back(credit(charge_end="2026-10-12"), one_day) == ("one",)
    assert taken_back(credit(charge_end="2026-10-13"), one_day) == "no_charge_fits"


def test_half_a_seat_is_still_missing() -> None:
    half = charge("half", billable_quantity=Decimal("0.5"))
    rest = charge("rest", billable_quantity=Decimal("9.5"), order_date=datetime(2026, 10, 5, tzinfo=UTC))
    assert taken_back(credit(), half, rest) == ("rest", "half")
