"""One decoder for every spelling of a reconciliation line: Graph export, v1 (new commerce, licences, 145P
usage) and the portal's files. Same charge, same value, whichever way it came (partner-center/invoices.md,
"Value quirks"; legacy.md).

A line that cannot be understood is returned as a QuarantinedLine, never dropped and never guessed. Attributes
that are not in the tables below are ignored here; the raw file keeps them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType

from connector.domain.charges import folded, kind_of
from connector.domain.lines import LinePlatform, QuarantinedLine, ReconciliationLine
from connector.domain.money import known_currency, plain_text
from connector.sources.raw_lines import (
    NotReadable,
    RawRecord,
    UnreadableFile,
    as_id,
    as_moment,
    as_number,
    as_text,
)

Aliases = Mapping[str, tuple[str, ...]]

# Field of ReconciliationLine -> attribute names, case-folded, the first that is filled wins.
_NEW_COMMERCE: Aliases = MappingProxyType(
    {
        "invoice_number": ("invoicenumber",),
        "charge_type": ("chargetype",),
        "tenant_id": ("customerid",),
        "customer_name": ("customername", "customercompanyname"),
        "customer_domain": ("customerdomainname", "domainname"),
        "subscription_id": ("subscriptionid",),
        "product_id": ("productid",),
        "sku_id": ("skuid",),
        "product_name": ("productname",),
        "sku_name": ("skuname",),
        "currency": ("currency",),
        "subtotal": ("subtotal",),
        "tax": ("taxtotal", "tax"),
        "unit_price": ("unitprice",),
        "effective_unit_price": ("effectiveunitprice",),
        "billable_quantity": ("billablequantity", "quantity"),
        "charge_start": ("chargestartdate",),
        "charge_end": ("chargeenddate",),
        "subscription_start": ("subscriptionstartdate",),
        "subscription_end": ("subscriptionenddate",),
        "billing": ("billingfrequency",),
        "term_text": ("termandbillingcycle",),
        "order_date": ("orderdate",),
        "reference_id": ("referenceid",),
        "meter": ("meterdescription",),
        "availability_id": ("availabilityid",),
        "order_id": ("orderid",),
        "credit_reason": ("creditreasoncode",),
        "promotion_id": ("promotionid",),
        "qualifiers": ("productqualifiers",),
        "reservation_order_id": ("reservationorderid",),
        "adjustment": ("priceadjustmentdescription",),
        "subscription_name": ("subscriptiondescription",),
        "pricing_currency": ("pricingcurrency",),
        "exchange_rate": ("pctobcexchangerate",),
        "exchange_date": ("pctobcexchangeratedate",),
        "unit": ("unittype",),
        "publisher": ("publishername", "providername"),
    }
)
# Licences: syndicationPartnerSubscriptionNumber is the Partner Center subscription and durableOfferId the
# offer of the price list; subscriptionId and offerId belong to the billing platform (legacy.md section 2).
_LEGACY_LICENSE: Aliases = MappingProxyType(
    {
        **_NEW_COMMERCE,
        "subscription_id": ("syndicationpartnersubscriptionnumber", "subscriptionid"),
        "product_id": ("durableofferid",),
        "sku_id": (),
        "product_name": ("offername",),
        "sku_name": (),
        "tax": ("tax", "taxtotal"),
        "effective_unit_price": ("unitprice",),
        "billable_quantity": ("quantity",),
        "billing": ("billingcycletype",),
        "subscription_name": ("subscriptionname", "subscriptiondescription"),
    }
)
# 145P usage: only the monthly lines have money; overage is what is charged (legacy.md section 5).
_LEGACY_USAGE: Aliases = MappingProxyType(
    {
        **_NEW_COMMERCE,
        "customer_name": ("customercompanyname", "customername"),
        "customer_domain": ("domainname", "customerdomainname"),
        "product_id": ("resourceguid",),
        "sku_id": (),
        "product_name": ("servicename", "resourcename"),
        "sku_name": ("resourcename",),
        "subtotal": ("pretaxcharges",),
        "tax": ("taxamount",),
        "unit_price": ("listprice",),
        "effective_unit_price": ("pretaxeffectiverate",),
        "billable_quantity": ("overagequantity", "consumedquantity"),
        "billing": ("billingcycletype",),
        "meter": ("resourcename", "servicename"),
        "subscription_name": ("subscriptionname", "subscriptiondescription"),
        "unit": ("unit",),
    }
)
_ALIASES: Mapping[LinePlatform, Aliases] = MappingProxyType(
    {
        "new_commerce": _NEW_COMMERCE,
        "legacy_license": _LEGACY_LICENSE,
        "legacy_usage": _LEGACY_USAGE,
    }
)
_QUALIFIERS = {"addon": "Add-on", "trial": "Trial"}
# Credits and types we do not know belong to no quantity (invoices.md 3.7) and are taken by amount.
_WITHOUT_QUANTITY = {"credit", "other"}


class MissingMoneyColumn(UnreadableFile):
    """No line of a set has the column with the amount: the set is not what we asked for (fault 49)."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file's lines come from: the invoice asked for, our id of the stored file, the platform."""

    invoice_id: str
    file_id: str
    platform: LinePlatform = "new_commerce"


