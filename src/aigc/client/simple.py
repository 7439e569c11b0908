"""``aigc.chat(...)`` and its siblings: one client for the whole process, made when it is first needed.

Knows: when that client has to be made anew. Does not know: HTTP, models.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, overload

from aigc.client import picture_requests, transcript_requests

if TYPE_CHECKING:
    from aigc.client.picture_requests import PictureRequest
    from aigc.client.picture_results import PictureAnswer
    from aigc.client.results import ChatAnswer, Completion, EmbeddingResult
    from aigc.client.speech import OnProgress as OnSpeech
    from aigc.client.speech import Speech
    from aigc.client.stream import Stream
    from aigc.client.sync import Client
    from aigc.client.transcript_requests import TranscriptAsk
    from aigc.client.transcript_results import Transcript
    from aigc.client.wire import Prompt

_lock = threading.Lock()
_made: tuple[object, Client] | None = None


def default_client() -> Client:
    """The client behind the module's functions; a new one after ``aigc.base_url``, ``aigc.api_key`` or the server on
    this machine has changed.
    """
    global _made
    import aigc
    from aigc import settings as reader
    from aigc.client.address import server_file
    from aigc.client.sync import Client

    settings = reader.load()
    try:
        server = server_file(settings).stat().st_mtime_ns
    except OSError:
        server = 0
    wanted = (aigc.base_url, aigc.api_key, settings, server)
    with _lock:
        if _made is None or _made[0] != wanted:
            # The old one is not closed here: a stream of it may still be read.
            _made = (wanted, Client(settings=settings))
        return _made[1]


@overload
def chat(
    prompt: Prompt, *, model: str = ..., stream: Literal[False] = ..., system: str | None = ..., **params: Any
) -> ChatAnswer: ...
@overload
def chat(
    prompt: Prompt, *, stream: Literal[True], model: str = ..., system: str | None = ..., **params: Any
) -> Stream[ChatAnswer]: ...
def chat(
    prompt: Prompt, *, model: str = "default", stream: bool = False, system: str | None = None, **params: Any
) -> ChatAnswer | Stream[ChatAnswer]:
    """Answer a question or continue a conversation; see `aigc.Client.chat`."""
    if stream:
        return default_client().chat(prompt, model=model, stream=True, system=system, **params)
    return default_client().chat(prompt, model=model, stream=False, system=system, **params)


@overload
def complete(
    prompt: str | Sequence[int], *, model: str = ..., stream: Literal[False] = ..., **params: Any
) -> Completion: ...
@overload
def complete(
    prompt: str | Sequence[int], *, stream: Literal[True], model: str = ..., **params: Any
) -> Stream[Completion]: ...
def complete(
    prompt: str | Sequence[int], *, model: str = "default", stream: bool = False, **params: Any
) -> Completion | Stream[Completion]:
    """Continue a text as it stands; see `aigc.Client.complete`."""
    if stream:
        return default_client().complete(prompt, model=model, stream=True, **params)
    return default_client().complete(prompt, model=model, stream=False, **params)


def embed(texts: str | Sequence[str], *, model: str = "default", **params: Any) -> EmbeddingResult:
    """Turn texts into unit vectors; see `aigc.Client.embed`."""
    return default_client().embed(texts, model=model, **params)


def speak(
    text: str,
    *,
    voice: str = "alloy",
    speed: float = 1.0,
    model: str = "default",
    on_progress: OnSpeech | None = None,
    **params: Any,
) -> Speech:
    """Speak a text of any length; see `aigc.client.speech.speak`."""
    return default_client().speak(text, voice=voice, speed=speed, model=model, on_progress=on_progress, **params)


P = ParamSpec("P")
Q = ParamSpec("Q")


def _asks(build: Callable[P, PictureRequest]) -> Callable[P, PictureAnswer]:
    """The function that sends what ``build`` makes."""

    @functools.wraps(build)
    def ask(*args: P.args, **kwargs: P.kwargs) -> PictureAnswer:
        return default_client().pictures(build(*args, **kwargs))

    return ask


def _listens(build: Callable[Q, TranscriptAsk]) -> Callable[Q, Transcript]:
    """The function that sends what ``build`` makes."""

    @functools.wraps(build)
    def ask(*args: Q.args, **kwargs: Q.kwargs) -> Transcript:
        return default_client().transcript(build(*args, **kwargs))

    return ask


generate = _asks(picture_requests.generate)
edit = _asks(picture_requests.edit)
vary = _asks(picture_requests.vary)
restore = _asks(picture_requests.restore)
panorama = _asks(picture_requests.panorama)
transcribe = _listens(transcript_requests.transcribe)
translate = _listens(transcript_requests.translate)
