"""What is wrong with a photograph, as far as three plain measures tell: no light, grain, and the grid that JPEG leaves.

Thresholds were set with photographs that training never saw: undamaged ones have a grain below 6 grey levels and a grid
below 1.25; noise of 15 grey levels has a grain above 7, JPEG of quality 40 a grid above 1.35. What makes a picture
underexposed is that nothing in it is bright: the brightest thousandth of photographs is above 200 grey levels, at night
too where a lamp or the moon is seen, and below 115 where at most two fifths of the light arrived (docs/lab/LOG.md).

Source: Donoho & Johnstone 1994, "Ideal spatial adaptation by wavelet shrinkage", section 2 (grain).
Knows: pixels. Does not know: networks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SIDE = 1024
"""Of the middle part that is looked at."""
_GRAIN, _GRID = 7.0, 1.3
_BRIGHT, _FLAT = 115.0, 2.0
_BLOCK = 8


def judge(pixels: NDArray[np.uint8]) -> str | None:
    """``lowlight``, ``jpeg``, ``denoise``, or None: none is plain to see. Takes (H, W, 3 or more)."""
    light = _middle(pixels)
    if min(light.shape) < 3 * _BLOCK:
        return None
    if float(light.std()) > _FLAT and brightest(pixels) < _BRIGHT:
        return "lowlight"
    if grid(light) > _GRID:
        return "jpeg"
    return "denoise" if grain(light) > _GRAIN else None


def _middle(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The brightness of the middle, (H, W); it begins where a block of JPEG does."""
    top, left = (max(0, (n - _SIDE) // 2) // _BLOCK * _BLOCK for n in pixels.shape[:2])
    part = pixels[top : top + _SIDE, left : left + _SIDE, :3]
    brightness: NDArray[np.float32] = part.mean(2, dtype=np.float32)
    return brightness


def brightest(pixels: NDArray[np.uint8]) -> float:
    """The grey level above which a thousandth of a picture is, in its strongest colour; means of four pixels, so that
    noise is no light.
    """
    strongest = pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2, :3].max(2)
    fours = strongest.reshape(len(strongest) // 2, 2, -1, 2).mean((1, 3), dtype=np.float32)
    return float(np.percentile(fours, 99.9))


def grain(light: NDArray[np.float32]) -> float:
    """Noise in grey levels, from the median of the finest diagonal wavelets, which edges hardly move."""
    x = light[: light.shape[0] // 2 * 2, : light.shape[1] // 2 * 2]
    finest = (x[::2, ::2] - x[1::2, ::2] - x[::2, 1::2] + x[1::2, 1::2]) / 2
    return float(np.median(np.abs(finest)) / 0.6745)


def grid(light: NDArray[np.float32]) -> float:
    """How much larger steps between pixels are where blocks of JPEG meet than right beside; 1: no larger."""
    return (_steps(light) + _steps(light.T)) / 2


def _steps(light: NDArray[np.float32]) -> float:
    steps = np.abs(np.diff(light, axis=1)).mean(0)
    places = np.arange(len(steps)) % _BLOCK
    beside = steps[(places == 0) | (places == _BLOCK - 2)].mean()
    # A twentieth of a grey level on both sides: flat pictures have steps of nearly nothing.
    return float((steps[places == _BLOCK - 1].mean() + 0.05) / (beside + 0.05))
