"""Custom tools in the clothes of functions: their one text travels as the string ``input`` of a JSON object.

Models were trained on functions, and every engine enforces the form of a function's arguments. So a custom tool is
shown to the model as a function of one string, and its grammar becomes that string's: a regular expression as its
``pattern``, a Lark grammar as rules of the string's characters.

Source: OpenAI's specification 2.3.0, CustomToolChatCompletions.
Knows: the clothes. Does not know: engines, parsers of answers.
"""

from __future__ import annotations

import json
import re

from aigc.engines import grammar as form
from aigc.engines import json_text, lark
from aigc.engines.json_check import Check, validator
from aigc.engines.json_schema import compile_schema
from aigc.engines.recognise import Recogniser, TooManyStepsError
from aigc.errors import InvalidSchema
from aigc.types import JSON, Tool

_BEGIN = re.compile(r'\s*\{\s*"input"\s*:\s*"')
_NAMED_GROUP = re.compile(r"(?<!\\)((?:\\\\)*)\(\?P?<\w+>")
_HALF = re.compile("[\ud800-\udfff]")


def shown_schema(tool: Tool) -> JSON:
    """The parameters that the model is told of."""
    told = "The input of the tool, as text."
    if tool.grammar is not None:
        kind = "Lark grammar" if tool.grammar.syntax == "lark" else "regular expression"
        told += f" It must match this {kind} as a whole:\n{tool.grammar.definition}"
    return {
        "type": "object",
        "properties": {"input": {"type": "string", "description": told}},
        "required": ["input"],
        "additionalProperties": False,
    }


def enforced(tool: Tool, place: str) -> tuple[form.Grammar, Check]:
    """The grammar of the arguments, for engines, and the check of what they wrote.

    Args:
        tool: a custom tool.
        place: what its format is called in messages.

    Raises:
        InvalidSchema: the grammar is malformed or can't be enforced.
    """
    if tool.grammar is not None and tool.grammar.syntax == "lark":
        return _lark(tool.grammar.definition)
    schema = shown_schema(tool)
    schema["properties"]["input"] = {"type": "string"}
    if tool.grammar is not None:
        schema["properties"]["input"]["pattern"] = _pattern(tool.grammar.definition)
    return compile_schema(schema, place), validator(schema)


def _lark(definition: str) -> tuple[form.Grammar, Check]:
    try:
        read = lark.to_grammar(definition)
    except lark.GrammarError as error:
        raise InvalidSchema(
            f"the lark grammar can't be enforced: {error}", hint="write it without that, or as a regular expression"
        ) from None
    recogniser = Recogniser(read)

    def check(arguments: object) -> str | None:
        text = arguments.get("input") if isinstance(arguments, dict) else None
        if not isinstance(text, str):
            return "/input: expected a text"
        try:
            return None if recogniser.accepts(text) else f"/input: {text[:60]!r} does not match the lark grammar"
        except TooManyStepsError as error:
            return f"/input: whether it matches the lark grammar can't be told: {error}"

    rules = {name: json_text.in_string(node) for name, node in read.rules.items()}
    body = form.row('{"input":', json_text.SPACE, '"', json_text.in_string(read.root), '"}')
    return form.Grammar(body, rules), check


def _pattern(definition: str) -> str:
    """A regular expression that covers the whole input, with anchors or without."""
    body = _NAMED_GROUP.sub(r"\1(?:", definition).removeprefix("^")
    if body.endswith("$") and (len(body) - len(body[:-1].rstrip("\\"))) % 2 == 1:
        body = body[:-1]
    return f"^(?:{body})$"


def as_arguments(text: str) -> str:
    """An input as the arguments of the function that it was for the model."""
    return json.dumps({"input": text}, ensure_ascii=False)


def sendable(text: str) -> str:
    """Text without halves of surrogate pairs, which a model can write in JSON but nobody can send."""
    return _HALF.sub("\ufffd", text)


class InputReader:
    """Takes the input out of ``{"input": "..."}`` while it arrives in pieces."""

    def __init__(self) -> None:
        self._buffer = ""
        self._open = False
        self._closed = False

    def push(self, piece: str) -> str:
        """Take more JSON; give back what is settled of the input."""
        self._buffer += piece
        if not self._open:
            begin = _BEGIN.match(self._buffer)
            if begin is None:
                return ""
            self._open, self._buffer = True, self._buffer[begin.end() :]
        if self._closed:
            return ""
        end = self._settled()
        raw, self._buffer = self._buffer[:end], self._buffer[end:]
        return sendable(json.loads(f'"{raw}"', strict=False))

    def _settled(self) -> int:
        """Length of the text up to the closing quote, or to an escape whose end is missing."""
        text, at = self._buffer, 0
        while at < len(text):
            if text[at] == '"':
                self._closed = True
                break
            size = 1
            if text[at] == "\\":
                size = 6 if text[at + 1 : at + 2] == "u" else 2
                if text[at + 2 : at + 3] in "dD" and text[at + 3 : at + 4] in "89abAB" and size == 6:
                    size = 12 if "\\u".startswith(text[at + 6 : at + 8]) else 6
            if at + size > len(text):
                break
            at += size
        return at
