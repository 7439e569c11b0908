"""What the examiner of pictures is taught to say, as numbers.

Knows: scenes and the outputs of the network. Does not know: networks, pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc.scenes.describe import Scene
from aigc.scenes.kinds import kinds
from aigc.scenes.vocabulary import COLOURS, EXTRAS, PLACES, SEASONS, STYLES, TIMES, WEATHERS

SIDE = 96
"""Pictures are made this small, in pixels a side, before they are looked at."""
STRIDE = 8
"""Pixels to a cell of the maps."""
NOWHERE = "nowhere"
"""The place of a sticker."""
HEADS: dict[str, tuple[str, ...]] = {
    "place": (*PLACES, NOWHERE),
    "season": SEASONS,
    "time": TIMES,
    "weather": WEATHERS,
    "style": STYLES,
    "extra": EXTRAS,
}
"""What is said of a picture as a whole; of ``extra`` each by itself."""
KINDS: tuple[str, ...] = tuple(kinds())


def targets(scene: Scene, boxes: Sequence[Sequence[float]], *, mirrored: bool = False) -> dict[str, NDArray[Any]]:
    """What the network shall answer.

    Args:
        scene: What the picture shows.
        boxes: (number of the thing, column and row of its middle in pixels, pixels seen); -1: it isn't seen.
        mirrored: The picture is turned left to right.

    Returns: for each head a number (-1: not asked), for ``extra`` a row; maps of centres, kinds and colours.
    """
    scenic = scene.projection != "sticker"
    found: dict[str, Any] = {
        "place": HEADS["place"].index(scene.place or NOWHERE),
        "season": SEASONS.index(scene.season) if scene.season else -1,
        "time": TIMES.index(scene.time) if scenic else -1,
        "weather": WEATHERS.index(scene.weather) if scenic else -1,
        "style": STYLES.index(scene.style),
    }
    found = {name: np.int64(number) for name, number in found.items()}
    found["extra"] = np.array([extra in scene.extras for extra in EXTRAS], np.float32)
    found["scenic"] = np.float32(scenic)
    return found | _maps(scene, boxes, mirrored)


def _maps(scene: Scene, boxes: Sequence[Sequence[float]], mirrored: bool) -> dict[str, NDArray[Any]]:
    cells = SIDE // STRIDE
    centre = np.zeros((cells, cells), np.float32)
    kind, colour = np.zeros((cells, cells), np.int64), np.zeros((cells, cells), np.int64)
    y, x = np.mgrid[:cells, :cells]
    for number, column, row, _ in boxes:
        if column < 0:
            continue
        column = SIDE - 1 - column if mirrored else column
        thing = scene.things[int(number)]
        cx, cy = int(column // STRIDE), int(row // STRIDE)
        centre = np.maximum(centre, np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 1.2).astype(np.float32))
        centre[cy, cx] = 1
        kind[cy, cx] = KINDS.index(thing.kind)
        colour[cy, cx] = COLOURS.index(thing.colour or kinds()[thing.kind].colours[0])
    return {"centre": centre, "kind": kind, "colour": colour}
