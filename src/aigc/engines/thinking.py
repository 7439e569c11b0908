"""Tells what a model thinks from what it answers, in the form ``<think>...</think>`` (Qwen3, SmolLM3, DeepSeek-R1).

The thoughts come first or not at all; later tags are text. White space around the thoughts is layout.

Knows: text in, thoughts and text out. Does not know: tokens, events, templates.
"""

from __future__ import annotations

from typing import Literal

from aigc.engines.parts import Hidden, Thought, hidden

BEGIN, END = "<think>", "</think>"


class ThinkingParser:
    """Splits one answer.

    Args:
        begun: the prompt ended with the opening tag.
    """

    def __init__(self, *, begun: bool) -> None:
        self._state: Literal["open", "thinking", "layout", "answer"] = "thinking" if begun else "open"
        self._buffer = ""
        self._said = False

    @property
    def inside(self) -> bool:
        """Whether the thoughts go on."""
        return self._state == "thinking"

    def push(self, piece: str) -> list[str | Thought | Hidden]:
        """Take more of the answer; give back what is settled, in order."""
        if self._state == "answer":
            return [piece] if piece else []
        self._buffer += piece
        found: list[str | Thought | Hidden] = []
        if self._state == "open":
            self._look_for_begin(found)
        if self._state == "thinking":
            self._think(found)
        if self._state == "layout" and (rest := self._buffer.lstrip()):
            self._hide(len(self._buffer) - len(rest), found)
            self._state = "answer"
        if self._state == "answer" and self._buffer:
            found.append(self._buffer)
            self._buffer = ""
        return found

    def finish(self) -> list[str | Thought | Hidden]:
        """The answer is over: what was held back is what it looks like."""
        rest, self._buffer = self._buffer, ""
        if not rest or self._state == "layout":
            return []
        return [Thought(rest)] if self._state == "thinking" and rest.strip() else [] if self.inside else [rest]

    def _look_for_begin(self, found: list[str | Thought | Hidden]) -> None:
        text = self._buffer.lstrip()
        if text.startswith(BEGIN):
            self._hide(len(self._buffer) - len(text) + len(BEGIN), found)
            self._state = "thinking"
        elif not BEGIN.startswith(text):
            self._state = "answer"

    def _think(self, found: list[str | Thought | Hidden]) -> None:
        if not self._said:
            text = self._buffer.lstrip()
            self._hide(len(self._buffer) - len(text), found)
            self._said = bool(text)
        at = self._buffer.find(END)
        end = at if at >= 0 else self._safe()
        thought = self._buffer[:end].rstrip()
        if thought:
            found.append(Thought(thought))
            self._buffer = self._buffer[len(thought) :]
        if at >= 0:
            self._hide(end - len(thought) + len(END), found)
            self._state = "layout"

    def _safe(self) -> int:
        """Length of the text that can't be the beginning of the closing tag."""
        text = self._buffer
        return len(text) - next((n for n in range(min(len(END), len(text)), 0, -1) if END.startswith(text[-n:])), 0)

    def _hide(self, length: int, found: list[str | Thought | Hidden]) -> None:
        if length:
            found.append(hidden(self._buffer[:length]))
            self._buffer = self._buffer[length:]
