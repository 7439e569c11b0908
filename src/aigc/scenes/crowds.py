"""Which trees, rocks, houses and tufts fill each place, and how many.

Knows: places and seasons. Does not know: where one of them stands (``scatter.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

from aigc.scenes import draw_plants as plants
from aigc.scenes.arrays import Dice
from aigc.scenes.canvas import BUILDINGS, PLANTS
from aigc.scenes.describe import Scene
from aigc.scenes.draw_buildings import church, house, tower
from aigc.scenes.kinds import Draw
from aigc.scenes.pen import RGB
from aigc.scenes.vocabulary import Place, Season


@dataclass(frozen=True)
class Species:
    """Something that grows or stands in numbers."""

    draw: Draw
    aspect: float
    low: float
    high: float
    ident: int = PLANTS
    colours: tuple[RGB, ...] = ((0.3, 0.5, 0.2),)


@dataclass(frozen=True)
class Crowd:
    """How many of some species, between which distances in metres."""

    species: tuple[Species, ...]
    count: int
    nearest: float
    farthest: float
    clumped: bool = False
    afloat: bool = False


_WALLS: tuple[RGB, ...] = (
    (0.88, 0.84, 0.76),
    (0.80, 0.62, 0.42),
    (0.72, 0.36, 0.26),
    (0.62, 0.70, 0.74),
    (0.86, 0.76, 0.50),
)
_TOWERS: tuple[RGB, ...] = (
    (0.34, 0.42, 0.50),
    (0.50, 0.48, 0.46),
    (0.62, 0.56, 0.48),
    (0.24, 0.32, 0.42),
    (0.70, 0.70, 0.68),
)
_PETALS: tuple[RGB, ...] = (
    (0.88, 0.18, 0.20),
    (0.95, 0.78, 0.15),
    (0.60, 0.28, 0.78),
    (0.95, 0.62, 0.76),
    (0.92, 0.92, 0.90),
    (0.30, 0.40, 0.90),
)
_PALM = Species(plants.palm, 0.95, 6, 11)
_CACTUS = Species(plants.cactus, 0.68, 2.5, 5)
_ACACIA = Species(plants.acacia, 1.9, 6, 10)
_DRY_BUSH = Species(plants.bush("autumn"), 1.8, 0.8, 1.7)
_GREEN_BUSH = Species(plants.bush("summer"), 1.8, 3, 6)
_ICEBERG = Species(plants.iceberg, 2.0, 6, 45)
_SNOWY_ROCK = Species(plants.snowy_rock, 1.6, 0.5, 1.6)
_HOUSE = Species(house, 1.5, 5, 7.5, BUILDINGS, _WALLS)
_CHURCH = Species(church, 1.05, 13, 16, BUILDINGS, _WALLS[:1])
_TOWER = Species(tower, 0.42, 50, 190, BUILDINGS, _TOWERS)


def crowds(scene: Scene, season: Season) -> list[Crowd]:
    """What stands in a place without being named."""
    dice = Dice(scene.seed, "crowds")
    rock = Species(plants.snowy_rock if season == "winter" else plants.rock, 1.6, 0.5, 2.2)
    trees = _trees(season, dice)
    table: dict[Place, list[Crowd]] = {
        "forest": [Crowd(trees, 170, 11, 320)],
        "mountains": [Crowd(trees[:1], 60, 18, 380, clumped=True), Crowd((rock,), 14, 4, 90)],
        "lake": [Crowd(trees, 60, 24, 420, clumped=True), Crowd((rock,), 10, 4, 60)],
        "hills": [Crowd(trees, 22, 30, 500, clumped=True)],
        "meadow": [Crowd(trees, 12, 24, 320)],
        "fields": [Crowd(trees, 14, 40, 500), Crowd((_HOUSE,), 4, 120, 420)],
        "desert": [Crowd((_CACTUS,), dice.whole(0, 9), 9, 200), Crowd((rock,), 8, 6, 80)],
        "canyon": [Crowd((_CACTUS, _DRY_BUSH), 16, 7, 150), Crowd((rock,), 18, 5, 120)],
        "savanna": [Crowd((_ACACIA,), 14, 25, 500), Crowd((_DRY_BUSH,), 14, 12, 200)],
        "beach": [Crowd((_PALM,), 14, 9, 60), Crowd((rock,), 5, 5, 40)],
        "island": [Crowd((_PALM, _GREEN_BUSH), 260, 300, 1100)],
        "river": [Crowd(trees, 80, 14, 380, clumped=True), Crowd((rock,), 16, 5, 70)],
        "waterfall": [Crowd(trees, 60, 16, 200), Crowd((rock,), 22, 6, 100)],
        "volcano": [Crowd((_PALM,) if dice.chance(0.5) else trees, 40, 16, 350, clumped=True)],
        "village": [Crowd((_HOUSE,), 20, 26, 190), Crowd((_CHURCH,), 1, 90, 150), Crowd(trees, 26, 18, 300)],
        "city": [Crowd((_TOWER,), 95, 420, 1700), Crowd((Species(plants.broadleaf(season), 0.85, 6, 9),), 16, 30, 160)],
        "arctic": [Crowd((_ICEBERG,), 18, 60, 1500, afloat=True), Crowd((_SNOWY_ROCK,), 5, 5, 30)],
    }
    assert scene.place is not None
    return table.get(scene.place, [])


def _trees(season: Season, dice: Dice) -> tuple[Species, ...]:
    pine = Species(plants.pine("winter" if season == "winter" else "summer"), 0.62, 9, 17)
    round_tree = Species(plants.broadleaf(season), 0.85, 7, 13)
    birch = Species(plants.birch(season), 0.4, 8, 13)
    return dice.pick(((pine,), (pine, pine, round_tree), (round_tree, birch), (round_tree,), (pine, birch)))


def undergrowth(scene: Scene, season: Season, eye: float) -> list[Crowd]:
    """What keeps the foreground from being bare; its size follows the height of the eye in metres."""
    place, size = scene.place, min(max(eye, 0.25), 2.2) ** 0.6
    if place in ("sea", "island", "arctic", "desert", "city"):
        return []
    dry = place in ("savanna", "canyon", "beach")
    near, far = 1.15 * eye, 26 * eye
    tuft = Species(plants.grass("autumn" if dry else season), 2.4, 0.10 * size, 0.26 * size)
    count = {"canyon": 14, "beach": 10}.get(str(place), 80 if season != "winter" else 12)
    found = [Crowd((tuft,), count, near, far)]
    if "flowers" in scene.extras and season != "winter":
        first = Dice(scene.seed, "petals").whole(0, len(_PETALS) - 1)
        petals = tuple(_PETALS[(first + step) % len(_PETALS)] for step in (0, 1, 3))
        found.append(Crowd((Species(plants.blossoms, 2.0, 0.16 * size, 0.30 * size, PLANTS, petals),), 110, near, far))
    if place in ("forest", "meadow", "hills", "river", "waterfall", "village", "lake"):
        found.append(Crowd((Species(plants.bush(season), 1.8, 0.5, 1.4),), 12, 5, 60))
    return found
