"""What of a reading somebody can show who knows some of the concepts only: the renderer, or an older model.

Knows: what belongs to a kind, and which kind may stand for another. Does not know: who asks, words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from aigc.scenes.concepts import slot, value
from aigc.scenes.kinds import kinds, pictured
from aigc.scenes.reading import Reading
from aigc.scenes.units import Grounded


def within(reading: Reading, known: Callable[[str], bool]) -> Reading:
    """The reading without the concepts that aren't known.

    A kind that something known may stand for becomes that one, marked as near. Any other goes with its colours, its
    number and its relations, so that none of them falls to the next thing.

    Args:
        reading: Of a prompt.
        known: Whether a concept can be shown.
    """
    kept: list[Grounded] = []
    unknown, ignored = list(reading.unknown), list(reading.ignored)
    lost = False
    for each in reading.grounded:
        if slot(each.concept) == "relation" and lost:
            unknown.append(each.text)
            continue
        lost = False
        shown = _shown(each, known)
        if shown is not None:
            kept.append(shown)
            continue
        unknown.append(each.text)
        if slot(each.concept) == "kind":
            lost = True
            while kept and slot(kept[-1].concept) in ("colour", "count"):
                own = kept.pop()
                (unknown if slot(own.concept) == "colour" else ignored).append(own.text)
            if kept and slot(kept[-1].concept) == "relation":
                unknown.append(kept.pop().text)
    return replace(
        reading,
        grounded=tuple(kept),
        unknown=tuple(dict.fromkeys(unknown)),
        ignored=tuple(dict.fromkeys(ignored)),
    )


def drawn(concept: str) -> bool:
    """Whether the renderer can show it."""
    return slot(concept) != "kind" or value(concept) in kinds()


def _shown(each: Grounded, known: Callable[[str], bool]) -> Grounded | None:
    if known(each.concept):
        return each
    entry = pictured().get(value(each.concept)) if slot(each.concept) == "kind" else None
    if entry is None or not entry.instead or not known(f"kind:{entry.instead}"):
        return None
    return replace(each, concept=f"kind:{entry.instead}", how="near")
