"""Lines of old-style invoices for a random month (legacy.md): licences and 145P usage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from tests.months.random_lines import LEGACY_METER, LEGACY_OFFER, Month, Raw, cut, stamp
from tests.months.reference_cycles import days, months_later


def legacy_story(month: Month, tenant_id: str, currency: str) -> Iterator[Raw]:
    """Credit of the whole period, its days told again, and the next period in advance (legacy.md section 3)."""
    random = month.random
    start = months_later(month.first, -random.randint(1, 20)).replace(day=random.randint(1, 28))
    turns = (month.first.year - start.year) * 12 + month.first.month - start.month
    begin, following = months_later(start, turns - 1), months_later(start, turns)
    price = Decimal(random.randint(100, 3000)) / 100
    common = {
        "customerId": tenant_id.upper(),
        "syndicationPartnerSubscriptionNumber": f"1F58ACD7-{month.number():04d}",
        "durableOfferId": LEGACY_OFFER,
        "offerName": "OFFICE 365 BUSINESS PREMIUM",
        "currency": currency,
        "billingCycleType": random.choice(("MONTHLY", "Monthly")),
        "subscriptionStartDate": stamp(start) if random.random() < 0.8 else None,
        "subscriptionEndDate": stamp(months_later(start, 12) - timedelta(days=1)),
        "orderDate": stamp(start),
        "tax": 0,
        "unitPrice": price,
    }

    def line(kind: str, first: date, last: date, quantity: int, sign: int = 1) -> Raw:
        part = Fraction(days(first, last), days(begin, following - timedelta(days=1)))
        whole = kind in ("CYCLE FEE", "Cycle fee") or sign < 0
        amount = cut(sign * Fraction(price) * quantity * (1 if whole else part), currency)
        return common | {
            "chargeType": kind,
            "chargeStartDate": stamp(first),
            "chargeEndDate": stamp(last),
            "quantity": quantity,
            "unitPrice": price * sign,
            "subtotal": amount,
        }

    held = random.randint(1, 40)
    end = following - timedelta(days=1)
    if random.random() < 0.7:
        yield line("Cycle instance prorate", begin, end, held, -1)
        day = begin
        while day <= end:
            until = min(end, day + timedelta(days=random.randint(3, 31)))
            yield line("Cycle instance prorate", day, until, held)
            held, day = random.randint(1, 40), until + timedelta(days=1)
    if random.random() < 0.15:
        yield line(random.choice(("Cancel fee", "PRORATE_FEES_WHEN_CANCEL")), month.day(begin, end), end, held, -1)
    else:
        yield line(
            random.choice(("CYCLE FEE", "Cycle fee")), following, months_later(start, turns + 1) - timedelta(1), held
        )
    if random.random() < 0.2:
        yield line("OFFSET A LINE ITEM", begin, end, 1, -1)
    if random.random() < 0.1:
        yield line(random.choice(("Activation discount", "Activation fee")), begin, end, 1)


def legacy_usage(month: Month, tenant_id: str, currency: str) -> Raw:
    cost = Decimal(month.random.randint(-100, 90000)) / 100
    return {
        "chargeType": "ASSESS USAGE FEE FOR CURRENT CYCLE",
        "customerId": tenant_id,
        "subscriptionId": "145b0000-0000-4000-8000-000000000000",
        "resourceGuid": LEGACY_METER,
        "serviceName": "Virtual Machines",
        "resourceName": "Compute Hours",
        "currency": currency,
        "pretaxCharges": cut(Fraction(cost), currency),
        "taxAmount": 0,
        "pretaxEffectiveRate": "0.123456789012345",
        "overageQuantity": Decimal(month.random.randint(0, 10**9)) / 10**6,
        "chargeStartDate": stamp(month.first),
        "chargeEndDate": stamp(month.last),
        "billingCycleType": "Monthly",
    }
