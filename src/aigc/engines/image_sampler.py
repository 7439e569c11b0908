"""From noise to a picture's latent: Euler's method along the flow, with guidance, a given part, or a given beginning.

``x_t = (1 - t) * picture + t * noise``; the network tells ``dx/dt``. What ``aigc.training.sampling`` does with torch,
in numpy.

Sources: Liu et al. 2022, arXiv:2209.03003 (rectified flow); Ho & Salimans 2022, arXiv:2207.12598 (guidance);
Meng et al. 2021, arXiv:2108.01073 (beginning from a picture).
Knows: latents and a velocity. Does not know: pixels, prompts, OpenVINO.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from aigc.engines.image_enlarger import Floats

Velocity = Callable[[Floats, float], Floats]
"""(x (B, Z, H, W), t) to the velocity for B samples; called with each sample twice, with its text and without."""
Watch = Callable[[int, int, Floats], None]
"""Told (steps done, of how many, the picture that the last step expects)."""


def times(steps: int, start: float = 1.0) -> list[float]:
    """Falling times from ``start`` to 0, one more than steps."""
    return [start * (1 - k / steps) for k in range(steps + 1)]


def sample(velocity: Velocity, x: Floats, path: list[float], guidance: float, watch: Watch) -> Floats:
    """Walk from the first time to the last.

    Args:
        velocity: see `Velocity`; with a guidance of 1 it is asked for the samples with their text only.
        x: (B, Z, H, W), the samples at ``path[0]``.
        path: strictly falling times.
        guidance: how far beyond the text's own velocity, away from that without text; 1: not.
        watch: told after every step.

    Returns: (B, Z, H, W), the samples at the last time.
    """
    for step, (now, after) in enumerate(itertools.pairwise(path), 1):
        if guidance == 1:
            found = velocity(x, now)
        else:
            told, untold = np.split(velocity(np.concatenate([x, x]), now), 2)
            found = untold + np.float32(guidance) * (told - untold)
        watch(step, len(path) - 1, x - np.float32(now) * found)
        x = x + np.float32(after - now) * found
    return x


def noise(seed: int, shape: tuple[int, ...]) -> Floats:
    """Normal numbers that depend on nothing but the seed and the shape."""
    return np.random.default_rng(np.random.PCG64(seed)).standard_normal(shape, dtype=np.float32)


def positions(rows: int, columns: int, width: int, text: int, wraps: bool) -> tuple[Floats, Floats]:
    """Cosines and sines of the rotary positions, as `aigc.models.flow.positions` makes them.

    Args:
        rows: of patches.
        columns: of patches.
        width: of an attention head.
        text: tokens before the patches.
        wraps: left and right edge are neighbours.

    Returns: each (text + rows * columns, width / 2).
    """
    quarter = width // 4
    frequencies = np.exp(-np.log(100.0) * np.arange(quarter) / quarter)
    across = frequencies
    if wraps:
        across = np.round(frequencies * columns / (2 * np.pi)) * (2 * np.pi / columns)
    down, side = np.arange(rows)[:, None] * frequencies, np.arange(columns)[:, None] * across
    grid = np.concatenate([np.repeat(down, columns, axis=0), np.tile(side, (rows, 1))], axis=1)
    angles = np.pad(grid, ((text, 0), (0, 0)))
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
