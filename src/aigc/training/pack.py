"""Weights made small enough to travel: 8 bits by row or 16-bit floats, in files of at most so many bytes.

Every matrix and convolution becomes integers of 8 bits with one float32 scale for each row (the first axis); everything
else, and whatever has few rows' worth of numbers, becomes float16. Parts are safetensors files named
``NAME-00001-of-00003.safetensors``.

Knows: tensors by name, files. Does not know: networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from aigc.errors import InvalidModelFile, UserError
from aigc.training.checkpoint import read_tensors, write_durably

_SCALE = "/scale"
PART_BYTES = 15 << 20


def shrink(tensors: Mapping[str, Tensor], bits: int) -> dict[str, Tensor]:
    """The tensors in 8 or 16 bits. Raises: UserError for other widths."""
    if bits not in (8, 16):
        raise UserError(f"weights can't be packed in {bits} bits; accepted: 8, 16")
    small: dict[str, Tensor] = {}
    for name, x in tensors.items():
        x = x.detach().float().cpu()
        if bits == 16 or x.ndim < 2 or x[0].numel() < 16:
            small[name] = x.half().contiguous()
            continue
        rows = x.reshape(len(x), -1)
        scale = (rows.abs().amax(1) / 127).clamp_min(1e-12)
        small[name] = torch.round(rows / scale[:, None]).to(torch.int8).view(x.shape).contiguous()
        small[name + _SCALE] = scale
    return small


def grow(small: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Float32 tensors from what `shrink` made."""
    grown = {}
    for name, x in small.items():
        if name.endswith(_SCALE):
            continue
        scale = small.get(name + _SCALE)
        grown[name] = x.float() if scale is None else x.float() * scale.view(-1, *[1] * (x.ndim - 1))
    return grown


def write(tensors: Mapping[str, Tensor], folder: Path, name: str, bits: int, limit: int = PART_BYTES) -> list[Path]:
    """Write the parts.

    Raises:
        UserError: one tensor alone is larger than a part.
        OSError: it can't be written.
    """
    from safetensors.torch import save

    parts: list[dict[str, Tensor]] = [{}]
    used = 0
    for key, x in shrink(tensors, bits).items():
        size = x.numel() * x.element_size() + 256
        if size > limit:
            raise UserError(f"{key} takes {size} bytes, a part at most {limit}", hint="pack in fewer bits")
        if used + size > limit:
            parts.append({})
            used = 0
        parts[-1][key] = x
        used += size
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}-{i:05d}-of-{len(parts):05d}.safetensors" for i in range(1, len(parts) + 1)]
    for path, part in zip(paths, parts, strict=True):
        write_durably(path, save(part))
    return paths


def read(folder: Path, name: str) -> dict[str, Tensor]:
    """The tensors of all parts. Raises: InvalidModelFile if one is missing."""
    paths = sorted(folder.glob(f"{name}-*-of-*.safetensors"))
    expected = int(paths[0].stem.rsplit("-", 1)[1]) if paths else 1
    if len(paths) != expected:
        raise InvalidModelFile(f"{folder} holds {len(paths)} of {expected} parts of {name}")
    return grow({key: x for path in paths for key, x in read_tensors(path).items()})
