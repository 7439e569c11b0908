"""A generator of ours that paints a small picture in one pass: a preview in milliseconds; on OpenVINO, without torch.

A prompt is read into concepts and what each belongs to; the network turns them and noise into a picture; the enlarger
doubles its side until the size is reached.

Knows: the order of these steps, what is refused. Does not know: networks inside, files, HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from aigc.engines import image_sampler as sampler
from aigc.engines import model_folder
from aigc.engines.base import LoadOptions, Painting, Report
from aigc.engines.image_enlarger import Enlarger, EnlargerSettings, Floats, resized
from aigc.engines.image_given import to_raster
from aigc.engines.image_networks import best_precision, opener
from aigc.engines.image_words import Words, understood
from aigc.errors import InvalidModelFile, UnsupportedParameter, UserError
from aigc.scenes.concepts import CONCEPTS, owners
from aigc.types import EngineFile, ImageRequest, ModelSpec, PictureRequest

DOUBLINGS = 3
_REFUSED = ("image", "mask", "strength", "steps", "guidance")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``settings`` in ``model.json``."""

    graph: str
    noise: int
    """Width of the noise."""
    concepts: int
    """Most concepts that a prompt may name."""
    known: frozenset[int]
    """Numbers of the concepts that were trained."""
    side: int
    """Of the pictures that it makes, in pixels."""
    styles: tuple[str, ...]
    enlarger: EnlargerSettings | None = None
    """A restorer beside the network that doubles sides."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A request with everything decided."""

    words: Words
    doublings: int


class GANPainter:
    """See `aigc.engines.base.Painter`.

    Raises:
        InvalidModelFile: a file is missing, damaged, or of another form.
        EngineError: OpenVINO can't open it.
    """

    def __init__(self, spec: ModelSpec, file: EngineFile, options: LoadOptions) -> None:
        import openvino

        folder = Path(file.path)
        model = model_folder.read(folder)
        try:
            self._settings = msgspec.convert(model.settings, Settings)
        except msgspec.ValidationError as error:
            raise InvalidModelFile(f"{folder / model_folder.DESCRIPTION}: settings of no generator: {error}") from error
        core = openvino.Core()
        precision = best_precision(core)
        opened = opener(core, folder, model, options.threads, precision)
        self._network = opened(self._settings.graph)
        self._enlarger = Enlarger(self._settings.enlarger, opened) if self._settings.enlarger else None
        self._id = spec.id
        self.fingerprint = f"gan-{model.digest[:12]}-{precision}"

    def check(self, request: PictureRequest) -> None:
        """See `aigc.engines.base.Painter.check`."""
        self._job(request)

    def paint(self, request: PictureRequest, index: int, report: Report) -> Painting:
        """See `aigc.engines.base.Painter.paint`."""
        job = self._job(request)
        assert isinstance(request, ImageRequest)
        seed = (request.seed + index) % 2**63
        pixels = self._made(job.words, seed)
        for left in range(job.doublings, 0, -1):
            preview = None
            if left <= request.previews:
                side = self._settings.side << job.doublings
                preview = to_raster(resized(pixels, side, side))
            report(job.doublings - left + 1, job.doublings + 1, preview)
            assert self._enlarger is not None
            pixels = self._enlarger.doubled(pixels)
        report(job.doublings + 1, job.doublings + 1, None)
        return Painting(image=to_raster(pixels), seed=seed, facts=job.words.facts)

    def close(self) -> None:
        """Free the model."""
        del self._network, self._enlarger

    # ------------------------------------------------------------ before the first step

    def _job(self, request: PictureRequest) -> _Job:
        """Everything decided. Raises: UserError for what can't be done."""
        if not isinstance(request, ImageRequest):
            raise UserError(f"{self._id} repairs no photographs", param="model", hint="ask aigc-restore")
        for name in _REFUSED:
            if getattr(request, name) is not None:
                raise UnsupportedParameter(
                    f"{name} is given, which {self._id} can't honour: it paints from words only, in one pass",
                    param=name,
                    hint="leave it out, or ask aigc-v1",
                )
        if request.panorama:
            raise UserError(f"{self._id} makes no panoramas", param="panorama", hint="ask aigc-scenes")
        if request.transparent:
            raise UserError(
                f"background is transparent, which {self._id} can't make",
                param="background",
                hint="model aigc-scenes draws stickers on nothing",
            )
        if not 1 <= request.n <= 10:
            raise UserError(f"n is {request.n}; accepted: 1 to 10", param="n")
        about = self._settings
        return _Job(understood(request, about.known, about.concepts, about.styles), self._doublings(request))

    def _doublings(self, request: ImageRequest) -> int:
        """How often the side is doubled. Raises: UserError: a size that can't be made so."""
        most = DOUBLINGS if self._enlarger is not None else 0
        sides = [self._settings.side << times for times in range(most + 1)]
        width = request.width or request.height or sides[-1]
        height = request.height or width
        if width != height or width not in sides:
            accepted = ", ".join(f"{side}x{side}" for side in sides)
            raise UserError(
                f"size is {width}x{height}, which {self._id} can't make; accepted: {accepted}", param="size"
            )
        return sides.index(width)

    # ------------------------------------------------------------ the one step

    def _made(self, words: Words, seed: int) -> Floats:
        """(3, side, side), 0 to 1."""
        numbers = [number for number in words.numbers.tolist() if number > 0]
        # The network adds them up; in one order, so that languages with another one give the same pixels to the bit.
        pairs = sorted(zip(numbers, owners([CONCEPTS[number - 1] for number in numbers]), strict=True))
        said = np.zeros((2, self._settings.concepts), np.int64)
        said[:, : len(pairs)] = np.array(pairs, np.int64).reshape(-1, 2).T
        noise = sampler.noise(seed, (1, self._settings.noise))
        made = self._network({"noise": noise, "numbers": said[:1], "places": said[1:]})[0]
        found: Floats = np.clip((made[0] + 1) / 2, 0, 1).astype(np.float32)
        return found
