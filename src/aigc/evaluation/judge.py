"""Whether a picture shows what its prompt said: one verdict for each thing said.

Knows: what captions say, what was seen. Does not know: networks, pictures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from aigc.evaluation.examiner import Seen
from aigc.scenes.captions import Said

ATTRIBUTES = ("object", "colour", "count", "left or right", "place", "season", "hour", "weather", "extra", "style")
_WHOLE = {"place": "place", "season": "season", "hour": "time", "weather": "weather", "style": "style"}


_THERE = 0.02
"""How sure the examiner must be of a thing that was asked for. It is asked whether it is there, not which of 68 it is;
what that lets through by chance is the column "other pictures"."""
_ALIKE = 0.05
"""How likely a thing must be of a kind to be counted for it; a blind guess is 1/68."""


def judge(said: Said, seen: Seen) -> dict[str, list[bool]]:
    """The verdicts on each attribute that was said; empty lists for the others."""
    verdicts: dict[str, list[bool]] = {name: [] for name in ATTRIBUTES}
    wanted = Counter[str]()
    for index, group in enumerate(said.groups):
        wanted[group.kind] += len(group.members)
        spot = seen.spots[group.kind]
        verdicts["object"].append(spot.sure > _THERE)
        if index in said.coloured:
            verdicts["colour"].append(spot.sure > _THERE and spot.colour == group.colour)
    counted = _counted(list(wanted), seen)
    verdicts["count"] += [counted[kind] == number for kind, number in wanted.items()]
    if said.relation and said.relation.word in ("left of", "right of"):
        verdicts["left or right"].append(_beside(said, seen))
    for name, head in _WHOLE.items():
        value = getattr(said, head)
        if value is not None:
            verdicts[name].append(seen.whole[head] == value)
    verdicts["extra"] += [extra in seen.extras for extra in said.extras]
    return verdicts


def _counted(kinds: Sequence[str], seen: Seen) -> Counter[str]:
    """How many things there are of these kinds; each counts for the likeliest of them."""
    found = Counter[str]()
    for thing in seen.things:
        kind = max(kinds, key=thing.__getitem__, default=None)
        if kind is not None and thing[kind] > _ALIKE:
            found[kind] += 1
    return found


def _beside(said: Said, seen: Seen) -> bool:
    """Whether both things are there and stand as was said."""
    relation = said.relation
    assert relation is not None
    a, b = (seen.spots[said.groups[number].kind] for number in (relation.subject, relation.object))
    if min(a.sure, b.sure) <= _THERE:
        return False
    return a.x < b.x if relation.word == "left of" else a.x > b.x
