"""The two codes of ITU-T G.711: 8 bits a sample, finer where it is quiet, as telephones speak.

Source: ITU-T Recommendation G.711 (11/88), tables 1a to 2b.
Knows: samples and codes. Does not know: sample rates, streams.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Law = Literal["mu", "a"]


def decode(codes: bytes, law: Law) -> NDArray[np.int16]:
    """One sample for each byte."""
    values, _ = _tables(law)
    return values[np.frombuffer(codes, np.uint8)]


def encode(samples: NDArray[np.int16], law: Law) -> bytes:
    """The nearest code of each sample."""
    _, codes = _tables(law)
    return codes[samples.astype(np.int32) + 32768].tobytes()


@functools.lru_cache(maxsize=2)
def _tables(law: Law) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """The sample of each code, (256,); the code of each sample from -32768 to 32767, (65536,)."""
    value: Callable[[int], int] = _mu if law == "mu" else _a
    values = np.array([value(code) for code in range(256)], np.int32)
    order = np.argsort(values, kind="stable")
    middles = (values[order][1:] + values[order][:-1]) / 2
    codes = order[np.searchsorted(middles, np.arange(-32768, 32768))]
    return values.astype(np.int16), codes.astype(np.uint8)


def _mu(code: int) -> int:
    code = ~code & 0xFF
    size = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return -size if code & 0x80 else size


def _a(code: int) -> int:
    code ^= 0x55
    segment, size = code >> 4 & 7, ((code & 0x0F) << 4) + 8
    if segment:
        size = size + 0x100 << segment - 1
    return size if code & 0x80 else -size
