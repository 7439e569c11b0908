"""Language models in GGUF files: to a `GPT` and back, with the tokenizer and the chat template that belong to them.

What is published keeps everything that the base file says about its tokenizer, word for word: a template that is lost
or rebuilt is how fine-tuned models come to talk garbage.

Source: the GGUF specification (docs/gguf.md of ggml) and the names of its reference writer.
Knows: GGUF's words for settings and weights, its packings (through the package `gguf`). Does not know: training.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from aigc.errors import InvalidModelFile, UserError
from aigc.models.gpt import GPT, GPTConfig
from aigc.recipes.text.families import family_of
from aigc.training.checkpoint import fill

Packing = Literal["f32", "f16", "bf16", "q8_0", "q4_0"]

_PARTS = {
    "attn_q": "attention.q",
    "attn_k": "attention.k",
    "attn_v": "attention.v",
    "attn_output": "attention.mix",
    "attn_q_norm": "attention.norm_q",
    "attn_k_norm": "attention.norm_k",
    "ffn_gate": "feed.gate",
    "ffn_up": "feed.up",
    "ffn_down": "feed.down",
    "attn_norm": "norm1",
    "ffn_norm": "norm2",
}
_WHOLE = {"token_embd": "embed", "position_embd": "embed_place", "output_norm": "norm", "output": "head"}
_ARCHITECTURES = ("gpt2", "llama", "qwen2", "qwen3")


class Entry(NamedTuple):
    """One piece of metadata, with its types as the file has them."""

    key: str
    value: Any
    kind: int
    of: int | None
    """Type of the members, where it is a list."""


def load(path: Path) -> GPT:
    """A network with the weights of a file, unpacked to float32.

    Raises:
        InvalidModelFile: it is damaged, or its weights don't fit what it says about itself.
        UserError: the architecture, or a setting of it, is not one that `GPT` computes.
    """
    reader = _open(path)
    tensors = {t.name: t for t in reader.tensors}
    told = {entry.key: entry.value for entry in _entries(reader, vocabulary=False)}
    try:
        config = _config(told, tensors)
    except KeyError as error:
        raise InvalidModelFile(f"{path.name} lacks {error}") from error
    gpt = GPT(config)
    permuted = told["general.architecture"] == "llama"
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        found.update(_weight(name, _unpacked(tensor), config, permuted))
    fill(gpt.state_dict(), found, path.name)
    return gpt


def words_of(path: Path) -> list[Entry]:
    """All that a file says of its tokenizer, and its template: what `save` writes again. Raises: InvalidModelFile."""
    return [entry for entry in _entries(_open(path), vocabulary=True) if entry.key.startswith("tokenizer.")]


def save(
    gpt: GPT,
    path: Path,
    words: list[Entry],
    *,
    packing: Packing = "f16",
    about: Mapping[str, str] | None = None,
) -> None:
    """Write a file that llama.cpp and OpenVINO read.

    Args:
        gpt: the network.
        path: overwritten.
        words: see `words_of`.
        packing: of the matrices; vectors stay float32. A matrix whose rows are no multiple of 32 becomes f16.
        about: further texts, such as ``general.name`` and ``general.license``.

    Raises:
        UserError: no architecture of GGUF has the network's form, or the tokens are not as many as its rows.
        OSError: it can't be written.
    """
    import gguf

    config = gpt.config
    architecture = _architecture(config)
    count = next((len(e.value) for e in words if e.key == "tokenizer.ggml.tokens"), 0)
    if count != config.vocabulary:
        raise UserError(f"the tokenizer has {count} tokens, the network {config.vocabulary}")
    writer = gguf.GGUFWriter(path, architecture)
    for key, text in (about or {}).items():
        writer.add_string(key, text)
    _describe(writer, config)
    for entry in words:
        kinds = gguf.GGUFValueType
        writer.add_key_value(entry.key, entry.value, kinds(entry.kind), None if entry.of is None else kinds(entry.of))
    for name, x in _named(gpt, architecture == "llama"):
        data, kind = _packed(x, packing)
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _open(path: Path) -> Any:
    import gguf

    try:
        return gguf.GGUFReader(path)
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise InvalidModelFile(f"{path.name} is not a readable GGUF file: {error}") from error


def _entries(reader: Any, *, vocabulary: bool) -> Iterator[Entry]:
    """Metadata; reading a list of 150,000 tokens takes seconds, so only where they are wanted."""
    for key, found in reader.fields.items():
        is_list = len(found.types) > 1
        if not key.startswith("GGUF.") and (vocabulary or not is_list):
            yield Entry(key, found.contents(), int(found.types[0]), int(found.types[-1]) if is_list else None)


def _config(told: Mapping[str, Any], tensors: Mapping[str, Any]) -> GPTConfig:
    family = told["general.architecture"]
    if family not in _ARCHITECTURES:
        raise UserError(f"the file holds a {family!r} model; accepted: {', '.join(_ARCHITECTURES)}")

    def of(key: str, *default: Any) -> Any:
        return told.get(f"{family}.{key}", *default) if default else told[f"{family}.{key}"]

    if "rope_freqs.weight" in tensors or of("rope.scaling.type", "none") != "none":
        raise UserError(
            "its rotary positions are stretched in a way that a GGUF file does not spell out",
            hint="take the model's safetensors files",
        )
    width, heads = of("embedding_length"), of("attention.head_count")
    learned = family == "gpt2"
    forms: dict[str, Any] = (
        {"positions": "learned", "norm": "layer", "feed": "gelu_tanh", "biases": "all"}
        if learned
        else {"biases": "qkv" if "blk.0.attn_q.bias" in tensors else "none", "norm_qk": family == "qwen3"}
    )
    return GPTConfig(
        vocabulary=int(tensors["token_embd.weight"].shape[1]),
        context=of("context_length"),
        width=width,
        layers=of("block_count"),
        heads=heads,
        key_heads=of("attention.head_count_kv", heads),
        head_width=of("attention.key_length", width // heads),
        inner=of("feed_forward_length"),
        tied="output.weight" not in tensors,
        window=of("attention.sliding_window", 0),
        rotary_base=float(of("rope.freq_base", 10_000.0)),
        epsilon=round(float(of("attention.layer_norm_epsilon" if learned else "attention.layer_norm_rms_epsilon")), 12),
        **forms,
    )


def _unpacked(tensor: Any) -> Tensor:
    from gguf.quants import dequantize

    # The reader's arrays lie in the file; a copy outlives it.
    return torch.from_numpy(np.array(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32))


def _weight(name: str, x: Tensor, config: GPTConfig, permuted: bool) -> dict[str, Tensor]:
    part, _, kind = name.rpartition(".")
    if part in _WHOLE:
        return {f"{_WHOLE[part]}.{kind}": x}
    if match := re.fullmatch(r"blk\.(\d+)\.(.+)", part):
        layer, inner = match.groups()
        if inner == "attn_qkv":
            return {f"blocks.{layer}.attention.{n}.{kind}": p for n, p in zip("qkv", x.chunk(3), strict=True)}
        if inner in _PARTS:
            if permuted and inner in ("attn_q", "attn_k"):
                x = _permute(x, config.heads if inner == "attn_q" else config.groups, back=True)
            return {f"blocks.{layer}.{_PARTS[inner]}.{kind}": x}
    raise InvalidModelFile(f"the file has a weight {name!r}, which this form has no place for")


def _permute(x: Tensor, heads: int, *, back: bool) -> Tensor:
    """Llama's files turn neighbours, the networks turn halves: the rows of each head are sorted anew."""
    split: Tensor = x.unflatten(0, (heads, -1, 2) if back else (heads, 2, -1))
    return split.transpose(1, 2).flatten(0, 2)


