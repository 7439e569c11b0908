"""What the examiner of pictures is taught to say, as numbers.

Knows: scenes and the outputs of the network. Does not know: networks, pictures.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc.scenes.describe import Scene
from aigc.scenes.kinds import kinds
from aigc.scenes.vocabulary import COLOURS, EXTRAS, PLACES, SEASONS, STYLES, TIMES, WEATHERS

SIDE = 144
"""Pictures are made this small, in pixels a side, before they are looked at."""
CELLS = 24
"""Cells along a side of the maps."""
WORDS = 24
"""Concepts of a caption, at most."""
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


def targets(scene: Scene, boxes: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """What the network shall answer.

    Args:
        scene: What the picture shows.
        boxes: (n, 3): number of the thing, x and y of its middle, 0 to 1 in the picture; x outside: it isn't seen.

    Returns: for each head a number (-1: not asked), for ``extra`` a row; maps of centres, kinds and colours (-1: none).
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
    return found | _maps(scene, boxes)


def _maps(scene: Scene, boxes: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    centre = np.zeros((CELLS, CELLS), np.float32)
    kind, colour = np.full((2, CELLS, CELLS), -1, np.int64)
    y, x = np.mgrid[:CELLS, :CELLS]
    for number, column, row in boxes:
        if not (0 <= column < 1 and 0 <= row < 1):
            continue
        thing = scene.things[int(number)]
        cx, cy = int(column * CELLS), int(row * CELLS)
        away = (x - cx) ** 2 + (y - cy) ** 2
        # The nearest thing owns a cell; cells beside a centre say what it is as well.
        near = (away <= 2) & (np.exp(-away / 1.2) > centre)
        kind[near] = KINDS.index(thing.kind)
        colour[near] = COLOURS.index(thing.colour or kinds()[thing.kind].colours[0])
        centre = np.maximum(centre, np.exp(-away / 1.2).astype(np.float32))
    return {"centre": centre, "kind": kind, "colour": colour}
