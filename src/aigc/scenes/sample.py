"""Draws a description from a seed.

What is drawn can be seen: things don't overlap and stay inside the frame, snow falls in winter, a rainbow needs the sun
behind the camera and the moon a sky that isn't covered.

Knows: chances and positions. Does not know: what goes together (``plausible.py``), pixels, words.
"""

from __future__ import annotations

from aigc.errors import UserError
from aigc.scenes import plausible
from aigc.scenes.arrays import Dice
from aigc.scenes.art import DRAWN, Art
from aigc.scenes.describe import Scene, Thing
from aigc.scenes.held_out import held_out as combinations_held_out
from aigc.scenes.kinds import Kind, kinds
from aigc.scenes.vocabulary import (
    BACKDROPS,
    COLOURS,
    PLACES,
    PROJECTIONS,
    SEASONAL,
    SEASONS,
    Colour,
    Place,
    Projection,
    Season,
    Style,
    Time,
)

_ATTEMPTS = 400


def sample(
    seed: int,
    *,
    projection: Projection | None = None,
    style: Style | None = None,
    held_out: bool = False,
    art: Art = DRAWN,
) -> Scene:
    """A scene drawn with this seed.

    Args:
        seed: Any whole number from 0.
        projection: Only this one; by default the mixture that our picture model is trained on.
        style: Only this one.
        held_out: Draw a scene that shows at least one combination which training never does; else one without any.
        art: Where kinds come from; kinds are drawn from those of this package.

    Raises:
        UserError: Projection and style don't go together.
    """
    if style == "3-D" and projection in ("perspective", "panorama"):
        raise UserError(f"style '3-D' is for stickers, projection is {projection!r}", hint="Use projection='sticker'.")
    for attempt in range(_ATTEMPTS):
        scene = _draw(Dice(seed, f"sample {attempt}"), seed, projection, style, art)
        if bool(combinations_held_out(scene)) == held_out:
            return scene.checked()
    raise AssertionError(f"no scene in {_ATTEMPTS} attempts")


def _draw(dice: Dice, seed: int, projection: Projection | None, style: Style | None, art: Art) -> Scene:
    if projection is None:
        chances = (0, 0, 1) if style == "3-D" else (70, 5, 22)
        return _draw(dice, seed, dice.pick(PROJECTIONS, chances), style, art)
    if projection == "sticker":
        return _sticker(
            dice, seed, dice.pick(plausible.STICKER_STYLES, (40, 30, 14, 8, 5, 3)) if style is None else style, art
        )
    shown: Style = dice.pick(plausible.VIEW_STYLES, (62, 27, 4, 4, 3)) if style is None else style
    return _view(dice, seed, projection, shown, art)


def _view(dice: Dice, seed: int, projection: Projection, style: Style, art: Art) -> Scene:
    place = dice.pick(PLACES, [plausible.SPARSE.get(p, 1.0) for p in PLACES])
    season: Season | None = dice.pick(SEASONS, (1, 1.4, 1, 1)) if place in SEASONAL and dice.chance(0.85) else None
    time: Time = dice.pick(("day", "dawn", "sunset", "dusk", "night"), (42, 11, 18, 11, 18))
    weather = plausible.draw_weather(dice, place, season)
    extras = plausible.draw_extras(dice, place, season, time, weather)
    things = (
        draw_things(dice, place, projection, art) if dice.chance(0.42 if projection == "perspective" else 0.25) else ()
    )
    lofty = (
        {"moon", "aurora", "rainbow"} & set(extras)
        or place in ("mountains", "volcano", "canyon", "waterfall")
        or any(t.y > 0.1 for t in things)
    )
    horizon = dice.between(0.30, 0.48) if lofty and not things else dice.between(0.40, 0.62)
    if lofty:
        horizon = min(horizon, 0.5)
    return Scene(
        seed=seed,
        projection=projection,
        style=style,
        place=place,
        season=season,
        time=time,
        weather=weather,
        extras=extras,
        things=things,
        horizon=round(horizon, 3),
        field=round(dice.between(48, 66), 1),
    )


