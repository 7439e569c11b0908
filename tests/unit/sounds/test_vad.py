"""The truth: where speech was put between silences, and what noise is."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aigc.sounds.vad import FRAME, RATE, Change, SpeechDetector

SPOKEN = Path(__file__).parents[2] / "data" / "capital-of-france.wav"


def spoken() -> NDArray[np.int16]:
    """ "What is the capital of France?", 16 kHz."""
    with wave.open(str(SPOKEN)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def silence(seconds: float) -> NDArray[np.int16]:
    return np.zeros(int(seconds * RATE), np.int16)


def changes(sound: NDArray[np.int16], step: int = 1600, **options: float) -> list[Change]:
    detector = SpeechDetector(**options)  # type: ignore[arg-type]
    return [change for start in range(0, len(sound), step) for change in detector.feed(sound[start : start + step])]


def test_a_question_between_two_silences_begins_and_ends_once() -> None:
    question = spoken()
    found = changes(np.concatenate([silence(1), question, silence(2)]))
    assert [change.kind for change in found] == ["began", "paused", "ended"]
    begin, pause, end = (change.sample / RATE for change in found)
    assert 0.5 < begin < 1.1  # with 300 ms before it
    assert 1 < pause < end
    assert 0.4 < end - 1 - len(question) / RATE < 0.75  # 500 ms of silence; the file's own end is quiet too


def test_how_the_stream_is_cut_changes_nothing() -> None:
    sound = np.concatenate([silence(0.5), spoken(), silence(1)])
    assert changes(sound, 160) == changes(sound, 1600) == changes(sound, len(sound))


def test_a_short_pause_is_told_and_taken_back() -> None:
    found = changes(np.concatenate([spoken(), silence(0.25), spoken(), silence(1)]), pause_ms=100)
    kinds = [change.kind for change in found]
    assert kinds[0] == "began"
    assert kinds[-1] == "ended"
    assert kinds.count("ended") == 1
    assert "resumed" in kinds


def test_a_longer_silence_is_waited_for_where_it_is_asked_for() -> None:
    sound = np.concatenate([spoken(), silence(0.8), spoken(), silence(1.5)])
    assert [change.kind for change in changes(sound)].count("ended") == 2
    assert [change.kind for change in changes(sound, silence_ms=1200)].count("ended") == 1


def test_the_padding_goes_back_as_far_as_asked_but_not_into_the_speech_before() -> None:
    sound = np.concatenate([silence(1), spoken(), silence(1)])
    near, far = (changes(sound, padding_ms=ms)[0].sample for ms in (0, 400))
    assert near - far == 400 * RATE // 1000
    twice = changes(np.concatenate([spoken(), silence(0.7), spoken(), silence(1)]), padding_ms=5000)
    began = [change.sample for change in twice if change.kind == "began"]
    assert began == [0, next(change.sample for change in twice if change.kind == "ended")]


@pytest.mark.parametrize("kind", ["silence", "white noise", "hum", "music", "clicks", "full scale"])
def test_what_nobody_says_is_no_speech(kind: str) -> None:
    time = np.arange(20 * RATE) / RATE
    random = np.random.default_rng(1)
    chords = sum(np.sin(2 * np.pi * f * h * time) / h for f in (220, 277, 330) for h in (1, 2, 3))
    clicks = np.zeros(len(time))
    clicks[:: RATE // 3] = 1
    sound = {
        "silence": 0 * time,
        "white noise": random.standard_normal(len(time)) * 2000,
        "hum": np.sin(2 * np.pi * 50 * time) * 8000,
        "music": chords * 2000 * (1 + np.sin(2 * np.pi * 2 * time)),
        "clicks": clicks * 20_000,
        "full scale": np.where(np.sin(2 * np.pi * 440 * time) > 0, 32767, -32768),
    }[kind]
    assert changes(sound.astype(np.int16)) == []


def test_an_hour_of_silence_keeps_nothing() -> None:
    detector = SpeechDetector()
    minute = silence(60)
    for _ in range(5):
        detector.feed(minute[:-7])
    kept = sum(value.nbytes for value in vars(detector).values() if isinstance(value, np.ndarray))
    assert kept < 3 * FRAME * 4
