"""Microsoft's clouds: which hosts serve what, and the audiences of tokens (auth.md section 1.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from connector.errors import Misconfigured

Audience = Literal["partner_center", "graph", "pricing"]
AUDIENCES: tuple[Audience, ...] = ("partner_center", "graph", "pricing")


@dataclass(frozen=True, slots=True)
class Cloud:
    """The addresses of one cloud. `resources` are the audiences, fixed whatever address is called."""

    name: str
    login_url: str
    urls: Mapping[Audience, str]
    resources: Mapping[Audience, str]
    exports: bool = True
    """Partner billing exports of Graph exist in the global cloud only (auth.md section 1.4)."""


def _cloud(name: str, login: str, partner_center: str, graph: str, *, exports: bool) -> Cloud:
    hosts: dict[Audience, str] = {
        "partner_center": f"https://{partner_center}",
        "graph": f"https://{graph}",
        "pricing": "https://api.partner.microsoft.com",
    }
    fixed = MappingProxyType(hosts)
    return Cloud(name, f"https://{login}", fixed, fixed, exports)


CLOUDS = {
    cloud.name: cloud
    for cloud in (
        _cloud(
            "global",
            "login.microsoftonline.com",
            "api.partnercenter.microsoft.com",
            "graph.microsoft.com",
            exports=True,
        ),
        _cloud(
            "us_government",
            "login.microsoftonline.us",
            "api.partnercenter.microsoft.com",
            "graph.microsoft.us",
            exports=False,
        ),
        _cloud(
            "china",
            "login.chinacloudapi.cn",
            "partner.partnercenterapi.microsoftonline.cn",
            "microsoftgraph.chinacloudapi.cn",
            exports=False,
        ),
    )
}
_OTHER_NAMES = {"": "global", "public": "global", "usgovernment": "us_government", "21vianet": "china"}


def cloud_named(name: str) -> Cloud:
    """The cloud of MICROSOFT_CLOUD; Misconfigured for a name that is not one.

    >>> cloud_named("").name
    'global'
    """
    plain = name.strip().lower().replace("-", "_")
    cloud = CLOUDS.get(_OTHER_NAMES.get(plain, plain))
    if cloud is None:
        raise Misconfigured(
            f"{name[:40]!r} is not a cloud of Microsoft's.",
            code="microsoft_cloud",
            action=f"Set MICROSOFT_CLOUD to one of: {', '.join(CLOUDS)}.",
        )
    return cloud


@dataclass(frozen=True, slots=True)
class MicrosoftAccount:
    """Who we are at Microsoft and where Microsoft is. An empty address means the cloud's own."""

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    cloud: Cloud = field(default_factory=lambda: CLOUDS["global"])
    login_url: str = ""
    partner_center_url: str = ""
    graph_url: str = ""
    pricing_url: str = ""

    def authority(self) -> str:
        return f"{self.login_base()}/{self.tenant_id}"

    def login_base(self) -> str:
        return (self.login_url or self.cloud.login_url).rstrip("/")

    def base_url(self, audience: Audience) -> str:
        own = {
            "partner_center": self.partner_center_url,
            "graph": self.graph_url,
            "pricing": self.pricing_url,
        }
        return (own[audience] or self.cloud.urls[audience]).rstrip("/")

    def scope(self, audience: Audience) -> str:
        return f"{self.cloud.resources[audience]}/.default"

    def addresses(self) -> tuple[str, ...]:
        """Every origin this account calls: the allow-list of its HTTP client."""
        return (self.login_base(), *(self.base_url(audience) for audience in AUDIENCES))
