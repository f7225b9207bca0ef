"""Lines and discounts that a person adds to one month by hand, and what of them is refused."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from connector.domain.money import plain_text


@dataclass(frozen=True, slots=True)
class ManualLine:
    """`line`: price x quantity. `discount`: `percent` off what the month's documents of the organisation charge in
    `currency`, for `product_id` alone or ("") for everything but other discounts."""

    organisation: str
    code: str
    text: str
    period: str
    kind: Literal["line", "discount"]
    price: Decimal | None
    quantity: Decimal
    percent: Decimal | None
    currency: str
    product_id: str
    reason: str
    author: str


def wrong_percent(percent: Decimal) -> str:
    """Why a discount's percentage is refused, or "".

    >>> wrong_percent(Decimal(1900))
    'a discount of 1900 percent would be more than the price; did you mean 19?'
    """
    if percent <= 0:
        return "a discount must be more than 0 percent; to charge something add a line"
    if percent <= 100:
        return ""
    meant = percent / 100
    hint = f"; did you mean {plain_text(meant)}?" if meant <= 100 else ""
    return f"a discount of {plain_text(percent)} percent would be more than the price{hint}"
