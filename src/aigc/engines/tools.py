"""Reads tool calls out of an answer while it is being written.

Two situations, told apart by ``required``. Where calls are required, the engine's grammar lets nothing else through, so
name and arguments are passed on as they arrive. Where the model is free, a call is passed on when it is complete and
proven; anything less (a broken call, an unknown name, arguments that a strict schema refuses, an answer cut off) is
given back as the plain text that it is. White space around a call that was accepted is layout, and is left out. Where
``bare`` calls are taken, an answer that is nothing but calls without tags is one of calls, if their arguments fit.

In both, a call that repeats an earlier one (the same name, arguments that are equal as JSON) ends the answer: small
models that were told to call something write the same call until their tokens are used up. A further call of the same
tool is therefore held back until it is complete.

Knows: text in, text and calls out. Does not know: engines, events, templates.
"""

from __future__ import annotations

import json
import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aigc.engines.bare import BareCalls
from aigc.engines.custom import InputReader, sendable
from aigc.engines.hermes import BEGIN, END
from aigc.engines.json_check import Check, equal, parse
from aigc.engines.object_scanner import ObjectScanner
from aigc.engines.parts import Hidden, hidden
from aigc.errors import EngineError
from aigc.types import ToolCallDelta, ToolKind


@dataclass(frozen=True)
class Callee:
    """A tool that may be called."""

    check: Check
    """Of the arguments; a custom tool's are ``{"input": text}``."""
    kind: ToolKind = "function"
    fits: Check | None = None
    """The check of a call without tags, where ``check`` lets pass what the schema doesn't."""


@dataclass(frozen=True)
class _Call:
    """A complete call."""

    name: str
    value: Any
    """Its arguments, parsed."""
    text: str
    """Its arguments, or a custom tool's input, as they are sent."""

    def repeats(self, other: _Call) -> bool:
        try:
            return self.name == other.name and equal(self.value, other.value)
        except RecursionError:
            return False


Part = str | ToolCallDelta | Hidden
"""What an answer is split into, in order: every byte of it is shown, a call's, or hidden."""

