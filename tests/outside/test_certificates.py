"""Notices: what proves them, each certificate that does not, what is fetched where (faults 22 to 28)."""

from __future__ import annotations

import base64
import socket
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from connector.errors import Misconfigured
from connector.outside.certificate_chain import authorities_of
from connector.outside.certificates import (
    CannotDecide,
    CertificateCache,
    NoticeTrust,
    NotProved,
    fetch_over,
    verify_notice,
)
from connector.outside.http import HttpClient
from tests.outside.issuing import (
    CLIENT_AUTH,
    CODE_SIGNING,
    EMAIL,
    NOW,
    SERVER_AUTH,
    Signer,
    issue,
    key,
)
from tests.outside.server import RawServer, Seen, always, plain
from tests.standins.microsoft import MicrosoftStandIn

URL = "https://3psostorageacct.blob.core.windows.net/cert/pcnotifications-dispatch.microsoft.com.cer"
BODY = b'{"EventName": "invoice-ready",\n  "ResourceUri": "https://x/v1/invoices/G1"}'
YEARS = (NOW - timedelta(days=3650), NOW + timedelta(days=3650))
ROOT = issue("Root", is_ca=True, own_key=key(1), valid=YEARS)
ISSUING = issue("Issuing", ROOT, is_ca=True, own_key=key(2), valid=YEARS, purposes=(CODE_SIGNING,))
LEAF = issue("dispatch.microsoft.com", ISSUING, own_key=key(3), purposes=(CODE_SIGNING,))
TRUST = NoticeTrust(frozenset({URL}), authorities_of([ROOT.certificate, ISSUING.certificate]))


class Kept:
    """A source of certificates with a memory of what was asked."""

    def __init__(self, packed: bytes, renewed: bytes | None = None) -> None:
        self.packed, self.renewed, self.asked = packed, renewed, list[str]()

    def __call__(self, url: str, *, fresh: bool = False) -> bytes | None:
        self.asked.append(url)
        return self.renewed if fresh else self.packed


def headers(signature: bytes, url: str = URL, algorithm: str = "rsa-sha256") -> dict[str, str]:
    return {
        "Authorization": f"Signature {base64.b64encode(signature).decode()}",
        "X-MS-Certificate-Url": url,
        "X-MS-Signature-Algorithm": algorithm,
    }


def verify(
    signer: Signer,
    *,
    trust: NoticeTrust = TRUST,
    now: datetime = NOW,
    body: bytes = BODY,
    named: dict[str, str] | None = None,
    fetch: Kept | None = None,
) -> None:
    verify_notice(
        named if named is not None else headers(signer.sign(BODY)),
        body,
        trust=trust,
        fetch=fetch or Kept(signer.der),
        now=lambda: now,
    )


def reason_of(action: Callable[[], None]) -> str:
    with pytest.raises(NotProved) as caught:
        action()
    return caught.value.reason


@pytest.mark.parametrize("purpose", [SERVER_AUTH, CLIENT_AUTH, CODE_SIGNING])
def test_a_signer_of_each_purpose_is_believed(purpose: x509.ObjectIdentifier) -> None:
    issuing = issue("Any issuing", ROOT, is_ca=True, own_key=key(2), valid=YEARS)
    trust = NoticeTrust(TRUST.certificate_urls, authorities_of([ROOT.certificate, issuing.certificate]))
    verify(issue("dispatch", issuing, own_key=key(3), purposes=(purpose,)), trust=trust)


def test_text_and_binary_certificates_either_header_and_any_case_are_believed() -> None:
    verify(LEAF, fetch=Kept(LEAF.pem))
    text = base64.b64encode(LEAF.sign(BODY)).decode()
    other = {"x-ms-signature": text, "x-ms-certificate-url": URL, "X-Ms-Signature-Algorithm": "RSA-SHA256"}
    verify(LEAF, named=other)
    verify(LEAF, named={**other, "Authorization": "Bearer gateway"})


