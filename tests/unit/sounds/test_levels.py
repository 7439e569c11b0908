"""The level of speech and its edges, beside FFmpeg's own measure."""

from __future__ import annotations

import av
import av.filter
import numpy as np
import pytest

from aigc.sounds.levels import SPEECH_LEVEL, Floats, evened, level, silence, to_samples, trimmed
from aigc.sounds.tempo import stretched

RATE = 24_000


def syllables(loudness: float, pitch: float = 180.0) -> Floats:
    """Ten bursts of a buzz with silence between them, like speech."""
    times = np.arange(RATE // 4) / RATE
    buzz = sum(np.sin(2 * np.pi * pitch * n * times) / n for n in range(1, 9)) * np.hanning(len(times))
    return np.concatenate([np.append(buzz * loudness, np.zeros(RATE // 10)) for _ in range(10)]).astype(np.float32)


def by_ffmpeg(samples: Floats) -> float:
    """Integrated loudness (ITU-R BS.1770) as FFmpeg's ebur128 measures it."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(format="flt", sample_rate=RATE, layout="mono", time_base=None)
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.concatenate([samples, samples])[None], "flt", "mono")
    frame.sample_rate = RATE
    graph.push(frame)
    graph.push(None)
    found = -70.0
    while True:
        try:
            found = float(graph.pull().metadata["lavfi.r128.I"])
        except (av.error.BlockingIOError, av.error.EOFError):
            return found


def test_a_sine_at_full_scale_is_three_decibels_below_it() -> None:
    times = np.arange(RATE) / RATE
    assert level(np.sin(2 * np.pi * 300 * times).astype(np.float32), RATE) == pytest.approx(-3.01, abs=0.02)


def test_silence_has_no_level_and_stays_silent() -> None:
    assert level(silence(1.0, RATE), RATE) == float("-inf")
    assert not evened(silence(1.0, RATE), RATE).any()


def test_pauses_do_not_count() -> None:
    spoken = syllables(0.1)
    assert level(np.concatenate([spoken, silence(5, RATE)]), RATE) == pytest.approx(level(spoken, RATE), abs=0.01)


def test_quiet_and_loud_speech_come_out_equally_loud_to_the_ear() -> None:
    quiet, loud = evened(syllables(0.02), RATE), evened(syllables(0.2, 240.0), RATE)
    assert level(quiet, RATE) == pytest.approx(SPEECH_LEVEL, abs=0.1)
    assert by_ffmpeg(quiet) == pytest.approx(by_ffmpeg(loud), abs=1.0)
    assert by_ffmpeg(syllables(0.2)) - by_ffmpeg(syllables(0.02)) == pytest.approx(20, abs=0.5)


def test_peaks_are_never_cut() -> None:
    clicks = silence(1.0, RATE)
    clicks[::6000] = 0.5
    assert np.abs(evened(clicks, RATE)).max() <= 0.971


def test_trimming_leaves_the_speech_and_soft_edges() -> None:
    spoken = syllables(0.2)
    made = trimmed(np.concatenate([silence(0.5, RATE), spoken, silence(0.7, RATE)]), RATE)
    assert len(made) / RATE == pytest.approx(len(spoken) / RATE - 0.1, abs=0.08)
    assert abs(made[0]) == 0.0
    assert abs(made[-1]) < 0.001
    assert not len(trimmed(silence(1.0, RATE), RATE))


def test_samples_are_16_bits() -> None:
    made = to_samples(np.array([0.0, 1.0, -1.0, 2.0], np.float32), RATE)
    assert np.frombuffer(made.data, "<i2").tolist() == [0, 32767, -32767, 32767]


@pytest.mark.parametrize("factor", [0.25, 0.5, 1.0, 1.5, 4.0])
def test_tempo_changes_the_length_and_not_the_pitch(factor: float) -> None:
    times = np.arange(2 * RATE) / RATE
    made = stretched((0.3 * np.sin(2 * np.pi * 200 * times)).astype(np.float32), RATE, factor)
    assert len(made) / RATE == pytest.approx(2 / factor, rel=0.03)
    window = made[: RATE // 4]  # a bin is four Hz
    assert 4 * int(np.argmax(np.abs(np.fft.rfft(window * np.hanning(len(window)))))) == pytest.approx(200, abs=4)


def test_no_tempo_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="factor is 0; expected: above 0"):
        stretched(silence(1, RATE), RATE, 0)
