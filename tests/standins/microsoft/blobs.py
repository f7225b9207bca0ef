"""Export sets and the blob storage that serves them (exports.md sections 3, 4 and 7).

A set is written once per state of its invoice and per shape. Asking again for an unchanged invoice gives
the same eTag, a changed one a new eTag and InvoiceVersion.
"""

import base64
import hashlib
import secrets
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.standins.microsoft import exact, spoiled
from tests.standins.microsoft.attributes import export_line
from tests.standins.microsoft.faults import Faults
from tests.standins.microsoft.month import Book, Document
from tests.standins.microsoft.parts import Shape, write_parts
from tests.standins.microsoft.serving import Answer, Request

_MANIFEST_FAULTS = frozenset(
    {
        "missing_blob",
        "extra_blob",
        "repeated_blob",
        "empty",
        "change_etag",
        "wrong_tenant",
        "expire_sas",
        "foreign_host",
    }
)


@dataclass(frozen=True)
class ExportSet:
    """What an export is made of."""

    book: Book
    kind: str
    attribute_set: str
    document: Document | None
    loose_lines: tuple[dict[str, Any], ...]

    def texts(self, as_strings: bool) -> Iterable[str]:
        """The lines as JSON text, streamed; a file in the default shape is passed on without parsing it."""
        if self.document and self.attribute_set == "full" and not as_strings:
            texts = self.document.iter_texts(self.kind)
            if texts is not None:
                return texts
        lines = self.document.iter_lines(self.kind) if self.document else iter(self.loose_lines)
        return (exact.dumps(export_line(line, self.kind, self.attribute_set, as_strings)) for line in lines)

    @property
    def name(self) -> str:
        """Number of the invoice, or a word for unbilled lines."""
        return self.document.id if self.document else "unbilled"


