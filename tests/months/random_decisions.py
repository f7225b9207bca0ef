"""What a partner decided, for a random month: rows of import files, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random

from tests.months.random_lines import LEGACY_METER, LEGACY_OFFER, METERED, PRODUCTS, Month, tenant
from tests.months.reference import Decisions, Row, column

_IDS = (*PRODUCTS, METERED, (LEGACY_OFFER, ""), (LEGACY_METER, ""))
_CURRENCIES = ("EUR", "EUR", "USD", "JPY", "KWD", "CHF")
NOT_IN_KEY = ("value", "valid_to", "note")
PRICE_COLUMNS = (
    *("organisation", "product_id", "sku_id", "term", "billing", "subscription_id", "kind", "value", "currency"),
    *("valid_from", "valid_to", "offer", "note"),
)


def decisions(month: Month, tenants: int) -> Decisions:
    """Organisations, links, prices, list prices, rates and services that have a chance to meet the lines."""
    random = month.random
    codes = [f"C-{no}" for no in range(1, random.randint(1, 3) + 1)]
    decided = Decisions(
        organisations=[
            {
                "code": code,
                "name": f"Customer {code}",
                "currency": random.choice(("", "", "", *_CURRENCIES)),
                "global_offers": random.choice(("", "", "undercut")),
            }
            for code in codes
        ],
        links=[row for no in range(1, tenants + 1) for row in _links(month, tenant(no), codes)],
    )
    currencies = {row["currency"] for row in decided.organisations} - {""} | {"EUR"}
    subscriptions = sorted({str(line["SubscriptionId"]) for line in month.lines} - {""})
    products = [(str(line["ProductId"]), str(line["SkuId"])) for line in month.lines] or list(_IDS)
    rules = [_price(month, codes, sorted(currencies), subscriptions, products) for _ in range(random.randint(2, 14))]
    if random.random() < 0.7:
        kind = random.choice(("passthrough", "markup", "margin"))
        rules.append({"organisation": "*", "kind": kind, "value": "" if kind == "passthrough" else _percent(random)})
    decided.prices = _once(rules, [name for name in PRICE_COLUMNS if name not in NOT_IN_KEY])
    decided.list_prices = _once(
        [_list_price(month, sorted(currencies), products) for _ in range(random.randint(0, 9))],
        ("product_id", "sku_id", "term", "billing", "currency", "valid_from"),
    )
    decided.rates = _once(list(_rates(month, sorted(currencies))), ("date", "from", "to"))
    decided.services = _once(
        [_service(month, codes, no) for no in range(random.choice((0, 0, 1, 2)))],
        ("organisation", "code", "valid_from"),
    )
    return decided


def _once(rows: Sequence[Row], key: Sequence[str]) -> list[Row]:
    """What a file may hold once: the first of each key."""
    return list({tuple(column(row, name).lower() for name in key): row for row in reversed(rows)}.values())[::-1]


def _links(month: Month, tenant_id: str, codes: Sequence[str]) -> Iterator[Row]:
    """Always linked, moved within the month, linked from a day on, or not at all."""
    random, code = month.random, month.random.choice(codes)
    how = random.choices(("always", "moved", "later", "never"), weights=(14, 3, 2, 1))[0]
    day = month.day()
    if how == "always":
        yield {"tenant_id": tenant_id.upper(), "organisation": code}
    elif how == "later":
        yield {"tenant_id": tenant_id, "organisation": code, "valid_from": day.isoformat()}
    elif how == "moved":
        before = (day - timedelta(days=1)).isoformat()
        yield {"tenant_id": tenant_id, "organisation": code, "valid_to": before}
        yield {"tenant_id": tenant_id, "organisation": random.choice(codes), "valid_from": day.isoformat()}


def _price(
    month: Month,
    codes: Sequence[str],
    currencies: Sequence[str],
    subscriptions: Sequence[str],
    products: Sequence[tuple[str, str]],
) -> Row:
    random = month.random
    kinds = ("fixed", "fixed", "fixed", "tiered", "tiered", "discount", "discount", "markup", "margin", "passthrough")
    kind = random.choice((*kinds, "none")) if random.random() < 0.5 else random.choice(kinds)
    product, sku = random.choice((("", ""), ("", ""), ("*", ""), *_IDS, *products, *products))
    values = {"fixed": _money(random), "passthrough": "", "none": "", "tiered": _tiers(random)}
    begin, end = _span(month)
    return {
        "organisation": random.choice(("*", *codes)),
        "product_id": product.upper() if random.random() < 0.5 else product,
        "sku_id": sku if random.random() < 0.5 else "",
        "term": random.choice(("", "", "", "", "*", "P1M", "P1Y", "P3Y")),
        "billing": random.choice(("", "", "", "*", "Monthly", "annual")),
        "subscription_id": random.choice(subscriptions) if subscriptions and random.random() < 0.25 else "",
        "kind": kind,
        "value": values[kind] if kind in values else _percent(random),
        "currency": random.choice(currencies) if kind in ("fixed", "tiered", "discount") else "",
        "valid_from": begin,
        "valid_to": end,
        "offer": random.choice(("", "", "yes")),
        "note": "agreed in writing" if kind == "none" else "",
    }


def _span(month: Month) -> tuple[str, str]:
    """Valid always, or from and to days around the period, so that some begin and end within a cycle."""
    random = month.random
    days = sorted(month.day(_before(month), month.last).isoformat() for _ in range(2))
    return random.choice((days[0], "", "")), random.choice((days[1], "", "", "", ""))


def _before(month: Month) -> date:
    return month.first - timedelta(days=month.random.choice((20, 45, 400)))


def _list_price(month: Month, currencies: Sequence[str], products: Sequence[tuple[str, str]]) -> Row:
    random = month.random
    product, sku = random.choice((*_IDS, *products, *products))
    begin, end = _span(month)
    return {
        "product_id": product,
        "sku_id": sku if random.random() < 0.7 else "",
        "term": random.choice(("", "", "P1M", "P1Y")),
        "billing": random.choice(("", "", "Monthly", "Annual")),
        "currency": random.choice(currencies),
        "price": _money(random),
        "valid_from": begin,
        "valid_to": end,
    }


def _rates(month: Month, currencies: Sequence[str]) -> Iterator[Row]:
    """Most pairs have one before the invoice's date, some a newer one, some only one that is too late."""
    random = month.random
    for from_ in ("EUR", "USD", "JPY"):
        for to in currencies:
            if from_ == to or random.random() < 0.2:
                continue
            for _ in range(random.choice((1, 1, 2, 3))):
                day = month.last + timedelta(days=random.randint(-40, 12))
                rate = f"{random.choice((0.004, 0.9, 1.1, 160)) * random.uniform(0.8, 1.2):.9f}"
                yield {"date": day.isoformat(), "from": from_, "to": to, "rate": rate}


