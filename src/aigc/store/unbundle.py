"""Installs models, and lays wheels ready, from an archive that `aigc.store.bundle` wrote.

A bundle is as trustworthy as the person who gave it: its sums prove that it arrived as it was written.

Knows: staging, checks, renames. Does not know: tar, sums (`archive` does).
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from aigc.errors import Conflict, StorageFull, StoreError
from aigc.store import describe
from aigc.store.archive import Index, Member, opened, save
from aigc.store.bundle import DISTRIBUTION, counter
from aigc.store.entry import check_id
from aigc.store.layout import Layout
from aigc.store.manifest import MANIFEST, Manifest, parse_manifest, read_manifest
from aigc.store.progress import OnProgress
from aigc.store.sources.base import storage_errors


@dataclass(frozen=True, slots=True)
class Unbundled:
    """What was installed."""

    models: tuple[str, ...]
    """Ids that are new."""
    present: tuple[str, ...]
    """Ids that were installed already, with the same weights."""
    wheels: Path | None
    """Folder with the wheels; None: none were unpacked."""
    pip_command: tuple[str, ...] | None
    """What installs or updates aigc from those wheels, as an argument list."""


def read_bundle(path: Path, layout: Layout, wheels: Path | None, on_progress: OnProgress) -> Unbundled:
    """Install from a bundle.

    Args:
        path: the archive.
        layout: where models go.
        wheels: where wheels go; None: leave them in the archive.
        on_progress: hears about ``waiting`` and ``checking``.

    Raises:
        StoreError: damaged or no bundle; ChecksumMismatch for changed bytes. No model of it is then visible.
        Conflict: another model has the id of one in the bundle.
        StorageFull: no room.
    """
    with storage_errors(f"{path} can't be unpacked"), opened(path) as (index, members), ExitStack() as stack:
        for model_id in sorted(check_id(m) for m in index.models):
            stack.enter_context(layout.locked(model_id, on_progress))
        staging = _Staging(index, layout, wheels)
        stack.callback(staging.clean)
        staging.check_room(path)
        report = counter(on_progress, "checking", sum(m.size_bytes for m in index.members))
        for member, reader in members:
            staging.take(member, reader, report(member.name))
        return staging.finish()


class _Staging:
    """Where everything waits until the whole bundle has proved right."""

    def __init__(self, index: Index, layout: Layout, wheels: Path | None) -> None:
        self._index = index
        self._layout = layout
        self._wheels = wheels
        self._arriving = None if wheels is None else wheels.with_name(f"{wheels.name}.incoming")
        for model_id in index.models:
            shutil.rmtree(layout.incoming(model_id) / "model", ignore_errors=True)
        if self._arriving is not None:
            shutil.rmtree(self._arriving, ignore_errors=True)

    def check_room(self, path: Path) -> None:
        needed = sum(m.size_bytes for m in self._index.members)
        held = path.stat().st_size
        if needed > held:
            raise StoreError(f"{path.name} has {held} bytes, but its index lists {needed}: it is cut off")
        self._layout.models.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._layout.models).free
        if needed > free:
            raise StorageFull(f"the bundle needs {needed / 1e6:.0f} MB; {free / 1e6:.0f} MB are free")

    def take(self, member: Member, reader: IO[bytes], on_bytes: Callable[[int], None]) -> None:
        kind, _, rest = member.name.partition("/")
        if kind == "models":
            model_id, _, file = rest.partition("/")
            if model_id not in self._index.models:
                raise StoreError(f"the bundle holds files of {model_id!r}, which it doesn't announce")
            save(member, reader, self._layout.incoming(model_id) / "model" / file, on_bytes)
        elif kind == "wheels" and self._arriving is not None:
            save(member, reader, self._arriving / rest, on_bytes)
        else:
            on_bytes(member.size_bytes)  # stays in the archive

    def finish(self) -> Unbundled:
        """Check every model, then put all of them into their places."""
        fresh = [m for m in self._index.models if not self._present(self._checked(m))]
        for model_id in fresh:
            self._layout.install(model_id)
        command = None
        has_wheels = self._arriving is not None and self._arriving.is_dir()
        if has_wheels:
            assert self._arriving is not None
            assert self._wheels is not None
            shutil.rmtree(self._wheels, ignore_errors=True)
            self._arriving.rename(self._wheels)
            command = (
                sys.executable,
                "-m",
                "pip",
                "install",
                "--no-index",
                "--find-links",
                str(self._wheels),
                DISTRIBUTION,
            )
        present = tuple(m for m in self._index.models if m not in fresh)
        return Unbundled(tuple(fresh), present, self._wheels if has_wheels else None, command)

    def clean(self) -> None:
        """Leave nothing half-done, whatever happened."""
        for model_id in self._index.models:
            shutil.rmtree(self._layout.incoming(model_id), ignore_errors=True)
        if self._arriving is not None:
            shutil.rmtree(self._arriving, ignore_errors=True)

    def _checked(self, model_id: str) -> Manifest:
        """The manifest of a staged model, after the checks that a pull makes."""
        root = self._layout.incoming(model_id) / "model"
        if not (root / MANIFEST).is_file():
            raise StoreError(f"the bundle announces {model_id!r} but holds no manifest of it")
        # The folder is called "model" while it waits; the manifest must name the id that it is going to have.
        manifest = parse_manifest((root / MANIFEST).read_bytes(), model_id)
        listed = {m.name: m for m in self._index.members}
        for file in manifest.files:
            member = listed.get(f"models/{model_id}/{file.path}")
            if member is None or member.sha256 != file.sha256 or member.size_bytes != file.size_bytes:
                raise StoreError(f"{file.path} of {model_id} in the bundle is not what its manifest says")
        if manifest.entry.format == "gguf":
            describe.check_gguf([root / f.path for f in manifest.files if f.path.endswith(".gguf")])
        for engine in manifest.engines:
            if not (root / engine.path).exists():
                raise StoreError(f"{model_id} in the bundle lacks {engine.path}, which {engine.engine} needs")
        return manifest

    def _present(self, manifest: Manifest) -> bool:
        folder = self._layout.model(manifest.id)
        if not (folder / MANIFEST).exists():
            return False
        if read_manifest(folder).digest == manifest.digest:
            return True
        raise Conflict(f"another model is installed as {manifest.id!r}", hint=f"`aigc rm {manifest.id}` first")
