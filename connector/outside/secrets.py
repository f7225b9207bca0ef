"""Secrets at rest: sealed with keys that live outside the database, newest first (reliability.md, "Also")."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from connector.errors import Misconfigured

_ADVICE = "Set ENCRYPTION_KEY to one or more Fernet keys, newest first, separated by commas."


class SecretBox:
    """Seals with the newest key and opens with any of them.

    >>> box = SecretBox([Fernet.generate_key().decode()])
    >>> box.open(box.seal("refresh token"))
    'refresh token'
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise Misconfigured("There is no key to encrypt secrets with.", code="encryption_key", action=_ADVICE)
        usable = True
        fernets: list[Fernet] = []
        try:
            fernets = [Fernet(key.strip()) for key in keys]
        except ValueError:
            usable = False
        # Raised out here, so that no chained exception repeats a piece of the key
        if not usable:
            raise Misconfigured("An encryption key is not a Fernet key.", code="encryption_key", action=_ADVICE)
        self._fernet = MultiFernet(fernets)

    def seal(self, text: str) -> str:
        """Ciphertext that only the keys open; different every time."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text again; Misconfigured if it was altered or sealed with a key that we no longer have."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise _cannot_open() from None

    def rotate(self, sealed: str) -> str:
        """The same text sealed with the newest key, keeping the time it was first sealed."""
        try:
            return self._fernet.rotate(sealed.encode()).decode()
        except InvalidToken:
            raise _cannot_open() from None


def _cannot_open() -> Misconfigured:
    return Misconfigured(
        "A stored secret cannot be opened: it was altered, or its key is no longer in the settings.",
        code="encryption_key",
        action="Put the key it was sealed with back at the end of ENCRYPTION_KEY, or enter the secret anew.",
    )