def sha1_leaf(folder: Path) -> Signer:
    """Today's library makes no such certificate, so the openssl program does."""
    for name, data in (("ca.pem", ISSUING.pem), ("ca.key", _private(ISSUING)), ("leaf.key", _private(LEAF))):
        (folder / name).write_bytes(data)
    (folder / "ext").write_text("basicConstraints=critical,CA:FALSE\nextendedKeyUsage=codeSigning\n")
    _openssl(folder, "req", "-new", "-key", "leaf.key", "-subj", "/O=Microsoft Corporation/CN=x", "-out", "csr")
    issuing = "-CA ca.pem -CAkey ca.key -set_serial 77 -days 3650"
    command = f"x509 -req -sha1 -in csr {issuing} -extfile ext -out leaf.pem"
    _openssl(folder, *command.split())
    return Signer(x509.load_pem_x509_certificate((folder / "leaf.pem").read_bytes()), LEAF.key)


def _private(signer: Signer) -> bytes:
    return signer.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=30)


def rogues() -> dict[str, tuple[Signer, str]]:
    foreign_root = issue("Root", is_ca=True, own_key=key(4), valid=YEARS)
    foreign = issue("Issuing", foreign_root, is_ca=True, own_key=key(5), valid=YEARS)
    untold = issue("Untold issuing", ROOT, is_ca=True, own_key=key(5), valid=YEARS)
    look_alike = "Evil, O=Microsoft Corporation"
    leaf: Any = {"own_key": key(3), "purposes": (CODE_SIGNING,)}
    return {
        "self-signed": (issue("x", own_key=key(3), purposes=(CODE_SIGNING,)), "chain"),
        "foreign root of the same name": (
            issue("x", foreign, own_key=key(3), purposes=(CODE_SIGNING,)),
            "chain",
        ),
        "intermediate we do not have": (
            issue("x", untold, own_key=key(3), purposes=(CODE_SIGNING,)),
            "chain",
        ),
        "issued by a leaf": (issue("x", LEAF, own_key=key(5), purposes=(CODE_SIGNING,)), "chain"),
        "expired": (issue("x", ISSUING, valid=(YEARS[0], NOW - timedelta(seconds=1)), **leaf), "expired"),
        "not yet valid": (
            issue("x", ISSUING, valid=(NOW + timedelta(seconds=1), YEARS[1]), **leaf),
            "not valid yet",
        ),
        "wrong purpose": (issue("x", ISSUING, own_key=key(3), purposes=(EMAIL,)), "purpose"),
        "no purpose": (issue("x", ISSUING, own_key=key(3)), "purpose"),
        "wrong organisation": (
            issue("x", ISSUING, organisation="Macrosoft Corporation", **leaf),
            "organisation",
        ),
        "no organisation": (issue("x", ISSUING, organisation=None, **leaf), "organisation"),
        "other case": (issue("x", ISSUING, organisation="MICROSOFT CORPORATION", **leaf), "organisation"),
        "look-alike name": (issue(look_alike, ISSUING, organisation="Evil", **leaf), "organisation"),
        "look-alike organisation": (issue("x", ISSUING, organisation=look_alike, **leaf), "organisation"),
        "an authority": (issue("x", ISSUING, is_ca=True, **leaf), "authority"),
        "short key": (issue("x", ISSUING, own_key=key(6, 1024), purposes=(CODE_SIGNING,)), "too short"),
    }


ROGUES = rogues()


@pytest.mark.parametrize("name", ROGUES)
def test_a_certificate_that_is_not_the_signers_is_refused(name: str) -> None:
    signer, reason = ROGUES[name]
    assert reason in reason_of(lambda: verify(signer))


def test_a_certificate_signed_with_sha1_is_refused(tmp_path: Path) -> None:
    signer = sha1_leaf(tmp_path)
    now = signer.certificate.not_valid_before_utc + timedelta(days=1)
    assert "weak algorithm" in reason_of(lambda: verify(signer, now=max(now, NOW)))


def test_a_chain_with_a_short_or_expired_authority_is_refused() -> None:
    short = issue("Short issuing", ROOT, is_ca=True, own_key=key(6, 1024), valid=YEARS)
    old = issue("Old issuing", ROOT, is_ca=True, own_key=key(5), valid=(YEARS[0], NOW - timedelta(days=1)))
    purposeless = issue("Mail issuing", ROOT, is_ca=True, own_key=key(5), valid=YEARS, purposes=(EMAIL,))
    for issuing in (short, old, purposeless):
        trust = NoticeTrust(TRUST.certificate_urls, authorities_of([ROOT.certificate, issuing.certificate]))
        signer = issue("x", issuing, own_key=key(3), purposes=(CODE_SIGNING,))
        assert "chain" in reason_of(lambda: verify(signer, trust=trust))  # noqa: B023


