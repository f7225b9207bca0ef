"""Microsoft's price sheets by month: pulled, kept, and what `discount` rules make of them."""

from __future__ import annotations

import getpass
import hashlib
import json
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connector.store import decisions
from connector.store.database import open_engine, reading
from connector.store.tables import imports
from tests.months.billed import ALPHA, BETA, MACHINE, SUITE, consumed, month_of, months_of, seats, ten_to_fourteen
from tests.months.partner import Answer, Month, Partner

Json = dict[str, Any]
USAGE = {"product_id": MACHINE.product_id, "sku_id": MACHINE.sku_id}


def seat(price: str, **more: str) -> Json:
    """A row of the licence sheet: ten seats' product, one-year term paid monthly; `price` is the ERP price."""
    cells = {"TermDuration": "P1Y", "BillingPlan": "Monthly", "UnitPrice": "1.00", "ERP Price": price, **more}
    return {"ProductId": SUITE.product_id, "SkuId": SUITE.sku_id, **cells}


def meter(price: str, **more: str) -> Json:
    return {"ProductId": MACHINE.product_id, "SkuId": MACHINE.sku_id, "UnitPrice": price, **more}


@pytest.fixture
def alpha(partner: Partner) -> Iterator[Partner]:
    """One customer, 10 seats for October, 14 from the 12th (150.97 at cost), priced 10 % off the list."""
    partner.microsoft.clear_faults()
    partner.microsoft.control("DELETE", "/pricesheets")
    partner.is_billed(month_of(ten_to_fourteen()))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.price("discount", "10")
    yield partner
    partner.microsoft.clear_faults()


def publishes(partner: Partner, month: str, *rows: Json, market: str = "DE", view: str = "updatedlicensebased") -> None:
    order = {"market": market, "view": view, "month": month.replace("-", ""), "rows": list(rows)}
    partner.microsoft.control("POST", "/pricesheets", order)


def pull(partner: Partner, month: str, *options: str, market: str = "DE", status: int = 0) -> Answer:
    answer = partner.run("list-prices", "pull", "--market", market, "--month", month, "--json", *options)
    assert answer.status == status, answer.prose + answer.text
    return answer


def with_sheets(partner: Partner, *months: tuple[str, str]) -> None:
    """Each (month, price) published and pulled, in this order."""
    for month, price in months:
        publishes(partner, month, seat(price))
        pull(partner, month)


def known(partner: Partner) -> list[Json]:
    sheets: list[Json] = partner.run("list-prices", "list", "--json").json["price_sheets"]
    return sheets


def raw_files(partner: Partner) -> list[Path]:
    return sorted(path for path in (partner.folder / "raw" / "raw").rglob("*") if path.is_file())


def later(month: str, count: int = 10) -> Json:
    """The same seats in a later month."""
    lines = [seats(begin=f"{month}-01", bought="2025-10-01").charge("cycleCharge", count)]
    return month_of(lines, month)


# ---- what a discount makes of them


def test_a_discount_off_the_sheet_of_its_month(alpha: Partner) -> None:
    """List 15.00 less 10 % is 13.50: 10 x 13.50; 20 of 31 days of 10 and of 14 seats are 87.0968 and 121.9355."""
    with_sheets(alpha, ("2025-10", "15.00"))
    month = alpha.sync("2025-10")
    assert month.line("C-1", kind="advance")["amount"] == "135.00"
    assert month.amounts(month.line("C-1", kind="proration")) == ["-87.10", "121.94"]
    assert month.state == "balanced" and not month.codes & {"price_sheet_old", "list_price_missing"}


def test_the_annual_row_is_per_year(alpha: Partner) -> None:
    """customers-and-prices.md section 4: 115.2 = 12 x 9.6. 180.00 less 10 %, for 10 seats and one year."""
    alpha.is_billed(month_of([seats(months=12).charge("new", 10)]))
    publishes(alpha, "2025-10", seat("15.00"), seat("180.00", BillingPlan="Annual"), seat("18.00", TermDuration="P1M"))
    pull(alpha, "2025-10")
    assert alpha.sync("2025-10").net("C-1") == "1620.00"


