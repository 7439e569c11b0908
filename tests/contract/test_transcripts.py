"""The official client asks for transcripts; the sound is really decoded, what is heard is how long it lasted."""

from __future__ import annotations

import io
import json
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import jsonschema
import openai
import pytest

from aigc.errors import InvalidSound
from aigc.types import TranscribeRequest, TranscriptDone, TranscriptSegment, TranscriptStarted
from live_server import KEY, Live, live
from scripted_runtime import answer
from tiny_voice import RATE, tone

URL = "/v1/audio/transcriptions"
SUBSET = json.loads((Path(__file__).parents[1] / "data" / "openai-subset.json").read_text())


def assert_valid(schema: str, content: object) -> None:
    """Against OpenAI's own document."""
    jsonschema.validate(content, {"$ref": f"#/components/schemas/{schema}", "components": SUBSET["components"]})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Live]:
    with live(home, max_sound_bytes=3_000_000, max_sound_seconds=60.0) as running:
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[openai.OpenAI]:
    server.runtime.script = lambda request: list(answer(request))
    server.runtime.requests.clear()
    with openai.OpenAI(api_key=KEY, base_url=f"{server.url}/v1", max_retries=0, timeout=20) as made:
        yield made


def sound(seconds: float = 2.0, *, silent: bool = False) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        data = tone(seconds)
        file.writeframes(bytes(len(data)) if silent else data)
    return out.getvalue()


def named(data: bytes, name: str = "a.wav") -> tuple[str, bytes]:
    return name, data


def last(server: Live) -> tuple[str, TranscribeRequest]:
    model, request = server.runtime.requests[-1]
    assert isinstance(request, TranscribeRequest)
    return model, request


def uploads(home: Path) -> list[Path]:
    return [path for path in home.rglob("run/uploads/*/*") if path.is_file()]


def test_json_is_the_default(client: openai.OpenAI, server: Live) -> None:
    done = client.audio.transcriptions.create(model="whisper-1", file=named(sound()))
    assert done.text == "I hear 2.0 seconds."
    assert done.usage is not None
    assert done.usage.to_dict() == {"type": "duration", "seconds": 2}
    assert_valid("CreateTranscriptionResponseJson", done.to_dict())
    model, asked = last(server)
    assert model == "whisper-base"
    assert (asked.language, asked.prompt, asked.temperature, asked.words) == (None, None, 0.0, False)
    assert asked.most_seconds == 60.0


def test_what_was_asked_reaches_the_engine(client: openai.OpenAI, server: Live) -> None:
    client.audio.transcriptions.create(
        model="gpt-4o-transcribe",
        file=named(sound()),
        language="de",
        prompt="Grüße aus Köln",
        temperature=0.5,
        chunking_strategy="auto",
    )
    _, asked = last(server)
    assert (asked.language, asked.prompt, asked.temperature, asked.translate) == ("de", "Grüße aus Köln", 0.5, False)


