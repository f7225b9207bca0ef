"""Microsoft's APIs behind one door: the right token, ids for support, and refusals in words that help.

For calls that may be repeated only: reads, exports, registrations. Every failure is one of ours
(connector/errors.py).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from connector.errors import Misconfigured, Transient, Uncertain
from connector.outside.addresses import BadAddress, origin_of
from connector.outside.clouds import CLOUDS, Audience, Cloud, MicrosoftAccount, cloud_named
from connector.outside.http import TRIED_AGAIN, Answer, Downloaded, HttpClient
from connector.outside.json_text import NotJson, read_json
from connector.outside.microsoft_errors import problem_of
from connector.outside.tokens import Tokens

__all__ = [
    "CLOUDS",
    "Audience",
    "Cloud",
    "MicrosoftAccount",
    "MicrosoftApi",
    "Tokens",
    "cloud_named",
    "require_json",
]

API_DEADLINE = 100.0
_TRIES = 4
_PRODUCT = "csp-ledger-connector"


class MicrosoftApi:
    """Partner Center, Graph and the price service of one account."""

    def __init__(self, http: HttpClient, tokens: Tokens, account: MicrosoftAccount) -> None:
        self._http = http
        self._tokens = tokens
        self.account = account

    def url(self, audience: Audience, path: str) -> str:
        """An address of ours: base address of the settings plus `path` (which begins with a slash)."""
        return self.account.base_url(audience) + path

    def sign_in(self, audience: Audience) -> None:
        """Get a token and do nothing with it: whether the credentials are good for an audience."""
        self._tokens.get(audience)

    def send(
        self,
        audience: Audience,
        method: str,
        url: str,
        *,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        retries: int = _TRIES,
        deadline: float = API_DEADLINE,
    ) -> Answer:
        """One call; the 2xx answer. A 401 gets one more try with a new token.

        Raises Misconfigured (401 again, 403), Refused (other 4xx, redirects), Transient (429, 5xx, lost).
        """
        self._check_origin(audience, url)
        correlation = str(uuid.uuid4())
        request_id = correlation

        def ids() -> Mapping[str, str]:
            nonlocal request_id
            request_id = str(uuid.uuid4())
            return {"MS-RequestId": request_id, "client-request-id": request_id}

        def once(token: str) -> Answer:
            return self._http.send(
                method,
                url,
                headers={
                    "Accept": "application/json",
                    "MS-CorrelationId": correlation,
                    "MS-Contract-Version": "v1",
                    "MS-PartnerCenter-Application": _PRODUCT,
                    **(headers or {}),
                    "Authorization": f"Bearer {token}",
                },
                json=json,
                retries=retries,
                deadline=deadline,
                renewed_headers=ids,
            )

        try:
            token = self._tokens.get(audience)
            answer = once(token)
            if answer.status == 401:
                answer = once(self._tokens.renewed(audience, stale=token))
        except Uncertain as lost:
            later = Transient(lost.sentence, code=lost.code, system=lost.system, reference=correlation)
        else:
            if 200 <= answer.status < 300:
                return answer
            raise problem_of(answer, audience, request_id)
        # Everything that is called here may be called again, so a lost answer is no more than a failure
        raise later

    def download(
        self,
        audience: Audience,
        url: str,
        to: Path,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int,
        progress: Callable[[int], None] = lambda size: None,
    ) -> Downloaded:
        """Stream one answer into a file, once; a 401 gets one more try with a new token.

        Gives what came, also where it broke off or must be asked for again (TRIED_AGAIN); raises like `send` for
        every other refusal, and Transient where there was no answer or too much of one.
        """
        self._check_origin(audience, url)
        request_id = str(uuid.uuid4())

        def once(token: str) -> Downloaded:
            return self._http.download(
                url,
                to=to,
                headers={
                    "MS-CorrelationId": request_id,
                    "client-request-id": request_id,
                    "MS-PartnerCenter-Application": _PRODUCT,
                    **(headers or {}),
                    "Authorization": f"Bearer {token}",
                },
                max_bytes=max_bytes,
                progress=progress,
            )

        try:
            token = self._tokens.get(audience)
            answer = once(token)
            if answer.status == 401:
                answer = once(self._tokens.renewed(audience, stale=token))
        except Uncertain as lost:
            later = Transient(lost.sentence, code=lost.code, system=lost.system, reference=request_id)
        else:
            if answer.status in (200, 206) or answer.status in TRIED_AGAIN:
                return answer
            raise problem_of(Answer(answer.status, answer.headers, answer.refusal), audience, request_id)
        raise later

    def get_json(self, audience: Audience, url: str, *, headers: Mapping[str, str] | None = None) -> Any:
        """GET; the body with exact numbers."""
        return require_json(self.send(audience, "GET", url, headers=headers))

    def post_json(self, audience: Audience, url: str, json: object, *, headers: Mapping[str, str] | None = None) -> Any:
        """POST of something that may be posted twice; the body with exact numbers, None if there is none."""
        answer = self.send(audience, "POST", url, json=json, headers=headers)
        return require_json(answer) if answer.body.strip() else None

    def _check_origin(self, audience: Audience, url: str) -> None:
        # The client's list holds other hosts too; a token travels only to the host it was made for.
        try:
            ours = origin_of(url) == origin_of(self.account.base_url(audience))
        except BadAddress:
            ours = False
        if not ours:
            raise Misconfigured(
                "An address outside the service that the token is for was not called.",
                code="address_refused",
                system=audience,
            )


def require_json(answer: Answer) -> Any:
    """The body as JSON with exact numbers; Transient if it cannot be read, for it may be cut or garbled."""
    try:
        return read_json(answer.body)
    except NotJson as reason:
        problem = str(reason)
    raise Transient(f"An answer of Microsoft's cannot be read: {problem}.", code="unreadable_answer")