def test_the_partners_cost_is_never_a_list_price(alpha: Partner) -> None:
    """azure_reservations has the partner's price only."""
    publishes(alpha, "2025-10", seat("15.00"), view="azure_reservations")
    answer = pull(alpha, "2025-10", "--view", "azure_reservations", status=1)
    assert "your cost" in answer.json["errors"][0]["text"] and known(alpha) == []


def test_a_month_without_any_sheet_is_missing(alpha: Partner) -> None:
    month = alpha.sync("2025-10", status=1)
    assert month.state == "unmatched" and month.balance()["unmatched"] == "150.97"
    assert "connector list-prices pull" in month.findings("list_price_missing")[0]["action"]


def test_a_sheet_in_another_currency_is_missing(alpha: Partner) -> None:
    publishes(alpha, "2025-10", seat("15.00"), market="US")
    pull(alpha, "2025-10", market="US")
    assert known(alpha)[0]["currency"] == "USD"
    month = alpha.sync("2025-10", status=1)
    assert month.balance()["unmatched"] == "150.97" and "price_sheet_old" not in month.codes


def test_the_sheet_of_an_earlier_month_is_used_and_said(alpha: Partner) -> None:
    """The price holds by its dates, but September's sheet cannot know what changed in October."""
    with_sheets(alpha, ("2025-08", "14.00"), ("2025-09", "15.00"))
    month = alpha.sync("2025-10")
    assert month.line("C-1", kind="advance")["amount"] == "135.00"
    finding = month.finding("price_sheet_old")
    assert (finding["severity"], finding["amount"], finding["currency"]) == ("warning", "150.97", "EUR")
    assert SUITE.name in finding["text"] and "2025-09" in finding["text"] and "2025-10" in finding["text"]
    assert month.state == "balanced" and month.document("C-1")["posting"]["state"] != "held"
    with_sheets(alpha, ("2025-10", "16.00"))
    month = alpha.sync("2025-10")
    assert month.line("C-1", kind="advance")["amount"] == "144.00" and "price_sheet_old" not in month.codes


def test_a_month_whose_sheet_says_nothing_new_is_known_all_the_same(alpha: Partner) -> None:
    with_sheets(alpha, ("2025-09", "15.00"))
    publishes(alpha, "2025-10", seat("15.00"))
    answer = pull(alpha, "2025-10").json
    assert (answer["added"], answer["changed"], answer["unchanged"]) == (0, 0, 1) and answer["change_set"]
    assert "price_sheet_old" not in alpha.sync("2025-10").codes


def test_a_list_price_of_ones_own_has_no_month_and_comes_first(alpha: Partner) -> None:
    with_sheets(alpha, ("2025-09", "15.00"))
    alpha.list_price(SUITE.product_id, SUITE.sku_id, "20.00", term="P1Y", billing="Monthly")
    month = alpha.sync("2025-10")
    assert month.line("C-1", kind="advance")["amount"] == "180.00" and "price_sheet_old" not in month.codes
    assert len(known(alpha)) == 1


def test_other_segments_and_higher_tiers_are_left_out(alpha: Partner) -> None:
    header = "ProductId,SkuId,TermDuration,BillingPlan,Market,Currency,UnitPrice,PricingTierRangeMin"
    spans = "2/1/2019 12:00:00 AM,11/30/9999 11:59:59 PM"
    text = f"{header},EffectiveStartDate,EffectiveEndDate,ERP Price,Segment\n" + "".join(
        f"{SUITE.product_id},{SUITE.sku_id},P1Y,Monthly,DE,EUR,1.00,{tier},{spans},{price},{segment}\n"
        for tier, price, segment in (
            ("", "3.00", "Education"),
            ("", "15.00", "Commercial"),
            ("101", "4.00", "Commercial"),
        )
    )
    order = {"market": "DE", "view": "updatedlicensebased", "month": "202510", "text": text}
    alpha.microsoft.control("POST", "/pricesheets", order)
    assert pull(alpha, "2025-10").json["skipped"] == 2
    assert alpha.sync("2025-10").line("C-1", kind="advance")["amount"] == "135.00"


