"""``/v1/realtime`` with OpenAI's own client; the runtime behind is scripted, the ears that hear turns are real."""

from __future__ import annotations

import base64
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
from openai.resources.realtime.realtime import RealtimeConnection

from aigc.sounds.resample import Resampler
from aigc.types import Delta, Finished, SpeechRequest, Started, TextRequest, TranscribeRequest, Usage
from live_server import KEY, Live, live
from scripted_runtime import answer
from tiny_voice import tone

SPOKEN = Path(__file__).parents[1] / "data" / "capital-of-france.wav"
RATE = 24_000
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def connection(server: Live) -> Iterator[RealtimeConnection]:
    server.runtime.script = lambda request: list(answer(request))
    server.runtime.requests.clear()
    with client(server) as made, made.realtime.connect(model="gpt-realtime") as opened:
        yield opened


def client(server: Live, key: str = KEY) -> openai.OpenAI:
    return openai.OpenAI(
        api_key=key,
        base_url=f"{server.url}/v1",
        websocket_base_url=f"{server.url}/v1".replace("http", "ws"),
        max_retries=0,
    )


def until(connection: RealtimeConnection, kind: str) -> list[Any]:
    """All events up to the first of ``kind``, which is the last."""
    found = []
    while not found or found[-1].type != kind:
        found.append(connection.recv())
        if found[-1].type == "error" and kind != "error":
            raise AssertionError(found[-1].error)
    return found


