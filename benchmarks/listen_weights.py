"""The weights of a Whisper model in CTranslate2's format, for openai-whisper and for whisper.cpp.

Knows: three ways to write down the same numbers. Does not know: what is measured with them.
Source: CTranslate2's model_spec.py (binary version 6); whisper.cpp's models/convert-pt-to-ggml.py.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
_PARTS = {"layer_norm/gamma": "ln.weight", "layer_norm/beta": "ln.bias"}

Weights = dict[str, NDArray[Any]]


def read(path: Path) -> Weights:
    """All arrays of a ``model.bin``, under CTranslate2's names."""
    with path.open("rb") as file:
        assert _number(file, "I") == 6, "another version of the format"
        _string(file)
        _number(file, "I")
        found: Weights = {}
        for _ in range(_number(file, "I")):
            name = _string(file)
            shape = [_number(file, "I") for _ in range(_number(file, "B"))]
            kind, size = _number(file, "B"), _number(file, "I")
            found[name] = np.frombuffer(file.read(size), _TYPES[kind]).reshape(shape)
        for _ in range(_number(file, "I")):
            alias = _string(file)
            found[alias] = found[_string(file)]
    return found


def _number(file: BinaryIO, form: str) -> int:
    return int(struct.unpack("<" + form, file.read(struct.calcsize(form)))[0])


def _string(file: BinaryIO) -> str:
    return file.read(_number(file, "H")).rstrip(b"\0").decode()


def openai_names(found: Weights) -> Weights:
    """The same arrays under the names of openai-whisper, float32."""
    made: Weights = {}
    for side, layers in (("encoder", "blocks"), ("decoder", "blocks")):
        count = sum(1 for name in found if name.startswith(f"{side}/layer_") and name.endswith("ffn/linear_0/weight"))
        for n in range(count):
            _block(found, made, f"{side}/layer_{n}", f"{side}.{layers}.{n}", cross=side == "decoder")
    for layer in ("conv1", "conv2"):
        for kind in ("weight", "bias"):
            made[f"encoder.{layer}.{kind}"] = found[f"encoder/{layer}/{kind}"]
    made["encoder.positional_embedding"] = found["encoder/position_encodings/encodings"]
    made["decoder.positional_embedding"] = found["decoder/position_encodings/encodings"]
    made["decoder.token_embedding.weight"] = found["decoder/embeddings/weight"]
    _norm(found, made, "encoder/layer_norm", "encoder.ln_post")
    _norm(found, made, "decoder/layer_norm", "decoder.ln")
    return {name: np.ascontiguousarray(array, np.float32) for name, array in made.items()}


def _norm(found: Weights, made: Weights, source: str, target: str) -> None:
    made[f"{target}.weight"], made[f"{target}.bias"] = found[f"{source}/gamma"], found[f"{source}/beta"]


def _linear(made: Weights, target: str, weight: NDArray[Any], bias: NDArray[Any] | None) -> None:
    made[f"{target}.weight"] = weight
    if bias is not None:
        made[f"{target}.bias"] = bias


def _block(found: Weights, made: Weights, source: str, target: str, *, cross: bool) -> None:
    pairs = [("self_attention", "attn")] + ([("attention", "cross_attn")] if cross else [])
    for theirs, name in pairs:
        _norm(found, made, f"{source}/{theirs}/layer_norm", f"{target}.{name}_ln")
        linears = [f"{source}/{theirs}/linear_{n}" for n in range(3)]
        weights = [found[f"{one}/weight"] for one in linears if f"{one}/weight" in found]
        biases = [found[f"{one}/bias"] for one in linears if f"{one}/bias" in found]
        # Query, key and value lie in one matrix; across, the query is alone.
        whole, bias = np.concatenate(weights[:-1]), np.concatenate(biases[:-1])
        for part, (rows, offsets) in zip(
            ("query", "key", "value"), zip(np.split(whole, 3), np.split(bias, 3), strict=True), strict=True
        ):
            _linear(made, f"{target}.{name}.{part}", rows, None if part == "key" else offsets)
        _linear(made, f"{target}.{name}.out", weights[-1], biases[-1])
    _norm(found, made, f"{source}/ffn/layer_norm", f"{target}.mlp_ln")
    for n, place in ((0, 0), (1, 2)):
        base = f"{source}/ffn/linear_{n}"
        _linear(made, f"{target}.mlp.{place}", found[f"{base}/weight"], found[f"{base}/bias"])


def sizes(named: Weights) -> dict[str, int]:
    """The model's dimensions, under the names of openai-whisper."""
    vocabulary, width = named["decoder.token_embedding.weight"].shape
    layers = {
        side: sum(name.startswith(f"{side}.blocks.") and name.endswith("mlp.0.weight") for name in named)
        for side in ("encoder", "decoder")
    }
    return {
        "n_mels": named["encoder.conv1.weight"].shape[1],
        "n_audio_ctx": 1500,
        "n_audio_state": width,
        "n_audio_head": width // 64,
        "n_audio_layer": layers["encoder"],
        "n_vocab": vocabulary,
        "n_text_ctx": named["decoder.positional_embedding"].shape[0],
        "n_text_state": width,
        "n_text_head": width // 64,
        "n_text_layer": layers["decoder"],
    }


def as_openai(folder: Path) -> Any:
    """A model of openai-whisper with these weights."""
    import torch
    from whisper.model import ModelDimensions, Whisper

    named = openai_names(read(folder / "model.bin"))
    model = Whisper(ModelDimensions(**sizes(named)))
    model.load_state_dict({name: torch.from_numpy(array) for name, array in named.items()}, strict=False)
    return model.eval()


def as_ggml(folder: Path, target: Path) -> None:
    """A file for whisper.cpp with these weights, 16 bits where whisper.cpp wants 16."""
    import whisper
    from whisper.tokenizer import get_encoding

    named = openai_names(read(folder / "model.bin"))
    found = sizes(named)
    order = ("n_vocab", "n_audio_ctx", "n_audio_state", "n_audio_head", "n_audio_layer", "n_text_ctx", "n_text_state")
    rest = ("n_text_head", "n_text_layer", "n_mels")
    encoding = get_encoding("multilingual" if found["n_vocab"] >= 51_865 else "gpt2")
    with np.load(Path(whisper.__file__).parent / "assets" / "mel_filters.npz") as filters:
        mel = filters[f"mel_{found['n_mels']}"].astype(np.float32)
    with target.open("wb") as out:
        out.write(struct.pack("<12i", 0x67676D6C, *(found[name] for name in order + rest), 1))
        out.write(struct.pack("<2i", *mel.shape) + mel.tobytes())
        tokens = [encoding.decode_single_token_bytes(n) for n in range(encoding.eot_token)]
        out.write(struct.pack("<i", len(tokens)))
        for token in tokens:
            out.write(struct.pack("<i", len(token)) + token)
        for name, array in named.items():
            wide = (
                array.ndim < 2
                or name.endswith("positional_embedding")
                or name in ("encoder.conv1.bias", "encoder.conv2.bias")
            )
            shaped = array[:, None] if name in ("encoder.conv1.bias", "encoder.conv2.bias") else array
            data = shaped.astype(np.float32 if wide else np.float16)
            raw = name.encode()
            out.write(struct.pack("<3i", data.ndim, len(raw), 0 if wide else 1))
            out.write(struct.pack(f"<{data.ndim}i", *reversed(data.shape)) + raw + data.tobytes())
