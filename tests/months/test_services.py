"""Services of the partner's own beside Microsoft's lines (interfaces.md 5.11)."""

from __future__ import annotations

from tests.months import checks
from tests.months.billed import ALPHA, month_of, ten_to_fourteen
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
