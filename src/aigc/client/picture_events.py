"""A streamed answer with pictures: progress on the way, and the pictures that it ends with.

Knows: the events of OpenAI's image streams (``*.partial_image``, ``*.completed``), and ours that tell the steps
(``*.progress``). Does not know: HTTP; bytes come from the client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aigc.client.picture_results import Picture, PictureAnswer, PictureProgress, picture_of
from aigc.client.wire import Events
from aigc.errors import EngineError, Unreachable

OnProgress = Callable[[PictureProgress], object]
"""Hears how far a picture has come; what it raises ends the request."""


class PictureEvents:
    """Reads the events of one answer.

    Args:
        count: pictures that were asked for.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._events = Events()
        self._pictures: dict[int, Picture] = {}
        self._steps = (0, 0)

    def feed(self, chunk: bytes) -> Iterator[PictureProgress]:
        """The progress that ``chunk`` tells. Raises: the error that the server sent, EngineError: a strange event."""
        for event in self._events.feed(chunk):
            try:
                yield from self._read(event)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise EngineError(f"the server's answer is not what the API promises: {str(event)[:120]}") from error

    def _read(self, event: Mapping[str, Any]) -> Iterator[PictureProgress]:
        kind = str(event["type"]).rpartition(".")[2]
        # OpenAI numbers the previews only: its streams carry one picture after the other.
        index = int(event.get("index", len(self._pictures)))
        if kind == "completed":
            self._pictures[index] = picture_of(event)
        elif kind == "progress":
            self._steps = (int(event["step"]), int(event["steps"]))
            yield PictureProgress(index, *self._steps)
        elif kind == "partial_image":
            yield PictureProgress(index, *self._steps, picture_of(event))

    def answer(self) -> PictureAnswer:
        """All pictures. Raises: Unreachable: the connection ended before they were there."""
        if len(self._pictures) != self._count:
            raise Unreachable("the connection ended in the middle of the answer", hint="ask again")
        return PictureAnswer(tuple(picture for _, picture in sorted(self._pictures.items())))
