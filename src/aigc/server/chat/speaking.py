"""A chat's answer as sound with its words, whole or as a stream.

Knows: `modalities`, `audio` of OpenAI's chat. Does not know: how sentences are found or spoken.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from aigc.errors import AigcError
from aigc.server import errors, sse, trace
from aigc.server.answers import Choice, Keep
from aigc.server.chat.answer import ChatForm
from aigc.server.chat.messages import AssistantMessage
from aigc.server.chat.protocol import ChatRequest, SpokenForm
from aigc.server.errors import InvalidValue
from aigc.server.feed import while_connected
from aigc.server.limits import closing_of
from aigc.server.ports import Runtime
from aigc.server.speech.protocol import CLOUD_VOICES
from aigc.server.voice.reply import Part, Reply, Timing, Words
from aigc.sounds.encode import Encoder
from aigc.types import Delta, Finished, Samples, SpeechPiece, SpeechRequest, Started, TextRequest, ToolCallDelta, Usage

_KEPT_SECONDS = 3600
_MOST_KEPT = 4096
_RATE = 24_000


class Said:
    """Words of answers that were spoken within the last hour: a client may give their id instead of repeating them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[str, str, int]] = OrderedDict()

    def remember(self, owner: str, words: str) -> tuple[str, int]:
        """Keep ``words``. Returns: their id and when they are forgotten (Unix seconds)."""
        audio_id, expires = f"audio_{secrets.token_hex(12)}", int(time.time()) + _KEPT_SECONDS
        self._kept[audio_id] = (owner, words, expires)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return audio_id, expires

    def recalled(self, body: ChatRequest, owner: str) -> ChatRequest:
        """The request with words where an id was. Raises: InvalidValue: nobody knows that id."""
        messages = list(body.messages)
        for at, message in enumerate(messages):
            if isinstance(message, AssistantMessage) and message.audio is not None:
                words = self._words(message.audio.id, owner, f"messages.{at}.audio.id")
                content = words if message.content is None else message.content
                messages[at] = message.model_copy(update={"content": content, "audio": None})
        return body.model_copy(update={"messages": messages})

    def _words(self, audio_id: str, owner: str, param: str) -> str:
        whose, words, expires = self._kept.get(audio_id, ("", "", 0))
        if whose != owner or expires < time.time():
            raise InvalidValue(
                f"{param} is {audio_id!r}, which is not known here (any more); accepted: the words as content",
                param=param,
            )
        return words


@dataclass(frozen=True)
class Speaking:
    """Who speaks, and how."""

    model: str
    voice: str | None
    format: str

    @classmethod
    def of(cls, runtime: Runtime, form: SpokenForm) -> Speaking:
        """As a request says. Raises: UnknownModel: nobody here speaks."""
        model, voice = runtime.resolve("default", "speech"), form.voice_id
        spec = next(spec for spec in runtime.models() if spec.id == model)
        own = any(known.id == voice for known in spec.voices)
        return cls(model, None if voice in CLOUD_VOICES and not own else voice, form.format)

    def __call__(self, text: str) -> SpeechRequest:
        """The request for one sentence."""
        return SpeechRequest(text=text, voice=self.voice)


@dataclass
class _Whole:
    """An answer that is being collected."""

    words: str = ""
    sound: list[Samples] = field(default_factory=list)
    calls: list[ToolCallDelta] = field(default_factory=list)
    reason: str = "stop"
    usage: Usage | None = None

    def add(self, part: Part) -> None:
        if isinstance(part, (Words, SpeechPiece)):
            self.words += part.text
        if isinstance(part, SpeechPiece):
            self.sound.append(part.sound)
        elif isinstance(part, Delta):
            for call in part.tool_calls:
                if call.id is not None:
                    self.calls.append(call)
                else:
                    before = self.calls[-1]
                    self.calls[-1] = ToolCallDelta(
                        index=before.index,
                        id=before.id,
                        name=before.name,
                        arguments=before.arguments + call.arguments,
                        kind=before.kind,
                    )
        elif isinstance(part, Finished):
            self.reason = part.reason
        elif isinstance(part, Usage):
            self.usage = part

    def file(self, format: str) -> bytes:
        """The sound in one piece."""
        if not self.sound:
            return b""
        encoder = Encoder("pcm" if format == "pcm16" else format, self.sound[0].rate)  # type: ignore[arg-type]
        return b"".join(map(encoder.push, self.sound)) + encoder.finish()


