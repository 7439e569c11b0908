"""What a session may be told: formats, voice, when a turn ends, instructions, tools.

Knows: OpenAI's RealtimeSessionCreateRequest, what of it can be honoured. Does not know: events, sockets, models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Discriminator, Field, TypeAdapter, ValidationError, field_validator
from pydantic import Tag as PydanticTag

from aigc.errors import UnsupportedParameter
from aigc.server import validation
from aigc.server.chat.messages import FunctionName
from aigc.server.fields import Body, Flag, ModelName, Text, invalid, only, refused, unsupported
from aigc.types import ReasoningEffort

_MAX_INSTRUCTIONS = 200_000


class Pcm(Body):
    """16 bits, little-endian, one channel."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[24000] = 24000


class Pcmu(Body):
    """G.711, mu-law, 8 kHz."""

    type: Literal["audio/pcmu"]


class Pcma(Body):
    """G.711, A-law, 8 kHz."""

    type: Literal["audio/pcma"]


Format = Annotated[Pcm | Pcmu | Pcma, Field(discriminator="type")]


class Transcription(Body):
    """How speech is written down; with it, the client is told what was understood."""

    model: ModelName = "default"
    language: Annotated[str, Field(strict=True, pattern="^[a-z]{2}$")] | None = None
    prompt: Annotated[str, Field(strict=True, max_length=4096)] | None = None
    delay: Annotated[None, refused("a turn is written down when it has ended")] = None
    keywords: Annotated[None, refused("name them in prompt")] = None
    languages: Annotated[None, refused("name one in language, or none")] = None


class ServerVad(Body):
    """When a turn begins and ends."""

    type: Literal["server_vad"] = "server_vad"
    threshold: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.5
    prefix_padding_ms: Annotated[int, Field(strict=True, ge=0, le=5000)] = 300
    silence_duration_ms: Annotated[int, Field(strict=True, ge=100, le=10_000)] = 500
    create_response: Flag = True
    interrupt_response: Flag = True
    idle_timeout_ms: Annotated[None, refused("the model speaks when it is spoken to")] = None


def _server_vad(value: Any) -> Any:
    if isinstance(value, dict) and value.get("type") == "semantic_vad":
        unsupported(
            "no installed model judges meaning while somebody speaks (semantic_vad); accepted: server_vad, null"
        )
    return value


class Input(Body):
    """What the client sends."""

    format: Format = Pcm()
    noise_reduction: Annotated[None, refused("sound is taken as it comes")] = None
    transcription: Transcription | None = None
    turn_detection: Annotated[ServerVad | None, BeforeValidator(_server_vad)] = ServerVad()


class VoiceId(Body):
    """A voice by its id."""

    id: Annotated[str, Field(strict=True, min_length=1, max_length=128)]


class Output(Body):
    """What the client hears."""

    format: Format = Pcm()
    voice: Annotated[str, Field(strict=True, min_length=1, max_length=128)] | None = None
    speed: Annotated[float, Field(strict=True, ge=0.25, le=1.5)] = 1.0

    @field_validator("voice", mode="before")
    @classmethod
    def _by_id(cls, value: Any) -> Any:
        return VoiceId.model_validate(value).id if isinstance(value, dict) else value


class Audio(Body):
    """Both directions."""

    input: Input = Input()
    output: Output = Output()


class Tool(Body):
    """A function that the model may call."""

    type: Annotated[Literal["function"], BeforeValidator(lambda value: _no_mcp(value))]
    name: FunctionName
    description: Text | None = None
    parameters: dict[str, Any] | None = None


def _no_mcp(value: Any) -> Any:
    if value == "mcp":
        unsupported("this server calls no other servers (mcp)")
    return value


class NamedTool(Body):
    """This one must be called."""

    type: Literal["function"]
    name: FunctionName


ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], PydanticTag("mode")] | Annotated[NamedTool, PydanticTag("name")],
    Discriminator(
        lambda value: "mode" if isinstance(value, str) else "name" if isinstance(value, (dict, NamedTool)) else None,
        custom_error_type="invalid_form",
        custom_error_message="'none', 'auto', 'required', or an object of type function with a name",
    ),
]
Tools = Annotated[list[Tool], Field(max_length=128, fail_fast=True)]
MaxTokens = Annotated[int, Field(strict=True, ge=1, le=4096)] | Literal["inf"]
Modalities = Annotated[list[Literal["text", "audio"]], Field(min_length=1, max_length=2, fail_fast=True)]


class Reasoning(Body):
    """How long the model may think."""

    effort: ReasoningEffort | None = None


def one_modality(value: list[str]) -> list[str]:
    """OpenAI's rule: an answer has a sound (and its words), or it is in writing."""
    if len(value) != 1:
        invalid('["audio"] (which comes with its words) or ["text"]')
    return value


class Session(Body):
    """The whole configuration."""

    type: Literal["realtime"] = "realtime"
    model: ModelName | None = None
    instructions: Annotated[str, Field(strict=True, max_length=_MAX_INSTRUCTIONS)] = ""
    output_modalities: Modalities = Field(default=["audio"])
    audio: Audio = Audio()
    tools: Tools = Field(default=[])
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: Flag | None = None
    max_output_tokens: MaxTokens = "inf"
    reasoning: Reasoning | None = None
    truncation: Annotated[
        str, only("auto", "disabled", reason="what is left out is the oldest, as much as is needed")
    ] = "auto"
    include: Annotated[list[str] | None, only([], reason="transcripts have no log-probabilities")] = None
    prompt: Annotated[None, refused("there are no stored prompts")] = None
    tracing: Annotated[None, refused("there is no dashboard")] = None

    _modality = field_validator("output_modalities")(one_modality)

    def updated(self, update: Mapping[str, Any]) -> Session:
        """With the fields of a ``session.update``. Raises: UserError."""
        if update.get("type") == "transcription":
            raise UnsupportedParameter(
                "session.type 'transcription' is not supported: a session is a conversation; accepted: 'realtime'",
                param="session.type",
                hint="/v1/audio/transcriptions writes down what is said",
            )
        merged = _merged(self.model_dump(mode="json", by_alias=True), update)
        return checked(_READER, merged, ("session",), {"session": merged})


def _merged(old: dict[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Field by field, except where it becomes a thing of another type."""
    found = dict(old)
    for name, value in new.items():
        before = found.get(name)
        merge = isinstance(value, dict) and isinstance(before, dict) and value.get("type") in (None, before.get("type"))
        found[name] = _merged(before or {}, value) if merge else value
    return found


T = TypeVar("T")


def checked(reader: TypeAdapter[T], value: Any, path: tuple[str, ...] = (), whole: Any = None) -> T:
    """``value``, validated. Raises: UserError.

    Args:
        reader: of the type that it must have.
        value: from JSON.
        path: where it stands in ``whole``.
        whole: what the client sent, where that is more than the value.
    """
    try:
        return reader.validate_python(value)
    except ValidationError as error:
        findings = [{**finding, "loc": ("body", *path, *finding["loc"])} for finding in error.errors()]
        raise validation.in_words(findings, value if whole is None else whole) from None


_READER = TypeAdapter(Session)
