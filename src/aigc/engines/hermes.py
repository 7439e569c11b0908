"""The Hermes form of tool calls, which ChatML models (Qwen, Hermes, SmolLM) were trained on.

Source: NousResearch, "Hermes Function Calling" (the tags and the order of the keys).
Knows: the words. Does not know: templates, parsers, engines.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from aigc.types import JSON

BEGIN = "<tool_call>\n"
"""What a call starts with; the same text is handed to the engines' grammars."""

END = "\n</tool_call>"
"""What a call ends with."""


def call_text(name: str, arguments: Any) -> str:
    """A call as the model would have written it. Arguments that were no JSON are put in as a string."""
    return f"{BEGIN}{json.dumps({'name': name, 'arguments': arguments}, ensure_ascii=False)}{END}"


def instructions(functions: Sequence[JSON]) -> str:
    """What a model is told about its tools when its own template has no words for them."""
    listed = "\n".join(json.dumps(function, ensure_ascii=False) for function in functions)
    return (
        f"You can call these functions (JSON schemas, one a line):\n<tools>\n{listed}\n</tools>\n"
        "To call one, write its name and arguments as JSON between tags, and nothing after the last call:\n"
        f'{BEGIN}{{"name": "<function>", "arguments": {{...}}}}{END}\n'
        "The result comes back between <tool_response> tags. Answer in words when no function is needed."
    )
