"""What a long piece of work in the store tells its caller while it goes on.

Knows: stages and bytes. Does not know: terminals, bars, languages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal["waiting", "choosing", "downloading", "joining", "checking", "converting", "packing"]
"""``waiting``: another process works on the same model. ``choosing``: ``file`` says what of a repository is fetched,
and the total is its bytes. Stages may alternate (a model in several wheels is joined while it is downloaded); each one
has its own count of bytes, which only grows, unless work has to be done again."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One moment of a pull, a check or a bundle."""

    stage: Stage
    file: str
    """What is being worked on: a file, a wheel, an engine."""
    done_bytes: int
    total_bytes: int
    """Of this stage, over the whole model. 0: not known yet."""


OnProgress = Callable[[Progress], None]
"""Called from the thread that does the work. An exception that it raises stops the work; what is there stays there."""


def silent(progress: Progress) -> None:
    """Nobody is watching."""
