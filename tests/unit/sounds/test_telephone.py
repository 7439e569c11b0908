from __future__ import annotations

import av
import numpy as np
import pytest

from aigc.sounds import telephone
from aigc.sounds.resample import Resampler
from aigc.sounds.telephone import Law


def by_ffmpeg(codes: bytes, law: str) -> np.ndarray:
    context = av.CodecContext.create(f"pcm_{law}law", "r")
    context.sample_rate, context.layout = 8000, "mono"
    frames = context.decode(av.Packet(codes)) + context.decode(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


@pytest.mark.parametrize(("law", "name"), [("mu", "mu"), ("a", "a")])
def test_every_code_sounds_as_ffmpeg_decodes_it(law: Law, name: str) -> None:
    codes = bytes(range(256))
    assert telephone.decode(codes, law).tolist() == by_ffmpeg(codes, name).tolist()


@pytest.mark.parametrize("law", ["mu", "a"])
def test_a_sample_gets_the_nearest_code(law: Law) -> None:
    values = np.unique(telephone.decode(bytes(range(256)), law).astype(int))
    samples = np.arange(-32768, 32768, 7, dtype=np.int16)
    decoded = telephone.decode(telephone.encode(samples, law), law).astype(int)
    nearest = np.abs(values[None] - samples.astype(int)[:, None]).min(1)
    assert np.array_equal(np.abs(decoded - samples), nearest)


def test_a_tone_keeps_its_pitch_and_loudness_at_another_rate_however_it_is_cut() -> None:
    time = np.arange(24_000) / 24_000
    tone = (np.sin(2 * np.pi * 440 * time) * 10_000).astype(np.int16)
    work = Resampler(24_000, 16_000)
    found = np.concatenate([*(work.feed(tone[i : i + 333]) for i in range(0, len(tone), 333)), work.rest()])
    assert abs(len(found) - 16_000) <= 2
    expected = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000) * 10_000
    assert np.abs(found[200:15_800] - expected[200:15_800]).max() < 60


def test_the_same_rate_changes_nothing() -> None:
    samples = np.arange(100, dtype=np.int16)
    work = Resampler(16_000, 16_000)
    assert work.feed(samples) is samples
    assert len(work.rest()) == 0
