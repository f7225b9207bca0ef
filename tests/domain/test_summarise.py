"""Parts in, documents out: which lines there are, what each says, and that everything adds up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.changes import charges_of
from connector.domain.compared import Charge
from connector.domain.documents import Document, Part, RuleUsed, SummaryLine, short_id
from connector.domain.money import scaled
from connector.domain.splitting import Share, split_part
from connector.domain.summarise import DocumentHead, natural_quantity, summarise
from tests.domain.values import part


def document(*parts: Part, grouping: str = "", currency: str = "EUR") -> Document:
    return summarise(DocumentHead("partner", "C-1", "2026-10", currency, 1, grouping), parts)


def one_line(*parts: Part, **head: str) -> SummaryLine:
    (line,) = document(*parts, **head).lines
    return line


def rule(level: str = "organisation", valid_from: date | None = None) -> RuleUsed:
    return RuleUsed("r_1", 1, "fixed 20.90", level, valid_from, None)


# -- grouping (interfaces.md 5.9) ------------------------------------------------------------------------------

SEATS = part(line_id="seats")
MORE_SEATS = part(line_id="more", subscription_id="SUB-1", product_id="cfq1", tenant_id="Tenant-1")
OTHER_SUBSCRIPTION = part(line_id="other", subscription_id="sub-2")
OTHER_SKU = part(line_id="sku", sku_id="0002")
OTHER_PRODUCT = part(line_id="product", product_id="CFQ2", product_name="Exchange Online")
USAGE = part(line_id="usage", kind="usage")
DOLLARS = part(line_id="dollars", cost_currency="USD")
EVERYTHING = [SEATS, MORE_SEATS, OTHER_SUBSCRIPTION, OTHER_SKU, OTHER_PRODUCT, USAGE, DOLLARS]


@pytest.mark.parametrize(
    ("grouping", "groups"),
    [
        ("", ["dollars", "more seats", "other", "product", "sku", "usage"]),
        ("subscription", ["dollars", "more seats", "other", "product", "sku", "usage"]),
        ("product", ["dollars", "more other seats", "product", "sku", "usage"]),
        ("kind", ["dollars", "more other product seats sku", "usage"]),
        ("cost_centre", ["dollars", "more seats", "other", "product", "sku", "usage"]),
        ("purchase_order", ["dollars", "more seats", "other", "product", "sku", "usage"]),
    ],
)
def test_lines_are_grouped_as_the_customer_wants_them(grouping: str, groups: list[str]) -> None:
    """Ids in any case; costs of two currencies never on one line."""
    made = document(*EVERYTHING, grouping=grouping)
    assert sorted(" ".join(sorted(each.line_id for each in line.parts)) for line in made.lines) == groups


@pytest.mark.parametrize(("grouping", "word"), [("cost_centre", "Cost centre"), ("purchase_order", "Purchase order")])
def test_lines_by_cost_centre_or_purchase_order(grouping: str, word: str) -> None:
    """One line each, by name; what belongs to none comes last."""
    none = f"(no {word.lower()})"
    parts = [part(label=label) for label in (none, "4711", "0815", "4711")]
    made = document(*parts, grouping=grouping)
    assert [line.label for line in made.lines] == ["0815", "4711", none]
    assert [line.text.partition(": ")[0] for line in made.lines] == [
        f"{word} 0815",
        f"{word} 4711",
        f"No {word.lower()}",
    ]
    assert made.lines[0].text == f"{word} 0815: Microsoft 365 E3: 10 seats, in advance, 1 to 31 October 2026"
    assert made.lines[0].sentence.startswith(f"{word} 0815: Microsoft 365 E3: 10 seats for ")


def test_a_label_says_nothing_where_lines_are_not_grouped_so() -> None:
    line = one_line(part(label="4711"))
    assert (line.label, line.text) == ("", "Microsoft 365 E3: 10 seats, in advance, 1 to 31 October 2026")


def test_ids_that_the_parts_do_not_share_are_empty() -> None:
    line = one_line(SEATS, OTHER_SUBSCRIPTION, grouping="product")
    assert (line.tenant_id, line.subscription_id, line.product_id, line.sku_id) == ("tenant-1", "", "CFQ1", "0001")
    # sku 0001 of one product is not sku 0001 of another
    line = one_line(SEATS, OTHER_PRODUCT, grouping="kind")
    assert (line.subscription_id, line.product_id, line.sku_id) == ("sub-1", "", "")
    line = one_line(SEATS, part(tenant_id="tenant-2"))
    assert line.tenant_id == ""
    line = one_line(SEATS, MORE_SEATS)
    assert [text.casefold() for text in (line.tenant_id, line.subscription_id, line.product_id, line.sku_id)] == [
        "tenant-1",
        "sub-1",
        "cfq1",
        "0001",
    ]


# -- the order of lines and parts ------------------------------------------------------------------------------


def test_the_order_does_not_depend_on_the_order_of_the_file() -> None:
    """Microsoft's files are in no order at all."""
    wanted = document(*EVERYTHING)
    for shuffled in list(permutations(EVERYTHING))[::611]:
        assert document(*shuffled) == wanted
    assert [line.no for line in wanted.lines] == [1, 2, 3, 4, 5, 6]
    assert [line.product_name for line in wanted.lines] == ["Exchange Online", *["Microsoft 365 E3"] * 5]


