"""How well and how fast is speech written down? Beside faster-whisper's own loop, openai-whisper and whisper.cpp.

    AIGC_HOME=DIR python benchmarks/listen.py                  # the models of that home
    AIGC_HOME=DIR python benchmarks/listen.py --peers          # the others as well, where they are installed
    AIGC_HOME=DIR python benchmarks/listen.py --recording talk.wav=talk.txt

Sentences are spoken by a voice of this machine (`aigc.speak`, else hibari-tts) and joined with pauses into one sound a
language, so the truth is known; recordings bring theirs in a text file. All read the same files, with two threads and
greedy or beam search as their makers set it. The peers get the same weights, converted here from CTranslate2's file
(`listen_weights.py`). The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import functools
import gc
import importlib.util
import json
import re
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import machine
from listen_texts import CHINESE, ENGLISH

RATE, PAUSE_SECONDS, THREADS = 16_000, 0.6, 2
_NUMBERS = {"10": "ten", "11": "eleven", "20": "twenty", "40": "forty", "2000": "two thousand", "2,000": "two thousand"}


@dataclass
class Sound:
    """A file and what is said in it."""

    name: str
    path: Path
    language: str
    truth: str
    seconds: float


def words(text: str, language: str) -> list[str]:
    """What is compared: lower case without marks; of Chinese the characters, in their simplified form."""
    if language == "zh":
        return list(re.sub(r"[^\u4e00-\u9fff]", "", _simplified(text)))
    for digits, spelled in sorted(_NUMBERS.items(), key=lambda pair: -len(pair[0])):
        text = re.sub(rf"\b{digits}\b", spelled, text)
    return re.sub(r"[^a-z0-9' ]", " ", text.lower().replace("-", " ")).split()


def _simplified(text: str) -> str:
    try:
        from opencc import OpenCC
    except ImportError:
        return text
    return str(OpenCC("t2s").convert(text))


def errors(truth: list[str], heard: list[str]) -> int:
    """Words to change, add or take away. Source: Levenshtein 1966."""
    row = list(range(len(heard) + 1))
    for at, one in enumerate(truth, 1):
        before, row[0] = row[0], at
        for number, other in enumerate(heard, 1):
            before, row[number] = row[number], min(row[number] + 1, row[number - 1] + 1, before + (one != other))
    return row[-1]


def spoken(folder: Path) -> Iterator[Sound]:
    """One sound for each language that somebody here can speak."""
    for language, texts in (("en", ENGLISH), ("zh", CHINESE)):
        try:
            parts = [_speak(text, language) for text in texts]
        except Exception as error:
            print(f"nobody speaks {language} here: {error}")
            continue
        pause = np.zeros(round(PAUSE_SECONDS * RATE), np.int16)
        samples = np.concatenate([piece for part in parts for piece in (part, pause)])
        path = folder / f"{language}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(samples.tobytes())
        yield Sound(f"{len(texts)} sentences, {language}", path, language, " ".join(texts), len(samples) / RATE)


def _speak(text: str, language: str) -> np.ndarray[Any, Any]:
    import aigc
    from aigc.sounds.resample import Resampler

    if hasattr(aigc, "speak"):
        made = aigc.speak(text)
        pcm, rate = np.frombuffer(made.data, "<i2"), made.rate
    elif language == "en":
        pcm, rate = (np.clip(_hibari()(text, seed=0), -1, 1).reshape(-1) * 32767).astype(np.int16), 24_000
    else:
        raise RuntimeError("hibari-tts knows English only")
    work = Resampler(rate, RATE)
    return np.concatenate([work.feed(pcm), work.rest()])


@functools.lru_cache
def _hibari() -> Any:
    from hibari import Hibari

    return Hibari(threads=THREADS)


def recorded(pairs: list[str]) -> Iterator[Sound]:
    """Recordings and the text files that say what is said in them."""
    for pair in pairs:
        path, _, text = pair.partition("=")
        with wave.open(path) as file:
            seconds = file.getnframes() / file.getframerate()
        yield Sound(Path(path).name, Path(path), "en", Path(text).read_text("utf-8"), seconds)


Listen = Callable[[Sound], str]


def ours(folder: Path) -> Listen:
    """The engine, without server and process around it."""
    from aigc.engines.base import LoadOptions
    from aigc.engines.whisper import WhisperListener
    from aigc.types import EngineFile, ModelSpec, SoundFile, TranscribeRequest, TranscriptSegment

    file = EngineFile(engine="whisper", path=str(folder), memory_bytes=0)
    name = folder.parent.name
    spec = ModelSpec(
        id=name, capabilities=("transcription",), engines=(file,), context_tokens=0, created=0, digest="", licence=""
    )
    options = LoadOptions(threads=THREADS, context_tokens=0, cache_bytes=0, max_sequences=1)
    listener = WhisperListener(spec, file, options)

    def listen(sound: Sound) -> str:
        request = TranscribeRequest(sound=SoundFile(path=str(sound.path)), language=sound.language)
        return "".join(event.text for event in listener.listen(request) if isinstance(event, TranscriptSegment))

    return listen


def faster_whisper(folder: Path) -> Listen:
    """The loop that comes with the library, as its page shows it: beams of 5, temperatures up to 1."""
    from faster_whisper import WhisperModel

    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=THREADS, local_files_only=True)

    def listen(sound: Sound) -> str:
        return "".join(part.text for part in model.transcribe(str(sound.path), language=sound.language)[0])

    return listen


def openai_whisper(folder: Path) -> Listen:
    """The original, in float32 as it runs on a processor."""
    import torch

    from listen_weights import as_openai

    torch.set_num_threads(THREADS)
    model = as_openai(folder)

    def listen(sound: Sound) -> str:
        with wave.open(str(sound.path)) as file:
            rate, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), np.int16)
        from aigc.sounds.resample import Resampler

        work = Resampler(rate, RATE)
        mono = np.concatenate([work.feed(samples), work.rest()]).astype(np.float32) / 32768
        return str(model.transcribe(mono, language=sound.language, fp16=False)["text"])

    return listen


def whisper_cpp(folder: Path) -> Listen:
    """whisper.cpp with 16-bit weights and its own settings."""
    from pywhispercpp.model import Model

    from listen_weights import as_ggml

    target = Path(tempfile.mkdtemp()) / "model.bin"
    as_ggml(folder, target)
    model = Model(
        str(target), n_threads=THREADS, print_progress=False, print_realtime=False, redirect_whispercpp_logs_to=None
    )

    def listen(sound: Sound) -> str:
        with wave.open(str(sound.path)) as file:
            rate, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), np.int16)
        from aigc.sounds.resample import Resampler

        work = Resampler(rate, RATE)
        mono = np.concatenate([work.feed(samples), work.rest()]).astype(np.float32) / 32768
        return "".join(part.text for part in model.transcribe(mono, language=sound.language))

    return listen


PEERS: dict[str, tuple[str, Callable[[Path], Listen]]] = {
    "faster-whisper": ("faster_whisper", faster_whisper),
    "openai-whisper": ("whisper", openai_whisper),
    "whisper.cpp": ("pywhispercpp", whisper_cpp),
}


def measure(who: str, model: str, listen: Listen, sounds: list[Sound], repeats: int) -> list[dict[str, Any]]:
    """Rows of the table; the fastest of ``repeats`` counts."""
    rows = []
    for sound in sounds:
        if sound.language == "zh" and model.endswith(".en"):
            continue
        took, heard = [], ""
        for _ in range(repeats):
            began = time.perf_counter()
            heard = listen(sound)
            took.append(time.perf_counter() - began)
        truth = words(sound.truth, sound.language)
        wrong = errors(truth, words(heard, sound.language))
        row = {
            "who": who,
            "model": model,
            "sound": sound.name,
            "seconds": round(sound.seconds, 1),
            "times_real_time": round(sound.seconds / min(took), 1),
            "slowest": round(sound.seconds / max(took), 1),
            "error_percent": round(100 * wrong / len(truth), 2),
            "rss_mb": round(psutil.Process().memory_info().rss / 1e6),
        }
        print(row, flush=True)
        rows.append(row)
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", action="append", default=[], metavar="WAV=TEXT")
    parser.add_argument("--model", action="append", help="models of AIGC_HOME; all that listen")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--repeats", type=int, default=2)
    chosen = parser.parse_args()
    from aigc import settings

    models = settings.load().models_dir
    names = chosen.model or [name for name in ("whisper-tiny.en", "whisper-base") if (models / name).is_dir()]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        sounds = [*spoken(Path(folder)), *recorded(chosen.recording)]
        for name in names:
            makers = {"aigc": ours}
            if chosen.peers:
                makers |= {who: make for who, (module, make) in PEERS.items() if importlib.util.find_spec(module)}
            for who, make in makers.items():
                listen = make(models / name / "weights")
                rows += measure(who, name, listen, sounds, chosen.repeats)
                del listen
                gc.collect()
    print(json.dumps({"benchmark": "listen", "machine": machine.describe(), "rows": rows}))


if __name__ == "__main__":
    main()
