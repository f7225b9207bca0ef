"""Is a notice Microsoft's? Fetch the signer's certificate from a listed address, prove it, verify the raw
bytes.

Knows nothing of the web framework. Rules: reliability.md section 2 ("Certificate rule"), interfaces.md
section 8, webhooks.md section 3. Without WEBHOOK_TRUST_FILE the roots are certifi's, which hold no
intermediates: chains with an intermediate then need the file.
"""

from __future__ import annotations

import base64
import binascii
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import certifi
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.utils import CryptographyDeprecationWarning

from connector.errors import Misconfigured, Transient, Uncertain
from connector.outside.addresses import BadAddress, origin_of
from connector.outside.certificate_chain import NotProved, TrustedAuthorities, authorities_of, check_signer
from connector.outside.http import HttpClient

__all__ = ["CannotDecide", "CertificateCache", "NotProved", "NoticeTrust", "fetch_over", "verify_notice"]

ALGORITHM = "rsa-sha256"
MAX_CERTIFICATE_BYTES = 64 << 10
FETCH_DEADLINE = 5.0
CACHE_SECONDS = 6 * 3600.0
REFETCH_SECONDS = 60.0
"""A forged notice must not make us fetch at will: a cached certificate is fetched anew at most this often."""
_MAX_SIGNATURE = 2048
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class CannotDecide(Exception):
    """The certificate cannot be fetched now: 503, so that the notice comes again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class NoticeTrust:
    """What is trusted: exact addresses of certificates, authorities, and fingerprints that are denied."""

    certificate_urls: frozenset[str]
    authorities: TrustedAuthorities = field(repr=False)
    denied_fingerprints: frozenset[str] = frozenset()
    """SHA-256 of the certificate's DER bytes, lower-case hex without colons."""

    @classmethod
    def from_settings(
        cls, certificate_urls: Iterable[str], trust_file: Path | None = None, denied: Iterable[str] = ()
    ) -> NoticeTrust:
        """From WEBHOOK_CERTIFICATE_URLS and WEBHOOK_TRUST_FILE; Misconfigured if either is not usable."""
        urls = frozenset(url.strip() for url in certificate_urls if url.strip())
        for url in urls:
            _check_listed(url)
        try:
            text = Path(trust_file or certifi.where()).read_bytes()
            with warnings.catch_warnings():
                # certifi holds roots with serial numbers that the library dislikes; they sign nothing of Microsoft's
                warnings.simplefilter("ignore", CryptographyDeprecationWarning)
                bundle = x509.load_pem_x509_certificates(text)
        except (OSError, ValueError):
            raise Misconfigured(
                "The file of trusted roots for notices cannot be read.",
                code="webhook_trust_file",
                action="Give a PEM file of roots and intermediates in WEBHOOK_TRUST_FILE.",
            ) from None
        fingerprints = frozenset(one.replace(":", "").strip().lower() for one in denied)
        return cls(urls, authorities_of(bundle), fingerprints)

    def origins(self) -> tuple[str, ...]:
        """The allow-list of the client that fetches certificates."""
        return tuple(sorted({str(origin_of(url)) for url in self.certificate_urls}))


class FetchCertificate(Protocol):
    """Bytes of the certificate at a listed address; with `fresh`, None where there is nothing newer to be
    had.
    """

    def __call__(self, url: str, *, fresh: bool = False) -> bytes | None: ...