def test_parts_stand_in_time_order_the_credit_of_a_change_before_its_charge() -> None:
    moment = datetime(2026, 10, 12, 9, 0, tzinfo=UTC)
    whole = part(line_id="1")
    credit = part(line_id="9", happened=moment, start="2026-10-12", amount=Decimal("-134.84"))
    charge = part(line_id="2", happened=moment, start="2026-10-12", amount=Decimal("188.77"))
    earlier = part(line_id="8", happened=moment, start="2026-10-11")
    shorter = part(line_id="7", happened=moment, start="2026-10-12", end="2026-10-20")
    twin = part(line_id="3", happened=moment, start="2026-10-12", amount=Decimal("188.77"))
    undated = part(line_id="6", happened=moment, start=None)
    endless = part(line_id="5", happened=moment, start="2026-10-12", end=None)
    # where nobody wrote down when it happened, its first day stands for it
    unordered = part(line_id="0", happened=None, start="2026-10-11")
    wanted = [whole, unordered, undated, earlier, credit, shorter, charge, twin, endless]
    for shuffled in (wanted[::-1], wanted[4:] + wanted[:4]):
        assert [each.line_id for each in one_line(*shuffled).parts] == [each.line_id for each in wanted]
    nowhere = part(line_id="4", happened=None, start=None)
    assert one_line(whole, nowhere).parts[0] == nowhere


# -- sums ------------------------------------------------------------------------------------------------------


def test_ten_to_fourteen_seats_is_one_line_of_53_93() -> None:
    """product.md section 6; directly it would be 53.94."""
    change: dict[str, Any] = {"kind": "proration", "start": "2026-10-12", "days": 20, "cost": Decimal("-77.42")}
    credit = part(**change, amount=Decimal("-134.84"))
    charge = part(**{**change, "cost": Decimal("108.38")}, quantity=Decimal(14), amount=Decimal("188.77"))
    line = one_line(charge, credit)
    assert (line.amount, line.cost, line.cost_currency) == (Decimal("53.93"), Decimal("30.96"), "EUR")
    assert (line.quantity, line.unit_price) == (Decimal(1), Decimal("53.93"))
    assert line.text == ("Microsoft 365 E3: 10 to 14 seats at 20.90, changes within the cycle, 12 to 31 October 2026")
    assert line.sentence.endswith(": 53.93 EUR more.")
    assert line.outlook == "From 1 November 2026: 14 × 20.90 = 292.60 EUR for each cycle, if nothing changes."


def test_a_document_says_whose_it_is_and_what_it_costs_in_each_currency() -> None:
    made = document(SEATS, DOLLARS, part(line_id="free", cost=Decimal(0), cost_currency="", kind="service"))
    assert (made.key, made.organisation, made.period) == ("partner/2026-10/C-1/EUR/1", "C-1", "2026-10")
    assert (made.currency, made.revision, made.net_total) == ("EUR", 1, Decimal("627.00"))
    assert made.costs == (("EUR", Decimal("100.00")), ("USD", Decimal("100.00")))
    assert [line.id for line in made.lines if line.kind == "advance" and line.cost_currency == "USD"] == [
        short_id("s", made.key, "sub-1", "cfq1", "0001", "advance", "USD")
    ]


def test_no_parts_no_lines() -> None:
    made = document()
    assert (made.lines, made.costs, str(made.net_total), made.kind, made.has_money) == (
        (),
        (),
        "0.00",
        "invoice",
        False,
    )


@pytest.mark.parametrize(
    ("amounts", "kind", "has_money"),
    [
        (["209.00"], "invoice", True),
        (["0.00"], "invoice", False),
        (["-0.01"], "credit_note", True),
        # two lines that cancel out are money all the same
        (["5.00", "-5.00"], "invoice", True),
    ],
)
def test_an_invoice_or_a_credit_note_or_nothing_for_the_ledger(amounts: list[str], kind: str, has_money: bool) -> None:
    parts = [part(subscription_id=f"sub-{no}", amount=Decimal(amount)) for no, amount in enumerate(amounts)]
    made = document(*parts)
    assert (made.kind, made.has_money) == (kind, has_money)