# ---- Azure


@pytest.fixture
def metered(partner: Partner) -> Partner:
    """29 hours of a machine for 21.39 USD, and a customer who pays in USD."""
    partner.microsoft.clear_faults()
    partner.microsoft.control("DELETE", "/pricesheets")
    partner.is_billed(month_of([consumed(ALPHA, "21.39", "29", currency="USD")]))
    partner.has_customer("C-1", ALPHA.tenant_id)
    return partner


def pull_azure(partner: Partner, *rows: Json) -> None:
    publishes(partner, "2025-10", *rows, view="azure_consumption")
    pull(partner, "2025-10", "--view", "azure_consumption")


def test_a_discount_on_a_meter_is_per_unit(metered: Partner) -> None:
    """0.868 less 10 % is 0.7812; 29 hours are 22.6548."""
    pull_azure(metered, meter("0.868"))
    metered.price("discount", "10", currency="USD", **USAGE)
    assert metered.sync("2025-10").net("C-1", "USD") == "22.65"


def test_a_discount_for_everything_does_not_touch_a_meter(metered: Partner) -> None:
    """interfaces.md 5.5: a price per unit on usage needs product and sku."""
    pull_azure(metered, meter("0.868"))
    metered.price("discount", "10", currency="USD")
    metered.price("discount", "10", currency="USD", product_id=MACHINE.product_id)
    assert metered.sync("2025-10", status=1).finding("price_missing")["amount"] == "21.39"


def test_a_meter_in_tiers_has_no_single_list_price(metered: Partner) -> None:
    """Its first 5 hours are free, and the first tier's 0.00 is not the price of 29."""
    pull_azure(
        metered,
        meter("0", PricingTierRangeMin="0", PricingTierRangeMax="5"),
        meter("0.868", PricingTierRangeMin="5"),
        meter("1", SkuId="0ABC"),
    )
    metered.price("discount", "10", currency="USD", **USAGE)
    assert metered.sync("2025-10", status=1).finding("list_price_missing")["amount"] == "21.39"


def test_azure_prices_are_in_dollars_whatever_the_market(metered: Partner) -> None:
    metered.is_billed(month_of([consumed(ALPHA, "21.39", "29")]))
    pull_azure(metered, meter("0.868"))
    metered.price("discount", "10", **USAGE)
    assert metered.sync("2025-10", status=1).finding("list_price_missing")["amount"] == "21.39"


# ---- what held stays


@pytest.mark.parametrize("order", ["older first", "newer first", "middle last"])
def test_each_month_has_its_own_price_in_whatever_order_sheets_come(alpha: Partner, order: str) -> None:
    """Microsoft says 15.00 in October, 16.00 in November, 17.00 in December, each time "since 2019"."""
    alpha.is_billed(months_of(month_of(ten_to_fourteen()), later("2025-11"), later("2025-12")))
    october, november, december = ("2025-10", "15.00"), ("2025-11", "16.00"), ("2025-12", "17.00")
    with_sheets(
        alpha,
        *{
            "older first": (october, november, december),
            "newer first": (december, november, october),
            "middle last": (december, october, november),
        }[order],
    )
    nets = [alpha.sync(period).line("C-1", kind="advance")["amount"] for period in ("2025-10", "2025-11", "2025-12")]
    assert nets == ["135.00", "144.00", "153.00"]


