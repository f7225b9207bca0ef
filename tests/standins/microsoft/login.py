"""Login: OpenID discovery and the v1 and v2 token endpoints (auth.md section 1)."""

import base64
import json
import secrets
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any

from tests.standins.microsoft.faults import Faults
from tests.standins.microsoft.serving import Answer, Request, json_answer

AUDIENCES = {
    "partner_center": ("https://api.partnercenter.microsoft.com", "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"),
    "graph": ("https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"),
    "pricing": ("https://api.partner.microsoft.com", "4990cffe-04e8-4e8b-808a-1175604b879f"),
}
_OPENID = {"openid", "profile", "offline_access", "email"}


@dataclass(frozen=True)
class Registration:
    """The partner's app registration: what the client must present."""

    tenant_id: str
    client_id: str
    client_secret: str
    domain: str = "contosopartner.onmicrosoft.com"


@dataclass(frozen=True)
class Token:
    """An access token the stand-in remembers; the text itself says nothing to it."""

    audience: str
    expires: float
    user: bool
    mfa: bool


@dataclass(frozen=True)
class Refusal(Exception):
    """An OAuth error."""

    status: int
    error: str
    code: int
    text: str


class Login:
    """The token service. `bases` maps the stand-in's own addresses to audiences."""

    def __init__(self, registration: Registration, faults: Faults) -> None:
        self.registration = registration
        self.faults = faults
        self.url = ""
        self.bases: dict[str, str] = {}
        self._lock = threading.Lock()
        self._tokens: dict[str, Token] = {}
        self._refresh: set[str] = set()
        self.first_refresh_token = self._new_refresh()

    # ---- what the other roles ask

    def check(self, authorization: str | None, audience: str) -> tuple[Token | None, str]:
        """The token behind a Bearer header, or why it is refused: missing, unknown, expired, audience."""
        scheme, _, text = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            return None, "missing"
        token = self._tokens.get(text.strip())
        if token is None:
            return None, "unknown"
        if token.expires <= time.time():
            return None, "expired"
        if token.audience != audience:
            return None, "audience"
        return token, ""

    def expire_tokens(self) -> None:
        """Every access token issued so far is now worthless."""
        with self._lock:
            self._tokens.clear()

    def revoke(self) -> None:
        """Every refresh token issued so far is refused (password change, consent removed)."""
        with self._lock:
            self._refresh.clear()

    def new_refresh_token(self) -> str:
        """What a new partner consent would give."""
        return self._new_refresh()

    def _new_refresh(self) -> str:
        text = "0.standin." + secrets.token_urlsafe(48)
        self._refresh.add(text)
        return text

    # ---- the HTTP side

    def where(self, request: Request) -> str:
        """Name of the place, for faults and the log."""
        if request.path.endswith("/token"):
            return "login.token"
        return "login.discovery"

    def __call__(self, request: Request) -> Answer:
        parts = [part for part in request.path.split("/") if part]
        if request.path == "/common/discovery/instance":
            return self._instances()
        if len(parts) < 2 or parts[0].lower() not in (
            self.registration.tenant_id.lower(),
            self.registration.domain,
        ):
            name = parts[0] if parts else ""
            return _refused(
                Refusal(
                    400,
                    "invalid_request" if "token" in parts else "invalid_tenant",
                    90002,
                    f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID.",
                )
            )
        tail = "/".join(parts[1:]).lower()
        if tail in ("v2.0/.well-known/openid-configuration", ".well-known/openid-configuration"):
            return self._discovery(tail.startswith("v2.0"))
        if tail in ("oauth2/v2.0/token", "oauth2/token") and request.method == "POST":
            try:
                return self._token(request.form, v1=tail == "oauth2/token")
            except Refusal as refusal:
                return _refused(refusal)
        return json_answer({"error": "not_found"}, 404)

    def _instances(self) -> Answer:
        base = f"{self.url}/{self.registration.tenant_id}"
        host = self.url.removeprefix("https://")
        return json_answer(
            {
                "tenant_discovery_endpoint": f"{base}/v2.0/.well-known/openid-configuration",
                "api-version": "1.1",
                "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
            }
        )

    def _discovery(self, v2: bool) -> Answer:
        base = f"{self.url}/{self.registration.tenant_id}"
        middle = "oauth2/v2.0" if v2 else "oauth2"
        return json_answer(
            {
                "token_endpoint": f"{base}/{middle}/token",
                "authorization_endpoint": f"{base}/{middle}/authorize",
                "device_authorization_endpoint": f"{base}/{middle}/devicecode",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "issuer": f"{base}/v2.0" if v2 else f"https://sts.windows.net/{self.registration.tenant_id}/",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "response_types_supported": ["code", "id_token", "code id_token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "tenant_region_scope": "EU",
            }
        )

    def _audience(self, form: dict[str, str], v1: bool) -> str:
        if v1:
            wanted = [form.get("resource", "")]
        else:
            wanted = [scope for scope in form.get("scope", "").split() if scope not in _OPENID]
            if not wanted:
                raise Refusal(
                    400,
                    "invalid_scope",
                    70011,
                    "The provided value for the input parameter 'scope' is not valid.",
                )
        names = {self._name(text) for text in wanted}
        if len(names) > 1:
            raise Refusal(
                400,
                "invalid_scope",
                28000,
                "Provided value for the input parameter scope is not valid because it contains more than one resource.",
            )
        name = names.pop()
        if not name:
            raise Refusal(
                400,
                "invalid_resource",
                500011,
                f"The resource principal named {wanted[0]} was not found in the tenant.",
            )
        if name in self.faults.modes["consent_missing"]:
            raise Refusal(
                400,
                "invalid_grant",
                65001,
                "The user or administrator has not consented to use the application "
                f"with ID '{self.registration.client_id}'. Send an interactive authorization request.",
            )
        if not v1 and form["grant_type"] == "client_credentials" and not all(t.endswith("/.default") for t in wanted):
            raise Refusal(
                400,
                "invalid_scope",
                1002012,
                "The provided value for scope is not valid. Client credential flows "
                "must have a scope value with /.default suffixed to the resource identifier.",
            )
        return name

    def _name(self, text: str) -> str:
        for name, identifiers in AUDIENCES.items():
            for identifier in (
                *identifiers,
                f"api://{identifiers[1]}",
                *(u for u, n in self.bases.items() if n == name),
            ):
                if text.rstrip("/") == identifier or text.startswith(f"{identifier}/"):
                    return name
        return ""

    def _token(self, form: dict[str, str], v1: bool) -> Answer:
        grant = form.get("grant_type", "")
        if grant not in ("client_credentials", "refresh_token"):
            raise Refusal(
                400,
                "unsupported_grant_type",
                70003,
                f"The app requested an unsupported grant type '{grant}'.",
            )
        if form.get("client_id", "").lower() != self.registration.client_id.lower():
            raise Refusal(
                400,
                "unauthorized_client",
                700016,
                f"Application with identifier '{form.get('client_id')}' was not found in the directory.",
            )
        if not secrets.compare_digest(form.get("client_secret", "").encode(), self.registration.client_secret.encode()):
            raise Refusal(
                401,
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in "
                "the request is the client secret value, not the client secret ID.",
            )
        user = grant == "refresh_token"
        if user and form.get("refresh_token") not in self._refresh:
            raise Refusal(
                400,
                "invalid_grant",
                50173,
                "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
            )
        audience = self._audience(form, v1)
        lifetime = int(self.faults.modes["token_lifetime"])
        access = self._issue(audience, lifetime, user)
        answer = (
            _v1_figures(lifetime, form.get("resource", ""))
            if v1
            else {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime}
        )
        answer["access_token"] = access
        if user:
            if not self.faults.modes["refresh_reuse"]:
                self._refresh.discard(form["refresh_token"])
            answer |= {
                "scope": form.get("scope") if not v1 else "user_impersonation",
                "refresh_token": self._new_refresh(),
            }
        return json_answer(answer, headers={"Cache-Control": "no-store, no-cache"})

    def _issue(self, audience: str, lifetime: int, user: bool) -> str:
        now = int(time.time())
        mfa = user and bool(self.faults.modes["mfa"])
        claims: dict[str, Any] = {
            "aud": AUDIENCES[audience][0],
            "iss": f"https://sts.windows.net/{self.registration.tenant_id}/",
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
            "appid": self.registration.client_id,
            "tid": self.registration.tenant_id,
            "ver": "1.0",
            "uti": secrets.token_urlsafe(12),
        }
        claims |= (
            {"scp": "user_impersonation", "amr": ["pwd", "mfa"] if mfa else ["pwd"]}
            if user
            else {"roles": ["PartnerBilling.Read.All"] if audience == "graph" else [], "idtyp": "app"}
        )
        text = ".".join(
            (_b64({"typ": "JWT", "alg": "RS256", "kid": "standin"}), _b64(claims), secrets.token_urlsafe(256))
        )
        with self._lock:
            self._tokens[text] = Token(audience, now + lifetime, user, mfa)
        return text


def _v1_figures(lifetime: int, resource: str) -> dict[str, Any]:
    """The v1 endpoint writes its figures as strings."""
    now = int(time.time())
    return {
        "token_type": "Bearer",
        "expires_in": str(lifetime),
        "ext_expires_in": str(lifetime),
        "expires_on": str(now + lifetime),
        "not_before": str(now - 300),
        "resource": resource,
    }


def _b64(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _refused(refusal: Refusal) -> Answer:
    trace = str(uuid.uuid4())
    stamp = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
    return json_answer(
        {
            "error": refusal.error,
            "error_description": f"AADSTS{refusal.code}: {refusal.text} Trace ID: {trace} "
            f"Correlation ID: {uuid.uuid4()} "
            f"Timestamp: {stamp}",
            "error_codes": [refusal.code],
            "timestamp": stamp,
            "trace_id": trace,
            "error_uri": f"https://login.microsoftonline.com/error?code={refusal.code}",
        },
        refusal.status,
    )