def _service(month: Month, codes: Sequence[str], no: int) -> Row:
    random = month.random
    kind = random.choice(("recurring", "recurring", "one_off"))
    begin = month.day(month.first - timedelta(days=random.choice((0, 0, 40, 1500))), month.last)
    if random.random() < 0.2:
        begin = date(begin.year // 4 * 4, 2, 29)
    end = month.day(max(begin, month.first - timedelta(days=10)), month.last + timedelta(days=40))
    return {
        "organisation": random.choice(codes),
        "code": f"S-{no}",
        "name": f"Service {no}",
        "kind": kind,
        "price": _money(random) if random.random() < 0.8 else f"-{_money(random)}",
        "currency": random.choice(_CURRENCIES),
        "quantity": random.choice(("", "1", "2.5", "3")),
        "billing": random.choice(("monthly", "monthly", "annual")) if kind == "recurring" else "",
        "proration": random.choice(("", "none", "days", "days")),
        "valid_from": begin.isoformat(),
        "valid_to": end.isoformat() if end >= begin and random.random() < 0.4 else "",
    }


def _money(random: Random) -> str:
    return f"{random.randint(0, 300)}.{random.randint(0, 999):03d}"


def _percent(random: Random) -> str:
    return f"{random.choice((-1, 1, 1)) * random.randint(0, 89)}.{random.randint(0, 99):02d}"


def _tiers(random: Random) -> str:
    second = random.randint(2, 40)
    tiers = [f"{random.choice((0, 1, 1))}:{_money(random)}", f"{second}:{_money(random)}"]
    return ";".join([*tiers, f"{second + random.randint(1, 400)}:{_money(random)}"][: random.randint(1, 3)])
