"""One line in, one priced line out: where it ends, for how much, by which steps, and what a person is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from connector.domain.balance import Finding
from connector.domain.cycles import subscription_facts
from connector.domain.lines import ReconciliationLine
from mappings.credits import CreditPolicies, CreditPolicy
from mappings.links import Organisation, TenantLink, by_tenant
from mappings.price import Book, PricedLine, Step, price_line
from mappings.price_findings import no_cost_centre, no_usage_to_split, rule_name
from mappings.pricelist import ListPrice, PriceRule, Rate, Tier
from mappings.resolve import PriceBook, PriceSheet
from tests.domain.values import legacy_line, line, part

INVOICED = date(2026, 11, 8)
CONTOSO = Organisation("C-1", "Contoso", currency="EUR")


def rule(kind: str = "fixed", value: str | None = None, row_no: int = 2, **changes: Any) -> PriceRule:
    number = None if value is None else Decimal(value)
    made = PriceRule(
        f"r_{row_no}", 1, "C-1", "", "", "", "", "", kind, number, (), "", None, None, False, "", 1, row_no  # type: ignore[arg-type]
    )  # fmt: skip
    return replace(made, **changes)


def seats_at(price: str, **changes: Any) -> PriceRule:
    return rule("fixed", price, **{"currency": "EUR", **changes})


def book(*rules: PriceRule, organisation: Organisation = CONTOSO, **changes: Any) -> Book:
    values: dict[str, Any] = {
        "organisations": {organisation.code: organisation},
        "links": by_tenant([TenantLink("tenant-1", "C-1", date(2026, 1, 1), None)]),
        "prices": PriceBook.of(rules),
        "sheet": PriceSheet.of([]),
        "rates": {("USD", "EUR"): [Rate(date(2026, 11, 1), "USD", "EUR", Decimal("0.92"))]},
    }
    return Book(**{**values, **changes})


def priced(one: ReconciliationLine, prices: Book) -> PricedLine:
    return price_line(one, subscription_facts([one]), prices, INVOICED)


def codes(result: PricedLine) -> list[str]:
    return [finding.code for finding in result.findings]


def finding(code: str, severity: str, text: str, action: str, cause: str, **changes: Any) -> Finding:
    told: dict[str, Any] = {"amount": Decimal("100.00"), "currency": "EUR", "organisation": "C-1", "where": "l_1"}
    return Finding(code, severity, text, action, cause=cause, **{**told, **changes})  # type: ignore[arg-type]


# -- invoiced --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "changes", "amount", "exact", "unit_price"),
    [
        # a whole month: 20.90 x 10
        (seats_at("20.90"), {}, "209.00", "209", "20.90"),
        # product.md, "10 to 14 seats": 20 of 31 days
        (
            seats_at("20.90"),
            {"kind": "proration", "charge_start": "2026-10-12", "subtotal": Decimal("-64.52")},
            "-134.84",
            "-4180/31",
            "20.90",
        ),
        (
            seats_at("20.90"),
            {"kind": "proration", "charge_start": "2026-10-12", "billable_quantity": Decimal(14)},
            "188.77",
            "5852/31",
            "20.90",
        ),
        # the quantity of a credit may be negative itself; the sign is the Subtotal's
        (
            seats_at("20.90"),
            {"subtotal": Decimal(-100), "billable_quantity": Decimal(-10)},
            "-209.00",
            "-209",
            "20.90",
        ),
        # where the Subtotal is 0 the sign is the EffectiveUnitPrice's
        (seats_at("20.90"), {"subtotal": Decimal(0)}, "209.00", "209", "20.90"),
        (
            seats_at("20.90"),
            {"subtotal": Decimal(0), "effective_unit_price": Decimal("-10")},
            "-209.00",
            "-209",
            "20.90",
        ),
        # rounded once, half away from zero: 0.125 x 1
        (seats_at("0.125"), {"billable_quantity": Decimal(1)}, "0.13", "0.125", "0.125"),
        (rule("markup", "20"), {}, "120.00", "120", None),
        (rule("margin", "20"), {}, "125.00", "125", None),
        (rule("passthrough"), {}, "100.00", "100", None),
        (rule("passthrough"), {"subtotal": Decimal("-77.415")}, "-77.42", "-77.415", None),
        # converted at the latest rate on or before the invoice's date
        (rule("passthrough"), {"currency": "USD"}, "92.00", "92", None),
        (rule("markup", "20"), {"currency": "USD"}, "110.40", "110.4", None),
        # a price per unit is in the document's currency: no rate is needed
        (seats_at("20.90"), {"currency": "GBP"}, "209.00", "209", "20.90"),
    ],
)
def test_the_amount_of_a_line(
    asked: PriceRule, changes: dict[str, Any], amount: str, exact: str, unit_price: str | None
) -> None:
    result = priced(line(**changes), book(asked))
    assert (result.outcome, result.organisation, result.currency) == ("invoiced", "C-1", "EUR")
    assert (str(result.amount), result.exact) == (amount, Fraction(exact))
    assert result.unit_price == (None if unit_price is None else Fraction(unit_price))
    assert result.decision is not None and result.decision.winner == asked
    assert result.step is not None and result.step.exact == Fraction(exact)


def test_the_step_is_the_rules_own() -> None:
    change = line(kind="proration", charge_start="2026-10-12", billable_quantity=Decimal(14))
    result = priced(change, book(seats_at("20.90")))
    operands = (Fraction(1), Fraction("20.90"), Fraction(14), Fraction(20, 31))
    assert result.step == Step("multiply", operands, Fraction(5852, 31), "price x quantity x share of the cycle")
    assert (result.charged.days, result.charged.day) == (20, date(2026, 10, 1))
    assert (result.before, result.note, result.rate, result.line) == ((), "", None, change)


def test_a_rate_that_was_used_is_told() -> None:
    result = priced(line(currency="USD"), book(rule("markup", "20")))
    assert result.rate == Rate(date(2026, 11, 1), "USD", "EUR", Decimal("0.92"))
    assert result.step is not None and result.step.operands == (Fraction(100), Fraction("1.2"), Fraction("0.92"))


def test_a_customer_without_a_currency_pays_in_the_lines() -> None:
    nowhere = replace(CONTOSO, currency="")
    result = priced(line(currency="USD"), book(rule("passthrough"), organisation=nowhere))
    assert (result.outcome, result.currency, result.amount, result.rate) == ("invoiced", "USD", Decimal(100), None)
    assert codes(priced(line(currency="USD"), book(seats_at("20.90"), organisation=nowhere))) == [
        "price_missing",
        "rule_passed_over",
    ]


def test_the_day_that_counts_is_the_first_of_the_cycle_for_the_customer_and_the_price_alike() -> None:
    """interfaces.md 5.4: so that a credit and the charge it reverses always meet the same customer and price."""
    change = line(kind="proration", charge_start="2026-10-12")
    moved = by_tenant(
        [TenantLink("tenant-1", "C-1", None, date(2026, 10, 1)), TenantLink("tenant-1", "C-2", date(2026, 10, 2), None)]
    )
    old = seats_at("20.90", valid_to=date(2026, 10, 1))
    new = seats_at("25.00", valid_from=date(2026, 10, 2), row_no=3)
    result = priced(change, book(old, new, links=moved))
    assert (result.organisation, result.unit_price) == ("C-1", Fraction("20.90"))
    # usage has no cycle: its own first day counts
    used = line(kind="usage", meter="VM", charge_start="2026-10-12", product_id="CFQ1", sku_id="0001")
    both = [replace(one, product_id="CFQ1", sku_id="0001") for one in (old, new)]
    assert priced(used, book(*both)).unit_price == Fraction("25.00")


def test_rules_meet_the_term_the_billing_and_the_quantity_of_the_line() -> None:
    yearly = seats_at("20.90", term="P1Y", billing="Monthly")
    assert priced(line(), book(yearly)).outcome == "invoiced"
    assert priced(line(billing="Annual"), book(yearly)).outcome == "unmatched"
    assert priced(line(subscription_end="2026-10-31"), book(yearly)).outcome == "unmatched"
    tiers = rule("tiered", tiers=(Tier(Decimal(20), Decimal("11.00")),), currency="EUR")
    assert priced(line(billable_quantity=Decimal(-20)), book(tiers)).unit_price == Fraction(11)
    assert priced(line(), book(tiers)).outcome == "unmatched"
    own = seats_at("19.00", subscription_id="sub-1")
    assert priced(line(), book(own, yearly)).decision.level == "subscription"  # type: ignore[union-attr]
    other = seats_at("19.00", product_id="CFQ2")
    third = seats_at("19.00", product_id="CFQ1", sku_id="0002", row_no=3)
    assert priced(line(), book(other, third)).outcome == "unmatched"


def test_an_old_style_licence_is_priced_like_any_seat() -> None:
    fee = legacy_line(subscription_start="2026-10-01", charge_start="2026-10-12", product_id="offer-1")
    assert priced(fee, book(seats_at("20.90", product_id="OFFER-1"))).exact == Fraction("20.90") * 10 * Fraction(20, 31)


# -- below cost ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "changes", "told"),
    [
        (seats_at("9.99"), {}, True),
        (seats_at("10.00"), {}, False),
        (seats_at("0"), {}, True),
        # a credit is no loss, and what is in two currencies cannot be compared
        (seats_at("9.99"), {"subtotal": Decimal(-100)}, False),
        (seats_at("0"), {"subtotal": Decimal(-100)}, False),
        (seats_at("9.99"), {"currency": "USD"}, False),
    ],
)
def test_a_line_sold_below_its_cost_is_told(asked: PriceRule, changes: dict[str, Any], told: bool) -> None:
    result = priced(line(**changes), book(asked))
    assert result.outcome == "invoiced"
    wanted = finding(
        "price_below_cost",
        "warning",
        "Microsoft 365 E3 is sold below cost",
        "Look at the price rule; nothing is held.",
        "C-1/CFQ1/0001",
    )
    assert result.findings == ((wanted,) if told else ())


def test_a_product_without_a_name_is_called_by_its_id() -> None:
    result = priced(line(product_name=""), book(seats_at("9.99")))
    assert result.findings[0].text == "CFQ1 is sold below cost"


# -- not charged, free -----------------------------------------------------------------------------------------


def test_what_is_not_charged_on_purpose_says_why() -> None:
    result = priced(line(), book(rule("none", note="an old promise")))
    assert (result.outcome, result.note, str(result.amount)) == ("not_charged", "an old promise", "0.00")
    assert (result.organisation, result.currency, result.exact) == ("C-1", "EUR", 0)
    assert (result.unit_price, result.step) == (None, None)
    assert result.decision is not None and result.decision.level == "organisation"
    assert result.findings == (
        finding("not_charged", "info", "Microsoft 365 E3 is not charged: an old promise", "", "C-1/r_2/CFQ1"),
    )
    assert result.charged.day == date(2026, 10, 1)
    # whatever the kind of line, and also where there is nothing to charge
    free = line(subtotal=Decimal(0), effective_unit_price=Decimal(0))
    assert priced(free, book(rule("none", note="x"))).outcome == "not_charged"
    assert priced(line(kind="other"), book(rule("none", note="x"))).outcome == "not_charged"


@pytest.mark.parametrize("rules", [[], [seats_at("20.90")], [rule("markup", "20")]])
@pytest.mark.parametrize("effective", [Decimal(0), None])
def test_a_trial_is_free_with_or_without_a_rule(rules: list[PriceRule], effective: Decimal | None) -> None:
    result = priced(line(subtotal=Decimal("0.00"), effective_unit_price=effective), book(*rules))
    assert (result.outcome, str(result.amount), result.exact, result.unit_price) == ("invoiced", "0.00", 0, None)
    assert (result.organisation, result.currency, result.charged.days) == ("C-1", "EUR", 31)
    assert result.step == Step("multiply", (Fraction(0),), Fraction(0), "free of charge at Microsoft")
    assert result.decision is not None and result.decision.winner == (rules[0] if rules else None)
    text = "Microsoft 365 E3 is free of charge at Microsoft (a trial, perhaps)"
    assert result.findings == (finding("free_line", "info", text, "", "C-1/CFQ1/0001", amount=Decimal(0)),)


def test_a_line_of_nothing_that_has_a_price_is_not_free() -> None:
    assert codes(priced(line(subtotal=Decimal(0)), book())) == ["price_missing"]


# -- unmatched, each with what to do ---------------------------------------------------------------------------


def unmatched(one: ReconciliationLine, prices: Book) -> PricedLine:
    result = priced(one, prices)
    assert (result.outcome, result.amount, result.exact) == ("unmatched", 0, 0)
    assert (result.unit_price, result.step, result.line) == (None, None, one)
    assert result.charged.day == date(2026, 10, 1)
    return result


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "Contoso GmbH"),
        ({"customer_name": ""}, "contoso.example"),
        ({"customer_name": "", "customer_domain": ""}, "no name given"),
    ],
)
@pytest.mark.parametrize("links", [{}, by_tenant([TenantLink("tenant-1", "C-9", None, None)])])
def test_a_tenant_that_belongs_to_nobody(changes: dict[str, str], name: str, links: Any) -> None:
    """No link, or one to an organisation that is not there."""
    result = unmatched(line(**changes), book(rule("passthrough"), links=links))
    assert (result.organisation, result.currency, result.decision) == ("", "", None)
    assert result.findings == (
        finding(
            "tenant_unlinked",
            "error",
            f"The tenant tenant-1 ({name}) belongs to no organisation on the day of the charge",
            "Link it: add a row to a links file and run `connector import links FILE`, then run the month again.",
            "tenant-1",
            organisation="",
            where="tenant-1",
        ),
    )


@pytest.mark.parametrize(
    ("changes", "organisation", "text", "cause"),
    [
        ({}, CONTOSO, "Microsoft 365 E3 (CFQ1:0001) for Contoso", "C-1/CFQ1:0001"),
        ({"product_name": ""}, CONTOSO, "CFQ1:0001 (CFQ1:0001) for Contoso", "C-1/CFQ1:0001"),
        ({"sku_id": ""}, replace(CONTOSO, name=""), "Microsoft 365 E3 (CFQ1) for C-1", "C-1/CFQ1"),
    ],
)
def test_a_line_without_a_price_is_never_zero(
    changes: dict[str, str], organisation: Organisation, text: str, cause: str
) -> None:
    result = unmatched(line(**changes), book(organisation=organisation))
    assert (result.organisation, result.currency) == ("C-1", "EUR")
    assert result.decision is not None and result.decision.winner is None
    action = (
        "Add a price (`connector import prices FILE`) for this product, this organisation or everything, then run the "
        "month again."
    )
    assert result.findings == (finding("price_missing", "error", f"No price rule fits {text}", action, cause),)


def test_no_rate_for_the_currency_of_the_vendor() -> None:
    result = unmatched(line(currency="GBP"), book(rule("markup", "20")))
    assert (result.organisation, result.currency) == ("C-1", "EUR")
    assert result.decision is not None and result.decision.winner is not None
    assert result.findings == (
        finding(
            "rate_missing",
            "error",
            "No exchange rate from GBP to EUR is dated on or before 2026-11-08",
            "Import one (`connector import rates FILE`), then run the month again.",
            "GBP/EUR",
            currency="GBP",
        ),
    )


def test_no_list_price_for_the_day() -> None:
    """The line's own UnitPrice is the partner's cost, never a list price."""
    result = unmatched(line(), book(rule("discount", "5", currency="EUR")))
    assert (result.organisation, result.currency) == ("C-1", "EUR")
    assert result.decision is not None and result.decision.winner is not None
    assert result.findings == (
        finding(
            "list_price_missing",
            "error",
            "No list price is known for Microsoft 365 E3 in EUR on 2026-10-01",
            "Get the price sheet of that month (`connector list-prices pull --month YYYY-MM`, or `connector import "
            "list-prices FILE`), then run the month again.",
            "CFQ1/0001/2026-10-01",
        ),
    )
    assert (
        "for CFQ1 in" in unmatched(line(product_name=""), book(rule("discount", "5", currency="EUR"))).findings[0].text
    )


LIST = ListPrice("CFQ1", "0001", "", "", "EUR", Decimal("22.00"), None, None)


def test_a_discount_is_taken_off_the_list_price_of_the_day() -> None:
    result = priced(line(), book(rule("discount", "5", currency="EUR"), sheet=PriceSheet.of([LIST])))
    assert (str(result.amount), result.findings) == ("209.00", ())


def test_a_list_price_of_an_earlier_months_sheet_is_told() -> None:
    july = replace(LIST, view="updatedlicensebased", month="2026-07")
    months = {("updatedlicensebased", "EUR"): ["2026-06", "2026-07"]}
    result = priced(line(), book(rule("discount", "5", currency="EUR"), sheet=PriceSheet.of([july], months)))
    assert result.outcome == "invoiced"
    assert result.findings == (
        finding(
            "price_sheet_old",
            "warning",
            "Microsoft 365 E3 is priced from the price sheet of 2026-07; the one of 2026-10 is not known",
            "Get it (`connector list-prices pull --month 2026-10`, or `connector import list-prices FILE --month "
            "2026-10`), then run the month again.",
            "CFQ1/0001/2026-07/2026-10",
        ),
    )
    known = {("updatedlicensebased", "EUR"): ["2026-07", "2026-10"]}
    held = priced(line(), book(rule("discount", "5", currency="EUR"), sheet=PriceSheet.of([july], known)))
    assert held.findings == ()


# -- what else is told -----------------------------------------------------------------------------------------


def test_an_unknown_charge_type_is_taken_by_amount_and_told() -> None:
    result = priced(line(kind="other", charge_type="somethingNew"), book(rule("markup", "20")))
    assert str(result.amount) == "120.00"
    assert result.findings == (
        finding(
            "charge_type_unknown",
            "warning",
            "Microsoft's charge type 'somethingNew' is not known; the line is taken by its amount",
            "Check the line's sentence on the customer's page.",
            "somethingnew",
        ),
    )


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"product_id": "CFQ1", "sku_id": "0001"}, "fixed 9.50 for CFQ1:0001"),
        ({"product_id": "CFQ1"}, "fixed 9.50 for CFQ1"),
        ({}, "fixed 9.50 for everything"),
    ],
)
def test_a_price_in_another_currency_that_would_have_won_is_told(changes: dict[str, str], name: str) -> None:
    dollars = seats_at("9.50", currency="USD", row_no=3, **changes)
    result = priced(line(), book(dollars, rule("markup", "20", organisation="")))
    assert str(result.amount) == "120.00"
    text = "A price rule for Microsoft 365 E3 was passed over: it is in USD, the document in EUR"
    assert result.findings == (finding("rule_passed_over", "info", text, "", f"C-1/{name}"),)


def test_other_rules_that_lost_are_no_news() -> None:
    ended = seats_at("9.50", valid_to=date(2026, 9, 30), row_no=3)
    weaker = seats_at("9.50", currency="USD", organisation="", row_no=4)
    assert priced(line(), book(seats_at("20.90"), ended, weaker)).findings == ()
    tiers = rule("tiered", tiers=(Tier(Decimal(20), Decimal("11.00")),), currency="EUR", row_no=5)
    assert codes(priced(line(), book(tiers, rule("markup", "20", organisation="")))) == []


def test_what_is_told_of_a_line_is_told_where_it_stays_unmatched_too() -> None:
    dollars = seats_at("9.50", currency="USD", product_id="CFQ1", sku_id="0001")
    told = codes(unmatched(line(kind="other"), book(dollars)))
    assert sorted(told) == ["charge_type_unknown", "price_missing", "rule_passed_over"]
    odd = line(kind="other", subtotal=Decimal(0), effective_unit_price=None)
    assert codes(priced(odd, book(rule("markup", "20")))) == ["charge_type_unknown", "free_line"]
    assert codes(priced(line(kind="other"), book(rule("none", note="x")))) == ["charge_type_unknown", "not_charged"]
    assert sorted(codes(unmatched(line(kind="other", currency="GBP"), book(rule("markup", "20"))))) == [
        "charge_type_unknown",
        "rate_missing",
    ]


def test_a_price_on_cost_is_named_with_its_percentage_or_without() -> None:
    """How rules are called in findings and explanations."""
    assert rule_name(rule("markup", "20")) == "markup 20 for everything"
    assert rule_name(rule("passthrough", product_id="P")) == "passthrough for P"


# -- cost centres ----------------------------------------------------------------------------------------------


def test_money_that_belongs_to_no_cost_centre_is_told() -> None:
    assert no_cost_centre("C-1", part(label="(no cost centre)")) == finding(
        "cost_centre_missing", "info", "Charges of C-1 belong to no cost centre", "", "C-1"
    )


@pytest.mark.parametrize(("changes", "name"), [({}, "Microsoft 365 E3"), ({"product_name": ""}, "CFQ1")])
def test_usage_that_could_not_be_split_is_told(changes: dict[str, str], name: str) -> None:
    assert no_usage_to_split("C-1", part(**changes)) == finding(
        "cost_centre_without_usage",
        "warning",
        f"The usage of {name} could not be split over cost centres: no daily rows with a cost are there",
        "If Microsoft delivers them later, run the month again before it is pushed.",
        "C-1/CFQ1",
    )


# -- a global offer that undercuts (interfaces.md 5.4) ---------------------------------------------------------

UNDERCUT = replace(CONTOSO, global_offers="undercut")
OFFER = seats_at("15.00", organisation="", offer=True, row_no=9)


@pytest.mark.parametrize(
    ("organisation", "own", "offer", "amount"),
    [
        # not unless the organisation says so
        (CONTOSO, seats_at("20.90"), OFFER, "209.00"),
        (UNDERCUT, seats_at("20.90"), OFFER, "150.00"),
        (UNDERCUT, seats_at("20.90", offer=True), OFFER, "150.00"),
        (UNDERCUT, seats_at("20.90", subscription_id="sub-1"), OFFER, "150.00"),
        # only where it is lower
        (UNDERCUT, seats_at("15.00"), OFFER, "150.00"),
        (UNDERCUT, seats_at("14.99"), OFFER, "149.90"),
        # ... also than a price on cost
        (UNDERCUT, rule("markup", "60"), OFFER, "150.00"),
        (UNDERCUT, rule("markup", "40"), OFFER, "140.00"),
        # a global price is no offer
        (UNDERCUT, seats_at("20.90"), replace(OFFER, offer=False), "209.00"),
        # an offer that does not charge gives nothing away by accident
        (UNDERCUT, seats_at("20.90"), rule("none", organisation="", offer=True, note="x", row_no=9), "209.00"),
        # nor one that cannot be calculated
        (UNDERCUT, seats_at("20.90"), rule("discount", "50", organisation="", offer=True, currency="EUR", row_no=9),
         "209.00"),
    ],
)  # fmt: skip
def test_a_global_offer_undercuts_a_negotiated_price_where_the_customer_may_have_it(
    organisation: Organisation, own: PriceRule, offer: PriceRule, amount: str
) -> None:
    assert str(priced(line(), book(own, offer, organisation=organisation)).amount) == amount


def test_the_undercut_price_is_among_the_losers_with_why() -> None:
    other = seats_at("30.00", organisation="", row_no=5)
    own = seats_at("20.90")
    result = priced(line(), book(own, OFFER, other, organisation=UNDERCUT))
    assert result.decision is not None and result.decision.level == "global_offer"
    assert [(lost.rule, lost.reason) for lost in result.decision.lost] == [
        (own, "a global offer may undercut it and is lower: 150.00 instead of 209.00"),
        (other, "organisation comes before global"),
    ]
    assert not any(lost.passed_over for lost in result.decision.lost)


def test_a_credit_meets_the_rule_of_the_charge_it_reverses() -> None:
    """-150.00 is more than -209.00, and yet the lower price."""
    assert (
        str(priced(line(subtotal=Decimal(-100)), book(seats_at("20.90"), OFFER, organisation=UNDERCUT)).amount)
        == "-150.00"
    )


def test_nothing_is_undercut_where_there_is_nothing_to_pay_or_no_own_price() -> None:
    own = rule("none", note="a promise")
    assert priced(line(), book(own, OFFER, organisation=UNDERCUT)).outcome == "not_charged"
    assert str(priced(line(), book(OFFER, organisation=UNDERCUT)).amount) == "150.00"
    free = line(subtotal=Decimal(0), effective_unit_price=None)
    decision = priced(free, book(seats_at("20.90"), OFFER, organisation=UNDERCUT)).decision
    assert decision is not None and decision.level == "organisation"
    missing = line(currency="GBP")
    assert codes(priced(missing, book(rule("markup", "20"), OFFER, organisation=UNDERCUT))) == ["rate_missing"]


# -- credits of Microsoft's ------------------------------------------------------------------------------------


def keep(credit: str, note: str = "", policy: str = "keep", organisation: str = "C-1") -> CreditPolicies:
    return CreditPolicies.of([CreditPolicy(organisation, credit, policy, None, None, note)])  # type: ignore[arg-type]


# product.md section 6: 29 units at list 0.868 with a credit of 15 % cost 21.39; without it 25.172, cut 25.17
USED = line(
    kind="usage",
    meter="VM",
    billing="",
    adjustment='["15.0 % Partner earned credit for services managed"]',
    unit_price=Decimal("0.868"),
    effective_unit_price=Decimal("0.737586206896552"),
    billable_quantity=Decimal(29),
    subtotal=Decimal("21.39"),
)


def test_a_partner_earned_credit_that_is_kept() -> None:
    """21.39 / 0.85 = 25.1647..., with 20 % mark-up 30.20 instead of 25.67."""
    assert str(priced(USED, book(rule("markup", "20"))).amount) == "25.67"
    result = priced(USED, book(rule("markup", "20"), credits=keep("partner_earned_credit")))
    assert (str(result.amount), result.exact) == ("30.20", Fraction("21.39") / Fraction("0.85") * Fraction("1.2"))
    cost = Fraction("21.39") / Fraction("0.85")
    without = Step(
        "divide",
        (Fraction("21.39"), Fraction("0.85")),
        cost,
        "cost without Microsoft's partner earned credit of 15 %",
    )
    assert result.before == (without,)
    assert result.step is not None and result.step.operands == (cost, Fraction("1.2"))
    # a price per unit has nothing to do with the cost
    per_unit = seats_at("1.00", product_id="CFQ1", sku_id="0001")
    assert priced(USED, book(per_unit, credits=keep("partner_earned_credit"))).before == ()


def test_a_kept_credit_in_another_currency() -> None:
    dollars = replace(USED, currency="USD")
    cost = Fraction("21.39") / Fraction("0.85")
    margin = priced(dollars, book(rule("margin", "20"), credits=keep("partner_earned_credit")))
    converted = Step("multiply", (cost, Fraction("0.92")), cost * Fraction("0.92"), "converted at the rate")
    assert (len(margin.before), margin.before[1]) == (2, converted)
    assert margin.step is not None and margin.step.operands == (converted.exact, Fraction("0.8"))
    markup = priced(dollars, book(rule("markup", "20"), credits=keep("partner_earned_credit")))
    assert len(markup.before) == 1
    # 21.39 / 0.85 x 0.92 x 1.2
    assert str(markup.amount) == "27.78"


def test_a_credit_whose_figures_contradict_its_words_is_passed_on_and_told() -> None:
    odd = replace(USED, effective_unit_price=Decimal("0.868"), subtotal=Decimal("25.17"))
    result = priced(odd, book(rule("passthrough"), credits=keep("partner_earned_credit")))
    assert (str(result.amount), result.before) == ("25.17", ())
    assert result.findings == (
        finding(
            "credit_unclear",
            "warning",
            "Microsoft 365 E3 seems to have a partner earned credit, but its prices do not show one of 15 %: it was "
            "passed on",
            "Compare the line with its daily usage. If it should be kept, give its product and sku a price per unit.",
            "C-1/CFQ1/0001",
            amount=Decimal("25.17"),
        ),
    )


@pytest.mark.parametrize(
    ("note", "reason"), [("", "the partner keeps this credit"), ("agreed in May", "agreed in May")]
)
def test_a_customer_credit_that_is_kept_is_not_charged(note: str, reason: str) -> None:
    credit = line(kind="credit", subtotal=Decimal("-12.00"))
    result = priced(credit, book(rule("passthrough"), credits=keep("customer_credit", note)))
    assert (result.outcome, result.note, str(result.amount)) == ("not_charged", reason, "0.00")
    assert (result.organisation, result.currency, result.decision) == ("C-1", "EUR", None)
    text = f"A credit of Microsoft's for Microsoft 365 E3 is kept: {reason}"
    assert result.findings == (
        finding("credit_kept", "info", text, "", "C-1/customer_credit", amount=Decimal("-12.00")),
    )
    nameless = replace(credit, product_name="", product_id="")
    assert "for C-1 is kept" in priced(nameless, book(credits=keep("customer_credit"))).findings[0].text
    # passed on, as without any policy
    for policies in (keep("customer_credit", policy="pass_on"), keep("azure_credit"), CreditPolicies()):
        assert str(priced(credit, book(rule("passthrough"), credits=policies)).amount) == "-12.00"


def test_an_azure_credit_that_is_kept_needs_a_price_per_unit() -> None:
    """Microsoft's line is 0.00: what the usage would have cost stands nowhere."""
    covered = replace(USED, subtotal=Decimal(0), effective_unit_price=Decimal(0), credit_reason="Azure credit")
    assert codes(priced(covered, book(rule("markup", "20")))) == ["free_line"]
    policies = keep("azure_credit", organisation="")
    per_unit = seats_at("1.00", product_id="CFQ1", sku_id="0001")
    result = priced(covered, book(per_unit, credits=policies))
    assert (str(result.amount), result.findings) == ("29.00", ())
    one = replace(covered, billable_quantity=Decimal(1))
    assert str(priced(one, book(per_unit, credits=policies)).amount) == "1.00"
    back = replace(covered, billable_quantity=Decimal(-29))
    assert str(priced(back, book(per_unit, credits=policies)).amount) == "-29.00"
    left = unmatched(covered, book(rule("markup", "20"), credits=policies))
    assert left.findings == (
        finding(
            "credit_base_missing",
            "error",
            "The Azure credit on Microsoft 365 E3 is kept, but what the usage would have cost is not known: "
            "Microsoft's line is 0.00",
            "Give its product and sku a price per unit (`fixed` in `connector import prices FILE`), or pass the credit "
            "on (`connector import credits FILE`), then run the month again.",
            "C-1/CFQ1/0001",
            amount=Decimal(0),
        ),
    )


