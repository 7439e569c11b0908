"""How much of a predicted answer the real one repeats, in order: what ``usage`` tells of a prediction.

The two are read side by side. Where they part, the reading goes on in the prediction as soon as the last letters of the
answer are found further on in it. A prediction changes nothing about the answer.

Source: OpenAI's specification 2.3.0, CompletionUsage: "tokens in the prediction that appeared in the completion".
Knows: bytes. Does not know: how an answer is made.
"""

from __future__ import annotations

from collections.abc import Sequence

_AGAIN = 16
"""Bytes that must agree before the reading goes on after a difference; fewer agree by chance."""


class PredictionReader:
    """Follows one answer.

    Args:
        pieces: the bytes of every token of the prediction.
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        self.tokens = len(pieces)
        self._text = b"".join(pieces)
        self._found = bytearray(len(self._text))
        self._at = 0
        """Where the reading goes on in the prediction."""
        self._parted = b""
        """The last bytes of the answer since the two parted; empty while they agree."""

    def push(self, text: str) -> None:
        """Take more of the answer."""
        for byte in text.encode("utf-8", "surrogatepass"):
            if not self._parted and self._text[self._at : self._at + 1] == bytes([byte]):
                self._found[self._at] = 1
                self._at += 1
                continue
            self._parted = (self._parted + bytes([byte]))[-_AGAIN:]
            if len(self._parted) == _AGAIN and (again := self._text.find(self._parted, self._at)) >= 0:
                self._at = again + _AGAIN
                self._found[again : self._at] = b"\x01" * _AGAIN
                self._parted = b""

    def accepted(self) -> int:
        """Number of the prediction's tokens that were repeated as a whole."""
        count = at = 0
        for piece in self._pieces:
            count += bool(piece) and all(self._found[at : at + len(piece)])
            at += len(piece)
        return count
