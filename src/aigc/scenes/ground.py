"""What the land is made of: grass, rock, snow, sand, woods, fields, paths.

Knows: heights, slopes and the season. Does not know: light, pixels.
Shapes: n points; colours (3, n).
"""

from __future__ import annotations

import numpy as np

from aigc.scenes.arrays import Dice, Floats, Noise, colour, mix, smooth
from aigc.scenes.describe import Scene
from aigc.scenes.terrain import Terrain

_GRASS = {
    "spring": (colour(0.16, 0.34, 0.06), colour(0.34, 0.50, 0.12)),
    "summer": (colour(0.13, 0.27, 0.05), colour(0.30, 0.40, 0.11)),
    "autumn": (colour(0.33, 0.24, 0.07), colour(0.52, 0.40, 0.13)),
    "winter": (colour(0.80, 0.84, 0.92), colour(0.90, 0.93, 0.97)),
}
_WOODS = {
    "spring": (colour(0.05, 0.15, 0.04), colour(0.16, 0.28, 0.07)),
    "summer": (colour(0.035, 0.10, 0.03), colour(0.10, 0.19, 0.05)),
    "autumn": (colour(0.40, 0.13, 0.03), colour(0.64, 0.38, 0.06)),
    "winter": (colour(0.16, 0.19, 0.20), colour(0.55, 0.60, 0.66)),
}
_CROPS = (
    colour(0.62, 0.52, 0.16),
    colour(0.30, 0.42, 0.10),
    colour(0.46, 0.36, 0.16),
    colour(0.70, 0.64, 0.10),
    colour(0.20, 0.34, 0.08),
)
_WOODED = {
    "forest": 1.1,
    "lake": 0.55,
    "mountains": 0.35,
    "river": 0.6,
    "waterfall": 0.8,
    "hills": 0.05,
    "village": 0.2,
    "meadow": -0.2,
    "island": 0.9,
    "volcano": 0.5,
    "fields": -0.6,
}
"""How much of the land woods cover: 1 nearly all, -1 hardly any, -9 none."""
SAND = colour(0.78, 0.62, 0.40)
SNOW = colour(0.90, 0.93, 0.98)


