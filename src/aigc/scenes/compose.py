"""From what a prompt says to a scene: what is said is shown, what isn't is drawn from the seed.

What can't be shown, because it contradicts something else or because nothing here draws it so, is named, never dropped.

Knows: what a scene can hold. Does not know: words, pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast, get_args

from aigc.errors import UserError
from aigc.scenes import plausible
from aigc.scenes.arrays import Dice
from aigc.scenes.concepts import value
from aigc.scenes.describe import Scene, Thing
from aigc.scenes.kinds import kinds, pictured
from aigc.scenes.layout import MOST, Bond, Item, sheet, view
from aigc.scenes.limits import drawn, within
from aigc.scenes.reading import Reading
from aigc.scenes.vocabulary import (
    COLOURS,
    PLACES,
    SEASONAL,
    SEASONS,
    Backdrop,
    Colour,
    Extra,
    Place,
    Projection,
    Season,
    Style,
    Time,
    Weather,
)
from aigc.scenes.wishes import Wanted, Wishes, wishes

_COVERED = ("overcast", "fog", "rain", "snow", "storm")


@dataclass(frozen=True)
class Composed:
    """A scene, and what of the wishes it doesn't show: "slot value: why"."""

    scene: Scene
    unmet: tuple[str, ...]


def compose(
    reading: Reading,
    seed: int,
    *,
    ratio: float = 1.0,
    panorama: bool = False,
    transparent: bool = False,
    style: Style | None = None,
) -> Composed:
    """Makes a scene of what was read.

    Args:
        reading: The prompt.
        seed: Draws everything that wasn't said; the same seed and wishes give the same scene.
        ratio: Height of the picture divided by its width.
        panorama: All around, whatever the prompt says.
        transparent: A sticker without a backdrop, whatever the prompt says.
        style: As if the prompt said so.

    Raises:
        UserError: The parameters leave nothing to draw, or contradict the prompt.
    """
    if panorama and transparent:
        raise UserError("a panorama has no transparent background", param="background", hint="Ask for one of the two.")
    asked = wishes(within(reading, drawn).concepts)
    asked.unmet += [f"kind {value(c)}: {_undrawn(value(c))}" for c in reading.concepts if not drawn(c)]
    composer = _Composer(asked, seed, ratio)
    if style is not None:
        composer.insist(style)
    projection = composer.projection(panorama=panorama, transparent=transparent)
    scene = composer.sticker(transparent) if projection == "sticker" else composer.view(projection)
    return Composed(scene.checked(), tuple(dict.fromkeys(asked.unmet)))


