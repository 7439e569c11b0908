"""The services of a worker that speaks or listens: requests on one side, a `Speaker` or a `Listener` on the other.

A request that is cancelled ends with the piece that is being computed.

Knows: the order of events. Does not know: what is inside of the engines, sockets, HTTP, file formats.
"""

from __future__ import annotations

from aigc.engines.base import Listener, Speaker
from aigc.engines.one_by_one import OneByOne, Tell
from aigc.errors import UserError
from aigc.types import (
    Event,
    Request,
    SpeechDone,
    SpeechRequest,
    TranscribeRequest,
    TranscriptDone,
    TranscriptSegment,
    TranscriptStep,
)


class SpeechService(OneByOne[Speaker]):
    """`aigc.engines.base.Service` for speech."""

    def _answer(self, request: Request, tell: Tell) -> Event:
        if not isinstance(request, SpeechRequest):
            raise UserError(f"the model {self._spec.id!r} speaks only", param="model")
        self._engine.check(request)
        seconds = 0.0
        for piece in self._engine.speak(request):
            seconds += piece.sound.seconds
            tell(piece)
        return SpeechDone(seconds=seconds, fingerprint=self._engine.fingerprint)


class TranscriptService(OneByOne[Listener]):
    """`aigc.engines.base.Service` for transcripts."""

    def _answer(self, request: Request, tell: Tell) -> Event:
        if not isinstance(request, TranscribeRequest):
            raise UserError(f"the model {self._spec.id!r} writes down speech only", param="model")
        self._engine.check(request)
        heard = 0.0
        for event in self._engine.listen(request):
            if isinstance(event, TranscriptStep):
                heard = max(heard, event.seconds)
            elif isinstance(event, TranscriptSegment):
                heard = max(heard, event.end)
            tell(event)
        return TranscriptDone(seconds=heard, fingerprint=self._engine.fingerprint)
