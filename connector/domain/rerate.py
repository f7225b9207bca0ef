"""What stands issued against what would be charged now, reconciliation line by reconciliation line.

Pure: the frozen documents net of what was taken back on one side, a computation with today's prices, links and lines on
the other, differences with their reasons out. What stands plus the differences is exactly what was computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from connector.domain.documents import Calculation, Part, RuleUsed
from connector.domain.money import exact_text, plain_text, total

Key = tuple[str, str]
"""Organisation and currency: what has a document of its own."""
_Share = tuple[str, str]
"""Reconciliation line and split: a line divided over cost centres stands on a document several times."""

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Issued:
    """What frozen documents of a period have invoiced so far for one reconciliation line, or one share of it."""

    organisation: str
    currency: str
    revision: int
    part: Part
    document: str = ""
    document_line: str = ""

    @property
    def key(self) -> Key:
        return self.organisation, self.currency


@dataclass(frozen=True, slots=True)
class Fate:
    """Where a line ends or ended that stands on no document: `voided` and `gone` with its vendor invoice."""

    outcome: Literal["unmatched", "not_charged", "voided", "gone"]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One line whose amount is another now. `before` None: it was not charged there; `after` None: it no longer is."""

    organisation: str
    currency: str
    before: Issued | None
    after: Part | None
    why: str

    @property
    def part(self) -> Part:
        part = self.after if self.before is None else self.before.part
        assert part is not None
        return part

    @property
    def invoiced(self) -> Decimal:
        return self.before.part.amount if self.before else NOTHING

    @property
    def now(self) -> Decimal:
        return self.after.amount if self.after else NOTHING

    @property
    def amount(self) -> Decimal:
        """What the customer owes besides what he was invoiced; negative: what he gets back."""
        return self.now - self.invoiced


