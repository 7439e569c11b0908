"""Models that come with the package: nothing to pull, nothing to remove.

Knows: where their folders lie, whether their files are whole. Does not know: what is in them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from aigc.engines import model_folder, voices
from aigc.errors import InvalidModelFile
from aigc.types import EngineFile, ModelSpec

_log = logging.getLogger(__name__)

_CREATED = 1_795_000_000  # of the renderer, which has no file that could say it
_RENDERER = ModelSpec(
    id="aigc-scenes",
    capabilities=("image", "panorama"),
    engines=(EngineFile(engine="scenes", path="", memory_bytes=200 * 2**20),),
    context_tokens=0,
    created=_CREATED,
    digest="",
    licence="Apache-2.0",
    languages=("en", "zh"),
)
_VOICE = ModelSpec(
    id="aigc-voice",
    capabilities=("speech",),
    engines=(EngineFile(engine="voice", path="", memory_bytes=300 * 2**20),),
    context_tokens=0,
    created=1_795_300_000,
    digest="",
    licence="Apache-2.0",
    languages=("en",),
    voices=voices.ENGLISH,
)
"""Until the Chinese voices are pulled: then the installed model of that name takes its place."""
_REAL_ESRGAN = tuple(
    ModelSpec(
        id=name,
        capabilities=("restoration",),
        engines=(EngineFile(engine="realesrgan", path="", memory_bytes=memory),),
        context_tokens=0,
        created=1_632_000_000,
        digest="",
        licence="BSD-3-Clause",
    )
    for name, memory in (("realesrgan-x4plus", 1400 * 2**20), ("realesrgan-x4plus-anime", 1100 * 2**20))
)
"""Listed whether the extra ``restore`` is installed or not: who asks for one is told what to install."""


def folder() -> Path:
    """Where the weights of the package lie: beside the code in a wheel, in the repository's ``weights/`` otherwise."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "weights"
    return inside if inside.is_dir() else package.parent.parent / "weights"


def builtin() -> list[ModelSpec]:
    """The models of the package, by id; one whose folder is damaged is logged and left out."""
    found = [_RENDERER, _VOICE, *_REAL_ESRGAN]
    for path in sorted(folder().glob(f"*/{model_folder.DESCRIPTION}")):
        try:
            found.append(model_folder.read(path.parent).spec(path.parent))
        except InvalidModelFile as error:
            _log.warning("%s", error.message)
    return sorted(found, key=lambda spec: spec.id)


def details(spec: ModelSpec) -> dict[str, Any]:
    """Everything about one of them, as plain values: the fields of `ModelSpec`, ``folder``, ``disk_bytes``."""
    plain: dict[str, Any] = msgspec.to_builtins(spec)
    own = spec.engines[0].path
    files = model_folder.read(Path(own)).files.values() if own else ()
    plain["prepared"] = plain.pop("engines")
    return {**plain, "folder": own, "disk_bytes": sum(file.size_bytes for file in files), "installed": True}


def verify(spec: ModelSpec) -> Sequence[str]:
    """What is wrong with the files of one of them; nothing: an empty list."""
    if not (own := spec.engines[0].path):
        return []
    problems = []
    folder = Path(own)
    model = model_folder.read(folder)
    for name in model.files:
        try:
            model_folder.contents(folder, model, name)
        except InvalidModelFile as error:
            problems.append(error.message)
    return problems
