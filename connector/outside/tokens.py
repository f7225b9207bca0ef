"""Access tokens for Microsoft's three audiences, by MSAL (auth.md section 1). Kept in memory only, never
written.

Where the account has a refresh token it is used for every audience (App+User, Secure Application Model);
otherwise the application signs in for itself.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlencode

import msal
from msal.exceptions import MsalError

from connector.errors import ConnectorError, Misconfigured, Transient, Uncertain
from connector.outside.clouds import AUDIENCES, Audience, MicrosoftAccount
from connector.outside.http import Answer, HttpClient

RENEW_BEFORE_SECONDS = 60
"""A token that ends sooner is not used any more: a request must be able to end before it does."""
_LOGIN_TRIES = 2
_SYSTEM = "Microsoft sign-in"

# Entra's codes that a person can do something about, with what to do. The rest is decided by OAuth's error
# word.
_NEW_SECRET = (
    "In Microsoft Entra, App registrations, Certificates & secrets: create a new client secret and set "
    "MICROSOFT_CLIENT_SECRET to its value (the value, not its id)."
)
_NEW_CONSENT = (
    "A user of the partner tenant must sign in again with multi-factor authentication and give consent; "
    "set MICROSOFT_REFRESH_TOKEN to the new refresh token."
)
_ADMIN_CONSENT = (
    "In Microsoft Entra, App registrations, API permissions: add the permission and let an administrator "
    "grant consent for the partner tenant."
)
_CHECK_TENANT = "Set MICROSOFT_TENANT_ID to the directory (tenant) id of the partner, as Microsoft Entra shows it."
_CHECK_CLIENT = "Set MICROSOFT_CLIENT_ID to the application (client) id of an app registered in the partner tenant."
_KNOWN_CODES: dict[int, tuple[str, str, str]] = {
    7000215: ("client_secret", "Microsoft refused the client secret.", _NEW_SECRET),
    7000216: ("client_secret", "Microsoft asks for a client secret.", _NEW_SECRET),
    7000222: ("client_secret", "The client secret has expired.", _NEW_SECRET),
    700016: ("client_id", "Microsoft does not know the application in this tenant.", _CHECK_CLIENT),
    7000112: ("client_id", "The application is disabled in this tenant.", _ADMIN_CONSENT),
    90002: ("tenant", "Microsoft does not know the tenant.", _CHECK_TENANT),
    900023: ("tenant", "The tenant is neither a known domain nor an id.", _CHECK_TENANT),
    65001: ("consent", "Consent for the application is missing or was withdrawn.", _ADMIN_CONSENT),
    500011: ("consent", "The service is not available to this tenant.", _ADMIN_CONSENT),
    650057: ("consent", "The application does not list this permission.", _ADMIN_CONSENT),
    70008: ("refresh_token", "The refresh token has expired.", _NEW_CONSENT),
    700082: ("refresh_token", "The refresh token was not used for too long and has expired.", _NEW_CONSENT),
    700084: ("refresh_token", "The refresh token has expired.", _NEW_CONSENT),
    50173: ("refresh_token", "The refresh token was revoked, for example by a new password.", _NEW_CONSENT),
    50057: ("refresh_token", "The user behind the refresh token is disabled.", _NEW_CONSENT),
    50076: ("mfa", "Microsoft asks for multi-factor authentication.", _NEW_CONSENT),
    50079: ("mfa", "Microsoft asks for multi-factor authentication.", _NEW_CONSENT),
}
_TRANSIENT_CODES = {90033, 90006, 50196}
_TRANSIENT_WORDS = {"temporarily_unavailable", "server_error"}
_WORDS: dict[str, tuple[str, str, str]] = {
    "invalid_client": ("client_secret", "Microsoft refused the application's sign-in.", _NEW_SECRET),
    "unauthorized_client": ("client_id", "Microsoft does not let this application sign in.", _CHECK_CLIENT),
    "invalid_tenant": _KNOWN_CODES[90002],
    "invalid_grant": ("refresh_token", "Microsoft refused the refresh token.", _NEW_CONSENT),
    "interaction_required": ("mfa", "Microsoft wants the user to sign in again.", _NEW_CONSENT),
    "consent_required": _KNOWN_CODES[65001],
    "invalid_resource": _KNOWN_CODES[500011],
    "invalid_scope": _KNOWN_CODES[650057],
}


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    usable_until: float


class Tokens:
    """Tokens of one account, cached per audience until RENEW_BEFORE_SECONDS before they end.

    `on_refresh_token` gets every new refresh token before the access token beside it is used, so that a crash
    cannot lose it. Only this program's memory holds tokens; whoever stores the refresh token seals it.
    """

    def __init__(
        self,
        account: MicrosoftAccount,
        http: HttpClient,
        *,
        on_refresh_token: Callable[[str], None] = lambda new: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._account = account
        self._http = http
        self._on_refresh_token = on_refresh_token
        self._clock = clock
        self._refresh_token = account.refresh_token
        self._cached: dict[Audience, _Token] = {}
        self._locks = {audience: threading.Lock() for audience in AUDIENCES}
        self._refresh_lock = threading.Lock()

    def get(self, audience: Audience) -> str:
        """A token that is good for at least RENEW_BEFORE_SECONDS."""
        return self._get(audience, stale="")

    def renewed(self, audience: Audience, stale: str) -> str:
        """A token other than `stale`, which an API has just refused."""
        return self._get(audience, stale)

    def _get(self, audience: Audience, stale: str) -> str:
        with self._locks[audience]:
            cached = self._cached.get(audience)
            if cached is None or cached.text == stale or self._clock() >= cached.usable_until:
                self._cached.pop(audience, None)
                cached = self._cached[audience] = self._acquire(audience)
            return cached.text

    def _acquire(self, audience: Audience) -> _Token:
        _require(self._account)
        door = _MsalHttp(self._http)
        asked_at = self._clock()
        if self._refresh_token:
            # One at a time: a refresh token may be good for a single use
            with self._refresh_lock:
                result = self._ask(door, self._account.scope(audience), self._refresh_token)
                new = result.get("refresh_token")
                if isinstance(new, str) and new and new != self._refresh_token and result.get("access_token"):
                    self._on_refresh_token(new)
                    self._refresh_token = new
        else:
            result = self._ask(door, self._account.scope(audience), "")
        text = result.get("access_token")
        if not isinstance(text, str) or not text:
            _raise_refusal(result, door.last)
        # The v1 endpoint writes its figures as text (auth.md section 1.1)
        lifetime = str(result.get("expires_in", ""))
        seconds = int(lifetime) if lifetime.isdecimal() else 0
        return _Token(text, asked_at + seconds - RENEW_BEFORE_SECONDS)

    def _ask(self, door: _MsalHttp, scope: str, refresh_token: str) -> dict[str, Any]:
        """MSAL's result. A new application each time: its caches of tokens and of refusals stay out of our
        way.
        """
        unreadable = False
        result: dict[str, Any] | None = None
        try:
            application = msal.ConfidentialClientApplication(
                self._account.client_id,
                client_credential=self._account.client_secret,
                authority=self._account.authority(),
                instance_discovery=False,
                http_client=door,
            )
            if refresh_token:
                result = application.acquire_token_by_refresh_token(refresh_token, scopes=[scope])
            else:
                result = application.acquire_token_for_client(scopes=[scope])
        except (ValueError, RuntimeError, KeyError, MsalError):
            # Unknown tenant, 5xx, or an answer that is not what it should be; MSAL's text repeats it whole
            unreadable = True
        if unreadable or result is None:
            _raise_refusal(_object(door.last), door.last)
        return result


@dataclass(frozen=True, slots=True)
class _MsalResponse:
    status_code: int
    text: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise Transient(
                "Microsoft's sign-in service cannot answer now.",
                code="login_unavailable",
                system=_SYSTEM,
                reference=f"HTTP {self.status_code}",
            )


class _MsalHttp:
    """Our client in the shape MSAL wants: allow-list, deadline and caps hold for signing in, too."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self.last: Answer | None = None

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> _MsalResponse:
        return self._send("GET", url, params, headers, None)

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> _MsalResponse:
        form = urlencode({key: value for key, value in (data or {}).items() if value is not None}).encode()
        return self._send("POST", url, params, headers, form)

    def close(self) -> None:
        """MSAL asks for it; our client belongs to somebody else."""

    def _send(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        body: bytes | None,
    ) -> _MsalResponse:
        address = f"{url}?{urlencode(params)}" if params else url
        plain = {str(key): str(value) for key, value in (headers or {}).items() if value is not None}
        if body is not None:
            plain["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            self.last = self._http.send(
                method, address, headers=plain, body=body, retries=_LOGIN_TRIES, max_bytes=1 << 20
            )
        except Uncertain as lost:
            again = Transient(lost.sentence, code=lost.code, system=lost.system)
        else:
            return _MsalResponse(self.last.status, self.last.body.decode("utf-8", "replace"), self.last.headers)
        # Asking for a token twice does no harm
        raise again


