"""What ``/v1/audio/speech`` accepts, field by field as in OpenAI's CreateSpeechRequest, and the list of voices.

Knows: fields, ranges, the names of the cloud's voices. Does not know: sound, engines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from aigc.server.fields import Body, ModelName, invalid
from aigc.sounds.encode import Format
from aigc.types import JSON, ModelSpec, SpeechRequest

MAX_CHARACTERS = 4096
CLOUD_VOICES = tuple("alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse".split())
"""Names that every client of OpenAI's API knows; here all of them mean the model's own first voices."""


def _filled(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        invalid(f"1 to {MAX_CHARACTERS} characters to speak")
    return value


class VoiceReference(Body):
    """A voice by its id, as OpenAI names voices of one's own."""

    id: Annotated[str, Field(strict=True, min_length=1, max_length=64)]


class SpeechBody(Body):
    """A request for speech."""

    model: ModelName
    input: Annotated[str, Field(strict=True, max_length=MAX_CHARACTERS), BeforeValidator(_filled)]
    voice: Annotated[str, Field(strict=True, min_length=1, max_length=64)] | VoiceReference
    instructions: Annotated[str, Field(strict=True, max_length=4096)] | None = None
    response_format: Format | None = None
    speed: Annotated[float, Field(strict=True, ge=0.25, le=4)] | None = None
    stream_format: Literal["audio", "sse"] | None = None

    @property
    def format(self) -> Format:
        """Of the file."""
        return self.response_format or "mp3"

    def to_request(self, spec: ModelSpec) -> SpeechRequest:
        """What the model is asked. A name of the cloud means None, unless the model has a voice of that name."""
        wanted = self.voice if isinstance(self.voice, str) else self.voice.id
        own = any(voice.id == wanted for voice in spec.voices)
        return SpeechRequest(
            text=self.input,
            voice=None if wanted in CLOUD_VOICES and not own else wanted,
            speed=1.0 if self.speed is None else self.speed,
            instructions=self.instructions or None,
        )


def voices(specs: Sequence[ModelSpec]) -> JSON:
    """The body of ``GET /v1/audio/voices``: every voice of every model, with what is known about it."""
    rows = [
        {
            "object": "audio.voice",
            "id": voice.id,
            "name": voice.id,
            "created_at": spec.created,
            "model": spec.id,
            "languages": list(voice.languages),
            "gender": voice.gender,
            "description": voice.description,
        }
        for spec in specs
        for voice in spec.voices
    ]
    return {"object": "list", "data": rows, "aliases": list(CLOUD_VOICES), "has_more": False}
