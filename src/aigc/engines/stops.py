"""Finds stop strings in text that arrives in pieces.

A stop string never leaves this file, not even its first letter: text that could still become one is held back until
more text decides. The work for one piece grows with the piece and with the longest stop string, never with the text so
far.

Knows: strings. Does not know: tokens, requests, events.
"""

from __future__ import annotations

from collections.abc import Sequence


class StopMatcher:
    """Watches one answer for its stop strings.

    Args:
        stops: the strings to look for, none of them empty.

    Raises:
        ValueError: an empty stop string, which would match everywhere.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        if not all(stops):
            raise ValueError("a stop string must not be empty")
        self._stops = tuple(stops)
        # Every proper beginning of a stop string: text that ends with one of these has to wait.
        self._beginnings = frozenset(stop[:end] for stop in stops for end in range(1, len(stop)))
        self._longest = max((len(stop) for stop in stops), default=1) - 1
        self._held = ""
        self.hit: str | None = None
        """The stop string that ended the answer; None while it goes on."""

    def push(self, piece: str) -> str:
        """Take more text; give back what may be shown. Empty for good once a stop string was found."""
        if self.hit is not None:
            return ""
        text = self._held + piece
        found: tuple[int, int] | None = None
        for stop in self._stops:
            at = text.find(stop)
            # The one that is complete first wins, as if the text had come letter by letter.
            if at >= 0 and (found is None or (at + len(stop), at) < found):
                found, self.hit = (at + len(stop), at), stop
        if found is not None:
            self._held = ""
            return text[: found[1]]
        keep = 0
        for length in range(min(self._longest, len(text)), 0, -1):
            if text[-length:] in self._beginnings:
                keep = length
                break
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def flush(self) -> str:
        """The text still held back, when nothing more will come."""
        text, self._held = self._held, ""
        return text
