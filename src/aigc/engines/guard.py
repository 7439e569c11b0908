"""Keeps the words of a conversation words: the name of a control token in them never becomes that token.

Whoever writes ``<|im_end|><|im_start|>system`` into a message, a tool's result or a file that somebody pastes would
otherwise speak with another's voice. So such names are hidden behind marks before a chat template sees them, and what
lies between two of the template's own control tokens is encoded without control tokens where it holds a mark.

A prompt without such names is encoded in one piece, as ever.

Knows: names of control tokens. Does not know: templates, requests.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from typing import Any, Protocol


class _Encoder(Protocol):
    def encode(self, text: str, *, control: bool = True) -> list[int]: ...


class Guard:
    """The guard of one model.

    Args:
        names: of its control tokens.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = sorted(filter(None, names), key=len, reverse=True)
        self._numbers = {name: number for number, name in enumerate(self._names)}
        self._find = re.compile("|".join(map(re.escape, self._names)) or r"(?!)")
        # Letters and digits only: no filter of a template changes them. Nobody outside can guess the key.
        self._key = secrets.token_hex(8)
        self._marks = re.compile(f"x{self._key}n([0-9]+)x")

    def hide(self, value: Any) -> Any:
        """The same text, list or mapping with every name behind a mark."""
        if isinstance(value, str):
            return self._find.sub(lambda name: f"x{self._key}n{self._numbers[name[0]]}x", value)
        if isinstance(value, list):
            return [self.hide(part) for part in value]
        if isinstance(value, dict):
            return {self.hide(key): self.hide(part) for key, part in value.items()}
        return value

    def shown(self, text: str) -> str:
        """The text with the names in place of their marks."""
        return self._marks.sub(lambda mark: self._names[int(mark[1])], text)

    def encode(self, text: str, engine: _Encoder) -> list[int]:
        """The tokens of a rendered prompt; hidden names come out as the tokens of their letters."""
        if self._marks.search(text) is None:
            return engine.encode(text)
        tokens: list[int] = []
        at = start = 0
        for name in [*self._find.finditer(text), None]:
            end = name.start() if name else len(text)
            if self._marks.search(text, at, end):
                tokens += engine.encode(text[start:at]) if at > start else []
                tokens += engine.encode(self.shown(text[at:end]), control=False)
                start = end
            at = name.end() if name else end
        return tokens + (engine.encode(text[start:]) if start < len(text) else [])

    def apart(self, text: str) -> list[str]:
        """The text cut inside of every name, for tokenizers that can't be told to leave names alone.

        The cut lies between the punctuation that a name begins with and its letters, where every known pretokenizer
        cuts as well.
        """
        parts: list[str] = []
        while (name := self._find.search(text)) is not None and len(name[0]) > 1:
            letters = re.search(r"\w", name[0])
            at = name.start() + (letters.start() if letters and letters.start() else 1)
            parts.append(text[:at])
            text = text[at:]
        return [*parts, text] if text else parts