def decode_set(
    parts: Iterable[tuple[Origin, Iterable[RawRecord]]],
) -> Iterator[ReconciliationLine | QuarantinedLine]:
    """All lines of one downloaded set, with their ids. Streams; memory holds one number per line.

    Raises MissingMoneyColumn at the end if there were readable records and none had the amount's column, so
    consume it inside one transaction.
    """
    ids = LineIds()
    readable = 0
    priced = False
    column = ""
    for origin, records in parts:
        column = _ALIASES[origin.platform]["subtotal"][0]
        for record in records:
            if record.fields is not None:
                readable += 1
                priced = priced or column in record.fields
            line = decode_reconciliation(
                record, invoice_id=origin.invoice_id, file_id=origin.file_id, platform=origin.platform
            )
            yield ids.assign(line) if isinstance(line, ReconciliationLine) else line
    if readable and not priced:
        raise MissingMoneyColumn(
            f"None of the {readable} lines has an amount: the column {column!r} is missing.",
            code="missing_money_column",
            action="The set is not taken. Ask for the full attribute set, or check which file this is.",
        )


def decode_reconciliation(
    record: RawRecord, *, invoice_id: str, file_id: str, platform: LinePlatform = "new_commerce"
) -> ReconciliationLine | QuarantinedLine:
    """One record as a line without its id (see LineIds), or put aside with every reason found."""
    if record.fields is None:
        return QuarantinedLine(invoice_id, file_id, record.line_no, record.reason, record.raw, None, None)
    reader = RecordReader(record.fields, _ALIASES[platform])
    subtotal = reader.number("subtotal")
    if subtotal is None and not reader.problems:
        reader.problems.append("the amount (subtotal) is empty")
    tax = reader.number("tax")
    currency = reader.text("currency")
    if known_currency(currency) is None:
        reader.problems.append(f"the currency {currency!r} is not in ISO 4217" if currency else "no currency")
    tenant_id = reader.id("tenant_id").lower()
    if not tenant_id:
        reader.problems.append("no customer id")
    number = reader.text("invoice_number")
    if number and number.casefold() != invoice_id.casefold():
        reader.problems.append(f"belongs to invoice {number!r}, not to {invoice_id!r}")
    line = _line(
        reader,
        invoice_id,
        platform,
        tenant_id,
        currency.upper(),
        Decimal(0) if subtotal is None else subtotal,
        tax,
    )
    if not reader.problems:
        return line
    return QuarantinedLine(
        invoice_id=invoice_id,
        file_id=file_id,
        line_no=record.line_no,
        reason="; ".join(reader.problems),
        raw=record.raw,
        subtotal=subtotal,
        tax=tax,
        tenant_id=tenant_id,
        currency=currency.upper()[:20],
    )


def _line(
    reader: RecordReader,
    invoice_id: str,
    platform: LinePlatform,
    tenant_id: str,
    currency: str,
    subtotal: Decimal,
    tax: Decimal | None,
) -> ReconciliationLine:
    charge_type = reader.text("charge_type")
    billing = reader.text("billing")
    meter = reader.text("meter")
    kind = kind_of(charge_type, platform=platform, metered=bool(meter), billing=billing)
    quantity = reader.number("billable_quantity")
    if quantity is None and kind not in _WITHOUT_QUANTITY and not reader.problems:
        reader.problems.append("no quantity")
    return ReconciliationLine(
        id="",
        invoice_id=invoice_id,
        platform=platform,
        kind=kind,
        charge_type=charge_type,
        tenant_id=tenant_id,
        customer_name=reader.text("customer_name"),
        customer_domain=reader.text("customer_domain"),
        subscription_id=reader.id("subscription_id").lower(),
        product_id=reader.id("product_id"),
        sku_id=reader.text("sku_id"),
        product_name=reader.text("product_name"),
        sku_name=reader.text("sku_name"),
        currency=currency,
        subtotal=subtotal,
        tax=Decimal(0) if tax is None else tax,
        unit_price=reader.number("unit_price"),
        effective_unit_price=reader.number("effective_unit_price"),
        billable_quantity=Decimal(0) if quantity is None else quantity,
        charge_start=reader.day("charge_start"),
        charge_end=reader.day("charge_end"),
        subscription_start=reader.day("subscription_start"),
        subscription_end=reader.day("subscription_end"),
        billing=billing,
        term_text=reader.text("term_text"),
        order_date=reader.moment("order_date"),
        reference_id=reader.id("reference_id"),
        meter=meter,
        availability_id=reader.text("availability_id"),
        order_id=reader.text("order_id"),
        credit_reason=reader.text("credit_reason"),
        promotion_id=reader.text("promotion_id"),
        qualifiers=_qualifiers(reader.raw("qualifiers")),
        reservation_order_id=reader.id("reservation_order_id"),
        adjustment=_plain_list(reader.raw("adjustment")),
        subscription_name=reader.text("subscription_name"),
        pricing_currency=reader.text("pricing_currency").upper(),
        exchange_rate=reader.number("exchange_rate"),
        exchange_date=reader.day("exchange_date"),
        unit=reader.text("unit"),
        publisher=reader.text("publisher"),
    )


