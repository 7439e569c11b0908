"""Makes a fetched model ready for its engines, once.

Knows: the order of engines, that one may fail while another works. Does not know: what an engine does to prepare.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from aigc.errors import EngineError, InvalidModelFile, StoreError
from aigc.store.manifest import PreparedEngine
from aigc.store.progress import OnProgress, Progress
from aigc.types import EngineFile

_log = logging.getLogger(__name__)


class Engines(Protocol):
    """What the store asks of `aigc.engines.registry`."""

    def engines_for(self, weights: Path) -> Sequence[str]:
        """Names of the engines that can run these weights, best first."""
        ...

    def check_installed(self, engine: str) -> None:
        """Raises: EngineMissing: the engine's library isn't there."""
        ...

    def prepare(self, engine: str, weights: Path, folder: Path, on_progress: Callable[[float], None]) -> EngineFile:
        """Convert for one engine, into ``folder``, if it needs that."""
        ...


def registry() -> Engines:
    """The engines of this installation, imported when they are first needed."""
    from aigc.engines import registry as engines

    return engines


def prepare_engines(
    engines: Engines, names: Sequence[str], weights: Path, root: Path, on_progress: OnProgress, into: Path | None = None
) -> tuple[tuple[PreparedEngine, ...], dict[str, str]]:
    """Prepare a model for every engine that can run it.

    Args:
        engines: the registry.
        names: engines in order of preference.
        weights: the weights' file or folder, inside ``root``.
        root: the model's folder.
        on_progress: hears about the stage ``converting``; the bytes are the weights' size times the engine's progress.
        into: the folder in ``root``, or ``root`` itself, in which each engine may make a folder of its own name.

    Returns: what is ready, in order, and why the others are not.

    Raises:
        StoreError: none is ready.
        StorageFull: no room.
    """
    ready: list[PreparedEngine] = []
    failed: dict[str, str] = {}
    size = sum(f.stat().st_size for f in weights.rglob("*")) if weights.is_dir() else weights.stat().st_size
    for name in names:

        def report(share: float, name: str = name) -> None:
            on_progress(Progress("converting", name, int(max(0.0, min(share, 1.0)) * size), size))

        report(0.0)
        try:
            file = engines.prepare(name, weights, (into or root) / name, report)
        except (EngineError, InvalidModelFile) as error:
            _log.warning("%s can't be prepared for %s: %s", root.name, name, error.message)
            failed[name] = f"{error.message} ({error.hint})" if error.hint else error.message
            continue
        report(1.0)
        ready.append(_relative(file, root))
    if not ready:
        reasons = "; ".join(f"{name}: {why}" for name, why in failed.items()) or "no engine here reads such a file"
        raise StoreError(f"no engine of this installation can run {weights.name}: {reasons}", hint="`aigc doctor`")
    return tuple(ready), failed


def _relative(file: EngineFile, root: Path) -> PreparedEngine:
    # The model is built in one folder and moved to another: paths are kept relative to it.
    return PreparedEngine(
        engine=file.engine,
        path=Path(file.path).relative_to(root).as_posix(),
        memory_bytes=file.memory_bytes,
        cache_bytes_per_token=file.cache_bytes_per_token,
    )
