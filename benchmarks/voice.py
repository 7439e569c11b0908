"""How long does it take from the end of what the user says to the first sound of the answer?

    AIGC_HOME=... python benchmarks/voice.py --model qwen2.5-coder-0.5b-instruct --transcription whisper-tiny.en

Questions are spoken by the speech model, and sent at the speed at which they are spoken, as a microphone would. The end
of the speech is its last loud sample, not the end of the silence after it. The models run in worker processes of this
program; a first turn, which loads them, isn't counted. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import threading
import time
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

import aigc
from aigc.client.voice import RATE, ModelSounds, Spoken, UserSaid, VoiceSession

QUESTIONS = (
    "What is the capital of France?",
    "How many legs does a spider have?",
    "Can you tell me why the sky is blue?",
    "What should I cook for dinner tonight?",
    "Who wrote the play Romeo and Juliet?",
    "How do I say good morning in Spanish?",
    "What is the largest planet of the solar system?",
    "Why do cats purr?",
    "When did people first land on the moon?",
    "Please give me one tip for better sleep.",
)
PIECE = RATE // 50 * 2
"""Bytes of 20 ms."""
SYSTEM = "You are spoken to and your answer is read aloud. Answer in one short sentence."


@dataclass
class Turn:
    """One question and what became of it, in seconds of the clock."""

    end_of_speech: float = 0.0
    first_sound: float = 0.0
    heard: str = ""
    answer: str = ""
    milliseconds: dict[str, int] = field(default_factory=dict)


def spoken(text: str) -> tuple[bytes, int]:
    """The question as samples, and the byte at which its speech ends."""
    data = aigc.speak(text).data
    loud = np.flatnonzero(np.abs(np.frombuffer(data, "<i2").astype(int)) > 300)
    return data, (int(loud[-1]) + 1) * 2


class Microphone:
    """Sends sound at the speed at which it sounds, and silence where there is none."""

    def __init__(self, session: VoiceSession) -> None:
        self._session = session
        self._waiting: list[tuple[bytes, int, Turn]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def say(self, data: bytes, end: int, turn: Turn) -> None:
        """Say it next."""
        self._waiting.append((data, end, turn))

    def stop(self) -> None:
        """Be silent for ever."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        due, data, at, end, turn = time.perf_counter(), b"", 0, 0, Turn()
        while not self._over.is_set():
            if at >= len(data) and self._waiting:
                (data, end, turn), at = self._waiting.pop(0), 0
            piece = data[at : at + PIECE].ljust(PIECE, b"\0")
            self._session.send(piece)
            if at < end <= at + PIECE:
                turn.end_of_speech = time.perf_counter()
            at += PIECE
            due += 0.02
            time.sleep(max(0.0, due - time.perf_counter()))


def converse(arguments: argparse.Namespace) -> list[Turn]:
    """Ask all questions, each when the answer to the one before has ended."""
    questions = [spoken(text) for text in QUESTIONS[: arguments.turns]]
    turns = [Turn() for _ in range(len(questions) + 1)]
    with VoiceSession(
        model=arguments.model,
        transcription=arguments.transcription,
        system=SYSTEM,
        language="en",
        turns=True,
        silence_ms=arguments.silence_ms,
    ) as session:
        microphone = Microphone(session)
        try:
            for turn, (data, end) in zip(turns, [questions[0], *questions], strict=True):
                microphone.say(data, end, turn)
                for event in session.events():
                    if isinstance(event, UserSaid):
                        turn.heard = event.text
                    elif isinstance(event, ModelSounds) and not turn.first_sound:
                        turn.first_sound = time.perf_counter()
                    elif isinstance(event, Spoken):
                        turn.answer, turn.milliseconds = event.text, event.milliseconds
                        break
        finally:
            microphone.stop()
    return turns[1:]


def parts(turn: Turn) -> dict[str, float]:
    """Milliseconds of each step, one after the other; what was done before the turn had ended counts as nothing."""
    whole = (turn.first_sound - turn.end_of_speech) * 1000
    marks = turn.milliseconds
    steps = {"until_the_turn_ends": whole - marks["first_audio"], "transcript": marks["transcribed"]}
    names = ("transcribed", "first_token", "first_sentence", "first_audio")
    steps |= {later: marks[later] - marks[earlier] for earlier, later in pairwise(names)}
    return {name: round(value) for name, value in (steps | {"whole": whole}).items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="default")
    parser.add_argument("--transcription", default="default")
    parser.add_argument("--silence-ms", type=int, default=500)
    parser.add_argument("--turns", type=int, default=len(QUESTIONS))
    arguments = parser.parse_args()
    rows = []
    for turn in converse(arguments):
        rows.append(parts(turn))
        print(f"{rows[-1]}  heard: {turn.heard!r}  answer: {turn.answer!r}")
    medians = {name: round(statistics.median(row[name] for row in rows)) for name in rows[0]}
    spread = [min(row["whole"] for row in rows), max(row["whole"] for row in rows)]
    told = {"benchmark": "voice", **vars(arguments), "median_ms": medians, "whole_min_max_ms": spread}
    print(json.dumps(told | {"machine": platform.processor() or platform.machine(), "version": aigc.__version__}))


if __name__ == "__main__":
    main()
