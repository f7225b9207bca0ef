"""Tryton's JSON-RPC: one session, typed values, and what every answer means (ledgers/tryton.md, 5 and 8).

Knows nothing of invoices. Never sleeps and never repeats, but for the one renewal of a stale
session that the document describes.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from connector.domain.money import NotANumber, money
from connector.errors import ConnectorError, Misconfigured, Refused, Transient, Uncertain
from connector.ledgers import LedgerError
from connector.outside.http import Answer, HttpClient

Effect = Literal["read", "write"]
_WORDS_LIMIT = 500


class UserRefusal(LedgerError):
    """Tryton's UserError: it understood and said no, and rolled everything back."""

    def __init__(self, words: str) -> None:
        super().__init__("validation", words)


class Question(LedgerError):
    """Tryton's UserWarning: it would do it if somebody answered. `kind` is the stable part of the name."""

    def __init__(self, name: str, words: str) -> None:
        super().__init__("validation", words)
        self.name = name
        self.kind = name.rpartition(".")[2]


class Until:
    """The total deadline of one operation, shared by its calls."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise LedgerError("transient", f"Tryton took longer than {self._seconds:g} seconds; nothing more was sent.")
        return left


@dataclass(frozen=True, slots=True)
class Row:
    """One record of an answer. Every getter checks: an answer of another shape is an error, never a guess."""

    values: Mapping[str, Any]

    def text(self, name: str) -> str:
        value = self._value(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise _malformed(name)
        return value

    def id(self, name: str) -> int | None:
        value = self._value(name)
        return None if value is None else as_id(value)

    def id_or_zero(self, name: str) -> int:
        return self.id(name) or 0

    def amount(self, name: str) -> Decimal:
        value = self._value(name)
        if isinstance(value, Mapping) and value.get("__class__") == "Decimal":
            try:
                return money(value.get("decimal"))
            except NotANumber as error:
                raise _malformed(name) from error
        raise _malformed(name)

    def inner(self, name: str) -> Row:
        """The fields asked for as `name.field`."""
        value = self._value(name + ".")
        if not isinstance(value, Mapping):
            raise _malformed(name)
        return Row(value)

    def flag(self, name: str) -> bool:
        return bool(self._value(name))

    def day(self, name: str) -> date | None:
        value = self._value(name)
        if value is None:
            return None
        try:
            return date(int(value["year"]), int(value["month"]), int(value["day"]))
        except (TypeError, KeyError, ValueError) as error:
            raise _malformed(name) from error

    def _value(self, name: str) -> Any:
        if name not in self.values:
            raise _malformed(name)
        return self.values[name]


def as_id(value: object) -> int:
    """A record id; numbers of an answer may be Decimal."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    raise _malformed("id")


def wire_decimal(value: Decimal) -> dict[str, str]:
    """Tryton takes a JSON number for a Decimal silently, as a binary float: always send this."""
    return {"__class__": "Decimal", "decimal": format(value, "f")}


def wire_date(day: date) -> dict[str, object]:
    return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}


class Wire:
    """One user's way into one database. The session is made at the first call and renewed once when stale."""

    def __init__(self, http: HttpClient, *, url: str, database: str, user: str, password: str) -> None:
        self._http = http
        self._root = f"{url}/rpc/"
        self._url = f"{url}/{database}/rpc/"
        self._user = user
        self._password = password
        self._session = ""
        self._number = 0

    def server_version(self, until: Until) -> str:
        answer = self._exchange(self._root, "common.server.version", [], "", "read", until)
        return str(self._result(answer, "read"))

    def call(
        self,
        method: str,
        *params: object,
        until: Until,
        context: Mapping[str, object],
        effect: Effect = "read",
    ) -> Any:
        """One call of a model's method; its result, or a LedgerError."""
        everything = [*params, dict(context)]
        session = self._session or self.log_in(until)
        answer = self._exchange(self._url, method, everything, session, effect, until)
        if answer.status == 401:
            # `post` wants a session younger than Tryton's time-out, though searching still works with the
            # same one: not bad credentials. 401 comes before anything runs, so the call may be sent again.
            answer = self._exchange(self._url, method, everything, self.log_in(until), effect, until)
        return self._result(answer, effect)

    def rows(
        self,
        model: str,
        domain: list[object],
        fields: list[str],
        *,
        until: Until,
        context: Mapping[str, object],
        limit: int | None = None,
        order: list[list[str]] | None = None,
    ) -> list[Row]:
        """search_read: the records that fit, with these fields."""
        found = self.call(f"model.{model}.search_read", domain, 0, limit, order, fields, until=until, context=context)
        if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
            raise _malformed(model)
        return [Row(item) for item in found]

    def log_in(self, until: Until) -> str:
        """A new session. Only here a 401 means wrong credentials."""
        self._session = ""
        params: list[object] = [self._user, {"password": self._password}]
        answer = self._exchange(self._url, "common.db.login", params, "", "read", until)
        if answer.status == 401:
            raise LedgerError("auth_revoked", f"Tryton refused the password of user {self._user}.", status=401)
        result = self._result(answer, "read")
        if not isinstance(result, list) or len(result) < 2 or not isinstance(result[1], str):
            raise _malformed("login")
        secret = f"{self._user}:{as_id(result[0])}:{result[1]}"
        self._session = base64.b64encode(secret.encode()).decode()
        return self._session

    def _exchange(self, url: str, method: str, params: list[Any], session: str, effect: Effect, until: Until) -> _Reply:
        self._number += 1
        headers = {"Content-Type": "application/json"}
        if session:
            headers["Authorization"] = f"Session {session}"
        body = {"id": self._number, "method": method, "params": params}
        try:
            answer = self._http.send("POST", url, headers=headers, json=body, deadline=until.left())
        except ConnectorError as error:
            raise _not_answered(error, effect) from error
        return _Reply(answer, self._number)

    def _result(self, reply: _Reply, effect: Effect) -> Any:
        if reply.status != 200:
            raise _refused(reply, effect)
        try:
            body = reply.answer.json()
        except ValueError as error:
            raise _unreadable(effect) from error
        # An answer that belongs to another request (a confused proxy) proves nothing about ours.
        if not isinstance(body, Mapping) or body.get("id") != reply.number:
            raise _unreadable(effect)
        if "error" in body:
            raise _error_in(body["error"], effect)
        if "result" not in body:
            raise _unreadable(effect)
        return body["result"]


