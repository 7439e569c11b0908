"""Which files of a pipeline's parts hold weights, and in which precision: by their names.

Knows: how diffusers and transformers name such files, whole and in parts. Does not know: files, what is in them.
Source: diffusers 0.42, ``pipelines/pipeline_loading_utils.py``, ``variant_compatible_siblings``, older names included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, get_args

Precision = Literal["full", "fp16", "bf16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

_HEAD = r"(?:diffusion_pytorch_model|model)"
_FILE = re.compile(_HEAD + r"(?:\.(fp16|bf16))?(?:-\d{5}-of-\d{5})?(?:\.(fp16|bf16))?\.safetensors")
_INDEX = re.compile(_HEAD + r"\.safetensors(?:\.(fp16|bf16))?\.index(?:\.(fp16|bf16))?\.json")
PICKLES = frozenset({".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle", ".msgpack", ".h5", ".onnx", ".py", ".so"})
"""Suffixes of files that can run code when they are opened, or that aren't read here."""


def precision_of(name: str) -> Precision | None:
    """Of a file of weights, by its name without folders; None: diffusers takes no weights from it."""
    return _precision(_FILE, name)


def precision_of_index(name: str) -> Precision | None:
    """Of the file that lists the parts of weights; None: it is none."""
    return _precision(_INDEX, name)


def common(parts: Iterable[Iterable[str]]) -> list[Precision]:
    """Precisions in which every part that has weights has them.

    Args:
        parts: names of the files of each part.
    """
    found = [{p for p in map(precision_of, names) if p is not None} for names in parts]
    weighty = [precisions for precisions in found if precisions]
    return [p for p in PRECISIONS if weighty and all(p in precisions for precisions in weighty)]


def _precision(pattern: re.Pattern[str], name: str) -> Precision | None:
    match = pattern.fullmatch(name)
    if match is None:
        return None
    stated = match[1] or match[2]
    return next((p for p in PRECISIONS if p == stated), "full")
