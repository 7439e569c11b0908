"""What a client may say.

Knows: OpenAI's client events of the Realtime API. Does not know: what becomes of them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, TypeAdapter, field_validator

from aigc.server import json_body
from aigc.server.chat.messages import FunctionName
from aigc.server.errors import InvalidValue
from aigc.server.fields import Body, Flag, Metadata, Text, refused, unsupported
from aigc.server.realtime.config import (
    MaxTokens,
    Modalities,
    Pcm,
    Pcma,
    Pcmu,
    Reasoning,
    ToolChoice,
    Tools,
    VoiceId,
    checked,
    one_modality,
)

Id = Annotated[str, Field(strict=True, min_length=1, max_length=64)]
EventId = Annotated[str, Field(strict=True, max_length=512)]
Index = Annotated[int, Field(strict=True, ge=0, le=1023)]


class InputText(Body):
    """Written words of the user or of the system."""

    type: Literal["input_text"]
    text: Text


class InputAudio(Body):
    """Spoken words, in the session's format."""

    type: Literal["input_audio"]
    audio: Text
    transcript: Annotated[None, refused("what is said is written down here")] = None


class OutputText(Body):
    """What the assistant is to have said."""

    type: Literal["output_text"]
    text: Text


def _no_image(value: Any) -> Any:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "input_image":
        unsupported("no installed model sees pictures (input_image)")
    if kind == "output_audio":
        unsupported("what the assistant said is given as output_text")
    return value


class _Item(Body):
    id: Id | None = None
    object: Literal["realtime.item"] | None = None
    status: Literal["completed", "incomplete", "in_progress"] | None = None


class SystemItem(_Item):
    """Instructions in the middle of a conversation."""

    type: Literal["message"]
    role: Literal["system"]
    content: Annotated[list[InputText], Field(min_length=1, max_length=64, fail_fast=True)]


class UserItem(_Item):
    """A question."""

    type: Literal["message"]
    role: Literal["user"]
    content: Annotated[
        list[Annotated[InputText | InputAudio, Field(discriminator="type"), BeforeValidator(_no_image)]],
        Field(min_length=1, max_length=64, fail_fast=True),
    ]


class AssistantItem(_Item):
    """An earlier answer."""

    type: Literal["message"]
    role: Literal["assistant"]
    content: Annotated[
        list[Annotated[OutputText, BeforeValidator(_no_image)]], Field(min_length=1, max_length=64, fail_fast=True)
    ]


class CallItem(_Item):
    """A call that the assistant made."""

    type: Literal["function_call"]
    name: FunctionName
    arguments: Text
    call_id: Id | None = None


class CallOutputItem(_Item):
    """What a function answered."""

    type: Literal["function_call_output"]
    call_id: Id
    output: Text


def _no_mcp(value: Any) -> Any:
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(kind, str) and kind.startswith("mcp_"):
        unsupported(f"this server calls no other servers ({kind[:40]})")
    return value


def _item_kind(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else None
    return value.get("role") if kind == "message" else kind


ItemBody = Annotated[
    Annotated[SystemItem, Tag("system")]
    | Annotated[UserItem, Tag("user")]
    | Annotated[AssistantItem, Tag("assistant")]
    | Annotated[CallItem, Tag("function_call")]
    | Annotated[CallOutputItem, Tag("function_call_output")],
    Discriminator(_item_kind),
    BeforeValidator(_no_mcp),
]


class ResponseOutput(Body):
    """How this answer sounds."""

    format: Annotated[Pcm | Pcmu | Pcma, Field(discriminator="type")] | None = None
    voice: Annotated[str, Field(strict=True, min_length=1, max_length=128)] | None = None

    @field_validator("voice", mode="before")
    @classmethod
    def _by_id(cls, value: Any) -> Any:
        return VoiceId.model_validate(value).id if isinstance(value, dict) else value


class ResponseAudio(Body):
    """The sound of this answer."""

    output: ResponseOutput | None = None


class ResponseParams(Body):
    """What is different for one answer; everything else is as the session says."""

    instructions: Text | None = None
    output_modalities: Modalities | None = None
    audio: ResponseAudio | None = None
    tools: Tools | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: Flag | None = None
    max_output_tokens: MaxTokens | None = None
    metadata: Metadata | None = None
    reasoning: Reasoning | None = None
    conversation: Literal["auto", "none"] = "auto"
    input: Annotated[None, refused("an answer follows from the conversation")] = None
    prompt: Annotated[None, refused("there are no stored prompts")] = None

    @field_validator("output_modalities")
    @classmethod
    def _modality(cls, value: list[str] | None) -> list[str] | None:
        return None if value is None else one_modality(value)


class _Event(Body):
    event_id: EventId | None = None


class SessionUpdate(_Event):
    """Changes the configuration."""

    type: Literal["session.update"]
    session: dict[str, Any]


class Append(_Event):
    """More sound."""

    type: Literal["input_audio_buffer.append"]
    audio: Text


class Commit(_Event):
    """What was sent is the turn."""

    type: Literal["input_audio_buffer.commit"]


class Clear(_Event):
    """What was sent is forgotten."""

    type: Literal["input_audio_buffer.clear"]


class CreateItem(_Event):
    """An item for the conversation."""

    type: Literal["conversation.item.create"]
    item: ItemBody
    previous_item_id: Id | None = None


class Truncate(_Event):
    """The user heard no more than this of an answer."""

    type: Literal["conversation.item.truncate"]
    item_id: Id
    content_index: Index
    audio_end_ms: Annotated[int, Field(strict=True, ge=0, le=86_400_000)]


class DeleteItem(_Event):
    """An item is to be forgotten."""

    type: Literal["conversation.item.delete"]
    item_id: Id


class RetrieveItem(_Event):
    """An item is to be shown."""

    type: Literal["conversation.item.retrieve"]
    item_id: Id


class CreateResponse(_Event):
    """The model is to answer."""

    type: Literal["response.create"]
    response: ResponseParams = ResponseParams()


class CancelResponse(_Event):
    """The model is to be silent."""

    type: Literal["response.cancel"]
    response_id: Id | None = None


ClientEvent = (
    SessionUpdate
    | Append
    | Commit
    | Clear
    | CreateItem
    | Truncate
    | DeleteItem
    | RetrieveItem
    | CreateResponse
    | CancelResponse
)
_READER: TypeAdapter[ClientEvent] = TypeAdapter(Annotated[ClientEvent, Field(discriminator="type")])


def parsed(text: str) -> dict[str, Any]:
    """The JSON object in a frame. Raises: UserError."""
    value = json_body.parse(text.encode())
    if not isinstance(value, dict):
        raise InvalidValue("an event is a JSON object with a type")
    return value


def read(value: dict[str, Any]) -> ClientEvent:
    """The event. Raises: UserError: it says what is wrong, in its message and ``param``."""
    if value.get("type") == "output_audio_buffer.clear":
        unsupported_event = "output_audio_buffer.clear is for WebRTC; here the client plays, and may stop, by itself"
        raise InvalidValue(unsupported_event, param="type")
    return checked(_READER, value)
