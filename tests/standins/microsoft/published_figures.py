"""Printed figures of new commerce, row by row (samples/nce-billing-examples.csv and the 2019 examples).

What the tables do not print (frequency, term dates) is filled in as the text beside them says.
"""

from dataclasses import dataclass
from typing import Any

_SEATS = "Microsoft 365 Business Standard"
_MONTHLY_TERM = "One-Month commitment for monthly billing"
_ANNUAL_TERM = "One-Year commitment for monthly/yearly billing"
_A = "284b0ff0-0e74-4f65-cb23-f8ad95867994"
_B = "6759acd5-a8a9-4402-94b7-803baa64a78e"
_FIRST = "7d71c595-4635-40d1-a9e2-b34e63b01764"
_SECOND = "12d33e18-061e-4040-ad77-fcd77c1a9943"


@dataclass(frozen=True)
class Figure:
    """One printed row."""

    scenario: str
    ordered: str
    charge_type: str
    unit_price: str
    start: str
    end: str
    effective: str
    quantity: int
    total: str
    product: str = _SEATS
    subscription: str = ""
    reference: str = ""
    frequency: str = "Monthly"
    term: str = _MONTHLY_TERM
    term_start: str = ""
    term_end: str = ""
    currency: str = "EUR"
    trial: bool = False
    #: days charged and days of the cycle, where the table prints a rounded effective price
    exact_days: tuple[int, int] | None = None
    #: tells apart subscriptions of one scenario that print no id
    plan: str = ""


def _june(scenario: str, ordered: str, charge_type: str, effective: str, quantity: int, total: str) -> Figure:
    return Figure(
        scenario,
        ordered,
        charge_type,
        "10.08",
        ordered,
        "2021-07-17",
        effective,
        quantity,
        total,
        term_start="2021-06-18",
    )


def _march(day: int, charge_type: str, effective: str, quantity: int, total: str, reference: str) -> Figure:
    ordered = f"2022-03-{day:02d}"
    return Figure(
        "six-changes-in-march",
        ordered,
        charge_type,
        "12",
        ordered,
        "2022-04-04",
        effective,
        quantity,
        total,
        subscription=_A,
        reference=reference,
        term_start="2022-03-05",
        exact_days=(31 - (day - 5), 31),
    )


def _upgrade(
    scenario: str,
    ordered: str,
    charge_type: str,
    price: str,
    effective: str,
    quantity: int,
    total: str,
    product: str,
    subscription: str,
    reference: str,
) -> Figure:
    return Figure(
        scenario,
        ordered,
        charge_type,
        price,
        ordered,
        "2021-07-17",
        effective,
        quantity,
        total,
        product,
        subscription,
        reference,
        term_start="2021-06-18",
    )


_C, _D, _E, _F = (
    "dc2a0a41-6a51-4837-8956-af5ffd92b094",
    "2f8965ff-512b-4233-9a74-1f54a6ad71d0",
    "73b3dc36-f36d-4bbf-af8f-30c9b73ac4f6",
    "6759acd5-a8a9-4402-94b7-803baa64a78e",
)
_G, _R3 = "Dynamics 365 Guides", "Dynamics 365 Commerce"
_E3 = "Microsoft Office 365 E3"
_YEAR: dict[str, Any] = {"term": _ANNUAL_TERM, "term_start": "2021-09-20", "term_end": "2022-09-19"}

