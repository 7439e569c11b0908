"""Our own picture model: words to pictures, pictures to others, gaps filled, panoramas; on OpenVINO, without torch.

A prompt is read into concepts; the flow turns noise into a latent; the decoder makes it a small picture; the enlarger
doubles its side until the size is reached. With a mask the pixels outside stay as they are, to the bit.

Knows: the order of these steps, what is refused. Does not know: networks inside, files, HTTP.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aigc.engines import image_sampler as sampler
from aigc.engines.base import LoadOptions, Painting, Report
from aigc.engines.image_enlarger import Floats
from aigc.engines.image_given import Given, floats, merged, prepared, to_raster
from aigc.engines.image_networks import Networks
from aigc.engines.image_sizes import Plan, plan, working_size
from aigc.engines.image_words import Words, understood
from aigc.errors import UserError
from aigc.types import JSON, EngineFile, ImageRequest, ModelSpec, PictureRequest

DOUBLINGS = 2
_MOST_STEPS = 100
_MOST_GUIDANCE = 20.0
_STRENGTH = 0.6
"""Of an edit without a mask: the layout stays, colours and light follow the words."""
_MARGIN = 8
"""Columns of the latent that are repeated at both ends of a panorama while it becomes pixels: more than a decoder of
these depths sees."""

_EDGE = 32
"""The same in pixels, while its side is doubled."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A request with everything decided."""

    words: Words
    plan: Plan
    steps: int
    guidance: float
    start: float
    """Time at which the way begins: 1 from nothing but noise."""
    panorama: bool
    given: Given | None = None
    """What is there already."""


