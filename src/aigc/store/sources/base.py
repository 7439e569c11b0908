"""The port of the sources.

Knows: what a source is asked (put these files into this folder) and what it answers. Does not know: any of them.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from aigc.errors import AigcError, StorageFull, StoreError
from aigc.settings import Settings
from aigc.store.progress import OnProgress

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})


@dataclass(frozen=True, slots=True)
class Remote:
    """One file as its hub describes it."""

    url: str
    name: str
    """Path that it gets in the model's folder."""
    size_bytes: int
    """0: not stated."""
    sha256: str | None
    vouched: Literal["catalogue", "hub", "given", "none"]
    git: str | None = None
    """Its name in git, for files that have no sha256: SHA-1 of ``blob``, the length and the content."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that has arrived, checked against whatever its source vouches for."""

    path: Path
    sha256: str
    vouched: Literal["catalogue", "hub", "given", "none"]
    """Who said beforehand what the sha256 must be."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Everything that a source brought; the first file is the one that engines open."""

    files: tuple[Fetched, ...]
    origin: str
    """Where it came from, in words, for the manifest."""


class Fetcher(Protocol):
    """Brings the files of one source into a folder and can go on where it was interrupted."""

    def fetch(self, target: Path, work: Path, on_progress: OnProgress) -> Delivery:
        """Fetch.

        Args:
            target: folder for finished files; each appears there complete, or not at all.
            work: folder for what is unfinished; whatever is in it was left by an earlier try of the same model.
            on_progress: hears about every step.

        Raises:
            StoreError: it isn't there, can't be reached, or is damaged.
            ChecksumMismatch: the bytes are not those that were promised.
            StorageFull: no room.
        """
        ...


def refuse_offline(settings: Settings, what: str) -> None:
    """Raises: StoreError, if the settings forbid the network."""
    if settings.offline:
        raise StoreError(
            f"{what} would have to be fetched, but the setting `offline` (AIGC_OFFLINE) is on",
            hint="switch it off for this command (AIGC_OFFLINE=0), or use a local file or `aigc unbundle`",
        )


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Turn errors of the file system into ours.

    Raises:
        StorageFull: no room, a quota, a read-only or broken disk.
        StoreError: any other error of the file system.
    """
    try:
        yield
    except OSError as error:
        raise translate(error, what) from error


def translate(error: OSError, what: str) -> AigcError:
    """Our error for one of the file system."""
    path = f" ({error.filename})" if error.filename else ""
    if error.errno in FULL:
        return StorageFull(
            f"{what}: {error.strerror}{path}",
            hint="make room, then repeat the command: it goes on where it stopped",
        )
    return StoreError(f"{what}: {error.strerror or error}{path}")


Bytes = Callable[[int], None]
"""Hears how many more bytes are done."""
