"""One session: what each event of the client does, and what the client is told.

Events are handled one after the other; what takes time (writing down a turn, answering) runs in tasks beside them.

Knows: OpenAI's Realtime API. Does not know: sockets, limits of a connection.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aigc.errors import AigcError, Conflict
from aigc.server import errors
from aigc.server.errors import InvalidValue
from aigc.server.ports import Runtime
from aigc.server.realtime import events, tools
from aigc.server.realtime.answering import Answering, Emit, Gone, Models
from aigc.server.realtime.config import Output, Session
from aigc.server.realtime.conversation import Conversation, Item, Part, new_id
from aigc.server.realtime.ears import Ears
from aigc.server.speech.protocol import CLOUD_VOICES
from aigc.server.voice.reply import Heard, Timing, hear
from aigc.sounds.vad import RATE, Change
from aigc.types import Samples, TranscribeRequest, Usage

_SHORTEST_MS = 100
"""A turn that is shorter has no word in it; OpenAI refuses it, too."""


@dataclass
class _Turn:
    """Somebody is speaking."""

    item_id: str
    begin: int
    guess: asyncio.Task[Heard] | None = None
    """In a pause: what was said so far is written down, for it may be the end."""


class RealtimeSession:
    """See the module's docstring.

    Args:
        runtime: who answers.
        model: id of the chat model.
        seconds: when the session will end, at the latest.
        emit: sends events.
        note: told what each answer cost.
    """

    def __init__(self, runtime: Runtime, model: str, seconds: float, emit: Emit, note: Callable[[Usage], None]) -> None:
        self.id = new_id("sess")
        self.conversation = Conversation()
        self._runtime = runtime
        self._models = Models(model, runtime)
        self._config = Session(model=model)
        self._ears = Ears(self._config.audio.input)
        self._expires_at = int(time.time() + seconds)
        self._emit = emit
        self._note = note
        self._turn: _Turn | None = None
        self._answering: Answering | None = None
        self._coming: asyncio.Task[None] | None = None
        """An answer that waits for its question to be written down."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._handlers: dict[type, Callable[[Any], Any]] = {
            events.SessionUpdate: self._update,
            events.Append: self._append,
            events.Commit: self._commit_event,
            events.Clear: self._clear,
            events.CreateItem: self._create_item,
            events.Truncate: self._truncate,
            events.DeleteItem: self._delete_item,
            events.RetrieveItem: self._retrieve_item,
            events.CreateResponse: self._create_response,
            events.CancelResponse: self._cancel_response,
        }

    async def begin(self) -> None:
        """Tell the client that it is there."""
        await self._emit("session.created", session=self._session_json())

    async def handle(self, event: events.ClientEvent) -> None:
        """Do what the client asks. Raises: AigcError."""
        await self._handlers[type(event)](event)

    async def close(self) -> None:
        """The client has gone: whatever is being computed for it ends."""
        if self._answering is not None:
            await self._answering.abandon()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ------------------------------------------------------------ configuration

    async def _update(self, event: events.SessionUpdate) -> None:
        config = self._config.updated(event.session)
        if config.model != self._config.model:
            named = self._runtime.resolve(config.model or "default", "chat")
            if named != self._config.model:
                raise InvalidValue(
                    f"session.model is {config.model!r}; accepted: {self._config.model!r}, or another connection",
                    param="session.model",
                )
            config = config.model_copy(update={"model": named})
        tools.to_choice(config.tool_choice, tools.to_tools(config.tools))
        self._check_voice(config.audio.output)
        if config.audio.input.transcription is not None:
            self._runtime.resolve(config.audio.input.transcription.model, "transcription")
        self._ears.configure(config.audio.input)
        if self._turn is not None and self._ears.turn is None:
            self._turn = None
        self._config = config
        await self._emit("session.updated", session=self._session_json())

    def _check_voice(self, output: Output) -> None:
        """Refuse now what would fail with every answer."""
        if output.voice in (None, self._config.audio.output.voice, *CLOUD_VOICES):
            return
        known = self._models.voices()
        if known and output.voice not in [voice.id for voice in known]:
            raise InvalidValue(
                f"session.audio.output.voice is {output.voice!r}; accepted: {', '.join(voice.id for voice in known)}",
                param="session.audio.output.voice",
            )

    def _session_json(self) -> dict[str, Any]:
        told = self._config.model_dump(mode="json", by_alias=True)
        return told | {"id": self.id, "object": "realtime.session", "expires_at": self._expires_at}

    # ------------------------------------------------------------ sound

    async def _append(self, event: events.Append) -> None:
        # In a thread: a minute of sound in one event takes a fifth of a second.
        for change in await asyncio.to_thread(self._ears.hear, event.audio):
            await self._changed(change)
        self._ears.trim()

    async def _changed(self, change: Change) -> None:
        vad = self._config.audio.input.turn_detection
        assert vad is not None
        if change.kind == "began":
            self._turn = _Turn(new_id("item"), change.sample)
            told = {"audio_start_ms": change.sample * 1000 // RATE, "item_id": self._turn.item_id}
            await self._emit("input_audio_buffer.speech_started", **told)
            if vad.interrupt_response:
                await self._interrupt()
            return
        turn = self._turn
        if turn is None:  # the client committed or cleared it
            return
        if change.kind == "paused":
            turn.guess = self._keep(self._hear(self._ears.sound(turn.begin, change.sample)))
        elif change.kind == "resumed" and turn.guess is not None:
            turn.guess.cancel()
            turn.guess = None
        elif change.kind == "ended":
            self._turn = None
            timing = Timing()
            told = {"audio_end_ms": change.sample * 1000 // RATE, "item_id": turn.item_id}
            await self._emit("input_audio_buffer.speech_stopped", **told)
            item = await self._commit(turn.item_id, self._ears.sound(turn.begin, change.sample), turn.guess, timing)
            if vad.create_response:
                self._coming = self._keep(self._answer_turn(item, timing))

    async def _interrupt(self) -> None:
        """The user speaks: nothing else does."""
        if self._coming is not None:
            self._coming.cancel()
        if self._answering is not None and not self._answering.done:
            await self._answering.cancel("turn_detected")

    async def _answer_turn(self, item: Item, timing: Timing) -> None:
        await self.conversation.written()
        if not item.parts[0].text:  # a cough, a door
            return
        try:
            self._answer(events.ResponseParams(), timing)
        except AigcError as error:
            await self._emit("error", error=error_json(error, None))

    async def _commit_event(self, event: events.Commit) -> None:
        begin, end = self._ears.all()
        if (end - begin) * 1000 < _SHORTEST_MS * RATE:
            raise InvalidValue(
                f"the buffer has {(end - begin) * 1000 // RATE} ms of sound; accepted: at least {_SHORTEST_MS}"
            )
        item_id = new_id("item") if self._turn is None else self._turn.item_id
        sound = self._ears.sound(begin, end)
        self._drop_turn()
        self._ears.clear()
        await self._commit(item_id, sound, None, Timing())

    async def _clear(self, event: events.Clear) -> None:
        self._drop_turn()
        self._ears.clear()
        await self._emit("input_audio_buffer.cleared")

    def _drop_turn(self) -> None:
        if self._turn is not None and self._turn.guess is not None:
            self._turn.guess.cancel()
        self._turn = None

    async def _commit(self, item_id: str, sound: Samples, guess: asyncio.Task[Heard] | None, timing: Timing) -> Item:
        part = Part("input_audio")
        item = Item(item_id, role="user", parts=[part])
        before = self.conversation.add(item)
        part.pending = self._keep(self._write_down(item, 0, guess or self._keep(self._hear(sound)), timing))
        await self._emit("input_audio_buffer.committed", previous_item_id=before, item_id=item_id)
        await self._added(item, before)
        return item

    async def _hear(self, sound: Samples) -> Heard:
        how = self._config.audio.input.transcription
        model = self._runtime.resolve("default" if how is None else how.model, "transcription")
        language, prompt = (None, None) if how is None else (how.language, how.prompt)
        return await hear(self._runtime, model, TranscribeRequest(sound=sound, language=language, prompt=prompt))

    async def _write_down(self, item: Item, index: int, hearing: asyncio.Task[Heard], timing: Timing) -> None:
        place = {"item_id": item.id, "content_index": index}
        kind = "conversation.item.input_audio_transcription"
        try:
            heard = await hearing
        except Exception as error:
            ours = error if isinstance(error, AigcError) else errors.from_unexpected(error, self.id)
            told = {"type": ours.type, "code": ours.code, "message": ours.message, "param": ours.param}
            await self._emit(f"{kind}.failed", **place, error=told)
            return
        finally:
            hearing.cancel()
        timing.mark("transcribed")
        item.parts[index].text = heard.text
        if self._config.audio.input.transcription is not None:
            await self._emit(f"{kind}.delta", **place, delta=heard.text)
            usage = {"type": "duration", "seconds": heard.seconds}
            await self._emit(f"{kind}.completed", **place, transcript=heard.text, usage=usage)

    # ------------------------------------------------------------ items

    async def _added(self, item: Item, before: str | None) -> None:
        await self._emit("conversation.item.added", previous_item_id=before, item=item.json())
        await self._emit("conversation.item.done", previous_item_id=before, item=item.json())

    async def _create_item(self, event: events.CreateItem) -> None:
        given = event.item
        item = Item(given.id or new_id("item"), status=given.status or "completed")
        sounds: list[tuple[int, Samples]] = []
        if isinstance(given, events.CallItem):
            item.kind, item.name, item.arguments = "function_call", given.name, given.arguments
            item.call_id = given.call_id or new_id("call")
        elif isinstance(given, events.CallOutputItem):
            item.kind, item.call_id, item.output = "function_call_output", given.call_id, given.output
        else:
            item.role = given.role
            for index, part in enumerate(given.content):
                if isinstance(part, events.InputAudio):
                    sounds.append((index, await asyncio.to_thread(self._sound_of, part.audio)))
                    item.parts.append(Part("input_audio"))
                else:
                    item.parts.append(Part(part.type, part.text))
        before = self.conversation.add(item, event.previous_item_id)
        for index, sound in sounds:
            item.parts[index].pending = self._keep(
                self._write_down(item, index, self._keep(self._hear(sound)), Timing())
            )
        await self._added(item, before)

    def _sound_of(self, audio: str) -> Samples:
        """The sound of a part, which is heard as the buffer's would be."""
        quiet = self._config.audio.input.model_copy(update={"turn_detection": None})
        ears = Ears(quiet)
        ears.hear(audio)
        return ears.sound(*ears.all())

    async def _truncate(self, event: events.Truncate) -> None:
        self.conversation.truncate(event.item_id, event.content_index, event.audio_end_ms)
        place = {"item_id": event.item_id, "content_index": event.content_index}
        await self._emit("conversation.item.truncated", **place, audio_end_ms=event.audio_end_ms)

    async def _delete_item(self, event: events.DeleteItem) -> None:
        self.conversation.remove(event.item_id)
        await self._emit("conversation.item.deleted", item_id=event.item_id)

    async def _retrieve_item(self, event: events.RetrieveItem) -> None:
        await self._emit("conversation.item.retrieved", item=self.conversation.find(event.item_id).json())

    # ------------------------------------------------------------ answers

    async def _create_response(self, event: events.CreateResponse) -> None:
        self._answer(event.response, Timing())

    def _answer(self, params: events.ResponseParams, timing: Timing) -> None:
        if self._answering is not None and not self._answering.done:
            raise Conflict(
                f"the response {self._answering.id} is still being made; accepted: one at a time",
                hint="wait for response.done, or send response.cancel",
            )
        self._answering = Answering(
            self._runtime, self._models, self._config, params, self.conversation, self._emit, timing, self._note
        )
        self._answering.start()

    async def _cancel_response(self, event: events.CancelResponse) -> None:
        running = self._answering
        if running is None or running.done or event.response_id not in (None, running.id):
            raise InvalidValue("there is no response to cancel", param="response_id")
        await running.cancel("client_cancelled")

    def _keep(self, work: Any) -> asyncio.Task[Any]:
        """A task that ends with the session at the latest."""
        task: asyncio.Task[Any] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, (AigcError, Gone)):  # of ours, whoever waits for it is told
            errors.from_unexpected(error, self.id)


def error_json(error: AigcError, event_id: str | None) -> dict[str, Any]:
    """As an ``error`` event shows it."""
    told = {"type": error.type, "code": error.code, "message": error.message, "param": error.param}
    return told | {"event_id": event_id} | ({} if error.hint is None else {"hint": error.hint})