NEW_COMMERCE: tuple[Figure, ...] = (
    _june("monthly-term", "2021-06-18", "new", "10.08", 10, "100.8"),
    Figure("monthly-term", "2021-07-18", "renew", "10.08", "2021-07-18", "2021-08-17", "10.08", 10, "100.8"),
    Figure(
        "annual-term-monthly-plan",
        "2021-07-18",
        "cycleCharge",
        "10.08",
        "2021-07-18",
        "2021-08-17",
        "10.08",
        10,
        "100.8",
        term=_ANNUAL_TERM,
        term_start="2021-06-18",
        term_end="2022-06-17",
    ),
    Figure(
        "annual-prepaid",
        "2021-06-18",
        "new",
        "",
        "2021-06-18",
        "2022-06-17",
        "120.96",
        10,
        "1209.6",
        frequency="Annual",
        term=_ANNUAL_TERM,
    ),
    _june("add-2-seats", "2021-06-18", "new", "10.08", 10, "100.8"),
    _june("add-2-seats", "2021-06-20", "addQuantity", "-9.408", 10, "-94.08"),
    _june("add-2-seats", "2021-06-20", "addQuantity", "9.408", 12, "112.89"),
    _june("remove-4-seats", "2021-06-20", "removeQuantity", "-9.408", 12, "-112.89"),
    _june("remove-4-seats", "2021-06-20", "removeQuantity", "9.408", 8, "75.26"),
    _march(5, "new", "12.00", 10, "120", _FIRST),
    _march(7, "addQuantity", "-11.23", 10, "-112.25", _SECOND),
    _march(7, "addQuantity", "11.23", 15, "168.38", _SECOND),
    _march(10, "addQuantity", "-10.06", 15, "-150.96", _C),
    _march(10, "addQuantity", "10.06", 25, "251.61", _C),
    _march(12, "removeQuantity", "-9.29", 25, "-232.25", _D),
    _march(12, "removeQuantity", "9.29", 23, "213.67", _D),
    _march(14, "removeQuantity", "-8.52", 23, "-195.87", _E),
    _march(14, "removeQuantity", "8.52", 20, "170.32", _E),
    _march(25, "addQuantity", "-4.26", 20, "-85.16", _F),
    _march(25, "addQuantity", "4.26", 30, "127.74", _F),
    Figure("cancel-within-7-days", "2021-07-15", "new", "10.08", "2021-07-15", "2021-08-14", "10.08", 10, "100.8"),
    Figure(
        "cancel-within-7-days",
        "2021-07-17",
        "cancelImmediate",
        "10.08",
        "2021-07-17",
        "2021-08-14",
        "-9.42",
        10,
        "-94.2",
        term_start="2021-07-15",
    ),
    _upgrade("full-upgrade", "2021-06-18", "new", "10.08", "10.08", 300, "3024", _SEATS, _A, _FIRST),
    _upgrade("full-upgrade", "2021-06-25", "convert", "10.08", "-7.72", 300, "-2316", _SEATS, _A, _SECOND),
    _upgrade("full-upgrade", "2021-06-25", "convert", "6.43", "4.92", 300, "1476", "Office 365 E1", _A, _SECOND),
    _upgrade("partial-upgrade", "2021-06-18", "new", "10.08", "10.08", 300, "3024", _SEATS, _A, _FIRST),
    _upgrade("partial-upgrade", "2021-06-25", "convert", "10.08", "-7.72", 100, "-772", _SEATS, _A, _SECOND),
    _upgrade("partial-upgrade", "2021-06-25", "convert", "6.43", "4.92", 100, "492", "Office 365 E1", _B, _SECOND),
    Figure(
        "trial-to-paid",
        "2021-06-25",
        "new",
        "0",
        "2021-06-25",
        "2021-07-24",
        "0",
        25,
        "0",
        _G,
        trial=True,
        frequency="",
        term="One-Month commitment for trial",
    ),
    Figure(
        "trial-to-paid",
        "2021-06-25",
        "convert",
        "0",
        "2021-06-25",
        "2021-07-24",
        "0",
        25,
        "0",
        _G,
        trial=True,
        frequency="",
        term="One-Month commitment for trial",
    ),
    Figure(
        "trial-to-paid",
        "2021-06-25",
        "convert",
        "52.61",
        "2021-06-25",
        "2021-07-24",
        "52.61",
        25,
        "1315.25",
        _G,
    ),
    Figure(
        "plan-annual-to-monthly",
        "",
        "new",
        "250",
        "2021-09-20",
        "2022-09-19",
        "250",
        10,
        "2500",
        _R3,
        frequency="Annual",
        **_YEAR,
    ),
    Figure(
        "plan-annual-to-monthly",
        "",
        "changeBillingPlan",
        "20",
        "2022-09-20",
        "2022-10-19",
        "20",
        10,
        "200",
        _R3,
        term=_ANNUAL_TERM,
        term_start="2022-09-20",
        term_end="2023-09-19",
    ),
    Figure("plan-monthly-to-annual", "", "new", "20", "2021-09-20", "2021-10-19", "20", 10, "200", _R3, **_YEAR),
    Figure(
        "plan-monthly-to-annual",
        "",
        "changeBillingPlan",
        "250",
        "2021-10-20",
        "2022-09-19",
        "229.16",
        10,
        "2291.6",
        _R3,
        frequency="Annual",
        **_YEAR,
    ),
    Figure(
        "legacy-migration-monthly-plan",
        "",
        "new",
        "16",
        "2022-01-25",
        "2022-02-20",
        "15.42",
        1,
        "15.42",
        _E3,
        currency="USD",
        term=_ANNUAL_TERM,
        term_start="2022-01-25",
        term_end="2023-01-20",
    ),
    Figure(
        "legacy-migration-annual-plan",
        "",
        "new",
        "192",
        "2022-01-25",
        "2022-07-20",
        "95.21",
        1,
        "95.21",
        _E3,
        currency="USD",
        frequency="Annual",
        term=_ANNUAL_TERM,
    ),
)

