"""Speech in Python: long texts in sections, one sound out of them, in any format."""

from __future__ import annotations

import asyncio
import io
import json
import wave
from pathlib import Path

import httpx
import numpy as np
import pytest

import aigc
from aigc.client.speech import Speech, SpeechProgress, sections
from aigc.errors import UserError

ASKED: list[dict[str, object]] = []


def tenth(request: httpx.Request) -> httpx.Response:
    """A tenth of a second of speech, whatever is asked."""
    ASKED.append(json.loads(request.content))
    sound = np.full(2400, 1000, "<i2").tobytes()
    return httpx.Response(200, content=sound, headers={"x-voice": f"voice{len(ASKED)}"})


@pytest.fixture
def client() -> aigc.Client:
    ASKED.clear()
    return aigc.Client("http://server/v1", "key", transport=httpx.MockTransport(tenth))


def test_a_short_text_is_one_request(client: aigc.Client) -> None:
    spoken = client.speak("Hello there.", voice="heart", speed=1.5)
    assert ASKED == [
        {"model": "default", "voice": "heart", "speed": 1.5, "input": "Hello there.", "response_format": "pcm"}
    ]
    assert (spoken.seconds, spoken.rate, spoken.voices) == (0.1, 24_000, ("voice1",))
    assert spoken.samples.tolist()[:2] == [1000 / 32768, 1000 / 32768]


def test_a_long_text_is_spoken_in_sections_with_a_pause_between(client: aigc.Client) -> None:
    text = "This is a sentence of some words. " * 100
    told: list[SpeechProgress] = []
    spoken = client.speak(text, on_progress=told.append)
    assert "".join(str(asked["input"]) for asked in ASKED) == text
    assert len(ASKED) == 10
    assert spoken.seconds == pytest.approx(10 * 0.1 + 9 * 0.32)
    assert [(one.characters, one.total_characters) for one in told][-1] == (3400, 3400)
    assert len(told) == 10


def test_sections_fit_into_a_request_and_none_is_wordless() -> None:
    text = "word " * 2000 + "\n---\n" + "!?\n" * 50 + "End."
    made = sections(text)
    assert "".join(made) == text
    assert all(len(one) <= 4096 and any(map(str.isalnum, one)) for one in made)


def test_it_can_be_awaited() -> None:
    async def ask() -> Speech:
        async with aigc.AsyncClient("http://server/v1", "key", transport=httpx.MockTransport(tenth)) as client:
            return await client.speak("Hello.")

    ASKED.clear()
    assert asyncio.run(ask()).seconds == 0.1


@pytest.mark.parametrize("ending", ["mp3", "opus", "ogg", "aac", "flac", "wav", "pcm"])
def test_a_sound_is_saved_in_the_format_of_its_name(tmp_path: Path, ending: str) -> None:
    made = Speech(bytes(48_000)).save(tmp_path / f"sound.{ending}")
    assert made.stat().st_size > 0
    assert list(tmp_path.iterdir()) == [made]


def test_a_wav_knows_its_length() -> None:
    with wave.open(io.BytesIO(Speech(bytes(48_000)).file("wav"))) as file:
        assert (file.getnframes(), file.getframerate()) == (24_000, 24_000)


def test_what_can_not_be_is_refused(client: aigc.Client, tmp_path: Path) -> None:
    for name, ask in {
        "text": lambda: client.speak(" "),
        "speed": lambda: client.speak("hi", speed=9),
        "response_format": lambda: client.speak("hi", response_format="mp3"),
        "path": lambda: Speech(b"").save(tmp_path / "sound.txt"),
    }.items():
        with pytest.raises(UserError) as caught:
            ask()
        assert caught.value.param == name
    assert not ASKED
