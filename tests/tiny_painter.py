"""A painter that really draws, in a millisecond: what the picture endpoints are tested with.

The seed gives the colours, the prompt's length the stripes; a picture that is given shines through by its strength,
and pixels outside of a mask stay as they are.
"""

from __future__ import annotations

import numpy as np

from aigc.engines.base import Painting, Report
from aigc.errors import UnsupportedParameter, UserError
from aigc.pictures.rasters import from_array, to_array, to_rgb
from aigc.types import ImageRequest, PictureRequest, RestoreRequest

STYLES = ("flat", "watercolour")


class TinyPainter:
    """`aigc.engines.base.Painter` for sides from 16 to 256 in steps of 16."""

    fingerprint = "tiny-painter-1"

    def check(self, request: PictureRequest) -> None:
        if isinstance(request, RestoreRequest):
            if request.task not in ("auto", "denoise"):
                raise UserError(f"task is {request.task!r}; accepted: auto, denoise", param="task")
            return
        if request.style is not None and request.style not in STYLES:
            raise UnsupportedParameter(
                f"style is not supported: {request.style!r} is none of {', '.join(STYLES)}", param="style"
            )
        for side in (request.width, request.height):
            if side is not None and (side % 16 or not 16 <= side <= 256):
                near = ", ".join(f"{one}x{one}" for one in sorted({min(256, max(16, side // 16 * 16)), 256}))
                raise UserError(
                    f"size is {request.width}x{request.height}; accepted: sides from 16 to 256 in steps of 16",
                    param="size",
                    hint=f"the nearest sizes are {near}",
                )

    def paint(self, request: PictureRequest, index: int, report: Report) -> Painting:
        if isinstance(request, RestoreRequest):
            report(1, 1, None)
            scale = request.scale or 1
            pixels = to_array(request.image).repeat(scale, axis=0).repeat(scale, axis=1)
            return Painting(image=from_array(pixels), facts={"repairs": ["denoise"]})
        width, height = request.width or 64, request.height or (32 if request.panorama else 64)
        seed = request.seed + index
        picture = self._drawn(request, seed, width, height)
        steps = request.steps or 4
        for step in range(1, steps + 1):
            show = request.previews and step < steps and (step * (request.previews + 1)) % steps < request.previews + 1
            report(step, steps, from_array(picture // 2) if show else None)
        return Painting(image=from_array(picture), seed=seed, facts={"steps": steps})

    def _drawn(self, request: ImageRequest, seed: int, width: int, height: int) -> np.ndarray:
        colours = np.random.default_rng(seed).integers(0, 256, (2, 3))
        stripes = (np.arange(width) * (1 + len(request.prompt)) // 16) % 2
        picture = np.broadcast_to(colours[stripes].astype(np.uint8), (height, width, 3)).copy()
        if request.image is not None:
            given = to_array(to_rgb(request.image)).astype(float)
            share = 0.5 if request.strength is None else request.strength
            picture = (given + (picture - given) * share).astype(np.uint8)
            if request.mask is not None:
                picture = np.where(to_array(request.mask) > 0, picture, to_array(to_rgb(request.image)))
        if request.transparent:
            alpha = np.full((height, width, 1), 255, np.uint8)
            alpha[:2] = 0
            picture = np.concatenate([picture, alpha], axis=2)
        return picture

    def close(self) -> None:
        pass
