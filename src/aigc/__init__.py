"""A private ChatGPT, picture studio and voice in one Python package.

::

    import aigc

    print(aigc.chat("What is the capital of France?"))
    for delta in aigc.chat("Tell me a story", stream=True):
        print(delta.text, end="", flush=True)
    aigc.embed(["one text", "another"]).vectors
    aigc.generate("a lake under mountains at dawn", seed=7).save("lake.png")
    aigc.speak("Good morning!").save("morning.mp3")
    aigc.transcribe("talk.mp3").text

The models run in this process, or on the server that `base_url` (or ``AIGC_BASE_URL``) names, or on the one that
``aigc serve`` started on this machine. Errors are the classes of `aigc.errors`.

Knows: names. What they stand for is imported when it is first used, so that ``import aigc`` takes milliseconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aigc import errors
    from aigc.client.aio import AsyncClient
    from aigc.client.picture_results import Picture, PictureAnswer, PictureProgress
    from aigc.client.results import (
        ChatAnswer,
        Choice,
        Completion,
        Delta,
        EmbeddingResult,
        ModelInfo,
        TokenLogprob,
        ToolCall,
        Usage,
    )
    from aigc.client.simple import (
        chat,
        complete,
        edit,
        embed,
        generate,
        panorama,
        restore,
        speak,
        transcribe,
        translate,
        vary,
    )
    from aigc.client.speech import Speech, SpeechProgress
    from aigc.client.stream import AsyncStream, Stream
    from aigc.client.sync import Client
    from aigc.client.transcript_results import Transcript, TranscriptProgress
    from aigc.client.voice import AsyncVoiceSession, Spoken, VoiceSession
    from aigc.errors import AigcError

__version__ = "0.1.0"

api_key: str | None = None
"""Key for the server; ``None``: ``AIGC_API_KEY``, or the one that a server on this machine left for its user."""

base_url: str | None = None
"""Address of the server, like ``http://127.0.0.1:8400/v1``; ``None``: ``AIGC_BASE_URL``, a server on this machine, or
this process."""

_HOMES = {
    "AigcError": "aigc.errors",
    "AsyncClient": "aigc.client.aio",
    "AsyncStream": "aigc.client.stream",
    "AsyncVoiceSession": "aigc.client.voice",
    "ChatAnswer": "aigc.client.results",
    "Choice": "aigc.client.results",
    "Client": "aigc.client.sync",
    "Completion": "aigc.client.results",
    "Delta": "aigc.client.results",
    "EmbeddingResult": "aigc.client.results",
    "ModelInfo": "aigc.client.results",
    "Picture": "aigc.client.picture_results",
    "PictureAnswer": "aigc.client.picture_results",
    "PictureProgress": "aigc.client.picture_results",
    "Speech": "aigc.client.speech",
    "SpeechProgress": "aigc.client.speech",
    "Spoken": "aigc.client.voice",
    "Stream": "aigc.client.stream",
    "TokenLogprob": "aigc.client.results",
    "ToolCall": "aigc.client.results",
    "Transcript": "aigc.client.transcript_results",
    "TranscriptProgress": "aigc.client.transcript_results",
    "Usage": "aigc.client.results",
    "VoiceSession": "aigc.client.voice",
    "chat": "aigc.client.simple",
    "complete": "aigc.client.simple",
    "edit": "aigc.client.simple",
    "embed": "aigc.client.simple",
    "generate": "aigc.client.simple",
    "panorama": "aigc.client.simple",
    "restore": "aigc.client.simple",
    "speak": "aigc.client.simple",
    "transcribe": "aigc.client.simple",
    "translate": "aigc.client.simple",
    "vary": "aigc.client.simple",
}

__all__ = [
    "AigcError",
    "AsyncClient",
    "AsyncStream",
    "AsyncVoiceSession",
    "ChatAnswer",
    "Choice",
    "Client",
    "Completion",
    "Delta",
    "EmbeddingResult",
    "ModelInfo",
    "Picture",
    "PictureAnswer",
    "PictureProgress",
    "Speech",
    "SpeechProgress",
    "Spoken",
    "Stream",
    "TokenLogprob",
    "ToolCall",
    "Transcript",
    "TranscriptProgress",
    "Usage",
    "VoiceSession",
    "__version__",
    "api_key",
    "base_url",
    "chat",
    "complete",
    "edit",
    "embed",
    "errors",
    "generate",
    "panorama",
    "restore",
    "speak",
    "transcribe",
    "translate",
    "vary",
]


def __getattr__(name: str) -> object:
    if name == "errors":
        return importlib.import_module("aigc.errors")
    if name in _HOMES:
        found = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module 'aigc' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
