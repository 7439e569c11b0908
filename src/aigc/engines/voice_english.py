"""English speech by `hibari`: 130 times as fast as it is spoken, on one core.

Numbers, dates, money and abbreviations are read by its own rules.

Knows: the library. Does not know: requests, other languages, levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aigc.errors import EngineError
from aigc.sounds.levels import Floats

if TYPE_CHECKING:
    import hibari

DEFAULT = "heart"
"""Id of the voice."""
RATE = 24_000
SLOWEST, FASTEST = 0.5, 2.0
"""Speeds that the voice was trained for."""
_SIGNS = {"±": " plus or minus ", "×": " times ", "÷": " divided by ", "−": "-", "⁄": "/"}
"""Signs that the library leaves out, as words."""
_SEED = 0
"""Of the breath in a voice: the same text sounds the same."""


class English:
    """A loaded voice.

    Args:
        threads: to compute with.
    """

    def __init__(self, threads: int) -> None:
        from hibari import Hibari

        self._voice: hibari.Hibari = Hibari(threads=threads)
        self.speak("Ready.", 1.0)  # the dictionaries are read now, not while somebody waits

    def phonemes(self, text: str) -> str:
        """How a text is spoken, in misaki's alphabet. Raises: EngineError: not at all."""
        return " ".join(self._read(text))

    def speak(self, text: str, speed: float) -> Floats:
        """A sentence.

        Args:
            text: with words or numbers, see `aigc.engines.voice_text.plain`.
            speed: `SLOWEST` to `FASTEST`.
        Raises:
            EngineError: it has no sound.
        """
        breath = np.random.default_rng(_SEED)
        made = [self._voice.from_ids(self._voice.ids(one), speed, breath) for one in self._read(text)]
        return np.concatenate(made)

    def _read(self, text: str) -> list[str]:
        for sign, words in _SIGNS.items():
            text = text.replace(sign, words)
        found: list[str] = self._voice.phonemize(text)
        if not any(char.isalpha() for one in found for char in one):
            raise EngineError(f"the English voice finds no way to speak {text[:60]!r}")
        return found
