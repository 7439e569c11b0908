"""Which engines there are, what each can honour, and how each is loaded and prepared: all of it lazily.

Nothing heavy is imported before `load`, `prepare` or `engines_for` needs it, so that the server can plan with an
engine that its own process never loads.

Knows: names, features, modules, what wraps what. Does not know: processes, requests, where models come from.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from aigc.engines.base import LoadOptions, Send, Service
from aigc.errors import EngineMissing, InvalidModelFile, UserError
from aigc.types import EngineFile, Feature, ModelSpec

ALL: frozenset[Feature] = frozenset(get_args(Feature))

_Kind = Literal["text", "embedder", "painter", "speaker", "listener"]
_SERVICES: dict[_Kind, tuple[str, str]] = {
    "text": ("aigc.engines.text", "TextService"),
    "embedder": ("aigc.engines.embedding", "EmbeddingService"),
    "painter": ("aigc.engines.pictures", "PictureService"),
    "speaker": ("aigc.engines.speech", "SpeechService"),
    "listener": ("aigc.engines.speech", "TranscriptService"),
}
"""What wraps an engine of each kind."""

OnProgress = Callable[[float], None]
"""Hears which share of the work is done, 0 to 1."""


class _Engine(msgspec.Struct, frozen=True, kw_only=True):
    """One engine, as far as it is known without importing it."""

    module: str
    attribute: str
    """A class that is built from (spec, file, options)."""
    kind: _Kind
    features: frozenset[Feature] = frozenset()
    spins: bool = False
    """Its threads wait for each other in a busy loop, so that one that has no core to itself stops all of them."""
    package: tuple[str, str] | None = None
    """The module of the library below, and what to install for it."""
    prepare: tuple[str, str] | None = None
    """Module and function (weights, folder, on_progress) -> EngineFile; None: it runs no files."""


_ENGINES = {
    "openvino": _Engine(
        module="aigc.engines.openvino",
        attribute="OpenVinoEngine",
        kind="text",
        features=ALL - {"top_logprobs", "prompt_logprobs", "logit_bias"},
        package=("openvino_genai", "openvino-genai"),
        prepare=("aigc.engines.openvino_convert", "convert"),
    ),
    "llama_cpp": _Engine(
        module="aigc.engines.llama_cpp",
        attribute="LlamaCppEngine",
        kind="text",
        features=ALL,
        spins=True,
        package=("xllamacpp", "xllamacpp"),
        prepare=("aigc.engines.llama_cpp_file", "prepare"),
    ),
    "e5": _Engine(
        module="aigc.engines.e5",
        attribute="E5Embedder",
        kind="embedder",
        package=("openvino", "openvino"),
        prepare=("aigc.engines.e5_convert", "convert"),
    ),
    "image": _Engine(
        module="aigc.engines.image",
        attribute="ImagePainter",
        kind="painter",
        package=("openvino", "openvino"),
        prepare=("aigc.engines.model_folder", "prepare"),
    ),
    "gan": _Engine(
        module="aigc.engines.gan",
        attribute="GANPainter",
        kind="painter",
        package=("openvino", "openvino"),
        prepare=("aigc.engines.model_folder", "prepare"),
    ),
    "scenes": _Engine(module="aigc.engines.scenes", attribute="ScenePainter", kind="painter"),
    "diffusers": _Engine(
        module="aigc.engines.diffusers",
        attribute="DiffusersPainter",
        kind="painter",
        package=("diffusers", "'aigc-studio[diffusers]'"),
        prepare=("aigc.engines.diffusers_folder", "prepare"),
    ),
    "restore": _Engine(
        module="aigc.engines.restore",
        attribute="RestoreEngine",
        kind="painter",
        package=("openvino", "openvino"),
        prepare=("aigc.engines.model_folder", "prepare"),
    ),
    "realesrgan": _Engine(
        module="aigc.engines.realesrgan",
        attribute="RealEsrganEngine",
        kind="painter",
        spins=True,
        package=("ncnn", "'aigc-studio[restore]'"),
    ),
    "voice": _Engine(
        module="aigc.engines.voice",
        attribute="VoiceSpeaker",
        kind="speaker",
        package=("hibari", "hibari-tts"),
        prepare=("aigc.engines.voice_kokoro", "prepare"),
    ),
    "whisper": _Engine(
        module="aigc.engines.whisper",
        attribute="WhisperListener",
        kind="listener",
        package=("faster_whisper", "faster-whisper"),
        prepare=("aigc.engines.whisper_folder", "prepare"),
    ),
    "echo": _Engine(module="aigc.engines.echo", attribute="EchoEngine", kind="text", features=ALL),
}
"""In order of preference where a file suits several."""


def names() -> list[str]:
    """Every engine that runs in a worker."""
    return list(_ENGINES)


def features(engine: str) -> frozenset[Feature]:
    """What an engine can honour. Raises: UserError for a name that isn't one."""
    return _entry(engine).features


