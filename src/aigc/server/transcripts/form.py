"""How a transcript looks: JSON, verbose JSON, plain text, subtitles (SubRip, WebVTT), and the events of a stream.

Knows: OpenAI's forms of a transcript. Does not know: HTTP, where segments come from.
Source: OpenAI's specification (CreateTranscriptionResponse..., TranscriptText...Event); WebVTT (W3C), sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import msgspec

from aigc.server.transcripts.protocol import Format, Heard, TranslationRequest
from aigc.sounds.languages import name_of
from aigc.sounds.subtitles import srt, vtt
from aigc.types import JSON, TranscriptDone, TranscriptSegment, TranscriptStarted, TranscriptStep


class TranscriptForm:
    """One transcript, while it is heard.

    Args:
        body: what was asked.
    """

    def __init__(self, body: Heard) -> None:
        self.format: Format = body.format
        self.stream = bool(body.stream)
        self._progress = bool(body.progress)
        self._words = body.words
        self._listed = body.segments
        self._task = "translate" if isinstance(body, TranslationRequest) else "transcribe"
        self._language = ""
        self._length: float | None = None
        self._seconds = 0.0
        self._segments: list[TranscriptSegment] = []
        self._begun = False

    @property
    def media_type(self) -> str:
        """Of the answer in one piece."""
        return "application/json" if self.format in ("json", "verbose_json") else "text/plain; charset=utf-8"

    def event(self, event: object) -> bytes:
        """Take an event in. Returns: the bytes of a stream for it; empty where it has none."""
        if isinstance(event, TranscriptStarted):
            self._language, self._length = event.language, event.seconds
        elif isinstance(event, TranscriptStep):
            if self._progress:
                length = None if self._length is None else round(self._length, 3)
                heard = {"seconds": round(event.seconds, 3), "duration": length, "language": self._language or None}
                return _sse({"type": "transcript.progress", **heard})
        elif isinstance(event, TranscriptSegment):
            return self._segment(event)
        elif isinstance(event, TranscriptDone):
            self._seconds = event.seconds
            return _sse({"type": "transcript.text.done", "text": self._text(), "usage": self._tokens()})
        return b""

    def whole(self) -> bytes:
        """The body of an answer in one piece."""
        if self.format == "text":
            return f"{self._text()}\n".encode()
        if self.format in ("srt", "vtt"):
            cues = [(segment.start, segment.end, segment.text) for segment in self._segments]
            return (srt(cues) if self.format == "srt" else vtt(cues)).encode()
        if self.format == "json":
            return msgspec.json.encode({"text": self._text(), "usage": self._usage()})
        return msgspec.json.encode(self._verbose())

    def _segment(self, segment: TranscriptSegment) -> bytes:
        self._segments.append(segment)
        if not self.stream:
            return b""
        delta = segment.text if self._begun else segment.text.lstrip()
        self._begun = self._begun or bool(delta)
        told = _sse({"type": "transcript.text.delta", "delta": delta})
        if self.format == "verbose_json":
            more = {**_segment_json(segment), "id": f"seg_{segment.index}", "speaker": ""}
            if self._words:
                more["words"] = _words_json([segment])
            told += _sse({"type": "transcript.text.segment", **more})
        return told

    def _text(self) -> str:
        return "".join(segment.text for segment in self._segments).strip()

    def _usage(self) -> JSON:
        return {"type": "duration", "seconds": ceil(self._seconds)}

    def _tokens(self) -> JSON:
        """What a stream reports instead: states of the encoder, 50 a second, and the tokens of the text."""
        heard, written = ceil(self._seconds * 50), sum(len(segment.tokens) for segment in self._segments)
        total = heard + written
        return {"type": "tokens", "input_tokens": heard, "output_tokens": written, "total_tokens": total}

    def _verbose(self) -> JSON:
        found: JSON = {
            "task": self._task,
            "language": "english" if self._task == "translate" else name_of(self._language),
            "duration": round(self._seconds, 3),
            "text": self._text(),
        }
        if self._words:
            found["words"] = _words_json(self._segments)
        if self._listed:
            found["segments"] = [_segment_json(segment) for segment in self._segments]
        return {**found, "usage": self._usage()}


def _segment_json(segment: TranscriptSegment) -> JSON:
    return {
        "id": segment.index,
        "seek": int(segment.start * 100),
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": segment.tokens,
        "temperature": segment.temperature,
        "avg_logprob": segment.mean_logprob,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.silence,
    }


def _words_json(segments: Sequence[TranscriptSegment]) -> list[JSON]:
    return [
        {"word": word.text.strip(), "start": word.start, "end": word.end}
        for segment in segments
        for word in segment.words
    ]


def _sse(body: JSON) -> bytes:
    name: str = body["type"]
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(body) + b"\n\n"
