"""Makes an installed model ready again, from the weights that are there, after a new version makes more of them.

The new conversion grows in a folder beside the old one; a new manifest, put into its place in one step, says which of
them counts. Whatever interrupts that, one is whole. The old folder goes with the next pull: a server may run from it.

Knows: the order of the steps. Does not know: how engines prepare.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec

from aigc.errors import StoreError
from aigc.store import describe
from aigc.store.entry import Entry
from aigc.store.layout import Layout
from aigc.store.manifest import PREPARED, Manifest, read_manifest, stored_files, write_manifest
from aigc.store.prepare import Engines, prepare_engines
from aigc.store.progress import OnProgress
from aigc.store.sources.base import storage_errors


def renew(layout: Layout, model_id: str, engines: Engines, on_progress: OnProgress) -> Manifest:
    """Prepare an installed model as a pull of this version would; at once where it is.

    Raises:
        StoreError: it can't be, or an engine that ran it no longer can; the old one stays as it was.
        StorageFull: no room; the old one stays as it was.
    """
    folder = layout.model(model_id)
    with layout.locked(model_id, on_progress), storage_errors(f"{model_id} can't be made ready again"):
        old = read_manifest(folder)
        if not old.behind:
            return old
        tidy(folder, old)
        into = folder / f"prepared{PREPARED}"
        into.mkdir()
        try:
            new = _prepared(folder, old, into, engines, on_progress)
            write_manifest(folder, new)
        except BaseException:
            shutil.rmtree(into, ignore_errors=True)
            raise
        os.utime(layout.models)  # a server that runs looks again
        return new


def tidy(folder: Path, manifest: Manifest) -> None:
    """Delete an earlier conversion, and one that was cut off."""
    for path in leftovers(folder, manifest):
        shutil.rmtree(path, ignore_errors=True)


def leftovers(folder: Path, manifest: Manifest) -> list[Path]:
    """Folders of conversions that the manifest doesn't name any more, or not yet."""
    paths = [file.path for file in manifest.files] + [engine.path for engine in manifest.engines]
    known = {Path(path).parts[0] for path in paths}
    possible = {engine.engine for engine in manifest.engines} | {f"prepared{n}" for n in range(1, PREPARED + 1)}
    return [folder / name for name in sorted(possible - known) if (folder / name).is_dir()]


def _prepared(folder: Path, old: Manifest, into: Path, engines: Engines, on_progress: OnProgress) -> Manifest:
    converted = [folder / engine.path for engine in old.engines if engine.path != old.weights]
    kept = {
        folder / file.path: file.sha256
        for file in old.files
        if not any(path == folder / file.path or path in (folder / file.path).parents for path in converted)
    }
    weights = folder / old.weights
    entry = _entry(old, list(kept))
    ready, failed = prepare_engines(engines, entry.engines, weights, folder, on_progress, into)
    if lost := {engine.engine for engine in old.engines} - {engine.engine for engine in ready}:
        reasons = "; ".join(failed.get(name, "not prepared") for name in sorted(lost))
        raise StoreError(f"{old.id} stays as it was: {', '.join(sorted(lost))} can't run it any more: {reasons}")
    paths = [*kept, *(path for path in into.rglob("*") if path.is_file())]
    return msgspec.structs.replace(
        old,
        entry=entry,
        files=stored_files(folder, kept, on_progress, paths),
        engines=ready,
        failed_engines=failed,
        prepared=PREPARED,
    )


def _entry(old: Manifest, kept: list[Path]) -> Entry:
    """What the catalogue or the file said, and what this version reads from the file besides."""
    if old.entry.format != "gguf":
        return old.entry
    facts = describe.check_gguf(sorted(path for path in kept if path.suffix == ".gguf"))
    return msgspec.structs.replace(old.entry, infill=facts.infill)