def spins(engine: str) -> bool:
    """Whether the engine needs a core for each of its threads. Raises: UserError for a name that isn't one."""
    return _entry(engine).spins


def load(spec: ModelSpec, file: EngineFile, options: LoadOptions, send: Send) -> Service:
    """Load a model and wrap it into what a worker runs; heavy.

    Raises:
        UserError: no engine is called so.
        EngineMissing: the engine's library isn't installed.
        AigcError: what the engine says.
    """
    entry = _entry(file.engine)
    check_installed(file.engine)
    build, wrap = (_named(*place) for place in ((entry.module, entry.attribute), _SERVICES[entry.kind]))
    service: Service = wrap(build(spec, file, options), spec, send)
    return service


def engines_for(weights: Path) -> Sequence[str]:
    """Names of the engines that can run these weights, best first; judged by the header, nothing is loaded.

    Raises:
        InvalidModelFile: it begins like a model file and isn't one, or it can't be read.
    """
    from aigc.engines import diffusers_folder, e5_file, gguf_header, model_folder, openvino_convert, whisper_folder

    if weights.is_dir():
        if (weights / model_folder.DESCRIPTION).exists():
            return [model_folder.read(weights).engine]
        if whisper_folder.is_whisper(weights):
            return ["whisper"]
        return ["diffusers"] if diffusers_folder.is_pipeline(weights) else []
    try:
        if gguf_header.is_gguf(weights):
            header = gguf_header.read(weights)
            return ["llama_cpp"] if openvino_convert.unreadable(header) else ["openvino", "llama_cpp"]
        return ["e5"] if e5_file.is_e5(weights) else []
    except OSError as error:
        raise InvalidModelFile(f"{weights.name} can't be read: {error.strerror}") from error


def prepare(engine: str, weights: Path, folder: Path, on_progress: OnProgress | None = None) -> EngineFile:
    """Convert weights for an engine, if that engine needs it; done once, after the download.

    Args:
        engine: one of `names`.
        weights: the file, or the first of several.
        folder: where a conversion may go; it appears whole or not at all.
        on_progress: hears about the progress.

    Raises:
        UserError: no engine is called so, or it runs no files.
        EngineMissing: its library isn't installed.
        EngineError: it can't run this model; nothing stays.
        InvalidModelFile: the file is not what it should be.
        StorageFull: no room; nothing stays.
    """
    steps = _entry(engine).prepare
    if steps is None:
        raise UserError(f"the engine {engine} runs no files")
    check_installed(engine)
    file: EngineFile = _named(*steps)(weights, folder, on_progress or _ignore)
    return file


def _ignore(share: float) -> None:
    """For callers that show no progress."""


def _named(module: str, attribute: str) -> Any:
    return getattr(importlib.import_module(module), attribute)


def _entry(engine: str) -> _Engine:
    if engine not in _ENGINES:
        raise UserError(f"there is no engine {engine!r}; known: {', '.join(_ENGINES)}")
    return _ENGINES[engine]


def check_installed(engine: str) -> None:
    """Say now what loading would say. Raises: EngineMissing: the engine's library isn't installed."""
    package = _ENGINES[engine].package
    if package is not None and importlib.util.find_spec(package[0]) is None:
        raise EngineMissing(f"the engine {engine} is not installed", hint=f"pip install {package[1]}")
