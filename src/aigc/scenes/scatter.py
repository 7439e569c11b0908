"""What fills a place without being named: trees, undergrowth, rocks, houses of a village, towers of a city, clouds.

Nothing is put where it would hide a thing of the scene.

Knows: what grows and stands where. Does not know: light, pixels.
"""

from __future__ import annotations

import numpy as np

from aigc.scenes import draw_plants as plants
from aigc.scenes.arrays import Dice, Floats, Mask
from aigc.scenes.art import sprite
from aigc.scenes.billboards import Billboard
from aigc.scenes.camera import Camera
from aigc.scenes.canvas import BIRDS, SKY
from aigc.scenes.crowds import Crowd, Species, crowds, undergrowth
from aigc.scenes.describe import Scene
from aigc.scenes.ground import Ground
from aigc.scenes.light import light_of
from aigc.scenes.stage import Placed
from aigc.scenes.terrain import Terrain

_FLOCK = 9.0
"""Metres to a flock of birds: before all trees; their size is a share of the picture."""
_VARIANTS = 6
"""Different sprites of one species in a process; more would only cost time."""


class Filling:
    """Everything unnamed in one scene."""

    def __init__(
        self, scene: Scene, terrain: Terrain, ground: Ground, camera: Camera, placed: list[Placed], eye: float
    ) -> None:
        self._scene, self._terrain, self._ground, self._camera = scene, terrain, ground, camera
        self._placed, self._eye = placed, eye
        self._moon = light_of(scene).toward[:2] if "moon" in scene.extras else None

    def boards(self) -> list[Billboard]:
        """All of it, in no order."""
        found: list[Billboard] = []
        season = self._ground.season
        for number, crowd in enumerate([*crowds(self._scene, season), *undergrowth(self._scene, season, self._eye)]):
            found += self._grow(crowd, Dice(self._scene.seed, f"crowd {number}"))
        return found + self._clouds() + self._special()

    def _grow(self, crowd: Crowd, dice: Dice) -> list[Billboard]:
        """Puts a crowd on the land, where it may be."""
        count = crowd.count * (2 if self._camera.wide else 1)
        numbers = dice.many(count, 6)
        distance = crowd.nearest * (crowd.farthest / crowd.nearest) ** numbers[:, 0]
        side = (numbers[:, 1] * 2 - 1) * np.float32(1.0 if self._camera.wide else 1.15)
        points = [self._camera.point(float(s), float(d)) for s, d in zip(side, distance, strict=True)]
        x, y = (np.array([p[i] for p in points], dtype=np.float32) for i in (0, 1))
        height = self._terrain.height(x, y)
        allowed = self._allowed(crowd, x, y, height, side, distance, numbers[:, 5])
        result = []
        for i in np.flatnonzero(allowed):
            kind = crowd.species[int(numbers[i, 2] * len(crowd.species))]
            metres = float(kind.low + (kind.high - kind.low) * numbers[i, 3] ** 1.5)
            if self._hides(float(x[i]), float(y[i]), float(distance[i]), metres, metres * kind.aspect):
                continue
            result.append(
                self._board(
                    kind, float(x[i]), float(y[i]), float(height[i]), metres, float(numbers[i, 4]), crowd.afloat
                )
            )
        return result

    def _board(
        self, kind: Species, x: float, y: float, z: float, metres: float, number: float, afloat: bool
    ) -> Billboard:
        spot = self._camera.spot(x, y, z)
        rows = spot.scale * metres if spot else 1.0
        variant = int(number * _VARIANTS)
        rgb = kind.colours[variant % len(kind.colours)]
        picture = sprite(kind.draw, rgb, variant, kind.aspect, min(rows, 192 if self._camera.height <= 512 else 384))
        picture = picture if int(number * 7919) % 2 else picture.mirrored()
        level = self._terrain.water_level
        mirrored = level > -1e3 and z < 30 and metres > 1.5
        return Billboard(
            picture,
            x,
            y,
            max(z, level if afloat else z),
            metres,
            kind.ident,
            shadow=metres < 40 and not afloat,
            mirror=level if mirrored else None,
        )

    def _allowed(
        self, crowd: Crowd, x: Floats, y: Floats, h: Floats, side: Floats, distance: Floats, lot: Floats
    ) -> Mask:
        terrain = self._terrain
        if crowd.afloat:
            return h < terrain.water_level - 0.5
        allowed = h > terrain.water_level + (0.35 if self._scene.place != "beach" else 0.7)
        if terrain.relief.water == "river":
            allowed &= terrain.stream(x, y) > 1.35
        if terrain.has_path:
            allowed &= terrain.path(x, y) > 1.6
        if crowd.clumped:
            allowed &= self._ground.woods(x, y) + 0.12 > lot
        tall = crowd.species[0].high > 4
        if tall and not self._camera.wide:
            allowed &= (distance > 30) | (np.abs(side) > 0.62)
        step = np.float32(2.0)
        slope = np.abs(terrain.height(x + step, y) - h) / step
        return allowed & (slope < 0.8)

    def _hides(self, x: float, y: float, distance: float, metres: float, width: float) -> bool:
        """Would this stand before a thing, or in it?"""
        own = width * 0.55 / max(distance, 0.1)
        for p in self._placed:
            before = metres > 4 if p.kind.on == "sky" else distance < p.distance * 1.12
            if before and _apart((x, y), (p.x, p.y)) < p.kind.metres * p.kind.aspect * 0.55 / p.distance + own:
                return True
        return self._moon is not None and metres > 4 and distance < 2000 and _apart((x, y), self._moon) < 0.07 + own

    def _clouds(self) -> list[Billboard]:
        """Heaped clouds low in the sky on a day with some clouds."""
        if self._scene.weather != "clouds":
            return []
        dice = Dice(self._scene.seed, "heaps")
        result = []
        for _ in range(dice.whole(2, 6) * (3 if self._camera.wide else 1)):
            side, up = dice.between(-1.1, 1.1), dice.between(0.02, 0.36)
            x, y = self._camera.point(side, 8900.0)
            metres = self._camera.rise(
                dice.between(0.05, 0.15) * (0.7 + up) * (0.6 if self._camera.wide else 1.0), 8900.0
            )
            aspect = dice.pick((2.6, 3.2))
            spot = self._camera.spot(x, y, 0.0)
            picture = sprite(
                plants.cloud, (0.97, 0.97, 0.98), dice.whole(0, 7), aspect, spot.scale * metres if spot else 12
            )
            z = self._camera.z + self._camera.rise(up * (0.6 if self._camera.wide else 1.0), 8900.0)
            result.append(
                Billboard(picture, x, y, z, metres, SKY, shadow=False, fade=0.94, air=900.0 + 2200 * (1 - up))
            )
        return result

    def _special(self) -> list[Billboard]:
        """Smoke of a volcano, a flock of birds."""
        dice = Dice(self._scene.seed, "special")
        result = []
        if self._scene.place == "volcano":
            x, y, z = self._terrain.volcano_top()
            picture = sprite(plants.smoke, (0.55, 0.52, 0.51), dice.whole(0, 7), 0.9, 192)
            result.append(
                Billboard(
                    picture, x + 260, y + 60, z - 60, dice.between(900, 1700), SKY, shadow=False, fade=0.8, air=1500.0
                )
            )
        if "birds" in self._scene.extras:
            sky = 0.34 if self._camera.wide else 1 - self._scene.horizon
            side, up = dice.between(-0.5, 0.5), sky * dice.between(0.45, 0.75)
            for _ in range(dice.whole(5, 9)):
                aside = dice.between(-0.22, 0.22) * (0.3 if self._camera.wide else 1)
                x, y = self._camera.point(side + aside, _FLOCK)
                z = self._camera.z + self._camera.rise(up + sky * dice.between(-0.2, 0.2), _FLOCK)
                metres = self._camera.rise(dice.between(0.022, 0.040), _FLOCK)
                picture = sprite(plants.gull, (0.05, 0.05, 0.06), dice.whole(0, 5), 2.0, 48)
                result.append(Billboard(picture, x, y, z, metres, BIRDS, shadow=False))
        return result


def _apart(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Radians between the directions of two points."""
    turn = abs(float(np.arctan2(*a) - np.arctan2(*b)))
    return min(turn, 2 * float(np.pi) - turn)
