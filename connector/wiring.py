"""The single place where real things are plugged in. Only this file sees the settings whole."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy import Engine, insert, select, update

from connector import ledgers
from connector.domain.lines import UsageKey
from connector.errors import Misconfigured
from connector.flows.configure import resolve_ledger_settings
from connector.flows.world import Connection, Progress, World, silent
from connector.outside.certificates import (
    CannotDecide,
    CertificateCache,
    NoticeTrust,
    NotProved,
    fetch_over,
    verify_notice,
)
from connector.outside.clouds import MicrosoftAccount, cloud_named
from connector.outside.http import HttpClient
from connector.outside.microsoft import MicrosoftApi
from connector.outside.secrets import SecretBox
from connector.outside.tokens import Tokens
from connector.settings import Settings
from connector.store import decisions, usage
from connector.store import lines as stored_lines
from connector.store.database import database_now, ensure_schema, open_engine, reading, writing
from connector.store.tables import sealed_secrets
from connector.store.usage import DaySum, UsageRow
from mappings.ledger_file import Reference

if TYPE_CHECKING:
    from connector.ledgers import Ledger

# Where Microsoft publishes the certificate that signs its notices (webhooks.md section 2, the documented example).
_CERTIFICATE_URL = "https://3psostorageacct.blob.core.windows.net/cert/pcnotifications-dispatch.microsoft.com.cer"
_BLOB_HOSTS = ("*.blob.core.windows.net",)


def build_world(settings: Settings, *, progress: Progress = silent) -> World:
    """Everything a flow may use, on a database with the right schema."""
    engine = open_engine(settings.database_url)
    ensure_schema(engine)
    account = microsoft_account(settings)
    blob_hosts = settings.microsoft.blob_hosts or _BLOB_HOSTS
    ca_file = settings.microsoft.ca_file or None

    @cache
    def microsoft() -> MicrosoftApi:
        _require_account(settings)
        login = account.login_url or account.cloud.login_url
        allowed = [login, *(account.base_url(a) for a in ("partner_center", "graph", "pricing"))]
        http = HttpClient(allowed, ca_file)
        box = SecretBox(settings.encryption_keys)
        known = _with_refresh_token(engine, account, box)
        tokens = Tokens(known, http, on_refresh_token=lambda new: _keep_refresh_token(engine, account, box, new))
        return MicrosoftApi(http, tokens, known)

    @cache
    def blobs() -> HttpClient:
        return HttpClient(blob_hosts, ca_file)

    return World(
        engine=engine,
        data_dir=settings.data_dir,
        # one partner a database: the tenant names it, so that references differ between partners of one ledger
        partner=settings.microsoft.tenant_id.lower() or "partner",
        public_url=settings.public_url,
        link_keys=link_keys(settings.secret_key),
        link_months=settings.link_months,
        microsoft=microsoft,
        http=blobs,
        ledgers=lambda: ledger_connections(engine),
        blob_hosts=blob_hosts,
        export_patience=settings.export_patience_seconds,
        today=lambda: datetime.now(UTC).date(),
        sleep=time.sleep,
        progress=progress,
    )


def microsoft_account(settings: Settings) -> MicrosoftAccount:
    """The partner's account and where its services are."""
    given = settings.microsoft
    return MicrosoftAccount(
        tenant_id=given.tenant_id,
        client_id=given.client_id,
        client_secret=given.client_secret,
        refresh_token=given.refresh_token,
        cloud=cloud_named(given.cloud),
        login_url=given.login_url,
        partner_center_url=given.partner_center_url,
        graph_url=given.graph_url,
        pricing_url=given.pricing_url,
    )


def _require_account(settings: Settings) -> None:
    given = settings.microsoft
    missing = [
        name
        for name, value in (
            ("MICROSOFT_TENANT_ID", given.tenant_id),
            ("MICROSOFT_CLIENT_ID", given.client_id),
            ("MICROSOFT_CLIENT_SECRET", given.client_secret),
        )
        if not value
    ]
    if missing:
        raise Misconfigured(
            f"Partner Center cannot be asked: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set.",
            code="microsoft_settings",
            action="Set them to the app registration of the partner tenant (README, “Connect a partner account”).",
        )


def _secret_name(account: MicrosoftAccount) -> str:
    # a new token in the settings begins a new chain; the old one's successors are not looked at again
    return "refresh_token:" + hashlib.sha256(account.refresh_token.encode()).hexdigest()[:16]


