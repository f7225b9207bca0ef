"""The host that serves the certificate of the notices: DER, as a .cer file, and PEM (webhooks.md section
3).
"""

from tests.standins.microsoft.authority import LEAF_NAME, ROGUES, NoticeAuthority
from tests.standins.microsoft.serving import Answer, Request

_LEAF = f"/cert/{LEAF_NAME}.cer"


class CertificateHost:
    """`served` names what the real address gives: the leaf, or a rogue a test has put there."""

    def __init__(self, authority: NoticeAuthority) -> None:
        self.authority = authority
        self.url = ""
        self.served = "leaf"

    def address(self, name: str) -> str:
        """Where a certificate is served."""
        return self.url + (_LEAF if name == "leaf" else f"/cert/rogue/{name}.cer")

    def where(self, request: Request) -> str:
        """Name of the place, for faults and the log."""
        return "cert"

    def __call__(self, request: Request) -> Answer:
        stem, _, ending = request.path.rpartition(".")
        if stem == "/cert/redirect":
            return Answer(302, b"", (("Location", self.address("leaf")),))
        name = self.served if stem == _LEAF.removesuffix(".cer") else stem.removeprefix("/cert/rogue/")
        if name not in (*ROGUES, "leaf") or ending not in ("cer", "pem"):
            return Answer(404, b"", (("Content-Type", "text/plain"),))
        signer = self.authority.signer(name)
        body = signer.pem if ending == "pem" else signer.der
        return Answer(200, body, (("Content-Type", "application/octet-stream"), ("Cache-Control", "max-age=3600")))
