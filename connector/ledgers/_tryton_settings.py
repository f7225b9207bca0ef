"""The settings of a connection to Tryton, checked once when it is opened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from connector.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class TrytonSettings:
    """The settings of one connection, checked. The password is no part of its repr."""

    url: str
    database: str
    user: str
    password: str
    company: str
    create_customers: bool
    revenue_account: str
    receivable_account: str
    journal: str
    payment_term: str
    tax: str
    timeout: int
    max_server_time: int

    def __repr__(self) -> str:
        return f"TrytonSettings({self.url}, {self.database}, {self.user})"

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Self:
        wrong: list[str] = []
        parts = urlsplit(given["url"].strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
            wrong.append("url is not an address like https://tryton.example.com")
        if parts.username or parts.query or parts.fragment:
            wrong.append("url carries more than an address")
        if not re.fullmatch(r"[\w.-]+", given["database"]):
            wrong.append("database is not a database's name")
        for name, allowed in (("customer_policy", ("must_exist", "create")), ("finalise", ("yes", "no"))):
            if given[name] not in allowed:
                wrong.append(f"{name} must be {' or '.join(allowed)}")
        for name in ("timeout", "max_server_time"):
            if not re.fullmatch(r"[1-9][0-9]{0,3}", given[name]):
                wrong.append(f"{name} is not a number of seconds")
        if wrong:
            raise Misconfigured(
                f"The settings of the Tryton connection are not right: {'; '.join(wrong)}.",
                code="ledger_settings",
            )
        return cls(
            url=f"{parts.scheme}://{parts.netloc}",
            database=given["database"],
            user=given["user"],
            password=given["password"],
            company=given["company"],
            create_customers=given["customer_policy"] == "create",
            revenue_account=given["revenue_account"],
            receivable_account=given["receivable_account"],
            journal=given["journal"],
            payment_term=given["payment_term"],
            tax=given["tax"],
            timeout=int(given["timeout"]),
            max_server_time=int(given["max_server_time"]),
        )
