"""How fast is speech, how soon does it begin, and how much memory does it take? Beside espeak-ng where it is installed.

Each language runs in a process of its own, on all cores, after one sentence that is not counted. "Times real time" is
seconds of sound for a second of work; on a machine with neighbours processor time says what the same work takes alone.
The first sound is asked of a server over HTTP, twenty times, as PCM. Chinese needs
``aigc pull aigc-voice``::

    python benchmarks/speech.py

Prints progress on stderr and one JSON object as the last line.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
import wave
from io import BytesIO
from typing import Any

import machine

THREADS = len(os.sched_getaffinity(0))
TEXTS = {
    "en": (
        "The library will close its main reading room for eight weeks, starting on the third of March, so that the "
        "roof, which has leaked for three winters, can be replaced. The children's corner and the computer desks will "
        "move to the town hall during the work. Books on reserve can be collected from a van parked outside the post "
        "office on Tuesdays and Fridays. Nobody will lose their job, and late fees are waived until it opens again."
    ),
    "zh": (
        "图书馆的主阅览室将从三月三日起关闭八个星期，以便更换漏了三个冬天的屋顶。施工期间，儿童区和电脑桌会搬到市政厅。"
        "预约的图书可以在每周二和周五到邮局门口的面包车上领取。没有人会失去工作，重新开放之前也不收滞纳金。"
    ),
}
WARM = {"en": "Ready.", "zh": "准备好了。"}
REPEATS = 5
FIRST_SOUNDS = 20
FIRST_TEXT = "Good morning, and welcome. It is seven o'clock, and the sun is about to rise."


def measured(language: str) -> dict[str, Any]:
    """In this process: speed and memory of the engine."""
    from aigc.engines.base import LoadOptions
    from aigc.engines.voice import VoiceSpeaker
    from aigc.settings import load
    from aigc.store import Store
    from aigc.store.builtin import builtin
    from aigc.types import SpeechRequest

    found = {spec.id: spec for spec in (*builtin(), *Store(load()).list())}
    spec = found["aigc-voice"]
    if language not in spec.languages:
        return {"missing": "aigc pull aigc-voice"}
    began = time.perf_counter()
    options = LoadOptions(threads=THREADS, context_tokens=0, cache_bytes=0, max_sequences=1)
    speaker = VoiceSpeaker(spec, spec.engines[0], options)
    list(speaker.speak(SpeechRequest(text=WARM[language])))
    loading = time.perf_counter() - began
    walls, works, sound = [], [], 0.0
    for _ in range(REPEATS):
        wall, work = time.perf_counter(), time.process_time()
        sound = sum(piece.sound.seconds for piece in speaker.speak(SpeechRequest(text=TEXTS[language])))
        walls.append(time.perf_counter() - wall)
        works.append((time.process_time() - work) / THREADS)
    return {
        "sound_seconds": round(sound, 2),
        "load_seconds": round(loading, 2),
        "times_real_time": round(sound / statistics.median(walls), 1),
        "times_real_time_of_processor": round(sound / statistics.median(works), 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def espeak() -> dict[str, Any]:
    """The same English text by espeak-ng, a process each time."""
    program = shutil.which("espeak-ng")
    if program is None:
        return {"missing": "espeak-ng"}
    walls, sound = [], 0.0
    for _ in range(REPEATS):
        wall = time.perf_counter()
        made = subprocess.run([program, "-v", "en-us", "--stdout", TEXTS["en"]], capture_output=True, check=True).stdout
        walls.append(time.perf_counter() - wall)
        with wave.open(BytesIO(made)) as file:
            sound = (len(made) - 44) / 2 / file.getframerate()
    return {"sound_seconds": round(sound, 2), "times_real_time": round(sound / statistics.median(walls), 1)}


def first_sounds() -> dict[str, Any]:
    """Milliseconds from the request to the first byte of sound, over HTTP to a server of its own."""
    import httpx

    import served

    server = served.Server()
    times = []
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        client = stack.enter_context(httpx.Client(headers={"authorization": f"Bearer {served.KEY}"}, timeout=120))
        server.wait()
        for _ in range(FIRST_SOUNDS + 1):
            body = {"model": "tts-1", "voice": "alloy", "input": FIRST_TEXT, "response_format": "pcm"}
            began = time.perf_counter()
            with client.stream("POST", f"{server.url}/v1/audio/speech", json=body) as answer:
                answer.raise_for_status()
                pieces = answer.iter_raw()
                next(pieces)
                times.append(1000 * (time.perf_counter() - began))
                for _ in pieces:
                    pass
    times = times[1:]  # the first one loads the model
    return {"median": round(statistics.median(times), 1), "least": round(min(times), 1), "most": round(max(times), 1)}


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(TEXTS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(measured(arguments.only)))
        return
    result: dict[str, Any] = {"machine": machine.describe()}
    for language in TEXTS:
        print(f"{language} ...", file=sys.stderr)
        done = subprocess.run(
            [sys.executable, __file__, "--only", language], capture_output=True, check=True, text=True
        )
        result[language] = json.loads(done.stdout.splitlines()[-1])
    result["espeak_ng"] = espeak()
    print("first sounds ...", file=sys.stderr)
    result["first_sound_ms"] = first_sounds()
    print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
