"""The level of speech, and its edges: even loudness, no silence before and after, no clicks where pieces meet.

Knows: samples. Does not know: files, voices, words.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aigc.types import Samples

Floats = NDArray[np.float32]
"""One channel, -1 to 1."""

SPEECH_LEVEL = -21.0
"""Decibels below full scale that `evened` brings speech to: as loud as the cloud's voices, with room for its peaks."""
_PEAK = 0.97
_BLOCK_SECONDS = 0.1
_SILENT = -60.0
_RELATIVE_GATE = -10.0
_EDGE = 0.006
"""Below this share of full scale the edges of a piece are silence: breath and room, no consonant."""
_MARGIN_SECONDS = 0.03
_FADE_SECONDS = 0.008


def level(samples: Floats, rate: int) -> float:
    """Loudness in decibels below full scale, of what is not silence.

    Blocks more than 10 decibels below the mean of the rest do not count, as in ITU-R BS.1770-4 (whose filter for the
    ear is left out: voices differ little in it). Silence: minus infinity.
    """
    size = max(1, round(rate * _BLOCK_SECONDS))
    count = max(1, len(samples) // size)
    blocks = samples[: count * size].reshape(count, -1).astype(np.float64)
    power = np.mean(blocks**2, axis=1) if blocks.size else np.zeros(1)
    loud = power[power > 10 ** (_SILENT / 10)]
    if not loud.size:
        return float("-inf")
    loud = loud[loud > loud.mean() * 10 ** (_RELATIVE_GATE / 10)]
    return float(10 * np.log10(loud.mean()))


def evened(samples: Floats, rate: int) -> Floats:
    """The same sound at `SPEECH_LEVEL`, or as near as its peaks allow; silence stays silence."""
    found = level(samples, rate)
    if found == float("-inf"):
        return samples
    gain = min(10 ** ((SPEECH_LEVEL - found) / 20), _PEAK / float(np.abs(samples).max()))
    return np.asarray(samples * np.float32(gain), np.float32)


def trimmed(samples: Floats, rate: int) -> Floats:
    """Without the silence before and after, faded in and out; nothing is left of a sound that is silent."""
    loud = np.flatnonzero(np.abs(samples) > _EDGE)
    if not loud.size:
        return samples[:0]
    margin = round(rate * _MARGIN_SECONDS)
    kept = np.array(samples[max(0, loud[0] - margin) : loud[-1] + 1 + margin], np.float32)
    fade = min(round(rate * _FADE_SECONDS), len(kept) // 2)
    ramp = np.linspace(0, 1, fade, endpoint=False, dtype=np.float32)
    kept[:fade] *= ramp
    kept[len(kept) - fade :] *= ramp[::-1]
    return kept


def silence(seconds: float, rate: int) -> Floats:
    """So much of nothing."""
    return np.zeros(max(0, round(seconds * rate)), np.float32)


def to_samples(samples: Floats, rate: int) -> Samples:
    """As 16-bit integers."""
    return Samples(rate=rate, data=(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
