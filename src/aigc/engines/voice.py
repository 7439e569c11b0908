"""Our speaking model: each sentence by a voice of its language, all of them equally loud, without seams.

English comes with the package; the Chinese voices are loaded when the first Chinese sentence comes, from the folder
that `aigc pull aigc-voice` made. English words in a Chinese sentence are spoken by the same voice as the rest of it.

Knows: which voice speaks what, speed, pauses. Does not know: how a voice computes, files, HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aigc.engines import voices
from aigc.engines.base import LoadOptions
from aigc.engines.voice_chinese import mixed, refuse_unknown
from aigc.engines.voice_english import DEFAULT, FASTEST, RATE, SLOWEST, English
from aigc.engines.voice_kokoro import Kokoro
from aigc.engines.voice_text import Part, parts, plain
from aigc.errors import EngineError, UnsupportedParameter, UserError
from aigc.sounds.levels import Floats, evened, silence, to_samples, trimmed
from aigc.sounds.tempo import stretched
from aigc.types import EngineFile, ModelSpec, SpeechPiece, SpeechRequest, Voice

SPEEDS = (0.25, 4.0)


class VoiceSpeaker:
    """See `aigc.engines.base.Speaker`."""

    def __init__(self, spec: ModelSpec, file: EngineFile, options: LoadOptions) -> None:
        self._spec = spec
        self._folder = Path(file.path) if file.path else None
        self._threads = options.threads
        self._english = English(options.threads)
        self._kokoro: Kokoro | None = None
        self.fingerprint = f"voice-1-{spec.digest[:8] or 'english'}"

    def check(self, request: SpeechRequest) -> None:
        """See `aigc.engines.base.Speaker.check`."""
        if request.instructions is not None:
            raise UnsupportedParameter(
                f"instructions are given, which {self._spec.id} can't follow: its voices have one way to speak",
                param="instructions",
                hint="Leave it out; voice and speed are honoured.",
            )
        if not SPEEDS[0] <= request.speed <= SPEEDS[1]:
            raise UserError(f"speed is {request.speed}; accepted: {SPEEDS[0]} to {SPEEDS[1]}", param="speed")
        if request.voice is not None:
            voices.known(self._spec.voices, request.voice, self._spec.id)
        wanted = parts(request.text)
        self._chosen(request, wanted)
        for part in wanted:
            if part.language == "zh":
                refuse_unknown(plain(part.text))

    def speak(self, request: SpeechRequest) -> Iterator[SpeechPiece]:
        """See `aigc.engines.base.Speaker.speak`."""
        wanted = parts(request.text)
        chosen = self._chosen(request, wanted)
        for part in wanted:
            voice = chosen[part.language].id
            sound = self._spoken(part, voice, request.speed)
            pause = silence(part.pause / request.speed, RATE)
            yield SpeechPiece(sound=to_samples(np.concatenate([sound, pause]), RATE), text=part.text, voice=voice)

    def close(self) -> None:
        """The process that holds the voices ends with them."""

    def _chosen(self, request: SpeechRequest, wanted: list[Part]) -> dict[str, Voice]:
        languages = dict.fromkeys(part.language for part in wanted)
        return voices.chosen(self._spec.voices, request.voice, languages, self._spec.id)

    def _spoken(self, part: Part, voice: str, speed: float) -> Floats:
        own = min(max(speed, SLOWEST), FASTEST)
        text = plain(part.text)
        made = self._english.speak(text, own) if voice == DEFAULT else self._by_kokoro(text, voice, own)
        sound = trimmed(made, RATE)
        if not len(sound):
            raise EngineError(f"the voice {voice} stayed silent at {part.text[:60]!r}")
        return evened(stretched(sound, RATE, speed / own), RATE)

    def _by_kokoro(self, text: str, voice: str, speed: float) -> Floats:
        if self._kokoro is None:
            if self._folder is None:
                raise EngineError(f"the voice {voice} has no files", hint=f"`aigc pull {self._spec.id}`")
            self._kokoro = Kokoro(self._folder, self._threads)
        return self._kokoro.speak(mixed(text, self._english.phonemes), voice, speed)
