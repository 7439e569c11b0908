"""Sound: what a speaker or a listener is asked, and what it answers.

Knows: field names, units and defaults. Does not know: HTTP, engines, encodings other than plain samples.
"""

from __future__ import annotations

from typing import Literal

from aigc.types.base import Value


class Samples(Value, frozen=True, kw_only=True, tag="samples"):
    """Sound as it is: one channel of 16-bit signed integers, little-endian."""

    rate: int
    """Samples a second."""
    data: bytes

    def __post_init__(self) -> None:
        if self.rate < 1 or len(self.data) % 2:
            raise ValueError(f"{len(self.data)} bytes at {self.rate} Hz are no 16-bit sound")

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.data) / 2 / self.rate


class SoundFile(Value, frozen=True, kw_only=True, tag="sound_file"):
    """A file with sound in any container; the worker decodes it, so that a hostile one can hurt nobody else."""

    path: str
    """Absolute; it stays until the answer has ended."""
    start: int = 0
    """Where the sound begins in it, in bytes: an upload lies in the middle of its form."""
    size: int | None = None
    """Bytes; None: until the end of the file."""


class Voice(Value, frozen=True, kw_only=True):
    """One voice of a model."""

    id: str
    languages: tuple[str, ...]
    """ISO 639-1."""
    gender: Literal["female", "male", "neutral"] | None = None
    description: str = ""


class SpeechRequest(Value, frozen=True, kw_only=True, tag="speech"):
    """A text to be spoken."""

    text: str
    voice: str | None = None
    """Id of a `Voice`; None: for each language the first voice that has it."""
    speed: float = 1.0
    """0.25 to 4."""
    instructions: str | None = None
    """How to speak, in words."""


class SpeechPiece(Value, frozen=True, kw_only=True, tag="speech_piece"):
    """The next piece of speech, in the order of the text; all pieces of an answer have one rate."""

    sound: Samples
    text: str
    """What is spoken in it; the texts of all pieces together are the whole text."""
    voice: str


class SpeechDone(Value, frozen=True, kw_only=True, tag="speech_done"):
    """Last event of an answer with speech."""

    seconds: float
    fingerprint: str


class TranscribeRequest(Value, frozen=True, kw_only=True, tag="transcribe"):
    """Speech to be written down."""

    sound: Samples | SoundFile
    translate: bool = False
    """Into English."""
    language: str | None = None
    """ISO 639-1; None: it is found out."""
    prompt: str | None = None
    """What was said before, or how names are spelled."""
    temperature: float = 0.0
    """0: the likeliest words."""
    words: bool = False
    """Tell when each word begins and ends."""
    most_seconds: float | None = None
    """Longer sound is refused."""


class SpokenWord(Value, frozen=True, kw_only=True):
    """A word with its place in the sound."""

    start: float
    """Seconds."""
    end: float
    text: str
    """As in the segment's text, with the space before it."""
    probability: float


class TranscriptStarted(Value, frozen=True, kw_only=True, tag="transcript_started"):
    """The sound can be read, and its language is known."""

    language: str
    """ISO 639-1."""
    probability: float
    """That it is this language; 1 where the request said so."""
    seconds: float | None = None
    """Of the whole sound, where its file says so."""


class TranscriptStep(Value, frozen=True, kw_only=True, tag="transcript_step"):
    """So much of the sound has been heard; told at least every few seconds, also of silence."""

    seconds: float


class TranscriptSegment(Value, frozen=True, kw_only=True, tag="transcript_segment"):
    """A sentence or less."""

    index: int
    start: float
    """Seconds."""
    end: float
    text: str
    tokens: tuple[int, ...] = ()
    words: tuple[SpokenWord, ...] = ()
    temperature: float = 0.0
    mean_logprob: float = 0.0
    """Mean log-probability of a token."""
    compression_ratio: float = 1.0
    """Of the text: much above 2 means that it repeats itself."""
    silence: float = 0.0
    """Probability that nobody speaks."""


class TranscriptDone(Value, frozen=True, kw_only=True, tag="transcript_done"):
    """Last event of a transcript."""

    seconds: float
    """Of the sound that was heard."""
    fingerprint: str


SoundRequest = SpeechRequest | TranscribeRequest
TranscriptEvent = TranscriptStarted | TranscriptStep | TranscriptSegment
SoundEvent = SpeechPiece | SpeechDone | TranscriptEvent | TranscriptDone
