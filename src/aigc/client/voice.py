"""A spoken conversation: `aigc.VoiceSession` and, for programs with ``await``, `aigc.AsyncVoiceSession`.

::

    with aigc.VoiceSession(system="Answer in one sentence.") as talk:
        answer = talk.ask("question.wav")
        print(answer.heard, answer.text)
        answer.save("answer.wav")

Knows: the events of `/v1/realtime`. Does not know: sockets, microphones.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from aigc.client import lines, wire
from aigc.client.address import locate
from aigc.client.base import _LOOPBACK
from aigc.client.lines import Line, LocalLine, SocketLine
from aigc.errors import EngineError, UserError

if TYPE_CHECKING:
    from aigc.settings import Settings

RATE = 24_000
"""Samples a second, both ways: 16-bit signed integers, little-endian, one channel."""
SYSTEM = "You are spoken to and your answer is read aloud. Answer in a few short sentences, without lists or markup."
"""What the model is told where nobody says anything else."""
_STEP_BYTES = RATE  # half a second


@dataclass(frozen=True, slots=True)
class UserSpeaks:
    """The user has begun to speak: a player falls silent now."""


@dataclass(frozen=True, slots=True)
class UserSaid:
    """What the user said."""

    text: str


@dataclass(frozen=True, slots=True)
class ModelSays:
    """More of the answer's words."""

    text: str


@dataclass(frozen=True, slots=True)
class ModelSounds:
    """More of the answer's sound."""

    data: bytes = field(repr=False)
    item_id: str = ""
    """Of the answer; `VoiceSession.heard` wants it."""


@dataclass(frozen=True)
class Spoken:
    """A complete answer."""

    text: str
    data: bytes = field(repr=False)
    """Its sound, as `RATE` says."""
    heard: str = ""
    """What was understood of the question."""
    status: Literal["completed", "cancelled", "incomplete"] = "completed"
    milliseconds: dict[str, int] = field(default_factory=dict)
    """From the end of the question to each step: transcribed, first_token, first_sentence, first_audio."""

    rate = RATE

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.data) / 2 / RATE

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a sound file, whole or not at all; the name's ending says which. Raises: UserError, StorageFull."""
        from aigc.client.speech import Speech

        return Speech(self.data).save(path)


VoiceEvent = UserSpeaks | UserSaid | ModelSays | ModelSounds | Spoken


