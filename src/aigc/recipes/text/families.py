"""The published families of language models, each as one form of `GPTConfig`: their settings and names, both ways.

GPT-2, Llama (also SmolLM2), Mistral, Qwen2, Qwen3. What a configuration says beyond those forms is refused by name,
because a model that computes something else would look almost right.

Knows: those families' words for settings and weights. Does not know: files, tokenizers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from aigc.errors import InvalidModelFile, UserError
from aigc.models.gpt import GPTConfig

_PARTS = {
    "self_attn.q_proj": "attention.q",
    "self_attn.k_proj": "attention.k",
    "self_attn.v_proj": "attention.v",
    "self_attn.o_proj": "attention.mix",
    "self_attn.q_norm": "attention.norm_q",
    "self_attn.k_norm": "attention.norm_k",
    "mlp.gate_proj": "feed.gate",
    "mlp.up_proj": "feed.up",
    "mlp.down_proj": "feed.down",
    "input_layernorm": "norm1",
    "post_attention_layernorm": "norm2",
}
_GPT2_PARTS = {
    "attn.c_proj": "attention.mix",
    "mlp.c_fc": "feed.up",
    "mlp.c_proj": "feed.down",
    "ln_1": "norm1",
    "ln_2": "norm2",
}
_WHOLE = {"model.embed_tokens": "embed", "model.norm": "norm", "lm_head": "head"}
_GPT2_WHOLE = {"wte": "embed", "wpe": "embed_place", "ln_f": "norm"}
_TURNED = ("attention.mix.weight", "feed.up.weight", "feed.down.weight")
"""GPT-2 keeps these matrices as (in, out)."""


CLASSES = {
    "gpt2": "GPT2LMHeadModel",
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}
"""What `transformers` calls them."""


def config_from(found: Mapping[str, Any]) -> GPTConfig:
    """The form that a ``config.json`` describes.

    Raises:
        UserError: the family, or a setting of it, is not one that `GPT` computes.
        KeyError, TypeError, ValueError: it lacks something, or has it of another kind.
    """
    family = found["model_type"]
    if family not in _READERS:
        raise UserError(f"the checkpoint is a {family!r} model; accepted: {', '.join(_READERS)}")
    return _READERS[family](found)


def _gpt2(found: Mapping[str, Any]) -> GPTConfig:
    _demand(found, {"scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False, "add_cross_attention": False})
    feeds = {"gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "gelu": "gelu"}
    if (bend := found.get("activation_function", "gelu_new")) not in feeds:
        raise UserError(f"activation_function is {bend!r}; accepted: {', '.join(feeds)}")
    return GPTConfig(
        vocabulary=found["vocab_size"],
        context=found["n_positions"],
        width=found["n_embd"],
        layers=found["n_layer"],
        heads=found["n_head"],
        inner=found.get("n_inner") or 4 * found["n_embd"],
        positions="learned",
        norm="layer",
        feed=feeds[bend],  # type: ignore[arg-type]  # the three literals above
        biases="all",
        tied=found.get("tie_word_embeddings", True),
        epsilon=found.get("layer_norm_epsilon", 1e-5),
    )


def _llama_like(found: Mapping[str, Any]) -> GPTConfig:
    family = found["model_type"]
    _demand(found, {"hidden_act": "silu", "mlp_bias": False, "use_sliding_window": False, "pretraining_tp": 1})
    if found.get("attention_bias") and family != "qwen2":
        raise UserError(f"attention_bias is true, which no {family} model here has")
    base, stretch = _rotary(found)
    width, heads = found["hidden_size"], found["num_attention_heads"]
    return GPTConfig(
        vocabulary=found["vocab_size"],
        context=found["max_position_embeddings"],
        width=width,
        layers=found["num_hidden_layers"],
        heads=heads,
        key_heads=found.get("num_key_value_heads") or heads,
        head_width=found.get("head_dim") or width // heads,
        inner=found["intermediate_size"],
        biases="qkv" if family == "qwen2" else "none",
        norm_qk=family == "qwen3",
        tied=found.get("tie_word_embeddings", False),
        window=(found.get("sliding_window") or 0) if family == "mistral" else 0,
        rotary_base=base,
        rotary_stretch=stretch,
        epsilon=found["rms_norm_eps"],
    )


def _rotary(found: Mapping[str, Any]) -> tuple[float, tuple[float, ...]]:
    """Base and stretch, wherever this version of the layout keeps them."""
    told = {**(found.get("rope_scaling") or {}), **(found.get("rope_parameters") or {})}
    base = float(told.get("rope_theta") or found.get("rope_theta") or 10_000.0)
    kind = told.get("rope_type") or told.get("type") or "default"
    if kind == "default":
        return base, ()
    if kind != "llama3":
        raise UserError(f"rope_scaling is of type {kind!r}; accepted: none, or llama3")
    names = ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
    return base, tuple(float(told[name]) for name in names)


def _demand(found: Mapping[str, Any], accepted: Mapping[str, Any]) -> None:
    for name, wanted in accepted.items():
        if found.get(name, wanted) != wanted:
            raise UserError(f"{name} is {found[name]!r}; accepted: {wanted!r}")


_READERS: dict[str, Callable[[Mapping[str, Any]], GPTConfig]] = {
    "gpt2": _gpt2,
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3"), _llama_like),
}


def config_to(config: GPTConfig) -> dict[str, Any]:
    """What ``config.json`` says of a form. Raises: UserError, see `family_of`."""
    family = family_of(config)
    named = {"model_type": family, "architectures": [CLASSES[family]], "vocab_size": config.vocabulary}
    if family == "gpt2":
        return named | {
            "n_positions": config.context,
            "n_embd": config.width,
            "n_layer": config.layers,
            "n_head": config.heads,
            "n_inner": config.hidden,
            "activation_function": "gelu_new" if config.feed == "gelu_tanh" else "gelu",
            "tie_word_embeddings": config.tied,
            "layer_norm_epsilon": config.epsilon,
            "resid_pdrop": 0.0,
            "embd_pdrop": 0.0,
            "attn_pdrop": 0.0,
        }
    rotary: dict[str, Any] = {"rope_type": "default", "rope_theta": config.rotary_base}
    if config.rotary_stretch:
        factor, low, high, trained = config.rotary_stretch
        rotary |= {"rope_type": "llama3", "factor": factor, "low_freq_factor": low, "high_freq_factor": high}
        rotary["original_max_position_embeddings"] = int(trained)
    told = {
        "max_position_embeddings": config.context,
        "hidden_size": config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.groups,
        "head_dim": config.each,
        "intermediate_size": config.hidden,
        "hidden_act": "silu",
        "tie_word_embeddings": config.tied,
        "rms_norm_eps": config.epsilon,
        "rope_theta": config.rotary_base,
        # Version 5 of transformers reads the first, older ones the second and rope_theta.
        "rope_parameters": rotary,
        "rope_scaling": rotary if config.rotary_stretch else None,
    }
    if family == "mistral":
        told["sliding_window"] = config.window
    if family in ("llama", "qwen3"):
        told["attention_bias"] = False
    return named | told


def family_of(config: GPTConfig) -> str:
    """The family whose form this is.

    Raises:
        UserError: no published family has it, so that no other program could read it.
    """
    if config.positions == "learned" and config.norm == "layer" and config.feed != "swiglu" and config.biases == "all":
        plain = GPTConfig(vocabulary=1, width=config.width, heads=config.heads)
        if config.groups == config.heads and config.each == plain.each and not (config.norm_qk or config.window):
            return "gpt2"
    if config.positions == "rotary" and config.norm == "rms" and config.feed == "swiglu" and config.biases != "all":
        extras = (config.biases == "qkv", config.norm_qk, config.window > 0)
        families = {
            (False, False, False): "llama",
            (True, False, False): "qwen2",
            (False, True, False): "qwen3",
            (False, False, True): "mistral",
        }
        if extras in families:
            return families[extras]
    raise UserError(
        "no published family of models has this form, so other programs can't read it",
        hint="families: gpt2 (learned, layer, gelu, all biases) and llama, mistral, qwen2, qwen3 (rotary, rms, swiglu)",
    )


def weights_from(found: Mapping[str, Tensor], config: GPTConfig) -> dict[str, Tensor]:
    """A checkpoint's weights under the names that `GPT` has, in float32. Raises: InvalidModelFile: one has no place."""
    ours: dict[str, Tensor] = {}
    for name, x in found.items():
        ours.update(_gpt2_weight(name, x) if config.positions == "learned" else _llama_weight(name, x))
    if config.tied:
        ours.pop("head.weight", None)
    return {name: x.float() for name, x in ours.items()}


