"""From samples to the bytes of a sound file, piece by piece: what is pushed in leaves as soon as its frames are full.

Nothing is ever sought back to, so that the bytes can go over a socket: WAV and FLAC say that their length is not known.

Knows: containers, codecs and their rates. Does not know: HTTP, models, paths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from aigc.sounds import wav
from aigc.sounds.resample import Resampler
from aigc.types import Samples

if TYPE_CHECKING:
    from av import AudioFrame
    from av.audio.stream import AudioStream

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]

MEDIA_TYPES: dict[Format, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
PCM_RATE = 24_000
"""Samples a second of ``pcm``, which has no header to say so."""


@dataclass(frozen=True)
class _Codec:
    """How a format is written by FFmpeg."""

    container: str
    codec: str
    sample_format: str
    rates: tuple[int, ...]
    """Rates that the codec knows; empty: any."""
    bits_a_second: int | None = None
    codec_options: tuple[tuple[str, str], ...] = ()
    container_options: tuple[tuple[str, str], ...] = ()


_MPEG_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_CODECS: dict[Format, _Codec] = {
    # Without the reservoir and the header frame every frame can be played alone, and leaves when it is full.
    "mp3": _Codec(
        "mp3",
        "libmp3lame",
        "s16p",
        _MPEG_RATES,
        96_000,
        (("reservoir", "0"),),
        (("write_xing", "0"), ("id3v2_version", "0")),
    ),
    "opus": _Codec(
        "ogg", "libopus", "s16", (8_000, 12_000, 16_000, 24_000, 48_000), 48_000, (), (("page_duration", "100000"),)
    ),
    "aac": _Codec("adts", "aac", "fltp", _MPEG_RATES, 96_000),
    "flac": _Codec("flac", "flac", "s16", ()),
}


class _Pipe:
    """What FFmpeg writes to: a file that can't seek."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        """What was written since the last time."""
        data = bytes(self._written)
        self._written.clear()
        return data


class Encoder:
    """One sound on its way into a file.

    Args:
        format: of the file.
        rate: samples a second of everything that will be pushed.
    """

    def __init__(self, format: Format, rate: int) -> None:
        self._rate = rate
        self._codec = _CODECS.get(format)
        self._pipe = _Pipe()
        self._resampler = Resampler(rate, PCM_RATE if format == "pcm" else rate)
        self._begin = wav.header(rate) if format == "wav" else b""
        if self._codec is not None:
            self._open(self._codec)

    def push(self, samples: Samples) -> bytes:
        """The next samples; gives the bytes that are ready, which may be none.

        Raises:
            ValueError: the samples have another rate.
        """
        if samples.rate != self._rate:
            raise ValueError(f"samples at {samples.rate} Hz in a sound of {self._rate} Hz")
        begin, self._begin = self._begin, b""
        if self._codec is None:
            return begin + self._resampler.feed(np.frombuffer(samples.data, "<i2")).tobytes()
        for frame in self._convert.resample(_frame(samples.data, self._rate)):
            self._container.mux(self._stream.encode(frame))
        return self._pipe.take()

    def finish(self) -> bytes:
        """The bytes that were held back. Nothing may be pushed after this."""
        begin, self._begin = self._begin, b""
        if self._codec is None:
            return begin + self._resampler.rest().tobytes()
        for frame in self._convert.resample(None):
            self._container.mux(self._stream.encode(frame))
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._pipe.take()

    def _open(self, codec: _Codec) -> None:
        import av

        rate = nearest_rate(self._rate, codec.rates)
        options = {**dict(codec.container_options), "flush_packets": "1"}
        self._container = av.open(self._pipe, "w", format=codec.container, container_options=options)
        self._stream: AudioStream = self._container.add_stream(codec.codec, rate, options=dict(codec.codec_options))
        self._stream.layout = "mono"
        self._stream.format = codec.sample_format
        if codec.bits_a_second is not None:
            self._stream.bit_rate = codec.bits_a_second
        self._stream.open()
        # It also cuts the samples into frames of the length that the codec wants.
        self._convert = av.AudioResampler(codec.sample_format, "mono", rate, self._stream.frame_size or None)


def encode(samples: Samples, format: Format) -> bytes:
    """A whole file. A WAV says its true length."""
    if format == "wav":
        return wav.header(samples.rate, len(samples.data)) + samples.data
    encoder = Encoder(format, samples.rate)
    return encoder.push(samples) + encoder.finish()


def nearest_rate(rate: int, known: tuple[int, ...]) -> int:
    """The lowest rate that keeps everything, or the highest there is; ``rate`` itself where all are known."""
    if not known:
        return rate
    return min((one for one in known if one >= rate), default=max(known))


def _frame(data: bytes, rate: int) -> AudioFrame:
    import av

    frame = av.AudioFrame.from_ndarray(np.frombuffer(data, "<i2")[None], "s16", "mono")
    frame.sample_rate = rate
    return frame
