"""The shape of the land: height above sea level in metres at any point, by place and seed.

The camera stands at (0, 0); x is to the right, y straight ahead. Land is composed for the view: flat underfoot, hills
in the middle, peaks far away, water where the place has it.

Knows: heights, water level, where rivers and paths run. Does not know: colours, light, pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from aigc.scenes.arrays import Dice, Floats, Noise, mix, smooth
from aigc.scenes.describe import Scene
from aigc.scenes.vocabulary import Place

FAR = 9000.0
"""Metres to the farthest land that is drawn."""


@dataclass(frozen=True)
class Relief:
    """What land a place has: heights in metres of undulation underfoot, of hills and of peaks."""

    near: float
    hills: float
    peaks: float
    water: Literal["none", "lake", "sea", "open", "river"] = "none"


RELIEFS: dict[Place, Relief] = {
    "mountains": Relief(4, 55, 1500),
    "lake": Relief(2, 50, 1050, "lake"),
    "forest": Relief(3, 60, 260),
    "hills": Relief(4, 120, 130),
    "meadow": Relief(2, 28, 260),
    "fields": Relief(1.5, 45, 160),
    "desert": Relief(1.5, 0, 0),
    "canyon": Relief(1.5, 8, 0),
    "savanna": Relief(1, 10, 150),
    "beach": Relief(0.6, 0, 0, "sea"),
    "sea": Relief(0, 0, 0, "open"),
    "island": Relief(0, 0, 0, "open"),
    "river": Relief(2, 60, 750, "river"),
    "waterfall": Relief(2, 70, 420, "river"),
    "volcano": Relief(2.5, 30, 0),
    "village": Relief(1.5, 45, 330),
    "city": Relief(0.6, 8, 0, "none"),
    "arctic": Relief(0.8, 6, 330, "lake"),
}
CLIFF_WIDTH = 9.0
"""Metres: half the width of a waterfall's river."""


@dataclass(frozen=True)
class Site:
    """A place that must be dry land, or water: metres to the right and ahead."""

    x: float
    y: float
    wet: bool


