"""Links: made once, shown again, opened by nobody else."""

from __future__ import annotations

import base64
import random
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from connector.errors import Misconfigured
from connector.store import links
from connector.store.database import reading, writing
from tests.web import seeded
from tests.web.seeded import DOCUMENT, KEYS, OTHER

NEWER = ((3, b"x" * 32), *KEYS)


def test_a_token_is_52_characters_and_its_addresses_stay_short(tokens: dict[str, str]) -> None:
    token = tokens[DOCUMENT]
    assert len(token) == links.TOKEN_LENGTH
    address = links.line_url("https://billing.contoso-cloud.example", token, 9999)
    assert address == f"https://billing.contoso-cloud.example/i/{token}/l/9999"
    assert len(address) <= 100 and address.isascii() and "?" not in address


def test_the_same_link_is_shown_again_also_after_a_new_key(engine: Engine, tokens: dict[str, str]) -> None:
    with writing(engine) as connection:
        assert links.ensure(connection, DOCUMENT, NEWER) == tokens[DOCUMENT]
        assert links.open_(connection, tokens[DOCUMENT], NEWER) == DOCUMENT
        assert links.url(connection, DOCUMENT, NEWER, "https://x.test/") == f"https://x.test/i/{tokens[DOCUMENT]}"
        links.revoke(connection, DOCUMENT)
        assert links.ensure(connection, DOCUMENT, KEYS) == tokens[DOCUMENT]


def test_with_its_key_gone_a_link_is_dead_and_is_made_anew(engine: Engine, tokens: dict[str, str]) -> None:
    others = ((9, b"z" * 32),)
    with writing(engine) as connection:
        assert links.open_(connection, tokens[DOCUMENT], others) is None
        with pytest.raises(Misconfigured):
            links.url(connection, DOCUMENT, others, "https://x.test")
        made = links.ensure(connection, DOCUMENT, others)
        assert made != tokens[DOCUMENT] and links.open_(connection, made, others) == DOCUMENT


def test_the_database_alone_opens_nothing(engine: Engine, tokens: dict[str, str]) -> None:
    with reading(engine) as connection:
        row = " ".join(str(value) for value in connection.execute(text("SELECT * FROM links")).all())
    assert all(token not in row for token in tokens.values())


def test_expired_and_revoked_links_open_nothing(engine: Engine, tokens: dict[str, str]) -> None:
    seeded.soon(engine, DOCUMENT, timedelta(seconds=-1))
    with writing(engine) as connection:
        assert links.open_(connection, tokens[DOCUMENT], KEYS) is None
        assert links.open_(connection, tokens[OTHER], KEYS) == OTHER
        assert links.revoke(connection, OTHER) and not links.revoke(connection, OTHER)
        assert links.open_(connection, tokens[OTHER], KEYS) is None


def test_a_renewed_link_ends_the_old_one(engine: Engine, tokens: dict[str, str]) -> None:
    with writing(engine) as connection:
        links.revoke(connection, DOCUMENT)
        new = links.renew(connection, DOCUMENT, KEYS)
        assert links.open_(connection, tokens[DOCUMENT], KEYS) is None
        assert links.open_(connection, new, KEYS) == DOCUMENT
        assert not links.is_open(connection, DOCUMENT, links.fingerprint(tokens[DOCUMENT]))


def test_ten_thousand_changed_tokens_open_nothing_and_ask_no_database(tokens: dict[str, str]) -> None:
    draw = random.Random(20260407)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for _ in range(10_000):
        token = list(draw.choice(list(tokens.values())))
        for _ in range(draw.randint(1, 3)):
            token[draw.randrange(52)] = draw.choice(alphabet)
        changed = "".join(token)
        assert changed in tokens.values() or not links.is_ours(changed, KEYS)


@pytest.mark.parametrize("token", ["", "A" * 52, "A" * 51, "A" * 53, "é" * 52, "=" * 52, "A" * 100_000, "\x00" * 52])
def test_text_that_is_no_token_is_refused(token: str) -> None:
    assert not links.is_ours(token, KEYS)


def test_only_one_spelling_of_a_token_is_good(tokens: dict[str, str]) -> None:
    token = tokens[DOCUMENT]
    for other in (token + "=", token + "\n", token.replace("-", "+").replace("_", "/"), token[:-1]):
        assert other == token or not links.is_ours(other, KEYS)
    assert base64.urlsafe_b64decode(token)[0] == 2


def test_links_are_listed_with_their_use_and_without_their_token(engine: Engine, tokens: dict[str, str]) -> None:
    with writing(engine) as connection:
        links.note_opening(connection, DOCUMENT)
        listed = links.list_links(connection, period="2026-03", organisation="C-1")
    assert [link.document_id for link in listed] == [DOCUMENT, seeded.REISSUED]
    assert listed[0].opened == 1 and listed[0].last_opened_at is not None
    assert tokens[DOCUMENT] not in repr(listed)
