"""Tried and changed prices as data: the JSON of `what-if` and of `prices change`. Amounts are strings."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connector.domain.money import amount_text, plain_text, total
from connector.flows.bulk_change import Plan
from connector.flows.what_if import ClosedSums, Comparison, Month, MovedLine
from mappings.bulk_spans import Proposal
from mappings.decided import content_of, key_text, rule_id
from mappings.pricelist import PriceRule

Json = dict[str, Any]


def comparison(found: Comparison, names: Mapping[str, str], most_customers: int) -> Json:
    """Sums per currency and period, the customers that move most, and the lines that gain or lose their price."""
    moves = sorted(
        (
            (abs(after - before), organisation, currency, before, after)
            for (organisation, currency), (before, after) in found.customers().items()
            if after != before
        ),
        key=lambda move: (-move[0], move[1], move[2]),
    )
    return {
        "totals": [_sums(*key, sums) for key, sums in found.totals().items()],
        "periods": [_month(month) for month in found.months],
        "customers_moved": len(moves),
        "customers": [
            {
                "organisation": organisation,
                "name": names.get(organisation, ""),
                "currency": currency,
                **_pair("revenue", (before, after), currency),
            }
            for _, organisation, currency, before, after in moves[:most_customers]
        ],
        "newly_matched": _moved([month.newly_matched for month in found.months]),
        "newly_matched_lines": sum(month.newly_matched_count for month in found.months),
        "newly_unmatched": _moved([month.newly_unmatched for month in found.months]),
        "newly_unmatched_lines": sum(month.newly_unmatched_count for month in found.months),
    }


def plan(made: Plan, names: Mapping[str, str], most_customers: int) -> Json:
    """A change of prices, rule by rule, and what it does to the newest priced month."""
    actions = ("changed", "carried", "left", "refused")
    return {
        "change": made.wish.words(),
        "selection": made.wish.selected(),
        "from": made.day.isoformat(),
        "applied": made.change_set is not None,
        "change_set": made.change_set,
        "made_before": made.before,
        "token": made.token[:12],
        "counts": {action: sum(each.action == action for each in made.proposals) for action in actions},
        "rules": [_proposal(each) for each in made.proposals],
        "effect": comparison(made.effect, names, most_customers) if made.effect else None,
    }


def _proposal(each: Proposal) -> Json:
    return {
        "action": each.action,
        "rule": key_text(each.old),
        "rule_id": rule_id(each.old),
        "old": _rule(each.old),
        "new": [_rule(rule) for rule in each.new],
        "why": each.why,
    }


def _rule(rule: PriceRule) -> Json:
    return {
        "kind": rule.kind,
        "value": dict(content_of(rule))["value"],
        "currency": rule.currency,
        "valid_from": rule.valid_from.isoformat() if rule.valid_from else None,
        "valid_to": rule.valid_to.isoformat() if rule.valid_to else None,
    }


def _month(month: Month) -> Json:
    revenue: dict[str, list[Decimal]] = {}
    for (currency, _), sums in month.sums.items():
        revenue.setdefault(currency, []).append(sums.revenue[0])
    return {
        "period": month.period,
        "state": month.state,
        "totals": [_sums(*key, sums) for key, sums in month.sums.items()],
        "unmatched": [
            {"currency": currency, "before": amount_text(pair[0], currency), "after": amount_text(pair[1], currency)}
            for currency, pair in month.unmatched.items()
        ],
        # where today's decisions give another amount than what stands on the documents
        "on_documents": [
            {"currency": currency, "amount": amount_text(amount, currency)}
            for currency, amount in sorted(month.on_documents.items())
            if amount != total(revenue.get(currency, []))
        ],
    }


def _sums(currency: str, cost_currency: str, sums: ClosedSums) -> Json:
    """A margin only where sales and costs are in one currency: of two nobody can take one from the other."""
    view: Json = {"currency": currency, "cost_currency": cost_currency}
    view |= _pair("revenue", sums.revenue, currency)
    view |= _pair("cost", sums.cost, cost_currency)
    if currency == cost_currency:
        view |= _pair("margin", (_less(sums, 0), _less(sums, 1)), currency)
    view |= {
        "below_cost_lines_before": sums.below_cost_lines[0],
        "below_cost_lines_after": sums.below_cost_lines[1],
        "below_cost_before": amount_text(sums.below_cost[0], cost_currency),
        "below_cost_after": amount_text(sums.below_cost[1], cost_currency),
    }
    return view


def _less(sums: ClosedSums, side: int) -> Decimal:
    return total([sums.revenue[side], sums.cost[side].copy_negate()])


def _pair(name: str, pair: tuple[Decimal, Decimal], currency: str) -> Json:
    before, after = pair
    return {
        f"{name}_before": amount_text(before, currency),
        f"{name}_after": amount_text(after, currency),
        f"{name}_change": amount_text(total([after, before.copy_negate()]), currency),
    }


def _moved(groups: list[list[MovedLine]]) -> list[Json]:
    return [
        {
            "period": line.period,
            "line_id": line.line_id,
            "organisation": line.organisation,
            "product": line.product,
            "cost": plain_text(line.cost),
            "currency": line.currency,
            "code": line.code,
        }
        for group in groups
        for line in group
    ]
