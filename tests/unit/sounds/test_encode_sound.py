"""Sound files: other readers find the sound in them, and they leave piece by piece."""

from __future__ import annotations

import io
import wave

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from aigc.sounds import wav
from aigc.sounds.encode import MEDIA_TYPES, Encoder, Format, encode
from aigc.types import Samples

FILES: tuple[Format, ...] = ("mp3", "opus", "aac", "flac", "wav")


def tone(rate: int, seconds: float = 2.0, pitch: float = 440.0) -> Samples:
    """A sine at a quarter of full scale."""
    times = np.arange(int(rate * seconds)) / rate
    return Samples(rate=rate, data=(8192 * np.sin(2 * np.pi * pitch * times)).astype("<i2").tobytes())


def heard(file: bytes) -> tuple[NDArray[np.float64], int]:
    """Samples in -1 to 1 and their rate, as FFmpeg reads a file."""
    with av.open(io.BytesIO(file)) as container:
        (stream,) = container.streams.audio
        convert = av.AudioResampler("dbl", "mono", stream.rate)
        frames = [made for frame in container.decode(stream) for made in convert.resample(frame)]
        return np.concatenate([frame.to_ndarray().ravel() for frame in frames]), stream.rate


def loudest_pitch(samples: NDArray[np.float64], rate: int) -> float:
    window = samples[rate // 4 : rate // 4 + rate]  # one second: a bin is one Hz
    return float(np.argmax(np.abs(np.fft.rfft(window * np.hanning(len(window))))))


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000])
@pytest.mark.parametrize("format", FILES)
def test_a_tone_is_the_same_tone_in_the_file(format: Format, rate: int) -> None:
    samples, read_rate = heard(encode(tone(rate), format))
    assert loudest_pitch(samples, read_rate) == pytest.approx(440, abs=1)
    assert len(samples) / read_rate == pytest.approx(2.0, abs=0.12)
    assert np.sqrt(np.mean(samples[read_rate // 2 : read_rate] ** 2)) == pytest.approx(
        0.25 / np.sqrt(2), rel=0.06
    )  # LAME scales by 0.95


@pytest.mark.parametrize("format", [*FILES, "pcm"])
def test_the_first_bytes_leave_before_the_sound_is_whole(format: Format) -> None:
    sound = tone(24_000)
    encoder = Encoder(format, 24_000)
    first = encoder.push(Samples(rate=24_000, data=sound.data[:9600]))
    assert first
    rest = encoder.push(Samples(rate=24_000, data=sound.data[9600:])) + encoder.finish()
    if format == "pcm":
        assert first + rest == sound.data
    else:
        samples, rate = heard(first + rest)
        assert loudest_pitch(samples, rate) == pytest.approx(440, abs=1)


def test_flac_and_wav_lose_nothing() -> None:
    sound = tone(22_050)
    expected = np.frombuffer(sound.data, "<i2") / 32768
    assert np.array_equal(heard(encode(sound, "flac"))[0], expected)
    with wave.open(io.BytesIO(encode(sound, "wav"))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (22_050, 1, 2)
        assert file.readframes(file.getnframes()) == sound.data


def test_pcm_has_24000_samples_a_second_whatever_comes_in() -> None:
    made = np.frombuffer(encode(tone(16_000), "pcm"), "<i2")
    assert len(made) == pytest.approx(48_000, abs=50)
    assert loudest_pitch(made / 32768, 24_000) == pytest.approx(440, abs=1)


def test_a_wav_that_went_over_a_socket_gets_its_length() -> None:
    sound = tone(8_000, 0.5)
    encoder = Encoder("wav", 8_000)
    streamed = encoder.push(sound) + encoder.finish()
    assert streamed[4:8] == streamed[40:44] == b"\xff\xff\xff\xff"
    assert wav.with_length(streamed) == encode(sound, "wav")
    assert wav.with_length(encode(sound, "wav")) == encode(sound, "wav")
    assert wav.with_length(b"ID3") == b"ID3"


@pytest.mark.parametrize("format", FILES)
def test_no_sound_at_all_is_no_accident(format: Format) -> None:
    assert isinstance(Encoder(format, 24_000).finish(), bytes)


def test_samples_of_another_rate_are_refused() -> None:
    with pytest.raises(ValueError, match="samples at 8000 Hz in a sound of 24000 Hz"):
        Encoder("pcm", 24_000).push(tone(8_000, 0.1))


def test_every_format_has_a_media_type() -> None:
    assert set(MEDIA_TYPES) == {"mp3", "opus", "aac", "flac", "wav", "pcm"}
