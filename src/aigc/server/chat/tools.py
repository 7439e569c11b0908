"""Tools of a chat, and the older functions, as `aigc.types` knows them.

Knows: OpenAI's two generations of tools. Does not know: how a model is made to call one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from aigc.server.chat.messages import FunctionName
from aigc.server.errors import InvalidValue
from aigc.server.fields import Body, Flag, Text, unsupported
from aigc.types import Tool, ToolChoice


class Function(Body):
    """A function that the model may call."""

    name: FunctionName
    description: Text | None = None
    parameters: dict[str, Any] | None = None
    strict: Flag | None = None


class FunctionTool(Body):
    """The one kind of tool there is here."""

    type: Literal["function"]
    function: Function


class LegacyFunction(Body):
    """The older form."""

    name: FunctionName
    description: Text | None = None
    parameters: dict[str, Any] | None = None


class NamedFunction(Body):
    """Points to a function."""

    name: FunctionName


class NamedTool(Body):
    """Points to a tool."""

    type: Literal["function"]
    function: NamedFunction


class AllowedTools(Body):
    """Some of the tools."""

    mode: Literal["auto", "required"]
    tools: Annotated[list[NamedTool], Field(min_length=1, max_length=128, fail_fast=True)]


class AllowedChoice(Body):
    """Limits the choice without a change of ``tools``."""

    type: Literal["allowed_tools"]
    allowed_tools: AllowedTools


def _no_custom(value: Any) -> Any:
    if isinstance(value, dict) and value.get("type") == "custom":
        unsupported("only function tools can be called, custom ones can't")
    return value


def _kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "mode"
    kind = value.get("type") if isinstance(value, dict) else None
    return kind if kind in ("function", "allowed_tools") else None


AnyTool = Annotated[FunctionTool, BeforeValidator(_no_custom)]
Choice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("mode")]
    | Annotated[NamedTool, Tag("function")]
    | Annotated[AllowedChoice, Tag("allowed_tools")],
    Discriminator(
        _kind,
        custom_error_type="invalid_form",
        custom_error_message="'none', 'auto', 'required', or an object of type function or allowed_tools",
    ),
    BeforeValidator(_no_custom),
]
FunctionChoice = Annotated[
    Annotated[Literal["none", "auto"], Tag("mode")] | Annotated[NamedFunction, Tag("name")],
    Discriminator(
        lambda value: "mode" if isinstance(value, str) else "name" if isinstance(value, dict) else None,
        custom_error_type="invalid_form",
        custom_error_message="'none', 'auto', or an object with a name",
    ),
]


def to_tools(functions: Sequence[Function | LegacyFunction]) -> tuple[Tool, ...]:
    """The functions as tools. Raises: InvalidValue: two have one name."""
    names = [function.name for function in functions]
    for name in names:
        if names.count(name) > 1:
            raise InvalidValue(f"two tools are called {name!r}; accepted: names that differ", param="tools")
    return tuple(
        Tool(
            name=function.name,
            description=function.description or "",
            parameters=function.parameters or {"type": "object", "properties": {}},
            strict=isinstance(function, Function) and bool(function.strict),
        )
        for function in functions
    )


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
    mode: Literal["auto", "required"] = "required"
    if isinstance(choice, AllowedChoice):
        names = tuple(tool.function.name for tool in choice.allowed_tools.tools)
        mode = choice.allowed_tools.mode
    else:
        names = ((choice.function if isinstance(choice, NamedTool) else choice).name,)
    known = {tool.name for tool in tools}
    for name in names:
        if name not in known:
            raise InvalidValue(f"{param} names the tool {name!r}, which is not among the tools", param=param)
    return ToolChoice(mode=mode, names=names)