def _with_refresh_token(engine: Engine, account: MicrosoftAccount, box: SecretBox) -> MicrosoftAccount:
    """The latest refresh token Microsoft gave us, in place of the one in the settings it descends from."""
    if not account.refresh_token:
        return account
    with reading(engine) as connection:
        sealed = connection.execute(
            select(sealed_secrets.c.sealed).where(sealed_secrets.c.name == _secret_name(account))
        ).scalar_one_or_none()
    return account if sealed is None else replace(account, refresh_token=box.open(sealed))


def _keep_refresh_token(engine: Engine, account: MicrosoftAccount, box: SecretBox, new: str) -> None:
    name = _secret_name(account)
    with writing(engine) as connection:
        values = {"sealed": box.seal(new), "changed_at": database_now(connection)}
        done = connection.execute(update(sealed_secrets).where(sealed_secrets.c.name == name).values(**values))
        if not done.rowcount:
            connection.execute(insert(sealed_secrets).values(name=name, **values))


def ledger_connections(engine: Engine) -> list[Connection]:
    """The imported ledger connections, first one first; each is opened when it is used."""
    registry = ledgers.discover()
    with reading(engine) as connection:
        known = decisions.ledgers(connection)
    found = []
    for one in known:
        info = registry.get(one.kind)
        if info is None:
            raise Misconfigured(
                f"The ledger {one.name} is of the kind {one.kind!r}, which is not known.",
                action=f"Known kinds: {', '.join(sorted(registry))}.",
            )
        finalise = str(one.settings.get("finalise", "no")).lower() in ("yes", "true", "1")
        found.append(Connection(one.name, one.kind, finalise, _opener(info, one.settings)))
    return found


def _opener(info: ledgers.LedgerInfo, settings: Mapping[str, str | Reference]) -> Callable[[], Ledger]:
    def open_() -> Ledger:
        resolved = resolve_ledger_settings(settings, os.environ)
        ledgers.check_settings(info, resolved)
        return info.open(resolved, HttpClient(_origins(resolved.get("url", ""))))

    return open_


def _origins(url: str) -> list[str]:
    parts = urlsplit(url)
    return [f"{parts.scheme}://{parts.netloc}"] if parts.netloc else []


def link_keys(secret: str) -> tuple[tuple[int, bytes], ...]:
    """The key of links and cookies with its id, which says which key a token was made with."""
    digest = hashlib.sha256(secret.encode()).digest()
    return ((digest[0], secret.encode()),)


class NoticeVerifier:
    """Whether a notice is proved to be Microsoft's: True, False (401) or None (503), with the reason."""

    def __init__(self, settings: Settings) -> None:
        urls = settings.certificate_urls or (_CERTIFICATE_URL,)
        self._trust = NoticeTrust.from_settings(urls, Path(settings.trust_file) if settings.trust_file else None)
        client = HttpClient(self._trust.origins(), settings.microsoft.ca_file or None)
        self._cache = CertificateCache(fetch_over(client))

    def __call__(self, headers: Mapping[str, str], body: bytes) -> tuple[bool | None, str]:
        try:
            verify_notice(headers, body, trust=self._trust, fetch=self._cache)
        except NotProved as why:
            return False, why.reason
        except CannotDecide as why:
            return None, why.reason
        return True, ""


def usage_page(world: World, sets: list[str], key: UsageKey, offset: int, limit: int) -> tuple[list[UsageRow], int]:
    """Daily rows of a line over the vendor invoices that feed it, one after the other."""
    rows: list[UsageRow] = []
    count = 0
    for folder, mine, size in _usage_folders(world, sets, key):
        if len(rows) < limit and offset < count + size:
            rows += usage.page(folder, mine, offset=max(0, offset - count), limit=limit - len(rows))
        count += size
    return rows, count


def usage_days(world: World, sets: list[str], key: UsageKey) -> list[DaySum]:
    """Per-day sums of a line over the vendor invoices that feed it."""
    found: list[DaySum] = []
    for folder, mine, _ in _usage_folders(world, sets, key):
        found += usage.days(folder, mine)
    return found


def _usage_folders(world: World, sets: list[str], key: UsageKey) -> list[tuple[Path, UsageKey, int]]:
    found = []
    with reading(world.engine) as connection:
        for invoice_id in sets:
            mine = UsageKey(invoice_id, key.tenant_id, key.subscription_id, key.product_id, key.sku_id)
            group = stored_lines.usage_groups_of(connection, invoice_id).get(mine)
            if group is not None:
                found.append((Path(group.folder), mine, group.rows))
    return found
