"""The stand-in's own tests: it must behave as the documents say, seen from outside."""

import base64
import gzip
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msal
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.standins.microsoft import MicrosoftStandIn, exact, published
from tests.standins.microsoft.attributes import RECONCILIATION, USAGE
from tests.standins.microsoft.conftest import BILLING, OCTOBER, Client, Receiver
from tests.standins.microsoft.generator import Order, generate

# ---- login


def test_msal_works_unpatched(client: Client, standin: MicrosoftStandIn) -> None:
    settings = client.settings
    consented = standin.control("POST", "/tokens/consent")["refresh_token"]
    app = msal.ConfidentialClientApplication(
        settings["MICROSOFT_CLIENT_ID"],
        client_credential=settings["MICROSOFT_CLIENT_SECRET"],
        authority=f"{settings['MICROSOFT_LOGIN_URL']}/{settings['MICROSOFT_TENANT_ID']}",
        instance_discovery=False,
        http_client=client.session,
    )
    for base in (
        "https://api.partnercenter.microsoft.com",
        "https://graph.microsoft.com",
        settings["GRAPH_URL"],
    ):
        got = app.acquire_token_for_client([f"{base}/.default"])
        assert got.get("token_type") == "Bearer", got
        assert got["expires_in"] == 3600
    refreshed = app.acquire_token_by_refresh_token(
        consented, ["https://api.partnercenter.microsoft.com/user_impersonation"]
    )
    assert refreshed["refresh_token"] != consented


def test_login_refusals(client: Client, standin: MicrosoftStandIn) -> None:
    wrong = client.token(client_secret="wrong")
    assert wrong.status_code == 401
    assert wrong.json()["error"] == "invalid_client"
    assert "AADSTS7000215" in wrong.json()["error_description"]
    tenant = client.token(tenant="11111111-0000-4000-8000-000000000000")
    assert tenant.status_code == 400
    assert "AADSTS90002" in tenant.json()["error_description"]
    standin.modes(consent_missing=["graph"])
    missing = client.token("https://graph.microsoft.com")
    assert (missing.json()["error"], missing.json()["error_codes"]) == ("invalid_grant", [65001])
    standin.control("POST", "/tokens/revoke")
    fresh = standin.control("POST", "/tokens/consent")["refresh_token"]
    scope = "https://api.partnercenter.microsoft.com/user_impersonation offline_access"
    old = client.token(
        grant_type="refresh_token", refresh_token=client.settings["MICROSOFT_REFRESH_TOKEN"], scope=scope
    )
    assert old.json()["error"] == "invalid_grant"
    assert client.token(grant_type="refresh_token", refresh_token=fresh, scope=scope).status_code == 200


def test_v1_endpoint_writes_strings(client: Client) -> None:
    settings = client.settings
    answer = client.session.post(
        f"{settings['MICROSOFT_LOGIN_URL']}/{settings['MICROSOFT_TENANT_ID']}/oauth2/token",
        data={
            "grant_type": "client_credentials",
            "client_id": settings["MICROSOFT_CLIENT_ID"],
            "client_secret": settings["MICROSOFT_CLIENT_SECRET"],
            "resource": "https://graph.microsoft.com",
        },
    ).json()
    assert answer["expires_in"] == "3600"
    assert answer["resource"] == "https://graph.microsoft.com"


def test_tokens_are_checked(client: Client, standin: MicrosoftStandIn) -> None:
    base = client.settings["PARTNER_CENTER_URL"]
    assert client.session.get(f"{base}/v1/invoices").json()["code"] == "800001"
    graph = client.token("https://graph.microsoft.com").json()["access_token"]
    assert client.session.get(f"{base}/v1/invoices", headers={"Authorization": f"Bearer {graph}"}).status_code == 401
    standin.modes(token_lifetime=0)
    assert client.pc("/v1/invoices").status_code == 401


# ---- exports


def test_export_round_trip_keeps_every_digit(client: Client, standin: MicrosoftStandIn) -> None:
    month = generate(Order())
    for kind, names in (("reconciliation", RECONCILIATION), ("usage", USAGE)):
        manifest = client.export(OCTOBER, kind)
        assert manifest["blobCount"] == len(manifest["blobs"]) == 3
        assert manifest["partnerTenantId"] == client.settings["MICROSOFT_TENANT_ID"]
        lines = client.lines(manifest)
        assert gzip.decompress(client.blob(manifest, 2).content) == b""
        wanted = month["invoices"][0][kind]
        assert sorted(map(exact.dumps, lines)) == sorted(map(exact.dumps, wanted))
        assert set(lines[0]) == set(names)
    header = next(i for i in client.pc("/v1/invoices").json()["items"] if i["id"] == OCTOBER)
    reconciliation = month["invoices"][0]["reconciliation"]
    assert Decimal(str(header["totalCharges"])) == sum(line["Total"] for line in reconciliation)


