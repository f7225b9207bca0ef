"""The account at Microsoft: refused credentials end with 2, silence with 3, and nothing is lost by either."""

from __future__ import annotations

import socket

import pytest

from tests.cli.desk import Desk, told
from tests.cli.october import NET, PERIOD
from tests.standins.microsoft import MicrosoftStandIn

RUN_AGAIN = "[Nn]othing was lost|[Rr]un it again|[Rr]un again|[Tt]ry again|again later|by itself"


def test_a_wrong_client_secret_is_a_mistake_in_the_settings(partner: Desk) -> None:
    said = partner.run("sync", PERIOD, "--no-push", MICROSOFT_CLIENT_SECRET="canary-that-is-not-the-secret")
    told(said, 2, "secret", "MICROSOFT_CLIENT_SECRET")
    partner.sync(PERIOD, status=0)


@pytest.mark.parametrize("audience", ["partner_center", "graph"])
def test_without_consent_the_administrator_is_asked_for_it(
    partner: Desk, microsoft: MicrosoftStandIn, audience: str
) -> None:
    microsoft.modes(consent_missing=[audience])
    told(partner.run("sync", PERIOD, "--no-push"), 2, "[Cc]onsent", "consent|administrator")
    microsoft.modes(consent_missing=[])
    partner.sync(PERIOD, status=0)


def test_a_right_that_is_missing_is_named(partner: Desk, microsoft: MicrosoftStandIn) -> None:
    microsoft.modes(graph_permission=False)
    told(partner.run("sync", PERIOD, "--no-push"), 2, "may not do this", r"PartnerBilling\.Read\.All")


def test_a_tenant_that_microsoft_does_not_know(partner: Desk) -> None:
    said = partner.run("sync", PERIOD, "--no-push", MICROSOFT_TENANT_ID="00000000-0000-4000-8000-0000000000ff")
    told(said, 2, "tenant", "MICROSOFT_TENANT_ID")


def test_an_application_that_microsoft_does_not_know(partner: Desk) -> None:
    said = partner.run("sync", PERIOD, "--no-push", MICROSOFT_CLIENT_ID="00000000-0000-4000-8000-0000000000ff")
    told(said, 2, "application", "MICROSOFT_CLIENT_ID")


@pytest.mark.parametrize("name", ["MICROSOFT_TENANT_ID", "MICROSOFT_CLIENT_ID", "MICROSOFT_CLIENT_SECRET"])
def test_without_an_account_nothing_is_asked(partner: Desk, name: str) -> None:
    told(partner.run("sync", PERIOD, "--no-push", **{name: None}), 2, f"{name} is not set", "Set ")


def nowhere(taken: socket.socket) -> str:
    """An address that refuses connections: bound, so that nobody else gets the port, but not listening."""
    taken.bind(("127.0.0.1", 0))
    return f"https://127.0.0.1:{taken.getsockname()[1]}"


def test_microsoft_unreachable_loses_nothing(partner: Desk) -> None:
    before = partner.sync(PERIOD, status=0)
    with socket.socket() as taken:
        said = partner.run("sync", PERIOD, "--no-push", MICROSOFT_LOGIN_URL=nowhere(taken))
    assert (said.status, "could not be reached" in said.words) == (3, True)
    assert partner.month(PERIOD).view == before.view
    partner.holds()


def test_graph_unreachable_leaves_the_month_incomplete(partner: Desk) -> None:
    with socket.socket() as taken:
        month = partner.sync(PERIOD, status=3, GRAPH_URL=nowhere(taken))
    assert month.state == "incomplete"
    assert partner.sync(PERIOD, status=0).net == NET


def test_who_cannot_reach_microsoft_is_told_what_to_do(partner: Desk) -> None:
    """interfaces.md section 2: an outside system is unavailable, nothing was lost, run again."""
    with socket.socket() as taken:
        said = partner.run("sync", PERIOD, "--no-push", MICROSOFT_LOGIN_URL=nowhere(taken))
    told(said, 3, "could not be reached", RUN_AGAIN)


