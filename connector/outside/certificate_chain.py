"""Whether a certificate may sign Microsoft's notices: its own properties, then its chain to the trusted
roots.

Pure: certificates and a moment come in, NotProved comes out. Rules: reliability.md section 2, "Certificate
rule". There is no revocation check; the deny-list is for certificates known to be lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

LEAF_ORGANISATION = "Microsoft Corporation"
"""The subject organisation of every signer, compared as an attribute: a text search would be fooled by the
common name "Evil, O=Microsoft Corporation"."""
LEAF_PURPOSES = frozenset(
    {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.CODE_SIGNING}
)
MIN_RSA_BITS = 2048
MIN_EC_BITS = 256
MAX_INTERMEDIATES = 4
_E = TypeVar("_E", bound=x509.ExtensionType)
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


class NotProved(Exception):
    """The notice is not proved to be Microsoft's: 401. The reason is for the log, never for the sender."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class TrustedAuthorities:
    """The certificates a chain may use: it must end at a root."""

    roots: tuple[x509.Certificate, ...]
    intermediates: tuple[x509.Certificate, ...] = ()


def authorities_of(certificates: Sequence[x509.Certificate]) -> TrustedAuthorities:
    """Sort a bundle: what has signed itself is a root, everything else an intermediate."""
    roots = tuple(certificate for certificate in certificates if _signed_itself(certificate))
    return TrustedAuthorities(roots, tuple(one for one in certificates if one not in roots))


def check_signer(leaf: x509.Certificate, trusted: TrustedAuthorities, now: datetime) -> rsa.RSAPublicKey:
    """The key that notices may be verified with, or NotProved with the reason."""
    _check_leaf(leaf, now)
    chain = _build_chain(leaf, trusted, now)
    for certificate in chain:
        _check_strength(certificate, is_root=certificate in trusted.roots)
    key = leaf.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise NotProved("the certificate's key is not an RSA key")
    return key


def _check_leaf(leaf: x509.Certificate, now: datetime) -> None:
    if now < leaf.not_valid_before_utc:
        raise NotProved("the certificate is not valid yet")
    if now > leaf.not_valid_after_utc:
        raise NotProved("the certificate has expired")
    _check_strength(leaf, is_root=False)
    organisations = [part.value for part in leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    if organisations != [LEAF_ORGANISATION]:
        raise NotProved("the certificate's organisation is not Microsoft's")
    try:
        constraints = _extension(leaf, x509.BasicConstraints)
        usage = _extension(leaf, x509.KeyUsage)
        purposes = _extension(leaf, x509.ExtendedKeyUsage)
    except ValueError:
        raise NotProved("the certificate's extensions cannot be read") from None
    if constraints is not None and constraints.ca:
        raise NotProved("the certificate is one of an authority, not of a signer")
    if usage is not None and (usage.key_cert_sign or not usage.digital_signature):
        raise NotProved("the certificate's key is not for signatures")
    if purposes is None or not LEAF_PURPOSES.intersection(purposes):
        raise NotProved("the certificate is not made for this purpose")


def _check_strength(certificate: x509.Certificate, *, is_root: bool) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        strong = key.key_size >= MIN_RSA_BITS
    else:
        strong = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size >= MIN_EC_BITS
    if not strong:
        raise NotProved("a key in the chain is too short")
    # A root is trusted because it is in our file; its own signature proves nothing
    if not is_root and not isinstance(certificate.signature_hash_algorithm, _HASHES):
        raise NotProved("a certificate in the chain is signed with a weak algorithm")


def _build_chain(leaf: x509.Certificate, trusted: TrustedAuthorities, now: datetime) -> Sequence[x509.Certificate]:
    """The chain by the library's path building, with policies of our own.

    Its default for clients wants clientAuth and refuses code-signing leaves, and its default for authorities
    refuses intermediates limited to codeSigning (dependencies.md section 3).
    """
    if not trusted.roots:
        raise NotProved("there is no trusted root")
    authorities = (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _authority_constraints)
        .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _authority_usage)
        .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _authority_purposes)
    )
    builder = (
        PolicyBuilder()
        .store(Store(list(trusted.roots)))
        .time(now)
        .max_chain_depth(MAX_INTERMEDIATES)
        .extension_policies(ca_policy=authorities, ee_policy=ExtensionPolicy.permit_all())
    )
    try:
        return builder.build_client_verifier().verify(leaf, list(trusted.intermediates)).chain
    except VerificationError:
        # The library's text describes the certificate at length; the sender chooses what stands in it
        raise NotProved("the certificate's chain does not lead to a trusted root") from None


def _authority_constraints(_: Policy, __: x509.Certificate, found: x509.BasicConstraints) -> None:
    if not found.ca:
        raise ValueError("not an authority")


def _authority_usage(_: Policy, __: x509.Certificate, found: x509.KeyUsage | None) -> None:
    if found is not None and not found.key_cert_sign:
        raise ValueError("not for signing certificates")


def _authority_purposes(_: Policy, __: x509.Certificate, found: x509.ExtendedKeyUsage | None) -> None:
    allowed = LEAF_PURPOSES | {ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if found is not None and not allowed.intersection(found):
        raise ValueError("limited to other purposes")


def _extension(certificate: x509.Certificate, kind: type[_E]) -> _E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _signed_itself(certificate: x509.Certificate) -> bool:
    if certificate.subject != certificate.issuer:
        return False
    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
