"""Cuts a text into the phrases of the lexicon, so that as much of it as possible is understood.

Of all ways to cut, the one that leaves the fewest words over is taken, of those the one that names the fewest concepts,
of those the one with the fewest phrases, longest first. 白天鹅 is a white swan: 白天, "day", would leave 鹅 over; "at a
river valley" is a river: "at a river" and "valley" would be two places.

Knows: phrases. Does not know: what stands next to what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aigc.scenes.lexicon import BREAKS, Entry, Token, tokens, tree

_COVERED, _MEANT, _PIECE = 10**12, 10**6, 1
_EMPTY = ("passing", "function", "between", "under", "after", "has", "side")


@dataclass(frozen=True)
class Piece:
    """A stretch of text: its place, what it stands for (None: nothing known), and the article before it.

    ``stop`` marks punctuation.
    """

    start: int
    end: int
    entry: Entry | None = None
    stop: bool = False
    article: tuple[str, int, int] | None = None


def pieces(text: str) -> list[Piece]:
    """The text as phrases, unknown words and punctuation, in order."""
    found = tokens(text)
    choice = _best(found)
    result: list[Piece] = []
    i = 0
    while i < len(found):
        entry, length = choice[i]
        first, last = found[i], found[i + length - 1]
        result.append(Piece(first.start, last.end, entry, first.text in BREAKS, first.article))
        i += length
    return _joined(_doubted(result), text)


def _best(found: Sequence[Token]) -> list[tuple[Entry | None, int]]:
    """For each token the phrase that best begins there, and its length; from the last to the first."""
    root, n = tree(), len(found)
    score = [0] * (n + 1)
    choice: list[tuple[Entry | None, int]] = [(None, 1)] * n
    for i in range(n - 1, -1, -1):
        score[i] = score[i + 1] - _PIECE
        node = root.next.get(found[i].text)
        j = i + 1
        while node is not None:
            entry = node.entry
            if entry is not None:
                length = j - i
                gain = length * _COVERED - (0 if entry.role in _EMPTY else _MEANT) - _PIECE + score[j]
                if gain >= score[i]:
                    score[i], choice[i] = gain, (entry, length)
            node = node.next.get(found[j].text) if j < n else None
            j += 1
    return choice


def _doubted(found: list[Piece]) -> list[Piece]:
    """A lone Chinese character right before an unknown one is most likely a part of that word: 雪豹 has no snow."""
    result = list(found)
    for i in range(len(found) - 2, -1, -1):
        piece, after = found[i], result[i + 1]
        if (
            piece.entry is not None
            and piece.end - piece.start == 1
            and piece.entry.role in ("place", "season", "time", "weather", "extra")
            and after.entry is None
            and not after.stop
            and after.start == piece.end
        ):
            result[i] = Piece(piece.start, piece.end, None, False, piece.article)
    return result


def _joined(found: list[Piece], text: str) -> list[Piece]:
    """Unknown Chinese characters in a row are one word."""
    result: list[Piece] = []
    for piece in found:
        last = result[-1] if result else None
        if last and _unknown(last) and _unknown(piece) and last.end == piece.start and not text[last.start].isascii():
            result[-1] = Piece(last.start, piece.end, None, False, last.article)
        else:
            result.append(piece)
    return result


def _unknown(piece: Piece) -> bool:
    return piece.entry is None and not piece.stop