@pytest.mark.parametrize(
    "modes",
    [
        {"numbers_as_strings": True},
        {"members": True, "crlf": True},
        {"bom": True, "empty_lines": True},
        {"manifest": "inline", "parts": 5},
    ],
)
def test_shapes(client: Client, standin: MicrosoftStandIn, modes: dict[str, Any]) -> None:
    standin.modes(**modes)
    lines = client.lines(client.export(OCTOBER))
    assert sum(Decimal(line["Subtotal"]) for line in lines) == Decimal(standin.facts["invoices"][0]["totalCharges"])
    assert isinstance(lines[0]["Subtotal"], str) == bool(modes.get("numbers_as_strings"))


def test_qualified_action_basic_set_and_bad_bodies(client: Client) -> None:
    path = f"{BILLING}/reconciliation/billed/microsoft.graph.partners.billing.export"
    assert client.call("GRAPH_URL", path, "POST", json={"invoiceId": OCTOBER}).status_code == 202
    assert "Quantity" not in client.lines(client.export(OCTOBER, attributeSet="basic"))[0]
    for body in ({}, {"invoiceId": "G0"}, {"invoiceId": OCTOBER, "attributeSet": "all"}):
        answer = client.call("GRAPH_URL", path, "POST", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")


def test_blobs_want_the_exact_sas_and_no_bearer(client: Client, standin: MicrosoftStandIn) -> None:
    manifest = client.export(OCTOBER)
    good = client.blob(manifest)
    assert (good.status_code, good.content[:2]) == (200, b"\x1f\x8b")
    assert "Content-Encoding" not in good.headers
    assert client.blob(manifest, Authorization="Bearer x").status_code == 400
    assert client.blob({**manifest, "sasToken": manifest["sasToken"].replace("%3A", ":")}).status_code == 403
    part = client.blob(manifest, Range="bytes=10-", **dict[str, Any]({"If-Match": good.headers["ETag"]}))
    assert (part.status_code, part.content) == (206, good.content[10:])
    standin.control("POST", "/sas/expire")
    expired = client.blob(manifest)
    assert (expired.status_code, expired.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")


def test_a_changed_invoice_gets_a_new_etag(client: Client, standin: MicrosoftStandIn) -> None:
    first, again = client.export(OCTOBER), client.export(OCTOBER)
    assert first["eTag"] == again["eTag"]
    standin.lines(OCTOBER, changes=[{"index": 0, "Subtotal": "119.00"}])
    changed = client.export(OCTOBER)
    assert changed["eTag"] != first["eTag"]
    assert changed["rootDirectory"] != first["rootDirectory"]


def test_faults_of_a_download(client: Client, standin: MicrosoftStandIn) -> None:
    manifest = client.export(OCTOBER)
    whole = client.blob(manifest).content
    standin.fault("graph.blob", "drop_after_bytes", bytes=100)
    with pytest.raises(requests.RequestException):
        client.blob(manifest)
    standin.fault("graph.blob", "truncate")
    short = client.blob(manifest)
    assert int(short.headers["Content-Length"]) == len(short.content) < len(whole)
    assert len(gzip.decompress(short.content)) < len(gzip.decompress(whole))
    standin.fault("graph.blob", "nan")
    assert b'"Subtotal": NaN' in gzip.decompress(client.blob(manifest).content)
    standin.fault("graph.blob", "change_etag")
    assert client.blob(manifest).content == whole
    assert client.export(OCTOBER)["eTag"] != manifest["eTag"]
    standin.fault("graph.manifest", "missing_blob")
    missing = client.export(OCTOBER)
    assert len(missing["blobs"]) == missing["blobCount"] - 1
    standin.fault("graph.export", "fail_5000")
    assert client.export(OCTOBER)["error"] == {"message": "No data available", "code": "5000"}


def test_throttling(client: Client, standin: MicrosoftStandIn) -> None:
    standin.fault("pc.invoices", "throttle", retry_after=57)
    answer = client.pc("/v1/invoices", headers={"MS-RequestId": "11111111-0000-4000-8000-000000000001"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "57")
    assert answer.json() == {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 57 seconds."}
    good = client.pc("/v1/invoices", headers={"MS-RequestId": "11111111-0000-4000-8000-000000000001"})
    assert good.headers["MS-RequestId"] == "11111111-0000-4000-8000-000000000001"
    seen = standin.log("pc.invoices")[-2:]
    assert [entry["status"] for entry in seen] == [429, 200]


# ---- v1


def test_onetime_pages_as_published(client: Client, standin: MicrosoftStandIn) -> None:
    standin.load_month(published.month("six-changes-in-march"))
    path = "/v1/invoices/G000000001/lineitems?provider=onetime&invoicelineitemtype=billinglineitems&size=4"
    first = client.pc(path)
    page = first.json()
    assert "size=4?seekOperation=Next" in page["links"]["next"]["uri"]
    assert "&nvoicelineitemtype=" in page["links"]["next"]["uri"]
    assert page["links"]["next"]["headers"] == [{"key": "MS-ContinuationToken", "value": page["continuationToken"]}]
    assert page["totalCount"] != 11
    items = list(page["items"])
    while token := page.get("continuationToken"):
        page = client.pc(path + "&seekOperation=Next", headers={"MS-ContinuationToken": token}).json()
        items += page["items"]
    assert "next" not in page["links"]
    assert sum(Decimal(item["subtotal"]) for item in items) == Decimal("275.23")
    assert items[1]["effectiveUnitPrice"] == "-11.2258064516"
    assert items[0]["resellerMpnId"] == "0"
    standin.modes(v1_numbers="numbers")
    assert client.pc(path).json()["items"][0]["subtotal"] == 120
    assert client.export("G000000001")["error"]["code"] == "5000"  # periods before 2024-02 are v1 only


def test_v1_refusals(client: Client, standin: MicrosoftStandIn) -> None:
    lines = f"/v1/invoices/{OCTOBER}/lineitems"
    wrong = client.pc(f"{lines}?provider=one_time&invoicelineitemtype=billinglineitems")
    assert (wrong.status_code, wrong.json()) == (400, {"message": "The request is invalid."})
    late = client.pc(f"{lines}?provider=onetime&invoicelineitemtype=billinglineitems")
    assert (late.status_code, late.json()["items"]) == (200, [])
    standin.modes(v1_late_lines="error")
    assert client.pc(f"{lines}?provider=onetime&invoicelineitemtype=billinglineitems").status_code == 400
    assert client.pc("/v1/invoices/G404").status_code == 404


def test_legacy_lines_page_by_offset(client: Client, standin: MicrosoftStandIn) -> None:
    standin.load_month(published.month("legacy-several-seat-changes"))
    path = "/v1/invoices/D02005YFHI/lineitems?provider=office&invoicelineitemtype=billinglineitems&size=4"
    pages = [client.pc(f"{path}&offset={offset}").json() for offset in (0, 4, 8)]
    assert [len(page["items"]) for page in pages] == [4, 2, 0]
    amounts = [Decimal(str(item["amount"])) for page in pages for item in page["items"]]
    assert sum(amounts[:5]) == Decimal("-9.94")
    assert sum(amounts) == Decimal("100.06")
    assert pages[0]["links"]["next"]["uri"].endswith("offset=")


def test_amendments_hang_under_the_original(client: Client, standin: MicrosoftStandIn) -> None:
    made = standin.amend(OCTOBER, drop=[0])
    original = next(i for i in client.pc("/v1/invoices?size=1&offset=5").json()["items"] if i["id"] == OCTOBER)
    assert original["documentType"] == "void_note"
    assert original["amendments"][0]["amendsOf"] == OCTOBER
    assert original["amendments"][0]["documentType"] == "adjustment_note"
    lines = client.lines(client.export(made["id"]))
    assert {line["InvoiceNumber"] for line in lines} == {made["id"]}
    assert sum(line["Total"] for line in lines) == made["totalCharges"]
    before = client.pc(f"/v1/invoices/{OCTOBER}").json()["totalCharges"]
    standin.header(OCTOBER, add="0.01")
    after = client.pc(f"/v1/invoices/{OCTOBER}").json()["totalCharges"]
    assert Decimal(str(after)) - Decimal(str(before)) == Decimal("0.01")


def test_customers_by_seek(client: Client) -> None:
    page = client.pc("/v1/customers?size=8").json()
    found = list(page["items"])
    while "next" in page["links"]:
        link = page["links"]["next"]
        page = client.pc(link["uri"], headers={h["key"]: h["value"] for h in link["headers"]}).json()
        found += page["items"]
    assert len({item["id"] for item in found}) == 20
    assert (
        client.pc(f"/v1/customers/{found[0]['id']}").json()["companyProfile"]["companyName"] == "Muster & Partner GmbH"
    )


# ---- notices


def _verify(body: bytes, headers: dict[str, str], client: Client) -> None:
    scheme, _, signature = headers["authorization"].partition(" ")
    assert (scheme, headers["x-ms-signature-algorithm"]) == ("Signature", "rsa-sha256")
    certificate = x509.load_der_x509_certificate(client.session.get(headers["x-ms-certificate-url"]).content)
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(base64.b64decode(signature), body, padding.PKCS1v15(), hashes.SHA256())
    trust = x509.load_pem_x509_certificates(Path(client.settings["WEBHOOK_TRUST_FILE"]).read_bytes())
    certificate.verify_directly_issued_by(trust[1])
    trust[1].verify_directly_issued_by(trust[0])
    assert "O=Microsoft Corporation" in certificate.issuer.rfc4514_string()


def test_notices_are_signed_repeated_and_tried_again(client: Client, standin: MicrosoftStandIn, receiver: str) -> None:
    Receiver.answers[:] = [503, 500]
    sent = standin.send_notice(receiver, invoice=OCTOBER, copies=2)
    assert [[attempt["status"] for attempt in notice["attempts"]] for notice in sent] == [
        [503, 500, 200],
        [200],
    ]
    assert len({body for body, _ in Receiver.received}) == 1
    body, headers = Receiver.received[-1]
    assert json.loads(body)["ResourceUri"].endswith(f"/v1/invoices/{OCTOBER}")
    assert headers["x-ms-certificate-url"] == client.settings["WEBHOOK_CERTIFICATE_URLS"]
    _verify(body, headers, client)
    standin.send_notice(receiver, invoice=OCTOBER, sign_with="expired")
    assert "expired" in Receiver.received[-1][1]["x-ms-certificate-url"]
    with pytest.raises(ValueError, match="loopback"):
        standin.send_notice("http://example.org/hook", invoice=OCTOBER)


def test_ten_attempts_and_no_more(standin: MicrosoftStandIn, client: Client) -> None:
    sent = standin.send_notice("http://127.0.0.1:9/hook", invoice=OCTOBER)
    assert (sent[0]["state"], len(sent[0]["attempts"])) == ("given up", 10)


def test_registration_sends_a_test_notice(client: Client, standin: MicrosoftStandIn, receiver: str) -> None:
    route = "/webhooks/v1/registration"
    assert "invoice-ready" in client.pc(f"{route}/events").json()
    body = {"WebhookUrl": receiver, "WebhookEvents": ["test-created", "invoice-ready"]}
    assert client.pc(route, method="PUT", json=body).json()["SubscriberId"]
    correlation = client.pc(f"{route}/validationEvents", method="POST").json()["correlationId"]
    for _ in range(50):
        state = client.pc(f"{route}/validationEvents/{correlation}").json()
        if state["status"] == "completed":
            break
    assert state["results"][0]["responseCode"] == "OK"
    assert json.loads(Receiver.received[-1][0])["EventName"] == "test-created"


# ---- the process


def test_the_command_line_and_its_end(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.standins.microsoft",
        "--dir",
        str(tmp_path),
        "--scenario",
        "azure-plan",
    ]
    root = Path(__file__).resolve().parents[3]
    process = subprocess.Popen([*command, "--mode", "retry_after=0"], cwd=root, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    facts = json.loads((tmp_path / "facts.json").read_text(encoding="utf-8"))
    assert facts["periods"] == ["2024-10"]
    assert requests.get(facts["control_url"] + "/modes", timeout=10).json()["retry_after"] == 0
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()


def test_in_threads_of_the_test(tmp_path: Path) -> None:
    with MicrosoftStandIn(tmp_path, scenario="azure-plan", in_process=True) as standin:
        lines = Client(standin).lines(Client(standin).export("G031809528"))
    assert sorted(str(line["EffectiveUnitPrice"]) for line in lines) == [
        "0.737586206896552",
        "0.737757626107858",
        "0.737782122900436",
    ]
