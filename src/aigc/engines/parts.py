"""What an answer is found to be made of, beside its text and its calls.

Knows: names. Does not know: who finds them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hidden:
    """So many bytes of the answer are not shown: a call's words, tags, white space around them."""

    size: int


@dataclass(frozen=True)
class Thought:
    """Text that the model wrote for itself."""

    text: str


def hidden(text: str) -> Hidden:
    """This text is not shown."""
    return Hidden(len(text.encode("utf-8", "surrogatepass")))