_ONE: dict[str, Any] = {"product": "One-time 2019", "currency": "USD", "term": "1 Month Subscription"}


def _nineteen(
    scenario: str,
    bought: str,
    charge_type: str,
    price: str,
    quantity: int,
    total: str,
    start: str = "2019-06-10",
    end: str = "2019-07-09",
    effective: str = "",
    plan: str = "",
) -> Figure:
    sign = "-" if total.startswith("-") else ""
    return Figure(
        scenario,
        bought,
        charge_type,
        price,
        start,
        end,
        effective or f"{sign}{price}",
        quantity,
        total,
        **_ONE,
        plan=plan,
    )


ONE_TIME_2019: tuple[Figure, ...] = (
    _nineteen("modern-2019-add-same-day", "2019-06-11", "New", "4", 1, "4"),
    _nineteen("modern-2019-add-same-day", "2019-06-11", "addQuantity", "4", 1, "-4"),
    _nineteen("modern-2019-add-same-day", "2019-06-11", "addQuantity", "4", 2, "8"),
    _nineteen("modern-2019-add-next-day", "2019-06-11", "New", "4", 1, "4"),
    _nineteen("modern-2019-add-next-day", "2019-06-12", "addQuantity", "4", 1, "-3.87", effective="-3.87"),
    _nineteen("modern-2019-add-next-day", "2019-06-12", "addQuantity", "4", 2, "7.74", effective="3.87"),
    _nineteen("modern-2019-remove-next-day", "2019-06-11", "New", "4", 2, "8"),
    _nineteen("modern-2019-remove-next-day", "2019-06-12", "removeQuantity", "4", 2, "-7.74", effective="-3.87"),
    _nineteen("modern-2019-remove-next-day", "2019-06-12", "removeQuantity", "4", 1, "3.87", effective="3.87"),
    _nineteen("modern-2019-saas", "2019-06-10", "New", "0", 1, "0", plan="trial"),
    _nineteen("modern-2019-saas", "2019-06-10", "New", "20", 1, "20", end="2019-06-10", plan="silver"),
    _nineteen("modern-2019-saas", "2019-06-10", "Convert", "20", 1, "-20", end="2019-06-10", plan="silver"),
    _nineteen("modern-2019-saas", "2019-06-10", "Convert", "10", 1, "10", end="2019-06-10", plan="silver"),
    _nineteen("modern-2019-saas", "2019-06-10", "New", "10", 1, "10", end="2019-06-10", plan="bronze"),
    _nineteen("modern-2019-saas", "2019-06-10", "CancelImmediate", "10", 1, "-10", end="2019-06-10", plan="bronze"),
    _nineteen(
        "modern-2019-saas",
        "2019-07-10",
        "Renew",
        "2",
        1,
        "2",
        start="2019-07-10",
        end="2019-08-09",
        plan="trial",
    ),
)
