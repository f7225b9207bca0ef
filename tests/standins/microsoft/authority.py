"""Certificates: a CA for TLS, and the chain that signs notices, with every rogue a test may ask for.

webhooks.md section 3: the certificate in X-MS-Certificate-Url chains to Microsoft's root, its issuer holds
O=Microsoft Corporation, RSA PKCS#1 v1.5 over the raw bytes. reliability.md row 25 lists what must be
refused.
"""

import ssl
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LEAF_NAME = "pcnotifications-dispatch.microsoft.com"
ORGANISATION = "Microsoft Corporation"
ROGUES = (
    "self_signed",
    "expired",
    "not_yet_valid",
    "wrong_organisation",
    "wrong_eku",
    "short_key",
    "sha1",
    "look_alike",
    "leaf_as_ca",
    "other_root",
)

#: wide on purpose: tests set the clock to old and new months
_FROM = datetime(2016, 1, 1, tzinfo=UTC)
_TO = datetime(2049, 12, 31, tzinfo=UTC)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Signer:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def der(self) -> bytes:
        """The certificate as the host serves it."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate as text."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def subject(common_name: str, organisation: str | None) -> x509.Name:
    """A name, in Microsoft's order."""
    parts = [x509.NameAttribute(NameOID.COUNTRY_NAME, "US")]
    if organisation is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def issue(
    name: x509.Name,
    issuer: Signer | None,
    *,
    key: PrivateKey | None = None,
    is_ca: bool = False,
    usages: tuple[x509.ObjectIdentifier, ...] = (),
    hosts: tuple[str, ...] = (),
    valid: tuple[datetime, datetime] = (_FROM, _TO),
) -> Signer:
    """Issue a certificate; without an issuer it signs itself."""
    key = key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signing = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not is_ca,
                key_cert_sign=is_ca,
                crl_sign=is_ca,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if hosts:
        names: list[x509.GeneralName] = [
            x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host) for host in hosts
        ]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Signer(builder.sign(signing, hashes.SHA256()), key)


def _save_key(path: Path, key: PrivateKey) -> None:
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    path.chmod(0o600)


class TlsAuthority:
    """The CA of the addresses, and the server certificate for localhost."""

    def __init__(self, directory: Path) -> None:
        root = issue(
            subject("Stand-in TLS root", "Stand-in"),
            None,
            key=ec.generate_private_key(ec.SECP256R1()),
            is_ca=True,
        )
        leaf = issue(
            subject("localhost", "Stand-in"),
            root,
            key=ec.generate_private_key(ec.SECP256R1()),
            usages=(ExtendedKeyUsageOID.SERVER_AUTH,),
            hosts=("localhost", "127.0.0.1"),
        )
        self.ca_file = directory / "tls-ca.pem"
        self.ca_file.write_bytes(root.pem)
        certificate, key = directory / "tls-server.pem", directory / "tls-server.key"
        certificate.write_bytes(leaf.pem + root.pem)
        _save_key(key, leaf.key)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)


class NoticeAuthority:
    """Root, intermediate and leaf that sign notices. Rogues are made when first asked for."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = issue(subject("Microsoft RSA Root (stand-in)", ORGANISATION), None, is_ca=True)
        self.intermediate = issue(subject("Microsoft TLS Issuing (stand-in)", ORGANISATION), self.root, is_ca=True)
        self.leaf = self._leaf(self.intermediate)
        self.trust_file = directory / "notice-trust.pem"
        self.trust_file.write_bytes(self.root.pem + self.intermediate.pem)
        self._rogues: dict[str, Signer] = {}

    def _leaf(
        self,
        issuer: Signer | None,
        organisation: str | None = ORGANISATION,
        name: str = LEAF_NAME,
        usages: tuple[x509.ObjectIdentifier, ...] = (
            ExtendedKeyUsageOID.SERVER_AUTH,
            ExtendedKeyUsageOID.CLIENT_AUTH,
        ),
        valid: tuple[datetime, datetime] = (_FROM, _TO),
        key: PrivateKey | None = None,
    ) -> Signer:
        return issue(subject(name, organisation), issuer, usages=usages, valid=valid, key=key, hosts=(LEAF_NAME,))

    def signer(self, name: str | None) -> Signer:
        """The real leaf, or a rogue by name."""
        if not name or name == "leaf":
            return self.leaf
        if name not in self._rogues:
            self._rogues[name] = self._rogue(name)
        return self._rogues[name]

    def _rogue(self, name: str) -> Signer:
        now = datetime.now(UTC)
        match name:
            case "self_signed":
                return self._leaf(None)
            case "expired":
                return self._leaf(self.intermediate, valid=(_FROM, _FROM + timedelta(days=365)))
            case "not_yet_valid":
                return self._leaf(self.intermediate, valid=(now + timedelta(days=3650), _TO))
            case "wrong_organisation":
                return self._leaf(self._other_intermediate("Macrosoft Corporation"), "Macrosoft Corporation")
            case "wrong_eku":
                return self._leaf(self.intermediate, usages=(ExtendedKeyUsageOID.EMAIL_PROTECTION,))
            case "short_key":
                return self._leaf(self.intermediate, key=rsa.generate_private_key(65537, 1024))
            case "sha1":
                return self._sha1()
            case "look_alike":
                evil = "Evil, O=Microsoft Corporation"
                return self._leaf(self._other_intermediate("Evil", evil), "Evil", evil)
            case "leaf_as_ca":
                return self._leaf(self.leaf)
            case "other_root":
                root = issue(self.root.certificate.subject, None, is_ca=True)
                return self._leaf(issue(self.intermediate.certificate.subject, root, is_ca=True))
        raise ValueError(f"no such certificate: {name}")

    def _other_intermediate(self, organisation: str, name: str = "Issuing CA") -> Signer:
        """An intermediate under the same root, but of somebody else: also in the trust of nobody."""
        return issue(subject(name, organisation), self.root, is_ca=True)

    def _sha1(self) -> Signer:
        """A leaf signed with SHA-1; today's library refuses to make one, so the openssl program does."""
        base = self.directory / "sha1"
        key = rsa.generate_private_key(65537, 2048)
        _save_key(base.with_suffix(".key"), key)
        _save_key(base.with_suffix(".ca.key"), self.intermediate.key)
        base.with_suffix(".ca.pem").write_bytes(self.intermediate.pem)
        extensions = "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n"
        base.with_suffix(".ext").write_text(f"{extensions}subjectAltName=DNS:{LEAF_NAME}\n")
        request = base.with_suffix(".csr")
        _openssl(
            "req",
            "-new",
            "-key",
            f"{base}.key",
            "-subj",
            f"/C=US/O={ORGANISATION}/CN={LEAF_NAME}",
            "-out",
            str(request),
        )
        _openssl(
            "x509",
            "-req",
            "-sha1",
            "-in",
            str(request),
            "-CA",
            f"{base}.ca.pem",
            "-CAkey",
            f"{base}.ca.key",
            "-set_serial",
            "4711",
            "-days",
            "3650",
            "-extfile",
            f"{base}.ext",
            "-out",
            f"{base}.pem",
        )
        return Signer(x509.load_pem_x509_certificate(Path(f"{base}.pem").read_bytes()), key)

    @cached_property
    def bundle(self) -> bytes:
        """Root and intermediate as one PEM text."""
        return self.root.pem + self.intermediate.pem


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)
