"""Charge cycles (interfaces.md 5.3), straight on the domain: Microsoft's table of month ends, and the rule's corners.

nce-month-end-cycles.csv is the published table, with ISO dates and one misprint of its last row put right
(https://learn.microsoft.com/en-us/partner-center/billing/common-billing-scenarios-onetime-recurring, CC BY 4.0).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.cycles import Charged, charged, subscription_facts
from connector.domain.lines import ReconciliationLine
from connector.sources.fields import decode_reconciliation
from connector.sources.raw_lines import parse_record
from tests.months import reference, reference_cycles
from tests.months.billed import ALPHA, SUITE, day
from tests.standins.microsoft import exact
from tests.standins.microsoft.billing import line, stamp

with (Path(__file__).parent / "nce-month-end-cycles.csv").open(encoding="utf-8") as _source:
    PUBLISHED = list(csv.DictReader(_source))
# Rows where the day after the cycle is an anniversary both by day of the month and by distance from the month's end,
# and the two put the beginning on different days: "by day first" makes the cycle of a change one day shorter or
# longer than the table, unless the whole cycle's own line is in the same period.
BY_DAY_FIRST = {
    "2021-02-27": "2021-02-28",
    "2021-04-29": "2021-04-30",
    "2021-06-29": "2021-06-30",
    "2021-09-29": "2021-09-30",
    "2021-11-29": "2021-11-30",
}


def raw_line(charge_type: str, start: date, end: date, bought: date | None, frequency: str = "Monthly") -> Any:
    return line(
        ALPHA,
        SUITE,
        SubscriptionId="5b5c0000-0000-4000-8000-000000000001",
        ChargeType=charge_type,
        UnitPrice=12,
        EffectiveUnitPrice=12,
        Quantity=1,
        BillableQuantity=1,
        Subtotal=12,
        ChargeStartDate=stamp(start),
        ChargeEndDate=stamp(end),
        SubscriptionStartDate=stamp(bought),
        BillingFrequency=frequency,
        OrderDate=stamp(start),
    )


def read(raw: Any) -> ReconciliationLine:
    """As the product reads it."""
    decoded = decode_reconciliation(parse_record(exact.dumps(raw).encode(), 1), invoice_id="G1", file_id="f")
    assert isinstance(decoded, ReconciliationLine), decoded
    return decoded


def cycle_of(raw: Any, others: Iterable[Any] = ()) -> Charged:
    """The product's answer, which must be the reference's."""
    everything = [raw, *others]
    span = charged(read(raw), subscription_facts([read(each) for each in everything]))
    charges = [reference.from_reconciliation(each) for each in everything]
    wanted = reference.cycle_of(charges[0], charges)
    assert (span.cycle.begin, span.cycle.end) == wanted if span.cycle else wanted is None
    assert span.share == reference.share_of(charges[0], wanted)
    return span


def _days(row: dict[str, str]) -> tuple[date, date, date]:
    return day(row["charge_start"]), day(row["charge_end"]), day(row["subscription_start"])


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row['billing_term']}-{row['charge_start']}")
def test_every_published_charge_is_a_whole_cycle(row: dict[str, str]) -> None:
    start, end, bought = _days(row)
    span = cycle_of(raw_line(row["charge_type"], start, end, bought))
    assert span.cycle is not None and (span.cycle.begin, span.cycle.end) == (start, end)
    assert span.share == 1 and span.day == start


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row['billing_term']}-{row['charge_start']}")
def test_a_change_beside_its_whole_cycle_has_the_published_days(row: dict[str, str]) -> None:
    start, end, bought = _days(row)
    whole = raw_line("cycleCharge", start, end, bought)
    span = cycle_of(raw_line("addQuantity", end - timedelta(days=9), end, bought), [whole])
    assert span.share == Fraction(10, (end - start).days + 1)


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row['billing_term']}-{row['charge_start']}")
def test_a_change_alone_in_its_period_finds_the_beginning_by_the_anniversaries(row: dict[str, str]) -> None:
    start, end, bought = _days(row)
    span = cycle_of(raw_line("addQuantity", end - timedelta(days=9), end, bought))
    published = row["charge_start"]
    doubtful = published in BY_DAY_FIRST and row["subscription_start"] == "2021-01-30"
    assert span.cycle is not None
    assert span.cycle.begin == (day(BY_DAY_FIRST[published]) if doubtful else start)


def test_a_renewal_says_where_the_cycle_began_for_the_others_of_its_subscription() -> None:
    renewal = raw_line("Renew", date(2025, 9, 15), date(2025, 10, 31), date(2024, 1, 1))
    change = raw_line("removeQuantity", date(2025, 10, 20), date(2025, 10, 31), date(2024, 1, 1))
    assert cycle_of(change, [renewal]).share == Fraction(12, 47)
    elsewhere = {**renewal, "SubscriptionId": "5b5c0000-0000-4000-8000-000000000002"}
    assert cycle_of(change, [elsewhere]).share == Fraction(12, 31)
    other_end = raw_line("Renew", date(2025, 9, 15), date(2025, 10, 30), date(2024, 1, 1))
    assert cycle_of(change, [other_end]).share == Fraction(12, 31)


@pytest.mark.parametrize(
    ("bought", "start", "end", "frequency", "begin"),
    [
        # coterminous: 10 November is no anniversary of the 5th, so one month before it
        ("2025-10-05", "2025-10-20", "2025-11-09", "Monthly", "2025-10-10"),
        ("2025-09-05", "2025-10-20", "2026-06-30", "Annual", "2025-07-01"),
        # no SubscriptionStartDate
        ("", "2025-10-20", "2025-10-31", "Monthly", "2025-10-01"),
        # one month before 31 March is the last of February
        ("", "2025-03-20", "2025-03-30", "Monthly", "2025-02-28"),
        # the charge begins before the cycle would
        ("2025-10-05", "2025-10-01", "2025-11-09", "Monthly", "2025-10-01"),
        # yearly anniversaries, and a leap day
        ("2023-06-15", "2025-10-20", "2026-06-14", "Annual", "2025-06-15"),
        ("2024-02-29", "2025-01-01", "2025-02-27", "Annual", "2024-02-29"),
        ("2024-02-29", "2025-06-01", "2026-02-27", "annual", "2025-02-28"),
    ],
)
def test_corners_of_the_cycle(bought: str, start: str, end: str, frequency: str, begin: str) -> None:
    raw = raw_line("addQuantity", day(start), day(end), day(bought) if bought else None, frequency)
    span = cycle_of(raw)
    assert span.cycle is not None and span.cycle.begin == day(begin)
    assert span.day == day(begin), "the day that counts is the first of the cycle"


@pytest.mark.parametrize(
    "changes",
    [
        {"BillingFrequency": ""},
        {"ChargeType": "customerCredit"},
        {"ChargeType": "somethingNew"},
        {"MeterDescription": "Virtual Machines"},
    ],
)
def test_lines_without_a_cycle_have_share_one_and_count_from_their_own_start(changes: dict[str, str]) -> None:
    span = cycle_of({**raw_line("addQuantity", date(2025, 10, 20), date(2025, 10, 31), None), **changes})
    assert (span.cycle, span.share, span.day) == (None, 1, date(2025, 10, 20))


_DATES = st.dates(date(2020, 1, 1), date(2027, 12, 31))


@given(
    bought=st.one_of(st.none(), _DATES),
    end=_DATES,
    charged_days=st.integers(1, 400),
    frequency=st.sampled_from(["Monthly", "Annual"]),
    charge_type=st.sampled_from(["new", "addQuantity", "cycleCharge", "renew", "cancelImmediate"]),
)
def test_any_cycle_is_what_the_reference_says(
    bought: date | None, end: date, charged_days: int, frequency: str, charge_type: str
) -> None:
    span = cycle_of(raw_line(charge_type, end - timedelta(days=charged_days - 1), end, bought, frequency))
    assert 0 < span.share <= 1


@given(bought=_DATES.filter(lambda d: d.day <= 28), turn=st.integers(0, 40))
def test_an_ordinary_monthly_cycle_has_the_days_of_the_month_it_began_in(bought: date, turn: int) -> None:
    """Microsoft's own rule (invoices.md 3.2)."""
    begin = reference_cycles.months_later(bought, turn)
    end = reference_cycles.months_later(bought, turn + 1) - timedelta(days=1)
    span = cycle_of(raw_line("addQuantity", end, end, bought))
    assert span.cycle is not None and span.cycle.begin == begin
    first_of_next = reference_cycles.months_later(begin.replace(day=1), 1)
    assert span.cycle.days == (first_of_next - timedelta(days=1)).day
