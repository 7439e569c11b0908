"""The one way from the events of a runtime to picture files: for answers in one piece, streams and jobs alike.

Knows: events, which facts are written into a file. Does not know: HTTP, the JSON of an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from aigc.pictures import rasters
from aigc.pictures.encode import encode
from aigc.server import sse
from aigc.server.feed import Feed
from aigc.server.images.protocol import Output
from aigc.types import JSON, Event, ImageMade, ImageRequest, ImageStep, PictureRequest, Raster

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Progress:
    """Picture ``index`` has come so far."""

    index: int
    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class Preview:
    """Preview ``number`` of picture ``index``, as a file."""

    index: int
    number: int
    size: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Made:
    """Picture ``index``, as a file."""

    index: int
    size: str
    transparent: bool
    data: bytes
    seed: int | None
    facts: JSON


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing has come for one keep-alive interval."""


Told = Progress | Preview | Made | Silence


@dataclass
class Maker:
    """Turns the events of one request into files.

    Args:
        model: id of the model.
        request: what it was asked.
        output: how the files are to look.
        workshop: where files are written; a few threads for all requests, since each picture takes memory.
    """

    model: str
    request: PictureRequest
    output: Output
    workshop: Executor
    _previews: dict[int, int] = field(default_factory=dict)

    async def follow(self, feed: Feed) -> AsyncIterator[Told]:
        """What there is to tell, in its order. Raises: whatever the feed raises, UserError."""
        while (events := await feed.take(sse.KEEP_ALIVE_SECONDS)) is not None:
            if not events:
                yield Silence()
            for _, event in events:
                for told in await self._tell(event):
                    yield told

    async def _tell(self, event: Event) -> list[Told]:
        if isinstance(event, ImageMade):
            return [await self._made(event)]
        if not isinstance(event, ImageStep):
            return []
        told: list[Told] = [Progress(event.index, event.step, event.steps)]
        number = self._previews.get(event.index, 0)
        if event.preview is not None and number < self.output.previews:
            self._previews[event.index] = number + 1
            data = await self._encode(event.preview, None)
            told.append(Preview(event.index, number, _size(event.preview), data))
        return told

    async def _made(self, event: ImageMade) -> Made:
        facts = self._facts(event)
        data = await self._encode(event.image, facts)
        opaque = await self.work(partial(rasters.opacity, event.image)) is None
        return Made(event.index, _size(event.image), not opaque, data, event.seed, facts)

    async def _encode(self, picture: Raster, facts: JSON | None) -> bytes:
        form = self.output
        return await self.work(
            partial(encode, picture, form.format, quality=form.quality, facts=facts, param="output_format")
        )

    async def work(self, work: Callable[[], _Result]) -> _Result:
        """The result of ``work``, done in the workshop: beside the event loop. Raises: what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self.workshop, work)

    def _facts(self, event: ImageMade) -> JSON:
        """What the file says about its making: what was asked, and what the engine found worth telling."""
        asked: JSON = {"task": self.output.task, "model": self.model}
        if isinstance(self.request, ImageRequest):
            names = ("prompt", "steps", "guidance", "style", "strength")
            asked |= {name: getattr(self.request, name) for name in names}
            asked["masked"] = self.request.mask is not None or None
        else:
            asked |= {"repair": self.request.task, "scale": self.request.scale}
        facts = {**asked, "seed": event.seed, "size": _size(event.image), **event.facts}
        return {name: value for name, value in facts.items() if value not in (None, "")}


def _size(picture: Raster) -> str:
    return f"{picture.width}x{picture.height}"
