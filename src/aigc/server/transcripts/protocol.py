"""What the transcript endpoints accept. Field by field as in OpenAI's CreateTranscriptionRequest and
CreateTranslationRequest, and our extensions.

Knows: fields, ranges, which of them contradict each other. Does not know: how speech is written down, file formats.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, InstanceOf, WithJsonSchema

from aigc.errors import UnsupportedParameter
from aigc.server.errors import InvalidValue
from aigc.server.fields import Body, Flag, ModelName, Text, invalid, only, refused, unsupported
from aigc.server.form_body import FormText, SpooledFile, typed
from aigc.types import SoundFile, TranscribeRequest

Format = Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"]
_SPEAKERS = "nobody here tells speakers apart"
_FILE = "one file with sound: a part with a filename"


def _file(value: Any) -> Any:
    if not isinstance(value, SpooledFile):
        invalid(_FILE)
    return value


def _undivided(value: Any) -> Any:
    if value == "diarized_json":
        unsupported(f"{_SPEAKERS}; accepted: json, text, srt, verbose_json, vtt")
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, FormText) else value


SoundPart = Annotated[
    InstanceOf[SpooledFile], BeforeValidator(_file), WithJsonSchema({"type": "string", "format": "binary"})
]
Granularity = Literal["word", "segment"]
Switch = Annotated[Flag, typed]


class Heard(Body):
    """What every request for a transcript may say."""

    file: SoundPart
    model: ModelName
    prompt: Text | None = None
    response_format: Annotated[Format, BeforeValidator(_undivided)] | None = None
    temperature: Annotated[float, Field(strict=True, ge=0, le=1), typed] | None = None
    language: Text | None = None
    timestamp_granularities: (
        Annotated[list[Granularity], Field(min_length=1, max_length=2, fail_fast=True), BeforeValidator(_listed)] | None
    ) = None
    stream: Switch | None = None
    progress: Switch | None = None
    """Extension: events that say how far the sound has been heard."""

    @property
    def format(self) -> Format:
        """How the answer looks."""
        return self.response_format or "json"

    @property
    def words(self) -> bool:
        """Whether every word gets its times."""
        return "word" in (self.timestamp_granularities or ())

    @property
    def segments(self) -> bool:
        """Whether verbose JSON lists the segments."""
        return "segment" in (self.timestamp_granularities or ("segment",))

    def request(self, most_seconds: float, *, translate: bool = False) -> TranscribeRequest:
        """What the engine is asked. Raises: InvalidValue: fields that contradict each other."""
        if self.timestamp_granularities is not None and self.format != "verbose_json":
            raise InvalidValue(
                f"timestamp_granularities needs response_format verbose_json; it is {self.format}",
                param="timestamp_granularities",
            )
        if self.stream and self.format not in ("json", "verbose_json"):
            raise InvalidValue(
                f"response_format is {self.format} and stream true, which sends events; accepted: json, verbose_json",
                param="response_format",
            )
        if self.progress and not self.stream:
            raise InvalidValue("progress needs stream: true", param="progress", hint="set stream, or leave it out")
        return TranscribeRequest(
            sound=SoundFile(path=str(self.file.path), start=self.file.start, size=self.file.size),
            translate=translate,
            language=self.language or None,
            prompt=self.prompt,
            temperature=self.temperature or 0.0,
            words=self.words,
            most_seconds=most_seconds,
        )


class TranslationRequest(Heard):
    """Speech of any language to English text. Extensions: language, timestamp_granularities, stream, progress."""

    def request(self, most_seconds: float, *, translate: bool = True) -> TranscribeRequest:
        """See `Heard.request`."""
        if self.words:
            raise UnsupportedParameter(
                "timestamp_granularities is not supported: words of a translation have no place in the sound; "
                "accepted: segment",
                param="timestamp_granularities",
            )
        return super().request(most_seconds, translate=translate)


class TranscriptionRequest(Heard):
    """Speech to text."""

    languages: Annotated[list[str] | None, refused("one language can be given, in `language`")] = None
    keywords: Annotated[list[str] | None, refused("write them into `prompt`")] = None
    include: Annotated[
        list[str] | None, refused("tokens have no log-probabilities here; verbose_json has avg_logprob by segment")
    ] = None
    chunking_strategy: (
        Annotated[Any, only("auto", reason="sound is always cut at silence, by settings that can't be changed")] | None
    ) = None
    known_speaker_names: Annotated[list[str] | None, refused(_SPEAKERS)] = None
    known_speaker_references: Annotated[list[str] | None, refused(_SPEAKERS)] = None
