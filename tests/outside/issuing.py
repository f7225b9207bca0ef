"""Certificates made by hand, good and bad: for TLS and for the signers of notices."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
CODE_SIGNING = ExtendedKeyUsageOID.CODE_SIGNING
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
EMAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION


@cache
def key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Keys are slow to make: the same one for the same number."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@dataclass(frozen=True)
class Signer:
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, body: bytes) -> bytes:
        return self.key.sign(body, padding.PKCS1v15(), hashes.SHA256())


def issue(
    common_name: str,
    issuer: Signer | None = None,
    *,
    organisation: str | None = "Microsoft Corporation",
    own_key: rsa.RSAPrivateKey | None = None,
    is_ca: bool = False,
    purposes: tuple[x509.ObjectIdentifier, ...] = (),
    valid: tuple[datetime, datetime] = (NOW - timedelta(days=30), NOW + timedelta(days=300)),
    hosts: tuple[str, ...] = (),
    key_usage: bool = True,
) -> Signer:
    """A certificate; without an issuer it signs itself."""
    own = own_key or key(sum(common_name.encode()) % 7)
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organisation:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    name = x509.Name(parts)
    signing = issuer.key if issuer else own
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    if key_usage:
        usage = x509.KeyUsage(not is_ca, False, False, False, False, is_ca, is_ca, False, False)
        builder = builder.add_extension(usage, critical=True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    return Signer(builder.sign(signing, hashes.SHA256()), own)


def tls_context(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for localhost, and the file with the root it goes back to."""
    ages = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 1, 1, tzinfo=UTC))
    root = issue("Test TLS root", organisation="Test", is_ca=True, own_key=key(1), valid=ages)
    leaf = issue(
        "localhost",
        root,
        organisation="Test",
        own_key=key(2),
        purposes=(SERVER_AUTH,),
        hosts=("localhost",),
        valid=ages,
    )
    ca_file, chain, private = folder / "ca.pem", folder / "server.pem", folder / "server.key"
    ca_file.write_bytes(root.pem)
    chain.write_bytes(leaf.pem)
    private.write_bytes(
        leaf.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)
    return context, ca_file