def test_verbose_json_has_segments_and_words(client: openai.OpenAI) -> None:
    done = client.audio.transcriptions.create(
        model="whisper-1",
        file=named(sound(4.0)),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert (done.language, done.duration, done.text) == ("english", 4.0, "I hear 4.0 seconds.")
    assert done.segments is not None
    assert done.words is not None
    (segment,) = done.segments
    assert (segment.id, segment.start, segment.end, segment.text) == (0, 0.0, 4.0, " I hear 4.0 seconds.")
    assert (segment.tokens, segment.avg_logprob, segment.no_speech_prob) == ([1, 2, 3], -0.25, 0.01)
    assert [(word.word, word.start, word.end) for word in done.words] == [
        ("I", 0.0, 1.0),
        ("hear", 1.0, 2.0),
        ("4.0", 2.0, 3.0),
        ("seconds.", 3.0, 4.0),
    ]
    assert done.usage is not None
    assert done.usage.seconds == 4


def test_segments_are_listed_unless_only_words_are_asked_for(client: openai.OpenAI) -> None:
    plain = client.audio.transcriptions.create(
        model="whisper-1", file=named(sound()), response_format="verbose_json"
    ).to_dict()
    assert_valid("CreateTranscriptionResponseVerboseJson", plain)
    assert "segments" in plain
    assert "words" not in plain
    words = client.audio.transcriptions.create(
        model="whisper-1",
        file=named(sound()),
        response_format="verbose_json",
        timestamp_granularities=["word"],
    ).to_dict()
    assert_valid("CreateTranscriptionResponseVerboseJson", words)
    assert "segments" not in words
    assert "words" in words


def test_text_and_subtitles(client: openai.OpenAI) -> None:
    def form(name: str) -> str:
        made = client.audio.transcriptions.create(model="whisper-1", file=named(sound(3.5)), response_format=name)  # type: ignore[call-overload]
        return str(made)

    assert form("text") == "I hear 3.5 seconds.\n"
    assert form("srt") == "1\n00:00:00,000 --> 00:00:03,500\nI hear 3.5 seconds.\n\n"
    assert form("vtt") == "WEBVTT\n\n00:00:00.000 --> 00:00:03.500\nI hear 3.5 seconds.\n\n"


def test_a_stream_gives_deltas_and_the_whole_text(client: openai.OpenAI) -> None:
    events = list(client.audio.transcriptions.create(model="whisper-1", file=named(sound()), stream=True))
    assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]
    assert "".join(event.delta for event in events if event.type == "transcript.text.delta") == "I hear 2.0 seconds."
    assert events[-1].text == "I hear 2.0 seconds."  # type: ignore[union-attr]


def test_a_verbose_stream_tells_segments_and_progress(server: Live, client: openai.OpenAI) -> None:
    data = {"model": "whisper-1", "stream": "true", "response_format": "verbose_json", "progress": "true"}
    answered = httpx.post(
        server.url + URL,
        data=data | {"timestamp_granularities[]": "word"},
        files={"file": named(sound())},
        headers={"authorization": f"Bearer {KEY}"},
    )
    lines = [line[6:] for line in answered.text.splitlines() if line.startswith("data: ")]
    events = [json.loads(line) for line in lines[:-1]]
    assert lines[-1] == "[DONE]"
    for event in events[1:]:
        assert_valid("CreateTranscriptionResponseStreamEvent", event)
    assert [event["type"] for event in events] == [
        "transcript.progress",
        "transcript.text.delta",
        "transcript.text.segment",
        "transcript.text.done",
    ]
    assert events[0] | {"type": ""} == {"type": "", "seconds": 2.0, "duration": 2.0, "language": "en"}
    assert (events[2]["id"], events[2]["start"], events[2]["end"]) == ("seg_0", 0.0, 2.0)
    assert events[3]["usage"] == {"type": "tokens", "input_tokens": 100, "output_tokens": 3, "total_tokens": 103}
    assert [word["word"] for word in events[2]["words"]] == ["I", "hear", "2.0", "seconds."]


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # newer clients call translations that
def test_a_translation_is_asked_of_a_model_that_can(client: openai.OpenAI, server: Live) -> None:
    done = client.audio.translations.create(model="whisper-1", file=named(sound()), response_format="verbose_json")
    assert (done.language, done.text) == ("english", "I hear 2.0 seconds.")
    assert_valid("CreateTranslationResponseVerboseJson", done.to_dict())
    assert last(server)[1].translate is True
    assert client.audio.translations.create(model="whisper-1", file=named(sound())).text == "I hear 2.0 seconds."


def test_silence_is_an_empty_text(client: openai.OpenAI) -> None:
    assert client.audio.transcriptions.create(model="whisper-1", file=named(sound(silent=True))).text == ""


@pytest.mark.parametrize("content", [b"", b"no sound at all", b"\0" * 3000, b"RIFF\x24\0\0\0WAVE"])
def test_what_is_no_sound_is_refused_and_the_file_is_named(client: openai.OpenAI, content: bytes) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.transcriptions.create(model="whisper-1", file=named(content))
    assert (caught.value.param, caught.value.code) == ("file", "invalid_audio_file")


def test_too_long_a_sound_and_too_long_a_file_are_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError, match="61 seconds of sound; accepted: 60") as caught:
        client.audio.transcriptions.create(model="whisper-1", file=named(sound(61.0)))
    assert caught.value.status_code == 413
    with pytest.raises(openai.APIStatusError, match="accepted: 3000000") as caught:
        client.audio.transcriptions.create(model="whisper-1", file=named(bytes(3_100_000)))
    assert caught.value.status_code == 413


