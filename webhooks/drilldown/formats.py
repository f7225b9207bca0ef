"""How numbers and dates look to a reader.

The pages' words are English for now; only numbers and dates follow the reader's language, and each date says
which language it is in.

Babel shows, it never computes: the digits of a currency come from ISO 4217, where Babel's own data differs.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal
from markupsafe import Markup

from connector.domain.money import cut, minor_units, round_half_away
from connector.domain.period import BillingPeriod

LANGUAGES = ("en", "de", "fr", "nl", "sv")
_LOCALES = {
    "en": Locale("en", "GB"),
    **{language: Locale(language) for language in LANGUAGES if language != "en"},
}
_EXACT_PLACES = 6


class Formats:
    """One reader's language and one document's currency.

    >>> Formats("de", "EUR").amount(Decimal("-1234.5"))
    '-1.234,50'
    """

    def __init__(self, language: str, currency: str) -> None:
        self.language = language
        self.currency = currency
        self._locale = _LOCALES[language]
        self._digits = minor_units(currency)

    def amount(self, amount: Decimal) -> str:
        """An amount with exactly its currency's digits; a digit more only where the amount has one."""
        return self._number(amount, max(self._digits, _places(amount)))

    def money(self, amount: Decimal) -> str:
        """An amount and its currency, which never stand on two lines."""
        return f"{self.amount(amount)}\N{NO-BREAK SPACE}{self.currency}"

    def term(self, amount: Decimal, first: bool) -> str:
        """An amount inside a sum.

        >>> Formats("en", "EUR").term(Decimal("188.77"), first=False)
        '+ 188.77'
        """
        return self.amount(amount) if first else f"{'-' if amount < 0 else '+'} {self.amount(abs(amount))}"

    def quantity(self, quantity: Decimal) -> str:
        """As many digits as there are."""
        return self._number(quantity, _places(quantity))

    def exact(self, value: Fraction) -> str:
        """An exact value, cut where it has no end.

        >>> Formats("en", "EUR").exact(Fraction(-4180, 31))
        '-134.838709…'
        """
        shown = cut(value, _EXACT_PLACES)
        if shown == value:
            return self._number(shown, max(self._digits, _places(shown)))
        return ("" if shown or value > 0 else "-") + self._number(shown, _EXACT_PLACES) + "…"

    def price(self, value: Fraction, places: int) -> str:
        """A price with at least its currency's digits and at most `places`."""
        shown = round_half_away(value, places)
        return self._number(shown, max(self._digits, _places(shown)))

    def day(self, day: date) -> Markup:
        return self._time(day, format_date(day, "medium", locale=self._locale))

    def short_day(self, day: date) -> str:
        """For the axis of a chart."""
        return str(format_skeleton("MMMd", day, locale=self._locale))

    def span(self, start: date | None, end: date | None) -> Markup:
        """From the first day to the last, both included; nothing where neither is known."""
        days = [day for day in (start, end) if day is not None]
        return Markup(" to ").join(self.day(day) for day in dict.fromkeys(days))

    def month(self, period: str) -> Markup:
        """A period in words, which are English as the words around them."""
        first = BillingPeriod.parse(period).first_day()
        text = format_skeleton("yMMMM", first, locale=_LOCALES["en"])
        return Markup('<time datetime="{}">{}</time>').format(period, text)

    def _time(self, day: date, text: str) -> Markup:
        return Markup('<time datetime="{}" lang="{}">{}</time>').format(day.isoformat(), self.language, text)

    def _number(self, number: Decimal, places: int) -> str:
        pattern = "#,##0" + ("." + "0" * places if places else "")
        with localcontext() as context:
            # the default context of 28 digits refuses longer numbers
            context.prec = 100
            text = format_decimal(number, format=pattern, locale=self._locale, decimal_quantization=False)
        return text if number else text.lstrip("-\N{MINUS SIGN}")


def _places(number: Decimal) -> int:
    """Digits after the point, without trailing zeros."""
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).rstrip("0")
    return max(0, -exponent - (len(digits) - len(text))) if text else 0