def draw_things(dice: Dice, place: Place, projection: Projection, art: Art) -> tuple[Thing, ...]:
    """A company that may be met at a place: apart from each other, inside the frame."""
    company = plausible.draw_company(dice, place, art)
    for _ in range(30):
        things = []
        for kind, colour in company:
            size = dice.between(0.17, 0.40) if len(company) == 1 else dice.between(0.14, 0.29)
            size = min(size, 0.85 / kind.aspect, 0.75 / kind.aspect if len(company) > 1 else 1) * (
                0.45 if projection == "panorama" else 1
            )
            if kind.metres >= 9 and kind.on != "sky":
                size = size * 0.9
            half = size * kind.aspect * (0.5 if projection == "panorama" else 1.0)
            x = dice.between(-1, 1) * max(0.05, 0.96 - half)
            y = dice.between(0.06, 0.26) if kind.on == "sky" else 0.0
            things.append(_placed(kind, colour, x, y, size, dice))
        if not _overlap(things, art, projection):
            return tuple(things)
    return tuple(things[:1])


def _overlap(things: list[Thing], art: Art, projection: Projection) -> bool:
    for i, a in enumerate(things):
        for b in things[:i]:
            apart = abs(a.x - b.x) if projection != "panorama" else min(abs(a.x - b.x), 2 - abs(a.x - b.x)) * 2
            if apart < 1.12 * (a.size * art.kind(a.kind).aspect + b.size * art.kind(b.kind).aspect):
                return True
    return False


def _sticker(dice: Dice, seed: int, style: Style, art: Art) -> Scene:
    every = list(kinds().values())
    kind = dice.pick(every)
    colour = plausible.draw_colour(dice, kind)
    lot = dice.between(0, 1)
    things: tuple[Thing, ...]
    if lot < 0.62:
        size = min(dice.between(0.62, 0.84), 0.88 / kind.aspect)
        things = (
            Thing(
                kind.name,
                colour,
                0.0,
                round(size, 3),
                round(-size / 2, 3),
                dice.pick(("left", "right")),
                dice.whole(0, 7),
            ),
        )
    else:
        other = dice.pick(every) if lot > 0.8 else kind
        second = plausible.draw_colour(dice, other) if lot > 0.8 else colour
        count = 2 if lot > 0.8 else dice.whole(2, 4)
        things = _row(dice, [(kind, colour), (other, second)] if lot > 0.8 else [(kind, colour)] * count)
    backdrop = dice.pick(BACKDROPS, (30, 34, 12, 12, 12))
    taken = {thing.colour or art.kind(thing.kind).colours[0] for thing in things}
    free = [c for c in COLOURS if c not in taken and c != "black"]
    return Scene(
        seed=seed,
        projection="sticker",
        style=style,
        things=things,
        backdrop=backdrop,
        backdrop_colour=None if backdrop == "transparent" else dice.pick(free),
    )


def _row(dice: Dice, company: list[tuple[Kind, Colour | None]]) -> tuple[Thing, ...]:
    """Side by side; wide things from three on in two rows."""
    rows = 2 if len(company) > 2 and max(kind.aspect for kind, _ in company) > 0.8 else 1
    columns = -(-len(company) // rows)
    share = 1.84 / columns
    things = []
    for index, (kind, colour) in enumerate(company):
        row, column = divmod(index, columns)
        size = min(0.62 / rows * 1.25 if rows > 1 else 0.62, share / 2 * 0.9 / kind.aspect)
        x = -share * (min(columns, len(company) - row * columns) - 1) / 2 + share * column
        y = (0.24 - 0.48 * row if rows > 1 else 0.0) - size / 2 + dice.between(-0.02, 0.02)
        things.append(_placed(kind, colour, x, y, size, dice))
    return tuple(things)


def _placed(kind: Kind, colour: Colour | None, x: float, y: float, size: float, dice: Dice) -> Thing:
    """A thing at a place, facing either way."""
    x, y, size = round(x, 3), round(y, 3), round(size, 3)
    return Thing(kind.name, colour, x, size, y, dice.pick(("left", "right")), dice.whole(0, 7))
