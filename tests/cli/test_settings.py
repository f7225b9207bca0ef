"""Settings: all mistakes at once, no value repeated, and secrets from files."""

from __future__ import annotations

import pytest

from tests.cli.desk import Desk, told
from tests.cli.october import NET, PERIOD

_WRONG = {
    "DATABASE_URL": "canary-not-an-address",
    "REDIS_URL": "http://canary",
    "PUBLIC_URL": "https://bills.example.test/with/a/path",
    "SECRET_KEY": "canary-too-short",
    "ENCRYPTION_KEY": "canary-no-fernet-key",
    "PORT": "eighty",
    "POLL_MINUTES": "-5",
    "LINK_MONTHS": "1.5",
    "EXPORT_PATIENCE": "long",
    "PUSH_AUTOMATICALLY": "perhaps",
    "PARTNER_CENTER_URL": "http://127.0.0.1:1",
    "GRAPH_URL": "https://127.0.0.1/v1.0",
    "EXPORT_BLOB_HOSTS": "good.example,*.*.example",
    "WEBHOOK_CERTIFICATE_URLS": "https://*.blob.core.windows.net/cert.cer",
    "WEBHOOK_TRUST_FILE": "/nowhere/roots.pem",
    "MICROSOFT_CA_FILE": "/nowhere/roots.pem",
}


@pytest.mark.parametrize("command", [["sync", PERIOD], ["month", "list", "--json"], ["doctor"], ["clock"], ["serve"]])
def test_all_mistakes_are_listed_at_once(desk: Desk, command: list[str]) -> None:
    said = desk.run(*command, **_WRONG)
    told(said, 2, f"{len(_WRONG)} settings are wrong", "Correct the environment")
    assert [name for name in _WRONG if name not in said.words] == []
    assert "canary" not in said.err + said.out


@pytest.mark.parametrize("name", _WRONG)
def test_each_mistake_alone_ends_with_2(desk: Desk, name: str) -> None:
    told(desk.run("month", "list", **{name: _WRONG[name]}), 2, f"1 setting is wrong: {name} must be|{name}", "Correct")


def test_a_database_that_we_do_not_know(desk: Desk) -> None:
    said = desk.run("month", "list", DATABASE_URL="mysql://me:canary-password@localhost/books")
    told(said, 2, "DATABASE_URL|not supported", "sqlite|SQLite")
    assert "canary" not in said.words


def test_a_database_that_does_not_answer(desk: Desk) -> None:
    said = desk.run("month", "list", DATABASE_URL="postgresql://me:canary-password@127.0.0.1:1/books")
    told(said, 3, "cannot be reached", "Check DATABASE_URL")
    assert "canary" not in said.words


@pytest.mark.parametrize(("length", "status"), [(31, 2), (32, 0)])
def test_a_secret_key_has_32_characters_or_more(desk: Desk, length: int, status: int) -> None:
    said = desk.run("month", "list", SECRET_KEY="k" * length)
    assert said.status == status
    assert ("SECRET_KEY must be text of 32 characters or more" in said.words) == (status == 2)


def test_secrets_come_from_files(partner: Desk) -> None:
    names = ("SECRET_KEY", "ENCRYPTION_KEY", "MICROSOFT_CLIENT_SECRET", "MICROSOFT_TENANT_ID", "DATABASE_URL")
    files = {f"{name}_FILE": partner.write(name, partner.settings[name] + "\n") for name in names}
    month = partner.sync(PERIOD, status=0, **dict.fromkeys(names), **files)
    assert month.net == NET
    # the same keys: links made with one are the links made with the other
    assert partner.month(PERIOD).view == month.view


def test_a_secret_file_that_is_not_there(partner: Desk) -> None:
    said = partner.run("sync", PERIOD, MICROSOFT_CLIENT_SECRET=None, MICROSOFT_CLIENT_SECRET_FILE="/nowhere/secret")
    told(said, 2, "MICROSOFT_CLIENT_SECRET_FILE names a file that cannot be read", "Correct")


def test_a_secret_from_two_places_is_a_mistake(partner: Desk) -> None:
    said = partner.run("sync", PERIOD, MICROSOFT_CLIENT_SECRET_FILE=partner.write("secret", "another"))
    told(said, 2, "MICROSOFT_CLIENT_SECRET and MICROSOFT_CLIENT_SECRET_FILE are both set", "Correct")


def test_a_first_look_needs_no_settings(desk: Desk) -> None:
    nothing = dict.fromkeys(desk.settings)
    said = desk.run("month", "list", "--json", **{**nothing, "DATA_DIR": str(desk.folder / "fresh")})
    assert (said.status, said.json) == (0, [])
    assert (desk.folder / "fresh" / "secret_key").stat().st_mode & 0o077 == 0


def test_a_data_folder_that_cannot_be_written(desk: Desk) -> None:
    in_the_way = desk.write("file", "not a folder")
    nothing = dict.fromkeys(desk.settings)
    told(desk.run("month", "list", **{**nothing, "DATA_DIR": f"{in_the_way}/data"}), 2, "DATA_DIR", "Correct")


def test_a_mistyped_cloud(partner: Desk) -> None:
    said = partner.run("sync", PERIOD, MICROSOFT_CLOUD="moon")
    told(said, 2, "MICROSOFT_CLOUD", "global.*us_government.*china")
