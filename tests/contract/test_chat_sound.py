"""Sound in and out of a chat, with OpenAI's own client; the runtime behind is scripted."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from aigc.errors import UserError
from aigc.types import SoundFile, SpeechRequest, TextRequest, TranscribeRequest, TranscriptDone, TranscriptSegment
from live_server import KEY, Live, live
from scripted_runtime import answer
from tiny_voice import tone

SPOKEN = base64.b64encode((Path(__file__).parents[1] / "data" / "capital-of-france.wav").read_bytes()).decode()
ANSWER = "Paris is the capital."
HELLO: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
ASKED: list[Any] = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "Answer this:"},
            {"type": "input_audio", "input_audio": {"data": SPOKEN, "format": "wav"}},
        ],
    }
]
SOUND: dict[str, Any] = {"modalities": ["text", "audio"], "audio": {"voice": "high", "format": "wav"}}


def script(request: Any) -> list[Any]:
    if not isinstance(request, TranscribeRequest):
        return list(answer(request))
    assert isinstance(request.sound, SoundFile)
    sound = Path(request.sound.path).read_bytes()
    if not sound.startswith(b"RIFF"):
        return [UserError("this is no sound", param="file")]
    segment = TranscriptSegment(index=0, start=0.0, end=1.4, text=f" I hear {len(sound) // 1000} kilobytes.")
    return [segment, TranscriptDone(seconds=1.4, fingerprint="f")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[openai.OpenAI]:
    server.runtime.script = script
    server.runtime.requests.clear()
    with openai.OpenAI(api_key=KEY, base_url=f"{server.url}/v1", max_retries=0, timeout=20) as made:
        yield made


def last(server: Live, kind: type) -> Any:
    return [request for _, request in server.runtime.requests if isinstance(request, kind)][-1]


def test_what_is_said_in_a_message_is_heard_and_the_answer_tells_what_was_understood(
    server: Live, client: openai.OpenAI
) -> None:
    done = client.chat.completions.create(model="gpt-audio", messages=ASKED)
    assert done.choices[0].message.content == ANSWER
    assert done.aigc == {"heard": ["I hear 45 kilobytes."]}  # type: ignore[attr-defined]
    messages = last(server, TextRequest).messages
    assert messages[0].content == "Answer this:\nI hear 45 kilobytes."
    path = last(server, TranscribeRequest).sound.path
    assert path.endswith(".wav")
    assert not Path(path).exists()
    chunks = list(client.chat.completions.create(model="gpt-audio", messages=ASKED, stream=True))
    assert chunks[0].aigc == {"heard": ["I hear 45 kilobytes."]}  # type: ignore[attr-defined]
    written = client.chat.completions.create(model="gpt-audio", messages=HELLO)
    assert getattr(written, "aigc", None) is None


def test_an_answer_is_spoken_and_its_id_stands_for_its_words(server: Live, client: openai.OpenAI) -> None:
    done = client.chat.completions.create(model="gpt-audio", messages=HELLO, **SOUND)
    message = done.choices[0].message
    assert message.content is None
    assert message.audio is not None
    assert message.audio.transcript == ANSWER
    with wave.open(io.BytesIO(base64.b64decode(message.audio.data))) as file:
        assert file.readframes(file.getnframes()) == tone(0.05 * len(ANSWER), 880.0)
    assert done.usage is not None
    assert done.usage.completion_tokens == 5
    assert message.audio.expires_at - done.created in range(3590, 3610)
    more: list[Any] = [*HELLO, {"role": "assistant", "audio": {"id": message.audio.id}}, *HELLO]
    client.chat.completions.create(model="gpt-audio", messages=more)
    assert [turn.content for turn in last(server, TextRequest).messages][1] == ANSWER
    more[1]["audio"]["id"] = "audio_unknown"
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="gpt-audio", messages=more)
    assert caught.value.param == "messages.1.audio.id"


@pytest.mark.parametrize(
    ("format", "start"), [("mp3", b""), ("flac", b"fLaC"), ("opus", b"OggS"), ("aac", b""), ("pcm16", b"")]
)
def test_every_format_of_the_specification_is_made(client: openai.OpenAI, format: str, start: bytes) -> None:
    options = SOUND | {"audio": {"voice": {"id": "low"}, "format": format}}
    audio = client.chat.completions.create(model="gpt-audio", messages=HELLO, **options).choices[0].message.audio
    assert audio is not None
    data = base64.b64decode(audio.data)
    assert data.startswith(start)
    assert len(data) > 1000
    if format == "pcm16":
        assert data == tone(0.05 * len(ANSWER), 220.0)


def test_a_stream_brings_words_and_sound_and_ends_with_the_id(server: Live, client: openai.OpenAI) -> None:
    options = SOUND | {"audio": {"voice": "alloy", "format": "pcm16"}}
    stream = client.chat.completions.create(
        model="gpt-audio", messages=HELLO, stream=True, stream_options={"include_usage": True}, **options
    )
    chunks = list(stream)
    pieces = [chunk.choices[0].delta.audio for chunk in chunks if chunk.choices and _audio(chunk)]  # type: ignore[attr-defined]
    assert "".join(piece.transcript or "" for piece in pieces) == ANSWER
    sound = b"".join(base64.b64decode(piece.data or "") for piece in pieces)
    assert sound == tone(0.05 * len(ANSWER), 220.0)
    assert pieces[-1].id.startswith("audio_")
    assert pieces[-1].expires_at > chunks[0].created
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 5
    assert last(server, SpeechRequest).voice is None


def _audio(chunk: Any) -> Any:
    return getattr(chunk.choices[0].delta, "audio", None)


def test_a_call_of_a_tool_is_not_spoken(client: openai.OpenAI) -> None:
    tool: Any = {"type": "function", "function": {"name": "weather"}}
    done = client.chat.completions.create(
        model="gpt-audio", messages=HELLO, tools=[tool], tool_choice="required", **SOUND
    )
    assert done.choices[0].message.audio is None
    assert done.choices[0].message.tool_calls is not None
    assert done.choices[0].message.tool_calls[0].function.arguments == '{"city":"Paris"}'  # type: ignore[union-attr]


def test_a_spoken_answer_is_kept_with_its_words(client: openai.OpenAI) -> None:
    done = client.chat.completions.create(model="gpt-audio", messages=ASKED, store=True, **SOUND)
    kept = client.chat.completions.retrieve(done.id)
    assert kept.choices[0].message.audio is not None
    assert kept.choices[0].message.audio.transcript == ANSWER
    messages = client.chat.completions.messages.list(done.id).data
    assert messages[0].content == "Answer this:\nI hear 45 kilobytes."


def refused(client: openai.OpenAI, param: str, **options: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**({"model": "gpt-audio", "messages": HELLO} | options))
    assert caught.value.param == param


def test_what_doesn_t_fit_together_is_refused_by_name(client: openai.OpenAI) -> None:
    refused(client, "audio", modalities=["text", "audio"])
    refused(client, "audio", audio=SOUND["audio"])
    refused(client, "modalities", modalities=["audio"])
    refused(client, "audio.format", stream=True, **SOUND)
    refused(client, "n", n=2, **SOUND)
    refused(client, "logprobs", logprobs=True, **SOUND)
    refused(client, "response_format", response_format={"type": "json_object"}, **SOUND)
    broken: dict[str, Any] = {"type": "input_audio", "input_audio": {"data": "%%%", "format": "wav"}}
    where = "messages.0.content.0.input_audio.data"
    refused(client, where, messages=[{"role": "user", "content": [broken]}])
    broken["input_audio"]["data"] = base64.b64encode(b"no sound").decode()
    refused(client, where, messages=[{"role": "user", "content": [broken]}])
    refused(client, "messages.0.content.0", messages=[{"role": "system", "content": ASKED[0]["content"][1:]}])
