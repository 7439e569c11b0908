"""The folder from which `aigc.engines.openvino` runs: OpenVINO's own files, and one of ours beside them.

``openvino_model.*`` is the network, ``openvino_tokenizer.*`` and ``openvino_detokenizer.*`` the tokenizer, ``grammar/``
the stand-in network that grammars are tried on (see `openvino_grammar`), ``aigc.json`` what the GGUF file said besides.

Knows: names of files and what is in ``aigc.json``. Does not know: OpenVINO.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from aigc.engines.vocabulary import Speech
from aigc.errors import InvalidModelFile

NETWORK, MODEL = "openvino_model.xml", "openvino_model.bin"
TOKENIZER_XML, TOKENIZER_BIN = "openvino_tokenizer.xml", "openvino_tokenizer.bin"
GRAMMAR = "grammar"
_OURS = "aigc.json"

BLOCK_TOKENS = 32
"""Tokens in a block of OpenVINO's key-value cache on a CPU."""


PROPERTIES: dict[str, Any] = {"KV_CACHE_PRECISION": "u8"}
"""How the network is compiled, in the proof and in the engine; stated because the cache's size follows from it."""


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """``aigc.json``."""

    version: int = 2
    """1: converted before networks were simplified; opens and answers all the same, only slower."""
    speech: Speech
    context_tokens: int
    vocabulary_size: int
    cache_bytes_per_token: int


def describe(folder: Path, description: Description) -> None:
    """Write ``aigc.json``."""
    (folder / _OURS).write_bytes(msgspec.json.encode(description))


def description(folder: Path) -> Description:
    """Read ``aigc.json``. Raises: InvalidModelFile."""
    try:
        return msgspec.json.decode((folder / _OURS).read_bytes(), type=Description)
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidModelFile(
            f"{folder.name} is not a folder that this version converted", hint="remove the model and pull it again"
        ) from error
