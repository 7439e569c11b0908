"""One response: from the conversation to the events of its items, and how it ends.

Knows: OpenAI's response events. Does not know: client events, sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec

from aigc.errors import AigcError, ContextOverflow
from aigc.server import errors
from aigc.server.ports import Runtime
from aigc.server.realtime.config import Session
from aigc.server.realtime.conversation import Conversation, Item, Part, new_id
from aigc.server.realtime.events import ResponseParams
from aigc.server.realtime.mouth import Mouth
from aigc.server.realtime.tools import to_choice, to_tools
from aigc.server.speech.protocol import CLOUD_VOICES
from aigc.server.voice.reply import Part as ReplyPart
from aigc.server.voice.reply import Reply, Timing, Words
from aigc.types import (
    Delta,
    Finished,
    Message,
    SpeechPiece,
    SpeechRequest,
    Started,
    TextRequest,
    ToolCallDelta,
    Usage,
    Voice,
)

Reason = Literal["turn_detected", "client_cancelled"]
_KEPT_SHARE = 0.75
"""Of the messages, when they are too long for the model: one more cut costs a whole new prompt, so a quarter goes."""


class Gone(Exception):
    """The client can't be reached any more."""


class Emit(Protocol):
    """Sends an event to the client."""

    def __call__(self, kind: str, **fields: Any) -> Awaitable[None]:
        """``kind`` is the event's type. Raises: Gone."""
        ...


@dataclass(frozen=True)
class Models:
    """The models of a session; the one that speaks is looked up when it is needed."""

    chat: str
    runtime: Runtime

    def speech(self) -> str:
        """Id of the model that speaks. Raises: UnknownModel: none is installed."""
        return self.runtime.resolve("default", "speech")

    def voices(self) -> Sequence[Voice]:
        """Of the model that speaks. Raises: UnknownModel: none is installed."""
        speaker = self.speech()
        return next((spec.voices for spec in self.runtime.models() if spec.id == speaker), ())


