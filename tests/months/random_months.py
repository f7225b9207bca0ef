"""Thousands of random months, each calculated twice: by the product and by the reference, to the cent.

`make months MONTHS=10000`, or one alone: `python -m tests.months.random_months --seed 4711`. A month on which the two
differ is shrunk to the few lines and rows that it takes, and printed so that it can be kept in regressions/.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from connector.domain.documents import Document
from connector.domain.lines import ReconciliationLine
from connector.domain.reversals import find_reversed
from tests.months.in_process import Computed, Invoice, compute
from tests.months.random_decisions import decisions
from tests.months.random_legacy import legacy_story, legacy_usage
from tests.months.random_lines import Month, Raw, odd_line, seat_story, tenant
from tests.months.reference import Decisions, GroupKey, Place, from_licence, from_metered, from_reconciliation, rounded
from tests.months.reference_cycles import share_of
from tests.months.reference_month import Delivery, Expected, expected_of

OUTPUT = Path("build") / "months.json"
_READERS = {"new_commerce": from_reconciliation, "legacy_license": from_licence, "legacy_usage": from_metered}
_COMPARED = (
    "tenant_unlinked",
    "price_missing",
    "list_price_missing",
    "rate_missing",
    "free_line",
    "charge_type_unknown",
)


@dataclass(frozen=True)
class RandomMonth:
    """All that both calculators get."""

    period: str
    invoices: list[Invoice]
    earlier: list[Raw]
    decided: Decisions


def generate(seed: int) -> RandomMonth:
    """A small month out of a seed: one to three tenants, some ten to thirty lines."""
    random = Random(seed)
    first = date(random.randint(2019, 2028), random.choice((1, 2, 2, 3, *range(1, 13))), 1)
    month = Month(random, first)
    tenants = random.randint(1, 3)
    for no in range(1, tenants + 1):
        for _ in range(random.randint(1, 3)):
            month.lines += seat_story(month, tenant(no), random.choice(("EUR", "EUR", "EUR", "USD", "JPY")))
        for _ in range(random.randint(0, 3)):
            month.lines.append(odd_line(month, tenant(no), random.choice(("EUR", "EUR", "EUR", "USD"))))
    legacy: list[Raw] = []
    metered: list[Raw] = []
    if random.random() < 0.3:
        legacy += legacy_story(month, tenant(random.randint(1, tenants)), "EUR")
    if random.random() < 0.15:
        metered.append(legacy_usage(month, tenant(random.randint(1, tenants)), "EUR"))
    if random.random() < 0.2 and len(month.lines) > 1:
        month.lines.pop(random.randrange(len(month.lines)))
    random.shuffle(month.lines)
    invoiced = (month.last + timedelta(days=random.randint(1, 10))).isoformat()
    return RandomMonth(
        f"{first:%Y-%m}",
        list(_invoices(month.lines, legacy, metered, invoiced, month.last.isoformat())),
        month.earlier,
        decisions(month, tenants),
    )


def _invoices(
    lines: Sequence[Raw], legacy: list[Raw], metered: list[Raw], invoiced: str, legacy_invoiced: str
) -> Iterator[Invoice]:
    """One of new commerce per currency, dated after the month; old-style ones are of the month of their date."""
    for no, currency in enumerate(sorted({str(line["Currency"]) for line in lines}), start=1):
        number = f"G{no:09d}"
        mine = [line | {"InvoiceNumber": number} for line in lines if line["Currency"] == currency]
        yield Invoice(number, "new_commerce", currency, invoiced, mine)
    if legacy:
        yield Invoice("D000000001", "legacy_license", "EUR", legacy_invoiced, legacy)
    if metered:
        yield Invoice("D000000002", "legacy_usage", "EUR", legacy_invoiced, metered)


# ---- the comparison


def differences(month: RandomMonth) -> list[str]:
    """Where the two calculators disagree, in words; empty when they agree on everything."""
    wanted = expected_of([_delivery(invoice) for invoice in month.invoices], month.period, month.decided)
    found = compute(month.period, month.invoices, month.earlier, month.decided)
    return [
        *_lines(month, found, wanted),
        *_documents(found, wanted),
        *_sums(found, wanted),
        *_reversals(month, found),
    ]


def _delivery(invoice: Invoice) -> Delivery:
    charges = [_READERS[invoice.platform](raw) for raw in invoice.lines]
    header = sum((charge.subtotal + charge.tax for charge in charges), Fraction(0))
    return Delivery(invoice.currency, header, date.fromisoformat(invoice.date), charges)


def _lines(month: RandomMonth, found: Computed, wanted: Expected) -> Iterator[str]:
    for no, (priced, place) in enumerate(zip(found.priced, wanted.places, strict=True)):
        winner = priced.decision.winner if priced.decision else None
        rule = month.decided.prices[int(winner.id[1:])] if winner else None
        cycle = priced.charged.cycle
        ours = {
            "outcome": priced.outcome,
            "organisation": priced.organisation,
            "amount": (priced.amount, priced.currency) if priced.outcome == "invoiced" else None,
            "exact": priced.exact,
            "cycle": (cycle.begin, cycle.end) if cycle else None,
            "share": priced.charged.share,
            "rule": rule,
            "step": _stepped(priced.step) if priced.step else None,
        }
        theirs = {
            "outcome": place.outcome,
            "organisation": place.organisation,
            "amount": (place.amount, place.currency) if place.outcome == "invoiced" else None,
            "exact": place.exact,
            "cycle": place.cycle,
            "share": share_of(place.charge, place.cycle),
            "rule": place.rule,
            "step": place.exact if place.outcome == "invoiced" else None,
        }
        for name, ours_is in ours.items():
            if ours_is != theirs[name]:
                yield f"line {no} ({place.charge.charge_type}): {name} is {ours_is}, by the reference {theirs[name]}"


def _stepped(step: Any) -> Fraction:
    """The explained step, computed again from its operands."""
    if step.op == "divide":
        return Fraction(step.operands[0] / step.operands[1])
    result = Fraction(step.op == "multiply")
    for operand in step.operands:
        result = result * operand if step.op == "multiply" else result + operand
    return result


def _documents(found: Computed, wanted: Expected) -> Iterator[str]:
    ours = {(document.organisation, document.currency): document for document in found.documents}
    nets = wanted.net_totals()
    if ours.keys() != nets.keys():
        yield f"documents {sorted(ours)}, by the reference {sorted(nets)}"
        return
    for key, document in ours.items():
        if document.net_total != nets[key] or (document.kind == "credit_note") != (nets[key] < 0):
            yield f"document {key}: {document.kind} of {document.net_total}, by the reference {nets[key]}"
        groups, lines = wanted.documents()[key], _by_group(document)
        told = _by_cost_currency(groups)
        if lines != told:
            yield f"document {key}: lines {lines}, by the reference {told}"
        services: dict[str, Decimal] = {}
        for line in document.lines:
            if line.kind == "service":
                services[line.product_id] = services.get(line.product_id, Decimal(0)) + line.amount
        if services != wanted.services_of(key):
            yield f"document {key}: services {services}, by the reference {wanted.services_of(key)}"
        for line in document.lines:
            if sum(part.amount for part in line.parts) != line.amount or line.quantity * line.unit_price != line.amount:
                yield f"document {key}: the line {line.text} does not add up"
            yield from (
                f"document {key}: {part.calculation.exact} is not rounded to {part.amount}"
                for part in line.parts
                if rounded(part.calculation.exact, key[1]) != part.amount
            )


def _by_group(document: Document) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """Amount, cost, currency of the cost and number of parts of each line, by what it is grouped by."""
    return {
        (line.subscription_id, line.product_id.lower(), line.sku_id, line.kind, line.cost_currency): (
            line.amount,
            Fraction(line.cost),
            len(line.parts),
        )
        for line in document.lines
        if line.kind != "service"
    }


def _by_cost_currency(groups: Mapping[GroupKey, Sequence[Place]]) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """A line's cost is one amount: what Microsoft billed in two currencies are two lines (decision 18)."""
    split: dict[tuple[str, ...], list[Place]] = {}
    for group, places in groups.items():
        for place in places:
            split.setdefault((*group, place.charge.currency), []).append(place)
    return {key: _told(places) for key, places in split.items()}


