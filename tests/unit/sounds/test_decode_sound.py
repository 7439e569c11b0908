"""Sound files of many kinds, written by FFmpeg's encoders, and what strangers make of them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from aigc.errors import InvalidSound, TooLarge
from aigc.sounds.decode import BLOCK_SECONDS, RATE, Sound
from aigc.types import Samples, SoundFile

TONE_HZ = 440.0


def tone(seconds: float, rate: int) -> NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * TONE_HZ * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def write(path: Path, codec: str, *, rate: int = 16_000, layout: str = "mono", seconds: float = 3.0) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = layout
        channels = len(stream.layout.channels)
        samples = np.repeat(tone(seconds, rate)[:, None], channels, axis=1).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="flt", layout=layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
        queue = av.AudioFifo()
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            part.pts = None
            queue.write(part)
        size = stream.codec_context.frame_size or 1024
        while (part := queue.read(size, partial=True)) is not None:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def heard(path: Path, **limits: float) -> NDArray[np.float32]:
    with Sound(SoundFile(path=str(path)), **limits) as sound:
        return np.concatenate(list(sound))


def pitch(samples: NDArray[np.float32]) -> float:
    """Of the loudest tone, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax()) * RATE / len(samples)


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("a.wav", "pcm_s16le", 16_000, "mono"),
        ("eight-bits.wav", "pcm_u8", 8_000, "mono"),
        ("telephone.wav", "pcm_alaw", 8_000, "mono"),
        ("eight-channels.wav", "pcm_f32le", 96_000, "7.1"),
        ("eight-channels.flac", "flac", 96_000, "7.1"),
        ("a.mp3", "mp3", 44_100, "stereo"),
        ("a.ogg", "libopus", 48_000, "mono"),
        ("a.m4a", "aac", 48_000, "stereo"),
        ("a.webm", "libopus", 48_000, "mono"),
        ("a.aiff", "pcm_s16be", 22_050, "mono"),
        ("a.aac", "aac", 44_100, "mono"),
    ],
)
def test_every_kind_of_file_gives_the_same_tone(tmp_path: Path, name: str, codec: str, rate: int, layout: str) -> None:
    samples = heard(write(tmp_path / name, codec, rate=rate, layout=layout))
    assert samples.dtype == np.float32
    assert abs(len(samples) / RATE - 3.0) < 0.1
    assert abs(pitch(samples) - TONE_HZ) < 1.0
    assert 0.1 < np.abs(samples).max() <= 1.0


def test_samples_of_any_rate_are_taken_as_they_are() -> None:
    data = (tone(2.0, 24_000) * 32767).astype("<i2").tobytes()
    with Sound(Samples(rate=24_000, data=data)) as sound:
        samples = np.concatenate(list(sound))
    assert sound.seconds == 2.0
    assert abs(len(samples) - 2 * RATE) <= 32
    assert abs(pitch(samples) - TONE_HZ) < 1.0


def test_of_a_video_the_sound_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        film = container.add_stream("mpeg4", rate=10)
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        track = container.add_stream("aac", rate=16_000)
        track.layout = "mono"
        for _ in range(20):
            picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(film.encode(picture))
        wave = tone(2.048, 16_000)
        for start in range(0, 32_768, 1024):
            frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
            frame.sample_rate = 16_000
            frame.pts = start
            container.mux(track.encode(frame))
        container.mux([*film.encode(None), *track.encode(None)])
    assert abs(pitch(heard(path)) - TONE_HZ) < 1.0


