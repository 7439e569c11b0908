"""A folder with a picture model of our own: what ``model.json`` says, and whether the files are those it speaks of.

The folders in ``weights/`` have this form, and so has what ``aigc publish`` writes: networks as ONNX, read by OpenVINO
without torch; the same numbers as safetensors, for whoever goes on training; ``README.md``, the model card.

Knows: the form, checksums. Does not know: what a network computes, where folders lie.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from aigc.errors import InvalidModelFile
from aigc.types import JSON, Capability, EngineFile, ModelSpec

DESCRIPTION = "model.json"
_MAX_BYTES = 2**20
_MAX_FILE_BYTES = 2**30


class FolderFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of the model."""

    size_bytes: int
    sha256: str


class ModelFolder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``model.json``."""

    format: Literal[1] = 1
    id: str
    engine: Literal["image", "gan", "restore"]
    capabilities: tuple[Capability, ...]
    memory_bytes: int
    """Resident in use, measured."""
    created: int
    """Unix seconds."""
    licence: str
    languages: tuple[str, ...] = ()
    settings: JSON = {}
    """What the engine has to know about the networks; each engine has its own names."""
    training: JSON = {}
    """For whoever goes on training: recipe to settings and samples seen."""
    files: dict[str, FolderFile]
    """By name; no folders below."""

    @property
    def digest(self) -> str:
        """Stands for all files together."""
        lines = "".join(f"{name} {file.sha256}\n" for name, file in sorted(self.files.items()))
        return hashlib.sha256(lines.encode()).hexdigest()

    def spec(self, folder: Path) -> ModelSpec:
        """The model as the runtime knows it."""
        file = EngineFile(engine=self.engine, path=str(folder), memory_bytes=self.memory_bytes)
        return ModelSpec(
            id=self.id,
            capabilities=self.capabilities,
            engines=(file,),
            context_tokens=0,
            created=self.created,
            digest=self.digest,
            licence=self.licence,
            languages=self.languages,
        )


def read(folder: Path) -> ModelFolder:
    """What a folder says of itself. Raises: InvalidModelFile: no description, or one of another form."""
    path = folder / DESCRIPTION
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InvalidModelFile(f"{path} has more than {_MAX_BYTES} bytes")
        found = msgspec.json.decode(path.read_bytes(), type=ModelFolder)
    except OSError as error:
        raise InvalidModelFile(f"{path} can't be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise InvalidModelFile(f"{path} describes no picture model: {error}") from error
    strange = [name for name in found.files if Path(name).name != name or name.startswith(".")]
    if strange:
        raise InvalidModelFile(f"{path} names the file {strange[0]!r}; accepted: plain names")
    return found


def contents(folder: Path, model: ModelFolder, name: str) -> bytes:
    """One file of the model, checked.

    Raises:
        InvalidModelFile: it is missing, or has other bytes than the description says.
    """
    expected = model.files.get(name)
    if expected is None:
        raise InvalidModelFile(f"{folder / DESCRIPTION} names no file {name!r}")
    path = folder / name
    try:
        size = path.stat().st_size
        if size != expected.size_bytes or size > _MAX_FILE_BYTES:
            raise InvalidModelFile(f"{path} has {size} bytes; expected: {expected.size_bytes}")
        content = path.read_bytes()
    except OSError as error:
        raise InvalidModelFile(f"{path} can't be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != expected.sha256:
        raise InvalidModelFile(f"{path} is damaged: its sha256 is another", hint="install the package again")
    return content


def prepare(weights: Path, folder: Path, on_progress: Callable[[float], None]) -> EngineFile:
    """Check every file; nothing is converted. Raises: InvalidModelFile."""
    model = read(weights)
    for done, name in enumerate(model.files, 1):
        contents(weights, model, name)
        on_progress(done / len(model.files))
    return EngineFile(engine=model.engine, path=str(weights), memory_bytes=model.memory_bytes)


def describe(files: dict[str, bytes]) -> dict[str, FolderFile]:
    """Sizes and checksums of files that are about to be written."""
    return {name: FolderFile(len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()}
