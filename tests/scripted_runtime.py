"""A runtime that answers from a script: what `aigc.server` is tested with, no model needed.

A script is a function from request to steps: an event is told, a number is waited for (seconds), an error is raised.
"""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import Callable, Iterator, Sequence

from aigc.errors import AigcError, UnsupportedParameter
from aigc.runtime import naming
from aigc.runtime.status import RuntimeStatus, WorkerStatus
from aigc.settings import Settings
from aigc.types import (
    Capability,
    Deliver,
    Delta,
    Embeddings,
    EmbedRequest,
    EngineFile,
    Event,
    Finished,
    ImageMade,
    ImageRequest,
    ImagesDone,
    ImageStep,
    ModelSpec,
    Request,
    RestoreRequest,
    SpeechRequest,
    Started,
    TextRequest,
    TokenizeRequest,
    TokenLogprob,
    Tokens,
    ToolCallDelta,
    TopLogprob,
    TranscribeRequest,
    Usage,
    Voice,
)
from tiny_painter import TinyPainter
from tiny_voice import VOICES, heard, spoken

Step = Event | float | AigcError | Exception
Script = Callable[[Request], Sequence[Step]]

FINGERPRINT = "scripted-1-abc"
WIDTH = 4


def spec(name: str, *capabilities: Capability, voices: tuple[Voice, ...] = ()) -> ModelSpec:
    return ModelSpec(
        id=name,
        capabilities=capabilities,
        engines=(EngineFile(engine="echo", path="/nowhere", memory_bytes=1),),
        context_tokens=4096,
        created=1_700_000_000,
        digest="0" * 64,
        licence="Apache-2.0",
        languages=("en",),
        embedding_width=WIDTH if "embedding" in capabilities else None,
        voices=voices,
    )


def logprob(token: str, top: int) -> TokenLogprob:
    rivals = [(token, -0.25), (" other", -2.0), (" third", -3.0)][:top]
    return TokenLogprob(
        token=token,
        bytes=tuple(token.encode()),
        logprob=-0.25,
        top=tuple(TopLogprob(token=text, bytes=tuple(text.encode()), logprob=value) for text, value in rivals),
    )


def pieces(request: TextRequest) -> list[str]:
    if request.schema is not None:
        return ["{", '"answer"', ": 42", "}"]
    return ["Paris", " is", " the", " capital", "."]


def painted(request: ImageRequest | RestoreRequest) -> Iterator[Step]:
    """What `aigc.engines.pictures.PictureService` would tell."""
    painter = TinyPainter()
    painter.check(request)
    for index in range(request.n if isinstance(request, ImageRequest) else 1):
        told: list[Step] = []
        painting = painter.paint(
            request,
            index,
            lambda step, steps, preview, told=told, index=index: told.append(  # type: ignore[misc]
                ImageStep(index=index, step=step, steps=steps, preview=preview)
            ),
        )
        yield from told
        yield ImageMade(index=index, image=painting.image, seed=painting.seed, facts=painting.facts)
    yield ImagesDone(fingerprint=painter.fingerprint)


