"""Numbers in bulk: blending, noise tiles, dice.

Colours are float32 arrays (3, n) or (3, 1), channels first, because numpy is fast along the last axis. No call here or
in any module of this package goes to BLAS or draws from a distribution that numpy may change: the same scene gives the
same pixels, however many threads there are.

Knows: arrays. Does not know: scenes.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.floating[Any]]
Integers: TypeAlias = npt.NDArray[np.integer[Any]]
Mask: TypeAlias = npt.NDArray[np.bool_]
T = TypeVar("T")

SIDE = 512
"""Cells along a noise tile; a power of two, so that wrapping is one bit operation."""


class Dice:
    """Random numbers of one part of a scene; parts with other names stay as they are when one draws more.

    Example:
        >>> Dice(7, "clouds").between(0, 1) == Dice(7, "clouds").between(0, 1)
        True
    """

    def __init__(self, seed: int, part: str) -> None:
        self._source = np.random.Generator(np.random.PCG64([seed, zlib.crc32(part.encode())]))

    def many(self, *shape: int) -> Floats:
        """Numbers in [0, 1)."""
        return self._source.random(shape).astype(np.float32)

    def between(self, low: float, high: float) -> float:
        """One number in [low, high)."""
        return low + (high - low) * float(self._source.random())

    def chance(self, probability: float) -> bool:
        """True this often."""
        return float(self._source.random()) < probability

    def whole(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        return low + int(float(self._source.random()) * (high - low + 1))

    def pick(self, options: Sequence[T], weights: Sequence[float] | None = None) -> T:
        """One of the options, each as often as its weight says."""
        chances = np.cumsum(np.ones(len(options)) if weights is None else np.asarray(weights, dtype=np.float64))
        return options[int(np.searchsorted(chances, float(self._source.random()) * chances[-1], side="right"))]

    def order(self, count: int) -> list[int]:
        """The numbers below ``count`` in random order."""
        return [int(i) for i in np.argsort(self._source.random(count), kind="stable")]


def colour(red: float, green: float, blue: float) -> Floats:
    """A colour as an array (3, 1)."""
    return np.array([[red], [green], [blue]], dtype=np.float32)


def mix(a: Floats | float, b: Floats | float, share: Floats | float) -> Floats:
    """``a`` where share is 0, ``b`` where it is 1."""
    return a + (b - a) * np.asarray(share, dtype=np.float32)


def smooth(low: float | Floats, high: float | Floats, x: Floats | float) -> Floats:
    """0 below ``low``, 1 above ``high``, a smooth step between; ``low`` may be the greater one."""
    t = np.clip((np.asarray(x, dtype=np.float32) - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


@lru_cache(maxsize=48)
def tile(exponent: float, index: int = 0, lowest: int = 0) -> Floats:
    """Periodic noise (SIDE, SIDE): power falls with frequency to the ``exponent``; mean 0, deviation 1.

    There is none below ``lowest`` waves a tile. Each index is another tile.
    Source: spectral synthesis, Saupe in Peitgen and Saupe (eds.), The Science of Fractal Images, 1988, chapter 2.
    """
    dice = Dice(index, f"tile {exponent} {lowest}")
    rows = np.fft.fftfreq(SIDE)[:, None]
    columns = np.fft.rfftfreq(SIDE)[None, :]
    frequency = np.sqrt(rows**2 + columns**2)
    frequency[0, 0] = 1
    waves = frequency * SIDE
    weight = frequency ** (-exponent / 2) * (waves > lowest)
    spectrum = np.fft.rfft2(dice.many(SIDE, SIDE).astype(np.float64) - 0.5) * weight
    spectrum[0, 0] = 0
    values = np.fft.irfft2(spectrum, s=(SIDE, SIDE))
    return (values / values.std()).astype(np.float32)


def look_up(values: Floats, u: Floats, v: Floats) -> Floats:
    """A tile at places ``u``, ``v`` in periods, bilinear, wrapping."""
    x = u * np.float32(SIDE)
    y = v * np.float32(SIDE)
    left = np.floor(x)
    top = np.floor(y)
    fx = x - left
    fy = y - top
    x0 = left.astype(np.int32) & (SIDE - 1)
    y0 = (top.astype(np.int32) & (SIDE - 1)) * SIDE
    x1 = (x0 + 1) & (SIDE - 1)
    y1 = (y0 + SIDE) & (SIDE * SIDE - 1)
    flat = values.ravel()
    upper = flat[y0 + x0]
    upper = upper + (flat[y0 + x1] - upper) * fx
    lower = flat[y1 + x0]
    lower = lower + (flat[y1 + x1] - lower) * fx
    return upper + (lower - upper) * fy


class Noise:
    """One endless noise field: a tile, shifted, turned and scaled by dice."""

    def __init__(self, dice: Dice, exponent: float, period: float, *, lowest: int = 0) -> None:
        self._tile = tile(exponent, dice.whole(0, 3), lowest)
        self._shift = (dice.between(0, 1), dice.between(0, 1))
        angle = dice.between(0, 2 * np.pi)
        self._along = (float(np.cos(angle)) / period, float(np.sin(angle)) / period)

    def __call__(self, x: Floats, y: Floats, scale: float = 1.0) -> Floats:
        """The field at ``x``, ``y`` in the unit of ``period``; ``scale`` 2 makes everything half as large."""
        c, s = self._along[0] * scale, self._along[1] * scale
        return look_up(self._tile, x * c - y * s + self._shift[0], x * s + y * c + self._shift[1])
