"""Tools of a session as `aigc.types` knows them.

Knows: the flat tools of the Realtime API. Does not know: how a model is made to call one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from aigc.server.chat import tools as chat
from aigc.server.realtime.config import NamedTool, Tool
from aigc.types import Tool as ModelTool
from aigc.types import ToolChoice


def to_tools(tools: Sequence[Tool]) -> tuple[ModelTool, ...]:
    """In our words. Raises: InvalidValue: two have one name."""
    return chat.to_tools([chat.LegacyFunction(**tool.model_dump(exclude={"type"})) for tool in tools])


def to_choice(choice: Literal["none", "auto", "required"] | NamedTool, tools: Sequence[ModelTool]) -> ToolChoice:
    """Which may or must be called. Raises: InvalidValue: it names one that isn't there."""
    named = chat.NamedFunction(name=choice.name) if isinstance(choice, NamedTool) else choice
    return chat.to_choice(named, tools, "tool_choice")