@pytest.mark.parametrize(
    ("data", "param", "code"),
    [
        ({"response_format": "diarized_json"}, "response_format", "unsupported_parameter"),
        ({"response_format": "xml"}, "response_format", "invalid_value"),
        ({"include[]": "logprobs"}, "include", "unsupported_parameter"),
        ({"languages[]": "en"}, "languages", "unsupported_parameter"),
        ({"keywords[]": "Köln"}, "keywords", "unsupported_parameter"),
        ({"known_speaker_names[]": "Ann"}, "known_speaker_names", "unsupported_parameter"),
        ({"chunking_strategy": "server_vad"}, "chunking_strategy", "unsupported_parameter"),
        ({"temperature": "1.5"}, "temperature", "invalid_value"),
        ({"temperature": "warm"}, "temperature", "invalid_type"),
        ({"timestamp_granularities[]": "word"}, "timestamp_granularities", "invalid_value"),
        (
            {"timestamp_granularities[]": "phoneme", "response_format": "verbose_json"},
            "timestamp_granularities.0",
            "invalid_value",
        ),
        ({"stream": "true", "response_format": "srt"}, "response_format", "invalid_value"),
        ({"progress": "true"}, "progress", "invalid_value"),
        ({"pitch": "1"}, "pitch", "unknown_parameter"),
        ({"model": "scripted"}, "model", None),
        ({"file": "no file"}, "file", "invalid_value"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(
    server: Live, data: dict[str, str], param: str, code: str | None
) -> None:
    files = {} if "file" in data else {"file": named(sound())}
    body = {"model": (None, "whisper-1")} | {key: (None, value) for key, value in data.items()} | files
    answered = httpx.post(server.url + URL, files=body, headers={"authorization": f"Bearer {KEY}"})
    error = answered.json()["error"]
    assert (answered.status_code, error["param"], error["code"]) == (400, param, code)


def test_a_form_needs_its_file_and_its_model(server: Live) -> None:
    for body, param in ({"model": (None, "whisper-1")}, "file"), ({"file": named(sound())}, "model"):
        answered = httpx.post(server.url + URL, files=body, headers={"authorization": f"Bearer {KEY}"})
        assert (answered.status_code, answered.json()["error"]["param"]) == (400, param)


def test_json_is_no_form(server: Live) -> None:
    answered = httpx.post(
        server.url + URL, json={"model": "whisper-1", "file": "x"}, headers={"authorization": f"Bearer {KEY}"}
    )
    assert answered.status_code == 415
    assert "multipart/form-data" in answered.json()["error"]["message"]


def test_uploads_are_private_while_they_are_needed_and_gone_then(
    client: openai.OpenAI, server: Live, home: Path
) -> None:
    seen: list[int] = []

    def script(request: object) -> list[object]:
        assert isinstance(request, TranscribeRequest)
        (path,) = uploads(home)
        seen.append(path.stat().st_mode & 0o777)
        assert str(path) == request.sound.path  # type: ignore[union-attr]
        return list(answer(request))

    server.runtime.script = script  # type: ignore[assignment]
    client.audio.transcriptions.create(model="whisper-1", file=named(sound()))
    assert seen == [0o600]
    with pytest.raises(openai.BadRequestError):
        client.audio.transcriptions.create(model="whisper-1", file=named(b"junk"))
    deadline = time.monotonic() + 5
    while uploads(home) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert uploads(home) == []


def test_what_broke_after_the_first_words_is_told_in_the_stream(client: openai.OpenAI, server: Live) -> None:
    server.runtime.script = lambda request: [
        TranscriptStarted(language="en", probability=1.0),
        TranscriptSegment(index=0, start=0.0, end=1.0, text=" Until here."),
        InvalidSound("file can't be read: it ends after 1.0 of 2.0 seconds", param="file"),
    ]
    told: list[str] = []
    events = client.audio.transcriptions.create(model="whisper-1", file=named(sound()), stream=True)
    with pytest.raises(openai.APIError, match=r"it ends after 1\.0 of 2\.0 seconds"):
        told.extend(event.type for event in events)
    assert told == ["transcript.text.delta"]
    with pytest.raises(openai.BadRequestError, match=r"it ends after 1\.0 of 2\.0 seconds"):
        client.audio.transcriptions.create(model="whisper-1", file=named(sound()))


def test_chinese_segments_are_joined_as_they_are(client: openai.OpenAI, server: Live) -> None:
    server.runtime.script = lambda request: [
        TranscriptStarted(language="zh", probability=0.9),
        TranscriptSegment(index=0, start=0.0, end=1.0, text="你好，"),
        TranscriptSegment(index=1, start=1.0, end=2.0, text="世界。"),
        TranscriptDone(seconds=2.0, fingerprint="x"),
    ]
    done = client.audio.transcriptions.create(model="whisper-1", file=named(sound()), response_format="verbose_json")
    assert (done.text, done.language) == ("你好，世界。", "chinese")


def test_the_same_upload_with_the_same_key_is_answered_once(server: Live) -> None:
    server.runtime.script = lambda request: list(answer(request))
    server.runtime.requests.clear()
    boundary = "xyz"
    body = (
        b'--xyz\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--xyz\r\n'
        b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + sound() + b"\r\n--xyz--\r\n"
    )
    headers = {
        "authorization": f"Bearer {KEY}",
        "idempotency-key": "one",
        "content-type": f"multipart/form-data; boundary={boundary}",
    }
    first, again = (httpx.post(server.url + URL, content=body, headers=headers) for _ in range(2))
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert len(server.runtime.requests) == 1
    other = httpx.post(server.url + URL, content=body.replace(b"whisper-1", b"whisper-x"), headers=headers)
    assert other.json()["error"]["code"] == "idempotency_key_reused"


def raw_form(data: bytes) -> bytes:
    return (
        b'--xyz\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--xyz\r\n'
        b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + data + b"\r\n--xyz--\r\n"
    )


def head(length: int) -> bytes:
    lines = f"POST {URL} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\nContent-Length: {length}\r\n"
    return f"{lines}Content-Type: multipart/form-data; boundary=xyz\r\n\r\n".encode()


def until(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_client_that_leaves_ends_the_work_and_its_upload_goes(server: Live, home: Path) -> None:
    server.runtime.script = lambda request: [TranscriptStarted(language="en", probability=1.0), 60.0]
    body = raw_form(sound())
    connection = server.connect()
    connection.sendall(head(len(body)) + body)
    until(lambda: server.runtime.running == 1 and len(uploads(home)) == 1)
    connection.close()
    until(lambda: server.runtime.running == 0 and uploads(home) == [])


def test_a_client_that_leaves_while_it_sends_leaves_nothing(server: Live, home: Path) -> None:
    body = raw_form(sound())
    connection = server.connect()
    connection.sendall(head(len(body)) + body[: len(body) // 2])
    until(lambda: len(uploads(home)) == 1)
    connection.close()
    until(lambda: uploads(home) == [])


def test_an_upload_that_drips_is_ended(tmp_path: Path) -> None:
    with live(tmp_path / "home", body_seconds=0.5) as slow, slow.connect() as connection:
        connection.settimeout(20)
        connection.sendall(head(10**6) + raw_form(b"")[:60])
        answered = connection.recv(65536)
        assert b"408" in answered.split(b"\r\n")[0]
        until(lambda: uploads(tmp_path / "home") == [])


def test_what_a_killed_server_left_is_deleted_with_the_next_upload(client: openai.OpenAI, tmp_path: Path) -> None:
    left = tmp_path / "home" / "run" / "uploads" / "999999999-1-abcd"
    left.mkdir(parents=True)
    (left / "private").write_bytes(b"speech")
    with (
        live(tmp_path / "home") as fresh,
        openai.OpenAI(api_key=KEY, base_url=f"{fresh.url}/v1", max_retries=0, timeout=20) as other,
    ):
        assert other.audio.transcriptions.create(model="whisper-1", file=named(sound())).text == "I hear 2.0 seconds."
    assert not left.exists()
    assert uploads(tmp_path / "home") == []
