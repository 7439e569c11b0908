"""A picture that is given to be changed: which part of it is worked on, and how what was painted comes back into it.

Around a mask, a part somewhat larger than the mask is worked on, so that a small gap in a large photograph is painted
finely. Every pixel outside of the mask stays as it is, to the bit.

Knows: pixels, masks, interpolation. Does not know: latents, networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aigc.engines.image_enlarger import Floats
from aigc.errors import UserError
from aigc.pictures import rasters
from aigc.types import Raster

Pixels = NDArray[np.uint8]

_SURROUNDINGS = 0.5
"""Of the mask's side, on each side of it."""


@dataclass(frozen=True, slots=True)
class Given:
    """A picture, the part that is worked on, and that part at working size."""

    image: Raster
    mask: Raster | None
    left: int
    top: int
    width: int
    height: int
    work: Pixels
    """(H, W, 3), the part at working size."""
    painted: Floats | None
    """(H, W), 1 where to paint; None: everywhere."""


def prepared(image: Raster, mask: Raster | None, size: Callable[[int, int], tuple[int, int]]) -> Given:
    """Choose the part and bring it to working size.

    Args:
        image: the picture.
        mask: of its size; None: all of it is worked on.
        size: working size (width, height) for a part of some width and height.

    Raises:
        UserError: the mask marks nothing.
    """
    box = (0, 0, image.width, image.height) if mask is None else _around(rasters.to_array(mask)[..., 0])
    left, top, right, bottom = box
    wide, high = size(right - left, bottom - top)
    work = _resized_image(rasters.to_rgb(rasters.over(image)), box, wide, high)
    painted = None
    if mask is not None:
        # Whatever is touched is painted: a pixel that stays would show the old edge.
        grey = _resized_image(mask, box, wide, high)
        painted = (grey > 0).astype(np.float32)
    return Given(image, mask, left, top, right - left, bottom - top, work, painted)


def _around(mask: Pixels) -> tuple[int, int, int, int]:
    """The part (left, top, right, bottom) for a mask (H, W): its box and surroundings, about as wide as high."""
    rows, columns = np.flatnonzero((mask > 127).any(1)), np.flatnonzero((mask > 127).any(0))
    if not len(rows):
        raise UserError("the mask marks nothing to paint", param="mask", hint="mark with white, or with transparency")
    high, wide = mask.shape
    box_h, box_w = rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]
    side = max(64, round(max(box_h, box_w) * (1 + 2 * _SURROUNDINGS)))
    found = []
    for first, length, limit in ((columns[0], box_w, wide), (rows[0], box_h, high)):
        begin = int(min(max(0, first + length / 2 - side / 2), max(0, limit - side)))
        found.append((begin, min(limit, begin + side)))
    (left, right), (top, bottom) = found
    return left, top, right, bottom


def _resized_image(raster: Raster, box: tuple[int, int, int, int], width: int, height: int) -> Pixels:
    from PIL import Image

    made = rasters.to_image(raster).resize((width, height), Image.Resampling.LANCZOS, box=box)
    return np.asarray(made)


def merged(pixels: Floats, given: Given) -> Raster:
    """What was painted (3, H, W), 0 to 1, in its place; the picture's opacity stays."""
    from PIL import Image

    part = Image.fromarray(_bytes(pixels)).resize((given.width, given.height), Image.Resampling.LANCZOS)
    whole = rasters.to_array(given.image)
    colours = np.repeat(whole, 3, axis=2) if given.image.channels == 1 else whole[..., :3]
    out = colours.copy()
    place = (slice(given.top, given.top + given.height), slice(given.left, given.left + given.width))
    if given.mask is None:
        out[place] = np.asarray(part)
    else:
        painted = rasters.to_array(given.mask)[place] > 127
        out[place] = np.where(painted, np.asarray(part), out[place])
    if given.image.channels == 4:
        out = np.concatenate([out, whole[..., 3:]], axis=2)
    return rasters.from_array(out)


def floats(pixels: Pixels) -> Floats:
    """(H, W, 3) bytes to (1, 3, H, W), 0 to 1."""
    found: Floats = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
    return found


def to_raster(pixels: Floats) -> Raster:
    """(3, H, W), 0 to 1, as a picture."""
    return rasters.from_array(_bytes(pixels))


def _bytes(pixels: Floats) -> Pixels:
    return np.ascontiguousarray(np.round(pixels * 255).astype(np.uint8).transpose(1, 2, 0))
