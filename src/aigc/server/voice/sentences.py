"""Cuts a text that is still being written into pieces that can be spoken already.

The first piece may be a clause, because somebody waits for it; all others are sentences. Together the pieces are the
text, to the letter.

Knows: where Latin and Chinese sentences end. Does not know: who writes, who speaks.
"""

from __future__ import annotations

import re

MOST = 300
"""Longest piece in characters: a sentence without an end is cut between two words."""
_CLAUSE = 20
"""Shortest first clause in characters; of Chinese, whose characters are syllables, a third of it."""

_END = re.compile(r"""[.!?…]+["'”’)\]*_]*(?=\s)|[。！？；…]+[”’」』）]*|\n+""")
_PAUSE = re.compile(r"[,;:–—](?=\s)|[，、：—]")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'“])(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|vs|etc|e\.g|i\.e|approx|No|Fig|\d{1,2})\.$"
)
_CHINESE = re.compile(r"[\u3400-\u9fff]")


class Sentences:
    """One text."""

    def __init__(self) -> None:
        self._text = ""
        self._first = True

    def feed(self, text: str) -> list[str]:
        """More of the text; the pieces that are complete now."""
        self._text += text
        found = []
        while (end := self._cut()) is not None:
            found.append(self._text[:end])
            self._text, self._first = self._text[end:], False
        return found

    def rest(self) -> str:
        """What is left when the text has ended; may be empty."""
        rest, self._text = self._text, ""
        return rest

    def _cut(self) -> int | None:
        """How long the first complete piece is."""
        ends = [
            match.end() for match in _END.finditer(self._text) if not _ABBREVIATION.search(self._text[: match.end()])
        ]
        if self._first:
            ends += [
                match.end() for match in _PAUSE.finditer(self._text) if _weight(self._text[: match.end()]) >= _CLAUSE
            ]
        found = min((end for end in ends if speakable(self._text[:end])), default=None)
        if found is None and len(self._text) > MOST:
            found = self._text.rfind(" ", 1, MOST)
            return found if found > 0 else MOST
        return found


def speakable(text: str) -> bool:
    """Whether there is anything to say in it."""
    return any(character.isalnum() for character in text)


def _weight(text: str) -> int:
    return len(text) + 2 * len(_CHINESE.findall(text))