@dataclass(frozen=True, slots=True)
class _Reply:
    """An answer and the number of the request it should belong to."""

    answer: Answer
    number: int

    @property
    def status(self) -> int:
        return self.answer.status


def _unknown(text: str, *, status: int | None = None, retry_after: int | None = None) -> LedgerError:
    return LedgerError("outcome_unknown", text, effect="unknown", status=status, retry_after=retry_after)


def _malformed(name: str) -> LedgerError:
    return LedgerError("transient", f"Tryton's answer does not have the expected shape ({name}).")


def _unreadable(effect: Effect) -> LedgerError:
    words = "What answered is not Tryton's answer to this request."
    return _unknown(words) if effect == "write" else LedgerError("transient", words)


def _not_answered(error: ConnectorError, effect: Effect) -> LedgerError:
    """From the client for strangers: Transient surely reached nobody, Uncertain may have."""
    if isinstance(error, Uncertain):
        words = f"Tryton's answer was lost. {error}"
        return _unknown(words) if effect == "write" else LedgerError("transient", words)
    if isinstance(error, Transient):
        return LedgerError("transient", str(error), retry_after=error.retry_after)
    if isinstance(error, Misconfigured | Refused):
        return LedgerError("misconfigured", str(error))
    return _unreadable(effect)


def _refused(reply: _Reply, effect: Effect) -> LedgerError:
    """A status other than 200. Refusals of the ledger itself come as 200 with an error inside."""
    status = reply.status
    if status == 401:
        return LedgerError("auth_expired", "Tryton refused a session it has just given.", status=status)
    if status == 403:
        return LedgerError("permission", "Tryton does not offer this call to this user.", status=status)
    if status == 404:
        return LedgerError("misconfigured", "There is no such Tryton database at this address.", status=status)
    if status == 413:
        return LedgerError("too_large", "The document is larger than Tryton accepts.", status=status)
    if status == 429:
        return LedgerError(
            "rate_limited", "Tryton asks us to wait.", status=status, retry_after=reply.answer.retry_after
        )
    if status == 408 or status >= 500:
        # 504 is Tryton's own time limit or a lock; from a proxy on the way it proves nothing either.
        words = f"Tryton answered with status {status}."
        if effect == "write":
            return _unknown(words, status=status, retry_after=reply.answer.retry_after)
        return LedgerError("transient", words, status=status, retry_after=reply.answer.retry_after)
    if status in (400, 409, 422):
        return LedgerError("validation", f"Tryton did not understand the request (status {status}).", status=status)
    # 405 is another Tryton series, 3xx a moved address: somebody must look at the settings.
    return LedgerError(
        "misconfigured", f"This address does not answer like Tryton 8.2 (status {status}).", status=status
    )


def _error_in(error: object, effect: Effect) -> LedgerError:
    """The "error" of an answer with status 200: match the class, never the words, which are translated."""
    if not isinstance(error, list) or not error or not isinstance(error[0], str):
        return _unreadable(effect)
    kind, details = error[0], error[1] if len(error) > 1 else ""
    parts = [str(part) for part in details[:3] if part] if isinstance(details, list) else [str(details)]
    if kind == "UserError":
        return UserRefusal(_words(parts[:2]))
    if kind == "UserWarning" and isinstance(details, list) and details:
        return Question(str(details[0]), _words(parts[1:]))
    if kind == "ConcurrencyException":
        return LedgerError("conflict", _words(parts) or "Somebody else changed the record at the same time.")
    if kind == "LoginException":
        return LedgerError("auth_revoked", "Tryton asks this user for more than a password.")
    # A programming error has its text first and a traceback second, which nobody needs to see. It may come
    # from work done after the commit, so for a write it proves nothing.
    words = f"Tryton failed inside: {_words([kind])}"
    return _unknown(words) if effect == "write" else LedgerError("transient", words)


def _words(parts: list[str]) -> str:
    return " ".join(part.strip() for part in parts if part.strip())[:_WORDS_LIMIT]
