"""The interface every ledger adapter fulfils, and how adapters are found.

An adapter is one module in this folder that offers `LEDGER`, a LedgerInfo. It is stateless, makes one HTTP
exchange (or one documented sequence) per call, never sleeps and never retries: waiting, leases and repeats belong
to the core (shared rules: ledgers/README.md, "Common interface").
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.metadata import entry_points
from typing import Any, Literal, Protocol

from connector.domain.invoice import LedgerInvoice, RemoteInvoice
from connector.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a ledger can do, declared as data. Times in seconds.

    `unique_key`: enforced (the ledger refuses a second document with our reference), findable, findable_after
    (its index lags by `lag`) or none. `settle` = own deadline + `max_server_time` + `lag`.
    """

    unique_key: Literal["enforced", "findable", "findable_after", "none"]
    max_server_time: int
    lag: int = 0
    draft: bool = True
    unit_price_digits: int = 2
    negative_lines: bool = True
    negative_total: bool = True
    max_lines: int | None = None
    text_limit: int | None = None


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting of a connection, for forms, checks and documentation."""

    name: str
    help: str
    required: bool = False
    secret: bool = False
    default: str = ""


@dataclass(frozen=True, slots=True)
class CheckItem:
    """One thing `doctor` looked at in a ledger: ok, or what to do. `silent`: the ledger did not answer at all."""

    name: str
    ok: bool
    text: str
    action: str = ""
    silent: bool = False


ErrorCode = Literal[
    "auth_expired",
    "auth_revoked",
    "permission",
    "misconfigured",
    "validation",
    "reference_missing",
    "period_closed",
    "currency_mismatch",
    "duplicate_ref",
    "conflict",
    "immutable_state",
    "totals_mismatch",
    "too_large",
    "rate_limited",
    "transient",
    "outcome_unknown",
    "unsupported",
]


class LedgerError(Exception):
    """The one exception of an adapter. `code` is one of the classes of ledgers/README.md, "Error taxonomy".

    `effect`: "none" = surely not applied; "unknown" = may have happened (look before repeating).
    `text` holds the ledger's own words, without tokens.
    """

    def __init__(
        self,
        code: ErrorCode,
        text: str,
        *,
        effect: Literal["none", "unknown"] = "none",
        retry_after: int | None = None,
        status: int | None = None,
        reference: str = "",
    ) -> None:
        super().__init__(text)
        self.code: ErrorCode = code
        self.text = text
        self.effect = effect
        self.retry_after = retry_after
        self.status = status
        self.reference = reference


class Ledger(Protocol):
    """An open connection to one ledger. Every method raises only LedgerError and ends within `deadline` seconds."""

    deadline: int

    def capabilities(self) -> Capabilities: ...

    def check(self) -> list[CheckItem]:
        """Credentials, rights, company, accounts: what `doctor` shows."""
        ...

    def missing_for(self, document: LedgerInvoice) -> list[str]:
        """Everything this document needs that the ledger lacks (customer, currency, account), in plain words."""
        ...

    def find(self, ref: str) -> list[RemoteInvoice]:
        """Drafts and issued documents with exactly this reference, 0..n, with their lines."""
        ...

    def create_draft(self, document: LedgerInvoice) -> str:
        """Create the whole document as a draft (or issued, where the ledger has no drafts); its id."""
        ...

    def read(self, remote_id: str) -> RemoteInvoice | None:
        """The document as the ledger has it now, or None if it is gone."""
        ...

    def finalise(self, remote_id: str) -> None:
        """Issue a draft. The proof is the state read back."""
        ...

    def withdraw(self, remote_id: str) -> None:
        """Delete (or cancel) a draft that was never issued."""
        ...


@dataclass(frozen=True, slots=True)
class LedgerInfo:
    """How to make a Ledger from a connection's settings: `open(settings, http)`, settings with secrets resolved."""

    kind: str
    title: str
    settings: tuple[SettingField, ...]
    open: Callable[[Mapping[str, str], Any], Ledger] = field(repr=False)


def discover() -> dict[str, LedgerInfo]:
    """All adapters by kind: the modules of this folder and the entry-point group `csp_connector.ledgers`."""
    found: dict[str, LedgerInfo] = {}
    for module in pkgutil.iter_modules(__path__):
        info = getattr(importlib.import_module(f"{__name__}.{module.name}"), "LEDGER", None)
        if isinstance(info, LedgerInfo):
            found[info.kind] = info
    for point in entry_points(group="csp_connector.ledgers"):
        info = point.load()
        found[info.kind] = info
    return found


def check_settings(info: LedgerInfo, settings: Mapping[str, str]) -> None:
    """Raise Misconfigured with all missing and unknown settings at once."""
    known = {item.name for item in info.settings}
    missing = sorted(item.name for item in info.settings if item.required and not settings.get(item.name))
    unknown = sorted(set(settings) - known)
    if missing or unknown:
        words = [f"missing: {', '.join(missing)}"] if missing else []
        words += [f"unknown: {', '.join(unknown)}"] if unknown else []
        raise Misconfigured(
            f"The settings of the {info.title} connection are not right ({'; '.join(words)}).",
            code="ledger_settings",
            action=f"Known settings: {', '.join(sorted(known))}.",
        )


def reproduces(quantity: Decimal, unit_price: Decimal, amount: Decimal, capabilities: Capabilities) -> bool:
    """Whether the ledger's own quantity x price gives the amount to the cent within its decimals."""
    exponent = unit_price.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent <= capabilities.unit_price_digits and quantity * unit_price == amount