class Ground:
    """Materials of one scene."""

    def __init__(self, scene: Scene, terrain: Terrain, *, flat: bool = False) -> None:
        dice = Dice(scene.seed, "ground")
        self._scene, self._terrain, self._flat = scene, terrain, flat
        self.season = scene.season or ("summer" if scene.place != "arctic" else "winter")
        self._fine = Noise(dice, 2.0, 60.0)
        self._coarse = Noise(dice, 3.2 if not flat else 4.4, 900.0)
        self._patches = Noise(dice, 3.4, 3200.0, lowest=2)
        self._snow_line = dice.between(430, 800) if scene.place in ("mountains", "lake", "river") else 1e5
        if scene.place in ("volcano",):
            self._snow_line = dice.between(900, 1500)
        self._hue = dice.between(-1, 1)
        self._woods = _WOODED.get(str(scene.place), -9.0)

    def colours(self, x: Floats, y: Floats, h: Floats, upright: Floats, r: Floats) -> Floats:
        """Albedo of points; ``upright`` is the vertical part of the normal, ``r`` metres from the camera."""
        fade = np.exp(-r / 90) * (not self._flat)
        close = self._fine(x, y, 6.3) * np.exp(-r / 9) * (not self._flat)
        grain = (
            0.8 * close + self._fine(x, y) * fade + 0.6 * self._fine(x, y, 0.13) * np.exp(-r / 900) * (not self._flat)
        )
        broad = self._coarse(x, y)
        base = self._cover(x, y, h, upright, r, grain, broad)
        if self._terrain.water_level > -1e3 and self._scene.place != "arctic":
            base = self._shore(base, x, y, h, grain)
        if self._terrain.relief.water == "river":
            stones = mix(colour(0.36, 0.34, 0.31), colour(0.56, 0.53, 0.48), smooth(-1, 1, grain * 1.5 + broad))
            base = mix(
                base,
                stones if self.season != "winter" else SNOW * np.float32(0.9),
                smooth(1.8, 1.25, self._terrain.stream(x, y) + 0.12 * grain),
            )
        if self._terrain.has_path:
            dirt = mix(colour(0.46, 0.35, 0.22), colour(0.60, 0.49, 0.33), smooth(-1, 1, grain + broad))
            dirt = dirt if self.season != "winter" else dirt * np.float32(0.35) + SNOW * np.float32(0.42)
            base = mix(base, dirt, smooth(1.15, 0.8, self._terrain.path(x, y) + 0.08 * grain) * smooth(400, 150, r))
        return base * (1 + 0.10 * np.clip(grain, -2, 2))

    def woods(self, x: Floats, y: Floats) -> Floats:
        """How densely trees stand at a point, 0 to 1."""
        return smooth(-0.35, 0.5, self._patches(x, y) + self._woods)

    def _cover(
        self, x: Floats, y: Floats, h: Floats, upright: Floats, r: Floats, grain: Floats, broad: Floats
    ) -> Floats:
        place = self._scene.place
        if place in ("desert", "canyon"):
            return self._dry(h, upright, grain, broad)
        if place == "arctic":
            ice = mix(SNOW, colour(0.60, 0.76, 0.88), smooth(0.75, 0.45, upright) * 0.8 + 0.18 * smooth(0, 1.5, broad))
            return ice * np.float32(0.98)
        grass = self._grass(x, y, r, grain, broad)
        rock = mix(colour(0.25, 0.235, 0.23), colour(0.47, 0.44, 0.41), smooth(-1.2, 1.4, grain + 0.8 * broad))
        if place == "volcano":
            rock = mix(rock, colour(0.16, 0.13, 0.13), smooth(60, 500, h))
        steep = 0.80 if place != "island" else 0.72
        base = mix(grass, rock, smooth(steep + 0.08, steep - 0.08, upright + 0.03 * broad))
        base = self._wooded(base, x, y, h, upright, r, grain)
        white = -1e5 if self.season == "winter" else self._snow_line
        snowy = smooth(white, white + 120, h + 70 * broad) * smooth(0.52, 0.72, upright + 0.04 * grain)
        if self.season == "winter":
            snowy = snowy * (1 - 0.55 * self.woods(x, y) * smooth(160, 700, r))
        return mix(base, SNOW, snowy)

    def _wooded(
        self, base: Floats, x: Floats, y: Floats, h: Floats, upright: Floats, r: Floats, grain: Floats
    ) -> Floats:
        """Far woods are a colour; near ones are drawn tree by tree."""
        dark, bright = _WOODS[self.season]
        crowns = self._fine(x, y, 0.30) * np.exp(-r / 6000) * (not self._flat)
        leaves = mix(dark, bright, smooth(-1.1, 1.5, crowns + 0.5 * grain))
        tree_line = smooth(620, 420, h) if self._scene.place != "volcano" else smooth(700, 350, h)
        share = self.woods(x, y) * smooth(0.60, 0.76, upright) * smooth(140, 420, r) * tree_line
        return mix(base, leaves, share)

    def _grass(self, x: Floats, y: Floats, r: Floats, grain: Floats, broad: Floats) -> Floats:
        low, high = _GRASS[self.season]
        if self._scene.place == "savanna":
            low, high = colour(0.50, 0.38, 0.14), colour(0.70, 0.56, 0.24)
        if self._scene.place == "city":
            return self._street(x, y, r, grain)
        grass = mix(low, high, smooth(-1.5, 1.5, 0.75 * broad + 0.6 * grain + 0.4 * self._hue))
        if self._scene.place == "fields" and self.season != "winter":
            grass = self._fields(grass, x, y, r, grain)
        if "flowers" in self._scene.extras and self.season != "winter":
            grass = self._blooming(grass, x, y, r)
        return grass

    def _street(self, x: Floats, y: Floats, r: Floats, grain: Floats) -> Floats:
        """Pavement of slabs, and a road that runs ahead."""
        slabs = np.minimum(np.abs(x / 1.5 - np.round(x / 1.5)), np.abs(y / 1.5 - np.round(y / 1.5)))
        joints = smooth(0.035, 0.02, slabs) * np.exp(-r / 14)
        pavement = colour(0.44, 0.43, 0.42) * (1 + 0.02 * grain - 0.25 * joints)
        if self.season == "winter":
            pavement = mix(pavement, SNOW, 0.8)
        aside = np.abs(x - 3.5 - 3 * self._hue)
        dashes = smooth(0.10, 0.06, aside) * (y / 6 - np.floor(y / 6) < 0.5) * np.exp(-r / 160)
        road = mix(colour(0.17, 0.17, 0.18) * (1 + 0.03 * grain), colour(0.85, 0.85, 0.82), dashes)
        kerb = smooth(4.3, 4.2, aside)
        return mix(mix(pavement, colour(0.60, 0.59, 0.57), kerb), road, smooth(4.0, 3.9, aside) * smooth(500, 300, r))

    def _fields(self, grass: Floats, x: Floats, y: Floats, r: Floats, grain: Floats) -> Floats:
        """Strips and squares of crops, parted by balks."""
        bend = 14 * self._coarse(x, y, 0.4)
        u, v = (x * 0.9 + y * 0.43 + bend) / 85, (y * 0.9 - x * 0.43 + bend) / 150
        cell = np.floor(u) * 7.31 + np.floor(v) * 3.17
        pick = np.abs(np.sin(cell * 12.9898 + self._hue * 9) * 43758.5) % 1
        rows = 0.88 + 0.12 * np.sin((u - np.floor(u)) * 60) * np.exp(-r / 400)
        crops = np.zeros((3, x.size), dtype=np.float32)
        for index, crop in enumerate(_CROPS):
            chosen = (pick * len(_CROPS)).astype(np.int32) == index
            crops = np.where(chosen, crop, crops)
        edge = np.minimum(np.abs(u - np.round(u)) * 85, np.abs(v - np.round(v)) * 150)
        if self.season == "autumn":
            crops = mix(crops, colour(0.45, 0.32, 0.15), 0.5)
        return mix(grass, crops * rows, smooth(1.0, 2.5, edge) * smooth(25, 60, r))

    def _blooming(self, grass: Floats, x: Floats, y: Floats, r: Floats) -> Floats:
        """Far blossoms are specks of colour."""
        hues = (colour(0.85, 0.15, 0.18), colour(0.92, 0.75, 0.12), colour(0.55, 0.25, 0.75), colour(0.95, 0.60, 0.75))
        first = hues[int((self._hue + 1) * 2) % 4]
        second = hues[int((self._hue + 1) * 2 + 1) % 4]
        kinds = mix(first, second, smooth(-0.2, 0.2, self._coarse(x, y, 2)))
        specks = smooth(0.5, 1.0, self._fine(x, y, 1.7)) * smooth(3, 12, r) * (0.35 + 0.65 * np.exp(-r / 120))
        return mix(grass, kinds, specks * smooth(-0.9, 0.4, self._coarse(x, y, 1.4)) * smooth(900, 200, r))

    def _dry(self, h: Floats, upright: Floats, grain: Floats, broad: Floats) -> Floats:
        if self._scene.place == "desert":
            return mix(
                colour(0.76, 0.52, 0.27),
                colour(0.90, 0.68, 0.40),
                smooth(-1.5, 1.5, grain * 0.7 + 0.6 * broad + self._hue * 0.5),
            )
        layers = np.sin(h / 5.5 + 0.6 * broad) * 0.5 + 0.5
        wall = mix(colour(0.52, 0.22, 0.11), colour(0.78, 0.45, 0.25), layers * 0.8 + 0.1 * np.clip(grain, -1, 1))
        floor = mix(colour(0.62, 0.36, 0.20), colour(0.76, 0.52, 0.32), smooth(-1, 1, grain + broad))
        return mix(floor, wall, smooth(0.93, 0.75, upright))

    def _shore(self, base: Floats, x: Floats, y: Floats, h: Floats, grain: Floats) -> Floats:
        """Sand along the water; wet sand is darker."""
        sand = SAND if self._scene.place in ("beach", "island", "sea") else colour(0.50, 0.43, 0.33)
        if self.season == "winter" and self._scene.place not in ("beach", "island", "sea"):
            sand = SNOW * np.float32(0.8)
        sand = sand * (1 + 0.05 * grain)
        sand = mix(sand * np.float32(0.62), sand, smooth(0.05, 0.35, h))
        width = {"beach": 60.0, "island": 3.5}.get(str(self._scene.place), 0.45)
        return mix(sand, base, smooth(width * 0.8, width * 1.3, h + 0.12 * grain))
