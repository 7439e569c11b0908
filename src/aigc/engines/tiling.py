"""A large picture in pieces: where they lie, and the pixels of each, enlarged if need be.

Pieces overlap, and of each only the middle is kept, so that no network sees the edge of a piece near a pixel that it
decides on. All pieces of a large picture have one size: memory stays flat, and OpenVINO prepares for it once.

Knows: pixels as arrays. Does not know: networks.
Shapes: H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_SHARPNESS = -0.75
"""Of the cubic, as torch and OpenCV have it."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece along one axis."""

    start: int
    size: int
    begin: int
    """First pixel that is kept."""
    end: int
    """First pixel behind those."""

    @property
    def place(self) -> slice:
        """Where in the whole lies what is kept."""
        return slice(self.begin, self.end)

    @property
    def kept(self) -> slice:
        """Where in the piece lies what is kept."""
        return slice(self.begin - self.start, self.end - self.start)

    def times(self, scale: int) -> Span:
        """The same piece of a picture with ``scale`` times the side."""
        return Span(self.start * scale, self.size * scale, self.begin * scale, self.end * scale)


def spans(length: int, tile: int, margin: int, factor: int) -> list[Span]:
    """Pieces that cover an axis and keep every pixel once.

    Args:
        length: pixels of the axis.
        tile: longest piece, a multiple of ``factor`` above twice the margin.
        margin: pixels at an inner edge that are thrown away, a multiple of ``factor``.
        factor: starts and sizes are multiples of it; the last piece may reach beyond the axis by less than that.

    Raises: ValueError: sizes that don't fit together.
    """
    if tile % factor or margin % factor or tile <= 2 * margin or length < 1:
        raise ValueError(f"{length} pixels can't be cut into {tile} with margin {margin} and factor {factor}")
    whole = -(-length // factor) * factor
    if whole <= tile:
        return [Span(0, whole, 0, length)]
    starts = [*range(0, whole - tile, tile - 2 * margin), whole - tile]
    edges = [0, *(start + margin for start in starts[1:]), length]
    return [Span(start, tile, *kept) for start, kept in zip(starts, pairwise(edges), strict=True)]


class Window:
    """Any part of a picture as floats; beyond the edges their pixels are repeated.

    Args:
        pixels: (H, W, C) bytes.
        scale: times that the sides are enlarged, by bicubic interpolation; coordinates are those of the result.
    """

    def __init__(self, pixels: NDArray[np.uint8], scale: int = 1) -> None:
        self._pixels, self._scale = pixels, scale
        self.height, self.width = pixels.shape[0] * scale, pixels.shape[1] * scale

    def read(self, rows: Span, columns: Span) -> Floats:
        """(rows.size, columns.size, C), 0 to 1."""
        height, width = self._pixels.shape[:2]
        if self._scale == 1:
            return _floats(self._pixels[_inside(rows, height)[:, None], _inside(columns, width)[None]])
        down, down_weights = _taps(_inside(rows, self.height), self._scale, height)
        across, across_weights = _taps(_inside(columns, self.width), self._scale, width)
        top, left = int(down.min()), int(across.min())
        part = _floats(self._pixels[top : down.max() + 1, left : across.max() + 1])
        tall = _weighted([part[down[:, k] - top] for k in range(4)], down_weights[:, :, None, None])
        wide = _weighted([tall[:, across[:, k] - left] for k in range(4)], across_weights[:, :, None])
        return wide.clip(0, 1)


def _weighted(parts: Sequence[Floats], weights: Floats) -> Floats:
    """The sum of the parts, each times its weight along the second axis of ``weights``."""
    total = np.zeros_like(parts[0])
    for k, part in enumerate(parts):
        total += part * weights[:, k]
    return total


def _floats(pixels: NDArray[np.uint8]) -> Floats:
    made: Floats = np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)
    return made


def _inside(span: Span, length: int) -> NDArray[np.intp]:
    return np.minimum(np.arange(span.start, span.start + span.size), length - 1)


def _taps(places: NDArray[np.intp], scale: int, length: int) -> tuple[NDArray[np.intp], Floats]:
    """The four source pixels of each place, (N, 4), and their weights.

    Source: Keys 1981, "Cubic convolution interpolation for digital image processing".
    """
    exact = (places + 0.5) / scale - 0.5
    first = np.floor(exact).astype(np.intp)
    near = np.arange(-1, 3)
    x = np.abs(exact[:, None] - (first[:, None] + near))
    a = _SHARPNESS
    inner = ((a + 2) * x - (a + 3)) * x * x + 1
    outer = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.clip(first[:, None] + near, 0, length - 1), np.where(x <= 1, inner, outer).astype(np.float32)


def thumbnail(pixels: NDArray[np.uint8], side: int) -> Floats:
    """(H, W, C) bytes to (side, side, C), 0 to 1: means over equal parts, as torch's adaptive pooling has them."""
    rows = [pixels[part].mean(0, dtype=np.float32) for part in _parts(pixels.shape[0], side)]
    columns = [np.stack(rows)[:, part].mean(1) for part in _parts(pixels.shape[1], side)]
    made: Floats = np.multiply(np.stack(columns, axis=1), np.float32(1 / 255))
    return made


def _parts(length: int, count: int) -> Iterator[slice]:
    for index in range(count):
        yield slice(index * length // count, -(-(index + 1) * length // count))
