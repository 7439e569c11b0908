"""The renderer as an engine: a prompt becomes a scene, the scene a picture; nothing is learned, nothing is guessed.

The same request gives the same pixels on every machine. Panoramas have no seam, stickers may stand on nothing.

Knows: which request becomes which scene, what is refused. Does not know: words (``aigc.scenes.reading``), pixels
(``aigc.scenes.render``), files, HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aigc.engines.base import LoadOptions, Painting, Report
from aigc.engines.image_words import read_prompt
from aigc.errors import UnsupportedParameter, UserError
from aigc.scenes.compose import Composed, compose
from aigc.scenes.kinds import kinds
from aigc.scenes.limits import drawn
from aigc.scenes.progress import OnStep
from aigc.scenes.reading import Reading
from aigc.scenes.render import Picture, render
from aigc.scenes.vocabulary import STYLES, Style
from aigc.types import JSON, EngineFile, ImageRequest, ModelSpec, PictureRequest, Raster

FINGERPRINT = "scenes-1"
"""Changes with the renderer's pixels."""
SMALLEST, LARGEST = 64, 2048
"""Pixels along a side."""
_USUAL = 512
_FINE_PIXELS = 1024 * 1024
"""Up to so many pixels are drawn at twice the size and made smaller; more would take too long."""
_STEPS = 20
"""A picture's progress is told in so many steps."""
_REFUSED = ("image", "mask", "strength", "steps", "guidance")


@dataclass(frozen=True)
class _Job:
    """A request that was understood."""

    reading: Reading
    width: int
    height: int
    panorama: bool
    transparent: bool
    style: Style | None

    def scene(self, seed: int) -> Composed:
        return compose(
            self.reading,
            seed,
            ratio=self.height / self.width,
            panorama=self.panorama,
            transparent=self.transparent,
            style=self.style,
        )


class ScenePainter:
    """See `aigc.engines.base.Painter`."""

    def __init__(self, spec: ModelSpec, file: EngineFile, options: LoadOptions) -> None:
        self._id = spec.id
        self.fingerprint = FINGERPRINT

    def check(self, request: PictureRequest) -> None:
        """See `aigc.engines.base.Painter.check`."""
        asked = self._drawable(request)
        _job(asked).scene(asked.seed)

    def paint(self, request: PictureRequest, index: int, report: Report) -> Painting:
        """See `aigc.engines.base.Painter.paint`."""
        asked = self._drawable(request)
        job = _job(asked)
        seed = (asked.seed + index) % 2**63
        composed = job.scene(seed)
        picture = _drawn(composed, job, _Progress(composed, job, asked.previews, report))
        return Painting(image=_raster(picture), seed=seed, facts=_facts(job, composed))

    def close(self) -> None:
        """There is nothing to free."""

    def _drawable(self, request: PictureRequest) -> ImageRequest:
        if not isinstance(request, ImageRequest):
            raise UserError(f"{self._id} repairs no photographs", param="model", hint="Ask aigc-restore.")
        for name in _REFUSED:
            if getattr(request, name) is not None:
                raise UnsupportedParameter(
                    f"{name} is given, which {self._id} can't honour: it draws from words only, in one go",
                    param=name,
                    hint="Leave it out, or ask aigc-v1.",
                )
        return request


class _Progress:
    """Tells steps, and shows what comes as small drawings of the same scene, finer each time."""

    def __init__(self, composed: Composed, job: _Job, previews: int, report: Report) -> None:
        self._composed, self._job, self._report = composed, job, report
        self._told = 0
        self._shown = {max(1, round(_STEPS * (k + 1) / (previews + 1))): previews - k for k in range(previews)}

    def __call__(self, share: float) -> None:
        while self._told < int(share * _STEPS):
            self._told += 1
            coarser = self._shown.get(self._told)
            self._report(self._told, _STEPS, self._preview(coarser) if coarser else None)

    def _preview(self, coarser: int) -> Raster:
        width, height = self._job.width, self._job.height
        factor = min(2 ** min(coarser + 1, 4), max(1, min(width, height) // 32))
        small = render(self._composed.scene, width // factor, height // factor, supersample=1)
        return _raster(small, width, height)


def _job(request: ImageRequest) -> _Job:
    """Everything decided but the scene. Raises: UserError for what can't be drawn."""
    if not 1 <= request.n <= 10:
        raise UserError(f"n is {request.n}; accepted: 1 to 10", param="n")
    reading = read_prompt(request.prompt, drawn, ["lakes", "forests", "seasons", "hours", "weather", *kinds()])
    free = request.width is None and request.height is None
    width, height = _size(request, request.panorama or (free and "projection:panorama" in reading.concepts))
    return _Job(reading, width, height, request.panorama, request.transparent, _style(request.style))


def _size(request: ImageRequest, around: bool) -> tuple[int, int]:
    width, height = request.width, request.height
    if height is None:
        height = _USUAL if width is None or not around else width // 2
    if width is None:
        width = 2 * height if around else _USUAL
    nearest = (min(max(width, SMALLEST), LARGEST), min(max(height, SMALLEST), LARGEST))
    if around:
        half = min(max(round((width + 2 * height) / 4), SMALLEST), LARGEST // 2)
        nearest = (2 * half, half)
    if (width, height) != nearest:
        what = "a panorama is twice as wide as high, sides" if around else "sides"
        raise UserError(
            f"size is {width}x{height}, which this model can't make; nearest: {nearest[0]}x{nearest[1]}",
            param="size",
            hint=f"{what[0].upper()}{what[1:]} are from {SMALLEST} to {LARGEST} pixels.",
        )
    return width, height


def _style(name: str | None) -> Style | None:
    if name is None:
        return None
    for style in STYLES:
        if style == name:
            return style
    raise UserError(f"style is {name!r}; accepted: {', '.join(STYLES)}", param="style")


def _drawn(composed: Composed, job: _Job, on_step: OnStep) -> Picture:
    supersample = None if job.width * job.height <= _FINE_PIXELS else 1
    return render(composed.scene, job.width, job.height, supersample=supersample, on_step=on_step)


def _raster(picture: Picture, width: int | None = None, height: int | None = None) -> Raster:
    """Raw pixels, with opacity only where something shines through; enlarged to a size by repeating pixels."""
    pixels = picture.rgb if picture.alpha.min() == 255 else np.dstack([picture.rgb, picture.alpha])
    if width is not None and height is not None:
        rows = np.arange(height) * pixels.shape[0] // height
        columns = np.arange(width) * pixels.shape[1] // width
        pixels = pixels[rows][:, columns]
    high, wide, channels = pixels.shape
    return Raster(width=wide, height=high, channels=4 if channels == 4 else 3, pixels=pixels.tobytes())


def _facts(job: _Job, composed: Composed) -> JSON:
    facts: JSON = {**job.reading.account(), "scene": composed.scene.to_json()}
    if composed.unmet:
        facts["not_shown"] = list(composed.unmet)
    return facts