def test_amounts_show_the_digits_of_their_currency() -> None:
    assert str(document(part(amount=Decimal("5")), currency="EUR").lines[0].amount) == "5.00"
    assert str(document(part(amount=Decimal("5")), currency="JPY").net_total) == "5"


parts_of_a_month = st.lists(
    st.builds(
        lambda no, sub, cents, currency: part(
            line_id=str(no), subscription_id=f"sub-{sub}", amount=scaled(cents, 2), cost_currency=currency
        ),
        st.integers(0, 10**6),
        st.integers(1, 4),
        st.integers(-(10**9), 10**9),
        st.sampled_from(["EUR", "USD"]),
    ),
    max_size=12,
)


@given(parts_of_a_month, st.sampled_from(["", "product", "kind", "cost_centre"]))
def test_parts_add_up_to_lines_and_lines_to_the_document(parts: list[Part], grouping: str) -> None:
    made = document(*parts, grouping=grouping)
    assert made.net_total == sum((each.amount for each in parts), Decimal(0))
    assert sorted(each.line_id for line in made.lines for each in line.parts) == sorted(each.line_id for each in parts)
    for line in made.lines:
        assert line.amount == sum((each.amount for each in line.parts), Decimal(0))
        assert line.quantity * line.unit_price == line.amount
        assert line.cost == sum((each.cost for each in line.parts), Decimal(0))
    assert len({line.id for line in made.lines}) == len(made.lines)


# -- quantity x price (product.md, behaviour 4) ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "amount", "shape"),
    [
        ([part()], "209.00", ("10", "20.90")),
        ([part(), part(quantity=Decimal(4), amount=Decimal("83.60"))], "292.60", ("14", "20.90")),
        ([part(quantity=Decimal("0.5"), amount=Decimal("10.45"))], "10.45", ("0.5", "20.90")),
        ([part(unit_price=Fraction(20), amount=Decimal(200))], "200", ("10", "20.00")),
        # 500 seats for 22,614.68: no price of two digits gives it
        ([part(days=27, quantity=Decimal(500), amount=Decimal("22614.68"))], "22614.68", ("1", "22614.68")),
        ([part(unit_price=Fraction("20.905"), amount=Decimal("209.05"))], "209.05", ("1", "209.05")),
        # part of a cycle, a credit, another price, another product, no price: 1 x amount
        ([part(days=30)], "209.00", ("1", "209.00")),
        ([part(amount=Decimal("-209.00"))], "-209.00", ("1", "-209.00")),
        ([part(), part(unit_price=Fraction(21), amount=Decimal("210.00"))], "419.00", ("1", "419.00")),
        ([part(), part(sku_id="0002")], "418.00", ("1", "418.00")),
        ([part(unit_price=None)], "209.00", ("1", "209.00")),
        # the numbers do not give the amount
        ([part(amount=Decimal("208.99"))], "208.99", ("1", "208.99")),
        # nothing for nothing stays one
        ([part(quantity=Decimal(0), amount=Decimal("0.00"))], "0.00", ("1", "0.00")),
    ],
)
def test_the_ledgers_own_quantity_times_price_gives_our_amount(
    parts: list[Part], amount: str, shape: tuple[str, str]
) -> None:
    quantity, unit_price = natural_quantity(parts, Decimal(amount), "EUR")
    assert (str(quantity), str(unit_price)) == shape
    assert quantity * unit_price == Decimal(amount)


def test_yen_have_no_hundredths() -> None:
    yen = part(unit_price=Fraction("20.5"), quantity=Decimal(2), amount=Decimal(41))
    assert natural_quantity([yen], Decimal(41), "JPY") == (Decimal(1), Decimal(41))
    assert natural_quantity([yen], Decimal(41), "EUR") == (Decimal(2), Decimal("20.50"))


@pytest.mark.parametrize(
    ("parts", "size"),
    [
        # 10 x 20.90 stands beside the text already
        ([part()], "10 seats"),
        # a line of 1 x amount tells the price
        ([part(days=20)], "10 seats at 20.90"),
        ([part(unit_price=Fraction("20.905"))], "10 seats at 20.905"),
        # the quantities of several charges are told with their price
        ([part(), part()], "10 and 10 seats at 20.90"),
        ([part(), part(unit_price=Fraction(21))], "10 and 10 seats"),
        ([part(unit_price=None)], "10 seats"),
        ([part(quantity=Decimal(1), amount=Decimal("20.90"))], "1 seat at 20.90"),
    ],
)
def test_the_text_tells_the_price_where_quantity_times_price_does_not(parts: list[Part], size: str) -> None:
    assert one_line(*parts).text == f"Microsoft 365 E3: {size}, in advance, 1 to 31 October 2026"


