"""What belongs together in a prompt: a thing with number and colours; and which two things a relation relates.

    a fox left of a car        left of a car, a fox        狐狸在汽车的左边        汽车左边有狐狸
    a fox on the left and a car on the right               左边是狐狸，右边是汽车

All of these become fox, left of, car.

Knows: the order of things. Does not know: words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from aigc.scenes.concepts import slot, value
from aigc.scenes.kinds import named


@dataclass(frozen=True)
class Grounded:
    """A stretch of the prompt and the concept it stands for; ``near`` marks a guess from the word's embedding."""

    text: str
    start: int
    end: int
    concept: str
    how: Literal["word", "near"] = "word"


@dataclass(frozen=True, eq=False)
class Unit:
    """Concepts that stay together; ``role`` as in ``lexicon.Entry``. A thing's kind is the last one."""

    role: str
    grounded: tuple[Grounded, ...]


@dataclass(frozen=True)
class Related:
    """The units with every relation between its two things, and the relations that relate nothing."""

    units: list[Unit]
    ignored: list[Unit]
    unknown: list[Unit]


def relate(units: list[Unit]) -> Related:
    """Puts every relation between its two things, subject first."""
    result = Related(list(units), [], [])
    sided = False
    for unit in units:
        if unit.role not in ("between", "under", "after", "has", "side"):
            continue
        ends = _ends(result.units, unit)
        if ends is None and unit.role in ("side", "has", "after"):
            ends = None if sided else _all_things(result.units)
            if ends is None and sided:
                result.units.remove(unit)
                result.ignored.append(unit)
                continue
            sided = ends is not None
        if ends is None:
            _drop(result, unit)
        else:
            _order(result.units, ends[0], unit, ends[1])
    return result


def unimplied(units: list[Unit]) -> Iterator[Grounded]:
    """All concepts in order, but what a word only implies not where something else is said about it."""
    said = {slot(unit.grounded[0].concept) for unit in units if unit.role != "hint"}
    for unit in units:
        for index, each in enumerate(unit.grounded, start=unit.role == "hint"):
            if index == 0 or unit.role in ("kind", "backdrop") or slot(each.concept) not in said - {"extra"}:
                yield each


def _ends(units: list[Unit], relation: Unit) -> tuple[Unit, Unit] | None:
    """Subject and object."""
    i = units.index(relation)
    before = [u for u in units[:i] if u.role == "kind"]
    after = [u for u in units[i + 1 : i + 3] if u.role == "kind"]
    follows = i + 1 < len(units) and units[i + 1].role == "kind"
    stands = i > 0 and units[i - 1].role == "kind"
    if relation.role == "between" and follows:
        if before:
            return before[-1], after[0]
        return (after[1], after[0]) if len(after) == 2 else None
    if relation.role == "under" and follows and before and _flies(after[0]):
        return after[0], before[-1]
    if relation.role == "has" and stands and follows:
        return after[0], before[-1]
    if relation.role == "after" and stands and len(before) > 1:
        return before[-2], before[-1]
    return None


def _all_things(units: list[Unit]) -> tuple[Unit, Unit] | None:
    """The two things of a prompt that says sides of the picture: the first side is that of the first thing."""
    things = [u for u in units if u.role == "kind"]
    return (things[0], things[1]) if len(things) == 2 else None


def _order(units: list[Unit], subject: Unit, relation: Unit, object_: Unit) -> None:
    place = min(units.index(each) for each in (subject, relation, object_))
    for each in (subject, relation, object_):
        units.remove(each)
    units[place:place] = [subject, relation, object_]


def _drop(result: Related, unit: Unit) -> None:
    """A relation without two things. Before a place it is no more than "at"."""
    i = result.units.index(unit)
    beside = {u.role for u in result.units[max(i - 1, 0) : i + 2]}
    word = value(unit.grounded[0].concept)
    vague = unit.role == "under" or (
        word in ("above", "in front of") and beside & {"place", "time", "extra", "weather"}
    )
    (result.ignored if vague else result.unknown).append(unit)
    result.units.remove(unit)


def _flies(unit: Unit) -> bool:
    return named()[value(unit.grounded[-1].concept)].on == "sky"
