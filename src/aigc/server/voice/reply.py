"""A spoken answer: words from a chat model, sentence by sentence into a speaker, while the words still come.

Leaving it ends both at once, the writing and the speaking: their requests are cancelled in their workers.

Knows: the order of things, and when each happened. Does not know: sockets, JSON, histories.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from aigc.server.feed import Feed
from aigc.server.ports import Runtime
from aigc.server.voice.sentences import Sentences, speakable
from aigc.types import (
    Deliver,
    Delta,
    Event,
    Finished,
    SpeechPiece,
    SpeechRequest,
    Started,
    TextRequest,
    TranscribeRequest,
    TranscriptDone,
    TranscriptSegment,
    TranscriptStarted,
    Usage,
)

_PATIENCE_SECONDS = 60.0
"""How long a wait for the next event lasts before it begins again; nothing depends on it."""


@dataclass
class Timing:
    """When each part of a turn was done, in seconds of `time.perf_counter`."""

    began: float = field(default_factory=time.perf_counter)
    marks: dict[str, float] = field(default_factory=dict)

    def mark(self, name: str) -> None:
        """It happened now; the first time counts."""
        self.marks.setdefault(name, time.perf_counter())

    def milliseconds(self) -> dict[str, int]:
        """From the beginning to each mark."""
        return {name: round((at - self.began) * 1000) for name, at in self.marks.items()}


class Words(msgspec.Struct, frozen=True):
    """Text that is shown but has no sound: of an answer in writing, or with nothing to say in it."""

    text: str


Part = Words | SpeechPiece | Delta | Finished | Started | Usage
"""What a reply consists of: text with or without its sound, calls of tools (in a `Delta`), the end, the cost."""


class Voicing(Protocol):
    """Makes the request for one sentence."""

    def __call__(self, text: str) -> SpeechRequest:
        """With the voice and speed of the conversation."""
        ...


class Reply:
    """One answer.

    Args:
        runtime: who answers.
        model: id of the chat model.
        request: what it is asked, with one choice.
        speaker: id of the model that speaks, or None for an answer in writing.
        voicing: how a sentence is to be spoken.
        timing: where it is noted when the first token, the first sentence and the first sound came.
    """

    def __init__(
        self,
        runtime: Runtime,
        model: str,
        request: TextRequest,
        speaker: str | None,
        voicing: Voicing,
        timing: Timing,
    ) -> None:
        self._runtime = runtime
        self._model = model
        self._request = request
        self._speaker = speaker
        self._voicing = voicing
        self._timing = timing
        self._sentences = Sentences()
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue()

    async def parts(self) -> AsyncIterator[Part]:
        """The answer, until it is complete. Raises: AigcError."""
        sources = [self._write] if self._speaker is None else [self._write, self._speak]
        held: list[Part] = []
        async with Feed(sources) as feed:
            while (events := await feed.take(_PATIENCE_SECONDS)) is not None:
                for source, event in events:
                    if isinstance(event, (Finished, Usage)) and self._speaker is not None:
                        held.append(event)  # it is not over before it is said
                        continue
                    for part in self._shown(event, said=source > 0):
                        yield part
        for part in held:
            yield part

    def _shown(self, event: Event, *, said: bool) -> list[Part]:
        if isinstance(event, Delta):
            shows = said or self._speaker is None
            written: list[Part] = [Words(event.text)] if event.text and shows else []
            return [*written, event] if event.tool_calls else written
        if isinstance(event, SpeechPiece):
            self._timing.mark("first_audio")
        return [event] if isinstance(event, (Started, Finished, Usage, SpeechPiece)) else []

    async def _write(self, deliver: Deliver) -> None:
        def take(event: Event) -> None:
            if isinstance(event, Delta) and event.text:
                self._timing.mark("first_token")
                for sentence in self._sentences.feed(event.text):
                    self._say(sentence)
            deliver(event)

        await self._runtime.answer(self._model, self._request, take)
        if rest := self._sentences.rest():
            self._say(rest)
        self._waiting.put_nowait(None)

    def _say(self, sentence: str) -> None:
        self._timing.mark("first_sentence")
        self._waiting.put_nowait(sentence)

    async def _speak(self, deliver: Deliver) -> None:
        assert self._speaker is not None
        while (sentence := await self._waiting.get()) is not None:
            if speakable(sentence):
                await self._runtime.answer(self._speaker, self._voicing(sentence), deliver)
            else:
                deliver(Delta(index=0, text=sentence))


class Heard(msgspec.Struct, frozen=True):
    """What was said in a sound."""

    text: str
    language: str | None
    seconds: float
    """Of the sound."""
    segments: tuple[TranscriptSegment, ...]


async def hear(runtime: Runtime, model: str, request: TranscribeRequest) -> Heard:
    """Write down what is said. Raises: AigcError."""
    segments: list[TranscriptSegment] = []
    language, seconds = None, 0.0

    def take(event: Event) -> None:
        nonlocal language, seconds
        if isinstance(event, TranscriptSegment):
            segments.append(event)
        elif isinstance(event, TranscriptStarted):
            language = event.language
        elif isinstance(event, TranscriptDone):
            seconds = event.seconds

    await runtime.answer(model, request, take)
    text = "".join(segment.text for segment in segments).strip()
    return Heard(text, language, seconds, tuple(segments))
