"""Where points of the world are in the picture, and the other way round.

All pixels of a column look into the same direction of the compass, in perspective (the lens is shifted, not tilted, so
verticals stay vertical) and in an equirectangular panorama alike. That is what makes casting cheap (``cast.py``).

Knows: geometry. Does not know: land, things, light.
Shapes: H rows, W columns. Angles in radians, lengths in metres; x right, y ahead, z up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aigc.scenes.arrays import Floats
from aigc.scenes.describe import Scene

STEEPEST = 300.0
"""Slopes beyond this count as straight up or down."""


@dataclass(frozen=True)
class Spot:
    """A point in the picture: pixel position of it, pixels a metre there, metres away."""

    column: float
    row: float
    scale: float
    distance: float


class Camera:
    """One view of ``width`` x ``height`` pixels from ``z`` metres above sea level.

    Attributes:
        azimuth: (W,) direction of each column, 0 ahead, to the right positive.
        slope: (H, W) tangent of each pixel's elevation.
        wide: The columns go all around.
    """

    def __init__(self, scene: Scene, width: int, height: int, z: float) -> None:
        self.width, self.height, self.z = width, height, z
        self.wide = scene.projection == "panorama"
        self._tangent = float(np.tan(np.radians(scene.field) / 2))
        self._horizon = 0.5 if self.wide else 1 - scene.horizon
        u = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
        v = (np.arange(height, dtype=np.float32) + 0.5) / height
        if self.wide:
            self.azimuth: Floats = u * np.float32(np.pi)
            slope = np.tan((0.5 - v) * np.float32(np.pi * 0.9999))
            self.slope: Floats = np.broadcast_to(slope[:, None], (height, width))
        else:
            aside = u * np.float32(self._tangent * width / height)
            self.azimuth = np.arctan(aside)
            up = (self._horizon - v) * np.float32(2 * self._tangent)
            self.slope = up[:, None] / np.sqrt(1 + aside * aside)[None, :]
        self.slope = np.clip(self.slope, -STEEPEST, STEEPEST)

    def spot(self, x: float, y: float, z: float) -> Spot | None:
        """Where a point of the world is seen; None: behind the camera."""
        away = float(np.hypot(x, y))
        if self.wide:
            turn = float(np.arctan2(x, y)) / np.pi
            row = (0.5 - float(np.arctan2(z - self.z, away)) / np.pi) * self.height
            return Spot((turn + 1) / 2 * self.width, row, self.height / (np.pi * max(away, 0.1)), away)
        if y < 0.2:
            return None
        column = (x / y / (self._tangent * self.width / self.height) + 1) / 2 * self.width
        row = (self._horizon - (z - self.z) / y / (2 * self._tangent)) * self.height
        return Spot(column, row, self.height / (2 * self._tangent * y), away)

    def distance_for(self, metres: float, share: float) -> float:
        """How far away something must be to fill this share of the picture's height."""
        if self.wide:
            return metres / float(np.tan(min(share, 0.45) * np.pi))
        return metres / (2 * self._tangent * share)

    def point(self, x: float, distance: float) -> tuple[float, float]:
        """The point of the ground plane at ``x`` of the picture (-1 to 1) and this distance ahead."""
        if self.wide:
            return distance * float(np.sin(x * np.pi)), distance * float(np.cos(x * np.pi))
        return x * self._tangent * self.width / self.height * distance, distance

    def rise(self, share: float, distance: float) -> float:
        """Metres above the camera of what is seen this share of the picture above the horizon."""
        if self.wide:
            return distance * float(np.tan(np.clip(share, -0.45, 0.45) * np.pi))
        return share * 2 * self._tangent * distance


def directions(azimuth: Floats, slope: Floats) -> tuple[Floats, Floats, Floats]:
    """Unit vectors (x, y, z)."""
    level = 1 / np.sqrt(1 + slope * slope)
    return np.sin(azimuth) * level, np.cos(azimuth) * level, slope * level
