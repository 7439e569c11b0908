"""Faster and slower speech at the same pitch, for what a voice can't do by itself.

Knows: samples; FFmpeg's ``atempo`` (waveform similarity overlap-add). Does not know: voices.
"""

from __future__ import annotations

import numpy as np

from aigc.sounds.levels import Floats

_SLOWEST, _FASTEST = 0.5, 2.0
"""Of one pass: beyond, the filter leaves samples out."""


def stretched(samples: Floats, rate: int, factor: float) -> Floats:
    """The same sound, ``factor`` times as fast; above 0."""
    if factor <= 0:
        raise ValueError(f"factor is {factor}; expected: above 0")
    while abs(factor - 1) > 1e-6 and len(samples):
        step = min(max(factor, _SLOWEST), _FASTEST)
        samples = _pass(samples, rate, step)
        factor /= step
    return samples


def _pass(samples: Floats, rate: int, factor: float) -> Floats:
    import av
    import av.filter

    graph = av.filter.Graph()
    source = graph.add_abuffer(format="flt", sample_rate=rate, layout="mono", time_base=None)
    tempo, sink = graph.add("atempo", f"{factor:.6f}"), graph.add("abuffersink")
    source.link_to(tempo)
    tempo.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None], np.float32), "flt", "mono")
    frame.sample_rate = rate
    graph.push(frame)
    graph.push(None)
    made = []
    while True:
        try:
            made.append(graph.pull().to_ndarray().ravel())
        except (av.error.BlockingIOError, av.error.EOFError):
            return np.concatenate(made).astype(np.float32) if made else samples[:0]
