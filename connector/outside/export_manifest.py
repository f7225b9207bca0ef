"""The manifest of a Graph export, checked before anything it names is fetched (exports.md section 3)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

MAX_BLOBS = 20_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]{0,200}", re.ASCII)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


class BadManifest(ValueError):
    """The manifest contradicts itself or names what it must not; the message says how."""


class ForeignTenant(BadManifest):
    """The manifest belongs to another partner."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What there is to fetch. The directory and the permission stay out of every repr."""

    etag: str
    names: tuple[str, ...]
    directory: str = field(repr=False)
    permission: str = field(repr=False)

    def address_of(self, name: str) -> str:
        """The address of one file; the permission is appended as it came, neither decoded nor encoded
        again.
        """
        return f"{self.directory}/{name}?{self.permission}"

    def same_set(self, other: Manifest) -> bool:
        """Whether files of the one may stand beside files of the other."""
        return self.etag == other.etag and sorted(self.names) == sorted(other.names)

    def folder_name(self) -> str:
        """A name for the folder of this state of the data; an eTag may hold any character."""
        plain = re.sub(r"[^A-Za-z0-9]+", "-", self.etag).strip("-")[:40]
        return f"{plain}-{hashlib.sha256(self.etag.encode()).hexdigest()[:8]}"


def manifest_of(found: Any, our_tenant: str) -> Manifest:
    """Read a manifest; BadManifest if it is not one we may follow."""
    if not isinstance(found, dict):
        raise BadManifest("the manifest is not an object")
    theirs = _text(found, "partnerTenantId")
    if _GUID.fullmatch(theirs) and _GUID.fullmatch(our_tenant) and theirs.lower() != our_tenant.lower():
        raise ForeignTenant("the manifest belongs to another partner tenant")
    blobs = found.get("blobs")
    if not isinstance(blobs, list) or len(blobs) > MAX_BLOBS:
        raise BadManifest("the manifest has no list of files")
    names = tuple(_text(blob, "name") if isinstance(blob, dict) else "" for blob in blobs)
    for name in names:
        if not _NAME.fullmatch(name) or ".." in name:
            raise BadManifest("the manifest names a file in a way we do not accept")
    # Compared without case: two names must not meet in one file on any disk
    if len({name.lower() for name in names}) != len(names):
        raise BadManifest("the manifest names a file twice")
    count = found.get("blobCount")
    if count is not None and str(count) != str(len(names)):
        raise BadManifest(f"the manifest announces {count} files and names {len(names)}")
    directory, permission = (
        _text(found, "rootDirectory").rstrip("/"),
        _text(found, "sasToken").removeprefix("?"),
    )
    if not directory or not permission or "?" in directory or "#" in directory + permission:
        raise BadManifest("the manifest does not say where its files are")
    etag = _text(found, "eTag") or _text(found, "etag")
    if not etag:
        # nothing says which state of the data it is: the directory and the files do
        state = hashlib.sha256("\n".join([directory, *sorted(names)]).encode()).hexdigest()
        etag = f"without-etag-{state[:16]}"
    return Manifest(etag, names, directory, permission)


def _text(found: dict[str, Any], key: str) -> str:
    value = found.get(key)
    return value.strip() if isinstance(value, str) else ""
