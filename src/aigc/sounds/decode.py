"""From a stranger's file to samples: one channel, 16 kHz, block by block, in memory that doesn't grow with the length.

FFmpeg's libraries read nearly everything. Here they may read the one file only: it is handed to them as an open file,
without a name, and of their formats those are left out that point at other files or addresses. It runs in a worker, so
that a file that breaks them breaks nobody else.

What ends before the length that its header states, or is damaged in the middle, is an error that says how far it went:
a transcript that is silently too short is worse than none. Formats without such a header (MP3, AAC, Ogg) end where they
end. Of a video the sound is taken; of several tracks the first.

Knows: containers, codecs, limits. Does not know: models, HTTP.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc.errors import InvalidSound, TooLarge
from aigc.types import Samples, SoundFile

RATE = 16_000
"""Samples a second of what is given."""
BLOCK_SECONDS = 10
"""Longest block."""
FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,iff,loas,m4a,matroska,mov,mp3,mp4,mpc,mpc8,mpeg,"
    "mpegts,oga,ogg,oma,rm,tak,truehd,tta,voc,w64,wav,webm,wsd,wv,3gp"
)
"""Names of FFmpeg's readers that read one file and nothing else."""
ACCEPTED = "flac, mp3, mp4, mpeg, m4a, ogg, opus, wav, webm and other files with sound"

_MAX_RATE = 768_000
_MAX_CHANNELS = 64
_STATES_LENGTH = frozenset({"mov", "matroska", "flac", "wav", "aiff", "caf", "w64", "au", "tta", "wv", "ape"})
_UNKNOWN_SIZE = 0x7F000000
"""Programs that write WAV into a pipe state a size near 2 or 4 GB."""
_EARLY_SECONDS = 0.5
"""So much less than the header states may come: encoders round, and leave out what they added in front."""
_EARLY_SHARE = 0.01

Floats = NDArray[np.float32]


class Sound:
    """A sound that is being read: a context manager, and an iterator over blocks of at most `BLOCK_SECONDS`.

    A block has shape (samples,), float32, -1 to 1.

    Args:
        source: the file, or samples.
        most_seconds: longer sound is refused: at once where its header says so, else when it gets there.
        param: what the client calls the file; stands in the errors.
    Raises:
        InvalidSound: no sound, one of an unknown kind, a damaged or truncated one.
        TooLarge: longer than `most_seconds`.
    """

    seconds: float | None
    """Its length as its header says; None where it says nothing reliable."""

    def __init__(self, source: Samples | SoundFile, *, most_seconds: float = math.inf, param: str = "file") -> None:
        self._most = most_seconds
        self._param = param
        self._stack = contextlib.ExitStack()
        self._given = 0
        """Samples, so far."""
        if isinstance(source, Samples):
            self.seconds = source.seconds
            self._frames = _frames_of(source)
        else:
            with self._stack:
                self._frames = self._open(source)
                self._stack = self._stack.pop_all()
        if self.seconds is not None and self.seconds > most_seconds:
            self._stack.close()
            raise self._too_long(f"{self.seconds:.0f}")

    def __enter__(self) -> Sound:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def heard(self) -> float:
        """Seconds that were given so far."""
        return self._given / RATE

    def __iter__(self) -> Iterator[Floats]:
        import av

        try:
            for block in _resampled(self._frames):
                self._given += len(block)
                if self.heard > self._most:
                    raise self._too_long(f"more than {self._most:.0f}")
                for start in range(0, len(block), BLOCK_SECONDS * RATE):
                    yield block[start : start + BLOCK_SECONDS * RATE]
        except (av.error.FFmpegError, ValueError, MemoryError, OverflowError) as error:
            raise self._refused(f"it is damaged after {self.heard:.1f} seconds") from error
        self._check_end()

    def _open(self, source: SoundFile) -> Iterator[Any]:
        """The frames of the first track."""
        import av

        file = self._stack.enter_context(_Part(source))
        if file.size == 0:
            raise InvalidSound(f"{self._param} is empty; accepted: {ACCEPTED}", param=self._param)
        if (states := file.stated_bytes()) is not None and states > file.size:
            raise self._refused(f"it has {file.size} bytes, and its header states {states}")
        options = {"format_whitelist": FORMATS, "protocol_whitelist": "none"}
        try:
            container = av.open(file, container_options=options, metadata_errors="replace")
        except (av.error.FFmpegError, ValueError, MemoryError, OverflowError) as error:
            raise InvalidSound(
                f"{self._param} is no sound that can be read; accepted: {ACCEPTED}",
                param=self._param,
                hint="save it as WAV, MP3 or FLAC",
            ) from error
        self._stack.callback(container.close)
        track = next(iter(container.streams.audio), None)
        if track is None:
            raise InvalidSound(f"{self._param} holds no sound: no track of it is audio", param=self._param)
        context = track.codec_context
        if context is None:
            raise self._refused("its codec is not known")
        if not (1 <= context.sample_rate <= _MAX_RATE and 1 <= context.channels <= _MAX_CHANNELS):
            raise self._refused(f"it has {context.channels} channels of {context.sample_rate} samples a second")
        self.seconds = _stated_seconds(container, track)
        return self._decoded(container, track)

    def _decoded(self, container: Any, track: Any) -> Iterator[Any]:
        import av

        begun = False
        for packet in container.demux(track):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                if begun:
                    raise
                continue  # what was cut out of a stream begins in the middle of a frame
            for frame in frames:
                begun = True
                yield frame
        if not begun:
            raise InvalidSound(f"{self._param} holds no sound: its track is empty", param=self._param)

    def _check_end(self) -> None:
        if self.seconds is None:
            return
        if self.heard < self.seconds - max(_EARLY_SECONDS, _EARLY_SHARE * self.seconds):
            raise self._refused(f"it ends after {self.heard:.1f} of {self.seconds:.1f} seconds")

    def _refused(self, reason: str) -> InvalidSound:
        return InvalidSound(
            f"{self._param} can't be read: {reason}",
            param=self._param,
            hint="send what can be played of it, saved anew; a stream tells what was heard until then",
        )

    def _too_long(self, seconds: str) -> TooLarge:
        message = f"{self._param} has {seconds} seconds of sound; accepted: {self._most:.0f}"
        return TooLarge(message, param=self._param, hint="see AIGC_MAX_SOUND_SECONDS, or cut it")


