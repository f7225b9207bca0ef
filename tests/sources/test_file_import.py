"""Files downloaded by hand: which form they have, and when we have to ask instead of guessing."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.lines import QuarantinedLine, ReconciliationLine
from connector.sources.fields import MissingMoneyColumn, Origin, decode_set
from connector.sources.file_import import Ambiguous, number_text, read_portal_file, sniff
from connector.sources.raw_lines import UnreadableFile
from connector.sources.usage_rows import read_usage_records

SAMPLES = Path(__file__).parent / "samples"
HEADER = [
    "CustomerId",
    "InvoiceNumber",
    "ProductId",
    "SkuId",
    "ChargeType",
    "Subtotal",
    "TaxTotal",
    "Total",
    "Currency",
    "BillableQuantity",
    "ChargeStartDate",
    "ChargeEndDate",
    "BillingFrequency",
]


def row(**changes: str) -> list[str]:
    cells = {
        "CustomerId": "196e2273-9651-43a3-ba7e-7cbcd918fc40",
        "InvoiceNumber": "G000000001",
        "ProductId": "CFQ7TTC0LDPB",
        "SkuId": "0001",
        "ChargeType": "New",
        "Subtotal": "10.50",
        "TaxTotal": "1.00",
        "Total": "11.50",
        "Currency": "EUR",
        "BillableQuantity": "1",
        "ChargeStartDate": "9/1/2020",
        "ChargeEndDate": "9/30/2020",
        "BillingFrequency": "Monthly",
    } | changes
    return [cells[name] for name in HEADER]


def written(folder: Path, *rows: list[str], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    path = folder / "recon.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([HEADER, *rows])
    return path


def lines_of(path: Path, **options: object) -> list[ReconciliationLine | QuarantinedLine]:
    form = sniff(path, **options)  # type: ignore[arg-type]
    return [*decode_set([(Origin("G000000001", path.name, form.platform), read_portal_file(path, form))])]


def test_the_published_sample_row(tmp_path):
    with (SAMPLES / "portal-file-reconciliation-columns.csv").open(encoding="utf-8") as file:
        columns = list(csv.DictReader(file))
    path = tmp_path / "published.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(
            [[each["column"] for each in columns], [each["published_sample_value"] for each in columns]]
        )
    form = sniff(path)
    assert (form.delimiter, form.decimal_sign, form.date_order, form.kind) == (
        ",",
        "point",
        "mdy",
        "reconciliation",
    )
    assert len(form.columns) == 46
    # 0.01 and 0 do not make 0.045: Microsoft's own row, told but not corrected
    assert form.remarks == ("Subtotal and TaxTotal do not make Total on 1 lines, first on line 2.",)
    (line,) = decode_set([(Origin("G002297372", "f"), read_portal_file(path, form))])
    assert isinstance(line, ReconciliationLine)
    assert line.order_id == "0ET2qaZvJGfF9wgSKnWzR5JLmhp10lOc1, 6dc5c039750a"
    assert (line.subtotal, line.billable_quantity) == (Decimal("0.01"), Decimal("0.005001"))
    assert (line.charge_start, line.charge_end) == (date(2020, 9, 1), date(2020, 9, 30))
    assert (line.sku_id, line.qualifiers, line.kind) == ("006G", "Add-on", "usage")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "utf-16-le"])
def test_every_delimiter_and_encoding_gives_the_same_line(tmp_path, delimiter, encoding):
    path = written(tmp_path, row(ChargeType="Ä b; c, d"), delimiter=delimiter, encoding=encoding)
    (line,) = lines_of(path)
    assert isinstance(line, ReconciliationLine)
    assert (line.charge_type, line.subtotal) == ("Ä b; c, d", Decimal("10.50"))


@pytest.mark.parametrize(
    ("subtotal", "tax", "whole"),
    [("1.234,56", "0,00", "1.234,56"), ("1234,56", "0", "1234,56"), ("1 234,56", "0", "1 234,56")],
)
def test_a_decimal_comma(tmp_path, subtotal, tax, whole):
    path = written(tmp_path, row(Subtotal=subtotal, TaxTotal=tax, Total=whole), delimiter=";")
    (line,) = lines_of(path)
    assert line.subtotal == Decimal("1234.56")


def test_thousands_with_a_comma(tmp_path):
    (line,) = lines_of(written(tmp_path, row(Subtotal="1,234.56", TaxTotal="0", Total="1,234.56")))
    assert line.subtotal == Decimal("1234.56")


def test_a_number_with_two_readings_is_settled_by_the_other_lines(tmp_path):
    path = written(tmp_path, row(Subtotal="1.234", TaxTotal="0", Total="1.234"), row())
    assert [line.subtotal for line in lines_of(path)] == [Decimal("1.234"), Decimal("10.50")]


def test_a_number_with_two_readings_is_settled_by_a_total_that_fits_one_of_them(tmp_path):
    path = written(tmp_path, row(Subtotal="1.234", TaxTotal="100", Total="1.334"))
    assert lines_of(path)[0].subtotal == 1234


def test_a_number_with_two_readings_and_no_help_is_asked_for(tmp_path):
    path = written(tmp_path, row(Subtotal="1.234", TaxTotal="0", Total="1.234"))
    with pytest.raises(Ambiguous, match=r"'1\.234' \(line 2, column subtotal\).*--decimal point"):
        sniff(path)
    assert lines_of(path, decimal="comma")[0].subtotal == 1234
    assert lines_of(path, decimal="point")[0].subtotal == Decimal("1.234")


def test_numbers_written_in_two_ways_name_both_places(tmp_path):
    path = written(tmp_path, row(), row(Subtotal="10,5"))
    with pytest.raises(UnreadableFile, match=r"'10\.50' \(line 2.*'10,5' \(line 3") as caught:
        sniff(path)
    assert caught.value.code == "mixed_decimals"
    good, odd = lines_of(path, decimal="point")
    assert isinstance(good, ReconciliationLine)
    assert isinstance(odd, QuarantinedLine)


def test_the_day_first_where_a_date_proves_it(tmp_path):
    path = written(tmp_path, row(ChargeStartDate="01.09.2020", ChargeEndDate="30.09.2020"))
    assert lines_of(path)[0].charge_start == date(2020, 9, 1)


@pytest.mark.parametrize("mark", ["/", ".", "-"])
def test_dates_with_two_readings_are_asked_for(tmp_path, mark):
    path = written(tmp_path, row(ChargeStartDate=f"1{mark}9{mark}2020", ChargeEndDate=f"3{mark}9{mark}2020"))
    with pytest.raises(Ambiguous, match="--dates mdy or --dates dmy"):
        sniff(path)
    assert lines_of(path, dates="dmy")[0].charge_start == date(2020, 9, 1)
    assert lines_of(path, dates="mdy")[0].charge_start == date(2020, 1, 9)


def test_what_is_the_same_in_both_readings_needs_no_answer(tmp_path):
    path = written(
        tmp_path,
        row(
            ChargeStartDate="9/9/2020",
            ChargeEndDate="2020-10-08T00:00:00Z",
            Subtotal="1000",
            TaxTotal="0",
            Total="1000",
        ),
    )
    (line,) = lines_of(path)
    assert (line.charge_start, line.charge_end) == (date(2020, 9, 9), date(2020, 10, 8))


def test_dates_that_contradict_each_other_name_both_places(tmp_path):
    path = written(tmp_path, row(), row(ChargeEndDate="30/9/2020"))
    with pytest.raises(UnreadableFile, match=r"line 2.*'30/9/2020' \(line 3, column chargeenddate\)"):
        sniff(path)


def test_a_time_behind_the_date(tmp_path):
    path = written(tmp_path, row(ChargeEndDate="9/30/2020 11:59:59 PM"))
    assert lines_of(path)[0].charge_end == date(2020, 9, 30)


def test_a_row_with_too_few_or_too_many_cells_is_put_aside_with_its_text(tmp_path):
    path = written(tmp_path, row(), row()[:-1], [*row(), "more"])
    good, few, many = lines_of(path)
    assert isinstance(good, ReconciliationLine)
    assert isinstance(few, QuarantinedLine)
    assert (few.reason, few.line_no) == ("12 columns where the header has 13", 3)
    assert few.raw.startswith(b"196e2273")
    assert isinstance(many, QuarantinedLine)


def test_a_formula_is_text(tmp_path):
    (line,) = lines_of(written(tmp_path, row(ChargeType="=1+1", BillableQuantity="1")))
    assert line.charge_type == "=1+1"


def test_a_value_over_two_lines(tmp_path):
    path = written(tmp_path, row(ChargeType="a\nb"), row())
    assert [line.charge_type for line in lines_of(path)] == ["a\nb", "New"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "empty_file"),
        (",".join(HEADER) + "\n", "no_lines"),
        ("name,address\nx,y\n", "wrong_file"),
        (",".join(HEADER) + ',Subtotal\n"', "column_twice"),
        (",".join(HEADER) + '\n"never closed\n' + ",".join(row()), "not_csv"),
        (",".join(HEADER).replace("Subtotal", "Sum") + "\n", "missing_money_column"),
    ],
)
def test_a_file_that_is_none_of_ours(tmp_path, content, code):
    path = tmp_path / "f.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UnreadableFile) as caught:
        sniff(path)
    assert caught.value.code == code
    assert isinstance(caught.value, MissingMoneyColumn) == (code == "missing_money_column")


def test_a_line_of_separators_from_excel_is_skipped(tmp_path):
    path = written(tmp_path, row(), delimiter=";")
    path.write_text("sep=;\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert len(lines_of(path)) == 1


def test_a_licence_file_of_the_older_platform(tmp_path):
    path = tmp_path / "licence.csv"
    path.write_text(
        "CustomerId,DurableOfferId,SyndicationPartnerSubscriptionNumber,ChargeType,UnitPrice,Quantity,Subtotal,"
        "Tax,TotalForCustomer,Currency,ChargeStartDate,ChargeEndDate,BillingCycleType\n"
        "74221236-D09C-4870-AC1D-33E155E9AEBE,2F707C7C-2433-49A5-A437-9CA7CF40D3EB,"
        "1F58ACD7-FE51-4705-9567-D009C9ADA150,Cycle fee,4.00,2,8.00,0,8.00,EUR,2/13/2018,3/12/2018 23:59,"
        "MONTHLY\n",
        encoding="utf-8",
    )
    (line,) = lines_of(path)
    assert isinstance(line, ReconciliationLine)
    assert (line.platform, line.kind, line.charge_end) == ("legacy_license", "advance", date(2018, 3, 12))


def test_a_usage_file(tmp_path):
    path = tmp_path / "usage.csv"
    path.write_text(
        "CustomerId,InvoiceNumber,ProductId,SkuId,SubscriptionId,UsageDate,MeterName,ResourceURI,Unit,Quantity,"
        "BillingPreTaxTotal,BillingCurrency\n"
        "c1,G1,P,0001,s1,10/31/2026,D2,/a/vm1,1 Hour,24,14.98,EUR\n"
        "c1,G1,P,0001,s1,10/30/2026,D2,/a/vm1,1 Hour,x,14.98,EUR\n",
        encoding="utf-8",
    )
    form = sniff(path)
    assert form.kind == "usage"
    result = read_usage_records(read_portal_file(path, form), Origin("G1", "usage.csv"))
    assert (result.rows, result.sums[0].amount, result.quarantined) == (1, Decimal("14.98"), 1)
    assert result.quarantined_amounts == {"EUR": Decimal("14.98")}


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2), st.booleans())
def test_grouped_or_not_a_number_is_read_back(number, grouped):
    english = f"{number:,.2f}" if grouped else f"{number:.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    for text, sign in ((english, "point"), (german, "comma")):
        found = number_text(text, sign)
        assert found is not None
        assert Decimal(found) == number