class RecordReader:
    """One record read through one table of names; what cannot be read is noted, and read on."""

    __slots__ = ("_aliases", "_fields", "problems")

    def __init__(self, values: Mapping[str, object], aliases: Aliases) -> None:
        self._fields = values
        self._aliases = aliases
        self.problems: list[str] = []

    def raw(self, field: str) -> object:
        for name in self._aliases[field]:
            value = self._fields.get(name)
            if value is not None and value != "":
                return value
        return None

    def text(self, field: str) -> str:
        try:
            return as_text(self.raw(field))
        except NotReadable as error:
            self.problems.append(f"{field} {error}")
            return ""

    def id(self, field: str) -> str:
        return as_id(self.text(field))

    def number(self, field: str) -> Decimal | None:
        try:
            return as_number(self.raw(field))
        except NotReadable as error:
            self.problems.append(f"{field} {error}")
            return None

    def moment(self, field: str) -> datetime | None:
        try:
            return as_moment(self.raw(field))
        except NotReadable as error:
            self.problems.append(f"{field} {error}")
            return None

    def day(self, field: str) -> date | None:
        moment = self.moment(field)
        return moment.date() if moment else None


def _plain_list(value: object) -> str:
    """Text as delivered; a list becomes the JSON text that the other interfaces deliver."""
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value.strip() if isinstance(value, str) else ""


def _qualifiers(value: object) -> str:
    """An array, JSON text or plain text of AddOn / Add-on / Trial as one text (invoices.md, "Value quirks").

    >>> _qualifiers(["AddOn", "Trial"]), _qualifiers('["Add-on"]'), _qualifiers("[]")
    ('Add-on, Trial', 'Add-on', '')
    """
    words: object = value
    if isinstance(value, str):
        try:
            words = json.loads(value)
        except (ValueError, RecursionError):
            words = value.strip().strip("[]").replace('"', "").split(",")
    if not isinstance(words, list):
        words = [] if words is None else [words]
    texts = sorted({str(word).strip() for word in words if word is not None} - {""}, key=str.casefold)
    return ", ".join(_QUALIFIERS.get(text.casefold().replace("-", ""), text) for text in texts)


class LineIds:
    """Gives each line an id from its business fields and an ordinal among equal lines.

    No natural key is published and equal lines may legitimately occur twice (invoices.md 3.9). The place in a
    file never enters, so the same lines in any order, split over any parts, get the same ids.
    """

    def __init__(self) -> None:
        self._seen: dict[bytes, int] = {}

    def assign(self, line: ReconciliationLine) -> ReconciliationLine:
        digest = hashlib.blake2b("\x1f".join(_hashed_fields(line)).encode(), digest_size=12).digest()
        ordinal = self._seen.get(digest, 0)
        self._seen[digest] = ordinal + 1
        text = hashlib.sha256(digest + ordinal.to_bytes(4, "big")).hexdigest()[:20]
        return replace(line, id=f"l_{text}")


def assign_ids(lines: Iterable[ReconciliationLine]) -> Iterator[ReconciliationLine]:
    """The lines of one set with their ids, in the order given."""
    ids = LineIds()
    for line in lines:
        yield ids.assign(line)


# the publisher came into the table later: ids given before must stay
_HASHED = tuple(field.name for field in fields(ReconciliationLine) if field.name not in {"id", "kind", "publisher"})


def _hashed_fields(line: ReconciliationLine) -> Iterator[str]:
    """Business fields as text in which equal values look equal: 12.0 as 12, New as new.

    `kind` is our own reading of the line: an id must survive a better table of charge types.
    """
    for name in _HASHED:
        value = getattr(line, name)
        if name == "charge_type":
            yield folded(value)
        elif isinstance(value, Decimal):
            yield plain_text(value)
        elif isinstance(value, date):
            yield value.isoformat()
        else:
            yield "" if value is None else value
