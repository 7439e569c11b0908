"""From pixels to the bytes of a PNG, JPEG or WebP file, with what is true of the picture inside.

Knows: what each format can hold. Does not know: HTTP, models, paths.
"""

from __future__ import annotations

import io
from typing import Any, Literal

from aigc.errors import UserError
from aigc.pictures import metadata, rasters
from aigc.types import JSON, Raster

Format = Literal["png", "jpeg", "webp"]

MEDIA_TYPES: dict[Format, str] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
_MAX_SIDE = {"png": 2**31 - 1, "jpeg": 65_500, "webp": 16_383}
_FULL_COLOUR_QUALITY = 90
"""From here on a JPEG keeps a colour for every pixel; below, one for every four."""


def encode(
    picture: Raster, format: Format = "png", *, quality: int = 100, facts: JSON | None = None, param: str | None = None
) -> bytes:
    """A file.

    Args:
        picture: what to show. Its opacity is kept; one that is opaque everywhere is left out of a JPEG.
        format: of the file.
        quality: 0 (small) to 100 of a JPEG or WebP; a PNG loses nothing.
        facts: what made it, see `aigc.pictures.metadata`; None: nothing is said.
        param: what the client calls the format.
    Raises:
        UserError: the format can't hold this picture; says which one can.
    """
    longest = max(picture.width, picture.height)
    if longest > _MAX_SIDE[format]:
        raise UserError(
            f"a {format} file holds sides of at most {_MAX_SIDE[format]} pixels, and the picture has {longest}",
            param=param,
            hint="take png",
        )
    image = rasters.to_image(picture)
    if format == "jpeg" and picture.channels == 4:
        if rasters.opacity(picture) is not None:
            raise UserError(
                "the picture is transparent in parts, which a jpeg file can't hold",
                param=param,
                hint="take png or webp",
            )
        image = image.convert("RGB")
    options: dict[str, Any] = {}
    if format == "jpeg":
        options = {"quality": quality, "subsampling": 0 if quality >= _FULL_COLOUR_QUALITY else 2}
    elif format == "webp":
        options = {"quality": quality, "exact": True}
    file = io.BytesIO()
    image.save(file, format.upper(), **options)
    data = file.getvalue()
    return data if facts is None else metadata.embed(data, format, (picture.width, picture.height), facts)