def test_a_film_without_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as container:
        film = container.add_stream("mpeg4", rate=10)
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        container.mux(film.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        container.mux(film.encode(None))
    with pytest.raises(InvalidSound, match="no track of it is audio"):
        heard(path)


def test_the_sound_may_lie_in_the_middle_of_a_file(tmp_path: Path) -> None:
    sound = write(tmp_path / "a.wav", "pcm_s16le").read_bytes()
    (tmp_path / "form").write_bytes(b"head" * 10 + sound + b"tail" * 10)
    with Sound(SoundFile(path=str(tmp_path / "form"), start=40, size=len(sound))) as opened:
        assert sum(map(len, opened)) == 3 * RATE


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    with Sound(SoundFile(path=str(write(tmp_path / "long.flac", "flac", rate=8_000, seconds=300.0)))) as sound:
        assert max(len(block) for block in sound) <= BLOCK_SECONDS * RATE
    assert abs(sound.heard - 300.0) < 0.01


@pytest.mark.parametrize("content", [b"", b"RIFF", b"hello, this is no sound", b"\xff" * 5000, b"\0" * 5000])
def test_what_is_no_sound_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp3").write_bytes(content)
    with pytest.raises(InvalidSound, match=r"is empty|is no sound|holds no sound|can't be read") as caught:
        heard(tmp_path / "a.mp3")
    assert caught.value.param == "file"


@pytest.mark.parametrize("cut", [0.3, 0.7, 0.97])
@pytest.mark.parametrize(
    ("name", "codec"), [("a.wav", "pcm_s16le"), ("a.flac", "flac"), ("a.webm", "libopus"), ("a.m4a", "aac")]
)
def test_a_file_that_ends_early_is_never_taken_for_a_whole_one(
    tmp_path: Path, name: str, codec: str, cut: float
) -> None:
    path = write(tmp_path / name, codec, rate=48_000, seconds=30.0)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(InvalidSound, match=r"ends after|damaged after|is no sound that|its header states"):
        heard(path)


def test_what_came_before_the_damage_is_given(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", "flac", seconds=30.0)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = os.urandom(len(data) - len(data) // 2)
    path.write_bytes(data)
    got: list[int] = []
    with Sound(SoundFile(path=str(path))) as sound, pytest.raises(InvalidSound, match=r"after 1[0-9]"):
        got.extend(len(block) for block in sound)
    assert 10 * RATE < sum(got) < 20 * RATE


def test_a_wav_that_was_written_into_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", "pcm_s16le")
    data = bytearray(path.read_bytes())
    data[4:8] = b"\xff\xff\xff\xff"
    place = data.index(b"data") + 4
    data[place : place + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert len(heard(path)) == 3 * RATE


def test_too_long_a_sound_is_refused_at_once_where_its_header_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", "flac", seconds=20.0)
    with pytest.raises(TooLarge, match="20 seconds of sound; accepted: 10"):
        Sound(SoundFile(path=str(path)), most_seconds=10)


def test_a_small_file_that_unpacks_to_hours_is_stopped_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "bomb.ogg"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=48_000, options={"frame_duration": "60"})
        stream.layout = "mono"
        stream.bit_rate = 6000
        silence = np.zeros((1, 2880), np.float32)
        for _ in range(10_000):  # ten minutes
            frame = av.AudioFrame.from_ndarray(silence, format="flt", layout="mono")
            frame.sample_rate = 48_000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert path.stat().st_size < 200_000
    with (
        Sound(SoundFile(path=str(path)), most_seconds=60) as sound,
        pytest.raises(TooLarge, match="more than 60 seconds"),
    ):
        list(sound)
    assert sound.heard < 62


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{other}\n#EXT-X-ENDLIST\n"),
        ("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{other}\n#EXT-X-ENDLIST\n"),
        ("a.ffconcat", "ffconcat version 1.0\nfile '{other}'\n"),
        ("a.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"),
        ("a.mpd", '<?xml version="1.0"?><MPD><Period><BaseURL>file://{other}</BaseURL></Period></MPD>'),
        ("a.wav", "file:{other}"),
    ],
)
def test_a_file_cannot_make_the_reader_open_another_one(tmp_path: Path, name: str, text: str) -> None:
    other = write(tmp_path / "secret.wav", "pcm_s16le")
    (tmp_path / name).write_text(text.format(other=other))
    with pytest.raises(InvalidSound, match="is no sound that can be read"):
        heard(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.ogg", "libopus"),
        ("a.m4a", "aac"),
        ("a.mp3", "mp3"),
        ("a.flac", "flac"),
        ("a.webm", "libopus"),
        ("a.wav", "pcm_u8"),
    ],
)
def test_bytes_turned_at_random_never_bring_another_error(tmp_path: Path, name: str, codec: str) -> None:
    path = tmp_path / name
    good = write(tmp_path / f"good-{name}", codec, rate=48_000).read_bytes()
    draw = np.random.default_rng(5)
    for at in range(30):
        data = np.frombuffer(good, np.uint8).copy()
        # Every other time the header alone: that is where sizes and rates stand.
        places = draw.integers(0, len(data) if at % 2 else min(len(data), 200), 20)
        data[places] = draw.integers(0, 256, 20)
        path.write_bytes(data.tobytes())
        with contextlib.suppress(InvalidSound, TooLarge):
            assert np.isfinite(heard(path, most_seconds=60)).all()
