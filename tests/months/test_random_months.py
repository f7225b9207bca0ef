"""Random months, calculated twice (random_months.py). `make months MONTHS=10000` does many more."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path

import pytest

from tests.months import checks, reference_month
from tests.months.partner import Partner
from tests.months.random_lines import Raw
from tests.months.random_months import RandomMonth, differs, from_json, generate, shrunk
from tests.standins.microsoft.attributes import RECONCILIATION

KEPT = sorted((Path(__file__).parent / "regressions").glob("*.json"))
_MONTHS = 250
_CHUNK = 50
# months that go through stand-in, database and command line too
_WHOLE_WAY = (7, 28, 46, 60)


@pytest.mark.parametrize("first", range(1, _MONTHS + 1, _CHUNK))
def test_both_calculators_agree_on_random_months(first: int) -> None:
    for seed in range(first, first + _CHUNK):
        found = differs(generate(seed))
        assert not found, f"{found[0]}\nalone: .venv/bin/python -m tests.months.random_months --seed {seed}"


@pytest.mark.parametrize(
    "name", ["delivered", "reference", "reference_cycles", "reference_month", "random_lines", "random_legacy"]
)
def test_the_second_calculator_shares_no_code_with_the_product(name: str) -> None:
    tree = ast.parse((Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8"))
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert imported and not [each for each in imported if each.split(".")[0] in ("connector", "mappings", "webhooks")]


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.stem)
def test_a_kept_month_stays_green(kept: Path) -> None:
    assert differs(from_json(kept.read_text(encoding="utf-8"))) == []


def test_a_red_month_shrinks_to_the_lines_it_takes() -> None:
    month = generate(1)
    wanted = month.invoices[0].lines[-1]

    def fails(each: RandomMonth) -> bool:
        return any(line is wanted for invoice in each.invoices for line in invoice.lines)

    small = shrunk(month, fails)
    assert [invoice.lines for invoice in small.invoices] == [[wanted]]
    assert not (small.earlier or small.decided.prices or small.decided.links)


@pytest.mark.parametrize("seed", _WHOLE_WAY)
def test_a_random_month_goes_the_whole_way(partner: Partner, seed: int) -> None:
    """From Microsoft's interfaces over import files to `sync` and `explain`, with the same second calculation."""
    month = generate(seed)
    partner.is_billed(_served(month))
    for kind in ("organisations", "links", "rates", "services"):
        rows = getattr(month.decided, kind)
        if rows:
            partner.imports(kind, *rows)
    if month.decided.list_prices:
        partner.imports("list-prices", *month.decided.list_prices)
    half = len(month.decided.prices) // 2
    for rows in (month.decided.prices[:half], month.decided.prices[half:]):
        if rows:
            partner.imports("prices", *rows)
    before = _period_before(month.period)
    partner.run("sync", before, "--no-push", "--json")
    wanted = reference_month.expected(partner.billed, month.period, month.decided)
    unmatched = any(place.outcome == "unmatched" for place in wanted.places)
    found = partner.sync(month.period, status=1 if unmatched else 0)
    checks.assert_adds_up(found, partner)
    checks.assert_as_expected(found, wanted)


def _period_before(period: str) -> str:
    first = date.fromisoformat(f"{period}-01")
    return f"{first.year - 1}-12" if first.month == 1 else f"{first.year}-{first.month - 1:02d}"


def _served(month: RandomMonth) -> dict[str, object]:
    """The month as the stand-in serves it; what was charged earlier is on an invoice of the month before."""
    invoices: list[dict[str, object]] = []
    for invoice in month.invoices:
        kind = {"new_commerce": "reconciliation", "legacy_license": "office", "legacy_usage": "azure"}
        lines = [_whole(line) if invoice.platform == "new_commerce" else _legacy(line) for line in invoice.lines]
        invoices.append(
            {
                "id": invoice.id,
                "period": month.period,
                "currencyCode": invoice.currency,
                "invoiceDate": f"{invoice.date}T00:00:00Z",
                kind[invoice.platform]: lines,
            }
        )
    for currency in sorted({str(line["Currency"]) for line in month.earlier}):
        number = f"G9{currency:0>8}"
        lines = [_whole(line) | {"InvoiceNumber": number} for line in month.earlier if line["Currency"] == currency]
        invoices.append(
            {
                "id": number,
                "period": _period_before(month.period),
                "currencyCode": currency,
                "reconciliation": lines,
            }
        )
    tenants = sorted({str(row["tenant_id"]).lower() for row in month.decided.links})
    return {
        "period": month.period,
        "customers": [
            {"id": each, "companyName": "Customer", "domain": "", "country": "DE", "relationshipToPartner": "reseller"}
            for each in tenants
        ],
        "invoices": invoices,
    }


def _whole(line: Raw) -> Raw:
    shown = {name: value for name, value in line.items() if not name.startswith("_")}
    return dict.fromkeys(RECONCILIATION, "") | shown | {"Total": shown["Subtotal"] + shown["TaxTotal"]}


def _legacy(line: Raw) -> Raw:
    cost = line.get("subtotal", line.get("pretaxCharges"))
    return line | {"totalForCustomer": cost, "postTaxTotal": cost}