class ImagePainter:
    """See `aigc.engines.base.Painter`."""

    def __init__(self, spec: ModelSpec, file: EngineFile, options: LoadOptions) -> None:
        self._networks = Networks(Path(file.path), options.threads)
        self._spec = spec
        self.fingerprint = f"image-{self._networks.digest[:12]}-{self._networks.precision}"

    def check(self, request: PictureRequest) -> None:
        """See `aigc.engines.base.Painter.check`."""
        self._job(self._drawable(request))

    def paint(self, request: PictureRequest, index: int, report: Report) -> Painting:
        """See `aigc.engines.base.Painter.paint`."""
        asked = self._drawable(request)
        job = self._job(asked)
        seed = (asked.seed + index) % 2**63
        stages = _Stages(job.steps + 1 + job.plan.doublings, asked.previews, report)
        latent = self._latent(job, seed, stages)
        pixels = self._pixels(latent, job.panorama)
        stages.done()
        for _ in range(job.plan.doublings):
            pixels = self._doubled(pixels, job.panorama)
            stages.done()
        image = to_raster(pixels) if job.given is None else merged(pixels, job.given)
        return Painting(image=image, seed=seed, facts=self._facts(job, asked))

    def close(self) -> None:
        """Free the model."""
        del self._networks

    def _drawable(self, request: PictureRequest) -> ImageRequest:
        if not isinstance(request, ImageRequest):
            raise UserError(f"{self._spec.id} repairs no photographs", param="model", hint="ask aigc-restore")
        return request

    # ------------------------------------------------------------ before the first step

    def _job(self, request: ImageRequest) -> _Job:
        """Everything decided. Raises: UserError for what can't be done."""
        model = self._networks.settings
        fixed = model.fixed
        steps = _within("steps", request.steps, model.steps, *((model.steps,) * 2 if fixed else (1, _MOST_STEPS)))
        most = model.guidance if fixed else _MOST_GUIDANCE
        guidance = _within("guidance", request.guidance, model.guidance, 1.0, most)
        _within("n", request.n, 1, 1, 10)
        if request.transparent:
            raise UserError(
                f"background is transparent, which {self._spec.id} can't make",
                param="background",
                hint="model aigc-scenes draws stickers on nothing",
            )
        words = understood(request, model.vocabulary, model.concepts, model.styles)
        if request.image is None:
            return self._from_nothing(request, words, int(steps), float(guidance))
        return self._from_picture(request, words, int(steps), float(guidance))

    def _from_nothing(self, request: ImageRequest, words: Words, steps: int, guidance: float) -> _Job:
        for name, value in (("mask", request.mask), ("strength", request.strength)):
            if value is not None:
                raise UserError(f"{name} is given without a picture to change", param=name, hint="give an image")
        side = self._networks.settings.side
        doublings = DOUBLINGS if self._networks.enlarger else 0
        usual = side << min(1, doublings)
        height = request.height or ((request.width or 2 * usual) // 2 if request.panorama else usual)
        width = request.width or (2 * height if request.panorama else usual)
        planned = plan(width, height, side, doublings, request.panorama)
        return _Job(words, planned, steps, guidance, 1.0, request.panorama)

    def _from_picture(self, request: ImageRequest, words: Words, steps: int, guidance: float) -> _Job:
        image, mask = request.image, request.mask
        assert image is not None
        if request.panorama:
            raise UserError("panorama can't be made from a picture", param="panorama", hint="leave the image out")
        if (request.width or image.width, request.height or image.height) != (image.width, image.height):
            raise UserError(
                f"size is {request.width}x{request.height}, the picture is {image.width}x{image.height}; "
                "accepted: the picture's own, or auto",
                param="size",
            )
        if mask is not None and (mask.width, mask.height) != (image.width, image.height):
            raise UserError(
                f"the mask is {mask.width}x{mask.height}, the picture {image.width}x{image.height}; they must be alike",
                param="mask",
            )
        usual = _STRENGTH if mask is None else 1.0
        start = float(_within("strength", request.strength, usual, 0.05, 1.0))
        given = prepared(image, mask, lambda w, h: working_size(w, h, self._networks.settings.side))
        width, height = given.work.shape[1], given.work.shape[0]
        # As often as the place in the picture is larger than what is painted for it.
        wanted = math.ceil(math.log2(max(1.0, given.width / width, given.height / height)) - 0.25)
        doublings = min(DOUBLINGS if self._networks.enlarger else 0, max(0, wanted))
        taken = max(1, round(steps * start))
        return _Job(words, Plan(width, height, doublings), taken, guidance, start, False, given)

    # ------------------------------------------------------------ the steps

    def _latent(self, job: _Job, seed: int, stages: _Stages) -> Floats:
        """(1, Z, H, W)."""
        nets, model = self._networks, self._networks.settings
        high, wide = job.plan.height // model.factor, job.plan.width // model.factor
        x = sampler.noise(seed, (1, model.latent, high, wide))
        known = np.zeros((1, model.latent + 1, high, wide), np.float32)
        if job.given is not None:
            there = nets.encode(floats(job.given.work))
            x = np.float32(1 - job.start) * there + np.float32(job.start) * x
            if job.given.painted is not None:
                stays = 1 - _shrunk(job.given.painted, model.factor)[None, None]
                known = np.concatenate([there * stays, stays], axis=1)
        both = np.stack([job.words.numbers, np.full_like(job.words.numbers, -1)])
        tokens, seen = nets.read(both if job.guidance != 1 else both[:1])
        turns = sampler.positions(high // model.patch, wide // model.patch, model.head, tokens.shape[1], job.panorama)

        def velocity(y: Floats, t: float) -> Floats:
            given = np.repeat(known, len(y), axis=0)
            return nets.velocity(y, t, (tokens, seen), given, turns, job.panorama)

        def watch(step: int, steps: int, expected: Floats) -> None:
            stages.done(lambda: self._pixels(expected, job.panorama))

        return sampler.sample(velocity, x, sampler.times(job.steps, job.start), job.guidance, watch)

    def _pixels(self, latent: Floats, around: bool) -> Floats:
        """(3, H, W), 0 to 1."""
        margin = _MARGIN if around else 0
        made: Floats = self._networks.decode(_continued(latent, margin))[0]
        cut = margin * self._networks.settings.factor
        return made[..., cut : made.shape[-1] - cut]

    def _doubled(self, pixels: Floats, around: bool) -> Floats:
        """(3, H, W) to (3, 2H, 2W)."""
        edge = _EDGE if around else 0
        assert self._networks.enlarger is not None
        made = self._networks.enlarger.doubled(_continued(pixels, edge))
        return made[..., 2 * edge : made.shape[-1] - 2 * edge]

    def _facts(self, job: _Job, request: ImageRequest) -> JSON:
        facts: JSON = {"steps": job.steps, "guidance": job.guidance, **job.words.facts}
        if request.image is not None:
            facts["strength"] = job.start
        return facts


class _Stages:
    """Counts what is done and shows unfinished pictures, as many as were asked for."""

    def __init__(self, total: int, previews: int, report: Report) -> None:
        self._total, self._report, self._count = total, report, 0
        self._shown = {max(1, round(total * (k + 1) / (previews + 1))) for k in range(previews)}

    def done(self, look: Callable[[], Floats] | None = None) -> None:
        """One more step; ``look`` gives what the picture is like now, (3, H, W)."""
        self._count += 1
        preview = to_raster(look()) if look is not None and self._count in self._shown else None
        self._report(self._count, self._total, preview)


def _continued(x: Floats, columns: int) -> Floats:
    """(..., W) with so many columns of the other end beside each end; (..., W + 2 * columns)."""
    found: Floats = np.take(x, range(-columns, x.shape[-1] + columns), axis=-1, mode="wrap")
    return found


def _shrunk(painted: Floats, factor: int) -> Floats:
    """(fH, fW) to (H, W): 1 wherever any pixel is to be painted."""
    high, wide = painted.shape[0] // factor, painted.shape[1] // factor
    found: Floats = painted.reshape(high, factor, wide, factor).max((1, 3)).astype(np.float32)
    return found


def _within(name: str, value: float | None, usual: float, low: float, high: float) -> float:
    """The value, or the usual one. Raises: UserError: it is out of range."""
    if value is None:
        return usual
    if not low <= value <= high:
        accepted = f"{low} to {high}" if low < high else f"{low}, which is in the model's weights"
        raise UserError(f"{name} is {value}; accepted: {accepted}", param=name)
    return value
