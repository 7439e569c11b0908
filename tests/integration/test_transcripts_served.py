"""The whole way of a sound: the official client, a real `aigc serve`, its worker, the real English model."""

from __future__ import annotations

import io
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import openai
import psutil
import pytest

from conftest import KEY, Serving

pytestmark = [pytest.mark.models, pytest.mark.slow]

QUESTION = Path(__file__).parents[1] / "data" / "capital-of-france.wav"
EAR = "whisper-tiny.en"


@pytest.fixture
def client(serving: Serving) -> Iterator[openai.OpenAI]:
    if not (serving.home / "models" / EAR).is_dir():
        pytest.skip(f"{EAR} is not in {serving.home}")
    with openai.OpenAI(api_key=KEY, base_url=serving.base_url, max_retries=0, timeout=120) as made:
        yield made


def repeated(times: int) -> bytes:
    """The question again and again, with half a second between."""
    with wave.open(str(QUESTION)) as file:
        once = file.readframes(file.getnframes())
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((once + bytes(16_000)) * times)
    return out.getvalue()


def ear(serving: Serving) -> dict[str, object]:
    with httpx.Client(base_url=serving.url, headers={"authorization": f"Bearer {KEY}"}, trust_env=False) as http:
        found = [one for one in http.get("/v1/status").json()["workers"] if one["model"] == EAR]
    return found[0] if found else {}


def until(fact: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_question_in_every_form(client: openai.OpenAI) -> None:
    with QUESTION.open("rb") as file:
        found = client.audio.transcriptions.create(
            model=EAR, file=file, response_format="verbose_json", timestamp_granularities=["word", "segment"]
        )
    assert (found.text, found.language) == ("What is the capital of France?", "english")
    assert [word.word for word in found.words or ()] == ["What", "is", "the", "capital", "of", "France?"]
    for form, beginning in (("srt", "1\n00:00:00,"), ("vtt", "WEBVTT\n\n00:00:00."), ("text", "What is")):
        text = client.audio.transcriptions.create(model=EAR, file=QUESTION, response_format=form)  # type: ignore[call-overload]
        assert text.startswith(beginning)
        assert "What is the capital of France?" in text


def test_a_stream_tells_phrase_by_phrase(client: openai.OpenAI) -> None:
    talk = ("talk.wav", repeated(20))
    events = list(client.audio.transcriptions.create(model=EAR, file=talk, stream=True))
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    assert len(deltas) > 3
    assert "".join(deltas).strip() == events[-1].text  # type: ignore[union-attr]
    assert events[-1].text.count("capital of France") >= 15  # type: ignore[union-attr]


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # newer clients call translations that
def test_what_the_model_refuses_reaches_the_client(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="knows en") as caught:
        client.audio.transcriptions.create(model=EAR, file=QUESTION, language="de")
    assert caught.value.param == "language"
    with pytest.raises(openai.BadRequestError, match="can't be asked for translation"):
        client.audio.translations.create(model=EAR, file=QUESTION)
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.transcriptions.create(model=EAR, file=("a.mp3", b"\xff\xfb\x90" * 500))
    assert caught.value.code == "invalid_audio_file"


def test_a_client_that_leaves_stops_the_computing(client: openai.OpenAI, serving: Serving) -> None:
    stream = client.audio.transcriptions.create(model=EAR, file=("long.wav", repeated(1000)), stream=True)
    next(iter(stream))
    stream.close()  # type: ignore[union-attr]
    until(lambda: ear(serving)["running"] == 0)
    until(lambda: not [path for path in serving.home.rglob("run/uploads/*/*") if path.is_file()])
    with QUESTION.open("rb") as file:
        assert client.audio.transcriptions.create(model=EAR, file=file).text == "What is the capital of France?"


def test_a_worker_that_is_killed_ends_its_transcript_with_an_error(client: openai.OpenAI, serving: Serving) -> None:
    stream = client.audio.transcriptions.create(model=EAR, file=("long.wav", repeated(1000)), stream=True)
    events = iter(stream)
    next(events)
    psutil.Process(int(str(ear(serving)["pid"]))).kill()
    with pytest.raises(openai.APIError, match=r"ended|died"):
        list(events)
    with QUESTION.open("rb") as file:
        assert client.audio.transcriptions.create(model=EAR, file=file).text == "What is the capital of France?"
