"""The file that makes a folder a model: what was installed, from where, with which bytes.

Knows: the fields of ``manifest.json`` and how they become a `ModelSpec`. Does not know: how files got there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import msgspec

from aigc.errors import StoreError
from aigc.store.entry import Bytes, Entry, FilePath, Sha256
from aigc.store.progress import OnProgress, Progress
from aigc.types import EngineFile, ModelSpec

MANIFEST = "manifest.json"
LICENCE = "LICENSE"
PREPARED = 2
"""Version of what a pull makes of the weights: conversions, and what is read from the file. 1: slower conversions, and
nothing said about infilling; such a model answers all the same."""
_MAX_BYTES = 4 * 2**20
_CHUNK = 2**20


class _Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base: immutable. Unknown fields are allowed: a newer version may have written them."""


class StoredFile(_Value, frozen=True, kw_only=True):
    """A file of the model; ``path`` is relative to the model's folder."""

    path: FilePath
    size_bytes: Bytes
    sha256: Sha256


class PreparedEngine(_Value, frozen=True, kw_only=True):
    """How an engine runs the model; ``path`` is relative to the model's folder."""

    engine: str
    path: FilePath
    memory_bytes: Bytes
    cache_bytes_per_token: Bytes = 0


class Manifest(_Value, frozen=True, kw_only=True):
    """Everything about an installed model."""

    format: Literal[1] = 1
    id: str
    entry: Entry
    """Copy of what the catalogue said, or what was read from the file."""
    source: str
    """Where the weights came from, in words."""
    trust: Literal["catalogue", "hub", "given", "none"]
    """Who vouches for the bytes: a sha256 in the catalogue, one that the hub stated at the pull, one that the user
    gave, or nobody (local files and plain addresses): then the sha256 below is what was found."""
    pulled_at: int
    """Unix seconds."""
    pull_seconds: float = 0.0
    """How long the pull took that finished it, conversion included; 0 for a model out of a bundle."""
    weights: FilePath
    digest: Sha256
    """sha256 of the weights' (first) file."""
    files: tuple[StoredFile, ...]
    engines: tuple[PreparedEngine, ...]
    failed_engines: dict[str, str] = {}
    """Engines that could not be prepared, and why."""
    prepared: int = 1
    """`PREPARED` of the version that made it."""

    @property
    def behind(self) -> bool:
        """Whether this version would make more of the weights."""
        return self.prepared < PREPARED

    def spec(self, folder: Path) -> ModelSpec:
        """What the runtime needs, with absolute paths."""
        return ModelSpec(
            id=self.id,
            capabilities=self.entry.capabilities,
            engines=tuple(
                EngineFile(
                    engine=e.engine,
                    path=str(folder / e.path),
                    memory_bytes=e.memory_bytes,
                    cache_bytes_per_token=e.cache_bytes_per_token,
                )
                for e in self.engines
            ),
            context_tokens=self.entry.context_tokens,
            created=self.pulled_at,
            digest=self.digest,
            licence=self.entry.licence.spdx,
            defaults=self.entry.defaults,
            languages=self.entry.languages,
            embedding_width=self.entry.embedding_width,
            voices=self.entry.voices,
            infill=self.entry.infill,
        )


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an installed model.

    Raises:
        StoreError: there is none, it is damaged, or it belongs to another folder.
    """
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise StoreError(f"{path} has {path.stat().st_size} bytes; accepted: at most {_MAX_BYTES}")
        return parse_manifest(path.read_bytes(), folder.name)
    except OSError as error:
        raise StoreError(f"{path} can't be read: {error.strerror}") from error


def parse_manifest(content: bytes, model_id: str) -> Manifest:
    """Decode and check a manifest. Raises: StoreError."""
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise StoreError(
            f"the manifest of {model_id!r} is damaged: {error}",
            hint=f"`aigc rm {model_id}`, then pull it again",
        ) from error
    if manifest.id != model_id:
        raise StoreError(f"the folder {model_id!r} holds the manifest of {manifest.id!r}")
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it, indented, with a newline at the end. Raises: StoreError for values that could not be read again."""
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    # Encoding checks nothing: what could not be read again must not be installed.
    parse_manifest(content, manifest.id)
    # In one step: a model that is made ready again is in use meanwhile.
    new = folder / f".{MANIFEST}"
    with new.open("wb") as file:
        file.write(content + b"\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / MANIFEST)


def stored_files(
    root: Path, known: dict[Path, str], on_progress: OnProgress, paths: Iterable[Path] | None = None
) -> tuple[StoredFile, ...]:
    """Size and sha256 of ``paths``: every file of a model but the manifest; ``known`` sums are not computed again."""
    found = sorted(paths if paths is not None else (p for p in root.rglob("*") if p.is_file() and p != root / MANIFEST))
    total = sum(p.stat().st_size for p in found)
    done = 0
    stored = []
    for path in found:
        size = path.stat().st_size
        digest = known.get(path) or sha256_of(path)
        done += size
        on_progress(Progress("checking", path.name, done, total))
        stored.append(StoredFile(path=path.relative_to(root).as_posix(), size_bytes=size, sha256=digest))
    return tuple(stored)


def sha256_of(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """sha256 of a file in hexadecimal; ``on_bytes`` hears how many bytes each step read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            if on_bytes is not None:
                on_bytes(len(chunk))
    return digest.hexdigest()
