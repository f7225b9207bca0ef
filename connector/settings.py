"""All settings, read once from the environment into a frozen object (interfaces.md section 3).

Each may also come from a file named by NAME_FILE. Wrong values stop the start with one list of all mistakes.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from connector.errors import Misconfigured

_CLOUDS = ("global", "us_government", "china")
_DATABASE_FORMS = "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"
_ADDRESSES = ("MICROSOFT_LOGIN_URL", "PARTNER_CENTER_URL", "GRAPH_URL", "PRICING_URL")


@dataclass(frozen=True, slots=True)
class MicrosoftSettings:
    """The partner's account at Microsoft. Empty addresses mean the cloud's own."""

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    cloud: str
    login_url: str
    partner_center_url: str
    graph_url: str
    pricing_url: str
    blob_hosts: tuple[str, ...]
    ca_file: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a process may know about its surroundings. Secrets are not in the repr."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    public_url: str
    secret_key: str = field(repr=False)
    encryption_keys: tuple[str, ...] = field(repr=False)
    data_dir: Path
    host: str
    port: int
    partner_name: str
    link_months: int
    push_automatically: bool
    poll_minutes: int
    export_patience_seconds: int
    certificate_urls: tuple[str, ...]
    trust_file: str
    microsoft: MicrosoftSettings


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read, check and freeze; Misconfigured lists every mistake at once."""
    return _Reader(dict(os.environ if environ is None else environ)).settings()