class Answering:
    """One response, in a task of its own.

    Args:
        runtime: who answers.
        models: which of them.
        config: of the session.
        params: what is different for this answer.
        conversation: what is answered.
        emit: takes the events.
        timing: began when the user's turn ended.
        note: told what the answer cost.
    """

    def __init__(
        self,
        runtime: Runtime,
        models: Models,
        config: Session,
        params: ResponseParams,
        conversation: Conversation,
        emit: Emit,
        timing: Timing,
        note: Callable[[Usage], None],
    ) -> None:
        self.id = new_id("resp")
        self._runtime = runtime
        self._models = models
        self._config = _effective(config, params)
        self._params = params
        self._conversation = conversation
        self._emit = emit
        self._timing = timing
        self._note = note
        self._spoken = self._config.output_modalities == ["audio"]
        self._output: list[Item] = []
        self._mouth = Mouth(self._config.audio.output.format)
        self._usage: Usage | None = None
        self._reason: Reason | None = None
        self._finish = "stop"
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.ensure_future(self._run())

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._task is not None and self._task.done()

    async def cancel(self, reason: Reason) -> None:
        """End it now, and tell so; what was said already stays in the conversation."""
        assert self._task is not None
        self._reason = self._reason or reason
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def abandon(self) -> None:
        """End it now; nobody is there to be told."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        status = "completed"
        details: dict[str, Any] | None = None
        try:
            await self._emit("response.created", response=self._json("in_progress", None))
            await self._conversation.written()
            await self._answer()
            if self._finish == "length":
                status, details = "incomplete", {"type": "incomplete", "reason": "max_output_tokens"}
        except asyncio.CancelledError:
            if self._reason is None:
                raise
            status, details = "cancelled", {"type": "cancelled", "reason": self._reason}
        except Gone:
            raise
        except Exception as error:
            ours = error if isinstance(error, AigcError) else errors.from_unexpected(error, self.id)
            told = {"type": ours.type, "code": ours.code, "message": ours.message}
            status, details = "failed", {"type": "failed", "error": told}
        await self._close("completed" if status == "completed" else "incomplete")
        await self._emit("response.done", response=self._json(status, details))

    async def _answer(self) -> None:
        request = self._request()
        while True:
            speaker = self._models.speech() if self._spoken else None
            reply = Reply(self._runtime, self._models.chat, request, speaker, self._voiced, self._timing)
            try:
                async for part in reply.parts():
                    await self._tell(part)
                return
            except ContextOverflow:
                shorter = self._shorter(request)
                if self._output or shorter is None:
                    raise
                request = shorter

    def _request(self) -> TextRequest:
        config, messages = self._config, self._conversation.messages()
        if config.instructions:
            messages = [Message(role="system", content=config.instructions), *messages]
        tools = to_tools(config.tools)
        return TextRequest(
            messages=tuple(messages),
            tools=tools,
            tool_choice=to_choice(config.tool_choice, tools),
            parallel_tool_calls=config.parallel_tool_calls is not False,
            max_tokens=None if config.max_output_tokens == "inf" else config.max_output_tokens,
            reasoning_effort=None if config.reasoning is None else config.reasoning.effort,
        )

    def _shorter(self, request: TextRequest) -> TextRequest | None:
        """Without the oldest messages; None where that is switched off or no longer possible."""
        messages = list(request.messages or ())
        head = messages[:1] if self._config.instructions else []
        tail = messages[len(head) :]
        if self._config.truncation == "disabled" or len(tail) < 2:
            return None
        return msgspec.structs.replace(request, messages=(*head, *tail[-max(1, int(len(tail) * _KEPT_SHARE)) :]))

    def _voiced(self, text: str) -> SpeechRequest:
        output = self._config.audio.output
        own = any(voice.id == output.voice for voice in self._models.voices())
        voice = None if output.voice in CLOUD_VOICES and not own else output.voice
        return SpeechRequest(text=text, voice=voice, speed=output.speed)

    async def _tell(self, part: ReplyPart) -> None:
        if isinstance(part, Usage):
            self._usage = part
            self._note(part)
        elif isinstance(part, Finished):
            self._finish = part.reason
        elif isinstance(part, Words):
            await self._say(part.text, None)
        elif isinstance(part, SpeechPiece):
            await self._say(part.text, part)
        elif isinstance(part, Delta):
            for call in part.tool_calls:
                await self._call(call)
        else:
            assert isinstance(part, Started)

    async def _say(self, text: str, piece: SpeechPiece | None) -> None:
        item, part = await self._message()
        where = self._place(item) | {"content_index": 0}
        part.text += text
        kind = "output_audio_transcript" if self._spoken else "output_text"
        if text:
            await self._emit(f"response.{kind}.delta", **where, delta=text)
        if piece is not None:
            for delta in self._mouth.say(piece.sound):
                await self._emit("response.output_audio.delta", **where, delta=delta)
            part.marks.append((self._mouth.milliseconds, len(part.text)))

    async def _message(self) -> tuple[Item, Part]:
        """The message that is being said; begun where there is none."""
        if self._output and self._output[-1].kind == "message":
            return self._output[-1], self._output[-1].parts[0]
        await self._close("completed")
        item = Item(new_id("item"), role="assistant", status="in_progress")
        await self._begin(item)
        item.parts.append(Part("output_audio" if self._spoken else "output_text"))
        shown = {"type": "audio", "transcript": ""} if self._spoken else {"type": "text", "text": ""}
        await self._emit("response.content_part.added", **self._place(item), content_index=0, part=shown)
        return item, item.parts[0]

    async def _call(self, call: ToolCallDelta) -> None:
        if call.id is not None:
            await self._close("completed")
            item = Item(new_id("item"), "function_call", status="in_progress", name=call.name or "", call_id=call.id)
            await self._begin(item)
        item = self._output[-1]
        if call.arguments:
            item.arguments += call.arguments
            where = self._place(item) | {"call_id": item.call_id}
            await self._emit("response.function_call_arguments.delta", **where, delta=call.arguments)

    async def _begin(self, item: Item) -> None:
        self._output.append(item)
        await self._emit(
            "response.output_item.added", response_id=self.id, output_index=len(self._output) - 1, item=item.json()
        )
        if self._params.conversation == "auto":
            before = self._conversation.add(item)
            await self._emit("conversation.item.added", previous_item_id=before, item=item.json())

    async def _close(self, status: Literal["completed", "incomplete"]) -> None:
        """End the item that is open."""
        if not self._output or self._output[-1].status != "in_progress":
            return
        item = self._output[-1]
        item.status = status
        where = self._place(item)
        if item.kind == "function_call":
            told = {"call_id": item.call_id, "name": item.name, "arguments": item.arguments}
            await self._emit("response.function_call_arguments.done", **where, **told)
        else:
            await self._close_part(where | {"content_index": 0}, item.parts[0].text)
        place = {"response_id": self.id, "output_index": len(self._output) - 1}
        await self._emit("response.output_item.done", **place, item=item.json())
        if self._params.conversation == "auto":
            await self._emit("conversation.item.done", previous_item_id=None, item=item.json())

    async def _close_part(self, where: dict[str, Any], text: str) -> None:
        if self._spoken:
            await self._emit("response.output_audio.done", **where)
            await self._emit("response.output_audio_transcript.done", **where, transcript=text)
        else:
            await self._emit("response.output_text.done", **where, text=text)
        shown = {"type": "audio", "transcript": text} if self._spoken else {"type": "text", "text": text}
        await self._emit("response.content_part.done", **where, part=shown)

    def _place(self, item: Item) -> dict[str, Any]:
        return {"response_id": self.id, "item_id": item.id, "output_index": self._output.index(item)}

    def _json(self, status: str, details: dict[str, Any] | None) -> dict[str, Any]:
        output = self._config.audio.output
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": [item.json() for item in self._output],
            "conversation_id": self._conversation.id if self._params.conversation == "auto" else None,
            "output_modalities": self._config.output_modalities,
            "max_output_tokens": self._config.max_output_tokens,
            "audio": {"output": {"format": output.format.model_dump(), "voice": output.voice}},
            "usage": None if self._usage is None else _usage(self._usage),
            "metadata": self._params.metadata,
            "aigc": {"milliseconds": self._timing.milliseconds()},
        }


def _effective(config: Session, params: ResponseParams) -> Session:
    """The session's configuration as it is for one answer."""
    plain = ("instructions", "output_modalities", "tools", "tool_choice", "parallel_tool_calls", "max_output_tokens")
    changed = {name: value for name in (*plain, "reasoning") if (value := getattr(params, name)) is not None}
    if params.audio is not None and params.audio.output is not None:
        given = {
            name: value for name in ("format", "voice") if (value := getattr(params.audio.output, name)) is not None
        }
        output = config.audio.output.model_copy(update=given)
        changed["audio"] = config.audio.model_copy(update={"output": output})
    return config.model_copy(update=changed)


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "input_token_details": {
            "text_tokens": usage.prompt_tokens,
            "audio_tokens": 0,
            "image_tokens": 0,
            "cached_tokens": usage.cached_tokens,
        },
        "output_token_details": {"text_tokens": usage.completion_tokens, "audio_tokens": 0},
    }