class _Composer:
    """One scene in the making; every part has dice of its own, so that one more word changes nothing else."""

    def __init__(self, asked: Wishes, seed: int, ratio: float) -> None:
        self._asked, self._seed, self._ratio = asked, seed, ratio

    def insist(self, style: Style) -> None:
        """A style that a parameter says. Raises: UserError: the prompt says another one."""
        said = self._asked.chosen.get("style", style)
        if said != style:
            raise UserError(
                f"style is {style!r}, but the prompt says {said!r}", param="style", hint="Leave one of them out."
            )
        self._asked.chosen["style"] = style

    def projection(self, *, panorama: bool, transparent: bool) -> Projection:
        """Panorama, sticker or view."""
        asked, chosen = self._asked, self._asked.chosen
        if panorama:
            return self._not_sticker("panorama", "it is a panorama")
        if chosen.get("projection") == "panorama":
            del chosen["projection"]
            if self._ratio == 0.5 and not transparent:
                return self._not_sticker("panorama", "it is a panorama")
            self._miss("projection panorama", "that is twice as wide as high, without anything transparent")
        wanted = transparent or chosen.get("projection") == "sticker"
        likely = chosen.get("style") == "3-D" or "backdrop" in chosen
        at_home = all(kinds()[thing.kind].on == "anywhere" for thing in asked.things)
        if transparent and asked.scenic and not asked.things:
            raise UserError(
                "a transparent background needs a thing to stand before it, the prompt names only land or sky",
                param="background",
                hint=f"Name a thing, such as {', '.join(list(kinds())[:8])}.",
            )
        if asked.scenic and (not wanted or not asked.things):
            return self._not_sticker("perspective", "land and sky were asked for")
        if wanted or likely or (asked.things and at_home):
            return "sticker"
        return "perspective"

    def _not_sticker(self, projection: Projection, why: str) -> Projection:
        chosen = self._asked.chosen
        if chosen.get("style") == "3-D":
            self._miss("style 3-D", f"that is for stickers; {why}")
            del chosen["style"]
        if chosen.pop("projection", "") == "sticker":
            self._miss("projection sticker", why)
        if "backdrop" in chosen:
            self._miss(f"backdrop {chosen.pop('backdrop')}", f"that is for stickers; {why}")
        return projection

    # ------------------------------------------------------------ stickers

    def sticker(self, transparent: bool) -> Scene:
        """Things before a backdrop."""
        asked, chosen = self._asked, self._asked.chosen
        for slot in ("place", "season", "time", "weather"):
            if slot in chosen:
                self._miss(f"{slot} {chosen[slot]}", "a sticker shows things only")
        for extra in asked.extras:
            self._miss(f"extra {extra}", "a sticker shows things only")
        if not asked.things:
            asked.things.append(Wanted(self._dice("kind").pick(list(kinds()))))
        style = cast("Style", chosen.get("style") or self._dice("style").pick(plausible.STICKER_STYLES[:3], (4, 3, 1)))
        items, bonds = self._items()
        things = sheet(items, bonds, self._ratio, self._dice("things"))
        for bond in bonds:
            if bond.word in ("behind", "in front of"):
                self._miss(f"relation {bond.word}", "a sticker has no depth")
        backdrop = self._backdrop(transparent)
        colour = None if backdrop == "transparent" else self._backdrop_colour(things)
        return Scene(
            seed=self._seed,
            projection="sticker",
            style=style,
            things=things,
            backdrop=backdrop,
            backdrop_colour=colour,
        )

    def _backdrop(self, transparent: bool) -> Backdrop:
        asked = self._asked
        said = cast("Backdrop | None", asked.chosen.get("backdrop"))
        if transparent:
            if said not in (None, "transparent"):
                self._miss(f"backdrop {said}", "a transparent background was asked for")
            return "transparent"
        if said == "transparent" and asked.backdrop_colour:
            self._miss(f"backdrop colour {asked.backdrop_colour}", "the background is transparent")
        drawn: Backdrop = self._dice("backdrop").pick(("plain", "dots", "stripes", "rays"), (5, 1, 1, 1))
        return said or drawn

    def _backdrop_colour(self, things: tuple[Thing, ...]) -> Colour:
        if self._asked.backdrop_colour:
            return cast("Colour", self._asked.backdrop_colour)
        taken = {thing.colour or kinds()[thing.kind].colours[0] for thing in things}
        return self._dice("backdrop colour").pick([c for c in COLOURS if c not in taken and c != "black"])

    # ------------------------------------------------------------ views

    def view(self, projection: Projection) -> Scene:
        """Land and sky, with things."""
        chosen = self._asked.chosen
        place = cast("Place", chosen.get("place") or self._place())
        season = self._season(place)
        time = self._time()
        weather = self._weather(place, season)
        extras = self._extras(place, season, time, weather)
        items, bonds = self._items()
        around = projection == "panorama"
        things, broken = view(items, bonds, self._ratio, self._dice("things"), around=around)
        for bond in broken:
            self._miss(f"relation {bond.word}", "these two can't be placed so in this view")
        lofty = bool({"moon", "aurora", "rainbow"} & set(extras)) or any(thing.y > 0.1 for thing in things)
        lofty = lofty or place in ("mountains", "volcano", "canyon", "waterfall")
        dice = self._dice("frame")
        horizon = dice.between(0.30, 0.48) if lofty and not things else dice.between(0.40, 0.5 if lofty else 0.6)
        return Scene(
            seed=self._seed,
            projection=projection,
            style=cast("Style", chosen.get("style", "rendered")),
            place=place,
            season=season,
            time=time,
            weather=weather,
            extras=extras,
            things=things,
            horizon=round(horizon, 3),
            field=round(dice.between(48, 66), 1),
        )

    def _place(self) -> Place:
        """A place where all that was said can be seen; where the first thing is at home, if there is one."""
        asked, chosen = self._asked, self._asked.chosen
        things = [kinds()[thing.kind] for thing in asked.things]

        def fits(place: Place) -> bool:
            season, weather = chosen.get("season"), chosen.get("weather")
            return (
                (season is None or place in SEASONAL)
                and (weather != "snow" or place in SEASONAL or place == "arctic")
                and (weather not in ("rain", "storm") or place not in ("desert", "canyon", "savanna"))
                and not ({"moon", "aurora", "rainbow"} & set(asked.extras) and place in plausible.CRAMPED)
                and ("flowers" not in asked.extras or place in plausible.FLOWERY)
                and ("path" not in asked.extras or place in plausible.TRODDEN)
            )

        able = [place for place in PLACES if fits(place)] or list(PLACES)
        suited = [p for p in able if all(kind.on == "anywhere" or plausible.suits(kind, p) for kind in things)] or able
        best = max((sum(kind.name in plausible.HABITAT[p] for kind in things) for p in suited), default=0)
        home = [p for p in suited if sum(kind.name in plausible.HABITAT[p] for kind in things) == best]
        if best == 0 and things:
            home = [p for p in home if p not in ("canyon", "volcano", "waterfall", "arctic")] or home
        return self._dice("place").pick(home, [plausible.SPARSE.get(p, 1.0) for p in home])

    def _season(self, place: Place) -> Season | None:
        chosen = self._asked.chosen
        said = cast("Season | None", chosen.get("season"))
        if place not in SEASONAL:
            if said is not None and not (place == "arctic" and said == "winter"):
                self._miss(f"season {said}", f"{place} looks the same all year here")
            return None
        if said is not None:
            return said
        if chosen.get("weather") == "snow":
            return "winter"
        if "flowers" in self._asked.extras:
            return self._dice("season").pick(("spring", "summer"))
        own = [plausible.SEASON_OF[thing.kind] for thing in self._asked.things if thing.kind in plausible.SEASON_OF]
        if own:
            return own[0]
        return self._dice("season").pick(SEASONS, (1, 1.4, 1, 1))

    def _time(self) -> Time:
        asked = self._asked
        said = cast("Time | None", asked.chosen.get("time"))
        if said is not None:
            return said
        if {"moon", "aurora"} & set(asked.extras):
            return "night"
        if "rainbow" in asked.extras or "birds" in asked.extras:
            return self._dice("time").pick(("day", "dawn", "sunset"), (5, 1, 1))
        chances = (75, 6, 12, 4, 3) if asked.things or asked.extras else (56, 10, 17, 8, 9)
        return self._dice("time").pick(("day", "dawn", "sunset", "dusk", "night"), chances)

    def _weather(self, place: Place, season: Season | None) -> Weather:
        asked = self._asked
        said = cast("Weather | None", asked.chosen.get("weather"))
        if said is not None:
            return said
        dice = self._dice("weather")
        fair = {"moon", "aurora", "rainbow", "birds"} & set(asked.extras) or "time" in asked.chosen
        drawn: Weather = dice.pick(("clear", "clouds"), (2, 3))
        return drawn if fair or dice.chance(0.7) else plausible.draw_weather(dice, place, season)

    def _extras(self, place: Place, season: Season | None, time: Time, weather: Weather) -> tuple[Extra, ...]:
        """What was said and can be seen, then what is drawn; nobody expects a rainbow that wasn't asked for."""
        asked = self._asked
        seen: list[Extra] = []
        for extra in get_args(Extra):
            if extra not in asked.extras:
                continue
            why = _unseen(extra, place, season, time, weather)
            if why:
                self._miss(f"extra {extra}", why)
            else:
                seen.append(extra)
        drawn = plausible.draw_extras(self._dice("extras"), place, season, time, weather)
        quiet = [e for e in drawn if e not in seen and e not in ("rainbow", "aurora") and "aurora" not in seen]
        return (*seen, *quiet)

    # ------------------------------------------------------------ things

    def _items(self) -> tuple[list[Item], list[Bond]]:
        asked = self._asked
        items: list[Item] = []
        for group, wanted in enumerate(asked.things):
            count = min(wanted.count, MOST - len(items))
            if count < wanted.count:
                self._miss(f"kind {wanted.kind}", f"{wanted.count - count} of them; a picture holds {MOST} things")
            items += [Item(kinds()[wanted.kind], cast("Colour | None", wanted.colour), group)] * count
        shown = {item.group for item in items}
        bonds = [Bond(*relation) for relation in asked.relations]
        return items, [bond for bond in bonds if {bond.subject, bond.object} <= shown]

    def _miss(self, what: str, why: str) -> None:
        self._asked.unmet.append(f"{what}: {why}")

    def _dice(self, part: str) -> Dice:
        return Dice(self._seed, f"compose {part}")


def _undrawn(kind: str) -> str:
    instead = pictured()[kind].instead
    return f"a {instead} is drawn in its place" if instead else "nothing here draws it"


def _unseen(extra: Extra, place: Place, season: Season | None, time: Time, weather: Weather) -> str:
    """Why something can't be seen here; empty if it can."""
    if extra == "moon" and time != "night":
        return f"the moon is seen at night here, it is {time}"
    if extra in ("moon", "aurora") and weather in _COVERED:
        return f"the sky is covered ({weather})"
    if extra == "aurora" and time not in ("night", "dusk", "dawn"):
        return f"the sky is too bright ({time})"
    if extra == "rainbow" and time == "night":
        return "there is no sun at night"
    if extra == "flowers" and season == "winter":
        return "there are none in winter"
    if extra in ("flowers", "path") and place in plausible.LANDLESS:
        return f"there is no ground to see ({place})"
    return ""
