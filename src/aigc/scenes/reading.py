"""Reads a prompt in English or Chinese into the concepts of ``concepts.py``.

    >>> read("a red fox left of two blue cars, 雪").concepts
    ('count:1', 'colour:red', 'kind:fox', 'relation:left of', 'count:2', 'colour:blue', 'kind:car', 'season:winter')

The order is that of the text, because a colour belongs to the kind after it; a relation stands between the two things
that it relates, whichever language puts it where. What is not understood is listed, never dropped.

Knows: what a number or a colour belongs to. Does not know: embeddings (``nearest`` is given), pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from aigc.errors import UserError
from aigc.scenes.concepts import NUMBERS, slot
from aigc.scenes.lexicon import Entry
from aigc.scenes.match import Piece, pieces
from aigc.scenes.units import Grounded, Unit, relate, unimplied

Nearest = Callable[[str], str | None]
"""The concept that an unknown word is nearest to; None if none is near."""


@dataclass(frozen=True)
class Reading:
    """What a prompt says.

    Attributes:
        grounded: In the order of the text; a relation stands between what it relates.
        unknown: Words with a meaning that no picture here can show, or that have none where they stand.
        ignored: Words without a meaning of their own.
    """

    grounded: tuple[Grounded, ...]
    unknown: tuple[str, ...]
    ignored: tuple[str, ...]

    @property
    def concepts(self) -> tuple[str, ...]:
        """The concepts in order; what isn't about a thing is told once."""
        found: list[str] = []
        for each in self.grounded:
            if slot(each.concept) in ("kind", "colour", "count", "relation") or each.concept not in found:
                found.append(each.concept)
        return tuple(found)

    def account(self) -> dict[str, Any]:
        """What was understood, as names and values: for a picture's file, a page, a log."""
        told: dict[str, Any] = {
            "grounded": [{"text": g.text, "concept": g.concept, "how": g.how} for g in self.grounded]
        }
        return told | ({"unknown": list(self.unknown)} if self.unknown else {})

    def numbers(self, length: int) -> list[int]:
        """The numbers of the concepts, followed by zeros.

        Raises:
            UserError: There are more concepts than ``length``.
        """
        found = [NUMBERS[concept] for concept in self.concepts]
        if len(found) > length:
            raise UserError(
                f"the prompt names {len(found)} things and properties, at most {length} can be read",
                param="prompt",
                hint="Say less in one picture.",
            )
        return found + [0] * (length - len(found))


def read(prompt: str, nearest: Nearest | None = None) -> Reading:
    """Reads a prompt.

    Args:
        prompt: English, Chinese (simplified or traditional) or both, of any length.
        nearest: Asked for each unknown word.
    """
    reader = _Reader(prompt, nearest)
    for piece in pieces(prompt):
        reader.take(piece)
    return reader.done()


@dataclass
class _Reader:
    """Goes over the pieces once; number and colours wait for the thing that they belong to."""

    prompt: str
    nearest: Nearest | None
    units: list[Unit] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    article: tuple[str, int, int] | None = None
    count: Piece | None = None
    colours: list[Piece] = field(default_factory=list)
    opposite: Piece | None = None
    guessed: set[int] = field(default_factory=set)

    def take(self, piece: Piece) -> None:
        """The next piece."""
        if piece.article:
            self._let_go()
            self.article = piece.article
        if piece.stop:
            self._let_go()
            self.opposite = None
            return
        entry = piece.entry or self._guess(piece)
        if entry is None or entry.role == "trap":
            self.unknown.append(self._text(piece))
        elif entry.role == "passing":
            self.ignored.append(self._text(piece))
        elif entry.role == "function":
            self._let_go()
            self.ignored.append(self._text(piece))
        else:
            self._meant(replace(piece, entry=entry), entry)

    def done(self) -> Reading:
        """All that was read."""
        self._let_go()
        related = relate(self.units)
        self.unknown += [unit.grounded[0].text for unit in related.unknown]
        self.ignored += [unit.grounded[0].text for unit in related.ignored]
        grounded = tuple(unimplied(related.units))
        return Reading(grounded, tuple(dict.fromkeys(self.unknown)), tuple(dict.fromkeys(self.ignored)))

    def _meant(self, piece: Piece, entry: Entry) -> None:
        """A piece that stands for a concept, or denies the next one."""
        if entry.role == "not":
            self._let_go()
            self.opposite = piece
        elif entry.role == "count":
            self._let_go()
            self.count = piece
        elif entry.role == "colour":
            self.colours.append(piece)
        elif self.opposite:
            self.unknown.append(self.prompt[self.opposite.start : piece.end])
            self.opposite = None
            self._forget()
        elif entry.role == "kind" or (entry.counted and (self.count or self.colours)):
            self._thing(piece, entry)
        elif entry.role == "backdrop":
            colours, self.colours = self.colours, []
            self._let_go()
            self._add("backdrop", *colours, piece)
        else:
            self._let_go()
            self._add(entry.role, piece)

    def _thing(self, piece: Piece, entry: Entry) -> None:
        """A thing, with its number and its colours before it."""
        kind = self._ground(piece, entry.concepts[0] if entry.role == "kind" else entry.counted)
        found = [each for colour in self.colours for each in self._all(colour)]
        if self.count:
            found = [*self._all(self.count), *found]
        elif entry.plural or entry.role != "kind":
            found.insert(0, self._ground(piece, "count:3"))
        elif self.article and self.article[0] == "a":
            _, start, end = self.article
            found.insert(0, Grounded(self.prompt[start:end], start, end, "count:1"))
        self.units.append(Unit("kind", (*found, kind)))
        self._forget()

    def _let_go(self) -> None:
        """Number and colours that nothing followed for are not understood; "one" of something else is no loss."""
        self.unknown += [self._text(piece) for piece in self.colours]
        if self.count and self.count.entry:
            one = self.count.entry.concepts == ("count:1",)
            (self.ignored if one else self.unknown).append(self._text(self.count))
        if self.article:
            self.ignored.append(self.prompt[self.article[1] : self.article[2]])
        self._forget()

    def _forget(self) -> None:
        self.article, self.count, self.colours = None, None, []

    def _guess(self, piece: Piece) -> Entry | None:
        """The concept that an unknown word is nearest to."""
        text = self._text(piece)
        concept = self.nearest(text) if self.nearest else None
        if concept is None:
            return None
        self.guessed.add(piece.start)
        many = slot(concept) == "kind" and text.isascii() and text.endswith("s") and not text.endswith("ss")
        return Entry(slot(concept), (concept,), plural=many)

    def _add(self, role: str, *found: Piece) -> None:
        self.units.append(Unit(role, tuple(each for piece in found for each in self._all(piece))))

    def _all(self, piece: Piece) -> tuple[Grounded, ...]:
        return tuple(self._ground(piece, concept) for concept in (piece.entry.concepts if piece.entry else ()))

    def _ground(self, piece: Piece, concept: str) -> Grounded:
        how: Literal["word", "near"] = "near" if piece.start in self.guessed else "word"
        return Grounded(self._text(piece), piece.start, piece.end, concept, how)

    def _text(self, piece: Piece) -> str:
        return self.prompt[piece.start : piece.end]