class VoiceSession:
    """A conversation with a model that hears and speaks; a context manager.

    Args:
        model: the chat model.
        system: how it should behave; None: `SYSTEM`.
        voice: a voice of the speech model; None: its first one.
        speed: 0.25 to 1.5.
        language: of the user, ISO 639-1; None: it is found out with every turn.
        transcription: the model that writes down what is said.
        turns: whether the server hears by itself when the user has said all (for a microphone: `send` and `events`).
        silence_ms: how long a silence ends a turn; with less the answer comes sooner, and sometimes too soon.
        store: keep the words as a stored chat when the conversation is over.
        base_url: as of `aigc.Client`; also api_key and settings.
        line: a connection that is open already, instead of one to that address.
    Raises:
        AigcError: as over HTTP.
    """

    def __init__(
        self,
        *,
        model: str = "default",
        system: str | None = None,
        voice: str | None = None,
        speed: float = 1.0,
        language: str | None = None,
        transcription: str = "default",
        turns: bool = False,
        silence_ms: int = 500,
        store: bool = False,
        base_url: str | None = None,
        api_key: str | None = None,
        settings: Settings | None = None,
        line: Line | None = None,
    ) -> None:
        if settings is None:
            from aigc import settings as reader

            settings = reader.load()
        self._release: Settings | None = None
        self._reading = _Reading()
        self._line = line or self._open(model, store, base_url, api_key, settings)
        how = {"model": transcription, "language": language}
        hearing = {"type": "server_vad", "silence_duration_ms": silence_ms}
        self._tell(
            "session.update",
            session={
                "type": "realtime",
                "instructions": SYSTEM if system is None else system,
                "audio": {
                    "input": {"transcription": how, "turn_detection": hearing if turns else None},
                    "output": {"voice": voice, "speed": speed},
                },
            },
        )
        try:
            self._wait("session.updated")
        except BaseException:
            self.close()
            raise

    def _open(self, model: str, store: bool, base_url: str | None, api_key: str | None, settings: Settings) -> Line:
        address = locate(base_url, api_key, settings)
        path = "/realtime?" + urlencode({"model": model, "store": str(store).lower()})
        if address.base_url is not None:
            url = lines.socket_url(address.base_url, path)
            return SocketLine(url, address.api_key, own_machine=lines.host_of(url) in _LOOPBACK)
        from aigc.client import local

        thread, key = local.acquire(settings)
        self._release = settings
        try:
            return LocalLine(thread, f"/v1{path}", key)
        except BaseException:
            self._release = None
            local.release(settings)
            raise

    def ask(self, question: str | os.PathLike[str] | bytes) -> Spoken:
        """Put a spoken question and wait for the answer.

        Args:
            question: a sound file, or samples as `RATE` says; at most two minutes.
        Raises:
            UserError: the file can't be read, or nothing is said in it. AigcError: the answer failed.
        """
        sound = question if isinstance(question, bytes) else read_sound(Path(question))
        self.send(sound)
        self._tell("input_audio_buffer.commit")
        self._wait("input_audio_buffer.committed")  # what is no question must not be answered
        self._tell("response.create")
        return self._answer()

    def say(self, text: str) -> Spoken:
        """Put a written question; the answer is spoken. Raises: AigcError."""
        content = [{"type": "input_text", "text": text}]
        self._tell("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        self._tell("response.create")
        return self._answer()

    def _answer(self) -> Spoken:
        for event in self.events():
            if isinstance(event, Spoken):
                return event
        raise EngineError("the conversation ended without an answer")

    def send(self, sound: bytes) -> None:
        """What the user says, as it comes: samples as `RATE` says. Raises: Unreachable."""
        for start in range(0, len(sound), _STEP_BYTES):
            piece = base64.b64encode(sound[start : start + _STEP_BYTES]).decode()
            self._tell("input_audio_buffer.append", audio=piece)

    def events(self) -> Iterator[VoiceEvent]:
        """What happens, as it happens; ends with the conversation. Raises: AigcError: what the server complains of."""
        while True:
            yield from self._reading.read(self._next())

    def heard(self, item_id: str, milliseconds: int) -> None:
        """Tell that the user heard only so much of an answer: the rest is not remembered. Raises: Unreachable."""
        place = {"item_id": item_id, "content_index": 0}
        self._tell("conversation.item.truncate", **place, audio_end_ms=milliseconds)

    def close(self) -> None:
        """End the conversation; a second call does nothing."""
        self._line.close()
        if (settings := self._release) is not None:
            from aigc.client import local

            self._release = None
            local.release(settings)

    def _tell(self, kind: str, **fields: Any) -> None:
        self._line.send(json.dumps({"type": kind, **fields}))

    def _wait(self, kind: str) -> None:
        """For an event that comes at once. Raises: AigcError: another thing came of it."""
        while self._next()["type"] != kind:
            pass

    def _next(self) -> dict[str, Any]:
        event = lines.parsed(self._line.receive())
        if event.get("type") == "error":
            raise wire.error_from_envelope(event.get("error") or {}, 400)
        return event

    def __enter__(self) -> VoiceSession:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class _Reading:
    """From the server's events to ours."""

    def __init__(self) -> None:
        self._heard = ""
        self._text = ""
        self._data = bytearray()

    def read(self, event: dict[str, Any]) -> Iterator[VoiceEvent]:
        """Ours for one of the server's. Raises: the error that an answer ended with."""
        kind = event.get("type")
        if kind == "input_audio_buffer.speech_started":
            yield UserSpeaks()
        elif kind == "conversation.item.input_audio_transcription.completed":
            self._heard = event["transcript"]
            yield UserSaid(self._heard)
        elif kind == "conversation.item.input_audio_transcription.failed":
            raise wire.error_from_envelope(event.get("error") or {}, 500)
        elif kind == "response.created":
            self._text, self._data = "", bytearray()
        elif kind == "response.output_audio_transcript.delta":
            self._text += event["delta"]
            yield ModelSays(event["delta"])
        elif kind == "response.output_audio.delta":
            piece = base64.b64decode(event["delta"])
            self._data += piece
            yield ModelSounds(piece, event["item_id"])
        elif kind == "response.done":
            yield self._done(event["response"])

    def _done(self, response: dict[str, Any]) -> Spoken:
        if response["status"] == "failed":
            raise wire.error_from_envelope(response["status_details"]["error"] or {}, 500)
        heard, self._heard = self._heard, ""
        return Spoken(
            text=self._text.strip(),
            data=bytes(self._data),
            heard=heard,
            status=response["status"],
            milliseconds=dict(response.get("aigc", {}).get("milliseconds", {})),
        )


class AsyncVoiceSession:
    """`VoiceSession` for programs with ``await``: its calls run in threads.

    ::

        async with aigc.AsyncVoiceSession() as talk:
            answer = await talk.ask("question.wav")
    """

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._session: VoiceSession | None = None

    async def __aenter__(self) -> AsyncVoiceSession:
        self._session = await asyncio.to_thread(lambda: VoiceSession(**self._options))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def _open(self) -> VoiceSession:
        if self._session is None:
            raise UserError("the conversation has not begun; use `async with aigc.AsyncVoiceSession() as talk:`")
        return self._session

    async def ask(self, question: str | os.PathLike[str] | bytes) -> Spoken:
        """See `VoiceSession.ask`."""
        return await asyncio.to_thread(self._open.ask, question)

    async def say(self, text: str) -> Spoken:
        """See `VoiceSession.say`."""
        return await asyncio.to_thread(self._open.say, text)

    async def send(self, sound: bytes) -> None:
        """See `VoiceSession.send`."""
        await asyncio.to_thread(self._open.send, sound)

    async def events(self) -> AsyncIterator[VoiceEvent]:
        """See `VoiceSession.events`."""
        found = self._open.events()
        while (event := await asyncio.to_thread(next, found, None)) is not None:
            yield event

    async def heard(self, item_id: str, milliseconds: int) -> None:
        """See `VoiceSession.heard`."""
        await asyncio.to_thread(self._open.heard, item_id, milliseconds)

    async def close(self) -> None:
        """See `VoiceSession.close`."""
        if self._session is not None:
            await asyncio.to_thread(self._session.close)


def read_sound(path: Path) -> bytes:
    """The samples of a sound file, as `RATE` says. Raises: UserError: it can't be read."""
    import av

    pieces: list[bytes] = []
    try:
        with path.open("rb") as file, av.open(file, metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise UserError(f"{path} has no sound", param="question")
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            for frame in container.decode(container.streams.audio[0]):
                pieces += [out.to_ndarray().tobytes() for out in resampler.resample(frame)]
            pieces += [out.to_ndarray().tobytes() for out in resampler.resample(None)]
    except (OSError, ValueError) as error:  # PyAV's errors are both
        raise UserError(f"{path} can't be read: {error}", param="question") from error
    return b"".join(pieces)
