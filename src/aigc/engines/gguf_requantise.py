"""Rewrites tensors of a GGUF file in a format that more readers know: Q8_0, or F16 where blocks of 32 don't fit.

Q8_0 holds whatever 4 or 5 bits held, with an error far below theirs. The header is copied as it is but for the list of
tensors; weights pass through in slices, so memory stays in the tens of megabytes.

Knows: GGUF files and ggml's packings (through `gguf.quants`). Does not know: why a reader wants it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aigc.engines.gguf_header import ALIGNMENT, Header, Tensor

_SLICE_VALUES = 4 * 2**20
_Q8_0_BLOCK = 32


def requantise(
    source: Path, target: Path, header: Header, keep: frozenset[int], on_share: Callable[[float], None]
) -> None:
    """Write a copy in which every tensor has one of the kept types, Q8_0 or F16.

    Args:
        source: the file.
        target: the copy; overwritten.
        header: of ``source``.
        keep: numbers of the types that stay as they are.
        on_share: hears which share of the weights is done, 0 to 1.
    """
    alignment = int(header.metadata.get("general.alignment", ALIGNMENT))
    kinds = [t.type if t.type in keep else _replacement(t) for t in header.tensors]
    total = sum(math.prod(t.shape) for t in header.tensors)
    done = 0
    with source.open("rb") as weights, target.open("wb") as out:
        out.write(weights.read(header.tensors_at))
        offset = 0
        for tensor, kind in zip(header.tensors, kinds, strict=True):
            out.write(_info(tensor, kind, offset))
            offset += _size(tensor.shape, kind)
            offset += -offset % alignment
        out.write(b"\0" * (-out.tell() % alignment))
        for tensor, kind in zip(header.tensors, kinds, strict=True):
            weights.seek(header.data_at + tensor.offset)
            for piece in _packed(weights, tensor, kind):
                out.write(piece)
            out.write(b"\0" * (-out.tell() % alignment))
            done += math.prod(tensor.shape)
            on_share(done / total)


def _replacement(tensor: Tensor) -> int:
    from gguf import GGMLQuantizationType

    fits = len(tensor.shape) > 1 and tensor.shape[0] % _Q8_0_BLOCK == 0
    wide = tensor.type == GGMLQuantizationType.BF16
    return int(GGMLQuantizationType.Q8_0 if fits and not wide else GGMLQuantizationType.F16)


def _info(tensor: Tensor, kind: int, offset: int) -> bytes:
    name = tensor.name.encode()
    count = len(tensor.shape)
    return struct.pack(f"<Q{len(name)}sI{count}QIQ", len(name), name, count, *tensor.shape, kind, offset)


def _size(shape: tuple[int, ...], kind: int) -> int:
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    values, size = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
    return math.prod(shape) // int(values) * int(size)


def _packed(weights: Any, tensor: Tensor, kind: int) -> Iterator[bytes]:
    """The tensor's bytes in the new packing, a few rows at a time."""
    import numpy as np
    from gguf import GGMLQuantizationType, quants

    row = tensor.shape[0]
    row_bytes = _size((row,), tensor.type)
    rows = math.prod(tensor.shape[1:])
    step = max(1, _SLICE_VALUES // row)
    for first in range(0, rows, step):
        count = min(step, rows - first)
        data = weights.read(count * row_bytes)
        if kind == tensor.type:
            yield data
            continue
        packed = np.frombuffer(data, dtype=np.uint8).reshape(count, row_bytes)
        values = quants.dequantize(packed, GGMLQuantizationType(tensor.type)).reshape(count, row)
        yield quants.quantize(values, GGMLQuantizationType(kind)).tobytes()
