"""Checkpoints in the layout of Hugging Face, ``config.json`` beside safetensors: to a `GPT` and back.

Knows: the files. Does not know: what the families mean by their names, tokenizers, GGUF.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from aigc.errors import InvalidModelFile, UserError
from aigc.models.gpt import GPT, GPTConfig
from aigc.recipes.text import families
from aigc.training.checkpoint import fill, read_tensors, replace, write_durably


def load(folder: Path) -> GPT:
    """A network with a checkpoint's weights, in float32.

    Raises:
        InvalidModelFile: a file is missing, damaged, or of another shape than ``config.json`` says.
        UserError: the family, or a setting of it, is not one that `GPT` computes.
    """
    config = read_config(folder)
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise InvalidModelFile(
            f"{folder} holds no safetensors file", hint="pickled weights are not read: they can run code"
        )
    found = {name: x for path in paths for name, x in read_tensors(path).items()}
    gpt = GPT(config)
    fill(gpt.state_dict(), families.weights_from(found, config), str(folder))
    return gpt


def read_config(folder: Path) -> GPTConfig:
    """The form that ``config.json`` describes. Raises: as `load`."""
    path = folder / "config.json"
    try:
        return families.config_from(json.loads(path.read_text("utf-8")))
    except UserError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidModelFile(f"{path} describes no model: {error}") from error


def save(gpt: GPT, folder: Path, *, dtype: torch.dtype = torch.bfloat16, more: Mapping[str, Any] | None = None) -> None:
    """Write ``config.json`` and ``model.safetensors``, as `transformers` reads them.

    Args:
        gpt: the network.
        folder: made if it isn't there.
        dtype: of the weights.
        more: further entries of ``config.json``, such as ``eos_token_id``.

    Raises:
        UserError: no published family has the network's form.
        OSError: it can't be written.
    """
    from safetensors.torch import save as to_bytes

    described = families.config_to(gpt.config) | {"dtype": str(dtype).removeprefix("torch.")}
    weights = families.weights_to(gpt.state_dict(), gpt.config)
    ready = {name: x.detach().to(dtype).contiguous().cpu() for name, x in weights.items()}
    folder.mkdir(parents=True, exist_ok=True)
    write_durably(folder / "model.safetensors", to_bytes(ready, metadata={"format": "pt"}))
    replace(folder / "config.json", json.dumps({**described, **(more or {})}, indent=2).encode())