def _llama_weight(name: str, x: Tensor) -> dict[str, Tensor]:
    if match := re.fullmatch(r"model\.layers\.(\d+)\.(.+)\.(weight|bias)", name):
        layer, part, kind = match.groups()
        if part in _PARTS:
            return {f"blocks.{layer}.{_PARTS[part]}.{kind}": x}
    part, _, kind = name.rpartition(".")
    if part in _WHOLE:
        return {f"{_WHOLE[part]}.{kind}": x}
    if name.endswith("rotary_emb.inv_freq"):
        return {}  # old files keep what follows from the configuration
    raise InvalidModelFile(f"the checkpoint has a weight {name!r}, which this form has no place for")


def _gpt2_weight(name: str, x: Tensor) -> dict[str, Tensor]:
    name = name.removeprefix("transformer.")
    if re.fullmatch(r"h\.\d+\.attn\.(bias|masked_bias)", name) or name == "lm_head.weight":
        return {}  # a mask that follows from the form, and the embedding once more
    if match := re.fullmatch(r"h\.(\d+)\.(.+)\.(weight|bias)", name):
        layer, part, kind = match.groups()
        if part == "attn.c_attn":
            parts = (x.T if kind == "weight" else x).chunk(3)
            return {f"blocks.{layer}.attention.{n}.{kind}": p for n, p in zip("qkv", parts, strict=True)}
        if part in _GPT2_PARTS:
            ours = f"blocks.{layer}.{_GPT2_PARTS[part]}.{kind}"
            return {ours: x.T if ours.endswith(_TURNED) else x}
    part, _, kind = name.rpartition(".")
    if part in _GPT2_WHOLE:
        return {f"{_GPT2_WHOLE[part]}.{kind}": x}
    raise InvalidModelFile(f"the checkpoint has a weight {name!r}, which GPT-2 has no place for")