def test_a_credit_policy_holds_on_its_days_only() -> None:
    credit = line(kind="credit", subtotal=Decimal("-12.00"))
    for first, outcome in ((date(2026, 10, 1), "not_charged"), (date(2026, 10, 2), "invoiced")):
        policies = CreditPolicies.of([CreditPolicy("C-1", "customer_credit", "keep", first, None, "")])
        result = priced(credit, book(rule("passthrough"), credits=policies))
        assert (result.outcome, result.line, result.charged.day) == (outcome, credit, date(2026, 10, 1))


def test_an_equal_price_undercuts_nothing_and_a_global_price_needs_no_leave() -> None:
    same = priced(line(), book(seats_at("15.00"), OFFER, organisation=UNDERCUT)).decision
    assert same is not None and same.level == "organisation"
    # the offer and the global price are of one list: the offer comes first anyway, also where it is dearer
    dearer = priced(line(), book(seats_at("9.00", organisation="", row_no=5), OFFER, organisation=UNDERCUT))
    assert str(dearer.amount) == "150.00"


def test_what_is_told_of_a_line_is_told_beside_an_old_sheet_too() -> None:
    july = replace(LIST, view="updatedlicensebased", month="2026-07")
    sheet = PriceSheet.of([july], {("updatedlicensebased", "EUR"): ["2026-07"]})
    cut = rule("discount", "5", currency="EUR", product_id="CFQ1", sku_id="0001")
    assert codes(priced(line(kind="other"), book(cut, sheet=sheet))) == ["charge_type_unknown", "price_sheet_old"]


def test_what_is_not_charged_keeps_its_line() -> None:
    one = line()
    assert priced(one, book(rule("none", note="x"))).line == one
