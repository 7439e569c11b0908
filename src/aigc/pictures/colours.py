"""From the colours of any file to 8 bits of sRGB: grey, colour, or colour with opacity.

Knows: modes of Pillow, colour profiles, 16 bits. Does not know: file formats, orientation.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from aigc.pictures.containers import Malformed

if TYPE_CHECKING:
    from PIL import Image

NO_PROFILE = "its colour profile can't be used; the colours are taken as sRGB"


def settle(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """The image in mode L, RGB or RGBA, and what there is to say about it.

    Raises: Malformed: a mode that has no agreed meaning as a picture.
    """
    profile = image.info.get("icc_profile")
    image = _eight_bits(image)
    if not profile or image.mode == "LAB":
        return _to_rgb(image), []
    from PIL import ImageCms

    try:
        return _by_profile(image, profile), []
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return _to_rgb(image), [NO_PROFILE]


def _eight_bits(image: Image.Image) -> Image.Image:
    """Palettes unfolded, samples scaled to 8 bits, opacity in a channel of its own."""
    from PIL import Image

    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        import numpy as np

        wide = np.asarray(image).astype(np.uint32)
        grey = Image.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8))
        # A colour that stands for transparent has 16 bits as well.
        if isinstance(key := image.info.get("transparency"), int):
            grey = grey.convert("LA")
            grey.putalpha(Image.fromarray(np.where(wide == key, 0, 255).astype(np.uint8)))
        return grey
    if image.mode in ("I", "F"):
        raise Malformed("its samples have 32 bits, whose range nobody has agreed upon; 8 and 16 bits are read")
    if image.mode in ("P", "L", "RGB", "1") and "transparency" in image.info:
        return image.convert("RGBA")
    plain = {"1": "L", "P": "RGB", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB"}
    return image.convert(plain[image.mode]) if image.mode in plain else image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("L", "RGB", "RGBA"):
        return image
    if image.mode == "LAB":
        from PIL import ImageCms

        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return _known(ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB"))
    if image.mode in ("LA", "CMYK"):
        return image.convert("RGBA" if image.mode == "LA" else "RGB")
    raise Malformed(f"its colours are of the kind {image.mode}, which is not read")


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image:
    from PIL import ImageCms

    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if "srgb" in ImageCms.getProfileDescription(source).lower().replace(" ", ""):
        return _to_rgb(image)  # a conversion to itself would move values by one
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    space = source.profile.xcolor_space.strip()
    colours = image.convert({"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}.get(space, image.mode))
    srgb = ImageCms.createProfile("sRGB")
    found = _known(ImageCms.profileToProfile(colours, source, srgb, outputMode="RGB"))
    if alpha is not None:
        found.putalpha(alpha)
    return found.convert("L") if image.mode == "L" else found


def _known(image: Image.Image | None) -> Image.Image:
    assert image is not None, "it is None only where the conversion is made in place"
    return image