def test_an_intermediate_in_the_bundle_is_no_root() -> None:
    trust = NoticeTrust(TRUST.certificate_urls, authorities_of([ISSUING.certificate]))
    assert "no trusted root" in reason_of(lambda: verify(LEAF, trust=trust))


def test_a_denied_certificate_is_refused_although_its_chain_is_good() -> None:
    print_ = LEAF.certificate.fingerprint(hashes.SHA256()).hex()
    trust = NoticeTrust(TRUST.certificate_urls, TRUST.authorities, frozenset({print_}))
    assert "deny-list" in reason_of(lambda: verify(LEAF, trust=trust))


@pytest.mark.parametrize("altered", [BODY + b" ", BODY[:-1], BODY.replace(b"G1", b"G2"), BODY.replace(b"\n ", b"")])
def test_an_altered_or_reencoded_body_is_refused(altered: bytes) -> None:
    assert "does not fit" in reason_of(lambda: verify(LEAF, body=altered))


@pytest.mark.parametrize("algorithm", ["none", "", "hmac-sha256", "rsa-sha1", "rsa-sha512", "rsa-sha256,none"])
def test_any_other_algorithm_is_refused(algorithm: str) -> None:
    named = headers(LEAF.sign(BODY), algorithm=algorithm)
    assert "algorithm" in reason_of(lambda: verify(LEAF, named=named))


@pytest.mark.parametrize("text", ["", "Signature ", "Signature !!!", "Bearer abc", "Signature " + "A" * 4000])
def test_a_missing_or_unreadable_signature_is_refused(text: str) -> None:
    named = {**headers(b""), "Authorization": text}
    assert "signature" in reason_of(lambda: verify(LEAF, named=named))


