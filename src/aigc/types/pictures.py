"""Pictures: what a painter is asked, and what it answers.

Knows: field names, units and defaults. Does not know: file formats, HTTP, engines.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from aigc.types.base import JSON, Value


class Raster(Value, frozen=True, kw_only=True):
    """A picture as raw pixels: 8 bits, row by row from the top, channels interleaved."""

    width: int
    height: int
    channels: Literal[1, 3, 4]
    """Grey; red, green, blue; the same and opacity (not multiplied)."""
    pixels: bytes

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1 or len(self.pixels) != self.width * self.height * self.channels:
            raise ValueError(f"{len(self.pixels)} bytes are no {self.width}x{self.height}x{self.channels} picture")


class ImageRequest(Value, frozen=True, kw_only=True, tag="image"):
    """Pictures from words, or from a picture and words. ``None`` means: the model's own default."""

    prompt: str = ""
    n: int = 1
    width: int | None = None
    height: int | None = None
    seed: int
    """0 to 2**63 - 1; the first picture has it, the next ones those that follow."""
    steps: int | None = None
    guidance: float | None = None
    style: str | None = None
    """A style that the model was trained in; as if the prompt said so."""
    strength: float | None = None
    """How far a given picture may change: 0 not at all, 1 altogether."""
    image: Raster | None = None
    """A picture to begin with: an edit, or, without a prompt, a variation."""
    mask: Raster | None = None
    """Of the size of ``image``, one channel: 255 where to paint, 0 where every pixel stays as it is."""
    panorama: bool = False
    """All around (360 by 180 degrees), twice as wide as high; left and right edges touch."""
    transparent: bool = False
    previews: int = 0
    """Unfinished pictures to show on the way."""


class RestoreRequest(Value, frozen=True, kw_only=True, tag="restore"):
    """A photograph to repair."""

    image: Raster
    mask: Raster | None = None
    """Of the size of ``image``, one channel: 255 where pixels are lost."""
    task: str = "auto"
    scale: int | None = None
    """Times the side, for enlarging; None: what the task does by itself."""


PictureRequest = ImageRequest | RestoreRequest


class ImageStep(Value, frozen=True, kw_only=True, tag="image_step"):
    """Picture ``index`` has come so far."""

    index: int
    step: int
    steps: int
    preview: Raster | None = None
    """What it looks like now, where previews were asked for."""


class ImageMade(Value, frozen=True, kw_only=True, tag="image_made"):
    """Picture ``index`` is complete."""

    index: int
    image: Raster
    seed: int | None = None
    """What it was drawn with; None where nothing is drawn by chance."""
    facts: JSON = msgspec.field(default_factory=dict)
    """What is true of this picture and worth keeping in its file: steps, what was understood of the prompt, ..."""


class ImagesDone(Value, frozen=True, kw_only=True, tag="images_done"):
    """Last event of an answer with pictures."""

    fingerprint: str


PictureEvent = ImageStep | ImageMade | ImagesDone