def _require(account: MicrosoftAccount) -> None:
    needed = {
        "MICROSOFT_TENANT_ID": account.tenant_id,
        "MICROSOFT_CLIENT_ID": account.client_id,
        "MICROSOFT_CLIENT_SECRET": account.client_secret,
    }
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise Misconfigured(
            "The account at Microsoft is not complete.",
            code="microsoft_account",
            system=_SYSTEM,
            action=f"Set {', '.join(missing)}.",
        )
    if not re.fullmatch(r"[A-Za-z0-9.-]{1,120}", account.tenant_id):
        raise Misconfigured("The tenant is not an id.", code="tenant", system=_SYSTEM, action=_CHECK_TENANT)


def _object(answer: Answer | None) -> dict[str, Any]:
    if answer is None:
        return {}
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _raise_refusal(result: Mapping[str, Any], answer: Answer | None) -> NoReturn:
    raise _refusal(result, answer)


def _refusal(result: Mapping[str, Any], answer: Answer | None) -> ConnectorError:
    """What a refused sign-in means; nothing of the answer but its codes is repeated."""
    codes = [int(code) for code in re.findall(r"AADSTS(\d{4,8})", str(result.get("error_description", "")))]
    word = str(result.get("error", ""))
    status = answer.status if answer else 0
    reference = f"AADSTS{codes[0]}" if codes else ""
    transient = status in (408, 429) or status >= 500 or word in _TRANSIENT_WORDS or _TRANSIENT_CODES & set(codes)
    known = next((_KNOWN_CODES[code] for code in codes if code in _KNOWN_CODES), None) or _WORDS.get(word)
    if known is not None and not transient:
        code, sentence, action = known
        return Misconfigured(sentence, code=code, system=_SYSTEM, action=action, reference=reference)
    if transient or not codes:
        return Transient(
            "Microsoft's sign-in service cannot answer now.",
            retry_after=answer.retry_after if answer else None,
            code="login_unavailable",
            system=_SYSTEM,
            reference=reference or (f"HTTP {status}" if status else ""),
        )
    return Misconfigured(
        "Microsoft refused to sign this application in.",
        code="sign_in_refused",
        system=_SYSTEM,
        action="Look the reference up in Microsoft Entra's sign-in log.",
        reference=reference,
    )
