"""Recognises an answer that is nothing but calls without their tags: JSON objects, bare or in one fenced block.

Models that were trained on code write a call as they would show it in a document, although their template asks for
tags. Whether an answer is such a one is known when it has ended; while it can become one, it is held back.

Knows: text. Does not know: whether a call is allowed, what becomes of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from aigc.engines.object_scanner import ObjectScanner

_FENCE = "```"
_INFO = "json"
_MAX_HEAD = 1000
"""Longest text, white space included, between the beginning of an object and that of its arguments."""
_SPACE = re.compile(r"\s*")


class BareCalls:
    """Watches one answer from its first letter on.

    Args:
        names: of the tools that may be called.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._heads = tuple(f'{{"name":"{name}","arguments":{{' for name in names)
        self._text = ""
        self._at = 0
        """Where the undecided part of the text begins."""
        self._fence = False
        self._step: Callable[[], bool] = self._opening
        self._scanner = ObjectScanner()
        self._seen = 0
        self.objects: list[str] = []
        """The objects so far, in order."""

    @property
    def text(self) -> str:
        """All that was held back."""
        return self._text

    @property
    def complete(self) -> bool:
        """Whether what came so far consists of whole objects, and of the whole fence around them if there is one."""
        return bool(self.objects) and self._step == (self._closed if self._fence else self._between)

    def push(self, piece: str) -> bool:
        """Take more. Returns: whether the answer can still be nothing but calls."""
        self._text += piece
        while True:
            step, at = self._step, self._at
            if not step():
                return False
            if self._step == step and self._at == at:
                return True

    # Each step looks at the text from `_at` on, moves on if it can, and says whether it still may be right.

    def _rest(self) -> str:
        self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
        return self._text[self._at :]

    def _opening(self) -> bool:
        rest = self._rest()
        if rest.startswith(_FENCE):
            info, newline, _ = rest[len(_FENCE) :].partition("\n")
            if not newline:
                return _INFO.startswith(info.strip())
            self._fence = True
            self._at += len(_FENCE) + len(info)
            self._step = self._head
            return info.strip() in ("", _INFO)
        self._step = self._head if rest[:1] == "{" else self._step
        return rest[:1] == "{" or _FENCE.startswith(rest)

    def _head(self) -> bool:
        rest = self._rest()
        # A space within a name is overlooked here; the parser of the whole object isn't deceived.
        compact = "".join(rest[:_MAX_HEAD].split())
        if compact.startswith(self._heads):
            self._scanner, self._seen = ObjectScanner(), self._at
            self._step = self._inside
            return True
        return len(rest) < _MAX_HEAD and any(head.startswith(compact) for head in self._heads)

    def _inside(self) -> bool:
        end = self._scanner.end(self._text[self._seen :])
        self._seen = len(self._text) if end < 0 else self._seen + end
        if end >= 0:
            self.objects.append(self._text[self._at : self._seen])
            self._at = self._seen
            self._step = self._between
        return True

    def _between(self) -> bool:
        rest = self._rest()
        if self._fence and rest.startswith(_FENCE):
            self._at += len(_FENCE)
            self._step = self._closed
            return True
        if rest[:1] == "{":
            self._step = self._head
            return True
        return not rest or (self._fence and _FENCE.startswith(rest))

    def _closed(self) -> bool:
        return not self._rest()