class CertificateCache:
    """Certificates by address. The address exists so that the certificate can be renewed there (webhooks.md
    3.3): one that fails is fetched anew, but not at will."""

    def __init__(self, fetch: Callable[[str], bytes], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._kept: dict[str, tuple[float, bytes]] = {}
        self._lock = threading.Lock()

    def __call__(self, url: str, *, fresh: bool = False) -> bytes | None:
        with self._lock:
            kept = self._kept.get(url)
        age = self._clock() - kept[0] if kept else CACHE_SECONDS
        if kept and not fresh and age < CACHE_SECONDS:
            return kept[1]
        if kept and fresh and age < REFETCH_SECONDS:
            return None
        found = self._fetch(url)
        with self._lock:
            self._kept[url] = (self._clock(), found)
        return found


def fetch_over(http: HttpClient) -> Callable[[str], bytes]:
    """How certificates are fetched in earnest: 64 KiB, 5 s in total, no redirect."""

    def fetch(url: str) -> bytes:
        try:
            answer = http.send("GET", url, deadline=FETCH_DEADLINE, max_bytes=MAX_CERTIFICATE_BYTES)
        except (Transient, Uncertain) as trouble:
            too_large = trouble.code == "too_large"
        else:
            if answer.status == 200:
                return answer.body
            if 300 <= answer.status < 400:
                raise NotProved("the address of the certificate wants to send us elsewhere")
            raise CannotDecide(f"the address of the certificate answers {answer.status}")
        if too_large:
            raise NotProved("the certificate is too large")
        raise CannotDecide("the certificate cannot be fetched now")

    return fetch


def verify_notice(
    headers: Mapping[str, str],
    body: bytes,
    *,
    trust: NoticeTrust,
    fetch: FetchCertificate,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Return if the raw bytes are signed by Microsoft; NotProved (401) or CannotDecide (503) otherwise."""
    plain = {name.lower(): value for name, value in headers.items()}
    signature = _signature(plain)
    if plain.get("x-ms-signature-algorithm", "").strip().lower() != ALGORITHM:
        raise NotProved("the algorithm is not rsa-sha256")
    url = plain.get("x-ms-certificate-url", "").strip()
    if url not in trust.certificate_urls:
        # Nothing is connected to: the sender of a forgery must not choose whom we call (fault 23)
        raise NotProved("the address of the certificate is not a listed one")
    packed = fetch(url)
    if packed is None:
        raise CannotDecide("there is no certificate to verify with")
    try:
        _verify(packed, signature, body, trust, now())
    except NotProved:
        renewed = fetch(url, fresh=True)
        if renewed is None or renewed == packed:
            raise
    else:
        return
    _verify(renewed, signature, body, trust, now())


def _verify(packed: bytes, signature: bytes, body: bytes, trust: NoticeTrust, now: datetime) -> None:
    leaf = _parsed(packed)
    if leaf.fingerprint(hashes.SHA256()).hex() in trust.denied_fingerprints:
        raise NotProved("the certificate is on the deny-list")
    key = check_signer(leaf, trust.authorities, now)
    try:
        key.verify(signature, body, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise NotProved("the signature does not fit the body") from None


def _parsed(packed: bytes) -> x509.Certificate:
    if len(packed) > MAX_CERTIFICATE_BYTES:
        raise NotProved("the certificate is too large")
    try:
        if b"-----BEGIN CERTIFICATE-----" in packed:
            return x509.load_pem_x509_certificate(packed)
        return x509.load_der_x509_certificate(packed)
    except ValueError:
        raise NotProved("the certificate cannot be read") from None


def _signature(headers: Mapping[str, str]) -> bytes:
    """The signature from either header (webhooks.md section 1, SignatureTokenToMsSignatureHeader)."""
    scheme, _, text = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "signature":
        text = headers.get("x-ms-signature", "")
        # Some senders repeat the scheme in the second header, too
        text = text.strip().removeprefix("Signature ")
    text = text.strip()
    if not text:
        raise NotProved("there is no signature")
    if len(text) > _MAX_SIGNATURE:
        raise NotProved("the signature is too long")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NotProved("the signature is not base64") from None


def _check_listed(url: str) -> None:
    try:
        origin = origin_of(url)
        parts = urlsplit(url)
        if parts.query or parts.fragment or "?" in url or "#" in url:
            raise BadAddress("it carries a query or a fragment")
        if origin.scheme != "https" and origin.host not in _LOOPBACK:
            raise BadAddress("it is not https")
        if "*" in url:
            raise BadAddress("it must be exact")
    except BadAddress as reason:
        problem = str(reason)
    else:
        return
    raise Misconfigured(
        f"A listed address of a notice certificate cannot be used: {problem}.",
        code="webhook_certificate_urls",
        action="Put exact https addresses into WEBHOOK_CERTIFICATE_URLS.",
    )