# -- which price, in the customer's words -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "source"),
    [
        ("subscription", "the price agreed for this subscription"),
        ("organisation_offer", "your special offer"),
        ("organisation", "your price list"),
        ("global_offer", "our special offer"),
        ("global", "our price list"),
        ("something new", "our price list"),
    ],
)
def test_the_price_in_the_customers_words(level: str, source: str) -> None:
    one = one_line(part(rule=rule(level)))
    assert one.price_text == f"20.90 EUR for each unit and full cycle, from {source}"
    assert one_line(part(rule=rule(level), unit_price=None)).price_text == f"From {source}"


def test_a_line_without_a_rule_has_no_price_text() -> None:
    line = one_line(part(rule=None))
    assert (line.price_text, line.price_from) == ("", None)


def test_the_last_price_counts_and_where_subscriptions_differ_each() -> None:
    later = part(line_id="l_2", rule=rule("organisation_offer"), happened=datetime(2026, 10, 9, tzinfo=UTC))
    both = one_line(part(), later)
    assert both.price_text == "20.90 EUR for each unit and full cycle, from your special offer"
    apart = one_line(part(), part(subscription_id="sub-2", rule=rule("organisation_offer")), grouping="product")
    assert apart.price_text == "20.90 EUR for each unit and full cycle, from your price list and your special offer"
    same = one_line(part(), part(subscription_id="sub-2"), grouping="product")
    assert same.price_text == "20.90 EUR for each unit and full cycle, from your price list"


def test_several_prices_or_products_name_only_the_source() -> None:
    assert one_line(part(), part(unit_price=Fraction(21))).price_text == "From your price list"
    assert one_line(SEATS, OTHER_PRODUCT, grouping="kind").price_text == "From your price list"
    assert one_line(part(rule=None, unit_price=None), part()).price_text.startswith("20.90 EUR for each unit")


def test_since_when_the_latest_of_the_prices_holds() -> None:
    dates = [date(2026, 1, 1), date(2026, 7, 1), None]
    assert one_line(*(part(rule=rule(valid_from=each)) for each in dates)).price_from == date(2026, 7, 1)
    assert one_line(part(rule=rule())).price_from is None


@pytest.mark.parametrize(
    ("kind", "told"), [("advance", True), ("proration", True), ("usage", False), ("one_time", False)]
)
def test_only_seats_have_a_next_cycle(kind: str, told: bool) -> None:
    assert bool(one_line(part(kind=kind)).outlook) is told


def test_a_line_covers_the_days_of_all_its_parts() -> None:
    line = one_line(
        part(start="2026-10-05", end="2026-10-20"),
        part(start="2026-10-07", end=None),
        part(start=None, end="2026-11-02"),
    )
    assert line.text.endswith(", 5 October to 2 November 2026")
    assert one_line(part(start=None, end=None)).text == "Microsoft 365 E3: 10 seats, in advance"


def test_the_first_name_there_is_names_the_line() -> None:
    line = one_line(part(product_name="", line_id="0"), part(line_id="1"))
    assert (line.product_name, line.text.partition(":")[0]) == ("Microsoft 365 E3", "Microsoft 365 E3")


# -- daily usage behind a line ---------------------------------------------------------------------------------


def test_a_usage_line_of_one_meter_is_explained_by_the_daily_rows_of_its_invoices() -> None:
    meter: dict[str, Any] = {"kind": "usage"}
    two = one_line(part(**meter, invoice_id="G2"), part(**meter, invoice_id="G1"), part(**meter, invoice_id="G2"))
    assert two.usage_invoices == ("G1", "G2")
    taken_back = one_line(part(**meter, invoice_id="G1"), part(**meter, invoice_id="G0", reversal=True))
    assert taken_back.usage_invoices == ("G1",)
    assert one_line(part(**meter, split="4711")).usage_invoices == ()
    assert one_line(part(**meter), part(**meter, sku_id="0002"), grouping="kind").usage_invoices == ()
    assert one_line(part()).usage_invoices == ()


# -- the charges of a document, as they are compared with another month's ---------------------------------------


