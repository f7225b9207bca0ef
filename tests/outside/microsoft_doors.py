"""The client's doors to the stand-in of Microsoft's services, made from its settings; no wait is real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from connector.outside.http import HttpClient
from connector.outside.microsoft import MicrosoftAccount, MicrosoftApi, Tokens
from connector.sources.graph_export import Patience
from tests.standins.microsoft import MicrosoftStandIn


class Doors:
    """Account, API and blob client of one test; `waits` remembers every sleep asked for."""

    def __init__(self, standin: MicrosoftStandIn, **account: str) -> None:
        settings = standin.settings
        self.waits: list[float] = []
        self.saved_refresh_tokens: list[str] = []
        ca_file = Path(settings["MICROSOFT_CA_FILE"])
        self.account = replace(
            MicrosoftAccount(
                tenant_id=settings["MICROSOFT_TENANT_ID"],
                client_id=settings["MICROSOFT_CLIENT_ID"],
                client_secret=settings["MICROSOFT_CLIENT_SECRET"],
                login_url=settings["MICROSOFT_LOGIN_URL"],
                partner_center_url=settings["PARTNER_CENTER_URL"],
                graph_url=settings["GRAPH_URL"],
                pricing_url=settings["PRICING_URL"],
            ),
            **account,
        )
        self.http = HttpClient(self.account.addresses(), ca_file, sleep=self.waits.append)
        self.tokens = Tokens(self.account, self.http, on_refresh_token=self.saved_refresh_tokens.append)
        self.api = MicrosoftApi(self.http, self.tokens, self.account)
        self.blobs = HttpClient(settings["EXPORT_BLOB_HOSTS"].split(","), ca_file, sleep=self.waits.append)

    def patience(self, seconds: float = 3600) -> Patience:
        """Waits take no time but are counted as if they did."""
        clock: Callable[[], float] = lambda: float(sum(self.waits))  # noqa: E731
        return Patience(seconds=seconds, sleep=self.waits.append, clock=clock)
