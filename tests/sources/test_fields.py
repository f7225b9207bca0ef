"""What a delivered line means, whichever interface and spelling it came in."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.lines import LinePlatform, QuarantinedLine, ReconciliationLine
from connector.sources.fields import MissingMoneyColumn, Origin, assign_ids, decode_reconciliation, decode_set
from connector.sources.raw_lines import RawRecord, parse_record, read_json_lines, read_line_item_pages

SAMPLES = Path(__file__).parent / "samples"
SEAT = {
    "CustomerId": "c139c4bf-2e8b-4ab5-8bed-d9f50dcca7a2",
    "InvoiceNumber": "G000000001",
    "ProductId": "CFQ7TTC0LDPB",
    "SkuId": "0001",
    "ChargeType": "new",
    "Subtotal": 120.0,
    "TaxTotal": 22.8,
    "Currency": "EUR",
    "BillableQuantity": 10,
    "BillingFrequency": "Monthly",
    "SubscriptionId": "284b0ff0-0e74-4f65-cb23-f8ad95867994",
    "ChargeStartDate": "2022-03-05T00:00:00Z",
    "ChargeEndDate": "2022-04-04T00:00:00Z",
}


def decoded(fields: dict[str, object] | str, platform: LinePlatform = "new_commerce", invoice: str = "G000000001"):
    text = fields if isinstance(fields, str) else json.dumps(fields)
    return decode_reconciliation(
        parse_record(text.encode(), 7), invoice_id=invoice, file_id="part-0", platform=platform
    )


def line(platform: LinePlatform = "new_commerce", **changes: object) -> ReconciliationLine:
    result = decoded(SEAT | changes, platform)
    assert isinstance(result, ReconciliationLine), result.reason
    return result


def put_aside(**changes: object) -> QuarantinedLine:
    result = decoded(SEAT | changes)
    assert isinstance(result, QuarantinedLine)
    return result


def records(name: str) -> Iterable[RawRecord]:
    path = SAMPLES / name
    return read_json_lines(path) if name.endswith("l") else read_line_item_pages(path)


def test_the_six_changes_of_march_2022_add_up_to_the_published_sum():
    origin = Origin("G000000001", "part-0")
    lines = [*decode_set([(origin, records("synthetic-billed-reconciliation.jsonl"))])]
    assert sum(line.subtotal for line in lines) == Decimal("275.23")
    assert {line.kind for line in lines} == {"advance", "proration"}
    assert len({line.id for line in lines}) == 11


def test_a_quoted_number_is_the_same_number():
    assert line(Subtotal="120.0", BillableQuantity="10", TaxTotal="22.8") == line()


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2022-04-04T00:00:00Z", date(2022, 4, 4)),
        ("2022-04-04", date(2022, 4, 4)),
        ("2022-04-04T00:00:00", date(2022, 4, 4)),
        ("2022-04-04T23:59:00", date(2022, 4, 4)),
        ("2022-04-04T23:59:59.9999999Z", date(2022, 4, 4)),
        ("2022-04-03T20:22:40.1767993-08:00", date(2022, 4, 4)),
        ("2022-04-04T01:00:00+02:00", date(2022, 4, 3)),
        ("0001-01-01T00:00:00", None),
        ("0001-01-01T00:00:00+08:00", None),
        ("", None),
        (None, None),
    ],
)
def test_every_way_a_date_is_written(written, day):
    assert line(ChargeEndDate=written).charge_end == day


def test_the_time_of_the_order_keeps_its_microseconds_in_utc():
    assert line(OrderDate="2021-05-20T18:30:06.6045692Z").order_date == datetime(2021, 5, 20, 18, 30, 6, 604569, UTC)


def test_org_in_front_of_a_customer_and_the_case_of_guids_do_not_matter():
    assert line(CustomerId="org:C139C4BF-2E8B-4AB5-8BED-D9F50DCCA7A2") == line()
    assert line(SubscriptionId="284B0FF0-0E74-4F65-CB23-F8AD95867994") == line()


def test_a_sku_keeps_its_leading_zeros_and_a_product_its_capitals():
    assert (line().product_id, line().sku_id) == ("CFQ7TTC0LDPB", "0001")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (["AddOn", "Trial"], "Add-on, Trial"),
        ('["Add-on"]', "Add-on"),
        ("AddOn", "Add-on"),
        ("Trial, Add-on", "Add-on, Trial"),
        ("[]", ""),
        ([], ""),
        (None, ""),
    ],
)
def test_product_qualifiers_as_array_or_text(written, meant):
    assert line(ProductQualifiers=written).qualifiers == meant


@pytest.mark.parametrize("nothing", ["", None, "absent"])
def test_empty_null_and_absent_are_the_same(nothing):
    fields = SEAT | {"UnitPrice": nothing, "MeterDescription": nothing, "PCToBCExchangeRate": nothing}
    if nothing == "absent":
        fields = SEAT
    result = decoded(fields)
    assert result == line()
    assert (result.unit_price, result.meter, result.exchange_rate) == (None, "", None)


def test_the_billed_quantity_counts_and_the_bought_one_only_where_it_is_missing():
    assert line(BillableQuantity=3.1618, Quantity=1).billable_quantity == Decimal("3.1618")
    assert line(BillableQuantity=None, Quantity=5).billable_quantity == 5
    assert put_aside(BillableQuantity=None).reason == "no quantity"
    assert line(BillableQuantity=None, ChargeType="customerCredit").billable_quantity == 0


def test_a_named_meter_makes_a_line_usage():
    assert line(MeterDescription="Tables - LRS Data Stored").kind == "usage"
    assert line(BillingFrequency="").kind == "one_time"


def test_nineteen_digits_of_a_unit_price_survive():
    text = json.dumps(SEAT | {"EffectiveUnitPrice": "@"}).replace('"@"', "0.7377862068965520123")
    assert decoded(text).effective_unit_price == Decimal("0.7377862068965520123")


def test_the_same_line_in_four_spellings_is_the_same_value():
    graph = line(
        OrderDate="2022-03-05T00:00:00Z",
        ProductQualifiers='["Add-on"]',
        UnitPrice=12.0,
        PCToBCExchangeRateDate="0001-01-01T00:00:00Z",
        Tier2MpnId="0",
    )
    newer_v1 = decoded(
        {name[0].lower() + name[1:]: value for name, value in SEAT.items()}
        | {
            "subtotal": "120.0",
            "orderDate": "2022-03-05T00:00:00.0000000Z",
            "productQualifiers": ["AddOn"],
            "unitPrice": "12",
            "resellerMpnId": 0,
            "totalForCustomer": "142.8",
            "attributes": {"objectType": "OneTimeInvoiceLineItem"},
        }
    )
    older_v1 = decoded(
        {name[0].lower() + name[1:]: value for name, value in SEAT.items()}
        | {
            "customerId": "org:" + str(SEAT["CustomerId"]),
            "chargeType": "new",
            "chargeStartDate": "2022-03-04T16:00:00-08:00",
            "orderDate": "2022-03-05T00:00:00",
            "productQualifiers": "AddOn",
            "unitPrice": 12,
            "quoteId": "Q1",
            "providerName": "Microsoft",
            "attributes/objectType": "OneTimeInvoiceLineItem",
        }
    )
    portal = decoded(
        {name: str(value) for name, value in SEAT.items()}
        | {
            "OrderDate": "2022-03-05T00:00:00",
            "ProductQualifiers": '["Add-on"]',
            "UnitPrice": "12.00",
            "ResellerMpnId": "0",
            "Total": "142.80",
        }
    )
    assert graph == newer_v1 == older_v1 == portal
    ids = {next(assign_ids([each])).id for each in (graph, newer_v1, older_v1, portal)}
    assert len(ids) == 1


def test_a_licence_line_of_the_older_platform():
    lines = [*decode_set([(Origin("D1", "p", "legacy_license"), records("lineitems-office-billing.json"))])]
    first = lines[0]
    assert isinstance(first, ReconciliationLine)
    assert first.product_id == "2f707c7c-2433-49a5-a437-9ca7cf40d3eb"
    assert first.subscription_id == "1f58acd7-fe51-4705-9567-d009c9ada150"
    assert (first.sku_id, first.billing, first.billable_quantity) == ("", "MONTHLY", 3)
    assert first.tenant_id == "74221236-d09c-4870-ac1d-33e155e9aebe"
    assert first.charge_end == date(2017, 6, 9)


def test_a_usage_line_of_the_older_platform():
    origin = Origin("1234000000", "p", "legacy_usage")
    first = next(iter(decode_set([(origin, records("lineitems-azure-billing.json"))])))
    assert isinstance(first, ReconciliationLine)
    assert (first.kind, first.subtotal, first.tax) == ("usage", Decimal("63.33"), Decimal("6.34"))
    assert first.product_id == "505db374-df8a-44df-9d8c-13c14b61dee1"
    assert first.billable_quantity == 745
    assert first.product_name == "Azure App Service"


def test_an_offset_keeps_its_amounts_as_delivered():
    offset = {
        "customerId": SEAT["CustomerId"],
        "durableOfferId": "2F707C7C-2433-49A5-A437-9CA7CF40D3EB",
        "chargeType": "Offset a line item",
        "subtotal": -10,
        "tax": -1.9,
        "currency": "EUR",
    }
    result = decoded(offset, "legacy_license")
    assert isinstance(result, ReconciliationLine)
    assert (result.kind, result.subtotal, result.tax) == ("credit", -10, Decimal("-1.9"))


def test_unbilled_lines_carry_no_invoice_number():
    lines = [*decode_set([(Origin("unbilled", "p"), records("lineitems-unbilled-recon-page1.json"))])]
    assert any(isinstance(each, ReconciliationLine) for each in lines)
    assert line(InvoiceNumber="").invoice_id == "G000000001"


def test_a_line_of_another_invoice_is_put_aside_with_its_money():
    odd = put_aside(InvoiceNumber="G000000002")
    assert odd.reason == "belongs to invoice 'G000000002', not to 'G000000001'"
    assert (odd.subtotal, odd.tax, odd.currency) == (Decimal("120.0"), Decimal("22.8"), "EUR")
    assert (odd.line_no, odd.file_id, odd.tenant_id) == (7, "part-0", SEAT["CustomerId"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Currency": "EUX"}, "the currency 'EUX' is not in ISO 4217"),
        ({"Currency": ""}, "no currency"),
        ({"CustomerId": ""}, "no customer id"),
        ({"UnitPrice": "1,50"}, "unit_price is unreadable: '1,50' is not a number"),
        ({"EffectiveUnitPrice": "NaN"}, "effective_unit_price is unreadable: 'NaN' is not a number"),
        ({"ChargeEndDate": "30 Sept"}, "charge_end '30 Sept' is not a date"),
        ({"ChargeEndDate": "2022-02-30"}, "charge_end '2022-02-30' is not a date"),
        ({"ProductName": {"en": "x"}}, "product_name is not text"),
        ({"TaxTotal": "?"}, "tax is unreadable: '?' is not a number"),
    ],
)
def test_what_cannot_be_understood_is_put_aside_with_its_amount(change, reason):
    odd = put_aside(**change)
    assert odd.reason == reason
    assert odd.subtotal == 120


@pytest.mark.parametrize("amount", ["NaN", "-Infinity", "1e400", "1" * 40, '"1,50"', '""', "null", '"1_000"'])
def test_an_amount_that_is_no_number_is_put_aside_without_one(amount):
    result = decoded(json.dumps(SEAT).replace("120.0", amount))
    assert isinstance(result, QuarantinedLine)
    assert (result.subtotal, result.tax) == (None, Decimal("22.8"))


def test_an_unknown_charge_type_is_taken_by_amount():
    assert line(ChargeType="somethingNew", BillableQuantity=None).kind == "other"


def test_an_unknown_attribute_changes_nothing():
    assert line(BrandNewColumn={"a": [1, 2]}) == line()


def test_a_set_without_the_column_of_amounts_is_not_taken():
    bare = {name: value for name, value in SEAT.items() if name != "Subtotal"}
    part = [parse_record(json.dumps(bare).encode(), n) for n in (1, 2)]
    with pytest.raises(MissingMoneyColumn, match="the column 'subtotal' is missing"):
        list(decode_set([(Origin("G000000001", "a"), part)]))
    assert list(decode_set([(Origin("G000000001", "a"), [])])) == []


def test_one_line_without_amount_in_a_good_set_is_put_aside():
    bare = {name: value for name, value in SEAT.items() if name != "Subtotal"}
    part = [parse_record(json.dumps(each).encode(), n) for n, each in enumerate((SEAT, bare), 1)]
    good, odd = decode_set([(Origin("G000000001", "a"), part)])
    assert isinstance(good, ReconciliationLine)
    assert isinstance(odd, QuarantinedLine)
    assert odd.reason == "the amount (subtotal) is empty"


def test_equal_lines_get_different_ids():
    first, second = assign_ids([line(), line()])
    assert first.id != second.id


def test_a_number_written_otherwise_does_not_change_the_id():
    one, other = line(Subtotal="120.00"), line(Subtotal=120)
    assert next(assign_ids([one])).id == next(assign_ids([other])).id


amounts = st.decimals(min_value=-99, max_value=99, places=2)


@given(st.lists(amounts, max_size=12), st.randoms(use_true_random=False))
def test_ids_do_not_depend_on_the_order_of_lines(values, shuffler):
    lines = [line(Subtotal=str(value)) for value in values]
    mixed = list(lines)
    shuffler.shuffle(mixed)

    def by_id(these: list[ReconciliationLine]) -> dict[str, Decimal]:
        return {each.id: each.subtotal for each in assign_ids(these)}

    assert by_id(lines) == by_id(mixed)
    assert len(by_id(lines)) == len(lines)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=6))
def test_an_amount_comes_through_digit_for_digit(amount):
    number = decoded(json.dumps(SEAT).replace("120.0", format(amount, "f")))
    quoted = decoded(json.dumps(SEAT).replace("120.0", f'"{amount:f}"'))
    assert number.subtotal == quoted.subtotal == amount


@given(st.datetimes(min_value=datetime(2, 1, 3), max_value=datetime(9998, 12, 30)))
def test_a_date_comes_through_in_every_form(moment):
    day = moment.date()
    for form in (day.isoformat(), f"{day.isoformat()}T00:00:00Z", moment.isoformat() + "Z"):
        assert line(ChargeStartDate=form).charge_start == day


@given(st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.text(max_size=20), max_size=6))
def test_nothing_a_stranger_sends_breaks_the_decoder(noise):
    result = decoded(json.dumps(SEAT | noise))
    assert isinstance(result, ReconciliationLine | QuarantinedLine)
