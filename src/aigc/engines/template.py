"""Turns a conversation into the text that a model was trained on, with the chat template that came with the model.

A template is a program by strangers; `aigc.engines.sandbox` holds it within 1 s and 4 MiB.

Models without a template get the plain form ``User: ...`` / ``Assistant:``. A template that knows nothing of tools gets
them in words: the calls in Hermes form inside the system message, their results as user turns.

Source: Hugging Face transformers, "Chat templates" (what a template may expect from its environment).
Knows: messages and text. Does not know: tokens, engines, requests.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError

from aigc.engines.custom import as_arguments, shown_schema
from aigc.engines.guard import Guard
from aigc.engines.hermes import call_text, instructions
from aigc.engines.sandbox import MAX_OUTPUT, Meter, Refused, Sandbox
from aigc.errors import InvalidModelFile, UserError
from aigc.types import JSON, Message, Tool, ToolCall

MAX_SOURCE = 256 * 1024

PLAIN = (
    "{%- for message in messages %}"
    "{%- if message.role == 'system' %}{{ message.content + '\n\n' }}"
    "{%- elif message.role == 'assistant' %}{{ 'Assistant: ' + message.content + eos_token + '\n' }}"
    "{%- else %}{{ 'User: ' + message.content + '\n' }}{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{ 'Assistant:' }}{%- endif %}"
)
"""The template of models that have none."""


class ChatTemplate:
    """A model's chat template, compiled once. `render` is called from one thread at a time.

    Args:
        source: Jinja source; None for a model without a template.
        bos_token: text of the token that begins a sequence; templates write it themselves.
        eos_token: text of the token that ends a turn.
        guard: of the model's control tokens; none where there are none to guard.

    Raises:
        InvalidModelFile: the source is too long or is not a template.
    """

    def __init__(self, source: str | None, bos_token: str, eos_token: str, guard: Guard | None = None) -> None:
        text = PLAIN if source is None else source
        self.guard = Guard(()) if guard is None else guard
        """Encodes what `render` wrote."""
        self.switch = "enable_thinking" in text
        """Whether the model can be told to think or not."""
        self.dial = "reasoning_effort" in text
        """Whether the model can be told how long to think."""
        self.thinks = "think>" in text
        """Whether answers may begin with thoughts."""
        if len(text) > MAX_SOURCE:
            raise InvalidModelFile(f"the chat template has {len(text)} characters, accepted are {MAX_SOURCE}")
        self.knows_tools = "tools" in text
        """Whether the model was trained to call tools, as far as its template tells."""
        self._knows_calls = "tool_calls" in text
        self._knows_results = "'tool'" in text or '"tool"' in text
        self._constants = {"bos_token": bos_token, "eos_token": eos_token}
        self._sandbox = Sandbox()
        try:
            self._template = self._sandbox.template(text)
        except (TemplateSyntaxError, RecursionError, SyntaxError, ValueError) as error:
            raise InvalidModelFile(f"the model's chat template can't be read: {str(error)[:200]}") from error

    def render(
        self, messages: Sequence[Message], tools: Sequence[Tool] = (), words: Mapping[str, object] | None = None
    ) -> str:
        """The prompt that the model answers; a last message of role assistant is continued instead.

        Names of control tokens in it are hidden: ``guard.encode`` makes its tokens.

        Args:
            messages: the conversation.
            tools: those that the model is told of.
            words: further variables of the template, like ``enable_thinking``.

        Raises:
            UserError: the template objects to the conversation, or can't render it within its limits.
        """
        turns, tool_list = self._prepared(messages, tools)
        turns, tool_list = self.guard.hide(turns), self.guard.hide(tool_list)
        variables = {"messages": turns, "tools": tool_list, "documents": None, **(words or {}), **self._constants}
        if not continues(messages):
            return self._run(variables, generate=True)
        # Whatever comes after the content (end of turn, new line) is cut at a mark that no conversation contains.
        mark = f"\ue000{secrets.token_hex(8)}\ue001"
        turns[-1] = {**turns[-1], "content": turns[-1]["content"] + mark}
        text = self._run(variables, generate=False)
        if text.count(mark) != 1:
            raise UserError(
                "this model's chat template can't continue an answer that has begun",
                param="messages",
                hint="end the conversation with a message of role user",
            )
        return text[: text.index(mark)]

    def _prepared(self, messages: Sequence[Message], tools: Sequence[Tool]) -> tuple[list[JSON], list[JSON] | None]:
        functions: list[JSON] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": shown_schema(tool) if tool.kind == "custom" else tool.parameters,
                },
            }
            for tool in tools
        ]
        turns: list[JSON] = []
        for message in messages:
            turns.append(self._turn(message, turns))
        turns = [turn for turn in turns if turn]
        if not functions or self.knows_tools:
            return turns, functions or None
        if turns and turns[0]["role"] == "system":
            turns[0] = {**turns[0], "content": f"{turns[0]['content']}\n\n{instructions(functions)}"}
        else:
            turns.insert(0, {"role": "system", "content": instructions(functions)})
        return turns, None

    def _turn(self, message: Message, before: list[JSON]) -> JSON:
        turn: JSON = {"role": message.role, "content": message.content}
        if message.name is not None:
            turn["name"] = message.name
        if message.reasoning is not None:
            turn["reasoning_content"] = message.reasoning
        if message.role == "tool" and not self._knows_results:
            turn = {"role": "user", "content": f"<tool_response>\n{message.content}\n</tool_response>"}
            if before and before[-1].get("results"):  # results that follow each other are one turn
                before[-1]["content"] += f"\n{turn['content']}"
                return {}
            turn["results"] = True
            return turn
        if message.tool_call_id is not None:
            turn["tool_call_id"] = message.tool_call_id
        if message.tool_calls and not self._knows_calls:
            calls = [call_text(call.name, _arguments(call)) for call in message.tool_calls]
            turn["content"] = "\n".join([*([message.content] if message.content else []), *calls])
        elif message.tool_calls:
            turn["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": _arguments(call)},
                }
                for call in message.tool_calls
            ]
        return turn

    def _run(self, variables: JSON, *, generate: bool) -> str:
        meter = self._sandbox.meter = Meter()
        parts: list[str] = []
        size = 0
        try:
            for part in self._template.generate(variables, add_generation_prompt=generate):
                meter.spend()
                parts.append(part)
                size += len(part)
                if size > MAX_OUTPUT:
                    raise SecurityError(f"it writes more than {MAX_OUTPUT} characters")
        except Refused as error:
            raise UserError(f"the model's chat template refuses: {str(error)[:300]}", param="messages") from error
        except (SecurityError, RecursionError, MemoryError, OverflowError) as error:
            raise UserError(f"the model's chat template was stopped: {str(error)[:200]}", param="messages") from error
        except (TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
            raise UserError(
                f"the model's chat template can't render these messages: {str(error)[:200]}", param="messages"
            ) from error
        return "".join(parts)


def continues(messages: Sequence[Message]) -> bool:
    """Whether the conversation ends within an answer, which is then continued."""
    return bool(messages) and messages[-1].role == "assistant" and not messages[-1].tool_calls


def _arguments(call: ToolCall) -> Any:
    """Arguments as the object that templates expect; as they are where they are no JSON."""
    text = as_arguments(call.arguments) if call.kind == "custom" else call.arguments
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
