"""Signing in and calling Microsoft's APIs, against the stand-in: tokens, renewals, plain words."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connector.errors import ConnectorError, Misconfigured, Refused, Transient
from connector.outside.answers import Answer
from connector.outside.clouds import AUDIENCES, CLOUDS, MicrosoftAccount, cloud_named
from connector.outside.microsoft_errors import problem_of
from connector.outside.tokens import RENEW_BEFORE_SECONDS, Tokens
from tests.outside.microsoft_doors import Doors
from tests.outside.test_http import told
from tests.standins.microsoft import MicrosoftStandIn


def invoices(doors: Doors) -> object:
    return doors.api.get_json("partner_center", doors.api.url("partner_center", "/v1/invoices"))


def test_each_audience_gets_a_token_of_its_own_once(microsoft: MicrosoftStandIn) -> None:
    doors = Doors(microsoft)
    tokens = {audience: doors.tokens.get(audience) for audience in AUDIENCES}
    assert len(set(tokens.values())) == 3
    assert {audience: doors.tokens.get(audience) for audience in AUDIENCES} == tokens
    assert len(microsoft.log("login.token")) == 3


def test_a_token_near_its_end_is_not_used_any_more(microsoft: MicrosoftStandIn) -> None:
    doors, clock = Doors(microsoft), [1000.0]
    tokens = Tokens(doors.account, doors.http, clock=lambda: clock[0])
    first = tokens.get("graph")
    clock[0] += 3600 - RENEW_BEFORE_SECONDS - 1
    assert tokens.get("graph") == first
    clock[0] += 1
    assert tokens.get("graph") != first


def test_a_token_refused_by_an_api_is_renewed_once(microsoft: MicrosoftStandIn) -> None:
    doors = Doors(microsoft)
    invoices(doors)
    microsoft.control("POST", "/tokens/expire")
    invoices(doors)
    assert [entry["status"] for entry in microsoft.log("pc")] == [200, 401, 200]
    microsoft.fault("pc", "status", times=-1, status=401)
    with pytest.raises(Misconfigured) as caught:
        invoices(doors)
    assert caught.value.code == "token_refused"
    assert [entry["status"] for entry in microsoft.log("pc")][3:] == [401, 401]


def test_a_new_refresh_token_is_handed_over_before_the_access_token_is_used(
    microsoft: MicrosoftStandIn,
) -> None:
    microsoft.modes(refresh_reuse=False)
    given = microsoft.control("POST", "/tokens/consent")["refresh_token"]
    doors = Doors(microsoft, refresh_token=given)
    order: list[str] = []

    def save(new: str) -> None:
        order.append(f"saved after {len(microsoft.log('pc'))} calls")

    doors.tokens._on_refresh_token = save
    invoices(doors)
    assert order == ["saved after 0 calls"]
    # single use: the next audience needs the new one
    assert doors.tokens.get("graph")
    assert len(order) == 2


@pytest.mark.parametrize(
    ("account", "code", "says"),
    [
        ({"client_secret": "CANARY-wrong"}, "client_secret", "MICROSOFT_CLIENT_SECRET"),
        ({"client_id": "00000000-0000-0000-0000-000000000001"}, "client_id", "MICROSOFT_CLIENT_ID"),
        ({"tenant_id": "00000000-0000-0000-0000-000000000002"}, "tenant", "MICROSOFT_TENANT_ID"),
        ({"tenant_id": "../evil"}, "tenant", "MICROSOFT_TENANT_ID"),
        ({"client_secret": ""}, "microsoft_account", "MICROSOFT_CLIENT_SECRET"),
        ({"refresh_token": "CANARY-revoked"}, "refresh_token", "MICROSOFT_REFRESH_TOKEN"),
    ],
)
def test_a_refused_sign_in_says_what_to_do_and_no_secret(
    microsoft: MicrosoftStandIn, account: dict[str, str], code: str, says: str
) -> None:
    doors = Doors(microsoft, **account)
    with pytest.raises(Misconfigured) as caught:
        invoices(doors)
    assert caught.value.code == code
    assert says in str(caught.value)
    assert "CANARY" not in told(caught.value)
    assert doors.account.client_secret not in told(caught.value) or not doors.account.client_secret
    assert "CANARY" not in repr(doors.account)


def test_the_code_of_entra_is_the_reference(microsoft: MicrosoftStandIn) -> None:
    with pytest.raises(Misconfigured) as caught:
        invoices(Doors(microsoft, client_secret="wrong"))
    assert caught.value.reference == "AADSTS7000215"


def test_withdrawn_consent_is_told_and_heals_without_a_restart(microsoft: MicrosoftStandIn) -> None:
    doors = Doors(microsoft)
    microsoft.modes(consent_missing=["graph"])
    with pytest.raises(Misconfigured) as caught:
        doors.tokens.get("graph")
    assert caught.value.code == "consent"
    microsoft.modes(consent_missing=[])
    assert doors.tokens.get("graph")


@pytest.mark.parametrize("where", ["login.token", "login.discovery"])
@pytest.mark.parametrize("kind", ["status", "drop"])
def test_a_login_host_that_is_down_is_no_fault_of_the_settings(
    microsoft: MicrosoftStandIn, where: str, kind: str
) -> None:
    doors = Doors(microsoft)
    microsoft.fault(where, kind, times=-1, **({"status": 503} if kind == "status" else {}))
    with pytest.raises(Transient):
        doors.tokens.get("graph")
    microsoft.clear_faults()
    assert doors.tokens.get("graph")


def test_a_redirect_carries_no_token_away(microsoft: MicrosoftStandIn) -> None:
    doors = Doors(microsoft)
    microsoft.fault("pc.invoices", "redirect", location=microsoft.settings["GRAPH_URL"] + "/v1/invoices")
    with pytest.raises(Refused) as caught:
        invoices(doors)
    assert caught.value.code == "redirect_refused"
    assert microsoft.log("graph") == []


def test_a_token_goes_only_to_the_host_it_was_made_for(microsoft: MicrosoftStandIn) -> None:
    doors = Doors(microsoft)
    with pytest.raises(Misconfigured):
        doors.api.get_json("graph", doors.api.url("partner_center", "/v1/invoices"))
    assert microsoft.log("pc") == []


def test_throttling_is_obeyed(microsoft: MicrosoftStandIn) -> None:
    doors = Doors(microsoft)
    microsoft.fault("pc.invoices", "throttle", times=2, retry_after=57)
    invoices(doors)
    assert doors.waits == [57, 57]
    microsoft.fault("pc.invoices", "throttle", times=-1, retry_after=6000)
    with pytest.raises(Transient) as caught:
        invoices(doors)
    assert caught.value.retry_after == 6000


def test_server_errors_and_lost_connections_end_as_transient(microsoft: MicrosoftStandIn) -> None:
    doors = Doors(microsoft)
    for kind in ("status", "drop"):
        microsoft.fault("pc.invoices", kind, times=-1)
        with pytest.raises(Transient):
            invoices(doors)
        microsoft.clear_faults()
    microsoft.fault("pc.invoices", "body", text='{"items": [')
    with pytest.raises(Transient):
        invoices(doors)


def answer(status: int, body: bytes, **headers: str) -> Answer:
    return Answer(status, headers, body)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, b'{"code": 800090, "description": "Subscription quantity.", "data": []}', Refused, "800090"),
        (404, b'{"code": "20003", "description": "Subscription not found"}', Refused, "20003"),
        (429, b'{"statusCode": 429, "message": "Rate limit is exceeded."}', Transient, "429"),
        (400, b'{"message": "The request is invalid."}', Refused, "http_400"),
        (
            403,
            b'{"error": {"code": "Forbidden", "message": "no", "innerError": {}}}',
            Misconfigured,
            "forbidden",
        ),
        (401, b'{"code": "900421", "description": "x"}', Misconfigured, "mfa"),
        (500, b"<html>oops</html>", Transient, "http_500"),
        (409, b"\xff\xfe", Refused, "http_409"),
        (301, b"", Refused, "redirect_refused"),
    ],
)
def test_every_shape_of_refusal_is_understood(status: int, body: bytes, kind: type[ConnectorError], code: str) -> None:
    problem = problem_of(answer(status, body), "graph", "our-id")
    assert type(problem) is kind
    assert (problem.code, problem.reference) == (code, "our-id")


def test_a_refusal_gives_the_id_support_asks_for_and_no_credential() -> None:
    body = b'{"code": "1", "description": "bad https://x/?sig=CANARY1&se=2 Bearer CANARY2 access_token=CANARY3"}'
    problem = problem_of(answer(400, body, **{"MS-RequestId": "5a1b"}), "partner_center", "our-id")
    assert problem.reference == "5a1b"
    assert "CANARY" not in str(problem)


def test_numbers_of_an_answer_are_exact(microsoft: MicrosoftStandIn) -> None:
    microsoft.fault("pc.invoices", "body", text='{"items": [{"totalCharges": 24606.35}]}')
    found = invoices(Doors(microsoft))
    assert found == {"items": [{"totalCharges": Decimal("24606.35")}]}


def test_national_clouds_have_their_own_hosts_and_audiences() -> None:
    account = MicrosoftAccount("t", "c", "s", cloud=cloud_named("China"), graph_url="https://localhost:1")
    assert account.authority() == "https://login.chinacloudapi.cn/t"
    assert account.base_url("graph") == "https://localhost:1"
    assert account.scope("graph") == "https://microsoftgraph.chinacloudapi.cn/.default"
    assert not account.cloud.exports
    assert CLOUDS["global"].resources["pricing"] == "https://api.partner.microsoft.com"
    with pytest.raises(Misconfigured):
        cloud_named("moon")
