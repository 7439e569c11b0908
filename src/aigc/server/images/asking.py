"""From a checked body to what the runtime is asked: here the files of a request become pixels.

Everything in here may take seconds and belongs into a thread.

Knows: how an edit, a variation and a restoration are made of a picture and a mask. Does not know: HTTP, models.
"""

from __future__ import annotations

from math import gcd

from aigc.pictures import masks, rasters
from aigc.pictures.decode import decode
from aigc.server.errors import InvalidValue
from aigc.server.images.protocol import (
    EditRequest,
    FromPicture,
    Painted,
    RestorationRequest,
    VariationRequest,
)
from aigc.types import ImageRequest, Raster, RestoreRequest


def painting(body: Painted, prompt: str, *, panorama: bool = False) -> ImageRequest:
    """A picture from words. Raises: InvalidValue."""
    sides = body.sides()
    if panorama and sides is not None and sides[0] != 2 * sides[1]:
        near = ", ".join(f"{2 * height}x{height}" for height in sorted({max(1, sides[0] // 2), sides[1]}))
        raise InvalidValue(
            f"size is {body.size}; accepted: twice as wide as high, the nearest are {near}", param="size"
        )
    return ImageRequest(
        prompt=prompt,
        n=body.count,
        width=sides[0] if sides else None,
        height=sides[1] if sides else None,
        seed=body.first_seed(),
        steps=body.steps,
        guidance=body.guidance,
        style=body.style,
        panorama=panorama,
        transparent=body.transparent(),
        previews=body.partial_images or 0,
    )


def edit(body: EditRequest) -> ImageRequest:
    """A picture changed by words. Its own transparent parts are the mask where there is no other. Raises: UserError."""
    name, file = body.source()
    picture = decode(file, name).raster
    if body.mask is not None:
        mask: Raster | None = masks.mask_of(decode(body.mask.data, "mask").raster, picture, "mask", name)
    else:
        mask = masks.own_mask(picture)
        picture = rasters.to_rgb(picture)
    return _from_picture(body, body.prompt, picture, mask)


def variation(body: VariationRequest) -> ImageRequest:
    """Another picture like one that is given. Raises: UserError."""
    picture = decode(body.image.data, "image").raster
    return _from_picture(body, "", picture, None)


def restoration(body: RestorationRequest) -> RestoreRequest:
    """A photograph to repair. Raises: UserError."""
    picture = decode(body.image.data, "image").raster
    mask = None
    if body.mask is not None:
        mask = masks.mask_of(decode(body.mask.data, "mask").raster, picture)
    return RestoreRequest(image=picture, mask=mask, task=body.task or "auto", scale=body.scale)


def _from_picture(body: FromPicture, prompt: str, picture: Raster, mask: Raster | None) -> ImageRequest:
    sides = body.sides() or (picture.width, picture.height)
    if sides[0] * picture.height != sides[1] * picture.width:
        raise InvalidValue(
            f"size is {body.size} and the picture {picture.width}x{picture.height}; accepted: the same shape, "
            f"the nearest is {_nearest(sides[0], picture)}",
            param="size",
            hint="leave size out to keep the picture's own",
        )
    return ImageRequest(
        prompt=prompt,
        n=body.count,
        width=sides[0],
        height=sides[1],
        seed=body.first_seed(),
        steps=body.steps,
        guidance=body.guidance,
        style=body.style,
        strength=body.strength,
        image=rasters.scaled(picture, *sides),
        mask=None if mask is None else rasters.scaled(mask, *sides),
        transparent=body.transparent(),
        previews=body.partial_images or 0,
    )


def _nearest(width: int, picture: Raster) -> str:
    """The size of the picture's shape whose width is nearest."""
    unit = gcd(picture.width, picture.height)
    across, down = picture.width // unit, picture.height // unit
    times = max(1, round(width / across))
    return f"{across * times}x{down * times}"