class _Reader:
    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ
        self.mistakes: list[str] = []

    def settings(self) -> Settings:
        data_dir = self.data_dir()
        database_url = (
            self.checked("DATABASE_URL", _is_database, _DATABASE_FORMS) or f"sqlite:///{data_dir / 'connector.sqlite'}"
        )
        result = Settings(
            database_url=database_url,
            redis_url=self.checked("REDIS_URL", _is_redis, "redis://, rediss:// or unix:// address"),
            public_url=self.address("PUBLIC_URL") or f"http://127.0.0.1:{self.number('PORT', 8080)}",
            secret_key=self.checked("SECRET_KEY", lambda v: len(v) >= 32, "text of 32 characters or more")
            or self.kept("secret_key", lambda: secrets.token_urlsafe(48), data_dir),
            encryption_keys=self.listed("ENCRYPTION_KEY", _is_fernet, "one or more Fernet keys, newest first")
            or (self.kept("encryption_key", lambda: Fernet.generate_key().decode(), data_dir),),
            data_dir=data_dir,
            host=self.text("HOST") or "127.0.0.1",
            port=self.number("PORT", 8080, highest=65535),
            partner_name=self.text("PARTNER_NAME") or "Your cloud partner",
            link_months=self.number("LINK_MONTHS", 24),
            push_automatically=self.yes("PUSH_AUTOMATICALLY"),
            poll_minutes=self.number("POLL_MINUTES", 60),
            export_patience_seconds=self.number("EXPORT_PATIENCE", 3600),
            certificate_urls=self.listed(
                "WEBHOOK_CERTIFICATE_URLS", _is_exact_url, "exact https addresses, without patterns"
            ),
            trust_file=self.file("WEBHOOK_TRUST_FILE"),
            microsoft=MicrosoftSettings(
                tenant_id=self.text("MICROSOFT_TENANT_ID"),
                client_id=self.text("MICROSOFT_CLIENT_ID"),
                client_secret=self.text("MICROSOFT_CLIENT_SECRET"),
                refresh_token=self.text("MICROSOFT_REFRESH_TOKEN"),
                cloud=self.checked("MICROSOFT_CLOUD", lambda v: v in _CLOUDS, f"one of {', '.join(_CLOUDS)}")
                or _CLOUDS[0],
                login_url=self.address("MICROSOFT_LOGIN_URL"),
                partner_center_url=self.address("PARTNER_CENTER_URL"),
                graph_url=self.address("GRAPH_URL"),
                pricing_url=self.address("PRICING_URL"),
                blob_hosts=self.listed("EXPORT_BLOB_HOSTS", _is_host_pattern, "host[:port], perhaps with *. in front"),
                ca_file=self.file("MICROSOFT_CA_FILE"),
            ),
        )
        if self.mistakes:
            raise Misconfigured(
                f"{len(self.mistakes)} setting{'s are' if len(self.mistakes) > 1 else ' is'} wrong: "
                + "; ".join(self.mistakes)
                + ".",
                code="settings",
                action="Correct the environment and start again.",
            )
        return result

    def text(self, name: str) -> str:
        """The variable, or the content of the file NAME_FILE names; a file that cannot be read is a mistake."""
        path = self.environ.get(f"{name}_FILE", "")
        if path:
            if self.environ.get(name):
                self.mistakes.append(f"{name} and {name}_FILE are both set")
            try:
                return Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                self.mistakes.append(f"{name}_FILE names a file that cannot be read")
                return ""
        return self.environ.get(name, "").strip()

    def checked(self, name: str, fits: Callable[[str], bool], meaning: str) -> str:
        value = self.text(name)
        if value and not fits(value):
            self.mistakes.append(f"{name} must be {meaning}")
        return value

    def listed(self, name: str, fits: Callable[[str], bool], meaning: str) -> tuple[str, ...]:
        items = tuple(item.strip() for item in self.text(name).split(",") if item.strip())
        if not all(fits(item) for item in items):
            self.mistakes.append(f"{name} must be a comma-separated list of {meaning}")
        return items

    def address(self, name: str) -> str:
        """An origin without path: addresses carry no path (interfaces.md section 8)."""
        value = self.text(name).rstrip("/")
        if value:
            parts = urlsplit(value)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
                self.mistakes.append(f"{name} must be an address like https://host:port without a path")
            elif name in _ADDRESSES and parts.scheme != "https":
                self.mistakes.append(f"{name} must begin with https://: credentials travel over it")
        return value

    def number(self, name: str, default: int, *, highest: int = 10**6) -> int:
        value = self.text(name)
        if not value:
            return default
        if not value.isascii() or not value.isdigit() or not 1 <= int(value[:9]) <= highest:
            self.mistakes.append(f"{name} must be a whole number from 1 to {highest}")
            return default
        return int(value)

    def yes(self, name: str) -> bool:
        value = self.text(name).lower()
        if value not in ("", "yes", "no", "true", "false", "1", "0"):
            self.mistakes.append(f"{name} must be yes or no")
        return value in ("yes", "true", "1")

    def file(self, name: str) -> str:
        value = self.text(name)
        if not value:
            return ""
        try:
            if b"-----BEGIN CERTIFICATE-----" not in Path(value).read_bytes():
                self.mistakes.append(f"{name} names a file without a PEM certificate")
        except OSError:
            self.mistakes.append(f"{name} names a file that cannot be read")
        return value

    def data_dir(self) -> Path:
        value = self.text("DATA_DIR") or "data"
        if "://" in value:
            self.mistakes.append("DATA_DIR must be a folder (object stores are not supported yet)")
            value = "data"
        return Path(value).absolute()

    def kept(self, name: str, make: Callable[[], str], data_dir: Path) -> str:
        """A key of our own making, kept in the data folder: a first look needs no settings at all."""
        if self.mistakes:
            return ""
        path = data_dir / name
        try:
            if not path.exists():
                data_dir.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "w") as file:
                    file.write(make())
            return path.read_text().strip()
        except FileExistsError:  # another process was faster
            return path.read_text().strip()
        except OSError as error:
            self.mistakes.append(f"DATA_DIR cannot be written ({error.strerror})")
            return ""


def _is_database(value: str) -> bool:
    try:
        return make_url(value).get_backend_name() in ("sqlite", "postgresql")
    except ArgumentError:
        return False


def _is_redis(value: str) -> bool:
    return value.startswith(("redis://", "rediss://", "unix://"))


def _is_exact_url(value: str) -> bool:
    parts = urlsplit(value)
    return parts.scheme == "https" and bool(parts.hostname) and "*" not in value and not parts.query


def _is_host_pattern(value: str) -> bool:
    host = value[2:] if value.startswith("*.") else value
    return bool(host) and "/" not in host and "*" not in host


def _is_fernet(value: str) -> bool:
    try:
        Fernet(value.encode())
    except ValueError:
        return False
    return True
