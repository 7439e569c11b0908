"""Where the camera stands and where each thing of a scene stands in the world.

Knows: sizes, placement, the land. Does not know: light, pixels, what fills the rest (``scatter.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aigc.scenes.arrays import Dice
from aigc.scenes.art import Art
from aigc.scenes.billboards import Billboard
from aigc.scenes.camera import Camera
from aigc.scenes.canvas import FIRST_THING
from aigc.scenes.describe import Scene, Thing
from aigc.scenes.kinds import Kind
from aigc.scenes.terrain import Site, Terrain


@dataclass(frozen=True)
class Placed:
    """A thing and where it is: metres to the right, ahead, and away."""

    index: int
    thing: Thing
    kind: Kind
    x: float
    y: float
    wet: bool

    @property
    def distance(self) -> float:
        """Metres from the camera along the ground."""
        return float(np.hypot(self.x, self.y))


_EYES = {
    "forest": (1.7, 4),
    "city": (1.7, 12),
    "beach": (1.7, 4),
    "sea": (2.5, 9),
    "island": (3, 14),
    "river": (2.2, 6),
    "waterfall": (2.2, 6),
    "fields": (3, 14),
    "hills": (3, 14),
    "mountains": (3, 16),
}
"""Metres above ground of a camera that no thing holds down."""


def eye_height(scene: Scene, art: Art) -> float:
    """Metres above the ground: low enough for the smallest thing, and so that its foot is in the picture."""
    dice = Dice(scene.seed, "eye")
    low, high = _EYES.get(str(scene.place), (1.7, 6))
    height = dice.between(low, high)
    reach = (0.5 if scene.projection == "panorama" else scene.horizon) - 0.045
    for thing in scene.things:
        kind = art.kind(thing.kind)
        if kind.on != "sky":
            height = min(height, kind.metres * dice.between(0.7, 1.2), reach * kind.metres / thing.size)
    return max(height, 0.12)


def place_things(scene: Scene, camera: Camera, art: Art) -> list[Placed]:
    """Where the things of a scene are."""
    placed = []
    for index, thing in enumerate(scene.things):
        kind = art.kind(thing.kind)
        distance = camera.distance_for(kind.metres, thing.size)
        x, y = camera.point(thing.x, distance)
        wet = kind.on == "water" or scene.place in ("sea", "island")
        placed.append(Placed(index, thing, kind, x, y, wet))
    return placed


def sites(placed: list[Placed]) -> list[Site]:
    """What the land must heed."""
    return [Site(p.x, p.y, p.wet) for p in placed if p.kind.on != "sky"]


def boards(placed: list[Placed], terrain: Terrain, camera: Camera, art: Art) -> list[Billboard]:
    """The things as billboards."""
    result = []
    for p in placed:
        spot = camera.spot(p.x, p.y, 0.0)
        rows = spot.scale * p.kind.metres if spot else 1.0
        sprite = art.sprite(p.thing.kind, p.thing.colour, p.thing.variant, rows)
        sprite = sprite if p.thing.facing == "right" else sprite.mirrored()
        if p.kind.on == "sky":
            z = camera.z + camera.rise(p.thing.y, p.distance)
        else:
            z = max(
                float(terrain.height(np.array([p.x], dtype=np.float32), np.array([p.y], dtype=np.float32))[0]),
                terrain.water_level,
            )
        mirror = (
            max(terrain.water_level, 0.0) if terrain.water_level > -1e3 or terrain.relief.water == "river" else None
        )
        result.append(
            Billboard(
                sprite, p.x, p.y, z, p.kind.metres, FIRST_THING + p.index, shadow=p.kind.on != "sky", mirror=mirror
            )
        )
    return result
