"""The network that doubles the sides of small pictures, for the engines that paint them.

Knows: a restorer's inputs. Does not know: what the picture shows, how often it is doubled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from aigc.engines.tiling import thumbnail

if TYPE_CHECKING:
    from openvino import CompiledModel

Floats = NDArray[np.float32]


class EnlargerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A network of `aigc.engines.restore`: what ``settings.enlarger`` in ``model.json`` says about it."""

    graph: str
    tasks: tuple[str, ...]
    factor: int
    glance: int


class Enlarger:
    """Twice the side.

    Args:
        about: the network.
        opened: gives a network by its file's name.
    """

    def __init__(self, about: EnlargerSettings, opened: Callable[[str], CompiledModel]) -> None:
        self._about = about
        self._network = opened(about.graph)

    def doubled(self, pixels: Floats) -> Floats:
        """(3, H, W), 0 to 1, to (3, 2H, 2W): interpolated, then given sharp edges."""
        whole = resized(pixels, 2 * pixels.shape[-1], 2 * pixels.shape[-2])
        task = np.array([[name == "upscale" for name in self._about.tasks]], np.float32)
        seen = np.round(whole * 255).astype(np.uint8).transpose(1, 2, 0)
        glance = thumbnail(seen, self._about.glance).transpose(2, 0, 1)[None]
        picture = np.concatenate([whole, np.zeros_like(whole[:1])])[None]
        change = self._network({"picture": picture, "task": task, "glance": glance})[0]
        found: Floats = np.clip(whole + change[0], 0, 1)
        return found


def resized(pixels: Floats, width: int, height: int) -> Floats:
    """(3, H, W), 0 to 1, by bicubic interpolation: what the enlarger was trained to sharpen."""
    from PIL import Image

    planes = [Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC) for plane in pixels]
    found: Floats = np.clip(np.stack([np.asarray(plane) for plane in planes]), 0, 1)
    return found