def _architecture(config: GPTConfig) -> str:
    family = family_of(config)
    if family == "gpt2" and config.feed != "gelu_tanh":
        raise UserError(f"GGUF's gpt2 has feed='gelu_tanh', not {config.feed!r}")
    if config.rotary_stretch:
        raise UserError("stretched rotary positions can't be written to a GGUF file", hint="save safetensors instead")
    return "llama" if family == "mistral" else family


def _describe(writer: Any, config: GPTConfig) -> None:
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.width)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.hidden)
    writer.add_head_count(config.heads)
    if config.positions == "learned":
        writer.add_layer_norm_eps(config.epsilon)
        return
    writer.add_head_count_kv(config.groups)
    writer.add_key_length(config.each)
    writer.add_value_length(config.each)
    writer.add_rope_dimension_count(config.each)
    writer.add_rope_freq_base(config.rotary_base)
    writer.add_layer_norm_rms_eps(config.epsilon)
    writer.add_vocab_size(config.vocabulary)
    if config.window:
        writer.add_sliding_window(config.window)


def _named(gpt: GPT, permuted: bool) -> Iterator[tuple[str, Tensor]]:
    """Names and weights as GGUF has them."""
    config = gpt.config
    parts = {v: k for k, v in _PARTS.items()}
    whole = {v: k for k, v in _WHOLE.items()}
    fused = config.positions == "learned"
    weights = gpt.state_dict()
    for name, x in weights.items():
        part, _, kind = name.rpartition(".")
        match = re.fullmatch(r"blocks\.(\d+)\.(.+)", part)
        if match is None:
            yield f"{whole[part]}.{kind}", x
            continue
        layer, inner = match.groups()
        if fused and inner in ("attention.q", "attention.k", "attention.v"):
            if inner == "attention.q":
                joint = torch.cat([weights[f"blocks.{layer}.attention.{n}.{kind}"] for n in "qkv"])
                yield f"blk.{layer}.attn_qkv.{kind}", joint
            continue
        if permuted and inner in ("attention.q", "attention.k"):
            x = _permute(x, config.heads if inner == "attention.q" else config.groups, back=False)
        yield f"blk.{layer}.{parts[inner]}.{kind}", x


def _packed(x: Tensor, packing: Packing) -> tuple[Any, Any]:
    """Numbers as the file holds them, and the name of the packing."""
    from gguf import GGMLQuantizationType
    from gguf.quants import quantize

    data = x.detach().float().cpu().contiguous().numpy()
    if data.ndim < 2 or packing == "f32":
        return data, GGMLQuantizationType.F32
    fits = packing in ("f16", "bf16") or data.shape[-1] % 32 == 0
    kind = GGMLQuantizationType[packing.upper() if fits else "F16"]
    return quantize(data, kind), kind
