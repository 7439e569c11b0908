"""What a checked GGUF header says about its model: sizes, context, template, memory.

Knows: the metadata keys of language models. Does not know: files, engines, catalogues.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from aigc.errors import InvalidModelFile
from aigc.store.gguf_check import Header
from aigc.store.gguf_format import FILE_TYPES

_CACHE_VALUE_BYTES = 2
"""The key-value cache holds 16-bit floats."""
_WORKING_BYTES = 192 * 2**20
"""Code, tokenizer and buffers of a worker on top of the weights."""
_REPACKED_SHARE = 0.3
"""llama.cpp keeps a rearranged copy of part of the weights: 2.1 GB resident for 1.1 GB of Q4_K_M."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A language model as its file describes it."""

    architecture: str
    name: str | None
    parameters: int
    quantisation: str
    context_tokens: int
    layers: int
    embedding_width: int
    vocabulary_size: int
    tokenizer: str
    chat_template: str | None
    licence: str | None
    memory_bytes: int
    """Rough estimate for lists: weights resident, cache empty. An engine that prepares the model gives its own."""
    cache_bytes_per_token: int
    infill: bool = False
    """Whether the vocabulary has tokens for filling gaps."""


def read_facts(header: Header, *, infill: bool = False) -> Facts:
    """Interpret a header; what its vocabulary holds is told by the caller, who reads it.

    Raises:
        InvalidModelFile: a key that every language model needs is missing, or its value is impossible.
    """
    architecture = _text(header, "general.architecture")
    layers = _count(header, f"{architecture}.block_count", 1, 4096)
    width = _count(header, f"{architecture}.embedding_length", 1, 2**20)
    vocabulary = header.array_lengths.get("tokenizer.ggml.tokens", 0)
    if vocabulary == 0:
        raise InvalidModelFile("the file holds no vocabulary (tokenizer.ggml.tokens)", hint=_SPLIT_HINT)
    _check_tokenizer(header, vocabulary)
    weights = sum(t.size_bytes for t in header.tensors)
    template = header.metadata.get("tokenizer.chat_template")
    return Facts(
        architecture=architecture,
        name=_optional_text(header, "general.name"),
        parameters=sum(_values(t.shape) for t in header.tensors),
        quantisation=_quantisation(header),
        context_tokens=_count(header, f"{architecture}.context_length", 1, 2**30),
        layers=layers,
        embedding_width=width,
        vocabulary_size=vocabulary,
        tokenizer=_text(header, "tokenizer.ggml.model"),
        chat_template=template if isinstance(template, str) and template else None,
        licence=_optional_text(header, "general.license"),
        memory_bytes=weights + int(weights * _REPACKED_SHARE) + _WORKING_BYTES,
        cache_bytes_per_token=_cache_bytes(header, architecture, layers, width),
        infill=infill,
    )


_SPLIT_HINT = "of a model in several files, name the first one (…-00001-of-…)"


def _cache_bytes(header: Header, architecture: str, layers: int, width: int) -> int:
    heads = _per_layer(header, f"{architecture}.attention.head_count", layers, None)
    kv_heads = _per_layer(header, f"{architecture}.attention.head_count_kv", layers, heads)
    per_head = width // max(max(heads), 1)
    key = _count(header, f"{architecture}.attention.key_length", 1, 2**16, default=per_head)
    value = _count(header, f"{architecture}.attention.value_length", 1, 2**16, default=key)
    return sum(kv_heads) * (key + value) * _CACHE_VALUE_BYTES


def _per_layer(header: Header, key: str, layers: int, default: tuple[int, ...] | None) -> tuple[int, ...]:
    """A setting that is one number for all layers, or an array with one for each."""
    value = header.metadata.get(key)
    if value is None and default is not None:
        return default
    if isinstance(value, tuple) and len(value) == layers:
        numbers = tuple(int(v) for v in value)
    elif isinstance(value, int) and not isinstance(value, bool):
        numbers = (value,) * layers
    else:
        raise InvalidModelFile(f"{key} is {_shown(value)}; expected a number, or one for each of {layers} layers")
    if not all(0 <= n <= 65_536 for n in numbers):
        raise InvalidModelFile(f"{key} holds a number outside 0 to 65536")
    return numbers


def _check_tokenizer(header: Header, vocabulary: int) -> None:
    for name in ("scores", "token_type"):
        length = header.array_lengths.get(f"tokenizer.ggml.{name}", vocabulary)
        if length != vocabulary:
            raise InvalidModelFile(f"tokenizer.ggml.{name} has {length} entries for {vocabulary} tokens")
    for name in ("bos", "eos", "padding", "unknown"):
        key = f"tokenizer.ggml.{name}_token_id"
        if key in header.metadata:
            # 2^32 - 1 is how converters write "none".
            value = header.metadata[key]
            if not isinstance(value, int) or not (0 <= value < vocabulary or value == 2**32 - 1):
                raise InvalidModelFile(f"{key} is {_shown(value)}; the vocabulary has {vocabulary} tokens")


def _quantisation(header: Header) -> str:
    kind = header.metadata.get("general.file_type")
    if isinstance(kind, int) and kind in FILE_TYPES:
        return FILE_TYPES[kind]
    sizes: Counter[str] = Counter()
    for tensor in header.tensors:
        sizes[tensor.type] += tensor.size_bytes
    return sizes.most_common(1)[0][0] if sizes else "unknown"


def _values(shape: tuple[int, ...]) -> int:
    total = 1
    for length in shape:
        total *= length
    return total


def _count(header: Header, key: str, low: int, high: int, *, default: int | None = None) -> int:
    value = header.metadata.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidModelFile(f"{key} is {_shown(value)}; expected a whole number from {low} to {high}")
    return value


def _text(header: Header, key: str) -> str:
    value = header.metadata.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= 256:
        raise InvalidModelFile(f"{key} is {_shown(value)}; expected a name")
    return value


def _optional_text(header: Header, key: str) -> str | None:
    value = header.metadata.get(key)
    return value if isinstance(value, str) and value else None


def _shown(value: object) -> str:
    return "missing" if value is None else repr(value)[:80]
