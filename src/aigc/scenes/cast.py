"""Which point of the land each pixel sees.

Along one column every pixel looks into the same direction of the compass. So land is sampled once a column, at
distances that grow by a constant factor; the running maximum of the slope is monotone, and a binary search finds the
first sample that reaches up to a pixel's line of sight. No ray is marched.

Knows: heights along columns. Does not know: materials, colours.
Shapes: W columns, S samples a column, n pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aigc.scenes.arrays import Floats, Integers, Mask
from aigc.scenes.camera import STEEPEST
from aigc.scenes.terrain import FAR, Terrain

_NEAR, _HILLS = 110, 100.0
SAMPLES = 380
"""Samples a column: the first 110 up to 100 metres, the rest closer together, since slopes face the eye there."""
_SPACING = 4 * STEEPEST
"""Puts the slopes of each column into a range of its own, so that one search serves all."""


@dataclass(frozen=True)
class Hits:
    """What n lines of sight meet.

    Attributes:
        found: (n,) False where a line goes on into the sky.
        index: (n,) flat index of the sample beyond; share: how far from the sample before.
        distance: (n,) metres along the ground.
    """

    found: Mask
    index: Integers
    share: Floats
    distance: Floats


class Columns:
    """The land below the columns of a picture."""

    def __init__(self, terrain: Terrain, azimuth: Floats, nearest: float) -> None:
        self.azimuth = azimuth
        steps = np.arange(SAMPLES - _NEAR, dtype=np.float32) / (SAMPLES - _NEAR - 1)
        near = nearest * (_HILLS / nearest) ** (np.arange(_NEAR, dtype=np.float32) / _NEAR)
        self.distance: Floats = np.concatenate([near, _HILLS * (FAR / _HILLS) ** steps])
        self.x = np.sin(azimuth)[:, None] * self.distance
        self.y = np.cos(azimuth)[:, None] * self.distance
        self.height = terrain.height(self.x, self.y)
        self.surface = np.maximum(self.height, terrain.water_level)
        self._sea = terrain.water_level
        self._wet = np.maximum.accumulate(self.height < terrain.water_level, axis=1)

    def cast(self, column: Integers, slope: Floats, z: float) -> Hits:
        """Lines of sight from ``z`` metres above (0, 0)."""
        return self._search((self.surface - z) / self.distance, column, slope)

    def reflect(self, column: Integers, slope: Floats, z: float) -> Hits:
        """The same from the mirrored eye: only land above water, beyond the first water of its column.

        Near land is left out: a spit between two waters would be mirrored in both.
        """
        rise = (self.height - (2 * self._sea - z)) / self.distance
        seen = self._wet & (self.height > self._sea)
        seen[:, :_NEAR] = False
        return self._search(np.where(seen, rise, -STEEPEST), column, slope)

    def _search(self, rise: Floats, column: Integers, slope: Floats) -> Hits:
        reached = np.clip(np.maximum.accumulate(rise, axis=1), -STEEPEST, STEEPEST)
        offset = np.arange(len(self.azimuth), dtype=np.float64)[:, None] * _SPACING
        keys = (reached + offset).ravel()
        index = np.searchsorted(keys, slope + column * np.float64(_SPACING)).astype(np.int64)
        start = column.astype(np.int64) * SAMPLES
        step = index - start
        found = step < SAMPLES
        step = np.clip(step, 0, SAMPLES - 1)
        index = start + step
        before = np.maximum(index - 1, start)
        flat = reached.ravel()
        low, high = flat[before], flat[index]
        share = np.clip((slope - low) / np.maximum(high - low, 1e-7), 0, 1).astype(np.float32)
        first = self.distance[np.maximum(step - 1, 0)]
        distance = first + (self.distance[step] - first) * share
        # Before the first sample the ground is taken as level.
        below = np.clip(reached[:, 0][column] / np.minimum(slope, -1e-6), 0, 1) * self.distance[0]
        return Hits(found, index, share, np.where(step == 0, below, distance).astype(np.float32))

    def at(self, values: Floats, hits: Hits) -> Floats:
        """Values (W, S) of the samples, interpolated where lines meet the land."""
        flat = values.ravel()
        before = np.where(hits.index % SAMPLES == 0, hits.index, hits.index - 1)
        first = flat[before]
        return first + (flat[hits.index] - first) * hits.share

    def normals(self) -> tuple[Floats, Floats, Floats]:
        """Unit normals of the samples (x, y, z), from their neighbours."""
        along = np.gradient(self.height, axis=1) / np.gradient(self.distance)[None, :]
        step = self.azimuth[1] - self.azimuth[0]
        wraps = abs(step * len(self.azimuth)) > 6.2
        if wraps:
            across = (np.roll(self.height, -1, 0) - np.roll(self.height, 1, 0)) / (2 * step)
        else:
            across = np.gradient(self.height, axis=0) / np.gradient(self.azimuth)[:, None]
        across = across / self.distance
        s, c = np.sin(self.azimuth)[:, None], np.cos(self.azimuth)[:, None]
        slope_x, slope_y = along * s + across * c, along * c - across * s
        z = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
        return -slope_x * z, -slope_y * z, z
