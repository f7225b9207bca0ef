"""Daily rated usage: one streaming pass over a blob gives exact sums per plan and product, and, if wanted,
the rows themselves in batches of columns for the store (performance.md, "Architecture").

The fast path decodes a handful of fields with msgspec; every row it is not sure of goes through the same
careful reader as all other interfaces (v1 pages, portal files). Rows that cannot be read are counted, with
their money. The fast path does not look into attributes it does not take, nor see a name that occurs twice in
a row (the last one counts).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow, localcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, cast

import msgspec

from connector.domain.lines import QuarantinedLine, UsageKey
from connector.domain.money import NotANumber, money
from connector.sources.fields import Origin, RecordReader
from connector.sources.raw_lines import (
    BOM,
    NotReadable,
    RawRecord,
    ReadLimits,
    as_id,
    as_moment,
    line_blocks,
    parse_record,
    split_lines,
)

BATCH_ROWS = 32_768
KEPT_SAMPLES = 200
# The store keeps decimal(38, 20): exact for everything the money gate lets in below 10**18.
_PLACES = Decimal((0, (1,), -20))
_STORED = Context(prec=38, traps=[Inexact, InvalidOperation, Overflow])
_SUMS = Context(prec=100, traps=[Inexact, InvalidOperation, Overflow])
_EPOCH = date(1970, 1, 1).toordinal()

# Our field -> attribute names, case-folded, the first that is filled wins (exports.md section 5).
_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "invoice": ("invoicenumber",),
        "tenant": ("customerid",),
        "subscription": ("subscriptionid",),
        "product": ("productid",),
        "sku": ("skuid",),
        "currency": ("billingcurrency", "currency"),
        "day": ("usagedate",),
        "amount": ("billingpretaxtotal",),
        "quantity": ("quantity",),
        "unit": ("unit", "unitofmeasure"),
        "service": ("metercategory",),
        "meter": ("metername",),
        "resource_group": ("resourcegroup",),
        "resource": ("resourceuri",),
        "region": ("meterregion",),
        "location": ("resourcelocation",),
        "entitlement": ("entitlementdescription",),
        "entitlement_id": ("entitlementid",),
        "tags": ("tags",),
    }
)
# 145P: the daily lines carry no money and no currency, only quantities (legacy.md section 5).
_LEGACY_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **_NAMES,
        "product": ("resourceguid",),
        "sku": (),
        "amount": (),
        "quantity": ("consumedquantity",),
        "unit": ("unit",),
        "service": ("servicename",),
        "meter": ("resourcename",),
        "resource_group": (),
        "resource": ("project",),
        "region": ("region",),
        "location": ("meteredregion",),
        "entitlement": ("subscriptionname",),
        "entitlement_id": ("subscriptionid",),
        "tags": (),
    }
)
_SUMMED = ("invoice", "tenant", "subscription", "product", "sku", "currency", "day", "unit")
# tags are no reason to put a row aside, whatever they look like
_TYPES: Mapping[str, Any] = MappingProxyType({"day": str, "amount": Any, "quantity": Any, "tags": Any})
_SHOWN = (
    "service",
    "meter",
    "resource_group",
    "resource",
    "region",
    "location",
    "entitlement",
    "entitlement_id",
    "tags",
)


@dataclass(slots=True)
class UsageSum:
    """What the rows of one key, in one currency, add up to. `unit` is blank where rows differ."""

    number: int
    key: UsageKey
    currency: str
    unit: str
    rows: int = 0
    amount: Decimal = Decimal(0)
    quantity: Decimal = Decimal(0)
    first_day: int = 0
    last_day: int = 0
    """Days since 1970-01-01."""


@dataclass(slots=True)
class UsageBatch:
    """Rows as columns; `numbers` are places in `sums`, `days` count from 1970-01-01."""

    sums: list[UsageSum]
    numbers: list[int] = field(default_factory=list)
    days: list[int] = field(default_factory=list)
    quantities: list[Decimal] = field(default_factory=list)
    amounts: list[Decimal] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    meters: list[str] = field(default_factory=list)
    resource_groups: list[str] = field(default_factory=list)
    resources: list[str] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)
    entitlements: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)


@dataclass(slots=True)
class UsageResult:
    """The sums of one file, and what had to be put aside: how many rows, the readable money per currency, and
    the first of them as samples (the stored file keeps them all)."""

    sums: list[UsageSum] = field(default_factory=list)
    rows: int = 0
    quarantined: int = 0
    quarantined_amounts: dict[str, Decimal] = field(default_factory=dict)
    samples: list[QuarantinedLine] = field(default_factory=list)


class _Row(Protocol):
    """What the decoder makes of one line; numbers are Decimal, int or text as delivered."""

    invoice: str | None
    tenant: str | None
    subscription: str | None
    product: str | None
    sku: str | None
    currency: str | None
    day: str
    unit: str | None
    amount: Any
    quantity: Any
    service: str | None
    meter: str | None
    resource_group: str | None
    resource: str | None
    region: str | None
    location: str | None
    entitlement: str | None
    entitlement_id: str | None
    tags: Any


Sink = Callable[[UsageBatch], None]
_Decode = Callable[[bytes], list[_Row]]


def read_usage_lines(
    path: Path, origin: Origin, sink: Sink | None = None, limits: ReadLimits | None = None
) -> UsageResult:
    """One export blob. With a sink the rows are handed over in batches; without, only the sums are made."""
    collector = _Collector(origin, sink)
    decode: _Decode | None = None
    line_no = 0
    for block in line_blocks(path, limits):
        lines = split_lines(block)
        if not line_no:
            decode = _decoder_for(lines[0], detail=sink is not None)
        if decode is None or not _taken_fast(collector, decode, block, lines, line_no):
            for offset, line in enumerate(lines, start=line_no + 1):
                if line.strip():
                    collector.take_record(parse_record(line, offset))
        line_no += len(lines)
    return collector.finish()


def read_usage_records(records: Iterable[RawRecord], origin: Origin, sink: Sink | None = None) -> UsageResult:
    """The same for records of v1 pages or portal files."""
    collector = _Collector(origin, sink)
    for record in records:
        collector.take_record(record)
    return collector.finish()


def _taken_fast(collector: _Collector, decode: _Decode, block: bytes, lines: list[bytes], before: int) -> bool:
    """Whether a block went through the fast path; if not, nothing of it was counted."""
    if not block.isascii():
        try:
            block.decode("utf-8")
        except UnicodeDecodeError:
            return False
    try:
        rows = decode(block)
    except (msgspec.MsgspecError, RecursionError, ArithmeticError):
        return False
    # two objects on one line, or blank lines: let the careful reader count
    if len(rows) != len(lines):
        return False
    for index in collector.take_rows(rows):
        collector.take_record(parse_record(lines[index], before + index + 1))
    return True


def _decoder_for(first_line: bytes, *, detail: bool) -> _Decode | None:
    """A decoder for exactly the spelling of names that the first line uses, or None if it cannot be told."""
    record = parse_record(first_line, 1)
    if record.fields is None:
        return None
    text = record.raw.removeprefix(BOM).strip()
    try:
        spelled = {name.casefold(): name for name in msgspec.json.decode(text, type=dict[str, Any])}
    except msgspec.MsgspecError:
        return None
    names: dict[str, str] = {}
    for ours in (*_SUMMED, "amount", "quantity", *(_SHOWN if detail else ())):
        found = [spelled[alias] for alias in _NAMES[ours] if alias in spelled]
        if not found:
            if ours in _SHOWN:
                continue
            return None
        names[ours] = found[0]
    # in the order of the file: the decoder looks for the next name where it found the last one
    ordered = sorted(names, key=lambda ours: list(spelled.values()).index(names[ours]))
    definitions: list[Any] = [
        (ours, _TYPES.get(ours, str | None), *((None,) if ours in _SHOWN else ())) for ours in ordered
    ]
    definitions += [(ours, str | None, None) for ours in _SHOWN if detail and ours not in names]
    row = msgspec.defstruct("UsageRow", definitions, rename=names, gc=False, kw_only=True)
    # float_hook sees the digits of a JSON number as text: no binary float is ever made
    decoder = msgspec.json.Decoder(row, float_hook=Decimal)
    return cast(_Decode, decoder.decode_lines)


class _Collector:
    """Sums, batches and quarantine of one file."""

    def __init__(self, origin: Origin, sink: Sink | None) -> None:
        self._origin = origin
        self._sink = sink
        self._names = _LEGACY_NAMES if origin.platform == "legacy_usage" else _NAMES
        self._result = UsageResult()
        self._by_spelling: dict[tuple[str | None, ...], UsageSum | None] = {}
        self._by_key: dict[tuple[UsageKey, str], UsageSum] = {}
        self._days: dict[str, int | None] = {}
        self._sums: list[UsageSum] = []
        self._batch = UsageBatch(self._sums)

    def finish(self) -> UsageResult:
        self._flush()
        self._result.sums = self._sums
        self._result.rows = sum(group.rows for group in self._result.sums)
        return self._result

    def take_rows(self, rows: list[_Row]) -> list[int]:
        """Count decoded rows; returns the places of those the careful reader has to look at."""
        doubtful: list[int] = []
        batch = self._batch if self._sink else None
        spellings, days, quantize, places = self._by_spelling, self._days, _STORED.quantize, _PLACES
        with localcontext(_SUMS):
            for index, row in enumerate(rows):
                spelling = (row.invoice, row.tenant, row.subscription, row.product, row.sku, row.currency)
                try:
                    group = spellings[spelling]
                except KeyError:
                    group = spellings[spelling] = self._group_of(spelling, row.unit)
                try:
                    day = days[row.day]
                except KeyError:
                    day = days[row.day] = _day_number(row.day)
                amount, quantity = row.amount, row.quantity
                try:
                    amount = quantize(amount if type(amount) is Decimal else money(amount), places)
                    quantity = quantize(quantity if type(quantity) is Decimal else money(quantity), places)
                except (NotANumber, DecimalException):
                    day = None
                if group is None or day is None:
                    doubtful.append(index)
                    continue
                group.rows += 1
                group.amount += amount
                group.quantity += quantity
                if day < group.first_day:
                    group.first_day = day
                if day > group.last_day:
                    group.last_day = day
                if row.unit != group.unit:
                    group.unit = _one_unit(group, row.unit)
                if batch is not None:
                    batch.numbers.append(group.number)
                    batch.days.append(day)
                    batch.amounts.append(amount)
                    batch.quantities.append(quantity)
        if batch is not None:
            _add_texts(batch, rows if not doubtful else _without(rows, set(doubtful)))
            if len(batch.numbers) >= BATCH_ROWS:
                self._flush()
        return doubtful

    def take_record(self, record: RawRecord) -> None:
        """Count one record by any spelling of its names, or put it aside."""
        if record.fields is None:
            self._put_aside(record, [record.reason], None, "", "")
            return
        reader = RecordReader(record.fields, self._names)
        tenant, currency = reader.id("tenant").lower(), reader.text("currency").upper()
        amount, quantity = reader.number("amount"), reader.number("quantity")
        if amount is None and not self._names["amount"]:
            amount = Decimal(0)
        elif amount is None and not reader.problems:
            reader.problems.append("the amount is empty")
        if quantity is None and not reader.problems:
            reader.problems.append("no quantity")
        number = reader.text("invoice")
        if not _fits(number, self._origin.invoice_id):
            reader.problems.append(f"belongs to invoice {number!r}, not to {self._origin.invoice_id!r}")
        moment = reader.moment("day")
        if moment is None and not reader.problems:
            reader.problems.append("no usage date")
        try:
            stored = [_STORED.quantize(value or Decimal(0), _PLACES) for value in (amount, quantity)]
        except DecimalException:
            reader.problems.append("a number is too large to be usage")
        texts = {name: reader.text(name) for name in (*_SUMMED, *_SHOWN) if name not in ("day", "tags")}
        if reader.problems or moment is None:
            self._put_aside(record, reader.problems, amount, tenant, currency)
            return
        spelling = (number, tenant, texts["subscription"], texts["product"], texts["sku"], currency)
        day = moment.toordinal() - _EPOCH
        group = self._group_of(spelling, texts["unit"])
        assert group is not None
        group.rows += 1
        group.amount = _SUMS.add(group.amount, stored[0])
        group.quantity = _SUMS.add(group.quantity, stored[1])
        group.first_day, group.last_day = min(group.first_day, day), max(group.last_day, day)
        group.unit = _one_unit(group, texts["unit"])
        if self._sink:
            batch = self._batch
            batch.numbers.append(group.number)
            batch.days.append(day)
            batch.amounts.append(stored[0])
            batch.quantities.append(stored[1])
            _add_texts(batch, [cast(_Row, _TextRow(**texts, tags=reader.raw("tags")))])
            if len(batch.numbers) >= BATCH_ROWS:
                self._flush()

    def _group_of(self, spelling: tuple[str | None, ...], unit: str | None) -> UsageSum | None:
        invoice, tenant, subscription, product, sku, currency = (text or "" for text in spelling)
        if not _fits(invoice, self._origin.invoice_id) or any(text and "\0" in text for text in spelling):
            return None
        key = UsageKey(
            invoice_id=self._origin.invoice_id,
            tenant_id=as_id(tenant.strip()).lower(),
            subscription_id=as_id(subscription.strip()).lower(),
            product_id=as_id(product.strip()),
            sku_id=sku.strip(),
        )
        place = (key, currency.strip().upper())
        group = self._by_key.get(place)
        if group is None:
            group = UsageSum(len(self._sums), *place, unit=unit or "", first_day=10**7, last_day=-(10**7))
            self._by_key[place] = group
            self._sums.append(group)
        return group

    def _put_aside(
        self, record: RawRecord, problems: list[str], amount: Decimal | None, tenant: str, currency: str
    ) -> None:
        result = self._result
        result.quarantined += 1
        if amount is not None:
            result.quarantined_amounts[currency] = _SUMS.add(
                result.quarantined_amounts.get(currency, Decimal(0)), amount
            )
        if len(result.samples) < KEPT_SAMPLES:
            result.samples.append(
                QuarantinedLine(
                    invoice_id=self._origin.invoice_id,
                    file_id=self._origin.file_id,
                    line_no=record.line_no,
                    reason="; ".join(problems),
                    raw=record.raw,
                    subtotal=amount,
                    tax=None,
                    tenant_id=tenant,
                    currency=currency[:20],
                )
            )

    def _flush(self) -> None:
        if self._sink and self._batch.numbers:
            self._sink(self._batch)
            self._batch = UsageBatch(self._sums)


class _TextRow:
    """The texts of a carefully read record, shaped like a decoded row."""

    def __init__(self, **texts: object) -> None:
        self.__dict__.update(texts)


def _add_texts(batch: UsageBatch, rows: list[_Row]) -> None:
    batch.units.extend([row.unit or "" for row in rows])
    batch.services.extend([row.service or "" for row in rows])
    batch.meters.extend([row.meter or "" for row in rows])
    batch.resource_groups.extend([row.resource_group or "" for row in rows])
    # the last part of /subscriptions/.../virtualMachines/vm1 is the name people know
    batch.resources.extend([(row.resource or "").rpartition("/")[2] for row in rows])
    batch.regions.extend([row.region or row.location or "" for row in rows])
    batch.entitlements.extend([row.entitlement or row.entitlement_id or "" for row in rows])
    batch.tags.extend([row.tags if type(row.tags) is str else _tags_text(row.tags) for row in rows])


def _tags_text(tags: object) -> str:
    """Tags as the JSON text that every interface but a lenient one delivers."""
    return json.dumps(tags, ensure_ascii=False, sort_keys=True, default=str) if tags else ""


def _without(rows: list[_Row], places: set[int]) -> list[_Row]:
    return [row for index, row in enumerate(rows) if index not in places]


def _one_unit(group: UsageSum, unit: str | None) -> str:
    return group.unit if (unit or "") == group.unit else ""


def _fits(number: str, invoice_id: str) -> bool:
    """Unbilled rows carry no invoice number."""
    return not number or number.strip().casefold() == invoice_id.casefold()


def _day_number(text: str) -> int | None:
    try:
        moment = as_moment(text)
    except NotReadable:
        return None
    return None if moment is None else moment.date().toordinal() - _EPOCH


def day_of(number: int) -> date:
    """The date of a day counted from 1970-01-01."""
    return date.fromordinal(number + _EPOCH)
