"""Secrets at rest: opened by every key, sealed by the newest, told to nobody."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from connector.errors import Misconfigured
from connector.outside.secrets import SecretBox

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def test_what_is_sealed_can_be_opened_and_not_be_read() -> None:
    sealed = SecretBox([OLD]).seal("refresh-token")
    assert "refresh-token" not in sealed
    assert SecretBox([OLD]).open(sealed) == "refresh-token"


def test_a_new_key_is_put_first_and_old_secrets_move_to_it() -> None:
    sealed = SecretBox([OLD]).seal("refresh-token")
    both = SecretBox([NEW, OLD])
    assert both.open(sealed) == "refresh-token"
    assert SecretBox([NEW]).open(both.rotate(sealed)) == "refresh-token"
    assert SecretBox([NEW]).open(both.seal("new")) == "new"


def test_altered_or_foreign_secrets_and_bad_keys_are_told_without_their_text() -> None:
    sealed = SecretBox([OLD]).seal("refresh-token")
    for attempt in (
        lambda: SecretBox([NEW]).open(sealed),
        lambda: SecretBox([OLD]).open(sealed[:-4] + "AAAA"),
    ):
        with pytest.raises(Misconfigured):
            attempt()
    with pytest.raises(Misconfigured):
        SecretBox([NEW]).rotate(sealed)
    with pytest.raises(Misconfigured):
        SecretBox([])
    with pytest.raises(Misconfigured) as caught:
        SecretBox([NEW, "CANARY-not-a-key"])
    assert "CANARY" not in str(caught.value) + repr(caught.value.__context__)
    assert NEW not in repr(vars(SecretBox([NEW])))
