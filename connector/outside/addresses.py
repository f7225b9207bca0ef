"""Which addresses this program may call. Pure: nothing here opens a connection or asks a name server."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from connector.errors import Misconfigured

_DEFAULT_PORTS = {"https": 443, "http": 80}
# Printable ASCII without the characters that two URL parsers may read differently. A fragment never travels.
_SAFE_URL = re.compile(r"[!$-;=?-\[\]_a-z~]+", re.ASCII)
_HOST_PATTERN = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9._-]*[a-z0-9])?", re.ASCII)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class BadAddress(ValueError):
    """The text is not an address we would ever call; the message says why and never repeats a query."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what an address is allowed by, and all of it that may stand in a log."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}")


def origin_of(url: str) -> Origin:
    """The origin of an address, or BadAddress.

    >>> str(origin_of("https://Graph.microsoft.com:443/v1.0/x?sig=1"))
    'https://graph.microsoft.com'
    >>> origin_of("https://graph.microsoft.com@evil.example/")
    Traceback (most recent call last):
    ...
    connector.outside.addresses.BadAddress: the address names a user
    """
    if not _SAFE_URL.fullmatch(url):
        raise BadAddress("the address holds characters that do not belong there")
    try:
        parts = urlsplit(url)
        port = parts.port
        second = parse_url(url)
    except (ValueError, LocationParseError):
        raise BadAddress("the address cannot be read") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise BadAddress("the address is not an http or https address")
    if "@" in parts.netloc:
        raise BadAddress("the address names a user")
    host = parts.hostname.lower()
    # What we check must be what is called: the library that connects has a parser of its own.
    if (second.host or "").strip("[]").lower() != host or second.port != port:
        raise BadAddress("the address can be read in two ways")
    return Origin(parts.scheme, host, port if port is not None else _DEFAULT_PORTS[parts.scheme])


@dataclass(frozen=True, slots=True)
class _HostPattern:
    """`host`, `host:port`, `*.suffix`, `*.suffix:port`. https only, except for loopback hosts."""

    host: str
    port: int | None

    def fits(self, origin: Origin) -> bool:
        if origin.scheme != "https" and origin.host not in _LOOPBACK:
            return False
        if origin.port != (self.port if self.port is not None else _DEFAULT_PORTS[origin.scheme]):
            return False
        if self.host.startswith("*."):
            return origin.host.endswith(self.host[1:]) and len(origin.host) > len(self.host) - 1
        return origin.host == self.host


class AllowList:
    """Origins ("https://graph.microsoft.com") and host patterns ("*.blob.core.windows.net",
    "localhost:41000").
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        self._origins: set[Origin] = set()
        self._patterns: list[_HostPattern] = []
        for entry in allowed:
            text = entry.strip()
            if not text:
                continue
            if "://" in text:
                self._origins.add(_setting_origin(text))
            else:
                self._patterns.append(_setting_pattern(text))

    def check(self, url: str) -> Origin:
        """The origin of an allowed address; Misconfigured for any other. No connection is made either way."""
        try:
            origin = origin_of(url)
        except BadAddress as problem:
            raise Misconfigured(f"An address was not called: {problem}.", code="address_refused") from None
        if origin in self._origins or any(pattern.fits(origin) for pattern in self._patterns):
            return origin
        raise Misconfigured(
            f"{origin} is not among the addresses that the settings allow, so it was not called.",
            code="address_refused",
            system=origin.host,
            action="If this host is the right one, add it to the settings.",
        )


def _setting_origin(text: str) -> Origin:
    try:
        origin = origin_of(text)
    except BadAddress as problem:
        raise Misconfigured(f"An allowed address in the settings is wrong: {problem}.", code="settings") from None
    if urlsplit(text).path.strip("/") or urlsplit(text).query:
        raise Misconfigured(f"The allowed address {origin} must not carry a path.", code="settings")
    return origin


def _setting_pattern(text: str) -> _HostPattern:
    host, colon, port = text.lower().rpartition(":") if not text.startswith("[") else ("", "", "")
    if not colon:
        host, port = text.lower(), ""
    if host.startswith("[") or (colon and not port.isdecimal()) or not _HOST_PATTERN.fullmatch(host):
        raise Misconfigured(f"{text[:80]!r} is not a host or host pattern.", code="settings")
    return _HostPattern(host, int(port) if port else None)