def test_a_price_that_a_later_sheet_no_longer_holds_has_ended(alpha: Partner) -> None:
    alpha.is_billed(months_of(month_of(ten_to_fourteen()), later("2025-11")))
    with_sheets(alpha, ("2025-10", "15.00"))
    publishes(alpha, "2025-11", seat("9.00", SkuId="0999"))
    pull(alpha, "2025-11")
    assert alpha.sync("2025-10").line("C-1", kind="advance")["amount"] == "135.00"
    november: Month = alpha.sync("2025-11", status=1)
    assert november.finding("list_price_missing")["amount"] == "120.00"


def test_an_end_that_microsoft_sets_later_is_taken(alpha: Partner) -> None:
    """From 15 October 16.00, with the old price ended at that midnight; the cycle's day is the 1st."""
    with_sheets(alpha, ("2025-09", "15.00"))
    publishes(
        alpha,
        "2025-10",
        seat("15.00", EffectiveEndDate="10/15/2025 12:00:00 AM"),
        seat("16.00", EffectiveStartDate="10/15/2025 12:00:00 AM"),
    )
    pull(alpha, "2025-10")
    assert prices(alpha) == [("15.00", "2019-02-01", "2025-10-14", "2025-09"), ("16.00", "2025-10-15", "", "2025-10")]
    assert alpha.sync("2025-10").line("C-1", kind="advance")["amount"] == "135.00"


def test_what_was_known_at_a_change_set_can_be_read_again(alpha: Partner) -> None:
    with_sheets(alpha, ("2025-10", "15.00"))
    before = known(alpha)[0]["change_set"]
    with_sheets(alpha, ("2025-10", "16.00"))
    assert [price for price, *_ in prices(alpha, before)] == ["15.00"]
    assert [price for price, *_ in prices(alpha)] == ["16.00"]


def prices(partner: Partner, as_of: int | None = None) -> list[tuple[str, str, str, str]]:
    """(price, first day, last day, month of the sheet) of what is known of the seats."""
    engine = open_engine(partner.settings["DATABASE_URL"])
    with reading(engine) as connection:
        rows = decisions.list_prices(connection, as_of, [SUITE.product_id.lower()])
    engine.dispose()
    return sorted((str(r.price), str(r.valid_from or ""), str(r.valid_to or ""), r.month) for r in rows)


# ---- kept