def _told(places: Sequence[Place]) -> tuple[Any, ...]:
    amount = sum((place.amount for place in places), Decimal(0))
    return amount, sum((place.charge.subtotal for place in places), Fraction(0)), len(places)


def _sums(found: Computed, wanted: Expected) -> Iterator[str]:
    for currency, sums in wanted.balance.items():
        told = [Fraction(found.sums.get((currency, name), 0)) for name in ("invoiced", "unmatched", "not_charged")]
        if told != [sums.invoiced, sums.unmatched, sums.not_charged] or sum(told) != sums.vendor_total:
            yield f"balance {currency}: {told}, by the reference {sums}"
    ours: dict[tuple[str, str], Fraction] = {}
    for finding in found.findings:
        if finding.code in _COMPARED:
            key = (finding.code, finding.currency)
            ours[key] = ours.get(key, Fraction(0)) + Fraction(finding.amount)
    if ours != wanted.findings():
        yield f"findings {ours}, by the reference {wanted.findings()}"


def _reversals(month: RandomMonth, found: Computed) -> Iterator[str]:
    """Product.md, behaviour 6: each negative part names an existing charge, or says why not; and the right one."""
    known = {line.id: line for group in found.charges.values() for line in group}
    for line_id, part in found.parts.items():
        line = next(each.line for each in found.priced if each.line.id == line_id)
        reversal = find_reversed(line, found.charges)
        if part.amount < 0 and not reversal.charges and not reversal.why:
            yield f"{line.charge_type} of {part.amount} takes back nothing and does not say why"
        for charge_id in reversal.charges:
            if charge_id not in known or not _may_take_back(line, known[charge_id]):
                yield f"{line.charge_type} {line.charge_start} takes back {known.get(charge_id)}"
    for raw in (raw for invoice in month.invoices for raw in invoice.lines if "_takes_back" in raw):
        line_id, wanted = found.ids[raw["_key"]], found.ids.get(raw["_takes_back"])
        if line_id in found.parts and wanted is not None and found.parts[line_id].reverses != wanted:
            taken = found.parts[line_id].reverses
            yield f"{raw['ChargeType']} of {raw['ChargeStartDate']} takes back {taken}, not {wanted}"


