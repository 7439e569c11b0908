"""Transcripts as the Python API gives them.

Knows: the fields of OpenAI's verbose JSON and stream events, subtitles. Does not know: HTTP.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aigc.client.wire import Events
from aigc.errors import EngineError, Unreachable, UserError

FORMATS = {".txt": "text", ".srt": "srt", ".vtt": "vtt", ".json": "json"}
"""Endings of names of files, to the format that they stand for."""


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word with its place in the sound, in seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class TranscriptPart:
    """A sentence or less, with its place in the sound, in seconds."""

    text: str
    start: float
    end: float
    confidence: float
    """Mean log-probability of its tokens: below -1 it is hardly understood."""
    words: tuple[Word, ...] = ()
    """Where they were asked for."""


@dataclass(frozen=True)
class Transcript:
    """What was said."""

    text: str
    language: str
    """English name; ``unknown`` where nobody speaks."""
    duration: float
    """Of the sound, in seconds."""
    segments: tuple[TranscriptPart, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The server's answer as it came; empty for one that reported its progress."""

    @property
    def words(self) -> tuple[Word, ...]:
        """All words in their order."""
        return tuple(word for part in self.segments for word in part.words)

    def by_word(self) -> Transcript:
        """The same with a segment for every word, for subtitles that follow the voice."""
        parts = [
            TranscriptPart(word.text, word.start, word.end, part.confidence)
            for part in self.segments
            for word in part.words
        ]
        return Transcript(self.text, self.language, self.duration, tuple(parts))

    def format(self, name: str) -> str:
        """As ``text``, ``srt``, ``vtt`` or ``json``. Raises: UserError: another name."""
        from aigc.sounds import subtitles

        cues = [(part.start, part.end, part.text) for part in self.segments]
        if name == "srt":
            return subtitles.srt(cues)
        if name == "vtt":
            return subtitles.vtt(cues)
        if name == "text":
            return self.text + "\n"
        if name != "json":
            raise UserError(f"format is {name!r}; accepted: {', '.join(FORMATS.values())}", param="format")
        shown = {"text": self.text, "language": self.language, "duration": self.duration}
        parts = [asdict(part) for part in self.segments]
        return json.dumps({**shown, "segments": parts}, ensure_ascii=False, indent=2) + "\n"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a file whose ending says the format: txt, srt, vtt or json; whole or not at all.

        Raises:
            UserError: another ending, or the folder can't be written to.
            StorageFull: no room; nothing stays.
        """
        from aigc.client.picture_results import write_whole

        target = Path(path)
        format = FORMATS.get(target.suffix.lower())
        if format is None:
            raise UserError(
                f"{target.name!r} ends like no transcript; accepted: {', '.join(FORMATS)}",
                param="path",
            )
        return write_whole(target, self.format(format).encode())


@dataclass(frozen=True, slots=True)
class TranscriptProgress:
    """How far a sound has been heard."""

    seconds: float
    """Heard so far."""
    duration: float | None
    """Of the whole sound; None where its file doesn't say."""
    segment: TranscriptPart | None = None
    """What was just understood, if anything."""


OnProgress = Callable[[TranscriptProgress], object]
"""Hears how far it is; what it raises ends the request and the work."""


def transcript(found: Mapping[str, Any]) -> Transcript:
    """Verbose JSON as a `Transcript`. Raises: KeyError, TypeError, ValueError: it is none."""
    words = [_word(word) for word in found.get("words") or ()]
    parts = []
    for number, segment in enumerate(segments := found.get("segments") or ()):
        last = number == len(segments) - 1
        # The API lists the words beside the segments: each belongs to the segment that it begins in.
        mine = [word for word in words if last or word.start < segments[number + 1]["start"]]
        words = words[len(mine) :]
        parts.append(_part(segment, tuple(mine)))
    return Transcript(found["text"], found["language"], float(found["duration"]), tuple(parts), found)


def _part(segment: Mapping[str, Any], words: tuple[Word, ...]) -> TranscriptPart:
    start, end = float(segment["start"]), float(segment["end"])
    return TranscriptPart(segment["text"].strip(), start, end, round(float(segment["avg_logprob"]), 3), words)


def _word(word: Mapping[str, Any]) -> Word:
    return Word(word["word"], float(word["start"]), float(word["end"]))


class TranscriptEvents:
    """Reads the events of one streamed answer.

    Args:
        translated: the text is English, whatever the sound is.
    """

    def __init__(self, *, translated: bool) -> None:
        self._events = Events()
        self._parts: list[TranscriptPart] = []
        self._language: str | None = None
        self._heard = 0.0
        self._duration: float | None = None
        self._text: str | None = None
        self._translated = translated

    def feed(self, chunk: bytes) -> Iterator[TranscriptProgress]:
        """The progress that ``chunk`` tells. Raises: the error that the server sent, EngineError: a strange event."""
        for event in self._events.feed(chunk):
            try:
                yield from self._read(event)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise EngineError(f"the server's answer is not what the API promises: {str(event)[:120]}") from error

    def _read(self, event: Mapping[str, Any]) -> Iterator[TranscriptProgress]:
        if event["type"] == "transcript.progress":
            self._heard, self._duration = float(event["seconds"]), event["duration"]
            self._language = event["language"] or self._language
            yield TranscriptProgress(self._heard, self._duration)
        elif event["type"] == "transcript.text.segment":
            self._parts.append(_part(event, tuple(_word(word) for word in event.get("words") or ())))
            yield TranscriptProgress(self._parts[-1].end, self._duration, self._parts[-1])
        elif event["type"] == "transcript.text.done":
            self._text = event["text"]

    @property
    def parts(self) -> tuple[TranscriptPart, ...]:
        """What was understood so far."""
        return tuple(self._parts)

    def answer(self) -> Transcript:
        """All of it. Raises: Unreachable: the connection ended before."""
        from aigc.sounds.languages import name_of

        if self._text is None:
            raise Unreachable("the connection ended in the middle of the answer", hint="ask again")
        language = "english" if self._translated else name_of(self._language or "")
        return Transcript(self._text, language, self._heard, self.parts)
