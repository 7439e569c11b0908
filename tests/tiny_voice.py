"""A voice and an ear without models, by rules that a test can compute: what `ScriptedRuntime` speaks and hears with.

A character is 50 ms of a tone, a sentence of the text is a piece; what is heard is how long it lasted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np

from aigc.errors import UnsupportedParameter
from aigc.sounds.decode import Sound
from aigc.types import (
    Event,
    Samples,
    SpeechDone,
    SpeechPiece,
    SpeechRequest,
    SpokenWord,
    TranscribeRequest,
    TranscriptDone,
    TranscriptSegment,
    TranscriptStarted,
    TranscriptStep,
    Voice,
)

RATE = 24_000
VOICES = (Voice(id="low", languages=("en",)), Voice(id="high", languages=("en", "zh")))
FINGERPRINT = "tiny-voice-1"


def tone(seconds: float, pitch: float = 440.0, rate: int = RATE) -> bytes:
    time = np.arange(round(seconds * rate)) / rate
    return (np.sin(2 * np.pi * pitch * time) * 8000).astype("<i2").tobytes()


def spoken(request: SpeechRequest) -> Iterator[Event]:
    if request.instructions is not None:
        raise UnsupportedParameter("there is one way to speak: 'instructions'", param="instructions")
    voice = request.voice or "low"
    total = 0.0
    for sentence in re.findall(r".+?(?:[.!?。]+\s*|$)", request.text, re.DOTALL):
        seconds = 0.05 * len(sentence) / request.speed
        total += seconds
        pitch = 220.0 if voice == "low" else 880.0
        yield SpeechPiece(sound=Samples(rate=RATE, data=tone(seconds, pitch)), text=sentence, voice=voice)
    yield SpeechDone(seconds=total, fingerprint=FINGERPRINT)


def heard(request: TranscribeRequest) -> Iterator[Event]:
    """One segment; with words, where they are asked for. A file is really decoded."""
    with Sound(request.sound, most_seconds=request.most_seconds or math.inf) as sound:
        loud = [bool(np.abs(block).max() > 0.01) for block in sound]
    seconds = round(sound.heard, 2)
    yield TranscriptStarted(language=request.language or "en", probability=1.0, seconds=seconds)
    yield TranscriptStep(seconds=seconds)
    if any(loud):
        text = f" I hear {seconds:.1f} seconds."
        words = tuple(
            SpokenWord(start=seconds * at / 4, end=seconds * (at + 1) / 4, text=f" {word}", probability=0.9)
            for at, word in enumerate(text.split())
        )
        yield TranscriptSegment(
            index=0,
            start=0.0,
            end=seconds,
            text=text,
            tokens=(1, 2, 3),
            words=words if request.words else (),
            temperature=request.temperature,
            mean_logprob=-0.25,
            silence=0.01,
        )
    yield TranscriptDone(seconds=seconds, fingerprint=FINGERPRINT)
