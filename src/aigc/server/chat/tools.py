"""Tools of a chat, and the older functions, as `aigc.types` knows them.

Knows: OpenAI's two generations of tools. Does not know: how a model is made to call one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from aigc.server.chat.messages import FunctionName
from aigc.server.errors import InvalidValue
from aigc.server.fields import Body, Flag, Text
from aigc.types import Grammar, Tool, ToolChoice, ToolKind

MAX_GRAMMAR = 64 * 1024
"""Longest grammar of a custom tool, in characters."""
_NO_PARAMETERS = {"type": "object", "properties": {}, "additionalProperties": False}
"""What OpenAI says that leaving ``parameters`` out means."""


class Function(Body):
    """A function that the model may call."""

    name: FunctionName
    description: Text | None = None
    parameters: dict[str, Any] | None = None
    strict: Flag | None = None


class FunctionTool(Body):
    """A tool with JSON arguments."""

    type: Literal["function"]
    function: Function


class TextFormat(Body):
    """Any text."""

    type: Literal["text"]


class GrammarSpec(Body):
    """What a whole input must look like; refused later if it can't be enforced."""

    syntax: Literal["lark", "regex"]
    definition: Annotated[str, Field(strict=True, min_length=1, max_length=MAX_GRAMMAR)]


class GrammarFormat(Body):
    """Text that a grammar accepts."""

    type: Literal["grammar"]
    grammar: GrammarSpec


class Custom(Body):
    """A tool that takes one text."""

    name: FunctionName
    description: Text | None = None
    format: Annotated[TextFormat | GrammarFormat, Field(discriminator="type")] | None = None


class CustomTool(Body):
    """A tool with a text as its input."""

    type: Literal["custom"]
    custom: Custom


class LegacyFunction(Body):
    """The older form."""

    name: FunctionName
    description: Text | None = None
    parameters: dict[str, Any] | None = None


class NamedFunction(Body):
    """Points to a function."""

    name: FunctionName


class NamedTool(Body):
    """Points to a function tool."""

    type: Literal["function"]
    function: NamedFunction


class NamedCustom(Body):
    """Points to a custom tool."""

    type: Literal["custom"]
    custom: NamedFunction


class AllowedTools(Body):
    """Some of the tools."""

    mode: Literal["auto", "required"]
    tools: Annotated[
        list[Annotated[NamedTool | NamedCustom, Field(discriminator="type")]], Field(max_length=128, fail_fast=True)
    ]


class AllowedChoice(Body):
    """Limits the choice without a change of ``tools``."""

    type: Literal["allowed_tools"]
    allowed_tools: AllowedTools


def _kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "mode"
    kind = value.get("type") if isinstance(value, dict) else None
    return kind if kind in ("function", "custom", "allowed_tools") else None


AnyTool = Annotated[FunctionTool | CustomTool, Field(discriminator="type")]
Choice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("mode")]
    | Annotated[NamedTool, Tag("function")]
    | Annotated[NamedCustom, Tag("custom")]
    | Annotated[AllowedChoice, Tag("allowed_tools")],
    Discriminator(
        _kind,
        custom_error_type="invalid_form",
        custom_error_message="'none', 'auto', 'required', or an object of type function, custom or allowed_tools",
    ),
]
FunctionChoice = Annotated[
    Annotated[Literal["none", "auto"], Tag("mode")] | Annotated[NamedFunction, Tag("name")],
    Discriminator(
        lambda value: "mode" if isinstance(value, str) else "name" if isinstance(value, dict) else None,
        custom_error_type="invalid_form",
        custom_error_message="'none', 'auto', or an object with a name",
    ),
]


def to_tools(tools: Sequence[FunctionTool | CustomTool | LegacyFunction]) -> tuple[Tool, ...]:
    """The tools in our words. Raises: InvalidValue: two have one name, of whatever kind they are."""
    found = tuple(_custom(tool.custom) if isinstance(tool, CustomTool) else _function(tool) for tool in tools)
    names = [tool.name for tool in found]
    for name in names:
        if names.count(name) > 1:
            raise InvalidValue(f"two tools are called {name!r}; accepted: names that differ", param="tools")
    return found


def _function(tool: FunctionTool | LegacyFunction) -> Tool:
    function = tool.function if isinstance(tool, FunctionTool) else tool
    return Tool(
        name=function.name,
        description=function.description or "",
        parameters=_NO_PARAMETERS if function.parameters is None else function.parameters,
        strict=isinstance(function, Function) and bool(function.strict),
    )


def _custom(custom: Custom) -> Tool:
    grammar = None
    if isinstance(custom.format, GrammarFormat):
        grammar = Grammar(syntax=custom.format.grammar.syntax, definition=custom.format.grammar.definition)
    return Tool(name=custom.name, description=custom.description or "", kind="custom", grammar=grammar)


def to_choice(choice: Any, tools: Sequence[Tool], param: str) -> ToolChoice:
    """Which of ``tools`` may or must be called.

    Args:
        choice: a validated `Choice` or `FunctionChoice`, or None.
        tools: those of the request.
        param: where it stood.
    Raises:
        InvalidValue: a call is demanded without tools, or of one that isn't there.
    """
    if choice is None or isinstance(choice, str):
        if choice == "required" and not tools:
            raise InvalidValue(f"{param} is 'required' but there are no tools", param=param)
        return ToolChoice(mode=choice or "auto")  # type: ignore[arg-type]
    known = {(tool.kind, tool.name) for tool in tools}
    pointers = choice.allowed_tools.tools if isinstance(choice, AllowedChoice) else [choice]
    names = []
    for pointer in pointers:
        kind, name = _pointed(pointer)
        if (kind, name) not in known:
            raise InvalidValue(f"{param} names the {kind} {name!r}, which is not among the tools", param=param)
        names.append(name)
    if not isinstance(choice, AllowedChoice):
        return ToolChoice(mode="required", names=tuple(names), named=True)
    mode = choice.allowed_tools.mode
    if names:
        return ToolChoice(mode=mode, names=tuple(names))
    if mode == "required":
        raise InvalidValue(f"{param} requires a call, but allows no tools", param=param)
    return ToolChoice(mode="none")


def _pointed(choice: NamedTool | NamedCustom | NamedFunction) -> tuple[ToolKind, str]:
    if isinstance(choice, NamedCustom):
        return "custom", choice.custom.name
    return "function", (choice.function if isinstance(choice, NamedTool) else choice).name
