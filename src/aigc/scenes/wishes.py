"""What a prompt asks a scene for: its concepts, sorted.

Knows: concepts and which of them say the same. Does not know: words, positions, what can be drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from aigc.scenes.concepts import slot, value

_SHOWS = {
    "place": {
        "lake": {"mountains"}, "waterfall": {"river", "canyon"}, "river": {"mountains"}, "beach": {"sea"},
        "island": {"sea", "beach"}, "arctic": {"sea"}, "village": {"hills"},
    },
    "weather": {
        "storm": {"rain", "overcast", "clouds"}, "rain": {"clouds", "overcast"}, "snow": {"clouds", "overcast"},
        "overcast": {"clouds"}, "clouds": {"clear"},
    },
    "style": {
        "pixel art": {"flat", "rendered"}, "watercolour": {"flat", "oil"}, "oil": {"flat"}, "3-D": {"rendered", "flat"},
    },
    "backdrop": {"transparent": {"plain"}, "dots": {"plain"}, "stripes": {"plain"}, "rays": {"plain"}},
}  # fmt: skip
"""What else is seen where this is: a lake has mountains behind it, a storm has clouds."""


@dataclass(frozen=True)
class Wanted:
    """A thing that was named."""

    kind: str
    colour: str | None = None
    count: int = 1


@dataclass
class Wishes:
    """All that was asked for.

    Attributes:
        things: In the order in which they were named.
        relations: (subject, word, object), numbers of ``things``.
        chosen: Of each slot the value that was asked for; ``extra`` is apart.
        extras: Everything of that slot.
        backdrop_colour: Behind a sticker.
        unmet: What was asked for beside something that excludes it.
    """

    things: list[Wanted] = field(default_factory=list)
    relations: list[tuple[int, str, int]] = field(default_factory=list)
    chosen: dict[str, str] = field(default_factory=dict)
    extras: list[str] = field(default_factory=list)
    backdrop_colour: str | None = None
    unmet: list[str] = field(default_factory=list)

    @property
    def scenic(self) -> bool:
        """Whether anything of land or sky was named."""
        return bool({"place", "season", "time", "weather"} & self.chosen.keys()) or bool(self.extras)


def wishes(concepts: Iterable[str]) -> Wishes:
    """Sorts the concepts of a reading."""
    found, slots = Wishes(), dict[str, list[str]]()
    count, colours, relation = 1, list[str](), ""
    for concept in concepts:
        name, word = slot(concept), value(concept)
        if name == "count":
            count = int(word)
        elif name == "colour":
            colours.append(word)
        elif name == "relation":
            relation = word
        elif name == "kind":
            found.things.append(Wanted(word, colours[0] if colours else None, count))
            if relation:
                found.relations.append((len(found.things) - 2, relation, len(found.things) - 1))
            found.unmet += [f"colour {other}: a {word} has one colour here" for other in colours[1:]]
            count, colours, relation = 1, [], ""
        elif name == "extra":
            found.extras.append(word)
        else:
            slots.setdefault(name, []).append(word)
            if name == "backdrop" and colours:
                found.backdrop_colour, colours = colours[0], []
    for name, words in slots.items():
        found.chosen[name] = _one(name, words, found.unmet)
    return found


def _one(name: str, words: list[str], unmet: list[str]) -> str:
    """The value that shows most of the others; the first of equals."""
    shows = _SHOWS.get(name, {})
    best = max(words, key=lambda word: len(shows.get(word, set()) & set(words)))
    unmet += [f"{name} {w}: it is {best} already" for w in words if w != best and w not in shows.get(best, set())]
    return best
