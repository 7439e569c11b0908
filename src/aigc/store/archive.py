"""The form of a bundle: an uncompressed tar whose first member is an index with the sha256 of every other one.

Knows: member names, the index, safe reading. Does not know: models, wheels, pip.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from aigc.errors import ChecksumMismatch, StoreError
from aigc.store.entry import Bytes, Sha256

INDEX = "aigc-bundle.json"
INSTALL = "INSTALL.txt"
_MAX_INDEX_BYTES = 16 * 2**20
_MAX_MEMBERS = 20_000
_CHUNK = 2**20
_NAME = re.compile(
    r"INSTALL\.txt|wheels/[A-Za-z0-9][\w.+!-]*\.whl|models/[a-z0-9][a-z0-9._-]{0,63}(/\w[\w.+-]*)+", re.ASCII
)


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the bundle."""

    name: str
    size_bytes: Bytes
    sha256: Sha256


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle holds."""

    aigc_bundle: int
    """Version of this form: 1."""
    aigc: str
    """Version of the aigc that wrote it."""
    python: str
    """Version of Python that the wheels are for, as in ``3.11``; empty without wheels."""
    platform: str
    """Platform that the wheels are for, as in ``linux-x86_64``; empty without wheels."""
    models: tuple[str, ...]
    members: tuple[Member, ...]


def parse_index(content: bytes) -> Index:
    """Decode and check an index.

    Raises:
        StoreError: not of this form, or names that could leave the folder they are unpacked into.
    """
    try:
        index = msgspec.json.decode(content, type=Index)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise StoreError(f"the bundle's index is damaged: {error}") from error
    if index.aigc_bundle != 1:
        raise StoreError(f"the bundle has form {index.aigc_bundle}; accepted: 1", hint="use a newer aigc")
    if len(index.members) > _MAX_MEMBERS:
        raise StoreError(f"the bundle lists {len(index.members)} files; accepted: at most {_MAX_MEMBERS}")
    names = [member.name for member in index.members]
    for name in names:
        if not _NAME.fullmatch(name) or ".." in name:
            raise StoreError(f"the bundle lists {name[:200]!r}, which is no name that bundles use")
    if len(set(names)) != len(names):
        raise StoreError("the bundle lists a file twice")
    return index


def add(archive: tarfile.TarFile, member: Member, source: IO[bytes], on_bytes: Callable[[int], None]) -> None:
    """Append a file, checking on the way that it is what the index says. Raises: ChecksumMismatch."""
    reader = _Hashing(source, on_bytes)
    info = tarfile.TarInfo(member.name)
    info.size, info.mode = member.size_bytes, 0o644
    archive.addfile(info, reader)  # type: ignore[arg-type]
    if reader.digest.hexdigest() != member.sha256 or source.read(1):
        raise ChecksumMismatch(f"{member.name} differs from its manifest", hint="`aigc verify` says more")


@contextmanager
def opened(path: Path) -> Iterator[tuple[Index, Iterator[tuple[Member, IO[bytes]]]]]:
    """Read a bundle from front to end.

    Yields: the index, and an iterator over (member, its bytes). Reading a member's bytes to the end is checked against
    the index: more, fewer or other bytes raise.

    Raises:
        StoreError: no bundle, a link or special file, a member that the index doesn't list, one twice, or one missing.
        ChecksumMismatch: other bytes than the index promises.
    """
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r|") as archive:
            first = archive.next()
            if first is None or first.name != INDEX or not _regular(first) or first.size > _MAX_INDEX_BYTES:
                raise StoreError(f"{path.name} is no bundle of aigc: it doesn't begin with {INDEX}")
            reader = archive.extractfile(first)
            assert reader is not None, "regular members can be read"
            index = parse_index(reader.read())
            yield index, _members(archive, index)
    except (tarfile.TarError, EOFError) as error:
        raise StoreError(f"{path.name} is damaged or no bundle of aigc: {error}") from error


def _members(archive: tarfile.TarFile, index: Index) -> Iterator[tuple[Member, IO[bytes]]]:
    missing = {member.name: member for member in index.members}
    while (info := archive.next()) is not None:
        member = missing.pop(info.name, None)
        if member is None:
            raise StoreError(f"the bundle holds {info.name[:200]!r}, which its index doesn't list (or lists once)")
        if not _regular(info) or info.size != member.size_bytes:
            raise StoreError(f"{info.name} in the bundle is no regular file of {member.size_bytes} bytes")
        reader = archive.extractfile(info)
        assert reader is not None, "regular members can be read"
        yield member, reader
    if missing:
        raise StoreError(
            f"the bundle ends early: {len(missing)} files are missing, the first is {min(missing)}",
            hint="copy it again",
        )


def save(member: Member, reader: IO[bytes], path: Path, on_bytes: Callable[[int], None]) -> None:
    """Write a member's bytes to a new file. Raises: ChecksumMismatch; the file is then gone."""
    digest = hashlib.sha256()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as out:
        while chunk := reader.read(_CHUNK):
            out.write(chunk)
            digest.update(chunk)
            on_bytes(len(chunk))
    if digest.hexdigest() != member.sha256:
        path.unlink()
        raise ChecksumMismatch(
            f"{member.name} in the bundle has the sha256 {digest.hexdigest()}, its index says {member.sha256}",
            hint="the bundle was damaged or changed on its way: copy it again",
        )


def _regular(info: tarfile.TarInfo) -> bool:
    # Stricter than TarInfo.isreg(), which is true for sparse files as well: those expand to more than they hold.
    return info.type in (tarfile.REGTYPE, tarfile.AREGTYPE)


class _Hashing:
    """A reader that hears what passes through."""

    def __init__(self, source: IO[bytes], on_bytes: Callable[[int], None]) -> None:
        self._source = source
        self._on_bytes = on_bytes
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        self._on_bytes(len(data))
        return data
