"""What can go wrong with the world, as one small tree. Bad *data* is a Finding, never an exception.

Each error carries a stable code, a plain sentence that says what happened, the system it happened at and
what to do about it. None carries a secret, a URL's query or a body.
"""

from __future__ import annotations


class ConnectorError(Exception):
    """Base of the tree. `exit_status` is the command line's answer (interfaces.md section 1)."""

    exit_status = 1

    def __init__(
        self,
        sentence: str,
        *,
        code: str = "",
        system: str = "",
        action: str = "",
        reference: str = "",
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code or type(self).__name__.lower()
        self.system = system
        self.action = action
        self.reference = reference

    def __str__(self) -> str:
        parts = [self.sentence]
        if self.action:
            parts.append(self.action)
        if self.reference:
            parts.append(f"(reference {self.reference})")
        return " ".join(parts)


class Transient(ConnectorError):
    """The other side could not answer now and surely did nothing: try again later."""

    exit_status = 3

    def __init__(
        self,
        sentence: str,
        *,
        retry_after: int | None = None,
        action: str = "Nothing was lost; run again.",
        **more: str,
    ) -> None:
        super().__init__(sentence, action=action, **more)
        self.retry_after = retry_after


class Refused(ConnectorError):
    """The other side understood us and said no; asking again changes nothing until somebody acts."""

    exit_status = 1

    def __init__(
        self,
        sentence: str,
        *,
        field_errors: dict[str, str] | None = None,
        status: int | None = None,
        **more: str,
    ) -> None:
        super().__init__(sentence, **more)
        self.field_errors = field_errors or {}
        self.status = status


class Uncertain(ConnectorError):
    """We do not know whether it happened: look before doing it again."""

    exit_status = 3

    def __init__(
        self, sentence: str, *, action: str = "Nothing was lost: it is looked up first; run again.", **more: str
    ) -> None:
        super().__init__(sentence, action=action, **more)


class Misconfigured(ConnectorError):
    """Settings, credentials or consent are wrong: nothing works until a person changes them."""

    exit_status = 2
