"""Pictures to compare with: what the renderer draws for prompts, and what models were trained on.

Knows: scenes, pixels. Does not know: models, judgements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc.scenes import Scene, render, sample

Pixels = NDArray[np.uint8]
OnStep = Callable[[str, int, int], None]
"""Told (what, done, of how many)."""


def drawn(scenes: Sequence[Scene], side: int, what: str, on_step: OnStep) -> list[Pixels]:
    """(side, side, 3) of each scene; what shines through is white."""
    found = []
    for scene in scenes:
        picture = render(scene, side, side, supersample=1)
        opacity = picture.alpha[..., None].astype(np.float32) / 255
        found.append(np.asarray((picture.rgb * opacity + 255 * (1 - opacity)).round(), dtype=np.uint8))
        on_step(what, len(found), len(scenes))
    return found


def trained(count: int) -> list[Scene]:
    """Scenes that models are trained on: the first seeds."""
    return [sample(seed, projection="sticker" if seed % 4 == 0 else "perspective") for seed in range(count)]


def pixels(image: Any) -> Pixels:
    """(H, W, 3) of a Pillow image; what shines through is white."""
    from PIL import Image

    rgba = image.convert("RGBA")
    ground = Image.new("RGBA", rgba.size, "white")
    return np.asarray(Image.alpha_composite(ground, rgba).convert("RGB"))
