"""The official client asks for speech; other readers find the words' tones in the files."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Iterator
from typing import Any, Literal

import av
import httpx
import openai
import pytest

from aigc.errors import EngineError, UserError
from aigc.types import SpeechRequest
from live_server import KEY, Live, live
from scripted_runtime import answer

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
TEXT = "One. Two. Six. Ten."
"""Four pieces of a twentieth of a second for each character."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[openai.OpenAI]:
    server.runtime.script = lambda request: list(answer(request))
    server.runtime.requests.clear()
    with openai.OpenAI(api_key=KEY, base_url=f"{server.url}/v1", max_retries=0, timeout=20) as made:
        yield made


def last(server: Live) -> SpeechRequest:
    request = server.runtime.requests[-1][1]
    assert isinstance(request, SpeechRequest)
    return request


def seconds(file: bytes) -> float:
    with av.open(io.BytesIO(file)) as container:
        (stream,) = container.streams.audio
        return sum(frame.samples for frame in container.decode(stream)) / stream.rate


@pytest.mark.parametrize(
    ("format", "kind", "begin"),
    [
        ("mp3", "audio/mpeg", b"\xff"),
        ("opus", "audio/ogg", b"OggS"),
        ("aac", "audio/aac", b"\xff\xf1"),
        ("flac", "audio/flac", b"fLaC"),
        ("wav", "audio/wav", b"RIFF"),
    ],
)
def test_each_format_is_what_it_says(client: openai.OpenAI, format: Format, kind: str, begin: bytes) -> None:
    answered = client.audio.speech.create(model="tts-1", voice="alloy", input=TEXT, response_format=format)
    assert answered.response.headers["content-type"] == kind
    assert answered.content.startswith(begin)
    assert seconds(answered.content) == pytest.approx(0.95, abs=0.1)


def test_pcm_is_bare_samples(client: openai.OpenAI) -> None:
    answered = client.audio.speech.create(model="tts-1", voice="alloy", input=TEXT, response_format="pcm")
    assert len(answered.content) == 2 * 22_800
    assert answered.response.headers["content-type"] == "audio/pcm"


def test_mp3_is_the_default_and_the_voice_is_told(server: Live, client: openai.OpenAI) -> None:
    answered = client.audio.speech.create(model="gpt-4o-mini-tts", voice="nova", input=TEXT, speed=1.5)
    assert answered.response.headers["content-type"] == "audio/mpeg"
    assert answered.response.headers["x-voice"] == "low"
    assert last(server) == SpeechRequest(text=TEXT, speed=1.5)


def test_a_voice_may_be_an_object(server: Live, client: openai.OpenAI) -> None:
    client.audio.speech.create(model="tts-1", voice={"id": "high"}, input=TEXT)
    assert last(server).voice == "high"


def test_events_carry_the_same_file(server: Live, client: openai.OpenAI) -> None:
    body = {"model": "tts-1", "voice": "alloy", "input": TEXT, "response_format": "pcm", "stream_format": "sse"}
    with server.client() as raw:
        answered = raw.post("/v1/audio/speech", json=body)
    events = [json.loads(line[6:]) for line in answered.text.splitlines() if line.startswith("data: ")]
    assert [event["type"] for event in events] == ["speech.audio.delta"] * 4 + ["speech.audio.done"]
    assert len(b"".join(base64.b64decode(event["audio"]) for event in events[:-1])) == 2 * 22_800
    assert events[-1]["usage"] == {"input_tokens": 19, "output_tokens": 19, "total_tokens": 38}
    assert answered.headers["content-type"].startswith("text/event-stream")


def test_the_first_sound_leaves_before_the_text_is_spoken(server: Live, client: openai.OpenAI) -> None:
    def held(request: Any) -> list[Any]:
        first, *rest = answer(request)
        return [first, 60.0, *rest]

    server.runtime.script = held
    body = {"model": "tts-1", "voice": "alloy", "input": TEXT, "response_format": "pcm"}
    with server.client() as raw, raw.stream("POST", "/v1/audio/speech", json=body) as answered:
        pieces = answered.iter_raw()
        assert len(next(pieces)) > 0
        assert server.runtime.running == 1
    deadline = time.monotonic() + 20
    while server.runtime.running and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.runtime.running == 0  # the client has left: nobody computes any more


def test_what_the_model_refuses_has_a_status(server: Live, client: openai.OpenAI) -> None:
    server.runtime.script = lambda request: [UserError("voice is 'x'; accepted: low, high", param="voice")]
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.speech.create(model="tts-1", voice="x", input=TEXT)
    assert caught.value.param == "voice"


def test_a_failure_in_the_middle_breaks_a_plain_file_and_is_told_in_events(server: Live, client: openai.OpenAI) -> None:
    server.runtime.script = lambda request: [*list(answer(request))[:2], EngineError("it broke")]
    body = {"model": "tts-1", "voice": "alloy", "input": TEXT, "response_format": "pcm"}
    with server.client() as raw:
        with pytest.raises(httpx.RemoteProtocolError):
            raw.post("/v1/audio/speech", json=body)
        told = raw.post("/v1/audio/speech", json=body | {"stream_format": "sse"}).text
    assert "it broke" in told.splitlines()[-2]
    assert "speech.audio.done" not in told


BAD = [
    ({"input": ""}, "input"),
    ({"input": " \n"}, "input"),
    ({"input": "x" * 4097}, "input"),
    ({"input": None}, "input"),
    ({"voice": None}, "voice"),
    ({"voice": ""}, "voice"),
    ({"voice": {"id": "a", "b": 1}}, "voice"),
    ({"speed": 0.2}, "speed"),
    ({"speed": 4.1}, "speed"),
    ({"speed": "1"}, "speed"),
    ({"response_format": "ogg"}, "response_format"),
    ({"stream_format": "chunks"}, "stream_format"),
    ({"model": "aigc-v1"}, "model"),
    ({"pitch": 1}, "pitch"),
]


@pytest.mark.parametrize(("change", "param"), BAD)
def test_wrong_values_are_refused_by_name(server: Live, change: dict[str, Any], param: str) -> None:
    body = {"model": "tts-1", "voice": "alloy", "input": TEXT} | change
    with server.client() as raw:
        answered = raw.post("/v1/audio/speech", json=body)
    assert answered.status_code == 400
    assert answered.json()["error"]["param"].split(".")[0] == param


def test_the_voices_are_listed(server: Live, client: openai.OpenAI) -> None:
    with server.client() as raw:
        told = raw.get("/v1/audio/voices").json()
    assert [(row["id"], row["model"], row["languages"], row["gender"]) for row in told["data"]] == [
        ("low", "aigc-voice", ["en"], None),
        ("high", "aigc-voice", ["en", "zh"], None),
    ]
    assert "alloy" in told["aliases"]
    assert told["object"] == "list"