def test_every_part_of_a_document_is_one_charge() -> None:
    change = part(
        line_id="l_9", kind="proration", charge_type="addQuantity", days=20, rate=Decimal("0.92"), unit="1 Hour"
    )
    made = document(part(), replace(change, reversal=True, split="4711", unit_price=None))
    advance, proration = sorted(charges_of(made), key=lambda charge: charge.source)
    assert advance == Charge(
        line_ids=(next(line.id for line in made.lines if line.kind == "advance"),),
        source="l_1",
        kind="advance",
        charge_type="new",
        subscription_id="sub-1",
        product_id="CFQ1",
        sku_id="0001",
        name="Microsoft 365 E3",
        start=date(2026, 10, 1),
        end=date(2026, 10, 31),
        days=31,
        cycle_begin=date(2026, 10, 1),
        cycle_days=31,
        quantity=Decimal(10),
        exact=Fraction(209),
        amount=Decimal("209.00"),
        exact_price=True,
    )
    assert (proration.kind, proration.charge_type, proration.days, proration.share) == (
        "proration",
        "addQuantity",
        20,
        Fraction(20, 31),
    )
    assert (proration.rate, proration.unit, proration.reversal, proration.split) == (
        Decimal("0.92"),
        "1 Hour",
        True,
        "4711",
    )
    assert not proration.exact_price


def test_prices_in_yen_have_no_hundredths() -> None:
    yen = part(unit_price=Fraction(2090), days=20, amount=Decimal(13484))
    line = one_line(yen, currency="JPY")
    assert line.text == "Microsoft 365 E3: 10 seats at 2090, in advance, 1 to 31 October 2026"
    assert line.price_text == "2090 JPY for each unit and full cycle, from your price list"


def test_small_amounts_keep_their_quantity_and_free_parts_their_place() -> None:
    assert natural_quantity([part(unit_price=Fraction("0.05"), amount=Decimal("0.50"))], Decimal("0.50"), "EUR") == (
        Decimal(10),
        Decimal("0.05"),
    )
    free = part(unit_price=Fraction(0), amount=Decimal("0.00"))
    assert natural_quantity([free], Decimal("0.00"), "EUR") == (Decimal(10), Decimal("0.00"))
    # on one day what is free stands with the charges, behind the credit
    credit = part(line_id="z", amount=Decimal(-1))
    assert [one.line_id for one in one_line(part(line_id="b", amount=Decimal(0)), credit, part(line_id="a")).parts] == [
        "z",
        "a",
        "b",
    ]


def test_a_product_without_a_name_stands_before_all_names() -> None:
    nameless = part(product_id="ZZZ", product_name="")
    assert [line.product_id for line in document(part(), nameless).lines] == ["ZZZ", "CFQ1"]


# -- shares of cost centres ------------------------------------------------------------------------------------


def test_a_share_says_what_it_is_a_share_of() -> None:
    """A third of ten seats for 209.00 is no whole number of seats, so it names no price."""
    sales, support = split_part(part(), [Share("Sales", Fraction(1)), Share("Support", Fraction(2))], "EUR")
    assert (sales.label, support.label) == ("Sales", "Support")
    assert (sales.quantity, sales.unit_price) == (Decimal("3.333333"), None)
    assert sales.calculation.text == "the share of Sales: 1 of 3, by largest remainder"
    assert sales.before[-1].rounded == Decimal("209.00")
    yen = split_part(part(amount=Decimal(209)), [Share("Sales", Fraction(1)), Share("Support", Fraction(2))], "JPY")
    assert yen[0].sentence == "The share of Sales in 209 JPY"


def test_shares_without_weight_are_equal_and_a_cost_keeps_its_digits() -> None:
    equal = split_part(part(), [Share("Sales", Fraction(0)), Share("Support", Fraction(0))], "EUR")
    assert [(one.quantity, one.amount) for one in equal] == [(Decimal(5), Decimal("104.50"))] * 2
    thirds = [Share(name, Fraction(1)) for name in "abc"]
    assert [one.cost for one in split_part(part(cost=Decimal(100)), thirds, "EUR")] == [
        Decimal("33.34"),
        Decimal("33.33"),
        Decimal("33.33"),
    ]
    # a service costs nothing in no currency
    assert [one.cost for one in split_part(part(cost=Decimal(1), cost_currency=""), thirds, "EUR")] == [1, 0, 0]


def test_a_corrected_price_says_what_it_is_now_and_what_it_was() -> None:
    """Ten seats were charged at 20.90 and should have been 19.90: nobody reads "10 and 10 seats"."""
    back = part(amount=Decimal("-209.00"), unit_price=Fraction("20.9"), reversal=True)
    anew = part(amount=Decimal("199.00"), unit_price=Fraction("19.9"))
    assert one_line(back, anew).text == "Microsoft 365 E3: correction, 19.90 instead of 20.90, 1 to 31 October 2026"