class Terrain:
    """Land of one scene, such that each site is what it must be, as far as the place can have it so."""

    def __init__(self, scene: Scene, sites: Sequence[Site] = ()) -> None:
        assert scene.place is not None
        dice = Dice(scene.seed, "terrain")
        self.place = scene.place
        self.relief = RELIEFS[scene.place]
        self.water_level = 0.0 if self.relief.water in ("lake", "sea", "open") else -1e4
        self._gentle = Noise(dice, 3.6, 2600.0)
        self._broad = Noise(dice, 4.4, 5200.0)
        self._ridges = Noise(dice, 4.6, 9000.0, lowest=2)
        self._crags = Noise(dice, 3.0, 2400.0, lowest=3)
        self._bend = Noise(dice, 4.0, 3000.0)
        self._strength = dice.between(0.75, 1.25) * (1.7 if scene.projection == "panorama" else 1.0)
        self._near_shore = dice.between(14, 34)
        self._far_shore = dice.between(500, 1500)
        self._sway = (dice.between(-0.35, 0.35), dice.between(90, 170), dice.between(0, 6.28), dice.between(0.2, 0.55))
        self._aside = dice.pick((-1, 1)) * dice.between(3, 9)
        self._cliff = (dice.between(75, 130), dice.between(26, 48))
        self._spot = (dice.between(-0.3, 0.3), dice.between(0.9, 1.15))
        self._island = self._islands(dice)
        self._islets: list[tuple[float, float]] = []
        self._suit(sites, dice)
        self.has_path = "path" in scene.extras
        self.wide = scene.projection == "panorama"

    def height(self, x: Floats, y: Floats) -> Floats:
        """Metres above the sea at points ``x``, ``y`` (metres)."""
        r = np.sqrt(x * x + y * y)
        if self.relief.water == "open":
            return self._sea_floor(x, y)
        h = self._land(x, y, r)
        if self.relief.water in ("lake", "sea"):
            return self._basin(x, y, r, h)
        if self.relief.water == "river":
            return self._valley(x, y, r, h)
        if self.place == "volcano":
            return h + self._cone(x, y)
        return h + 1.0

    def stream(self, x: Floats, y: Floats) -> Floats:
        """How far inside the river a point is, in its half-widths: 0 on the middle line, 1 at the bank."""
        tilt, length, phase, bend = self._sway
        ahead = np.maximum(y, 0)
        middle = tilt * ahead + length * bend * np.sin(y / length + phase) * smooth(0, 160, ahead)
        middle = middle + self._aside
        if self.place == "waterfall":
            middle = mix(
                self._aside * 0.6 + tilt * 0.5 * ahead,
                0.5 * tilt * self._cliff[0],
                smooth(0.5 * self._cliff[0], self._cliff[0], y),
            )
        width = CLIFF_WIDTH * 0.62 if self.place == "waterfall" else 6.0 + 0.012 * r_of(x, y)
        return np.abs(x - middle + 1.4 * self._gentle(x, y, 9)) / width

    def path(self, x: Floats, y: Floats) -> Floats:
        """The same for the path: 1.1 metres to each side."""
        tilt, length, phase, bend = self._sway
        middle = -tilt * y + 0.35 * length * bend * (np.sin(y / length * 2 + phase) - np.sin(phase)) * smooth(0, 60, y)
        return np.abs(x - middle - 0.8) / (1.1 + 0.002 * y)

    def fall(self, x: Floats, y: Floats) -> Floats:
        """1 where water falls down the cliff."""
        if self.place != "waterfall":
            return np.zeros_like(x)
        at = self._cliff[0]
        return smooth(1.05, 0.8, self.stream(x, y)) * smooth(at - 3.0, at - 0.5, y) * smooth(at + 16, at + 12, y)

    def _suit(self, sites: Sequence[Site], dice: Dice) -> None:
        """Moves shores and bends the river so that things stand where they belong."""
        wet = [r_of(np.float32(s.x), np.float32(s.y)) for s in sites if s.wet]
        dry = [float(np.hypot(s.x, s.y)) for s in sites if not s.wet]
        reach = 25 if self.relief.water == "sea" else 45
        near, far = [d for d in dry if d < reach], [d for d in dry if d >= reach]
        if self.relief.water in ("sea", "open"):
            self._islets = [(s.x, s.y) for s in sites if not s.wet and np.hypot(s.x, s.y) >= 25]
        if near:
            self._near_shore = max(self._near_shore, max(near) * 1.6 + 3)
        if wet:
            self._near_shore = min(self._near_shore, float(min(wet)) * 0.42)
        if far:
            self._far_shore = min(self._far_shore, min(far) * 0.55)
        if self.relief.water != "river":
            return
        x, y = np.array([s.x for s in sites], dtype=np.float32), np.array([s.y for s in sites], dtype=np.float32)
        for _ in range(24):
            inside = self.stream(x, y)
            if all((i < 0.8) if s.wet else (i > 1.9) for i, s in zip(inside, sites, strict=True)):
                return
            self._aside = dice.pick((-1, 1)) * dice.between(0, 26)
            self._sway = (
                dice.between(-0.6, 0.6),
                dice.between(60, 170),
                dice.between(0, 6.28),
                dice.between(0.1, 0.55),
            )

    def _land(self, x: Floats, y: Floats, r: Floats) -> Floats:
        relief = self.relief
        h = relief.near * self._gentle(x, y, 7) * smooth(6, 70, r) * 0.5
        if relief.hills:
            h = h + relief.hills * 0.5 * self._strength * (self._gentle(x, y) + 0.9) * smooth(90, 900, r)
        if relief.peaks:
            ridge = 1 - np.abs(self._ridges(x, y))
            rise = smooth(500, 3800, r) * relief.peaks * self._strength
            h = h + rise * (0.50 + 0.60 * ridge + 0.36 * self._broad(x, y) + 0.014 * self._crags(x, y))
        if self.place == "desert":
            return h + self._dunes(x, y, r)
        if self.place == "canyon":
            return h + self._mesas(x, y, r)
        return h

    def _dunes(self, x: Floats, y: Floats, r: Floats) -> Floats:
        """Slip faces away from the wind."""
        phase = (x * 0.35 + y) / 420 + 0.55 * self._broad(x, y, 1.5)
        share = phase - np.floor(phase)
        wave = np.where(share < 0.72, share / 0.72, (1 - share) / 0.28)
        crest = wave * wave * (3 - 2 * wave) * np.clip(1 + 0.35 * self._gentle(x, y), 0.2, 2)
        return 34 * self._strength * crest * smooth(15, 350, r) + 1.2 * self._gentle(x, y, 5) * smooth(10, 60, r)

    def _mesas(self, x: Floats, y: Floats, r: Floats) -> Floats:
        """Table mountains with steps."""
        level = np.clip(0.9 * self._broad(x, y, 3.0) + 0.25 * self._gentle(x, y, 2.5) - 0.1, 0, 1.6) * smooth(
            220, 700, r
        )
        steps = level * 4
        whole = np.floor(steps)
        return 75 * self._strength * (whole + smooth(0.55, 1.0, steps - whole)) * 0.9

    def _basin(self, x: Floats, y: Floats, r: Floats, land: Floats) -> Floats:
        """A bank near the camera, water ahead, and for a lake the other shore."""
        shore = self._near_shore * (1 + 0.3 * self._bend(x, y, 24)) + 0.10 * np.abs(x)
        bank = 1.3 * smooth(shore + 2, shore - 12, y) - 0.15
        bed = mix(bank + np.maximum(land, 0) * smooth(6, 40, shore - y), -3.0, smooth(shore, shore + 10, y))
        if self.relief.water == "sea":
            headland = np.maximum(self._broad(x, y, 1.3) - 0.75, 0) * 160 * smooth(500, 1500, r) * smooth(0, 600, y)
            bed = bed + headland * 3
            for cx, cy in self._islets:
                away = np.sqrt((x - cx) ** 2 + (y - cy) ** 2) / (12 + 0.06 * float(np.hypot(cx, cy)))
                bed = np.maximum(bed, 2.2 - 2.4 * away * (1 + 0.2 * self._bend(x, y, 20)))
            return bed
        far = (
            self._far_shore * (1 + 0.42 * self._bend(x, y))
            if not self.wide
            else self._far_shore * (1.2 + 0.3 * self._bend(x, y))
        )
        beyond = np.maximum(land, 0.0) * (0.12 + 0.83 * smooth(far, far + 1100, r)) + 2.0
        return mix(bed, beyond, smooth(far, far + 110, r))

    def _valley(self, x: Floats, y: Floats, r: Floats, land: Floats) -> Floats:
        """Level beside the river; behind a waterfall the land is higher."""
        beside = self.stream(x, y)
        h = mix(0.0, land + 1.2, smooth(1.2, 7.0, beside)) + 0.5 * smooth(0.98, 1.25, beside)
        if self.place != "waterfall":
            return h
        at, high = self._cliff
        edge = at + 7 * self._bend(x, y, 20) * smooth(1.5, 3, beside) + 0.05 * np.abs(x)
        rough = 3.2 * self._gentle(x, y, 26) * smooth(0.9, 1.4, beside)
        step = smooth(edge - 4, edge + 1.5, y)
        return h * (1 - 0.7 * step) + (high + rough) * step + np.maximum(land, 0) * step * smooth(20, 300, y - edge)

    def _cone(self, x: Floats, y: Floats) -> Floats:
        """A volcano with its crater."""
        side, size = self._spot
        away = np.sqrt((x - side * 4200) ** 2 + (y - 4200) ** 2) / (2300 * size)
        cone = np.maximum(1 - away, 0) ** 1.55
        crater = 0.80 + 0.015 * self._ridges(x, y, 8)
        return 1650 * size * np.minimum(cone, 2 * crater - cone) * (1 + 0.05 * self._ridges(x, y, 4) * (away > 0.12))

    def volcano_top(self) -> tuple[float, float, float]:
        """Where the crater is: x, y and height in metres."""
        side, size = self._spot
        return side * 4200, 4200.0, 1650 * size * 0.80

    @staticmethod
    def _islands(dice: Dice) -> list[tuple[float, float, float, float]]:
        """x, y, radius and height of one main island and some far ones."""
        main = dice.between(500, 800)
        islands = [(dice.between(-0.12, 0.12) * main, main, main * dice.between(0.30, 0.42), dice.between(60, 130))]
        for _ in range(dice.whole(0, 3)):
            away, angle = dice.between(2500, 5000), dice.between(-3.1, 3.1)
            islands.append((away * float(np.sin(angle)), away * float(np.cos(angle)), away * 0.12, away * 0.04))
        return islands

    def _sea_floor(self, x: Floats, y: Floats) -> Floats:
        h = np.full_like(x, -8.0)
        if self.place == "sea":
            return h
        for cx, cy, radius, high in self._island:
            away = np.sqrt((x - cx) ** 2 + (y - cy) ** 2) / radius * (1 + 0.16 * self._bend(x, y, 2.5))
            dome = np.maximum(1 - away * away, -0.15)
            rough = (0.75 + 0.5 * (1 - np.abs(self._ridges(x, y, 6)))) * smooth(0.02, 0.25, dome)
            h = np.maximum(h, np.where(dome > 0, 3 * smooth(0, 0.03, dome) + high * dome * rough, dome * 40))
        return h


def r_of(x: Floats, y: Floats) -> Floats:
    """Metres from the camera."""
    return np.sqrt(x * x + y * y)