class _Part(io.RawIOBase):
    """The part of a file that holds the sound, as a file."""

    def __init__(self, source: SoundFile) -> None:
        try:
            self._file = open(source.path, "rb")  # noqa: SIM115 - closed with this object
        except OSError as error:
            raise InvalidSound(f"the file can't be opened: {error.strerror}", param="file") from error
        self._start = source.start
        whole = os.fstat(self._file.fileno()).st_size - source.start
        self.size = max(0, whole if source.size is None else min(source.size, whole))
        self._place = 0

    def read(self, size: int | None = -1) -> bytes:
        """See `io.RawIOBase.read`."""
        left = max(0, self.size - self._place)
        wanted = left if size is None or size < 0 else min(size, left)
        self._file.seek(self._start + self._place)
        data = self._file.read(wanted)
        self._place += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """See `io.RawIOBase.seek`."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        """See `io.RawIOBase.tell`."""
        return self._place

    def stated_bytes(self) -> int | None:
        """Size of a WAV file as its header has it; None for other files, and where the writer didn't know it."""
        head = self.read(12)
        self.seek(0)
        size = int.from_bytes(head[4:8], "little")
        known = head[:4] == b"RIFF" and head[8:] == b"WAVE" and 0 < size < _UNKNOWN_SIZE
        return size + 8 if known else None

    def readable(self) -> bool:
        """See `io.RawIOBase.readable`."""
        return True

    def seekable(self) -> bool:
        """See `io.RawIOBase.seekable`."""
        return True

    def close(self) -> None:
        """See `io.RawIOBase.close`."""
        self._file.close()
        super().close()


def _stated_seconds(container: Any, track: Any) -> float | None:
    """What the header says, where it is the length of the sound and not an estimate from the size of the file."""
    if not _STATES_LENGTH & set(container.format.name.split(",")):
        return None
    if track.duration is not None and track.time_base is not None:
        return float(track.duration * track.time_base)
    has_picture = any(stream.type == "video" for stream in container.streams)
    return None if container.duration is None or has_picture else container.duration / 1_000_000


def _frames_of(sound: Samples) -> Iterator[Any]:
    import av

    samples = np.frombuffer(sound.data, dtype="<i2")
    step = BLOCK_SECONDS * sound.rate
    for start in range(0, len(samples), step):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + step], format="s16", layout="mono")
        frame.sample_rate = sound.rate
        yield frame


def _resampled(frames: Iterator[Any]) -> Iterator[Floats]:
    """One channel at `RATE`; also where the form changes in the middle, as it may in broadcasts."""
    import av

    resampler, form = None, None
    for frame in frames:
        frame.pts = None  # gaps and jumps of a damaged clock are no sound
        now = frame.format.name, frame.sample_rate, frame.layout.name
        if resampler is None or now != form:
            if resampler is not None:
                yield from _taken(resampler.resample(None))
            resampler, form = av.AudioResampler(format="flt", layout="mono", rate=RATE), now
        yield from _taken(resampler.resample(frame))
    if resampler is not None:
        yield from _taken(resampler.resample(None))


def _taken(frames: list[Any]) -> Iterator[Floats]:
    for frame in frames:
        samples: Floats = frame.to_ndarray().reshape(-1)
        # Files with floats may hold anything; a model has no answer to a sample that isn't a number.
        yield np.clip(np.nan_to_num(samples), -1.0, 1.0)
