"""What must hold for every month: sums add up, explanations compute, and all is as the reference says."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tests.months.reference import GroupKey, Place, level_of, rounded
from tests.months.reference_month import Expected

if TYPE_CHECKING:
    from tests.months.partner import Month, Partner

Json = dict[str, Any]


def assert_adds_up(month: Month, partner: Partner) -> None:
    """Documents = their lines = their parts = a second calculation; cost = balance; again = the same bytes."""
    for document in month.documents:
        lines, currency = document["lines"], document["currency"]
        assert money(document["net_total"]) == sum(money(line["amount"]) for line in lines)
        assert document["kind"] == ("credit_note" if money(document["net_total"]) < 0 else "invoice")
        if document["cost_currency"]:
            assert money(document["cost_total"]) == sum(money(line["cost"]) for line in lines)
        for line in lines:
            assert money(line["quantity"]) * money(line["unit_price"]) == money(line["amount"]), line["text"]
            _assert_explained(month.explain(line), line, currency)
    for balance in month.view["balance"]:
        _assert_balance(balance, month)
    shown = partner.run("month", "show", month.period, "--json").json
    assert shown == {name: month.view[name] for name in shown}
    assert partner.run("sync", month.period, "--no-push", "--json").text == month.text, "a second run changes nothing"
    verified = partner.run("verify", "--json")
    assert verified.json["ok"], [i for i in verified.json["invariants"] if not i["ok"]]


def _assert_explained(tree: Json, line: Json, currency: str) -> None:
    parts, steps = tree["parts"], tree["steps"]
    assert tree["amount"] == line["amount"] and tree["currency"] == currency
    assert len(parts) == line["detail_lines"]
    assert sum(money(part["amount"]) for part in parts) == money(line["amount"])
    assert sum(money(part["cost"]) for part in parts) == money(line["cost"])
    for part in parts:
        assert rounded(Fraction(part["exact"]), currency) == money(part["amount"])
        _assert_taken_back(part)
    told = tree["reasons"]
    assert told and all(reason["kind"] and reason["text"] for reason in told)
    assert {part["detail_line"] for part in parts} <= {line for reason in told for line in reason["lines"]}
    assert evaluated(steps, currency) == money(line["amount"])


def _assert_taken_back(part: Json) -> None:
    """Behaviour 6: each negative part names a line that exists, or says why it names none."""
    named, nothing = [charge["detail_line"] for charge in part["reversed"]], part["reverses_nothing"]
    if part["reverses"]:
        assert named[0] == part["reverses"] and nothing is None
        assert all(charge["vendor_invoice"] or charge["document"] for charge in part["reversed"])
    elif money(part["amount"]) < 0:
        assert named == [] and nothing["code"] and nothing["text"], part
    else:
        assert named == [] and nothing is None


def evaluated(steps: list[Json], currency: str) -> Decimal:
    """The amount out of the tree of reasons alone: each step holds, each is rounded once, the last adds them up."""
    operations = {
        "multiply": _product,
        "divide": lambda v: v[0] / v[1],
        "add": sum,
        "split": lambda v: _shares(v[0], v[2:], currency)[int(v[1]) - 1],
    }
    before = [earlier for step in steps for earlier in step.get("before", ())]
    for step in [*before, *steps]:
        value = Fraction(operations[step["op"]]([Fraction(operand) for operand in step["operands"]]))
        assert value == Fraction(step["exact"]), step
        if not step["rounded"]:
            continue
        assert rounded(value, currency) == money(step["rounded"]), step
    assert steps[-1]["operands"] == [step["rounded"] for step in steps[:-1]]
    return money(steps[-1]["rounded"])


def _shares(amount: Fraction, weights: list[Fraction], currency: str) -> list[Fraction]:
    """Largest remainder: each share cut to the smallest coin, the coins left over to the largest rests in turn."""
    coin = Fraction(1, {"JPY": 1, "KWD": 1000}.get(currency, 100))
    exact = [abs(amount) * weight / sum(weights) for weight in weights]
    cut = [value // coin * coin for value in exact]
    order = sorted(range(len(exact)), key=lambda place: cut[place] - exact[place])
    for place in order[: int((abs(amount) - sum(cut)) / coin)]:
        cut[place] += coin
    return [value if amount >= 0 else -value for value in cut]


def _product(values: list[Fraction]) -> Fraction:
    result = Fraction(1)
    for value in values:
        result *= value
    return result


def _assert_balance(balance: Json, month: Month) -> None:
    currency = balance["currency"]
    places = [money(balance[name]) for name in ("invoiced_cost", "unmatched", "not_charged")]
    difference = money(balance["difference"])
    assert money(balance["vendor_total"]) == sum(places) + difference
    if month.state in ("balanced", "unmatched", "pushed"):
        assert difference == sum(money(reason["amount"]) for reason in balance["reasons"])
    costs = (line["cost"] for d in month.documents for line in d["lines"] if line["cost_currency"] == currency)
    assert sum(map(money, costs)) == money(balance["invoiced_cost"])


def assert_as_expected(month: Month, wanted: Expected) -> None:
    """Every amount, day, rule and unmatched cent is what the reference says."""
    documents = {(d["organisation"], d["currency"]): _by_group(d["lines"]) for d in month.documents}
    expected_documents = wanted.documents()
    assert documents.keys() == expected_documents.keys()
    nets = {(d["organisation"], d["currency"]): money(d["net_total"]) for d in month.documents}
    assert nets == wanted.net_totals()
    for document in month.documents:
        services = {
            line["product_id"]: money(line["amount"]) for line in document["lines"] if line["kind"] == "service"
        }
        assert services == wanted.services_of((document["organisation"], document["currency"]))
    for key, lines in expected_documents.items():
        assert documents[key].keys() == lines.keys()
        for group, places in lines.items():
            _assert_line(month, documents[key][group], places, key[1])
    for currency, sums in wanted.balance.items():
        found = month.balance(currency)
        assert Fraction(found["vendor_total"]) == sums.vendor_total
        assert Fraction(found["invoiced_cost"]) == sums.invoiced
        assert Fraction(found["unmatched"]) == sums.unmatched
        assert Fraction(found["not_charged"]) == sums.not_charged
    assert len(month.view["balance"]) == len(wanted.balance)
    found_money: dict[tuple[str, str], Fraction] = {}
    for finding in month.view["findings"]:
        key = (finding["code"], finding["currency"])
        found_money[key] = found_money.get(key, Fraction(0)) + Fraction(finding["amount"])
    for key, amount in wanted.findings().items():
        assert found_money[key] == amount, key


def _by_group(lines: list[Json]) -> dict[GroupKey, Json]:
    groups = {
        (line["subscription_id"], line["product_id"].lower(), line["sku_id"], line["kind"]): line
        for line in lines
        if line["kind"] != "service"
    }
    assert len(groups) == sum(line["kind"] != "service" for line in lines), "one summary line per group"
    return groups


def _assert_line(month: Month, line: Json, places: list[Place], currency: str) -> None:
    assert money(line["amount"]) == sum(place.amount for place in places), line["text"]
    assert Fraction(line["cost"]) == sum(place.charge.subtotal for place in places)
    tree = month.explain(line)
    assert Counter(map(_part, tree["parts"])) == Counter(map(_expected_part, places))
    rules = {(level_of(place.rule), place.rule["kind"]) for place in places if place.rule is not None}
    assert (tree["price"]["level"], tree["price"]["rule"].split()[0]) in rules


def _part(part: Json) -> tuple[Any, ...]:
    return (
        part["charge_type"],
        part["start"],
        part["end"],
        part["days"],
        part["cycle_days"],
        Fraction(part["quantity"]),
        Fraction(part["exact"]),
        money(part["amount"]),
    )


def _expected_part(place: Place) -> tuple[Any, ...]:
    charge = place.charge
    return (
        charge.charge_type,
        charge.start.isoformat() if charge.start else None,
        charge.end.isoformat() if charge.end else None,
        place.days,
        place.cycle_days,
        charge.quantity,
        place.exact,
        place.amount,
    )


def money(text: str) -> Decimal:
    return Decimal(text)