@dataclass(frozen=True, slots=True)
class Undecided:
    """A line that was issued and now has no customer or no price. Nobody gets money back because a price is missing:
    what was issued stands until a person has decided."""

    issued: Issued
    why: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences of a period, by organisation, currency and line."""

    differences: tuple[Difference, ...]
    undecided: tuple[Undecided, ...]

    def totals(self) -> dict[str, Decimal]:
        """The sum of the differences by currency."""
        sums: dict[str, list[Decimal]] = {}
        for difference in self.differences:
            sums.setdefault(difference.currency, []).append(difference.amount)
        return {currency: total(amounts) for currency, amounts in sorted(sums.items())}

    def by_document(self) -> dict[Key, list[Difference]]:
        found: dict[Key, list[Difference]] = {}
        for difference in self.differences:
            found.setdefault((difference.organisation, difference.currency), []).append(difference)
        return found


def compare(
    issued: Iterable[Issued],
    now: Mapping[Key, Sequence[Part]],
    fates: Mapping[str, Fate],
    earlier: Mapping[str, Fate],
) -> Comparison:
    """`now`: what would be charged, by organisation and currency. `fates`: where lines that are charged nowhere now
    end, by line; `earlier`: where lines that were charged nowhere ended when the period was priced."""
    before = {(item.key, _share(item.part)): item for item in issued}
    after = {(key, _share(part)): part for key, parts in now.items() for part in parts}
    was = _homes((share[0], key) for key, share in before)
    will = _homes((share[0], key) for key, share in after)
    differences, undecided = [], []
    for key, share in sorted(before.keys() | after.keys()):
        old, new, line_id = before.get((key, share)), after.get((key, share)), share[0]
        fate = fates.get(line_id)
        if old is not None and fate is not None and fate.outcome == "unmatched":
            undecided.append(Undecided(old, fate.note or "no customer or no price"))
            continue
        if (old.part.amount if old else NOTHING) == (new.amount if new else NOTHING):
            continue
        if old is not None and new is not None:
            why = _changed(old.part, new)
        elif old is not None:
            why = _left(old, will.get(line_id, ()), fate)
        else:
            assert new is not None
            why = _came(new, key, was.get(line_id, ()), earlier.get(line_id))
        differences.append(Difference(*key, old, new, why))
    return Comparison(tuple(differences), tuple(undecided))


def reversal(item: Issued, text: str, sentence: str = "") -> Part:
    """The part that takes back what was issued: it names the line whose charge it takes back (product.md, behaviour
    6). `text` says why in the calculation, `sentence` to the customer."""
    amount = item.part.amount
    return replace(
        item.part,
        amount=-amount,
        calculation=Calculation("multiply", (Fraction(-1), Fraction(amount)), Fraction(-amount), text),
        before=(),
        cost=-item.part.cost,
        reversal=True,
        reverses=item.part.line_id,
        sentence=sentence,
    )


def corrected(differences: Iterable[Difference]) -> list[Part]:
    """The parts of a correction: per line what was issued, taken back, and what it is now."""
    parts = []
    for difference in differences:
        if difference.before is not None:
            parts.append(_taken_back(difference.before, difference.why))
        if difference.after is not None:
            parts.append(difference.after)
    return parts


def _taken_back(item: Issued, why: str) -> Part:
    text = f"takes back what revision {item.revision} charged: "
    if why.startswith(_VOIDED):
        return reversal(item, text + "Microsoft voided its invoice")
    word = "credit" if item.part.amount < 0 else "charge"
    return reversal(item, text + "it was corrected", f"This {word} of an earlier invoice was corrected.")


_VOIDED = "Microsoft voided its invoice"


def _share(part: Part) -> _Share:
    return part.line_id, part.split


def _homes(pairs: Iterable[tuple[str, Key]]) -> dict[str, tuple[Key, ...]]:
    found: dict[str, list[Key]] = {}
    for line_id, key in pairs:
        if key not in found.setdefault(line_id, []):
            found[line_id].append(key)
    return {line_id: tuple(keys) for line_id, keys in found.items()}


def _changed(old: Part, new: Part) -> str:
    """What is not as it was, in the order in which an amount is made."""
    pairs = [
        ("quantity", plain_text(old.quantity), plain_text(new.quantity)),
        ("days", str(old.days or ""), str(new.days or "")),
        ("price rule", _rule(old.rule), _rule(new.rule)),
        ("unit price", _price(old), _price(new)),
        ("rate", _rate(old), _rate(new)),
        ("Microsoft's charge", _cost(old), _cost(new)),
    ]
    found = [f"{what}: {was or 'none'} -> {now or 'none'}" for what, was, now in pairs if was != now]
    return "; ".join(found) or "it is calculated otherwise now"


def _rule(rule: RuleUsed | None) -> str:
    return "" if rule is None else f"{rule.name} ({rule.level.replace('_', ' ')}, version {rule.version})"


def _price(part: Part) -> str:
    return "" if part.unit_price is None else exact_text(part.unit_price)


def _rate(part: Part) -> str:
    return "" if part.rate is None else f"{plain_text(part.rate)} of {part.rate_date}"


def _cost(part: Part) -> str:
    return f"{plain_text(part.cost)} {part.cost_currency}".strip()


def _left(old: Issued, homes: Sequence[Key], fate: Fate | None) -> str:
    others = [key for key in homes if key != old.key]
    if others:
        organisation, currency = others[0]
        if organisation != old.organisation:
            return f"link: {old.organisation} -> {organisation}"
        return f"currency: {old.currency} -> {currency}"
    if homes:
        return "it is divided otherwise now"
    if not old.part.invoice_id:
        return "this service is no longer charged"
    if fate is None or fate.outcome == "gone":
        return f"it no longer stands on Microsoft's invoice {old.part.invoice_id}"
    if fate.outcome == "voided":
        return f"{_VOIDED} {old.part.invoice_id}"
    return f"not charged now: {fate.note}" if fate.note else "not charged now"


def _came(new: Part, key: Key, homes: Sequence[Key], earlier: Fate | None) -> str:
    others = [home for home in homes if home != key]
    if others:
        organisation, currency = others[0]
        return f"link: {organisation} -> {key[0]}" if organisation != key[0] else f"currency: {currency} -> {key[1]}"
    if homes:
        return "it is divided otherwise now"
    if not new.invoice_id:
        return "this service was not charged before"
    if earlier is None:
        return f"new: invoice {new.invoice_id} of Microsoft came later"
    if earlier.outcome == "unmatched":
        return "newly matched: it had no customer or no price"
    return f"it was not charged before{': ' + earlier.note if earlier.note else ''}"
