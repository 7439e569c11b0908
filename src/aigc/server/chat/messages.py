"""The messages of a chat: what each role may carry, and how it becomes one `aigc.types.Message`.

Knows: roles, content parts. Does not know: sampling, tools' schemas, templates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from aigc.errors import UnsupportedParameter
from aigc.server.fields import Body, Text, invalid, unsupported
from aigc.types import Message, ToolCall

_MEDIA = {
    "image_url": "no installed model sees pictures",
    "file": "no installed model reads files",
}

FunctionName = Annotated[str, Field(strict=True, pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
Name = Annotated[str, Field(strict=True, min_length=1, max_length=64)]
CallId = Annotated[str, Field(strict=True, min_length=1, max_length=256)]


class CacheBreakpoint(Body):
    """Accepted: the prefix cache finds equal beginnings by itself."""

    mode: Literal["explicit"]


class TextPart(Body):
    """A piece of text."""

    type: Literal["text"]
    text: Text
    prompt_cache_breakpoint: CacheBreakpoint | None = None


class SoundFile(Body):
    """A sound in base64."""

    data: Annotated[str, Field(strict=True, min_length=1)]
    format: Literal["wav", "mp3"]


class SoundPart(Body):
    """Something that was said; it is written down before the model is asked."""

    type: Literal["input_audio"]
    input_audio: SoundFile
    prompt_cache_breakpoint: CacheBreakpoint | None = None


class RefusalPart(Body):
    """What the assistant said when it refused."""

    type: Literal["refusal"]
    refusal: Text


def _no_media(value: Any) -> Any:
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(kind, str) and kind in _MEDIA:
        unsupported(f"{_MEDIA[kind]} ({kind})")
    return value


def _no_sound(value: Any) -> Any:
    if isinstance(value, dict) and value.get("type") == "input_audio":
        unsupported("only a user's message may be spoken (input_audio)")
    return value


def _is_parts(value: Any) -> str | None:
    return "text" if isinstance(value, str) else "parts" if isinstance(value, list) else None


_PART = Annotated[TextPart, BeforeValidator(_no_media), BeforeValidator(_no_sound)]
_QUESTION_PART = Annotated[TextPart | SoundPart, Field(discriminator="type"), BeforeValidator(_no_media)]
_ANSWER_PART = Annotated[
    TextPart | RefusalPart, Field(discriminator="type"), BeforeValidator(_no_media), BeforeValidator(_no_sound)
]
_BY_FORM = Discriminator(
    _is_parts,
    custom_error_type="invalid_form",
    custom_error_message="a string or an array of content parts",
)
Content = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[list[_PART], Field(min_length=1, max_length=1024, fail_fast=True), Tag("parts")],
    _BY_FORM,
]
Question = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[list[_QUESTION_PART], Field(min_length=1, max_length=1024, fail_fast=True), Tag("parts")],
    _BY_FORM,
]
AnswerContent = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[list[_ANSWER_PART], Field(min_length=1, max_length=1024, fail_fast=True), Tag("parts")],
    _BY_FORM,
]


class SystemMessage(Body):
    """Instructions; ``developer`` is the newer name of the same."""

    role: Literal["system", "developer"]
    content: Content
    name: Name | None = None


class UserMessage(Body):
    """A question."""

    role: Literal["user"]
    content: Question
    name: Name | None = None


class FunctionText(Body):
    """Name and arguments of a call."""

    name: FunctionName
    arguments: Text


class Call(Body):
    """A call of a function that the assistant made."""

    id: CallId
    type: Literal["function"]
    function: FunctionText


class CustomText(Body):
    """Name and input of a call of a custom tool."""

    name: FunctionName
    input: Text


class CustomCall(Body):
    """A call of a custom tool that the assistant made."""

    id: CallId
    type: Literal["custom"]
    custom: CustomText


_CALL = Annotated[Call | CustomCall, Field(discriminator="type")]


class SpokenBefore(Body):
    """An answer with sound that this server gave within the last hour."""

    id: Annotated[str, Field(strict=True, min_length=1, max_length=64)]


class AssistantMessage(Body):
    """An answer, or calls of tools."""

    role: Literal["assistant"]
    content: AnswerContent | None = None
    refusal: Text | None = None
    name: Name | None = None
    audio: SpokenBefore | None = None
    tool_calls: Annotated[list[_CALL], Field(max_length=128, fail_fast=True)] | None = None
    function_call: FunctionText | None = None
    annotations: Annotated[list[Any], Field(max_length=1024, fail_fast=True)] | None = None
    """Accepted: an answer is often sent back as it came, with what was noted beside its text."""
    reasoning_content: Text | None = None
    """Extension: what was thought before it was said. The model's template decides what becomes of it."""

    @model_validator(mode="after")
    def _says_something(self) -> AssistantMessage:
        said = (self.content, self.refusal, self.tool_calls or None, self.function_call, self.audio)
        if all(part is None for part in said):
            invalid("content, refusal, audio or tool_calls in an assistant's message")
        return self


class ToolMessage(Body):
    """What a tool answered."""

    role: Literal["tool"]
    content: Content
    tool_call_id: CallId


class FunctionMessage(Body):
    """What a function answered; the older form of a tool's message."""

    role: Literal["function"]
    content: Text | None
    name: FunctionName


AnyMessage = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage, Field(discriminator="role")
]


def to_message(message: SystemMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage) -> Message:
    """One turn as the engines know it. Parts of a content are joined by line breaks."""
    if isinstance(message, SystemMessage):
        return Message(role="system", content=text_of(message.content), name=message.name)
    if isinstance(message, UserMessage):
        return Message(role="user", content=text_of(message.content), name=message.name)
    if isinstance(message, ToolMessage):
        return Message(role="tool", content=text_of(message.content), tool_call_id=message.tool_call_id)
    if isinstance(message, FunctionMessage):
        return Message(
            role="tool", content=message.content or "", name=message.name, tool_call_id=_legacy_id(message.name)
        )
    calls = [_call(call) for call in message.tool_calls or ()]
    if message.function_call is not None:
        call = message.function_call
        calls.append(ToolCall(id=_legacy_id(call.name), name=call.name, arguments=call.arguments))
    content = message.refusal if message.content is None else text_of(message.content)
    return Message(
        role="assistant",
        content=content or "",
        reasoning=message.reasoning_content,
        name=message.name,
        tool_calls=tuple(calls),
    )


def _call(call: Call | CustomCall) -> ToolCall:
    if isinstance(call, CustomCall):
        return ToolCall(id=call.id, name=call.custom.name, arguments=call.custom.input, kind="custom")
    return ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)


def text_of(content: str | Sequence[TextPart | RefusalPart | SoundPart]) -> str:
    """Parts are joined by line breaks. Raises: UnsupportedParameter: one of them is sound, which nobody wrote down."""
    if isinstance(content, str):
        return content
    return "\n".join(_words(part) for part in content)


def _words(part: TextPart | RefusalPart | SoundPart) -> str:
    if isinstance(part, SoundPart):
        raise UnsupportedParameter("input_audio is heard by /v1/chat/completions only", param="messages")
    return part.text if isinstance(part, TextPart) else part.refusal


def _legacy_id(name: str) -> str:
    """Functions have no call ids; call and answer meet by name."""
    return f"call_{name}"
