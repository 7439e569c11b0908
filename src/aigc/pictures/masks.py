"""Masks: which pixels of a picture are to be painted anew.

As in OpenAI's API, transparent means: paint here. Inside, a mask has one channel, where 255 means: paint here.

Knows: opacity, sizes. Does not know: files, models.
"""

from __future__ import annotations

from aigc.errors import InvalidPicture
from aigc.pictures import rasters
from aigc.types import Raster

_HINT = "make the area to paint transparent; of a black and white mask, the white part"


def mask_of(mask: Raster, picture: Raster, param: str = "mask", picture_param: str = "image") -> Raster:
    """The mask that the opacity of a file of its own stands for.

    Args:
        mask: the file's picture.
        picture: what is to be painted over.
        param: what the client calls the mask.
        picture_param: what the client calls the picture.
    Raises:
        InvalidPicture: another size than the picture, or nothing in it is transparent.
    """
    if (mask.width, mask.height) != (picture.width, picture.height):
        sizes = f"{mask.width}x{mask.height} and {picture_param} {picture.width}x{picture.height} pixels"
        raise InvalidPicture(
            f"{param} has {sizes}; accepted: the same size", param=param, hint="scale the mask to the picture's size"
        )
    if mask.channels != 4:
        raise InvalidPicture(f"{param} has no transparency, so it masks nothing", param=param, hint=_HINT)
    if (own := own_mask(mask)) is None:
        raise InvalidPicture(f"{param} is opaque everywhere, so it masks nothing", param=param, hint=_HINT)
    return own


def own_mask(picture: Raster) -> Raster | None:
    """The mask that a picture's own opacity stands for; None where all of it is opaque."""
    alpha = rasters.opacity(picture)
    return None if alpha is None else rasters.from_array(255 - alpha)