def test_a_sheet_is_kept_with_its_fingerprint_and_its_change_set(alpha: Partner) -> None:
    publishes(alpha, "2025-10", seat("15.00"))
    answer = pull(alpha, "2025-10").json
    (sheet,) = known(alpha)
    (path,) = raw_files(alpha)
    assert (sheet["month"], sheet["market"], sheet["view"]) == ("2025-10", "DE", "updatedlicensebased")
    assert (sheet["rows"], sheet["change_set"]) == (1, answer["change_set"])
    assert sheet["raw_file"] == answer["raw"]["file"] == path.relative_to(alpha.folder / "raw").as_posix()
    assert answer["raw"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    engine = open_engine(alpha.settings["DATABASE_URL"])
    with reading(engine) as connection:
        kept = connection.execute(select(imports).where(imports.c.no == sheet["change_set"])).one()
    engine.dispose()
    assert (kept.kind, kept.who) == ("list-prices", getpass.getuser())
    assert kept.why == "price sheet updatedlicensebased DE of 2025-10, fetched from Microsoft"


def test_the_same_sheet_again_changes_nothing(alpha: Partner) -> None:
    with_sheets(alpha, ("2025-10", "15.00"))
    sheets, files = known(alpha), raw_files(alpha)
    again = pull(alpha, "2025-10").json
    assert (again["added"], again["changed"], again["removed"], again["change_set"]) == (0, 0, 0, None)
    assert (known(alpha), raw_files(alpha)) == (sheets, files)


def test_a_dry_run_keeps_nothing(alpha: Partner) -> None:
    publishes(alpha, "2025-10", seat("15.00"))
    answer = pull(alpha, "2025-10", "--dry-run").json
    assert (answer["added"], answer["change_set"]) == (1, None)
    assert (known(alpha), raw_files(alpha)) == ([], [])


def test_a_file_of_a_month_is_the_same_as_a_pull(alpha: Partner) -> None:
    with_sheets(alpha, ("2025-10", "15.00"))
    (packed,) = raw_files(alpha)
    path = alpha.folder / "sheet.csv"
    with zipfile.ZipFile(packed) as archive:
        path.write_bytes(archive.read(archive.namelist()[0]))
    answer = alpha.run("import", "list-prices", str(path), "--month", "2025-10", "--json").json
    assert (answer["added"], answer["changed"], answer["change_set"]) == (0, 0, None)
    assert answer["price_sheet"]["month"] == "2025-10"
    other = alpha.run("import", "list-prices", str(path), "--month", "2025-11", "--json").json
    assert (other["added"], other["unchanged"]) == (0, 1) and len(known(alpha)) == 2


def test_another_market_does_not_overwrite(alpha: Partner) -> None:
    """Germany and France both sell in EUR."""
    with_sheets(alpha, ("2025-10", "15.00"))
    publishes(alpha, "2025-10", seat("17.00"), market="FR")
    refused = pull(alpha, "2025-10", market="FR", status=1).json
    assert refused["errors"][0]["column"] == "Market" and "--replace" in refused["errors"][0]["text"]
    assert [price for price, *_ in prices(alpha)] == ["15.00"]


def test_changing_over_to_another_market_forgets_the_first(alpha: Partner) -> None:
    with_sheets(alpha, ("2025-09", "14.00"), ("2025-10", "15.00"))
    publishes(alpha, "2025-10", seat("17.00"), market="FR")
    pull(alpha, "2025-10", market="FR", status=1)
    (packed,) = (path for path in raw_files(alpha) if "-FR-" in path.name)
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(alpha.folder)
    file = str(alpha.folder / "sheets.csv")
    assert alpha.run("import", "list-prices", file, "--month", "2025-10", "--replace", "--json").status == 0
    assert [(sheet["market"], sheet["month"]) for sheet in known(alpha)] == [("FR", "2025-10")]
    assert prices(alpha) == [("17.00", "2019-02-01", "", "2025-10")]


def test_replacing_ones_own_list_prices_leaves_sheets_alone(alpha: Partner) -> None:
    with_sheets(alpha, ("2025-10", "15.00"))
    alpha.list_price("P", "S", "1.00")
    own = alpha.folder / "own.csv"
    own.write_text("product_id,currency,price\nQ,EUR,2.00\n")
    answer = alpha.run("import", "list-prices", str(own), "--replace", "--json").json
    assert (answer["added"], answer["removed"]) == (1, 1)
    assert [price for price, *_ in prices(alpha)] == ["15.00", "2.00"] and len(known(alpha)) == 1


def test_taking_a_sheet_back_forgets_that_it_was_known(alpha: Partner) -> None:
    with_sheets(alpha, ("2025-09", "14.00"), ("2025-10", "15.00"))
    undone = alpha.run("changes", "undo", str(known(alpha)[0]["change_set"]), "--why", "wrong sheet", "--json")
    assert undone.status == 0, undone.prose + undone.text
    assert [sheet["month"] for sheet in known(alpha)] == ["2025-09"]
    assert alpha.sync("2025-10").finding("price_sheet_old")["amount"] == "150.97"


def test_the_market_is_asked_once(alpha: Partner) -> None:
    asked = alpha.run("list-prices", "pull", "--month", "2025-10", "--json")
    assert asked.status == 2 and "--market" in asked.json["error"]["action"]
    with_sheets(alpha, ("2025-09", "15.00"))
    assert alpha.run("list-prices", "pull", "--month", "2025-10", "--json").json["price_sheet"]["market"] == "DE"


# ---- refused


def test_a_sheet_that_does_not_come_whole_changes_nothing(alpha: Partner) -> None:
    publishes(alpha, "2025-10", seat("15.00"))
    # what is cut on every try is tried four times (tests/sources/test_price_sheets.py); this ends at once
    alpha.microsoft.fault("pricing", "throttle", retry_after=3600)
    refused = pull(alpha, "2025-10", status=3)
    assert refused.json["error"]["code"] == "throttled" and known(alpha) == [] and raw_files(alpha) == []
    alpha.microsoft.fault("pricing", "no_rows")
    refused = pull(alpha, "2025-10", status=1)
    assert refused.json["error"]["code"] == "price_sheet_empty" and known(alpha) == [] and raw_files(alpha) == []


def test_a_sheet_with_a_bad_row_changes_nothing(alpha: Partner) -> None:
    publishes(alpha, "2025-10", seat("15.00"), seat("much", SkuId="0002"))
    refused = pull(alpha, "2025-10", status=1).json
    assert [(e["row"], e["column"]) for e in refused["errors"]] == [(3, "ERP Price")]
    assert known(alpha) == []


def test_a_month_to_come_and_no_user_are_told(alpha: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    assert alpha.run("list-prices", "pull", "--market", "DE", "--month", "2999-01", "--json").status == 2
    monkeypatch.setitem(alpha.microsoft.facts["settings"], "MICROSOFT_REFRESH_TOKEN", "")
    told = alpha.run("list-prices", "pull", "--market", "DE", "--json")
    assert told.status == 2 and told.json["error"]["code"] == "refresh_token_needed"


# ---- exchange rates


def test_rates_go_from_a_currency_to_dollars_and_never_back(partner: Partner) -> None:
    """One EUR is 1.0853212100000001 USD: 120.00 EUR are 130.2385 USD. The other way round nothing is known."""
    dollars = seats(BETA, currency="USD").charge("cycleCharge", 10)
    partner.is_billed(month_of([seats().charge("cycleCharge", 10), dollars]))
    partner.has_customer("C-1", ALPHA.tenant_id, currency="USD")
    partner.has_customer("C-2", BETA.tenant_id, currency="EUR")
    partner.price("passthrough")
    pulled = partner.run("rates", "pull", "--month", "2025-10", "--json")
    assert pulled.status == 0 and pulled.json["added"] == 4, pulled.text
    month = partner.sync("2025-10", status=1)
    assert month.net("C-1", "USD") == "130.24"
    assert (month.finding("rate_missing")["amount"], month.finding("rate_missing")["currency"]) == ("120.00", "USD")
    again = partner.run("rates", "pull", "--month", "2025-10", "--json").json
    assert (again["added"], again["changed"], again["change_set"]) == (0, 0, None)


def test_a_file_of_rates_needs_its_month(partner: Partner) -> None:
    """samples/fxrates.csv tells the year only."""
    path = partner.folder / "fx.csv"
    path.write_text('"CurrencyCode","USDPerUnit","Month"\n"AED","0.27224589249009701","2019"\n')
    assert partner.run("import", "rates", str(path), "--json").json["errors"][0]["column"] == "Month"
    assert partner.run("import", "rates", str(path), "--month", "2019-09", "--json").json["added"] == 1
    engine = open_engine(partner.settings["DATABASE_URL"])
    with reading(engine) as connection:
        ((key, (rate,)),) = decisions.rates(connection).items()
    engine.dispose()
    assert (key, str(rate.day), rate.rate) == (("AED", "USD"), "2019-09-01", Decimal("0.27224589249009701"))


def test_a_large_sheet_is_one_change_set(alpha: Partner) -> None:
    """3,000 rows, and only what is new of the next month's is written."""
    order = {"market": "DE", "view": "updatedlicensebased", "count": 3_000}
    for month in ("202509", "202510"):
        alpha.microsoft.control("POST", "/pricesheets", {**order, "month": month})
    assert pull(alpha, "2025-09").json["added"] == 3_000
    answer = pull(alpha, "2025-10").json
    assert (answer["added"], answer["unchanged"]) == (0, 3_000)
    assert len(json.dumps(answer)) < 100_000