class SpokenAnswer(Response):
    """The response to a chat that wants to be spoken to.

    Args:
        runtime: who answers.
        model: id of the chat model.
        request: what it is asked.
        form: how the answer looks.
        speaking: who speaks.
        remember: keeps the words; gives an id and when it ends.
        stream: as server-sent events.
        keep: as of `aigc.server.answers.TextAnswer`.
    """

    def __init__(
        self,
        runtime: Runtime,
        model: str,
        request: TextRequest,
        form: ChatForm,
        speaking: Speaking,
        remember: Callable[[str], tuple[str, int]],
        *,
        stream: bool,
        keep: Keep | None,
    ) -> None:
        super().__init__()
        self._model = model
        self._form = form
        self._speaking = speaking
        self._remember = remember
        self._stream = stream
        self._keep = keep
        self._timing = Timing()
        self._reply = Reply(runtime, model, request, speaking.model, speaking, self._timing)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; called by Starlette."""
        notes = trace.of(scope)
        notes.model, notes.stream = self._model, self._stream
        answer = self._answer_stream if self._stream else self._answer_whole
        await while_connected(closing_of(scope).race(answer(notes, scope, receive, send)), receive)

    async def _answer_whole(self, notes: trace.Trace, scope: Scope, receive: Receive, send: Send) -> None:
        whole = _Whole()
        async for part in self._reply.parts():
            whole.add(part)
        body = self._body(whole, notes)
        if self._keep is not None:
            await self._keep(scope, body)
        await Response(body, media_type="application/json")(scope, receive, send)

    def _body(self, whole: _Whole, notes: trace.Trace) -> bytes:
        assert whole.usage is not None, "it is the last event"
        notes.add(whole.usage)
        choice = Choice(text=whole.words.strip(), tool_calls=whole.calls, reason=whole.reason)
        if not whole.words.strip():
            return self._form.whole([choice], whole.usage)
        audio_id, expires = self._remember(choice.text)
        sound = base64.b64encode(whole.file(self._speaking.format)).decode()
        audio = {"id": audio_id, "data": sound, "transcript": choice.text, "expires_at": expires}
        return self._form.whole([choice], whole.usage, audio)

    async def _answer_stream(self, notes: trace.Trace, scope: Scope, receive: Receive, send: Send) -> None:
        parts = self._reply.parts()
        first = await parts.__anext__()  # until here a refusal has a status of its own
        await send({"type": "http.response.start", "status": 200, "headers": list(sse.HEADERS)})
        await _send(send, self._form.opening())
        try:
            await sse.alive(self._go_on(first, parts, notes, scope, send), send)
        except Exception as error:
            ours = error if isinstance(error, AigcError) else errors.from_unexpected(error, notes.id)
            notes.error = ours.code
            await _send(send, sse.failure(ours))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _go_on(
        self, first: Part, parts: AsyncIterator[Part], notes: trace.Trace, scope: Scope, send: Send
    ) -> None:
        whole, pieces = _Whole(), _Pieces(self._form)
        await _send(send, pieces.add(first))
        async for part in parts:
            whole.add(part)
            if isinstance(part, SpeechPiece) and notes.first_token_seconds is None:
                notes.first_token_seconds = notes.seconds()
            if body := pieces.add(part):
                await _send(send, body)
        assert whole.usage is not None, "it is the last event"
        notes.add(whole.usage)
        end = pieces.end
        if words := whole.words.strip():
            audio_id, expires = self._remember(words)
            end = self._form.spoken({"id": audio_id, "expires_at": expires}) + end
            if self._keep is not None:
                audio: dict[str, Any] = {"id": audio_id, "data": "", "transcript": words, "expires_at": expires}
                choice = Choice(text=words, tool_calls=whole.calls, reason=whole.reason)
                await self._keep(scope, self._form.whole([choice], whole.usage, audio))
        await _send(send, end + self._form.closing(whole.usage) + sse.DONE)


class _Pieces:
    """From the parts of a reply to chunks."""

    def __init__(self, form: ChatForm) -> None:
        self._form = form
        self._encoder: Encoder | None = None
        self.end = b""
        """The chunk with the reason, which is the last but one."""

    def add(self, part: Part) -> bytes:
        if isinstance(part, (Started, Delta)):
            return self._form.event(0, part)
        if isinstance(part, Finished):
            self.end = self._sound(self._encoder.finish() if self._encoder else b"") + self._form.event(0, part)
            return b""
        if isinstance(part, Usage):
            return b""
        words = self._form.spoken({"transcript": part.text})
        if isinstance(part, Words):
            return words
        if self._encoder is None:
            self._encoder = Encoder("pcm", part.sound.rate)
        return words + self._sound(self._encoder.push(part.sound))

    def _sound(self, data: bytes) -> bytes:
        return self._form.spoken({"data": base64.b64encode(data).decode()}) if data else b""


async def _send(send: Send, body: bytes) -> None:
    if body:
        await send({"type": "http.response.body", "body": body, "more_body": True})
