"""Every reason in the customer's words, exactly as he reads it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from connector.domain.compared import Charge
from tests.domain.test_changes import april, charge, metered, ten_to_fourteen, told

M365 = "Microsoft 365 Business Standard"
NO_CYCLE: dict[str, Any] = {"days": None, "cycle_days": None, "cycle_begin": None}
YEAR: dict[str, Any] = {"price": "250.00", "cycle_days": 365, "days": 365, "end": date(2027, 2, 28)}
ONCE = charge("one_time", "1", "99.00", **NO_CYCLE, name="Windows Server", end=date(2026, 3, 1))
CREDIT = charge("credit", "1", "25.00", sign=-1, **NO_CYCLE)
OTHER = charge("other", "1", "99.00", **NO_CYCLE, charge_type="surprise")
SUPPORT = charge("service", "2", "49.00", **NO_CYCLE, name="Support")
SORRY = charge("service", "1", "5.00", sign=-1, charge_type="discount", name="Sorry", **NO_CYCLE)
WITHDRAWN = replace(charge(), reversal=True, amount=Decimal("-209.00"))


def changed(**more: Any) -> Charge:
    """A line of a change on 12 March."""
    return charge("proration", **{"charge_type": "addQuantity", "start": date(2026, 3, 12), "days": 20, **more})


def worth(one: Charge, amount: str) -> Charge:
    return replace(one, amount=Decimal(amount), exact=Fraction(amount))


@pytest.mark.parametrize(
    ("before", "after", "sentences"),
    [
        # seats
        ([], [charge(charge_type="new", **april())], [f"{M365} is new (10 seats) for 1 to 30 April 2026."]),
        (
            [],
            [charge(quantity="1", **april())],
            [f"{M365}: 1 seat charged for 1 to 30 April 2026; nothing was charged for it in March 2026."],
        ),
        ([charge()], [], [f"{M365} was charged in March 2026 (10 seats) and is no longer charged."]),
        ([charge()], [charge(quantity="14", **april())], [f"{M365}: 14 seats instead of 10, at 20.90 EUR each."]),
        (
            [charge()],
            [charge(price="21.90", **april())],
            [f"{M365}: the price of a seat went from 20.90 to 21.90 EUR (10 seats)."],
        ),
        (
            [charge(price="18.00", exact_price=False, rate=Decimal("0.90"))],
            [charge(price="19.00", exact_price=False, rate=Decimal("0.95"), **april())],
            [f"{M365}: the exchange rate went from 0.9 to 0.95."],
        ),
        (
            [charge(days=15, cycle_days=30)],
            [charge(**april())],
            [f"{M365}: charged for all 30 days, the month before for 15 of 30 days."],
        ),
        (
            [charge(), charge(cycle_begin=date(2026, 3, 31), source="l_2")],
            [charge(**april())],
            [f"{M365}: the month holds 1 charge cycle instead of 2."],
        ),
        (
            [charge(**april())],
            [charge(), charge(cycle_begin=date(2026, 3, 31), source="l_2")],
            [f"{M365}: the month holds 2 charge cycles instead of 1."],
        ),
        (
            [charge(quantity="5"), charge(quantity="5", price="25.00", source="l_2")],
            [charge(**april())],
            [f"{M365}: 1 charge (209.00 EUR) instead of 2 charges (229.50 EUR)."],
        ),
        (
            [charge()],
            [replace(charge(), amount=Decimal("209.01"))],
            [f"{M365}: the same quantity and price; cents of rounding."],
        ),
        (
            [charge(**YEAR)],
            [],
            [f"{M365} was paid in March 2026 until 28 February 2027; nothing is due for it in April 2026."],
        ),
        (
            [charge(**YEAR)],
            [charge(charge_type="changeBillingPlan", **april())],
            [f"{M365} is now paid monthly instead of yearly (10 seats)."],
        ),
        (
            [charge(**YEAR)],
            [charge(price="700.00", cycle_days=1096, days=1096)],
            [f"{M365} is now paid for several years instead of yearly (10 seats)."],
        ),
        (
            [charge(**NO_CYCLE)],
            [charge(price="21.90", **april())],
            [f"{M365} is now paid monthly instead of once (10 seats)."],
        ),
        (
            [replace(charge(), name="")],
            [],
            ["This service was charged in March 2026 (10 seats) and is no longer charged."],
        ),
        # changes inside a cycle
        (
            [],
            ten_to_fourteen(),
            [f"{M365}: 10 to 14 seats on 12 March 2026, settled for 20 of 31 days. It concerns April 2026 only."],
        ),
        (
            ten_to_fourteen(),
            [],
            [f"{M365}: 10 to 14 seats on 12 March 2026; that was settled in March 2026 and does not come again."],
        ),
        (
            [],
            [
                *ten_to_fourteen(),
                changed(quantity="14", sign=-1, start=date(2026, 3, 20), days=12),
                changed(quantity="1", start=date(2026, 3, 20), days=12),
            ],
            [f"{M365}: 2 changes, from 10 to 1 seat. It concerns April 2026 only."],
        ),
        (
            [changed(sign=-1, charge_type="cancelImmediate")],
            [],
            [f"{M365}: cancelled on 12 March 2026; that was settled in March 2026 and does not come again."],
        ),
        (
            [changed(sign=-1, charge_type="removeQuantity")],
            [],
            [f"{M365}: changed or reduced on 12 March 2026; that was settled in March 2026 and does not come again."],
        ),
        (
            [changed(sign=-1, charge_type="convert")],
            [],
            [
                f"{M365}: changed to another product on 12 March 2026; "
                "that was settled in March 2026 and does not come again."
            ],
        ),
        (
            [changed(charge_type="convert")],
            [],
            [
                f"{M365}: came in place of another product on 12 March 2026; "
                "that was settled in March 2026 and does not come again."
            ],
        ),
        ([], [changed(start=None, **NO_CYCLE)], [f"{M365}: added or changed. It concerns April 2026 only."]),
        # use
        (
            [metered("29", "21.39")],
            [metered("40", "29.50")],
            ["Use of D2 v3: quantity 40 of 1 Hour instead of quantity 29 of 1 Hour."],
        ),
        ([metered("29", "21.39")], [metered("29", "29.50")], ["Use of D2 v3: 29.50 EUR instead of 21.39 EUR."]),
        (
            [metered("29", "21.39"), replace(metered("1", "1.00"), unit="10 GB")],
            [metered("40", "29.50")],
            ["Use of D2 v3: 29.50 EUR instead of 22.39 EUR."],
        ),
        (
            [],
            [metered("29", "29.50")],
            ["Use of D2 v3 (quantity 29 of 1 Hour); it was not used in March 2026."],
        ),
        (
            [],
            [replace(metered("29", "29.50"), unit="")],
            ["Use of D2 v3 (quantity 29); it was not used in March 2026."],
        ),
        ([metered("29", "29.50")], [], ["D2 v3 was not used in April 2026."]),
        (
            [metered("100", "90.00", rate=Decimal("0.90"))],
            [metered("120", "114.00", rate=Decimal("0.95"))],
            [
                "Use of D2 v3: quantity 120 of 1 Hour instead of quantity 100 of 1 Hour.",
                "Use of D2 v3: the exchange rate went from 0.9 to 0.95.",
            ],
        ),
        # what belongs to one month
        ([ONCE], [], ["Windows Server, charged once in March 2026; it does not come again."]),
        ([], [ONCE], ["Windows Server, charged once on 1 March 2026."]),
        ([CREDIT], [], [f"A credit for {M365} in March 2026; it does not come again."]),
        ([], [CREDIT], [f"A credit for {M365} for 1 to 31 March 2026."]),
        ([], [replace(CREDIT, start=None, end=None)], [f"A credit for {M365}."]),
        ([CREDIT], [worth(CREDIT, "-30.00")], [f"A credit for {M365}: -30.00 EUR instead of -25.00 EUR."]),
        ([OTHER], [], [f"{M365}: a charge of the type “surprise” in March 2026; it does not come again."]),
        ([], [OTHER], [f"{M365}: a charge of the type “surprise” for 1 to 31 March 2026."]),
        (
            [],
            [WITHDRAWN],
            [f"{M365}: Microsoft withdrew an invoice, and what was charged for it was put right, in April 2026 only."],
        ),
        # the partner's own
        ([], [SUPPORT], ["Support is new (quantity 2) for 1 to 31 March 2026."]),
        ([SUPPORT], [], ["Support was charged in March 2026 (quantity 2) and is no longer charged."]),
        (
            [SUPPORT],
            [charge("service", "3", "49.00", **NO_CYCLE, name="Support")],
            ["Support: quantity 3 instead of 2, at 49.00 EUR each."],
        ),
        (
            [SUPPORT],
            [charge("service", "2", "50.00", **NO_CYCLE, name="Support")],
            ["Support: the price went from 49.00 to 50.00 EUR (quantity 2)."],
        ),
        (
            [charge("service", "1", "49.00", **NO_CYCLE, name="Support")],
            [charge("service", "1", "50.00", **NO_CYCLE, name="Support")],
            ["Support: the price went from 49.00 to 50.00 EUR."],
        ),
        ([SORRY], [], ["Sorry in March 2026; it does not come again."]),
        ([], [SORRY], ["Sorry, in April 2026 only."]),
        ([SORRY], [worth(SORRY, "-6.00")], ["Sorry: -6.00 EUR instead of -5.00 EUR."]),
    ],
)
def test_a_reason_reads(before: list[Charge], after: list[Charge], sentences: list[str]) -> None:
    assert [step.text for step in told(before, after)] == sentences


def test_a_reason_of_a_forecast_reads() -> None:
    held = charge(start=date(2026, 3, 15), end=date(2026, 4, 14), cycle_begin=date(2026, 3, 15))
    until = date(2026, 4, 10)
    assert [step.text for step in told([held], [], until=until)] == [
        f"{M365} is paid until 14 April 2026; its next charge, due on 15 April 2026, is not in the forecast yet."
    ]
    assert [step.text for step in told([metered("1", "2.00")], [], until=until)] == [
        "D2 v3 was not used in April 2026 so far."
    ]
