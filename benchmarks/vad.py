"""Does the server hear when speech begins and ends? In quiet, in noise, in music; beside WebRTC's detector.

    python benchmarks/vad.py        # needs hibari-tts; webrtcvad-wheels for the comparison

Speech is made by hibari-tts and put between silences, so its limits are known. The last line is one JSON object.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from aigc.sounds.resample import Resampler
from aigc.sounds.vad import RATE, SpeechDetector

TURNS = (
    "What is the capital of France?",
    "Could you tell me a short story about a lighthouse keeper and his dog?",
    "Yes.",
    "Please remind me to call my mother tomorrow at nine.",
    "How far is the moon from the earth, and how long would it take to walk there?",
    "Stop.",
)
GAP = 2.0
Sound = NDArray[np.float64]
Spans = list[tuple[int, int]]
"""Begin and end of turns, in samples."""


def speech() -> tuple[Sound, Spans]:
    """The turns between silences, and where they are."""
    from hibari import Hibari

    speak = Hibari()
    parts, spans, at = [np.zeros(int(GAP * RATE))], [], int(GAP * RATE)
    for text in TURNS:
        work = Resampler(24_000, RATE)
        pcm = (np.clip(speak(text, seed=1), -1, 1) * 32767).astype(np.int16)
        sound = np.concatenate([work.feed(pcm), work.rest()]).astype(float)
        loud = np.flatnonzero(np.convolve(np.abs(sound), np.ones(320) / 320, "same") > 300)
        spans.append((at + int(loud[0]), at + int(loud[-1])))
        parts += [sound, np.zeros(int(GAP * RATE))]
        at += len(sound) + int(GAP * RATE)
    return np.concatenate(parts), spans


def noises(count: int) -> dict[str, Sound]:
    """What nobody says, (count,) each."""
    random = np.random.default_rng(7)
    spectrum = np.fft.rfft(random.standard_normal(count))
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum)))), count)
    music, clicks = np.zeros(count), np.zeros(count)
    for start in range(0, count, int(0.4 * RATE)):
        note = np.arange(min(int(1.2 * RATE), count - start)) / RATE
        for pitch in random.choice([220, 247, 262, 294, 330, 349, 392, 440], 3, replace=False):
            for harmonic in range(1, 6):
                wave = np.sin(2 * np.pi * pitch * harmonic * note) / harmonic
                music[start : start + len(note)] += wave * np.exp(-3 * note)
    for start in random.integers(0, count - 800, count // RATE):
        clicks[start : start + 800] += random.standard_normal(800) * np.exp(-np.arange(800) / 120)
    return {"white": random.standard_normal(count), "pink": pink, "music": music, "clicks": clicks}


def silero(sound: NDArray[np.int16]) -> Spans:
    """Ours, fed with pieces of 100 ms."""
    detector = SpeechDetector()
    found = [change for at in range(0, len(sound), 1600) for change in detector.feed(sound[at : at + 1600])]
    begins = [change.sample for change in found if change.kind == "began"]
    ends = [change.sample for change in found if change.kind == "ended"]
    return list(zip(begins, [*ends, len(sound)], strict=False))


def webrtc(sound: NDArray[np.int16]) -> Spans:
    """WebRTC's strictest mode with the same rule: 90 ms begin a turn, 500 ms of silence end it."""
    import webrtcvad

    detector, spans, loud, quiet, begin = webrtcvad.Vad(3), [], 0, 0, None
    for at in range(0, len(sound) - 480, 480):
        speaks = detector.is_speech(sound[at : at + 480].tobytes(), RATE)
        loud, quiet = (loud + 1, 0) if speaks else (0, quiet + 480)
        if begin is None and loud >= 3:
            begin = at
        elif begin is not None and quiet >= RATE // 2:
            spans.append((begin, at))
            begin = None
    return spans if begin is None else [*spans, (begin, len(sound))]


def judged(found: Spans, true: Spans) -> dict[str, object]:
    """Turns that are right: one span that covers them and ends within a second of silence; and spans without a turn."""
    right, late = 0, []
    for begin, end in true:
        over = [span for span in found if span[0] <= end and span[1] >= begin]
        if len(over) == 1 and 0 <= over[0][1] - end < RATE:
            right += 1
            late.append((over[0][1] - end) * 1000 / RATE)
    false = sum(not any(span[0] <= end and span[1] >= begin for begin, end in true) for span in found)
    return {"right": right, "false": false, "noticed_after_ms": round(float(np.median(late))) if late else None}


def cases(clean: Sound, true: Spans) -> Iterator[tuple[str, Sound, Spans]]:
    """Every sound and the turns in it."""
    power = np.mean(np.concatenate([clean[begin:end] for begin, end in true]) ** 2)
    yield "clean", clean, true
    for name, noise in noises(len(clean)).items():
        level = np.sqrt(power / np.mean(noise**2))
        for decibel in (20, 10, 5, 0):
            yield f"{name} {decibel} dB", clean + noise * level / 10 ** (decibel / 20), true
        yield f"{name} alone", noise * level, []


def main() -> None:
    """Measure and print."""
    clean, true = speech()
    detectors: dict[str, Callable[[NDArray[np.int16]], Spans]] = {"silero": silero}
    try:
        import webrtcvad  # noqa: F401

        detectors["webrtc"] = webrtc
    except ImportError:
        print("webrtcvad is not installed: ours alone")
    table: dict[str, dict[str, dict[str, object]]] = {}
    for name, sound, turns in cases(clean, true):
        samples = np.clip(sound, -32768, 32767).astype(np.int16)
        for detector, detect in detectors.items():
            began = time.perf_counter()
            found = detect(samples)
            speed = round(len(samples) / RATE / (time.perf_counter() - began))
            row = judged(found, turns) | {"times_real_time": speed}
            table.setdefault(name, {})[detector] = row
            print(f"{name:16} {detector:8} {row}")
    print(json.dumps({"benchmark": "vad", "turns": len(true), "seconds": round(len(clean) / RATE, 1), "cases": table}))


if __name__ == "__main__":
    main()