def answer(request: Request) -> Iterator[Step]:
    """What a well-behaved engine would tell."""
    if isinstance(request, (ImageRequest, RestoreRequest)):
        yield from painted(request)
        return
    if isinstance(request, (SpeechRequest, TranscribeRequest)):
        yield from spoken(request) if isinstance(request, SpeechRequest) else heard(request)
        return
    if isinstance(request, EmbedRequest):
        width = request.dimensions or WIDTH
        value = 1 / math.sqrt(width)
        vectors = struct.pack(f"<{width * len(request.inputs)}f", *([value] * width * len(request.inputs)))
        yield Embeddings(vectors=vectors, width=width, prompt_tokens=3 * len(request.inputs), fingerprint=FINGERPRINT)
        return
    if isinstance(request, TokenizeRequest):
        text = request.text if request.text is not None else "".join(m.content for m in request.messages or ())
        yield Tokens(ids=tuple(range(len(text))), pieces=tuple(text))
        return
    if request.reasoning_effort not in (None, "none", "minimal", "medium"):  # as a model with a switch and no dial
        raise UnsupportedParameter("there is no dial for 'reasoning_effort'", param="reasoning_effort")
    yield Started(prompt_tokens=7, fingerprint=FINGERPRINT)
    calls = request.tools and request.tool_choice.mode == "required"
    for index in range(request.n):
        if calls:
            name = (request.tool_choice.names or (request.tools[0].name,))[0]
            kind = next(tool.kind for tool in request.tools if tool.name == name)
            yield Delta(index=index, tool_calls=(ToolCallDelta(index=0, id=f"call_{index}", name=name, kind=kind),))
            for piece in ('{"city":', '"Paris"}'):
                yield Delta(index=index, tool_calls=(ToolCallDelta(index=0, arguments=piece, kind=kind),))
            yield Finished(index=index, reason="tool_calls")
            continue
        if request.reasoning_effort == "medium":
            yield Delta(index=index, reasoning="France ... ")
            yield Delta(index=index, reasoning="Paris?")
        if request.echo and isinstance(request.prompt, str):
            yield Delta(index=index, text=request.prompt)
        words = pieces(request)[: request.max_tokens or None]
        for word in words:
            top = request.top_logprobs
            yield Delta(index=index, text=word, logprobs=() if top is None else (logprob(word, top),))
        yield Finished(index=index, reason="length" if len(words) < len(pieces(request)) else "stop")
    yield Usage(prompt_tokens=7, completion_tokens=5 * request.n, cached_tokens=2, fingerprint=FINGERPRINT)


class ScriptedRuntime:
    """``scripted`` (chat, completion), ``team/chat-model`` (chat), ``vectors`` (embedding), three for pictures, two
    for sound."""

    def __init__(self, settings: Settings) -> None:
        self.script: Script = lambda request: list(answer(request))
        self.requests: list[tuple[str, Request]] = []
        self.running = 0
        self.is_ready = True
        self.started = self.closed = 0
        self._models = [
            spec("scripted", "chat", "completion"),
            spec("team/chat-model", "chat"),
            spec("vectors", "embedding"),
            spec("aigc-v1", "image", "image_edit"),
            spec("aigc-scenes", "image", "panorama"),
            spec("aigc-restore", "restoration"),
            spec("aigc-voice", "speech", voices=VOICES),
            spec("whisper-base", "transcription", "translation"),
        ]
        self._aliases = naming.aliases(settings)

    async def start(self) -> None:
        self.started += 1

    async def close(self) -> None:
        self.closed += 1

    def models(self) -> list[ModelSpec]:
        return list(self._models)

    @property
    def aliases(self) -> dict[str, str]:
        return dict(self._aliases)

    def resolve(self, name: str, capability: Capability) -> str:
        return naming.resolve(name, capability, self._aliases, self._models, "scripted").id

    async def answer(self, model: str, request: Request, deliver: Deliver) -> None:
        self.requests.append((model, request))
        self.running += 1
        try:
            for step in self.script(request):
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, (int, float)):
                    await asyncio.sleep(step)
                else:
                    deliver(step)
                    await asyncio.sleep(0)  # as if each came in a frame of its own
        finally:
            self.running -= 1

    async def ask(self, model: str, request: Request) -> Event:
        events: list[Event] = []
        await self.answer(model, request, events.append)
        return events[-1]

    async def ready(self) -> bool:
        return self.is_ready

    def status(self) -> RuntimeStatus:
        worker = WorkerStatus(
            model="scripted",
            engine="echo",
            state="ready",
            pid=1234,
            rss_bytes=1000,
            reserved_bytes=2000,
            running=self.running,
            waiting=0,
            idle_seconds=0.0,
            restarts=0,
        )
        return RuntimeStatus(workers=(worker,), memory_budget_bytes=10_000, memory_reserved_bytes=2000)
