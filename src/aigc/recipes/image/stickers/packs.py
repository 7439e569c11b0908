"""The archives of the sets: what they are, where they lie, and reading what is in them.

Nothing is unpacked: members are read by name into memory, so nothing in an archive can be written anywhere.

Knows: ``packs.toml``, archives, checksums. Does not know: where archives come from, pictures.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tarfile
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from aigc.errors import ChecksumMismatch, InvalidModelFile, NotFound
from aigc.scenes.vocabulary import Style

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_LARGEST_MEMBER = 256 * 2**20
"""Bytes; the largest table of drawings has a quarter of it."""


class Pack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One set.

    Attributes:
        key: Our name for it.
        name, version: Of the package; ``sha256`` and ``size_bytes`` of its archive.
        title, author, licence, home: For the notice.
        style: How its pictures look.
    """

    key: str
    name: str
    version: str
    sha256: str
    size_bytes: int
    title: str
    author: str
    licence: str
    home: str
    style: Style

    @property
    def file(self) -> str:
        """Name of its archive in the folder of archives."""
        return f"{self.key}-{self.version}.tgz"


class Emoji(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which emoji show a kind of thing: code points, and the sets whose pictures of it don't."""

    emoji: tuple[str, ...]
    without: tuple[str, ...] = ()


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shape of ``packs.toml``."""

    pack: tuple[Pack, ...]
    kinds: dict[str, Emoji]


Fetch = Callable[[Sequence[Pack], Path], None]
"""Brings archives into a folder, under their ``file`` names."""


@lru_cache(maxsize=1)
def table() -> Table:
    """What ``packs.toml`` holds."""
    text = files("aigc.recipes.image.stickers").joinpath("packs.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Table)


def require(packs: Sequence[Pack], folder: Path, fetch: Fetch | None = None) -> None:
    """See to it that the archives are there and right.

    Args:
        packs: those that are needed.
        folder: where they lie.
        fetch: brings those that are missing; None: they must be there.

    Raises:
        NotFound: archives are missing and nobody fetches them.
        ChecksumMismatch: an archive is not the one that was promised.
    """
    missing = [pack for pack in packs if not (folder / pack.file).exists()]
    if missing and fetch is not None:
        fetch(missing, folder)
        missing = [pack for pack in packs if not (folder / pack.file).exists()]
    if missing:
        raise NotFound(
            f"{folder} lacks {', '.join(pack.file for pack in missing)}",
            hint="`aigc train ... --data stickers` fetches them; or put the archives of these packages there: "
            + ", ".join(f"{pack.name}@{pack.version}" for pack in missing),
        )
    for pack in packs:
        _checked(pack, folder)


def members(pack: Pack, folder: Path, wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """The files of an archive that are wanted, by name.

    Raises:
        ChecksumMismatch: the archive is not the one that was promised.
        InvalidModelFile: it can't be read, or holds a file that is far too large.
    """
    path = _checked(pack, folder)
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for info in archive:
                if not info.isreg() or not wanted(info.name):
                    continue
                if info.size > _LARGEST_MEMBER:
                    raise InvalidModelFile(f"{info.name} in {path} has {info.size} bytes; at most {_LARGEST_MEMBER}")
                reader = archive.extractfile(info)
                assert reader is not None, "regular members can be read"
                found[info.name] = reader.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InvalidModelFile(f"{path} can't be read: {error}", hint="remove it; it is fetched again") from error
    return found


def parsed(content: Mapping[str, bytes], name: str, pack: Pack) -> dict[str, Any]:
    """A JSON file of an archive. Raises: InvalidModelFile: it isn't there or no object."""
    try:
        found = json.loads(content[name])
        if not isinstance(found, dict):
            raise ValueError("no object")
    except (KeyError, ValueError) as error:
        raise InvalidModelFile(f"{pack.file}: {name} is missing or damaged: {error}") from error
    return found


def _checked(pack: Pack, folder: Path) -> Path:
    path = folder / pack.file
    stat = path.stat()
    digest = _digest(path, stat.st_size, stat.st_mtime_ns)
    if digest != pack.sha256:
        raise ChecksumMismatch(
            f"{path} has the sha256 {digest}, expected {pack.sha256}", hint="remove it; it is fetched again"
        )
    return path


@lru_cache(maxsize=64)
def _digest(path: Path, size: int, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
