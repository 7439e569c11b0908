"""A folder with a Whisper model in CTranslate2's format: whether it is one, and what it can do.

Knows: the files of such a folder. Does not know: how they are run.
Source: CTranslate2's model format, version 6 (a name behind the version number); faster-whisper's file names.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import msgspec

from aigc.errors import InvalidModelFile
from aigc.types import Capability, EngineFile

MODEL, CONFIG, TOKENIZER = "model.bin", "config.json", "tokenizer.json"
FILES = (MODEL, CONFIG, TOKENIZER, "vocabulary.json", "vocabulary.txt", "preprocessor_config.json")
"""All that such a folder may hold of the model."""
_NAME = b"WhisperSpec\0"
_MAX_JSON_BYTES = 16 * 2**20
_MULTILINGUAL_TOKENS = 51_865
"""The models that know English only have one less. Source: whisper.tokenizer of OpenAI's package."""


class WhisperFolder(msgspec.Struct, frozen=True):
    """What the folder says of itself."""

    multilingual: bool
    weights_bytes: int

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        """What it can be asked for."""
        return ("transcription", "translation") if self.multilingual else ("transcription",)

    @property
    def memory_bytes(self) -> int:
        """Resident in use: the weights as 8-bit integers, room for one piece of sound, and the libraries."""
        return self.weights_bytes + 300_000_000


def is_whisper(folder: Path) -> bool:
    """Whether there is such a model."""
    path = folder / MODEL
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(6 + len(_NAME))
    return len(head) > 6 and head[6:] == _NAME and struct.unpack("<H", head[4:6])[0] == len(_NAME)


def read(folder: Path) -> WhisperFolder:
    """What a folder holds. Raises: InvalidModelFile: a file is missing or of another form."""
    vocabulary = next(
        (path for path in (folder / "vocabulary.json", folder / "vocabulary.txt") if path.is_file()), None
    )
    missing = [name for name in (MODEL, CONFIG, TOKENIZER) if not (folder / name).is_file()]
    if missing or vocabulary is None:
        names = ", ".join(missing) or "vocabulary.txt or vocabulary.json"
        raise InvalidModelFile(
            f"{folder} has no {names}",
            hint="such a folder holds model.bin, config.json, tokenizer.json and vocabulary.txt or vocabulary.json",
        )
    try:
        contents = [_json(folder / name) for name in (CONFIG, TOKENIZER)]
        tokens = _json(vocabulary) if vocabulary.suffix == ".json" else _small(vocabulary).splitlines()
    except (msgspec.DecodeError, OSError) as error:
        raise InvalidModelFile(f"{folder} describes no Whisper model: {error}") from error
    if not all(isinstance(one, dict) for one in contents) or not isinstance(tokens, list):
        raise InvalidModelFile(f"{folder} describes no Whisper model: its files have another form")
    return WhisperFolder(len(tokens) >= _MULTILINGUAL_TOKENS, (folder / MODEL).stat().st_size)


def _json(path: Path) -> object:
    content: object = msgspec.json.decode(_small(path))
    return content


def _small(path: Path) -> bytes:
    if path.stat().st_size > _MAX_JSON_BYTES:
        raise InvalidModelFile(f"{path} has more than {_MAX_JSON_BYTES} bytes")
    return path.read_bytes()


def prepare(weights: Path, folder: Path, on_progress: Callable[[float], None]) -> EngineFile:
    """Check that every file is there; nothing is converted. Raises: InvalidModelFile."""
    found = read(weights)
    on_progress(1.0)
    return EngineFile(engine="whisper", path=str(weights), memory_bytes=found.memory_bytes)
