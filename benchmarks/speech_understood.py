"""Is our speech understood? Thirty sentences a language are spoken and written down again by Whisper base.

The share of wrong words (English) or syllables (Chinese) counts Whisper's own errors as ours, and says nothing about
how natural a voice sounds. Chinese is compared by syllable and tone, so that homophones and traditional characters are
no errors; Whisper is told that it hears Mandarin. Needs
``aigc pull aigc-voice`` for Chinese and a folder with Whisper base in CTranslate2's format::

    python benchmarks/speech_understood.py WHISPER_FOLDER [--voice ID] [--language en]

Prints what was misheard on stderr and one JSON object as the last line.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

import machine

THREADS = len(os.sched_getaffinity(0))
SENTENCES: dict[str, list[str]] = json.loads((Path(__file__).parent / "data/spoken.json").read_text("utf-8"))
HINT = {"zh": "以下是普通话的句子。"}
SPELLINGS = {"favourite": "favorite", "colours": "colors"}


def units(text: str, language: str) -> list[str]:
    """What is counted: syllables with their tones, or words without punctuation and British spelling."""
    if language == "zh":
        from pypinyin import Style, lazy_pinyin

        return [str(one) for one in lazy_pinyin("".join(re.findall("[\u4e00-\u9fff]", text)), Style.TONE3)]
    words = re.sub(r"[^a-z0-9' ]", " ", text.lower()).split()
    return [SPELLINGS.get(word, word) for word in words]


def wrong(meant: list[str], heard: list[str]) -> int:
    """Levenshtein distance."""
    row = list(range(len(heard) + 1))
    for i, one in enumerate(meant, 1):
        row, above = [i], row
        for j, other in enumerate(heard, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (one != other)))
    return row[-1]


def examined(language: str, speaker: Any, voice: str | None, whisper: Any) -> dict[str, Any]:
    """Speak and listen."""
    from aigc.sounds.resample import Resampler
    from aigc.types import SpeechRequest

    errors = count = whole = 0
    voices: set[str] = set()
    for text in SENTENCES[language]:
        request = SpeechRequest(text=text, voice=voice)
        speaker.check(request)
        pieces = list(speaker.speak(request))
        voices |= {piece.voice for piece in pieces}
        work = Resampler(pieces[0].sound.rate, 16_000)
        sound = np.frombuffer(b"".join(piece.sound.data for piece in pieces), "<i2")
        samples = np.concatenate([work.feed(sound), work.rest()]).astype(np.float32) / 32768
        found, _ = whisper.transcribe(
            samples, language=language, beam_size=5, temperature=0.0, initial_prompt=HINT.get(language)
        )
        heard = "".join(segment.text for segment in found).strip()
        meant = units(text, language)
        missed = wrong(meant, units(heard, language))
        if missed:
            print(f"{text} | {heard}", file=sys.stderr)
        errors, count, whole = errors + missed, count + len(meant), whole + (missed == 0)
    return {"voices": sorted(voices), "wrong_share": round(errors / count, 4), "sentences_whole": whole, "units": count}


def main() -> None:
    """Examine, print."""
    from faster_whisper import WhisperModel

    from aigc.engines.base import LoadOptions
    from aigc.engines.voice import VoiceSpeaker
    from aigc.settings import load
    from aigc.store import Store
    from aigc.store.builtin import builtin

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("whisper", type=Path)
    parser.add_argument("--voice")
    parser.add_argument("--language", choices=list(SENTENCES))
    given = parser.parse_args()
    spec = {spec.id: spec for spec in (*builtin(), *Store(load()).list())}["aigc-voice"]
    options = LoadOptions(threads=THREADS, context_tokens=0, cache_bytes=0, max_sequences=1)
    speaker = VoiceSpeaker(spec, spec.engines[0], options)
    whisper = WhisperModel(str(given.whisper), device="cpu", compute_type="int8", cpu_threads=THREADS)
    wanted = [given.language] if given.language else [one for one in SENTENCES if one in spec.languages]
    rows = {one: examined(one, speaker, given.voice, whisper) for one in wanted}
    print(json.dumps({"benchmark": "speech_understood", **rows, "machine": machine.describe()}, ensure_ascii=False))


if __name__ == "__main__":
    main()