_OPEN = BEGIN.strip()
_CLOSE = END.strip()
_HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*"([a-zA-Z0-9_-]{1,64})"\s*,\s*"arguments"\s*:\s*(?=\{)')
_LETTERS = string.ascii_letters + string.digits


def new_id() -> str:
    """An id in OpenAI's form: ``call_`` and 24 letters and digits."""
    return "call_" + "".join(secrets.choice(_LETTERS) for _ in range(24))


class ToolParser:
    """Splits one answer into text and calls; where calls are required, nothing is shown and nothing said to be hidden.

    Args:
        tools: those that may be called, by name.
        required: the answer consists of calls (the engine sees to it).
        parallel: more than one call may be made; otherwise the answer is over after the first.
        bare: an answer that consists of calls without tags is taken for calls, too.
    """

    def __init__(self, tools: Mapping[str, Callee], *, required: bool, parallel: bool, bare: bool = False) -> None:
        self._callees = tools
        self._required = required
        self._parallel = parallel
        self._bare = BareCalls(tools) if bare and not required else None
        self._buffer = ""
        self._tried = 0
        """Where in the buffer to look for the next closing tag; those before it didn't end a call."""
        self._layout = ""  # white space that belongs to the text only if more text follows
        self._scanner: ObjectScanner | None = None  # inside the arguments of a required call
        self._input: InputReader | None = None  # inside the input of a required custom call
        self._arguments: list[str] = []
        self._name = ""
        self._pieces: list[ToolCallDelta] = []  # of a required call that may yet be a repetition
        self._made: list[_Call] = []
        self.over = False
        """Whether nothing more is wanted: one call was made and no second is allowed, or a call was repeated."""

    @property
    def calls(self) -> int:
        """Calls made so far."""
        return len(self._made)

    def push(self, piece: str) -> list[Part]:
        """Take more of the answer; give back what is settled, in order.

        Raises: EngineError: a required call isn't one, although the grammar promised it.
        """
        if self.over:
            return []
        if (bare := self._bare) is not None:
            if bare.push(piece):
                return []
            self._bare, piece = None, bare.text
        self._buffer += piece
        found: list[Part] = []
        step = self._required_step if self._required else self._free_step
        while not self.over and step(found):
            pass
        return found

    def finish(self) -> list[Part]:
        """The answer is over: what is left is text, a call that was cut off, or nothing more can come of it."""
        if self.over:
            return []
        if self._required:
            return list(self._pieces)
        found = [] if self._bare is None else self._bare_to_the_end(self._bare)
        return found + self._left()

    def _left(self) -> list[Part]:
        """What is made of the text that was still undecided when the answer ended."""
        if self.over:
            return []
        found: list[Part] = []
        # A model may end its turn instead of writing the closing tag.
        if self._buffer.startswith(_OPEN) and (call := self._proven(self._buffer[len(_OPEN) :])):
            self._accept(call, self._layout + self._buffer, found)
            return found
        rest = self._buffer
        self._buffer = ""
        if rest.strip() or not self.calls:
            found.append(self._layout + rest)
        return [part for part in found if part]

    # ------------------------------------------------------------ free: text, and whole calls

    def _free_step(self, found: list[Part]) -> bool:
        buffer = self._buffer
        if not buffer:
            return False
        if buffer.startswith(_OPEN):
            return self._whole_call(found)
        at = buffer.find(_OPEN)
        if at < 0:
            keep = next(
                (n for n in range(min(len(_OPEN), len(buffer) + 1) - 1, 0, -1) if _OPEN.startswith(buffer[-n:])), 0
            )
            at = len(buffer) - keep
        text, self._buffer = self._layout + buffer[:at], buffer[at:]
        settled = text.rstrip()
        self._layout = text[len(settled) :]
        if settled:
            found.append(settled)
        return self._buffer.startswith(_OPEN)

    def _whole_call(self, found: list[Part]) -> bool:
        end = self._buffer.find(_CLOSE, max(len(_OPEN), self._tried))
        while end >= 0:
            body = self._buffer[len(_OPEN) : end]
            if call := self._proven(body):
                whole, self._buffer = self._buffer[: end + len(_CLOSE)], self._buffer[end + len(_CLOSE) :]
                self._accept(call, self._layout + whole, found)
                self._layout, self._tried = "", 0
                return True
            # The closing tag may stand inside a string of the arguments: a later one may be the real one.
            if _complete(body):
                break
            self._tried = end + 1  # with more text behind it, this tag will be no better
            end = self._buffer.find(_CLOSE, self._tried)
        else:
            self._tried = max(self._tried, len(self._buffer) - len(_CLOSE) + 1)
            return False
        self._tried = 0
        found.append(self._layout + self._buffer[: end + len(_CLOSE)])
        self._buffer, self._layout = self._buffer[end + len(_CLOSE) :], ""
        return True

    def _bare_to_the_end(self, bare: BareCalls) -> list[Part]:
        """What is made of an answer that could be nothing but calls until it ended."""
        self._bare = None
        calls = [self._proven(body, bare=True) for body in bare.objects]
        if not (bare.complete and all(calls)):
            return self.push(bare.text)
        found: list[Part] = []
        words = bare.text
        for call in calls:
            if call and not self.over:
                self._accept(call, words, found)
                words = ""
        return found

    def _proven(self, body: str, *, bare: bool = False) -> _Call | None:
        """A call that is complete and allowed; a ``bare`` one must also fit."""
        try:
            value = parse(body)
        except ValueError:
            return None
        if not isinstance(value, dict) or not isinstance(name := value.get("name"), str):
            return None
        arguments = value.get("arguments", {})
        callee = self._callees.get(name)
        if callee is None or not isinstance(arguments, dict) or callee.check(arguments) is not None:
            return None
        if bare and (len(value) != 2 or (callee.fits and callee.fits(arguments) is not None)):
            return None
        if callee.kind == "custom":
            return _Call(name, arguments, sendable(arguments["input"]))
        if match := _HEAD.match(body):
            scanner = ObjectScanner()
            return _Call(name, arguments, body[match.end() : match.end() + scanner.end(body[match.end() :])])
        return _Call(name, arguments, json.dumps(arguments))  # half a surrogate pair, say, could not be sent otherwise

    def _accept(self, call: _Call, words: str, found: list[Part]) -> None:
        found.append(hidden(words))
        piece = self._piece(call.text, id=new_id(), name=call.name, kind=self._callees[call.name].kind)
        if self._count(call):
            found.append(piece)

    def _piece(self, arguments: str, **fields: Any) -> ToolCallDelta:
        return ToolCallDelta(index=self.calls, arguments=arguments, **fields)

    def _count(self, call: _Call) -> bool:
        """Whether it is a call of its own; a repetition ends the answer."""
        repeated = any(call.repeats(other) for other in self._made)
        if not repeated:
            self._made.append(call)
        self.over = repeated or not self._parallel
        return not repeated

    # ------------------------------------------------------------ required: pieces of calls

    def _required_step(self, found: list[Part]) -> bool:
        if self._scanner is not None:
            return self._more_arguments(found)
        text = self._buffer.lstrip()
        if self.calls and text.startswith("}"):  # the end of the call before
            text = text[1:].lstrip()
            if not text.startswith(_CLOSE):
                return self._wait_for(_CLOSE, text)
            self._buffer = text[len(_CLOSE) :]
            return True
        if not text.startswith(_OPEN):
            return self._wait_for(_OPEN, text)
        match = _HEAD.match(text, len(_OPEN))
        if match is None:
            if len(text) > 1000:
                raise EngineError(f"a required tool call has no readable head: {text[:80]!r}")
            return False
        if match[1] not in self._callees:
            raise EngineError(f"the model called {match[1]!r}, allowed are {', '.join(self._callees)}")
        self._name = match[1]
        self._scanner = ObjectScanner()
        self._input = InputReader() if self._callees[match[1]].kind == "custom" else None
        self._arguments = []
        self._buffer = text[match.end() :]
        self._tell(self._piece("", id=new_id(), name=match[1], kind=self._callees[match[1]].kind), found)
        return bool(self._buffer)

    def _tell(self, piece: ToolCallDelta, found: list[Part]) -> None:
        """Pass a piece on, or hold it back while the call could be a repetition."""
        if any(call.name == self._name for call in self._made):
            self._pieces.append(piece)
        else:
            found.append(piece)

    def _wait_for(self, tag: str, text: str) -> bool:
        if not tag.startswith(text[: len(tag)]):
            raise EngineError(f"a required tool call has {text[:80]!r} where {tag!r} belongs")
        return False

    def _more_arguments(self, found: list[Part]) -> bool:
        if not self._buffer:
            return False
        assert self._scanner is not None
        end = self._scanner.end(self._buffer)
        piece = self._buffer if end < 0 else self._buffer[:end]
        self._buffer = self._buffer[len(piece) :]
        self._arguments.append(piece)
        if self._input is None:
            self._tell(self._piece(piece), found)
        elif text := self._input.push(piece):
            self._tell(self._piece(text, kind="custom"), found)
        if end < 0:
            return False
        self._scanner = None
        text = "".join(self._arguments)
        try:
            value = parse(text)
            problem = self._callees[self._name].check(value)
        except ValueError as error:
            problem = str(error)
        if problem is not None:
            raise EngineError(f"the arguments of a call of {self._name!r} break their schema: {problem}")
        held, self._pieces = self._pieces, []
        if self._count(_Call(self._name, value, text)):
            found += held
        return bool(self._buffer)


def _complete(body: str) -> bool:
    """Whether the brackets of a would-be call are closed, or it never was an object."""
    text = body.lstrip()
    return bool(text) and (not text.startswith("{") or ObjectScanner().end(text) >= 0)
