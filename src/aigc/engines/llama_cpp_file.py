"""What a GGUF file costs in llama.cpp.

Knows: the sizes that follow from a header. Does not know: llama.cpp's API.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aigc.engines import gguf_header
from aigc.engines.gguf_header import Header
from aigc.errors import InvalidModelFile
from aigc.types import EngineFile

_BASE_BYTES = 160 * 2**20
"""Python, llama.cpp and its buffers before the weights."""
_RESIDENT_SHARE = 1.7
"""llama.cpp maps the file and keeps a rearranged copy of the tensors that it has fast code for."""
_CACHE_VALUE_BYTES = 2
"""The key-value cache holds 16-bit floats."""


def prepare(weights: Path, folder: Path, on_progress: Callable[[float], None]) -> EngineFile:
    """llama.cpp runs the file as it is; this only measures it.

    Args:
        weights: the file, or the first of several.
        folder: not used.
        on_progress: hears that it is done.

    Raises: InvalidModelFile.
    """
    header = gguf_header.read(weights)
    size = sum(part.stat().st_size for part in parts(weights, int(header.metadata.get("split.count", 1))))
    on_progress(1.0)
    return EngineFile(
        engine="llama_cpp",
        path=str(weights.absolute()),
        memory_bytes=_BASE_BYTES + int(_RESIDENT_SHARE * size),
        cache_bytes_per_token=cache_bytes_per_token(header),
    )


def parts(first: Path, count: int) -> list[Path]:
    """The files of a model, by the name of the first: ``name-00001-of-00003.gguf``."""
    if count <= 1:
        return [first]
    return [first.with_name(first.name.replace("-00001-of-", f"-{n:05}-of-")) for n in range(1, count + 1)]


def cache_bytes_per_token(header: Header) -> int:
    """Keys and values of all layers, for one token. Raises: InvalidModelFile."""
    try:
        layers = int(header.of_model("block_count"))
        heads = _per_layer(header.of_model("attention.head_count"), layers)
        kv_heads = _per_layer(header.of_model("attention.head_count_kv", heads), layers)
        width = int(header.of_model("embedding_length")) // max(heads)
        key = int(header.of_model("attention.key_length", width))
        value = int(header.of_model("attention.value_length", key))
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise InvalidModelFile("the file doesn't say how large its layers are") from error
    return sum(kv_heads) * (key + value) * _CACHE_VALUE_BYTES


def _per_layer(value: Any, layers: int) -> list[int]:
    """A setting that is one number for all layers, or a list with one for each."""
    return [int(v) for v in value] if isinstance(value, list) else [int(value)] * layers
