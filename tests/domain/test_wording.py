"""The sentences a customer reads: exact texts, for the cases product.md tells and for every other kind of line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from connector.domain.documents import Part
from connector.domain.wording import (
    day_text,
    label_text,
    line_text,
    outlook,
    price_digits,
    product_names,
    seats,
    sentence,
    span_text,
)
from tests.domain.values import day, part

E3 = "Microsoft 365 E3"


# -- days, seats, prices ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("2026-10-01", "2026-10-31", "1 to 31 October 2026"),
        ("2026-10-12", "2026-11-11", "12 October to 11 November 2026"),
        ("2026-12-12", "2027-01-11", "12 December 2026 to 11 January 2027"),
        # the same month a year later is another month
        ("2025-10-12", "2026-10-11", "12 October 2025 to 11 October 2026"),
        ("2026-10-12", "2026-10-12", "12 October 2026"),
        ("2026-10-12", "", "12 October 2026"),
        ("", "2026-10-12", "12 October 2026"),
        ("", "", ""),
    ],
)
def test_a_span_of_days(start: str, end: str, text: str) -> None:
    assert span_text(day(start), day(end)) == text


def test_every_month_has_its_name() -> None:
    months = "January February March April May June July August September October November December"
    assert " ".join(day_text(date(2026, month, 3))[2:-5] for month in range(1, 13)) == months


@pytest.mark.parametrize(
    ("quantity", "text"), [("1", "1 seat"), ("1.0", "1 seat"), ("2", "2 seats"), ("0", "0 seats"), ("0.5", "0.5 seats")]
)
def test_seats(quantity: str, text: str) -> None:
    assert seats(Decimal(quantity)) == text


@pytest.mark.parametrize(
    ("price", "currency", "text"),
    [
        ("20.90", "EUR", "20.90"),
        ("20.905", "EUR", "20.905"),
        ("20", "EUR", "20.00"),
        ("20", "JPY", "20"),
        ("1/3", "EUR", "0.333333"),
        ("2/3", "EUR", "0.666667"),
        ("0.73780", "EUR", "0.7378"),
    ],
)
def test_a_price_has_as_many_digits_as_it_needs_and_at_most_six(price: str, currency: str, text: str) -> None:
    assert price_digits(Fraction(price), currency) == text


def test_a_cost_centre_stands_before_the_text() -> None:
    assert label_text("Purchase order", "PO 9") == "Purchase order PO 9: "
    assert label_text("Purchase order", "(no purchase order)") == "No purchase order: "
    assert (label_text("", "PO 9"), label_text("Cost centre", "")) == ("", "")


# -- what a line is about --------------------------------------------------------------------------------------


def named(*names: str) -> list[Part]:
    return [part(product_id=f"CFQ{at}", product_name=name) for at, name in enumerate(names)]


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([part(), part()], E3),
        ([part(product_name=""), part()], E3),
        ([part(product_name="")], ""),
        # one product under two names is called by its first
        ([part(), part(product_name="M365 E3", product_id="cfq1")], E3),
        (named("A", "B"), "A and B"),
        (named("A", "B", "C"), "A, B and C"),
        (named("A", "B", "C", "D"), "4 products"),
        (named("A", "A", "B"), "A and B"),
        (named("A", ""), "A"),
        (named("", ""), ""),
        ([part(sku_id="0001"), part(sku_id="0002", product_name="M365 F3")], f"{E3} and M365 F3"),
    ],
)
def test_the_products_of_a_line(parts: list[Part], text: str) -> None:
    assert product_names(parts) == text


OCTOBER = (day("2026-10-01"), day("2026-10-31"))
CREDIT = part(
    line_id="l_2",
    kind="proration",
    charge_type="removeQuantity",
    start="2026-10-12",
    days=20,
    amount=Decimal("-134.84"),
    happened=datetime(2026, 10, 12, 9, 0, tzinfo=UTC),
)
CHARGE = part(
    line_id="l_3",
    kind="proration",
    charge_type="addQuantity",
    start="2026-10-12",
    days=20,
    quantity=Decimal(14),
    amount=Decimal("188.77"),
    happened=datetime(2026, 10, 12, 9, 0, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("kind", "parts", "price", "text"),
    [
        ("advance", [part()], "", f"{E3}: 10 seats, in advance, 1 to 31 October 2026"),
        ("advance", [part()], "20.90", f"{E3}: 10 seats at 20.90, in advance, 1 to 31 October 2026"),
        ("advance", [part(quantity=Decimal(1))], "", f"{E3}: 1 seat, in advance, 1 to 31 October 2026"),
        (
            "advance",
            [part(), part(quantity=Decimal(4))],
            "20.90",
            f"{E3}: 10 and 4 seats at 20.90, in advance, 1 to 31 October 2026",
        ),
        (
            "advance",
            [part(quantity=Decimal(1)), part(quantity=Decimal(1))],
            "",
            f"{E3}: 1 and 1 seats, in advance, 1 to 31 October 2026",
        ),
        (
            "advance",
            [part(quantity=Decimal(number)) for number in (1, 2, 3, 4)],
            "",
            f"{E3}: 1 and 2 and 3 and 4 seats, in advance, 1 to 31 October 2026",
        ),
        # more than four are not listed
        ("advance", [part()] * 5, "", f"{E3}: 5 charges, in advance, 1 to 31 October 2026"),
        ("advance", named("A", "B"), "", f"{E3}: 2 charges, in advance, 1 to 31 October 2026"),
        ("one_time", [part()], "", f"{E3}: 10 units, one-time, 1 to 31 October 2026"),
        ("one_time", [part(quantity=Decimal(1))], "", f"{E3}: 1 unit, one-time, 1 to 31 October 2026"),
        (
            "proration",
            [CREDIT, CHARGE],
            "",
            f"{E3}: 10 to 14 seats, changes within the cycle, 1 to 31 October 2026",
        ),
        ("proration", [CHARGE], "", f"{E3}: 14 seats, changes within the cycle, 1 to 31 October 2026"),
        ("proration", [CREDIT], "", f"{E3}: 10 seats, changes within the cycle, 1 to 31 October 2026"),
        # twice the same number is no change of it
        ("proration", [CHARGE, CHARGE], "", f"{E3}: changes within the cycle, 1 to 31 October 2026"),
        # without a size there is no price beside it
        ("proration", [CHARGE, CHARGE], "20.90", f"{E3}: changes within the cycle, 1 to 31 October 2026"),
        (
            "proration",
            [CREDIT, part(**{"kind": "proration", "subscription_id": "sub-2"})],
            "",
            f"{E3}: 2 subscriptions, changes within the cycle, 1 to 31 October 2026",
        ),
        (
            "usage",
            [part(kind="usage", unit="1 Hour", quantity=Decimal("29.0"))],
            "",
            f"{E3}: quantity 29 of 1 Hour, usage, 1 to 31 October 2026",
        ),
        ("usage", [part(kind="usage")], "", f"{E3}: quantity 10, usage, 1 to 31 October 2026"),
        (
            "usage",
            [part(kind="usage", unit="1 Hour"), part(kind="usage", unit="1 Hour", quantity=Decimal("0.5"))],
            "",
            f"{E3}: quantity 10.5 of 1 Hour, usage, 1 to 31 October 2026",
        ),
        # hours and gigabytes are not added up
        (
            "usage",
            [part(kind="usage", unit="1 Hour"), part(kind="usage", unit="1 GB")],
            "",
            f"{E3}: usage, 1 to 31 October 2026",
        ),
        ("credit", [part(kind="credit")], "", f"{E3}: credit, 1 to 31 October 2026"),
        ("other", [part(kind="other")], "", f"{E3}: other charge, 1 to 31 October 2026"),
        ("service", [part(kind="service", quantity=Decimal(1))], "", f"{E3}: service, 1 to 31 October 2026"),
        (
            "service",
            [part(kind="service", quantity=Decimal(3))],
            "",
            f"{E3}: quantity 3, service, 1 to 31 October 2026",
        ),
        ("service", [part(), part()], "", f"{E3}: service, 1 to 31 October 2026"),
    ],
)
def test_the_text_of_a_line_on_the_invoice(kind: str, parts: list[Part], price: str, text: str) -> None:
    assert line_text(kind, E3, parts, *OCTOBER, price) == text


def test_a_line_without_a_name_or_days() -> None:
    assert line_text("credit", "", [part(kind="credit")], None, None) == "Microsoft cloud service: credit"


# -- the sentence ----------------------------------------------------------------------------------------------


def said(kind: str, *parts: Part, product: str = E3, currency: str = "EUR") -> str:
    return sentence(kind, product, parts, currency, sum((one.amount for one in parts), Decimal(0)))


def test_ten_to_fourteen_seats() -> None:
    """product.md, month step 10 and section 6: -134.84 + 188.77 = 53.93."""
    assert said("proration", CREDIT, CHARGE) == (
        "On 12 October 2026 the number of Microsoft 365 E3 seats went from 10 to 14: the unused 20 of 31 days of "
        "10 seats are credited (-134.84 EUR), 14 seats are charged for 20 of 31 days (188.77 EUR): 53.93 EUR more."
    ).replace(" EUR)", ")")


def test_fewer_seats() -> None:
    """-20.90 x 2 x 20/31 = -26.97, 20.90 x 1 x 20/31 = 13.48."""
    two = part(kind="proration", start="2026-10-12", days=20, quantity=Decimal(2), amount=Decimal("-26.97"))
    one = part(kind="proration", start="2026-10-12", days=20, quantity=Decimal(1), amount=Decimal("13.48"))
    assert said("proration", two, one) == (
        "On 12 October 2026 the number of Microsoft 365 E3 seats went from 2 to 1: the unused 20 of 31 days of "
        "2 seats are credited (-26.97), 1 seat is charged for 20 of 31 days (13.48): 13.49 EUR less."
    )


# 12 of 31 days left: -14 x 20.90 x 12/31 = -113.26, 9 x 20.90 x 12/31 = 72.81
FROM_FOURTEEN = part(kind="proration", start="2026-10-20", quantity=Decimal(14), amount=Decimal("-113.26"))
TO_NINE = part(kind="proration", start="2026-10-20", quantity=Decimal(9), amount=Decimal("72.81"))


@pytest.mark.parametrize(
    ("kind", "parts", "text"),
    [
        ("advance", [part()], "Microsoft 365 E3: 10 seats for 1 to 31 October 2026, charged in advance."),
        (
            "advance",
            [part(start="2026-10-05"), part(end="2026-11-04")],
            "Microsoft 365 E3: 10 and 10 seats for 1 October to 4 November 2026, charged in advance.",
        ),
        (
            "usage",
            [part(kind="usage")],
            "Use of Microsoft 365 E3 from 1 to 31 October 2026, charged for what was used.",
        ),
        (
            "usage",
            [part(kind="usage", start=None, end=None)],
            "Use of Microsoft 365 E3, charged for what was used.",
        ),
        ("one_time", [part()], "Microsoft 365 E3, bought on 1 October 2026; it is charged once."),
        (
            "one_time",
            [part(), part(happened=datetime(2026, 10, 7, tzinfo=UTC))],
            "Microsoft 365 E3, bought several times from 1 to 31 October 2026; each is charged once.",
        ),
        ("one_time", [part(happened=None, start=None, end=None)], "Microsoft 365 E3; it is charged once."),
        ("one_time", [part(happened=None)], "Microsoft 365 E3 for 1 to 31 October 2026; it is charged once."),
        (
            "one_time",
            [
                part(start=None, end=None),
                part(start=None, end=None, happened=datetime(2026, 10, 7, tzinfo=UTC)),
            ],
            "Microsoft 365 E3, bought several times; each is charged once.",
        ),
        ("credit", [part(amount=Decimal("-12.5"))], "A credit of 12.50 EUR for Microsoft 365 E3."),
        ("service", [part()], "Microsoft 365 E3 for 1 to 31 October 2026."),
        ("service", [part(start=None, end=None)], "Microsoft 365 E3."),
        (
            "other",
            [part(charge_type="somethingNew")],
            "Microsoft 365 E3: a charge of the type “somethingNew” for 1 to 31 October 2026.",
        ),
        (
            "other",
            [part(charge_type="somethingNew", start=None, end=None)],
            "Microsoft 365 E3: a charge of the type “somethingNew”.",
        ),
        # nothing to pay, whatever its kind
        (
            "advance",
            [part(amount=Decimal("0.00")), part(amount=Decimal(0))],
            "Microsoft 365 E3 was free of charge from 1 to 31 October 2026.",
        ),
        ("usage", [part(amount=Decimal(0), start=None, end=None)], "Microsoft 365 E3 was free of charge."),
        # Microsoft replaced its invoice after ours was sent
        (
            "advance",
            [part(amount=Decimal("-209.00"), reversal=True), part()],
            "Microsoft 365 E3: Microsoft withdrew an invoice, so what we charged for it (1 to 31 October 2026) is put "
            "right.",
        ),
        # changes inside a cycle
        (
            "proration",
            [CREDIT, part(kind="proration", start="2026-10-12", product_id="CFQ2", sku_id="0009")],
            "Microsoft 365 E3: changed to another product on 12 October 2026; the rest of the cycle is settled: "
            "74.16 EUR more.",
        ),
        (
            "proration",
            [part(kind="proration", charge_type="cancelImmediate", start="2026-10-12", amount=Decimal("-134.84"))],
            "Microsoft 365 E3 was cancelled on 12 October 2026; the rest of the cycle is credited: 134.84 EUR less.",
        ),
        (
            "proration",
            [CREDIT],
            "Microsoft 365 E3 was changed or reduced on 12 October 2026; the rest of the cycle is credited: "
            "134.84 EUR less.",
        ),
        (
            "proration",
            [part(kind="proration", charge_type="Cancel", start=None, amount=Decimal("-1.00"))],
            "Microsoft 365 E3 was cancelled; the rest of the cycle is credited: 1.00 EUR less.",
        ),
        (
            "proration",
            [CHARGE],
            "Seats of Microsoft 365 E3 were added or changed on 12 October 2026: 188.77 EUR more.",
        ),
        (
            "proration",
            [part(kind="proration", start=None)],
            "Seats of Microsoft 365 E3 were added or changed within the cycle: 209.00 EUR more.",
        ),
        (
            "proration",
            [CREDIT, CHARGE, FROM_FOURTEEN, TO_NINE],
            "The number of Microsoft 365 E3 seats changed twice (10 → 14 → 9); each change credits the rest of the "
            "cycle and charges it again: 13.48 EUR more in all.",
        ),
        (
            "proration",
            [CREDIT, part(kind="proration", subscription_id="sub-2", amount=Decimal("34.84"))],
            "Microsoft 365 E3: the seats of 2 subscriptions changed within the cycle; each change credits the rest of "
            "the cycle and charges it again: 100.00 EUR less in all.",
        ),
    ],
)  # fmt: skip
def test_one_sentence_for_the_customer(kind: str, parts: list[Part], text: str) -> None:
    assert said(kind, *parts) == text


def test_how_often_the_number_changed_is_counted_by_its_credits() -> None:
    assert "seats changed once (10 → 14 → 9)" in said("proration", CREDIT, CHARGE, TO_NINE)
    assert "seats changed 3 times (10 → 14 → 9)" in said("proration", CREDIT, CHARGE, FROM_FOURTEEN, TO_NINE, CREDIT)


def test_a_change_that_costs_nothing_is_no_less() -> None:
    same = part(kind="proration", start="2026-10-12", amount=Decimal("134.84"))
    assert said("proration", CREDIT, same).endswith(": 0.00 EUR more.")


def test_old_style_seats_are_charged_again_day_by_day() -> None:
    """partner-center/legacy.md: the advance charge is credited in full, then each span of days charged."""
    old = {"platform": "legacy_license", "kind": "proration"}
    parts = [
        part(**old, amount=Decimal("-209.00")),
        part(**old, end="2026-10-11", amount=Decimal("74.16")),
        part(**old, start="2026-10-12", quantity=Decimal(14), amount=Decimal("188.77")),
    ]
    assert said("proration", *parts) == (
        "Microsoft 365 E3: the number of seats changed. The charge made in advance for 1 to 31 October 2026 is "
        "credited in full (-209.00), and the days are charged again with the seats of each day (262.93): "
        "53.93 EUR more."
    )
    assert said("proration", *parts[1:2]).startswith(
        "Seats of Microsoft 365 E3 were added or changed on 1 October 2026"
    )


def test_a_line_without_a_name_is_this_service() -> None:
    assert said("service", part(), product="") == "This service for 1 to 31 October 2026."


def test_amounts_have_the_digits_of_their_currency() -> None:
    yen = part(amount=Decimal("-1250"))
    assert said("credit", yen, currency="JPY") == "A credit of 1250 JPY for Microsoft 365 E3."


# -- what comes next -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        # product.md, month step 10: from the next month it is 14 x 20.90 = 292.60
        ([CREDIT, CHARGE], "From 1 November 2026: 14 × 20.90 = 292.60 EUR for each cycle, if nothing changes."),
        ([part()], "From 1 November 2026: 10 × 20.90 = 209.00 EUR for each cycle, if nothing changes."),
        # 3 x 1/3 a seat is one
        (
            [part(quantity=Decimal(3), unit_price=Fraction(1, 3), amount=Decimal("1.00"))],
            "From 1 November 2026: 3 × 0.333333 = 1.00 EUR for each cycle, if nothing changes.",
        ),
        # reduced last: nobody can say
        ([CHARGE, CREDIT], ""),
        ([CREDIT], ""),
        # a price on cost has no unit price, a one-time charge no next cycle
        ([part(unit_price=None)], ""),
        ([part(cycle_end=None)], ""),
        ([part(billing="")], ""),
        ([part(amount=Decimal(0))], ""),
        ([part(), part(subscription_id="sub-2")], ""),
    ],
)
def test_what_the_next_cycle_will_cost(parts: list[Part], text: str) -> None:
    assert outlook(parts, "EUR") == text


# -- corners of the sentences ----------------------------------------------------------------------------------


def test_a_change_without_a_day() -> None:
    credit, charge = part(kind="proration", start=None, amount=Decimal("-10")), part(kind="proration", start=None)
    assert said("proration", credit, charge).startswith("On that day the number of Microsoft 365 E3 seats went from 10")
    other = part(kind="proration", start=None, product_id="CFQ2", sku_id="0001", subscription_id="SUB-1")
    assert said("proration", credit, other) == (
        "Microsoft 365 E3: changed to another product on that day; the rest of the cycle is settled: 199.00 EUR more."
    )


@pytest.mark.parametrize(
    ("amounts", "net"),
    [(["-5", "5.01"], "0.01 EUR more"), (["-5", "5"], "0.00 EUR more"), (["-5", "4.99"], "0.01 EUR less")],
)
def test_changes_of_several_subscriptions_are_told_in_one_sum(amounts: list[str], net: str) -> None:
    parts = [part(kind="proration", subscription_id=f"sub-{no}", amount=Decimal(a)) for no, a in enumerate(amounts)]
    assert said("proration", *parts) == (
        "Microsoft 365 E3: the seats of 2 subscriptions changed within the cycle; each change credits the rest of the "
        f"cycle and charges it again: {net} in all."
    )
    one = [part(kind="proration", amount=Decimal(amount), start="2026-10-12") for amount in amounts]
    assert said("proration", *one).endswith(f": {net}.")


def test_one_cancellation_among_several_credits_is_a_cancellation() -> None:
    assert said("proration", CREDIT, part(kind="proration", charge_type="cancel", amount=Decimal(-1))) == (
        "Microsoft 365 E3 was cancelled on 12 October 2026; the rest of the cycle is credited: 135.84 EUR less."
    )


def test_a_line_of_which_a_part_is_free_is_not_free() -> None:
    assert said("advance", part(amount=Decimal(0)), part()).endswith("charged in advance.")
    assert said("usage", part(kind="usage", amount=Decimal(0)), part(kind="usage")).startswith("Use of")


def test_an_unknown_type_is_the_last_ones() -> None:
    assert "“second”" in said("other", part(charge_type="first"), part(charge_type="second"))


def test_two_things_bought_at_one_moment_are_bought_once() -> None:
    assert said("one_time", part(), part()) == "Microsoft 365 E3, bought on 1 October 2026; it is charged once."


def test_old_style_seats_that_were_only_credited_or_only_charged() -> None:
    old = {"platform": "legacy_license", "kind": "proration"}
    assert said("proration", part(**old, amount=Decimal(-1))).startswith("Microsoft 365 E3 was changed or reduced on")
    new = {"platform": "new_commerce", "kind": "proration"}
    assert said("proration", part(**new, amount=Decimal(-1)), part(**new)).startswith("On 1 October 2026 the number of")


@pytest.mark.parametrize(
    ("quantities", "text"),
    [
        # free parts are no step, and the same number twice is one
        (["-10", "0", "14", "14", "9"], "(10 → 14 → 9)"),
        (["-10", "14", "-14", "9"], "(10 → 14 → 9)"),
        (["10", "-3", "-2"], "(10)"),
    ],
)
def test_the_numbers_of_seats_in_the_order_they_held(quantities: list[str], text: str) -> None:
    numbers = [Decimal(quantity) for quantity in quantities]
    parts = [part(kind="proration", quantity=abs(number) or Decimal(77), amount=number) for number in numbers]
    assert text in said("proration", *parts)


def test_the_next_cycle_follows_the_last_charge() -> None:
    first, last = part(quantity=Decimal(3)), part(cycle_end="2026-12-31", quantity=Decimal(5))
    assert outlook([first, last], "EUR") == (
        "From 1 January 2027: 5 × 20.90 = 104.50 EUR for each cycle, if nothing changes."
    )
    # a free part at the end takes nothing back
    assert outlook([last, part(amount=Decimal(0))], "EUR").startswith("From 1 January 2027: 5 × 20.90")
    assert outlook([part(subscription_id="sub-1"), part(subscription_id="SUB-1")], "EUR") != ""


def test_a_corrected_invoice_is_told_as_our_correction_not_microsofts() -> None:
    back = part(amount=Decimal("-209.00"), reversal=True, sentence="This charge of an earlier invoice was corrected.")
    assert said("advance", back, part()) == (
        "Microsoft 365 E3: an earlier invoice was corrected; what it charged for 1 to 31 October 2026 is taken back "
        "and the right amount charged."
    )
    only_back = part(amount=Decimal(-1), reversal=True, sentence="x", start=None, end=None)
    assert said("advance", only_back) == (
        "Microsoft 365 E3: an earlier invoice was corrected; what it charged is taken back."
    )
    # where Microsoft withdrew something too, that is the reason to be told
    assert "Microsoft withdrew an invoice" in said("advance", back, part(amount=Decimal(-2), reversal=True))


def test_yen_have_no_hundredths_in_any_sentence() -> None:
    credit = part(kind="proration", start="2026-10-12", days=20, amount=Decimal(-135))
    charge = part(kind="proration", start="2026-10-12", days=20, quantity=Decimal(14), amount=Decimal(189))
    words = said("proration", credit, charge, currency="JPY")
    assert "(-135), 14 seats" in words and words.endswith("(189): 54 JPY more.")
    old = {"platform": "legacy_license", "kind": "proration"}
    words = said("proration", part(**old, amount=Decimal(-20)), part(**old, amount=Decimal(25)), currency="JPY")
    assert "(-20)" in words and words.endswith("(25): 5 JPY more.")
    apart = part(kind="proration", subscription_id="sub-2", amount=Decimal(7))
    assert said("proration", credit, apart, currency="JPY").endswith(": 128 JPY less in all.")
    yen = part(unit_price=Fraction(2090), quantity=Decimal(2), amount=Decimal(4180))
    assert outlook([yen], "JPY") == "From 1 November 2026: 2 × 2090 = 4180 JPY for each cycle, if nothing changes."


def test_amounts_below_one_count_like_any() -> None:
    """Half a euro is a charge, and minus half a euro a credit; nothing at all is neither."""
    credit = part(kind="proration", amount=Decimal("-0.50"), quantity=Decimal(1))
    charge = part(kind="proration", amount=Decimal("0.75"), quantity=Decimal(2))
    nothing = part(kind="proration", amount=Decimal(0), quantity=Decimal(7))
    assert said("proration", nothing, credit, charge).startswith(
        "On 1 October 2026 the number of Microsoft 365 E3 seats"
    )
    assert "seats changed once (1 → 2 → 1)" in said(
        "proration", nothing, credit, charge, replace(charge, quantity=Decimal(1))
    )
    assert line_text("proration", E3, [credit, charge, replace(charge, quantity=Decimal(3))], *OCTOBER) == (
        f"{E3}: 1 to 3 seats, changes within the cycle, 1 to 31 October 2026"
    )
    assert line_text("proration", E3, [nothing, charge, charge], *OCTOBER) == (
        f"{E3}: changes within the cycle, 1 to 31 October 2026"
    )
