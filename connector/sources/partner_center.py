"""Partner Center v1: invoice headers, line items page by page, customers (invoices.md sections 1 and 2).

Links in answers are never followed: most lack /v1 and many are malformed. Addresses are built here; of a
link only the continuation token is taken. Pages are kept as they arrived; this file reads nothing of a
line.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from connector.domain.period import VendorInvoice
from connector.errors import Refused, Transient
from connector.outside.http import Answer
from connector.outside.invoice_headers import flatten, is_legacy
from connector.outside.json_text import NotJson, read_envelope
from connector.outside.microsoft import MicrosoftApi
from connector.sources import Customer, Progress, RawFile, no_progress, raw_file

INVOICE_PAGE = 200
LINE_PAGE = 2000
CUSTOMER_PAGE = 500
MAX_PAGES = 5000
MAX_RESTARTS = 3
_ID = re.compile(r"[A-Za-z0-9-]{1,80}", re.ASCII)
_TOKEN = re.compile(r"[!-~]{1,8000}", re.ASCII)
# office and azure are paged by offset, onetime by continuation token (invoices.md, "Paging")
_BY_OFFSET = frozenset({"office", "azure"})


def list_invoices(api: MicrosoftApi) -> list[VendorInvoice]:
    """Every document with an id of its own, amendments beside the invoices they replace.

    `size` and `offset` act on legacy invoices only; the modern ones come whole on every page (invoices.md
    section 1). So the end is a page that brings nothing new, or one that is short and names no next one.
    """
    found: dict[str, dict[str, Any]] = {}
    offset = 0
    for _ in range(MAX_PAGES):
        page = _envelope(api, "/v1/invoices", {"size": INVOICE_PAGE, "offset": offset})
        new = [item for item in _items(page) if _id(item) and _id(item) not in found]
        found.update((_id(item), item) for item in new)
        legacy = sum(is_legacy(item) for item in new)
        if not new or (len(_items(page)) < INVOICE_PAGE and not _names_next(page)):
            return flatten(list(found.values()))
        offset += legacy or len(new)
    raise Transient("Partner Center's list of invoices does not end.", code="endless_list")


def list_customers(api: MicrosoftApi) -> list[Customer]:
    """All customers of the partner."""
    customers: dict[str, Customer] = {}
    for _, page in _seek(api, "/v1/customers", {"size": CUSTOMER_PAGE}):
        for item in _items(page):
            profile = item.get("companyProfile")
            profile = profile if isinstance(profile, dict) else {}
            tenant = _id(item).lower()
            if tenant:
                name, domain = profile.get("companyName"), profile.get("domain")
                customers[tenant] = Customer(tenant, str(name or ""), str(domain or "").lower())
    return list(customers.values())


def fetch_line_items(
    api: MicrosoftApi,
    invoice_id: str,
    provider: str,
    item_type: str,
    folder: Path,
    *,
    progress: Progress = no_progress,
) -> list[RawFile]:
    """Every page of one kind of line of one invoice, as it arrived.

    `provider` and `item_type` in either spelling (`one_time` or `onetime`, `billing_line_items` or
    `billinglineitems`): the query wants the one without underscores (invoices.md section 2). Pages come
    into their place together at the end. Raises Refused for a wrong combination or a period that v1 no
    longer serves.
    """
    kind, lines = provider.lower().replace("_", ""), item_type.lower().replace("_", "")
    if not _ID.fullmatch(invoice_id) or not kind.isalpha() or not lines.isalpha():
        raise Refused("The lines asked for are not named in a way Partner Center knows.", code="bad_request")
    path = f"/v1/invoices/{invoice_id}/lineitems"
    query = {"provider": kind, "invoicelineitemtype": lines, "size": LINE_PAGE}
    prefix = f"{kind}-{lines}-page"
    staging = folder / f".{prefix}.part"
    for _ in range(MAX_RESTARTS):
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        pages = _by_offset(api, path, query) if kind in _BY_OFFSET else _seek(api, path, query)
        try:
            names = _keep(pages, staging, prefix, progress)
        except _TokenRefused:
            continue
        for name in names:
            (staging / name).replace(folder / name)
        staging.rmdir()
        return [raw_file(name, folder / name) for name in names]
    raise Transient("Partner Center refuses to continue its list of lines.", code="token_refused")


class _TokenRefused(Exception):
    """A continuation token is no longer good: the list begins again (its lifetime is not published)."""


def _keep(pages: Iterator[tuple[Answer, dict[str, Any]]], staging: Path, prefix: str, progress: Progress) -> list[str]:
    names: list[str] = []
    done = 0
    for number, (answer, _) in enumerate(pages, 1):
        name = f"{prefix}-{number:04d}.json"
        (staging / name).write_bytes(answer.body)
        names.append(name)
        done += len(answer.body)
        progress(done, None, f"page {number}")
    return names


def _by_offset(api: MicrosoftApi, path: str, query: dict[str, Any]) -> Iterator[tuple[Answer, dict[str, Any]]]:
    """Pages by size and offset; a short page ends the list unless the answer itself says that there is
    more.
    """
    offset, last = 0, b""
    for _ in range(MAX_PAGES):
        answer, page = _get(api, path, {**query, "offset": offset}, "")
        count, digest = len(_items(page)), _digest(page)
        if offset and (not count or digest == last):
            return
        yield answer, page
        offset, last = offset + count, digest
        total = page.get("totalCount")
        more = _names_next(page) or (str(total).isdecimal() and int(str(total)) > offset)
        if not count or (count < query["size"] and not more):
            return
    raise Transient("Partner Center's list of lines does not end.", code="endless_list")


def _seek(api: MicrosoftApi, path: str, query: dict[str, Any]) -> Iterator[tuple[Answer, dict[str, Any]]]:
    """Pages by continuation token. totalCount is wrong in the samples and is never used (invoices.md,
    "Paging").
    """
    token = ""
    tokens: set[str] = set()
    digests: set[bytes] = set()
    for _ in range(MAX_PAGES):
        full = {**query, "seekOperation": "Next"} if token else query
        try:
            answer, page = _get(api, path, full, token)
        except Refused as refusal:
            if token and refusal.status in (400, 404, 410, 412):
                raise _TokenRefused from None
            raise
        items, digest = _items(page), _digest(page)
        if items and digest in digests:
            # Lines counted twice, or lines never shown: neither can be told apart here, so nothing is
            # accepted
            raise Transient("Partner Center gives the same page twice.", code="repeated_page")
        digests.add(digest)
        yield answer, page
        token = _token_of(page, answer)
        if not token or (not items and token in tokens):
            return
        if token in tokens:
            raise Transient("Partner Center gives the same continuation twice.", code="repeated_page")
        tokens.add(token)
    raise Transient("Partner Center's list does not end.", code="endless_list")


def _get(api: MicrosoftApi, path: str, query: dict[str, Any], token: str) -> tuple[Answer, dict[str, Any]]:
    address = api.url("partner_center", f"{path}?{urlencode(query)}")
    headers = {"MS-ContinuationToken": token} if token else None
    answer = api.send("partner_center", "GET", address, headers=headers)
    return answer, _object(answer)


def _envelope(api: MicrosoftApi, path: str, query: dict[str, Any]) -> dict[str, Any]:
    return _get(api, path, query, "")[1]


def _object(answer: Answer) -> dict[str, Any]:
    try:
        page = read_envelope(answer.body)
    except NotJson as reason:
        problem = str(reason)
    else:
        if isinstance(page, dict) and isinstance(page.get("items", []), list):
            return page
        problem = "it is not a list of items"
    raise Transient(f"An answer of Partner Center's cannot be read: {problem}.", code="unreadable_answer")


def _items(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [item for item in page.get("items") or [] if isinstance(item, dict)]


def _id(item: dict[str, Any]) -> str:
    return str(item.get("id") or "").strip()


def _digest(page: dict[str, Any]) -> bytes:
    return hashlib.sha256(repr(page.get("items")).encode("utf-8", "replace")).digest()


def _next_link(page: dict[str, Any]) -> dict[str, Any]:
    links = page.get("links")
    following = links.get("next") if isinstance(links, dict) else None
    return following if isinstance(following, dict) else {}


def _names_next(page: dict[str, Any]) -> bool:
    return bool(_next_link(page))


def _token_of(page: dict[str, Any], answer: Answer) -> str:
    """The continuation token: in the link's headers, at the top of the page, or in the answer's header."""
    for header in _next_link(page).get("headers") or []:
        if isinstance(header, dict) and str(header.get("key", "")).lower() == "ms-continuationtoken":
            return _usable(header.get("value"))
    return _usable(page.get("continuationToken")) or _usable(answer.headers.get("MS-ContinuationToken"))


def _usable(token: Any) -> str:
    # It travels in a header: nothing that could end one
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else ""