def _may_take_back(credit: ReconciliationLine, charge: ReconciliationLine) -> bool:
    return (
        credit.subscription_id == charge.subscription_id
        and credit.product_id.lower() == charge.product_id.lower()
        and (charge.subtotal or charge.effective_unit_price or 0) > 0
    )


# ---- shrinking


def shrunk(month: RandomMonth, fails: Callable[[RandomMonth], bool]) -> RandomMonth:
    """A smaller month that still fails: lines and rows are left out one by one as long as it does."""
    again = True
    while again:
        again = False
        for smaller in _smaller(month):
            if fails(smaller):
                month, again = smaller, True
                break
    return month


def _smaller(month: RandomMonth) -> Iterator[RandomMonth]:
    for no, invoice in enumerate(month.invoices):
        rest = [*month.invoices[:no], *month.invoices[no + 1 :]]
        yield replace(month, invoices=rest)
        for lines in _one_less(invoice.lines):
            if lines:
                both = [*month.invoices[:no], replace(invoice, lines=lines), *month.invoices[no + 1 :]]
                yield replace(month, invoices=both)
    for earlier in _one_less(month.earlier):
        yield replace(month, earlier=earlier)
    for name in ("prices", "list_prices", "rates", "services", "links"):
        for rows in _one_less(getattr(month.decided, name)):
            yield replace(month, decided=replace(month.decided, **{name: rows}))


def _one_less(items: list[Any]) -> Iterator[list[Any]]:
    return (items[:no] + items[no + 1 :] for no in range(len(items)))


def differs(month: RandomMonth) -> list[str]:
    """As `differences`; a calculator that breaks off disagrees too."""
    try:
        return differences(month)
    except Exception as error:  # noqa: BLE001  # whatever stops a calculator is a disagreement to be shown and shrunk
        return [f"{type(error).__name__}: {error}"]


def as_json(month: RandomMonth) -> str:
    return json.dumps(asdict(month), indent=1, default=str)


def from_json(text: str) -> RandomMonth:
    told = json.loads(text)
    invoices = [Invoice(**invoice) for invoice in told["invoices"]]
    return RandomMonth(told["period"], invoices, told["earlier"], Decisions(**told["decided"]))


# ---- the command


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", type=int, default=1000)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--seed", type=int, help="this one alone, with everything shown")
    parser.add_argument("--until-red", action="store_true", help="stop at the first disagreement")
    asked = parser.parse_args()
    if asked.seed is not None:
        return 0 if _alone(asked.seed) else 1
    red: list[int] = []
    counted: Counter[str] = Counter()
    begun = time.process_time()
    for done, seed in zip(range(1, asked.months + 1), count(asked.first)):
        month = generate(seed)
        counted["lines"] += sum(len(invoice.lines) for invoice in month.invoices)
        counted["months"] += 1
        if differs(month):
            red.append(seed)
            if len(red) <= 3:
                _alone(seed)
            if asked.until_red:
                break
        if done % 1000 == 0:
            print(f"{done} months, {len(red)} disagree", file=sys.stderr, flush=True)
    seconds = time.process_time() - begun
    if not asked.until_red:
        _write(counted, red, seconds)
    print(f"{counted['months']} months, {counted['lines']} lines: {len(red)} disagree {red[:10]}; {seconds:.0f} s CPU")
    return 1 if red else 0


def _alone(seed: int) -> bool:
    month = generate(seed)
    found = differs(month)
    if not found:
        print(f"seed {seed}: both agree")
        return True
    small = shrunk(month, lambda each: bool(differs(each)))
    print(f"seed {seed}: {found[0]}\nshrunk: {differs(small)[0]}\n{as_json(small)}")
    print(f"alone: python -m tests.months.random_months --seed {seed}", flush=True)
    return False


def _write(counted: Counter[str], red: Sequence[int], seconds: float) -> None:
    months = counted["months"]
    rows = [
        ("months on which both calculators agree", months - len(red), "months", str(months), not red),
        ("lines calculated twice", counted["lines"], "lines", "", True),
        ("CPU per month", round(1000 * seconds / max(1, months), 2), "ms", "", True),
    ]
    baseline = "tests/months/reference.py, from interfaces.md section 5 (silences: decision 18)"
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(
        json.dumps(
            [
                {"name": name, "value": value, "unit": unit, "target": target, "held": held, "baseline": baseline}
                | {"runs": 1}
                for name, value, unit, target, held in rows
            ],
            indent=2,
        )
    )


if __name__ == "__main__":
    sys.exit(main())
