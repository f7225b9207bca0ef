"""Services of the partner's own beside Microsoft's lines (interfaces.md 5.11)."""

from __future__ import annotations

from tests.months import checks
from tests.months.billed import ALPHA, BETA, month_of, seats, ten_to_fourteen
from tests.months.partner import Month, Partner


def _service(code: str, price: str, **columns: str) -> dict[str, str]:
    kind = columns.pop("kind", "recurring")
    billing = {"billing": "monthly"} if kind == "recurring" else {}
    row = {"organisation": "C-1", "code": code, "name": f"Service {code}", "kind": kind, "price": price}
    return {**row, "currency": "EUR", "valid_from": "2025-01-01", **billing, **columns}


def _october(partner: Partner, *services: dict[str, str]) -> Month:
    partner.is_billed(month_of(ten_to_fourteen()))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.has_customer("C-2")
    partner.price("fixed", "20.90")
    partner.imports("services", *services)
    month = partner.sync("2025-10")
    checks.assert_adds_up(month, partner)
    return month


def _charged(month: Month, organisation: str = "C-1") -> dict[str, str]:
    return {line["product_id"]: line["amount"] for line in month.lines(organisation, kind="service")}


def test_services_are_charged_beside_the_seats(partner: Partner) -> None:
    month = _october(
        partner,
        _service("SUPPORT", "99.00", quantity="2"),
        _service("HALF", "99.00", proration="days", valid_from="2025-10-15"),
        _service("WHOLE", "99.00", valid_from="2025-10-31"),
        _service("OVER", "99.00", valid_to="2025-09-30"),
        _service("SETUP", "250.00", kind="one_off", valid_from="2025-10-15"),
        _service("LATER", "250.00", kind="one_off", valid_from="2025-11-01"),
        _service("DOMAIN", "12.00", billing="annual", valid_from="2023-10-31"),
        _service("OTHERMONTH", "12.00", billing="annual", valid_from="2023-09-30"),
        _service("THANKS", "-20.00"),
    )
    assert _charged(month) == {
        "SUPPORT": "198.00",
        "HALF": "54.29",  # 17 of 31 days
        "WHOLE": "99.00",
        "SETUP": "250.00",
        "DOMAIN": "12.00",
        "THANKS": "-20.00",
    }
    # 262.93 of seats
    assert month.net("C-1") == "856.22" and month.document("C-1")["cost_total"] == "150.97"
    assert month.balance()["invoiced_cost"] == "150.97", "a service costs nothing at Microsoft"


def test_a_service_alone_makes_a_document_of_its_own(partner: Partner) -> None:
    month = _october(partner, _service("SUPPORT", "99.00", organisation="C-2"))
    assert _charged(month, "C-2") == {"SUPPORT": "99.00"} and month.net("C-2") == "99.00"
    month_in_chf = partner.run("import", "services", str(_in_francs(partner)), "--json")
    assert month_in_chf.status == 0
    month = partner.sync("2025-10")
    assert month.net("C-1", "CHF") == "10.00" and month.net("C-1") == "262.93"


def _in_francs(partner: Partner) -> object:
    row = {**_service("FRANCS", "10.00"), "currency": "CHF"}
    path = partner.folder / "francs.csv"
    path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n", encoding="utf-8")
    return path


def test_a_year_begins_only_on_a_day_on_which_the_service_holds(partner: Partner) -> None:
    """A year of support from 15 October 2024 to 14 October 2025 is one year, not two."""
    year = {"billing": "annual", "valid_from": "2024-10-15"}
    month = _october(
        partner,
        _service("OVER", "120.00", valid_to="2025-10-14", **year),
        _service("ONEMORE", "120.00", valid_to="2025-10-15", **year),
    )
    assert _charged(month) == {"ONEMORE": "120.00"}
    assert "15 October 2025 to 14 October 2026" in month.line("C-1", kind="service")["text"]


def test_a_service_for_all_is_charged_to_whoever_microsoft_charged_in_its_currency(partner: Partner) -> None:
    partner.is_billed(month_of([*ten_to_fourteen(), seats(BETA, currency="USD").charge("cycleCharge", 3)]))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.has_customer("C-2", BETA.tenant_id)
    partner.has_customer("C-3")
    partner.price("passthrough")
    partner.imports("services", {**_service("CARE", "12.50"), "organisation": "*"})
    month = partner.sync("2025-10")
    checks.assert_adds_up(month, partner)
    assert _charged(month) == {"CARE": "12.50"}
    assert {(d["organisation"], d["currency"]) for d in month.documents} == {("C-1", "EUR"), ("C-2", "USD")}
    assert not month.lines("C-2", "USD", kind="service"), "the service is in EUR, the document in USD"


def test_a_service_of_its_own_takes_the_place_of_the_one_for_all(partner: Partner) -> None:
    partner.is_billed(month_of([*ten_to_fourteen(), seats(BETA).charge("cycleCharge", 3)]))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.has_customer("C-2", BETA.tenant_id)
    partner.price("passthrough")
    partner.imports(
        "services",
        {**_service("CARE", "12.50"), "organisation": "*"},
        _service("CARE", "9.00"),
        _service("CARE", "5.00", organisation="C-2", valid_to="2025-09-30"),
    )
    month = partner.sync("2025-10")
    assert _charged(month) == {"CARE": "9.00"} and _charged(month, "C-2") == {"CARE": "12.50"}


def test_an_explanation_of_a_service_recalculates(partner: Partner) -> None:
    month = _october(partner, _service("HALF", "99.00", proration="days", valid_from="2025-10-15"))
    tree = month.explain(month.line("C-1", kind="service"))
    assert tree["steps"][0]["operands"] == ["99", "1", "17/31"] and tree["recalculated"] == "54.29"