@pytest.mark.parametrize(
    "url",
    [
        "",
        URL + "?x=1",
        URL + "#x",
        URL.replace("https://", "http://"),
        URL.replace("https://", "https://user@"),
        URL.replace("windows.net", "windows.net:444"),
        URL.replace("windows.net", "windows.net:443"),
        URL.replace("windows.net", "windows.net.evil.example"),
        URL.replace("3psostorageacct", "3psostorageacct2"),
        URL.replace("/cert/", "/cert/../cert/"),
        "https://169.254.169.254/latest/meta-data",
        "https://127.0.0.1/x.cer",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_is_not_listed_is_never_asked(url: str) -> None:
    fetch = Kept(LEAF.der)
    assert "listed" in reason_of(lambda: verify(LEAF, named=headers(LEAF.sign(BODY), url), fetch=fetch))
    assert fetch.asked == []


def test_a_renewed_certificate_at_the_same_address_is_found() -> None:
    renewed = issue("dispatch", ISSUING, own_key=key(5), purposes=(CODE_SIGNING,))
    verify(renewed, fetch=Kept(LEAF.der, renewed.der))


def test_a_kept_certificate_is_checked_against_the_clock_again() -> None:
    cache = CertificateCache(lambda url: LEAF.der)
    named = headers(LEAF.sign(BODY))
    verify_notice(named, BODY, trust=TRUST, fetch=cache, now=lambda: NOW)
    later = NOW + timedelta(days=301)
    with pytest.raises(NotProved):
        verify_notice(named, BODY, trust=TRUST, fetch=cache, now=lambda: later)


def test_forged_notices_do_not_make_us_fetch_at_will() -> None:
    fetched: list[str] = []
    clock = [0.0]
    cache = CertificateCache(lambda url: (fetched.append(url), LEAF.der)[1], clock=lambda: clock[0])
    for second in range(50):
        clock[0] = float(second)
        with pytest.raises(NotProved):
            verify_notice(headers(b"forged"), BODY, trust=TRUST, fetch=cache, now=lambda: NOW)
    assert len(fetched) == 1


# ---- over real sockets


def listed(server: RawServer) -> NoticeTrust:
    return NoticeTrust(frozenset({f"{server.origin}/leaf.cer"}), TRUST.authorities)


def verify_over(server: RawServer) -> None:
    trust = listed(server)
    fetch = CertificateCache(fetch_over(HttpClient(trust.origins())))
    verify_notice(
        headers(LEAF.sign(BODY), f"{server.origin}/leaf.cer"), BODY, trust=trust, fetch=fetch, now=lambda: NOW
    )


def test_a_listed_loopback_address_is_fetched() -> None:
    with RawServer(always(plain(200, LEAF.der))) as server:
        verify_over(server)
    assert server.requests[0].line == "GET /leaf.cer HTTP/1.1"


def test_a_redirect_is_refused_and_not_followed() -> None:
    with RawServer(always(plain(200, LEAF.der))) as other:
        moved = plain(302, b"", {"Location": other.origin + "/leaf.cer"})
        with RawServer(always(moved)) as server:
            assert "elsewhere" in reason_of(lambda: verify_over(server))
    assert other.connections == 0


def test_a_certificate_that_cannot_be_fetched_now_decides_nothing() -> None:
    for status in (404, 429, 500, 503):
        with RawServer(always(plain(status))) as server, pytest.raises(CannotDecide):
            verify_over(server)
    with RawServer(lambda seen, connection: connection.close()) as server, pytest.raises(CannotDecide):
        verify_over(server)
    with RawServer(always(b"")) as server:
        pass
    with pytest.raises(CannotDecide):
        verify_over(server)


def test_too_large_or_unreadable_certificates_are_refused() -> None:
    for packed in (
        b"x" * (65 << 10),
        b"",
        b"<html>",
        b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----",
    ):
        with RawServer(always(plain(200, packed))) as server, pytest.raises(NotProved):
            verify_over(server)


# ---- notices as Microsoft sends them, by the stand-in


SIGNERS = {
    "leaf": "",
    "self_signed": "chain",
    "expired": "expired",
    "not_yet_valid": "not valid yet",
    "wrong_organisation": "organisation",
    "wrong_eku": "purpose",
    "short_key": "too short",
    "sha1": "weak algorithm",
    "look_alike": "organisation",
    "leaf_as_ca": "chain",
    "other_root": "chain",
}


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_notice_over_the_wire(microsoft: MicrosoftStandIn, signer: str) -> None:
    settings = microsoft.settings
    urls = microsoft.facts["certificate_urls"].values()
    trust = NoticeTrust.from_settings(urls, Path(settings["WEBHOOK_TRUST_FILE"]))
    fetch = CertificateCache(fetch_over(HttpClient(trust.origins(), settings["MICROSOFT_CA_FILE"])))
    reasons: list[str] = []

    def receive(seen: Seen, connection: socket.socket) -> None:
        try:
            verify_notice(seen.headers, seen.body, trust=trust, fetch=fetch)
            reasons.append("")
        except NotProved as refused:
            reasons.append(refused.reason)
        connection.sendall(plain(200))

    with RawServer(receive) as receiver:
        microsoft.send_notice(f"{receiver.origin}/webhooks/partner-center", sign_with=signer, attempts=1)
    (reason,) = reasons
    assert SIGNERS[signer] in reason
    assert bool(reason) == bool(SIGNERS[signer])


# ---- settings


def test_settings_that_cannot_be_used_stop_the_start(tmp_path: Path) -> None:
    trust_file = tmp_path / "trust.pem"
    trust_file.write_bytes(ROOT.pem + ISSUING.pem)
    trust = NoticeTrust.from_settings([URL, ""], trust_file)
    assert trust.certificate_urls == {URL}
    assert (len(trust.authorities.roots), len(trust.authorities.intermediates)) == (1, 1)
    verify(LEAF, trust=trust)
    for url in (URL + "?a", "http://example.com/a.cer", "https://*.example.com/a.cer", "https://a@b/c", "x"):
        with pytest.raises(Misconfigured):
            NoticeTrust.from_settings([url], trust_file)
    for content in (b"", b"nonsense"):
        trust_file.write_bytes(content)
        with pytest.raises(Misconfigured):
            NoticeTrust.from_settings([URL], trust_file)
    assert len(NoticeTrust.from_settings([URL]).authorities.roots) > 50