class BlobStore:
    """Manifests, signatures (SAS) and blobs."""

    def __init__(self, directory: Path, faults: Faults) -> None:
        self.directory = directory
        self.faults = faults
        self.url = ""
        self.account = "standinstorage"
        self._lock = threading.RLock()
        self._sets: dict[str, ExportSet] = {}
        self._salt: dict[str, int] = {}
        self._written: OrderedDict[str, tuple[Path, list[str]]] = OrderedDict()
        self._sas: dict[str, dict[str, float]] = {}

    def register(self, manifest_id: str, content: ExportSet) -> None:
        """Remember what a manifest stands for; the blobs are written when it is first read."""
        self._sets[manifest_id] = content

    def expire_all(self) -> None:
        """Every SAS issued so far is now too old."""
        with self._lock:
            for issued in self._sas.values():
                for token in issued:
                    issued[token] = 0.0

    def touch(self, number: str) -> None:
        """New eTag for the sets of an invoice, without a change of its lines."""
        with self._lock:
            self._salt[number] = self._salt.get(number, 0) + 1

    def prepare(self, content: ExportSet) -> None:
        """Write the set now: a big one takes a while, and the operation says "running" until it is there."""
        with self._lock:
            shape = self._shape(empty=False)
            self._write(content, shape, self._tag(content, shape))

    # ---- manifests

    def manifest(self, manifest_id: str) -> dict[str, Any] | None:
        """The manifest as it is now: a fresh SAS, and the eTag of the present content."""
        content = self._sets.get(manifest_id)
        if content is None:
            return None
        fault = self.faults.take("graph.manifest", _MANIFEST_FAULTS, content.name)
        kind = fault["kind"] if fault else ""
        if kind == "change_etag":
            self.touch(content.name)
        with self._lock:
            shape = self._shape(empty=kind == "empty")
            tag = self._tag(content, shape)
            root, names = self._write(content, shape, tag)
            expired = kind == "expire_sas"
            sas = self._issue(root, expired)
        listed = list(names)
        if kind == "missing_blob":
            listed = listed[1:]
        elif kind == "extra_blob":
            listed.append(f"part-09999-{uuid.uuid4()}.c000.json.gz")
        elif kind == "repeated_blob":
            listed.append(listed[0])
        count = len(listed) if fault and fault.get("count") == "matching" else len(names)
        tenant = str(uuid.uuid4()) if kind == "wrong_tenant" else None
        base = str(fault.get("url", "https://127.0.0.1:9")) if fault and kind == "foreign_host" else self.url
        return {
            "id": manifest_id,
            "schemaVersion": "1",
            "dataFormat": "compressedJSON",
            "createdDateTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-4] + "Z",
            "eTag": tag,
            "partnerTenantId": tenant or self.faults.modes["partner_tenant"] or content.book.partner_tenant_id,
            "rootDirectory": f"{base}/{self.account}/{root}",
            "sasToken": sas,
            "partitionType": "Default",
            "blobCount": count,
            "blobs": [{"name": name, "partitionValue": "default"} for name in listed],
        }

    def _shape(self, empty: bool) -> Shape:
        modes = self.faults.modes
        return Shape(
            parts=max(2, int(modes["parts"])),
            as_strings=bool(modes["numbers_as_strings"]),
            members=bool(modes["members"]),
            crlf=bool(modes["crlf"]),
            bom=bool(modes["bom"]),
            empty_lines=bool(modes["empty_lines"]),
            empty=empty,
        )

    def _tag(self, content: ExportSet, shape: Shape) -> str:
        version = content.document.version if content.document else 0
        touched = self._salt.get(content.name, 0)
        text = f"{content.kind}/{content.attribute_set}/{content.name}/{version}/{touched}/{shape}"
        if content.document is None:
            text += repr(content.loose_lines)
        return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())[:17].decode()

    def _write(self, content: ExportSet, shape: Shape, tag: str) -> tuple[str, list[str]]:
        document = content.document
        month = (document.period if document else "000000").replace("-", "")
        version = f"{(document.version if document else 1) + self._salt.get(content.name, 0):06d}"
        root = (
            f"billed{content.kind}fastpath/v1/PartnerTenantId={content.book.partner_tenant_id}/BillingMonth={month}"
            f"/InvoiceId={content.name}/InvoiceVersion={version}/Fragment={content.attribute_set}/Tag={tag[:8]}"
            "/PartitionType=default"
        )
        if root not in self._written:
            folder = self.directory / hashlib.sha256(root.encode()).hexdigest()[:24]
            folder.mkdir(parents=True, exist_ok=True)
            self._written[root] = (folder, write_parts(folder, content.texts(shape.as_strings), shape))
        return root, self._written[root][1]

    # ---- signatures

    def _issue(self, root: str, expired: bool) -> str:
        now = time.time()
        lifetime = -60.0 if expired else float(self.faults.modes["sas_lifetime"])

        def stamp(moment: float) -> str:
            return quote(datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), safe="")

        signature = quote(base64.b64encode(secrets.token_bytes(32)).decode(), safe="")
        token = (
            f"skoid={uuid.uuid4()}&sktid={uuid.uuid4()}&skt={stamp(now)}&ske={stamp(now + 86400)}&sks=b"
            f"&skv=2021-08-06&sv=2021-08-06&se={stamp(now + lifetime)}&sr=d&sp=rl&sdd=7&sig={signature}"
        )
        self._sas.setdefault(root, {})[token] = now + lifetime
        return token

    # ---- the HTTP side

    def where(self, request: Request) -> str:
        """Name of the place, for faults and the log."""
        return "graph.blob"

    def __call__(self, request: Request) -> Answer:
        if request.header("authorization") is not None:
            return storage_error(
                400,
                "InvalidAuthenticationInfo",
                "Authentication information is not given in the correct "
                "format. Check the value of Authorization header.",
            )
        root, _, name = request.path.removeprefix(f"/{self.account}/").rpartition("/")
        known = self._written.get(root)
        expires = self._sas.get(root, {}).get(request.query)
        if not request.query:
            return storage_error(404, "ResourceNotFound", "The specified resource does not exist.")
        if known is None or expires is None:
            return storage_error(
                403,
                "AuthenticationFailed",
                "Server failed to authenticate the request. Make sure the value "
                "of Authorization header is formed correctly including the signature.",
            )
        if self.faults.take("graph.blob", frozenset({"expire_sas"}), request.path):
            self._expire(root)
            expires = 0.0
        if expires <= time.time():
            return storage_error(403, "AuthenticationFailed", "Signature not valid in the specified time frame.")
        path = known[0] / name
        if name not in known[1] or not path.is_file():
            return storage_error(404, "BlobNotFound", "The specified blob does not exist.")
        changed = self.faults.take("graph.blob", frozenset({"change_etag"}), request.path)
        if changed:
            self.touch(root.split("InvoiceId=")[-1].split("/")[0])
        return self._blob(request, path, name)

    def _expire(self, root: str) -> None:
        with self._lock:
            for token in self._sas.get(root, {}):
                self._sas[root][token] = 0.0

    def _blob(self, request: Request, path: Path, name: str) -> Answer:
        spoiled_path = spoiled.take(self.faults, path, request.path)
        path = spoiled_path or path
        stat = path.stat()
        state = hashlib.sha256(f"{path}{stat.st_size}{stat.st_mtime_ns}".encode()).hexdigest()
        tag = f'"0x{state[:15].upper()}"'
        modified = datetime.fromtimestamp(stat.st_mtime, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        headers = [
            ("Content-Type", "application/octet-stream"),
            ("ETag", tag),
            ("Last-Modified", modified),
            ("Accept-Ranges", "bytes"),
            ("x-ms-version", "2021-08-06"),
            ("x-ms-blob-type", "BlockBlob"),
            ("x-ms-request-id", str(uuid.uuid4())),
        ]
        if self.faults.modes["content_encoding"]:
            headers.append(("Content-Encoding", "gzip"))
        wanted = request.header("if-match")
        if wanted and wanted != tag:
            return storage_error(
                412, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met."
            )
        span = _range(request.header("range"), stat.st_size)
        if span is None or request.header("if-range") not in (None, tag):
            return Answer(200, b"", tuple(headers), file=path)
        start, end = span
        if start >= stat.st_size:
            return storage_error(
                416, "InvalidRange", "The range specified is invalid for the current size of the resource."
            )
        headers.append(("Content-Range", f"bytes {start}-{end}/{stat.st_size}"))
        return Answer(206, b"", tuple(headers), file=path, start=start, length=end - start + 1)


def _range(text: str | None, size: int) -> tuple[int, int] | None:
    if not text or not text.startswith("bytes=") or "," in text:
        return None
    first, _, last = text[6:].partition("-")
    if not first.isdigit():
        return None
    return int(first), min(int(last), size - 1) if last.isdigit() else size - 1


def storage_error(status: int, code: str, text: str) -> Answer:
    """Azure Storage answers errors in XML."""
    body = (
        f'\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{text}\nRequestId:'
        f"{uuid.uuid4()}\nTime:{datetime.now(UTC).isoformat()}</Message></Error>"
    )
    return Answer(status, body.encode(), (("Content-Type", "application/xml"), ("x-ms-error-code", code)))
