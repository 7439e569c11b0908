"""The messages of a chat: what each role may carry, and how it becomes one `aigc.types.Message`.

Knows: roles, content parts. Does not know: sampling, tools' schemas, templates.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from aigc.server.fields import Body, Text, invalid, refused, unsupported
from aigc.types import Message, ToolCall

_MEDIA = {
    "image_url": "no installed model sees pictures",
    "input_audio": "no installed model hears sound",
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


class RefusalPart(Body):
    """What the assistant said when it refused."""

    type: Literal["refusal"]
    refusal: Text


def _no_media(value: Any) -> Any:
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(kind, str) and kind in _MEDIA:
        unsupported(f"{_MEDIA[kind]} ({kind})")
    return value


def _is_parts(value: Any) -> str | None:
    return "text" if isinstance(value, str) else "parts" if isinstance(value, list) else None


_PART = Annotated[TextPart, BeforeValidator(_no_media)]
_ANSWER_PART = Annotated[TextPart | RefusalPart, Field(discriminator="type"), BeforeValidator(_no_media)]
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
    content: Content
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


class AssistantMessage(Body):
    """An answer, or calls of tools."""

    role: Literal["assistant"]
    content: AnswerContent | None = None
    refusal: Text | None = None
    name: Name | None = None
    audio: Annotated[None, refused("no installed model speaks in a chat")] = None
    tool_calls: Annotated[list[_CALL], Field(max_length=128, fail_fast=True)] | None = None
    function_call: FunctionText | None = None
    annotations: Annotated[list[Any], Field(max_length=1024, fail_fast=True)] | None = None
    """Accepted: an answer is often sent back as it came, with what was noted beside its text."""
    reasoning_content: Text | None = None
    """Extension: what was thought before it was said. The model's template decides what becomes of it."""

    @model_validator(mode="after")
    def _says_something(self) -> AssistantMessage:
        if self.content is None and self.refusal is None and not self.tool_calls and self.function_call is None:
            invalid("content, refusal or tool_calls in an assistant's message")
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


def text_of(content: str | list[TextPart] | list[TextPart | RefusalPart]) -> str:
    """Parts are joined by line breaks."""
    if isinstance(content, str):
        return content
    return "\n".join(part.text if isinstance(part, TextPart) else part.refusal for part in content)


def _legacy_id(name: str) -> str:
    """Functions have no call ids; call and answer meet by name."""
    return f"call_{name}"
