"""Which engines there are, what each can honour, and how each is loaded and prepared: all of it lazily.

Nothing heavy is imported before `load`, `prepare` or `engines_for` needs it, so that the server can plan with an
engine that its own process never loads.

Knows: names, features, modules. Does not know: processes, requests, where models come from.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import msgspec

from aigc.engines.base import LoadOptions, Send, Service
from aigc.errors import AigcError, EngineMissing, UserError
from aigc.types import EngineFile, Feature, ModelSpec

ALL: frozenset[Feature] = frozenset(get_args(Feature))


class _Engine(msgspec.Struct, frozen=True, kw_only=True):
    """One engine, as far as it is known without importing it."""

    module: str
    """Has ``load(spec, file, options, send) -> Service``."""
    features: frozenset[Feature] = frozenset()
    prepares: str | None = None
    """Module with ``accepts(weights) -> bool`` and ``prepare(weights, folder, on_progress) -> EngineFile``."""
    package: str | None = None
    """What to install where the import fails."""


_ENGINES = {
    "openvino": _Engine(
        module="aigc.engines.openvino",
        features=ALL - {"top_logprobs", "logit_bias"},
        prepares="aigc.engines.openvino_convert",
        package="openvino-genai",
    ),
    "llama_cpp": _Engine(
        module="aigc.engines.llama_cpp", features=ALL, prepares="aigc.engines.llama_cpp", package="xllamacpp"
    ),
    "e5": _Engine(module="aigc.engines.e5", prepares="aigc.engines.e5_convert", package="openvino"),
    "echo": _Engine(module="aigc.engines.echo", features=ALL),
}
"""In order of preference where a file suits several."""


def names() -> list[str]:
    """Every engine that runs in a worker."""
    return list(_ENGINES)


def features(engine: str) -> frozenset[Feature]:
    """What an engine can honour. Raises: UserError for a name that isn't one."""
    return _entry(engine).features


def load(spec: ModelSpec, file: EngineFile, options: LoadOptions, send: Send) -> Service:
    """Load a model; heavy.

    Raises:
        EngineMissing: the engine's library isn't installed.
        AigcError: what the engine says.
    """
    service: Service = _import(file.engine, _entry(file.engine).module).load(spec, file, options, send)
    return service


def engines_for(weights: Path) -> Sequence[str]:
    """Names of the engines that can run these weights, best first."""
    able = []
    for name, entry in _ENGINES.items():
        if entry.prepares is not None and _import(name, entry.prepares).accepts(weights):
            able.append(name)
    return able


def prepare(engine: str, weights: Path, folder: Path, on_progress: Callable[[float], None] | None = None) -> EngineFile:
    """Convert weights for an engine, once.

    Args:
        engine: its name.
        weights: the file or folder as it was fetched.
        folder: where the result goes, if the engine needs one.
        on_progress: hears shares of the work from 0 to 1.
    Raises:
        UserError: an engine that needs no file.
        AigcError: what the conversion says; nothing stays of it.
    """
    module = _entry(engine).prepares
    if module is None:
        raise UserError(f"the engine {engine} runs no files")
    file: EngineFile = _import(engine, module).prepare(weights, folder, on_progress or _ignore)
    return file


def _ignore(share: float) -> None:
    """For callers that show no progress."""


def _entry(engine: str) -> _Engine:
    if engine not in _ENGINES:
        raise UserError(f"there is no engine {engine!r}; known: {', '.join(_ENGINES)}")
    return _ENGINES[engine]


def _import(engine: str, module: str) -> Any:
    try:
        loaded: ModuleType = importlib.import_module(module)
    except ImportError as error:
        if error.name and error.name.startswith("aigc."):
            raise
        package = _entry(engine).package
        raise _missing(engine, package, error) from error
    return loaded


def _missing(engine: str, package: str | None, error: ImportError) -> AigcError:
    if "libgomp" in str(error):
        return EngineMissing(
            f"the engine {engine} needs the system library libgomp",
            hint="install it (Debian: apt install libgomp1); models that have an OpenVINO form work without it",
        )
    return EngineMissing(f"the engine {engine} is not installed", hint=f"pip install {package}")
