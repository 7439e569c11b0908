"""A picture in the making: colours, how far away each pixel is, and what it shows.

Knows: pixels. Does not know: scenes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aigc.scenes.arrays import Floats

SKY, GROUND, WATER, PLANTS, BUILDINGS, BIRDS = 0, 1, 2, 3, 4, 5
FIRST_THING = 32
"""The thing with index i has id FIRST_THING + i."""
NOWHERE = 1e9
"""Distance of the sky."""


@dataclass
class Canvas:
    """Linear light, before it is developed.

    Attributes:
        rgb: (3, H, W) linear light, 0 and up.
        distance: (H, W) metres.
        ids: (H, W) what each pixel shows: one of the classes above, or a thing.
    """

    rgb: Floats
    distance: Floats
    ids: npt.NDArray[np.uint8]

    @classmethod
    def empty(cls, height: int, width: int) -> Canvas:
        """Nothing but black sky."""
        return cls(
            np.zeros((3, height, width), dtype=np.float32),
            np.full((height, width), NOWHERE, dtype=np.float32),
            np.full((height, width), SKY, dtype=np.uint8),
        )
