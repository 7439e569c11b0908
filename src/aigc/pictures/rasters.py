"""Between `aigc.types.Raster`, numpy's arrays and Pillow's images.

Knows: channels and their order. Does not know: files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from aigc.types import Raster

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

_MODES: dict[Literal[1, 3, 4], str] = {1: "L", 3: "RGB", 4: "RGBA"}


def to_array(raster: Raster) -> NDArray[np.uint8]:
    """The pixels as a read-only array of shape (height, width, channels)."""
    import numpy as np

    return np.frombuffer(raster.pixels, np.uint8).reshape(raster.height, raster.width, raster.channels)


def from_array(pixels: NDArray[np.uint8]) -> Raster:
    """The picture of an array of shape (height, width) or (height, width, channels).

    Raises: ValueError: neither 1, 3 nor 4 channels.
    """
    height, width = pixels.shape[:2]
    seen = pixels.shape[2] if pixels.ndim == 3 else 1
    channels = next((number for number in _MODES if number == seen), None)
    if channels is None:
        raise ValueError(f"a picture has 1, 3 or 4 channels; this one has {seen}")
    return Raster(width=width, height=height, channels=channels, pixels=pixels.tobytes())


def to_image(raster: Raster) -> Image.Image:
    """A Pillow image of mode L, RGB or RGBA."""
    from PIL import Image

    return Image.frombytes(_MODES[raster.channels], (raster.width, raster.height), raster.pixels)


def from_image(image: Image.Image) -> Raster:
    """The picture of a Pillow image of mode L, RGB or RGBA. Raises: ValueError: another mode."""
    channels = next((number for number, mode in _MODES.items() if mode == image.mode), None)
    if channels is None:
        raise ValueError(f"the modes are L, RGB and RGBA; this image has {image.mode}")
    return Raster(width=image.width, height=image.height, channels=channels, pixels=image.tobytes())


def opacity(raster: Raster) -> NDArray[np.uint8] | None:
    """The fourth channel, shape (height, width); None where there is none, or where all of it is opaque."""
    if raster.channels != 4:
        return None
    alpha = to_array(raster)[:, :, 3]
    return alpha if alpha.min() < 255 else None


def to_rgb(raster: Raster) -> Raster:
    """The same picture with three channels; what was transparent shows the colour that the file has there."""
    import numpy as np

    if raster.channels == 3:
        return raster
    pixels = to_array(raster)
    return from_array(np.repeat(pixels, 3, axis=2) if raster.channels == 1 else pixels[:, :, :3])


def over(raster: Raster, ground: int = 255) -> Raster:
    """The same picture, laid on an opaque ground where it is transparent.

    Args:
        raster: any picture.
        ground: brightness of the ground, 0 to 255.
    """
    import numpy as np

    if raster.channels != 4:
        return raster
    pixels = to_array(raster).astype(np.uint32)
    alpha = pixels[:, :, 3:]
    mixed = (pixels[:, :, :3] * alpha + ground * (255 - alpha) + 127) // 255
    return from_array(mixed.astype(np.uint8))


def scaled(raster: Raster, width: int, height: int) -> Raster:
    """The same picture in another size."""
    from PIL import Image

    if (raster.width, raster.height) == (width, height):
        return raster
    return from_image(to_image(raster).resize((width, height), Image.Resampling.LANCZOS))
