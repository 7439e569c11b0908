"""Says what a scene shows, in English or Chinese, shortly, at length or as tags.

First is decided *what* is said (this file), then *how* (``english.py``, ``chinese.py``). Only what can be seen is
said, and never what is absent.

Knows: what is salient. Does not know: words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aigc.scenes.arrays import Dice
from aigc.scenes.art import DRAWN, Art
from aigc.scenes.describe import Scene
from aigc.scenes.relations import Group, Relation, groups, relations
from aigc.scenes.vocabulary import Backdrop, Colour, Extra, Place, Projection, Season, Style, Time, Weather

Language = Literal["en", "zh"]
Form = Literal["short", "long", "tags"]


@dataclass(frozen=True)
class Said:
    """What a caption says; None and empty are left unsaid."""

    groups: tuple[Group, ...]
    coloured: frozenset[int]
    relation: Relation | None
    place: Place | None
    season: Season | None
    time: Time | None
    weather: Weather | None
    extras: tuple[Extra, ...]
    style: Style | None
    projection: Projection | None
    backdrop: Backdrop | None
    backdrop_colour: Colour | None

    def attributes(self) -> frozenset[str]:
        """Every attribute as ``name:value``."""
        found = {f"kind:{g.kind}" for g in self.groups} | {f"extra:{e}" for e in self.extras}
        found |= {f"colour:{self.groups[i].colour} {self.groups[i].kind}" for i in self.coloured}
        found |= {f"count:{len(g.members)} {g.kind}" for g in self.groups if len(g.members) > 1}
        if self.relation:
            a, b = self.groups[self.relation.subject], self.groups[self.relation.object]
            found.add(f"relation:{a.kind} {self.relation.word} {b.kind}")
        for name in ("place", "season", "time", "weather", "style", "projection", "backdrop", "backdrop_colour"):
            if getattr(self, name) is not None:
                found.add(f"{name}:{getattr(self, name)}")
        return frozenset(found)


@dataclass(frozen=True)
class Caption:
    """A text and what it says."""

    text: str
    language: Language
    form: Form
    said: Said


def caption(scene: Scene, language: Language, form: Form, draw: int = 0, art: Art = DRAWN) -> Caption:
    """One caption of a scene; every ``draw`` gives another wording."""
    from aigc.scenes import chinese, english

    dice = Dice(scene.seed, f"caption {language} {form} {draw}")
    said = choose(scene, form, dice, art)
    words = english if language == "en" else chinese
    return Caption(words.say(said, form, dice, art), language, form, said)


def choose(scene: Scene, form: Form, dice: Dice, art: Art) -> Said:
    """What to say: nearly everything at length, little when short."""
    keep = {"short": 0.35, "long": 0.9, "tags": 0.75}[form]
    found = tuple(groups(scene.things))
    coloured = frozenset(i for i, g in enumerate(found) if g.colour is not None and dice.chance(0.9))
    pairs = [r for r in relations(scene, art) if r.word in ("left of", "right of", "above", "in front of", "behind")]
    relation = dice.pick(pairs) if pairs and len(found) == 2 and form != "tags" and dice.chance(0.75) else None
    scenic = scene.projection != "sticker"
    style = scene.style if dice.chance(0.12 if scene.style == "rendered" else max(keep, 0.8)) else None
    told = dice.chance(0.15 if scene.projection == "perspective" else 0.85)
    shown = dice.chance(keep) and not scenic
    return Said(
        groups=found,
        coloured=coloured,
        relation=relation,
        place=scene.place if scenic and (not found or dice.chance(max(keep, 0.75))) else None,
        season=scene.season if dice.chance(max(keep, 0.5)) else None,
        time=scene.time if scenic and dice.chance(keep if scene.time == "day" else max(keep, 0.6)) else None,
        weather=scene.weather if scenic and dice.chance(keep * 0.8) else None,
        extras=tuple(e for e in scene.extras if dice.chance(keep)),
        style=style,
        projection=scene.projection if scene.projection != "perspective" and told else None,
        backdrop=scene.backdrop if shown else None,
        backdrop_colour=scene.backdrop_colour if shown else None,
    )