def kinds(events: list[Any]) -> list[str]:
    return [event.type for event in events]


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def question() -> bytes:
    """ "What is the capital of France?" as the client sends it, with silence before and after."""
    with wave.open(str(SPOKEN)) as file:
        spoken = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    work = Resampler(16_000, RATE)
    sound = np.concatenate([work.feed(spoken), work.rest()])
    silence = np.zeros(RATE, np.int16)
    return np.concatenate([silence // 2, sound, silence]).tobytes()


def send(connection: RealtimeConnection, sound: bytes, step: int = 9_600) -> None:
    for start in range(0, len(sound), step):
        connection.input_audio_buffer.append(audio=encoded(sound[start : start + step]))


def asked(server: Live) -> list[TextRequest]:
    return [request for _, request in server.runtime.requests if isinstance(request, TextRequest)]


def test_a_spoken_question_is_heard_written_down_answered_and_spoken(
    server: Live, connection: RealtimeConnection
) -> None:
    first = connection.recv()
    assert first.type == "session.created"
    assert first.session.type == "realtime"
    assert first.session.model == "scripted"
    connection.session.update(
        session={
            "type": "realtime",
            "instructions": "Be short.",
            "audio": {"input": {"transcription": {"model": "whisper-1"}}, "output": {"voice": "high"}},
        }
    )
    updated = until(connection, "session.updated")[-1].session
    assert updated.instructions == "Be short."
    assert updated.audio.output.voice == "high"
    assert updated.audio.input.turn_detection.silence_duration_ms == 500
    send(connection, question())
    events = until(connection, "response.done")
    order = [kind for kind in kinds(events) if kind != "response.output_audio.delta"]
    assert order == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    by_kind = {event.type: event for event in events}
    started, stopped = (by_kind[f"input_audio_buffer.speech_{end}"] for end in ("started", "stopped"))
    assert 500 < started.audio_start_ms < 1_000
    assert 2_500 < stopped.audio_end_ms < 3_400
    item = by_kind["input_audio_buffer.committed"].item_id
    assert started.item_id == stopped.item_id == item
    heard = by_kind["conversation.item.input_audio_transcription.completed"]
    assert heard.item_id == item
    assert heard.transcript.startswith("I hear 1.")
    assert heard.usage.type == "duration"
    sound = b"".join(base64.b64decode(e.delta) for e in events if e.type == "response.output_audio.delta")
    assert sound == tone(0.05 * len("Paris is the capital."), 880.0)
    done = by_kind["response.done"].response
    assert done.status == "completed"
    assert done.output[0].content[0].transcript == "Paris is the capital."
    assert done.output[0].content[0].type == "output_audio"
    assert (done.usage.input_tokens, done.usage.output_tokens, done.usage.total_tokens) == (7, 5, 12)
    assert set(done.aigc["milliseconds"]) == {"transcribed", "first_token", "first_sentence", "first_audio"}
    roles = [(message.role, message.content[:6]) for message in asked(server)[-1].messages or ()]
    assert roles == [("system", "Be sho"), ("user", "I hear")]


def test_a_written_session_without_turn_detection(server: Live, connection: RealtimeConnection) -> None:
    connection.session.update(
        session={
            "type": "realtime",
            "output_modalities": ["text"],
            "audio": {"input": {"turn_detection": None}},
            "max_output_tokens": 3,
        }
    )
    assert until(connection, "session.updated")[-1].session.audio.input.turn_detection is None
    connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Capital of France?"}]}
    )
    assert until(connection, "conversation.item.done")[-1].item.content[0].text == "Capital of France?"
    connection.response.create(response={"instructions": "In one word.", "metadata": {"a": "b"}})
    events = until(connection, "response.done")
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "Paris is the"
    done = events[-1].response
    assert (done.status, done.status_details.reason) == ("incomplete", "max_output_tokens")
    assert done.metadata == {"a": "b"}
    assert done.output[0].content[0].text == "Paris is the"
    request = asked(server)[-1]
    assert request.max_tokens == 3
    assert [message.content for message in request.messages or ()] == ["In one word.", "Capital of France?"]


def test_sound_is_committed_by_hand_in_either_telephone_code(server: Live, connection: RealtimeConnection) -> None:
    for code in ("audio/pcmu", "audio/pcma"):
        connection.session.update(
            session={
                "type": "realtime",
                "audio": {
                    "input": {"format": {"type": code}, "turn_detection": None},
                    "output": {"format": {"type": code}},
                },
            }
        )
        until(connection, "session.updated")
        connection.input_audio_buffer.append(audio=encoded(bytes(range(256)) * 50))  # 1.6 seconds
        connection.input_audio_buffer.commit()
        until(connection, "conversation.item.done")
        connection.response.create()
        events = until(connection, "response.done")
        sound = b"".join(base64.b64decode(e.delta) for e in events if e.type == "response.output_audio.delta")
        assert abs(len(sound) / 8000 - 1.05) < 0.01
        heard = next(request for _, request in server.runtime.requests if isinstance(request, TranscribeRequest))
        assert abs(heard.sound.seconds - 1.6) < 0.01
        server.runtime.requests.clear()


def test_speaking_in_between_silences_the_answer_and_stops_its_making(
    server: Live, connection: RealtimeConnection
) -> None:
    def script(request: Any) -> list[Any]:
        if not isinstance(request, TextRequest):
            return list(answer(request))
        return [Started(prompt_tokens=7), Delta(index=0, text="It is Paris. And "), 60.0]

    server.runtime.script = script
    send(connection, question())
    until(connection, "response.output_audio.delta")
    assert server.runtime.running >= 1
    server.runtime.script = lambda request: list(answer(request))
    send(connection, question())
    events = until(connection, "response.done")
    cancelled = events[-1].response
    assert (cancelled.status, cancelled.status_details.reason) == ("cancelled", "turn_detected")
    assert cancelled.output[0].status == "incomplete"
    assert cancelled.output[0].content[0].transcript == "It is Paris."
    assert until(connection, "response.done")[-1].response.status == "completed"
    messages = asked(server)[-1].messages or ()
    assert [message.role for message in messages] == ["user", "assistant", "user"]
    assert messages[1].content == "It is Paris."  # what was never spoken is not remembered


def test_what_was_not_heard_is_forgotten(server: Live, connection: RealtimeConnection) -> None:
    connection.response.create()
    events = until(connection, "response.done")
    item = events[-1].response.output[0].id
    connection.conversation.item.truncate(item_id=item, content_index=0, audio_end_ms=500)
    assert until(connection, "conversation.item.truncated")[-1].audio_end_ms == 500
    connection.conversation.item.retrieve(item_id=item)
    kept = until(connection, "conversation.item.retrieved")[-1].item
    assert kept.content[0].transcript == "Paris is"  # 10 of 21 characters, at 50 ms each; "the" had only begun
    connection.conversation.item.truncate(item_id=item, content_index=0, audio_end_ms=501)
    assert until(connection, "error")[-1].error.param == "audio_end_ms"
    connection.conversation.item.delete(item_id=item)
    assert until(connection, "conversation.item.deleted")[-1].item_id == item
    connection.conversation.item.delete(item_id=item)
    assert until(connection, "error")[-1].error.code == "not_found"


def test_a_voice_of_the_cloud_means_the_model_s_own(server: Live, connection: RealtimeConnection) -> None:
    connection.session.update(session={"type": "realtime", "audio": {"output": {"voice": "marin"}}})
    assert until(connection, "session.updated")[-1].session.audio.output.voice == "marin"
    connection.response.create()
    assert until(connection, "response.done")[-1].response.status == "completed"
    spoken = [request.voice for _, request in server.runtime.requests if isinstance(request, SpeechRequest)]
    assert spoken == [None]


def test_a_client_stops_an_answer(server: Live, connection: RealtimeConnection) -> None:
    server.runtime.script = lambda request: [Started(prompt_tokens=7), Delta(index=0, text="Well"), 60.0]
    connection.response.create(event_id="first")
    response = until(connection, "response.created")[-1].response.id
    connection.response.create(event_id="second")
    busy = until(connection, "error")[-1].error
    assert (busy.code, busy.event_id) == ("conflict", "second")
    connection.response.cancel(response_id=response)
    done = until(connection, "response.done")[-1].response
    assert (done.status, done.status_details.reason) == ("cancelled", "client_cancelled")
    assert server.runtime.running == 0
    connection.response.cancel()
    assert until(connection, "error")[-1].error.message == "there is no response to cancel"


def test_the_model_calls_a_function_and_answers_with_its_result(server: Live, connection: RealtimeConnection) -> None:
    connection.session.update(session={"type": "realtime", "tools": [WEATHER], "tool_choice": "required"})
    until(connection, "session.updated")
    connection.response.create()
    events = until(connection, "response.done")
    deltas = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    assert deltas == ['{"city":', '"Paris"}']
    call = events[-1].response.output[0]
    assert (call.type, call.name, call.arguments) == ("function_call", "weather", '{"city":"Paris"}')
    connection.conversation.item.create(
        item={"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    )
    until(connection, "conversation.item.done")
    connection.response.create(response={"tool_choice": "none", "output_modalities": ["text"]})
    assert until(connection, "response.done")[-1].response.output[0].content[0].text == "Paris is the capital."
    messages = asked(server)[-1].messages or ()
    assert messages[0].tool_calls[0].arguments == '{"city":"Paris"}'
    assert (messages[1].role, messages[1].content, messages[1].tool_call_id) == ("tool", "sunny", call.call_id)


def test_an_answer_beside_the_conversation_leaves_no_trace_in_it(server: Live, connection: RealtimeConnection) -> None:
    connection.response.create(response={"conversation": "none", "output_modalities": ["text"]})
    done = until(connection, "response.done")
    assert done[-1].response.conversation_id is None
    assert "conversation.item.added" not in kinds(done)
    connection.response.create()
    until(connection, "response.done")
    assert asked(server)[-1].messages == ()


@pytest.mark.parametrize(
    ("session", "param", "code"),
    [
        ({"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}}, "turn_detection", "unsupported_parameter"),
        ({"audio": {"input": {"noise_reduction": {"type": "near_field"}}}}, "noise_reduction", "unsupported_parameter"),
        ({"audio": {"output": {"voice": "nobody"}}}, "session.audio.output.voice", "invalid_value"),
        ({"audio": {"output": {"speed": 3.0}}}, "session.audio.output.speed", "invalid_value"),
        ({"output_modalities": ["text", "audio"]}, "session.output_modalities", "invalid_value"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "session.tools.0.type", "unsupported_parameter"),
        ({"tracing": "auto"}, "session.tracing", "unsupported_parameter"),
        ({"temperature": 0.8}, "session.temperature", "unknown_parameter"),
        ({"model": "team/chat-model"}, "session.model", "invalid_value"),
        ({"type": "transcription"}, "session.type", "unsupported_parameter"),
    ],
)
def test_what_can_t_be_honoured_is_refused_by_name_and_changes_nothing(
    connection: RealtimeConnection, session: dict[str, Any], param: str, code: str
) -> None:
    connection.session.update(session={"type": "realtime", **session}, event_id="mine")  # type: ignore[typeddict-item]
    error = until(connection, "error")[-1].error
    assert error.code == code
    assert error.event_id == "mine"
    assert param in error.param
    connection.session.update(session={"type": "realtime", "instructions": "Still here."})
    assert until(connection, "session.updated")[-1].session.instructions == "Still here."


def test_what_is_no_speech_is_answered_by_nobody(server: Live, connection: RealtimeConnection) -> None:
    connection.recv()
    send(connection, tone(2.0, 440.0, RATE))
    send(connection, bytes(4 * RATE))
    connection.input_audio_buffer.clear()
    assert kinds(until(connection, "input_audio_buffer.cleared")) == ["input_audio_buffer.cleared"]
    assert server.runtime.requests == []


def test_when_nothing_is_understood_nothing_is_answered(server: Live, connection: RealtimeConnection) -> None:
    script = server.runtime.script
    server.runtime.script = lambda request: [] if isinstance(request, TranscribeRequest) else script(request)
    send(connection, question())
    until(connection, "conversation.item.done")
    connection.response.create()
    until(connection, "response.done")
    assert len(asked(server)) == 1


def test_a_conversation_is_kept_where_the_client_asks_for_it(server: Live) -> None:
    with client(server) as made:
        with made.realtime.connect(model="default", extra_query={"store": "true"}) as connection:
            connection.conversation.item.create(
                item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Capital?"}]}
            )
            connection.response.create()
            until(connection, "response.done")
        for _ in range(200):
            kept = made.chat.completions.list(metadata={"spoken": "true"}).data
            if kept:
                break
            time.sleep(0.05)
        assert kept[0].choices[0].message.content == "Paris is the capital."
        assert [m.content for m in made.chat.completions.messages.list(kept[0].id)] == ["Capital?"]


def test_a_long_conversation_loses_its_oldest_part_unless_that_is_switched_off(
    server: Live, connection: RealtimeConnection
) -> None:
    from aigc.errors import ContextOverflow

    def script(request: Any) -> list[Any]:
        if isinstance(request, TextRequest) and len(request.messages or ()) > 5:
            return [ContextOverflow("too long")]
        return list(answer(request))

    server.runtime.script = script
    for number in range(9):
        connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": str(number)}]}
        )
    connection.session.update(session={"type": "realtime", "output_modalities": ["text"], "instructions": "Short."})
    connection.response.create()
    assert until(connection, "response.done")[-1].response.status == "completed"
    assert [message.content for message in asked(server)[-1].messages or ()] == ["Short.", "5", "6", "7", "8"]
    connection.session.update(session={"type": "realtime", "truncation": "disabled"})
    connection.response.create()
    failed = until(connection, "response.done")[-1].response
    assert failed.status == "failed"
    assert failed.status_details.error.code == "context_length_exceeded"


def test_what_fails_is_told_and_the_session_goes_on(server: Live, connection: RealtimeConnection) -> None:
    server.runtime.script = lambda request: [RuntimeError("secret")]
    connection.response.create()
    failed = until(connection, "response.done")[-1].response
    assert (failed.status, failed.status_details.error.code) == ("failed", "internal_error")
    assert "secret" not in failed.status_details.error.message
    connection.session.update(session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
    connection.input_audio_buffer.append(audio=encoded(tone(0.5, rate=RATE)))
    connection.input_audio_buffer.commit()
    events = until(connection, "conversation.item.input_audio_transcription.failed")
    assert events[-1].error.code == "internal_error"
    server.runtime.script = lambda request: list(answer(request))
    connection.response.create()
    assert until(connection, "response.done")[-1].response.status == "completed"


def test_usage_of_a_cancelled_answer_is_unknown(server: Live, connection: RealtimeConnection) -> None:
    server.runtime.script = lambda request: [
        Started(prompt_tokens=7),
        Delta(index=0, text="Hi."),
        Finished(index=0, reason="stop"),
        60.0,
        Usage(prompt_tokens=7, completion_tokens=1, fingerprint="f"),
    ]
    connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
    connection.response.create()
    until(connection, "response.output_text.delta")
    connection.response.cancel()
    assert until(connection, "response.done")[-1].response.usage is None
