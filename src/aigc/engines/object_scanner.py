"""Where a JSON object ends, in text that arrives in pieces.

Knows: brackets and strings. Does not know: whether it is valid JSON, what it is for.
"""

from __future__ import annotations


class ObjectScanner:
    """Finds the end of a JSON object that arrives in pieces, by counting brackets outside of strings."""

    def __init__(self) -> None:
        self._depth = 0
        self._string = False
        self._escape = False

    def end(self, piece: str) -> int:
        """Length of the part that still belongs to the object when it ends within ``piece``; -1 while it goes on."""
        for at, letter in enumerate(piece):
            if self._escape:
                self._escape = False
            elif self._string:
                if letter == "\\":
                    self._escape = True
                elif letter == '"':
                    self._string = False
            elif letter == '"':
                self._string = True
            elif letter in "{[":
                self._depth += 1
            elif letter in "}]":
                self._depth -= 1
                if self._depth == 0:
                    return at + 1
        return -1