def weights_to(ours: Mapping[str, Tensor], config: GPTConfig) -> dict[str, Tensor]:
    """A `GPT`'s weights under the names of its family. Raises: UserError, see `family_of`."""
    if family_of(config) != "gpt2":
        return {_llama_name(name): x for name, x in ours.items()}
    parts = {v: k for k, v in _GPT2_PARTS.items()}
    whole = {v: k for k, v in _GPT2_WHOLE.items()}
    theirs: dict[str, Tensor] = {}
    for name, x in ours.items():
        part, _, kind = name.rpartition(".")
        if match := re.fullmatch(r"blocks\.(\d+)\.(.+)", part):
            layer, inner = match.groups()
            if inner in parts:
                theirs[f"transformer.h.{layer}.{parts[inner]}.{kind}"] = x.T if name.endswith(_TURNED) else x
        elif part in whole:
            theirs[f"transformer.{whole[part]}.{kind}"] = x
        else:
            theirs[f"lm_head.{kind}"] = x
    for layer in range(config.layers):
        for kind in ("weight", "bias"):
            joint = torch.cat([ours[f"blocks.{layer}.attention.{n}.{kind}"] for n in "qkv"])
            theirs[f"transformer.h.{layer}.attn.c_attn.{kind}"] = joint.T if kind == "weight" else joint
    return theirs


def _llama_name(name: str) -> str:
    part, _, kind = name.rpartition(".")
    if match := re.fullmatch(r"blocks\.(\d+)\.(.+)", part):
        layer, inner = match.groups()
        theirs = next(k for k, v in _PARTS.items() if v == inner)
        return f"model.layers.{layer}.{theirs}.{kind}"
    return f"{next(k for k, v in _WHOLE.items() if v == part)}.{kind}"