@pytest.mark.parametrize("where", ["login.token", "pc.invoices"])
def test_who_finds_microsoft_out_of_order_is_told_what_to_do(
    partner: Desk, microsoft: MicrosoftStandIn, where: str
) -> None:
    microsoft.fault(where, "status", -1, status=503, headers={"Retry-After": "0"})
    told(partner.run("sync", PERIOD, "--no-push"), 3, "cannot answer now", RUN_AGAIN)


@pytest.mark.parametrize("where", ["login.token", "pc.invoices", "graph.export", "graph.operation", "graph.blob"])
@pytest.mark.parametrize("status", [500, 503])
def test_errors_of_the_server_on_every_try(partner: Desk, microsoft: MicrosoftStandIn, where: str, status: int) -> None:
    microsoft.fault(where, "status", -1, status=status, headers={"Retry-After": "0"})
    said = partner.run("sync", PERIOD, "--no-push")
    assert said.status == 3, said.words
    assert said.words
    microsoft.clear_faults()
    assert partner.sync(PERIOD, status=0).net == NET


def test_errors_that_pass_are_not_noticed(partner: Desk, microsoft: MicrosoftStandIn) -> None:
    for where in ("login.token", "pc.invoices", "graph.export", "graph.operation", "graph.blob"):
        microsoft.fault(where, "status", 1, status=503, headers={"Retry-After": "0"})
        microsoft.fault(where, "throttle", 1, retry_after=0)
    assert partner.sync(PERIOD, status=0).net == NET


def test_an_export_that_never_ends_is_given_up_in_time(partner: Desk, microsoft: MicrosoftStandIn) -> None:
    microsoft.modes(retry_after=1)
    microsoft.fault("graph.export", "never_ending", -1)
    month = partner.sync(PERIOD, status=3, EXPORT_PATIENCE="1")
    assert month.state == "incomplete"
    assert "still making the export" in month.finding("invoice_incomplete")["text"]
    microsoft.clear_faults()
    assert partner.sync(PERIOD, status=0).net == NET


def test_trust_and_proxies_of_the_machine_do_not_matter(partner: Desk) -> None:
    """interfaces.md section 8: MICROSOFT_CA_FILE works whatever these say."""
    nonsense = {
        "REQUESTS_CA_BUNDLE": "/nowhere/roots.pem",
        "CURL_CA_BUNDLE": "/nowhere/roots.pem",
        "SSL_CERT_FILE": "/nowhere/roots.pem",
        "SSL_CERT_DIR": "/nowhere",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "socks5://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "all_proxy": "http://127.0.0.1:9",
        "NO_PROXY": "",
    }
    assert partner.sync(PERIOD, status=0, **nonsense).net == NET
    assert partner.done("doctor", "--json", **nonsense).json["ok"]


def test_a_root_that_is_not_trusted_is_not_spoken_to(partner: Desk, microsoft: MicrosoftStandIn) -> None:
    said = partner.run("sync", PERIOD, "--no-push", MICROSOFT_CA_FILE=None)
    told(said, 3, "certificate", "roots")
    assert microsoft.log() == []


def test_doctor_says_what_is_wrong_with_the_account(partner: Desk, microsoft: MicrosoftStandIn) -> None:
    said = partner.run("doctor", "--json", MICROSOFT_CLIENT_SECRET="canary-that-is-not-the-secret")
    wrong = {check["name"]: check for check in said.json["checks"] if check["state"] == "error"}
    assert (said.status, said.json["ok"], set(wrong)) == (2, False, {"Partner Center", "Microsoft Graph"})
    assert all("MICROSOFT_CLIENT_SECRET" in check["action"] for check in wrong.values())
    microsoft.fault("login", "status", -1, status=503, headers={"Retry-After": "0"})
    assert partner.run("doctor", "--json").status == 3
