"""The picture service of a worker: requests on one side, a `Painter` on the other.

A request that is cancelled ends between two steps of the picture that is being painted.

Knows: the order of events. Does not know: what is inside of a painter, sockets, HTTP, file formats.
"""

from __future__ import annotations

from aigc.engines.base import Painter, Report
from aigc.engines.one_by_one import OneByOne, Tell
from aigc.errors import UserError
from aigc.types import (
    Event,
    ImageMade,
    ImageRequest,
    ImagesDone,
    ImageStep,
    PictureRequest,
    Raster,
    Request,
    RestoreRequest,
)


class PictureService(OneByOne[Painter]):
    """`aigc.engines.base.Service` for pictures."""

    def _answer(self, request: Request, tell: Tell) -> Event:
        if not isinstance(request, ImageRequest | RestoreRequest):
            raise UserError(f"the model {self._spec.id!r} makes pictures only", param="model")
        self._engine.check(request)
        for index in range(request.n if isinstance(request, ImageRequest) else 1):
            painting = self._engine.paint(request, index, _reporter(index, request, tell))
            tell(ImageMade(index=index, image=painting.image, seed=painting.seed, facts=painting.facts))
        return ImagesDone(fingerprint=self._engine.fingerprint)


def _reporter(index: int, request: PictureRequest, tell: Tell) -> Report:
    wanted = isinstance(request, ImageRequest) and request.previews > 0

    def report(step: int, steps: int, preview: Raster | None) -> None:
        tell(ImageStep(index=index, step=step, steps=steps, preview=preview if wanted else None))

    return report
